"""PNG and JPEG files, taken apart: what shows is kept, everything else is left out.

An image that an organisation uploads may hold where and with what it was made, a preview of what was cut
away, comments, programs of other formats behind its end. `cleaned` gives the same image without any of it, to
the pixel, and refuses a file that is not whole. Nothing is decoded further than that takes: there is no
decoder here that a made-up image could break.

`measured` says what a file claims to be and how large, from its first bytes: ask it before anything else.
"""

from __future__ import annotations

from dataclasses import dataclass

from reseal.wire.images.jpeg import cleaned_jpeg, jpeg_size
from reseal.wire.images.parts import ImageError, broken
from reseal.wire.images.png import cleaned_png, inflated_png, png_size

__all__ = ["ImageError", "Measures", "cleaned", "measured", "require_whole"]


@dataclass(frozen=True, slots=True)
class Measures:
    """What an image is; width and height in pixels, as they are stored."""

    media_type: str
    width: int
    height: int


def measured(data: bytes) -> Measures | None:
    """What the first bytes say; None for anything but a PNG or JPEG with pixels."""
    for media_type, size_of in (("image/png", png_size), ("image/jpeg", jpeg_size)):
        size = size_of(data)
        if size is not None:
            return Measures(media_type, *size) if all(size) else None
    return None


def cleaned(data: bytes) -> bytes:
    """The image with nothing but what shows. Raises `ImageError` for a file that is not whole."""
    if png_size(data) is not None:
        return cleaned_png(data)
    if jpeg_size(data) is not None:
        return cleaned_jpeg(data)
    raise broken("This is neither a PNG nor a JPEG.")


def require_whole(data: bytes) -> None:
    """Raise `ImageError` unless the image can be shown. A PNG is inflated for that, which takes as much
    memory as its measures say: look at these first.
    """
    clean = cleaned(data)
    if png_size(clean) is not None:
        inflated_png(clean)
