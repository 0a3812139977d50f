"""Discovery over HTTP (spec/mdm-wire.md 1.2 to 1.4, 6)."""

from __future__ import annotations

import httpx2
import pytest

from reseal.mdm.enrolment.routes import MESSAGE_LIMIT
from reseal.wire.enrolment.discovery import Discover, read_discover_response, write_discover
from reseal.wire.enrolment.faults import FaultReceived, Hresult, read_fault
from reseal.wire.enrolment.names import (
    AUTHENTICATION_PATH,
    DISCOVERY_PATH,
    ENROLMENT_PATH,
    POLICY_PATH,
    Action,
    AuthPolicy,
    ProtocolVersion,
)
from reseal.wire.enrolment.soap import read_envelope
from tests.conformance.enrolling import office, reactors
from tests.support.enrolling import URL, Office
from tests.unit.wire.enrolment.shapes import DISCOVER, PHONE_DISCOVER

__all__ = ["office", "reactors"]


async def test_mdm_wire_001_the_probe_is_answered_with_nothing(office: Office) -> None:
    for path in (DISCOVERY_PATH, "/enrollmentserver/discovery.svc"):
        answer = await office.http.get(path, headers={"User-Agent": "Windows Phone 8 Enrollment Client"})
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"] == "text/html"
        assert answer.headers["content-length"] == "0"


@pytest.mark.parametrize("slash", ["", "/"])
async def test_mdm_wire_003_discover_is_answered_with_and_without_a_slash(office: Office, slash: str) -> None:
    namespace = "http://schemas.microsoft.com/windows/management/2012/01/enrollment"
    assert f'xmlns="{namespace}"' in DISCOVER
    message = DISCOVER.replace(f'xmlns="{namespace}"', f'xmlns="{namespace}{slash}"')
    answer = await office.post(DISCOVERY_PATH, message.strip().encode())
    found = read_discover_response(read_envelope(answer.content))
    assert found.auth_policy is AuthPolicy.FEDERATED
    assert f"{namespace}/IDiscoveryService/DiscoverResponse" in answer.text
    assert f'xmlns="{namespace}"' in answer.text, "the answer has none"


@pytest.mark.parametrize(
    "asked, answered",
    [("3.0", "3.0"), ("4.0", "4.0"), ("5.0", "5.0"), ("6.0", "5.0"), ("7.0", "5.0"), ("4.1", "4.1")],
)
async def test_mdm_wire_005_versions_3_to_7_are_answered_with_one_that_the_device_knows(
    office: Office, asked: str, answered: str
) -> None:
    policies = (AuthPolicy.FEDERATED,)
    discover = Discover(request_version=ProtocolVersion.read(asked), auth_policies=policies)
    assert str((await office.discover(discover)).enrollment_version) == answered


async def _answers(office: Office) -> list[httpx2.Response]:
    """What each endpoint answers, to messages that it can take and to others."""
    header = office.header(Action.DISCOVER, DISCOVERY_PATH)
    good = write_discover(Discover(auth_policies=(AuthPolicy.FEDERATED,)), header)
    sent = (
        (DISCOVERY_PATH, good),
        (DISCOVERY_PATH, b"<no envelope/>"),
        (POLICY_PATH, good),
        (ENROLMENT_PATH, b""),
    )
    return [await office.post(path, message, **{"Accept-Encoding": "gzip"}) for path, message in sent]


async def test_mdm_wire_007_answers_have_a_length_and_no_encoding(office: Office) -> None:
    for answer in await _answers(office):
        assert answer.headers["content-length"] == str(len(answer.content))
        assert not {"transfer-encoding", "content-encoding"} & set(answer.headers)


async def test_mdm_wire_008_answers_are_soap_1_2_even_if_they_are_faults(office: Office) -> None:
    for answer in await _answers(office):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/soap+xml; charset=utf-8"


async def test_mdm_wire_010_every_address_is_ours_and_the_sign_in_page_is_named_with_federated(
    office: Office,
) -> None:
    for offered, wanted in (
        ((AuthPolicy.FEDERATED,), AuthPolicy.FEDERATED),
        ((AuthPolicy.ON_PREMISE, AuthPolicy.FEDERATED), AuthPolicy.FEDERATED),
        ((AuthPolicy.ON_PREMISE,), AuthPolicy.ON_PREMISE),
        ((), AuthPolicy.ON_PREMISE),
    ):
        found = await office.discover(Discover(auth_policies=offered))
        assert found.auth_policy is wanted
        assert (found.policy_url, found.enrollment_url) == (URL + POLICY_PATH, URL + ENROLMENT_PATH)
        page = URL + AUTHENTICATION_PATH if wanted is AuthPolicy.FEDERATED else ""
        assert found.authentication_url == page


async def test_a_device_that_offers_certificates_alone_is_told_so(office: Office) -> None:
    with pytest.raises(FaultReceived) as refused:
        await office.discover(Discover(auth_policies=(AuthPolicy.CERTIFICATE,)))
    assert refused.value.fault.hresult is Hresult.MENROLL_E_NOTSUPPORTED


async def test_messages_in_any_shape_are_answered_and_what_is_none_is_a_fault(office: Office) -> None:
    phone = await office.post(DISCOVERY_PATH, PHONE_DISCOVER.replace("Certificate<", "OnPremise<").encode())
    answer = read_envelope(phone.content)
    assert answer.header.relates_to == "urn:uuid: 3f0c1a77-1b1b-4c4c-9d9d-0123456789ab"
    assert str(read_discover_response(answer).enrollment_version) == "3.0"
    for hostile in (b"", b"\x00\xff", b"<a/>", b"<!DOCTYPE a []><a/>"):
        refused = await office.post(DISCOVERY_PATH, hostile)
        fault = read_fault(read_envelope(refused.content).content)
        assert fault.hresult is Hresult.MENROLL_E_DEVICE_MESSAGE_FORMAT_ERROR
        assert fault.trace_id
    assert (await office.post(DISCOVERY_PATH, b"x" * (MESSAGE_LIMIT + 1))).status_code == 413
