"""Key pairs as an input: OpenSSL's in production, seeded and marked ones in rehearsals.

A rehearsal must give the same certificates for the same seed, so its keys come from an `Entropy`: searched
for prime by prime (`SeededKeys`, half a second each) or drawn from a pool whose primes were found beforehand
(`PooledKeys`). Whoever knows the seed knows the key. Therefore every seeded RSA modulus begins with
`REHEARSAL_MARKER`, in plain sight of anyone who prints it, and a real server refuses such a key
(`is_rehearsal_key`). A P-256 key has no room for a mark; where a rehearsal's P-256 key could reach a real
server, the certificate above it tells.
"""

from __future__ import annotations

from importlib import resources
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import rsa as openssl_rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from reseal.kernel.entropy import Entropy, SeededEntropy

PUBLIC_EXPONENT = 65537
LEAST_RSA_BITS = 2048
REHEARSAL_MARKER = b"\xc0reseal rehearsal"
"""The first bytes of every seeded RSA modulus; the leading 0xC0 keeps the modulus at its full length."""

Distances = tuple[int, int]
"""How far the two primes of a seeded key lie behind the places where their search begins."""

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class KeySource(Protocol):
    """Where key pairs come from. Making an RSA key takes 40 ms to 1 s: call it through `Workers`."""

    def rsa(self, bits: int = 2048) -> RSAPrivateKey:
        """A new RSA key of at least 2048 bits. Raises `ValueError` for a shorter one."""
        ...

    def p256(self) -> ec.EllipticCurvePrivateKey:
        """A new key on P-256 (secp256r1)."""
        ...


class OpenSslKeys:
    """Keys from OpenSSL and the operating system's generator."""

    def rsa(self, bits: int = 2048) -> RSAPrivateKey:
        _require_length(bits)
        return openssl_rsa.generate_private_key(PUBLIC_EXPONENT, bits)

    def p256(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())


class SeededKeys:
    """Replayable keys for rehearsals; the same entropy gives the same keys, one after another."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy

    def rsa(self, bits: int = 2048) -> RSAPrivateKey:
        _require_length(bits)
        while True:
            p, q = _marked_primes(bits, self._entropy)
            if (p - 1) % PUBLIC_EXPONENT and (q - 1) % PUBLIC_EXPONENT:
                return _rsa_key(p, q)

    def rsa_found(self, distances: Distances) -> RSAPrivateKey:
        """The key of 2048 bits that `rsa` would give, without the search: `distances` are what it finds."""
        return _rsa_key(*_primes_at(self._entropy, distances))

    def p256(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(1 + self._entropy.below(P256_ORDER - 1), ec.SECP256R1())


class PooledKeys:
    """Replayable RSA keys of 2048 bits without the search: each is drawn from a pool of `POOL_SIZE`, in an
    order that the entropy gives, and never again. `fork` gives each actor a source of its own on the same
    pool, so no two share a key. An empty pool, and other lengths, are served as `SeededKeys` does.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._seeded = SeededKeys(entropy.fork("seeded keys"))
        self._left = _shuffled(list(enumerate(_pool_distances())), entropy.fork("pool"))

    def rsa(self, bits: int = 2048) -> RSAPrivateKey:
        if bits != LEAST_RSA_BITS or not self._left:
            return self._seeded.rsa(bits)
        number, distances = self._left.pop()
        return SeededKeys(pool_entropy(number)).rsa_found(distances)

    def p256(self) -> ec.EllipticCurvePrivateKey:
        return self._seeded.p256()

    def fork(self, name: str) -> PooledKeys:
        """A source with a stream of its own for everything but the order in which the pool is drawn from."""
        other = PooledKeys.__new__(PooledKeys)
        other._entropy = self._entropy.fork(name)
        other._seeded = SeededKeys(other._entropy.fork("seeded keys"))
        other._left = self._left
        return other


def is_rehearsal_key(key: PublicKeyTypes) -> bool:
    """Whether this public key is an RSA key made for rehearsals, whose private half is no secret."""
    if not isinstance(key, RSAPublicKey):
        return False
    modulus = key.public_numbers().n
    return modulus.to_bytes((modulus.bit_length() + 7) // 8, "big").startswith(REHEARSAL_MARKER)


def _require_length(bits: int) -> None:
    if bits < LEAST_RSA_BITS or bits % 16:
        raise ValueError(
            f"an RSA key of {bits} bits: at least {LEAST_RSA_BITS} and a multiple of 16 are needed"
        )


def _rsa_key(p: int, q: int) -> RSAPrivateKey:
    d = pow(PUBLIC_EXPONENT, -1, (p - 1) * (q - 1))
    numbers = RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), openssl_rsa.RSAPublicNumbers(PUBLIC_EXPONENT, p * q)
    )
    # OpenSSL would prove the primes anew, which takes 40 ms; whoever calls has just made or kept them.
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


