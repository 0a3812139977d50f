"""The machine of screens, as a table (spec/autopilot.md 6.2, 7.1; design.md 3).

Theory of operation. A *step* shows a page or does a piece of work, and ends with an *outcome*; the table says
which step follows. Steps whose work is done, and pages that the profile hides or a person has answered, end
with PASSED at once. There are three roads:

- the pages, which both flows begin with. On a wire the profile comes first and says which pages are shown;
  without one the pages up to the network come first, whatever the profile would say;
- the technician flow, entered by five presses of the Windows key on any page before the sign-in:
  configuration page, rename and restart, device preparation, device set-up, green or red;
- the user flow: sign-in, join and enrolment unless a technician did both, device set-up, account set-up.

A step that fails ends with RED while a technician's work is under way, with ERROR otherwise. Retry leads to
the first step of the road, and what is done is passed over. Power-on leads to START, which knows from the
disk where the device stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Step(StrEnum):
    """One page or piece of work."""

    START = "start"
    RESTART = "restart"
    RESET = "reset"
    # pages
    LANGUAGE = "language"
    REGION = "region"
    KEYBOARD = "keyboard"
    SECOND_KEYBOARD = "secondKeyboard"
    NETWORK = "network"
    PROFILE = "profile"
    LICENCE_TERMS = "licenceTerms"
    # technician flow
    CHOICE = "choice"
    CONFIGURATION = "configuration"
    RENAME = "rename"
    SECURE = "secure"
    JOIN = "join"
    ENROL = "enrol"
    GREEN = "green"
    RED = "red"
    # user flow
    SIGN_IN = "signIn"
    USER_RENAME = "userRename"
    USER_JOIN = "userJoin"
    USER_ENROL = "userEnrol"
    PRIVACY = "privacy"
    ACCOUNT_SETUP = "accountSetup"
    STOPPED = "stopped"
    HELLO = "hello"
    DESKTOP = "desktop"
    LOCK = "lock"
    ERROR = "error"
    # both
    PREPARE = "prepare"
    DEVICE_SETUP = "deviceSetup"
    OFF = "off"


class Outcome(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    """Done, answered, or not to be shown."""
    RED = "red"
    ERROR = "error"
    FIVE_PRESSES = "fivePresses"
    OFFLINE = "offline"
    TECHNICIAN = "technician"
    """The technician flow was chosen."""
    UNDER_WAY = "underWay"
    """The technician flow has begun."""
    CANCELLED = "cancelled"
    CONNECTED = "connected"
    RESTART = "restart"
    AGAIN = "again"
    """What an earlier step gave is used up."""
    RETRY = "retry"
    RESET = "reset"
    GREEN = "green"
    STOPPED = "stopped"
    """The status page cannot go on by itself."""
    LEFT = "left"
    """The person left the status page without its release."""
    DESKTOP = "desktop"


_S, _O = Step, Outcome

TRANSITIONS: Final[Mapping[Step, Mapping[Outcome, Step]]] = MappingProxyType(
    {
        _S.START: {
            _O.PASSED: _S.PROFILE,
            _O.OFFLINE: _S.LANGUAGE,
            _O.UNDER_WAY: _S.PREPARE,
            _O.GREEN: _S.GREEN,
            _O.RED: _S.RED,
            _O.DESKTOP: _S.LOCK,
            _O.RESET: _S.RESET,
        },
        _S.RESTART: {_O.PASSED: _S.START, _O.RED: _S.RED, _O.ERROR: _S.ERROR},
        _S.RESET: {_O.PASSED: _S.RESTART},
        _S.LANGUAGE: {_O.PASSED: _S.REGION, _O.FIVE_PRESSES: _S.CHOICE},
        _S.REGION: {_O.PASSED: _S.KEYBOARD, _O.FIVE_PRESSES: _S.CHOICE},
        _S.KEYBOARD: {_O.PASSED: _S.SECOND_KEYBOARD, _O.FIVE_PRESSES: _S.CHOICE},
        _S.SECOND_KEYBOARD: {_O.PASSED: _S.NETWORK, _O.FIVE_PRESSES: _S.CHOICE},
        _S.NETWORK: {
            _O.PASSED: _S.LICENCE_TERMS,
            _O.CONNECTED: _S.PROFILE,
            _O.FIVE_PRESSES: _S.CHOICE,
        },
        _S.PROFILE: {
            _O.PASSED: _S.LANGUAGE,
            _O.OFFLINE: _S.NETWORK,
            _O.TECHNICIAN: _S.CONFIGURATION,
            _O.UNDER_WAY: _S.SECURE,
            _O.RED: _S.RED,
            _O.ERROR: _S.ERROR,
        },
        _S.LICENCE_TERMS: {_O.PASSED: _S.SIGN_IN, _O.FIVE_PRESSES: _S.CHOICE},
        _S.CHOICE: {
            _O.TECHNICIAN: _S.CONFIGURATION,
            _O.OFFLINE: _S.LANGUAGE,
            _O.CANCELLED: _S.LANGUAGE,
        },
        _S.CONFIGURATION: {_O.TECHNICIAN: _S.RENAME, _O.CANCELLED: _S.LANGUAGE},
        _S.RENAME: {_O.PASSED: _S.SECURE, _O.RESTART: _S.RESTART},
        _S.SECURE: {_O.PASSED: _S.JOIN, _O.RED: _S.RED},
        _S.JOIN: {_O.PASSED: _S.ENROL, _O.AGAIN: _S.SECURE, _O.RED: _S.RED},
        _S.ENROL: {_O.PASSED: _S.PREPARE, _O.RED: _S.RED},
        _S.PREPARE: {
            _O.PASSED: _S.DEVICE_SETUP,
            _O.RED: _S.RED,
            _O.ERROR: _S.ERROR,
        },
        _S.DEVICE_SETUP: {
            _O.GREEN: _S.GREEN,
            _O.PASSED: _S.PRIVACY,
            _O.RESTART: _S.RESTART,
            _O.RED: _S.RED,
            _O.STOPPED: _S.STOPPED,
            _O.LEFT: _S.PRIVACY,
            _O.ERROR: _S.ERROR,
        },
        _S.GREEN: {_O.PASSED: _S.OFF},
        _S.RED: {_O.RETRY: _S.START, _O.RESET: _S.RESET},
        _S.SIGN_IN: {
            _O.PASSED: _S.USER_RENAME,
            _O.FIVE_PRESSES: _S.CHOICE,
            _O.OFFLINE: _S.NETWORK,
            _O.ERROR: _S.ERROR,
        },
        _S.USER_RENAME: {_O.PASSED: _S.USER_JOIN},
        _S.USER_JOIN: {_O.PASSED: _S.USER_ENROL, _O.AGAIN: _S.SIGN_IN, _O.ERROR: _S.ERROR},
        _S.USER_ENROL: {_O.PASSED: _S.PREPARE, _O.AGAIN: _S.SIGN_IN, _O.ERROR: _S.ERROR},
        _S.PRIVACY: {_O.PASSED: _S.ACCOUNT_SETUP},
        _S.ACCOUNT_SETUP: {
            _O.PASSED: _S.HELLO,
            _O.LEFT: _S.HELLO,
            _O.STOPPED: _S.STOPPED,
            _O.ERROR: _S.ERROR,
        },
        _S.STOPPED: {
            _O.RETRY: _S.DEVICE_SETUP,
            _O.RESET: _S.RESET,
            _O.LEFT: _S.HELLO,
            _O.ERROR: _S.ERROR,
        },
        _S.HELLO: {_O.PASSED: _S.DESKTOP},
        _S.DESKTOP: {_O.PASSED: _S.OFF},
        _S.LOCK: {_O.PASSED: _S.PROFILE},
        _S.ERROR: {_O.RETRY: _S.START, _O.RESET: _S.RESET},
        _S.OFF: {},
    }
)
"""Which step follows. `OFF` is the end: the device is switched off, or left at its desktop."""


def edges() -> Iterator[tuple[Step, Outcome, Step]]:
    """Every arrow, in the order of the table: for diagrams."""
    for step, outcomes in TRANSITIONS.items():
        for outcome, target in outcomes.items():
            yield step, outcome, target
