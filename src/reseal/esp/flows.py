"""Words that everybody above uses for the parts of the story and of the status page."""

from __future__ import annotations

from enum import StrEnum


class Flow(StrEnum):
    """Which part of the story."""

    TECHNICIAN = "technician"
    USER = "user"


class Phase(StrEnum):
    """The phases of the Enrollment Status Page that the server releases."""

    DEVICE = "device"
    ACCOUNT = "account"
