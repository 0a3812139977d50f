"""The commands that hold, release and end a phase of the status page (spec/mdm-wire.md 4.4). Pure.

`hold_commands` gives what the device has not acknowledged yet, in the order that it must have: all of it goes
into the first reply of an enrolment, since later the page would have passed. Each command stands alone and
has a key and the answers that count as acknowledgement; whoever sends them puts acknowledged keys into the
phase (`model_phase.acknowledged`) and asks again in the next session. So a lost reply is repeated and nothing
else is. The lists of what is expected carry a digest in their key: when assignment changes before the
release, the new list goes out.

When nothing else is left of a device's hold, one command follows that ends *Preparing your device for mobile
management*: there is no agent to wait for, and Windows gives an agent 15 minutes only. For the same reason
the apps of EnrollmentStatusTracking are not used; Windows itself watches what `Expected*` lists.

What the page counts: one dummy policy, which every device has; the networks; the blocking apps. Certificates
that it can count are those of SCEP, and there are none (spec/autopilot.md 5.4, check 81).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final

from reseal.catalog.model import AppBody, Body, WifiBody
from reseal.esp.flows import Flow
from reseal.esp.judging import blocks
from reseal.esp.model import EspSettings
from reseal.esp.model_phase import PhaseState
from reseal.managed.model import MACHINE, PROVIDER_ID, Item, ItemState
from reseal.wire.csp import (
    BlockInStatusPage,
    Enrollment,
    Expected,
    FirstSync,
    Leaf,
    LocURI,
    Poll,
    Preparation,
    PreparationState,
    Scope,
    Value,
    Wifi,
    expected_msi,
    first_sync_status,
    hold_preparation,
    preparing_provider,
    provider,
    wifi_profile,
    write_expected,
)
from reseal.wire.syncml import Command, add_node

OK: Final = frozenset({200})
ADDED: Final = frozenset({200, 418})
"""Of an Add: there now, or there already."""
WITHOUT_TRACKING: Final = frozenset({200, 404, 406, 418})
"""Windows before 1903 has no EnrollmentStatusTracking, and its page does not wait for a provider either."""

RELEASE: Final = "release"
"""Key of the command whose 200 closes the phase."""

RELAXED_FIRST: Final = (15, 8)
"""Minutes between sessions after the page, and how many there are; then one every `RELAXED_THEN` minutes."""
RELAXED_THEN: Final = 480
_FAST: Final = 1
_FOR_EVER: Final = 0
_FAILS_WITHIN: Final = 1
"""Minutes: the shortest time-out there is makes the page fail now."""
_NO_AGENT_AFTER: Final = timedelta(minutes=30)
"""The provider is released in the second message; the page's own 15 minutes could be short on a slow line."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """A command, the key under which its acknowledgement is kept, and the answers that are one."""

    key: str
    command: Command
    accept: frozenset[int] = OK


def hold_commands(state: PhaseState, items: Sequence[Item], bodies: Mapping[int, Body]) -> tuple[Keyed, ...]:
    """What is not acknowledged of the hold; empty when the page is held.

    `items` are those of the enrolment, `bodies` those of the catalogue by item key: an address needs the
    product code or the SSID, and an item whose body is missing is not counted on the page.
    """
    commands = _device_hold(state) if state.user == MACHINE else _account_hold(state)
    open_ = _open(state, [*commands, *_expected(state, items, bodies)])
    if open_ or state.user != MACHINE:
        return open_
    return _open(state, [_prepared()])


def release_command(state: PhaseState) -> Keyed:
    """Nothing more will be added: the page may go on. Only the 200 to it closes the phase."""
    return Keyed(RELEASE, FirstSync.SERVER_HAS_FINISHED.put(_base(state), True).replace())


def failure_commands(state: PhaseState) -> tuple[Keyed, ...]:
    """What makes the page fail within a minute, with its text and buttons (spec/mdm-wire.md 4.4 *Failure*).

    Never ServerHasFinishedProvisioning: Windows counts it as success.
    """
    return _open(
        state, [*_ways_out(state, "failure:"), _set("failure:timeout", FirstSync.TIMEOUT, _FAILS_WITHIN)]
    )


def aftermath_commands(state: PhaseState) -> tuple[Keyed, ...]:
    """What follows the release of an account phase: the next person's page, and a relaxed poll.

    The device's phase has none: a relaxed poll would make the account phase slow.
    """
    if state.user == MACHINE:
        return ()
    minutes, times = RELAXED_FIRST
    only_first = state.settings.disable_user_status_tracking_after_first_user or not state.shown
    return _open(
        state,
        [
            *([_set("after:skipUser", FirstSync.SKIP_USER_STATUS_PAGE, True)] if only_first else []),
            _set("after:pollThen", Poll.SECOND_INTERVAL, RELAXED_THEN),
            _set("after:pollThenTimes", Poll.SECOND_NUMBER, _FOR_EVER),
            _set("after:pollTimes", Poll.FIRST_NUMBER, times),
            _set("after:poll", Poll.FIRST_INTERVAL, minutes),
        ],
    )


def block_flags(settings: EspSettings, selected_apps: Sequence[int] = ()) -> BlockInStatusPage:
    """What the page offers when it fails; 0 lets the user leave at any time (docs/decisions/0040).

    The page blocks if its setting says so, or anything is set that means nothing otherwise: a way out after
    an error, or a selection of apps. *Try again* is there unless `blockDeviceSetupRetryByUser` takes it away,
    and always if no other way out is left.
    """
    flags = BlockInStatusPage(0)
    if settings.allow_device_reset_on_install_failure:
        flags |= BlockInStatusPage.RESET_PC
    if settings.allow_device_use_on_install_failure:
        flags |= BlockInStatusPage.CONTINUE_ANYWAY
    if not settings.block_device_setup_retry_by_user and not flags and not selected_apps:
        return flags
    if not settings.block_device_setup_retry_by_user or not flags:
        flags |= BlockInStatusPage.TRY_AGAIN
    return flags


