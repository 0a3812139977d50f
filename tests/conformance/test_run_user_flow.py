"""The user flow as the user meets it: power-on, sign-in, the status page again, the desktop. Whole runs.

Most checks look at one and the same run (`told`): a technician, half an hour in which the laptop lies in its
box, then Adele. What has to happen differently has a run of its own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from reseal.deployment.model import Deployment, State
from reseal.deployment.report_model import EnrolmentType, ReportRow
from reseal.deployment.report_model import Status as Reported
from reseal.device.actor import power_off
from reseal.device.oobe.context import EndingKind
from reseal.device.registering import membership
from reseal.device.screens import Action, Line, Progress, Screen, ScreenId
from reseal.directory.devices import device_by_id
from reseal.directory.model import Device
from reseal.directory.users import find_user
from reseal.kernel.db import Tx
from reseal.kernel.simulation.guard import guarded
from reseal.kernel.simulation.loop import run
from reseal.rehearsal.evidence import Evidence
from reseal.rehearsal.standing import Standing
from reseal.wire.join import cloud_sid
from reseal.wire.syncml import Alert, AlertType, LoginStatus, Replace, Status
from tests.support.rehearsing import (
    USERS,
    Exchange,
    Stage,
    Visit,
    app,
    certificate,
    policy,
    stage,
    virtual,
    wifi,
)

DESKTOP, ERROR = EndingKind.DESKTOP, EndingKind.ERROR
LOCK = "Policy/Config/DeviceLock/MaxInactivityTimeDeviceLock"
CAMERA = "Policy/Config/Camera/AllowCamera"
HOME_PAGES = "./User/Vendor/MSFT/Policy/Config/Browser/HomePages"
FINISHED = "FirstSyncStatus/ServerHasFinishedProvisioning"
HELLO = "PassportForWork/{}/Policies/UsePassportForWork"
PAUSE = timedelta(minutes=30)
MINUTE = timedelta(minutes=1)
ASKED = [ScreenId.REGION, ScreenId.KEYBOARD, ScreenId.SECOND_KEYBOARD, ScreenId.NETWORK]


# --- one run ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What is left of the run."""

    technician: Visit
    user: Visit
    resealed_at: timedelta
    wire: Sequence[Exchange]
    heard: Sequence[tuple[timedelta, str, dict[str, Any]]]
    green: Evidence
    desktop: Evidence
    """Both as a person found the laptop when the page came."""
    values: dict[str, str | int]
    """What Gets answered when the desktop came."""
    standing: Standing
    row: ReportRow
    device: Device
    adele: Any
    device_id: Any
    administrators: tuple[str, ...]

    @property
    def users_wire(self) -> list[Exchange]:
        """The requests of the user flow."""
        return [each for each in self.wire if each.at >= self.user.began]


@pytest.fixture(scope="module")
def told() -> Told:
    with guarded():
        return run(_both_flows())


async def _both_flows() -> Told:
    seen: dict[str, Any] = {}
    async with stage(
        apps=[app("Agent", minutes=3), app("Notes", minutes=2, context="user", to=USERS)],
        policies=[policy("Lock", LOCK, 10), policy("Start page", HOME_PAGES, "<https://contoso>", USERS)],
        certificates=[certificate("Root")],
        wifi=[wifi("Office", USERS)],
    ) as s:

        async def at_green() -> None:
            seen["green"] = s.evidence
            seen["device_id"] = _device_id(s)

        async def at_desktop() -> None:
            seen["desktop"] = s.evidence
            addresses = (HOME_PAGES, "./User/Vendor/MSFT/WiFi/Profile/Contoso%20Office/WlanXml")
            seen["values"] = {address: s.value(address, "adele") for address in addresses}
            seen["values"][LOCK] = s.value(LOCK)

        technician = await s.technician(before={ScreenId.GREEN: [at_green]})
        resealed_at = s.clock.monotonic()
        await s.clock.sleep(PAUSE)
        user = await s.user("adele", before={ScreenId.DESKTOP: [at_desktop]})
        standing = await s.standing()
        assert standing.enrolment is not None
        member = membership(s.disk)
        assert member is not None
        return Told(
            technician=technician,
            user=user,
            resealed_at=resealed_at,
            wire=s.wire,
            heard=s.told,
            green=seen["green"],
            desktop=seen["desktop"],
            values=seen["values"],
            standing=standing,
            row=await s.row(),
            device=await s.world.db.read(_directory_device, s, standing.enrolment.device_id),
            adele=await s.world.db.read(_user, s, "adele"),
            device_id=seen["device_id"],
            administrators=member.administrators,
        )


