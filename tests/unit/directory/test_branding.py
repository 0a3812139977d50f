"""Branding: limits of every field, images judged by their bytes, and which language shows (spec/identity.md
7.1).
"""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace

import pytest

from reseal.directory.model_branding import (
    IMAGE_LIMITS,
    Branding,
    HiddenText,
    Image,
    ImageLimit,
    ImageSlot,
    Layout,
    branding_for,
    check_branding,
    check_locale,
    inspect_image,
)
from reseal.kernel.errors import Invalid
from reseal.wire.images import measured
from tests.support.pictures import SIGNATURE, jpeg, png, segment

TEXTS = [field.name for field in fields(Branding) if field.name.endswith("_text")]
URLS = [field.name for field in fields(Branding) if field.name.endswith("_url")]


def problems(branding: Branding) -> dict[str, str]:
    with pytest.raises(Invalid) as refusal:
        check_branding(branding)
    assert refusal.value.code == "InvalidBranding"
    assert all(detail.remedy for detail in refusal.value.details)
    return {detail.where: detail.message for detail in refusal.value.details}


def refused(branding: Branding) -> list[str]:
    return list(problems(branding))


def code_of(slot: ImageSlot, data: bytes) -> str:
    with pytest.raises(Invalid) as refusal:
        inspect_image(slot, data)
    assert slot.value in refusal.value.message
    assert refusal.value.remedy
    return refusal.value.code


def test_nothing_need_be_set():
    assert check_branding(Branding()) == Branding()


@pytest.mark.parametrize("name", ["background_color", "header_background_color"])
def test_colours_are_six_hexadecimal_digits(name):
    assert check_branding(Branding(**{name: "#0b5CAD"}))
    for wrong in ["0b5cad", "#0b5ca", "#0b5cadf", "#0b5cag", "red", ""]:
        assert refused(Branding(**{name: wrong})) == [name]


@pytest.mark.parametrize("name", TEXTS)
def test_texts_have_their_limits(name):
    limit = {"sign_in_page_text": 1024, "username_hint_text": 64}.get(name, 256)
    assert check_branding(Branding(**{name: "ü" * limit}))
    told = problems(Branding(**{name: "ü" * (limit + 1)}))
    assert told == {name: f"{limit + 1} characters; {limit} are allowed."}


@pytest.mark.parametrize("hint", ["[here](x)", "see https://contoso.test", "http://x", "WWW.contoso.test"])
def test_the_user_name_hint_has_no_link(hint):
    assert refused(Branding(username_hint_text=hint)) == ["username_hint_text"]


def test_the_sign_in_text_may_have_links():
    assert check_branding(
        Branding(sign_in_page_text="**Help** [here](https://help.contoso.test), +49 30 1234")
    )
    assert check_branding(Branding(username_hint_text="name@contoso.test"))


@pytest.mark.parametrize("name", URLS)
def test_addresses_have_128_ascii_characters(name):
    assert check_branding(Branding(**{name: "https://".ljust(128, "x")}))
    assert check_branding(Branding(**{name: "http://intranet/"}))
    for wrong in [
        "https://".ljust(129, "x"),
        "javascript:alert(1)",
        "https://ü.test",
        "https://a b",
        "https://",
        "",
    ]:
        assert refused(Branding(**{name: wrong})) == [name]


def test_an_address_over_its_limit_is_refused_with_both_numbers():
    told = problems(Branding(terms_of_use_url="https://".ljust(129, "x")))
    assert told == {"terms_of_use_url": "129 characters; 128 are allowed."}


def test_all_problems_are_named_at_once():
    branding = Branding(
        background_color="red",
        username_hint_text="www.x",
        terms_of_use_url="x",
        images={
            ImageSlot.FAVICON: Image("0" * 64, "image/png", 33, 32, 1),
            ImageSlot.BANNER_LOGO: Image("0" * 64, "image/png", 33, 32, 99_999),
        },
    )
    assert problems(branding) == {
        "background_color": "'red' is not a colour.",
        "username_hint_text": "The hint has a link.",
        "terms_of_use_url": "'x' is not a web address.",
        "bannerLogo": "99999 bytes; 51200 are allowed.",
        "favicon": "33 x 32 pixels; 32 x 32 are allowed.",
    }


