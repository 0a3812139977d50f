"""The pages about deployments, over real TLS: who sees them, what stands there, and how it goes on live."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from reseal.deployment import facts
from reseal.deployment.facts import Phase
from reseal.directory.model_roles import Role
from reseal.directory.roles import assign_role, remove_role
from reseal.directory.tenants import find_tenant
from reseal.directory.users import create_user, set_password_hash, update_user
from reseal.kernel.clock import SystemClock
from reseal.kernel.db import Tx
from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.settings import Settings
from reseal.kernel.storage import open_database
from reseal.server.running import running
from reseal.server.wiring import REACTORS
from reseal.signin.own_client import _authority
from reseal.signin.passwords import Passwords
from tests.support.chromium import Window, window
from tests.support.client import Client, connected
from tests.support.clock import ManualClock
from tests.system.organisations import Organisation, found
from tests.system.pages import Browser, Page
from tests.system.stories import Storyteller, Told

PASSWORD = "Correct-Horse-9"
SESSION = "__Host-reseal-console"


@dataclass
class Place:
    """A running server, an organisation on it, and somebody who tells of its devices."""

    ready: dict[str, Any]
    contoso: Organisation
    office: Storyteller
    client: Client

    @property
    def administrator(self) -> tuple[str, str]:
        """User name and password."""
        known = self.contoso.credentials["administrator"]
        return known["upn"], known["password"]

    async def user(self, name: str, *roles: Role) -> tuple[str, int]:
        """Another user of the organisation, with these roles."""
        upn = f"{name}@contoso.example"
        hashed = Passwords.cheap().hash(PASSWORD, SystemEntropy())

        def unit(tx: Tx) -> int:
            made = create_user(tx, self.office.tenant, upn, name.title())
            set_password_hash(tx, self.office.tenant, made.id, hashed)
            for role in roles:
                assign_role(tx, self.office.tenant, made.id, role)
            return made.id

        return upn, await self.office.do(unit)

    async def signed_in(self, address: str = "/deployments", who: tuple[str, str] | None = None) -> Browser:
        """A browser whose user has signed in."""
        browser = Browser(self.client)
        page = await browser.sign_in(await browser.open(address), *(who or self.administrator))
        assert page.path == urlsplit(address).path, page.text
        return browser


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """One for the module. The stories are told by another process, so to speak: by another connection."""
    settings = Settings(data_directory=tmp_path_factory.mktemp("place") / "data")
    settings.data_directory.mkdir()
    contoso, _ = await found(settings.database)
    clock = ManualClock(SystemClock().now() - timedelta(hours=1))
    database = open_database(settings.database, clock=clock, entropy=SystemEntropy(), reactors=REACTORS)
    tenant = await database.read(find_tenant, "contoso.example")
    assert tenant is not None
    office = Storyteller(database, clock, tenant.id)
    await office.furnish()
    async with (
        running(settings, clock=SystemClock(), entropy=SystemEntropy()) as ready,
        connected(ready) as client,
    ):
        yield Place(ready, contoso, office, client)
    await database.close()


async def setting_up(place: Place, name: str) -> Told:
    """A laptop in the middle of the technician flow."""
    device = await (await place.office.device()).joined("hardware")
    await device.enrolled(name)
    await device.device_phase()
    return await device.delivered(3)


async def to_green(device: Told) -> Told:
    """The rest of the technician flow."""
    await device.delivered(6)
    return await device.tell(facts.ReleaseRequested(Phase.DEVICE), facts.Released(Phase.DEVICE))


# --- the way in ---------------------------------------------------------------------------------------------


async def test_whoever_signs_in_comes_to_where_they_wanted(place: Place) -> None:
    device = await setting_up(place, "CONTOSO-DEEP")
    address = f"/deployments/{(await device.story()).uuid}"
    browser = await place.signed_in(address)

    page = await browser.open(address)
    assert page.one("//h1").text == "CONTOSO-DEEP"
    assert "Administrator" in page.text
    assert (await browser.open("/deployments")).status == 200


async def test_whoever_is_signed_in_to_this_server_is_not_asked_again(place: Place) -> None:
    browser = await place.signed_in()
    del browser.cookies[SESSION]

    assert (await browser.open("/deployments")).path == "/deployments"


async def test_signing_out_ends_both_sessions(place: Place) -> None:
    browser = await place.signed_in()
    kept = dict(browser.cookies)
    page = await browser.submit(await browser.open("/deployments"))

    assert "You are signed out" in page.text
    assert SESSION not in browser.cookies
    for cookies in (browser.cookies, kept):
        again = Browser(place.client, cookies=dict(cookies))
        assert (await again.open("/deployments")).path.endswith("/authorize")


async def test_a_form_of_somebody_elses_does_not_sign_out(place: Place) -> None:
    browser = await place.signed_in()
    other = await place.signed_in()
    canary = (await other.open("/deployments")).one("//input[@name='canary']").get("value")

    for form in ({}, {"canary": "x.y"}, {"canary": canary}):
        refused = await browser.open("/sign-out", "POST", form)
        assert refused.status == 400
        assert "too old" in refused.text
    assert (await browser.open("/deployments")).path == "/deployments"


@pytest.mark.parametrize(
    "role, seen",
    [
        (Role.INTUNE_ADMINISTRATOR, True),
        (Role.GLOBAL_READER, True),
        (Role.POLICY_AND_PROFILE_MANAGER, True),
        (None, False),
    ],
)
async def test_what_the_roles_permit_is_shown(place: Place, role: Role | None, seen: bool) -> None:
    name = "plain" if role is None else role.name.lower().replace("_", ".")
    upn, _ = await place.user(name, *([] if role is None else [role]))
    browser = Browser(place.client)
    page = await browser.sign_in(await browser.open("/deployments"), upn, PASSWORD)

    assert (page.status, SESSION in browser.cookies) == ((200, True) if seen else (403, False))
    if not seen:
        assert f"You signed in as {upn}" in page.text
        other = await browser.open(page.one("//main//a").get("href"))
        assert other.path.endswith("/authorize"), "who has another account is asked for it"


async def test_a_role_that_is_taken_away_counts_at_once(place: Place) -> None:
    upn, key = await place.user("former", Role.GLOBAL_READER)
    browser = await place.signed_in(who=(upn, PASSWORD))

    await place.office.do(remove_role, place.office.tenant, key, Role.GLOBAL_READER)
    page = await browser.open("/deployments")
    assert (page.status, page.one("//h1").text) == (403, "This account may not see this")
    await place.office.do(assign_role, place.office.tenant, key, Role.GLOBAL_READER)
    assert (await browser.open("/deployments")).status == 200

    await place.office.do(lambda tx: update_user(tx, place.office.tenant, key, enabled=False))
    assert (await browser.open("/deployments")).path.endswith("/authorize")


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example/deployments",
        "/deployments\\@evil.example",
        "/deployments@evil.example\r\nX: y",
        "javascript:alert(1)",
        "/api/v1/tenant",
        "/deploymentsé",
    ],
)
async def test_signing_in_leads_nowhere_else(place: Place, to: str) -> None:
    browser = await place.signed_in()
    answer = await place.client.session.get(
        place.client.url + "/sign-in",
        params={"to": to},
        headers={"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())},
        allow_redirects=False,
    )
    browser._keep(answer.headers.getall("Set-Cookie"))
    page = await browser.open(answer.headers["Location"])

    assert page.url == place.client.url + "/deployments"


async def test_the_code_of_another_browser_is_worth_nothing(place: Place) -> None:
    """Somebody's own code, slipped to a victim, would sign the victim in as somebody else."""
    attacker, victim = Browser(place.client), Browser(place.client)
    page = await attacker.open("/deployments")
    form = page.one("//form[@method='post']")
    fields = {one.get("name"): one.get("value", "") for one in form.xpath(".//input[@name]")}
    name, password = place.administrator
    typed = {**fields, "loginfmt": name, "passwd": password}
    sent_back = await attacker.request("POST", form.get("action"), typed)
    link = sent_back.headers["Location"]

    for browser in (victim, Browser(place.client)):
        await victim.open("/deployments")  # a sign-in of its own is under way
        page = await browser.open(link)
        assert (page.status, SESSION in browser.cookies) == (400, False)
    parts = parse_qs(urlsplit(link).query)
    wrong = await attacker.open(f"/signed-in?code={parts['code'][0]}&state=x")
    assert (wrong.status, SESSION in attacker.cookies) == (400, False)
    assert (await attacker.open(link)).path == "/deployments"
    assert (await attacker.open(link)).status == 400, "the code is good once"


