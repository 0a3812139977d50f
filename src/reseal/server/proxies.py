"""Proxies that end TLS before this server: what they tell of their clients is believed, nobody else's word.

`Client-Cert` (RFC 9440) is the client's certificate, put where a connection of its own would have put it
(`peer`), so that doors see no difference. TLS has checked nothing here, so the certificate must be signed by
one of our authorities for devices; whether it is in force and still counts is looked up by whoever asks for
it, as ever. `X-Forwarded-For` is the client's address: the last one that no trusted proxy wrote itself.

From everybody else these headers are taken away before anybody can read them. A proxy's own certificate
proves no device.
"""

from __future__ import annotations

import base64
import binascii
import ssl
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from starlette.types import ASGIApp, Receive, Scope, Send

from reseal.kernel.errors import Invalid
from reseal.web.answers import refusal
from reseal.web.edge import secured

_log = structlog.get_logger(__name__)

CERTIFICATE = b"client-cert"
_CHAIN = b"client-cert-chain"
_ADDRESSES = b"x-forwarded-for"
_TOLD_BY_PROXIES = frozenset({CERTIFICATE, _CHAIN, _ADDRESSES, b"forwarded"})

_LONGEST = 16 * 1024
_KNOWN = 1024
"""Certificates that were found good; a device brings the same one with each request."""


class Proxied:
    """ASGI middleware at the very outside of a listener.

    `issuers` are the authorities whose certificates count; a listener that takes none has no issuers.
    """

    def __init__(
        self, app: ASGIApp, trusted: Sequence[str], issuers: Iterable[x509.Certificate] = ()
    ) -> None:
        self._app = app
        self._networks = tuple(ip_network(each) for each in trusted)
        self._issuers = tuple(issuers)
        self._trusts = lru_cache(_KNOWN)(self._looked_up)
        self._certificate = lru_cache(_KNOWN)(self._read)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request with what is known of its client."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        told = scope["headers"]
        scope["headers"] = [header for header in told if header[0] not in _TOLD_BY_PROXIES]
        if client is None or not self._trusts(client[0]):
            await self._app(scope, receive, send)
            return
        try:
            self._believe(scope, told)
        except Invalid as error:
            _log.warning("client certificate refused", proxy=client[0], reason=error.message)
            await refusal(error)(scope, receive, secured(send, scope))
        else:
            await self._app(scope, receive, send)

    def _believe(self, scope: Scope, told: Sequence[tuple[bytes, bytes]]) -> None:
        sent = [value for name, value in told if name == CERTIFICATE]
        if len(sent) > 1:
            raise _malformed("it comes more than once")
        chain = [self._certificate(sent[0])] if sent and self._issuers else []
        connection: dict[str, Any] = scope.get("extensions", {}).get("tls", {})
        scope["extensions"] = {
            **scope.get("extensions", {}),
            "tls": {**connection, "client_cert_chain": chain},
        }
        if address := self._address(told):
            scope["client"] = (address, 0)

    def _address(self, told: Sequence[tuple[bytes, bytes]]) -> str:
        """The nearest address that is no trusted proxy's; what stands before it anybody may have written."""
        listed = b",".join(value for name, value in told if name == _ADDRESSES).decode("latin-1")
        for text in reversed(listed.split(",")):
            try:
                address = str(ip_address(text.strip()))
            except ValueError:
                return ""
            if not self._trusts(address):
                return address
        return ""

    def _looked_up(self, text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    def _read(self, value: bytes) -> str:
        """The certificate in PEM. Raises `Invalid`."""
        certificate = _parsed(value)
        if not any(_signed_by(certificate, issuer) for issuer in self._issuers):
            raise Invalid(
                code="ClientCertificateUnknown",
                message="The client certificate that the proxy passed on was not issued by this server.",
                remedy="Have the proxy accept certificates of this server's device authorities alone.",
            )
        return ssl.DER_cert_to_PEM_cert(_bytes_of(value))


def _parsed(value: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(_bytes_of(value))
    except ValueError as error:
        raise _malformed(f"it holds no certificate ({error})") from None


def _bytes_of(value: bytes) -> bytes:
    """The octets of a byte sequence (RFC 8941 3.3.5): base64 between colons."""
    text = value.strip()
    if len(text) > _LONGEST:
        raise _malformed(f"it is longer than {_LONGEST:,} bytes")
    if len(text) < 2 or not (text.startswith(b":") and text.endswith(b":")):
        raise _malformed("it does not stand between colons")
    try:
        return base64.b64decode(text[1:-1], validate=True)
    except binascii.Error as error:
        raise _malformed(f"it is not base64 ({error})") from None


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _malformed(why: str) -> Invalid:
    return Invalid(
        code="ClientCertificateMalformed",
        message=f"The header Client-Cert of the proxy cannot be read: {why}.",
        remedy="Have the proxy write it as RFC 9440 says: DER in base64 between colons.",
    )