def test_images_have_these_limits():
    assert {slot.value: IMAGE_LIMITS[slot] for slot in ImageSlot} == {
        "bannerLogo": ImageLimit(245, 36, 51_200),
        "squareLogo": ImageLimit(240, 240, 10_240),
        "squareLogoDark": ImageLimit(240, 240, 10_240),
        "backgroundImage": ImageLimit(1920, 1080, 307_200),
        "headerLogo": ImageLimit(245, 36, 10_240),
        "favicon": ImageLimit(32, 32, 5_120),
    }


@pytest.mark.parametrize("slot", list(ImageSlot))
def test_an_image_at_its_limits_is_taken_and_one_beyond_is_not(slot):
    limit = IMAGE_LIMITS[slot]
    data = png(limit.width, limit.height, size=limit.size)
    digest = hashlib.sha256(data).hexdigest()
    assert inspect_image(slot, data) == Image(digest, "image/png", limit.width, limit.height, limit.size)
    assert code_of(slot, png(limit.width + 1, limit.height)) == "InvalidBranding"
    assert code_of(slot, png(limit.width, limit.height + 1)) == "InvalidBranding"
    assert code_of(slot, png(limit.width, limit.height, size=limit.size + 1)) == "InvalidBranding"


def test_images_are_measured_in_all_their_bytes():
    image = inspect_image(ImageSlot.BACKGROUND, jpeg(1900, 1000))
    assert (image.width, image.height) == (1900, 1000)
    for width, height in [(0x01000001, 1), (1, 0x01000001)]:
        with pytest.raises(Invalid) as refusal:
            inspect_image(ImageSlot.BACKGROUND, png(width, height, pixels=b""))
        assert f"{width} x {height} pixels" in refusal.value.details[0].message


@pytest.mark.parametrize("frame", [0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xCF])
def test_a_jpeg_is_measured_by_its_frame(frame):
    image = inspect_image(ImageSlot.SQUARE_LOGO, jpeg(200, 100, frame=frame))
    assert (image.media_type, image.width, image.height) == ("image/jpeg", 200, 100)


def test_a_jpeg_is_measured_behind_other_segments_and_fill_bytes():
    before = (segment(0xE0, b"JFIF\0"), segment(0xC4, b"\x11" * 300), b"\xff", segment(0xDB, b"\0" * 65))
    image = inspect_image(ImageSlot.SQUARE_LOGO, jpeg(20, 10, *before))
    assert (image.width, image.height) == (20, 10)


@pytest.mark.parametrize("table", [0xC4, 0xC8, 0xCC])
def test_tables_of_a_jpeg_are_not_taken_for_frames(table):
    lying = segment(table, b"\x08\x00\x01\x00\x01\x03")
    measures = measured(jpeg(20, 10, lying))
    assert measures is not None
    assert (measures.width, measures.height) == (20, 10)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + bytes(50),
        b"BM" + bytes(50),
        b"RIFF\0\0\0\0WEBPVP8 ",
        SIGNATURE + bytes(50),
        png(10, 10)[:23],
        png(0, 10),
        png(10, 0),
        png(10, 10, pixels=b"too few"),
        jpeg(10, 0),
        jpeg(0, 10),
        jpeg(10, 10, frame=0xBF),
        jpeg(10, 10, frame=0xD0),
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\x00\x10JFIF",
        b"\xff\xd8\xff\xe0\x00\x04ab" + bytes(20),
    ],
)
def test_anything_else_is_no_image(data):
    assert code_of(ImageSlot.SQUARE_LOGO, data) == "NotAnImage"


