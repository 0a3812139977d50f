"""The story of one device as sentences: what each event of its deployment says to a person.

Events of the deployment itself, and those of its registration, directory device and enrolment that belong to
the run. Texts come from the payloads alone, so a story can be told long after the device is gone; a payload
that was erased leaves the plain sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from reseal.deployment.model import State
from reseal.deployment.stepping import OUTSIDE, SUPERSEDED
from reseal.kernel.events import SealedEvent
from reseal.kernel.wording import counted


class Tone(StrEnum):
    """How much an event means."""

    STEP = "step"
    """The device came further."""
    GOOD = "good"
    """A goal is reached."""
    BAD = "bad"
    """Something failed."""
    PERSON = "person"
    """Somebody has to act, or did."""
    QUIET = "quiet"
    """For whoever wants to know exactly."""


@dataclass(frozen=True, slots=True)
class Line:
    """An event for people; `more` is a second, smaller sentence."""

    text: str
    more: str = ""
    tone: Tone = Tone.STEP


_Payload = Mapping[str, Any]
_Teller = Callable[[_Payload], Line]


def is_told(kind: str) -> bool:
    """Whether somebody described events of this kind here."""
    return kind in _TELLERS


def line_of(event: SealedEvent) -> Line:
    """What an event says; of a kind that nobody described, its name."""
    teller = _TELLERS.get(event.kind)
    if teller is None:
        return Line(f"{event.kind.replace('.', ' ').replace('_', ' ').capitalize()}.", tone=Tone.QUIET)
    return teller(event.payload or {})


# --- arrows -------------------------------------------------------------------------------------------------

_ARRIVED: Final[Mapping[State, Line]] = {
    State.CONTACTED: Line("The device is on and has asked for its profile."),
    State.ATTESTING: Line("Its TPM was asked to prove itself."),
    State.JOINING: Line("The device may join the organisation."),
    State.ENROLLING: Line("The device has joined the organisation."),
    State.TECHNICIAN_PREPARING: Line("The device is under management, without a user."),
    State.TECHNICIAN_SETUP: Line("Device setup has begun."),
    State.TECHNICIAN_RELEASING: Line("Everything that was awaited is on the device. It was told so."),
    State.GREEN: Line("Green: pre-provisioning is done.", tone=Tone.GOOD),
    State.RESEALED: Line("The technician has resealed the device.", tone=Tone.PERSON),
    State.RED: Line("Red: pre-provisioning has failed.", tone=Tone.BAD),
    State.USER_SIGN_IN: Line("The device is on again, at its user's.", tone=Tone.PERSON),
    State.USER_DEVICE_SETUP: Line("Device setup has begun for the user."),
    State.USER_DEVICE_RELEASING: Line("The device's part is complete. It was told so."),
    State.USER_ACCOUNT_SETUP: Line("Device setup is done. Account setup follows."),
    State.USER_ACCOUNT_RELEASING: Line("The user's part is complete. The device was told so."),
    State.DESKTOP: Line("The user is at the desktop.", tone=Tone.GOOD),
    State.ERROR: Line("The set-up has failed.", tone=Tone.BAD),
    State.ENDED: Line("The deployment is over.", tone=Tone.QUIET),
}
_BECAUSE: Final = {
    SUPERSEDED: "The device began anew.",
    OUTSIDE: "The device was enrolled outside of set-up.",
    "replaced": "Another enrolment took its place.",
}


def _arrived(payload: _Payload) -> Line:
    state = _state(payload.get("to") or payload.get("state"))
    if state is None:
        return Line("The deployment went on.")
    line = _ARRIVED[state]
    return Line(line.text, _circumstances(payload), line.tone)


def _circumstances(payload: _Payload) -> str:
    parts = []
    if code := payload.get("code"):
        parts.append(f"{payload.get('message') or 'It gave no reason.'} ({code})")
    if seconds := payload.get("seconds"):
        parts.append(f"It has {_spoken(int(seconds))}.")
    if because := payload.get("because"):
        parts.append(_BECAUSE.get(str(because)) or _sentence(_spaced(str(because))))
    return " ".join(parts)


def _phase_begun(payload: _Payload) -> Line:
    which = "Account setup" if payload.get("phase") == "account" else "Device setup"
    return Line(f"{which} has begun again.", _circumstances(payload))


_DEVIATED: Final = {
    "technicianFlowLeft": "A user used it before pre-provisioning was done.",
    "usedAfterRed": "A user used it although pre-provisioning had failed.",
    "resealedEarly": "It was resealed before it was told that everything is there.",
    "deviceSetupLeft": "A user logged on before device setup was done.",
    "continuedAfterError": "The person went on after the error.",
    "left": "The person left the status page before it was done.",
}


def _deviated(payload: _Payload) -> Line:
    how = str(payload.get("how", ""))
    return Line("The device went past its page.", _DEVIATED.get(how) or _sentence(_spaced(how)), Tone.BAD)


# --- beside the arrows --------------------------------------------------------------------------------------

_PROOFS: Final = {
    "hardware": "It is a hardware TPM whose maker is known.",
    "hardwareUnknownVendor": "Who made it is not known.",
    "virtual": "It is a virtual TPM: good for trying out, and proves no hardware.",
}


def _attested(payload: _Payload) -> Line:
    return Line("The TPM has proven itself.", _PROOFS.get(str(payload.get("proof")), ""))


def _failed(text: str) -> _Teller:
    def teller(payload: _Payload) -> Line:
        return Line(text, _circumstances(payload), Tone.BAD)

    return teller


def _joined(payload: _Payload) -> Line:
    name = payload.get("display_name") or "The device"
    by = payload.get("upn")
    return Line(
        f"{name} is in the directory.",
        f"Joined by {by}." if by else "Joined by its ticket, without a user.",
        Tone.QUIET,
    )


def _enrolled(payload: _Payload) -> Line:
    by = "by its own token" if payload.get("by") == "device" else "by its user"
    return Line(f"A management enrolment has begun, {by}.", _version(payload), Tone.QUIET)


def _version(payload: _Payload) -> str:
    version = payload.get("osVersion")
    return f"Windows {version}." if version else ""


_CHANGES: Final = (
    ("added", "to be delivered"),
    ("again", "to be delivered anew"),
    ("removed", "to be removed"),
)


def _items_changed(payload: _Payload) -> Line:
    told, names = [], []
    for key, what in _CHANGES:
        some = payload.get(key)
        if some:
            told.append(f"{counted(int(some['count']), 'item')} {what}")
            names += [str(item["name"]) for item in some["items"]]
    text = "; ".join(told) or "What is to be delivered was worked out"
    return Line(_sentence(text), ", ".join(names), Tone.QUIET)


_REPORTED: Final = {
    "resealed": Line("The technician pressed Reseal.", tone=Tone.PERSON),
    "retry": Line("Somebody at the device pressed Retry.", tone=Tone.PERSON),
    "reset": Line("Somebody at the device pressed Reset.", tone=Tone.PERSON),
    "leftPage": Line("Somebody at the device left the status page.", tone=Tone.PERSON),
    "desktop": Line("The device shows the desktop.", tone=Tone.QUIET),
    "failed": Line("The device shows an error.", tone=Tone.BAD),
}


def _reported(payload: _Payload) -> Line:
    kind, screen = str(payload.get("kind", "")), _spaced(str(payload.get("screen", "")))
    if kind == "pageShown":
        return Line(f"The device shows: {screen}.", tone=Tone.QUIET)
    if kind == "intent":
        action = _spaced(str((payload.get("detail") or {}).get("action", "")))
        return Line(f"At the page “{screen}”: {action or 'something was chosen'}.", tone=Tone.QUIET)
    line = _REPORTED.get(kind, Line("The device reported something.", tone=Tone.QUIET))
    code = payload.get("code")
    return Line(line.text, f"({code})" if code else "", line.tone)


def _plain(text: str, tone: Tone = Tone.QUIET) -> _Teller:
    return lambda _payload: Line(text, tone=tone)


_TELLERS: Final[Mapping[str, _Teller]] = {
    "deployment.began": _arrived,
    "deployment.moved": _arrived,
    "deployment.ended": _arrived,
    "deployment.phase_begun": _phase_begun,
    "deployment.deviated": _deviated,
    "attestation.succeeded": _attested,
    "attestation.refused": _failed("The TPM has not proven itself."),
    "device.joined": _joined,
    "device.join_refused": _failed("The device was not let into the organisation."),
    "device.certificate_issued": _plain("The device got its certificate."),
    "device.changed": _plain("The directory device was edited."),
    "device.left": _plain("The device has left the organisation."),
    "device.reported": _reported,
    "enrolment.begun": _enrolled,
    "enrolment.refused": _failed("The enrolment was refused."),
    "enrolment.repeated": _plain("The device asked for its enrolment again; the answer was the same."),
    "enrolment.renewed": _plain("The management certificate was renewed."),
    "enrolment.unblocked": _plain(
        "An administrator lets the device be pre-provisioned once more.", Tone.PERSON
    ),
    "enrolment.user_seen": _plain("The user was seen on the device."),
    "enrolment.owner_changed": _plain("The device has another primary user."),
    "enrolment.ended": _plain("The enrolment has ended."),
    "enrolment.items_changed": _items_changed,
    "registration.profile_missing": _failed("The device has no profile."),
    "registration.changed": _plain("The registration was edited."),
    "registration.name_unfit": _failed("The name template does not fit this device."),
    "profile.given": _plain("The device has got its deployment profile."),
}


def _state(text: object) -> State | None:
    try:
        return State(str(text))
    except ValueError:
        return None


def _spaced(name: str) -> str:
    """`statusPage` as `status page`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _spoken(seconds: int) -> str:
    return counted(seconds, "second") if seconds < 60 else counted(seconds // 60, "minute")
