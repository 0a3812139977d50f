"""Sessions as they are kept: found together with their enrolment in one statement, saved in one.

The row of the enrolment is the lock of its session: two messages of one device at once come one after the
other. The row of the session goes when the enrolment ends, and with it the last reply, which may hold the
secrets of networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from reseal.kernel.changes import Change, Reactor
from reseal.kernel.db import Tx, chunks
from reseal.kernel.ids import TenantKey
from reseal.managed.changes import ENROLMENTS_ENDED
from reseal.managed.enrolments import ACTIVE
from reseal.managed.model import Enrolment
from reseal.managed.tables import certificate, enrolment, to_enrolment
from reseal.mdm.sessions.model import Notes, Session, purposes_from_json, purposes_to_json
from reseal.mdm.sessions.purposes import InFlight
from reseal.mdm.sessions.states import SessionState
from reseal.mdm.tables import mdm_inventory, mdm_session, of_enrolment, session_columns
from reseal.wire.syncml import LoginStatus, SyncType

_PREFIX: Final = "session__"


@dataclass(frozen=True, slots=True)
class Found:
    """An active enrolment and its session; `kept` says whether the session has a row."""

    tenant: TenantKey
    enrolment: Enrolment
    session: Session
    kept: bool


_WITH_SESSION = sa.outerjoin(
    enrolment,
    mdm_session,
    sa.and_(mdm_session.c.tenant_id == enrolment.c.tenant_id, mdm_session.c.enrolment_id == enrolment.c.id),
)
_BY_CERTIFICATE = (
    sa.select(*enrolment.c, *session_columns())
    .select_from(
        sa.join(
            certificate,
            _WITH_SESSION,
            sa.and_(
                enrolment.c.tenant_id == certificate.c.tenant_id, enrolment.c.id == certificate.c.enrolment_id
            ),
        )
    )
    .where(
        certificate.c.thumbprint == sa.bindparam("thumbprint"),
        certificate.c.not_after > sa.bindparam("now"),
        ACTIVE,
    )
)
_BY_UUID = (
    sa.select(*enrolment.c, *session_columns())
    .select_from(_WITH_SESSION)
    .where(enrolment.c.uuid == sa.bindparam("uuid"), ACTIVE)
)
_LOCKED_BY_CERTIFICATE = _BY_CERTIFICATE.with_for_update(of=enrolment)
_LOCKED_BY_UUID = _BY_UUID.with_for_update(of=enrolment)


def find_by_certificate(tx: Tx, thumbprint: bytes, *, lock: bool = False) -> Found | None:
    """The enrolment that a client certificate proves, by its SHA-256; None if it proves none (any more)."""
    statement = _LOCKED_BY_CERTIFICATE if lock and tx.on_postgresql else _BY_CERTIFICATE
    return _found(tx.row(statement, {"thumbprint": thumbprint, "now": tx.now}))


def find_by_uuid(tx: Tx, uuid: UUID, *, lock: bool = False) -> Found | None:
    """The active enrolment with this public id, which says nothing about who asks."""
    statement = _LOCKED_BY_UUID if lock and tx.on_postgresql else _BY_UUID
    return _found(tx.row(statement, {"uuid": uuid}))


def _found(row: sa.Row[Any] | None) -> Found | None:
    if row is None:
        return None
    kept = row.session__session_id is not None
    session = _session(row) if kept else Session()
    return Found(TenantKey(row.tenant_id), to_enrolment(row), session, kept)


def _session(row: sa.Row[Any]) -> Session:
    return Session(
        state=SessionState(row.session__session_state),
        session_id=row.session__session_id,
        msg_id=row.session__msg_id,
        request=row.session__request,
        reply=row.session__reply,
        replied_at=row.session__replied_at,
        login=LoginStatus(row.session__login),
        login_at=row.session__login_at,
        user=row.session__user_id,
        token=row.session__token,
        scope=SyncType(row.session__scope),
        in_flight=InFlight.from_json(row.session__in_flight),
        asked=purposes_from_json(row.session__asked),
        unfinished=row.session__unfinished,
        nonce=row.session__nonce,
        notes=Notes.from_json(row.session__notes),
        settled=row.session__settled,
        unenrol=row.session__unenrol,
    )


def save_session(tx: Tx, tenant: TenantKey, enrolment_id: int, session: Session, *, kept: bool) -> None:
    """Store the session; `kept` says whether it has a row already."""
    values = _values(session)
    if kept:
        tx.execute(mdm_session.update().where(*of_enrolment(mdm_session, tenant, enrolment_id)), values)
    else:
        tx.execute(mdm_session.insert(), {"tenant_id": tenant, "enrolment_id": enrolment_id, **values})


def _values(session: Session) -> dict[str, Any]:
    return {
        "session_state": session.state.value,
        "session_id": session.session_id,
        "msg_id": session.msg_id,
        "request": session.request,
        "reply": session.reply,
        "replied_at": session.replied_at,
        "login": session.login.value,
        "login_at": session.login_at,
        "user_id": session.user,
        "token": session.token,
        "scope": session.scope.value,
        "in_flight": session.in_flight.to_json(),
        "asked": purposes_to_json(session.asked),
        "unfinished": session.unfinished,
        "nonce": session.nonce,
        "notes": session.notes.to_json(),
        "settled": session.settled,
        "unenrol": session.unenrol,
    }


def request_unenrolment(tx: Tx, tenant: TenantKey, enrolment_id: int) -> None:
    """Have the device leave management: its next session is told so, and nothing else (3.12)."""
    where = of_enrolment(mdm_session, tenant, enrolment_id)
    changed = tx.execute(mdm_session.update().where(*where).values(unenrol=True, settled=False))
    if changed.rowcount == 0:
        save_session(tx, tenant, enrolment_id, Session(unenrol=True), kept=False)


# --- what a device is ---------------------------------------------------------------------------------------


def keep_inventory(tx: Tx, tenant: TenantKey, enrolment_id: int, values: Mapping[str, str]) -> None:
    """Add what a device answered to what is known of it."""
    if not values:
        return
    known = {**inventory_of(tx, tenant, enrolment_id), **values}
    insert = tx.insert(mdm_inventory).values(
        {"tenant_id": tenant, "enrolment_id": enrolment_id, "answers": known, "read_at": tx.now}
    )
    tx.execute(
        insert.on_conflict_do_update(
            index_elements=["tenant_id", "enrolment_id"], set_={"answers": known, "read_at": tx.now}
        )
    )


def inventory_of(tx: Tx, tenant: TenantKey, enrolment_id: int) -> dict[str, str]:
    """What the device told of itself: address of the node -> value."""
    where = of_enrolment(mdm_inventory, tenant, enrolment_id)
    stored = tx.value(sa.select(mdm_inventory.c.answers).where(*where))
    return dict(stored or {})


# --- the end ------------------------------------------------------------------------------------------------


def _forget(tx: Tx, tenant: TenantKey, changes: Sequence[Change]) -> None:
    ended = sorted({key for change in changes for key in change.ids})
    for some in chunks(ended):
        for table in (mdm_session, mdm_inventory):
            tx.execute(table.delete().where(table.c.tenant_id == tenant, table.c.enrolment_id.in_(some)))


REACTOR: Final = Reactor("mdm.sessions", frozenset({ENROLMENTS_ENDED}), _forget)
"""Sessions of enrolments that ended are forgotten in the same unit."""