async def test_a_browser_under_another_name_goes_to_the_configured_one(place: Place) -> None:
    port = urlsplit(place.ready["browser_url"]).port
    answer = await place.client.session.get(
        f"https://127.0.0.1:{port}/sign-in?to=/deployments", allow_redirects=False
    )
    assert answer.headers["Location"] == f"{place.ready['browser_url']}/sign-in?to=%2Fdeployments"


@pytest.mark.parametrize(
    "written", ["https://console.contoso.example", "https://console.contoso.example:443"]
)
def test_the_usual_port_makes_no_other_name(written: str) -> None:
    """Browsers leave it away, whether the operator wrote it or not."""
    assert _authority(urlsplit(written).netloc) == _authority("Console.contoso.example")
    assert _authority("console.contoso.example:8443") != _authority("console.contoso.example")


async def test_a_program_is_told_in_json_and_a_browser_on_a_page(place: Place) -> None:
    assert (await place.client("GET", "/deployments")).error["code"] == "InvalidAuthenticationToken"
    browser = await place.signed_in()
    missing = await browser.open("/deployments/11111111-2222-3333-4444-555555555555")
    assert (missing.status, missing.one("//h1").text) == (404, "There is no such page")
    nonsense = await browser.open("/deployments/nonsense")
    assert nonsense.status == 400


