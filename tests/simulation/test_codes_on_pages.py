"""Every code that the virtual laptop can come to, come to: what the person at the laptop reads beside it.

`device.codes` says of each code whether the laptop can show it. Each of these has a story here, a whole run
against the whole server. At its end the page has the code, and says why and what to do: in English and in
German, in the terminal and as it is drawn.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from lxml import html

from reseal.device.actor import sign_in
from reseal.device.causes import cause_of
from reseal.device.codes import CAUSES, Part
from reseal.device.disk import MemoryDisk
from reseal.device.hardware import sample_laptop
from reseal.device.link import PlainAdapters
from reseal.device.pages.display import Display
from reseal.device.pages.drawing import Drawing
from reseal.device.pages.stand import Stand
from reseal.device.pages.text import lines
from reseal.device.screens import Action, Screen, ScreenId
from reseal.device.transport import Request
from reseal.directory.users import find_user, update_user
from reseal.kernel.db import Tx
from reseal.rehearsal.faults import Faults
from reseal.rehearsal.network import HTTPS
from reseal.rehearsal.world import DEVICE
from reseal.web.phrases import translated
from tests.support.clock import ManualClock
from tests.support.rehearsing import DEVICES, Exchange, Stage, app, policy, stage, virtual

ENGLISH, GERMAN = "en-US", "de-DE"
ASSISTANT = "Policy/Config/Accounts/AllowMicrosoftAccountSignInAssistant"
UNLICENSED = {"upn": "adele", "displayName": "Adele Vance", "licensed": False}
FORBIDDEN = {"preprovisioningAllowed": False}
SHORT = {"installProgressTimeoutInMinutes": 4}
FAILURE = 0x80070643

Told = Callable[[str], Awaitable[Screen]]
"""Plays a story in a language, and gives the page at its end."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """How the laptop comes to a code, and words by which cause and remedy are told in both languages."""

    told: Told
    english: tuple[str, str]
    german: tuple[str, str]


def technician(**organisation: Any) -> Told:
    """A technician goes as far as the device lets them."""

    async def told(_language: str) -> Screen:
        async with stage(**organisation) as s:
            return (await s.technician()).last(ScreenId.RED)

    return told


def user(on: ScreenId = ScreenId.ERROR, **organisation: Any) -> Told:
    """A user goes as far as the device lets them."""

    async def told(_language: str) -> Screen:
        async with stage(**organisation) as s:
            return (await s.user()).last(on)

    return told


def user_after(change: Callable[[Stage], None]) -> Told:
    """A user meets a network, or a server, of which something is wrong."""

    async def told(_language: str) -> Screen:
        async with stage() as s:
            change(s)
            return (await s.user()).last(ScreenId.ERROR)

    return told


def signing_in(
    name: str, *passwords: str, before: Callable[[Stage], Awaitable[object]] | None = None
) -> Told:
    """Somebody types the name with these passwords, or with the right one, and then switches off."""

    async def told(language: str) -> Screen:
        async with stage(profile={"locale": language}, has_tpm=False) as s:
            right = s.world.admin.passwords[s.upn("adele")]
            if before is not None:
                await before(s)
            typed = [sign_in(name, password) for password in passwords or (right,)]
            visit = await s.user(script={ScreenId.SIGN_IN: [*typed, Action.POWER_OFF]})
            return visit.last(ScreenId.SIGN_IN)

    return told


# --- stories of their own -----------------------------------------------------------------------------------


async def lost_device(_language: str) -> Screen:
    """The directory device goes after the join, with its registration."""
    async with stage(profile=FORBIDDEN) as s:

        async def lose_it() -> None:
            await s.apply(profiles=[{"name": "Standard", "preprovisioningAllowed": True, "assign": DEVICES}])
            await s.world.admin.json("DELETE", f"/registrations/{(await s.registration())['id']}")
            await s.register()

        return (await s.technician(before={ScreenId.RED: [lose_it]}, retries=1)).last(ScreenId.RED)


async def scope_changed_meanwhile(_language: str) -> Screen:
    """The scope becomes narrower after the join."""
    async with stage(profile=FORBIDDEN) as s:

        async def narrow() -> None:
            await s.apply(settings={"allowVirtualTpm": True, "mdmScope": "none", "joinAllowed": "all"})

        return (await s.technician(before={ScreenId.RED: [narrow]}, retries=1)).last(ScreenId.RED)


async def attested_too_often(_language: str) -> Screen:
    """The TPM gives the wrong answer each time."""
    async with stage() as s:

        def forge(request: Request) -> Request:
            told = json.loads(request.body) if "/attestation/" in request.url else {}
            if "secret" not in told:
                return request
            told["secret"] = base64.b64encode(b"x" * 32).decode()
            return replace(request, body=json.dumps(told).encode())

        s.tap.forge = forge
        return (await s.technician(retries=4)).last(ScreenId.RED)


async def a_second_time(_language: str) -> Screen:
    """A technician begins anew with a device that was pre-provisioned before."""
    async with stage() as s:
        await s.technician()
        s.wipe()
        return (await s.technician()).last(ScreenId.RED)


async def without_assistant(_language: str) -> Screen:
    """A policy has switched off what signs people in."""
    async with stage(policies=[policy("No assistant", ASSISTANT, 0)]) as s:
        await s.technician()
        return (await s.user()).last(ScreenId.ERROR)


async def damaged_package(_language: str) -> Screen:
    """A bit of an app's package has flipped on the server."""
    async with stage(apps=[app("Agent")]) as s:
        await s.world.damage("Agent")
        return (await s.technician()).last(ScreenId.RED)


