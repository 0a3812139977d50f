"""The list of devices, one device and the bench as people use them: by mouse, by keyboard, without script, on
a phone, and over a connection that is cut.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from playwright.async_api import Browser, Page, expect
from playwright.async_api import Error as PlaywrightError

from reseal.autopilot.registrations import registration_by_id
from reseal.deployment import facts
from reseal.kernel import events
from tests.pages.lab import Lab, is_fit, is_fit_on_a_desk_and_on_a_phone, lab

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    async with lab(tmp_path_factory.mktemp("devices")) as opened:
        yield opened


def _addresses(place: Lab) -> list[str]:
    red = place.told["RED"].registration.uuid
    profile = place.contoso.profile
    return [
        "/devices",
        "/devices?q=nothing+like+this",
        f"/devices/{red}",
        f"/devices/{place.contoso.registration}",
        f"/devices/{red}/assigned",
        f"/devices/{place.contoso.registration}/assigned/profile/{profile}",
        f"/devices/{red}/diagnosis",
        f"/devices/{place.contoso.registration}/diagnosis",
        f"/devices/{red}/edit",
        "/bench",
        f"/bench/{red}",
        "/bench/scan",
        "/bench/scan?code=SN-001",
        "/bench/scan?code=nobody",
        "/bench/hand-over",
        "/bench/labels",
    ]


async def test_every_page_is_fit_for_everybody_on_a_desk_and_on_a_phone(place: Lab, browser: Browser) -> None:
    async with place.signed_in(browser, "/devices") as page:
        for address in _addresses(place):
            await is_fit_on_a_desk_and_on_a_phone(page, place.url + address)


async def _events(place: Lab) -> int:
    point = await place.office.database.read(events.checkpoint, place.office.tenant)
    return point.position


async def _tags(place: Lab, *names: str) -> list[str]:
    keys = [place.told[name].registration.id for name in names]
    read, tenant = place.office.database.read, place.office.tenant
    return [(await read(registration_by_id, tenant, key)).group_tag for key in keys]


@pytest.mark.parametrize("script", [True, False])
async def test_several_devices_get_another_tag_once_and_are_told_before(
    place: Lab, browser: Browser, script: bool
) -> None:
    tag = f"tag-{script}"
    async with place.signed_in(browser, "/devices", script=script) as page:
        await page.get_by_label("Serial number, name, user or model").fill("contoso-")
        await page.get_by_role("button", name="Show", exact=True).click()
        for name in ("GREEN", "RED"):
            await page.get_by_role("row").filter(has_text=f"CONTOSO-{name}").get_by_role("checkbox").check()
        await page.get_by_role("button", name="Group tag…").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Change the group tag of 2 devices")
        await page.get_by_label("New group tag").fill(tag)
        before = await _events(place)
        await page.get_by_role("button", name="Continue").click()
        await expect(page.locator(".effect")).to_contain_text("2 devices are affected")
        assert await _events(place) == before, "nothing has been done yet"
        await is_fit(page) if script else None
        await page.get_by_role("button", name="Change it").click()
        await expect(page.locator(".notice")).to_contain_text("The group tag of 2 devices was changed.")
        assert page.url.endswith("/devices?q=contoso-"), "back to what was looked at"
        assert await _tags(place, "GREEN", "RED", "RUNS") == [tag, tag, (await _tags(place, "RUNS"))[0]]
        assert tag not in await _tags(place, "RUNS")

        done = await _events(place)
        await page.reload()
        with suppress(PlaywrightError):  # the browser asks before it sends a form again
            await page.go_back()
        assert await _events(place) == done, "neither reload nor the back button does it again"


async def test_nothing_chosen_is_said_and_a_user_who_is_not_there_is_refused(
    place: Lab, browser: Browser
) -> None:
    async with place.signed_in(browser, "/devices") as page:
        await page.get_by_role("button", name="User…").click()
        await expect(page.locator(".notice")).to_contain_text("No device was chosen")
        await page.get_by_label("Choose CONTOSO-RUNS").or_(page.locator("tbody input").first).first.check()
        await page.get_by_role("button", name="User…").click()
        for wrong in ("nobody@contoso.example", "adele@elsewhere.example", ""):
            await page.get_by_label("User", exact=True).fill(wrong)
            await page.get_by_role("button", name="Continue").click()
            await expect(page.get_by_role("alert")).to_contain_text("Not saved yet")
            await is_fit(page)
            assert await page.get_by_label("User", exact=True).input_value() == wrong


async def test_many_are_deleted_only_by_typing_how_many(place: Lab, browser: Browser) -> None:
    async with place.signed_in(browser, "/devices?tag=spare") as page:
        await page.get_by_label("Choose all on this page").check()
        await page.get_by_role("button", name="Delete…").click()
        for typed in ("", "11"):
            await page.get_by_label("How many devices are these?").fill(typed)
            await page.get_by_role("button", name="Continue").click()
            await expect(page.get_by_role("alert")).to_contain_text("Type 12.")
        await page.get_by_label("How many devices are these?").fill("12")
        await page.get_by_role("button", name="Continue").click()
        await expect(page.locator(".effect")).to_contain_text("12 devices are affected")
        await page.get_by_role("button", name="Delete the registration").click()
        await expect(page.locator(".notice")).to_contain_text("12 devices are no longer registered.")
        await page.goto(place.url + "/devices?tag=spare")
        await expect(page.get_by_role("heading", name="No device fits")).to_be_visible()


async def test_a_device_is_renamed_by_keyboard_alone(place: Lab, browser: Browser) -> None:
    address = f"/devices/{place.told['RUNS'].registration.uuid}"
    async with place.signed_in(browser, address) as page:
        await _tab_to(page, "Edit")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/edit")
        await page.get_by_label("Name of its own").focus()
        await page.keyboard.type("FRONT-DESK")
        await page.keyboard.press("Enter")
        await expect(page.locator(".effect")).to_contain_text("1 device is affected")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**{address}")
        await expect(page.get_by_text("FRONT-DESK", exact=True)).to_be_visible()


async def _tab_to(page: Page, name: str) -> None:
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"{name} cannot be reached by the Tab key")


# --- the bench ----------------------------------------------------------------------------------------------


async def test_a_scanned_code_opens_its_device(place: Lab, browser: Browser) -> None:
    green = place.told["GREEN"].registration
    codes = (
        f'{{"ZtdId":"{green.uuid}"}}',
        f'{{"BlockSequence":{{"ztdid":"{green.uuid}"}}}}',
        green.serial.lower(),
    )
    async with place.signed_in(browser, "/bench") as page:
        for code in codes:
            await page.goto(place.url + "/bench")
            await expect(page.locator("main input[name=code]")).to_be_focused()
            await page.keyboard.type(code)  # a scanner types, and presses Enter
            await page.keyboard.press("Enter")
            await page.wait_for_url(f"**/bench/{green.uuid}")
        await expect(page.locator("#bench-now")).to_contain_text("Green")


async def test_targets_of_the_bench_are_large_and_its_tiles_all_alike(place: Lab, browser: Browser) -> None:
    async with place.signed_in(browser, "/bench", width=1280, height=800) as page:
        sizes = await page.eval_on_selector_all(
            "main a, main button, main input",
            "all => all.map(e => e.getBoundingClientRect()).map(r => Math.min(r.width, r.height))",
        )
        assert min(size for size in sizes if size > 0) >= 24  # the link to refresh, which nobody reaches for
        assert sum(size < 60 for size in sizes) <= 1
        heights = await page.eval_on_selector_all(".tile", "all => all.map(e => e.offsetHeight)")
        assert len(set(heights)) == 1
        letters = await page.eval_on_selector(".tile-name", "e => parseFloat(getComputedStyle(e).fontSize)")
        assert letters >= 32


async def test_the_bench_goes_on_after_a_cut_and_nothing_moves(place: Lab, browser: Browser) -> None:
    device = await (await place.office.device()).joined("hardware")
    await device.enrolled("CONTOSO-CUT")
    await device.device_phase()
    await device.delivered(2)
    async with place.signed_in(browser, "/bench", height=2400) as page:
        await expect(page.locator(".live.on")).to_be_visible()
        tile = page.locator(f"#d-{(await device.story()).uuid}")
        before = await _boxes(page)
        await device.delivered(4)
        await expect(tile).to_contain_text("4 of 6")

        await page.context.set_offline(True)
        await page.evaluate("window.dispatchEvent(new Event('offline'))")
        await device.delivered(5)
        await device.failed(0x80070643, "The app 'Reader' could not be installed.")
        newest = await (await place.office.device()).tell(facts.Contacted())
        await page.context.set_offline(False)

        await expect(tile).to_contain_text("could not be installed")
        await expect(tile).to_have_class(re.compile("lamp-red"))
        await expect(page.locator(f"#d-{(await newest.story()).uuid}")).to_be_visible()
        after = await _boxes(page)
        assert {name: after[name] for name in before} == before, "nothing moves under a finger"


async def _boxes(page: Page) -> dict[str, list[float]]:
    found: dict[str, list[float]] = await page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('.tile')].map(e => [e.id, (r => [r.x, r.y])"
        "(e.getBoundingClientRect())]))"
    )
    return found


async def test_labels_are_printed_alone_and_their_codes_open_the_device(place: Lab, browser: Browser) -> None:
    resealed = place.told["RESEALED"].registration
    async with place.signed_in(browser, "/bench/hand-over") as page:
        await page.get_by_label("Choose CONTOSO-RESEALED").check()
        await page.get_by_role("button", name="Labels of the chosen").click()
        await expect(page.locator(".label")).to_have_count(1)
        await expect(page.locator(".label")).to_contain_text(resealed.serial)
        await page.emulate_media(media="print")
        for hidden in (".bar", ".bench-head"):
            await expect(page.locator(hidden)).to_be_hidden()
        await expect(page.locator(".label svg")).to_be_visible()
