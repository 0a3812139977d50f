"""The answer with the provisioning document, both ways."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.enrolment.names import Action
from reseal.wire.enrolment.provisioning_reading import read_provisioning
from reseal.wire.enrolment.provisioning_writing import write_provisioning
from reseal.wire.enrolment.response import RequestSecurityTokenResponse, read_response, write_response
from reseal.wire.enrolment.security import Timestamp
from reseal.wire.enrolment.soap import Header, read_envelope
from tests.unit.wire.enrolment.documents import DOCUMENT
from tests.unit.wire.enrolment.shapes import one_line

HEADER = Header(
    action=Action.REQUEST_TOKEN_RESPONSE, relates_to="urn:uuid:0f1d2c3b-0000-4000-8000-000000000003"
)
AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
TIMESTAMP = Timestamp(created=AT, expires=AT + timedelta(minutes=10))
ANSWER = """
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing"
 xmlns:u="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">
 <s:Header>
  <a:Action s:mustUnderstand="1">http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RSTRC/wstep</a:Action>
  <a:RelatesTo>urn:uuid:0f1d2c3b-0000-4000-8000-000000000003</a:RelatesTo>
  <o:Security s:mustUnderstand="1" xmlns:o="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">
   <u:Timestamp u:Id="_0">
    <u:Created>2026-01-05T10:00:00.000Z</u:Created><u:Expires>2026-01-05T10:10:00.000Z</u:Expires>
   </u:Timestamp>
  </o:Security>
 </s:Header>
 <s:Body>
  <RequestSecurityTokenResponseCollection xmlns="http://docs.oasis-open.org/ws-sx/ws-trust/200512">
   <RequestSecurityTokenResponse>
    <TokenType>http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentToken</TokenType>
    <DispositionMessage xmlns="http://schemas.microsoft.com/windows/pki/2009/01/enrollment"/>
    <RequestedSecurityToken>
     <BinarySecurityToken
       xmlns="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
       ValueType="http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentProvisionDoc"
       EncodingType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd#base64binary">PHdhcC8+</BinarySecurityToken>
    </RequestedSecurityToken>
    <RequestID xmlns="http://schemas.microsoft.com/windows/pki/2009/01/enrollment">0</RequestID>
   </RequestSecurityTokenResponse>
  </RequestSecurityTokenResponseCollection>
 </s:Body>
</s:Envelope>
"""
ISSUED = RequestSecurityTokenResponse(document=b"<wap/>")


def test_the_answer_is_written_as_the_protocol_shows_it() -> None:
    assert write_response(ISSUED, HEADER, TIMESTAMP) == one_line(ANSWER)


def test_the_answer_is_read() -> None:
    assert read_response(read_envelope(ANSWER.encode())) == ISSUED


def test_mdm_wire_034_the_document_decodes_from_exactly_one_token() -> None:
    issued = RequestSecurityTokenResponse(document=write_provisioning(DOCUMENT))
    root = etree.fromstring(write_response(issued, HEADER, TIMESTAMP))
    (token,) = root.iter("{*}BinarySecurityToken")
    text = base64.b64decode(token.text, validate=True)
    document = etree.fromstring(text, etree.XMLParser(encoding="utf-8"))
    assert (document.tag, document.get("version")) == ("wap-provisioningdoc", "1.1")
    assert etree.ElementTree(document).docinfo.xml_version == "1.0"
    assert read_provisioning(text) == DOCUMENT


def test_the_layout_of_the_documentation_in_soap_1_1() -> None:
    text = ANSWER.replace(
        "http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/"
    ).replace("PHdhcC8+", "\n      PHdh\n      cC8+\n     ")
    text = text.replace(
        '<RequestID xmlns="http://schemas.microsoft.com/windows/pki/2009/01/enrollment">0</RequestID>', ""
    )
    assert read_response(read_envelope(text.encode())) == RequestSecurityTokenResponse(
        document=b"<wap/>", request_id=""
    )


@pytest.mark.parametrize(
    "change",
    [("BinarySecurityToken", "BinaryToken"), ("PHdhcC8+", "%%%"), ("SecurityTokenResponse>", "Nothing>")],
)
def test_answers_without_a_document_are_refused(change: tuple[str, str]) -> None:
    with pytest.raises(EnrolmentError):
        read_response(read_envelope(ANSWER.replace(*change).encode()))


@given(st.binary(max_size=100))
def test_answers_read_back(document: bytes) -> None:
    issued = RequestSecurityTokenResponse(document=document, request_id="17")
    assert read_response(read_envelope(write_response(issued, HEADER, TIMESTAMP))) == issued
