"""Credentials that only one TPM can open: proof that an AK lives beside an EK (spec/device-artifacts.md 2.4).

The server makes one for the EK of a certificate and the name of an AK. The TPM gives the secret back only if
it holds both keys. TPM 2.0 Library, Part 1, 11.4.10 (KDFa, KDFe), 24 (protection), annexes B.10.4 and C.6.4.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from reseal.wire.tpm.algorithms import STRONG_HASHES, Algorithm, digest, digest_size, hash_of
from reseal.wire.tpm.errors import TpmError, bad_key, unsupported, wrong
from reseal.wire.tpm.marshalling import Reader, sized, u32
from reseal.wire.tpm.public import Attributes, EccArea, Public, coordinate_size

_IDENTITY: Final = b"IDENTITY"
_EXTRA_BYTES: Final = 8
"""Drawn beyond the size of a scalar, so that reducing it leaves no bias (FIPS 186-5 A.2.1)."""

_FILE_HEADER: Final = bytes.fromhex("BADCC0DE00000001")
"""What tpm2-tools writes before the two parts of a credential."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What is sent to the TPM for TPM2_ActivateCredential; both parts with their size in front."""

    blob: bytes
    """TPM2B_ID_OBJECT: integrity value and encrypted secret."""
    encrypted_seed: bytes
    """TPM2B_ENCRYPTED_SECRET: the seed, for the EK only."""

    def as_file(self) -> bytes:
        """The credential as tpm2_activatecredential reads it."""
        return _FILE_HEADER + self.blob + self.encrypted_seed


def decode_credential(data: bytes) -> Credential:
    """The two parts of a credential, with or without the header of tpm2-tools. Raises TpmError."""
    reader = Reader(data.removeprefix(_FILE_HEADER), "credential")
    blob, seed = reader.sized(), reader.sized()
    reader.end()
    return Credential(sized(blob), sized(seed))


def kdf_a(algorithm: Algorithm, key: bytes, label: bytes, u: bytes, v: bytes, bits: int) -> bytes:
    """KDFa: `bits` bits from a `key`, by HMAC in counter mode (NIST SP 800-108)."""
    tail = label + b"\0" + u + v + u32(bits)
    name = hash_of(algorithm).name
    return _collect(algorithm, bits, lambda counter: hmac.digest(key, counter + tail, name))


def kdf_e(algorithm: Algorithm, z: bytes, label: bytes, u: bytes, v: bytes, bits: int) -> bytes:
    """KDFe: `bits` bits from `z`, the x coordinate two parties of ECDH share (NIST SP 800-56A)."""
    tail = z + label + b"\0" + u + v
    return _collect(algorithm, bits, lambda counter: digest(algorithm, counter + tail))


def randomness_needed(ek: Public) -> int:
    """How many random bytes `make_credential` takes for this EK. Raises TpmError for an unusable EK."""
    if isinstance(ek.area, EccArea):
        key = _ecc_key(ek)
        return coordinate_size(key.curve) + _EXTRA_BYTES
    return 2 * digest_size(ek.name_algorithm)