def _directory_device(tx: Tx, s: Stage, key: int) -> Device:
    return device_by_id(tx, s.world.tenant, key)


def _user(tx: Tx, s: Stage, name: str) -> Any:
    return find_user(tx, s.world.tenant, s.upn(name))


def _device_id(s: Stage) -> Any:
    member = membership(s.disk)
    return None if member is None else member.device_id


def _section(page: Screen, name: str) -> tuple[Progress, dict[str, Line]]:
    found = page.section(name)
    assert found is not None
    return found.state, {line.title: line for line in found.lines}


def _alerts(exchange: Exchange) -> list[Alert]:
    return [command for command in exchange.sent.commands if isinstance(command, Alert)]


def _claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def _tokens(wire: Sequence[Exchange]) -> list[dict[str, Any]]:
    """The claims of every user token that sessions brought."""
    sessions = [each for each in wire if "ManagementServer" in each.request.url]
    alerts = [alert for each in sessions for alert in _alerts(each)]
    texts = [alert.item.text for alert in alerts if alert.type is AlertType.USER_TOKEN]
    return [_claims(text.removeprefix("UserToken=").strip()) for text in texts if text.count(".") == 2]


# --- 154, 155, 162: power-on to device set-up ---------------------------------------------------------------


def test_autopilot_154_power_on_leads_to_set_up_joined_and_without_device_preparation(told: Told) -> None:
    assert told.technician.ending.kind is EndingKind.POWERED_OFF_RESEALED
    assert told.user.screens[:3] == [ScreenId.STARTING, ScreenId.CHECKING, ScreenId.SIGN_IN]
    assert told.device.device_id == told.device_id
    paths = [each.request.url for each in told.users_wire]
    for step in ("attestation", "/join", "EnrollmentServer", "srv_challenge"):
        assert not [path for path in paths if step in path], step
    first = told.user.pages(ScreenId.STATUS_PAGE)[0]
    state, lines = _section(first, "preparation")
    assert state is Progress.SUCCEEDED
    assert lines["Securing your hardware"].state is Progress.NOT_REQUIRED


def test_autopilot_155_on_a_wire_sign_in_comes_first(told: Told) -> None:
    shown = told.user.screens
    assert not set(shown) & {*ASKED, ScreenId.LANGUAGE, ScreenId.LICENCE_TERMS}
    assert shown == [
        *(ScreenId.STARTING, ScreenId.CHECKING, ScreenId.SIGN_IN, ScreenId.STATUS_PAGE, ScreenId.DESKTOP),
    ]


def test_autopilot_162_device_set_up_runs_again_and_ends_at_once_if_nothing_is_new(told: Told) -> None:
    ends = [at for at, what, about in told.heard if what == "page.ended" and about["phase"] == "device"]
    assert len(ends) == 2, "once for the technician, once for the user"
    assert ends[1] - told.user.began <= MINUTE
    assert told.standing.phases[0].run == 2
    installs = [at for at, what, about in told.heard if what == "install.status" and not about["user"]]
    assert max(installs) <= told.resealed_at
    _, lines = _section(told.user.pages(ScreenId.STATUS_PAGE)[0], "device")
    assert lines["Apps"].text == "(1 of 1 installed)"


# --- 165, 166: account set-up and the desktop ---------------------------------------------------------------