async def disable(s: Stage) -> None:
    """The administrator disables the user's account."""

    def change(tx: Tx) -> None:
        found = find_user(tx, s.world.tenant, s.upn("adele"))
        assert found is not None
        update_user(tx, s.world.tenant, found.id, enabled=False)

    await s.world.db.write(change)


def elsewhere(place: str, path: str = "") -> Callable[[Stage], None]:
    """Requests, or those alone whose path begins so, go to another host or port."""

    def change(s: Stage) -> None:
        def forge(request: Request) -> Request:
            url = urlsplit(request.url)
            is_meant = url.path.lower().startswith(path)
            return replace(request, url=url._replace(netloc=place).geturl()) if is_meant else request

        s.tap.forge = forge

    return change


def other_name(s: Stage) -> None:
    """Management answers under a name that its certificate does not bear."""
    s.world.network.listen("other.example", s.world.network.at(DEVICE, HTTPS))
    elsewhere("other.example", "/enrollmentserver/discovery.svc")(s)


def cut_off(s: Stage) -> None:
    """Every answer breaks off."""
    s.link.faults = Faults(cut=1000)


def garbled(s: Stage) -> None:
    """The server's answer about the profile arrives as something else."""

    def alter(exchange: Exchange) -> bytes:
        return b"[]" if exchange.request.url.endswith("/profile") else exchange.answer

    s.tap.alter = alter


