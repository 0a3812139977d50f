"""Objections to a registration, from facts collected beforehand. No storage.

An objection that blocks keeps the technician flow from ending green; the others are for the user flow, or for
a person to look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reseal.autopilot.model import Registration, RemediationState
from reseal.autopilot.model_naming import sample_name
from reseal.autopilot.model_profile import JoinType, ProfileSettings
from reseal.autopilot.profile_assignment import EffectiveProfile
from reseal.directory.model import EnrollDecision
from reseal.esp.effective import EffectiveEsp
from reseal.kernel.errors import Invalid
from reseal.wire.hwhash import is_placeholder_serial

_VIRTUAL: Final = (
    ("reseal", ""),
    ("microsoft corporation", "virtual machine"),
    ("vmware", ""),
    ("qemu", ""),
    ("innotek gmbh", ""),
    ("xen", ""),
    ("parallels", ""),
)
"""Beginnings of manufacturer and model that virtual machines and our own virtual devices have, folded."""


class Severity(StrEnum):
    """What an objection keeps from working."""

    BLOCKS = "blocks"
    """The technician flow will not end green."""
    WARNS = "warns"


@dataclass(frozen=True, slots=True)
class Objection:
    """One thing that is wrong. `code` is what a device would show, or our own name for what none shows."""

    code: str
    severity: Severity
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class UserFact:
    """The assigned user as far as enrolment asks."""

    upn: str
    enabled: bool
    enrolment: EnrollDecision


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the checks of one registration look at."""

    registration: Registration
    profile: EffectiveProfile
    esp: EffectiveEsp
    """In the technician flow."""
    device_enrolment: EnrollDecision
    """For a device that enrols without a user."""
    user: UserFact | None
    """The assigned user, if there is one and it exists."""
    has_endorsement_key: bool
    virtual_tpm_allowed: bool
    idle_apps: Sequence[str]
    """Names of apps that the page selects as blocking and that are not required on the device."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a registration gets, why, and what stands against it."""

    registration: Registration
    profile: EffectiveProfile
    esp: EffectiveEsp
    items: Mapping[str, int]
    """How many items of each kind are effective, for the device and its assigned user."""
    objections: tuple[Objection, ...]

    @property
    def ready(self) -> bool:
        """Whether nothing keeps the technician flow from ending green."""
        return all(objection.severity is not Severity.BLOCKS for objection in self.objections)


def object_to(facts: Facts) -> tuple[Objection, ...]:
    """Every objection to a registration, what blocks first."""
    found = [
        *_hardware(facts),
        *_profile(facts),
        *_enrolment(facts),
        *_page(facts),
        *_user(facts),
    ]
    return tuple(sorted(found, key=lambda objection: objection.severity is not Severity.BLOCKS))


def is_virtual(manufacturer: str, model: str) -> bool:
    """Whether manufacturer and model are those of a virtual machine or of a virtual device of ours."""
    maker, name = manufacturer.strip().casefold(), model.strip().casefold()
    return any(maker.startswith(first) and name.startswith(second) for first, second in _VIRTUAL)


def _hardware(facts: Facts) -> Iterator[Objection]:
    registration = facts.registration
    if registration.remediation_state is RemediationState.AUTOMATIC:
        yield _blocks(
            "HardwareMismatchDetected",
            f"The hardware of {registration.serial} has changed (fix pending).",
            "Look at the presented hardware and confirm it, or register the device anew.",
        )
    if registration.remediation_state is RemediationState.MANUAL:
        yield _blocks(
            "HardwareMismatchDetected",
            f"Hardware called {registration.serial} is not the registered one (attention required).",
            "Deregister the device and register it anew with its present hash.",
        )
    if is_placeholder_serial(registration.serial):
        yield _warns(
            "PlaceholderSerial",
            f"The serial number {registration.serial} is a placeholder that other devices may have too.",
            "Have the serial number written to the firmware, then register the device anew.",
        )
    if is_virtual(registration.manufacturer, registration.model):
        if not facts.virtual_tpm_allowed:
            yield _blocks(
                "0x801C03EA",
                f"{registration.serial} is a virtual device, and its TPM proves nothing.",
                "Allow virtual TPMs in the organisation's settings, for tests only.",
            )
    elif not facts.has_endorsement_key:
        yield _blocks(
            "0x800705B4",
            f"The hardware hash of {registration.serial} holds no TPM, which the technician flow needs.",
            "Switch the TPM on in the firmware, then register the device anew.",
        )


def _profile(facts: Facts) -> Iterator[Objection]:
    settings = facts.profile.settings
    if settings is None:
        yield _blocks("815", facts.profile.reason, "Assign a deployment profile to a group of this device.")
        return
    if not settings.preprovisioning_allowed:
        yield _blocks(
            "0x80180005",
            f"The deployment profile '{facts.profile.name}' does not allow pre-provisioning.",
            "Allow pre-provisioned deployment in the profile, or assign one that does.",
        )
    yield from _name(facts.registration, settings)


def _name(registration: Registration, settings: ProfileSettings) -> Iterator[Objection]:
    if settings.join_type is JoinType.HYBRID or registration.device_name or not settings.device_name_template:
        return
    try:
        sample_name(settings.device_name_template, registration.serial)
    except Invalid as refused:
        yield _blocks(
            refused.code,
            f"The name template '{settings.device_name_template}' makes no valid name for this device: "
            f"{refused.message}",
            "Change the template, or give the device a name of its own.",
        )


def _enrolment(facts: Facts) -> Iterator[Objection]:
    decision = facts.device_enrolment
    if not decision.allowed:
        yield _blocks(decision.device_code, decision.message, decision.remedy)


def _page(facts: Facts) -> Iterator[Objection]:
    esp = facts.esp.profile
    if not esp.settings.show_installation_progress:
        yield _warns(
            "EspHidden",
            f"The Enrollment Status Page '{esp.name}' does not show progress, so the device may look done "
            "before its software is there.",
            "Assign a profile that shows app and profile configuration progress.",
        )
    for name in facts.idle_apps:
        yield _warns(
            "BlockingAppNotAssigned",
            f"The app {name} is selected as blocking in '{esp.name}' but is not required on this device, so "
            "nothing waits for it.",
            "Assign the app as required, or take it out of the selection.",
        )


def _user(facts: Facts) -> Iterator[Objection]:
    registration, user = facts.registration, facts.user
    if user is None:
        if registration.assigned_user_upn:
            yield _warns(
                "UserNotFound",
                f"There is no licensed user {registration.assigned_user_upn} to assign the device to.",
                "Create or license the user, or assign another one.",
            )
        return
    if not user.enabled:
        yield _warns(
            "UserDisabled",
            f"The account of {user.upn} is disabled; the user flow will stop at sign-in.",
            "Enable the account, or assign another user.",
        )
    if not user.enrolment.allowed:
        yield _warns(user.enrolment.device_code, user.enrolment.message, user.enrolment.remedy)
    settings = facts.profile.settings
    if settings is not None and settings.join_type is JoinType.HYBRID:
        yield _warns(
            "0x80070774",
            f"{user.upn} is assigned to a device that joins a domain; the first sign-in would join Entra.",
            "Take the assigned user away.",
        )


def _blocks(code: str, message: str, remedy: str) -> Objection:
    return Objection(code, Severity.BLOCKS, message, remedy)


def _warns(code: str, message: str, remedy: str) -> Objection:
    return Objection(code, Severity.WARNS, message, remedy)
