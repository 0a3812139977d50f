"""Takes pictures of every page and state that people see: the laptop, its sign-in, the console.

tools/screenshots.py FOLDER           one picture for each page, state and theme
tools/screenshots.py --docs           only those that the documentation shows, into docs/pictures

Server and laptops are real; the laptops hurry. Debian's Chromium takes the pictures; for the Japanese ones it
needs a typeface (fonts-ipafont-gothic).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Page

from reseal.cli.app import run
from reseal.cli.connection import Connection, Server, ServerOfDevices, connect, reach
from reseal.cli.screens import opened, shown
from reseal.console.places import places
from reseal.device.hints import PlainHints
from reseal.device.quirks import Quirk
from tests.support.browsing import Theme, chromium, visit
from tests.support.processes import CONTOSO, server

PICTURES: Final = Path(__file__).resolve().parent.parent / "docs" / "pictures"
THEMES: Final[tuple[Theme, ...]] = ("light", "dark")
SHOWN_IN_DOCS: Final = {
    "laptop/japanese-language": "dark",
    "laptop/configuration": "light",
    "laptop/statusPage": "light",
    "laptop/green": "light",
    "laptop/boxed": "light",
    "laptop/arabic-signIn": "dark",
    "laptop/japanese-statusPage": "dark",
    "laptop/desktop": "light",
    "laptop/refused-red": "light",
    "console/set-up": "light",
    "console/deployments": "light",
    "console/groups": "light",
    "console/bench": "dark",
    "console/devices": "light",
    "console/branding": "light",
}
"""Name of a page and state, and the theme in which the documentation shows it."""

_PACE: Final = 60
_SETTLES: Final = {
    ("signIn", ""): 900,
    ("desktop", ""): 900,
    ("statusPage", "green"): 6000,
    ("statusPage", "desktop"): 1500,
}
"""Milliseconds until a screen on the way to another shows what it is about."""
_PATIENCE: Final = timedelta(minutes=3)
_REFUSING: Final = {
    "reseal": 1,
    "groups": [{"name": "Demo laptops", "rule": '(device.devicePhysicalIds -any (_ -eq "[OrderID]:demo"))'}],
    "profiles": [{"name": "no-preprovisioning", "assign": [{"group": "Demo laptops"}]}],
}


@dataclass
class Camera:
    """Writes pictures into a folder; with `chosen`, only those."""

    folder: Path
    chosen: dict[str, str] | None = None
    taken: list[str] = field(default_factory=list)

    async def take(self, page: Page, name: str) -> None:
        """A picture of the page as it stands, in both themes."""
        for theme in THEMES:
            if self.chosen is not None and self.chosen.get(name) != theme:
                continue
            await page.emulate_media(color_scheme=theme)
            await page.wait_for_timeout(150)
            short = name.replace("/", "-")
            file = self.folder / (f"{short}.png" if self.chosen else f"{short}-{theme}.png")
            await page.screenshot(path=file, full_page=self.chosen is None, animations="disabled")
            self.taken.append(file.name)
            print(file, flush=True)


@dataclass(frozen=True)
class Office:
    """A server with the sample tenant and its registered laptops."""

    ready_file: Path
    folder: Path
    passwords: dict[str, str]

    @asynccontextmanager
    async def laptop(self, browser: Browser, number: int, *languages: str, wifi: bool) -> AsyncIterator[Page]:
        folder = self.folder / f"laptop-{number}"
        _command("device", "new", folder, "--sample", f"contoso:{number}", *_each("--language", languages))
        listener = await reach(ServerOfDevices(ready_file=self.ready_file))
        stand = opened(
            folder,
            listener,
            _PACE,
            wifi=wifi,
            hints=PlainHints(time=timedelta(minutes=2)),
            without=frozenset({Quirk.PARKED_INSTALL}),
        )
        async with shown(stand) as address, visit(browser, height=1000) as page:
            await page.goto(address)
            yield page


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [f"{option}={value}" for value in values]


def _command(*arguments: object) -> None:
    with redirect_stdout(StringIO()):
        if code := run([str(each) for each in arguments]):
            raise RuntimeError(f"reseal {' '.join(map(str, arguments))} ended with {code}")


# --- laptops ------------------------------------------------------------------------------------------------

Doing = Callable[[Page], Awaitable[Any]]


async def _primary(page: Page) -> None:
    await page.locator("#screen button.primary").click()


async def _skip(page: Page) -> None:
    await page.locator("#screen button[value=skip]").click()


async def _five_presses(page: Page) -> None:
    for _ in range(5):
        await page.locator("#hands").get_by_role("button", name="Windows key").click()


async def _open_network(page: Page) -> None:
    if await page.locator("#f-network").count():
        await page.locator("#f-network").select_option("Cafe")
    await _primary(page)


def _chooses(language: str) -> Doing:
    async def doing(page: Page) -> None:
        await page.locator("#f-language").select_option(language)
        await _primary(page)

    return doing


def _signs_in(upn: str, password: str) -> Doing:
    async def doing(page: Page) -> None:
        frame = page.frame_locator("iframe.web")
        if not await frame.locator("#i0116").input_value():
            await frame.locator("#i0116").fill(upn)
        if not await frame.locator("#i0118").count():
            await frame.locator("#idSIButton9").click()
        await frame.locator("#i0118").fill(password)
        await frame.locator("#idSIButton9").click()

    return doing


_USUAL: Final[dict[str, Doing]] = {
    "region": _primary,
    "keyboard": _primary,
    "secondKeyboard": _skip,
    "network": _open_network,
    "licenceTerms": _primary,
    "privacy": _primary,
    "provisioningChoice": _primary,
    "configuration": _primary,
}


async def _follow(page: Page, camera: Camera, prefix: str, until: str, doing: dict[str, Doing]) -> None:
    """Take a picture of each screen, and do there what is to be done, until the last one is shown."""
    pictured: set[str] = set()
    answered = ""
    limit = asyncio.get_running_loop().time() + _PATIENCE.total_seconds()
    while asyncio.get_running_loop().time() < limit:
        name, turn = await _screen(page)
        if name and name not in pictured:
            pictured.add(name)
            await page.wait_for_timeout(_SETTLES.get((name, until), _SETTLES.get((name, ""), 200)))
            await camera.take(page, f"laptop/{prefix}{name}")
        if name == until:
            return
        if name in doing and turn != answered:
            answered = turn
            await doing[name](page)
        await page.wait_for_timeout(150)
    raise RuntimeError(f"the laptop does not come to {until}: it shows {await _screen(page)}")


async def _screen(page: Page) -> tuple[str, str]:
    """Which screen is shown, and its turn."""
    screen = page.locator("#screen")
    classes = (await screen.get_attribute("class") or "").split()
    name = next((each.removeprefix("screen-") for each in classes if each.startswith("screen-")), "")
    return name, await screen.get_attribute("data-turn") or ""


async def _hand(page: Page, name: str) -> None:
    await page.locator("#hands").get_by_role("button", name=name).click()
    await page.wait_for_timeout(300)


async def whole_story(office: Office, browser: Browser, camera: Camera) -> None:
    """Both flows of one laptop in English."""
    upn = "adele@contoso.example"
    async with office.laptop(browser, 1, wifi=False) as page:
        await camera.take(page, "laptop/off")
        await _hand(page, "Power off")
        await _follow(page, camera, "", "green", {**_USUAL, "signIn": _five_presses})
        await _primary(page)
        await page.locator(".dark").wait_for()
        await camera.take(page, "laptop/resealed")
        await _hand(page, "Network cable")
        await _hand(page, "Charger")
        await _hand(page, "Put it in the box")
        await camera.take(page, "laptop/boxed")
        await _hand(page, "Take it out of the box")
        await _hand(page, "Charger")
        await _hand(page, "Power off")
        await _follow(
            page, camera, "", "desktop", {**_USUAL, "signIn": _signs_in(upn, office.passwords[upn])}
        )


async def in_language(
    office: Office, browser: Browser, camera: Camera, number: int, tag: str, name: str
) -> None:
    """A plain user-driven run in another language."""
    upn = list(office.passwords)[number - 1]
    doing = {**_USUAL, "language": _chooses(tag), "signIn": _signs_in(upn, office.passwords[upn])}
    async with office.laptop(browser, number, "en-US", tag, wifi=True) as page:
        await _hand(page, "Power off")
        await _follow(page, camera, f"{name}-", "desktop", doing)


async def refused(office: Office, browser: Browser, camera: Camera) -> None:
    """A laptop that may not be pre-provisioned."""
    async with connect(Server(ready_file=office.ready_file)) as connection:
        await _take_preprovisioning_away(connection, 4)
    async with office.laptop(browser, 4, wifi=False) as page:
        await _hand(page, "Power off")
        await _follow(page, camera, "refused-", "red", {**_USUAL, "signIn": _five_presses})


async def _take_preprovisioning_away(connection: Connection, number: int) -> None:
    await connection.json("POST", "/blueprint/apply", json=_REFUSING)
    found = (await connection.json("GET", "/registrations"))["value"]
    serial = _serials()[number - 1]
    one = next(each for each in found if each["serialNumber"] == serial)
    await connection.json("PATCH", f"/registrations/{one['id']}", json={"groupTag": "demo"})


def _serials() -> list[str]:
    return [line.split(",")[0] for line in (CONTOSO / "devices.csv").read_text().splitlines()[1:]]


# --- the console --------------------------------------------------------------------------------------------


async def console(office: Office, browser: Browser, camera: Camera) -> None:
    """Every place of the console, and the first page below each list."""
    async with _administrator(office, browser, camera) as page:
        origin = page.url.removesuffix("/set-up")
        for place in places():
            if place.path == "/bench":
                continue
            await page.goto(origin + place.path)
            await page.wait_for_timeout(300)
            name = f"console/{place.path.strip('/')}"
            await camera.take(page, name)
            below = page.locator(f"main :is(table, ol, ul) a[href^='{place.path}/']").first
            if await below.count():
                await page.goto(origin + str(await below.get_attribute("href")))
                await page.wait_for_timeout(300)
                await camera.take(page, f"{name}-one")


async def bench(office: Office, browser: Browser, camera: Camera) -> None:
    """The bench while three laptops are on it, beside the one that was refused."""
    unseen = Camera(camera.folder, {})
    to_green = {**_USUAL, "signIn": _five_presses}
    async with (
        office.laptop(browser, 5, wifi=False) as green,
        office.laptop(browser, 6, wifi=False) as running,
        office.laptop(browser, 7, wifi=False) as waiting,
        _administrator(office, browser, unseen) as page,
    ):
        for laptop, until in ((green, "green"), (waiting, "signIn"), (running, "statusPage")):
            await _hand(laptop, "Power off")
            await _follow(laptop, unseen, "", until, to_green)
        await page.goto(page.url.removesuffix("/set-up") + "/bench")
        await page.wait_for_timeout(2500)
        await camera.take(page, "console/bench")


@asynccontextmanager
async def _administrator(office: Office, browser: Browser, camera: Camera) -> AsyncIterator[Page]:
    """The set-up page, for who has signed in."""
    ready = _document(office.ready_file)
    account = _document(Path(ready["credentials_file"]))["administrator"]
    async with visit(browser, width=1360, height=900) as page:
        await page.goto(f"{ready['browser_url']}/set-up")
        await camera.take(page, "console/sign-in")
        await page.locator("#i0116").fill(account["upn"])
        await page.locator("[type=submit]").click()
        await page.locator("#i0118").fill(account["password"])
        await page.locator("[type=submit]").click()
        await page.wait_for_url("**/set-up")
        yield page


def _document(file: Path) -> Any:
    return json.loads(file.read_text())


# --- all of it ----------------------------------------------------------------------------------------------


def _all(camera: Camera) -> None:
    with tempfile.TemporaryDirectory(prefix="reseal-pictures-") as name:
        folder = Path(name)
        with server(folder / "data") as running:
            passwords = folder / "passwords.json"
            ready = ("--ready-file", running.ready_file)
            _command("apply", CONTOSO, "--passwords-out", passwords, *ready)
            _command("import", CONTOSO / "devices.csv", *ready)
            asyncio.run(
                _stories(Office(running.ready_file, folder, json.loads(passwords.read_text())), camera)
            )


async def _stories(office: Office, camera: Camera) -> None:
    async with chromium() as browser:
        await whole_story(office, browser, camera)
        await in_language(office, browser, camera, 2, "ja-JP", "japanese")
        await in_language(office, browser, camera, 3, "ar-EG", "arabic")
        await refused(office, browser, camera)
        await bench(office, browser, camera)
        await console(office, browser, camera)


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="tools.screenshots", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/screenshots"))
    parser.add_argument(
        "--docs", action="store_true", help="only those of the documentation, into docs/pictures"
    )
    asked = parser.parse_args(arguments)
    camera = Camera(PICTURES, dict(SHOWN_IN_DOCS)) if asked.docs else Camera(asked.folder)
    camera.folder.mkdir(parents=True, exist_ok=True)
    _all(camera)
    print(f"{len(camera.taken)} pictures in {camera.folder}")
    missing = (
        set()
        if camera.chosen is None
        else {name.replace("/", "-") for name in camera.chosen}
        - {file.removesuffix(".png") for file in camera.taken}
    )
    for name in sorted(missing):
        print(f"no page gave {name}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
