"""EnrollmentStatusTracking: what an agent tells the Enrollment Status Page (spec/mdm-wire.md 4.2).

The two `InstallationState` have different values: 2 is *not required* while the device is prepared and *in
progress* for an app. Leaves are written by the agent unless they say otherwise.
"""

from datetime import timedelta
from enum import IntEnum
from typing import Final

from reseal.wire.csp.locuri import CspError, LocURI, Scope
from reseal.wire.csp.nodes import BOTH, Leaf, vendor
from reseal.wire.syncml import Command, Format, add_node

_MINUTE: Final = timedelta(minutes=1)


def tracking(scope: Scope = Scope.DEVICE) -> LocURI:
    """The root; the device's is *Device setup*, the user's *Account setup*."""
    return vendor("EnrollmentStatusTracking", scope)


def preparing_provider(provider: str) -> LocURI:
    """The node whose existence makes *Device preparation* wait for `provider`; its leaves: `Preparation`."""
    return tracking().under(("DevicePreparation", "PolicyProviders", provider))


def app_provider(provider: str, scope: Scope = Scope.DEVICE) -> LocURI:
    """The node that makes the page wait for the list of apps of `provider`; its leaf: `TRACKING_CREATED`."""
    return tracking(scope).under(("Setup", "Apps", "PolicyProviders", provider))


def tracked_app(provider: str, app: str, scope: Scope = Scope.DEVICE) -> LocURI:
    """An app that the page waits for; `app` is a name that is not shown. Its leaves: `TrackedApp`."""
    return tracking(scope).under(("Setup", "Apps", "Tracking", provider, app))


class PreparationState(IntEnum):
    """Values of `Preparation.STATE`. The phase goes on when every provider is at 2 or 3."""

    NOT_INSTALLED = 1
    NOT_REQUIRED = 2
    COMPLETED = 3
    ERROR = 4


class AppState(IntEnum):
    """Values of `TrackedApp.STATE`."""

    NOT_INSTALLED = 1
    IN_PROGRESS = 2
    COMPLETED = 3
    ERROR = 4


class RebootRequired(IntEnum):
    """Values of `TrackedApp.REBOOT_REQUIRED`."""

    NOT_REQUIRED = 1
    SOFT_REBOOT = 2
    HARD_REBOOT = 3


class Preparation:
    """Leaves below `preparing_provider`."""

    STATE: Final = Leaf("InstallationState", Format.INT, lowest=1, highest=4)
    """Set by the server too, if there is no agent."""
    LAST_ERROR: Final = Leaf("LastError", Format.INT)
    """HRESULT; read in state 4 only."""
    TIMEOUT: Final = Leaf("Timeout", Format.INT, lowest=1)
    """Minutes, 15 by default; set by the server."""
    TRACKS_APPS: Final = Leaf("TrackedResourceTypes/Apps", Format.BOOL)
    """Set by the server."""


TRACKING_CREATED: Final = Leaf("TrackingPoliciesCreated", Format.BOOL, BOTH)
"""Below `app_provider`: the list of apps is complete."""

HAS_PROVISIONING_COMPLETED: Final = Leaf("Setup/HasProvisioningCompleted", Format.BOOL, BOTH)
"""Below `tracking`; written by the page, false while it shows."""


class TrackedApp:
    """Leaves below `tracked_app`."""

    URI: Final = Leaf("TrackingUri", Format.CHR, BOTH)
    STATE: Final = Leaf("InstallationState", Format.INT, BOTH, lowest=1, highest=4)
    REBOOT_REQUIRED: Final = Leaf("RebootRequired", Format.INT, BOTH, lowest=1, highest=3)


def hold_preparation(provider: str, *, timeout: timedelta, tracks_apps: bool) -> tuple[Command, ...]:
    """The commands that make *Device preparation* wait for `provider`, in the order that they must have.

    The node comes before its leaves (spec/mdm-wire.md 4.4, rows 9 to 12). `timeout` is whole minutes. Raises
    CspError.
    """
    if timeout % _MINUTE:
        message = f"The page counts whole minutes, not {timeout}"
        raise CspError(code="Value", message=message, remedy="Give whole minutes")
    node = preparing_provider(provider)
    return (
        add_node(str(node)),
        Preparation.STATE.put(node, PreparationState.NOT_INSTALLED).replace(),
        Preparation.TIMEOUT.put(node, timeout // _MINUTE).replace(),
        Preparation.TRACKS_APPS.put(node, tracks_apps).replace(),
    )
