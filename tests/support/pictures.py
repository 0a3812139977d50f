"""Whole images of any size, made from nothing."""

from __future__ import annotations

import base64
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62r"
    "Z4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSk"
    "pKT/wAARCAAIAAgDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAT/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFQEBAQAAAAAA"
    "AAAAAAAAAAAAAwX/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oADAMBAAIRAxEAPwCIAaw//9k="
)
"""Eight by eight red pixels."""


def chunk(kind: bytes, content: bytes) -> bytes:
    """One part of a PNG."""
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def png(width: int, height: int, *more: bytes, size: int = 0, pixels: bytes | None = None) -> bytes:
    """A grey PNG of one bit for each pixel. `more` chunks stand before the pixels; a chunk that nobody knows
    brings it to `size` bytes.
    """
    header = chunk(b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\1\0\0\0\0")
    plain = bytes(height * (1 + (width + 7) // 8)) if pixels is None else pixels
    rest = b"".join(more) + chunk(b"IDAT", zlib.compress(plain)) + chunk(b"IEND", b"")
    missing = size - len(SIGNATURE + header + rest) - 12
    padding = chunk(b"paDd", bytes(missing)) if missing >= 0 else b""
    return SIGNATURE + header + padding + rest


def segment(marker: int, content: bytes) -> bytes:
    """One part of a JPEG."""
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def jpeg(width: int, height: int, *before: bytes, frame: int = 0xC0) -> bytes:
    """The parts of a JPEG that anybody looks at who does not decode it; `before` stands before the frame."""
    measures = b"\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\x01\x01\x11\0"
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34\xff\xd0\x56"
    return b"\xff\xd8" + b"".join(before) + segment(frame, measures) + scan + b"\xff\xd9"