def test_autopilot_165_the_desktop_comes_after_everything_for_the_user(told: Told) -> None:
    owner = told.adele.upn
    assert told.green.users == ()
    assert told.desktop.users == (owner,)
    assert told.values == {
        HOME_PAGES: "<https://contoso>",
        "./User/Vendor/MSFT/WiFi/Profile/Contoso%20Office/WlanXml": told.values[
            "./User/Vendor/MSFT/WiFi/Profile/Contoso%20Office/WlanXml"
        ],
        LOCK: "10",
    }
    assert "Contoso Office" in str(told.values["./User/Vendor/MSFT/WiFi/Profile/Contoso%20Office/WlanXml"])
    assert [entry.product.owner for entry in told.desktop.journal if entry.step == "end"] == ["", owner]
    state, lines = _section(told.user.last(ScreenId.STATUS_PAGE), "account")
    assert state is Progress.SUCCEEDED
    assert lines["Apps"].text == "(1 of 1 installed)"
    assert lines["Network connections"].text == "(1 of 1 applied)"


def test_autopilot_165_the_page_goes_on_by_a_release_that_the_device_acknowledges(told: Told) -> None:
    """Only the status 200 to *the server has finished* of the user ends account set-up."""
    sessions = [each for each in told.users_wire if "ManagementServer" in each.request.url and each.answer]
    accepted = []
    for before, after in pairwise(sessions):
        said = {each.cmd_ref: each.code for each in after.sent.commands if isinstance(each, Status)}
        releases = [
            each for each in before.received.commands if isinstance(each, Replace) and FINISHED in each.target
        ]
        accepted += [(each.target.split("/")[1], said.get(each.cmd_id)) for each in releases]
    assert ("Device", 200) in accepted
    assert accepted[-1] == ("User", 200)


def test_autopilot_166_primary_user_and_owner_are_who_signed_in(told: Told) -> None:
    tokens = _tokens(told.users_wire)
    assert tokens
    assert {token["upn"] for token in tokens} == {told.adele.upn}
    assert {token["oid"] for token in tokens} == {str(told.adele.uuid)}
    assert not _tokens([each for each in told.wire if each.at < told.user.began])
    assert told.standing.primary == told.adele.upn
    assert told.device.owner_user_id == told.adele.id
    assert (told.row.upn, told.standing.story and told.standing.story.upn) == (told.adele.upn,) * 2


def test_autopilot_172_a_standard_user_is_no_administrator_afterwards(told: Told) -> None:
    assert told.administrators, "the roles of the organisation are"
    assert cloud_sid(told.adele.uuid) not in told.administrators


@pytest.mark.parametrize("technician", [True, False])
@virtual
async def test_autopilot_166_with_an_administrators_profile_the_user_is_a_local_administrator(
    technician: bool,
) -> None:
    async with stage(profile={"userType": "administrator"}) as s:
        if technician:
            await s.technician()
        assert (await s.user("adele")).ending.kind is DESKTOP
        adele = await s.world.db.read(_user, s, "adele")
        member = membership(s.disk)
        assert member is not None
        assert cloud_sid(adele.uuid) in member.administrators
        assert (await s.standing()).primary == adele.upn
        row = await s.row()
        kind = EnrolmentType.TECHNICIAN if technician else EnrolmentType.USER
        assert (row.enrolment_type, row.upn) == (kind, adele.upn)
        assert (await s.user("diego")).ending.kind is DESKTOP
        member = membership(s.disk)
        assert member is not None
        diego = await s.world.db.read(_user, s, "diego")
        assert cloud_sid(diego.uuid) not in member.administrators, "that is the first user's alone"
        assert (await s.standing()).primary == adele.upn


# --- 174: the report ----------------------------------------------------------------------------------------


