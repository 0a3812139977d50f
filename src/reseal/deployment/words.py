"""Sentences about a blocker: what is awaited, from whom, since when, until when, and what happens then.

Page, API and log say the same, because all of them ask here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reseal.deployment.model import Blocker, Deployment, State
from reseal.wire.runtime import messages
from reseal.wire.runtime.blockers import AWAITED_FROM, AwaitedFrom, BlockerKind

TITLES: Final[Mapping[State, str]] = {
    State.CONTACTED: "Switched on",
    State.ATTESTING: "Proving its TPM",
    State.JOINING: "Joining the organisation",
    State.ENROLLING: "Enrolling for management",
    State.TECHNICIAN_PREPARING: "Preparing management",
    State.TECHNICIAN_SETUP: "Device setup",
    State.TECHNICIAN_RELEASING: "Finishing device setup",
    State.GREEN: "Green: to be resealed",
    State.RESEALED: "Resealed",
    State.RED: "Red: pre-provisioning failed",
    State.USER_SIGN_IN: "Waiting for its user",
    State.USER_DEVICE_SETUP: "Device setup for its user",
    State.USER_DEVICE_RELEASING: "Finishing device setup",
    State.USER_ACCOUNT_SETUP: "Account setup",
    State.USER_ACCOUNT_RELEASING: "Finishing account setup",
    State.DESKTOP: "At the desktop",
    State.ERROR: "Set-up failed",
    State.ENDED: "Ended",
}
"""Where the story stands, in a few words."""

_NO_LIMIT: Final = "There is no time limit."
_TECHNICIAN_THEN: Final = "The page turns red, and the technician can retry or reset."
_USER_THEN: Final = "The page shows an error with the choices that its profile allows."

_TEXTS: Final[Mapping[BlockerKind, str]] = {
    BlockerKind.START: "The device is on and knows its profile. Somebody at the device has to sign in, or to "
    "open pre-provisioning.",
    BlockerKind.ATTESTATION: "The device has to answer the question that was put to its TPM.",
    BlockerKind.JOIN: "The device has to join the organisation, by its ticket or by its user's sign-in.",
    BlockerKind.ENROLMENT: "The device has joined and has to enrol for management.",
    BlockerKind.CHECK_IN: "The device has to come with its next management session.",
    BlockerKind.ITEM: "The device has to report the {what} '{name}'{others}.",
    BlockerKind.RELEASE: "Everything is there. The device has to acknowledge that it may go on.",
    BlockerKind.RESEAL: "Pre-provisioning is done. The technician has to press Reseal.",
    BlockerKind.DELIVERY: "The device is sealed. Its user has to switch it on.",
    BlockerKind.SIGN_IN: "The device is on. Its user has to sign in.",
    BlockerKind.USER_SESSION: "The device's part is done. The user's session on the device has to "
    "begin, so that the rest can be sent.",
    BlockerKind.DECISION: "{what} ({name}) Somebody at the device has to retry or reset.",
}
_ITEM_WORDS: Final = {"wifi": "network profile"}
_FROM: Final = {
    AwaitedFrom.DEVICE: "the device",
    AwaitedFrom.TECHNICIAN: "the technician",
    AwaitedFrom.USER: "the user",
    AwaitedFrom.PERSON: "whoever stands before the device",
}
_TECHNICIAN_STATES: Final = frozenset(
    {State.TECHNICIAN_PREPARING, State.TECHNICIAN_SETUP, State.TECHNICIAN_RELEASING}
)


@dataclass(frozen=True, slots=True)
class Words:
    """A blocker for people."""

    text: str
    """What is awaited."""
    awaited_from: str
    then: str
    """What happens at its end; without one, that there is no limit."""


def words(blocker: Blocker) -> Words:
    """What to say of a blocker."""
    others = f" and {blocker.items - 1} more" if blocker.items > 1 else ""
    text = _TEXTS[blocker.kind].format(what=thing(blocker), name=blocker.name, others=others)
    return Words(text.strip(), _FROM[AWAITED_FROM[blocker.kind]], _then(blocker))


def thing(blocker: Blocker) -> str:
    """What kind of item is awaited."""
    return _ITEM_WORDS.get(blocker.what, blocker.what)


def in_full(blocker: Blocker) -> str:
    """All of it as one line, for logs and timelines."""
    said = words(blocker)
    until = "" if blocker.until is None else f", until {_moment(blocker.until)}"
    return f"{said.text} Awaited from {said.awaited_from} since {_moment(blocker.since)}{until}. {said.then}"


def for_device(deployment: Deployment) -> messages.Blocker:
    """The document of the runtime channel."""
    blocker = deployment.blocker
    if blocker is None:
        return messages.Blocker(state=deployment.state.value)
    said = words(blocker)
    return messages.Blocker(
        kind=blocker.kind,
        text=said.text,
        state=deployment.state.value,
        since=blocker.since,
        until=blocker.until,
        then=said.then,
    )


def _then(blocker: Blocker) -> str:
    if blocker.until is None:
        return _NO_LIMIT
    return _TECHNICIAN_THEN if blocker.state in _TECHNICIAN_STATES else _USER_THEN


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
