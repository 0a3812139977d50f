"""Branding: how the sign-in page looks to the users of an organisation, with a preview while one types."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final

from markupsafe import Markup
from starlette.responses import Response

from reseal.console import uploads
from reseal.console.desk import STEP, Desk, Saving, Visit
from reseal.console.forms import TICKED, Form, Option
from reseal.console.saving import Done, differences
from reseal.directory.model import Branding, Tenant
from reseal.directory.model_branding import (
    DEFAULT_LOCALE,
    IMAGE_LIMITS,
    Image,
    ImageSlot,
    check_branding,
    check_locale,
    inspect_image,
)
from reseal.directory.tenants import remove_branding, set_branding, tenant_by_id
from reseal.kernel.db import Tx
from reseal.kernel.errors import ResealError
from reseal.kernel.ids import TenantKey
from reseal.signin.markup import render
from reseal.web.posted import Posted
from reseal.web.routes import MIB, Route

READ = "OrganizationalBranding.Read.All"
WRITE = "OrganizationalBranding.ReadWrite.All"
PATH = "/branding"

TEXTS: Final[Mapping[str, str]] = {
    "username_hint_text": "Hint in the field of the user name",
    "sign_in_page_text": "Text below the form",
    "forgot_my_password_text": "Link “Forgot my password”",
    "cannot_access_your_account_text": "Link “Cannot access your account”",
    "privacy_and_cookies_text": "Link “Privacy”",
    "terms_of_use_text": "Link “Terms of use”",
}
ADDRESSES: Final[Mapping[str, str]] = {
    "account_reset_credentials_url": "Where “Forgot my password” leads",
    "cannot_access_your_account_url": "Where “Cannot access your account” leads",
    "privacy_and_cookies_url": "Where “Privacy” leads",
    "terms_of_use_url": "Where “Terms of use” leads",
}
IMAGES: Final[Mapping[ImageSlot, str]] = {
    ImageSlot.BANNER_LOGO: "Banner, above the form",
    ImageSlot.SQUARE_LOGO: "Square logo, in the set-up of a device",
    ImageSlot.SQUARE_LOGO_DARK: "Square logo on dark ground",
    ImageSlot.BACKGROUND: "Picture behind the form",
    ImageSlot.FAVICON: "Icon of the window",
}
_LIMIT: Final = 2 * MIB
_PURPOSE: Final = "console image"


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as a page shows it: `source` is its address, or the image itself."""

    slot: ImageSlot
    label: str
    source: str
    limit: str
    sealed: str


def routes(desk: Desk) -> tuple[Route, ...]:
    """The page and its form."""
    return (
        desk.page(PATH, _page, READ),
        desk.form(PATH, _save, WRITE, limit=_LIMIT),
        desk.form(PATH + "/remove", _remove, WRITE),
    )


async def _page(visit: Visit) -> Response:
    tenant = await visit.read(tenant_by_id)
    locale = _locale(visit)
    branding = tenant.branding.get(locale, Branding())
    values = {name: getattr(branding, name) or "" for name in (*TEXTS, *ADDRESSES)}
    form = Form.of(
        locale=locale,
        coloured=branding.background_color is not None,
        background_color=branding.background_color or "#0b5cad",
        **values,
        **{f"kept-{slot}": _sealed(visit, image) for slot, image in branding.images.items()},
    )
    return await _shown(visit, form)


def _locale(visit: Visit) -> str:
    wanted = visit.posted.text("locale") or visit.call.query("language") or DEFAULT_LOCALE
    return check_locale(wanted)


async def _save(visit: Visit) -> Response:
    try:
        visit = await _with_images(visit)
    except ResealError as error:
        return await _shown(visit, visit.form.wrong("", f"{error.message} {error.remedy}"))
    if visit.posted.text(STEP) == "preview" and visit.wants_part:
        return await _shown(visit, visit.form)
    act = partial(
        _act,
        tenant=visit.tenant,
        locale=_locale(visit),
        branding=_branding(visit),
        actor=visit.caller.name,
    )
    fields = {
        "background_color": "background_color",
        **{name: name for name in (*TEXTS, *ADDRESSES)},
        **{slot.value: f"file-{slot}" for slot in ImageSlot},
    }
    return await visit.save(
        act, Saving("Change the branding", "Save the branding", partial(_shown, visit), fields=fields)
    )


def _act(tx: Tx, *, tenant: TenantKey, locale: str, branding: Branding, actor: str) -> Done:
    before = tenant_by_id(tx, tenant).branding.get(locale, Branding())
    after = replace(
        before,
        background_color=branding.background_color,
        images={**{k: v for k, v in before.images.items() if k not in IMAGES}, **branding.images},
        **{name: getattr(branding, name) for name in (*TEXTS, *ADDRESSES)},
    )
    set_branding(tx, tenant, check_branding(after), locale=locale, actor=actor)
    labels = {"background_color": "Colour", **TEXTS, **ADDRESSES}
    return Done(
        PATH if locale == DEFAULT_LOCALE else f"{PATH}?language={locale}",
        "The branding was saved; whoever opens the sign-in page now sees it.",
        differences(
            *((label, getattr(before, name), getattr(after, name)) for name, label in labels.items()),
            *(
                (label, _measured(before.images.get(slot)), _measured(after.images.get(slot)))
                for slot, label in IMAGES.items()
            ),
        ),
        ["It shows on the sign-in page and in the set-up of devices, from now on."],
    )


