"""RequestSecurityTokenResponseCollection: the provisioning document for a device (spec/mdm-wire.md 2.4)."""

from dataclasses import dataclass, field

from reseal.wire.enrolment.elements import decode_base64, descendants, required
from reseal.wire.enrolment.errors import missing
from reseal.wire.enrolment.faults import expect
from reseal.wire.enrolment.names import ENROLMENT, TOKEN_TYPE, TRUST, UTILITY, WSSE, ValueType
from reseal.wire.enrolment.security import Timestamp, write_reply_security, write_token
from reseal.wire.enrolment.soap import PLAIN, Envelope, Header, write_envelope
from reseal.wire.xml import element, escape, text_of

_COLLECTION = "RequestSecurityTokenResponseCollection"
_PREFIXES = {**PLAIN, "xmlns:u": UTILITY}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSecurityTokenResponse:
    """What a device gets for its request."""

    document: bytes = field(repr=False)
    """The provisioning document; see `provisioning_reading` and `provisioning_writing`."""
    request_id: str = "0"


def write_response(response: RequestSecurityTokenResponse, header: Header, timestamp: Timestamp) -> bytes:
    """The answer to a device, with exactly one BinarySecurityToken. Raises XmlError."""
    name = "BinarySecurityToken"
    token = write_token(name, ValueType.PROVISIONING_DOCUMENT, response.document, namespace=WSSE)
    answer = element(
        "RequestSecurityTokenResponse",
        element("TokenType", escape(TOKEN_TYPE)),
        element("DispositionMessage", xmlns=ENROLMENT),
        element("RequestedSecurityToken", token),
        element("RequestID", escape(response.request_id), xmlns=ENROLMENT),
    )
    content = element(_COLLECTION, answer, xmlns=TRUST)
    return write_envelope(header, content, prefixes=_PREFIXES, security=write_reply_security(timestamp))


def read_response(envelope: Envelope) -> RequestSecurityTokenResponse:
    """The answer of a server: the first token found in it. Raises FaultReceived, or EnrolmentError."""
    content = expect(envelope, _COLLECTION)
    answer = required(content, "RequestSecurityTokenResponse")
    token = next(descendants(answer, "BinarySecurityToken"), None)
    if token is None:
        raise missing("BinarySecurityToken", _COLLECTION)
    request_ids = map(text_of, descendants(answer, "RequestID"))
    return RequestSecurityTokenResponse(
        document=decode_base64("provisioning document", text_of(token)),
        request_id=next(request_ids, ""),
    )
