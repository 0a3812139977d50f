"""Discovery, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.enrolment.discovery import (
    Discover,
    DiscoverResponse,
    discover_response,
    read_discover,
    read_discover_response,
    write_discover,
    write_discover_response,
)
from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.enrolment.names import Action, AuthPolicy, ProtocolVersion, answered_version
from reseal.wire.enrolment.soap import Header, read_envelope
from tests.unit.wire.enrolment.shapes import DISCOVER, PHONE_DISCOVER, header, one_line

WANTED = Discover(
    email_address="adele@contoso.test",
    request_version=ProtocolVersion(5, 0),
    device_type="CIMClient_Windows",
    application_version="10.0.22631.3447",
    os_edition=4,
    auth_policies=(AuthPolicy.ON_PREMISE, AuthPolicy.FEDERATED),
)
REPLY = Header(
    action=Action.DISCOVER_RESPONSE,
    relates_to="urn:uuid:0f1d2c3b-0000-4000-8000-000000000001",
    activity_id="b5c3a1f0-0000-4000-8000-00000000000a",
)


def read(text: str) -> Discover:
    return read_discover(read_envelope(text.encode()))


def refusal(text: str) -> EnrolmentError:
    with pytest.raises(EnrolmentError) as caught:
        read(text)
    return caught.value


# --- the request


def test_what_a_computer_asks() -> None:
    assert read(DISCOVER) == WANTED


def test_the_request_is_written_as_windows_writes_it() -> None:
    assert write_discover(WANTED, header(Action.DISCOVER)) == one_line(DISCOVER)


def test_another_layout_says_the_same() -> None:
    assert read(PHONE_DISCOVER) == Discover(
        email_address="CONTOSO\\adele",
        request_version=ProtocolVersion(3),
        os_edition=101,
        os_version="10.0.0.0",
        auth_policies=(AuthPolicy.CERTIFICATE,),
    )


def test_mdm_wire_003_the_namespace_may_end_with_a_slash() -> None:
    slashed = DISCOVER.replace('/enrollment">', '/enrollment/">')
    assert slashed != DISCOVER
    assert read(slashed) == read(DISCOVER)


@pytest.mark.parametrize(
    "inner",
    [
        "Federated",
        " federated ",
        "<AuthPolicy>Federated</AuthPolicy>",
        "<AuthPolicy>\nFederated\n</AuthPolicy><AuthPolicy>Telepathy</AuthPolicy><AuthPolicy>Federated</AuthPolicy>",
    ],
)
def test_mdm_wire_004_policies_are_elements_or_text(inner: str) -> None:
    policies = "<AuthPolicy>OnPremise</AuthPolicy><AuthPolicy>Federated</AuthPolicy>"
    assert read(DISCOVER.replace(policies, inner)).auth_policies == (AuthPolicy.FEDERATED,)


def test_a_request_that_says_nothing() -> None:
    text = "<Envelope><Body><Discover><request/></Discover></Body></Envelope>"
    assert read(text) == Discover(request_version=ProtocolVersion(3))


@pytest.mark.parametrize("version", ["five", "5.0.1", "-1", "1e9", "٥.0", "99999.0"])
def test_a_version_that_is_none(version: str) -> None:
    assert refusal(DISCOVER.replace(">5.0<", f">{version}<")).code == "WrongValue"


def test_an_edition_that_is_no_number() -> None:
    assert refusal(DISCOVER.replace("<OSEdition>4<", "<OSEdition>Core<")).code == "WrongValue"


def test_another_message_at_this_address() -> None:
    assert refusal("<Envelope><Body><GetPolicies/></Body></Envelope>").code == "WrongMessage"
    assert refusal("<Envelope><Body><Discover/></Body></Envelope>").code == "Missing"


# --- the answer

SIGN_IN = "https://mdm.contoso.test/EnrollmentServer/Authenticate"


@pytest.mark.parametrize("requested", ["3.0", "4.0", "5.0", "6.0", "7.0", "5.9"])
def test_mdm_wire_005_the_answered_version_is_never_above_the_requested(requested: str) -> None:
    request = read(DISCOVER.replace(">5.0<", f">{requested}<"))
    answer = discover_response(request, "https://mdm.contoso.test", AuthPolicy.FEDERATED)
    assert answer.enrollment_version <= request.request_version
    assert answer.enrollment_version <= ProtocolVersion(5)
    assert answered_version(ProtocolVersion(4)) == ProtocolVersion(4)


@pytest.mark.parametrize(
    "base",
    ["https://mdm.contoso.test", "https://mdm.contoso.test/", "https://[::1]:8443", "https://10.0.0.1:444/x"],
)
def test_mdm_wire_009_policy_and_enrolment_are_on_one_host(base: str) -> None:
    answer = discover_response(Discover(), base, AuthPolicy.FEDERATED, sign_in_url=SIGN_IN)
    found = read_discover_response(read_envelope(write_discover_response(answer, REPLY)))
    root = base.rstrip("/")
    assert found.policy_url == f"{root}/EnrollmentServer/Policy.svc"
    assert found.enrollment_url == f"{root}/EnrollmentServer/Enrollment.svc"
    assert found.authentication_url == SIGN_IN


@pytest.mark.parametrize(
    "enrolment, policy",
    [
        ("https://a.test/e", "https://b.test/p"),
        ("http://a.test/e", "https://a.test/p"),
        ("https://a.test/e", "http://a.test/p"),
        ("", "https://a.test/p"),
    ],
)
def test_two_hosts_or_plain_http_are_not_written(enrolment: str, policy: str) -> None:
    answer = DiscoverResponse(
        auth_policy=AuthPolicy.FEDERATED,
        enrollment_version=ProtocolVersion(5),
        enrollment_url=enrolment,
        policy_url=policy,
    )
    with pytest.raises(EnrolmentError):
        write_discover_response(answer, REPLY)


@pytest.mark.parametrize("policy", AuthPolicy)
def test_mdm_wire_010_only_federated_has_a_sign_in_page(policy: AuthPolicy) -> None:
    without = discover_response(WANTED, "https://mdm.contoso.test", policy)
    assert b"AuthenticationServiceUrl" not in write_discover_response(without, REPLY)
    with_page = discover_response(WANTED, "https://mdm.contoso.test", policy, sign_in_url=SIGN_IN)
    if policy is AuthPolicy.FEDERATED:
        assert b"AuthenticationServiceUrl" in write_discover_response(with_page, REPLY)
    else:
        with pytest.raises(EnrolmentError):
            write_discover_response(with_page, REPLY)


ANSWER = """
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">
 <s:Header>
  <a:Action s:mustUnderstand="1">http://schemas.microsoft.com/windows/management/2012/01/enrollment/IDiscoveryService/DiscoverResponse</a:Action>
  <ActivityId CorrelationId="b5c3a1f0-0000-4000-8000-00000000000a" xmlns="http://schemas.microsoft.com/2004/09/ServiceModel/Diagnostics">b5c3a1f0-0000-4000-8000-00000000000a</ActivityId>
  <a:RelatesTo>urn:uuid:0f1d2c3b-0000-4000-8000-000000000001</a:RelatesTo>
 </s:Header>
 <s:Body>
  <DiscoverResponse xmlns="http://schemas.microsoft.com/windows/management/2012/01/enrollment">
   <DiscoverResult>
    <AuthPolicy>Federated</AuthPolicy>
    <EnrollmentVersion>5.0</EnrollmentVersion>
    <EnrollmentPolicyServiceUrl>https://mdm.contoso.test/EnrollmentServer/Policy.svc</EnrollmentPolicyServiceUrl>
    <EnrollmentServiceUrl>https://mdm.contoso.test/EnrollmentServer/Enrollment.svc</EnrollmentServiceUrl>
    <AuthenticationServiceUrl>https://mdm.contoso.test/EnrollmentServer/Authenticate</AuthenticationServiceUrl>
   </DiscoverResult>
  </DiscoverResponse>
 </s:Body>
