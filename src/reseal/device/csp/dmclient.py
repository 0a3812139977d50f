"""DMClient: the enrolment, its polling, and the Enrollment Status Page (spec/mdm-wire.md 3.10, 4.1, 5.2).

What the page shows is one-way: a phase that was released, a page that ended and a result that was given are
never taken back by a command. Only the machine itself begins a page anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from reseal.device.csp.effects import StartSession, Unenrol
from reseal.device.csp.rules import BOTH, MACHINE, Place, Rule, access, below, of_leaf
from reseal.device.csp.tree import Tree
from reseal.device.quirks import Quirk
from reseal.wire.csp import (
    CspError,
    Enrollment,
    FirstSync,
    Leaf,
    LocURI,
    Poll,
    Provisioned,
    Scope,
    provider,
    read_expected,
)
from reseal.wire.syncml import Format, StatusCode

REFUSED_RELEASES: Final = 2
"""How often Quirk.LATE_USER_RELEASE refuses."""

_PROVIDER: Final = "Vendor/MSFT/DMClient/Provider/*"
_TRUE: Final = "true"
_FALSE: Final = "false"
_REFUSED: Final = StatusCode.COMMAND_NOT_ALLOWED


# --- one way


def _says(text: str, what: str) -> bool:
    return text.strip().lower() == what


def _present(tree: Tree, place: Place, leaf: Leaf) -> str:
    """What a leaf of the same page holds."""
    owner = place[0]
    base = provider(tree.provider_id, Scope.USER if owner else Scope.DEVICE)
    return tree.read(leaf.at(base), owner or None) or ""


def _release(tree: Tree, place: Place, text: str) -> StatusCode | None:
    """ServerHasFinishedProvisioning cannot go back to false (CFGMGR_E_COMMANDNOTALLOWED)."""
    if _says(text, _FALSE):
        return _REFUSED if _says(_present(tree, place, FirstSync.SERVER_HAS_FINISHED), _TRUE) else None
    user = place[0]
    refused = tree.refused_releases.get(user, 0)
    if user != MACHINE and Quirk.LATE_USER_RELEASE in tree.quirks and refused < REFUSED_RELEASES:
        tree.refused_releases[user] = refused + 1
        return _REFUSED
    return None


def _end(tree: Tree, place: Place, text: str) -> StatusCode | None:
    """IsSyncDone is never set twice and never taken back."""
    return _REFUSED if _says(_present(tree, place, FirstSync.IS_SYNC_DONE), _TRUE) else None


def _result(tree: Tree, place: Place, text: str) -> StatusCode | None:
    """WasDeviceSuccessfullyProvisioned changes once."""
    present = _present(tree, place, FirstSync.WAS_SUCCESSFUL)
    settled = present != str(int(Provisioned.IN_PROGRESS))
    return _REFUSED if settled and text.strip() != present else None


def _list(tree: Tree, place: Place, text: str) -> StatusCode | None:
    """The lists are frozen once the phase is released."""
    if _says(_present(tree, place, FirstSync.SERVER_HAS_FINISHED), _TRUE):
        return _REFUSED
    try:
        read_expected(text)
    except CspError:
        return StatusCode.COMMAND_FAILED
    return None


def _of_enrolment(tree: Tree, place: Place, text: str) -> StatusCode | None:
    """The machine's own node came with the enrolment and goes with it."""
    return _REFUSED if place[0] == MACHINE else None


# --- execs


def _unenrol(tree: Tree, place: Place, target: str, data: str) -> StatusCode:
    named = data.strip() or tree.provider_id
    if named.casefold() != tree.provider_id.casefold():
        return StatusCode.NOT_FOUND
    tree.effects.append(Unenrol())
    return StatusCode.OK


def _start_session(tree: Tree, place: Place, text: str) -> StatusCode | None:
    tree.effects.append(StartSession())
    return None


# --- the tables

_LISTS: Final = (
    FirstSync.EXPECTED_POLICIES,
    FirstSync.EXPECTED_NETWORK_PROFILES,
    FirstSync.EXPECTED_MSI_APP_PACKAGES,
    FirstSync.EXPECTED_MODERN_APP_PACKAGES,
    FirstSync.EXPECTED_PFX_CERTS,
    FirstSync.EXPECTED_SCEP_CERTS,
)

_PAGE: Final = (
    *(of_leaf(leaf, "ADGR", guard=_list) for leaf in _LISTS),
    of_leaf(FirstSync.TIMEOUT, "GR", "60"),
    of_leaf(FirstSync.SERVER_HAS_FINISHED, "GR", _FALSE, guard=_release),
    of_leaf(FirstSync.IS_SYNC_DONE, "GR", _FALSE, guard=_end),
    of_leaf(FirstSync.WAS_SUCCESSFUL, "GR", "2", guard=_result),
    of_leaf(FirstSync.BLOCK_IN_STATUS_PAGE, "GR", "0"),
    of_leaf(FirstSync.ALLOW_COLLECT_LOGS, "GR", _FALSE),
    of_leaf(FirstSync.CUSTOM_ERROR_TEXT, "ADGR"),
    of_leaf(FirstSync.SKIP_DEVICE_STATUS_PAGE, "GR", _TRUE),
    of_leaf(FirstSync.SKIP_USER_STATUS_PAGE, "GR", _TRUE),
)