# --- what stands there --------------------------------------------------------------------------------------


def card_of(page: Page, name: str) -> Any:
    """The card of a device."""
    return page.one(f"//li[contains(@class, 'deployment')][.//h2/a[text()='{name}']]")


def said(element: Any, path: str) -> list[str]:
    """The texts at a path within an element."""
    return [" ".join(one.text_content().split()) for one in element.xpath(path)]


async def test_the_list_says_of_each_device_what_it_waits_for(place: Place) -> None:
    device = await setting_up(place, "CONTOSO-LIST")
    story = await device.story()
    assert story.blocker is not None
    page = await (await place.signed_in()).open("/deployments")
    card = card_of(page, "CONTOSO-LIST")

    assert said(card, ".//p[@class='state']") == ["Device setup"]
    assert said(card, ".//p[@class='awaited']") == [
        "The device has to report the app 'Agent 1.2' and 2 more."
    ]
    assert said(card, ".//li/span[@class='title']") == ["Preparation", "Device setup", "Account setup"]
    assert said(card, ".//li/span[@class='said']")[1:] == ["3 of 6", "to come"]
    times = card.xpath(".//p[@class='times']//time/@datetime")
    assert times == [f"{at:%Y-%m-%dT%H:%M:%S.%f}Z" for at in (story.blocker.since, story.blocker.until)]
    assert story.serial in card.text_content()
    assert "All times are UTC" in page.text


