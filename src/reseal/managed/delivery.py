"""What a catalogue item is on a device: nodes of its tree, or a package to install. Pure.

A device has a part for the machine and one for each user. A policy has nodes in both; a certificate, a
network or an app lies in one of them, by whom it was assigned to or by its install context.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from functools import lru_cache
from typing import Final, assert_never

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from reseal.assignment.model import Scope as AssignedFor
from reseal.catalog.model import (
    AppBody,
    Body,
    CertificateBody,
    CertificateStore,
    InstallContext,
    PolicyBody,
    WifiBody,
    kind_of,
)
from reseal.managed.model import MACHINE
from reseal.wire import csp
from reseal.wire.csp import LocURI, MsiInstallJob, NodeValue, Scope
from reseal.wire.syncml import Format

INSTALL_TIMEOUT: Final = timedelta(minutes=60)
"""After which a device gives up on an installer that does not end."""


def scope_of(user: int) -> Scope:
    """In which part of the tree the deliveries of this user key lie."""
    return Scope.DEVICE if user == MACHINE else Scope.USER


def scopes_of(body: Body, assigned_for: AssignedFor) -> tuple[Scope, ...]:
    """In which parts of a device an item has something to do, when it is assigned to devices or to users.

    What a user is given can lie in the machine's part: the app that is installed for all, the setting or the
    root certificate that only machines have.
    """
    by_assignment = Scope.USER if assigned_for is AssignedFor.USER else Scope.DEVICE
    match body:
        case PolicyBody():
            present = {LocURI.parse(setting.uri).for_user for setting in body.settings}
            return tuple(scope for scope in Scope if (scope is Scope.USER) in present)
        case CertificateBody():
            return (Scope.DEVICE if body.store is CertificateStore.ROOT else by_assignment,)
        case WifiBody():
            return (by_assignment,)
        case AppBody():
            return (Scope.USER if body.install_context is InstallContext.USER else Scope.DEVICE,)
    assert_never(body)


def nodes_of(body: PolicyBody | CertificateBody | WifiBody, scope: Scope) -> tuple[NodeValue, ...]:
    """The nodes in this part of the tree and their values, in the order in which they are sent."""
    match body:
        case PolicyBody():
            nodes = (
                NodeValue(LocURI.parse(setting.uri), Format(setting.format.value), setting.value)
                for setting in body.settings
            )
            return tuple(node for node in nodes if node.uri.for_user == (scope is Scope.USER))
        case CertificateBody():
            if body.store is CertificateStore.ROOT and scope is Scope.USER:
                return ()
            return (csp.trusted_certificate(_store(body), _der(body), scope),)
        case WifiBody():
            return (csp.Wifi.WLAN_XML.put(csp.wifi_profile(body.ssid, scope), body.wlan_xml),)
    assert_never(body)


def job_of(body: AppBody, url: str) -> MsiInstallJob:
    """The job that installs an app whose content is at `url`."""
    return MsiInstallJob(
        product_code=body.product_code,
        version=body.product_version,
        urls=(url,),
        sha256=body.sha256,
        command_line=body.command_line,
        timeout=INSTALL_TIMEOUT,
    )


def addresses_of(body: Body, scope: Scope) -> tuple[str, ...]:
    """What has to be deleted to take the item off a device: its nodes, of a network or package the whole."""
    match body:
        case PolicyBody():
            return tuple(str(node.uri) for node in nodes_of(body, scope))
        case CertificateBody():
            return (str(csp.certificate(_store(body), _der(body), scope)),)
        case WifiBody():
            return (str(csp.wifi_profile(body.ssid, scope)),)
        case AppBody():
            return (str(csp.msi(body.product_code, scope)),)
    assert_never(body)


@lru_cache(maxsize=512)
def digest_of(body: Body, scope: Scope) -> str:
    """SHA-256 in hex over what a device would be sent, apart from URLs: equal digests need no delivery."""
    if isinstance(body, AppBody):
        content = [[body.product_code, body.product_version, body.sha256, body.command_line]]
    else:
        content = [[str(node.uri), node.format.value, node.text] for node in nodes_of(body, scope)]
    document = json.dumps([kind_of(body).value, scope.value, content])
    return hashlib.sha256(document.encode()).hexdigest()


def _store(body: CertificateBody) -> csp.CertificateStore:
    return csp.CertificateStore(body.store.value)


def _der(body: CertificateBody) -> bytes:
    return x509.load_pem_x509_certificate(body.pem.encode()).public_bytes(Encoding.DER)
