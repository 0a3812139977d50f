"""What stands on the pages about deployments: values made of what is known, without storage or HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from reseal.deployment.model import ENDS, Blocker, State
from reseal.deployment.report_model import ReportRow, Status
from reseal.deployment.story import Line, Tone, line_of
from reseal.deployment.words import TITLES, words
from reseal.kernel.events import SealedEvent
from reseal.managed.counting import Count, Counts
from reseal.managed.model import Item, ItemState

_PREPARING: Final = frozenset({State.ATTESTING, State.JOINING, State.ENROLLING, State.TECHNICIAN_PREPARING})
_TONES: Final = {
    State.GREEN: Tone.GOOD,
    State.RESEALED: Tone.GOOD,
    State.DESKTOP: Tone.GOOD,
    State.RED: Tone.BAD,
    State.ERROR: Tone.BAD,
    State.CONTACTED: Tone.PERSON,
    State.USER_SIGN_IN: Tone.PERSON,
    State.ENDED: Tone.QUIET,
}
_KINDS: Final = {"wifi": "network"}


class Show(StrEnum):
    """Which deployments a list has."""

    ALL = "all"
    UNDER_WAY = "under-way"
    FAILED = "failed"

    @property
    def label(self) -> str:
        """On its tab."""
        return {Show.ALL: "All", Show.UNDER_WAY: "Under way", Show.FAILED: "Failed"}[self]

    @property
    def states(self) -> tuple[State, ...]:
        """What it is narrowed to."""
        return (State.RED, State.ERROR) if self is Show.FAILED else ()


class Progress(StrEnum):
    """How far a part is; also the name of its style."""

    AHEAD = "ahead"
    NOW = "now"
    DONE = "done"
    FAILED = "failed"
    LEFT_OUT = "left-out"

    @property
    def text(self) -> str:
        """In a word."""
        return _PROGRESS[self]


_PROGRESS: Final = {
    Progress.AHEAD: "to come",
    Progress.NOW: "under way",
    Progress.DONE: "done",
    Progress.FAILED: "failed",
    Progress.LEFT_OUT: "not shown",
}
_DEVICE: Final = {
    **dict.fromkeys((State.TECHNICIAN_SETUP, State.TECHNICIAN_RELEASING), Progress.NOW),
    **dict.fromkeys((State.USER_DEVICE_SETUP, State.USER_DEVICE_RELEASING), Progress.NOW),
    **dict.fromkeys((State.GREEN, State.RESEALED, State.USER_SIGN_IN, State.DESKTOP), Progress.DONE),
    **dict.fromkeys((State.USER_ACCOUNT_SETUP, State.USER_ACCOUNT_RELEASING), Progress.DONE),
}
_ACCOUNT: Final = {
    **dict.fromkeys((State.USER_ACCOUNT_SETUP, State.USER_ACCOUNT_RELEASING), Progress.NOW),
    State.DESKTOP: Progress.DONE,
}
_STATUSES: Final = {
    Status.SUCCESS: Progress.DONE,
    Status.SUCCESS_WITH_TIMEOUT: Progress.DONE,
    Status.FAILURE: Progress.FAILED,
    Status.IN_PROGRESS: Progress.NOW,
    Status.DISABLED: Progress.LEFT_OUT,
}


@dataclass(frozen=True, slots=True)
class Part:
    """One of the three parts of a deployment."""

    title: str
    progress: Progress
    took: timedelta
    count: Count = Count()

    @property
    def share(self) -> int:
        """In tenths, for the bar."""
        if self.progress in {Progress.DONE, Progress.FAILED}:
            return 10
        if self.progress is not Progress.NOW:
            return 0
        return 1 + 8 * self.count.done // self.count.all if self.count.all else 5


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is awaited."""

    text: str
    awaited_from: str
    since: datetime
    until: datetime | None
    then: str


@dataclass(frozen=True, slots=True)
class Card:
    """One deployment at a glance."""

    id: str
    name: str
    """Of the device; its serial number until it has a name."""
    serial: str
    upn: str
    profile: str
    status_page: str
    os_version: str
    state: State
    title: str
    tone: Tone
    began: datetime
    ended: datetime | None
    waiting: Waiting | None
    failure: str
    deviations: tuple[str, ...]
    parts: tuple[Part, ...]
    total: timedelta