# --- primes whose product begins with the marker ------------------------------------------------------------


def _marked_primes(bits: int, entropy: Entropy) -> tuple[int, int]:
    """Two primes of `bits`/2 bits each, whose product has `bits` bits and begins with the marker.

    The first is random, with its four upper bits set: so it exceeds the second by far, as it should. The
    wanted moduli are the interval [low, low + span); the second is a random prime whose product with the
    first falls into it.
    """
    p = _prime_from(_first_start(bits, entropy))
    return p, _prime_from(_second_start(bits, p, entropy))


def _first_start(bits: int, entropy: Entropy) -> int:
    """Where the search for the first prime begins."""
    half = bits // 2
    return 0b1111 << (half - 4) | entropy.below(1 << (half - 4))


def _second_start(bits: int, p: int, entropy: Entropy) -> int:
    """Where the search for the second prime begins."""
    span = 1 << (bits - 8 * len(REHEARSAL_MARKER))
    low = int.from_bytes(REHEARSAL_MARKER, "big") * span
    first = -(-low // p)
    # The last eighth of the interval stays free as room for the search of the next prime.
    return first + entropy.below(span // p * 7 // 8)


def _small_primes(limit: int) -> tuple[int, ...]:
    composite = bytearray(limit)
    found = []
    for number in range(3, limit, 2):
        if not composite[number]:
            found.append(number)
            composite[number * number :: number] = b"\1" * len(range(number * number, limit, number))
    return tuple(found)


_SMALL_PRIMES = _small_primes(10_000)
_WINDOW = 4096
_ROUNDS = _SMALL_PRIMES[:24]


def _prime_from(start: int) -> int:
    """The first prime at or after `start`, which must be large."""
    base = start | 1
    while True:
        for offset in _unsieved(base):
            if _is_prime(base + 2 * offset):
                return base + 2 * offset
        base += 2 * _WINDOW


def _unsieved(base: int) -> list[int]:
    """Offsets i for which base + 2i has no small factor."""
    divisible = bytearray(_WINDOW)
    for prime in _SMALL_PRIMES:
        first = (-base * ((prime + 1) // 2)) % prime
        divisible[first::prime] = b"\1" * len(range(first, _WINDOW, prime))
    return [offset for offset in range(_WINDOW) if not divisible[offset]]


def _is_prime(candidate: int) -> bool:
    """Miller-Rabin; for random candidates of this size the chance of error is far below 2^-100."""
    odd, twos = candidate - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(_passes(candidate, base, odd, twos) for base in (2, *_ROUNDS))


def _passes(candidate: int, base: int, odd: int, twos: int) -> bool:
    power = pow(base, odd, candidate)
    if power in (1, candidate - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % candidate
        if power == candidate - 1:
            return True
    return False


# --- the pool -----------------------------------------------------------------------------------------------

POOL_SIZE = 512
POOL_FILE = "key_pool.txt"
"""Beside this module: for each key how far its two primes lie behind the places where their search began.
The places follow from the key's number, so that is all there is to keep. `tools/key_pool.py` writes it.
"""


def search_distances(entropy: Entropy) -> Distances:
    """What `SeededKeys.rsa` finds with this entropy; half a second."""
    start = _first_start(LEAST_RSA_BITS, entropy)
    p = _prime_from(start)
    second = _second_start(LEAST_RSA_BITS, p, entropy)
    q = _prime_from(second)
    if (p - 1) % PUBLIC_EXPONENT == 0 or (q - 1) % PUBLIC_EXPONENT == 0:
        raise ValueError("the first primes that are found do not fit the exponent; take another seed")
    return p - start, q - second


def _primes_at(entropy: Entropy, distances: Distances) -> tuple[int, int]:
    """The primes that lie at known distances."""
    p = _first_start(LEAST_RSA_BITS, entropy) + distances[0]
    return p, _second_start(LEAST_RSA_BITS, p, entropy) + distances[1]


def pool_entropy(number: int) -> Entropy:
    """What key `number` of the pool is made from."""
    return SeededEntropy("reseal key pool").fork(str(number))


def read_distances(text: str) -> tuple[Distances, ...]:
    """Distances as `tools/key_pool.py` writes them, one key on each line."""
    lines = (line.split() for line in text.splitlines())
    return tuple((int(first), int(second)) for first, second in lines)


def _pool_distances() -> tuple[Distances, ...]:
    return read_distances(resources.files("reseal.kernel").joinpath(POOL_FILE).read_text("ascii"))


def _shuffled(items: list[tuple[int, Distances]], entropy: Entropy) -> list[tuple[int, Distances]]:
    for last in range(len(items) - 1, 0, -1):
        other = entropy.below(last + 1)
        items[last], items[other] = items[other], items[last]
    return items
