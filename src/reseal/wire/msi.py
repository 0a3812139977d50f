"""What Reseal must know of a Windows Installer package: its properties and its package code.

A package is an OLE compound file. Its tables are streams with packed names; text is stored once, in a string
pool, and a table holds references to it, column by column (spec/device-artifacts.md 4.6). Only the `Property`
table and the summary information are read; nothing of the package is executed or unpacked.
"""

import codecs
import io
import re
import struct
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import olefile

from reseal.wire.errors import WireError


class PackageType(StrEnum):
    """For whom a package installs, from its property ALLUSERS."""

    PER_MACHINE = "perMachine"
    PER_USER = "perUser"
    DUAL_PURPOSE = "dualPurpose"
    """ALLUSERS=2: for the machine when installed with the rights to do so, as management does."""


@dataclass(frozen=True, slots=True)
class MsiProperties:
    """The identity of a package."""

    product_code: str
    """`{GUID}`, as the package writes it."""
    product_version: str
    product_name: str
    manufacturer: str
    upgrade_code: str
    """`{GUID}`, empty if the package has none."""
    package_code: str
    """`{GUID}`; differs for every build of the package."""
    properties: Mapping[str, str]
    """The whole property table."""

    @property
    def package_type(self) -> PackageType:
        """For whom the package installs."""
        all_users = self.properties.get("ALLUSERS", "")
        return {"1": PackageType.PER_MACHINE, "2": PackageType.DUAL_PURPOSE}.get(
            all_users, PackageType.PER_USER
        )

    @property
    def per_machine(self) -> bool:
        """Whether the package is for the machine and never for one user."""
        return self.package_type is PackageType.PER_MACHINE


class MsiError(WireError):
    """Bytes that are no Windows Installer package, are damaged, or lack what a package must have.

    `code` is NotMsi, MsiDamaged or MsiIncomplete.
    """


def read_msi(data: bytes) -> MsiProperties:
    """The properties of the package in `data`; work and memory are bounded by its size. Raises MsiError."""
    compound = _open(data)
    pool, text, table = (
        _stream(compound, _packed(name)) for name in ("_StringPool", "_StringData", "Property")
    )
    strings = _StringPool.read(pool, text)
    properties = _property_table(table, strings)
    return MsiProperties(
        product_code=_guid("ProductCode", _required(properties, "ProductCode")),
        product_version=_required(properties, "ProductVersion"),
        product_name=_required(properties, "ProductName"),
        manufacturer=_required(properties, "Manufacturer"),
        upgrade_code=_guid("UpgradeCode", properties.get("UpgradeCode", "")),
        package_code=_guid("package code", _package_code(_stream(compound, _SUMMARY))),
        properties=MappingProxyType(properties),
    )


_SUMMARY: Final = "\x05SummaryInformation"
_PATCH: Final = "000C1086-0000-0000-C000-000000000046"
_TRANSFORM: Final = "000C1082-0000-0000-C000-000000000046"
_CHOOSE: Final = "Choose the .msi file of the application"
_DOWNLOAD: Final = "Get the package from its maker again"

# --- the compound file

_SMALLEST: Final = 1536
"""Bytes: a header and two sectors."""
_COUNTS: Final = struct.Struct("<30xH12xI16xI4xI")
"""Of the header: sector shift; sectors of the allocation table, of the small one, of the indirect one."""


class _Compound(olefile.OleFileIO):  # type: ignore[misc]  # the library has no types
    """The library's reader, without its habit of copying the allocation table for every part that it adds.

    A package of 300 MB is read in 0.03 s this way, in 3 s otherwise.
    """

    def loadfat_sect(self, sect: "bytes | array[int]") -> int | None:
        number = None
        for number in sect if isinstance(sect, array) else self.sect2array(sect):
            if number in (olefile.ENDOFCHAIN, olefile.FREESECT):
                break
            self.fat.extend(self.sect2array(self.getsect(number)))
        return number


def _open(data: bytes) -> _Compound:
    if len(data) < _SMALLEST or not data.startswith(olefile.MAGIC):
        raise MsiError(code="NotMsi", message="This is no Windows Installer package", remedy=_CHOOSE)
    shift, *counts = _COUNTS.unpack_from(data)
    # The library trusts these numbers; a file cannot have more sectors of a kind than it has sectors.
    if shift not in (9, 12) or max(counts) > len(data) >> shift:
        raise _damaged("its header does not fit its size")
    try:
        compound = _Compound(io.BytesIO(data), raise_defects=olefile.DEFECT_INCORRECT)
    except Exception as error:  # the library has no common error for what it finds in a damaged file
        raise _damaged(str(error)) from error
    kind = compound.root.clsid
    if kind in (_PATCH, _TRANSFORM):
        what = "patch (.msp)" if kind == _PATCH else "transform (.mst)"
        raise MsiError(code="NotMsi", message=f"This is a {what}, not a package", remedy=_CHOOSE)
    return compound