def test_autopilot_174_one_row_for_both_flows_and_the_gap_is_not_counted(told: Told) -> None:
    (row,) = told.standing.rows
    assert (row.state, row.device_setup, row.account_setup) == (Reported.SUCCESS,) * 3
    assert row.enrolment_type is EnrolmentType.TECHNICIAN
    durations = row.durations
    assert durations.total == durations.technician + durations.user
    assert durations.deployment <= durations.total < told.technician.took + told.user.took + MINUTE
    assert row.ended_at is not None
    assert row.ended_at - row.started_at >= durations.total + PAUSE - MINUTE
    assert durations.account_setup >= 2 * MINUTE, "the app of the user alone takes so long"
    assert durations.device_setup >= 3 * MINUTE
    assert {item.name for item in row.items} == {"Lock", "Agent", "Root", "Office", "Start page", "Notes"}


# --- 156, 157: the network ----------------------------------------------------------------------------------

NETWORKS = {"Office": "secret"}


@virtual
async def test_autopilot_156_on_wifi_region_keyboards_and_network_come_before_sign_in() -> None:
    async with stage(cable=False, access_points=NETWORKS, users=[PLAIN]) as s:
        await s.technician(wifi=("Office", "secret"))
        visit = await s.user("adele", wifi=("Office", "secret"))
        assert visit.screens[1:7] == [*ASKED, ScreenId.CHECKING, ScreenId.SIGN_IN]
        assert visit.ending.kind is DESKTOP


PLAIN = {"upn": "adele", "displayName": "Adele Vance"}


@virtual
async def test_autopilot_157_nobody_passes_the_network_page_without_a_network() -> None:
    async with stage(cable=False, access_points=NETWORKS) as s:
        visit = await s.user("adele", wifi=("Office", "wrong"))
        assert visit.screens == [ScreenId.STARTING, *ASKED]
        page = visit.last(ScreenId.NETWORK)
        assert "Can't connect to Office" in page.notice
        ways = {Action.PLUG_CABLE, Action.CONNECT, Action.PRESS_WINDOWS_KEY, Action.POWER_OFF}
        assert set(page.actions) <= ways, "no Skip, no Next"
        assert visit.ending.kind is EndingKind.POWERED_OFF
        assert s.wire == []
        assert (await s.user("adele", wifi=("Office", "secret"))).ending.kind is DESKTOP


# --- 158, 159: signing in -----------------------------------------------------------------------------------


@virtual
async def test_autopilot_158_sign_in_shows_the_organisation_or_a_plain_page() -> None:
    async with stage() as s:
        await s.apply(branding={"default": {"signInPageText": "Call **4711**", **await _logo(s)}})
        branded = (await s.user("adele")).last(ScreenId.SIGN_IN)
        assert branded.title == "Sign in – Contoso"
        assert "Call 4711" in branded.texts
        assert branded.detail("logo").startswith("https://")
    async with stage() as s:
        plain = (await s.user("adele")).last(ScreenId.SIGN_IN)
        assert not plain.detail("logo")
        assert "Call 4711" not in plain.texts
        assert plain.field("user") is not None


async def _logo(s: Stage) -> dict[str, Any]:
    entry = await s._with_file({"file": "branding/banner-logo.png"})
    return {"bannerLogo": entry["file"]}


@virtual
async def test_autopilot_159_a_user_of_another_organisation_is_told_that_the_device_is_anothers() -> None:
    async with stage() as s:
        await s.world.admin.json("POST", "/tenants", {"name": "Fabrikam", "domain": "fabrikam.example"})
        await s.technician()
        visit = await s.user("eve@fabrikam.example", password="whatever she has")
        page = visit.last(ScreenId.SIGN_IN)
        assert "belongs to another organization" in page.notice
        assert visit.ending.kind is EndingKind.POWERED_OFF
        assert (await s.story()).state is State.USER_SIGN_IN
        assert (await s.user("adele")).ending.kind is DESKTOP


# --- 163, 164: assigned in between --------------------------------------------------------------------------


