"""JPEG (ITU-T T.81, annex B): segments that begin with a marker, and coded pixels behind some of them.

Kept are tables, frame and scans. Of applications' segments three say something that shows, and are written
anew with that alone: JFIF (how dense the pixels are; its preview goes), Adobe (how colours are coded) and
Exif (which way up the picture is). Comments, previews, positions, colour profiles and everything behind the
end are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from reseal.wire.images.parts import broken

_BEGIN: Final = b"\xff\xd8"
_END: Final = 0xD9
_SCAN: Final = 0xDA
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_TABLES: Final = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD})
_APPLICATIONS: Final = range(0xE0, 0xF0)
_COMMENT: Final = 0xFE
_RESTARTS: Final = range(0xD0, 0xD8)
_ORIENTATION: Final = 0x0112
_EXIF: Final = b"Exif\0\0"


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height from the first frame; None if this is no JPEG."""
    if not data.startswith(_BEGIN + b"\xff"):
        return None
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte before a marker
            position += 1
            continue
        if marker in _FRAMES:
            height = int.from_bytes(data[position + 5 : position + 7], "big")
            return int.from_bytes(data[position + 7 : position + 9], "big"), height
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None


def cleaned_jpeg(data: bytes) -> bytes:
    """The JPEG without what does not show. Raises `ImageError`."""
    kept, seen = [_BEGIN], set()
    for marker, content, scan in _segments(data):
        seen.add("frame" if marker in _FRAMES else "scan" if marker == _SCAN else "")
        if marker in _APPLICATIONS:
            content = _shown(marker, content)
            if not content:
                continue
        elif marker == _COMMENT:
            continue
        kept.append(bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content + scan)
    if not {"frame", "scan"} <= seen:
        raise broken("The JPEG has no picture in it.")
    return b"".join([*kept, bytes((0xFF, _END))])


def _segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Marker and content of each segment, and the coded pixels behind it, to the end of the image."""
    position = len(_BEGIN)
    while True:
        if data[position : position + 1] != b"\xff" or position + 2 > len(data):
            raise broken("The JPEG is cut off.", position)
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == _END:
            return
        if marker not in _FRAMES | _TABLES | {_SCAN, _COMMENT} and marker not in _APPLICATIONS:
            raise broken(f"The JPEG has a part 0x{marker:02X} that browsers do not show.", position)
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        begin, end = position + 4, position + 2 + length
        if length < 2 or end > len(data):
            raise broken("The JPEG is cut off.", position)
        position = _scan_end(data, end) if marker == _SCAN else end
        yield marker, data[begin:end], data[end:position]


def _scan_end(data: bytes, position: int) -> int:
    """Where the next segment begins: at a marker that is neither a stuffed byte nor a restart."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 2 > len(data):
            raise broken("The JPEG is cut off within its picture.")
        if data[position + 1] and data[position + 1] not in _RESTARTS:
            return position
        position += 2


def _shown(marker: int, content: bytes) -> bytes:
    """What an application's segment says of how the picture shows; empty if nothing."""
    if marker == 0xE0 and content.startswith(b"JFIF\0") and len(content) >= 14:
        return content[:12] + b"\0\0"  # without a preview
    if marker == 0xE1 and content.startswith(_EXIF):
        turned = _orientation(content[len(_EXIF) :])
        return _EXIF + _exif(turned) if 2 <= turned <= 8 else b""
    if marker == 0xEE and content.startswith(b"Adobe") and len(content) >= 12:
        return content[:12]
    return b""


def _orientation(tiff: bytes) -> int:
    """Which way up the picture is (Exif 4.6.5): 1 as it is stored, up to 8; 0 if that is not said."""
    order: Literal["little", "big"] = "little" if tiff.startswith(b"II*\0") else "big"
    if order == "big" and not tiff.startswith(b"MM\0*"):
        return 0
    begin = int.from_bytes(tiff[4:8], order)
    count = int.from_bytes(tiff[begin : begin + 2], order)
    for number in range(count):
        entry = tiff[begin + 2 + 12 * number : begin + 14 + 12 * number]
        if len(entry) < 12:
            return 0
        if int.from_bytes(entry[:2], order) == _ORIENTATION:
            return int.from_bytes(entry[8:10], order)
    return 0


def _exif(orientation: int) -> bytes:
    """An Exif that says nothing else."""
    entry = _ORIENTATION.to_bytes(2, "big") + b"\0\3\0\0\0\1" + orientation.to_bytes(2, "big") + b"\0\0"
    return b"MM\0*\0\0\0\x08" + b"\0\1" + entry + b"\0\0\0\0"
