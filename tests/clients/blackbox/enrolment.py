"""Enrolment: discovery, certificate policies, the request for a security token (mdm-wire.md 0.2, 1, 2)."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from tests.clients.blackbox.errors import Refused, demand
from tests.clients.blackbox.web import Reply, Web

_ENROLMENT = "http://schemas.microsoft.com/windows/management/2012/01/enrollment"
_POLICY = "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy"
_TOKEN = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_TRUST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
_CONFIG_MANAGER = "http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment"

DISCOVER = f"{_ENROLMENT}/IDiscoveryService/Discover"
GET_POLICIES = f"{_POLICY}/IPolicy/GetPolicies"
REQUEST_TOKEN = f"{_TOKEN}/RST/wstep"
JWT = "urn:ietf:params:oauth:token-type:jwt"
PAGE_TOKEN = f"{_CONFIG_MANAGER}/DeviceEnrollmentUserToken"
"""What the server's own sign-in page hands to Windows."""
MEDIA_TYPE = "application/soap+xml; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What discovery says."""

    policy: str
    enrolment: str
    version: str
    auth_policy: str
    authentication: str = ""
    """The sign-in page, if there is one."""


@dataclass(frozen=True, slots=True)
class Enroller:
    """Asks the endpoints; one instance enrols one device."""

    web: Web

    def probe(self, url: str) -> None:
        """The GET with which Windows begins."""
        reply = self.web.get(url, {"User-Agent": "Windows Phone 8 Enrollment Client", "Pragma": "no-cache"})
        demand(reply.status == 200, f"the probe is answered {reply.status}")
        demand(reply.header("Content-Length") == "0" and not reply.body, "the probe's answer is not empty")
        demand(reply.header("Content-Type").startswith("text/html"), "the probe's answer is not text/html")

    def discover(self, url: str, email: str, *, version: str = "5.0") -> Endpoints:
        """Where to go on."""
        body = f"""<Discover xmlns="{_ENROLMENT}"><request>
            <EmailAddress>{escape(email)}</EmailAddress><RequestVersion>{version}</RequestVersion>
            <DeviceType>CIMClient_Windows</DeviceType><ApplicationVersion>10.0.26100.1</ApplicationVersion>
            <OSEdition>4</OSEdition>
            <AuthPolicies><AuthPolicy>OnPremise</AuthPolicy><AuthPolicy>Federated</AuthPolicy></AuthPolicies>
            </request></Discover>"""
        found = self._ask(url, DISCOVER, body, f"{DISCOVER}Response")
        said = {name: _text(found, name) for name in ("AuthPolicy", "EnrollmentVersion")}
        policy, enrolment = (_text(found, f"Enrollment{part}ServiceUrl") for part in ("Policy", ""))
        demand(said["AuthPolicy"] in {"OnPremise", "Federated"}, f"AuthPolicy {said['AuthPolicy']}")
        demand(
            float(said["EnrollmentVersion"]) <= float(version), "the server speaks a newer version than asked"
        )
        hosts = {urlsplit(address).netloc for address in (policy, enrolment)}
        demand(len(hosts) == 1, f"policy and enrolment are on different hosts: {hosts}")
        demand(enrolment.startswith("https://"), "the enrolment endpoint is not https")
        page = found.find(".//{*}AuthenticationServiceUrl")
        if said["AuthPolicy"] != "Federated":
            demand(page is None, "AuthenticationServiceUrl without Federated")
        authentication = "" if page is None else _strip(page)
        return Endpoints(policy, enrolment, said["EnrollmentVersion"], said["AuthPolicy"], authentication)

    def policies(self, url: str, token: str, kind: str = JWT) -> int:
        """Which keys are wanted: the least number of bits."""
        body = f"""<GetPolicies xmlns="{_POLICY}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
            <client><lastUpdate xsi:nil="true"/><preferredLanguage xsi:nil="true"/></client>
            <requestFilter xsi:nil="true"/></GetPolicies>"""
        found = self._ask(url, GET_POLICIES, body, f"{GET_POLICIES}Response", security_of(token, kind))
        demand(_text(found, "policySchema") == "3", "policySchema is not 3")
        reference = _text(found, "hashAlgorithmOIDReference")
        oids = {_text(oid, "oIDReferenceID"): _text(oid, "value") for oid in found.iter(f"{{{_POLICY}}}oID")}
        demand(
            oids.get(reference) == "2.16.840.1.101.3.4.2.1", f"the hash algorithm is {oids.get(reference)}"
        )
        return int(_text(found, "minimalKeyLength"))

    def enrol(self, url: str, security: str, request: bytes, context: Sequence[tuple[str, str]]) -> bytes:
        """Ask for a certificate with a PKCS#10; the provisioning document."""
        items = "".join(
            f"<ac:ContextItem Name={quoteattr(name)}><ac:Value>{escape(value)}</ac:Value></ac:ContextItem>"
            for name, value in context
        )
        body = f"""<wst:RequestSecurityToken xmlns:wst="{_TRUST}">
            <wst:TokenType>{_CONFIG_MANAGER}/DeviceEnrollmentToken</wst:TokenType>
            <wst:RequestType>{_TRUST}/Issue</wst:RequestType>
            <wsse:BinarySecurityToken ValueType="{_TOKEN}#PKCS10" EncodingType="{_WSSE}#base64binary">
            {base64.encodebytes(request).decode()}</wsse:BinarySecurityToken>
            <ac:AdditionalContext xmlns:ac="http://schemas.xmlsoap.org/ws/2006/12/authorization">{items}
            </ac:AdditionalContext></wst:RequestSecurityToken>"""
        found = self._ask(url, REQUEST_TOKEN, body, f"{_TOKEN}/RSTRC/wstep", security)
        tokens = list(found.iter(f"{{{_WSSE}}}BinarySecurityToken"))
        demand(len(tokens) == 1, f"{len(tokens)} BinarySecurityTokens in the answer")
        kind = tokens[0].get("ValueType") or tokens[0].get(f"{{{_WSSE}}}ValueType")
        demand(kind == f"{_CONFIG_MANAGER}/DeviceEnrollmentProvisionDoc", f"the token is a {kind}")
        return base64.b64decode("".join((tokens[0].text or "").split()), validate=True)

    def _ask(self, url: str, action: str, body: str, answer: str, security: str = "") -> ElementTree.Element:
        message = f"urn:uuid:{uuid.uuid4()}"
        reply = self.web.send(
            "POST", url, envelope(url, action, body, security, message).encode(), SOAP_HEADERS
        )
        if reply.status == 413:
            raise Refused("413", reply.body.decode(errors="replace"), 413)
        root = read_envelope(reply)
        relates = root.find(".//{*}RelatesTo")
        demand(relates is not None and _strip(relates) == message, "RelatesTo is not the request's MessageID")
        if (refused := fault_of(root)) is not None:
            raise refused
        found = root.find(".//{*}Action")
        demand(found is not None and _strip(found) == answer, "the answer is for another action")
        content = root.find("{*}Body")
        if content is None:
            raise Refused("no Body")
        return content


