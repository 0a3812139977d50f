"""Names of what a person meets on a device (spec/autopilot.md 6.2, 7.1)."""

from __future__ import annotations

from enum import StrEnum


class ScreenId(StrEnum):
    """One name for one page, in reports, scripts and texts."""

    POWER_OFF = "powerOff"
    STARTING = "starting"
    LANGUAGE = "language"
    REGION = "region"
    KEYBOARD = "keyboard"
    SECOND_KEYBOARD = "secondKeyboard"
    NETWORK = "network"
    CHECKING = "checking"
    """*Just a moment*: the profile is being fetched."""
    LICENCE_TERMS = "licenceTerms"
    SIGN_IN = "signIn"
    PROVISIONING_CHOICE = "provisioningChoice"
    """*What would you like to do?*, after five presses of the Windows key."""
    CONFIGURATION = "configuration"
    """*Windows Autopilot Configuration*: organisation, profile, user, QR code, Refresh, Provision."""
    STATUS_PAGE = "statusPage"
    RESTARTING = "restarting"
    GREEN = "green"
    RED = "red"
    PRIVACY = "privacy"
    HELLO = "hello"
    LOCK = "lock"
    ERROR = "error"
    """Set-up cannot go on: the code, what happened, what to do."""
    DESKTOP = "desktop"
