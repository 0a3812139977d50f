"""Public areas of TPM keys: TPMT_PUBLIC of RSA and ECC keys, their names, and the template of the EK.

TPM 2.0 Library, Part 2, 12.2 (public area) and 8.3 (attributes); Part 1, 16 (names);
spec/device-artifacts.md 2.3 (template L-1) and 2.5 (qualified names).
"""

from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from reseal.wire.tpm.algorithms import CURVES, Algorithm, Curve, digest, read_algorithm, read_curve
from reseal.wire.tpm.errors import bad_key, unsupported
from reseal.wire.tpm.marshalling import Reader, sized, u16, u32

ENDORSEMENT_HIERARCHY: Final = bytes.fromhex("4000000B")
"""TPM_RH_ENDORSEMENT: the name of the hierarchy, from which qualified names of EKs start."""

DEFAULT_EXPONENT: Final = 65537
"""What an exponent of 0 in a public area stands for."""

_RSA_BITS: Final = (2048, 3072, 4096)

EK_POLICY: Final = bytes.fromhex("837197674484B3F81A90CC8D46A5D724FD52D76E06520B64F2A1DA1B331469AA")
"""PolicySecret of the endorsement hierarchy with SHA-256: who may use an EK of template L-1."""


class Attributes(IntFlag):
    """TPMA_OBJECT: what a key may do and where it may go. Reserved bits are kept."""

    FIXED_TPM = 1 << 1
    ST_CLEAR = 1 << 2
    FIXED_PARENT = 1 << 4
    SENSITIVE_DATA_ORIGIN = 1 << 5
    USER_WITH_AUTH = 1 << 6
    ADMIN_WITH_POLICY = 1 << 7
    FIRMWARE_LIMITED = 1 << 8
    SVN_LIMITED = 1 << 9
    NO_DA = 1 << 10
    ENCRYPTED_DUPLICATION = 1 << 11
    RESTRICTED = 1 << 16
    DECRYPT = 1 << 17
    SIGN = 1 << 18
    X509_SIGN = 1 << 19


EK_ATTRIBUTES: Final = (
    Attributes.FIXED_TPM
    | Attributes.FIXED_PARENT
    | Attributes.SENSITIVE_DATA_ORIGIN
    | Attributes.ADMIN_WITH_POLICY
    | Attributes.RESTRICTED
    | Attributes.DECRYPT
)
"""0x000300B2, of template L-1."""

AK_ATTRIBUTES: Final = (
    Attributes.FIXED_TPM
    | Attributes.FIXED_PARENT
    | Attributes.SENSITIVE_DATA_ORIGIN
    | Attributes.USER_WITH_AUTH
    | Attributes.NO_DA
    | Attributes.RESTRICTED
    | Attributes.SIGN
)
"""0x00050472, recommended for an AK: without dictionary attack protection nothing locks it out."""


