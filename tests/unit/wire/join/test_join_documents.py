"""The documents of device registration: read as clients send them, written so that they are read back."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import SeededKeys
from reseal.wire.join import (
    REQUEST_NAME,
    Discovery,
    JoinAnswer,
    JoinError,
    JoinRefusal,
    JoinRequest,
    JoinType,
    MembershipChange,
    Service,
    certificate_request,
    read_discovery,
    read_join_answer,
    read_join_refusal,
    read_join_request,
    write_discovery,
    write_join_answer,
    write_join_refusal,
    write_join_request,
)

READERS = (read_discovery, read_join_answer, read_join_refusal, read_join_request)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(
    st.builds(
        JoinRequest,
        certificate_request=st.binary(min_size=1),
        transport_key=st.binary(),
        join_type=st.sampled_from(JoinType),
        device_type=TEXTS,
        os_version=TEXTS,
        device_name=TEXTS,
        target_domain=TEXTS,
        attributes=st.just({"returnclientsid": "true", "shareddevice": "false"}),
    ),
    st.binary(),
)
def test_a_request_is_read_as_it_was_written(request_, ticket):
    read = read_join_request(write_join_request(request_, ticket=ticket))
    assert read.ticket == ticket
    kept = {name: value for name, value in read.attributes.items() if name != "msa-ddid"}
    assert kept == {"returnclientsid": "true", "shareddevice": "false"}
    for field in ("certificate_request", "transport_key", "join_type", "device_name", "os_version"):
        assert getattr(read, field) == getattr(request_, field)


def test_a_request_of_a_real_client_is_read():
    """Names in either case, attributes as texts, a target domain that means nothing."""
    sent = {
        "CertificateRequest": {"Type": "pkcs10", "Data": base64.b64encode(b"csr").decode()},
        "TransportKey": "UlNBMQAIAAADAAAAAAEAAAAAAAAAAAAAAQAB",
        "TargetDomain": "iminyour.cloud",
        "DeviceType": "Windows",
        "OSVersion": "10.0.19041.928",
        "DeviceDisplayName": "DESKTOP-1",
        "JoinType": "0",
        "attributes": {"ReuseDevice": "True", "ReturnClientSid": "true", "SharedDevice": "false"},
    }
    read = read_join_request(json.dumps(sent).encode())
    assert (read.join_type, read.reuses_device, read.ticket) == (JoinType.JOIN, True, b"")
    assert read.transport_key.startswith(b"RSA1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"CertificateRequest": {"Type": "pkcs7", "Data": "AA=="}}',
        b'{"CertificateRequest": {"Type": "pkcs10", "Data": "not base64"}}',
        b'{"CertificateRequest": {"Type": "pkcs10", "Data": "AA=="}, "JoinType": 1.5}',
        b'{"CertificateRequest": {"Type": "pkcs10", "Data": "AA=="}, "JoinType": true}',
        b'{"CertificateRequest": {"Type": "pkcs10", "Data": "AA=="}, "Attributes": []}',
    ],
)
def test_what_is_no_request_is_refused(body):
    with pytest.raises(JoinError) as refused:
        read_join_request(body)
    assert refused.value.code == "Document"


@given(st.sampled_from(READERS), st.binary() | st.text().map(str.encode))
def test_any_bytes_are_answered_with_a_value_or_a_refusal(reader, data):
    with pytest.raises(JoinError):
        reader(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        *("CertificateRequest", "Attributes", "JoinType", "Certificate", "User", "MembershipChanges"),
        *("DeviceJoinService", "TenantInfo", "AuthenticationService", "Time", "TraceId"),
    ]
)


@given(st.sampled_from(READERS), st.dictionaries(NAMES, JSON, max_size=5))
def test_any_document_is_answered_with_a_value_or_a_refusal(reader, fields):
    with contextlib.suppress(JoinError):
        reader(json.dumps(fields).encode())


def test_an_answer_names_the_certificate_the_user_and_new_administrators():
    changes = (MembershipChange("S-1-5-32-544", ("S-1-12-1-1-2-3-4", "S-1-12-1-5-6-7-8")),)
    answer = JoinAnswer(b"certificate", "anna@contoso.test", changes)
    written = write_join_answer(answer)
    assert read_join_answer(written) == answer
    assert answer.administrators == ("S-1-12-1-1-2-3-4", "S-1-12-1-5-6-7-8")
    shown = json.loads(written)
    assert (
        shown["Certificate"]["Thumbprint"]
        == hashlib.sha1(b"certificate", usedforsecurity=False).hexdigest().upper()
    )
    assert shown["MembershipChanges"][0]["LocalSID"] == "S-1-5-32-544"


def test_a_refusal_is_read_as_it_was_written():
    refusal = JoinRefusal(
        "DeviceQuotaExceeded",
        "Anna Müller may not join another device.",
        UUID(int=7),
        datetime(2026, 11, 3, 8, 30, tzinfo=UTC),
        "801c0003",
        "Remove one.",
    )
    written = write_join_refusal(refusal)
    assert read_join_refusal(written) == refusal
    assert written.isascii()
    assert set(json.loads(written)) >= {"ErrorType", "Message", "TraceId", "Time"}


@pytest.mark.parametrize("tenant", [None, UUID(int=5)])
def test_a_discovery_is_read_as_it_was_written(tenant):
    discovery = Discovery(
        discovery_endpoint="https://drs.test/Discover",
        authorize_endpoint="https://login.test/authorize",
        token_endpoint="https://login.test/token",
        join=Service("https://drs.test/EnrollmentServer/device/", "urn:ms-drs:drs.test", "2.0"),
        tenant_id=tenant,
        tenant_name="contoso.test" if tenant else "",
        tenant_display_name="Contoso" if tenant else "",
    )
    assert read_discovery(write_discovery(discovery)) == discovery


def test_requests_for_one_key_are_alike_and_bear_the_name_that_all_bear():
    keys = SeededKeys(SeededEntropy("request"))
    for key in (keys.rsa(), keys.p256()):
        made = certificate_request(key)
        assert made == certificate_request(key)
        request = x509.load_der_x509_csr(made)
        assert request.is_signature_valid
        assert request.subject.rfc4514_string() == f"CN={REQUEST_NAME}"