@virtual
async def test_autopilot_163_an_app_assigned_in_between_installs_in_device_set_up() -> None:
    async with stage(apps=[app("Agent")]) as s:
        await s.technician()
        await s.provide(app("Reader", minutes=4))
        await s.clock.sleep(PAUSE)
        assert s.attempts("Reader") == 0
        begun = s.clock.monotonic()
        visit = await s.user("adele")
        texts = [line.text for line in visit.lines("device", "Apps")]
        assert "(1 of 2 installed)" in texts
        assert texts[-1] == "(2 of 2 installed)"
        assert (s.installed("Agent"), s.installed("Reader")) == (1, 1)
        ended = [at for at, what, about in s.told if what == "install.status" and about["status"] == 70]
        phases = [at for at, what, about in s.told if what == "page.ended" and at >= begun]
        assert begun < ended[-1] <= phases[0]
        awaited = [blocker.name for blocker in await s.blockers() if blocker.state is State.USER_DEVICE_SETUP]
        assert "Reader" in awaited


@virtual
async def test_autopilot_164_a_policy_assigned_in_between_applies_before_account_set_up() -> None:
    async with stage(policies=[policy("Lock", LOCK, 10)]) as s:
        await s.technician()
        await s.apply(policies=[policy("No camera", CAMERA, 0), policy("Lock", LOCK, 5)])
        assert (s.value(CAMERA), s.value(LOCK)) == (404, "10")
        seen: list[tuple[str | int, str | int]] = []

        def look(page: Screen) -> None:
            account = page.section("account")
            if account is not None and account.lines and account.lines[0].title == "Security policies":
                seen.append((s.value(CAMERA), s.value(LOCK)))

        await s.user("adele", meanwhile=look)
        assert seen
        assert seen[0] == ("0", "5"), "as account set-up begins"


# --- 167 to 169: what comes in between ----------------------------------------------------------------------


@virtual
async def test_autopilot_167_a_restart_in_device_set_up_asks_for_sign_in_again() -> None:
    async with stage(apps=[app("Agent", minutes=6)]) as s:
        off = {"left": 2}

        def switch_off(page: Screen) -> Any:
            state = page.section("device")
            if page.id is ScreenId.STATUS_PAGE and state is not None and state.lines and off["left"]:
                off["left"] -= 1
                return None if off["left"] else power_off()
            return None

        first = await s.user("adele", meanwhile=switch_off)
        assert first.ending.kind is EndingKind.POWERED_OFF
        visit = await s.user("adele")
        assert visit.screens == [
            *(ScreenId.STARTING, ScreenId.CHECKING, ScreenId.SIGN_IN, ScreenId.STATUS_PAGE),
            ScreenId.DESKTOP,
        ]
        assert visit.ending.kind is DESKTOP
        assert s.installed("Agent") == 1
        assert s.paths().count("POST /EnrollmentServer/Enrollment.svc") == 1


@virtual
async def test_autopilot_168_the_privacy_page_comes_as_the_users_phase_begins() -> None:
    async with stage(profile={"privacySettingsHidden": False}, apps=[app("Agent")]) as s:
        technician = await s.technician()
        assert ScreenId.PRIVACY not in technician.screens
        looks: list[tuple[int, set[LoginStatus]]] = []

        async def look() -> None:
            logins = {
                alert.login_status
                for each in s.sessions()
                for alert in _alerts(each)
                if alert.login_status is not None
            }
            looks.append((s.installed("Agent"), logins))

        visit = await s.user("adele", before={ScreenId.PRIVACY: [look]})
        assert visit.screens[2:] == [
            *(ScreenId.SIGN_IN, ScreenId.STATUS_PAGE, ScreenId.PRIVACY, ScreenId.STATUS_PAGE),
            ScreenId.DESKTOP,
        ]
        assert looks == [(1, {LoginStatus.OTHERS})], "after device set-up, before the user is logged on"


