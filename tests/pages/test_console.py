"""The console as an administrator uses it: from an empty organisation to a laptop that is ready, by the pages
alone; every page free of what axe-core finds, light and dark, within a narrow window; by keyboard; without
script.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from reseal.cli.app import run
from tests.support.browsing import NARROW, faults, too_wide, visit
from tests.support.hands import Hands, laptop_on_a_page
from tests.support.processes import CONTOSO, ServerProcess

pytestmark = pytest.mark.slow

_NO_PAGE = re.compile(
    r"^/(devices|bench|events|deployments[/?])|/offline$|[?&](after|older)=|kind=(user|device)"
)
"""What is no page, shows the same as another, or is looked at by a test of its own."""
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Office:
    """The administrator's account, and where it is used."""

    def __init__(self, server: ServerProcess) -> None:
        ready = server.wait_ready()
        account = json.loads(Path(ready["credentials_file"]).read_text())["administrator"]
        self.url, self.user, self.password = ready["browser_url"], account["upn"], account["password"]

    @asynccontextmanager
    async def open(
        self,
        browser: Browser,
        path: str,
        *,
        width: int = 1280,
        script: bool = True,
    ) -> AsyncIterator[Page]:
        """A page of the console, after signing in."""
        async with visit(browser, width=width, script=script) as page:
            await page.goto(self.url + path)
            await page.locator("#i0116").fill(self.user)
            await page.locator("[type=submit]").click()
            await page.locator("#i0118").fill(self.password)
            await page.locator("[type=submit]").click()
            await expect(page.locator("nav#menu")).to_be_attached()
            yield page


async def go(page: Page, path: str) -> None:
    """Go to another page of the console."""
    parts = urlsplit(page.url)
    await page.goto(f"{parts.scheme}://{parts.netloc}{path}")


async def save(page: Page, button: str, *, look: bool = False) -> str:
    """Continue, see what it comes to, and save; what was said of it."""
    await page.get_by_role("button", name="Continue").click()
    effect = page.locator(".effect")
    await expect(effect).to_be_visible()
    if look:
        assert await faults(page) == []
    said = await effect.inner_text()
    await page.get_by_role("button", name=button, exact=True).click()
    await expect(page.locator("#notice")).to_be_visible()
    return said


async def standings(page: Page) -> list[str]:
    """How the nine steps of the set-up stand."""
    await go(page, "/set-up")
    return [text.strip() for text in await page.locator(".stage .badge").all_inner_texts()]


