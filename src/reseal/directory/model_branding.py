"""How an organisation looks to its users: fields, their limits, and which languages they are for.

Branding shows on sign-in and setup pages, so every field is bounded and every image is a PNG or JPEG that
was looked at (`spec/identity.md 7.1`). An SVG may carry script and is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from reseal.directory.model_refusing import refuse_any
from reseal.kernel.errors import Detail, Invalid
from reseal.wire.images import ImageError, measured, require_whole

DEFAULT_LOCALE = "0"
TEXT_LIMIT = 256
SIGN_IN_TEXT_LIMIT = 1024
USERNAME_HINT_LIMIT = 64
URL_LIMIT = 128
KILOBYTE = 1024

_TEXT_LIMITS = {"sign_in_page_text": SIGN_IN_TEXT_LIMIT, "username_hint_text": USERNAME_HINT_LIMIT}
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_LOCALE = re.compile(r"0|[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
_URL = re.compile(r"https?://[!-~]+")
_LINK = re.compile(r"\[[^\]]*\]\(|https?://|www\.", re.IGNORECASE)


class ImageSlot(StrEnum):
    """Where an image shows; the names are Graph's."""

    BANNER_LOGO = "bannerLogo"
    SQUARE_LOGO = "squareLogo"
    SQUARE_LOGO_DARK = "squareLogoDark"
    BACKGROUND = "backgroundImage"
    HEADER_LOGO = "headerLogo"
    FAVICON = "favicon"


class Layout(StrEnum):
    """The template of the sign-in page."""

    DEFAULT = "default"
    VERTICAL_SPLIT = "verticalSplit"


class HiddenText(StrEnum):
    """Links of the sign-in page that can be hidden."""

    ACCOUNT_RESET_CREDENTIALS = "hideAccountResetCredentials"
    CANNOT_ACCESS_YOUR_ACCOUNT = "hideCannotAccessYourAccount"
    FORGOT_MY_PASSWORD = "hideForgotMyPassword"
    PRIVACY_AND_COOKIES = "hidePrivacyAndCookies"
    RESET_IT_NOW = "hideResetItNow"
    TERMS_OF_USE = "hideTermsOfUse"


@dataclass(frozen=True, slots=True)
class ImageLimit:
    """The most that an image in a slot may measure: pixels, and bytes of the file."""

    width: int
    height: int
    size: int


IMAGE_LIMITS: Mapping[ImageSlot, ImageLimit] = {
    ImageSlot.BANNER_LOGO: ImageLimit(245, 36, 50 * KILOBYTE),
    ImageSlot.SQUARE_LOGO: ImageLimit(240, 240, 10 * KILOBYTE),
    ImageSlot.SQUARE_LOGO_DARK: ImageLimit(240, 240, 10 * KILOBYTE),
    ImageSlot.BACKGROUND: ImageLimit(1920, 1080, 300 * KILOBYTE),
    ImageSlot.HEADER_LOGO: ImageLimit(245, 36, 10 * KILOBYTE),
    ImageSlot.FAVICON: ImageLimit(32, 32, 5 * KILOBYTE),
}


@dataclass(frozen=True, slots=True)
class Image:
    """An image that was looked at; its bytes are the blob `sha256`."""

    sha256: str
    media_type: str
    width: int
    height: int
    size: int


@dataclass(frozen=True, slots=True)
class Branding:
    """The branding for one language; where a field is unset (None), the default language's shows."""

    background_color: str | None = None
    header_background_color: str | None = None
    sign_in_page_text: str | None = None
    username_hint_text: str | None = None
    account_reset_credentials_url: str | None = None
    cannot_access_your_account_text: str | None = None
    cannot_access_your_account_url: str | None = None
    forgot_my_password_text: str | None = None
    privacy_and_cookies_text: str | None = None
    privacy_and_cookies_url: str | None = None
    reset_it_now_text: str | None = None
    terms_of_use_text: str | None = None
    terms_of_use_url: str | None = None
    layout: Layout | None = None
    header_shown: bool | None = None
    footer_shown: bool | None = None
    hidden_texts: tuple[HiddenText, ...] | None = None
    images: Mapping[ImageSlot, Image] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What is set, as it is stored and logged."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        if self.layout is not None:
            values["layout"] = self.layout.value
        if self.hidden_texts is not None:
            values["hidden_texts"] = [name.value for name in self.hidden_texts]
        values["images"] = {slot.value: asdict(self.images[slot]) for slot in sorted(self.images)}
        return values

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> Branding:
        """Stored branding of one language."""
        values = dict(stored)
        if "layout" in values:
            values["layout"] = Layout(values["layout"])
        if "hidden_texts" in values:
            values["hidden_texts"] = tuple(HiddenText(name) for name in values["hidden_texts"])
        values["images"] = {
            ImageSlot(slot): Image(**image) for slot, image in values.get("images", {}).items()
        }
        return Branding(**values)

    def over(self, default: Branding) -> Branding:
        """This branding, with `default` shining through where nothing is set; images one by one."""
        values = {
            f.name: getattr(self, f.name) if getattr(self, f.name) is not None else getattr(default, f.name)
            for f in fields(self)
        }
        values["images"] = {**default.images, **self.images}
        return Branding(**values)


