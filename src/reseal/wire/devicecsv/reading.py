"""From bytes to rows and problems: text, characters, header, rows."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from reseal.wire.devicecsv.header import header_problems, layout_of
from reseal.wire.devicecsv.model import REQUIRED, CsvProblem, DeviceCsv, DeviceRow, Encoding, Layout
from reseal.wire.devicecsv.rows import checked_row

_QUOTES: Final = re.compile('["\u201c\u201d\u201e\u201f\u00ab\u00bb]')
_SAVE_PLAIN: Final = "Save the file as plain ASCII text, and do not edit it in Excel"
_NOTHING_TO_DO: Final = "Nothing needs to be done"


def read_device_csv(data: bytes, strict: bool = False) -> DeviceCsv:
    """Read a device list. Never raises: what is wrong is part of the answer.

    `strict` applies the documented rule of the original service; the package says what else is accepted.
    """
    return _Reading(strict).read(data)


@dataclass(slots=True)
class _Reading:
    """One file on its way: text, characters, header, rows."""

    strict: bool
    problems: list[CsvProblem] = field(default_factory=list)
    warnings: list[CsvProblem] = field(default_factory=list)

    def read(self, data: bytes) -> DeviceCsv:
        encoding = _encoding(data)
        lines = self._lines(data, encoding)
        layout, names = self._header(lines)
        rows = tuple(self._rows(lines, layout, names))
        if layout and not rows and not self.problems:
            self._refuse(1, "NoRows", "The file has a header and no devices", "Add one line per device")
        answer = DeviceCsv(
            rows=rows,
            problems=tuple(self.problems),
            warnings=tuple(self.warnings),
            encoding=encoding,
            layout=layout,
            row_count=sum(map(_has_values, lines[1:])),
        )
        return replace(answer, rows=()) if answer.refused else answer

    def _refuse(self, line: int, code: str, message: str, remedy: str, column: str = "") -> None:
        problem = CsvProblem(line=line, column=column, code=code, message=message, remedy=remedy)
        self.problems.append(problem)

    def _warn(self, line: int, code: str, message: str, remedy: str, column: str = "") -> None:
        problem = CsvProblem(line=line, column=column, code=code, message=message, remedy=remedy)
        self.warnings.append(replace(problem, refuses_file=False))

    def _lines(self, data: bytes, encoding: Encoding) -> list[str]:
        """The lines of the file, without empty ones at the end; none if it is not text."""
        if self.strict and encoding not in (Encoding.ASCII, Encoding.ANSI):
            self._refuse(1, "Encoding", f"The file is {encoding}; only ANSI is allowed", _SAVE_PLAIN)
            return []
        mark, codec = _CODECS[encoding]
        content = data[len(mark) :]
        try:
            text = content.decode(codec, errors="replace" if encoding is Encoding.ANSI else "strict")
        except UnicodeDecodeError as error:
            readable = content[: error.start].decode(codec, errors="ignore")
            message = f"The file begins as {encoding} and does not go on as such: {error.reason}"
            self._refuse(len(_split(readable)), "Encoding", message, _SAVE_PLAIN)
            return []
        if "\0" in text:
            readable = text.partition("\0")[0]
            message = "The file is not plain text; it may be UTF-16 without byte order mark"
            self._refuse(len(_split(readable)), "Encoding", message, _SAVE_PLAIN)
            return []
        lines = _split(text)
        while lines and not lines[-1].strip():
            lines.pop()
        if not lines:
            self._refuse(1, "Empty", "The file is empty", "Choose a file with a header and a line per device")
        return lines

    def _is_plain(self, number: int, line: str) -> bool:
        """Whether the line holds nothing but visible ASCII characters and spaces, and no quotation mark."""
        if '"' not in line and line.isascii() and line.isprintable():
            return True
        if _QUOTES.search(line):
            remedy = "Remove all quotation marks; no value needs them"
            self._refuse(number, "QuotationMark", "Quotation marks are not allowed", remedy)
        for position, value in enumerate(_QUOTES.sub("", line).split(","), start=1):
            odd = next((c for c in value if not (c.isascii() and c.isprintable())), None)
            if odd is not None:
                code = "NonAsciiCharacter" if odd.isprintable() else "HiddenCharacter"
                kind = f"`{odd}`, a character outside ASCII" if odd.isprintable() else "a hidden character"
                message = f"Value {position} holds {kind} (U+{ord(odd):04X})"
                self._refuse(number, code, message, "Type the value anew, in ASCII characters")
        return False

    def _values(self, number: int, line: str, names: tuple[str, ...] = ()) -> list[str]:
        """The values of a line, without spaces around them."""
        values = line.split(",")
        tell = self._refuse if self.strict else self._warn
        for position, value in enumerate(values):
            if value.strip() != value:
                name = names[position] if position < len(names) else ""
                message = f"Value {position + 1} has spaces before or after it"
                tell(number, "SurroundingSpace", message, "Remove the spaces", name)
        return [value.strip() for value in values]

    def _header(self, lines: list[str]) -> tuple[Layout | None, tuple[str, ...]]:
        """The layout, and the names of the columns that the file has."""
        if not lines or not self._is_plain(1, lines[0]):
            return None, ()
        names = tuple(self._values(1, lines[0]))
        layout = layout_of(names, self.strict)
        if layout is None:
            self.problems.extend(header_problems(names, self.strict))
            return None, ()
        return layout, layout.columns[: len(names)]

    def _rows(self, lines: list[str], layout: Layout | None, names: tuple[str, ...]) -> Iterator[DeviceRow]:
        """The good rows. Without a layout, lines are only searched for characters that may not be there."""
        count = 0
        for number, line in enumerate(lines[1:], start=2):
            if not self._is_plain(number, line) or not layout:
                continue
            if not _has_values(line):
                self._warn(number, "EmptyLine", "The line holds no values and is skipped", "Remove the line")
                continue
            count += 1
            if count == layout.row_limit + 1:
                self._too_many(number, layout.row_limit)
            values = self._values(number, line, names)
            if not self._fills(number, values, names):
                continue
            match checked_row(number, dict(zip(names, values, strict=False)), layout, self.strict):
                case DeviceRow() as row:
                    yield row
                case CsvProblem() as problem:
                    self.problems.append(problem)

    def _too_many(self, number: int, limit: int) -> None:
        message = f"A file can have {limit} rows; this is row {limit + 1}"
        if self.strict:
            self._refuse(number, "TooManyRows", message, f"Split it into files of {limit} rows")
        else:
            self._warn(number, "TooManyRows", f"{message}. All are taken, in parts", _NOTHING_TO_DO)

    def _fills(self, number: int, values: list[str], names: tuple[str, ...]) -> bool:
        """Whether a line has as many values as the header has columns, or leaves out optional ones."""
        if len(values) == len(names):
            return True
        message = f"The line has {len(values)} values and the header {len(names)} columns"
        if len(values) > len(names):
            remedy = "Remove what has no column; a comma cannot be part of a value"
            self._refuse(number, "ColumnCount", message, remedy)
        elif self.strict or len(values) < len(REQUIRED):
            self._refuse(number, "ColumnCount", message, "Add what is missing, or at least its commas")
        else:
            self._warn(number, "ColumnCount", f"{message}; what is missing counts as empty", _NOTHING_TO_DO)
        return not self.strict and len(REQUIRED) <= len(values) < len(names)


_MARKED: Final = {
    Encoding.UTF_8_BOM: (BOM_UTF8, "utf-8"),
    Encoding.UTF_16_LE: (BOM_UTF16_LE, "utf-16-le"),
    Encoding.UTF_16_BE: (BOM_UTF16_BE, "utf-16-be"),
}
_CODECS: Final = {
    Encoding.ASCII: (b"", "ascii"),
    # Only to show the character in a message: what a row holds is ASCII or refused.
    Encoding.ANSI: (b"", "cp1252"),
    Encoding.UTF_8: (b"", "utf-8"),
    **_MARKED,
}
"""Byte order mark and codec."""


def _encoding(data: bytes) -> Encoding:
    for encoding, (mark, _) in _MARKED.items():
        if data.startswith(mark):
            return encoding
    if data.isascii():
        return Encoding.ASCII
    try:
        data.decode()
    except UnicodeDecodeError:
        return Encoding.ANSI
    return Encoding.UTF_8


def _split(text: str) -> list[str]:
    """Lines ended by CR LF, CR or LF; `str.splitlines` would also break at characters that hide in values."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _has_values(line: str) -> bool:
    return bool(line.strip(", "))
