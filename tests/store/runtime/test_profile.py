"""Who a device is told to be, and what it is told of its organisation and its user."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import httpx2
import pytest

from reseal.autopilot.model_profile import BUILTIN_NAME, JoinType, ProfileSettings, UserType
from reseal.autopilot.registrations import deregister
from reseal.deployment.facts import Enrolled, Flow, Phase, PhaseBegun, Released, Resealed
from reseal.deployment.service import observe
from reseal.directory.credentials import revoke_device_credentials
from reseal.runtime.names import device_name
from reseal.runtime.runs import find_run, registration_of_run
from reseal.wire.runtime.messages import Standing
from tests.store.autopilot.support import register
from tests.store.join.bench import Bench, Laptop, refusal


async def test_autopilot_113_an_unregistered_device_learns_nothing(bench: Bench, laptop: Laptop) -> None:
    answer = await bench.ask_profile(laptop)
    assert answer.json() == {"standing": "unregistered"}


async def test_a_registered_device_learns_organisation_profile_and_addresses(
    bench: Bench, laptop: Laptop
) -> None:
    await bench.profile_for_all(
        preprovisioning_allowed=True,
        user_type=UserType.STANDARD,
        eula_hidden=True,
        privacy_settings_hidden=True,
        escape_link_hidden=True,
        locale="de-DE",
        keyboard_selection_page_skipped=True,
    )
    registration = await bench.register(laptop)
    answer = await bench.profile(laptop)
    assert (answer.standing, answer.registration) == (Standing.REGISTERED, registration.uuid)
    assert answer.organisation is not None
    assert (answer.organisation.name, answer.organisation.tenant_id) == ("Contoso", bench.tenant_id)
    assert answer.organisation.domain == "contoso.test"
    shown = answer.profile
    assert shown is not None
    assert (shown.name, shown.join_type, shown.locale) == ("Office", "azureAD", "de-DE")
    assert (shown.preprovisioning_allowed, shown.standard_user, shown.keyboard_skipped) == (True, True, True)
    assert (shown.eula_hidden, shown.privacy_hidden, shown.escape_link_hidden) == (True, True, True)
    assert answer.urls is not None
    assert answer.urls.authorize == f"https://server.test/{bench.tenant_id}/oauth2/v2.0/authorize"
    assert answer.urls.runtime == "https://server.test/runtime/v1"
    assert (await bench.http.get(answer.urls.device_registration)).status_code == 200
    assert await bench.state(registration) == "contacted"


async def test_a_device_without_a_profile_gets_the_built_in_one(bench: Bench, laptop: Laptop) -> None:
    await bench.register(laptop)
    shown = (await bench.profile(laptop)).profile
    assert shown is not None
    assert (shown.name, shown.preprovisioning_allowed) == (BUILTIN_NAME, False)


async def test_autopilot_105_without_any_profile_it_is_refused_until_one_is_there(
    bench: Bench, laptop: Laptop
) -> None:
    await bench.settings(builtin_default_profile=False)
    await bench.register(laptop)
    answer = await bench.ask_profile(laptop)
    assert refusal(answer) == (409, "815")
    assert answer.json()["error"]["name"] == "ZtdDeviceHasNoAssignedProfile"
    assert "Contoso" not in answer.text
    await bench.profile_for_all()
    assert (await bench.profile(laptop)).profile is not None


async def test_autopilot_106_each_start_fetches_the_profile_as_it_is_then(
    bench: Bench, laptop: Laptop
) -> None:
    registration = await bench.register(laptop)
    before = await bench.profile(laptop)
    await bench.profile_for_all(preprovisioning_allowed=True)
    await bench.edit(registration, device_name="BERLIN-7")
    after = await bench.profile(laptop)
    assert before.profile is not None
    assert after.profile is not None
    assert (before.profile.name, after.profile.name) == (BUILTIN_NAME, "Office")
    assert after.profile.device_name == "BERLIN-7"


async def test_autopilot_122_the_assigned_user_is_told_to_the_proven_device_only(
    bench: Bench, laptop: Laptop, clock
) -> None:
    registration = await bench.register(laptop)
    anna = await bench.user("Anna")
    await bench.edit(registration, assigned_user_upn=anna.upn, addressable_user_name="Anna")
    assert (await bench.profile(laptop)).assigned_user is None

    await bench.provision(laptop, registration)
    told = (await bench.profile(laptop)).assigned_user
    assert told is not None
    assert (told.upn, told.greeting) == (anna.upn, "Anna")
    hint = bench.signer.read_hint(told.hint, now=bench.clock.now())
    assert hint is not None
    assert hint.upn == anna.upn

    other = Laptop.made(2, clock)
    await bench.provision(other, await bench.register(other))
    laptop.certificate = other.certificate
    assert (await bench.profile(laptop)).assigned_user is None


async def test_a_revoked_certificate_proves_nothing(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    anna = await bench.user("Anna")
    await bench.edit(registration, assigned_user_upn=anna.upn)
    await bench.provision(laptop, registration)
    await bench.write(revoke_device_credentials, registration.device_id)
    assert (await bench.profile(laptop)).assigned_user is None


async def test_an_organisation_may_show_the_user_before_the_proof(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    anna = await bench.user("Anna")
    await bench.edit(registration, assigned_user_upn=anna.upn)
    await bench.settings(user_before_attestation=True)
    told = (await bench.profile(laptop)).assigned_user
    assert told is not None
    assert told.upn == anna.upn


async def test_autopilot_124_an_unassigned_device_is_told_no_user(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    anna = await bench.user("Anna")
    await bench.settings(user_before_attestation=True)
    await bench.edit(registration, assigned_user_upn=anna.upn)
    await bench.edit(registration, assigned_user_upn="")
    assert (await bench.profile(laptop)).assigned_user is None


async def test_random_digits_of_a_name_stay_what_they_are(bench: Bench, laptop: Laptop, clock) -> None:
    await bench.profile_for_all(device_name_template="LAP-%RAND:1%")
    registration = await bench.register(laptop)
    names = {(await bench.profile(laptop)).profile.device_name for _ in range(3)}  # type: ignore[union-attr]
    assert len(names) == 1
    (name,) = names
    assert re.fullmatch(r"LAP-\d", name)

    given = [name]
    for number in range(2, 6):
        other = Laptop.made(number, clock)
        await bench.register(other)
        shown = (await bench.profile(other)).profile
        assert shown is not None
        given.append(shown.device_name)
    assert len(set(given)) == len(given)  # ten digits, five devices: nobody is given another's

    await bench.edit(registration, device_name="BERLIN-7")
    shown = (await bench.profile(laptop)).profile
    assert shown is not None
    assert shown.device_name == "BERLIN-7"
    await bench.edit(registration, device_name="")
    shown = (await bench.profile(laptop)).profile
    assert shown is not None
    assert shown.device_name == name


async def test_two_requests_at_once_are_told_one_name(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    settings = ProfileSettings(device_name_template="LAP-%RAND:8%")
    asked = (bench.database.write(device_name, bench.tenant, registration, settings) for _ in range(6))
    assert len(set(await asyncio.gather(*asked))) == 1


async def test_a_template_that_fits_no_name_is_told_once_and_stops_nobody(
    bench: Bench, laptop: Laptop
) -> None:
    await bench.profile_for_all(device_name_template="%SERIAL%")
    registration = await bench.write(register, 1, hardware_hash=laptop.hash, serial="12345")
    assert registration.serial == "12345"
    for _ in range(2):
        shown = (await bench.profile(laptop)).profile
        assert shown is not None
        assert shown.device_name == ""
    assert len(await bench.events("registration.name_unfit")) == 1


async def test_a_hybrid_joined_device_is_named_by_its_domain(bench: Bench, laptop: Laptop) -> None:
    await bench.profile_for_all(join_type=JoinType.HYBRID)
    registration = await bench.register(laptop)
    await bench.edit(registration, device_name="BERLIN-7")
    shown = (await bench.profile(laptop)).profile
    assert shown is not None
    assert (shown.join_type, shown.device_name) == ("activeDirectory", "")


async def _green(bench: Bench, registration: int) -> None:
    for fact in (
        Enrolled(enrolment=7, user=None, in_oobe=True),
        PhaseBegun(Flow.TECHNICIAN, Phase.DEVICE, 3600),
        Released(Phase.DEVICE),
    ):
        await bench.write(observe, registration, fact)


async def test_a_device_that_was_green_is_provisioned_as_long_as_it_proves_itself(
    bench: Bench, laptop: Laptop
) -> None:
    registration = await bench.register(laptop)
    await bench.provision(laptop, registration)
    assert (await bench.profile(laptop)).standing is Standing.REGISTERED
    await _green(bench, registration.id)
    assert (await bench.profile(laptop)).standing is Standing.PROVISIONED
    await bench.write(observe, registration.id, Resealed())
    assert (await bench.profile(laptop)).standing is Standing.PROVISIONED

    # Reset: it has lost its certificate, so that either flow may begin.
    laptop.certificate = None
    assert (await bench.profile(laptop)).standing is Standing.REGISTERED


async def test_a_device_that_is_set_up_by_its_user_is_not_provisioned(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    anna = await bench.user("Anna")
    run = (await bench.profile(laptop)).run
    answer = await bench.join_as(laptop, anna, run=run)
    assert answer.status_code == 200
    await bench.write(observe, registration.id, Enrolled(enrolment=7, user=anna.id, in_oobe=True))
    assert (await bench.profile(laptop)).standing is Standing.REGISTERED


async def test_each_answer_begins_a_run_and_earlier_ones_stay_good_for_a_day(
    bench: Bench, laptop: Laptop
) -> None:
    registration = await bench.register(laptop)
    runs = [(await bench.profile(laptop)).run for _ in range(2)]
    assert len(set(runs)) == 2
    for run in runs:
        found = await bench.database.read(registration_of_run, run)
        assert found == (bench.tenant, registration.id)
    assert await bench.database.read(registration_of_run, "reseal-run.nonsense") is None
    bench.clock.pass_silently(timedelta(hours=24))
    assert await bench.database.read(find_run, runs[0]) is None


async def test_the_number_of_runs_is_bounded(bench: Bench, laptop: Laptop) -> None:
    await bench.register(laptop)
    first = (await bench.profile(laptop)).run
    for number in range(50):
        if number % 20 == 0:
            bench.clock.pass_silently(timedelta(minutes=1))
        last = (await bench.profile(laptop)).run
    assert await bench.database.read(find_run, first) is None
    assert await bench.database.read(find_run, last) is not None


async def test_a_flood_of_questions_is_slowed_down(bench: Bench, laptop: Laptop) -> None:
    await bench.register(laptop)
    answers = [(await bench.ask_profile(laptop)).status_code for _ in range(31)]
    assert answers == [*[200] * 30, 429]
    bench.clock.pass_silently(timedelta(minutes=1))
    assert (await bench.ask_profile(laptop)).status_code == 200


async def test_autopilot_033_a_deregistered_device_is_nobodys(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    run = (await bench.profile(laptop)).run
    await bench.write(deregister, [registration.id])
    assert (await bench.profile(laptop)).standing is Standing.UNREGISTERED
    assert await bench.database.read(find_run, run) is None


@pytest.mark.parametrize(
    "body, code",
    [
        (b"", "Document"),
        (b"{}", "Document"),
        (b'{"hardwareHash": "x", "more": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "Document"),
        (b'{"hardwareHash": "nonsense"}', "InvalidZtdHardwareHash"),
    ],
)
async def test_other_documents_are_refused_as_such(bench: Bench, body: bytes, code: str) -> None:
    answer: httpx2.Response = await bench.post("/runtime/v1/profile", body)
    assert refusal(answer) == (400, code)
