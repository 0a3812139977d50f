"""Keys: strong in production, replayable and marked in rehearsals."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import (
    REHEARSAL_MARKER,
    KeySource,
    OpenSslKeys,
    SeededKeys,
    is_rehearsal_key,
)


def _seeded(seed: int = 1) -> SeededKeys:
    return SeededKeys(SeededEntropy(seed))


def test_the_same_seed_gives_the_same_keys_one_after_another() -> None:
    first, again = _seeded(), _seeded()

    keys = [first.rsa().private_numbers(), first.p256().private_numbers(), first.p256().private_numbers()]

    assert keys == [
        again.rsa().private_numbers(),
        again.p256().private_numbers(),
        again.p256().private_numbers(),
    ]
    assert keys[1] != keys[2]


def test_two_devices_never_share_a_key() -> None:
    source = _seeded()

    assert source.rsa().private_numbers() != source.rsa().private_numbers()


@pytest.mark.parametrize("seed", range(4))
def test_a_seeded_rsa_key_is_a_sound_key(seed: int) -> None:
    """OpenSSL checks primes and exponents when it loads the key; a signature shows that the parts fit."""
    key = _seeded(seed).rsa()

    key.public_key().verify(key.sign(b"x", PKCS1v15(), hashes.SHA256()), b"x", PKCS1v15(), hashes.SHA256())
    assert key.key_size == 2048
    numbers = key.private_numbers()
    assert (abs(numbers.p - numbers.q)).bit_length() > 1000


def test_a_seeded_rsa_key_carries_its_mark_in_plain_sight() -> None:
    key = _seeded().rsa()

    assert key.public_key().public_numbers().n.to_bytes(256, "big").startswith(REHEARSAL_MARKER)
    assert b"reseal rehearsal" in REHEARSAL_MARKER
    assert is_rehearsal_key(key.public_key())


def test_a_production_key_is_not_taken_for_a_rehearsals() -> None:
    assert not is_rehearsal_key(OpenSslKeys().rsa().public_key())
    assert not is_rehearsal_key(OpenSslKeys().p256().public_key())


@pytest.mark.parametrize("source", [OpenSslKeys(), _seeded()])
@pytest.mark.parametrize("bits", [512, 1024, 2047])
def test_no_source_makes_a_weak_key(source: KeySource, bits: int) -> None:
    with pytest.raises(ValueError, match="at least 2048"):
        source.rsa(bits)


def test_a_longer_key_may_be_asked_for() -> None:
    assert OpenSslKeys().rsa(3072).key_size == 3072