STORIES = {
    ("807", Part.PROFILE): Story(
        told=user(registered=False),
        english=("not registered", "Import its hardware hash"),
        german=("bei keiner Organisation", "Hardwarehash"),
    ),
    ("815", Part.PROFILE): Story(
        told=user(settings={"builtinDefaultProfile": False}, profile={"assign": []}),
        english=("no deployment profile is assigned", "Assign a profile"),
        german=("kein Bereitstellungsprofil", "Weisen Sie"),
    ),
    ("0x800705B4", Part.HARDWARE): Story(
        told=technician(has_tpm=False),
        english=("no TPM 2.0", "Switch the TPM on"),
        german=("TPM", "Firmware"),
    ),
    ("0x801C03EA", Part.HARDWARE): Story(
        told=technician(settings={"allowVirtualTpm": False}),
        english=("virtual", "event log names the reason"),
        german=("virtuell", "Hardwarehash"),
    ),
    ("0x81039001", Part.HARDWARE): Story(
        told=attested_too_often,
        english=("as often as is allowed", "five minutes"),
        german=("so oft", "fünf Minuten"),
    ),
    ("0x80090030", Part.HARDWARE): Story(
        told=user(has_tpm=False),
        english=("no TPM", "Switch the TPM on"),
        german=("TPM", "Firmware"),
    ),
    ("0x801C0003", Part.JOIN): Story(
        told=user(settings={"joinAllowed": "none"}),
        english=("'Users may join devices' is set to None", "Set it to All"),
        german=("darf keine Geräte beitreten lassen", "Erlauben Sie"),
    ),
    ("0x801C03F3", Part.JOIN): Story(
        told=lost_device,
        english=("does not know this device any more", "Register the device anew"),
        german=("kennt dieses Gerät nicht mehr", "Registrieren Sie"),
    ),
    ("0x8018002B", Part.MANAGEMENT): Story(
        told=user(settings={"mdmScope": "none"}),
        english=("outside of the MDM user scope", "Set the MDM user scope"),
        german=("MDM", "MDM"),
    ),
    ("0x80180003", Part.MANAGEMENT): Story(
        told=scope_changed_meanwhile,
        english=("the MDM user scope is None", "Set the MDM user scope"),
        german=("MDM", "MDM"),
    ),
    ("0x80180005", Part.MANAGEMENT): Story(
        told=technician(profile=FORBIDDEN),
        english=("'Standard' does not allow pre-provisioning", "Allow pre-provisioned deployment"),
        german=("Profil", "Profil"),
    ),
    ("0x80180010", Part.MANAGEMENT): Story(
        told=user_after(elsewhere(f"{DEVICE}:444", "/enrollmentserver/discovery.svc")),
        english=("nothing listens", "Connect the device to a network"),
        german=("Fehler", "Netzwerk"),
    ),
    ("0x80180012", Part.MANAGEMENT): Story(
        told=user_after(other_name),
        english=("certificate", "certificate for its own name"),
        german=("Fehler", "Zertifikat"),
    ),
    ("0x80180014", Part.MANAGEMENT): Story(
        told=a_second_time,
        english=("it was pre-provisioned before", "Unblock the device"),
        german=("bereits vorab bereitgestellt", "das verwaltete Gerät"),
    ),
    ("0x80180018", Part.MANAGEMENT): Story(
        told=user(users=[UNLICENSED]),
        english=("has no licence", "Give the user a licence"),
        german=("Lizenz", "Lizenz"),
    ),
    ("0x800705B4", Part.SETUP): Story(
        told=technician(apps=[app("Agent", minutes=9)], esp=SHORT, quirks=()),
        english=("time allowed for the status page was over", "what is unfinished"),
        german=("Zeit", "unfertig"),
    ),
    ("0x80070643", Part.SETUP): Story(
        told=user(ScreenId.STATUS_PAGE, apps=[app("Agent", failure=FAILURE)], quirks=()),
        english=("its installer ended with a fatal error", "Have the app and its installer looked at"),
        german=("Installationsprogramm", "App"),
    ),
    ("0x80091007", Part.SETUP): Story(
        told=damaged_package,
        english=("is not the package that was assigned", "uploaded again"),
        german=("Paket", "Paket"),
    ),
    ("0x80070422", Part.SIGN_IN): Story(
        told=without_assistant,
        english=("has switched off the Microsoft Account Sign-in Assistant", "out of the policies"),
        german=("Richtlinie", "AllowMicrosoftAccountSignInAssistant"),
    ),
    ("AADSTS50126", Part.SIGN_IN): Story(
        told=signing_in("adele@contoso.example", "wrong"),
        english=("password is incorrect", "ask your help desk"),
        german=("Kennwort", "Helpdesk"),
    ),
    ("AADSTS50053", Part.SIGN_IN): Story(
        told=signing_in("adele@contoso.example", *map(str, range(12))),
        english=("locked", "Try again in"),
        german=("gesperrt", "Minute"),
    ),
    ("AADSTS50057", Part.SIGN_IN): Story(
        told=signing_in("adele@contoso.example", before=disable),
        english=("has been disabled", "Ask your administrator"),
        german=("deaktiviert", "Administrator"),
    ),
    ("AADSTS50020", Part.SIGN_IN): Story(
        told=signing_in("adele@nowhere.example", "x"),
        english=("belongs to another organization", "with an account of Contoso"),
        german=("Organisation", "Contoso"),
    ),
    ("0x80072EE7", Part.NETWORK): Story(
        told=user_after(elsewhere("nowhere.example")),
        english=("no server is called nowhere.example", "Connect the device to a network"),
        german=("Fehler", "Netzwerk"),
    ),
    ("0x80072EFD", Part.NETWORK): Story(
        told=user_after(elsewhere(f"{DEVICE}:444")),
        english=("nothing listens", "whether the server runs"),
        german=("Fehler", "Server"),
    ),
    ("0x80072EFE", Part.NETWORK): Story(
        told=user_after(cut_off),
        english=("Fetching the profile failed", "broke the connection off"),
        german=("Fehler", "Verbindung"),
    ),
    ("0x80004005", Part.NETWORK): Story(
        told=user_after(garbled),
        english=("Fetching the profile failed", "Ask who runs the server"),
        german=("Fehler", "Server"),
    ),
}


