"""The header line: which layout it announces, and what is wrong with one that announces none."""

from collections.abc import Iterator, Mapping
from typing import Final

from reseal.wire.devicecsv.model import GROUP_TAG, MANUFACTURER, MODEL, ORDER_ID, REQUIRED, CsvProblem, Layout

_KNOWN: Final = frozenset(
    name.casefold() for name in (*Layout.INTUNE.columns, *Layout.PARTNER_CENTER.columns, ORDER_ID)
)
_OLD_NAMES: Final[Mapping[str, str]] = {GROUP_TAG: ORDER_ID}


def layout_of(names: tuple[str, ...], strict: bool) -> Layout | None:
    """The layout whose columns these are; `strict` knows no old names."""
    if names == Layout.PARTNER_CENTER.columns:
        return Layout.PARTNER_CENTER
    columns = Layout.INTUNE.columns[: len(names)]
    pairs = zip(names, columns, strict=False)
    fits = all(name == wanted or _is_old(name, wanted, strict) for name, wanted in pairs)
    return Layout.INTUNE if fits and len(REQUIRED) <= len(names) == len(columns) else None


def header_problems(names: tuple[str, ...], strict: bool) -> Iterator[CsvProblem]:
    """Why `layout_of` knows no layout, column by column."""
    if len(names) == 1 and ";" in names[0]:
        message = "The columns are separated by semicolons"
        yield _problem("Separator", message, "Separate them by commas; write no semicolons")
        return
    partner = any(name.casefold() in (MANUFACTURER.casefold(), MODEL.casefold()) for name in names)
    columns = (Layout.PARTNER_CENTER if partner else Layout.INTUNE).columns
    for number, (name, wanted) in enumerate(zip(names, columns, strict=False), start=1):
        if name != wanted and not _is_old(name, wanted, strict):
            yield _wrong_name(number, name, wanted, strict)
    for number, name in enumerate(names[len(columns) :], start=len(columns) + 1):
        message = f"Column {number} (`{name}`) is one too many; there are at most {len(columns)}"
        yield _problem("ExtraColumn", message, "Remove the column", name)
    for wanted in columns[len(names) :]:
        if partner or wanted in REQUIRED:
            yield _problem(
                "MissingColumn", f"The column `{wanted}` is missing", f"Write {_line(columns)}", wanted
            )


def _wrong_name(number: int, name: str, wanted: str, strict: bool) -> CsvProblem:
    remedy = f"Write `{wanted}`"
    for right in (wanted, _OLD_NAMES.get(wanted, wanted)):
        if name.casefold() == right.casefold() and name != right:
            message = f"Column {number} is called `{name}`; letter case matters"
            return _problem("HeaderLetterCase", message, f"Write `{right}`", right)
    if name == ORDER_ID and strict:
        message = f"Column {number} has its old name `{name}`"
        return _problem("UnknownColumn", message, remedy, name)
    if name.casefold() in _KNOWN:
        message = f"Column {number} is `{name}` where `{wanted}` belongs"
        return _problem("HeaderOrder", message, "Put the columns into the documented order", name)
    message = f"Column {number} is called `{name}`" if name else f"Column {number} has no name"
    return _problem("UnknownColumn", message, remedy, name)


def _is_old(name: str, wanted: str, strict: bool) -> bool:
    return not strict and _OLD_NAMES.get(wanted) == name


def _line(columns: tuple[str, ...]) -> str:
    return f"`{','.join(columns)}`"


def _problem(code: str, message: str, remedy: str, column: str = "") -> CsvProblem:
    return CsvProblem(line=1, column=column, code=code, message=message, remedy=remedy)
