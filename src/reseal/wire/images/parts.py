"""What both formats share."""

from __future__ import annotations

from reseal.wire.errors import WireError


class ImageError(WireError):
    """A file that is not the image that it begins as."""


def broken(message: str, offset: int | None = None) -> ImageError:
    """The file is cut off, or something in it is not as the format has it."""
    return ImageError(
        code="BrokenImage", message=message, remedy="Save the image again as a PNG or JPEG.", offset=offset
    )
