"""Windows Installer packages made in memory, also such as no tool would write."""

import struct
from collections.abc import Mapping
from uuid import UUID

SECTOR = 512
MINI_SECTOR = 64
CUTOFF = 4096
END = 0xFFFFFFFE
FREE = 0xFFFFFFFF
FAT = 0xFFFFFFFD

PACKAGE = UUID("000c1084-0000-0000-c000-000000000046")
NO_KIND = UUID(int=0)
PATCH = UUID("000c1086-0000-0000-c000-000000000046")

SUMMARY = "\x05SummaryInformation"
POOL, TEXTS, PROPERTIES = (
    "\u4840\u3f3f\u4577\u446c\u3e6a\u44b2\u482f",
    "\u4840\u3f3f\u4577\u446c\u3b6a\u45e4\u4824",
    "\u4840\u4559\u44f2\u4568\u4737",
)
"""Stream names of the tables, as packages made with msitools have them."""

SAMPLE = {
    "ProductCode": "{5A1D7C3E-0B42-4E0C-9C57-3F2C6A7D1E21}",
    "ProductVersion": "1.0.0",
    "ProductName": "Sample",
    "Manufacturer": "Reseal",
}
PACKAGE_CODE = "{5A1D7C3E-0B42-4E0C-9C57-3F2C6A7D1E22}"


def package(
    properties: Mapping[str, str] = SAMPLE,
    *,
    code_page: int = 65001,
    codec: str = "utf-8",
    wide: bool = False,
) -> bytes:
    """A package with these properties; `wide` uses references of three bytes."""
    return compound(streams(properties, code_page=code_page, codec=codec, wide=wide))


def streams(
    properties: Mapping[str, str] = SAMPLE,
    *,
    code_page: int = 65001,
    codec: str = "utf-8",
    wide: bool = False,
) -> dict[str, bytes]:
    """The streams of such a package by name."""
    pool = [struct.pack("<I", code_page | (0x8000_0000 if wide else 0)), struct.pack("<HH", 0, 0)]
    texts = []
    for text in (*properties, *properties.values()):
        data = text.encode(codec)
        texts.append(data)
        if len(data) >= 0x1_0000:
            pool.append(struct.pack("<HHI", 0, 1, len(data)))
        else:
            pool.append(struct.pack("<HH", len(data), 1 if data else 0))
    references = range(2, 2 + 2 * len(properties))
    return {
        POOL: b"".join(pool),
        TEXTS: b"".join(texts),
        PROPERTIES: b"".join(number.to_bytes(3 if wide else 2, "little") for number in references),
        SUMMARY: summary(PACKAGE_CODE),
    }


def summary(package_code: str) -> bytes:
    """A property set with a revision number and nothing else."""
    text = package_code.encode() + b"\0"
    section = struct.pack("<IIIIII", 24 + len(text), 1, 9, 16, 30, len(text)) + text
    return struct.pack("<HHI16sI16sI", 0xFFFE, 0, 2, bytes(16), 1, bytes(16), 48) + section


def compound(content: Mapping[str, bytes], kind: UUID = PACKAGE) -> bytes:
    """An OLE compound file; its directory is a list, not a tree, as bad writers make it."""
    sectors: list[bytes] = []
    fat: list[int] = []
    mini: list[bytes] = []
    mini_fat: list[int] = []
    entries = []
    for name, data in content.items():
        small = len(data) < CUTOFF
        start = _store(data, mini, mini_fat, MINI_SECTOR) if small else _store(data, sectors, fat, SECTOR)
        entries.append((name, start, len(data)))
    mini_stream = b"".join(mini)
    mini_start = _store(mini_stream, sectors, fat, SECTOR)
    table = struct.pack(f"<{len(mini_fat)}I", *mini_fat)
    mini_fat_start = _store(table, sectors, fat, SECTOR, filler=b"\xff")
    mini_fat_count = -(-len(table) // SECTOR)
    directory = _entry("Root Entry", 5, mini_start, len(mini_stream), child=1 if entries else FREE, kind=kind)
    for number, (name, start, size) in enumerate(entries, start=1):
        directory += _entry(name, 2, start, size, right=number + 1 if number < len(entries) else FREE)
    directory_start = _store(directory, sectors, fat, SECTOR)
    count = 1
    while count * SECTOR // 4 < len(fat) + count:
        count += 1
    first = len(fat)
    fat += [FAT] * count
    fat += [FREE] * (count * SECTOR // 4 - len(fat))
    header = struct.pack(
        "<8s16sHHHHH6xIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        bytes(16),
        0x3E,
        3,
        0xFFFE,
        9,
        6,
        0,
        count,
        directory_start,
        0,
        CUTOFF,
        mini_fat_start,
        mini_fat_count,
        END,
        0,
    )
    places = [*range(first, first + count), *[FREE] * (109 - count)]
    return header + struct.pack("<109I", *places) + b"".join(sectors) + struct.pack(f"<{len(fat)}I", *fat)


def _store(data: bytes, sectors: list[bytes], fat: list[int], size: int, filler: bytes = b"\0") -> int:
    """Append `data` as a chain of sectors; the first one's number."""
    if not data:
        return END
    first = len(sectors)
    for at in range(0, len(data), size):
        sectors.append(data[at : at + size].ljust(size, filler))
        fat.append(len(sectors))
    fat[-1] = END
    return first


def _entry(
    name: str,
    role: int,
    start: int,
    size: int,
    *,
    right: int = FREE,
    child: int = FREE,
    kind: UUID = NO_KIND,
) -> bytes:
    encoded = f"{name}\0".encode("utf-16-le")
    links = (FREE, right, child)
    return struct.pack(
        "<64sHBBIII16sI16xIQ", encoded, len(encoded), role, 1, *links, kind.bytes_le, 0, start, size
    )
