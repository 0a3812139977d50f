"""Who may join a device, and whose device enrols by itself when it joins.

Both decisions are data: allowed or not, the code that a device shows, a sentence and a remedy
(`spec/autopilot.md 1.1`, `spec/identity.md 9`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from reseal.directory.model_settings import JoinAllowed, MdmScope, TenantSettings

NOT_AUTHORIZED_TO_JOIN = "801c0003"
NOT_AUTHORIZED_TO_ENROLL = "0x80180003"
NO_LICENCE = "0x80180018"
NO_MDM_ADDRESS = "0x8018002B"


class JoinReason(StrEnum):
    """What decided about a join."""

    ALLOWED = "allowed"
    DISABLED = "disabled"
    NOBODY = "nobody"
    NOT_SELECTED = "notSelected"
    QUOTA = "quota"


@dataclass(frozen=True, slots=True)
class JoinDecision:
    """Whether a user may join one more device; `code` is 801c0003 for every refusal, empty otherwise."""

    reason: JoinReason
    message: str
    remedy: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the join goes on."""
        return self.reason is JoinReason.ALLOWED

    @property
    def code(self) -> str:
        """What the device shows."""
        return "" if self.allowed else NOT_AUTHORIZED_TO_JOIN


class EnrollCause(StrEnum):
    """What decided about automatic enrolment."""

    ALLOWED = "allowed"
    SCOPE = "scope"
    LICENCE = "licence"


@dataclass(frozen=True, slots=True)
class EnrollDecision:
    """Whether a device enrols for its user, or for itself in the technician flow.

    Outside the scope the join succeeds without MDM addresses (`given_addresses` is False) and the device
    shows `device_code`; whoever enrols all the same is refused with `code`.
    """

    cause: EnrollCause
    message: str
    remedy: str = ""

    @property
    def allowed(self) -> bool:
        """Whether enrolment succeeds."""
        return self.cause is EnrollCause.ALLOWED

    @property
    def given_addresses(self) -> bool:
        """Whether the sign-in token carries the MDM's addresses."""
        return self.cause is not EnrollCause.SCOPE

    @property
    def code(self) -> str:
        """The code of the enrolment's SOAP fault; empty if allowed."""
        match self.cause:
            case EnrollCause.ALLOWED:
                return ""
            case EnrollCause.SCOPE:
                return NOT_AUTHORIZED_TO_ENROLL
            case EnrollCause.LICENCE:
                return NO_LICENCE
        assert_never(self.cause)

    @property
    def device_code(self) -> str:
        """The code that a joining device shows; empty if allowed."""
        return NO_MDM_ADDRESS if self.cause is EnrollCause.SCOPE else self.code


def decide_join(
    settings: TenantSettings, upn: str, *, enabled: bool, selected: bool, devices: int
) -> JoinDecision:
    """Whether the user `upn`, who has `devices` devices already, may join one more.

    `selected` says whether the user, or a group of theirs, stands in *Selected*; it counts only there.
    """
    if not enabled:
        return JoinDecision(
            JoinReason.DISABLED,
            message=f"The account of {upn} is disabled.",
            remedy="Enable the account, or use another one.",
        )
    match settings.join_allowed:
        case JoinAllowed.NONE:
            return JoinDecision(
                JoinReason.NOBODY,
                message=f"{upn} may not join devices: 'Users may join devices' is set to None.",
                remedy="Set it to All, or to Selected with this user or a group of theirs.",
            )
        case JoinAllowed.SELECTED if not selected:
            return JoinDecision(
                JoinReason.NOT_SELECTED,
                message=f"{upn} may not join devices: neither the user nor a group of theirs is in Selected.",
                remedy="Add the user or one of their groups to 'Users may join devices', Selected.",
            )
        case JoinAllowed.SELECTED | JoinAllowed.ALL:
            return _within_quota(settings.user_device_quota, upn, devices)
    assert_never(settings.join_allowed)


def _within_quota(quota: int | None, upn: str, devices: int) -> JoinDecision:
    if quota is None:
        return JoinDecision(
            JoinReason.ALLOWED,
            message=f"{upn} may join devices without a limit; {devices} joined.",
        )
    if devices < quota:
        return JoinDecision(
            JoinReason.ALLOWED,
            message=f"{upn} may join devices; {devices} of {quota} joined.",
        )
    return JoinDecision(
        JoinReason.QUOTA,
        message=f"{upn} may not join another device: {devices} of {quota} devices are joined.",
        remedy="Remove a device of this user, or raise the maximum number of devices per user.",
    )


def decide_enrolment(
    settings: TenantSettings, upn: str | None, *, in_scope: bool, licensed: bool
) -> EnrollDecision:
    """Whether the device of `upn` enrols automatically; None is a device in the technician flow.

    `in_scope` says whether the user is in a group of *MDM user scope: Some*; it counts only there. A device
    without a user is refused by scope *None* alone.
    """
    who = upn or "A device in the technician flow"
    if settings.mdm_scope is MdmScope.NONE:
        return EnrollDecision(
            EnrollCause.SCOPE,
            message=f"{who} cannot enrol: the MDM user scope is None.",
            remedy="Set the MDM user scope to All, or to Some with a group of users.",
        )
    if upn is None:
        return EnrollDecision(EnrollCause.ALLOWED, message=f"{who} enrols without a user.")
    if settings.mdm_scope is MdmScope.SOME and not in_scope:
        return EnrollDecision(
            EnrollCause.SCOPE,
            message=f"{upn} is outside the MDM user scope: Some, with none of the user's groups.",
            remedy="Add the user to a group of the MDM user scope, or set it to All.",
        )
    if not licensed:
        return EnrollDecision(
            EnrollCause.LICENCE,
            message=f"{upn} has no licence for device management.",
            remedy="Give the user a licence, then try again.",
        )
    return EnrollDecision(
        EnrollCause.ALLOWED,
        message=f"{upn} is in the MDM user scope and licensed.",
    )
