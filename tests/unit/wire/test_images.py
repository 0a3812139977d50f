"""Images without what does not show (spec/identity.md 7.1)."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.images import ImageError, Measures, cleaned, measured, require_whole
from tests.support.pictures import JPEG, SIGNATURE, chunk, jpeg, png, segment

EXIF = b"Exif\0\0"
ORIENTED = b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\x06\0\0\0\0\0\0"
"""An Exif's TIFF that says: turned by a quarter, and nothing else."""


def test_a_picture_of_somebody_elses_program_stays_as_it_is() -> None:
    assert measured(JPEG) == Measures("image/jpeg", 8, 8)
    assert cleaned(JPEG) == JPEG
    require_whole(JPEG)


def test_of_a_png_the_picture_is_kept_and_nothing_else() -> None:
    telling = [
        chunk(kind, b"somebody")
        for kind in (b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"iCCP", b"tIME", b"acTL", b"prIv")
    ]
    colours = [chunk(b"gAMA", bytes(4)), chunk(b"sRGB", b"\0")]
    assert cleaned(png(9, 9, *colours, *telling) + b"behind the end") == png(9, 9, *colours)


def test_of_a_jpeg_the_picture_is_kept_and_nothing_else() -> None:
    tables = segment(0xDB, bytes(65))
    telling = [segment(marker, b"somebody") for marker in (0xFE, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xEF)]
    assert cleaned(jpeg(9, 9, *telling, b"\xff", tables) + b"behind the end") == jpeg(9, 9, tables)


def test_what_shows_of_an_applications_segment_is_written_anew() -> None:
    jfif = b"JFIF\0\1\2\1\0\x48\0\x48"
    adobe = b"Adobe\0\x64\0\0\0\0\1"
    given = (segment(0xE0, jfif + b"\1\1RGB"), segment(0xEE, adobe + b"more"))
    assert cleaned(jpeg(9, 9, *given)) == jpeg(9, 9, segment(0xE0, jfif + b"\0\0"), segment(0xEE, adobe))


LITTLE = b"II*\0\x08\0\0\0\2\0\x0f\x01\2\0\x04\0\0\0made\x12\x01\3\0\1\0\0\0\6\0\0\0\0\0\0\0 and where"


@pytest.mark.parametrize("tiff", [ORIENTED, ORIENTED + b" and where it was taken", LITTLE])
def test_which_way_up_a_picture_is_stays_known(tiff: bytes) -> None:
    turned = jpeg(9, 9, segment(0xE1, EXIF + ORIENTED))
    assert cleaned(jpeg(9, 9, segment(0xE1, EXIF + tiff))) == turned


@pytest.mark.parametrize(
    "tiff", [b"", b"MM\0*", ORIENTED[:14], ORIENTED.replace(b"\0\x06\0\0", b"\0\1\0\0"), b"x" * 40]
)
def test_an_exif_that_says_nothing_of_that_goes(tiff: bytes) -> None:
    assert cleaned(jpeg(9, 9, segment(0xE1, EXIF + tiff))) == jpeg(9, 9)


def interlaced(width: int, height: int, *, fewer: int = 0) -> bytes:
    """A PNG in seven passes, one byte for each pixel."""
    passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]
    rows = b""
    for left, top, across, down in passes:
        columns = len(range(left, width, across))
        rows += b"".join(bytes(1 + columns) for _ in range(top, height, down) if columns)
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\0\0\0\1"
    packed = zlib.compress(rows[: len(rows) - fewer])
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@given(st.integers(1, 40), st.integers(1, 40))
def test_all_pixels_have_to_be_there(width: int, height: int) -> None:
    require_whole(interlaced(width, height))
    require_whole(png(width, height))
    plain = height * (1 + (width + 7) // 8)
    for wrong in (
        interlaced(width, height, fewer=1),
        png(width, height, pixels=bytes(plain - 1)),
        png(width, height, pixels=bytes(plain + 1)),
    ):
        with pytest.raises(ImageError, match="bytes of pixels"):
            require_whole(wrong)


FORMS = [b"\3\0\0\0\0", b"\1\1\0\0\0", b"\1\0\1\0\0", b"\1\0\0\1\0", b"\1\0\0\0\2", b"\1\0\0\0"]


@pytest.mark.parametrize("form", FORMS)
def test_a_header_names_a_form_that_there_is(form: bytes) -> None:
    start = SIGNATURE + chunk(b"IHDR", b"\0\0\0\1\0\0\0\1" + form)
    with pytest.raises(ImageError):
        require_whole(start + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b""))


def test_a_second_header_is_refused() -> None:
    """The size is measured by the first: by another few bytes could unfold to hundreds of megabytes."""
    large = (2**32 - 1).to_bytes(4, "big") * 2 + b"\1\0\0\0\0"
    with pytest.raises(ImageError, match="second header"):
        require_whole(png(9, 9, chunk(b"IHDR", large)))


def test_a_wrong_checksum_an_unknown_part_and_another_format_are_refused() -> None:
    whole = png(9, 9)
    for wrong in (
        whole.replace(b"IDAT", b"IDAt"),
        png(9, 9, chunk(b"NEWS", b"")),
        jpeg(9, 9, segment(0xF7, b"")),
        JPEG[:2] + JPEG[-2:],
        b"\xff\xd8\xff\xd9",
        b"GIF89a",
        b"",
    ):
        with pytest.raises(ImageError):
            cleaned(wrong)


WHOLE = [png(20, 20), JPEG, jpeg(9, 9, segment(0xE1, EXIF + LITTLE))]


@given(st.data())
def test_whatever_the_bytes_are_it_is_an_image_or_an_error(data: st.DataObject) -> None:
    whole = bytearray(
        data.draw(st.sampled_from([png(20, 20), JPEG, jpeg(9, 9, segment(0xE1, EXIF + LITTLE))]))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        clean = cleaned(bytes(whole))
    except ImageError:
        return
    assert cleaned(clean) == clean
