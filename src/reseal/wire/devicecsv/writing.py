"""Device lists in the documented form."""

from collections.abc import Sequence

from reseal.wire.devicecsv.model import DeviceRow, Layout
from reseal.wire.errors import WireError


class DeviceCsvError(WireError):
    """Rows that cannot be written in the documented form."""


def write_device_csv(rows: Sequence[DeviceRow], layout: Layout = Layout.INTUNE) -> bytes:
    """`rows` in ASCII, with all columns of `layout`, CRLF and no quotation marks.

    What is written reads back strictly if every row has a serial number and a padded hash. Raises
    DeviceCsvError, naming the line, if a value cannot be written that way or there are more rows than one
    file may have.
    """
    if len(rows) > layout.row_limit:
        message = f"{len(rows)} rows do not go into one file; {layout.row_limit} do"
        raise DeviceCsvError(code="TooManyRows", message=message, remedy="Write several files")
    lines = [",".join(layout.columns)]
    for line, row in enumerate(rows, start=2):
        values = _values(row, layout)
        for column, value in zip(layout.columns, values, strict=True):
            _require_plain(line, column, value)
        lines.append(",".join(values))
    return "\r\n".join([*lines, ""]).encode("ascii")


def _values(row: DeviceRow, layout: Layout) -> tuple[str, ...]:
    identity = (row.serial, row.product_id, row.hardware_hash)
    if layout is Layout.INTUNE:
        return (*identity, row.group_tag, row.assigned_user)
    return (*identity, row.manufacturer, row.model)


def _require_plain(line: int, column: str, value: str) -> None:
    plain = value.isascii() and value.isprintable() and value == value.strip()
    if plain and not any(separator in value for separator in ',"'):
        return
    raise DeviceCsvError(
        code="ValueNotPlain",
        message=f"{column} {value!a} cannot be written into a device list",
        remedy="Use ASCII characters without commas, quotation marks and spaces around them",
        line=line,
    )
