"""What actions and states are called: the texts of buttons and of progress, beside `content`.

A page may call an action by another name than the rest: *Choose* on the page of the region is *Yes*, as the
page asks whether it is the right one. Actions without a name are no buttons: pressing the Windows key is not
shown, and what is sent from a web page has its button there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from reseal.device.screens import Action, Progress, Screen, ScreenId
from reseal.web.phrases import say

LABELS: Final[Mapping[Action, str]] = MappingProxyType(
    {
        Action.CHOOSE: say("Yes"),
        Action.NEXT: say("Next"),
        Action.SKIP: say("Skip"),
        Action.ACCEPT: say("Accept"),
        Action.CANCEL: say("Cancel"),
        Action.PRESS_WINDOWS_KEY: say("Windows key"),
        Action.PLUG_CABLE: say("Plug in a network cable"),
        Action.CONNECT: say("Connect"),
        Action.SIGN_IN: say("Sign in"),
        Action.PRE_PROVISION: say("Next"),
        Action.REFRESH: say("Refresh"),
        Action.PROVISION: say("Next"),
        Action.RESEAL: say("Reseal"),
        Action.RETRY: say("Try again"),
        Action.RESET: say("Reset device"),
        Action.CONTINUE_ANYWAY: say("Continue anyway"),
        Action.COLLECT_LOGS: say("Collect logs"),
        Action.POWER_OFF: say("Shut down"),
    }
)
_ON_PAGES: Final[Mapping[tuple[ScreenId, Action], str]] = MappingProxyType(
    {
        (ScreenId.SECOND_KEYBOARD, Action.CHOOSE): say("Add layout"),
        (ScreenId.HELLO, Action.SKIP): say("Skip for now"),
        (ScreenId.LOCK, Action.NEXT): say("Sign in"),
        (ScreenId.NETWORK, Action.CANCEL): say("Back"),
        (ScreenId.PROVISIONING_CHOICE, Action.CANCEL): say("Back"),
        (ScreenId.CONFIGURATION, Action.CANCEL): say("Back"),
    }
)
PROGRESS: Final[Mapping[Progress, str]] = MappingProxyType(
    {
        Progress.NOT_STARTED: say("Not started"),
        Progress.IN_PROGRESS: say("In progress"),
        Progress.SUCCEEDED: say("Complete"),
        Progress.FAILED: say("Failed"),
        Progress.NOT_REQUIRED: say("Not required"),
    }
)


def label(screen: Screen, action: Action) -> str:
    """What the action is called on that page; empty if it is nothing to press."""
    return _ON_PAGES.get((screen.id, action)) or LABELS.get(action, "")
