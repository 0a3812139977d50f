"""A laptop from its first page to its desktop, against a scripted organisation, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from reseal.device.actor import Actor, Person, Scripted, Technician, power_off, press_windows_key, sign_in
from reseal.device.disk import MemoryDisk
from reseal.device.http import TRIES
from reseal.device.link import PlainAdapters
from reseal.device.screens import Action, Intent, Progress, Screen, ScreenId
from reseal.device.tpm import KEYS
from reseal.device.transport import Failure, Request
from reseal.device.windows import Ending, EndingKind, Laptop
from reseal.kernel.clock import VirtualClock
from reseal.wire.enrolment.faults import ErrorType, Fault, Subcode
from reseal.wire.enrolment.request import ContextName
from reseal.wire.runtime.messages import AssignedUser, Refusal, ReportKind, TicketJoin
from reseal.wire.syncml import LoginStatus
from tests.unit.device.laptops import LAPTOP, laptop, simulated
from tests.unit.device.organisation import (
    ADMINISTRATORS,
    DEVICE,
    HIDDEN,
    HOST,
    REGISTRATION,
    Answer,
    Organisation,
)

S = ScreenId
RESEALED = Ending(EndingKind.POWERED_OFF_RESEALED)
DESKTOP = Ending(EndingKind.DESKTOP)
ADELE = AssignedUser(upn="adele@contoso.test", greeting="Adele", hint="adele@contoso.test")
NOT_ALLOWED = Fault(subcode=Subcode.ENROLLMENT_SERVER, reason="Pre-provisioning is not allowed.")


class Bench:
    """One laptop, one organisation, and whoever is asked to stand before it."""

    def __init__(self, clock: VirtualClock, **settings: Any) -> None:
        self.clock = clock
        self.server = Organisation(clock)
        self.disk = MemoryDisk()
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.settings = settings

    def laptop(self) -> Laptop:
        """The laptop as it is switched on next."""
        return laptop(self.server, self.clock, self.disk, base=HOST, told=self.told, **self.settings)

    async def power_on(self, actor: Actor) -> Ending:
        """Switch it on."""
        return await self.laptop().power_on(actor)

    def names(self, what: str) -> list[dict[str, Any]]:
        """What the device told under a name."""
        return [about for name, about in self.told if name == what]


def played(main: Callable[[Bench], Coroutine[Any, Any, None]], **settings: Any) -> None:
    """Play `main` on a bench of its own."""
    simulated(lambda clock: main(Bench(clock, **settings)))


def adele(**habits: Any) -> Person:
    return Person(**{"upn": "adele@contoso.test", "password": "pw", **habits})


# --- the story ----------------------------------------------------------------------------------------------


def test_a_technician_then_a_user() -> None:
    async def main(bench: Bench) -> None:
        technician, person = Technician(), adele()
        assert await bench.power_on(technician) == RESEALED
        assert technician.screens() == [
            S.STARTING,
            S.CHECKING,
            S.SIGN_IN,
            S.PROVISIONING_CHOICE,
            S.CONFIGURATION,
            S.STATUS_PAGE,
            S.GREEN,
        ]
        assert set(bench.server.logins) == {LoginStatus.OTHERS}
        assert await bench.power_on(person) == DESKTOP
        assert person.screens() == [S.STARTING, S.CHECKING, S.SIGN_IN, S.STATUS_PAGE, S.DESKTOP]
        assert LoginStatus.USER in bench.server.logins
        assert bench.server.count("/runtime/v1/join") == 1
        assert bench.server.count("/EnrollmentServer/Enrollment.svc") == 1
        kinds = [report.kind for report in bench.server.reports]
        assert kinds.count(ReportKind.RESEALED) == kinds.count(ReportKind.DESKTOP) == 1

    played(main)


def test_a_user_alone() -> None:
    async def main(bench: Bench) -> None:
        person = adele()
        assert await bench.power_on(person) == DESKTOP
        join = bench.server.joins[-1]
        assert not isinstance(join, TicketJoin)
        assert join.ticket.startswith(b"run-")
        assert bench.server.tokens_seen[-1].split("|")[1:] == ["adele@contoso.test", str(DEVICE)]
        assert bench.server.context(ContextName.ZERO_TOUCH_PROVISIONING) == str(REGISTRATION)
        preparation = next(each.section("preparation") for each in person.seen if each.sections)
        assert preparation is not None
        assert [line.state for line in preparation.lines[:2]] == [Progress.NOT_REQUIRED, Progress.IN_PROGRESS]

    played(main)


def test_the_technicians_enrolment_names_no_user() -> None:
    async def main(bench: Bench) -> None:
        await bench.power_on(Technician())
        assert bench.server.tokens_seen[-1].split("|")[1:] == ["", str(DEVICE)]
        assert bench.server.context(ContextName.NOT_IN_OOBE) == "false"
        assert bench.server.context(ContextName.ENROLLMENT_TYPE) == "Device"
        assert bench.server.context(ContextName.TARGETED_USER_LOGGED_IN).lower() == "false"

    played(main)


def test_without_reports_the_run_arrives_all_the_same() -> None:
    async def main(bench: Bench) -> None:
        assert await bench.power_on(Technician()) == RESEALED
        assert await bench.power_on(adele()) == DESKTOP
        assert bench.server.count("/runtime/v1/reports") == 0

    played(main, reports=False)


def test_reports_are_numbered_in_each_run() -> None:
    async def main(bench: Bench) -> None:
        bench.server.lost["/runtime/v1/reports"] = 3
        await bench.power_on(Technician())
        numbers = [report.number for report in bench.server.reports]
        assert numbers[0] == 1
        assert all(later in (number + 1, 1) for number, later in pairwise(numbers))

    played(main)


@pytest.mark.parametrize(
    "path",
    [
        "/runtime/v1/profile",
        "/runtime/v1/attestation",
        "/runtime/v1/join",
        "/token",
        "/EnrollmentServer/Discovery.svc",
        "/EnrollmentServer/Enrollment.svc",
        "/ManagementServer/MDM.svc",
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_lost_answers_are_asked_for_again(path: str, times: int) -> None:
    async def main(bench: Bench) -> None:
        bench.server.lost[path] = times
        assert await bench.power_on(Technician()) == RESEALED
        assert len({wish.content for wish in bench.server.wishes}) == 1

    played(main)


@pytest.mark.parametrize("path", ["/authorize", "/token", "/Discover", "/EnrollmentServer/device/"])
def test_lost_answers_of_a_user_too(path: str) -> None:
    async def main(bench: Bench) -> None:
        bench.server.lost[path] = 1
        assert await bench.power_on(adele()) == DESKTOP

    played(main)


@pytest.mark.parametrize("path", ["/authorize", "/token"])
def test_a_server_that_is_busy_while_somebody_signs_in_asks_once_more(path: str) -> None:
    class Restarting(Organisation):
        is_ready = False

        def _answer(self, request: Request, path_: str) -> Answer:
            answer = super()._answer(request, path_)
            if self.is_ready or path_ != path or request.method == "GET":
                return answer
            self.is_ready = True
            return Answer(503, b"<h1>Try later</h1>")

    async def main(bench: Bench) -> None:
        bench.server = Restarting(bench.clock)
        person = adele()
        assert await bench.power_on(person) == DESKTOP
        first, second = (screen for screen in person.seen if screen.id is S.SIGN_IN)
        assert first.notice == ""
        assert "the server answered 503" in second.notice

    played(main)


def test_a_server_that_is_gone_when_the_user_is_asked_for_stops_nobody() -> None:
    class Unlucky(Technician):
        async def act(self, screen: Screen) -> Intent:
            if screen.id is S.PROVISIONING_CHOICE:
                bench_of[0].server.lost["/runtime/v1/profile"] = TRIES
            return await super().act(screen)

    bench_of: list[Bench] = []

    async def main(bench: Bench) -> None:
        bench_of.append(bench)
        bench.server.assigned = ADELE
        bench.server.profile = msgspec.structs.replace(HIDDEN, locale="")
        technician = Unlucky()
        assert await bench.power_on(technician) == RESEALED
        assert S.CONFIGURATION in technician.screens()
        assert [about["code"] for about in bench.names("user.not_learned")] == ["0x80072EFE"]

    played(main)


# --- pages --------------------------------------------------------------------------------------------------

WIFI_PAGES = [S.REGION, S.KEYBOARD, S.SECOND_KEYBOARD, S.NETWORK]


def on_wifi() -> dict[str, Any]:
    return {"adapters": PlainAdapters(cable=False, networks={"office": "secret"})}


def test_a_wifi_run_shows_region_keyboards_and_network_whatever_the_profile_says() -> None:
    async def main(bench: Bench) -> None:
        person = adele(wifi=("office", "secret"))
        assert await bench.power_on(person) == DESKTOP
        assert person.screens()[1:6] == [*WIFI_PAGES, S.CHECKING]

    played(main, **on_wifi())


def test_a_technician_on_wifi_may_press_first() -> None:
    async def main(bench: Bench) -> None:
        technician = Technician(wifi=("office", "secret"))
        assert await bench.power_on(technician) == RESEALED
        shown = technician.screens()
        assert shown[1:3] == [S.REGION, S.PROVISIONING_CHOICE]
        assert [each for each in shown if each in WIFI_PAGES][1:] == WIFI_PAGES
        person = adele(wifi=("office", "secret"))
        assert await bench.power_on(person) == DESKTOP
        assert person.screens()[1:5] == WIFI_PAGES, "what a technician answered is asked again"

    played(main, **on_wifi())


def test_there_is_no_way_past_the_network_page() -> None:
    async def main(bench: Bench) -> None:
        person = adele(wifi=("office", "wrong"))
        assert (await bench.power_on(person)).kind is EndingKind.POWERED_OFF
        assert person.screens()[-1] is S.NETWORK
        assert "office" in person.seen[-1].notice
        plugs = adele()
        assert await bench.power_on(plugs) == DESKTOP

    played(main, **on_wifi())


@pytest.mark.parametrize(
    "changes, pages",
    [
        ({}, []),
        ({"eula_hidden": False}, [S.LICENCE_TERMS]),
        ({"privacy_hidden": False}, [S.PRIVACY]),
        ({"keyboard_skipped": False}, WIFI_PAGES[:3]),
        ({"locale": ""}, [S.LANGUAGE, *WIFI_PAGES[:3]]),
        ({"locale": "os-default"}, []),
    ],
)
def test_on_a_wire_the_profile_says_which_pages_are_shown(
    changes: dict[str, Any], pages: list[ScreenId]
) -> None:
    async def main(bench: Bench) -> None:
        bench.server.profile = msgspec.structs.replace(HIDDEN, **changes)
        person = adele()
        assert await bench.power_on(person) == DESKTOP
        asked = {S.LANGUAGE, *WIFI_PAGES, S.LICENCE_TERMS, S.PRIVACY}
        assert [each for each in person.screens() if each in asked] == pages

    played(main)


def test_privacy_comes_when_the_accounts_set_up_begins() -> None:
    async def main(bench: Bench) -> None:
        bench.server.profile = msgspec.structs.replace(HIDDEN, privacy_hidden=False)
        person = adele()
        await bench.power_on(person)
        screens = person.screens()
        at = screens.index(S.PRIVACY)
        assert screens[at - 1 : at + 2] == [S.STATUS_PAGE, S.PRIVACY, S.STATUS_PAGE]

    played(main)


def test_a_chosen_language_is_that_of_all_pages() -> None:
    async def main(bench: Bench) -> None:
        bench.server.profile = msgspec.structs.replace(HIDDEN, locale="")
        person = adele(language="de-DE")
        await bench.power_on(person)
        assert person.last(S.SIGN_IN).language == "de-DE"
        assert bench.server.context(ContextName.LOCALE) == "de-DE"
        assert person.last(S.REGION).fields[0].value == "DE"

    played(main)


def test_an_unregistered_device_learns_of_no_organisation() -> None:
    async def main(bench: Bench) -> None:
        bench.server.registered = False
        person = adele()
        ending = await bench.power_on(person)
        assert (ending.kind, ending.code) == (EndingKind.ERROR, "807")
        pages = [S.LANGUAGE, *WIFI_PAGES[:3], S.LICENCE_TERMS]
        assert person.screens() == [S.STARTING, S.CHECKING, *pages, S.ERROR]
        assert not any("Contoso" in str(screen) for screen in person.seen)

    played(main)


def test_the_sign_in_page_is_the_servers_own() -> None:
    async def main(bench: Bench) -> None:
        bench.server.assigned, bench.server.tells_user = ADELE, True
        person = adele(upn="whoever@contoso.test")
        assert await bench.power_on(person) == DESKTOP
        page = person.last(S.SIGN_IN)
        assert page.title == "Sign in to Contoso"
        assert "Call 555 for help." in page.texts
        assert page.detail("logo") == f"{HOST}/logo.png"
        assert page.detail("greeting") == "Adele"
        user = page.field("user")
        assert user is not None
        assert (user.value, user.fixed) == ("adele@contoso.test", True)

    played(main)


def greeted(person: Person) -> list[tuple[str, str]]:
    """Who was greeted on the sign-in pages, and the name that stood there."""
    pages = [screen for screen in person.seen if screen.id is S.SIGN_IN]
    names = [field.value for page in pages if (field := page.field("user")) is not None]
    return list(zip([page.detail("greeting") for page in pages], names, strict=True))


def test_after_a_reset_the_sign_in_page_knows_the_user_again() -> None:
    async def main(bench: Bench) -> None:
        bench.server.assigned, bench.server.fault = ADELE, NOT_ALLOWED

        class Resets(Person):
            async def act(self, screen: Screen) -> Intent:
                intent = await Person.act(self, screen)
                if intent.action is Action.RESET:
                    bench.server.fault = None
                return intent

        person = Resets(upn="adele@contoso.test", password="pw", resets=1)
        assert await bench.power_on(person) == DESKTOP
        assert greeted(person) == [("Adele", "adele@contoso.test")] * 2

    played(main)


def test_after_a_sign_in_page_that_failed_the_next_one_knows_the_user_too() -> None:
    async def main(bench: Bench) -> None:
        bench.server.assigned = ADELE
        bench.server.refused["/authorize"] = Refusal(code="", message="Not now.")

        class Cures(Person):
            async def act(self, screen: Screen) -> Intent:
                intent = await Person.act(self, screen)
                if intent.action is Action.RETRY:
                    bench.server.refused.clear()
                return intent

        person = Cures(upn="adele@contoso.test", password="pw", retries=1)
        assert await bench.power_on(person) == DESKTOP
        assert greeted(person) == [("Adele", "adele@contoso.test")]
        assert bench.server.tickets == 2, "the TPM is proven once for each profile that was fetched"

    played(main)


def test_a_device_for_nobody_proves_its_tpm_once_for_a_sign_in_page_that_comes_again() -> None:
    async def main(bench: Bench) -> None:
        cancelled = [*[press_windows_key()] * 5, sign_in("adele@contoso.test", "pw")]
        actor = Scripted(adele(), {S.SIGN_IN: cancelled, S.PROVISIONING_CHOICE: [Intent(Action.CANCEL)]})
        assert await bench.power_on(actor) == DESKTOP
        assert bench.server.tickets == 1

    played(main)


def test_a_wrong_password_says_why_and_may_be_corrected() -> None:
    async def main(bench: Bench) -> None:
        wrong = [sign_in("adele@contoso.test", "wrong")] * 2
        person = adele(attempts=9)
        assert await bench.power_on(Scripted(person, {S.SIGN_IN: wrong})) == DESKTOP
        pages = [screen for screen in person.seen if screen.id is S.SIGN_IN]
        assert [page.code for page in pages] == ["", "AADSTS50126", "AADSTS50126"]
        assert pages[1].notice == "Your account or password is incorrect."

    played(main)


# --- five presses and the configuration page ----------------------------------------------------------------


@pytest.mark.parametrize("presses, opens", [(5, True), (4, False)])
def test_five_presses_open_the_choice(presses: int, opens: bool) -> None:
    async def main(bench: Bench) -> None:
        technician = Technician(presses=presses)
        await bench.power_on(technician)
        assert (S.PROVISIONING_CHOICE in technician.screens()) is opens

    played(main)


@pytest.mark.parametrize("page", [S.LANGUAGE, S.REGION, S.KEYBOARD, S.LICENCE_TERMS, S.SIGN_IN])
def test_they_open_it_from_every_page_before_the_sign_in(page: ScreenId) -> None:
    async def main(bench: Bench) -> None:
        bench.server.profile = msgspec.structs.replace(
            HIDDEN, locale="", eula_hidden=False, keyboard_skipped=False
        )
        technician = Technician(press_on=page)
        assert await bench.power_on(technician) == RESEALED
        screens = technician.screens()
        assert screens[screens.index(S.PROVISIONING_CHOICE) - 1] is page

    played(main)


def test_presses_that_come_too_slowly_do_not_count() -> None:
    async def main(bench: Bench) -> None:
        slow = Technician(clock=bench.clock, pace=timedelta(seconds=1.3))
        await bench.power_on(slow)
        assert S.PROVISIONING_CHOICE not in slow.screens()
        quick = Technician(clock=bench.clock, pace=timedelta(seconds=1.2))
        assert await bench.power_on(quick) == RESEALED

    played(main)


def test_after_the_technician_the_key_opens_nothing() -> None:
    async def main(bench: Bench) -> None:
        await bench.power_on(Technician())
        person = adele()
        presses = [press_windows_key()] * 5
        assert await bench.power_on(Scripted(person, {S.SIGN_IN: presses})) == DESKTOP
        assert not person.last(S.SIGN_IN).offers(Action.PRESS_WINDOWS_KEY)
        assert S.PROVISIONING_CHOICE not in person.screens()

    played(main)


def test_cancel_leads_back_to_where_the_person_was() -> None:
    async def main(bench: Bench) -> None:
        person = adele()
        script = {S.SIGN_IN: [press_windows_key()] * 5, S.PROVISIONING_CHOICE: [Intent(Action.CANCEL)]}
        assert await bench.power_on(Scripted(person, script)) == DESKTOP
        screens = person.screens()
        assert screens[screens.index(S.PROVISIONING_CHOICE) + 1] is S.SIGN_IN

    played(main)


def test_the_configuration_page_says_what_will_be_and_for_whom() -> None:
    async def main(bench: Bench) -> None:
        bench.server.assigned = ADELE
        technician = Technician()
        await bench.power_on(technician)
        page = technician.last(S.CONFIGURATION)
        assert [page.detail(name) for name in ("organisation", "profile", "user")] == [
            "Contoso",
            "Sales",
            "adele@contoso.test",
        ]
        code = msgspec.json.decode(page.qr)
        assert code["ZtdId"] == code["Id"] == code["BlockSequence"]["ZtdId"] == str(REGISTRATION)
        assert code["SerialNumber"] == LAPTOP.serial

    played(main)


def test_refresh_shows_what_was_changed_without_a_restart() -> None:
    async def main(bench: Bench) -> None:
        class Waits(Technician):
            async def act(self, screen: Any) -> Intent:
                intent = await Technician.act(self, screen)
                if intent.action is Action.REFRESH:
                    bench.server.profile = msgspec.structs.replace(HIDDEN, name="Service")
                    bench.server.assigned = ADELE
                return intent

        technician = Waits(refreshes=1)
        assert await bench.power_on(technician) == RESEALED
        pages = [each for each in technician.seen if each.id is S.CONFIGURATION]
        assert [page.detail("profile") for page in pages] == ["Sales", "Service"]
        assert [page.detail("user") for page in pages] == ["", "adele@contoso.test"]
        assert len(bench.names("machine.started")) == 1

    played(main)


def test_a_users_device_has_its_name_when_it_joins() -> None:
    async def main(bench: Bench) -> None:
        bench.server.profile = msgspec.structs.replace(HIDDEN, device_name="SALES-0007")
        person = adele()
        assert await bench.power_on(person) == DESKTOP
        assert S.RESTARTING not in person.screens()
        assert bench.server.context(ContextName.DEVICE_NAME) == "SALES-0007"
        assert person.seen[-1].detail("name") == "SALES-0007"

    played(main)


def test_a_device_is_renamed_at_once_after_provision_and_restarts_once() -> None:
    async def main(bench: Bench) -> None:
        bench.server.profile = msgspec.structs.replace(HIDDEN, device_name="SALES-0007")
        technician = Technician()
        assert await bench.power_on(technician) == RESEALED
        screens = technician.screens()
        at = screens.index(S.RESTARTING)
        assert (screens[at - 1], screens[at + 1 : at + 4]) == (
            S.CONFIGURATION,
            [S.STARTING, S.CHECKING, S.STATUS_PAGE],
        )
        assert screens.count(S.RESTARTING) == 1
        assert bench.server.context(ContextName.DEVICE_NAME) == "SALES-0007"
        assert bench.laptop().name == "SALES-0007"
        person = adele()
        assert await bench.power_on(person) == DESKTOP
        assert S.RESTARTING not in person.screens()

    played(main)


# --- green and red ------------------------------------------------------------------------------------------


def test_the_green_page_repeats_the_facts_and_the_time_that_passed() -> None:
    async def main(bench: Bench) -> None:
        bench.server.profile = msgspec.structs.replace(HIDDEN, device_name="SALES-0007")
        technician = Technician()
        await bench.power_on(technician)
        page = technician.last(S.GREEN)
        assert page.detail("organisation") == "Contoso"
        assert page.detail("elapsed") == "0:00:40", "the restart counts"
        assert page.offers(Action.RESEAL)
        assert not any("switched off: only" in text for text in page.texts)

    played(main)


def test_without_a_status_page_green_warns_that_only_enrolment_is_proven() -> None:
    async def main(bench: Bench) -> None:
        bench.server.shows_pages = bench.server.releases_device = False
        technician = Technician()
        assert await bench.power_on(technician) == RESEALED
        assert any("only the enrolment is proven" in text for text in technician.last(S.GREEN).texts)

    played(main)


def test_green_stays_until_somebody_reseals() -> None:
    async def main(bench: Bench) -> None:
        assert (await bench.power_on(Technician(reseals=False))).kind is EndingKind.POWERED_OFF
        again = Technician()
        assert await bench.power_on(again) == RESEALED
        assert again.screens() == [S.STARTING, S.GREEN]

    played(main)


def test_a_device_without_tpm_is_red_with_a_time_out() -> None:
    async def main(bench: Bench) -> None:
        technician = Technician()
        ending = await bench.power_on(technician)
        assert (ending.kind, ending.code) == (EndingKind.RED, "0x800705B4")
        page = technician.last(S.RED)
        preparation = page.section("preparation")
        assert preparation is not None
        assert [(line.title, line.state) for line in preparation.lines][:2] == [
            ("Securing your hardware", Progress.FAILED),
            ("Joining your organization's network", Progress.NOT_STARTED),
        ]
        assert {line.text for line in preparation.lines[1:]} == {"Previous step failed"}
        assert page.detail("elapsed") == "0:02:00"

    played(main, with_tpm=False)


def test_a_refused_tpm_is_red_with_the_servers_reason() -> None:
    async def main(bench: Bench) -> None:
        refusal = Refusal(code="0x801C03EA", message="The TPM is virtual.", remedy="Use another.")
        bench.server.refused["/runtime/v1/attestation"] = refusal
        technician = Technician()
        ending = await bench.power_on(technician)
        assert (ending.kind, ending.code) == (EndingKind.RED, "0x801C03EA")
        said, remedy = technician.last(S.RED).texts
        assert said == ending.message
        assert said.startswith("The TPM is virtual. The TPM may be another one than")
        assert remedy == "Use another."

    played(main)


@pytest.mark.parametrize(
    "fault, code",
    [
        (NOT_ALLOWED, "0x80180005"),
        (replace(NOT_ALLOWED, error_type=ErrorType.DEVICE_NOT_SUPPORTED), "0x80180014"),
        (replace(NOT_ALLOWED, error_type=ErrorType.USER_LICENSE), "0x80180018"),
        (replace(NOT_ALLOWED, subcode=Subcode.AUTHORIZATION), "0x80180003"),
    ],
)
def test_a_fault_of_enrolment_shows_as_windows_shows_it(fault: Fault, code: str) -> None:
    async def main(bench: Bench) -> None:
        bench.server.fault = fault
        technician = Technician()
        ending = await bench.power_on(technician)
        assert (ending.kind, ending.code) == (EndingKind.RED, code)
        preparation = technician.last(S.RED).section("preparation")
        assert preparation is not None
        states = [line.state for line in preparation.lines]
        assert states == [Progress.SUCCEEDED, Progress.SUCCEEDED, Progress.FAILED, Progress.NOT_STARTED]

    played(main)


def test_retry_goes_on_where_it_failed() -> None:
    async def main(bench: Bench) -> None:
        bench.server.fault = NOT_ALLOWED
        assert (await bench.power_on(Technician())).kind is EndingKind.RED
        bench.server.fault = None
        joins, tickets = bench.server.count("/runtime/v1/join"), bench.server.tickets
        again = Technician(retries=1)
        assert await bench.power_on(again) == RESEALED
        assert again.screens()[:2] == [S.STARTING, S.RED]
        assert (bench.server.count("/runtime/v1/join"), bench.server.tickets) == (joins, tickets)

    played(main)


def test_a_network_that_is_gone_is_red_and_retry_cures_it() -> None:
    async def main(bench: Bench) -> None:
        class Trips(Technician):
            async def act(self, screen: Any) -> Intent:
                intent = await Technician.act(self, screen)
                if intent.action is Action.PROVISION:
                    bench.server.trouble = Failure.CUT
                if intent.action is Action.RETRY:
                    bench.server.trouble = None
                return intent

        technician = Trips(retries=1)
        assert await bench.power_on(technician) == RESEALED
        assert technician.last(S.RED).code == "0x80072EFE"

    played(main)


def test_reset_starts_over_and_attests_again() -> None:
    async def main(bench: Bench) -> None:
        bench.server.releases_device = False
        bench.server.time_out = 1
        technician = Technician(resets=1)

        class Cures(Scripted):
            async def act(self, screen: Any) -> Intent:
                intent = await Scripted.act(self, screen)
                if intent.action is Action.RESET:
                    bench.server.releases_device = True
                return intent

        before = None
        module = bench.laptop()
        assert module.membership is None
        ending = await bench.power_on(Cures(technician, {}))
        assert ending == RESEALED
        assert bench.server.tickets >= 2
        assert len({wish.content for wish in bench.server.wishes}) == 2, "another key after the reset"
        assert bench.disk.read("tpm/attestation-key") != before
        screens = technician.screens()
        assert screens[screens.index(S.RED) : screens.index(S.RED) + 4] == [
            S.RED,
            S.RESTARTING,
            S.STARTING,
            S.CHECKING,
        ]

    played(main)


def test_a_reset_keeps_the_machine_and_nothing_else() -> None:
    async def main(bench: Bench) -> None:
        bench.server.fault = NOT_ALLOWED
        actor = Scripted(Technician(resets=1), {S.SIGN_IN: [*[press_windows_key()] * 5, power_off()]})
        assert (await bench.power_on(actor)).kind is EndingKind.POWERED_OFF
        names = bench.disk.names()
        assert all(name.startswith(("tpm/", "firmware/", "hardware.json", "windows/")) for name in names)
        assert not any(name.startswith(KEYS) or "membership" in name or "mdm" in name for name in names)
        assert "tpm/endorsement-key" in names

    played(main, learns_user=False)


# --- the status page ----------------------------------------------------------------------------------------


def test_a_page_that_is_never_released_is_red_when_its_time_is_over() -> None:
    async def main(bench: Bench) -> None:
        bench.server.releases_device = False
        technician = Technician()
        ending = await bench.power_on(technician)
        assert (ending.kind, ending.code) == (EndingKind.RED, "0x800705B4")
        assert technician.last(S.RED).detail("elapsed") == "1:00:00"

    played(main)


def test_a_wall_clock_that_jumps_a_year_ends_no_page_early() -> None:
    async def main(bench: Bench) -> None:
        bench.server.releases_device = False

        async def jump() -> None:
            await bench.clock.sleep(timedelta(minutes=20))
            bench.clock._skew = timedelta(days=365)

        jumping = asyncio.get_running_loop().create_task(jump())
        technician = Technician()
        await bench.power_on(technician)
        await jumping
        assert technician.last(S.RED).detail("elapsed") == "1:00:00"

    played(main)


def test_a_user_page_that_fails_offers_what_the_profile_allows() -> None:
    async def main(bench: Bench) -> None:
        bench.server.releases_user = False
        person = adele()
        ending = await bench.power_on(person)
        assert (ending.kind, ending.code) == (EndingKind.ERROR, "0x800705B4")
        page = person.seen[-1]
        assert page.id is S.STATUS_PAGE
        assert page.actions[:2] == (Action.RETRY, Action.RESET)
        assert not page.offers(Action.CONTINUE_ANYWAY)
        assert page.texts[0].startswith("Setup could not be completed.")
        account = page.section("account")
        assert account is not None
        assert account.title == "Account setup"

    played(main)


def test_try_again_begins_the_page_anew_and_continue_anyway_leaves_it() -> None:
    async def main(bench: Bench) -> None:
        bench.server.buttons = type(bench.server.buttons)(7)
        bench.server.releases_user = False
        person = adele(retries=1, leaves=True)
        assert await bench.power_on(person) == DESKTOP
        kinds = [report.kind for report in bench.server.reports]
        assert kinds.count(ReportKind.RETRY) == kinds.count(ReportKind.LEFT_PAGE) == 1
        assert bench.clock.monotonic() >= timedelta(hours=2)

    played(main)


def test_who_continues_anyway_after_the_device_phase_is_logged_on() -> None:
    async def main(bench: Bench) -> None:
        bench.server.buttons = type(bench.server.buttons)(4)
        bench.server.releases_device = False

        class Stays(Person):
            async def act(self, screen: Any) -> Intent:
                intent = await Person.act(self, screen)
                if screen.id is S.DESKTOP:
                    await bench.clock.sleep(timedelta(minutes=5))
                return intent

        person = Stays(upn="adele@contoso.test", password="pw", leaves=True)
        assert await bench.power_on(person) == DESKTOP
        assert bench.server.logins[-1] is LoginStatus.USER
        assert person.seen[-1].detail("user") == "adele@contoso.test"
        assert await bench.power_on(adele()) == DESKTOP, "the page does not come back"

    played(main)


def test_a_page_that_does_not_block_may_be_left_at_any_time() -> None:
    async def main(bench: Bench) -> None:
        bench.server.buttons = type(bench.server.buttons)(0)
        bench.server.releases_device = bench.server.releases_user = False

        class Impatient(Person):
            async def watch(self, screen: Any) -> Intent | None:
                await Person.watch(self, screen)
                return Intent(Action.CONTINUE_ANYWAY) if screen.offers(Action.CONTINUE_ANYWAY) else None

        person = Impatient(upn="adele@contoso.test", password="pw")
        assert await bench.power_on(person) == DESKTOP
        assert bench.clock.monotonic() < timedelta(minutes=5)

    played(main)


# --- users --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("standard", [True, False])
def test_the_first_user_is_administrator_if_the_profile_says_so(standard: bool) -> None:
    async def main(bench: Bench) -> None:
        bench.server.profile = msgspec.structs.replace(HIDDEN, standard_user=standard)
        await bench.power_on(Technician())
        await bench.power_on(adele())
        member = bench.laptop().membership
        assert member is not None
        own = set(member.administrators) - set(ADMINISTRATORS)
        assert len(own) == (0 if standard else 1)
        assert all(sid.startswith("S-1-12-1-") for sid in own)

    played(main)


def test_a_second_user_signs_in_on_the_lock_screen() -> None:
    async def main(bench: Bench) -> None:
        bench.server.passwords["bianca@contoso.test"] = "pw2"
        assert await bench.power_on(adele()) == DESKTOP
        bianca = Person(upn="bianca@contoso.test", password="pw2")
        assert await bench.power_on(bianca) == DESKTOP
        assert bianca.screens()[:2] == [S.STARTING, S.LOCK]
        assert bianca.seen[-1].detail("user") == "bianca@contoso.test"
        assert bench.server.count("/EnrollmentServer/device/") == 1

    played(main)


@pytest.mark.parametrize("technicians", [True, False])
def test_outside_of_the_mdm_scope_the_device_joins_and_says_why_no_more(technicians: bool) -> None:
    async def main(bench: Bench) -> None:
        bench.server.in_mdm_scope = False
        ending = await bench.power_on(Technician() if technicians else adele())
        assert ending.code == "0x8018002B"
        assert "scope" in ending.message
        assert bench.laptop().membership is not None

    played(main)


def test_a_user_who_may_not_join_is_told_so() -> None:
    async def main(bench: Bench) -> None:
        bench.server.refused["join"] = Refusal(code="801c0003", message="Too many devices.", remedy="Fewer.")
        person = adele()
        ending = await bench.power_on(person)
        assert ending == Ending(EndingKind.ERROR, "0x801C0003", "Too many devices.")
        assert person.last(S.ERROR).texts == ("Too many devices.", "Fewer.")

    played(main)


def test_after_an_error_retry_does_not_ask_who_has_signed_in() -> None:
    async def main(bench: Bench) -> None:
        bench.server.fault = NOT_ALLOWED

        class Cures(Person):
            async def act(self, screen: Any) -> Intent:
                intent = await Person.act(self, screen)
                if intent.action is Action.RETRY:
                    bench.server.fault = None
                return intent

        person = Cures(upn="adele@contoso.test", password="pw", retries=1)
        assert await bench.power_on(person) == DESKTOP
        assert person.screens().count(S.SIGN_IN) == 1

    played(main)


# --- the clock ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes, word", [(10, "slow"), (-10, "fast")])
def test_a_clock_that_is_ten_minutes_wrong_is_set_and_that_is_said(minutes: int, word: str) -> None:
    async def main(bench: Bench) -> None:
        bench.server.ahead = timedelta(minutes=minutes)
        technician = Technician()
        assert await bench.power_on(technician) == RESEALED
        notices = [screen.notice for screen in technician.seen if screen.notice]
        assert f"The clock of this device was 10 minutes {word}." in notices[0]
        assert len(bench.names("clock.set")) == 1, "it stays set"

    played(main)


# --- what management asks for -------------------------------------------------------------------------------


def test_a_restart_that_management_asks_for_costs_the_user_a_second_sign_in() -> None:
    async def main(bench: Bench) -> None:
        bench.server.restarts = 1
        person = adele()
        assert await bench.power_on(person) == DESKTOP
        screens = person.screens()
        assert screens.count(S.RESTARTING) == 1
        at = screens.index(S.RESTARTING)
        assert screens[at - 1] is S.STATUS_PAGE
        assert screens[at + 1 : at + 5] == [S.STARTING, S.CHECKING, S.SIGN_IN, S.STATUS_PAGE]
        assert bench.server.count("/EnrollmentServer/Enrollment.svc") == 1

    played(main)


def test_a_restart_in_the_technician_flow_goes_on_by_itself() -> None:
    async def main(bench: Bench) -> None:
        bench.server.restarts = 1
        technician = Technician()
        assert await bench.power_on(technician) == RESEALED
        screens = technician.screens()
        at = screens.index(S.RESTARTING)
        assert screens[at : at + 4] == [S.RESTARTING, S.STARTING, S.STATUS_PAGE, S.GREEN]
        assert technician.last(S.GREEN).detail("elapsed") == "0:00:40"

    played(main)


def test_a_device_that_restarts_for_ever_ends_red() -> None:
    async def main(bench: Bench) -> None:
        bench.server.restarts = 99
        ending = await bench.power_on(Technician())
        assert (ending.kind, ending.code) == (EndingKind.RED, "0x80004005")
        assert "12 times" in ending.message

    played(main)


def test_hello_is_offered_after_the_status_page_if_a_policy_asks() -> None:
    async def main(bench: Bench) -> None:
        bench.server.asks_for_hello = True
        person = adele()
        assert await bench.power_on(person) == DESKTOP
        assert person.screens()[-3:] == [S.STATUS_PAGE, S.HELLO, S.DESKTOP]

    played(main)


def test_an_enrolment_that_the_server_ends_is_an_error_and_retry_enrols_anew() -> None:
    async def main(bench: Bench) -> None:
        bench.server.releases_device = False
        bench.server.unenrols = 1

        class Cures(Technician):
            async def act(self, screen: Any) -> Intent:
                intent = await Technician.act(self, screen)
                if intent.action is Action.RETRY:
                    bench.server.releases_device = True
                return intent

        technician = Cures(retries=1)
        assert await bench.power_on(technician) == RESEALED
        assert "enrolment has ended" in technician.last(S.RED).texts[0]
        assert bench.server.count("/EnrollmentServer/Enrollment.svc") == 2

    played(main)
