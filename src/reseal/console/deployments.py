"""The pages about deployments: all of them, and the story of one; both go on by server-sent events.

A page holds the position of the log up to which it tells, and its script goes on from there. What a stream
sends are the fragments that the page is made of, whenever one of them reads differently (`show`), and each
event of a story once, with its position as the message's id (`entry`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from starlette.responses import Response

from reseal.console.live import Shown
from reseal.console.pages import exact, fragment, full_page
from reseal.console.paging import older, older_link
from reseal.console.parts import HOME, PERMISSION, Parts
from reseal.console.signing_in import SigningIn
from reseal.console.views import (
    Card,
    Delivery,
    Entry,
    Show,
    card_of,
    deliveries_of,
    entries_of,
)
from reseal.deployment.listing import (
    After,
    count_by_state,
    deployment_by_uuid,
    list_deployments,
    mark_of_open,
)
from reseal.deployment.model import Deployment, State
from reseal.deployment.report import report_rows
from reseal.deployment.service import CHANGED
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.events import SealedEvent
from reseal.kernel.glances import glance
from reseal.kernel.ids import TenantKey
from reseal.managed.counting import Counts, count_items, counts_of
from reseal.managed.desired import items_of
from reseal.managed.enrolments import subjects_beside
from reseal.web.calls import Call
from reseal.web.routes import Listener, Route
from reseal.web.streams import Looks, Sent, position_of

_PAGE: Final = 50
_LONGEST_STORY: Final = 1000
_AFTERWARDS: Final = timedelta(minutes=1)
"""What belongs to a deployment may be told a moment after its end."""
_FRESH: Final = timedelta(milliseconds=500)
"""So old may be what all streams know together."""
_BREATH: Final = timedelta(milliseconds=250)
"""Between two looks of a stream, however much happens."""


@dataclass(frozen=True, slots=True)
class _List:
    """What stands on the page of all deployments."""

    position: int
    cards: tuple[Card, ...]
    counts: Mapping[Show, int]
    older: str


@dataclass(frozen=True, slots=True)
class _Story:
    """What stands on the page of one deployment."""

    position: int
    card: Card
    deliveries: tuple[Delivery, ...]
    subjects: frozenset[UUID]
    events: Sequence[SealedEvent]

    def entries(self, found: Sequence[SealedEvent]) -> tuple[Entry, ...]:
        """Those of the events that belong to the story."""
        until = datetime.max.replace(tzinfo=UTC) if self.card.ended is None else self.card.ended + _AFTERWARDS
        own = UUID(self.card.id)
        return entries_of(
            (
                each
                for each in found
                if each.subject.id == own
                or (each.subject.id in self.subjects and self.card.began <= each.at <= until)
            ),
            self.card.began,
        )


@dataclass(frozen=True, slots=True)
class DeploymentPages:
    """Both pages, with their streams."""

    parts: Parts
    signing_in: SigningIn

    def routes(self) -> tuple[Route, ...]:
        """The pages and their streams."""
        return (
            self._route("", self.all),
            self._route("/live", self.all_live, endless=True),
            self._route("/{id}", self.one),
            self._route("/{id}/live", self.one_live, endless=True),
        )

    def _route(self, path: str, handler: Any, *, endless: bool = False) -> Route:
        return Route(
            "GET",
            HOME + path,
            handler,
            PERMISSION,
            0,
            Listener.BROWSER,
            reception=self.signing_in.reception,
            endless=endless,
        )

    # --- all of them ----------------------------------------------------------------------------------------

    async def all(self, call: Call) -> Response:
        """The list, newest first."""
        show, after = _show(call), older(call)
        found = await self.parts.db.read(_listed, call.caller.tenant, show, after)
        return await self._page(
            call,
            "deployments.html",
            found=found,
            show=show,
            shows=Show,
            live="" if after else f"{HOME}/live?show={show}&after={found.position}",
        )

    async def all_live(self, call: Call) -> Response:
        """What changes in the list."""
        looks = self._list_looks(call.caller.tenant, _show(call), position_of(call))
        return self.parts.streams.answer(looks)

    async def _list_looks(self, tenant: TenantKey, show: Show, after: int) -> Looks:
        db, clock = self.parts.db, self.parts.clock
        shown, seen = Shown(), None
        async with aclosing(events.watch(db, tenant, after, clock, bells=(CHANGED,))) as looks:
            async for _ in looks:
                mark = await glance(db, clock, _FRESH, _mark, tenant)
                if mark == seen:
                    yield []
                    continue
                seen = mark
                found = await db.read(_listed, tenant, show, None)
                news = shown.changes(_list_parts(found, show), found.position)
                yield [Sent(exact(clock.now()), "clock"), *news]
                await clock.sleep(_BREATH)

    # --- one of them ----------------------------------------------------------------------------------------

    async def one(self, call: Call) -> Response:
        """The story of one deployment."""
        uuid = call.uuid("id")
        story = await self.parts.db.read(_told, call.caller.tenant, uuid, 0)
        entries = story.entries(story.events)
        return await self._page(
            call,
            "deployment.html",
            card=story.card,
            deliveries=story.deliveries,
            entries=entries,
            live=f"{HOME}/{uuid}/live?after={story.position}",
        )

    async def one_live(self, call: Call) -> Response:
        """What changes in the story, and what comes to it."""
        uuid, tenant = call.uuid("id"), call.caller.tenant
        await self.parts.db.read(deployment_by_uuid, tenant, uuid)
        return self.parts.streams.answer(self._story_looks(tenant, uuid, position_of(call)))

    async def _story_looks(self, tenant: TenantKey, uuid: UUID, after: int) -> Looks:
        db, clock = self.parts.db, self.parts.clock
        shown = Shown()
        async with aclosing(events.watch(db, tenant, after, clock, bells=(CHANGED,))) as looks:
            async for news in looks:
                story = await db.read(_told, tenant, uuid, None)
                entries = [
                    Sent(fragment("entry", entry=entry), "entry", str(entry.position))
                    for entry in story.entries(news)
                ]
                changes = shown.changes(_story_parts(story), None)
                told = [Sent(exact(clock.now()), "clock")] if changes else []
                yield [*told, *entries, *changes]
                await clock.sleep(_BREATH)

    async def _page(self, call: Call, template: str, **shown: Any) -> Response:
        return await full_page(
            self.parts,
            call.request,
            template,
            caller=call.caller,
            organisation=await self.signing_in.organisation(call.request, call.caller),
            in_browser=self.signing_in.is_in_browser(call.request),
            **shown,
        )


# --- fragments ----------------------------------------------------------------------------------------------


def _list_parts(found: _List, show: Show) -> dict[str, str]:
    parts = {f"d-{card.id}": fragment("card", card=card) for card in found.cards}
    return {"tabs": fragment("tabs", found=found, show=show, shows=Show), **parts}


def _story_parts(story: _Story) -> dict[str, str]:
    return {
        "head": fragment("head", card=story.card),
        "now": fragment("now", card=story.card),
        "deliveries": fragment("deliveries", deliveries=story.deliveries),
    }


# --- units --------------------------------------------------------------------------------------------------


def _mark(tx: Tx, tenant: TenantKey) -> tuple[int, tuple[int, int]]:
    """Differs when the list may."""
    return events.checkpoint(tx, tenant).position, mark_of_open(tx, tenant)


def _listed(tx: Tx, tenant: TenantKey, show: Show, after: After | None) -> _List:
    page = list_deployments(
        tx,
        tenant,
        states=show.states,
        under_way=None if show is Show.ALL else True,
        after=after,
        limit=_PAGE,
    )
    states = count_by_state(tx, tenant)
    return _List(
        position=events.checkpoint(tx, tenant).position,
        cards=_cards(tx, tenant, page.items),
        counts={
            Show.UNDER_WAY: sum(states.values()),
            Show.FAILED: states.get(State.RED, 0) + states.get(State.ERROR, 0),
        },
        older="" if page.next is None else older_link(page.next),
    )


def _cards(tx: Tx, tenant: TenantKey, deployments: Sequence[Deployment]) -> tuple[Card, ...]:
    counts = count_items(tx, tenant, [one.enrolment_id for one in deployments if one.enrolment_id])
    return tuple(
        card_of(row, counts.get(row.deployment.enrolment_id or 0, Counts()))
        for row in report_rows(tx, tenant, deployments, whole=False)
    )


def _told(tx: Tx, tenant: TenantKey, uuid: UUID, after: int | None) -> _Story:
    """The story with its events behind a position; None: without events."""
    deployment = deployment_by_uuid(tx, tenant, uuid)
    key = deployment.enrolment_id
    items = () if key is None else items_of(tx, tenant, key)
    (row,) = report_rows(tx, tenant, [deployment], whole=False)
    subjects = _subjects(tx, tenant, deployment)
    found: Sequence[SealedEvent] = ()
    if after is not None:
        found = events.read(tx, tenant, after, _LONGEST_STORY, subjects=subjects, since=deployment.begun_at)
    return _Story(
        position=events.checkpoint(tx, tenant).position,
        card=card_of(row, counts_of(items)),
        deliveries=deliveries_of(items),
        subjects=subjects,
        events=found,
    )


def _subjects(tx: Tx, tenant: TenantKey, deployment: Deployment) -> frozenset[UUID]:
    """What the events are about that belong to a story; one statement."""
    return frozenset(
        {
            deployment.uuid,
            deployment.registration_uuid,
            *subjects_beside(tx, tenant, deployment.registration_id, deployment.enrolment_id),
        }
    )


# --- addresses ----------------------------------------------------------------------------------------------


def _show(call: Call) -> Show:
    try:
        return Show(call.query("show", Show.ALL))
    except ValueError:
        return Show.ALL
