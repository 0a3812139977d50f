"""Faults and the errors that Windows shows for them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from reseal.wire.enrolment.discovery import read_discover_response
from reseal.wire.enrolment.errors import EnrolmentError, insecure, refused_request
from reseal.wire.enrolment.faults import (
    ErrorType,
    Fault,
    FaultReceived,
    Hresult,
    Subcode,
    fault_for,
    write_fault,
)
from reseal.wire.enrolment.names import Action
from reseal.wire.enrolment.policy import read_get_policies_response
from reseal.wire.enrolment.response import read_response
from reseal.wire.enrolment.soap import Envelope, Header, read_envelope
from reseal.wire.xml import XmlError, parse
from tests.unit.wire.enrolment.shapes import one_line

HEADER = Header(
    action=Action.REQUEST_TOKEN_RESPONSE,
    relates_to="urn:uuid:0f1d2c3b-0000-4000-8000-000000000003",
    activity_id="b5c3a1f0-0000-4000-8000-00000000000a",
)
CAP = Fault(
    subcode=Subcode.AUTHORIZATION,
    reason="device limit reached",
    error_type=ErrorType.DEVICE_CAP_REACHED,
    trace_id="8d1f",
)
SOAP = "{http://www.w3.org/2003/05/soap-envelope}"
ENROLMENT = "{http://schemas.microsoft.com/windows/pki/2009/01/enrollment}"


def received(envelope: Envelope) -> Fault:
    with pytest.raises(FaultReceived) as caught:
        read_response(envelope)
    return caught.value.fault


CAP_TEXT = """
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">
 <s:Header>
  <a:Action s:mustUnderstand="1">http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RSTRC/wstep</a:Action>
  <ActivityId CorrelationId="b5c3a1f0-0000-4000-8000-00000000000a" xmlns="http://schemas.microsoft.com/2004/09/ServiceModel/Diagnostics">b5c3a1f0-0000-4000-8000-00000000000a</ActivityId>
  <a:RelatesTo>urn:uuid:0f1d2c3b-0000-4000-8000-000000000003</a:RelatesTo>
 </s:Header>
 <s:Body><s:Fault>
  <s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>s:Authorization</s:Value></s:Subcode></s:Code>
  <s:Reason><s:Text xml:lang="en-us">device limit reached</s:Text></s:Reason>
  <s:Detail><DeviceEnrollmentServiceError xmlns="http://schemas.microsoft.com/windows/pki/2009/01/enrollment">
    <ErrorType>DeviceCapReached</ErrorType><Message>device limit reached</Message><TraceId>8d1f</TraceId>
  </DeviceEnrollmentServiceError></s:Detail>
 </s:Fault></s:Body>
