"""The technician flow as somebody at a bench meets it: whole runs against the whole server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from reseal.deployment.model import State
from reseal.deployment.report_model import EnrolmentType, Status
from reseal.device.actor import connect
from reseal.device.oobe.context import EndingKind
from reseal.device.screens import Action, Progress, Screen, ScreenId
from reseal.device.transport import Request
from reseal.managed.enrolments import end_enrolment, unblock_enrolment
from reseal.rehearsal.scenario import Outcome
from reseal.wire.runtime.blockers import BlockerKind
from tests.support.rehearsing import (
    USERS,
    Stage,
    Visit,
    app,
    certificate,
    policy,
    stage,
    virtual,
    wifi,
)

FAILURE = 0x80070643
LOCK = "Policy/Config/DeviceLock/MaxInactivityTimeDeviceLock"
HOME_PAGES = "./User/Vendor/MSFT/Policy/Config/Browser/HomePages"
RESEALED = EndingKind.POWERED_OFF_RESEALED
OFFICE = ("Contoso Office", "correct horse")
AIR = dict([OFFICE, ("Cafe", "")])
EVERY_PAGE = {
    "locale": "",
    "keyboardSelectionPageSkipped": False,
    "eulaHidden": False,
    "privacySettingsHidden": False,
}


def facts(screen: Screen) -> dict[str, str]:
    """What a page says of the device."""
    return {detail.name: detail.value for detail in screen.details}


# --- the way in ---------------------------------------------------------------------------------------------


@virtual
async def test_autopilot_128_five_presses_open_the_question_what_to_do() -> None:
    async with stage() as s:
        visit = await s.technician(presses=5, script={ScreenId.PROVISIONING_CHOICE: [Action.POWER_OFF]})
        question = visit.last(ScreenId.PROVISIONING_CHOICE)
        assert question.title == "What would you like to do?"
        assert question.offers(Action.PRE_PROVISION)


@pytest.mark.parametrize("presses, pace", [(4, 0), (5, 2)])
@virtual
async def test_autopilot_128_four_presses_do_not_nor_do_slow_ones(presses: int, pace: int) -> None:
    async with stage() as s:
        visit = await s.technician(presses=presses, pace=timedelta(seconds=pace))
        assert len([one for one in s.heard("person.acted") if one["action"] == "pressWindowsKey"]) == presses
        assert ScreenId.PROVISIONING_CHOICE not in visit.screens


@pytest.mark.parametrize(
    "where",
    [
        ScreenId.LANGUAGE,
        ScreenId.REGION,
        ScreenId.KEYBOARD,
        ScreenId.SECOND_KEYBOARD,
        ScreenId.LICENCE_TERMS,
        ScreenId.SIGN_IN,
    ],
)
@virtual
async def test_autopilot_129_the_presses_work_on_every_page_before_sign_in(where: ScreenId) -> None:
    async with stage(profile=EVERY_PAGE) as s:
        visit = await s.technician(press_on=where, script={ScreenId.CONFIGURATION: [Action.POWER_OFF]})
        shown = visit.screens
        assert shown[shown.index(where) + 1 :] == [ScreenId.PROVISIONING_CHOICE, ScreenId.CONFIGURATION]


@virtual
async def test_autopilot_129_the_presses_work_on_the_network_page() -> None:
    async with stage(cable=False, access_points=AIR) as s:
        visit = await s.technician(
            press_on=ScreenId.NETWORK,
            wifi=("Cafe", ""),
            script={ScreenId.CONFIGURATION: [Action.POWER_OFF]},
        )
        # The profile has to be fetched first: so the network is asked for once more.
        assert visit.screens[-5:] == [
            ScreenId.NETWORK,
            ScreenId.PROVISIONING_CHOICE,
            ScreenId.NETWORK,
            ScreenId.CHECKING,
            ScreenId.CONFIGURATION,
        ]


@virtual
async def test_autopilot_129_after_sign_in_no_page_takes_the_presses() -> None:
    async with stage(profile=EVERY_PAGE) as s:
        visit = await s.user()
        assert visit.ending.kind is EndingKind.DESKTOP
        signed_in = next(at for at, page in enumerate(visit.seen) if page.id is ScreenId.STATUS_PAGE)
        taking = {page.id for page in visit.seen[signed_in:] if page.offers(Action.PRESS_WINDOWS_KEY)}
        assert taking == set()
        assert ScreenId.PRIVACY in visit.screens


# --- the configuration page ---------------------------------------------------------------------------------


@pytest.mark.parametrize("assigned", ["adele", ""])
@virtual
async def test_autopilot_130_the_page_shows_organisation_profile_user_and_code(assigned: str) -> None:
    async with stage(assigned=assigned) as s:
        visit = await s.technician(script={ScreenId.CONFIGURATION: [Action.POWER_OFF]})
        page = visit.last(ScreenId.CONFIGURATION)
        of_user = {"user": "adele@contoso.example"} if assigned else {}
        assert facts(page) == {"organisation": "Contoso", "profile": "Standard", **of_user}
        assert page.qr
        assert {Action.PROVISION, Action.REFRESH} <= {*page.actions}


@virtual
async def test_autopilot_131_refresh_shows_what_changed_without_a_restart() -> None:
    async with stage(groups=[SALES]) as s:

        async def change() -> None:
            sales = {"name": "Sales", "deviceNameTemplate": "SALES-%RAND:4%", **PREPROVISION}
            await s.apply(profiles=[{**sales, "assign": [{"group": "Sales"}]}])
            await s.edit(groupTag="sales", assignedUser=s.upn("diego"))

        visit = await s.technician(
            before={ScreenId.CONFIGURATION: [change]},
            script={ScreenId.CONFIGURATION: [Action.REFRESH, Action.PROVISION]},
        )
        before, after = visit.pages(ScreenId.CONFIGURATION)
        assert facts(before) == {"organisation": "Contoso", "profile": "Standard"}
        assert facts(after) == {
            "organisation": "Contoso",
            "profile": "Sales",
            "user": "diego@contoso.example",
        }
        order = [(what, about) for _, what, about in s.told if what in {"machine.started", "person.acted"}]
        refreshed = order.index(("person.acted", {"screen": "configuration", "action": "refresh"}))
        assert [what for what, _ in order[:refreshed]].count("machine.started") == 1
        # What the page showed is what Provision does.
        assert visit.ending.kind is RESEALED
        assert s.laptop.name.startswith("SALES-")
        assert (await s.row()).profile_name == "Sales"


SALES = {"name": "Sales", "rule": '(device.devicePhysicalIds -any (_ -eq "[OrderID]:sales"))'}
PREPROVISION = {"preprovisioningAllowed": True, "eulaHidden": True, "keyboardSelectionPageSkipped": True}


@virtual
async def test_autopilot_132_the_code_reads_as_json_with_the_ztdid_on_top() -> None:
    async with stage() as s:
        visit = await s.technician()
        registration = await s.registration()
        for page in (visit.last(ScreenId.CONFIGURATION), visit.last(ScreenId.GREEN)):
            read = json.loads(page.qr)
            assert read["ZtdId"] == registration["id"]
            assert read["SerialNumber"] == registration["serialNumber"] == s.hardware.serial
            assert read["BlockSequence"]["ZtdId"] == registration["id"]


# --- attestation --------------------------------------------------------------------------------------------


@virtual
async def test_autopilot_133_without_a_tpm_it_runs_out_of_time() -> None:
    async with stage(has_tpm=False) as s:
        visit = await s.technician()
        assert (visit.ending.kind, visit.ending.code) == (EndingKind.RED, "0x800705B4")
        assert visit.lines("preparation", "Securing your hardware")[-1].state is Progress.FAILED
        assert "TPM" in visit.last(ScreenId.RED).texts[0]


@virtual
async def test_autopilot_133_a_virtual_tpm_is_refused_unless_the_organisation_allows_it() -> None:
    async with stage(settings={"allowVirtualTpm": False}) as s:
        visit = await s.technician()
        assert (visit.ending.kind, visit.ending.code) == (EndingKind.RED, "0x801C03EA")
        assert (await refusals(s))[-1] == ("0x801C03EA", ["ek_chain_untrusted"])
        told = (await s.events("attestation.refused"))[-1].payload
        assert told is not None
        assert "virtual" in told["findings"][0]["message"]
        assert not s.heard("device.joined")
        await s.apply(settings={"allowVirtualTpm": True})
        again = await s.technician(retries=1)
        assert again.ending.kind is RESEALED
        assert (await s.story()).proof == "virtual"


def lying(**lies: str) -> Callable[[Request], Request]:
    """Somebody in the middle who changes what the laptop says of itself on the runtime channel."""

    def forge(request: Request) -> Request:
        if "/runtime/v1/" not in request.url or not request.body:
            return request
        told = json.loads(request.body)
        changed = {name: lie for name, lie in lies.items() if name in told}
        return replace(request, body=json.dumps({**told, **changed}).encode())

    return forge


async def refusals(s: Stage) -> list[tuple[str, list[str]]]:
    """Code and reasons of each refused attestation, in the log of the organisation."""
    told = [event.payload or {} for event in await s.events("attestation.refused")]
    return [(each["code"], [finding["reason"] for finding in each["findings"]]) for each in told]


@virtual
async def test_autopilot_134_another_tpm_than_the_registered_one_is_refused_and_the_log_says_why() -> None:
    async with stage() as s:
        s.tap.forge, s.factory_number = lying(hardwareHash=s.hash_text()), 2
        visit = await s.technician()
        assert (visit.ending.kind, visit.ending.code) == (EndingKind.RED, "0x801C03EA")
        assert visit.lines("preparation", "Securing your hardware")[-1].state is Progress.FAILED
        assert (await refusals(s))[-1] == ("0x801C03EA", ["ek_key_mismatch", "ek_not_registered"])
        assert (await s.row()).failure.startswith("0x801C03EA")
        assert not s.heard("device.joined")


@virtual
async def test_autopilot_134_too_many_tries_have_a_code_of_their_own() -> None:
    async with stage() as s:
        s.tap.forge = lying(secret=base64.b64encode(b"x" * 32).decode())
        visit = await s.technician(retries=4)
        codes = [page.code for page in visit.pages(ScreenId.RED)]
        assert codes == ["0x801C03EA"] * 4 + ["0x81039001"]
        assert {tuple(reasons) for code, reasons in await refusals(s)} == {("activation_failed",), ()}
        s.tap.forge = None
        await s.clock.sleep(timedelta(minutes=5))
        assert (await s.technician(retries=1)).ending.kind is RESEALED


# --- who and where ------------------------------------------------------------------------------------------


@virtual
async def test_autopilot_135_the_technician_needs_no_account_and_learns_no_more_than_the_users_name() -> None:
    async with stage(
        assigned="adele",
        apps=[app("Agent"), app("Notes", context="user", to=USERS)],
        policies=[policy("Home", HOME_PAGES, "<https://intranet>", USERS)],
    ) as s:
        visit = await s.technician()
        assert visit.ending.kind is RESEALED
        signed_in = [path for path in s.paths() if path.startswith("POST") and path.endswith("/authorize")]
        assert signed_in == []
        assert visit.ending.kind is RESEALED
        everything = repr(visit.seen) + repr([each.answer for each in s.wire])
        assert "adele@contoso.example" in everything
        for private in ("Adele Vance", "Vance", "diego", "Siciliani", "Engineering", "intranet"):
            assert private not in everything
        assert s.evidence.users == ()


@virtual
async def test_autopilot_136_a_wire_asks_nothing() -> None:
    async with stage(profile={"locale": "en-US"}) as s:
        visit = await s.technician()
        assert visit.screens == [
            ScreenId.STARTING,
            ScreenId.CHECKING,
            ScreenId.SIGN_IN,
            ScreenId.PROVISIONING_CHOICE,
            ScreenId.CONFIGURATION,
            ScreenId.STATUS_PAGE,
            ScreenId.GREEN,
        ]


@virtual
async def test_autopilot_136_wifi_asks_region_keyboards_and_network() -> None:
    async with stage(profile={"locale": "en-US"}, cable=False, access_points=AIR) as s:
        visit = await s.technician(
            wifi=OFFICE,
            press_on=ScreenId.SIGN_IN,
            script={ScreenId.NETWORK: [connect("Contoso Office", "wrong"), connect(*OFFICE)]},
        )
        assert visit.ending.kind is RESEALED
        assert visit.screens[1:6] == [
            ScreenId.REGION,
            ScreenId.KEYBOARD,
            ScreenId.SECOND_KEYBOARD,
            ScreenId.NETWORK,
            ScreenId.CHECKING,
        ]
        networks = visit.pages(ScreenId.NETWORK)[-1]
        assert networks.notice.startswith("Can't connect to Contoso Office")


@virtual
async def test_autopilot_137_the_device_takes_its_name_at_once_and_restarts_once() -> None:
    async with stage(profile={"deviceNameTemplate": "CON-%RAND:5%"}) as s:
        visit = await s.technician()
        assert visit.ending.kind is RESEALED
        assert visit.screens[4:] == [
            ScreenId.CONFIGURATION,
            ScreenId.RESTARTING,
            ScreenId.STARTING,
            ScreenId.CHECKING,
            ScreenId.STATUS_PAGE,
            ScreenId.GREEN,
        ]
        assert len(s.heard("machine.started")) == 2
        name = s.heard("machine.renamed")[0]["name"]
        assert name.startswith("CON-")
        assert len(name) == 9
        assert name[4:].isdigit()
        assert s.laptop.name == s.value("./DevDetail/Ext/Microsoft/DNSComputerName") == name
        assert (await s.registration())["device"]["displayName"] == name
        assert (await s.row()).device_name == name
        assert (await s.user()).last(ScreenId.DESKTOP).detail("name") == name
        assert len(s.heard("machine.renamed")) == 1


# --- what is delivered --------------------------------------------------------------------------------------


@virtual
async def test_autopilot_138_two_phases_run_and_account_setup_does_not_begin() -> None:
    async with stage(
        apps=[app("Agent"), app("Notes", context="user", to=USERS)],
        policies=[policy("Lock", LOCK, 10), policy("Home", HOME_PAGES, "<https://intranet>", USERS)],
    ) as s:
        visit = await s.technician()
        for page in visit.pages(ScreenId.STATUS_PAGE):
            account = page.section("account")
            assert account is not None
            assert account.state is Progress.NOT_STARTED
        last = visit.last(ScreenId.STATUS_PAGE)
        states = {section.name: section.state for section in last.sections}
        assert states == {
            "preparation": Progress.SUCCEEDED,
            "device": Progress.SUCCEEDED,
            "account": Progress.NOT_STARTED,
        }
        assert {*(await s.standing()).phases} == {0}
        assert not [each for each in s.sessions() if b"./User/" in each.answer]
        row = await s.row()
        assert (row.device_setup, row.account_setup) == (Status.SUCCESS, Status.NOT_ATTEMPTED)


@virtual
async def test_autopilot_139_green_means_that_everything_for_the_device_is_in_place() -> None:
    async with stage(
        apps=[app("Agent", minutes=3), app("Reader", minutes=1)],
        policies=[policy("Lock", LOCK, 10), policy("Firewall", FIREWALL, value=True)],
        certificates=[certificate("Root")],
        wifi=[wifi("Office")],
    ) as s:
        visit = await s.technician(script={ScreenId.GREEN: [Action.POWER_OFF]})
        assert visit.screens[-1] is ScreenId.GREEN
        assert (s.value(LOCK), s.value(FIREWALL)) == ("10", "true")
        assert "<WLANProfile" in str(s.value("WiFi/Profile/Contoso%20Office/WlanXml"))
        assert (s.installed("Agent"), s.installed("Reader")) == (1, 1)
        assert await s.shortcomings(Outcome.GREEN) == []


FIREWALL = "Firewall/MdmStore/PublicProfile/EnableFirewall"


@virtual
async def test_autopilot_140_policy_for_the_user_is_not_applied() -> None:
    async with stage(
        assigned="adele", policies=[policy("Home", HOME_PAGES, "<https://intranet>", USERS)]
    ) as s:
        await s.technician()
        assert s.evidence.users == ()
        assert s.value(HOME_PAGES, "adele") in {404, 405}
        await s.user("adele")
        assert s.value(HOME_PAGES, "adele") == "<https://intranet>"


# --- green and red ------------------------------------------------------------------------------------------


@virtual
async def test_autopilot_142_green_shows_the_same_and_the_time_it_took_and_reseal_switches_off() -> None:
    async with stage(assigned="adele", apps=[app("Agent", minutes=8)], quirks=()) as s:
        visit = await s.technician()
        before, green = visit.last(ScreenId.CONFIGURATION), visit.last(ScreenId.GREEN)
        assert facts(green) == {**facts(before), "elapsed": "0:08:00"}
        assert green.qr == before.qr
        assert green.offers(Action.RESEAL)
        assert visit.ending.kind is RESEALED
        assert s.told[-2][1:] == ("machine.stopped", {})
        assert (await s.story()).state is State.RESEALED
        assert (await s.blockers())[-1].kind is BlockerKind.DELIVERY


@virtual
async def test_autopilot_143_red_shows_the_same_the_error_the_time_and_the_ways_out() -> None:
    esp = {"installProgressTimeoutInMinutes": 4}
    async with stage(assigned="adele", esp=esp, apps=[app("Agent", minutes=9)], quirks=()) as s:
        visit = await s.technician()
        before, red = visit.last(ScreenId.CONFIGURATION), visit.last(ScreenId.RED)
        assert facts(red) == {**facts(before), "elapsed": "0:04:00"}
        assert red.qr == before.qr
        assert red.code == "0x800705B4"
        assert {Action.RETRY, Action.RESET, Action.COLLECT_LOGS} <= {*red.actions}
        assert (await s.story()).state is State.RED


def counts(s: Stage, since: timedelta = timedelta(0)) -> dict[str, int]:
    """How often the steps of device preparation were carried out."""
    paths = s.paths(since)
    steps = {
        "join": "POST /runtime/v1/join",
        "enrol": "POST /EnrollmentServer/Enrollment.svc",
        "attest": "POST /runtime/v1/attestation",
    }
    return {name: paths.count(path) for name, path in steps.items()}


@virtual
async def test_autopilot_144_retry_after_a_cured_network_repeats_nothing_that_is_done() -> None:
    esp = {"installProgressTimeoutInMinutes": 10}
    apps = [app("Agent", minutes=2), app("Reader", minutes=3)]
    async with stage(esp=esp, apps=apps, policies=[policy("Lock", LOCK, 10)], quirks=()) as s:
        reds: list[bool] = []

        def unplug(screen: Screen) -> None:
            if "(1 of 2 installed)" in repr(screen) and not reds:
                s.link.cable = False

        async def plug() -> None:
            reds.append(True)
            s.link.cable = True

        visit = await s.technician(meanwhile=unplug, before={ScreenId.RED: [plug]}, retries=1)
        assert visit.last(ScreenId.RED).code == "0x800705B4"
        assert visit.ending.kind is RESEALED
        assert counts(s)["join"] == counts(s)["enrol"] == 1
        assert (s.installed("Agent"), s.attempts("Agent")) == (1, 1)
        assert (s.installed("Reader"), s.value(LOCK)) == (1, "10")
        row = await s.row()
        assert (row.state, row.device_setup) == (Status.IN_PROGRESS, Status.SUCCESS)
        assert len((await s.standing()).rows) == 1


@virtual
async def test_autopilot_145_reset_begins_anew_and_attests_again() -> None:
    esp = {"installProgressTimeoutInMinutes": 4}
    async with stage(esp=esp, apps=[app("Agent", minutes=9)], quirks=()) as s:

        async def cure() -> None:
            await s.apply(enrollmentStatusPages=[{**PAGE, "installProgressTimeoutInMinutes": 30}])

        visit = await s.technician(before={ScreenId.RED: [cure]}, resets=1)
        shown = visit.screens
        again = shown[shown.index(ScreenId.RED) + 1 :]
        assert again == [ScreenId.RESTARTING, *WAY_TO_GREEN]
        assert visit.ending.kind is RESEALED
        assert (counts(s)["join"], counts(s)["enrol"]) == (2, 2)
        assert len(s.heard("tpm.attested")) == 2
        assert s.installed("Agent") == 1
        first, second = [story for story, _ in (await s.standing()).stories]
        assert (first.state, second.state) == (State.ENDED, State.RESEALED)


PAGE = {
    "name": "Page",
    "showInstallationProgress": True,
    "allowDeviceResetOnInstallFailure": True,
    "assign": [{"all": "devices"}],
}
WAY_TO_GREEN = [
    ScreenId.STARTING,
    ScreenId.CHECKING,
    ScreenId.SIGN_IN,
    ScreenId.PROVISIONING_CHOICE,
    ScreenId.CONFIGURATION,
    ScreenId.STATUS_PAGE,
    ScreenId.GREEN,
]


@virtual
async def test_autopilot_146_the_report_names_this_kind_of_join() -> None:
    async with stage() as s:
        await s.technician()
        assert (await s.row()).enrolment_type is EnrolmentType.TECHNICIAN
        await s.user()
        assert (await s.row()).enrolment_type is EnrolmentType.TECHNICIAN
        assert EnrolmentType.TECHNICIAN.value == "azureADJoinedWithWhiteGlove"
    async with stage() as s:
        await s.user()
        assert (await s.row()).enrolment_type.value == "azureADJoinedWithAutopilotProfile"


@virtual
async def test_autopilot_148_without_a_page_green_warns_how_little_is_proven() -> None:
    async with stage(has_page=False, apps=[app("Agent", minutes=30)]) as s:
        green = (await s.technician()).last(ScreenId.GREEN)
        assert "only the enrolment is proven" in " ".join(green.texts)
        assert s.installed("Agent") == 0
    async with stage() as s:
        green = (await s.technician()).last(ScreenId.GREEN)
        assert "only the enrolment is proven" not in " ".join(green.texts)


# --- what goes wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes, way", [(-10, "slow"), (10, "fast")])
@virtual
async def test_autopilot_149_a_clock_that_is_wrong_is_set_and_that_is_said(minutes: int, way: str) -> None:
    async with stage(skew=timedelta(minutes=minutes)) as s:
        await s.clock.sleep(timedelta(hours=1))  # the server's certificate is older than the laptop's time
        visit = await s.technician()
        said = [page.notice for page in visit.seen if page.notice]
        assert f"The clock of this device was 10 minutes {way}. It has been set." in said
        assert s.heard("clock.set") == [{"seconds": -60 * minutes}]
        assert visit.ending.kind is RESEALED


class PowerCut(BaseException):
    """The cable is pulled out, and there is no battery."""


@virtual
async def test_autopilot_150_after_a_power_loss_the_flow_goes_on() -> None:
    async with stage(apps=[app("Agent", minutes=5), app("Reader", minutes=5)], quirks=()) as s:

        def cut(screen: Screen) -> None:
            if "(1 of 2 installed)" in repr(screen):
                raise PowerCut

        with pytest.raises(PowerCut):
            await s.technician(meanwhile=cut)
        s.disk.power_cut()
        await s.clock.sleep(timedelta(minutes=30))
        visit = await s.technician()
        assert visit.screens == [ScreenId.STARTING, ScreenId.STATUS_PAGE, ScreenId.GREEN]
        assert visit.ending.kind is RESEALED
        assert (s.installed("Agent"), s.installed("Reader")) == (1, 1)
        assert counts(s)["join"] == counts(s)["enrol"] == 1
        assert visit.last(ScreenId.GREEN).detail("elapsed") < "0:20:00"  # it was off in between


async def second_time(s: Stage) -> Visit:
    """The laptop gets a new Windows, and the technician begins again."""
    s.wipe()
    return await s.technician(retries=0)


@pytest.mark.parametrize("cure", ["unblock", "delete"])
@virtual
async def test_autopilot_151_a_second_time_is_refused_until_unblocked_or_deleted(cure: str) -> None:
    async with stage() as s:
        assert (await s.technician()).ending.kind is RESEALED
        blocked = await second_time(s)
        assert (blocked.ending.kind, blocked.ending.code) == (EndingKind.RED, "0x80180014")
        assert "One Time Limit Check" in blocked.last(ScreenId.RED).texts[0]
        enrolment = (await s.standing()).enrolment
        assert enrolment is not None
        if cure == "unblock":
            await s.world.db.write(unblock_enrolment, s.world.tenant, enrolment.id)
        else:
            await s.world.db.write(end_enrolment, s.world.tenant, enrolment.id, "deleted")
        assert (await second_time(s)).ending.kind is RESEALED
        assert (await s.user()).ending.kind is EndingKind.DESKTOP
