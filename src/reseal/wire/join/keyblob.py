"""BCRYPT_RSAKEY_BLOB: a public RSA key as Windows writes it (spec/identity.md 2.2)."""

import struct
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from reseal.wire.join.errors import JoinError

_MAGIC: Final = b"RSA1"
_HEADER: Final = struct.Struct("<4s5I")
"""Magic, bits of the key, bytes of exponent, modulus and both primes."""
_LEAST_BITS: Final = 2048
_MOST_BITS: Final = 8192
_MOST_EXPONENT: Final = 8


def encode_key_blob(key: RSAPublicKey) -> bytes:
    """The key as a blob without primes."""
    numbers = key.public_numbers()
    exponent = numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8, "big")
    modulus = numbers.n.to_bytes((key.key_size + 7) // 8, "big")
    header = _HEADER.pack(_MAGIC, key.key_size, len(exponent), len(modulus), 0, 0)
    return header + exponent + modulus


def decode_key_blob(data: bytes) -> RSAPublicKey:
    """The key in a blob. Raises JoinError, also for a private key and for one that is too short."""
    if len(data) < _HEADER.size:
        raise _refused("is cut short")
    magic, bits, exponent_size, modulus_size, prime1, prime2 = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise _refused("does not begin with RSA1")
    if prime1 or prime2:
        raise _refused("holds primes: a private key was sent")
    if not _LEAST_BITS <= bits <= _MOST_BITS or modulus_size * 8 != bits:
        raise _refused(f"has a key of {bits} bits in {modulus_size} bytes; it takes 2048 to 8192 bits")
    if not 0 < exponent_size <= _MOST_EXPONENT or len(data) != _HEADER.size + exponent_size + modulus_size:
        raise _refused("has another length than its header says")
    exponent, modulus = (
        int.from_bytes(part, "big") for part in (data[_HEADER.size :][:exponent_size], data[-modulus_size:])
    )
    if modulus.bit_length() != bits:
        raise _refused("has a modulus that is shorter than its header says")
    try:
        return RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError as error:
        raise _refused("holds numbers that are no key") from error


def _refused(why: str) -> JoinError:
    return JoinError(
        code="KeyBlob",
        message=f"The RSA key blob {why}",
        remedy="Send the public key as BCRYPT_RSAKEY_BLOB with 2048 bits or more",
    )
