"""What a managed device remembers: one file that is replaced as a whole, so that all of it fits together.

`management/document` is the provisioning document and `management/key` the key of its certificate; the
device is enrolled as long as the document is there. It is written last at enrolment and goes first at the
end.
"""

from __future__ import annotations

from typing import Final

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from reseal.device.csp.tree import Stored
from reseal.device.disk import Disk
from reseal.device.installer import Job, News
from reseal.wire.syncml import AuthType

DOCUMENT: Final = "management/document"
KEY: Final = "management/key"
STATE: Final = "management/state"

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey


class Memory(msgspec.Struct, kw_only=True):
    """Everything but document and key."""

    tree: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"[]"))
    """Its nodes, encoded once for as long as they do not change."""
    jobs: list[Job] = []
    news: list[News] = []
    has_parked: bool = False
    sessions: int = 0
    """How many were begun; the next SessionID comes from it."""
    polls: int = 0
    """How many of them by the present schedule."""
    schedule: tuple[tuple[int, int], ...] = ()
    """For which `polls` counts."""
    asked: AuthType | None = None
    """What the server wants credentials by, beside the certificate."""
    nonce: bytes = b""
    contexts: list[str] = []
    """Users whose nodes have become live."""
    logged_on: list[str] = []
    """Users who have logged on."""
    reboot: bool = False
    """The server wants a restart."""
    leaving: bool = False
    """The enrolment ends; the server is to be told."""
    told: bool = False
    """It was told, or that was tried."""

    @property
    def nodes(self) -> list[Stored]:
        """The snapshot of the tree."""
        return msgspec.json.decode(self.tree, type=list[Stored])

    @nodes.setter
    def nodes(self, nodes: list[Stored]) -> None:
        self.tree = msgspec.Raw(msgspec.json.encode(nodes))


def encode(memory: Memory) -> bytes:
    """The content of the file."""
    return msgspec.json.encode(memory)


def load(disk: Disk) -> Memory | None:
    """What is remembered; None if nothing is."""
    data = disk.read(STATE)
    return None if data is None else msgspec.json.decode(data, type=Memory)


def write_enrolment(disk: Disk, document: bytes, key: PrivateKey, memory: Memory) -> None:
    """Keep a new enrolment; it is there when the last write is done."""
    disk.replace(STATE, encode(memory))
    disk.replace(
        KEY,
        key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    disk.replace(DOCUMENT, document)


def read_enrolment(disk: Disk) -> tuple[bytes, PrivateKey] | None:
    """Document and key; None if the device is not enrolled."""
    document, der = disk.read(DOCUMENT), disk.read(KEY)
    if document is None or der is None:
        return None
    # OpenSSL would prove the primes of a key that this device wrote itself; that takes 40 ms at each start.
    key = serialization.load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, PrivateKey):
        raise TypeError(f"the key of the enrolment is a {type(key).__name__}")
    return document, key


def forget_enrolment(disk: Disk) -> None:
    """Remove every trace of an enrolment; installed products stay."""
    for name in (DOCUMENT, KEY, STATE):
        disk.delete(name)