def _device_hold(state: PhaseState) -> Iterator[Keyed]:
    """Rows 3 to 12. A fast poll is what the provisioning document says; a rerun may have to ask for it."""
    yield _set("skipDevice", FirstSync.SKIP_DEVICE_STATUS_PAGE, not state.shown)
    yield _set("skipUser", FirstSync.SKIP_USER_STATUS_PAGE, not state.shown)
    yield from _ways_out(state)
    yield _timeout(state)
    node, status, timeout, apps = hold_preparation(PROVIDER_ID, timeout=_NO_AGENT_AFTER, tracks_apps=False)
    yield Keyed("provider", node, WITHOUT_TRACKING)
    yield Keyed("providerState", status, WITHOUT_TRACKING)
    yield Keyed("providerTimeout", timeout, WITHOUT_TRACKING)
    yield Keyed("providerApps", apps, WITHOUT_TRACKING)
    if state.flow is Flow.USER:
        yield from _fast_poll()


def _account_hold(state: PhaseState) -> Iterator[Keyed]:
    """Rows 1 and 2, and again what a failure, another profile or the end of a page may have changed."""
    yield Keyed("userProvider", add_node(str(provider(PROVIDER_ID, Scope.USER))), ADDED)
    yield Keyed("userPage", add_node(str(first_sync_status(PROVIDER_ID, Scope.USER))), ADDED)
    yield from _ways_out(state)
    yield _timeout(state)
    yield from _fast_poll()


def _ways_out(state: PhaseState, prefix: str = "") -> Iterator[Keyed]:
    """Buttons and text of the page when it fails (rows 5 to 7)."""
    settings = state.settings
    yield _set(f"{prefix}block", FirstSync.BLOCK_IN_STATUS_PAGE, block_flags(settings, state.selected_apps))
    yield _set(
        f"{prefix}logs", FirstSync.ALLOW_COLLECT_LOGS, settings.allow_log_collection_on_install_failure
    )
    yield _set(f"{prefix}text", FirstSync.CUSTOM_ERROR_TEXT, settings.message)


def _timeout(state: PhaseState) -> Keyed:
    return _set("timeout", FirstSync.TIMEOUT, state.settings.install_progress_timeout_in_minutes)


def _fast_poll() -> Iterator[Keyed]:
    yield _set("poll", Poll.FIRST_INTERVAL, _FAST)
    yield _set("pollTimes", Poll.FIRST_NUMBER, _FOR_EVER)


def _prepared() -> Keyed:
    node = preparing_provider(PROVIDER_ID)
    done = Preparation.STATE.put(node, PreparationState.COMPLETED).replace()
    return Keyed("providerDone", done, WITHOUT_TRACKING)


# --- what is expected ---------------------------------------------------------------------------------------


def _expected(state: PhaseState, items: Sequence[Item], bodies: Mapping[int, Body]) -> Iterator[Keyed]:
    """Row 13: every list, so that a page that was used before forgets what it waited for then."""
    networks: list[Expected] = []
    packages: list[Expected] = []
    for item in items:
        if not blocks(state, item) or item.state is ItemState.HELD:
            continue
        match bodies.get(item.item_id):
            case WifiBody() as wifi:
                networks.append(Expected(Wifi.WLAN_XML.at(wifi_profile(wifi.ssid, _scope(state)))))
            case AppBody() as app:
                packages.append(expected_msi(app.product_code, _scope(state)))
            case _:
                pass
    yield _list(state, "expectedPolicies", FirstSync.EXPECTED_POLICIES, [_dummy_policy()])
    yield _list(state, "expectedNetworks", FirstSync.EXPECTED_NETWORK_PROFILES, networks)
    yield _list(state, "expectedMsi", FirstSync.EXPECTED_MSI_APP_PACKAGES, packages)
    yield _list(state, "expectedModern", FirstSync.EXPECTED_MODERN_APP_PACKAGES, [])
    yield _list(state, "expectedPfx", FirstSync.EXPECTED_PFX_CERTS, [])
    yield _list(state, "expectedScep", FirstSync.EXPECTED_SCEP_CERTS, [])


def _dummy_policy() -> Expected:
    """What stands for all security policies: a node of the machine that is there since enrolment."""
    return Expected(Enrollment.ENT_DM_ID.at(provider(PROVIDER_ID)))


def _list(state: PhaseState, name: str, leaf: Leaf, entries: Sequence[Expected]) -> Keyed:
    text = write_expected(entries)
    digest = sha256(text.encode()).hexdigest()[:8]
    return Keyed(f"{name}@{digest}", leaf.put(_base(state), text).replace())


# --- addresses ----------------------------------------------------------------------------------------------


def _set(key: str, leaf: Leaf, value: Value) -> Keyed:
    """A leaf of the machine's provider."""
    return Keyed(key, leaf.put(provider(PROVIDER_ID), value).replace())


def _base(state: PhaseState) -> LocURI:
    """The provider in the scope of the phase: Expected lists and the release exist in both."""
    return provider(PROVIDER_ID, _scope(state))


def _scope(state: PhaseState) -> Scope:
    return Scope.DEVICE if state.user == MACHINE else Scope.USER


def _open(state: PhaseState, commands: Iterable[Keyed]) -> tuple[Keyed, ...]:
    """Those that the device has not acknowledged."""
    return tuple(each for each in commands if each.key not in state.held)