def card_of(row: ReportRow, counts: Counts) -> Card:
    """A row of the report as a card."""
    deployment = row.deployment
    blocker = deployment.blocker
    return Card(
        id=str(deployment.uuid),
        name=row.device_name or row.serial,
        serial=row.serial,
        upn=row.upn,
        profile=row.profile_name,
        status_page=row.esp_name,
        os_version=row.os_version,
        state=deployment.state,
        title=TITLES[deployment.state],
        tone=_TONES.get(deployment.state, Tone.STEP),
        began=deployment.begun_at,
        ended=deployment.ended_at,
        waiting=None if blocker is None else _waiting(blocker),
        failure=row.failure,
        deviations=row.deviations,
        parts=_parts(row, counts),
        total=row.durations.total,
    )


def _waiting(blocker: Blocker) -> Waiting:
    said = words(blocker)
    return Waiting(said.text, said.awaited_from, blocker.since, blocker.until, said.then)


def _parts(row: ReportRow, counts: Counts) -> tuple[Part, ...]:
    durations = row.durations
    return (
        Part("Preparation", _preparation(row), durations.device_preparation),
        Part("Device setup", _setup(row, row.device_setup, _DEVICE), durations.device_setup, counts.machine),
        Part(
            "Account setup", _setup(row, row.account_setup, _ACCOUNT), durations.account_setup, counts.users
        ),
    )


def _preparation(row: ReportRow) -> Progress:
    deployment = row.deployment
    if deployment.state in _PREPARING:
        return Progress.NOW
    if deployment.enrolment_id is not None:
        return Progress.DONE
    if deployment.error_code:
        return Progress.FAILED
    return Progress.AHEAD


def _setup(row: ReportRow, status: Status, by_state: Mapping[State, Progress]) -> Progress:
    """How the page of a part stands; without one, what the state says of it."""
    state = row.deployment.state
    if state is State.RED and row.deployment.enrolment_id is not None and by_state is _DEVICE:
        return Progress.FAILED
    usual = Progress.LEFT_OUT if state in ENDS else Progress.AHEAD
    return _STATUSES.get(status) or by_state.get(state, usual)


# --- one deployment -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that the device gets."""

    key: str
    name: str
    kind: str
    for_user: bool
    progress: Progress
    error: str


def deliveries_of(items: Sequence[Item]) -> tuple[Delivery, ...]:
    """What an enrolment shall have, in the order in which it is worked on."""
    return tuple(
        Delivery(
            key="-".join(str(part) for part in item.key),
            name=item.name,
            kind=_KINDS.get(item.kind.value, item.kind.value),
            for_user=item.user != 0,
            progress=_delivered(item.state),
            error=f"0x{item.error & 0xFFFFFFFF:08X}" if item.error else "",
        )
        for item in sorted(items, key=lambda item: item.order)
        if item.state is not ItemState.REMOVING and item.required
    )


def _delivered(state: ItemState) -> Progress:
    match state:
        case ItemState.DONE:
            return Progress.DONE
        case ItemState.FAILED:
            return Progress.FAILED
        case ItemState.SENT | ItemState.RUNNING:
            return Progress.NOW
        case _:
            return Progress.AHEAD


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a story."""

    position: int
    at: datetime
    after: timedelta
    """Since the deployment began."""
    other_day: bool
    """It was not on the day on which the deployment began."""
    line: Line


def entries_of(events: Iterable[SealedEvent], began: datetime) -> tuple[Entry, ...]:
    """The events as lines, in the order of the log."""
    return tuple(
        Entry(each.position, each.at, each.at - began, each.at.date() != began.date(), line_of(each))
        for each in events
    )


def spoken(duration: timedelta) -> str:
    """A duration for people: `42 s`, `3 min 12 s`, `1 h 5 min`, `2 d 3 h`."""
    seconds = max(0, int(duration.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"