_POLL: Final = (
    of_leaf(Poll.FIRST_INTERVAL, "ADGR", "15"),
    of_leaf(Poll.FIRST_NUMBER, "ADGR", "10"),
    of_leaf(Poll.SECOND_INTERVAL, "ADGR", "0"),
    of_leaf(Poll.SECOND_NUMBER, "ADGR", "0"),
    of_leaf(Poll.REMAINING_INTERVAL, "ADGR", "0"),
    of_leaf(Poll.REMAINING_NUMBER, "ADGR", "0"),
    of_leaf(Poll.ON_LOGIN, "ADGR", _FALSE),
    of_leaf(Poll.ALL_USERS_ON_FIRST_LOGIN, "ADGR", _FALSE),
)

_ENROLMENT: Final = (
    of_leaf(Enrollment.ENT_DM_ID, "ADGR"),
    of_leaf(Enrollment.ENT_DEVICE_NAME, "ADGR"),
    of_leaf(Enrollment.UPN, "AGR"),
    of_leaf(Enrollment.EXCHANGE_ID, "G"),
    of_leaf(Enrollment.PUBLISHER_DEVICE_ID, "ADGR"),
    of_leaf(Enrollment.MANAGEMENT_SERVICE_ADDRESS, "GR", ""),
    of_leaf(Enrollment.MANAGEMENT_SERVER_ADDRESS_LIST, "GR", ""),
    of_leaf(Enrollment.HELP_PHONE_NUMBER, "ADGR"),
    of_leaf(Enrollment.HELP_WEBSITE, "ADGR"),
    of_leaf(Enrollment.HELP_EMAIL_ADDRESS, "ADGR"),
    of_leaf(Enrollment.REQUIRE_MESSAGE_SIGNING, "GR", _FALSE),
    of_leaf(Enrollment.SYNC_APPLICATION_VERSION, "ADGR", "1.0"),
    of_leaf(Enrollment.MAX_SYNC_APPLICATION_VERSION, "G", "2.0"),
    of_leaf(Enrollment.AAD_RESOURCE_ID, "AGR"),
    of_leaf(Enrollment.AAD_DEVICE_ID, "G"),
    of_leaf(Enrollment.AAD_SEND_DEVICE_TOKEN, "ADGR", _FALSE),
    of_leaf(Enrollment.ENROLLMENT_TYPE, "G"),
    of_leaf(Enrollment.HARDWARE_DEVICE_ID, "G"),
    of_leaf(Enrollment.DAYS_TO_UNENROLL_AFTER_LOST_CONTACT, "ADGR"),
    of_leaf(Enrollment.PUSH_PACKAGE_FAMILY_NAME, "ADGR"),
    of_leaf(Enrollment.PUSH_CHANNEL_URI, "G", ""),
    of_leaf(Enrollment.PUSH_STATUS, "G", "4"),
)

_PROVIDER_NODE: Final = Rule(
    access=access("ADG"), format=Format.NODE, scopes=BOTH, added_first=True, guard=_of_enrolment
)
_PAGE_NODE: Final = Rule(access=access("ADG"), format=Format.NODE, scopes=BOTH, added_first=True)
_UNENROL: Final = Rule(access=access("X"), format=Format.CHR, starter=_unenrol)

DMCLIENT: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "Vendor/MSFT/DMClient": Rule(access=access("G"), format=Format.NODE, scopes=BOTH),
        "Vendor/MSFT/DMClient/HWDevID": Rule(access=access("G"), format=Format.CHR),
        "Vendor/MSFT/DMClient/Unenroll": _UNENROL,
        _PROVIDER: _PROVIDER_NODE,
        f"{_PROVIDER}/FirstSyncStatus": _PAGE_NODE,
        f"{_PROVIDER}/Unenroll": _UNENROL,
        **below(_PROVIDER, *_PAGE, *_POLL, *_ENROLMENT),
    }
)

_ACCOUNT: Final = "SyncML/DMAcc/*"
_CREDENTIALS: Final = f"{_ACCOUNT}/AppAuth/CLCRED"

ACCOUNT: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        f"{_CREDENTIALS}/AAuthName": Rule(access=access("AGR"), format=Format.CHR),
        f"{_CREDENTIALS}/AAuthSecret": Rule(access=access("AR"), format=Format.CHR),
        f"{_CREDENTIALS}/AAuthData": Rule(access=access("AR"), format=Format.BIN),
        f"{_ACCOUNT}/Ext/Microsoft/InitiateSession": Rule(
            access=access("AGR"), format=Format.CHR, guard=_start_session
        ),
    }
)
"""The account of the sessions, as far as a server writes it (spec/mdm-wire.md 3.8, 3.10)."""


def account_node(provider_id: str) -> LocURI:
    """The account of an enrolment; its name is made of the provider's."""
    name = hashlib.sha256(provider_id.encode()).hexdigest().upper()
    return LocURI(("SyncML", "DMAcc", name))
