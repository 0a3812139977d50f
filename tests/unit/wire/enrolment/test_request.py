"""RequestSecurityToken, both ways."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.enrolment.faults import Subcode, fault_for
from reseal.wire.enrolment.names import Action, EnrollmentType, RequestType, ValueType
from reseal.wire.enrolment.request import (
    AdditionalContext,
    ContextName,
    RequestSecurityToken,
    read_request,
    write_request,
)
from reseal.wire.enrolment.security import (
    Security,
    Timestamp,
    UsernameToken,
    read_security,
)
from reseal.wire.enrolment.soap import read_envelope
from tests.unit.wire.enrolment.keys import tlv
from tests.unit.wire.enrolment.shapes import JWT, SECEXT, header, items, one_line, request_message

DER = tlv(0x30, b"any request " * 20)
TEXT = base64.b64encode(DER).decode()


def read(*pairs: tuple[str, str]) -> AdditionalContext:
    return read_request(read_envelope(request_message(TEXT, context=items(*pairs)))).context


def refusal(data: bytes) -> EnrolmentError:
    with pytest.raises(EnrolmentError) as caught:
        read_request(read_envelope(data))
    return caught.value


# --- what a device says of itself


def test_mdm_wire_023_unknown_items_and_repeated_ones_are_kept() -> None:
    context = read(
        ("DeviceID", "1"),
        ("MAC", "FF:FF:FF:FF:FF:FF"),
        ("MAC", " CC:CC:CC:CC:CC:CC "),
        ("FluxCapacitor", "1.21"),
        ("IMEI", "490154203237560"),
        ("IMEI", "302154203237560"),
        ("MACAddress", "AA:AA:AA:AA:AA:AA"),
    )
    assert context.items[3] == ("FluxCapacitor", "1.21")
    assert len(context.items) == 7
    assert context.mac_addresses == ("FF:FF:FF:FF:FF:FF", "CC:CC:CC:CC:CC:CC", "AA:AA:AA:AA:AA:AA")
    assert context.every(ContextName.IMEI) == ("490154203237560", "302154203237560")


@pytest.mark.parametrize(
    "text",
    [
        "5EDE6E7A7B7741BDBFE0EF29CA70A3FB",
        "5ede6e7a-7b77-41bd-bfe0-ef29ca70a3fb",
        "{5EDE6E7A-7B77-41BD-BFE0-EF29CA70A3FB}",
        " 5Ede6e7a7B7741bdbfe0ef29ca70a3fb\n",
    ],
)
def test_mdm_wire_025_a_device_id_is_the_same_however_it_is_written(text: str) -> None:
    assert read(("DeviceID", text)).device_id == "5ede6e7a-7b77-41bd-bfe0-ef29ca70a3fb"


@pytest.mark.parametrize("text", ["PC-0001", "12_45678901234567890123456789012", "５" * 32])
def test_a_device_id_that_is_no_guid_stays_as_it_is(text: str) -> None:
    assert read(("DeviceID", text)).device_id == text


def test_three_items_are_enough() -> None:
    context = read(("DeviceID", "a"), ("HWDevID", "AB" * 32), ("EnrollmentType", "Device"))
    assert context.hardware_id == "ab" * 32
    assert context.enrollment_type is EnrollmentType.DEVICE
    assert context.in_oobe is False
    assert (context.enrollment_data, context.flag(ContextName.UX_INITIATED)) == ("", None)


@pytest.mark.parametrize(
    "text, in_oobe", [("false", True), (" False ", True), ("0", True), ("true", False), ("True", False)]
)
def test_not_in_oobe(text: str, in_oobe: bool) -> None:
    assert read(("NotInOobe", text)).in_oobe is in_oobe


@pytest.mark.parametrize("text, data", [("null", ""), ("", ""), ("  ", ""), ("opaque==", "opaque==")])
def test_enrollment_data(text: str, data: str) -> None:
    assert read(("EnrollmentData", text)).enrollment_data == data


def test_typed_items() -> None:
    context = read(
        ("OSEdition", " 4"),
        ("TargetedUserLoggedIn", "True"),
        ("zerotouchprovisioning", "7BA748C8703E4DF2A74A92984117346A"),
        ("EnrollmentType", "full"),
    )
    assert context.number(ContextName.OS_EDITION) == 4
    assert context.flag(ContextName.TARGETED_USER_LOGGED_IN) is True
    assert context.guid(ContextName.ZERO_TOUCH_PROVISIONING) == "7ba748c8-703e-4df2-a74a-92984117346a"
    assert context.enrollment_type is EnrollmentType.FULL
    assert context.number(ContextName.REQUEST_VERSION) is None


def test_items_that_do_not_say_what_they_should() -> None:
    context = read(("EnrollmentType", "Partial"), ("NotInOobe", "perhaps"), ("OSEdition", "Core"))
    with pytest.raises(EnrolmentError, match="Partial"):
        _ = context.enrollment_type
    with pytest.raises(EnrolmentError, match="perhaps"):
        _ = context.in_oobe
    with pytest.raises(EnrolmentError, match="Core"):
        context.number(ContextName.OS_EDITION)


def test_items_without_name_or_value() -> None:
    context = '<ac:ContextItem><ac:Value>1</ac:Value></ac:ContextItem><ac:ContextItem Name="MAC"/>'
    found = read_request(read_envelope(request_message(TEXT, context=context))).context
    assert found.items == (("MAC", ""),)


# --- the request in it


def test_the_request_may_have_line_breaks() -> None:
    broken = "\n".join(TEXT[start : start + 64] for start in range(0, len(TEXT), 64))
    assert read_request(read_envelope(request_message(broken))).content == DER


OLD_PKCS7 = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment#PKCS7"
NEW_PKCS7 = SECEXT + "#PKCS7"


@pytest.mark.parametrize("content", [TEXT, base64.b64encode(TEXT.encode()).decode()])
@pytest.mark.parametrize("value_type", [OLD_PKCS7, NEW_PKCS7])
def test_mdm_wire_044_both_names_and_encodings_of_a_renewal(value_type: str, content: str) -> None:
    data = request_message(content, value_type=value_type, request_type="Renew")
    assert read_request(read_envelope(data)) == RequestSecurityToken(
        request_type=RequestType.RENEW, value_type=ValueType.PKCS7, content=DER
    )


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not base64!",
        base64.b64encode(b"not DER").decode(),
        TEXT[:40],
        base64.b64encode(DER + b"\0").decode(),
    ],
)
def test_a_damaged_certificate_request_is_named_as_such(content: str) -> None:
    error = refusal(request_message(content))
    assert error.code == "CertificateRequest"
    assert fault_for(error).subcode is Subcode.CERTIFICATE_REQUEST


def test_a_request_of_another_kind() -> None:
    assert refusal(request_message(TEXT, value_type="http://x.test#PKCS12")).code == "CertificateRequest"
    assert refusal(request_message(TEXT, request_type="Cancel")).code == "WrongValue"


@pytest.mark.parametrize(
    "value_type, request_type", [(NEW_PKCS7, RequestType.RENEW), (OLD_PKCS7[:-1] + "10", RequestType.ISSUE)]
)
def test_a_request_that_does_not_say_its_type(value_type: str, request_type: RequestType) -> None:
    text = f"""<Envelope><Body><RequestSecurityToken>
      <BinarySecurityToken ValueType="{value_type}">{TEXT}</BinarySecurityToken>
      </RequestSecurityToken></Body></Envelope>"""
    assert read_request(read_envelope(text.encode())).request_type is request_type


def test_a_request_without_token() -> None:
    text = b"<Envelope><Body><RequestSecurityToken/></Body></Envelope>"
    assert refusal(text).code == "Missing"


def test_a_renewal_with_default_namespaces_and_an_empty_password() -> None:
    text = f"""
      <s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing"
         xmlns:u="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">
       <s:Header>
        <a:MessageID>urn:uuid:4</a:MessageID>
        <o:Security s:mustUnderstand="1" xmlns:o="{SECEXT}">
         <u:Timestamp u:Id="_0"><u:Created>2026-01-05T10:00:00.579Z</u:Created>
           <u:Expires>2026-01-05T10:05:00.579Z</u:Expires></u:Timestamp>
         <o:UsernameToken u:Id="uuid-1"><o:Username>adele@contoso.test</o:Username>
           <o:Password o:Type="x#PasswordText">
           </o:Password></o:UsernameToken>
        </o:Security>
       </s:Header>
       <s:Body><RequestSecurityToken xmlns="http://docs.oasis-open.org/ws-sx/ws-trust/200512">
         <RequestType>http://docs.oasis-open.org/ws-sx/ws-trust/200512/Renew</RequestType>
         <BinarySecurityToken ValueType="{NEW_PKCS7}" xmlns="{SECEXT}">{TEXT}</BinarySecurityToken>
         <AdditionalContext xmlns="http://schemas.xmlsoap.org/ws/2006/12/authorization">
          <ContextItem Name="DeviceType"><Value>CIMClient_Windows</Value></ContextItem>
         </AdditionalContext>
       </RequestSecurityToken></s:Body></s:Envelope>"""
    envelope = read_envelope(text.encode())
    security, request = read_security(envelope), read_request(envelope)
    assert security.username_token == UsernameToken(username="adele@contoso.test", password="")
    assert security.timestamp
    assert security.timestamp.created.microsecond == 579_000
    assert request.request_type is RequestType.RENEW
    assert request.context.items == (("DeviceType", "CIMClient_Windows"),)


# --- what a device writes


def test_the_request_is_written_as_windows_writes_it() -> None:
    context = AdditionalContext.of(
        [
            (ContextName.DEVICE_ID, "5EDE6E7A7B7741BDBFE0EF29CA70A3FB"),
            (ContextName.NOT_IN_OOBE, False),
            (ContextName.OS_EDITION, 4),
        ]
    )
    request = RequestSecurityToken(value_type=ValueType.PKCS10, content=b"0\0", context=context)
    asked = write_request(request, header(Action.REQUEST_TOKEN, 3, "Enrollment.svc"), JWT)
    body = asked[asked.index(b"<s:Body>") :]
    assert body == one_line(
        f"""
        <s:Body>
          <wst:RequestSecurityToken>
            <wst:TokenType>http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentToken</wst:TokenType>
            <wst:RequestType>http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue</wst:RequestType>
            <wsse:BinarySecurityToken
              ValueType="http://schemas.microsoft.com/windows/pki/2009/01/enrollment#PKCS10"
              EncodingType="{SECEXT}#base64binary">MAA=</wsse:BinarySecurityToken>
            <ac:AdditionalContext xmlns="http://schemas.xmlsoap.org/ws/2006/12/authorization">
              <ac:ContextItem Name="DeviceID">
                <ac:Value>5EDE6E7A7B7741BDBFE0EF29CA70A3FB</ac:Value>
              </ac:ContextItem>
              <ac:ContextItem Name="NotInOobe"><ac:Value>false</ac:Value></ac:ContextItem>
              <ac:ContextItem Name="OSEdition"><ac:Value>4</ac:Value></ac:ContextItem>
            </ac:AdditionalContext>
          </wst:RequestSecurityToken>
        </s:Body>
        </s:Envelope>
        """
    )


def test_a_renewal_is_written_with_timestamp_and_user_name() -> None:
    at = datetime(2026, 1, 5, 10, tzinfo=UTC)
    security = Security(
        timestamp=Timestamp(created=at, expires=at + timedelta(minutes=5)),
        username_token=UsernameToken(username="adele@contoso.test", password=""),
    )
    request = RequestSecurityToken(request_type=RequestType.RENEW, value_type=ValueType.PKCS7, content=DER)
    asked = write_request(request, header(Action.REQUEST_TOKEN), security)
    assert NEW_PKCS7.encode() in asked
    assert b"<u:Created>2026-01-05T10:00:00.000Z</u:Created>" in asked
    envelope = read_envelope(asked)
    assert (read_request(envelope), read_security(envelope)) == (request, security)


names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
values = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
)
requests = st.builds(
    RequestSecurityToken,
    request_type=st.sampled_from(RequestType),
    value_type=st.sampled_from([ValueType.PKCS10, ValueType.PKCS7]),
    content=st.binary(max_size=300).map(lambda content: tlv(0x30, content)),
    context=st.builds(AdditionalContext, st.lists(st.tuples(names, values), max_size=5).map(tuple)),
)


@given(requests)
def test_requests_read_back(request: RequestSecurityToken) -> None:
    written = write_request(request, header(Action.REQUEST_TOKEN), Security())
    assert read_request(read_envelope(written)) == request


def test_the_context_of_a_message_keeps_white_space() -> None:
    context = AdditionalContext((("DeviceName", "  PC\r\n\tone "),))
    request = RequestSecurityToken(value_type=ValueType.PKCS10, content=DER, context=context)
    written = write_request(request, header(Action.REQUEST_TOKEN), Security())
    found = read_request(read_envelope(written)).context
    assert found == context
    assert found.text(ContextName.DEVICE_NAME) == "PC\r\n\tone"
