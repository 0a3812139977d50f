"""Numbers that TPMs give to algorithms, curves and structures, and the hashes behind them.

TPM 2.0 Library, Part 2, 6.3 (algorithms), 6.4 (curves), 6.9 (structures).
"""

import hashlib
from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from reseal.wire.tpm.errors import unsupported
from reseal.wire.tpm.marshalling import Reader


class Algorithm(IntEnum):
    """TPM_ALG_ID. Only what can stand in the structures that Reseal reads."""

    RSA = 0x0001
    SHA1 = 0x0004
    AES = 0x0006
    KEYED_HASH = 0x0008
    SHA256 = 0x000B
    SHA384 = 0x000C
    SHA512 = 0x000D
    NULL = 0x0010
    SM3_256 = 0x0012
    SM4 = 0x0013
    RSASSA = 0x0014
    RSAES = 0x0015
    RSAPSS = 0x0016
    OAEP = 0x0017
    ECDSA = 0x0018
    ECDH = 0x0019
    ECDAA = 0x001A
    SM2 = 0x001B
    EC_SCHNORR = 0x001C
    ECMQV = 0x001D
    KDF1_SP800_56A = 0x0020
    KDF2 = 0x0021
    KDF1_SP800_108 = 0x0022
    ECC = 0x0023
    SYM_CIPHER = 0x0025
    CAMELLIA = 0x0026
    SHA3_256 = 0x0027
    SHA3_384 = 0x0028
    SHA3_512 = 0x0029
    CTR = 0x0040
    OFB = 0x0041
    CBC = 0x0042
    CFB = 0x0043
    ECB = 0x0044


class Curve(IntEnum):
    """TPM_ECC_CURVE."""

    NIST_P192 = 0x0001
    NIST_P224 = 0x0002
    NIST_P256 = 0x0003
    NIST_P384 = 0x0004
    NIST_P521 = 0x0005
    BN_P256 = 0x0010
    BN_P638 = 0x0011
    SM2_P256 = 0x0020


class AttestType(IntEnum):
    """TPM_ST of the attestations that Reseal reads."""

    CERTIFY = 0x8017
    QUOTE = 0x8018
    CREATION = 0x801A


_HASHES: Final[Mapping[Algorithm, hashes.HashAlgorithm]] = {
    Algorithm.SHA1: hashes.SHA1(),
    Algorithm.SHA256: hashes.SHA256(),
    Algorithm.SHA384: hashes.SHA384(),
    Algorithm.SHA512: hashes.SHA512(),
}
STRONG_HASHES: Final = (Algorithm.SHA256, Algorithm.SHA384, Algorithm.SHA512)
"""Hashes that a proof may rest on: SHA-1 is read (old PCR banks and names) and never trusted."""

CURVES: Final[Mapping[Curve, ec.EllipticCurve]] = {
    Curve.NIST_P256: ec.SECP256R1(),
    Curve.NIST_P384: ec.SECP384R1(),
    Curve.NIST_P521: ec.SECP521R1(),
}
"""Curves of the keys that Reseal accepts."""


def read_algorithm(reader: Reader, name: str) -> Algorithm:
    """The next algorithm; `name` is what it stands for. Raises TpmError for an unknown one."""
    number, offset = reader.u16(), reader.offset - 2
    try:
        return Algorithm(number)
    except ValueError as error:
        raise unsupported(name, number, offset) from error


def read_curve(reader: Reader) -> Curve:
    """The next curve. Raises TpmError for an unknown one."""
    number, offset = reader.u16(), reader.offset - 2
    try:
        return Curve(number)
    except ValueError as error:
        raise unsupported("curve", number, offset) from error


def hash_of(algorithm: Algorithm) -> hashes.HashAlgorithm:
    """The hash as `cryptography` names it. Raises TpmError for what is no hash or not computed here."""
    try:
        return _HASHES[algorithm]
    except KeyError as error:
        raise unsupported("hash algorithm", algorithm) from error


def has_digest(algorithm: Algorithm) -> bool:
    """Whether `digest` can be computed."""
    return algorithm in _HASHES


def digest_size(algorithm: Algorithm) -> int:
    """Bytes of a digest. Raises TpmError like `hash_of`."""
    return hash_of(algorithm).digest_size


def digest(algorithm: Algorithm, data: bytes) -> bytes:
    """The digest of `data`. Raises TpmError like `hash_of`."""
    return hashlib.new(hash_of(algorithm).name, data).digest()