async def _remove(visit: Visit) -> Response:
    locale = _locale(visit)
    return await visit.save(
        partial(_removed, tenant=visit.tenant, locale=locale, actor=visit.caller.name),
        Saving(
            f"Remove the branding for {locale}",
            "Remove it",
            partial(_shown, visit),
            dangerous=True,
        ),
    )


def _removed(tx: Tx, *, tenant: TenantKey, locale: str, actor: str) -> Done:
    remove_branding(tx, tenant, locale=locale, actor=actor)
    return Done(
        PATH,
        f"There is no branding for {locale} any more.",
        remarks=["Its readers see the branding for all languages."],
    )


def _measured(image: Image | None) -> str:
    return "" if image is None else f"{image.width} × {image.height} pixels, {image.size:,} bytes"


# --- images -------------------------------------------------------------------------------------------------


async def _with_images(visit: Visit) -> Visit:
    """The visit with chosen images kept, and under seal in the fields that carry them on.

    Raises `Invalid` for what is no image that fits.
    """
    fields = dict(visit.posted.fields)
    for slot in IMAGES:
        file = visit.posted.files.get(f"file-{slot}")
        if file is not None:
            image = inspect_image(slot, file.content)
            await visit.parts.blobs.put(_once(file.content), image.sha256)
            fields[f"kept-{slot}"] = (_sealed(visit, image),)
        elif visit.posted.has(f"without-{slot}"):
            fields[f"kept-{slot}"] = ("",)
    return Visit(visit.desk, visit.call, Posted(fields))


async def _once(content: bytes) -> Any:
    yield content


def _sealed(visit: Visit, image: Image) -> str:
    told = json.dumps([int(visit.tenant), asdict(image)]).encode()
    return visit.parts.seals.seal(_PURPOSE, told)


def _image(visit: Visit, text: str) -> Image | None:
    content = visit.parts.seals.opened(_PURPOSE, text) if text else None
    if content is None:
        return None
    owner, image = json.loads(content)
    return Image(**image) if owner == visit.tenant else None


def _branding(visit: Visit) -> Branding:
    """What the form says, whatever else is stored."""
    return _branding_of(visit, visit.form)


def _branding_of(visit: Visit, form: Form) -> Branding:
    texts: dict[str, Any] = {name: form.value(name).strip() or None for name in (*TEXTS, *ADDRESSES)}
    images = {slot: _image(visit, form.value(f"kept-{slot}")) for slot in IMAGES}
    colour = form.value("background_color") if form.has("coloured", TICKED) else None
    return Branding(
        background_color=colour,
        images={slot: image for slot, image in images.items() if image is not None},
        **texts,
    )


# --- the page -----------------------------------------------------------------------------------------------


async def _shown(visit: Visit, form: Form) -> Response:
    tenant = await visit.read(tenant_by_id)
    branding = _branding_of(visit, form)
    pictures = [await _picture(visit, tenant, slot, branding, form) for slot in IMAGES]
    locale = form.value("locale", DEFAULT_LOCALE)
    default = tenant.branding.get(DEFAULT_LOCALE, Branding())
    seen = branding if locale == DEFAULT_LOCALE else branding.over(default)
    return await visit.page(
        "branding.html",
        status=422 if form.is_wrong else 200,
        form=form,
        texts=TEXTS,
        addresses=ADDRESSES,
        pictures=pictures,
        locale=locale,
        languages=_languages(tenant, locale),
        is_stored=locale in tenant.branding,
        called=tenant.name,
        seen=seen,
        banner=await _source(visit, tenant, seen.images.get(ImageSlot.BANNER_LOGO)),
        background=await _source(visit, tenant, seen.images.get(ImageSlot.BACKGROUND)),
        note=_note(seen),
        may_save=visit.may(WRITE),
    )


def _note(seen: Branding) -> Markup:
    return render(seen.sign_in_page_text or "")


def _languages(tenant: Tenant, locale: str) -> list[Option]:
    known = sorted({*tenant.branding, locale} - {DEFAULT_LOCALE})
    return [Option(DEFAULT_LOCALE, "All languages"), *(Option(one, one) for one in known)]


async def _picture(visit: Visit, tenant: Tenant, slot: ImageSlot, branding: Branding, form: Form) -> Picture:
    limit = IMAGE_LIMITS[slot]
    source = await _source(visit, tenant, branding.images.get(slot))
    most = f"PNG or JPEG, at most {limit.width} × {limit.height} pixels and {limit.size // 1024} KB."
    return Picture(slot, IMAGES[slot], source, most, form.value(f"kept-{slot}"))


async def _source(visit: Visit, tenant: Tenant, image: Image | None) -> str:
    """The address of an image; one that is not saved yet is its own address."""
    if image is None:
        return ""
    stored = {one.sha256 for each in tenant.branding.values() for one in each.images.values()}
    if image.sha256 in stored:
        return f"/{tenant.uuid}/branding/{image.sha256}"
    content = await uploads.bytes_of(visit.parts, image.sha256)
    return f"data:{image.media_type};base64,{base64.b64encode(content).decode()}"
