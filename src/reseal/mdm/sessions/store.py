"""Sessions as they are kept: found together with their enrolment in one statement, saved in one.

The rows of the enrolment and of its session are the lock: two messages of one device at once come one after
the other. The row of the session goes when the enrolment ends, and with it the last reply, which may hold the
secrets of networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from reseal.kernel.changes import Change, Reactor
from reseal.kernel.db import Tx, among, chunks
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


_SAME = sa.and_(
    mdm_session.c.tenant_id == enrolment.c.tenant_id, mdm_session.c.enrolment_id == enrolment.c.id
)
_CERTIFIED = sa.and_(
    enrolment.c.tenant_id == certificate.c.tenant_id, enrolment.c.id == certificate.c.enrolment_id
)


def _by_certificate(joined: sa.Join) -> sa.Select[Any]:
    return (
        sa.select(*enrolment.c, *session_columns())
        .select_from(sa.join(certificate, joined, _CERTIFIED))
        .where(
            certificate.c.thumbprint == sa.bindparam("thumbprint"),
            certificate.c.not_after > sa.bindparam("now"),
            ACTIVE,
        )
    )


def _by_uuid(joined: sa.Join) -> sa.Select[Any]:
    return (
        sa.select(*enrolment.c, *session_columns())
        .select_from(joined)
        .where(enrolment.c.uuid == sa.bindparam("uuid"), ACTIVE)
    )


_WITH_OR_WITHOUT: Final = sa.outerjoin(enrolment, mdm_session, _SAME)
_WITH: Final = sa.join(enrolment, mdm_session, _SAME)
_LOCKED: Final = (enrolment, mdm_session)
"""PostgreSQL looks again at the rows that it locks, once another unit let go of them, but not at those that
it only joins: the session has to be locked too, or a message that waited would see it as it was before. The
side of an outer join that may be missing cannot be locked.
"""


@dataclass(frozen=True, slots=True)
class _Query:
    """One way to find an enrolment: to look at it, and to hold it until the unit ends."""

    plain: sa.Select[Any]
    locked: sa.Select[Any]

    def run(self, tx: Tx, parameters: Mapping[str, Any], *, lock: bool) -> Found | None:
        """What is found; SQLite has one writer, who holds everything."""
        if not lock or not tx.on_postgresql:
            return _found(tx.row(self.plain, parameters))
        found = _found(tx.row(self.locked, parameters))
        if found is None and (new := _found(tx.row(self.plain, parameters))) is not None:
            _make_row(tx, new.tenant, new.enrolment.id)
            found = _found(tx.row(self.locked, parameters))
        return found


_CERTIFICATE: Final = _Query(
    _by_certificate(_WITH_OR_WITHOUT), _by_certificate(_WITH).with_for_update(of=_LOCKED)
)
_UUID: Final = _Query(_by_uuid(_WITH_OR_WITHOUT), _by_uuid(_WITH).with_for_update(of=_LOCKED))


def find_by_certificate(tx: Tx, thumbprint: bytes, *, lock: bool = False) -> Found | None:
    """The enrolment that a client certificate proves, by its SHA-256; None if it proves none (any more)."""
    return _CERTIFICATE.run(tx, {"thumbprint": thumbprint, "now": tx.now}, lock=lock)


def find_by_uuid(tx: Tx, uuid: UUID, *, lock: bool = False) -> Found | None:
    """The active enrolment with this public id, which says nothing about who asks."""
    return _UUID.run(tx, {"uuid": uuid}, lock=lock)


def _make_row(tx: Tx, tenant: TenantKey, enrolment_id: int) -> None:
    """The row of a session that has not begun; somebody else may make it in the same moment."""
    row = {"tenant_id": tenant, "enrolment_id": enrolment_id, **_values(Session())}
    tx.execute(tx.insert(mdm_session).values(row).on_conflict_do_nothing())


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
        tx.execute(_UPDATE, {"at_tenant": tenant, "at_enrolment": enrolment_id, **values})
    else:
        tx.execute(mdm_session.insert(), {"tenant_id": tenant, "enrolment_id": enrolment_id, **values})


_KEY: Final = ("tenant_id", "enrolment_id")
_UPDATE: Final = (
    mdm_session.update()
    .where(
        mdm_session.c.tenant_id == sa.bindparam("at_tenant"),
        mdm_session.c.enrolment_id == sa.bindparam("at_enrolment"),
    )
    .values({column.name: sa.bindparam(column.name) for column in mdm_session.c if column.name not in _KEY})
)
"""Made once: making a statement takes longer than running it."""


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
        _make_row(tx, tenant, enrolment_id)
        request_unenrolment(tx, tenant, enrolment_id)


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


def note_published(tx: Tx, found: Found) -> None:
    """What the device told of itself is known, or cannot be used; `found` is held by this unit."""
    where = of_enrolment(mdm_session, found.tenant, found.enrolment.id)
    notes = replace(found.session.notes, untold=False)
    tx.execute(mdm_session.update().where(*where).values(notes=notes.to_json()))


# --- the end ------------------------------------------------------------------------------------------------


def _forget(tx: Tx, tenant: TenantKey, changes: Sequence[Change]) -> None:
    ended = sorted({key for change in changes for key in change.ids})
    for some in chunks(ended):
        for table in (mdm_session, mdm_inventory):
            tx.execute(table.delete().where(table.c.tenant_id == tenant, among(table.c.enrolment_id, some)))


REACTOR: Final = Reactor("mdm.sessions", frozenset({ENROLMENTS_ENDED}), _forget)
"""Sessions of enrolments that ended are forgotten in the same unit."""
