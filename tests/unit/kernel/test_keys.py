"""Keys: strong in production, replayable and marked in rehearsals."""

from __future__ import annotations

from importlib import resources

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import (
    POOL_FILE,
    POOL_SIZE,
    REHEARSAL_MARKER,
    KeySource,
    OpenSslKeys,
    PooledKeys,
    SeededKeys,
    is_rehearsal_key,
    read_distances,
    search_distances,
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
    key = _seeded(seed).rsa().private_numbers().private_key()

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


# --- the pool -----------------------------------------------------------------------------------------------


def _pooled(seed: int = 1) -> PooledKeys:
    return PooledKeys(SeededEntropy(seed))


def test_every_key_of_the_pool_is_marked_and_another() -> None:
    source = _pooled()
    moduli = [source.rsa().public_key().public_numbers().n for _ in range(POOL_SIZE)]

    assert len(set(moduli)) == POOL_SIZE
    assert all(n.to_bytes(256, "big").startswith(REHEARSAL_MARKER) for n in moduli)


def test_keys_of_the_pool_are_sound() -> None:
    """OpenSSL proves some of them; `tools/key_pool.py` found all in the same way."""
    source = _pooled()
    for _ in range(12):
        key = source.rsa().private_numbers().private_key()
        signature = key.sign(b"x", PKCS1v15(), hashes.SHA256())
        key.public_key().verify(signature, b"x", PKCS1v15(), hashes.SHA256())


def test_the_seed_decides_the_order_of_the_pool() -> None:
    def drawn(seed: int) -> list[int]:
        source = _pooled(seed)
        return [source.rsa().public_key().public_numbers().n for _ in range(5)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_forks_draw_from_one_pool_and_have_streams_of_their_own() -> None:
    source = _pooled()
    adele, bianca = source.fork("adele"), source.fork("bianca")
    keys = [each.rsa().private_numbers() for each in (adele, bianca, source, adele)]

    assert len({numbers.p for numbers in keys}) == 4
    assert adele.p256().private_numbers() != bianca.p256().private_numbers()
    assert (
        _pooled().fork("adele").p256().private_numbers() == _pooled().fork("adele").p256().private_numbers()
    )


def test_an_empty_pool_and_longer_keys_are_served_by_searching() -> None:
    source = _pooled()
    pool = [source.rsa() for _ in range(POOL_SIZE)]

    further = source.rsa()

    assert further.private_numbers() not in [key.private_numbers() for key in pool]
    assert is_rehearsal_key(further.public_key())
    assert _pooled().rsa(3072).key_size == 3072


def test_the_pool_has_the_size_that_it_says() -> None:
    text = resources.files("reseal.kernel").joinpath(POOL_FILE).read_text("ascii")

    assert len(read_distances(text)) == POOL_SIZE


def test_what_the_search_finds_can_be_kept_as_distances() -> None:
    found = search_distances(SeededEntropy(1))

    assert _seeded(1).rsa_found(found).private_numbers() == _seeded(1).rsa().private_numbers()
