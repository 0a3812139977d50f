"""The report, its file and figures, and the log, as people use them."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from reseal.directory.groups import create_group
from tests.pages.lab import Lab, is_fit_on_a_desk_and_on_a_phone, lab

pytestmark = pytest.mark.slow

ADDRESSES = (
    "/deployments",
    "/deployments/report",
    "/deployments/report?status=failure",
    "/deployments/report?q=nothing+like+this",
    "/deployments/figures",
    "/events",
    "/events?topic=settings&who=server",
    "/events?device=nobody",
    "/events/verification",
)


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    async with lab(tmp_path_factory.mktemp("report")) as opened:
        yield opened


async def test_every_page_is_fit_for_everybody_on_a_desk_and_on_a_phone(place: Lab, browser: Browser) -> None:
    story = f"/deployments/{(await place.told['RED'].story()).uuid}"
    async with place.signed_in(browser, "/events") as page:
        for address in (*ADDRESSES, story):
            await is_fit_on_a_desk_and_on_a_phone(page, place.url + address)


async def test_the_file_has_the_rows_that_are_shown(place: Lab, browser: Browser) -> None:
    async with place.signed_in(browser, "/deployments/report") as page:
        await page.get_by_label("Serial number, name or user").fill("contoso-")
        await page.get_by_role("button", name="Show", exact=True).click()
        names = await page.locator("tbody th .first").all_inner_texts()
        async with page.expect_download() as waiting:
            await page.get_by_role("link", name="Export as CSV").click()
        download = await waiting.value
        assert download.suggested_filename == "AutopilotV1DeploymentStatus.csv"
        text = (await download.path()).read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["Device name"] for row in rows] == names
    red = next(row for row in rows if row["Device name"] == "CONTOSO-RED")
    assert (red["Deployment state"], red["Enrollment type"]) == ("failure", "azureADJoinedWithWhiteGlove")
    assert red["Failure"].startswith("0x80070643: ")
    assert int(red["Device setup (s)"]) > 0


async def test_figures_are_there_as_picture_and_as_table(place: Lab, browser: Browser) -> None:
    async with place.signed_in(browser, "/deployments/figures", script=False) as page:
        await expect(page.locator(".chart rect").first).to_be_attached()
        await page.get_by_text("The same as a table").click()
        await expect(page.get_by_role("columnheader", name="Failed")).to_be_visible()


async def test_the_log_goes_on_after_a_cut_without_a_gap(place: Lab, browser: Browser) -> None:
    async def happens(name: str) -> None:
        await place.office.do(create_group, place.office.tenant, name)

    async with place.signed_in(browser, "/events?topic=groups") as page:
        await expect(page.locator(".live.on")).to_be_visible()
        await happens("Before the cut")
        entries = page.locator("#entries")
        await expect(entries).to_contain_text("Before the cut")
        await page.context.set_offline(True)
        for number in range(3):
            await happens(f"During the cut {number}")
        await page.context.set_offline(False)
        await happens("After the cut")
        await expect(entries).to_contain_text("After the cut")
        told = await entries.locator("strong").all_inner_texts()
        wanted = ["Before the cut", *(f"During the cut {n}" for n in range(3)), "After the cut"]
        assert told[-5:] == wanted
        await page.reload()
        assert (await entries.locator("strong").all_inner_texts())[-5:] == wanted


async def test_the_story_of_a_device_goes_on_after_a_cut(place: Lab, browser: Browser) -> None:
    device = place.told["RUNS"]
    address = f"/deployments/{(await device.story()).uuid}"
    async with place.signed_in(browser, address) as page:
        await expect(page.locator(".live.on")).to_be_visible()
        await page.context.set_offline(True)
        await device.delivered(4)
        await device.failed(0x80070643, "The app 'VPN client' could not be installed.")
        await page.context.set_offline(False)
        await expect(page.locator("#entries li").last).to_contain_text("Red")
        ids = await page.locator("#entries li").evaluate_all("all => all.map(e => e.id)")
        assert len(ids) == len(set(ids))


async def test_the_log_is_verified_on_request(place: Lab, browser: Browser) -> None:
    async with place.signed_in(browser, "/events") as page:
        await page.get_by_role("link", name="Verify the log").click()
        await expect(page.locator(".effect")).to_contain_text("events are as they were recorded")
