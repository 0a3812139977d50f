"""How a sign-in page looks for an organisation: what its branding comes to in a template.

No style stands inline, so the colours come as a sheet of their own (`colours`), and the background picture as
an image element. Images are served under their digest, and only those that the organisation's branding names:
the same store holds apps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup
from starlette.responses import Response

from reseal.directory.model import Branding, Tenant
from reseal.directory.model_branding import HiddenText, Image, ImageSlot, Layout, branding_for
from reseal.kernel.blobs import Blobs
from reseal.kernel.db import Database, Tx
from reseal.kernel.errors import NotFound
from reseal.signin.accounts import tenant_named
from reseal.signin.colours import colour_sheet, sheet_name
from reseal.signin.markup import render
from reseal.signin.texts import Texts
from reseal.web.assets import FOREVER
from reseal.web.calls import Call
from reseal.web.routes import Listener, Public, Route
from reseal.wire.images import cleaned

Link = tuple[str, str]
"""Text and address."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a template shows of an organisation. Addresses are paths on this server; empty: there is none.

    `header` is a bar on top with the header's logo; `links` stand in the box, `footer_links` below the page;
    `reset` leads who has forgotten their password to where they can set a new one.
    """

    organisation: str = ""
    colours: str = ""
    favicon: str = ""
    banner: str = ""
    square: str = ""
    square_dark: str = ""
    background: str = ""
    is_split: bool = False
    header: bool = False
    header_logo: str = ""
    user_name_hint: str = ""
    note: Markup = Markup("")
    links: tuple[Link, ...] = ()
    footer_links: tuple[Link, ...] = ()
    reset: Link | None = None


PLAIN = Look()
"""While it is not known whose page it is."""


def look_of(tenant: Tenant, languages: Sequence[str], texts: Texts, *, on_device: bool = False) -> Look:
    """An organisation's look for a reader of `languages`. `on_device`: in the set-up of a device, where links
    lead nowhere, and header and footer take room that there is not.
    """
    branding = branding_for(tenant.branding, languages)
    colours = sheet_name(branding.background_color, branding.header_background_color)
    shown = Look(
        organisation=tenant.name,
        colours=f"/assets/colour/{colours}.css" if colours else "",
        favicon=_address(tenant, branding, ImageSlot.FAVICON),
        banner=_address(tenant, branding, ImageSlot.BANNER_LOGO),
        square=_address(tenant, branding, ImageSlot.SQUARE_LOGO),
        square_dark=_address(tenant, branding, ImageSlot.SQUARE_LOGO_DARK),
        background=_address(tenant, branding, ImageSlot.BACKGROUND),
        user_name_hint=branding.username_hint_text or "",
        note=render(branding.sign_in_page_text or "", links=not on_device),
    )
    if on_device:
        return shown
    return replace(
        shown,
        is_split=branding.layout is Layout.VERTICAL_SPLIT,
        header=branding.header_shown is True,
        header_logo=_address(tenant, branding, ImageSlot.HEADER_LOGO),
        links=_help_links(branding, texts),
        footer_links=() if branding.footer_shown is False else _footer_links(branding, texts),
        reset=_reset_link(branding, texts),
    )


def _address(tenant: Tenant, branding: Branding, slot: ImageSlot) -> str:
    image = branding.images.get(slot)
    return f"/{tenant.uuid}/branding/{image.sha256}" if image else ""


def _help_links(branding: Branding, texts: Texts) -> tuple[Link, ...]:
    """For who cannot sign in."""
    hides = frozenset(branding.hidden_texts or ())
    forgot = branding.forgot_my_password_text or texts.forgot_password
    no_access = branding.cannot_access_your_account_text or texts.no_access
    hidden = HiddenText.FORGOT_MY_PASSWORD in hides or HiddenText.ACCOUNT_RESET_CREDENTIALS in hides
    return _led(
        (forgot, branding.account_reset_credentials_url, hidden),
        (no_access, branding.cannot_access_your_account_url, HiddenText.CANNOT_ACCESS_YOUR_ACCOUNT in hides),
    )


def _footer_links(branding: Branding, texts: Texts) -> tuple[Link, ...]:
    hides = frozenset(branding.hidden_texts or ())
    terms, privacy = branding.terms_of_use_text, branding.privacy_and_cookies_text
    return _led(
        (terms or texts.terms, branding.terms_of_use_url, HiddenText.TERMS_OF_USE in hides),
        (privacy or texts.privacy, branding.privacy_and_cookies_url, HiddenText.PRIVACY_AND_COOKIES in hides),
    )


def _reset_link(branding: Branding, texts: Texts) -> Link | None:
    """Said with a wrong password."""
    hides = frozenset(branding.hidden_texts or ())
    hidden = HiddenText.RESET_IT_NOW in hides or HiddenText.ACCOUNT_RESET_CREDENTIALS in hides
    text = branding.reset_it_now_text or texts.reset_now
    return next(iter(_led((text, branding.account_reset_credentials_url, hidden))), None)


def _led(*links: tuple[str, str | None, bool]) -> tuple[Link, ...]:
    """The links that have an address and are not hidden: Reseal has no pages of its own to lead to."""
    return tuple((text, url) for text, url, hidden in links if url and not hidden)


@dataclass(frozen=True, slots=True)
class BrandingFiles:
    """Serves what looks refer to."""

    db: Database
    blobs: Blobs

    def routes(self) -> tuple[Route, ...]:
        """The images and colours of sign-in pages."""
        shown = Public("shown before sign-in")
        return (
            Route("GET", "/{tenant}/branding/{sha256}", self.image, shown, 0, Listener.BROWSER),
            Route("GET", "/assets/colour/{colour}.css", self.colour, shown, 0, Listener.BROWSER),
        )

    async def image(self, call: Call) -> Response:
        """An image of an organisation's branding, without what its file holds beside the picture."""
        names = call.request.path_params
        image = await self.db.read(_image, str(names["tenant"]), str(names["sha256"]))
        tag = f'"{image.sha256}"'
        headers = {"Cache-Control": FOREVER, "ETag": tag}
        if call.request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        given = b"".join([chunk async for chunk in self.blobs.read(image.sha256)])
        return Response(cleaned(given), media_type=image.media_type, headers=headers)

    async def colour(self, call: Call) -> Response:
        """A sheet with an organisation's colours."""
        sheet = colour_sheet(str(call.request.path_params["colour"]))
        if sheet is None:
            raise _missing()
        return Response(sheet, media_type="text/css", headers={"Cache-Control": FOREVER})


def _image(tx: Tx, tenant: str, sha256: str) -> Image:
    owner = tenant_named(tx, tenant)
    for branding in owner.branding.values() if owner else ():
        for image in branding.images.values():
            if image.sha256 == sha256:
                return image
    raise _missing()


def _missing() -> NotFound:
    return NotFound(
        code="BrandingFileNotFound",
        message="There is no such file in the branding of this organisation.",
        remedy="Load the page again; its branding may have changed.",
    )
