"""Device lists as CSV: what the collecting tool and an editor write, and what Partner Center takes.

The documented form is strict: these columns in this order and letter case, no quotation marks, ANSI text,
padded hashes, at most 500 rows. Read with `strict`, a file must keep to all of it. Read normally, what the
collecting tool really writes is accepted too: UTF-8, UTF-16 with byte order mark, `OrderID` for `Group
Tag`, hashes without padding, spaces around values, more rows; each of them leaves a warning or a mark.

Wrong form refuses the whole file, so that nothing of it happens before it was mended, and names all places
at once. Wrong content, such as a hash that cannot be repaired, refuses its row only.

Source: spec/autopilot.md 2.1 and checks 12 to 19. Whether a hash belongs to a device, and to which, is not
asked here.
"""

from reseal.wire.devicecsv.model import (
    ASSIGNED_USER,
    CHUNK,
    GROUP_TAG,
    HASH,
    MANUFACTURER,
    MODEL,
    ORDER_ID,
    PRODUCT_ID,
    SERIAL,
    CsvProblem,
    DeviceCsv,
    DeviceRow,
    Encoding,
    Layout,
)
from reseal.wire.devicecsv.reading import read_device_csv
from reseal.wire.devicecsv.writing import DeviceCsvError, write_device_csv

__all__ = [
    "ASSIGNED_USER",
    "CHUNK",
    "GROUP_TAG",
    "HASH",
    "MANUFACTURER",
    "MODEL",
    "ORDER_ID",
    "PRODUCT_ID",
    "SERIAL",
    "CsvProblem",
    "DeviceCsv",
    "DeviceCsvError",
    "DeviceRow",
    "Encoding",
    "Layout",
    "read_device_csv",
    "write_device_csv",
]
