"""PKCS#10 and PKCS#7: what Windows makes, what strict libraries refuse, and forgeries."""

import base64
import dataclasses
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.enrolment import der
from reseal.wire.enrolment.elements import decode_base64
from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.enrolment.pkcs7 import SignedRequest, read_signed_request, require_signed_by
from reseal.wire.enrolment.pkcs10 import CertificateRequest, proven_key, read_certificate_request
from reseal.wire.enrolment.request import read_request
from reseal.wire.enrolment.soap import read_envelope
from reseal.wire.errors import WireError
from tests.unit.wire.enrolment.keys import (
    COMMON_NAME,
    PLAIN_DATA,
    SHA256_WITH_RSA,
    SIGNED_DATA,
    certificate,
    key,
    odd_request,
    request,
    signed,
    signed_data,
    signer_info,
    subject,
    tlv,
)
from tests.unit.wire.enrolment.shapes import request_message

DATA = Path(__file__).parents[3] / "data" / "third_party"
WINDOWS_NAME = "0F3B8E6C-A271-4556-9B72-A26CBD!8090C8B484A0E24EB5C56E806CB4EE5B"


def refused(found: CertificateRequest, least_bits: int = 2048) -> str:
    with pytest.raises(EnrolmentError) as caught:
        proven_key(found, least_bits=least_bits)
    assert caught.value.code == "CertificateRequest"
    return caught.value.message


# --- PKCS#10


def test_mdm_wire_022_the_published_request_of_windows_is_read_with_its_line_breaks() -> None:
    text = (DATA / "fleet_windows_csr.b64").read_text()
    assert "\n" in text.strip()
    content = read_request(read_envelope(request_message(text))).content
    found = read_certificate_request(content)
    assert found.common_name == WINDOWS_NAME
    assert found.device_id == "8090C8B484A0E24EB5C56E806CB4EE5B"
    assert proven_key(found, least_bits=2048).key_size == 2048


PRINTABLE, UTF8, BMP, TELETEX = 0x13, 0x0C, 0x1E, 0x14


@pytest.mark.parametrize(
    "name, tag, read",
    [
        (WINDOWS_NAME.encode(), PRINTABLE, WINDOWS_NAME),
        (WINDOWS_NAME.encode() + b"\0", PRINTABLE, WINDOWS_NAME),
        ("Ünal".encode("utf-16-be"), BMP, "Ünal"),
        ("Ünal".encode(), UTF8, "Ünal"),
        (b"\xdcnal", TELETEX, "�nal"),
    ],
)
def test_names_may_hold_any_characters(name: bytes, tag: int, read: str) -> None:
    data = odd_request(key("device"), name, tag)
    found = read_certificate_request(data)
    assert found.common_name == read
    assert proven_key(found, least_bits=2048) == key("device").public_key()


def test_a_strict_library_refuses_the_name_that_windows_uses() -> None:
    data = odd_request(key("device"), WINDOWS_NAME.encode(), PRINTABLE)
    with pytest.raises(ValueError, match="PrintableString"):
        _ = x509.load_der_x509_csr(data).subject


def test_a_plain_request() -> None:
    found = read_certificate_request(request(key("device"), "ConfigMgrEnroll"))
    assert (found.common_name, found.device_id) == ("ConfigMgrEnroll", "5EDE6E7A7B7741BDBFE0EF29CA70A3FB")
    assert sorted(found.extensions) == ["1.3.6.1.4.1.311.66.1.0", "2.5.29.37"]
    assert proven_key(found, least_bits=2048) == key("device").public_key()


def test_short_and_long_keys_are_refused() -> None:
    found = read_certificate_request(request(key("short", 1024)))
    assert "1024" in refused(found)
    assert "2048" in refused(read_certificate_request(request(key("device"))), least_bits=3072)


def test_a_tampered_request_is_refused() -> None:
    data = request(key("device"), "ConfigMgrEnroll").replace(b"ConfigMgrEnroll", b"ConfigMgrEnrolI")
    assert "own key" in refused(read_certificate_request(data))


