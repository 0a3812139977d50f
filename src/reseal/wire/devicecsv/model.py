"""Columns, rows and problems of device lists."""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

CHUNK: Final = 500
"""Rows that the documented service takes in one file."""

SERIAL: Final = "Device Serial Number"
PRODUCT_ID: Final = "Windows Product ID"
HASH: Final = "Hardware Hash"
GROUP_TAG: Final = "Group Tag"
ORDER_ID: Final = "OrderID"
"""What older files call the group tag."""
ASSIGNED_USER: Final = "Assigned User"
MANUFACTURER: Final = "Manufacturer name"
MODEL: Final = "Device model"

REQUIRED: Final = (SERIAL, PRODUCT_ID, HASH)
"""The columns that every file begins with."""


class Layout(Enum):
    """Which service a file is written for."""

    INTUNE = (*REQUIRED, GROUP_TAG, ASSIGNED_USER)
    """The last column, or the last two, may be left out."""
    PARTNER_CENTER = (*REQUIRED, MANUFACTURER, MODEL)

    @property
    def columns(self) -> tuple[str, ...]:
        """All column names, in order."""
        return self.value

    @property
    def row_limit(self) -> int:
        """Most rows of one file, as documented."""
        return CHUNK if self is Layout.INTUNE else 1000


class Encoding(StrEnum):
    """How the characters of a file are stored."""

    ASCII = "ASCII"
    ANSI = "ANSI"
    """Bytes outside ASCII that are not UTF-8; what they mean depends on the machine that wrote them."""
    UTF_8 = "UTF-8"
    UTF_8_BOM = "UTF-8 with byte order mark"
    UTF_16_LE = "UTF-16 (little endian) with byte order mark"
    UTF_16_BE = "UTF-16 (big endian) with byte order mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """One device. Fields that the file does not have are empty."""

    line: int
    """Line of the file, from 1; the header is line 1."""
    serial: str
    product_id: str = ""
    hardware_hash: str = ""
    """Padded base64 that decodes; whether it is a hardware hash, `wire.hwhash.decode` knows."""
    hash_repaired: bool = False
    """The file had the hash without its padding."""
    group_tag: str = ""
    assigned_user: str = ""
    manufacturer: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvProblem:
    """Something wrong in a file, told to the person who can mend it."""

    line: int
    column: str = ""
    """Name of the column; empty if the whole line is meant."""
    code: str
    message: str
    remedy: str
    refuses_file: bool = True
    """False for a row that is left out alone, and for warnings."""
    serial: str = ""
    """Serial number of the row that is left out, if it has one."""


@dataclass(frozen=True, slots=True)
class DeviceCsv:
    """A file as it was read."""

    rows: tuple[DeviceRow, ...]
    """The rows to be taken; none if the file is refused."""
    problems: tuple[CsvProblem, ...]
    """What refuses the file or one of its rows, in order of lines."""
    warnings: tuple[CsvProblem, ...]
    """What was let pass or put right, in order of lines."""
    encoding: Encoding
    layout: Layout | None
    """None if the header fits none."""
    row_count: int
    """Lines with values under the header, refused ones included."""

    @property
    def refused(self) -> bool:
        """Whether the file as a whole is refused."""
        return any(problem.refuses_file for problem in self.problems)

    @property
    def chunks_of_500(self) -> int:
        """How many files of the documented size the rows to be taken would fill."""
        return -(-len(self.rows) // CHUNK)
