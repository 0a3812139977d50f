"""Public areas: what they say, their names, and keys that are none."""

import hashlib
from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from reseal.wire.errors import WireError
from reseal.wire.tpm import (
    AK_ATTRIBUTES,
    EK_ATTRIBUTES,
    Algorithm,
    Attributes,
    Curve,
    EccArea,
    Public,
    RsaArea,
    Scheme,
    Symmetric,
    TpmError,
    decode_public,
    decode_sized_public,
    ek_template,
    public_of,
)
from tests.unit.wire.tpm.tpm_shapes import AK, EK, ecc_key, rsa_key

TEMPLATE = (
    "0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa"
    "00060080004300100800000000000100" + "00" * 256
)
"""Template L-1 of the TCG EK Credential Profile."""


def test_the_template_of_the_endorsement_key_is_l_1() -> None:
    assert ek_template().encode().hex() == TEMPLATE
    assert decode_public(bytes.fromhex(TEMPLATE)) == ek_template()


def test_a_modulus_completes_the_template() -> None:
    key = rsa_key().public_key()
    modulus = key.public_numbers().n.to_bytes(256, "big")
    assert ek_template(modulus).key() == key


def test_usual_attributes_have_the_documented_numbers() -> None:
    assert (int(EK_ATTRIBUTES), int(AK_ATTRIBUTES)) == (0x000300B2, 0x00050472)


def test_the_name_is_the_digest_of_the_public_area() -> None:
    assert AK.name == b"\x00\x0b" + hashlib.sha256(AK.encode()).digest()
    sha384 = replace(AK, name_algorithm=Algorithm.SHA384)
    assert sha384.name == b"\x00\x0c" + hashlib.sha384(sha384.encode()).digest()


def test_qualified_names_start_from_the_endorsement_hierarchy() -> None:
    parent = b"\x00\x0b" + hashlib.sha256(bytes.fromhex("4000000b") + EK.name).digest()
    assert EK.qualified_name() == parent
    assert AK.qualified_name(parent) == b"\x00\x0b" + hashlib.sha256(parent + AK.name).digest()


@pytest.mark.parametrize(
    "key",
    [
        rsa_key().public_key(),
        ecc_key(ec.SECP256R1()).public_key(),
        ecc_key(ec.SECP384R1()).public_key(),
        ecc_key(ec.SECP521R1()).public_key(),
    ],
    ids=["RSA 2048", "P-256", "P-384", "P-521"],
)
def test_a_key_comes_back_from_its_public_area(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> None:
    public = public_of(key, attributes=Attributes.SIGN, scheme=None)
    assert decode_sized_public(public.encode_sized()) == public
    assert public.key() == key


def test_a_curve_that_is_not_accepted_is_refused() -> None:
    key = ec.derive_private_key(5, ec.SECP256K1()).public_key()
    with pytest.raises(TpmError, match="secp256k1"):
        public_of(key, attributes=Attributes.SIGN, scheme=None)


ECC = EccArea(None, None, Curve.NIST_P256, None, b"\x01", b"\x01")
RSA = RsaArea(None, None, 2048, 0, b"\xff" * 256)


@pytest.mark.parametrize(
    "area, message",
    [
        (ECC, "no usable public key"),
        (replace(ECC, x=bytes(33)), "coordinate"),
        (replace(ECC, curve=Curve.BN_P256), "curve 0x0010"),
        (replace(RSA, key_bits=1024, modulus=b"\xff" * 128), "size 1024"),
        (replace(RSA, modulus=b"\x00" + b"\xff" * 255), "modulus"),
        (replace(RSA, exponent=2), "no usable public key"),
    ],
    ids=["off the curve", "long coordinate", "other curve", "RSA 1024", "short modulus", "even exponent"],
)
def test_numbers_that_are_no_key_are_refused(area: RsaArea | EccArea, message: str) -> None:
    with pytest.raises(TpmError, match=message):
        Public(Algorithm.SHA256, Attributes.SIGN, b"", area).key()


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(TpmError) as caught:
        decode_public(AK.encode() + b"\0")
    assert caught.value.code == "TrailingData"


def test_every_cut_is_refused_with_its_place() -> None:
    data = AK.encode()
    for length in range(len(data)):
        with pytest.raises(TpmError) as caught:
            decode_public(data[:length])
        assert caught.value.code == "CutShort"
        assert caught.value.offset is not None


def test_an_unknown_algorithm_is_named() -> None:
    with pytest.raises(TpmError, match="0x7777") as caught:
        decode_public(bytes.fromhex("7777"))
    assert caught.value.code == "Unsupported"


hashed = st.builds(
    Scheme,
    st.sampled_from([Algorithm.RSASSA, Algorithm.RSAPSS, Algorithm.OAEP, Algorithm.ECDSA, Algorithm.ECDH]),
    st.sampled_from([Algorithm.SHA1, Algorithm.SHA256, Algorithm.SHA384]),
)
counted = st.builds(
    Scheme, st.just(Algorithm.ECDAA), st.just(Algorithm.SHA256), st.integers(min_value=0, max_value=0xFFFF)
)
schemes = st.none() | hashed | counted | st.just(Scheme(Algorithm.RSAES))
ciphers = st.none() | st.builds(
    Symmetric, st.just(Algorithm.AES), st.sampled_from([128, 256]), st.just(Algorithm.CFB)
)
areas = st.builds(
    RsaArea,
    ciphers,
    schemes,
    st.sampled_from([1024, 2048]),
    st.integers(min_value=0, max_value=0xFFFFFFFF),
    st.binary(max_size=300),
) | st.builds(
    EccArea,
    ciphers,
    schemes,
    st.sampled_from(Curve),
    schemes,
    st.binary(max_size=70),
    st.binary(max_size=70),
)
publics = st.builds(
    Public,
    st.sampled_from([Algorithm.SHA1, Algorithm.SHA256, Algorithm.SHA512]),
    st.integers(min_value=0, max_value=0xFFFFFFFF).map(Attributes),
    st.binary(max_size=64),
    areas,
)


@given(publics)
@settings(max_examples=60)
def test_a_public_area_comes_back_as_it_was(public: Public) -> None:
    assert decode_public(public.encode()) == public


@given(st.binary(max_size=200), st.sampled_from([b"", AK.encode()[:30], bytes.fromhex(TEMPLATE)[:60]]))
@settings(max_examples=100)
def test_any_bytes_are_read_or_refused(tail: bytes, head: bytes) -> None:
    with suppress(WireError):
        public = decode_public(head + tail)
        assert public.encode() == head + tail
        public.key()