@dataclass(frozen=True, slots=True)
class Symmetric:
    """The cipher that protects what is stored under a key."""

    algorithm: Algorithm
    key_bits: int
    mode: Algorithm


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a key does with its messages. `hash` is None for RSAES; `count` belongs to ECDAA."""

    algorithm: Algorithm
    hash: Algorithm | None = None
    count: int = 0


@dataclass(frozen=True, slots=True)
class RsaArea:
    """The part of a public area that is about an RSA key. `modulus` is big endian, all zero in a template."""

    symmetric: Symmetric | None
    scheme: Scheme | None
    key_bits: int
    exponent: int
    """0 stands for 65537."""
    modulus: bytes


@dataclass(frozen=True, slots=True)
class EccArea:
    """The part of a public area that is about an ECC key. Coordinates are big endian."""

    symmetric: Symmetric | None
    scheme: Scheme | None
    curve: Curve
    kdf: Scheme | None
    x: bytes
    y: bytes


@dataclass(frozen=True, slots=True)
class Public:
    """TPMT_PUBLIC of an RSA or ECC key. `encode(decode(x)) == x`, so the name is that of what was sent."""

    name_algorithm: Algorithm
    attributes: Attributes
    auth_policy: bytes
    area: RsaArea | EccArea

    def encode(self) -> bytes:
        """TPMT_PUBLIC. Raises TpmError if a value does not fit into its field."""
        head = u16(self.name_algorithm) + u32(self.attributes) + sized(self.auth_policy)
        match self.area:
            case RsaArea() as area:
                body = u32(area.exponent) + sized(area.modulus)
                middle = _symmetric(area.symmetric) + _scheme(area.scheme) + u16(area.key_bits)
                return u16(Algorithm.RSA) + head + middle + body
            case EccArea() as area:
                body = u16(area.curve) + _scheme(area.kdf) + sized(area.x) + sized(area.y)
                return u16(Algorithm.ECC) + head + _symmetric(area.symmetric) + _scheme(area.scheme) + body

    def encode_sized(self) -> bytes:
        """TPM2B_PUBLIC."""
        return sized(self.encode())

    @property
    def name(self) -> bytes:
        """The key's name: its name algorithm and the digest of its public area. Raises TpmError."""
        return u16(self.name_algorithm) + digest(self.name_algorithm, self.encode())

    def qualified_name(self, parent: bytes = ENDORSEMENT_HIERARCHY) -> bytes:
        """The name that also says under which parents the key lives.

        `parent` is the qualified name of the parent, or the hierarchy for a primary key like the EK.
        """
        return u16(self.name_algorithm) + digest(self.name_algorithm, parent + self.name)

    def key(self) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
        """The key as `cryptography` has it. Raises TpmError for numbers that are no key that Reseal takes."""
        match self.area:
            case RsaArea() as area:
                return _rsa_key(area)
            case EccArea() as area:
                return _ecc_key(area)


def decode_public(data: bytes) -> Public:
    """The TPMT_PUBLIC that fills `data`. Raises TpmError."""
    reader = Reader(data, "public area")
    public = read_public(reader)
    reader.end()
    return public


def decode_sized_public(data: bytes) -> Public:
    """The TPM2B_PUBLIC that fills `data`. Raises TpmError."""
    reader = Reader(data, "TPM2B_PUBLIC")
    content = reader.sized()
    reader.end()
    return decode_public(content)


def read_public(reader: Reader) -> Public:
    """The next TPMT_PUBLIC. Raises TpmError."""
    kind = read_algorithm(reader, "type of key")
    name_algorithm = read_algorithm(reader, "name algorithm")
    attributes = Attributes(reader.u32())
    policy = reader.sized()
    match kind:
        case Algorithm.RSA:
            area: RsaArea | EccArea = RsaArea(
                symmetric=_read_symmetric(reader),
                scheme=_read_scheme(reader),
                key_bits=reader.u16(),
                exponent=reader.u32(),
                modulus=reader.sized(),
            )
        case Algorithm.ECC:
            area = EccArea(
                symmetric=_read_symmetric(reader),
                scheme=_read_scheme(reader),
                curve=read_curve(reader),
                kdf=_read_scheme(reader),
                x=reader.sized(),
                y=reader.sized(),
            )
        case _:
            raise unsupported("type of key", kind)
    return Public(name_algorithm, attributes, policy, area)