async def test_the_nine_steps_from_an_empty_organisation_to_the_desktop(
    browser: Browser, served: ServerProcess, tmp_path: Path
) -> None:
    office = Office(served)
    laptops = (CONTOSO / "devices.csv").read_bytes().splitlines(keepends=True)[:4]
    first = laptops[1].split(b",")[0].decode()
    (tmp_path / "laptops.csv").write_bytes(b"".join(laptops))
    async with office.open(browser, "/set-up") as page:
        missing = [i for i, text in enumerate(await standings(page), 1) if text == "missing"]
        assert missing == [1, 3, 4, 5, 6]

        await page.get_by_role("link", name="Set the scope").click()
        await page.get_by_label("All", exact=True).check()
        await save(page, "Save the scope", look=True)

        await page.get_by_role("link", name="Choose who may").click()
        await page.get_by_label("Allow virtual TPMs").check()
        await save(page, "Save")

        await go(page, "/users/new")
        await page.get_by_label("Name", exact=True).fill("Adele Vance")
        await page.get_by_label("User principal name").fill("adele@contoso.example")
        await page.get_by_label("Department").fill("Sales")
        await save(page, "Make the user", look=True)
        password = await page.locator(".secret").inner_text()
        assert len(password) == 20
        await page.reload()
        await expect(page.locator(".secret")).to_have_count(0)

        await go(page, "/set-up/devices")
        await page.set_input_files("#f-file", tmp_path / "laptops.csv")
        await page.get_by_role("button", name="Import").click()
        await expect(page.locator(".effect")).to_have_text("3 registered")
        assert await page.locator("tbody .badge.good").count() == 3
        await page.go_back()
        await page.go_forward()
        await page.reload()
        await expect(page.locator(".effect")).to_have_text("3 registered")

        await go(page, "/groups/new")
        await page.get_by_label("Name", exact=True).fill("Laptops")
        await page.get_by_label("On whom").fill(first)
        await page.get_by_role("button", name="Try it").click()
        await expect(page.locator("#check")).to_contain_text(f"{first} would be in it")
        await save(page, "Make it")
        await expect(page.locator("nav.tabs")).to_contain_text("Devices 3")

        await go(page, "/policies/new-policy")
        await page.get_by_label("Name", exact=True).fill("Camera off")
        node = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
        await page.get_by_label("Address of setting 1").fill(node)
        await page.get_by_label("Value of setting 1").fill("0")
        await page.get_by_label("Group of line 1").fill("Laptops")
        assert (await save(page, "Make it")).startswith("3 devices are affected")

        await go(page, "/apps/new")
        await page.set_input_files("#f-package", CONTOSO / "apps" / "agent.msi")
        await page.get_by_role("button", name="Read the package").click()
        await expect(page.locator(".details")).to_contain_text("Contoso Device Agent")
        await page.get_by_label("Group of line 1").fill("Laptops")
        assert (await save(page, "Make it")).startswith("3 devices are affected")

        await go(page, "/status-pages/new")
        await page.get_by_label("Name", exact=True).fill("Standard set-up")
        await page.get_by_label("Minutes until it is too late").fill("1441")
        await page.get_by_label("Contoso Device Agent").check()
        await page.get_by_label("Group of line 1").fill("Laptops")
        await page.get_by_role("button", name="Continue").click()
        await expect(page.locator("#w-minutes")).to_contain_text("Use 1 to 1440 minutes")
        assert await faults(page) == []
        await expect(page.get_by_label("Group of line 1")).to_have_value("Laptops")
        await page.get_by_label("Minutes until it is too late").fill("60")
        assert (await save(page, "Make it")).startswith("3 devices are affected")

        await go(page, "/profiles/new")
        await page.get_by_label("Name", exact=True).fill("Contoso standard")
        await page.get_by_label("Name of devices").press_sequentially("CON-%SERIAL%")
        await expect(page.locator("#example")).to_contain_text("For example CON-")
        await page.get_by_label("Group of line 1").fill("Laptops")
        assert (await save(page, "Make it")).startswith("3 devices are affected")

        await go(page, "/set-up/users")
        await page.get_by_role("link", name=first).click()
        await page.get_by_label("Assigned user").fill("adele@contoso.example")
        await page.get_by_label("Greeted as").fill("Adele")
        await save(page, "Save it")
        await page.get_by_role("link", name=first).click()
        meets = page.get_by_label("What it meets")
        await expect(meets).to_contain_text("Contoso standard")
        await expect(meets).to_contain_text("Standard set-up")

        assert (await standings(page))[:7] == ["done"] * 7
        await expect(page.locator(".notice")).to_contain_text("Everything is in place")

        async with (
            laptop_on_a_page(served.ready_file, tmp_path / "laptop", 1) as (address, _),
            visit(browser) as before_it,
        ):
            hands = Hands(before_it)
            await before_it.goto(address)
            await hands.ask_to_provision("region")
            await hands.provision()
            await hands.hand("Power off").click()
            await hands.pages_before("signIn")
            await expect(hands.web.get_by_role("heading", level=1)).to_contain_text("Adele")
            await hands.sign_in(password)
            await hands.sees("desktop")
            await expect(hands.screen).to_contain_text("Contoso Device Agent")
            await expect(hands.screen).to_contain_text("Camera: AllowCamera")
            await go(page, "/deployments")
            await expect(page.locator("#list")).to_contain_text("At the desktop")


