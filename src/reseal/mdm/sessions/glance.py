"""The check-in that changes nothing: most of them. One read decides, nothing is written.

It has the certificate of an enrolment for which nothing is to be done, and it says nothing new: that it came
by itself, who is logged in as before, what it is as before. The reply then needs not be kept either; made
again it is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.enrolments import ACTIVE, is_contact_due
from reseal.managed.tables import certificate, enrolment
from reseal.mdm.authentication import UserToken
from reseal.mdm.sessions.model import Notes
from reseal.mdm.sessions.reports import Report, only_statuses
from reseal.mdm.sessions.states import SessionState
from reseal.mdm.tables import mdm_session
from reseal.wire.syncml import Add, Alert, Message, Replace, Status

_HARMLESS: Final = (Add, Alert, Replace, Status)

_SETTLED: Final = (
    sa.select(
        enrolment.c.tenant_id,
        enrolment.c.id,
        enrolment.c.last_contact_at,
        mdm_session.c.login,
        mdm_session.c.user_id,
        mdm_session.c.token,
        mdm_session.c.notes,
    )
    .join_from(
        certificate,
        enrolment,
        sa.and_(
            enrolment.c.tenant_id == certificate.c.tenant_id, enrolment.c.id == certificate.c.enrolment_id
        ),
    )
    .join(
        mdm_session,
        sa.and_(
            mdm_session.c.tenant_id == enrolment.c.tenant_id, mdm_session.c.enrolment_id == enrolment.c.id
        ),
    )
    .where(
        certificate.c.thumbprint == sa.bindparam("thumbprint"),
        certificate.c.not_after > sa.bindparam("now"),
        ACTIVE,
        sa.not_(enrolment.c.stale),
        sa.not_(enrolment.c.renewing),
        mdm_session.c.settled,
        mdm_session.c.session_state == SessionState.IDLE.value,
        sa.not_(mdm_session.c.unenrol),
    )
)
"""The enrolment of a certificate, unless there is something to do for it."""


@dataclass(frozen=True, slots=True)
class Idle:
    """The message is answered without a unit of work."""

    tenant: TenantKey
    enrolment: int
    contact_due: bool
    """The last contact has to be written, at most every few minutes."""
    says_nothing: bool
    """It only repeats how our Status fared; it is answered with nothing at all."""


def look(
    tx: Tx, message: Message, report: Report, thumbprint: bytes, token: UserToken | None, now: datetime
) -> Idle | None:
    """Whether a check-in with this certificate changes nothing; None: it may, so it takes a unit of work."""
    found = tx.row(_SETTLED, {"thumbprint": thumbprint, "now": tx.now})
    if found is None or not _nothing_new(found, report, token):
        return None
    repeats = message.header.msg_id > 1 and only_statuses(message)
    return Idle(TenantKey(found.tenant_id), found.id, is_contact_due(found.last_contact_at, now), repeats)


def may_be_idle(message: Message) -> bool:
    """Whether it is worth a look: answers to commands, chunks and broken elements never are."""
    return message.final and all(
        isinstance(command, _HARMLESS) and command.cmd_id and not _answers(command)
        for command in message.commands
    )


def _answers(command: object) -> bool:
    """Whether it is a Status for one of our commands rather than for our header or our Status."""
    if isinstance(command, Add | Replace):
        return any(item.more_data for item in command.items)
    return isinstance(command, Status) and command.cmd not in {"SyncHdr", "Status"}


def _nothing_new(found: sa.Row[Any], report: Report, token: UserToken | None) -> bool:
    notes = Notes.from_json(found.notes)
    return (
        not notes.untold
        and (report.login is None or report.login.value == found.login)
        and _names_as_before(found, token)
        and all(notes.says.get(name) == value for name, value in report.says.items())
        and not (report.unknown or report.installed or report.unenrolled or report.aborted)
    )


def _names_as_before(found: sa.Row[Any], token: UserToken | None) -> bool:
    """Whether the session's user is named as before: by a token that is still good, or by none."""
    if token is None or token.claims is None:
        return found.user_id is None and (token is None or token.digest == found.token)
    return bool(token.digest == found.token)
