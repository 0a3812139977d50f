"""Images and colours of the sign-in page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from reseal.directory.model import Branding
from reseal.directory.model_branding import HiddenText, ImageSlot, Layout, inspect_image
from reseal.directory.tenants import set_branding
from tests.store.signin.world import Page, Town, asking
from tests.support.pictures import chunk, png

pytestmark = pytest.mark.anyio


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def branded(town: Town, locale: str = "0", **fields: object) -> None:
    """Contoso with its colours."""
    sizes = {
        ImageSlot.BANNER_LOGO: (245, 36),
        ImageSlot.SQUARE_LOGO: (240, 240),
        ImageSlot.SQUARE_LOGO_DARK: (239, 239),
        ImageSlot.BACKGROUND: (1920, 1080),
        ImageSlot.FAVICON: (32, 32),
    }
    images = {}
    for slot, (width, height) in sizes.items():
        data = png(width, height)
        await town.signin.blobs.put(_once(data))
        images[slot] = inspect_image(slot, data)
    branding = Branding(
        background_color="#0B5CAD",
        sign_in_page_text="Call **1234**\n\n[Help](https://help.contoso.example/)",
        username_hint_text="you@contoso.example",
        privacy_and_cookies_url="https://contoso.example/privacy",
        images=images,
        **fields,  # type: ignore[arg-type]
    )
    await town.signin.db.write(set_branding, town.contoso.id, branding, locale=locale)


async def test_a_branded_page_shows_logo_colour_picture_text_and_hint(town: Town) -> None:
    await branded(town)
    page = await town.browser.open(town.authorize)
    assert page.one('//img[contains(@class, "banner")]').get("alt") == "Contoso"
    assert page.one('//img[@class="backdrop"]').get("alt") == ""
    assert page.one('//input[@id="i0116"]').get("placeholder") == "you@contoso.example"
    assert page.one("//strong").text == "1234"
    assert page.one('//a[@href="https://help.contoso.example/"]').text == "Help"
    assert page.one('//a[@href="https://contoso.example/privacy"]').text == "Privacy & cookies"
    colour, icon = page.one('//link[contains(@href, "colour")]'), page.one('//link[@rel="icon"]')
    assert (await town.http.get(colour.get("href"))).text == ":root { --brand: #0b5cad; }\n"
    for address in [icon.get("href"), *page.tree.xpath("//img/@src")]:
        image = await town.http.get(address)
        assert image.status_code == 200
        assert image.headers["content-type"] == "image/png"
        assert image.headers["x-content-type-options"] == "nosniff"
        assert "immutable" in image.headers["cache-control"]
        again = await town.http.get(address, headers={"If-None-Match": image.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_an_image_is_served_without_what_its_file_holds_beside_it(town: Town) -> None:
    telling = png(100, 20, chunk(b"tEXt", b"Author\0somebody")) + b"PK\3\4 an archive"
    await town.signin.blobs.put(_once(telling))
    image = inspect_image(ImageSlot.BANNER_LOGO, telling)
    await town.signin.db.write(set_branding, town.contoso.id, Branding(images={ImageSlot.BANNER_LOGO: image}))
    page = await town.browser.open(town.authorize)
    served = (await town.http.get(page.one("//img").get("src"))).content
    assert served == png(100, 20)


async def test_on_a_device_the_square_logo_shows_and_links_lead_nowhere(town: Town) -> None:
    await branded(town)
    page = await town.browser.open(town.authorize, reseal_hint=town.hint())
    assert page.one('//img[@class="square"]').get("alt") == "Contoso"
    assert "dark" in page.one("//picture/source").get("media")
    assert page.tree.xpath("//a") == []
    assert "Help" in page.text


async def test_header_and_layout_are_shown_as_configured(town: Town) -> None:
    plain = await town.browser.open(town.authorize)
    assert plain.tree.xpath("//header") == []
    assert plain.one("//body").get("class") == "centred"
    await branded(town, header_shown=True, header_background_color="#FFD54A", layout=Layout.VERTICAL_SPLIT)
    page = await town.browser.open(town.authorize)
    assert page.one("//body").get("class") == "split"
    assert page.one("//header").text_content().strip() == "Contoso", "there is no logo for the header"
    sheet = await town.http.get(page.one('//link[contains(@href, "colour")]').get("href"))
    assert "--header: #ffd54a; --header-ink: #000000;" in sheet.text
    device = await town.browser.open(town.authorize, reseal_hint=town.hint())
    assert device.tree.xpath("//header | //footer") == []
    assert device.one("//body").get("class") == "centred"


def links_of(page: Page) -> dict[str, str]:
    """Where the links of the page lead."""
    return {link.text: link.get("href") for link in page.tree.xpath('//ul[@class="links"]//a')}


async def test_links_bear_the_organisations_words_and_can_be_hidden(town: Town) -> None:
    reset, access, terms = (f"https://contoso.example/{name}" for name in ("reset", "access", "terms"))
    led = {
        "account_reset_credentials_url": reset,
        "cannot_access_your_account_url": access,
        "terms_of_use_url": terms,
    }
    await branded(town, **led, forgot_my_password_text="Lost it?")
    page = await town.browser.open(town.authorize)
    assert links_of(page) == {
        "Lost it?": reset,
        "Can't access your account?": access,
        "Terms of use": terms,
        "Privacy & cookies": "https://contoso.example/privacy",
    }
    hidden = (HiddenText.ACCOUNT_RESET_CREDENTIALS, HiddenText.CANNOT_ACCESS_YOUR_ACCOUNT)
    await branded(town, **led, hidden_texts=hidden, footer_shown=False)
    assert links_of(await town.browser.open(town.authorize)) == {}


async def wrong_password(town: Town, **parameters: str) -> Page:
    page = await town.browser.open(town.authorize, login_hint="ann@contoso.example", **parameters)
    return Page(await town.browser.submit(page, passwd="wrong"))


async def test_a_wrong_password_leads_to_where_it_can_be_reset(town: Town) -> None:
    path = '//*[@role="alert"]/a'
    await branded(town, account_reset_credentials_url="https://contoso.example/reset")
    link = (await wrong_password(town)).one(path)
    assert (link.text, link.get("href")) == ("Reset it now.", "https://contoso.example/reset")
    await branded(
        town, account_reset_credentials_url="https://contoso.example/reset", reset_it_now_text="Go there."
    )
    assert (await wrong_password(town)).one(path).text == "Go there."
    assert (await wrong_password(town, reseal_hint=town.hint())).tree.xpath(path) == []
    for unset in ({"hidden_texts": (HiddenText.RESET_IT_NOW,)}, {"account_reset_credentials_url": None}):
        await branded(town, **{"account_reset_credentials_url": "https://contoso.example/reset", **unset})
        assert (await wrong_password(town)).tree.xpath(path) == []


async def test_an_unbranded_page_is_plain(town: Town) -> None:
    page = await town.browser.open(town.authorize)
    assert page.tree.xpath("//img") == []
    assert page.one('//link[@rel="icon"]').get("href") == "data:,"
    assert "Contoso" in page.text


async def test_the_branding_follows_the_readers_language(town: Town) -> None:
    await branded(town)
    french = Branding(sign_in_page_text="Appelez **le support**")
    await town.signin.db.write(set_branding, town.contoso.id, french, locale="fr")
    answer = await town.http.get(
        town.authorize, params=asking(), headers={"Accept-Language": "fr-CA,fr;q=0.9"}
    )
    assert Page(answer).one("//strong").text == "le support"
    assert Page(answer).one('//img[contains(@class, "banner")]') is not None


async def test_only_images_of_the_organisations_branding_are_served(town: Town) -> None:
    await branded(town)
    app = await town.signin.blobs.put(_once(b"MZ an app that is nobody's business"))
    logo = inspect_image(ImageSlot.FAVICON, png(32, 32)).sha256
    for path in (
        f"/{town.contoso.uuid}/branding/{app.sha256}",
        f"/{town.fabrikam.uuid}/branding/{logo}",
        f"/{uuid4()}/branding/{logo}",
        f"/{town.contoso.uuid}/branding/nonsense",
        "/assets/colour/red.css",
        "/assets/colour/0b5cad0.css",
        "/assets/colour/%7D%7D%7D%7D%7D%7D.css",
    ):
        assert (await town.http.get(path)).status_code == 404, path
    assert (await town.http.get(f"/contoso.example/branding/{logo}")).status_code == 200
