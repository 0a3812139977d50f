"""PNG (Portable Network Graphics, third edition): a signature, then chunks of length, type, data and CRC-32.

Kept are the chunks without which the image cannot be shown, its transparency, and three that say in numbers
how its colours are meant. Texts, times, Exif, colour profiles, the further pictures of an animation, chunks
of other programs and everything behind the end are left out.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from reseal.wire.images.parts import broken

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEADER_BYTES: Final = 13
_KEPT: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB"})
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits of a sample by colour type."""
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES: Final = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Of an interlaced image (Adam7): the first column and row of each pass, and how far it is to the next."""


def png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height from the header; None if this is no PNG."""
    if not data.startswith(_SIGNATURE + b"\x00\x00\x00\x0dIHDR") or len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def cleaned_png(data: bytes) -> bytes:
    """The PNG without what does not show. Raises `ImageError`."""
    kept = [_SIGNATURE]
    for kind, content in _chunks(data):
        if kind in _KEPT:
            kept.append(_chunk(kind, content))
        elif kind[0] & 0x20 == 0:  # a capital letter: not to be left out
            raise broken(f"The PNG has a part {kind!r} that nobody knows.")
    return b"".join(kept)


def inflated_png(data: bytes) -> int:
    """How many bytes the pixels are, with the filter byte of each row. Raises `ImageError` if these are not
    exactly as many as the header says.
    """
    header, packed = b"", []
    for kind, content in _chunks(data):
        if kind == b"IHDR":
            header = content
        elif kind == b"IDAT":
            packed.append(content)
    wanted = _pixel_bytes(header)
    inflater = zlib.decompressobj()
    try:
        got = len(inflater.decompress(b"".join(packed), wanted + 1))
    except zlib.error as error:
        raise broken(f"The pixels of the PNG cannot be read: {error}.") from None
    if got != wanted:
        raise broken(f"The PNG has {got} bytes of pixels where {wanted} belong.")
    return got


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of each chunk, to the end of the image; there is one header, by which it was measured."""
    position = len(_SIGNATURE)
    while True:
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + length
        if end > len(data):
            raise broken("The PNG is cut off.", position)
        kind, content = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        if zlib.crc32(kind + content) != int.from_bytes(data[end - 4 : end], "big"):
            raise broken(f"The checksum of the PNG's part {kind!r} is wrong.", position)
        if kind == b"IHDR" and position > len(_SIGNATURE):
            raise broken("The PNG has a second header.", position)
        yield kind, content
        if kind == b"IEND":
            return
        position = end


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return len(content).to_bytes(4, "big") + kind + content + checksum.to_bytes(4, "big")


def _pixel_bytes(header: bytes) -> int:
    if len(header) != _HEADER_BYTES:
        raise broken("The PNG has no header of thirteen bytes.")
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    depth, colour, compression, filters, interlace = header[8:]
    if depth not in _DEPTHS.get(colour, ()) or compression or filters or interlace > 1:
        raise broken("The PNG's header names a form that there is not.")
    bits = depth * _SAMPLES[colour]
    if not interlace:
        return _rows(width, height, bits)
    return sum(
        _rows(-(-max(width - left, 0) // across), -(-max(height - top, 0) // down), bits)
        for left, top, across, down in _PASSES
    )


def _rows(width: int, height: int, bits: int) -> int:
    return height * (1 + -(-width * bits // 8)) if width else 0
