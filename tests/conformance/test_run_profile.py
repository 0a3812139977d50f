"""What a deployment profile and an assigned user change for people at a laptop: whole runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from reseal.device.actor import sign_in
from reseal.device.oobe.context import EndingKind
from reseal.device.oobe.offline import FILE
from reseal.device.registering import membership
from reseal.device.screens import Action, Screen, ScreenId
from reseal.device.transport import Failure, Request, TransportError
from reseal.wire.join import cloud_sid
from tests.support.rehearsing import DEVICES, Stage, app, policy, stage, virtual, wifi

RESEALED = EndingKind.POWERED_OFF_RESEALED
OFFICE = ("Contoso Office", "correct horse")
AIR = dict([OFFICE])
LOCK = "Policy/Config/DeviceLock/MaxInactivityTimeDeviceLock"
HOME_PAGES = "./User/Vendor/MSFT/Policy/Config/Browser/HomePages"
OFF = [Action.POWER_OFF]
PAGES = (
    ScreenId.LANGUAGE,
    ScreenId.REGION,
    ScreenId.KEYBOARD,
    ScreenId.SECOND_KEYBOARD,
    ScreenId.NETWORK,
    ScreenId.LICENCE_TERMS,
    ScreenId.PRIVACY,
)


def pages_of(shown: list[ScreenId]) -> list[ScreenId]:
    """Those of the pages that a profile or the network decides about."""
    return [screen for screen in shown if screen in PAGES]


async def change_profile(s: Stage, **fields: Any) -> None:
    """An administrator edits the profile."""
    kept = {"name": "Standard", "assign": DEVICES, "preprovisioningAllowed": True}
    await s.apply(profiles=[{**kept, **fields}])


def administrators(s: Stage) -> tuple[str, ...]:
    """The SIDs in the local Administrators group."""
    joined = membership(s.disk)
    assert joined is not None
    return joined.administrators


async def sid_of(s: Stage, name: str) -> str:
    """The SID of a user."""
    found = await s.world.admin.json("GET", f"/users?search={s.upn(name)}")
    (user,) = found["value"]
    return cloud_sid(UUID(user["id"]))


# --- when a profile counts ----------------------------------------------------------------------------------


@virtual
async def test_autopilot_104_a_change_before_power_on_counts() -> None:
    async with stage(profile={"deviceNameTemplate": "OLD-%RAND:4%"}) as s:
        await change_profile(s, deviceNameTemplate="NEW-%RAND:4%", privacySettingsHidden=False)
        visit = await s.user()
        assert visit.ending.kind is EndingKind.DESKTOP
        assert s.laptop.name.startswith("NEW-")
        assert pages_of(visit.screens)[-1] is ScreenId.PRIVACY


@virtual
async def test_autopilot_104_a_change_after_enrolment_does_not() -> None:
    before = {"deviceNameTemplate": "OLD-%RAND:4%", "userType": "standard", "locale": "en-US"}
    async with stage(profile=before) as s:
        assert (await s.technician()).ending.kind is RESEALED
        name = s.laptop.name
        await change_profile(
            s,
            deviceNameTemplate="NEW-%RAND:4%",
            userType="administrator",
            privacySettingsHidden=False,
            eulaHidden=False,
            locale="",
        )
        visit = await s.user()
        assert visit.ending.kind is EndingKind.DESKTOP
        assert s.laptop.name == name
        assert pages_of(visit.screens) == []
        assert await sid_of(s, "adele") not in administrators(s)
        assert (await s.row()).device_name == name
        # After a reset it is a new device, and the profile of today is its own.
        s.wipe()
        again = await s.user()
        assert s.laptop.name.startswith("NEW-")
        assert {ScreenId.LANGUAGE, ScreenId.LICENCE_TERMS, ScreenId.PRIVACY} <= {*again.screens}


@virtual
async def test_autopilot_105_asked_too_early_blank_and_after_a_restart_the_profile() -> None:
    async with stage(registered=False) as s:
        early = await s.technician(script={ScreenId.CONFIGURATION: OFF})
        page = early.last(ScreenId.CONFIGURATION)
        assert (page.details, page.qr) == ((), "")
        assert not page.offers(Action.PROVISION)
        await s.register()
        later = await s.technician(script={ScreenId.CONFIGURATION: OFF})
        assert later.last(ScreenId.CONFIGURATION).detail("profile") == "Standard"


@virtual
async def test_autopilot_105_registered_without_any_profile_it_says_so_until_there_is_one() -> None:
    async with stage(settings={"builtinDefaultProfile": False}, profile={"assign": []}) as s:
        early = await s.user()
        assert (early.ending.kind, early.ending.code) == (EndingKind.ERROR, "815")
        assert "Assign a profile" in early.last(ScreenId.ERROR).texts[1]
        assert [event.kind for event in await s.events("registration.profile_missing")]
        await change_profile(s)
        assert (await s.user(retries=1)).ending.kind is EndingKind.DESKTOP


@virtual
async def test_autopilot_106_a_restart_during_set_up_fetches_the_profile_again() -> None:
    async with stage(profile={"locale": ""}) as s:
        first = await s.user(script={ScreenId.LANGUAGE: OFF})
        assert first.screens[-1] is ScreenId.LANGUAGE
        await change_profile(s, locale="de-DE", eulaHidden=False, keyboardSelectionPageSkipped=True)
        second = await s.user(script={ScreenId.SIGN_IN: OFF})
        assert pages_of(second.screens) == [ScreenId.LICENCE_TERMS]
        assert second.last(ScreenId.LICENCE_TERMS).language == "de-DE"
        fetched = [each["profile"] for each in s.heard("profile.fetched")]
        assert len(fetched) >= 2


# --- what a profile says ------------------------------------------------------------------------------------


@pytest.mark.parametrize("eula", [True, False])
@pytest.mark.parametrize("privacy", [True, False])
@virtual
async def test_autopilot_107_licence_and_privacy_pages_are_shown_or_hidden_as_the_profile_says(
    eula: bool, privacy: bool
) -> None:
    async with stage(profile={"eulaHidden": not eula, "privacySettingsHidden": not privacy}) as s:
        visit = await s.user()
        assert visit.ending.kind is EndingKind.DESKTOP
        assert pages_of(visit.screens) == [
            *([ScreenId.LICENCE_TERMS] if eula else []),
            *([ScreenId.PRIVACY] if privacy else []),
        ]


@virtual
async def test_autopilot_108_language_and_keyboard_are_skipped_on_a_wire() -> None:
    async with stage(profile={"locale": "de-DE", "keyboardSelectionPageSkipped": True}) as s:
        visit = await s.user()
        assert visit.ending.kind is EndingKind.DESKTOP
        assert pages_of(visit.screens) == []
        assert visit.last(ScreenId.SIGN_IN).language == "de-DE"
        assert visit.last(ScreenId.DESKTOP).language == "de-DE"


@virtual
async def test_autopilot_108_language_and_keyboard_are_asked_on_wifi() -> None:
    languages = {"languages": ("en-US", "de-DE")}
    async with stage(
        profile={"locale": "de-DE", "keyboardSelectionPageSkipped": True},
        hardware=languages,
        cable=False,
        access_points=AIR,
    ) as s:
        visit = await s.user(wifi=OFFICE, language="en-US", keyboard="en-US")
        assert visit.ending.kind is EndingKind.DESKTOP
        assert pages_of(visit.screens) == [
            ScreenId.LANGUAGE,
            ScreenId.REGION,
            ScreenId.KEYBOARD,
            ScreenId.SECOND_KEYBOARD,
            ScreenId.NETWORK,
        ]


@pytest.mark.parametrize("kind", ["administrator", "standard"])
@pytest.mark.parametrize("technician", [True, False])
@virtual
async def test_autopilot_109_the_user_becomes_administrator_or_does_not_as_the_profile_says(
    kind: str, technician: bool
) -> None:
    async with stage(profile={"userType": kind}) as s:
        if technician:
            assert (await s.technician()).ending.kind is RESEALED
            assert await sid_of(s, "adele") not in administrators(s)
        assert (await s.user("adele")).ending.kind is EndingKind.DESKTOP
        assert (await sid_of(s, "adele") in administrators(s)) is (kind == "administrator")
        assert (await s.user("diego")).ending.kind is EndingKind.DESKTOP
        assert await sid_of(s, "diego") not in administrators(s)


@virtual
async def test_autopilot_110_not_allowed_the_option_opens_and_enrolment_says_0x80180005() -> None:
    async with stage(profile={"preprovisioningAllowed": False}) as s:
        visit = await s.technician()
        assert visit.screens[3:] == [
            ScreenId.PROVISIONING_CHOICE,
            ScreenId.CONFIGURATION,
            ScreenId.STATUS_PAGE,
            ScreenId.RED,
        ]
        assert visit.ending.code == "0x80180005"
        assert "does not allow pre-provisioning" in visit.last(ScreenId.RED).texts[0]
        refused = [each for each in s.wire if "/EnrollmentServer/Enrollment.svc" in each.request.url]
        assert b"EnrollmentServer" in refused[-1].answer
        assert (await s.standing()).enrolment is None
        assert (await s.row()).failure.startswith("0x80180005")
        await change_profile(s)
        assert (await s.technician(retries=1)).ending.kind is RESEALED


# --- whose it is --------------------------------------------------------------------------------------------


async def offline_file(s: Stage) -> bytes:
    """The profile as the console exports it."""
    (profile,) = (await s.world.admin.json("GET", "/profiles"))["value"]
    return await s.download(f"/profiles/{profile['id']}/offline")


EXPORTED = {
    "deviceNameTemplate": "FILE-%RAND:4%",
    "locale": "de-DE",
    "privacySettingsHidden": False,
    "userType": "standard",
}


@virtual
async def test_autopilot_112_the_file_serves_where_nothing_comes_online() -> None:
    policies = [policy("Lock", LOCK, 10)]
    async with stage(registered=False, profile=EXPORTED, policies=policies, apps=[app("Agent")]) as s:
        s.disk.replace(FILE, await offline_file(s))
        visit = await s.user("adele")
        assert visit.ending.kind is EndingKind.DESKTOP
        assert pages_of(visit.screens) == [ScreenId.PRIVACY]
        assert visit.last(ScreenId.SIGN_IN).language == "de-DE"
        assert s.laptop.name.startswith("FILE-")
        assert await sid_of(s, "adele") not in administrators(s)
        assert (s.value(LOCK), s.installed("Agent")) == ("10", 1)
        asked = next(each for each in s.wire if "/Enrollment.svc" in each.request.url)
        assert b"OfflineAutoPilotEnrollmentCorrelator" in asked.request.body


@virtual
async def test_autopilot_112_the_file_serves_where_the_lookup_runs_out_of_time() -> None:
    async with stage(profile=EXPORTED) as s:
        s.disk.replace(FILE, await offline_file(s))

        def lost(request: Request) -> Request:
            if request.url.endswith("/runtime/v1/profile"):
                raise TransportError(Failure.CUT, "the answer did not come")
            return request

        s.tap.forge = lost
        visit = await s.user("adele", script={ScreenId.SIGN_IN: OFF})
        assert pages_of(visit.screens) == []
        assert visit.last(ScreenId.SIGN_IN).language == "de-DE"


@virtual
async def test_autopilot_112_an_online_profile_beats_the_file() -> None:
    async with stage(profile=EXPORTED) as s:
        s.disk.replace(FILE, await offline_file(s))
        await change_profile(
            s, deviceNameTemplate="NET-%RAND:4%", eulaHidden=True, privacySettingsHidden=True
        )
        visit = await s.user("adele")
        assert visit.ending.kind is EndingKind.DESKTOP
        assert ScreenId.PRIVACY not in visit.screens
        assert s.laptop.name.startswith("NET-")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@virtual
async def test_autopilot_112_a_file_in_another_encoding_is_ignored(encoding: str) -> None:
    async with stage(registered=False, profile=EXPORTED) as s:
        text = (await offline_file(s)).decode("ascii")
        s.disk.replace(FILE, text.encode(encoding))
        visit = await s.user("adele")
        assert pages_of(visit.screens) == [*PAGES[:4], ScreenId.LICENCE_TERMS]
        assert (visit.ending.kind, visit.ending.code) == (EndingKind.ERROR, "807")
        assert s.heard("profile.file_ignored")[0]["code"] == "Encoding"
        assert s.laptop.name.startswith("DESKTOP-")


@virtual
async def test_autopilot_113_not_registered_plain_set_up_and_no_word_about_any_organisation() -> None:
    async with stage(registered=False) as s:
        visit = await s.user()
        assert pages_of(visit.screens) == [*PAGES[:4], ScreenId.LICENCE_TERMS]
        assert "contoso" not in repr(visit.seen).replace(s.upn("adele"), "").lower()
        assert [each.answer for each in s.wire] == [b'{"standing":"unregistered"}']
        assert (visit.ending.kind, visit.ending.code) == (EndingKind.ERROR, "807")


@virtual
async def test_autopilot_114_registered_with_the_wrong_tenant_nothing_counts_before_its_user_signs_in() -> (
    None
):
    async with stage(registered=False) as s:
        theirs = await s.neighbour_registers(
            "Fabrikam",
            settings={"mdmScope": "all", "joinAllowed": "all"},
            users=[{"upn": "fiona", "displayName": "Fiona"}],
            profiles=[{"name": "Theirs", "assign": DEVICES, "deviceNameTemplate": "THEIRS-%RAND:4%"}],
        )
        visit = await s.user("adele")
        page = visit.last(ScreenId.SIGN_IN)
        assert page.code
        assert "belongs to another organization" in page.notice
        assert visit.ending.kind is EndingKind.POWERED_OFF
        assert not s.heard("user.signed_in")
        assert not s.heard("device.joined")
        assert s.laptop.name.startswith("DESKTOP-")
        fiona = "fiona@fabrikam.example"
        visit = await s.user(fiona, password=theirs.passwords[fiona])
        assert visit.ending.kind is EndingKind.DESKTOP
        assert s.laptop.name.startswith("THEIRS-")


# --- the assigned user --------------------------------------------------------------------------------------


@virtual
async def test_autopilot_122_the_assigned_user_is_named_to_the_technician_and_greeted_later() -> None:
    async with stage(assigned="adele") as s:
        await s.edit(addressableUserName="Addie")
        technician = await s.technician()
        for screen in (ScreenId.CONFIGURATION, ScreenId.GREEN):
            assert technician.last(screen).detail("user") == "adele@contoso.example"
        page = (await s.user("adele")).last(ScreenId.SIGN_IN)
        user = page.field("user")
        assert user is not None
        assert user.value == "adele@contoso.example"
        assert "Addie" in greeting(page)


def greeting(page: Screen) -> str:
    """How a sign-in page speaks to its user, as the server's page has it."""
    return " ".join((page.title, *page.texts))