@pytest.mark.parametrize("whole", [png(40, 30), jpeg(40, 30)])
def test_what_is_cut_off_is_no_image(whole):
    assert inspect_image(ImageSlot.SQUARE_LOGO, whole).width == 40
    for length in range(24, len(whole)):
        assert code_of(ImageSlot.SQUARE_LOGO, whole[:length]) == "NotAnImage"


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<?xml version='1.0'?><svg/>",
        b"\xef\xbb\xbf<svg/>",
        b" \r\n<!DOCTYPE svg>",
    ],
)
def test_an_svg_is_refused_by_name(data):
    assert code_of(ImageSlot.SQUARE_LOGO, data) == "SvgRefused"


@pytest.mark.parametrize("locale", ["0", "fr", "fr-FR", "zh-Hans", "zh-Hans-CN", "es-419", "fil"])
def test_languages(locale):
    assert check_locale(locale) == locale


@pytest.mark.parametrize("locale", ["", "1", "french", "fr_FR", "FR", "fr-fr", "fr-FRA", "../x"])
def test_what_is_no_language(locale):
    with pytest.raises(Invalid) as refusal:
        check_locale(locale)
    assert refusal.value.code == "InvalidLocale"


LOGO = Image("a" * 64, "image/png", 10, 10, 100)
OTHER_LOGO = Image("b" * 64, "image/png", 10, 10, 100)
DEFAULT = Branding(
    background_color="#000000",
    sign_in_page_text="Help: 1234",
    header_shown=True,
    images={ImageSlot.SQUARE_LOGO: LOGO, ImageSlot.FAVICON: LOGO},
)
FRENCH = Branding(
    sign_in_page_text="Aide: 1234", header_shown=False, images={ImageSlot.SQUARE_LOGO: OTHER_LOGO}
)
CANADIAN = Branding(sign_in_page_text="Aide: 5678")
ALL = {"0": DEFAULT, "fr": FRENCH, "fr-CA": CANADIAN}


@pytest.mark.parametrize(
    "languages, text",
    [
        ([], "Help: 1234"),
        (["de"], "Help: 1234"),
        (["fr"], "Aide: 1234"),
        (["fr-BE"], "Aide: 1234"),
        (["FR-ca"], "Aide: 5678"),
        (["fr-CA-x-quebec"], "Aide: 1234"),
        (["de-DE", "fr-CA"], "Aide: 5678"),
    ],
)
def test_the_readers_best_language_shows(languages, text):
    assert branding_for(ALL, languages).sign_in_page_text == text


def test_another_region_is_not_shown():
    assert branding_for({"0": DEFAULT, "fr-CA": CANADIAN}, ["fr-FR"]) == DEFAULT


def test_the_default_shines_through_where_a_language_sets_nothing():
    shown = branding_for(ALL, ["fr"])
    assert shown == replace(
        DEFAULT,
        sign_in_page_text="Aide: 1234",
        header_shown=False,
        images={ImageSlot.SQUARE_LOGO: OTHER_LOGO, ImageSlot.FAVICON: LOGO},
    )


def test_without_branding_nothing_is_set():
    assert branding_for({}, ["fr"]) == Branding()


def test_stored_branding_comes_back():
    branding = replace(
        DEFAULT,
        layout=Layout.VERTICAL_SPLIT,
        footer_shown=False,
        hidden_texts=(HiddenText.TERMS_OF_USE, HiddenText.RESET_IT_NOW),
    )
    stored = branding.to_json()
    assert Branding.from_json(stored) == branding
    assert type(stored["layout"]) is str
    assert [type(name) for name in stored["hidden_texts"]] == [str, str]
    assert [type(slot) for slot in stored["images"]] == [str, str]


def test_only_what_is_set_is_stored():
    assert Branding(background_color="#000000", footer_shown=False).to_json() == {
        "background_color": "#000000",
        "footer_shown": False,
        "images": {},
    }
    assert Branding.from_json({}) == Branding()
