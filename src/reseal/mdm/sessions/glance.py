"""The check-in that changes nothing: most of them. One read decides, nothing is written.

It has the certificate of an enrolment for which nothing is to be done, and it says nothing new: that it came
by itself, who is logged in as before, what it is as before. The reply then needs not be kept either; made
again it is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.enrolments import is_contact_due
from reseal.mdm.sessions.reports import only_statuses, read_report
from reseal.mdm.sessions.states import SessionState
from reseal.mdm.sessions.store import Found, find_by_certificate
from reseal.wire.syncml import Add, Alert, Message, Replace, Status

_HARMLESS: Final = (Add, Alert, Replace, Status)


@dataclass(frozen=True, slots=True)
class Idle:
    """The message is answered without a unit of work."""

    tenant: TenantKey
    enrolment: int
    contact_due: bool
    """The last contact has to be written, at most every few minutes."""
    says_nothing: bool
    """It only repeats how our Status fared; it is answered with nothing at all."""


def look(tx: Tx, message: Message, thumbprint: bytes, token_digest: bytes, now: datetime) -> Idle | None:
    """Whether a check-in with this certificate changes nothing; None: it may, so it takes a unit of work."""
    found = find_by_certificate(tx, thumbprint)
    if found is None or not _nothing_to_do(found) or not _nothing_new(found, message, token_digest):
        return None
    repeats = message.header.msg_id > 1 and only_statuses(message)
    due = is_contact_due(found.enrolment, now)
    return Idle(found.tenant, found.enrolment.id, due, repeats)


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


def _nothing_to_do(found: Found) -> bool:
    session = found.session
    return (
        session.settled
        and session.state is SessionState.IDLE
        and not session.unenrol
        and not found.enrolment.stale
        and not found.enrolment.renewing
    )


def _nothing_new(found: Found, message: Message, token_digest: bytes) -> bool:
    session, report = found.session, read_report(message.commands)
    says = session.notes.says
    return (
        report.login in {None, session.login}
        and (token_digest == session.token if token_digest else session.user is None)
        and all(says.get(name) == value for name, value in report.says.items())
        and not (report.unknown or report.installed or report.unenrolled or report.aborted)
    )