def test_every_code_that_the_laptop_can_come_to_has_its_story() -> None:
    assert set(STORIES) == {(each.code, each.part) for each in CAUSES if each.modelled}
    assert len({code for code, _ in STORIES}) >= 12


@pytest.mark.parametrize("code, part", STORIES, ids=[f"{code}-{part}" for code, part in STORIES])
@virtual
async def test_the_page_names_cause_and_remedy_beside_the_code(code: str, part: Part) -> None:
    story = STORIES[code, part]
    english = replace(await story.told(ENGLISH), language=ENGLISH)
    is_servers = english.id is ScreenId.SIGN_IN  # in its reader's language already
    german = replace(await story.told(GERMAN) if is_servers else english, language=GERMAN)
    for page, words in ((english, story.english), (german, story.german)):
        assert page.code == code
        for told in (" ".join(lines(page)), seen(page)):
            for word in (code, *words):
                assert word in told
            assert once(told)
    assert said(english) != said(german)
    if not is_servers:
        known = cause_of(code, part)
        assert translated(known.remedy, GERMAN) in seen(german)


def said(page: Screen) -> str:
    """The page's own sentences, in its language."""
    return " ".join(list(lines(page))[1 : 1 + max(1, len(page.texts))])


def once(told: str) -> bool:
    """Whether no sentence is said twice."""
    found = [each.strip() for each in told.split(". ") if len(each) > 30]
    return len(found) == len(set(found))


def seen(page: Screen) -> str:
    """What somebody reads on the drawn page; a sign-in page is the server's own."""
    if page.web is not None:
        return page_text(page.web.source.decode())
    stand = Stand(
        sample_laptop("contoso", 1),
        MemoryDisk(),
        nobody,
        ManualClock(),
        Display(ManualClock()),
        PlainAdapters(),
        {},
    )
    stand.display.screen = page
    return page_text(Drawing(stand).fragments()["screen"])


def page_text(source: str) -> str:
    """The words of a page."""
    return " ".join(html.fromstring(source).text_content().split())


def nobody(_adapters: PlainAdapters) -> Any:
    """Nothing runs on this laptop: it only shows a page."""
    raise AssertionError("it is never switched on")
