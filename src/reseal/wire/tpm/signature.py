"""Signatures of TPM keys: TPMT_SIGNATURE with RSASSA, RSAPSS or ECDSA, and whether they hold.

TPM 2.0 Library, Part 2, 11.3; spec/device-artifacts.md 2.5.
"""

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from reseal.wire.tpm.algorithms import STRONG_HASHES, Algorithm, hash_of, read_algorithm
from reseal.wire.tpm.errors import TpmError, unsupported
from reseal.wire.tpm.marshalling import Reader, sized, u16
from reseal.wire.tpm.public import coordinate_size

RSA_SCHEMES: Final = (Algorithm.RSASSA, Algorithm.RSAPSS)
SIGNING_SCHEMES: Final = (*RSA_SCHEMES, Algorithm.ECDSA)
"""Schemes of signatures that Reseal accepts."""


@dataclass(frozen=True, slots=True)
class RsaSignature:
    """A signature by RSASSA or RSAPSS."""

    scheme: Algorithm
    hash: Algorithm
    value: bytes


@dataclass(frozen=True, slots=True)
class EcdsaSignature:
    """A signature by ECDSA: `r` and `s` big endian."""

    hash: Algorithm
    r: bytes
    s: bytes


Signature = RsaSignature | EcdsaSignature


def encode_signature(signature: Signature) -> bytes:
    """TPMT_SIGNATURE."""
    match signature:
        case RsaSignature(scheme, hash_algorithm, value):
            return u16(scheme) + u16(hash_algorithm) + sized(value)
        case EcdsaSignature(hash_algorithm, r, s):
            return u16(Algorithm.ECDSA) + u16(hash_algorithm) + sized(r) + sized(s)


def decode_signature(data: bytes) -> Signature:
    """The TPMT_SIGNATURE that fills `data`. Raises TpmError."""
    reader = Reader(data, "signature")
    signature = read_signature(reader)
    reader.end()
    return signature


def read_signature(reader: Reader) -> Signature:
    """The next TPMT_SIGNATURE. Raises TpmError."""
    scheme = read_algorithm(reader, "scheme of the signature")
    if scheme not in SIGNING_SCHEMES:
        raise unsupported("scheme of the signature", scheme)
    hash_algorithm = read_algorithm(reader, "hash of the signature")
    if scheme is Algorithm.ECDSA:
        return EcdsaSignature(hash_algorithm, reader.sized(), reader.sized())
    return RsaSignature(scheme, hash_algorithm, reader.sized())


def sign(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, message: bytes, hash_algorithm: Algorithm
) -> Signature:
    """`message` signed as a TPM does, for virtual TPMs: RSASSA, or ECDSA without randomness (RFC 6979)."""
    algorithm = hash_of(hash_algorithm)
    if isinstance(key, rsa.RSAPrivateKey):
        return RsaSignature(
            Algorithm.RSASSA, hash_algorithm, key.sign(message, padding.PKCS1v15(), algorithm)
        )
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(algorithm, deterministic_signing=True)))
    size = coordinate_size(key.curve)
    return EcdsaSignature(hash_algorithm, r.to_bytes(size, "big"), s.to_bytes(size, "big"))


def verify(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, signature: Signature, message: bytes) -> None:
    """Returns if `signature` over `message` holds.

    Raises TpmError: Signature if it does not, Unsupported if its hash is weaker than SHA-256.
    """
    if signature.hash not in STRONG_HASHES:
        raise unsupported("hash of the signature", signature.hash)
    algorithm = hash_of(signature.hash)
    try:
        match signature:
            case RsaSignature(Algorithm.RSASSA, _, value) if isinstance(key, rsa.RSAPublicKey):
                key.verify(value, message, padding.PKCS1v15(), algorithm)
            case RsaSignature(Algorithm.RSAPSS, _, value) if isinstance(key, rsa.RSAPublicKey):
                pss = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
                key.verify(value, message, pss, algorithm)
            case EcdsaSignature(_, r, s) if isinstance(key, ec.EllipticCurvePublicKey):
                der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
                key.verify(der, message, ec.ECDSA(algorithm))
            case _:
                raise _broken("it is of another kind than the key")
    except InvalidSignature as error:
        raise _broken("it is not over these bytes, or not by this key") from error


def _broken(why: str) -> TpmError:
    message = f"The signature does not hold: {why}"
    return TpmError(code="Signature", message=message, remedy="Start the attestation again")
