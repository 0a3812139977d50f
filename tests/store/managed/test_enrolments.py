"""Enrolments: how they begin and end, what proves them, who is on them."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from reseal.directory.devices import create_device, device_by_id, update_device
from reseal.kernel import ca, events
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Fault, NotFound
from reseal.kernel.keys import OpenSslKeys
from reseal.kernel.secretbox import SecretBox
from reseal.managed.certificates import (
    Secrets,
    certificates_of,
    change_nonce,
    keep_certificate,
    keep_secrets,
    note_certificate,
    revoke_unused,
    secrets_of,
)
from reseal.managed.enrolments import (
    CONTACT_EVERY,
    active_enrolment_of_device,
    active_enrolment_of_registration,
    end_enrolment,
    enrolment_by_id,
    enrolment_by_uuid,
    enrolment_of_certificate,
    enrolment_of_digest_user,
    is_contact_due,
    note_contact,
    note_user,
    set_owner,
    users_of,
)
from reseal.managed.model import EnrolledBy, EnrolmentState
from reseal.managed.owned import count_owned, latest_owned
from tests.store.managed.world import CAMERA, World, policy
from tests.support.clock import ManualClock

SECRETS = Secrets(device_secret="one of the device", server_secret="one of the server", nonce=b"n" * 16)
OPENSSL = OpenSslKeys()


def _certificate(clock: ManualClock, name: str, days: int = 365) -> bytes:
    made = ca.make_root(
        name,
        OPENSSL.p256(),
        clock=clock,
        entropy=SeededEntropy(name),
        purposes=[ca.CLIENT_AUTH],
        lifetime=timedelta(days=days),
    )
    return made.certificate.public_bytes(Encoding.DER)


def _sha256(der: bytes) -> bytes:
    return hashlib.sha256(der).digest()


async def test_an_enrolment_is_found_by_everything_that_names_it(database: Database, world: World) -> None:
    def unit(tx: Tx) -> None:
        made = world.open(tx).enrolment
        tenant = world.tenant
        assert made.stale
        assert made.state is EnrolmentState.ACTIVE
        assert enrolment_by_id(tx, tenant, made.id) == made
        assert enrolment_by_uuid(tx, made.uuid) == (tenant, made)
        assert enrolment_of_digest_user(tx, str(made.uuid)) == (tenant, made)
        assert active_enrolment_of_registration(tx, tenant, world.registration.id) == made
        assert active_enrolment_of_device(tx, tenant, world.registration.device_id) == made
        assert enrolment_by_uuid(tx, UUID(int=1)) is None
        assert enrolment_of_digest_user(tx, "adele") is None
        assert active_enrolment_of_registration(tx, tenant, 1) is None
        with pytest.raises(NotFound):
            enrolment_by_id(tx, tenant, 1)

    await database.write(unit)


async def test_a_device_has_one_active_enrolment_and_an_earlier_one_takes_everything_along(
    database: Database, world: World, clock: ManualClock, entropy: SeededEntropy
) -> None:
    box = SecretBox([b"k" * 32], entropy)
    der = _certificate(clock, "first")

    def unit(tx: Tx) -> None:
        first, tenant = world.open(tx).enrolment, world.tenant
        world.item(tx, "Camera", policy(CAMERA), "devices")
        world.refresh(tx)
        keep_certificate(tx, tenant, first.id, der, "System")
        keep_secrets(tx, tenant, first.id, SECRETS, box)
        note_user(tx, tenant, first.id, world.user(tx, "adele"))
        assert enrolment_of_certificate(tx, _sha256(der)) is not None
        second = world.enrol(tx, enrolled_by=EnrolledBy.USER, owner=world.user(tx, "bob"))
        assert active_enrolment_of_registration(tx, tenant, world.registration.id) == second
        ended = world.now(tx)
        assert (ended.state, ended.ended_because) == (EnrolmentState.ENDED, "replaced")
        assert (ended.ended_at, ended.stale, ended.open_items) == (tx.now, False, 0)
        assert enrolment_of_certificate(tx, _sha256(der)) is None
        assert enrolment_of_digest_user(tx, str(first.uuid)) is None
        assert secrets_of(tx, tenant, first.id, box) is None
        assert world.named(tx) == {}
        assert users_of(tx, tenant, first.id) == ()
        (owner,) = users_of(tx, tenant, second.id)
        assert (owner.user_id, owner.is_primary) == (world.user(tx, "bob"), True)

    await database.write(unit)


async def test_another_device_is_not_touched_even_if_it_says_the_same_of_itself(
    database: Database, world: World
) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx)
        other = create_device(tx, world.tenant, "Another")
        world.enrol(tx, device=other.id, registration=None)
        assert world.now(tx).state is EnrolmentState.ACTIVE

    await database.write(unit)


async def test_ending_an_enrolment_is_told_and_the_device_is_not_managed_any_more(
    database: Database, world: World
) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx)
        tenant, device = world.tenant, world.registration.device_id
        update_device(tx, tenant, device, is_managed=True)
        ended = end_enrolment(tx, tenant, world.enrolment.id, "unenrolled")
        assert ended is not None
        assert ended.state is EnrolmentState.ACTIVE, "as it was"
        assert not device_by_id(tx, tenant, device).is_managed
        assert end_enrolment(tx, tenant, world.enrolment.id, "unenrolled") is None
        events.seal(tx)
        log = events.read(tx, tenant, 0, 1000, world.enrolment.uuid)
        assert [event.kind for event in log] == ["enrolment.begun", "enrolment.ended"]
        assert log[-1].payload == {"because": "unenrolled"}

    await database.write(unit)


async def test_the_last_contact_is_written_now_and_then(
    database: Database, world: World, clock: ManualClock
) -> None:
    await database.write(world.open)

    async def contact() -> bool:
        found = await database.read(world.now)
        due = is_contact_due(found.last_contact_at, clock.now())
        await database.write(lambda tx: note_contact(tx, world.tenant, world.enrolment.id))
        now = await database.read(world.now)
        assert due is (now.last_contact_at != found.last_contact_at)
        return due

    assert await contact(), "the first"
    clock.pass_silently(CONTACT_EVERY - timedelta(seconds=1))
    assert not await contact()
    clock.pass_silently(timedelta(seconds=1))
    assert await contact()


async def test_a_certificate_counts_until_it_ends(
    database: Database, world: World, clock: ManualClock
) -> None:
    der = _certificate(clock, "short", days=30)
    end = x509.load_der_x509_certificate(der).not_valid_after_utc
    await database.write(world.open)
    await database.write(keep_certificate_of, world, der)
    clock.pass_silently(end - clock.now() - timedelta(seconds=1))
    assert await database.read(enrolment_of_certificate, _sha256(der)) is not None
    clock.pass_silently(timedelta(seconds=1))
    assert await database.read(enrolment_of_certificate, _sha256(der)) is None
    assert await database.read(enrolment_of_certificate, b"\0" * 32) is None


def keep_certificate_of(tx: Tx, world: World, der: bytes) -> None:
    keep_certificate(tx, world.tenant, world.enrolment.id, der, "System")


async def test_a_renewed_certificate_retires_the_old_one_when_it_is_seen(
    database: Database, world: World, clock: ManualClock
) -> None:
    old, lost, new = (_certificate(clock, name) for name in ("old", "lost", "new"))

    def counts(tx: Tx) -> list[bool]:
        return [enrolment_of_certificate(tx, _sha256(each)) is not None for each in (old, lost, new)]

    await database.write(world.open)
    for der in (old, lost):
        await database.write(keep_certificate_of, world, der)
        clock.pass_silently(timedelta(minutes=1))
    key = (world.tenant, world.enrolment.id)
    assert (await database.read(world.now)).renewing
    await database.write(note_certificate, *key, _sha256(old))
    assert await database.read(counts) == [True, True, False]
    await database.write(revoke_unused, *key, _sha256(old))
    await database.write(keep_certificate_of, world, new)
    assert await database.read(counts) == [True, False, True]
    await database.write(note_certificate, *key, _sha256(new))
    assert await database.read(counts) == [False, False, True]
    assert not (await database.read(world.now)).renewing
    (left,) = await database.read(certificates_of, *key)
    assert (left.store, left.thumbprint) == ("System", _sha256(new))


async def test_secrets_come_back_and_a_nonce_is_used_once(
    database: Database, world: World, entropy: SeededEntropy
) -> None:
    box = SecretBox([b"k" * 32], entropy)

    def unit(tx: Tx) -> None:
        world.open(tx)
        key = (world.tenant, world.enrolment.id)
        keep_secrets(tx, *key, SECRETS, box)
        assert secrets_of(tx, *key, box) == SECRETS
        assert "one of the" not in repr(SECRETS)
        assert change_nonce(tx, *key, box, used=SECRETS.nonce, next_=b"second")
        assert not change_nonce(tx, *key, box, used=SECRETS.nonce, next_=b"third")
        kept = secrets_of(tx, *key, box)
        assert kept is not None
        assert kept.nonce == b"second"
        with pytest.raises(Fault):
            secrets_of(tx, *key, SecretBox([b"x" * 32], entropy))

    await database.write(unit)


async def test_the_first_user_becomes_the_owner_and_everybody_makes_it_stale_once(
    database: Database, world: World, clock: ManualClock
) -> None:
    def first(tx: Tx) -> None:
        world.open(tx)
        world.refresh(tx)
        adele, key = world.user(tx, "adele"), (world.tenant, world.enrolment.id)
        assert note_user(tx, *key, adele, primary=True)
        assert (world.now(tx).owner_user_id, world.now(tx).stale) == (adele, True)
        assert device_by_id(tx, world.tenant, world.registration.device_id).owner_user_id == adele
        world.refresh(tx, "adele")
        assert not note_user(tx, *key, adele, primary=True)
        assert note_user(tx, *key, adele, session=True)
        assert not note_user(tx, *key, adele, session=True)
        assert not world.now(tx).stale

    def second(tx: Tx) -> None:
        adele, bob, key = world.user(tx, "adele"), world.user(tx, "bob"), (world.tenant, world.enrolment.id)
        assert note_user(tx, *key, bob, primary=True)
        assert world.now(tx).stale
        assert [(one.user_id, one.is_primary, one.session_seen) for one in users_of(tx, *key)] == [
            (adele, True, True),
            (bob, False, False),
        ]
        set_owner(tx, *key, bob)
        assert [one.is_primary for one in users_of(tx, *key)] == [False, True]
        assert world.now(tx).owner_user_id == bob
        set_owner(tx, *key, None)
        assert [one.is_primary for one in users_of(tx, *key)] == [False, False]
        assert device_by_id(tx, world.tenant, world.registration.device_id).owner_user_id is None

    await database.write(first)
    clock.pass_silently(timedelta(hours=1))
    await database.write(second)


async def test_what_a_user_owns_is_counted_and_found_by_hardware(database: Database, world: World) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx)
        adele, tenant = world.user(tx, "adele"), world.tenant
        assert count_owned(tx, tenant, adele, besides=0) == 0
        mine = world.enrol(tx, owner=adele, enrolled_by=EnrolledBy.USER)
        assert count_owned(tx, tenant, adele, besides=0) == 1
        assert count_owned(tx, tenant, adele, besides=mine.device_id) == 0
        assert latest_owned(tx, tenant, adele, mine.hardware_id) == mine
        assert latest_owned(tx, tenant, adele, "") is None
        assert latest_owned(tx, tenant, world.user(tx, "bob"), mine.hardware_id) is None

    await database.write(unit)
