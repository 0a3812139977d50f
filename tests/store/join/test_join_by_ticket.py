"""Joins without a user: one-use tickets for the key that the TPM certified."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reseal.directory.credentials import find_device_credential
from reseal.directory.devices import count_joined
from reseal.directory.model import TrustType
from reseal.directory.model_settings import JoinAllowed, MdmScope, MdmUrls
from reseal.wire.runtime.messages import Joined, decode
from tests.store.join.bench import Bench, Laptop, refusal

NOT_PROVEN = (401, "0x801C0002")


async def test_a_ticket_joins_the_device_without_a_user(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    waiting = await bench.device(registration)
    joined = await bench.provision(laptop, registration)
    assert joined.device_id == waiting.device_id
    assert len(joined.chain) == 2
    device = await bench.device(registration)
    assert (device.trust_type, device.owner_user_id) == (TrustType.AZURE_AD, None)
    assert device.display_name == "LAPTOP-1"
    credential = await bench.database.read(find_device_credential, joined.certificate)
    assert credential is not None
    assert (credential.user, credential.proof, credential.device) == (None, "virtual", device.id)
    assert await bench.state(registration) == "enrolling"
    (told,) = await bench.events("device.joined")
    assert (told["proof"], told["upn"], told["registration"]) == ("virtual", None, str(registration.uuid))


async def test_autopilot_010_the_technician_flow_joins_although_nobody_may(
    bench: Bench, laptop: Laptop
) -> None:
    registration = await bench.register(laptop)
    await bench.settings(join_allowed=JoinAllowed.NONE)
    assert (await bench.provision(laptop, registration)).certificate


async def test_autopilot_135_a_technicians_join_needs_nobody_and_counts_against_nobody(
    bench: Bench, laptop: Laptop
) -> None:
    registration = await bench.register(laptop)
    anna = await bench.user("Anna")
    await bench.edit(registration, assigned_user_upn=anna.upn)
    joined = await bench.provision(laptop, registration)
    assert await bench.read(count_joined, anna.id) == 0
    assert not any(anna.upn in str(value) for value in joined.local_admins)


async def test_autopilot_110_a_profile_without_preprovisioning_does_not_keep_a_device_from_joining(
    bench: Bench, laptop: Laptop
) -> None:
    await bench.profile_for_all(preprovisioning_allowed=False)
    assert await bench.provision(laptop, await bench.register(laptop))


@pytest.mark.parametrize(
    "settings, discovery",
    [
        ({"mdm_scope": MdmScope.ALL}, "https://server.test/EnrollmentServer/Discovery.svc"),
        ({"mdm_scope": MdmScope.SOME}, "https://server.test/EnrollmentServer/Discovery.svc"),
        (
            {"mdm_scope": MdmScope.ALL, "mdm_urls": MdmUrls(discovery="https://mdm.test/d")},
            "https://mdm.test/d",
        ),
        ({"mdm_scope": MdmScope.NONE}, ""),
    ],
)
async def test_autopilot_001_the_scope_says_where_management_begins(
    bench: Bench, laptop: Laptop, settings, discovery
) -> None:
    await bench.settings(**settings)
    registration = await bench.register(laptop)
    joined = await bench.provision(laptop, registration)
    assert joined.mdm_discovery == discovery
    assert await bench.state(registration) == ("enrolling" if discovery else "red")


async def test_a_ticket_joins_once(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    ticket = (await bench.attest(laptop, registration)).ticket
    first = await bench.use_ticket(laptop, ticket)
    assert first.status_code == 200

    # The answer was lost: the very same request gets the same certificate.
    again = await bench.use_ticket(laptop, ticket)
    assert again.content == first.content
    assert len(await bench.events("device.joined")) == 1

    other = await bench.use_ticket(laptop, ticket, certificate_request=laptop.request("another"))
    assert refusal(other) == NOT_PROVEN
    certificate = decode(first.content, Joined).certificate
    assert await bench.database.read(find_device_credential, certificate) is not None


async def test_a_ticket_is_for_the_certified_key_alone(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    ticket = (await bench.attest(laptop, registration)).ticket
    stolen = await bench.use_ticket(laptop, ticket, certificate_request=laptop.request("another"))
    assert refusal(stolen) == NOT_PROVEN
    assert (await bench.use_ticket(laptop, ticket)).status_code == 200


async def test_a_ticket_ends_after_two_minutes_and_with_the_next_one(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    first = (await bench.attest(laptop, registration)).ticket
    second = (await bench.attest(laptop, registration)).ticket
    assert refusal(await bench.use_ticket(laptop, first)) == NOT_PROVEN
    bench.clock.pass_silently(timedelta(seconds=120))
    assert refusal(await bench.use_ticket(laptop, second)) == NOT_PROVEN
    assert refusal(await bench.use_ticket(laptop, "nonsense")) == NOT_PROVEN


async def test_a_device_that_proves_itself_anew_goes_on_with_its_certificate(
    bench: Bench, laptop: Laptop
) -> None:
    registration = await bench.register(laptop)
    first = await bench.provision(laptop, registration)
    second = await bench.provision(laptop, registration)
    assert first.certificate == second.certificate
    assert await bench.state(registration) == "enrolling"


async def test_provisioning_again_takes_the_device_from_its_owner(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    anna = await bench.user("Anna")
    run = (await bench.profile(laptop)).run
    assert (await bench.join_as(laptop, anna, run=run)).status_code == 200
    await bench.provision(laptop, registration)
    assert (await bench.device(registration)).owner_user_id is None
    assert await bench.read(count_joined, anna.id) == 0


async def test_other_requests_are_refused_as_such(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    ticket = (await bench.attest(laptop, registration)).ticket
    for wrong in ({"certificate_request": b"nonsense"}, {"transport_key": b"RSA1"}):
        answer = await bench.use_ticket(laptop, ticket, **wrong)
        assert refusal(answer) == (400, "0x801C0001")
    assert refusal(await bench.post("/runtime/v1/join", b"{}")) == (400, "0x801C0001")
    assert (await bench.use_ticket(laptop, ticket)).status_code == 200