@pytest.fixture(scope="module")
def contoso(served: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The sample organisation, with devices, on the server of this module."""
    ready = ("--ready-file", str(served.ready_file))
    passwords = tmp_path_factory.mktemp("contoso") / "passwords.json"
    assert run(["apply", str(CONTOSO), "--passwords-out", str(passwords), *ready]) == 0
    assert run(["import", str(CONTOSO / "devices.csv"), *ready]) in {0, 2}
    return Office(served)


async def test_every_page_is_free_of_faults_and_fits_a_phone(browser: Browser, contoso: Office) -> None:
    """Whatever the pages lead to, one of each kind: light, dark, and as narrow as a phone."""
    async with contoso.open(browser, "/set-up") as page:
        waiting, seen, wrong = ["/set-up"], {"/set-up"}, []
        while waiting:
            path = waiting.pop(0)
            await go(page, path)
            wrong += [f"{path}: {fault}" for fault in await faults(page)]
            for link in await _links(page):
                kind = _ID.sub("*", link)
                if kind not in seen and not _NO_PAGE.search(kind):
                    seen.add(kind)
                    waiting.append(link)
            await page.set_viewport_size({"width": NARROW, "height": 800})
            if wide := await too_wide(page):
                wrong.append(f"{path}: {wide} pixels too wide")
            await page.set_viewport_size({"width": 1280, "height": 900})
    assert wrong == []
    assert {"/policies/*", "/apps/*", "/users/*", "/groups/*/edit", "/set-up/devices/*"} <= seen
    assert {"/organisation", "/branding"} <= seen


async def _links(page: Page) -> list[str]:
    where = "links => links.map(link => link.pathname + link.search)"
    links: list[str] = await page.eval_on_selector_all("main a[href], nav a[href]", where)
    return links


async def test_the_menu_of_a_phone_opens_and_closes(browser: Browser, contoso: Office) -> None:
    async with contoso.open(browser, "/set-up", width=NARROW) as page:
        await expect(page.get_by_role("link", name="Branding")).to_be_hidden()
        await page.get_by_role("button", name="Menu").click()
        await expect(page.get_by_role("link", name="Branding")).to_be_visible()
        assert await faults(page) == []
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("link", name="Branding")).to_be_hidden()


async def test_a_setting_is_changed_by_keyboard_alone(browser: Browser, contoso: Office) -> None:
    async with contoso.open(browser, "/set-up/joining") as page:
        keys = page.keyboard
        await keys.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await keys.press("Enter")
        await expect(page.locator("main")).to_be_focused()
        await keys.press("Tab")
        await keys.press("Tab")
        await expect(page.get_by_label("All", exact=True)).to_be_focused()
        await keys.press("ArrowDown")
        await keys.press("ArrowDown")
        await expect(page.get_by_label("None", exact=True)).to_be_checked()
        await keys.press("Enter")
        await expect(page.get_by_role("button", name="Save", exact=True)).to_be_focused()
        await keys.press("Enter")
        await expect(page.locator("#notice")).to_contain_text("Who may join devices: None.")


async def test_without_script_everything_is_there(browser: Browser, contoso: Office) -> None:
    async with contoso.open(browser, "/groups", script=False) as page:
        await page.get_by_role("link", name="New group").click()
        await page.get_by_label("Name", exact=True).fill("Everybody in sales")
        await page.get_by_label("A rule over users").check()
        await page.get_by_label("Rule", exact=True).fill('(user.department -eq "Sales")')
        await page.get_by_label("On whom").fill("adele@contoso.example")
        await page.get_by_role("button", name="Try it").click()
        await expect(page.locator("#check")).to_contain_text("adele@contoso.example would be in it")
        await expect(page.get_by_label("Name", exact=True)).to_have_value("Everybody in sales")
        await save(page, "Make it")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Everybody in sales")

        await page.get_by_role("button", name="Delete…").click()
        await expect(page.locator(".effect")).to_be_visible()
        await page.get_by_role("button", name="Go back without saving").click()
        await page.get_by_role("button", name="Delete…").click()
        await page.get_by_role("button", name="Delete it").click()
        await expect(page.locator("#notice")).to_contain_text("was deleted")
