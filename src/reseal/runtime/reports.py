"""What our own devices tell: numbered, repeatable, bounded. It is evidence; no run depends on it."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from reseal.autopilot.registrations import registration_by_id
from reseal.deployment import service as deployment
from reseal.deployment.facts import Fact, LeftPage, Resealed
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.secrecy import looks_secret, mask_text
from reseal.runtime.proof import is_from_device
from reseal.runtime.runs import kept_of_all, require_run
from reseal.runtime.tables import run
from reseal.wire.runtime.messages import Report, ReportKind, Reports, ReportsTaken

MOST_AT_ONCE: Final = 200
MOST_KEPT: Final = 5_000
"""Of one run; what comes after is acknowledged and passed over."""
MOST_UNPROVEN: Final = 5_000
"""Of one registration, in all its runs of a day: when so many are kept, only proven ones still are."""
_TEXT_LIMIT: Final = 300
_ITEMS: Final = 20
_DEEPEST: Final = 4
_EXACT: Final = 2**53 - 1


def take_reports(tx: Tx, token: str, sent: Reports, shown: bytes | None = None) -> ReportsTaken:
    """Keep what is new; the numbers up to which all is kept. Raises `Unauthenticated` for an unknown run.

    A run is given to whoever knows the hardware hash. So only what comes with the device's own certificate
    (`shown`, DER) is believed to have happened; the rest is kept as said, and less of it.
    """
    found = require_run(tx, token, to_change=True)
    registration = registration_by_id(tx, found.tenant, found.registration)
    proven = is_from_device(tx, found.tenant, registration, shown)
    subject = Subject("registration", registration.uuid)
    reported, kept = found.reported, found.kept
    most = MOST_KEPT
    if not proven:
        most = min(most, kept + MOST_UNPROVEN - kept_of_all(tx, found))
    for report in sent.reports:
        if report.number <= reported:
            continue
        reported = report.number
        if kept < most:
            kept += 1
            told = {**_told(report), "proven": proven}
            events.record(tx, found.tenant, "device.reported", subject, told, "device")
            if proven and (fact := _fact(report)) is not None:
                deployment.observe(tx, found.tenant, found.registration, fact)
    if reported != found.reported:
        tx.execute(
            sa.update(run)
            .where(run.c.tenant_id == found.tenant, run.c.id == found.id)
            .values(reported=reported, kept=kept)
        )
    return ReportsTaken(up_to=reported)


def _fact(report: Report) -> Fact | None:
    """What a report adds to the story of the device."""
    match report.kind:
        case ReportKind.RESEALED:
            return Resealed()
        case ReportKind.LEFT_PAGE:
            how = report.detail.get("how", "")
            return LeftPage(_text(how) if isinstance(how, str) else "")
        case _:
            return None


def _told(report: Report) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {
        "number": report.number,
        "at": report.at.isoformat(),
        "kind": report.kind.value,
        "screen": _text(report.screen),
        "code": _text(report.code),
    }
    if report.detail:
        told["detail"] = _plain(report.detail, _DEEPEST)
    return told


def _plain(value: object, depth: int) -> JsonValue:
    """A value as the event log takes it: bounded, without secrets and fractions."""
    match value:
        case None | bool():
            return value
        case int() if -_EXACT <= value <= _EXACT:
            return value
        case dict() if depth:
            return {
                _key(name): _plain(inner, depth - 1)
                for name, inner in list(value.items())[:_ITEMS]
                if not looks_secret(_key(name))
            }
        case list() if depth:
            return [_plain(inner, depth - 1) for inner in value[:_ITEMS]]
        case _:
            return _text(str(value))


def _key(name: str) -> str:
    return name[:60].encode("ascii", "replace").decode()


def _text(text: str) -> str:
    return mask_text(text[:_TEXT_LIMIT].encode("utf-8", "replace").decode())
