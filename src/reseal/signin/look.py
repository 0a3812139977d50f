"""How a sign-in page looks for an organisation: what its branding comes to in a template.

No style stands inline, so the background colour comes as a tiny sheet of its own, and the background picture
as an image element. Images are served under their digest, and only those that the organisation's branding
names: the same store holds apps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from starlette.responses import Response

from reseal.directory.model import Branding, Tenant
from reseal.directory.model_branding import HiddenText, Image, ImageSlot, branding_for
from reseal.kernel.blobs import Blobs
from reseal.kernel.db import Database, Tx
from reseal.kernel.errors import NotFound
from reseal.signin.accounts import tenant_named
from reseal.signin.markup import render
from reseal.signin.texts import Texts
from reseal.web.assets import FOREVER
from reseal.web.calls import Call
from reseal.web.routes import Listener, Public, Route

_COLOUR = re.compile(r"[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Look:
    """What a template shows of an organisation. Addresses are paths on this server; empty: there is none."""

    organisation: str = ""
    colour: str = ""
    favicon: str = ""
    banner: str = ""
    square: str = ""
    square_dark: str = ""
    background: str = ""
    user_name_hint: str = ""
    note: Markup = Markup("")
    links: tuple[tuple[str, str], ...] = ()


PLAIN = Look()
"""While it is not known whose page it is."""


def look_of(tenant: Tenant, languages: Sequence[str], texts: Texts, *, on_device: bool = False) -> Look:
    """An organisation's look for a reader of `languages`. `on_device`: in the set-up of a device, where links
    lead nowhere.
    """
    branding = branding_for(tenant.branding, languages)
    colour = branding.background_color
    return Look(
        organisation=tenant.name,
        colour=f"/assets/colour/{colour.removeprefix('#').lower()}.css" if colour else "",
        favicon=_address(tenant, branding, ImageSlot.FAVICON),
        banner=_address(tenant, branding, ImageSlot.BANNER_LOGO),
        square=_address(tenant, branding, ImageSlot.SQUARE_LOGO),
        square_dark=_address(tenant, branding, ImageSlot.SQUARE_LOGO_DARK),
        background=_address(tenant, branding, ImageSlot.BACKGROUND),
        user_name_hint=branding.username_hint_text or "",
        note=render(branding.sign_in_page_text or "", links=not on_device),
        links=() if on_device else _links(branding, texts),
    )


def _address(tenant: Tenant, branding: Branding, slot: ImageSlot) -> str:
    image = branding.images.get(slot)
    return f"/{tenant.uuid}/branding/{image.sha256}" if image else ""


def _links(branding: Branding, texts: Texts) -> tuple[tuple[str, str], ...]:
    """The links that have an address and are not hidden: Reseal has no pages of its own to lead to."""
    hidden = frozenset(branding.hidden_texts or ())
    known = (
        (
            HiddenText.FORGOT_MY_PASSWORD,
            branding.forgot_my_password_text or texts.forgot_password,
            branding.account_reset_credentials_url,
        ),
        (
            HiddenText.CANNOT_ACCESS_YOUR_ACCOUNT,
            branding.cannot_access_your_account_text or texts.no_access,
            branding.cannot_access_your_account_url,
        ),
        (
            HiddenText.PRIVACY_AND_COOKIES,
            branding.privacy_and_cookies_text or texts.privacy,
            branding.privacy_and_cookies_url,
        ),
        (HiddenText.TERMS_OF_USE, branding.terms_of_use_text or texts.terms, branding.terms_of_use_url),
    )
    return tuple((text, url) for name, text, url in known if url and name not in hidden)


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
        """An image of an organisation's branding."""
        names = call.request.path_params
        image = await self.db.read(_image, str(names["tenant"]), str(names["sha256"]))
        tag = f'"{image.sha256}"'
        headers = {"Cache-Control": FOREVER, "ETag": tag}
        if call.request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        content = b"".join([chunk async for chunk in self.blobs.read(image.sha256)])
        return Response(content, media_type=image.media_type, headers=headers)

    async def colour(self, call: Call) -> Response:
        """A sheet that sets the background colour."""
        colour = str(call.request.path_params["colour"])
        if not _COLOUR.fullmatch(colour):
            raise _missing()
        sheet = f":root {{ --brand: #{colour}; }}\n"
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