async def test_the_list_is_narrowed_and_counted(place: Place) -> None:
    red = await setting_up(place, "CONTOSO-RED")
    await red.failed(0x80070643, "The app 'Agent 1.2' could not be installed.")
    browser = await place.signed_in()
    everything, failed = [await browser.open(f"/deployments?show={show}") for show in ("all", "failed")]

    assert said(card_of(failed, "CONTOSO-RED"), ".//p[@class='state']") == ["Red: pre-provisioning failed"]
    shown = len(failed.tree.xpath("//li[contains(@class, 'deployment')]"))
    assert shown < len(everything.tree.xpath("//li[contains(@class, 'deployment')]"))
    assert failed.one("//nav[@id='tabs']//a[@aria-current]").text_content().split() == ["Failed", str(shown)]


async def test_a_long_list_has_older_pages(place: Place) -> None:
    for _ in range(55):
        await (await place.office.device()).tell(facts.Contacted())
    browser = await place.signed_in()
    seen: list[str] = []
    page = await browser.open("/deployments")
    while True:
        seen += page.tree.xpath("//li[contains(@class, 'deployment')]/@id")
        links = page.tree.xpath("//a[text()='Older ones']/@href")
        if not links:
            break
        page = await browser.open(f"/deployments{links[0]}")
        assert not page.tree.xpath("//*[@data-live]"), "what is older does not go on"
    assert len(seen) == len(set(seen)) > 55
    assert (await browser.open("/deployments?older=nonsense")).status == 400


async def test_the_story_is_told_in_sentences_with_its_times(place: Place) -> None:
    device = await to_green(await setting_up(place, "CONTOSO-STORY"))
    story = await device.story()
    page = await (await place.signed_in()).open(f"/deployments/{story.uuid}")

    told = said(page.tree, "//ol[@id='entries']/li[not(contains(@class, 'quiet'))]//div/p[1]")
    assert told == [
        "The device is on and has asked for its profile.",
        "Its TPM was asked to prove itself.",
        "The device may join the organisation.",
        "The device has joined the organisation.",
        "The device is under management, without a user.",
        "Device setup has begun.",
        "Everything that was awaited is on the device. It was told so.",
        "Green: pre-provisioning is done.",
    ]
    times = page.tree.xpath("//ol[@id='entries']//time/@datetime")
    assert times == sorted(times)
    assert times[0] == f"{story.begun_at:%Y-%m-%dT%H:%M:%S.%f}Z"
    assert said(page.tree, "//section[@id='deliveries']//li/span[@class='said']") == ["done"] * 6
    quiet = said(page.tree, "//li[contains(@class, 'tone-quiet')]//div/p[1]")
    assert "6 items to be delivered." in quiet


async def test_a_story_has_nothing_of_the_try_before_it(place: Place) -> None:
    """The same device, reset: what is about its registration belongs to the try in which it happened."""
    device = await setting_up(place, "CONTOSO-FIRST")
    first = await device.story()
    await device.joined("hardware")
    second = await device.story()
    assert second.uuid != first.uuid
    browser = await place.signed_in()
    pages = [await browser.open(f"/deployments/{one.uuid}") for one in (first, second)]

    ends = said(pages[0].tree, "//ol[@id='entries']/li[last()]//div/p")
    assert ends == ["The deployment is over.", "The device began anew."]
    entries = [set(page.tree.xpath("//ol[@id='entries']/li/@id")) for page in pages]
    assert not entries[0] & entries[1]


async def test_nothing_in_a_page_runs_but_files_of_this_server(place: Place) -> None:
    device = await setting_up(place, "CONTOSO-<b>&")
    browser = await place.signed_in()
    for address in ("/deployments", f"/deployments/{(await device.story()).uuid}", "/deployments/x"):
        page = await browser.open(address)
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert page.headers["Cache-Control"] == "no-store"
        assert not page.tree.xpath("//script[text()]")
        assert not page.tree.xpath("//@style | //style | //b | //@*[starts-with(name(), 'on')]")
        for file in page.tree.xpath("//script/@src | //link[@rel='stylesheet']/@href"):
            served = await browser.request("GET", file)
            assert (served.status, "immutable" in served.headers["Cache-Control"]) == (200, True)
            assert b"http://" not in served.content
            assert b"https://" not in served.content