def branding_for(localizations: Mapping[str, Branding], languages: Sequence[str]) -> Branding:
    """What a reader of `languages` (best first) sees: the first that is there, over the default language.

    A region is given up before a language is: `fr-CA` is served by `fr`, and by no other region's.
    """
    default = localizations.get(DEFAULT_LOCALE, Branding())
    by_name = {name.casefold(): branding for name, branding in localizations.items()}
    for language in languages:
        for name in (language.casefold(), language.casefold().partition("-")[0]):
            if name in by_name:
                return by_name[name].over(default)
    return default


def check_locale(locale: str) -> str:
    """The locale as given: `0` for the default, or a tag such as `fr-FR`; raises `Invalid`."""
    if not _LOCALE.fullmatch(locale):
        raise Invalid(
            code="InvalidLocale",
            message=f"{locale[:40]!r} is not a language of branding.",
            remedy="Give 0 for the default, or a language tag such as fr or fr-FR.",
        )
    return locale


def check_branding(branding: Branding) -> Branding:
    """The branding as given; raises `Invalid` with one detail for each field over its limit."""
    problems = [
        *_colours(branding),
        *_texts(branding),
        *_addresses(branding),
        *(problem for slot, image in sorted(branding.images.items()) for problem in _measures(slot, image)),
    ]
    refuse_any(problems, "InvalidBranding", "field", "branding")
    return branding


def _colours(branding: Branding) -> Iterator[Detail]:
    for name in ("background_color", "header_background_color"):
        colour = getattr(branding, name)
        if colour is not None and not _COLOUR.fullmatch(colour):
            yield Detail(
                where=name,
                message=f"{colour[:40]!r} is not a colour.",
                remedy="Write # and six hexadecimal digits: #0B5CAD.",
            )


def _texts(branding: Branding) -> Iterator[Detail]:
    for name in _named(branding, "_text"):
        text, limit = getattr(branding, name), _TEXT_LIMITS.get(name, TEXT_LIMIT)
        if text is not None and len(text) > limit:
            yield _too_long(name, len(text), limit)
    if branding.username_hint_text and _LINK.search(branding.username_hint_text):
        yield Detail(
            where="username_hint_text",
            message="The hint has a link.",
            remedy="Write plain text; links are not shown here.",
        )


def _addresses(branding: Branding) -> Iterator[Detail]:
    for name in _named(branding, "_url"):
        url = getattr(branding, name)
        if url is not None and len(url) > URL_LIMIT:
            yield _too_long(name, len(url), URL_LIMIT)
        elif url is not None and not _URL.fullmatch(url):
            yield Detail(
                where=name,
                message=f"{url!r} is not a web address.",
                remedy="Begin with https:// and use ASCII characters.",
            )


def _named(branding: Branding, ending: str) -> list[str]:
    return [known.name for known in fields(branding) if known.name.endswith(ending)]


def _too_long(name: str, length: int, limit: int) -> Detail:
    return Detail(
        where=name,
        message=f"{length} characters; {limit} are allowed.",
        remedy="Shorten it.",
    )


def _measures(slot: ImageSlot, image: Image) -> Iterator[Detail]:
    limit = IMAGE_LIMITS[slot]
    if image.size > limit.size:
        yield Detail(
            where=slot,
            message=f"{image.size} bytes; {limit.size} are allowed.",
            remedy="Save the image smaller or compress it more.",
        )
    if image.width > limit.width or image.height > limit.height:
        yield Detail(
            where=slot,
            message=f"{image.width} x {image.height} pixels; {limit.width} x {limit.height} are allowed.",
            remedy="Scale the image down.",
        )


def inspect_image(slot: ImageSlot, data: bytes) -> Image:
    """What `data` is, judged by its bytes and not by what a sender called it.

    Raises `Invalid` for anything but a whole PNG or JPEG within the limits of `slot`.
    """
    measures = measured(data)
    if measures is None:
        raise _not_an_image(slot, data)
    digest = hashlib.sha256(data).hexdigest()
    image = Image(digest, measures.media_type, measures.width, measures.height, len(data))
    check_branding(Branding(images={slot: image}))
    try:
        require_whole(data)
    except ImageError as error:
        raise Invalid(
            code="NotAnImage",
            message=f"The image for {slot} cannot be shown. {error.message}",
            remedy=error.remedy,
        ) from None
    return image


def _not_an_image(slot: ImageSlot, data: bytes) -> Invalid:
    if re.match(rb"(\xef\xbb\xbf)?\s*<", data):
        return Invalid(
            code="SvgRefused",
            message=f"The image for {slot} is an SVG or another XML file, which may carry script.",
            remedy="Save it as a PNG.",
        )
    return Invalid(
        code="NotAnImage",
        message=f"The {len(data)} bytes for {slot} are neither a PNG nor a JPEG, or are cut off.",
        remedy="Save the image as a PNG or JPEG.",
    )
