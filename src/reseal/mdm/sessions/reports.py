"""What a device says in a message, apart from answers; and the Status that each of its commands gets. Pure.

Statuses come for everything that may have one (spec/mdm-wire.md 3.7, O-10): Alerts and commands, chunks of
objects, elements that are no command; never for a Status, nor for Results that are whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from reseal.wire.syncml import (
    Add,
    Alert,
    AlertCode,
    AlertType,
    Command,
    LoginStatus,
    Malformed,
    Message,
    Replace,
    Status,
    StatusCode,
    SyncHdr,
    SyncType,
    Taken,
    name_of,
    walk,
    wants_status,
)

_T = TypeVar("_T")

_DEV_INFO: Final = {f"./devinfo/{name}".lower(): name for name in ("DevId", "Man", "Mod", "DmV", "Lang")}
"""The leaves there are (spec/mdm-wire.md 3.6), by their address in lower case. Others are not kept: a device
could name thousands.
"""
_PLAIN_ALERTS: Final = frozenset(
    {
        AlertCode.SERVER_INITIATED_MANAGEMENT,
        AlertCode.CLIENT_INITIATED_MANAGEMENT,
        AlertCode.NEXT_MESSAGE,
        AlertCode.SESSION_ABORT,
        AlertCode.NO_END_OF_DATA,
    }
)
_LONGEST: Final = 256
"""Characters that are kept of a value of DevInfo, or of the type of an alert in the log."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a message said."""

    login: LoginStatus | None = None
    scope: SyncType | None = None
    token: str = field(default="", repr=False)
    """Of the directory user who is signed in."""
    bootstrap: bool = False
    """The device is being set up."""
    installed: tuple[str, ...] = ()
    """Addresses of the jobs that ended."""
    unenrolled: bool = False
    aborted: bool = False
    says: Mapping[str, str] = field(default_factory=dict)
    """Values below ./DevInfo, by their last name."""
    unknown: tuple[str, ...] = ()
    """Alerts that mean nothing to us."""


def read_report(commands: Iterable[Command]) -> Report:
    """What these commands say."""
    given = tuple(walk(commands))
    alerts = [command for command in given if isinstance(command, Alert)]
    of: dict[AlertType | None, list[Alert]] = {}
    for alert in alerts:
        of.setdefault(alert.type, []).append(alert)
    return Report(
        login=_last(alert.login_status for alert in of.get(AlertType.LOGIN_STATUS, ())),
        scope=_last(alert.sync_type for alert in of.get(AlertType.SYNC_TYPE, ())),
        token=_last(alert.item.text.strip() for alert in of.get(AlertType.USER_TOKEN, ())) or "",
        bootstrap=AlertType.BOOTSTRAP_SYNC in of,
        installed=tuple(
            item.source
            for alert in of.get(AlertType.MSI_INSTALLED, ())
            for item in alert.items
            if item.source
        ),
        unenrolled=AlertType.UNENROLLMENT in of,
        aborted=any(alert.code == AlertCode.SESSION_ABORT for alert in alerts),
        says=_says(given),
        unknown=tuple(_name(alert) for alert in alerts if _is_unknown(alert)),
    )


def statuses(header: SyncHdr, message: Message, taken: Taken) -> tuple[Status, ...]:
    """The Status of each command of a message, in its order, without that of the header."""
    chunks = {id(answer.command): answer.code for answer in taken.answers}
    return tuple(_statuses(header, message.commands, chunks))


def only_statuses(message: Message) -> bool:
    """Whether a message says nothing but how commands ended."""
    return message.final and all(isinstance(command, Status) for command in message.commands)


def _statuses(
    header: SyncHdr, commands: Iterable[Command], chunks: Mapping[int, StatusCode]
) -> Iterator[Status]:
    for command in walk(commands):
        code = chunks.get(id(command))
        if code is None and not _is_answered(command):
            continue
        yield Status(
            msg_ref=header.msg_id,
            cmd_ref=command.cmd_id,
            cmd=name_of(command),
            code=_code(command) if code is None else code,
        )


def _is_answered(command: Command) -> bool:
    """A broken Status or Results is none either: its sender could do nothing with an answer."""
    broken_answer = isinstance(command, Malformed) and command.name in {"Status", "Results"}
    return wants_status(command) and not broken_answer


def _code(command: Command) -> int:
    if not command.cmd_id:
        return StatusCode.BAD_REQUEST
    match command:
        case Malformed():
            return StatusCode.BAD_REQUEST
        case Alert() | Add() | Replace():
            return StatusCode.OK
        case _:
            return StatusCode.OPTIONAL_FEATURE_NOT_SUPPORTED


def _says(commands: Iterable[Command]) -> dict[str, str]:
    return {
        name: item.text.strip()[:_LONGEST]
        for command in commands
        if isinstance(command, Add | Replace)
        for item in command.items
        if (name := _DEV_INFO.get(item.source.lower())) is not None
    }


def _is_unknown(alert: Alert) -> bool:
    if alert.code in _PLAIN_ALERTS:
        return False
    match alert.type:
        case AlertType.LOGIN_STATUS:
            return alert.login_status is None
        case AlertType.SYNC_TYPE:
            return alert.sync_type is None
        case known:
            return known is None


def _name(alert: Alert) -> str:
    return f"{alert.code} {alert.item.meta.type[:_LONGEST]}".strip()


def _last(values: Iterable[_T | None]) -> _T | None:
    return next((value for value in reversed(list(values)) if value is not None), None)
