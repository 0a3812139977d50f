"""Attestation as devices meet it: a ticket for the TPM that was registered, and nothing for any other."""

from __future__ import annotations

import base64
from datetime import timedelta

import msgspec
import pytest

from reseal.deployment.service import latest
from reseal.wire.runtime.messages import Ticket, decode, encode
from tests.store.join.bench import Bench, Laptop, refusal

FAILED = (403, "0x801C03EA")
TOO_MANY = (403, "0x81039001")
GONE = (410, "0x81039001")


def changed(document, **values):
    return msgspec.structs.replace(document, **values)


async def reasons(bench: Bench) -> list[str]:
    """The reasons of the last refusal in the event log."""
    told = await bench.events("attestation.refused")
    return [finding["reason"] for finding in told[-1]["findings"]]


async def test_a_registered_tpm_is_given_a_ticket(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    challenge = await bench.challenge(laptop, registration)
    assert challenge.expires_in == 120
    assert await bench.state(registration) == "attesting"
    answer = await bench.answer(challenge, laptop.finish(challenge))
    ticket = decode(answer.content, Ticket)
    assert (ticket.proof, ticket.expires_in, ticket.assigned_user) == ("virtual", 120, None)
    assert await bench.state(registration) == "joining"
    (told,) = await bench.events("attestation.succeeded")
    assert "not checked" in told["vendor"]
    assert ticket.ticket not in str(told)


async def test_autopilot_122_the_assigned_user_is_told_once_the_tpm_is_proven(
    bench: Bench, laptop: Laptop
) -> None:
    registration = await bench.register(laptop)
    anna = await bench.user("Anna")
    await bench.edit(registration, assigned_user_upn=anna.upn, addressable_user_name="Anna")
    ticket = await bench.attest(laptop, registration)
    assert ticket.assigned_user is not None
    assert (ticket.assigned_user.upn, ticket.assigned_user.greeting) == (anna.upn, "Anna")
    hint = bench.signer.read_hint(ticket.assigned_user.hint, now=bench.clock.now())
    assert hint is not None
    assert (hint.upn, hint.registration) == (anna.upn, registration.uuid)


async def test_autopilot_133_a_virtual_tpm_is_refused_unless_the_organisation_allows_it(
    bench: Bench, laptop: Laptop
) -> None:
    registration = await bench.register(laptop)
    await bench.settings(allow_virtual_tpm=False)
    await bench.profile(laptop)
    begin = encode(laptop.begin(registration.uuid))
    assert refusal(await bench.post("/runtime/v1/attestation", begin)) == FAILED
    assert await reasons(bench) == ["ek_chain_untrusted"]
    assert await bench.state(registration) == "red"
    await bench.settings(allow_virtual_tpm=True)
    assert (await bench.attest(laptop, registration)).proof == "virtual"


async def test_a_refusal_begins_no_story(bench: Bench, laptop: Laptop) -> None:
    """Whoever knows a hash can have a TPM refused; that turns no device red."""
    registration = await bench.register(laptop)
    await bench.settings(allow_virtual_tpm=False)

    await bench.post("/runtime/v1/attestation", encode(laptop.begin(registration.uuid)))

    assert await reasons(bench) == ["ek_chain_untrusted"]
    assert await bench.read(latest, registration.id) is None


async def test_a_tpm_that_does_not_say_it_is_virtual_is_one_of_an_unknown_vendor(
    bench: Bench, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = Laptop.made(1, clock, tpm_version="TPM-Version:2.0-VendorID:'INTC'-Firmware:1.1")
    blob = base64.b64decode(laptop.hash)
    laptop.hash = base64.b64encode(blob.replace(b"Reseal", b"Lenovo")).decode()
    monkeypatch.setattr("reseal.trust.model.is_rehearsal_key", lambda _key: False)
    registration = await bench.register(laptop)
    await bench.settings(allow_virtual_tpm=False)
    assert (await bench.attest(laptop, registration)).proof == "hardwareUnknownVendor"


async def test_autopilot_134_another_tpm_than_the_registered_one_is_refused(
    bench: Bench, laptop: Laptop, clock
) -> None:
    registration = await bench.register(laptop)
    other = Laptop.made(2, clock)
    other.hash = laptop.hash
    begin = encode(other.begin(registration.uuid))
    answer = await bench.post("/runtime/v1/attestation", begin)
    assert refusal(answer) == FAILED
    assert await reasons(bench) == ["ek_key_mismatch", "ek_not_registered"]

    # From outside, every refusal reads alike.
    unknown = await bench.post(
        "/runtime/v1/attestation", encode(Laptop.made(3, clock).begin(registration.uuid))
    )
    assert unknown.json() == answer.json()


async def test_a_hash_of_another_registration_proves_nothing(bench: Bench, laptop: Laptop, clock) -> None:
    registration = await bench.register(laptop)
    other = Laptop.made(2, clock)
    await bench.register(other)
    begin = encode(other.begin(registration.uuid))
    assert refusal(await bench.post("/runtime/v1/attestation", begin)) == FAILED
    assert await bench.events("attestation.refused") == []


@pytest.mark.parametrize(
    "lie, reason",
    [
        ({"secret": b"x" * 32}, "activation_failed"),
        ({"quote_signature": b""}, "quote_signature"),
        ({"pcrs": {}}, "pcr_digest"),
        ({"event_log": b""}, "log_mismatch"),
        ({"certify_signature": b""}, "key_not_certified"),
        ({"key_public": b""}, "key_not_certified"),
    ],
)
async def test_a_lie_is_refused_with_its_reason_in_the_log_only(
    bench: Bench, laptop: Laptop, lie, reason
) -> None:
    registration = await bench.register(laptop)
    challenge = await bench.challenge(laptop, registration)
    answer = await bench.answer(challenge, changed(laptop.finish(challenge), **lie))
    assert refusal(answer) == FAILED
    assert reason not in answer.text
    assert reason in await reasons(bench)
    assert await bench.state(registration) == "red"


async def test_a_challenge_is_answered_once(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    challenge = await bench.challenge(laptop, registration)
    right = laptop.finish(challenge)
    wrong = changed(right, secret=b"x" * 32)
    assert refusal(await bench.answer(challenge, wrong)) == FAILED
    assert refusal(await bench.answer(challenge, right)) == GONE


async def test_a_challenge_ends_after_two_minutes_without_harm(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    challenge = await bench.challenge(laptop, registration)
    bench.clock.pass_silently(timedelta(seconds=120))
    assert refusal(await bench.answer(challenge, laptop.finish(challenge))) == GONE
    assert await reasons(bench) == ["timeout"]
    assert await bench.state(registration) == "attesting"


async def test_an_answer_to_another_challenge_is_refused(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    first = await bench.challenge(laptop, registration)
    second = await bench.challenge(laptop, registration)
    assert refusal(await bench.answer(second, laptop.finish(first))) == FAILED
    assert (await bench.answer(first, laptop.finish(first))).status_code == 200


async def test_autopilot_134_too_many_failed_tries_have_a_code_of_their_own(
    bench: Bench, laptop: Laptop
) -> None:
    registration = await bench.register(laptop)
    for _ in range(5):
        challenge = await bench.challenge(laptop, registration)
        answer = await bench.answer(challenge, changed(laptop.finish(challenge), secret=b"x" * 32))
        assert refusal(answer) == FAILED
    begin = encode(laptop.begin(registration.uuid))
    assert refusal(await bench.post("/runtime/v1/attestation", begin)) == TOO_MANY
    bench.clock.pass_silently(timedelta(minutes=5))
    assert await bench.attest(laptop, registration)


async def test_a_stranger_who_knows_the_hash_does_not_lock_the_device_out(
    bench: Bench, laptop: Laptop, clock
) -> None:
    registration = await bench.register(laptop)
    stranger = Laptop.made(2, clock).tpm
    for _ in range(6):
        begin = changed(laptop.begin(registration.uuid), ak_public=stranger.ak_public.encode())
        challenge = await bench.post("/runtime/v1/attestation", encode(begin))
        if challenge.status_code == 200:
            path = f"/runtime/v1/attestation/{challenge.json()['id']}"
            finish = laptop.finish(await bench.challenge(laptop, registration))
            await bench.post(path, encode(changed(finish, secret=b"x" * 32)))
    assert await bench.attest(laptop, registration)


async def test_counters_that_fall_show_a_copy_of_old_state(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    disk = laptop.tpm._disk
    copied = {name: disk.read(name) for name in disk.names()}
    laptop.firmware.power_on()
    assert await bench.attest(laptop, registration)
    for name, content in copied.items():
        disk.replace(name, content)
    laptop.tpm._state = msgspec.json.decode(copied["tpm/state"], type=type(laptop.tpm._state))
    challenge = await bench.challenge(laptop, registration)
    assert refusal(await bench.answer(challenge, laptop.finish(challenge))) == FAILED
    assert await reasons(bench) == ["counter_rollback"]


async def test_a_restart_between_two_attestations_is_nothing_special(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    for _ in range(3):
        assert await bench.attest(laptop, registration)
        laptop.firmware.power_on()


async def test_a_flood_of_beginnings_is_slowed_down(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    begin = encode(laptop.begin(registration.uuid))
    answers = [await bench.post("/runtime/v1/attestation", begin) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [*[200] * 30, 429]
    bench.clock.pass_silently(timedelta(minutes=1))
    assert await bench.attest(laptop, registration)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]"])
async def test_other_documents_are_refused_as_such(bench: Bench, body: bytes) -> None:
    answer = await bench.post("/runtime/v1/attestation", body)
    assert refusal(answer) == (400, "Document")