def public_of(
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    *,
    attributes: Attributes,
    scheme: Scheme | None,
    symmetric: Symmetric | None = None,
    auth_policy: bytes = b"",
    name_algorithm: Algorithm = Algorithm.SHA256,
) -> Public:
    """The public area of `key`. Raises TpmError for a size or curve that is not supported."""
    area: RsaArea | EccArea
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in _RSA_BITS:
            raise unsupported("RSA key size", str(key.key_size))
        numbers = key.public_numbers()
        exponent = 0 if numbers.e == DEFAULT_EXPONENT else numbers.e
        modulus = numbers.n.to_bytes(key.key_size // 8, "big")
        area = RsaArea(symmetric, scheme, key.key_size, exponent, modulus)
    else:
        curve = next((number for number, known in CURVES.items() if known.name == key.curve.name), None)
        if curve is None:
            raise unsupported("curve", key.curve.name)
        size = coordinate_size(key.curve)
        point = key.public_numbers()
        area = EccArea(
            symmetric, scheme, curve, None, point.x.to_bytes(size, "big"), point.y.to_bytes(size, "big")
        )
    return Public(name_algorithm, attributes, auth_policy, area)


def ek_template(modulus: bytes = bytes(256)) -> Public:
    """Template L-1 of an RSA 2048 EK, or with a `modulus` the public area of the EK made from it.

    The EK of NV index 0x01C00002 is of this template (spec/device-artifacts.md 2.3).
    """
    storage = Symmetric(Algorithm.AES, 128, Algorithm.CFB)
    return Public(Algorithm.SHA256, EK_ATTRIBUTES, EK_POLICY, RsaArea(storage, None, 2048, 0, modulus))


def coordinate_size(curve: ec.EllipticCurve) -> int:
    """Bytes of one coordinate of a point."""
    return (curve.key_size + 7) // 8


def _rsa_key(area: RsaArea) -> rsa.RSAPublicKey:
    if area.key_bits not in _RSA_BITS:
        raise unsupported("RSA key size", str(area.key_bits))
    modulus = int.from_bytes(area.modulus, "big")
    if modulus.bit_length() != area.key_bits or len(area.modulus) * 8 != area.key_bits:
        raise bad_key(f"the modulus is not one of {area.key_bits} bits")
    try:
        return rsa.RSAPublicNumbers(area.exponent or DEFAULT_EXPONENT, modulus).public_key()
    except ValueError as error:
        raise bad_key(str(error)) from error


def _ecc_key(area: EccArea) -> ec.EllipticCurvePublicKey:
    curve = CURVES.get(area.curve)
    if curve is None:
        raise unsupported("curve", area.curve)
    if max(len(area.x), len(area.y)) > coordinate_size(curve):
        raise bad_key(f"a coordinate is longer than the curve {curve.name} has")
    x, y = int.from_bytes(area.x, "big"), int.from_bytes(area.y, "big")
    try:
        return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    except ValueError as error:
        raise bad_key(str(error)) from error


def _read_symmetric(reader: Reader) -> Symmetric | None:
    algorithm = read_algorithm(reader, "cipher")
    if algorithm is Algorithm.NULL:
        return None
    if algorithm not in (Algorithm.AES, Algorithm.SM4, Algorithm.CAMELLIA):
        raise unsupported("cipher", algorithm)
    return Symmetric(algorithm, reader.u16(), read_algorithm(reader, "mode of the cipher"))


def _symmetric(value: Symmetric | None) -> bytes:
    if value is None:
        return u16(Algorithm.NULL)
    return u16(value.algorithm) + u16(value.key_bits) + u16(value.mode)


def _read_scheme(reader: Reader) -> Scheme | None:
    """A scheme of signing, encrypting or key derivation: all are a number and, but for RSAES, a hash."""
    algorithm = read_algorithm(reader, "scheme")
    match algorithm:
        case Algorithm.NULL:
            return None
        case Algorithm.RSAES:
            return Scheme(algorithm)
        case Algorithm.ECDAA:
            return Scheme(algorithm, read_algorithm(reader, "hash of the scheme"), reader.u16())
        case _ if algorithm in _HASHED_SCHEMES:
            return Scheme(algorithm, read_algorithm(reader, "hash of the scheme"))
    raise unsupported("scheme", algorithm)


def _scheme(value: Scheme | None) -> bytes:
    if value is None:
        return u16(Algorithm.NULL)
    hash_part = b"" if value.hash is None else u16(value.hash)
    return (
        u16(value.algorithm) + hash_part + (u16(value.count) if value.algorithm is Algorithm.ECDAA else b"")
    )


_HASHED_SCHEMES: Final = (
    Algorithm.RSASSA,
    Algorithm.RSAPSS,
    Algorithm.OAEP,
    Algorithm.ECDSA,
    Algorithm.ECDH,
    Algorithm.SM2,
    Algorithm.EC_SCHNORR,
    Algorithm.ECMQV,
    Algorithm.KDF1_SP800_56A,
    Algorithm.KDF2,
    Algorithm.KDF1_SP800_108,
)