</s:Envelope>
"""


def test_a_fault_is_written_as_the_protocol_shows_it() -> None:
    assert write_fault(CAP, HEADER) == one_line(CAP_TEXT)


SUBCODES = {
    "s:MessageFormat": 0x80180001,
    "s:Authentication": 0x80180002,
    "s:Authorization": 0x80180003,
    "s:CertificateRequest": 0x80180004,
    "s:EnrollmentServer": 0x80180005,
    "a:InternalServiceFault": 0x80180006,
    "a:InvalidSecurity": 0x80180007,
}
ERROR_TYPES = {
    "DeviceCapReached": 0x80180013,
    "DeviceNotSupported": 0x80180014,
    "NotSupported": 0x80180015,
    "NotEligibleToRenew": 0x80180016,
    "InMaintenance": 0x80180017,
    "UserLicense": 0x80180018,
    "InvalidEnrollmentData": 0x80180019,
    "CustomServerError": 0x80180032,
}


@pytest.mark.parametrize("error_type", [None, *ERROR_TYPES])
@pytest.mark.parametrize("subcode", SUBCODES)
def test_mdm_wire_030_every_fault_has_code_reason_and_detail(subcode: str, error_type: str | None) -> None:
    fault = Fault(
        subcode=Subcode(subcode),
        reason="No.",
        error_type=ErrorType(error_type) if error_type else None,
        trace_id="trace-1",
    )
    written = write_fault(fault, HEADER)
    body = etree.fromstring(written).find(f"{SOAP}Body/{SOAP}Fault")
    assert [part.tag for part in body] == [f"{SOAP}Code", f"{SOAP}Reason", f"{SOAP}Detail"]
    assert body.findtext(f"{SOAP}Code/{SOAP}Value") == "s:Receiver"
    assert body.findtext(f"{SOAP}Code/{SOAP}Subcode/{SOAP}Value") == subcode
    assert body.findtext(f"{SOAP}Reason/{SOAP}Text") == "No."
    detail = body.find(f"{SOAP}Detail/{ENROLMENT}DeviceEnrollmentServiceError")
    assert detail.findtext(f"{ENROLMENT}ErrorType") == error_type
    assert detail.findtext(f"{ENROLMENT}TraceId") == "trace-1"
    shown = received(read_envelope(written))
    assert shown == fault
    assert shown.hresult == (ERROR_TYPES[error_type] if error_type else SUBCODES[subcode])


def test_what_to_do_follows_the_reason_and_can_be_told_from_it() -> None:
    fault = replace(CAP, remedy="Remove a device.")
    written = write_fault(fault, HEADER)
    told = etree.fromstring(written)
    assert told.findtext(f".//{SOAP}Reason/{SOAP}Text") == "device limit reached Remove a device."
    assert told.findtext(f".//{ENROLMENT}Message") == "device limit reached"
    assert received(read_envelope(written)) == fault


def test_the_published_fault_is_all_in_lower_case() -> None:
    text = """
      <s:envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">
       <s:header><a:relatesto>urn:uuid:urn:uuid:1</a:relatesto></s:header>
       <s:body><s:fault>
        <s:code><s:value>s:receiver</s:value><s:subcode><s:value>s:authorization</s:value></s:subcode></s:code>
        <s:reason><s:text xml:lang="en-us">not this one</s:text></s:reason>
        <s:detail><deviceenrollmentserviceerror xmlns="http://schemas.microsoft.com/windows/pki/2009/01/enrollment">
         <errortype>devicecapreached</errortype><message>too many</message><traceid>2</traceid>
        </deviceenrollmentserviceerror></s:detail>
       </s:fault></s:body></s:envelope>"""
    envelope = read_envelope(text.encode())
    assert envelope.header.relates_to == "urn:uuid:urn:uuid:1"
    assert received(envelope) == Fault(
        subcode=Subcode.AUTHORIZATION,
        reason="not this one",
        error_type=ErrorType.DEVICE_CAP_REACHED,
        trace_id="2",
    )


def test_a_fault_in_unknown_words_is_an_unknown_error() -> None:
    text = CAP_TEXT.replace("s:Authorization", "x:Moon").replace("DeviceCapReached", "MoonPhase")
    fault = received(read_envelope(text.encode()))
    assert (fault.subcode, fault.error_type) == (None, None)
    assert (fault.hresult, fault.hresult.hex) == (Hresult.MENROLL_E_DEVICE_UNKNOWN_ERROR, "0x80180008")
    with pytest.raises(EnrolmentError):
        write_fault(fault, HEADER)


def test_a_fault_that_says_nothing() -> None:
    assert received(read_envelope(b"<Envelope><Body><Fault/></Body></Envelope>")).reason == ""


def test_every_reader_of_answers_tells_of_a_fault() -> None:
    for read in (read_discover_response, read_get_policies_response, read_response):
        with pytest.raises(FaultReceived, match="0x80180013"):
            read(read_envelope(CAP_TEXT.encode()))


def test_what_cannot_be_read_is_answered_by_its_kind() -> None:
    assert fault_for(insecure("two tokens")).subcode is Subcode.INVALID_SECURITY
    assert fault_for(refused_request("is cut short")).subcode is Subcode.CERTIFICATE_REQUEST
    with pytest.raises(XmlError) as caught:
        parse(b"<a>")
    assert fault_for(caught.value, trace_id="1") == Fault(
        subcode=Subcode.MESSAGE_FORMAT, reason=caught.value.message, trace_id="1"
    )


@given(st.text(max_size=50), st.text(max_size=20))
def test_a_fault_can_always_be_sent(reason: str, trace_id: str) -> None:
    fault = Fault(subcode=Subcode.INTERNAL_SERVICE_FAULT, reason=reason, trace_id=trace_id)
    assert received(read_envelope(write_fault(fault, HEADER))).subcode is Subcode.INTERNAL_SERVICE_FAULT


def test_names_are_those_of_microsoft() -> None:
    assert Hresult(0x80180013).name == "MENROLL_E_DEVICECAPREACHED"
    assert Subcode.CERTIFICATE_REQUEST.hresult.name == "MENROLL_E_DEVICE_CERTIFICATEREQUEST_ERROR"
