"""What a device under way waits for: one vocabulary for server, device, pages and logs (design: no silent
state).
"""

from __future__ import annotations

from enum import StrEnum


class BlockerKind(StrEnum):
    """What is awaited. Who has to act stands in `AWAITED_FROM`."""

    START = "start"
    """The device is on and knows its profile; a person has to choose a flow."""
    ATTESTATION = "attestation"
    JOIN = "join"
    ENROLMENT = "enrolment"
    CHECK_IN = "checkIn"
    """The device has to come with its next session."""
    ITEM = "item"
    """A policy, certificate, network or app has to arrive on the device."""
    RELEASE = "release"
    """The device has to acknowledge that a phase is released."""
    RESEAL = "reseal"
    """Green: a technician has to press Reseal."""
    DELIVERY = "delivery"
    """Resealed: the user has to switch the device on."""
    SIGN_IN = "signIn"
    USER_SESSION = "userSession"
    """The user's session on the device has to begin, so that the user's part can be sent."""
    DECISION = "decision"
    """Red or error: a person has to retry or reset."""


class AwaitedFrom(StrEnum):
    """Who has to act."""

    DEVICE = "device"
    TECHNICIAN = "technician"
    USER = "user"
    PERSON = "person"
    """Whoever stands before the device."""


AWAITED_FROM = {
    BlockerKind.START: AwaitedFrom.PERSON,
    BlockerKind.ATTESTATION: AwaitedFrom.DEVICE,
    BlockerKind.JOIN: AwaitedFrom.DEVICE,
    BlockerKind.ENROLMENT: AwaitedFrom.DEVICE,
    BlockerKind.CHECK_IN: AwaitedFrom.DEVICE,
    BlockerKind.ITEM: AwaitedFrom.DEVICE,
    BlockerKind.RELEASE: AwaitedFrom.DEVICE,
    BlockerKind.RESEAL: AwaitedFrom.TECHNICIAN,
    BlockerKind.DELIVERY: AwaitedFrom.USER,
    BlockerKind.SIGN_IN: AwaitedFrom.USER,
    BlockerKind.USER_SESSION: AwaitedFrom.USER,
    BlockerKind.DECISION: AwaitedFrom.PERSON,
}
