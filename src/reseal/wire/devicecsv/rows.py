"""The content of one row: does it say which device it means?"""

from collections.abc import Mapping
from dataclasses import replace

from reseal.wire.devicecsv.model import (
    ASSIGNED_USER,
    GROUP_TAG,
    HASH,
    MANUFACTURER,
    MODEL,
    PRODUCT_ID,
    SERIAL,
    CsvProblem,
    DeviceRow,
    Layout,
)
from reseal.wire.hwhash.padding import HASH_CODE, HardwareHashError, repair_base64


def checked_row(line: int, values: Mapping[str, str], layout: Layout, strict: bool) -> DeviceRow | CsvProblem:
    """The row, its hash padded; or why it has to be left out. `strict` does not pad."""
    row = DeviceRow(
        line=line,
        serial=values[SERIAL],
        product_id=values[PRODUCT_ID],
        hardware_hash=values[HASH],
        group_tag=values.get(GROUP_TAG, ""),
        assigned_user=values.get(ASSIGNED_USER, ""),
        manufacturer=values.get(MANUFACTURER, ""),
        model=values.get(MODEL, ""),
    )
    return _missing(row, layout) or _padded(row, strict)


def _missing(row: DeviceRow, layout: Layout) -> CsvProblem | None:
    if layout is Layout.PARTNER_CENTER:
        # A partner may name a device by hash, by product id, or by serial number, manufacturer and model.
        if row.hardware_hash or row.product_id or all((row.serial, row.manufacturer, row.model)):
            return None
        remedy = "Give the hardware hash, the product id, or serial number, manufacturer and model"
        return _left_out(row, "MissingIdentity", "The line names no device", remedy)
    if not row.serial:
        remedy = "Add the serial number of the device"
        return _left_out(row, "MissingSerialNumber", "The line has no serial number", remedy, SERIAL)
    if not row.hardware_hash:
        return _left_out(row, HASH_CODE, "The line has no hardware hash", "Collect it on the device", HASH)
    return None


def _padded(row: DeviceRow, strict: bool) -> DeviceRow | CsvProblem:
    try:
        hardware_hash = repair_base64(row.hardware_hash)
    except HardwareHashError as error:
        return _left_out(row, error.code, error.message, error.remedy, HASH)
    if hardware_hash == row.hardware_hash:
        return row
    if strict:
        return _left_out(
            row, HASH_CODE, "The hardware hash has no padding", "Write it with its padding", HASH
        )
    return replace(row, hardware_hash=hardware_hash, hash_repaired=True)


def _left_out(row: DeviceRow, code: str, message: str, remedy: str, column: str = "") -> CsvProblem:
    return CsvProblem(
        line=row.line,
        column=column,
        code=code,
        message=message,
        remedy=remedy,
        refuses_file=False,
        serial=row.serial,
    )