def test_a_request_with_somebody_elses_key_is_refused() -> None:
    mine, theirs = (read_certificate_request(request(key(name))) for name in ("device", "other"))
    assert "own key" in refused(dataclasses.replace(mine, public_key=theirs.public_key))


def test_other_keys_and_signatures_are_refused() -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject("x"))
    elliptic = builder.sign(generate_ec_key(SECP256R1()), SHA256()).public_bytes(Encoding.DER)
    assert "not RSA" in refused(read_certificate_request(elliptic))
    mine = read_certificate_request(request(key("device")))
    assert "1.2.840.113549.1.1.5" in refused(dataclasses.replace(mine, algorithm="1.2.840.113549.1.1.5"))
    assert "cannot be read" in refused(dataclasses.replace(mine, public_key=b"0\0"))


# --- PKCS#7


@pytest.mark.parametrize("attributes", [True, False])
@pytest.mark.parametrize("encoded", [True, False])
def test_a_signed_request_is_read_and_proven(attributes: bool, encoded: bool) -> None:
    inner = request(key("new"))
    content = base64.b64encode(inner) if encoded else inner
    found = read_signed_request(signed(content, "old", attributes=attributes))
    assert found.request == read_certificate_request(inner)
    assert (found.attributes is not None) is attributes
    assert found.certificates == (certificate("old").public_bytes(Encoding.DER),)
    require_signed_by(found, key("old").public_key())
    assert proven_key(found.request, least_bits=2048) == key("new").public_key()


def not_signed(found: SignedRequest, name: str = "old") -> str:
    with pytest.raises(EnrolmentError) as caught:
        require_signed_by(found, key(name).public_key())
    assert caught.value.code == "CertificateRequest"
    return caught.value.message


@pytest.mark.parametrize("attributes", [True, False])
def test_forged_renewals_are_refused(attributes: bool) -> None:
    found = read_signed_request(signed(request(key("new")), "old", attributes=attributes))
    assert "certificate in use" in not_signed(found, "other")
    swapped = dataclasses.replace(found, content=request(key("other")))
    assert not_signed(swapped)
    broken = dataclasses.replace(found, signature=found.signature[:-1] + b"\0")
    assert "certificate in use" in not_signed(broken)


def test_a_digest_that_is_not_stated_or_of_a_weak_kind_is_refused() -> None:
    found = read_signed_request(signed(request(key("new")), "old"))
    empty = dataclasses.replace(found, attributes=der.read(tlv(0xA0)))
    assert "which digest" in not_signed(empty)
    assert "algorithm" in not_signed(dataclasses.replace(found, digest_algorithm="1.3.14.3.2.26"))
    assert "algorithm" in not_signed(dataclasses.replace(found, signature_algorithm="1.2.840.113549.1.1.5"))


def test_a_certificate_request_is_no_signed_message() -> None:
    with pytest.raises(EnrolmentError, match="PKCS#7"):
        read_signed_request(request(key("device")))
    with pytest.raises(EnrolmentError):
        read_certificate_request(signed(request(key("new")), "old"))


def test_content_in_pieces() -> None:
    inner = request(key("new"))
    pieces = tlv(0x24, tlv(0x04, inner[:100]), tlv(0x04, inner[100:]))
    signature = key("old").sign(inner, PKCS1v15(), SHA256())
    found = read_signed_request(signed_data(pieces, signer_info(signature)))
    assert (found.content, found.certificates) == (inner, ())
    require_signed_by(found, key("old").public_key())


NULL = b"\x05\x00"
INNER = tlv(0x04, tlv(0x30))


@pytest.mark.parametrize(
    "data",
    [
        signed_data(INNER, signer_info(b""), kind=PLAIN_DATA),
        signed_data(INNER),
        signed_data(INNER, signer_info(b""), signer_info(b"")),
        signed_data(INNER, tlv(0x30, NULL, NULL)),
        signed_data(INNER, tlv(0x30, NULL, NULL, NULL, tlv(0xA0), NULL)),
        signed_data(INNER + INNER, signer_info(b"")),
        tlv(0x30, SIGNED_DATA, tlv(0xA0, tlv(0x30, NULL))),
        tlv(0x30, SIGNED_DATA),
    ],
)
def test_signed_messages_of_the_wrong_shape_are_refused(data: bytes) -> None:
    with pytest.raises(EnrolmentError, match="PKCS#7"):
        read_signed_request(data)


