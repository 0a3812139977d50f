"""The provisioning document of an enrolment, read by structure, not by position (mdm-wire.md 2.5)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs
from xml.etree import ElementTree

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.clients.blackbox.errors import demand


@dataclass(frozen=True, slots=True)
class Credential:
    """One side of the digest: who, with what secret and first nonce."""

    name: str
    secret: str
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What an enrolment gave the device."""

    provider: str
    address: str
    root: x509.Certificate
    issuer: x509.Certificate
    certificate: x509.Certificate
    device: Credential = field(repr=False)
    server: Credential = field(repr=False)
    nodes: dict[str, str]
    """Values below `./Device/Vendor/MSFT/DMClient/Provider/{provider}`, by their path."""


def read(document: bytes, key: rsa.RSAPrivateKey, store: str = "System") -> Provisioned:
    """A document for the key of the request; `store` is where its certificate belongs: `System` or `User`."""
    demand(b"<!DOCTYPE" not in document, "the provisioning document has a DTD")
    root = ElementTree.fromstring(document)
    demand(
        root.tag == "wap-provisioningdoc" and root.get("version") == "1.1", f"the document is a {root.tag}"
    )
    for element in root.iter():
        demand(element.tag in {root.tag, "characteristic", "parm"}, f"an element {element.tag}")
    certificates = _only(root, "CertificateStore")
    device = _certificate(_path(certificates, "My", store))
    demand(device.public_key() == key.public_key(), "the certificate is for another key")
    _check_client_certificate(device)
    application = _only(root, "APPLICATION")
    parms = _parms(application)
    _check_application(parms, device, store)
    provider = parms["PROVIDER-ID"]
    node = _path(_only(root, "DMClient"), "Provider", provider)
    demand(provider.isalnum(), f"the provider id {provider} needs escaping")
    return Provisioned(
        provider,
        parms["ADDR"],
        _certificate(_path(certificates, "Root", "System")),
        _certificate(_path(certificates, "CA", "System")),
        device,
        _credential(application, "APPSRV"),
        _credential(application, "CLIENT"),
        dict(_leaves(node, "")),
    )


def _check_client_certificate(certificate: x509.Certificate) -> None:
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    demand(ExtendedKeyUsageOID.CLIENT_AUTH in usage, "the certificate is not for client authentication")
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    demand(not constraints.ca, "the certificate is a CA's")
    algorithm = certificate.signature_hash_algorithm
    demand(algorithm is not None and algorithm.name == "sha256", "the certificate is not signed with SHA-256")
    lasts = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    demand(lasts.days >= 365, f"the certificate lasts {lasts.days} days")


def _check_application(parms: dict[str, str], certificate: x509.Certificate, store: str) -> None:
    demand(parms.get("APPID") == "w7", f"APPID {parms.get('APPID')}")
    demand("INIT" not in parms, "INIT makes enrolment fail")
    demand(parms.get("NAME"), "the application has no NAME")
    demand(parms.get("ADDR", "").startswith("https://"), "ADDR is not https")
    encoding = parms.get("DEFAULTENCODING", "application/vnd.syncml.dm+xml")
    demand(encoding == "application/vnd.syncml.dm+xml", f"DEFAULTENCODING {encoding}")
    if criteria := parms.get("SSLCLIENTCERTSEARCHCRITERIA"):
        wanted = parse_qs(criteria, strict_parsing=True)
        subject = certificate.subject.rfc4514_string()
        demand(
            wanted["Subject"] == [subject], f"{wanted['Subject']} is searched, the certificate is {subject}"
        )
        stores = wanted["Stores"]
        demand(stores == [f"My\\{store}"], f"the certificate is searched in {stores}")


def _credential(application: ElementTree.Element, level: str) -> Credential:
    sides = [_parms(part) for part in application.findall("characteristic[@type='APPAUTH']")]
    found = [side for side in sides if side.get("AAUTHLEVEL") == level]
    demand(len(found) == 1, f"{len(found)} APPAUTH of level {level}")
    (side,) = found
    demand(side["AAUTHTYPE"] == "DIGEST", f"{level} authenticates by {side['AAUTHTYPE']}")
    nonce = base64.b64decode(side["AAUTHDATA"], validate=True)
    return Credential(side.get("AAUTHNAME", ""), side["AAUTHSECRET"], nonce)


def _certificate(store: ElementTree.Element) -> x509.Certificate:
    found = [(part.get("type", ""), _parms(part)) for part in store.findall("characteristic")]
    held = [(name, parms) for name, parms in found if "EncodedCertificate" in parms]
    demand(len(held) == 1, f"{len(held)} certificates where one belongs")
    ((name, parms),) = held
    der = base64.b64decode(parms["EncodedCertificate"], validate=True)
    thumbprint = hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()
    demand(name == thumbprint, f"a certificate is called {name} and is {thumbprint}")
    return x509.load_der_x509_certificate(der)


def _only(parent: ElementTree.Element, kind: str) -> ElementTree.Element:
    found = parent.findall(f"characteristic[@type='{kind}']")
    demand(len(found) == 1, f"{len(found)} characteristics {kind}")
    return found[0]


def _path(parent: ElementTree.Element, *kinds: str) -> ElementTree.Element:
    for kind in kinds:
        parent = _only(parent, kind)
    return parent


def _parms(parent: ElementTree.Element) -> dict[str, str]:
    return {parm.get("name", ""): parm.get("value", "") for parm in parent.findall("parm")}


def _leaves(parent: ElementTree.Element, path: str) -> Iterator[tuple[str, str]]:
    for name, value in _parms(parent).items():
        yield f"{path}/{name}", value
    for child in parent.findall("characteristic"):
        yield from _leaves(child, f"{path}/{child.get('type')}")