@pytest.mark.parametrize("wanted", [True, False])
@virtual
async def test_autopilot_169_hello_comes_after_the_status_page_or_not_at_all(wanted: bool) -> None:
    async with stage() as s:
        address = HELLO.format((await s.world.admin.json("GET", "/tenant"))["id"])
        await s.apply(policies=[policy("Hello", address, wanted)])
        assert ScreenId.HELLO not in (await s.technician()).screens
        visit = await s.user("adele")
        between = [ScreenId.STATUS_PAGE, *([ScreenId.HELLO] if wanted else []), ScreenId.DESKTOP]
        assert visit.screens[3:] == between
        assert visit.ending.kind is DESKTOP


# --- 170, 171: soon and late --------------------------------------------------------------------------------


@pytest.mark.parametrize("pause", [1, 90])
@virtual
async def test_autopilot_170_the_user_may_start_a_minute_after_the_technician(pause: int) -> None:
    async with stage(apps=[app("Notes", context="user", to=USERS)]) as s:
        await s.technician()
        await s.clock.sleep(pause * MINUTE)
        visit = await s.user("adele")
        assert visit.ending.kind is DESKTOP
        assert ScreenId.ERROR not in visit.screens
        assert s.installed("Notes") == 1


@virtual
async def test_autopilot_171_seven_months_later_it_still_works() -> None:
    async with stage(policies=[policy("Start page", HOME_PAGES, "<https://contoso>", USERS)]) as s:
        await s.technician()
        await s.clock.sleep(timedelta(days=213))
        visit = await s.user("adele")
        assert visit.ending.kind is DESKTOP
        assert s.value(HOME_PAGES, "adele") == "<https://contoso>"


# --- 173: the sign-in service -------------------------------------------------------------------------------


@virtual
async def test_autopilot_173_without_the_sign_in_service_there_is_a_message_and_no_local_account() -> None:
    service = "Policy/Config/Accounts/AllowMicrosoftAccountSignInAssistant"
    async with stage(policies=[policy("No assistant", service, 0)]) as s:
        assert (await s.technician()).ending.kind is EndingKind.POWERED_OFF_RESEALED

        async def allow() -> None:
            assert (await s.standing()).primary == ""
            await s.apply(policies=[policy("No assistant", service, 1)])

        visit = await s.user("adele", before={ScreenId.ERROR: [allow]}, retries=1)
        page = visit.last(ScreenId.ERROR)
        assert page.code == "0x80070422"
        assert "Sign-in Assistant" in page.texts[0]
        assert "AllowMicrosoftAccountSignInAssistant" in page.texts[1]
        shown = visit.screens
        assert not set(shown[: shown.index(ScreenId.ERROR)]) & {ScreenId.SIGN_IN, ScreenId.LICENCE_TERMS}
        assert visit.ending.kind is DESKTOP, "with another policy Retry is enough"


# --- 182: the next user -------------------------------------------------------------------------------------


@pytest.mark.parametrize("first_user_only", [True, False])
@virtual
async def test_autopilot_182_a_second_user_sees_the_status_page_or_not_as_set(first_user_only: bool) -> None:
    async with stage(
        esp={"disableUserStatusTrackingAfterFirstUser": first_user_only},
        policies=[policy("Start page", HOME_PAGES, "<https://contoso>", USERS)],
    ) as s:
        first = await s.user("adele")
        assert ScreenId.STATUS_PAGE in first.screens
        page = [] if first_user_only else [ScreenId.STATUS_PAGE]
        second = await s.user("diego")
        assert second.screens[1:] == [
            *(ScreenId.LOCK, ScreenId.CHECKING, ScreenId.SIGN_IN, *page, ScreenId.DESKTOP),
        ]
        assert s.value(HOME_PAGES, "diego") == "<https://contoso>"
        assert (await s.standing()).primary == s.upn("adele")
        again = await s.user("diego")
        assert ScreenId.STATUS_PAGE not in again.screens, "once for each user"
        story: Deployment = await s.story()
        assert (story.state, story.upn) == (State.DESKTOP, s.upn("adele"))
