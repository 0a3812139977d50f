"""What TLS would check: the server's certificate for a device, the client's certificate for a server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from reseal.device.transport import Failure, Identity, TransportError

TLS_1_3 = 0x0304


class ServerCheck:
    """Checks server certificates against one device's anchors; what was found good is good until it ends."""

    def __init__(self, anchors: Sequence[x509.Certificate]) -> None:
        self._store = Store(list(anchors)) if anchors else None
        self._good: dict[tuple[bytes, str], tuple[datetime, datetime]] = {}

    def check(self, chain: Sequence[x509.Certificate], name: str, now: datetime) -> None:
        """Raise `TransportError` unless the chain (leaf first) leads to an anchor now and is for `name`."""
        leaf = chain[0]
        key = (leaf.public_bytes(Encoding.DER), name)
        begins, ends = self._good.get(key, (now, now))
        if begins < now < ends:
            return
        if not names_of(leaf, name):
            message = f"the certificate of {leaf.subject.rfc4514_string()} is not for {name}"
            raise TransportError(Failure.WRONG_NAME, message)
        self._verify(chain, name, now)
        self._good[key] = (
            max(each.not_valid_before_utc for each in chain),
            min(each.not_valid_after_utc for each in chain),
        )

    def _verify(self, chain: Sequence[x509.Certificate], name: str, now: datetime) -> None:
        if self._store is None:
            raise TransportError(Failure.UNTRUSTED, "the device trusts no certification authority")
        verifier = PolicyBuilder().store(self._store).time(now).build_server_verifier(_subject(name))
        try:
            verifier.verify(chain[0], list(chain[1:]))
        except VerificationError as error:
            raise TransportError(Failure.UNTRUSTED, f"the certificate for {name}: {error}") from error


def names_of(leaf: x509.Certificate, name: str) -> bool:
    """Whether the certificate is for that host name or address; a `*` stands for one first label."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    wanted = _subject(name)
    if isinstance(wanted, x509.IPAddress):
        return wanted.value in names.get_values_for_type(x509.IPAddress)
    own = {each.lower() for each in names.get_values_for_type(x509.DNSName)}
    return name in own or f"*.{name.partition('.')[2]}" in own


def _subject(name: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def tls_extension(chain: Sequence[x509.Certificate], identity: Identity | None) -> dict[str, Any]:
    """`scope["extensions"]["tls"]` of the ASGI TLS extension. `identity` is what the client showed.

    Raises `ValueError` if its key does not fit its certificate: no client could have shown it.
    """
    shown: list[str] = []
    if identity is not None:
        if identity.key.public_key() != identity.certificate.public_key():
            raise ValueError("the identity's key does not belong to its certificate")
        shown = [_pem(each) for each in (identity.certificate, *identity.above)]
    return {
        "server_cert": _pem(chain[0]),
        "client_cert_chain": shown,
        "client_cert_name": identity.certificate.subject.rfc4514_string() if identity else None,
        "client_cert_error": None,
        "tls_version": TLS_1_3,
        "cipher_suite": None,
    }


@lru_cache(maxsize=1024)
def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
