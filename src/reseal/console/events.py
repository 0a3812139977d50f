"""The log of everything that happened: in plain sentences, narrowed, live at its end, verified on request.

Events stand in the order of the log, the last one at the bottom, where new ones join without moving anything.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from reseal.autopilot.model import Registration
from reseal.console.desk import Desk, Visit
from reseal.console.forms import Form, Option
from reseal.console.pages import exact, fragment
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid
from reseal.kernel.events import SealedEvent
from reseal.kernel.ids import TenantKey
from reseal.report.audit import TOPICS, Told, actors_named, subjects_of_device, told
from reseal.report.scanned import find_scanned
from reseal.web.routes import Route
from reseal.web.streams import Looks, Sent, position_of

PERMISSION: Final = "AuditLog.Read.All"
PATH: Final = "/events"
_PAGE: Final = 50
_LAST: Final = 2**62
_NAMES: Final = ("topic", "who", "device", "since", "until")


@dataclass(frozen=True, slots=True)
class _Sought:
    """What the log is narrowed to; None and nothing narrow nothing."""

    topics: Collection[str]
    actors: Collection[str]
    subjects: Collection[UUID] | None
    since: datetime | None
    until: datetime | None

    def has(self, event: SealedEvent) -> bool:
        """Whether an event fits, as the database says it."""
        actor = event.actor.lower()
        return (
            (not self.topics or event.kind.partition(".")[0] in self.topics)
            and (not self.actors or any(one.lower() in actor for one in self.actors))
            and (self.subjects is None or event.subject.id in self.subjects)
            and (self.since is None or event.at >= self.since)
            and (self.until is None or event.at < self.until)
        )


@dataclass(frozen=True, slots=True)
class _Page:
    told: tuple[Told, ...]
    position: int
    earlier: int | None
    """Behind this one more are to be read."""
    devices: int
    """How many devices the filter names."""


def routes(desk: Desk) -> tuple[Route, ...]:
    """The log, its end, its verification."""
    return (
        desk.page(PATH, _log, PERMISSION),
        desk.live(f"{PATH}/live", _live, PERMISSION),
        desk.page(f"{PATH}/verification", _verification, PERMISSION),
    )


async def _log(visit: Visit) -> Response:
    form = _form(visit)
    before = visit.call.number("before", _LAST, _LAST)
    found = await visit.read(_read, form, before)
    kept = {name: form.value(name) for name in _NAMES if form.value(name)}
    is_last = before == _LAST
    follows = is_last and not form.value("until")
    return await visit.page(
        "events.html",
        form=form,
        found=found,
        topics=(Option("", "Everything"), *(Option(key, label) for key, (label, _) in TOPICS.items())),
        narrowed=kept,
        earlier="" if found.earlier is None else f"?{urlencode({**kept, 'before': found.earlier})}",
        latest="" if is_last else f"?{urlencode(kept)}",
        live=f"{PATH}/live?{urlencode({**kept, 'after': found.position})}" if follows else "",
    )


def _read(tx: Tx, tenant: TenantKey, form: Form, before: int) -> _Page:
    sought, devices = _sought(tx, tenant, form)
    found = events.read_back(
        tx,
        tenant,
        _PAGE + 1,
        before=before,
        subjects=sought.subjects,
        topics=sought.topics,
        actors=sought.actors,
        since=sought.since,
        until=sought.until,
    )
    shown = found[:_PAGE][::-1]
    return _Page(
        told(tx, tenant, shown),
        events.checkpoint(tx, tenant).position,
        shown[0].position if len(found) > _PAGE else None,
        devices,
    )


async def _live(visit: Visit) -> Response:
    return visit.parts.streams.answer(_looks(visit, _form(visit), position_of(visit.call)))


async def _looks(visit: Visit, form: Form, after: int) -> Looks:
    """Each new event that fits, once, with its position as id; also a sign of how far the log was read."""
    db, clock, tenant = visit.parts.db, visit.parts.clock, visit.tenant
    sought, _ = await db.read(_sought, tenant, form)
    async with aclosing(events.watch(db, tenant, after, clock)) as looks:
        async for news in looks:
            fitting = [each for each in news if sought.has(each)]
            lines = await db.read(told, tenant, fitting) if fitting else ()
            sent = [Sent(fragment("event", one=one), "entry", str(one.position)) for one in lines]
            if news and (not fitting or fitting[-1] is not news[-1]):
                sent.append(Sent(exact(clock.now()), "clock", str(news[-1].position)))
            yield sent


def _form(visit: Visit) -> Form:
    form = Form.of(**{name: visit.call.query(name).strip() for name in _NAMES})
    for name in ("since", "until"):
        _day(form.value(name))
    return form


def _sought(tx: Tx, tenant: TenantKey, form: Form) -> tuple[_Sought, int]:
    """The filter, and how many devices it names."""
    until = _day(form.value("until"))
    _, topics = TOPICS.get(form.value("topic"), ("", ()))
    subjects: frozenset[UUID] | None = None
    devices: tuple[Registration, ...] = ()
    if form.value("device"):
        devices = find_scanned(tx, tenant, form.value("device"))
        subjects = frozenset().union(*(subjects_of_device(tx, tenant, one.uuid) for one in devices[:3]))
    return (
        _Sought(
            topics=topics,
            actors=actors_named(tx, tenant, form.value("who")) if form.value("who") else (),
            subjects=subjects,
            since=_day(form.value("since")),
            until=None if until is None else until + timedelta(days=1),
        ),
        len(devices),
    )


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Invalid(code="BadDay", message="This is not a day.", remedy="Write it as 2026-11-28.") from None


async def _verification(visit: Visit) -> Response:
    found = await visit.read(events.verify)
    return await visit.page("events_verified.html", found=found, at=visit.parts.clock.now())
