"""Joining the organisation, with a user's token, and leaving it (identity.md 2)."""

from __future__ import annotations

import base64
import hashlib
import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.clients.blackbox.errors import Refused, demand
from tests.clients.blackbox.signing import Proof
from tests.clients.blackbox.web import Reply, Web

PLACEHOLDER = "7E980AD9-B86D-4306-9425-9AC066FB014A"
USER_AGENT = "Dsreg/10.0 (Windows 10.0.26100.1)"
_DEVICE_ID = x509.ObjectIdentifier("1.2.840.113556.1.5.284.2")
_TENANT_ID = x509.ObjectIdentifier("1.2.840.113556.1.5.284.5")


@dataclass(frozen=True, slots=True)
class Membership:
    """A joined device: its name in the directory and what proves it."""

    device_id: uuid.UUID
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    pem: Path

    @property
    def proof(self) -> Proof:
        """What signs requests for tokens."""
        return Proof(self.key, self.certificate)


def new_key() -> rsa.RSAPrivateKey:
    """A key as devices make it."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def csr(key: rsa.RSAPrivateKey, name: str = PLACEHOLDER) -> bytes:
    """A certificate request, DER."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return request.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def transport_key(key: rsa.RSAPublicKey) -> bytes:
    """BCRYPT_RSAKEY_BLOB of a public key."""
    numbers = key.public_numbers()
    modulus = numbers.n.to_bytes(key.key_size // 8, "big")
    exponent = numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8, "big")
    head = struct.pack("<4s5I", b"RSA1", key.key_size, len(exponent), len(modulus), 0, 0)
    return head + exponent + modulus


def write_pem(path: Path, key: rsa.RSAPrivateKey, *certificates: x509.Certificate) -> Path:
    """A certificate with its chain and key, as TLS takes it."""
    parts = [certificate.public_bytes(Encoding.PEM) for certificate in certificates]
    parts.append(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.write_bytes(b"".join(parts))
    path.chmod(0o600)
    return path


# --- the service --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Registration:
    """The registration service, as its discovery document names it."""

    web: Web
    join_endpoint: str
    resource: str

    @classmethod
    def found(cls, web: Web, url: str) -> Registration:
        """What stands at a discovery URL."""
        reply = web.get(url, {"Accept": "application/json", "ocp-adrs-client-name": "Dsreg"})
        if reply.status != 200:
            raise Refused("0x801C000C", reply.body.decode(), reply.status)
        service = reply.json["DeviceJoinService"]
        return cls(web, service["JoinEndpoint"], service["JoinResourceId"])

    def join(
        self,
        token: str,
        folder: Path,
        *,
        name: str,
        ticket: str = "",
        capital: bool = False,
        domain: str = "iminyour.cloud",
    ) -> Membership:
        """Join with the token of a user; `ticket` ties it to an Autopilot registration."""
        key, transport = new_key(), new_key()
        attributes = {"ReuseDevice": "true", "ReturnClientSid": "true", "SharedDevice": "false"}
        if ticket:
            attributes["MSA-DDID"] = base64.b64encode(ticket.encode()).decode()
        document = {
            "CertificateRequest": {"Type": "pkcs10", "Data": base64.b64encode(csr(key)).decode()},
            "TransportKey": base64.b64encode(transport_key(transport.public_key())).decode(),
            "TargetDomain": domain,
            "DeviceType": "Windows",
            "OSVersion": "10.0.26100.1",
            "DeviceDisplayName": name,
            "JoinType": 0,
            "Attributes" if capital else "attributes": attributes,
        }
        reply = self.web.post_json(
            f"{self.join_endpoint}?api-version=2.0",
            document,
            {"Authorization": f"Bearer {token}", "User-Agent": USER_AGENT},
        )
        if reply.status not in {200, 201}:
            raise refusal(reply)
        certificate = _certificate(reply.json["Certificate"])
        return accepted(key, certificate, folder)

    def leave(self, membership: Membership, web: Web) -> None:
        """Take the device out of the directory; `web` shows its certificate."""
        reply = web.send("DELETE", f"{self.join_endpoint}{membership.device_id}?api-version=1.0")
        if reply.status != 200:
            raise refusal(reply)


def refusal(reply: Reply) -> Refused:
    """What the service says against it."""
    try:
        document = reply.json
    except ValueError:
        return Refused("", reply.body.decode(errors="replace")[:500], reply.status)
    if "ErrorType" in document:
        demand(document["Message"] and document["TraceId"], "a refusal has no Message or TraceId")
        return Refused(document["ErrorType"], document["Message"], reply.status)
    error = document.get("error", {})
    return Refused(str(error.get("code", "")), str(error.get("message", document)), reply.status)


def _certificate(document: Mapping[str, str]) -> x509.Certificate:
    raw = base64.b64decode(document["RawBody"])
    thumbprint = hashlib.sha1(raw, usedforsecurity=False).hexdigest().upper()
    demand(document["Thumbprint"] == thumbprint, "the thumbprint is not that of the certificate")
    return x509.load_der_x509_certificate(raw)


def accepted(
    key: rsa.RSAPrivateKey,
    certificate: x509.Certificate,
    folder: Path,
    chain: tuple[x509.Certificate, ...] = (),
) -> Membership:
    """The device with the certificate that it was given, once that is as it should be (identity.md 2.3)."""
    demand(certificate.public_key() == key.public_key(), "the certificate is for another key")
    first = next(iter(certificate.subject)).value
    device_id = uuid.UUID(str(first))
    demand(_guid(certificate, _DEVICE_ID) == device_id, "extension .284.2 is not the device id")
    demand(_guid(certificate, _TENANT_ID) is not None, "extension .284.5 is missing")
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    demand(ExtendedKeyUsageOID.CLIENT_AUTH in usage, "the certificate is not for client authentication")
    pem = write_pem(folder / "device.pem", key, certificate, *chain)
    return Membership(device_id, key, certificate, pem)


def _guid(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> uuid.UUID | None:
    try:
        value = certificate.extensions.get_extension_for_oid(oid).value
    except x509.ExtensionNotFound:
        return None
    raw = value.public_bytes()
    demand(raw[0] == 4, f"the extension {oid.dotted_string} is no OCTET STRING")
    body = raw[3:] if raw[1] == 0x81 else raw[2:]
    return uuid.UUID(bytes_le=body)
