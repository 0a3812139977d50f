"""Device certificates, cloud SIDs and key blobs."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import SeededKeys
from reseal.wire.join import (
    DeviceIdentity,
    JoinError,
    cloud_sid,
    decode_key_blob,
    encode_key_blob,
    identity_extensions,
    object_of_sid,
    read_identity,
)

DEVICE, TENANT, USER = UUID(int=1 << 100 | 7), UUID(int=2), UUID(int=3)
KEY = SeededKeys(SeededEntropy("identity")).p256()


@cache
def rsa_key():
    return SeededKeys(SeededEntropy("blob")).rsa().public_key()


def certificate(name: str, extensions) -> x509.Certificate:
    """A self-signed certificate with these extensions."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(KEY, hashes.SHA256())


@given(
    st.builds(
        DeviceIdentity,
        device_id=st.uuids(),
        tenant_id=st.uuids(),
        user_id=st.none() | st.uuids(),
        joined=st.booleans(),
        region=st.sampled_from(["EU", "NA"]),
    )
)
def test_a_certificate_says_what_was_written_into_it(identity):
    made = certificate(str(identity.device_id), identity_extensions(identity))
    assert read_identity(made) == identity


def test_ids_stand_as_little_endian_guids_under_the_published_numbers():
    extensions = {e.oid.dotted_string: e.value for e in identity_extensions(DeviceIdentity(DEVICE, TENANT))}
    assert extensions["1.2.840.113556.1.5.284.2"] == b"\x04\x81\x10" + DEVICE.bytes_le
    assert extensions["1.2.840.113556.1.5.284.5"] == b"\x04\x81\x10" + TENANT.bytes_le
    assert extensions["1.2.840.113556.1.5.284.7"] == b"\x04\x81\x011"
    assert "1.2.840.113556.1.5.284.3" not in extensions


def test_ids_in_the_short_form_are_read_too():
    short = [
        x509.UnrecognizedExtension(
            ObjectIdentifier(f"1.2.840.113556.1.5.284.{number}"), b"\x04\x10" + value.bytes_le
        )
        for number, value in ((2, DEVICE), (3, USER), (5, TENANT))
    ]
    found = read_identity(certificate(str(DEVICE), short))
    assert (found.device_id, found.user_id, found.tenant_id) == (DEVICE, USER, TENANT)


@pytest.mark.parametrize(
    "name, extensions",
    [
        (str(DEVICE), ()),
        ("another", identity_extensions(DeviceIdentity(DEVICE, TENANT))),
        (
            str(DEVICE),
            (x509.UnrecognizedExtension(ObjectIdentifier("1.2.840.113556.1.5.284.2"), b"\x04\x02ab"),),
        ),
    ],
)
def test_another_certificate_is_no_device_certificate(name, extensions):
    with pytest.raises(JoinError) as refused:
        read_identity(certificate(name, extensions))
    assert refused.value.code == "Certificate"


def test_the_sid_of_an_object_is_its_id_in_four_numbers():
    object_id = UUID("73d664e4-0886-4a73-b745-c694da45ddb4")
    assert cloud_sid(object_id) == "S-1-12-1-1943430372-1249052806-2496021943-3034400218"


@given(st.uuids())
def test_a_sid_leads_back_to_its_object(object_id):
    assert object_of_sid(cloud_sid(object_id)) == object_id


@given(st.text(max_size=40) | st.just("S-1-12-1-4294967296-0-0-0") | st.just("S-1-5-32-544"))
def test_another_text_is_no_sid_of_an_object(text):
    with pytest.raises(JoinError) as refused:
        object_of_sid(text)
    assert refused.value.code == "Sid"


def test_a_key_comes_back_from_its_blob():
    blob = encode_key_blob(rsa_key())
    assert len(blob) == 283
    assert blob.startswith(
        b"RSA1\x00\x08\x00\x00\x03\x00\x00\x00\x00\x01\x00\x00" + bytes(8) + b"\x01\x00\x01"
    )
    assert decode_key_blob(blob) == rsa_key()


@given(st.data())
def test_a_changed_blob_is_refused_or_another_key(data):
    blob = bytearray(encode_key_blob(rsa_key()))
    place = data.draw(st.integers(0, len(blob) - 1))
    blob[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(JoinError):
        assert decode_key_blob(bytes(blob)) != rsa_key()


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"RSA1" + bytes(20),
        encode_key_blob(rsa_key())[:-1],
        encode_key_blob(rsa_key()) + b"\0",
        encode_key_blob(RSAPublicNumbers(65537, 2**1023 + 1).public_key()),
    ],
)
def test_other_bytes_are_no_blob(blob):
    with pytest.raises(JoinError) as refused:
        decode_key_blob(blob)
    assert refused.value.code == "KeyBlob"