@virtual
async def test_autopilot_123_a_prefilled_name_cannot_be_changed() -> None:
    async with stage(assigned="adele") as s:
        await s.technician()
        other = sign_in(s.upn("diego"), s.world.admin.passwords[s.upn("diego")])
        visit = await s.user("adele", script={ScreenId.SIGN_IN: [other, Action.POWER_OFF]})
        user = visit.last(ScreenId.SIGN_IN).field("user")
        assert user is not None
        assert (user.value, user.fixed) == ("adele@contoso.example", True)
        assert visit.last(ScreenId.SIGN_IN).code
        assert not s.heard("user.signed_in")
        assert (await s.user("adele")).ending.kind is EndingKind.DESKTOP


@virtual
async def test_autopilot_124_unassigned_the_box_is_empty_again() -> None:
    async with stage(assigned="adele") as s:
        await s.technician()
        await s.edit(assignedUser="")
        visit = await s.user("diego")
        page = visit.pages(ScreenId.SIGN_IN)[0]
        user = page.field("user")
        assert user is not None
        assert (user.value, user.fixed) == ("", False)
        assert "adele" not in repr(page).lower()
        assert visit.ending.kind is EndingKind.DESKTOP
        assert (await s.standing()).primary == "diego@contoso.example"


@virtual
async def test_autopilot_126_of_the_users_items_only_apps_for_the_device_come_before_the_user() -> None:
    pilots = [{"group": "Pilots"}]
    async with stage(
        assigned="adele",
        groups=[{"name": "Pilots", "members": ["adele"]}],
        apps=[app("Reader", to=pilots), app("Notes", context="user", to=pilots)],
        policies=[policy("Home", HOME_PAGES, "<https://intranet>", pilots)],
        wifi=[wifi("Office", pilots)],
    ) as s:
        technician = await s.technician()
        assert technician.ending.kind is RESEALED
        assert (s.installed("Reader"), s.attempts("Notes")) == (1, 0)
        network = "WiFi/Profile/Contoso%20Office/WlanXml"
        assert s.value(network) == 404
        assert s.evidence.users == ()
        assert (await s.user("adele")).ending.kind is EndingKind.DESKTOP
        assert (s.installed("Reader"), s.installed("Notes")) == (1, 1)
        assert s.value(HOME_PAGES, "adele") == "<https://intranet>"
        found = [s.value(f"./User/Vendor/MSFT/{network}", "adele"), s.value(network)]
        assert any("<WLANProfile" in str(value) for value in found)


@virtual
async def test_autopilot_126_without_an_assigned_user_his_apps_wait_for_him() -> None:
    pilots = [{"group": "Pilots"}]
    async with stage(groups=[{"name": "Pilots", "members": ["adele"]}], apps=[app("Reader", to=pilots)]) as s:
        await s.technician()
        assert s.attempts("Reader") == 0
        await s.user("adele")
        assert s.installed("Reader") == 1
