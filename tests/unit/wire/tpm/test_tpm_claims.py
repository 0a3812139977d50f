"""Claims of Windows about its keys, made here as MS-WCCE 2.2.2.5 draws them: no real one was at hand."""

import struct
from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from reseal.wire.errors import WireError
from reseal.wire.tpm import (
    AK_ATTRIBUTES,
    Algorithm,
    Attest,
    Attributes,
    Certify,
    Creation,
    Public,
    Reason,
    RsaSignature,
    Scheme,
    TpmError,
    claim_problems,
    decode_claim,
    decode_rsa_key_blob,
    encode_signature,
    public_of,
    sign,
)
from reseal.wire.tpm.algorithms import digest
from reseal.wire.tpm.marshalling import sized
from tests.unit.wire.tpm.tpm_shapes import CLOCK, ENROLMENT_KEY, ecc_key, rsa_key

AIK_KEY = rsa_key()
AIK = public_of(
    AIK_KEY.public_key(), attributes=AK_ATTRIBUTES, scheme=Scheme(Algorithm.RSASSA, Algorithm.SHA256)
)
KEY = ENROLMENT_KEY.key()
OTHER_KEY = ecc_key(ec.SECP256R1(), 77).public_key()
CREATION_DATA = b"made in the factory"


def u32s(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


def key_blob(public: Public, header_size: int = 52) -> bytes:
    content = public.encode_sized()
    head = b"PCPM" + u32s(header_size, 2, 0, len(content), 7, *[0] * 7)
    return head.ljust(header_size, b"\x0b") + content + b"private"


def kads(*, name: bytes = ENROLMENT_KEY.name, bare: bool = True, blob: bytes = b"") -> bytes:
    attest = Attest(b"", b"windows", CLOCK, 1, Certify(name, b"")).encode()
    signed = sign(AIK_KEY, attest, Algorithm.SHA256)
    assert isinstance(signed, RsaSignature)
    signature = signed.value if bare else encode_signature(signed)
    blob = blob or key_blob(ENROLMENT_KEY)
    sizes = u32s(len(attest), len(signature), len(blob))
    return b"KADS" + u32s(2, 24) + sizes + attest + signature + blob


def binding(*, creation_data: bytes = CREATION_DATA, ak: Public = AIK) -> bytes:
    made = Creation(ak.name, digest(Algorithm.SHA256, CREATION_DATA))
    attest = Attest(b"", b"", CLOCK, 1, made).encode()
    signature = encode_signature(sign(AIK_KEY, attest, Algorithm.SHA256))
    return ak.encode_sized() + sized(creation_data) + sized(attest) + signature


def kast(first: bytes, second: bytes) -> bytes:
    return b"KAST" + u32s(1, 2, 28, len(first), len(second), 3) + first + second + b"aik"


def judged(data: bytes, *, aik: object = None, key: object = KEY) -> list[str]:
    found = claim_problems(decode_claim(data), aik=aik or AIK_KEY.public_key(), key=key)
    assert {problem.reason for problem in found} <= {Reason.KEY_NOT_CERTIFIED, Reason.AK_ATTRIBUTES}
    return [problem.name for problem in found]


@pytest.mark.parametrize(
    "data",
    [
        kads(),
        kads(bare=False),
        kads(blob=key_blob(ENROLMENT_KEY, 54)),
        kast(binding(), kads()),
        kast(b"", kads()),
    ],
    ids=["KADS", "whole signature", "longer header", "KAST", "KAST without binding"],
)
def test_a_claim_vouches_for_the_key_of_the_request(data: bytes) -> None:
    assert judged(data) == []


def test_a_claim_about_the_ak_only_vouches_for_the_ak() -> None:
    assert judged(kast(binding(), b""), key=AIK_KEY.public_key()) == []
    assert judged(kast(binding(), b"")) == ["key"]


def test_a_claim_about_another_key_is_refused() -> None:
    assert judged(kads(), key=OTHER_KEY) == ["key"]


def test_a_claim_whose_key_blob_is_not_the_certified_key_is_refused() -> None:
    assert judged(kads(name=AIK.name)) == ["keyAttestation.name"]


def test_a_claim_by_another_ak_is_refused() -> None:
    assert judged(kast(binding(), kads()), aik=OTHER_KEY) == ["aik"]
    assert judged(kads(), aik=OTHER_KEY) == ["keyAttestation.signature"]


def test_a_binding_of_another_creation_is_refused() -> None:
    assert judged(kast(binding(creation_data=b"made elsewhere"), kads())) == ["idBinding"]


def test_an_ak_that_signs_anything_is_refused() -> None:
    unrestricted = replace(AIK, attributes=AK_ATTRIBUTES ^ Attributes.RESTRICTED)
    assert judged(kast(binding(ak=unrestricted), kads())) == ["idBinding.restricted"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"KADX" + bytes(40),
        kads()[:-1],
        kads() + b"\0",
        kads().replace(b"PCPM", b"PCPX"),
        kast(binding(), kads()).replace(u32s(1, 2, 28), u32s(1, 2, 27)),
        kast(binding(), kads()).replace(u32s(1, 2, 28), u32s(1, 1, 28)),
    ],
    ids=["nothing", "magic", "cut", "longer", "key blob", "header", "TPM 1.2"],
)
def test_what_is_no_claim_is_refused(data: bytes) -> None:
    with pytest.raises(TpmError):
        decode_claim(data)


def aik_pub(bits: int = 2048, exponent: bytes = b"\x01\x00\x01") -> bytes:
    modulus = AIK_KEY.public_key().public_numbers().n.to_bytes(256, "big")
    return b"RSA1" + u32s(bits, len(exponent), len(modulus), 0, 0) + exponent + modulus


def test_the_aik_is_read_from_its_blob() -> None:
    assert len(aik_pub()) == 283
    assert decode_rsa_key_blob(aik_pub()) == AIK_KEY.public_key()


@pytest.mark.parametrize(
    "data",
    [
        aik_pub(bits=1024),
        aik_pub(exponent=b"\0"),
        aik_pub(exponent=b""),
        aik_pub()[:-1],
        b"RSA2" + aik_pub()[4:],
    ],
    ids=["size", "exponent 0", "no exponent", "cut", "magic"],
)
def test_what_is_no_rsa_key_is_refused(data: bytes) -> None:
    with pytest.raises(TpmError):
        decode_rsa_key_blob(data)


@given(st.integers(min_value=0, max_value=900), st.binary(min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_read_or_refused(position: int, change: bytes) -> None:
    whole = kast(binding(), kads())
    data = whole[:position] + change + whole[position + len(change) :]
    with suppress(WireError):
        claim_problems(decode_claim(data), aik=AIK_KEY.public_key(), key=KEY)


def test_a_key_from_outside_of_the_tpm_is_refused() -> None:
    imported = replace(ENROLMENT_KEY, attributes=Attributes.SIGN)
    data = kads(name=imported.name, blob=key_blob(imported))
    assert judged(data) == ["keyAttestation.attributes"]
