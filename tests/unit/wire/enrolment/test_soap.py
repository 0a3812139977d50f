"""Envelopes and the credentials in their headers."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.enrolment.names import Action, ValueType
from reseal.wire.enrolment.security import (
    BinarySecurityToken,
    Security,
    Timestamp,
    UsernameToken,
    read_security,
    write_security,
)
from reseal.wire.enrolment.soap import (
    REQUEST,
    Header,
    read_envelope,
    reply_header,
    request_header,
    write_envelope,
)
from reseal.wire.xml import element
from tests.unit.wire.enrolment.shapes import (
    BASE64,
    DISCOVER,
    PHONE_DISCOVER,
    SECEXT,
    WSS,
    one_line,
    request_message,
)


def refusal(data: bytes) -> EnrolmentError:
    with pytest.raises(EnrolmentError) as caught:
        read_security(read_envelope(data))
    assert caught.value.remedy
    return caught.value


# --- headers


def test_the_header_of_a_request() -> None:
    header = read_envelope(DISCOVER.encode()).header
    assert header == Header(
        action=Action.DISCOVER,
        message_id="urn:uuid:0f1d2c3b-0000-4000-8000-000000000001",
        to="https://mdm.contoso.test/EnrollmentServer/Discovery.svc",
        reply_to="http://www.w3.org/2005/08/addressing/anonymous",
    )


def test_prefixes_order_and_white_space_are_free() -> None:
    header = read_envelope(PHONE_DISCOVER.encode()).header
    assert header.action == Action.DISCOVER
    assert header.to == "https://ENROL.CONTOSO.TEST/EnrollmentServer/Discovery.svc"


def test_mdm_wire_006_the_answer_relates_to_the_message_id_with_its_blanks() -> None:
    answer = reply_header(read_envelope(PHONE_DISCOVER.encode()).header)
    assert answer.relates_to == "urn:uuid: 3f0c1a77-1b1b-4c4c-9d9d-0123456789ab"
    written = write_envelope(answer, element("x"))
    assert b"<a:RelatesTo>urn:uuid: 3f0c1a77-1b1b-4c4c-9d9d-0123456789ab</a:RelatesTo>" in written


@pytest.mark.parametrize(
    "action, answer",
    [
        (Action.DISCOVER, Action.DISCOVER_RESPONSE),
        (Action.GET_POLICIES, Action.GET_POLICIES_RESPONSE),
        (Action.REQUEST_TOKEN, Action.REQUEST_TOKEN_RESPONSE),
        ("http://elsewhere.test/unknown", Action.REQUEST_TOKEN_RESPONSE),
    ],
)
def test_each_action_has_its_answer(action: str, answer: Action) -> None:
    assert reply_header(Header(action=action)).action == answer


def test_the_envelope_of_soap_1_1_is_read() -> None:
    old = DISCOVER.replace(
        "http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/"
    )
    assert read_envelope(old.encode()).header.action == Action.DISCOVER


def test_an_envelope_without_header_is_read() -> None:
    found = read_envelope(b"<Envelope><Body><Discover/></Body></Envelope>")
    assert found.header == Header(action="")
    assert read_security(found) == Security()


@pytest.mark.parametrize(
    "text",
    ["<Body/>", "<Envelope/>", "<Envelope><Body/></Envelope>", "<Envelope><Body>text</Body></Envelope>"],
)
def test_what_is_no_envelope_is_refused(text: str) -> None:
    assert refusal(text.encode()).code == "NotSoap"


texts = st.from_regex(r"([!-~éЖ語😀]( ?[!-~éЖ語😀])*)?", fullmatch=True)
headers = st.builds(
    Header, action=texts, message_id=texts, relates_to=texts, to=texts, reply_to=texts, activity_id=texts
)


@given(headers)
def test_headers_read_back(header: Header) -> None:
    assert read_envelope(write_envelope(header, element("x"))).header == header


# --- credentials


def test_mdm_wire_014_tokens_are_read_in_both_alphabets_of_base64() -> None:
    token = bytes(range(248, 256)) + b"signed by us?>"
    for text in (
        base64.b64encode(token),
        base64.urlsafe_b64encode(token),
        base64.b64encode(token).strip(b"="),
    ):
        security = (
            '<wsse:BinarySecurityToken ValueType="http://schemas.microsoft.com/5.0.0.0/ConfigurationManager'
            f'/Enrollment/DeviceEnrollmentUserToken" EncodingType="{BASE64}">\n {text.decode()[:9]}\n'
            f"  {text.decode()[9:]}\n</wsse:BinarySecurityToken>"
        )
        found = read_security(read_envelope(request_message("", security=security)))
        assert found.token == BinarySecurityToken(value_type=ValueType.USER_TOKEN, data=token)


def test_attributes_may_have_a_prefix() -> None:
    security = (
        f'<wsse:BinarySecurityToken wsse:ValueType="urn:ietf:params:oauth:token-type:jwt" xmlns="{SECEXT}"'
        f' wsse:EncodingType="{BASE64}">YS5iLmM</wsse:BinarySecurityToken>'
    )
    token = read_security(read_envelope(request_message("", security=security))).token
    assert token
    assert (token.value_type, token.text) == (ValueType.JWT, "a.b.c")


def test_a_certificate_with_signature_and_timestamp() -> None:
    security = """
      <u:Timestamp>
        <u:Created>2026-01-05T10:00:00Z</u:Created> <u:Expires>2026-01-05T10:02:00Z </u:Expires>
      </u:Timestamp>
      <wsse:BinarySecurityToken ValueType="X509v3" u:Id="token-1">MAA=</wsse:BinarySecurityToken>
      <ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/></ds:Signature>"""
    assert read_security(read_envelope(request_message("", security=security))) == Security(
        token=BinarySecurityToken(value_type=ValueType.X509, data=b"0\0"),
        timestamp=Timestamp(
            created=datetime(2026, 1, 5, 10, tzinfo=UTC), expires=datetime(2026, 1, 5, 10, 2, tzinfo=UTC)
        ),
        signed=True,
    )


def test_user_name_and_password() -> None:
    found = read_security(
        read_envelope(
            request_message(
                "",
                security='<wsse:UsernameToken u:Id="x"><wsse:Username> adele@contoso.test </wsse:Username>'
                f'<wsse:Password Type="{WSS}username-token-profile-1.0#PasswordText"> S3cret! '
                "</wsse:Password>"
                "</wsse:UsernameToken>",
            )
        )
    )
    assert found.username_token == UsernameToken(username="adele@contoso.test", password=" S3cret! ")


def test_a_line_break_is_an_empty_password() -> None:
    security = (
        "<wsse:UsernameToken><wsse:Username>adele@contoso.test</wsse:Username><wsse:Password>\n   "
        "</wsse:Password></wsse:UsernameToken>"
    )
    found = read_security(read_envelope(request_message("", security=security)))
    assert found.username_token == UsernameToken(username="adele@contoso.test", password="")


def test_line_breaks_around_a_password_are_layout() -> None:
    """As in the published request of a user; no password has a line break."""
    security = (
        "<wsse:UsernameToken><wsse:Username>adele@contoso.test</wsse:Username><wsse:Password>S3 cret!\n   "
        "</wsse:Password></wsse:UsernameToken>"
    )
    found = read_security(read_envelope(request_message("", security=security)))
    assert found.username_token == UsernameToken(username="adele@contoso.test", password="S3 cret!")


TOKEN = (
    '<wsse:BinarySecurityToken ValueType="urn:ietf:params:oauth:token-type:jwt">YQ=='
    "</wsse:BinarySecurityToken>"
)
NAME = "<wsse:UsernameToken><wsse:Username>a</wsse:Username></wsse:UsernameToken>"


@pytest.mark.parametrize(
    "security",
    [
        TOKEN + TOKEN,
        NAME + NAME,
        TOKEN.replace("YQ==", "this is not base64!"),
        TOKEN.replace("YQ==", "YQ==YQ=="),
        TOKEN.replace("jwt", "saml"),
        TOKEN.replace("ValueType", "Kind"),
        NAME.replace(">a<", "> <"),
        "<u:Timestamp><u:Created>yesterday</u:Created><u:Expires>2026-01-05</u:Expires></u:Timestamp>",
        "<u:Timestamp><u:Created>0001-01-01T00:00:00+14:00</u:Created><u:Expires>2026-01-05</u:Expires></u:Timestamp>",
        "<u:Timestamp><u:Created>2026-01-05T10:00:00Z</u:Created></u:Timestamp>",
    ],
)
def test_an_unclear_security_header_is_refused(security: str) -> None:
    error = refusal(request_message("", security=security))
    assert error.code == "InvalidSecurity"


def test_a_refusal_does_not_repeat_a_token() -> None:
    error = refusal(request_message("", security=TOKEN.replace("YQ==", "c2VjcmV0!!")))
    assert "c2Vj" not in str(error)


def test_credentials_do_not_show_in_logs() -> None:
    token = BinarySecurityToken(value_type=ValueType.JWT, data=b"secret")
    name = UsernameToken(username="adele@contoso.test", password="secret")
    assert "secret" not in repr(Security(token=token, username_token=name))


def test_a_token_that_is_not_text() -> None:
    with pytest.raises(EnrolmentError):
        _ = BinarySecurityToken(value_type=ValueType.JWT, data=b"\xff").text


times = st.datetimes(
    min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)
).map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))
plain = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
securities = st.builds(
    Security,
    token=st.none()
    | st.builds(BinarySecurityToken, value_type=st.sampled_from(ValueType), data=st.binary(max_size=60)),
    username_token=st.none() | st.builds(UsernameToken, username=plain, password=plain | st.just("")),
    timestamp=st.none() | st.builds(Timestamp, created=times, expires=times),
)


@given(securities)
def test_credentials_read_back(security: Security) -> None:
    header = request_header(Action.GET_POLICIES, message_id="urn:uuid:1", to="https://mdm.contoso.test/")
    written = write_envelope(header, element("x"), prefixes=REQUEST, security=write_security(security))
    assert read_security(read_envelope(written)) == security


def test_user_name_and_password_as_windows_writes_them() -> None:
    security = Security(username_token=UsernameToken(username="adele@contoso.test", password="S3cret!"))
    assert write_security(security).encode() == one_line(
        f"""
        <wsse:Security s:mustUnderstand="1">
          <wsse:UsernameToken u:Id="uuid-cc1ccc1f-2fba-4bcf-b063-ffc0cac77917-4">
            <wsse:Username>adele@contoso.test</wsse:Username>
            <wsse:Password Type="{WSS}username-token-profile-1.0#PasswordText">S3cret!</wsse:Password>
          </wsse:UsernameToken>
        </wsse:Security>
        """
    )


def test_an_answer_holds_for_clocks_that_are_wrong_by_minutes() -> None:
    now = datetime(2026, 1, 5, 10, tzinfo=UTC)
    found = Timestamp.around(now)
    assert found.created <= now - timedelta(minutes=5)
    assert found.expires >= now + timedelta(minutes=5)
