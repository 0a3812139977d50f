"""A phase of the status page on one device as a value, and how it moves on. No storage.

The theory. A phase is held, tracked, and released or failed:

    HOLDING   the page is being told to wait: what, how long, what to offer when it fails
    TRACKING  the device acknowledged all of it; the page shows, items arrive
    RELEASING everything that is waited for is there; the device was told so, and has to acknowledge
    RELEASED  it did
    FAILED    a blocking item failed, or the budget was over

A phase that is begun again (Retry, or the device's phase once more in the user flow) is a new run with a new
budget; the old run stays as it ended. The settings are those that were effective when the run began:
administrators who edit the page meanwhile change the next run. What a run waits for follows assignment until
release is requested, and is frozen then: what comes later is delivered without anybody waiting for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from reseal.catalog.model import Kind
from reseal.esp.flows import Flow, Phase
from reseal.esp.model import EspSettings
from reseal.managed.model import MACHINE, Item, ItemState

TIMED_OUT: Final = "0x800705B4"
"""What the page shows when its time is over."""

_VALUE: Final = "@"
"""Stands in the key of a command before the digest of its value, if its value may change."""


class PhaseStatus(StrEnum):
    """How far a run is."""

    HOLDING = "holding"
    TRACKING = "tracking"
    RELEASING = "releasing"
    RELEASED = "released"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Tracked:
    """An item of the frozen list: what the phase was about when release was requested, or the run failed."""

    kind: Kind
    item_id: int
    version: int
    name: str
    state: ItemState
    counted: bool
    """The page counted it, and its failure would have been the phase's."""

    def to_json(self) -> dict[str, Any]:
        """As stored."""
        return {
            "kind": self.kind.value,
            "item": self.item_id,
            "version": self.version,
            "name": self.name,
            "state": self.state.value,
            "counted": self.counted,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Tracked:
        """What `to_json` wrote."""
        return cls(
            Kind(stored["kind"]),
            stored["item"],
            stored["version"],
            stored["name"],
            ItemState(stored["state"]),
            stored["counted"],
        )


@dataclass(frozen=True, slots=True)
class PhaseState:
    """One run of a phase on one enrolment."""

    id: int
    enrolment_id: int
    user: int
    """0: the device's phase; else the account phase of that directory user."""
    flow: Flow
    run: int
    """From 1."""
    status: PhaseStatus
    settings: EspSettings
    profile_name: str
    selected_apps: tuple[int, ...]
    """Keys of catalogue items; empty: all apps block."""
    held: tuple[str, ...]
    """Keys of commands that the device acknowledged."""
    tracked: tuple[Tracked, ...] | None
    """None until the list is frozen."""
    begun_at: datetime
    deadline: datetime
    requested_at: datetime | None = None
    released_at: datetime | None = None
    """When the run ended, released or failed."""
    error_code: str = ""
    error_message: str = ""

    @property
    def phase(self) -> Phase:
        """Which of the two."""
        return Phase.DEVICE if self.user == MACHINE else Phase.ACCOUNT

    @property
    def shown(self) -> bool:
        """Whether the page shows. If not, nobody waits: the phase is released at once, and only enrolment is
        proven.
        """
        return self.settings.show_installation_progress

    @property
    def budget(self) -> timedelta:
        """How long the run may take."""
        return timedelta(minutes=self.settings.install_progress_timeout_in_minutes)

    @property
    def ended(self) -> bool:
        """Whether nothing more is awaited."""
        return self.status in {PhaseStatus.RELEASED, PhaseStatus.FAILED}

    @property
    def timed_out(self) -> bool:
        """Whether it failed because its time was over."""
        return self.error_code == TIMED_OUT


def acknowledged(state: PhaseState, keys: Iterable[str]) -> PhaseState:
    """The device accepted these commands. A key with another value takes the place of the earlier one."""
    held = list(state.held)
    for key in keys:
        name, _, value = key.partition(_VALUE)
        if value:
            held = [other for other in held if other.partition(_VALUE)[0] != name]
        if key not in held:
            held.append(key)
    return replace(state, held=tuple(held))


def tracking(state: PhaseState) -> PhaseState:
    """Everything that holds the page was acknowledged."""
    return replace(state, status=PhaseStatus.TRACKING) if state.status is PhaseStatus.HOLDING else state


def release_requested(state: PhaseState, tracked: tuple[Tracked, ...], now: datetime) -> PhaseState:
    """Everything is there; the list is frozen (`judging.frozen`)."""
    return replace(state, status=PhaseStatus.RELEASING, tracked=tracked, requested_at=now)


def released(state: PhaseState, now: datetime) -> PhaseState:
    """The device acknowledged the release, or was read to be released; also after the time was over here."""
    return replace(state, status=PhaseStatus.RELEASED, released_at=now)


def failed(
    state: PhaseState, code: str, message: str, now: datetime, tracked: tuple[Tracked, ...] | None = None
) -> PhaseState:
    """The run ended without success; what it waited for is frozen, if that is known."""
    return replace(
        state,
        status=PhaseStatus.FAILED,
        tracked=state.tracked if tracked is None else tracked,
        released_at=now,
        error_code=code,
        error_message=message,
    )


def tracked_of(items: Iterable[tuple[Item, bool]]) -> tuple[Tracked, ...]:
    """The frozen list of these items; the second says whether the page counts it."""
    return tuple(
        Tracked(item.kind, item.item_id, item.version, item.name, item.state, counted)
        for item, counted in items
    )


def wants_account_phase(phases: Mapping[int, PhaseState], user: int) -> bool:
    """Whether `user` gets an account phase on a device with these latest runs.

    *Only show page to devices provisioned by OOBE* means: for the first user alone (spec/autopilot.md 5.1).
    """
    others = [state for key, state in phases.items() if key not in {MACHINE, user}]
    return not any(
        state.status is PhaseStatus.RELEASED and state.settings.disable_user_status_tracking_after_first_user
        for state in others
    )