def _stream(compound: _Compound, name: str) -> bytes:
    if not compound.exists([name]):
        message = "This is a compound file without the tables of a Windows Installer package"
        raise MsiError(code="NotMsi", message=message, remedy=_CHOOSE)
    try:
        content = compound.openstream([name]).read()
    except Exception as error:  # as above
        raise _damaged(str(error)) from error
    return bytes(content)


_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
_PAIR: Final = 0x3800
_SINGLE: Final = 0x4800
_TABLE: Final = 0x4840


def _packed(table: str) -> str:
    """The name of a table's stream: a mark, then two characters of the table's name in each character."""
    values = [_ALPHABET.index(character) for character in table]
    packed = [_PAIR + low + (high << 6) for low, high in zip(values[::2], values[1::2], strict=False)]
    if len(values) % 2:
        packed.append(_SINGLE + values[-1])
    return "".join(map(chr, (_TABLE, *packed)))


# --- strings and tables

_LONG_REFERENCES: Final = 0x8000_0000


@dataclass(frozen=True, slots=True)
class _StringPool:
    """The texts of a package by number, decoded when asked for."""

    text: bytes
    spans: tuple[tuple[int, int], ...]
    codec: str
    reference_size: int
    """Bytes of a reference in the tables: 2, or 3 in packages with many texts."""

    @classmethod
    def read(cls, pool: bytes, text: bytes) -> "_StringPool":
        if len(pool) < 4 or len(pool) % 4:
            raise _damaged("its string pool is cut short")
        (header,) = struct.unpack_from("<I", pool)
        spans = [(0, 0)]
        start = 0
        sizes = struct.iter_unpack("<HH", pool[4:])
        for size, references in sizes:
            if size == 0 and references:  # a text of 64 KiB or more: its length takes the next entry
                low, high = next(sizes, (0, 0))
                size = low | high << 16
            spans.append((start, start + size))
            start += size
        if start > len(text):
            raise _damaged("texts of its string pool are missing")
        return cls(text, tuple(spans), _codec(header & 0xFFFF), 3 if header & _LONG_REFERENCES else 2)

    def __getitem__(self, number: int) -> str:
        if number >= len(self.spans):
            raise _damaged(f"a table refers to text {number}, which does not exist")
        start, end = self.spans[number]
        # Windows Installer's own functions end a text at the first NUL.
        return self.text[start:end].decode(self.codec, errors="replace").partition("\0")[0]


def _codec(code_page: int) -> str:
    """The Python codec of a Windows code page; a neutral or unknown one is read as Western European."""
    name = {0: "cp1252", 65001: "utf-8"}.get(code_page, f"cp{code_page}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "cp1252"


def _property_table(table: bytes, strings: _StringPool) -> dict[str, str]:
    size = strings.reference_size
    if len(table) % (2 * size):
        raise _damaged("its property table is cut short")
    references = [int.from_bytes(table[at : at + size], "little") for at in range(0, len(table), size)]
    half = len(references) // 2
    names, values = references[:half], references[half:]
    # Many pairs of four bytes may all name one long text: each text is decoded once.
    text = {number: strings[number] for number in set(references)}
    return {text[name]: text[value] for name, value in zip(names, values, strict=True)}


def _required(properties: Mapping[str, str], name: str) -> str:
    if value := properties.get(name, "").strip():
        return value
    raise MsiError(code="MsiIncomplete", message=f"The package has no {name}", remedy=_DOWNLOAD)


_GUID: Final = re.compile(r"\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}")


def _guid(name: str, value: str) -> str:
    if not value or _GUID.fullmatch(value):
        return value
    raise MsiError(
        code="MsiIncomplete", message=f"The {name} {value!a:.60} is no GUID in braces", remedy=_DOWNLOAD
    )


# --- the summary information, a property set

_FIRST_SECTION: Final = 44
_REVISION_NUMBER: Final = 9
_TEXT_TYPE: Final = 30


def _package_code(summary: bytes) -> str:
    """The revision number of the summary; of several package codes (transforms follow) the first."""
    try:
        (section,) = struct.unpack_from("<I", summary, _FIRST_SECTION)
        (count,) = struct.unpack_from("<I", summary, section + 4)
        listed = summary[section + 8 : section + 8 + 8 * count]
        offsets = dict(struct.iter_unpack("<II", listed))
        kind, size = struct.unpack_from("<II", summary, section + offsets[_REVISION_NUMBER])
    except (struct.error, KeyError) as error:
        raise _damaged("its summary holds no package code") from error
    start = section + offsets[_REVISION_NUMBER] + 8
    code = summary[start : start + size].split(b"\0")[0].decode("ascii", errors="replace")
    if kind != _TEXT_TYPE or not code:
        raise _damaged("its summary holds no package code")
    return code[:38]


def _damaged(why: str) -> MsiError:
    return MsiError(code="MsiDamaged", message=f"The package is damaged: {why}", remedy=_DOWNLOAD)
