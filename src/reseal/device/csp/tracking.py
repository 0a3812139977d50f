"""EnrollmentStatusTracking: what an agent, or a server without one, tells the page (spec/mdm-wire.md 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from reseal.device.csp.rules import BOTH, Rule, access, below, of_leaf
from reseal.wire.csp import HAS_PROVISIONING_COMPLETED, TRACKING_CREATED, Preparation, TrackedApp
from reseal.wire.syncml import Format

_ROOT: Final = "Vendor/MSFT/EnrollmentStatusTracking"
_PREPARING: Final = f"{_ROOT}/DevicePreparation/PolicyProviders/*"
_APP_PROVIDER: Final = f"{_ROOT}/Setup/Apps/PolicyProviders/*"
_APP: Final = f"{_ROOT}/Setup/Apps/Tracking/*/*"

TRACKING: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        _PREPARING: Rule(access=access("ADG"), format=Format.NODE, added_first=True),
        **below(
            _PREPARING,
            of_leaf(Preparation.STATE, "ADGR"),
            of_leaf(Preparation.LAST_ERROR, "ADGR"),
            of_leaf(Preparation.TIMEOUT, "ADGR", "15"),
            of_leaf(Preparation.TRACKS_APPS, "ADGR", "false"),
        ),
        _APP_PROVIDER: Rule(access=access("ADG"), format=Format.NODE, scopes=BOTH, added_first=True),
        **below(_APP_PROVIDER, of_leaf(TRACKING_CREATED, "ADGR", "false")),
        _APP: Rule(access=access("ADG"), format=Format.NODE, scopes=BOTH),
        **below(
            _APP,
            of_leaf(TrackedApp.URI, "ADGR"),
            of_leaf(TrackedApp.STATE, "ADGR"),
            of_leaf(TrackedApp.REBOOT_REQUIRED, "ADGR"),
        ),
        **below(_ROOT, of_leaf(HAS_PROVISIONING_COMPLETED, "G", "true")),
    }
)