</s:Envelope>
"""


def test_the_answer_is_written_as_the_protocol_shows_it() -> None:
    answer = discover_response(WANTED, "https://mdm.contoso.test", AuthPolicy.FEDERATED, sign_in_url=SIGN_IN)
    assert write_discover_response(answer, REPLY) == one_line(ANSWER)


def test_an_answer_in_the_layout_of_the_documentation() -> None:
    text = """<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">
      <s:Header><ActivityId>
         d4335d7c-0000-4000-8000-000000000000
      </ActivityId><a:RelatesTo>urn:uuid: 1</a:RelatesTo></s:Header>
      <s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
        <DiscoverResponse xmlns="http://schemas.microsoft.com/windows/management/2012/01/enrollment"><DiscoverResult>
          <EnrollmentServiceUrl>
             https://enrol.contoso.test/SERVER/SERVICE.SVC
          </EnrollmentServiceUrl>
          <EnrollmentVersion>3.0</EnrollmentVersion><AuthPolicy>Certificate</AuthPolicy>
        </DiscoverResult></DiscoverResponse></s:Body></s:Envelope>"""
    envelope = read_envelope(text.encode())
    assert envelope.header.activity_id == "d4335d7c-0000-4000-8000-000000000000"
    assert read_discover_response(envelope) == DiscoverResponse(
        auth_policy=AuthPolicy.CERTIFICATE,
        enrollment_version=ProtocolVersion(3),
        enrollment_url="https://enrol.contoso.test/SERVER/SERVICE.SVC",
    )


def test_an_answer_with_a_policy_that_is_not_known() -> None:
    with pytest.raises(EnrolmentError):
        read_discover_response(read_envelope(ANSWER.replace(">Federated<", ">Telepathy<").encode()))


words = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=20)
versions = st.builds(ProtocolVersion, st.integers(0, 9999), st.integers(0, 9999))
discovers = st.builds(
    Discover,
    email_address=words,
    request_version=versions,
    device_type=words,
    application_version=words,
    os_edition=st.none() | st.integers(0, 2**32 - 1),
    os_version=words,
    auth_policies=st.lists(st.sampled_from(AuthPolicy), unique=True).map(tuple),
)


@given(discovers)
def test_requests_read_back(discover: Discover) -> None:
    written = write_discover(discover, header(Action.DISCOVER))
    assert read_discover(read_envelope(written)) == discover


@given(discovers, st.sampled_from(AuthPolicy), st.booleans())
def test_answers_read_back(discover: Discover, policy: AuthPolicy, page: bool) -> None:
    sign_in = SIGN_IN if page and policy is AuthPolicy.FEDERATED else ""
    answer = discover_response(discover, "https://mdm.contoso.test:8443", policy, sign_in_url=sign_in)
    assert read_discover_response(read_envelope(write_discover_response(answer, REPLY))) == answer
