"""Hardware hashes typed by hand after spec/device-artifacts.md 1.2: the codec is not tested with itself."""

import hashlib
from binascii import b2a_base64

MODULUS = bytes(range(1, 256)) + b"\x07"

BUILD = bytes.fromhex(
    "0000 0a00 ce06 f465"  # tool 10.0.26100.1742: minor, major, revision, build
    "0000 0a00 dd0f f465"  # system 10.0.26100.4061
    "f0913931"  # 2026-03-03 12:34:56 UTC
    "e4"  # 28 quarter hours before UTC
    "02 0c 08"  # full system, ARM64, tool 8
)
UUID_BYTES = bytes.fromhex("33221100554477668899aabbccddeeff")


def record(kind: int, content: bytes) -> bytes:
    """One record with its header."""
    return kind.to_bytes(2, "little") + (4 + len(content)).to_bytes(2, "little") + content


def text(kind: int, value: str) -> bytes:
    """A record that holds text and its closing NUL."""
    return record(kind, value.encode() + b"\0")


def body(*records: bytes) -> bytes:
    """Header and records."""
    content = b"".join(records)
    return b"OA" + (4 + len(content)).to_bytes(2, "little") + content


def blob(*records: bytes) -> bytes:
    """A complete blob with checksum and zero padding."""
    start = body(*records)
    return (start + b"CS\x24\0" + hashlib.sha256(start).digest()).ljust(3000, b"\0")


def as_text(data: bytes) -> str:
    """Padded base64."""
    return b2a_base64(data, newline=False).decode()


NAMES = (text(14, "SN-4711"), text(16, "Contoso"), text(17, "Notebook 5"))

FULL = (
    record(1, BUILD),
    record(2, bytes.fromhex("0900 0100 0600 0c00 0100 0000")),
    record(5, bytes.fromhex("1000000000000000 4000000000000000 0200 0100 05")),
    text(3, "GenuineIntel"),
    text(4, "A processor with padding    "),
    record(6, bytes.fromhex("dc01000000000000 11 00 00 01")),
    record(7, b"S5H7|Fast Drive|Contoso"),
    record(6, bytes.fromhex("2000000000000000 07 00 ff 00")),
    record(7, b"USB123|Stick|Contoso"),
    record(8, bytes.fromhex("0e000000 00155d0a0b0c 08000000") + "PCI\0".encode("utf-16-le")),
    record(8, bytes.fromhex("09000000 0216eb0a0b0c 08000000") + "PCI\0".encode("utf-16-le")),
    record(9, bytes.fromhex("3501 ae00 8007 3804 ffffffff")),
    record(27, bytes(4)),
    record(10, bytes.fromhex("0a 02 000100")),
    text(13, "TPM-Version:2.0 -Level:0-Revision:1.38-VendorID:'INTC'-Firmware:1.2"),
    record(25, MODULUS),
    record(11, bytes.fromhex("00000000 0100 20000000") + hashlib.sha256(MODULUS).digest()),
    record(12, UUID_BYTES),
    text(14, "SN-4711"),
    text(15, "Contoso Firmware"),
    text(16, "Contoso"),
    text(17, "Notebook 5"),
    text(18, "SKU-1"),
    text(19, "Notebook"),
    text(20, "Board Inc"),
    text(21, "Board"),
    text(22, "B1"),
    text(23, "V1"),
    text(24, "3305309014752"),
    text(26, "[XS]X23"),
    text(28, "S5H7"),
    record(29, bytes.fromhex("0000004000000000 0000001000000000 0100")),
    record(30, "Contoso|Pixel 9\0".encode("utf-16-le")),
    record(34, b"\x01\x02"),
)
"""One of everything, and a type without known meaning."""
