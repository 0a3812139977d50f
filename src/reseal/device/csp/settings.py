"""Policies, certificates, wireless networks, and the providers that simply keep what they are given.

Source: spec/mdm-wire.md 5.3, 5.6, 5.7.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from cryptography import x509

from reseal.device.csp.rules import BOTH, DEVICE, MACHINE, Place, Rule, access, below, of_leaf
from reseal.device.csp.tree import Tree
from reseal.wire.csp import Certificate, CertificateStore, LocURI, Scope, Wifi
from reseal.wire.syncml import Format, StatusCode
from reseal.wire.xml import XmlError, local_name, parse

# --- policies

_AREA, _POLICY = 4, 5
"""Which names of an address are a policy's."""


def _policy(tree: Tree, place: Place, text: str) -> StatusCode | None:
    """A policy of an ADMX file exists once the file was taken in."""
    app, tilde, rest = place[1][_AREA].partition("~")
    if not tilde:
        return None
    kind = rest.partition("~")[0]
    files = (MACHINE, ("vendor", "msft", "policy", "configoperations", "admxinstall", app, kind))
    return None if tree.names_below(files) else StatusCode.NOT_FOUND


def _result(tree: Tree, place: Place) -> str | None:
    """What is in effect: the machine's setting before that of a user."""
    area, policy = place[1][_AREA], place[1][_POLICY]
    of_machine = LocURI(("Vendor", "MSFT", "Policy", "Config", area, policy), Scope.DEVICE)
    of_user = LocURI(of_machine.names, Scope.USER)
    found = tree.read(of_machine)
    return found if found is not None or place[0] == MACHINE else tree.read(of_user, place[0])


_RESULT: Final = Rule(access=access("G"), scopes=BOTH, reader=_result)

POLICY: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "Vendor/MSFT/Policy/Config/*/*": Rule(access=access("ADGR"), scopes=BOTH, guard=_policy),
        "Vendor/MSFT/Policy/Result/*/*": _RESULT,
        "Vendor/MSFT/Policy/ConfigOperations/ADMXInstall/*/*/*": Rule(
            access=access("ADGR"), format=Format.CHR
        ),
    }
)


# --- certificates


def _certificate(tree: Tree, place: Place, text: str) -> StatusCode | None:
    """The name of a certificate's node is its SHA-1."""
    der = b64decode("".join(text.split()))
    fits = hashlib.sha1(der, usedforsecurity=False).hexdigest() == place[1][4]
    return None if fits and _parsed(der) is not None else StatusCode.COMMAND_FAILED


def _parsed(der: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        return None


def _of_certificate(tell: Callable[[x509.Certificate], str]) -> Callable[[Tree, Place], str | None]:
    def read(tree: Tree, place: Place) -> str | None:
        owner, names = place
        beside = LocURI((*names[:-1], "encodedcertificate"), Scope.USER if owner else Scope.DEVICE)
        text = tree.read(beside, owner or None)
        found = None if text is None else _parsed(b64decode("".join(text.split())))
        return None if found is None else tell(found)

    return read


def _store(store: CertificateStore) -> dict[str, Rule]:
    scopes = DEVICE if store is CertificateStore.ROOT else BOTH
    path = f"Vendor/MSFT/RootCATrustedCertificates/{store}"

    def told(tell: Callable[[x509.Certificate], str]) -> Rule:
        return Rule(access=access("G"), format=Format.CHR, scopes=scopes, reader=_of_certificate(tell))

    return {
        path: Rule(access=access("G"), format=Format.NODE, scopes=scopes),
        f"{path}/*": Rule(access=access("DG"), format=Format.NODE, scopes=scopes),
        f"{path}/*/{Certificate.ENCODED.path}": Rule(
            access=access("AGR"), format=Format.B64, scopes=scopes, guard=_certificate
        ),
        f"{path}/*/{Certificate.ISSUED_BY.path}": told(lambda found: found.issuer.rfc4514_string()),
        f"{path}/*/{Certificate.ISSUED_TO.path}": told(lambda found: found.subject.rfc4514_string()),
        f"{path}/*/{Certificate.VALID_FROM.path}": told(lambda found: found.not_valid_before_utc.isoformat()),
        f"{path}/*/{Certificate.VALID_TO.path}": told(lambda found: found.not_valid_after_utc.isoformat()),
    }


CERTIFICATES: Final[Mapping[str, Rule]] = MappingProxyType(
    {path: entry for store in CertificateStore for path, entry in _store(store).items()}
)


# --- wireless networks

_SETTLES: Final = timedelta(minutes=2)


def _profile(tree: Tree, place: Place, text: str) -> StatusCode | None:
    try:
        root = parse(text.strip().encode(errors="replace"))
    except XmlError:
        return StatusCode.COMMAND_FAILED
    return None if local_name(root) == "WLANProfile" else StatusCode.COMMAND_FAILED


_PROFILE: Final = "Vendor/MSFT/WiFi/Profile/*"

WIFI: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        _PROFILE: Rule(access=access("ADG"), format=Format.NODE, scopes=BOTH),
        f"{_PROFILE}/{Wifi.WLAN_XML.path}": Rule(
            access=access("ADGR"), format=Format.CHR, scopes=BOTH, guard=_profile, settles=_SETTLES
        ),
        **below(
            _PROFILE,
            of_leaf(Wifi.PROXY, "ADGR"),
            of_leaf(Wifi.PROXY_PAC_URL, "ADGR"),
            of_leaf(Wifi.PROXY_WPAD, "ADGR"),
            of_leaf(Wifi.COST, "ADGR"),
        ),
    }
)


# --- providers that keep what they are given

_KEPT_FOR_MACHINE: Final = """
    Accounts ApplicationControl AppLocker AssignedAccess BitLocker CertificateStore CloudDesktop Defender
    DeviceGuard DeviceManageability DevicePreparation DiagnosticLog EnterpriseModernAppManagement Firewall
    HealthAttestation LAPS LanguagePackManagement NetworkProxy NetworkQoSPolicy Office PDE Personalization
    PrinterProvisioning RemoteDesktop SecureAssessment SharedPC SUPL SurfaceHub TenantLockdown Update
    WindowsAdvancedThreatProtection WindowsAutopilot WindowsDefenderApplicationGuard WiredNetwork
""".split()
_KEPT_FOR_BOTH: Final = """
    ActiveSync ClientCertificateInstall EMAIL2 PassportForWork VPNv2
""".split()


def _kept(names: list[str], scopes: tuple[Scope, ...]) -> dict[str, Rule]:
    leaf = Rule(access=access("ADGR"), scopes=scopes)
    return {f"Vendor/MSFT/{name}/**": leaf for name in names}


KEPT: Final[Mapping[str, Rule]] = MappingProxyType(
    _kept(_KEPT_FOR_MACHINE, DEVICE) | _kept(_KEPT_FOR_BOTH, BOTH)
)
