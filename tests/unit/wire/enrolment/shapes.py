"""Messages of enrolment, typed by hand in the shapes that devices and servers send."""

import re

from reseal.wire.enrolment.names import Action, ValueType
from reseal.wire.enrolment.security import BinarySecurityToken, Security
from reseal.wire.enrolment.soap import Header, request_header

WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
SECEXT = WSS + "wssecurity-secext-1.0.xsd"
BASE64 = SECEXT + "#base64binary"
BASE = "https://mdm.contoso.test/EnrollmentServer"

JWT = Security(token=BinarySecurityToken(value_type=ValueType.JWT, data=b"header.claims.signature"))


def one_line(text: str) -> bytes:
    """`text` as writers put it: without line breaks and indentation, in tags with one space."""
    tags = re.sub("<[^>]*>", lambda tag: " ".join(tag[0].split()), text)
    return "".join(line.strip() for line in tags.splitlines()).encode()


def header(action: Action, number: int = 1, path: str = "Discovery.svc") -> Header:
    message_id = f"urn:uuid:0f1d2c3b-0000-4000-8000-{number:012}"
    return request_header(action, message_id=message_id, to=f"{BASE}/{path}")


DISCOVER = """
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">
 <s:Header>
  <a:Action s:mustUnderstand="1">http://schemas.microsoft.com/windows/management/2012/01/enrollment/IDiscoveryService/Discover</a:Action>
  <a:MessageID>urn:uuid:0f1d2c3b-0000-4000-8000-000000000001</a:MessageID>
  <a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>
  <a:To s:mustUnderstand="1">https://mdm.contoso.test/EnrollmentServer/Discovery.svc</a:To>
 </s:Header>
 <s:Body>
  <Discover xmlns="http://schemas.microsoft.com/windows/management/2012/01/enrollment">
   <request xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
    <EmailAddress>adele@contoso.test</EmailAddress>
    <RequestVersion>5.0</RequestVersion>
    <DeviceType>CIMClient_Windows</DeviceType>
    <ApplicationVersion>10.0.22631.3447</ApplicationVersion>
    <OSEdition>4</OSEdition>
    <AuthPolicies><AuthPolicy>OnPremise</AuthPolicy><AuthPolicy>Federated</AuthPolicy></AuthPolicies>
   </request>
  </Discover>
 </s:Body>
</s:Envelope>
"""

PHONE_DISCOVER = """<?xml version="1.0"?>
<e:Envelope xmlns:wsa="http://www.w3.org/2005/08/addressing"
    xmlns:e="http://www.w3.org/2003/05/soap-envelope">
  <e:Header>
    <wsa:Action e:mustUnderstand="1">
      http://schemas.microsoft.com/windows/management/2012/01/enrollment/IDiscoveryService/Discover
    </wsa:Action>
    <wsa:MessageID>urn:uuid: 3f0c1a77-1b1b-4c4c-9d9d-0123456789ab</wsa:MessageID>
    <wsa:To e:mustUnderstand="1">
      https://ENROL.CONTOSO.TEST/EnrollmentServer/Discovery.svc
    </wsa:To>
  </e:Header>
  <e:Body>
    <Discover xmlns="http://schemas.microsoft.com/windows/management/2012/01/enrollment/">
      <request>
        <AuthPolicies>Certificate</AuthPolicies> <!-- as text -->
        <OSEdition> 101 </OSEdition>
        <OSVersion>10.0.0.0</OSVersion>
        <EmailAddress>CONTOSO\\adele</EmailAddress>
        <RequestVersion>
          3.0
        </RequestVersion>
        <SomethingNew>7</SomethingNew>
      </request>
    </Discover>
  </e:Body>
</e:Envelope>
"""

GET_POLICIES = f"""
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing"
 xmlns:u="{WSS}wssecurity-utility-1.0.xsd" xmlns:wsse="{SECEXT}"
 xmlns:wst="http://docs.oasis-open.org/ws-sx/ws-trust/200512"
 xmlns:ac="http://schemas.xmlsoap.org/ws/2006/12/authorization">
 <s:Header>
  <a:Action s:mustUnderstand="1">http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy/IPolicy/GetPolicies</a:Action>
  <a:MessageID>urn:uuid:0f1d2c3b-0000-4000-8000-000000000002</a:MessageID>
  <a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>
  <a:To s:mustUnderstand="1">https://mdm.contoso.test/EnrollmentServer/Policy.svc</a:To>
  <wsse:Security s:mustUnderstand="1">
   <wsse:BinarySecurityToken ValueType="urn:ietf:params:oauth:token-type:jwt"
     EncodingType="{BASE64}">aGVhZGVyLmNsYWltcy5zaWduYXR1cmU=</wsse:BinarySecurityToken>
  </wsse:Security>
 </s:Header>
 <s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <GetPolicies xmlns="http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy">
   <client><lastUpdate xsi:nil="true"/><preferredLanguage xsi:nil="true"/>
    <TPMManufacturer>INTC</TPMManufacturer><TPMFirmwareVersion>500.16.0.0</TPMFirmwareVersion></client>
   <requestFilter xsi:nil="true"/>
  </GetPolicies>
 </s:Body>
</s:Envelope>
"""


def request_message(
    content: str,
    *,
    context: str = "",
    value_type: str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment#PKCS10",
    request_type: str = "Issue",
    security: str = "",
) -> bytes:
    """A RequestSecurityToken as devices lay it out, around the given text of its token."""
    return f"""
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing"
   xmlns:u="{WSS}wssecurity-utility-1.0.xsd" xmlns:wsse="{SECEXT}"
   xmlns:wst="http://docs.oasis-open.org/ws-sx/ws-trust/200512"
   xmlns:ac="http://schemas.xmlsoap.org/ws/2006/12/authorization">
 <s:Header>
  <a:Action s:mustUnderstand="1">
     http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RST/wstep
  </a:Action>
  <a:MessageID>urn:uuid:0f1d2c3b-0000-4000-8000-000000000003</a:MessageID>
  <a:To s:mustUnderstand="1">https://mdm.contoso.test:443/EnrollmentServer/Enrollment.svc</a:To>
  <wsse:Security s:mustUnderstand="1">{security}</wsse:Security>
 </s:Header>
 <s:Body>
  <wst:RequestSecurityToken>
   <wst:TokenType>
     http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentToken
   </wst:TokenType>
   <wst:RequestType>
     http://docs.oasis-open.org/ws-sx/ws-trust/200512/{request_type}
   </wst:RequestType>
   <wsse:BinarySecurityToken ValueType="{value_type}" EncodingType="{BASE64}">
     {content}
   </wsse:BinarySecurityToken>
   <ac:AdditionalContext xmlns="http://schemas.xmlsoap.org/ws/2006/12/authorization">{context}</ac:AdditionalContext>
  </wst:RequestSecurityToken>
 </s:Body>
</s:Envelope>
""".encode()


def items(*pairs: tuple[str, str]) -> str:
    """Context items, in the layout of published messages."""
    return "".join(
        f'\n  <ac:ContextItem Name="{name}">\n   <ac:Value>{value}</ac:Value>\n  </ac:ContextItem>'
        for name, value in pairs
    )
