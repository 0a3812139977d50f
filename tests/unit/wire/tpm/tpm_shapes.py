"""Keys and statements of a virtual TPM, made without chance: the same in every run."""

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from reseal.wire.tpm import (
    AK_ATTRIBUTES,
    EK_ATTRIBUTES,
    EK_POLICY,
    Algorithm,
    Attest,
    Attributes,
    Certify,
    Clock,
    Public,
    Quote,
    Scheme,
    Symmetric,
    encode_signature,
    pcr_digest,
    public_of,
    select,
    sign,
)

_P = int(
    "e00b4cba33b40434ec8e891761c85a2db272f93b02f1ddf07953b1a4809ebce4ba95764c01a21888ca647f9f53344bff"
    "2b2c3c223fa4162ddb257b50944e8e7a0bc1574101f5c4880daa3f35e484dd5f34aa6145d968c51b6e873b6a5c6638be"
    "a3179e45996211daec4b0bfaf573d94ac1e3d14bd917c8cb3c7c81480fc07c2d",
    16,
)
_Q = int(
    "cc388173582142db410d98e36bb88da9fc402fc81e690b677330f8d7d18042676b662a369702b4fc690e87d491ee93cd"
    "9f9598904c52cc3294750df65d13473bfbe61b1cb884d944edd3c46b43ed15876959edbe56c98b3773ec0df4619339e2"
    "4999d4a8e79bd2b318061f923ce7237f34bae6236695cffd3b0c907fe7cb7a27",
    16,
)


def rsa_key() -> rsa.RSAPrivateKey:
    """RSA 2048, made for these tests only."""
    d = rsa.rsa_recover_private_exponent(65537, _P, _Q)
    public = rsa.RSAPublicNumbers(65537, _P * _Q)
    crt = rsa.rsa_crt_dmp1(d, _P), rsa.rsa_crt_dmq1(d, _Q), rsa.rsa_crt_iqmp(_P, _Q)
    return rsa.RSAPrivateNumbers(_P, _Q, d, *crt, public).private_key()


def ecc_key(curve: ec.EllipticCurve, number: int = 4711) -> ec.EllipticCurvePrivateKey:
    """The key of `number` on `curve`."""
    return ec.derive_private_key(number, curve)


def ek_of(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, hash_algorithm: Algorithm, bits: int) -> Public:
    """An EK over `key` that names with `hash_algorithm` and stores with AES of `bits`."""
    return public_of(
        key,
        attributes=EK_ATTRIBUTES,
        scheme=None,
        symmetric=Symmetric(Algorithm.AES, bits, Algorithm.CFB),
        auth_policy=EK_POLICY,
        name_algorithm=hash_algorithm,
    )


EK_KEY = ecc_key(ec.SECP256R1(), 99)
EK = ek_of(EK_KEY.public_key(), Algorithm.SHA256, 128)
AK_KEY = ecc_key(ec.SECP256R1())
AK = public_of(
    AK_KEY.public_key(), attributes=AK_ATTRIBUTES, scheme=Scheme(Algorithm.ECDSA, Algorithm.SHA256)
)
ENROLMENT_KEY = public_of(
    ecc_key(ec.SECP256R1(), 5).public_key(),
    attributes=Attributes.FIXED_TPM
    | Attributes.FIXED_PARENT
    | Attributes.SENSITIVE_DATA_ORIGIN
    | Attributes.USER_WITH_AUTH
    | Attributes.SIGN,
    scheme=None,
)
NONCE = bytes(range(32))
SIGNER = AK.qualified_name(EK.qualified_name())
CLOCK = Clock(clock=90_000, reset_count=7, restart_count=0, safe=True)
PCRS = {Algorithm.SHA256: {0: bytes(32), 7: b"\x07" * 32, 14: b"\x0e" * 32}}
SELECTION = (select(Algorithm.SHA256, (14, 0, 7)),)


def stated(attested: Quote | Certify, nonce: bytes = NONCE) -> tuple[bytes, bytes]:
    """What the AK says about `attested`: the attestation and its signature."""
    data = Attest(SIGNER, nonce, CLOCK, 0x20250101, attested).encode()
    return data, encode_signature(sign(AK_KEY, data, Algorithm.SHA256))


def quote() -> Quote:
    """A quote of `PCRS`."""
    return Quote(SELECTION, pcr_digest(SELECTION, PCRS, Algorithm.SHA256))
