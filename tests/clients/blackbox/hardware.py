"""A machine: its serial number, its TPM, and the hardware hash that names both (device-artifacts.md 1.2)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.clients.blackbox.tpm import Tpm

_LENGTH = 3000
_TPM_EK = 1


@dataclass(frozen=True, slots=True)
class Machine:
    """One laptop. Another hash is made each time, as the capture time differs."""

    serial: str
    manufacturer: str = "Northwind"
    model: str = "Blackbook 3"
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    mac: bytes = field(default_factory=lambda: b"\x02" + secrets.token_bytes(5))
    tpm: Tpm = field(default_factory=Tpm)

    def hardware_hash(self, seconds: int = 846_000_000) -> str:
        """The hash, captured so many seconds after 2000."""
        body = b"".join(
            struct.pack("<HH", kind, len(data) + 4) + data for kind, data in self._records(seconds)
        )
        head = struct.pack("<2sH", b"OA", len(body) + 4) + body
        trailer = struct.pack("<2sH", b"CS", 36) + hashlib.sha256(head).digest()
        return base64.b64encode((head + trailer).ljust(_LENGTH, b"\0")).decode()

    def csv(self, tag: str = "", user: str = "") -> str:
        """The file with which an administrator registers it."""
        columns = "Device Serial Number,Windows Product ID,Hardware Hash,Group Tag,Assigned User"
        return f"{columns}\n{self.serial},,{self.hardware_hash()},{tag},{user}\n"

    def _records(self, seconds: int) -> Iterator[tuple[int, bytes]]:
        modulus = self.tpm.modulus
        version = struct.pack("<4H", 0, 10, 1, 26100)
        yield 1, version + version + struct.pack("<IbBBB", seconds, 0, 2, 9, 8)
        yield 2, struct.pack("<6H", 9, 1, 8, 16, 1, 0)
        yield 3, b"GenuineNorthwind\0"
        yield 4, b"Northwind N5\0"
        yield 5, struct.pack("<QQHHB", 16, 64, 2, 1, 3)
        yield 6, struct.pack("<QBBBB", 512, 17, 0, 0, 0)
        yield 7, f"{self.serial}D|NW512|Northwind".encode()
        name = "PCI".encode("utf-16-le") + b"\0\0"
        yield 8, struct.pack("<I", 14) + self.mac + struct.pack("<I", len(name)) + name
        yield 9, struct.pack("<4Hi", 309, 174, 1920, 1080, -1)
        yield 10, bytes([10, 2, 0, 0, 0])
        yield 11, struct.pack("<IHI", 0, _TPM_EK, 32) + hashlib.sha256(modulus).digest()
        yield 12, self.id.bytes_le
        yield 13, b"TPM-Version:2.0 -Level:0-Revision:1.59-VendorID:'RSL '-Firmware:65536.0\0"
        yield 14, f"{self.serial}\0".encode()
        yield 15, b"Northwind firmware\0"
        yield 16, f"{self.manufacturer}\0".encode()
        yield 17, f"{self.model}\0".encode()
        yield 25, modulus
