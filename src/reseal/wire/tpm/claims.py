"""The claims with which Windows states that a key lives in its TPM: `KAST`, `KADS` and the key blob `PCPM`.

MS-WCCE 2.2.2.5 and the headers of the platform crypto provider, little endian; spec/device-artifacts.md 2.2.
Not yet seen from a real Windows. A claim whose problems are none shows that one TPM or program holds both
keys; it stays `claimed` until an AK certificate or an activation ties the AK to an EK (2.6).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from reseal.wire.tpm.algorithms import Algorithm, digest
from reseal.wire.tpm.attest import Creation, decode_attest
from reseal.wire.tpm.checks import Problem, Reason, ak_problems, certify_problems
from reseal.wire.tpm.errors import TpmError, bad_key, unsupported, wrong
from reseal.wire.tpm.marshalling import Reader
from reseal.wire.tpm.public import Attributes, Public, RsaArea, decode_public, decode_sized_public, public_of
from reseal.wire.tpm.signature import (
    RsaSignature,
    Signature,
    decode_signature,
    encode_signature,
    read_signature,
    verify,
)

_KAST: Final = 0x5453414B
_KADS: Final = 0x5344414B
_PCPM: Final = 0x4D504350
_RSA1: Final = 0x31415352
_TPM_2_0: Final = 2
_PARTS_OF_KEY_BLOB: Final = 9

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class IdBinding:
    """How the AK was made: its public area, and what the TPM states about that under the AK itself."""

    ak: Public
    creation_data: bytes
    attest: bytes
    signature: Signature


@dataclass(frozen=True, slots=True)
class KeyAttestation:
    """`KADS`: what the AK states about a key."""

    attest: bytes
    """TPMS_ATTEST of the kind certify."""
    signature: bytes
    """TPMT_SIGNATURE, or the bare bytes of an RSA signature: both are read."""
    key: Public


@dataclass(frozen=True, slots=True)
class Claim:
    """`KAST`, or a `KADS` alone. A part that the claim leaves out is None."""

    binding: IdBinding | None
    attestation: KeyAttestation | None


def decode_claim(data: bytes) -> Claim:
    """The claim in `data`: `KAST` or `KADS`, as it is not known which of them enrolment sends.

    Raises TpmError.
    """
    magic = Reader(data, "claim", "little").u32()
    if magic == _KADS:
        return Claim(None, _read_attestation(data))
    if magic != _KAST:
        raise unsupported("claim with the magic", f"0x{magic:08X}", 0)
    reader = Reader(data, "claim", "little")
    reader.take(4)
    _expect(reader, "version of the claim", 1)
    _expect(reader, "platform of the claim", _TPM_2_0)
    binding, attestation, _ = _parts(reader, header_size=reader.u32(), count=3)
    return Claim(
        binding=_read_binding(binding) if binding else None,
        attestation=_read_attestation(attestation) if attestation else None,
    )


def decode_rsa_key_blob(data: bytes) -> rsa.RSAPublicKey:
    """The key of a `BCRYPT_RSAKEY_BLOB`, as the item `AIKPub` holds it. Raises TpmError."""
    reader = Reader(data, "RSA key blob", "little")
    _expect(reader, "magic of the RSA key blob", _RSA1)
    bits, exponent_size, modulus_size = reader.u32(), reader.u32(), reader.u32()
    reader.take(8)  # the sizes of the primes, 0 in a public key
    exponent, modulus = int.from_bytes(reader.take(exponent_size), "big"), reader.take(modulus_size)
    reader.end()
    if not exponent:
        raise bad_key("its exponent is 0")
    area = RsaArea(None, None, bits, exponent, modulus)
    key = Public(Algorithm.SHA256, Attributes(0), b"", area).key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise bad_key("it is no RSA key")
    return key


def claim_problems(claim: Claim, *, aik: PublicKey, key: PublicKey) -> tuple[Problem, ...]:
    """What is wrong with a claim that the AK `aik` (`AIKPub`) vouches for `key`, the key of the request.

    1 the AK of the binding is `aik`; 2 the TPM states that it made that AK, and the AK meets `AK_RULES`;
    3 the AK certifies a key (the steps of `certify_problems`, but for the nonce, which Windows chooses);
    4 that key is `key`. A binding may be missing: then the attributes of the AK stay unknown. A claim
    without an attestation vouches for the AK only, which then must be `key`. Raises TpmError if Reseal does
    not take `aik`.
    """
    return tuple(_claim(claim, aik, key))


def _claim(claim: Claim, aik: PublicKey, key: PublicKey) -> Iterator[Problem]:
    ak = public_of(aik, attributes=Attributes.SIGN, scheme=None)
    if claim.binding:
        ak = claim.binding.ak
        yield from _binding(claim.binding, aik)
    if claim.attestation:
        yield from _attestation(claim.attestation, ak)
    vouched = claim.attestation.key if claim.attestation else ak
    if not _is_key(vouched, key):
        message = "The claim is about another key than the request"
        yield Problem(Reason.KEY_NOT_CERTIFIED, 4, "key", message)


def _binding(binding: IdBinding, aik: PublicKey) -> Iterator[Problem]:
    if not _is_key(binding.ak, aik):
        yield Problem(Reason.KEY_NOT_CERTIFIED, 1, "aik", "The claim is by another AK than AIKPub")
    try:
        verify(binding.ak.key(), binding.signature, binding.attest)
        made = decode_attest(binding.attest).attested
        creation_hash = digest(binding.ak.name_algorithm, binding.creation_data)
        holds = made == Creation(binding.ak.name, creation_hash)
        message = "The TPM states the creation of another AK"
    except TpmError as error:
        holds, message = False, str(error)
    if not holds:
        yield Problem(Reason.KEY_NOT_CERTIFIED, 2, "idBinding", message)
    for problem in ak_problems(binding.ak):
        yield Problem(problem.reason, 2, f"idBinding.{problem.name}", problem.message)


def _attestation(attestation: KeyAttestation, ak: Public) -> Iterator[Problem]:
    try:
        nonce = decode_attest(attestation.attest).extra_data
        signature = _whole_signature(attestation.signature, ak)
    except TpmError as error:
        yield Problem(Reason.KEY_NOT_CERTIFIED, 3, "keyAttestation", str(error))
        return
    problems = certify_problems(attestation.attest, signature, ak=ak, certified=attestation.key, nonce=nonce)
    for problem in problems:
        yield Problem(problem.reason, 3, f"keyAttestation.{problem.name}", problem.message)


def _whole_signature(signature: bytes, ak: Public) -> bytes:
    """A TPMT_SIGNATURE: of bare bytes, one by RSASSA with the hash of the AK, SHA-256 where that is open."""
    try:
        decode_signature(signature)
    except TpmError:
        scheme = ak.area.scheme
        hash_algorithm = Algorithm.SHA256 if scheme is None or scheme.hash is None else scheme.hash
        return encode_signature(RsaSignature(Algorithm.RSASSA, hash_algorithm, signature))
    return signature


def _is_key(public: Public, key: PublicKey) -> bool:
    try:
        return public.key() == key
    except TpmError:
        return False


def _read_binding(data: bytes) -> IdBinding:
    """Big endian, as the TPM wrote it."""
    reader = Reader(data, "idBinding of the claim")
    ak = decode_public(reader.sized())
    binding = IdBinding(ak, reader.sized(), reader.sized(), read_signature(reader))
    reader.end()
    return binding


def _read_attestation(data: bytes) -> KeyAttestation:
    reader = Reader(data, "keyAttestation of the claim", "little")
    _expect(reader, "magic of the keyAttestation", _KADS)
    _expect(reader, "platform of the keyAttestation", _TPM_2_0)
    attest, signature, blob = _parts(reader, header_size=reader.u32(), count=3)
    return KeyAttestation(attest, signature, _read_key_blob(blob))


def _read_key_blob(data: bytes) -> Public:
    """The public area of a key blob. Newer headers end with the hash of its PCR binding: passed over."""
    reader = Reader(data, "key blob of the claim", "little")
    _expect(reader, "magic of the key blob", _PCPM)
    header_size = reader.u32()
    _expect(reader, "type of the key blob", _TPM_2_0)
    reader.take(4)  # flags
    public, *_ = _parts(reader, header_size=header_size, count=_PARTS_OF_KEY_BLOB)
    return decode_sized_public(public)


def _parts(reader: Reader, *, header_size: int, count: int) -> list[bytes]:
    """The parts after a header that ends with their `count` sizes, in later versions with more."""
    sizes = [reader.u32() for _ in range(count)]
    if header_size < reader.offset:
        raise wrong("size of a header of the claim", header_size, f"is less than {reader.offset}")
    reader.take(header_size - reader.offset)
    parts = [reader.take(size) for size in sizes]
    reader.end()
    return parts


def _expect(reader: Reader, name: str, expected: int) -> None:
    found = reader.u32()
    if found != expected:
        raise wrong(name, f"0x{found:X}", f"is not 0x{expected:X}", reader.offset - 4)
