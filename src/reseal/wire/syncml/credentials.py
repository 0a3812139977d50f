"""Credentials inside SyncML: basic, MD5 digest, and a MAC over the whole message (spec/mdm-wire.md 3.8).

A server needs no secret to check them, only its key: `secret_key(user, secret)`. It must be kept like a
password. Nonces are raw bytes here; only on the wire are they base64. MD5 is what the protocol has; TLS
protects it. The MAC: OMA DM Security 1.2.1, section Integrity.
"""

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import md5
from typing import Final

from reseal.wire.syncml.codes import AuthType
from reseal.wire.syncml.model import Cred, SyncmlError

MAC_HEADER: Final = "x-syncml-hmac"
"""The HTTP header of the MAC."""


def secret_key(user: str, secret: str) -> str:
    """`B64(MD5("user:secret"))`: all that is needed to make and check digests and MACs."""
    return _digest(f"{user}:{secret}".encode())


def digest(key: str, nonce: bytes) -> str:
    """`B64(MD5(key ":" nonce))`, with `key` of `secret_key`."""
    return _digest(key.encode() + b":" + nonce)


def digest_cred(key: str, nonce: bytes) -> Cred:
    """Credentials for `syncml:auth-md5`."""
    return Cred(type=AuthType.MD5, data=digest(key, nonce))


def is_digest(cred: Cred, key: str, nonce: bytes) -> bool:
    """Whether `cred` is the MD5 digest of `key` and `nonce`; takes the same time whatever differs."""
    return cred.type == AuthType.MD5 and _equal(cred.data, digest(key, nonce))


def basic_cred(user: str, secret: str) -> Cred:
    """Credentials for `syncml:auth-basic`."""
    return Cred(type=AuthType.BASIC, data=b64encode(f"{user}:{secret}".encode()).decode())


def read_basic(cred: Cred) -> tuple[str, str]:
    """User and secret of `syncml:auth-basic`. Raises SyncmlError."""
    try:
        user, colon, secret = b64decode(cred.data, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise _not_credentials("are not base64 of text") from error
    if cred.type != AuthType.BASIC or not colon:
        raise _not_credentials("are not of the type syncml:auth-basic")
    return user, secret


@dataclass(frozen=True, slots=True)
class Mac:
    """What the header `x-syncml-hmac` says."""

    user: str
    value: str
    """Base64."""


def mac(key: str, nonce: bytes, body: bytes) -> str:
    """`B64(MD5(key ":" nonce ":" B64(MD5(body))))`, with `key` of `secret_key` and the whole message."""
    return _digest(key.encode() + b":" + nonce + b":" + _digest(body).encode())


def is_mac(found: Mac, key: str, nonce: bytes, body: bytes) -> bool:
    """Whether `found` is the MAC of `body`; takes the same time whatever differs."""
    return _equal(found.value, mac(key, nonce, body))


def write_mac(found: Mac) -> str:
    """The value of the header. Raises SyncmlError for a user name that cannot stand in it."""
    if not found.user.isascii() or not found.user.isprintable():
        raise _not_credentials("have a user name that is not printable ASCII")
    user = re.sub(r'(["\\])', r"\\\1", found.user)
    return f'algorithm=MD5, username="{user}", mac={found.value}'


_PARAMETER: Final = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*+)"|([^\s",]++))\s*(?:,|\Z)')
_LONGEST_HEADER: Final = 4_096


def read_mac(header: str) -> Mac:
    """The MAC in the value of the header; `algorithm` may be missing. Raises SyncmlError."""
    parameters: dict[str, str] = {}
    position = 0
    while position < len(header) <= _LONGEST_HEADER:
        found = _PARAMETER.match(header, position)
        if found is None:
            raise _not_credentials("in the header x-syncml-hmac cannot be read")
        quoted = found[2]
        value = found[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        parameters.setdefault(found[1].lower(), value)
        position = found.end()
    if not {"username", "mac"} <= parameters.keys() or parameters.get("algorithm", "MD5") != "MD5":
        raise _not_credentials("in the header x-syncml-hmac lack username or mac, or are not made with MD5")
    return Mac(user=parameters["username"], value=parameters["mac"])


def _digest(data: bytes) -> str:
    return b64encode(md5(data, usedforsecurity=False).digest()).decode()


def _equal(presented: str, expected: str) -> bool:
    return hmac.compare_digest(presented.encode(), expected.encode())


def _not_credentials(how: str) -> SyncmlError:
    return SyncmlError(
        code="Credentials", message=f"The credentials {how}", remedy="Ask for them with a challenge"
    )
