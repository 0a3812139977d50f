"""What a person meets on a device: screens as content, apart from how they are drawn.

A `Screen` names what it is, says its texts and fields, and which actions it offers. Whoever draws it, reads
it out or drives it by a script answers with an `Intent`, one of the offered actions with what was typed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from reseal.wire.runtime.screens import ScreenId

__all__ = [
    "Action",
    "Choice",
    "Detail",
    "Field",
    "Intent",
    "Line",
    "Progress",
    "Screen",
    "ScreenId",
    "Section",
    "WebPage",
]


class Action(StrEnum):
    """What a person may do on a screen."""

    CHOOSE = "choose"
    """Take one of a field's choices and go on."""
    NEXT = "next"
    SKIP = "skip"
    ACCEPT = "accept"
    CANCEL = "cancel"
    PRESS_WINDOWS_KEY = "pressWindowsKey"
    PLUG_CABLE = "plugCable"
    CONNECT = "connect"
    """Join the Wi-Fi network `value` with the password `secret`."""
    SIGN_IN = "signIn"
    """As the user `value` with the password `secret`."""
    SUBMIT = "submit"
    """Send a form of the web page that is shown: to its address `value`, with the body `secret`."""
    FOLLOW = "follow"
    """Go where a link of the web page leads, to the address `value`."""
    PRE_PROVISION = "preProvision"
    """*Pre-provision with Windows Autopilot*."""
    REFRESH = "refresh"
    PROVISION = "provision"
    RESEAL = "reseal"
    RETRY = "retry"
    RESET = "reset"
    CONTINUE_ANYWAY = "continueAnyway"
    COLLECT_LOGS = "collectLogs"
    POWER_OFF = "powerOff"


@dataclass(frozen=True, slots=True)
class Intent:
    """What a person does."""

    action: Action
    value: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values of a field."""

    value: str
    label: str
    language: str = ""
    """Of the label, if it is another than the page's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Something to fill in or choose."""

    name: str
    label: str
    value: str = ""
    choices: tuple[Choice, ...] = ()
    language: str = ""
    """Of the labels of its choices, if it is another than the page's."""
    by_name: bool = False
    """Its choices are sorted by their labels, in whichever language these are."""
    secret: bool = False
    fixed: bool = False
    """Filled in already, and not to be changed."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One fact on a page: `organisation`, `profile`, `user`, `elapsed` and the like."""

    name: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page of the sign-in service as it came, for who can draw it; the screen says what it means."""

    url: str
    source: bytes = field(repr=False)


class Progress(StrEnum):
    """How far a phase or one of its parts is."""

    NOT_STARTED = "notStarted"
    IN_PROGRESS = "inProgress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NOT_REQUIRED = "notRequired"


@dataclass(frozen=True, slots=True)
class Line:
    """One subcategory of a phase."""

    title: str
    state: Progress
    text: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One phase on the status page."""

    name: str
    title: str
    state: Progress
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """One page as it stands."""

    id: ScreenId
    title: str
    texts: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    details: tuple[Detail, ...] = ()
    sections: tuple[Section, ...] = ()
    actions: tuple[Action, ...] = ()
    notice: str = ""
    """What came of the last thing that the person did here, or what the device did by itself."""
    code: str = ""
    """Of an error: an HRESULT or event number, or the sign-in page's own (`AADSTS50126`)."""
    qr: str = ""
    """Content of the QR code, JSON."""
    language: str = ""
    """Of the texts (BCP 47)."""
    labels: tuple[tuple[Action, str], ...] = ()
    """What its actions are called; filled in by `pages.localizing`, for whoever draws the page."""
    words: tuple[tuple[Progress, str], ...] = ()
    """What its states are called, likewise."""
    web: WebPage | None = None

    def detail(self, name: str) -> str:
        """The value of a detail; empty if the page does not say it."""
        return next((each.value for each in self.details if each.name == name), "")

    def field(self, name: str) -> Field | None:
        """The field of that name."""
        return next((each for each in self.fields if each.name == name), None)

    def section(self, name: str) -> Section | None:
        """The phase of that name."""
        return next((each for each in self.sections if each.name == name), None)

    def label(self, action: Action) -> str:
        """What the action is called on this page, once it is localized; else its name."""
        return dict(self.labels).get(action, action.value)

    def word(self, state: Progress) -> str:
        """What the state is called, once the page is localized; else its name."""
        return dict(self.words).get(state, state.value)

    def offers(self, action: Action) -> bool:
        """Whether a person may do that here."""
        return action in self.actions