NO_NAME, ONLY_KIND = tlv(0x30), tlv(0x30, tlv(0x31, tlv(0x30, COMMON_NAME)))
BITS = b"\x03\x01\x00"


@pytest.mark.parametrize(
    "data",
    [
        tlv(0x30, tlv(0x30), SHA256_WITH_RSA),
        tlv(0x30, tlv(0x30, NULL, NO_NAME), SHA256_WITH_RSA, BITS),
        tlv(0x30, tlv(0x30, NULL, NO_NAME, NULL), tlv(0x30), BITS),
        tlv(0x30, tlv(0x30, NULL, ONLY_KIND, NULL), SHA256_WITH_RSA, BITS),
        tlv(0x30, tlv(0x30, NULL, NO_NAME, NULL), SHA256_WITH_RSA, tlv(0x04)),
    ],
)
def test_requests_of_the_wrong_shape_are_refused(data: bytes) -> None:
    with pytest.raises(EnrolmentError):
        read_certificate_request(data)


def test_a_request_without_name_or_attributes() -> None:
    found = read_certificate_request(tlv(0x30, tlv(0x30, NULL, NO_NAME, NULL), SHA256_WITH_RSA, BITS))
    assert (found.common_name, dict(found.extensions), found.device_id) == ("", {}, "")


# --- anything else


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (read_certificate_request, read_signed_request, der.unwrapped):
        with suppress(WireError):
            read(data)


@given(st.data())
def test_damaged_requests_are_read_or_refused(data: st.DataObject) -> None:
    for read, whole in (
        (read_certificate_request, request(key("device"))),
        (read_signed_request, signed(request(key("new")), "old")),
    ):
        position = data.draw(st.integers(0, len(whole) - 1))
        damaged = bytearray(whole)
        damaged[position] = data.draw(st.integers(0, 255))
        for candidate in (bytes(damaged), whole[:position], whole[:position] + whole[position + 1 :]):
            with suppress(WireError):
                read(candidate)


def test_masses_of_tiny_values_are_refused() -> None:
    with pytest.raises(EnrolmentError, match="more than"):
        read_certificate_request(tlv(0x30, b"\x05\x00" * 300_000))


@pytest.mark.parametrize(
    "data", [b"\x1f\x81\x01\x00", b"\x30\x80\x00\x00", b"\x30\x85\x00\x00\x00\x00\x00", b"\x30", b"\x30\x81"]
)
def test_what_is_no_der(data: bytes) -> None:
    with pytest.raises(EnrolmentError):
        der.read(data)


@pytest.mark.parametrize(
    "encoded, text",
    [("0603551d25", "2.5.29.37"), ("06032a0304", "1.2.3.4"), ("0603883703", "2.999.3"), ("060100", "0.0")],
)
def test_object_identifiers(encoded: str, text: str) -> None:
    assert der.read(bytes.fromhex(encoded)).identifier == text


@pytest.mark.parametrize("content", [b"", b"\x2a\x86", b"\x2a" * 65])
def test_damaged_object_identifiers(content: bytes) -> None:
    with pytest.raises(EnrolmentError):
        _ = der.read(tlv(0x06, content)).identifier


def test_bits_are_whole_bytes() -> None:
    assert der.read(b"\x03\x02\x00\xff").bits == b"\xff"
    with pytest.raises(EnrolmentError):
        _ = der.read(b"\x03\x02\x04\xf0").bits


@given(st.binary(max_size=80), st.integers(0, 79))
def test_base64_reads_back_with_breaks(data: bytes, at: int) -> None:
    text = base64.b64encode(data).decode()
    assert decode_base64("x", f" {text[:at]}\r\n {text[at:]}") == data