def make_credential(ek: Public, ak_name: bytes, secret: bytes, randomness: bytes) -> Credential:
    """A credential that only the TPM with `ek` opens, and only while it holds the key named `ak_name`.

    `randomness` is exactly `randomness_needed(ek)` fresh bytes from a cryptographic source; who knows them
    knows the secret. Raises TpmError if `ek` is no storage key, the secret is longer than a digest of the
    EK's name algorithm, or the amount of randomness is another.
    """
    _check_storage_key(ek)
    if not 0 < len(secret) <= digest_size(ek.name_algorithm):
        raise wrong("length of the secret", len(secret), "is not within a digest of the EK's name algorithm")
    if len(randomness) != randomness_needed(ek):
        raise wrong("amount of randomness", len(randomness), f"is not {randomness_needed(ek)} bytes")
    if isinstance(ek.area, EccArea):
        seed, encrypted = ecc_seed(ek, _scalar(_ecc_key(ek).curve, randomness))
    else:
        seed, salt = randomness[: len(randomness) // 2], randomness[len(randomness) // 2 :]
        encrypted = rsa_encrypt_seed(ek, seed, salt)
    cipher = Cipher(algorithms.AES(_storage_key(ek, seed, ak_name)), CFB(bytes(16))).encryptor()
    identity = cipher.update(sized(secret)) + cipher.finalize()
    integrity = _integrity(ek, seed, identity, ak_name)
    return Credential(sized(sized(integrity) + identity), sized(encrypted))


def activate_credential(
    ek: Public,
    private_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    ak_name: bytes,
    credential: Credential,
) -> bytes:
    """The secret in a credential, as a TPM finds it: for virtual TPMs, whose EK is a file.

    Raises TpmError(Credential) if it was made for another EK or another AK, or was changed.
    """
    _check_storage_key(ek)
    blob = Reader(_content(credential.blob), "credential blob")
    integrity, identity = blob.sized(), blob.rest()
    seed = _open_seed(ek, private_key, _content(credential.encrypted_seed))
    if not hmac.compare_digest(integrity, _integrity(ek, seed, identity, ak_name)):
        raise _closed("its integrity value is of another key or another name")
    cipher = Cipher(algorithms.AES(_storage_key(ek, seed, ak_name)), CFB(bytes(16))).decryptor()
    return _content(cipher.update(identity) + cipher.finalize())


def rsa_encrypt_seed(ek: Public, seed: bytes, salt: bytes) -> bytes:
    """`seed` for an RSA EK: OAEP with the hash of the EK's name and the label `IDENTITY`.

    Padded here because `cryptography` draws the salt itself, and a run must be repeatable from its seed.
    `salt` has the length of a digest. Raises TpmError.
    """
    key = ek.key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise bad_key("the endorsement key is not an RSA key")
    algorithm, length, size = ek.name_algorithm, key.key_size // 8, digest_size(ek.name_algorithm)
    if len(salt) != size:
        raise wrong("length of the salt", len(salt), f"is not {size} bytes")
    if len(seed) > length - 2 * size - 2:
        raise wrong("length of the seed", len(seed), "does not fit into the endorsement key")
    filling = bytes(length - len(seed) - 2 * size - 2)
    data = digest(algorithm, _IDENTITY + b"\0") + filling + b"\x01" + seed
    masked = _xor(data, _mgf1(algorithm, salt, len(data)))
    padded = b"\0" + _xor(salt, _mgf1(algorithm, masked, size)) + masked
    numbers = key.public_numbers()
    return pow(int.from_bytes(padded, "big"), numbers.e, numbers.n).to_bytes(length, "big")


def ecc_seed(ek: Public, ephemeral: ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
    """The seed that `ephemeral` shares with an ECC EK, and the point to send. Raises TpmError."""
    key = _ecc_key(ek)
    if ephemeral.curve.name != key.curve.name:
        raise bad_key(f"the ephemeral key is not on the curve {key.curve.name} of the endorsement key")
    size = coordinate_size(key.curve)
    point = ephemeral.public_key().public_numbers()
    x, y = point.x.to_bytes(size, "big"), point.y.to_bytes(size, "big")
    return _agreed_seed(ek, ephemeral.exchange(ec.ECDH(), key), x), sized(x) + sized(y)


def _open_seed(
    ek: Public, private_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, encrypted: bytes
) -> bytes:
    if private_key.public_key() != ek.key():
        raise bad_key("the private key is not that of the endorsement key")
    if isinstance(private_key, rsa.RSAPrivateKey):
        algorithm = hash_of(ek.name_algorithm)
        oaep = padding.OAEP(padding.MGF1(algorithm), algorithm, _IDENTITY + b"\0")
        try:
            return private_key.decrypt(encrypted, oaep)
        except ValueError as error:
            raise _closed("the endorsement key does not decrypt it") from error
    reader = Reader(encrypted, "encrypted seed")
    x, y = reader.sized(), reader.sized()
    reader.end()
    size = coordinate_size(private_key.curve)
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(x, "big"), int.from_bytes(y, "big"), private_key.curve
    )
    try:
        shared = private_key.exchange(ec.ECDH(), numbers.public_key())
    except ValueError as error:
        raise _closed("its point is not on the curve of the endorsement key") from error
    return _agreed_seed(ek, shared, numbers.x.to_bytes(size, "big"))


def _agreed_seed(ek: Public, shared: bytes, ephemeral_x: bytes) -> bytes:
    key = _ecc_key(ek)
    own_x = key.public_numbers().x.to_bytes(coordinate_size(key.curve), "big")
    bits = digest_size(ek.name_algorithm) * 8
    return kdf_e(ek.name_algorithm, shared, _IDENTITY, ephemeral_x, own_x, bits)


def _ecc_key(ek: Public) -> ec.EllipticCurvePublicKey:
    key = ek.key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise bad_key("the endorsement key is not an ECC key")
    return key


def _check_storage_key(ek: Public) -> None:
    """Only a restricted decryption key with AES in CFB mode can protect a credential.

    SHA-1 is refused: the credential would prove a name that two keys can share.
    """
    if ek.name_algorithm not in STRONG_HASHES:
        raise unsupported("name algorithm of the endorsement key", ek.name_algorithm)
    symmetric = ek.area.symmetric
    wanted = Attributes.RESTRICTED | Attributes.DECRYPT
    if symmetric is None or ek.attributes & wanted != wanted or ek.attributes & Attributes.SIGN:
        raise bad_key("the endorsement key is not a restricted decryption key")
    if symmetric.algorithm is not Algorithm.AES or symmetric.mode is not Algorithm.CFB:
        raise unsupported("cipher of the endorsement key", symmetric.algorithm)
    if symmetric.key_bits not in (128, 192, 256):
        raise unsupported("AES key size", str(symmetric.key_bits))


def _storage_key(ek: Public, seed: bytes, ak_name: bytes) -> bytes:
    bits = ek.area.symmetric.key_bits if ek.area.symmetric else 0
    return kdf_a(ek.name_algorithm, seed, b"STORAGE", ak_name, b"", bits)


def _integrity(ek: Public, seed: bytes, identity: bytes, ak_name: bytes) -> bytes:
    algorithm = ek.name_algorithm
    key = kdf_a(algorithm, seed, b"INTEGRITY", b"", b"", digest_size(algorithm) * 8)
    return hmac.digest(key, identity + ak_name, hash_of(algorithm).name)


def _scalar(curve: ec.EllipticCurve, randomness: bytes) -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(randomness, "big") % (curve.group_order - 1) + 1
    return ec.derive_private_key(number, curve)


def _content(data: bytes) -> bytes:
    reader = Reader(data, "part of the credential")
    content = reader.sized()
    reader.end()
    return content


def _closed(why: str) -> TpmError:
    message = f"The credential cannot be opened: {why}"
    return TpmError(code="Credential", message=message, remedy="Start the attestation again")


def _collect(algorithm: Algorithm, bits: int, block: Callable[[bytes], bytes]) -> bytes:
    """`bits` bits of the blocks 1, 2, 3 and so on; excess bits of the first byte are 0."""
    size = (bits + 7) // 8
    count = -(-size // digest_size(algorithm))
    found = b"".join(block(u32(number)) for number in range(1, count + 1))[:size]
    return bytes([found[0] & 0xFF >> -bits % 8]) + found[1:]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _mgf1(algorithm: Algorithm, seed: bytes, size: int) -> bytes:
    blocks = -(-size // digest_size(algorithm))
    return b"".join(digest(algorithm, seed + u32(block)) for block in range(blocks))[:size]