# --- live ---------------------------------------------------------------------------------------------------


@dataclass
class Stream:
    """Server-sent events, read as the standard says."""

    content: Any
    last: str = ""
    unread: list[dict[str, str]] = field(default_factory=list)

    async def next(self, name: str, seconds: float = 30) -> dict[str, str]:
        """The next message of that name."""
        async with asyncio.timeout(seconds):
            while True:
                message = await self._message()
                if message.get("event", "message") == name:
                    return message

    async def _message(self) -> dict[str, str]:
        told: dict[str, str] = {}
        async for line in self.content:
            text = line.decode().rstrip("\n")
            if not text:
                if "data" in told:
                    self.last = told.get("id", self.last)
                    return told
                told = {}
                continue
            name, _, value = text.partition(": ")
            told[name] = f"{told[name]}\n{value}" if name == "data" and name in told else value
        raise EOFError("the stream has ended")


@asynccontextmanager
async def stream(browser: Browser, address: str, last: str = "") -> AsyncIterator[Stream]:
    """Follow a page as its script does."""
    headers = {
        "Accept": "text/event-stream",
        "Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items()),
        **({"Last-Event-ID": last} if last else {}),
    }
    async with browser.client.session.get(browser.client.url + address, headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield Stream(response.content)


def live_of(page: Page) -> str:
    """Where a page goes on."""
    return str(page.one("//*[@data-live]").get("data-live"))


async def test_each_event_of_a_story_comes_once_whatever_happens_to_the_connection(place: Place) -> None:
    device = await setting_up(place, "CONTOSO-LIVE")
    browser = await place.signed_in()
    page = await browser.open(f"/deployments/{(await device.story()).uuid}")
    seen = page.tree.xpath("//ol[@id='entries']/li/@id")
    address = live_of(page)

    told: list[str] = []
    async with stream(browser, address) as live:
        await device.delivered(6)
        await device.tell(facts.ReleaseRequested(Phase.DEVICE))
        message = await live.next("entry")
        told.append(message["data"])
        last = live.last
    await device.tell(facts.Released(Phase.DEVICE))
    await device.tell(facts.Resealed())
    async with stream(browser, address, last) as live:
        told += [(await live.next("entry"))["data"] for _ in range(2)]

    texts = [re.findall(r"<p>(.*?)</p>", html)[0] for html in told]
    assert texts == [
        "Everything that was awaited is on the device. It was told so.",
        "Green: pre-provisioning is done.",
        "The technician has resealed the device.",
    ]
    places = [re.findall(r'id="(e-\d+)"', html)[0] for html in told]
    whole = await browser.open(page.path)
    assert whole.tree.xpath("//ol[@id='entries']/li/@id") == [*seen, *places]


async def test_the_list_goes_on_with_what_reads_differently(place: Place) -> None:
    device = await setting_up(place, "CONTOSO-CHANGES")
    part = f"d-{(await device.story()).uuid}"
    browser = await place.signed_in()
    async with stream(browser, live_of(await browser.open("/deployments"))) as live:
        first = json.loads((await live.next("show"))["data"])
        assert first["order"][0] == "tabs"
        assert part in first["order"]
        await device.delivered(4)
        second = json.loads((await live.next("show"))["data"])
        while part not in second["parts"] or "VPN client" not in second["parts"][part]:
            second = json.loads((await live.next("show"))["data"])

    assert set(second["parts"]) == {part}, "nothing else is sent again"
    whole = await browser.open("/deployments")
    shown = " ".join(card_of(whole, "CONTOSO-CHANGES").text_content().split())
    assert " ".join(re.sub(r"<[^>]*>", "", second["parts"][part]).replace("&#39;", "'").split()) == shown


async def test_a_stream_takes_the_same_proof_as_its_page(place: Place) -> None:
    assert (await place.client.glimpse("/deployments/live")).status == 401
    browser = await place.signed_in()
    unknown = await browser.request("GET", "/deployments/11111111-2222-3333-4444-555555555555/live")
    assert unknown.status == 404


async def test_the_whole_log_can_be_followed_by_programs(place: Place) -> None:
    client = await place.client.signed_in(place.contoso.credentials)
    told = (await client.api("GET", "/events", params={"top": "1000"})).json["value"]
    glimpsed = await client.glimpse("/api/v1/events/live?after=3")
    messages = [
        json.loads(line.removeprefix(b"data: "))
        for line in glimpsed.body.splitlines()
        if line.startswith(b"data: ")
    ]
    ids = re.findall(rb"^id: (\d+)$", glimpsed.body, re.MULTILINE)
    assert [int(each) for each in ids] == [each["position"] for each in messages]
    assert messages[: len(told) - 3] == told[3:]


# --- in a real browser --------------------------------------------------------------------------------------

_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.shifts += one.value;
}).observe({ type: "layout-shift", buffered: true });
"""


@asynccontextmanager
async def looking(place: Place, address: str) -> AsyncIterator[Window]:
    """A window of Chromium with that page, live."""
    async with window() as tab:
        await tab.size(1280, 900)
        await tab.command("Page.addScriptToEvaluateOnNewDocument", source=_SHIFTS)
        await tab.open(place.client.url + address)
        await tab.sign_in(*place.administrator)
        await tab.until("document.querySelector('.live.on')")
        yield tab
        assert tab.said == [], "the browser refused something, or the script failed"


@pytest.mark.slow
async def test_in_a_browser_the_list_changes_without_moving(place: Place) -> None:
    device = await setting_up(place, "CONTOSO-MOVES")
    card = f"document.getElementById('d-{(await device.story()).uuid}')"
    async with looking(place, "/deployments") as tab:
        await tab.until(f"{card}.innerText.includes('for') || {card}.querySelector('.age').textContent")
        await tab.ask(f"{card}.querySelector('a').focus()")
        await device.delivered(5)
        await tab.until(f"{card}.innerText.includes('Reader')")
        await device.delivered(6)
        await device.tell(facts.ReleaseRequested(Phase.DEVICE), facts.Released(Phase.DEVICE))
        await tab.until(f"{card}.innerText.includes('Green')")

        assert await tab.ask(f"{card}.contains(document.activeElement)"), "the keyboard stays where it was"
        assert await tab.ask("window.shifts") < 0.01
        newest = await (await place.office.device()).tell(facts.Contacted())
        place_of = f"d-{(await newest.story()).uuid}"
        await tab.until(f"document.getElementById('{place_of}')")
        # The stories are told an hour behind the server's clock, by which the organisation's own began.
        assert await tab.ask("document.querySelectorAll('#list li.deployment')[1].id") == place_of


@pytest.mark.slow
async def test_in_a_browser_the_story_grows_at_its_end(place: Place) -> None:
    device = await setting_up(place, "CONTOSO-GROWS")
    async with looking(place, f"/deployments/{(await device.story()).uuid}") as tab:
        before = await tab.ask("document.querySelectorAll('#entries li').length")
        await to_green(device)
        await tab.until("document.querySelector('#entries li:last-child').innerText.includes('Green')")

        assert await tab.ask("document.querySelectorAll('#entries li').length") == before + 2
        assert "Reseal" in await tab.ask("document.getElementById('now').innerText")
        assert await tab.ask("window.shifts") < 0.01
        hidden = "getComputedStyle(document.querySelector('#entries .tone-quiet')).display"
        assert await tab.ask(hidden) == "none"
        await tab.ask("document.getElementById('details').click()")
        assert await tab.ask(hidden) == "grid"