SOAP_HEADERS: Mapping[str, str] = {
    "Content-Type": MEDIA_TYPE,
    "User-Agent": "ENROLLClient",
    "Accept-Encoding": "gzip, deflate",
}


def envelope(url: str, action: str, body: str, security: str = "", message: str = "urn:uuid:1") -> str:
    """A SOAP 1.2 request."""
    return f"""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
        xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:u="{_WSU}" xmlns:wsse="{_WSSE}"><s:Header>
        <a:Action s:mustUnderstand="1">
            {action}</a:Action><a:MessageID>{message}</a:MessageID>
        <a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>
        <a:To s:mustUnderstand="1">{escape(url)}</a:To>
        {f'<wsse:Security s:mustUnderstand="1">{security}</wsse:Security>' if security else ""}
        </s:Header><s:Body>{body}</s:Body></s:Envelope>"""


def security_of(token: str, kind: str = JWT) -> str:
    """A token in the security header: of the directory, unless it is of another kind."""
    text = base64.b64encode(token.encode()).decode()
    return (
        f'<wsse:BinarySecurityToken ValueType="{kind}" EncodingType="{_WSSE}#base64binary">'
        f"{text}</wsse:BinarySecurityToken>"
    )


def read_envelope(reply: Reply) -> ElementTree.Element:
    """A SOAP answer, which has to come in one piece (mdm-wire.md 0.2)."""
    demand(reply.header("Content-Length") == str(len(reply.body)), "the answer has no true Content-Length")
    demand(not reply.header("Transfer-Encoding"), "the answer is chunked")
    demand(not reply.header("Content-Encoding"), "the answer is compressed")
    kind = reply.header("Content-Type").lower().replace(" ", "")
    demand(kind == MEDIA_TYPE.replace(" ", ""), f"the answer is {kind} under {reply.status}")
    demand(b"<!DOCTYPE" not in reply.body, "the answer has a DTD")
    return ElementTree.fromstring(reply.body)


def fault_of(root: ElementTree.Element) -> Refused | None:
    """The fault in an answer, whatever the case of its elements (mdm-wire.md 2.6)."""
    texts: dict[str, list[str]] = {}
    fault = next((element for element in root.iter() if _local(element) == "fault"), None)
    if fault is None:
        return None
    for element in fault.iter():
        texts.setdefault(_local(element), []).append(_strip(element))
    demand(len(texts.get("value", [])) == 2, "a fault has no Code with a Subcode")
    subcode = texts["value"][1]
    kind = texts.get("errortype", [""])[0]
    demand(texts.get("traceid", [""])[0], "a fault has no TraceId")
    return Refused(kind or subcode, f"{subcode}: {texts.get('text', [''])[0]}")


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2].lower()


def _strip(element: ElementTree.Element) -> str:
    return (element.text or "").strip()


def _text(parent: ElementTree.Element, name: str) -> str:
    found = parent.find(f".//{{*}}{name}")
    demand(found is not None, f"the answer has no {name}")
    return "" if found is None else _strip(found)
