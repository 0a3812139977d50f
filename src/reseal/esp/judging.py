"""What a phase attempts, waits for and fails on (spec/autopilot.md 5.1, 5.4). Pure.

Three questions about one item, each narrower than the one before:

- `attempts`: is it delivered in this flow? Everything, except that with *Only fail selected blocking apps in
  technician phase* set to No the technician flow leaves out the apps that are not selected.
- `waits`: is the release held back until it is at its end? Policies, certificates, networks, and apps that
  block. The list of selected apps is a filter on what blocks, not a list of what to install: an app outside
  it is delivered and nobody waits for it.
- `blocks`: does its failure fail the phase? Of a network or a blocking app. Windows' page does not watch
  policies and trusted certificates, so theirs are recorded and the run goes on.

The device's phase is about the machine's items, an account phase about those of its user. Items that wait
for a user's session (HELD) are none of the device phase's business: the two waits would be circular
(spec/mdm-wire.md 4.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from reseal.catalog.model import Kind
from reseal.esp.flows import Flow
from reseal.esp.model_phase import PhaseState, PhaseStatus, Tracked, tracked_of
from reseal.managed.model import MACHINE, TERMINAL, Item, ItemState

_UNSPECIFIED: Final = "0x80004005"
"""E_FAIL: an item failed and nobody said why."""
_SYNCML_ERRORS: Final = 0x87D1_0000
"""A status of SyncML is shown as an HRESULT of this facility: 404 is 0x87D10194."""
_STATUSES: Final = range(200, 600)
_WORDS: Final = {
    Kind.POLICY: "policy",
    Kind.CERTIFICATE: "certificate",
    Kind.WIFI: "network profile",
    Kind.APP: "app",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """The phase goes on: `item` is the first that it waits for, `open` how many there are."""

    item: Item
    open: int


@dataclass(frozen=True, slots=True)
class Complete:
    """Nothing is awaited any more: the phase can be released."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The phase cannot succeed. `code` is what the page shows."""

    item: Item
    code: str
    message: str


Verdict: TypeAlias = Waiting | Complete | Failure


def attempts(state: PhaseState, item: Item) -> bool:
    """Whether the item is delivered in the flow of this run; a removal always is."""
    if state.flow is not Flow.TECHNICIAN or item.kind is not Kind.APP or not item.required:
        return True
    return not state.shown or state.settings.allow_non_blocking_app_installation or _selected(state, item)


def blocks(state: PhaseState, item: Item) -> bool:
    """Whether the page counts the item, and its failure fails the phase."""
    if not _concerns(state, item):
        return False
    return item.kind is Kind.WIFI or (item.kind is Kind.APP and _selected(state, item))


def waits(state: PhaseState, item: Item) -> bool:
    """Whether the release is held back until the item is at its end."""
    return _concerns(state, item) and (item.kind is not Kind.APP or _selected(state, item))


def judge(state: PhaseState, items: Sequence[Item]) -> Verdict:
    """How the run stands with these items of its enrolment (those of other phases do not matter).

    The first blocking item that failed decides; without one, the first that is open. Once release was
    requested nothing can hold it back.
    """
    if state.status in {PhaseStatus.RELEASING, PhaseStatus.RELEASED}:
        return Complete()
    awaited = [item for item in items if waits(state, item)]
    for item in awaited:
        if item.state is ItemState.FAILED and blocks(state, item):
            return Failure(item, shown_code(item.error), _failure_of(item))
    still_open = [item for item in awaited if item.state not in TERMINAL]
    return Waiting(still_open[0], len(still_open)) if still_open else Complete()


def frozen(state: PhaseState, items: Sequence[Item]) -> tuple[Tracked, ...]:
    """What the phase is about at this moment, for `release_requested` and `failed`: everything that is to be
    delivered for its machine or user, and whether the page counts it. What comes later is not in it.
    """
    return tracked_of(
        (item, blocks(state, item))
        for item in items
        if item.user == state.user and item.required and item.state is not ItemState.REMOVING
    )


def to_retry(state: PhaseState, items: Sequence[Item]) -> tuple[Item, ...]:
    """The failed items that a new run `state` tries again, as they are to be saved; what is done stays done.

    This is what Retry does (spec/autopilot.md 11, choice 16), and how an app that failed without failing the
    technician flow gets its second chance in the user flow.
    """
    return tuple(
        replace(item, state=ItemState.PENDING, progress={}, exec_sent=False, error=None)
        for item in items
        if item.user == state.user and item.state is ItemState.FAILED and attempts(state, item)
    )


def shown_code(error: int | None) -> str:
    """An item's error as the page shows it: eight hexadecimal digits."""
    if error is None:
        return _UNSPECIFIED
    value = _SYNCML_ERRORS + error if error in _STATUSES else error & 0xFFFF_FFFF
    return f"0x{value:08X}"


def _concerns(state: PhaseState, item: Item) -> bool:
    """Whether the phase has to do with the item at all."""
    if not state.shown or item.user != state.user or not item.required:
        return False
    if item.state is ItemState.REMOVING or (item.state is ItemState.HELD and state.user == MACHINE):
        return False
    return attempts(state, item)


def _selected(state: PhaseState, item: Item) -> bool:
    return not state.selected_apps or item.item_id in state.selected_apps


def _failure_of(item: Item) -> str:
    return f"The {_WORDS[item.kind]} '{item.name}' could not be set up: {shown_code(item.error)}."
