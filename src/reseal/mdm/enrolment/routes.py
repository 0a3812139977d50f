"""The endpoints of MS-MDE2. Every answer to a message is one envelope; whatever goes wrong is a fault in it.

Answers have a length and are sent as one: Windows reads no other (spec/mdm-wire.md 0.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from reseal.kernel import ca
from reseal.kernel.clock import Clock
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import Entropy
from reseal.kernel.errors import ResealError
from reseal.kernel.logs import get_logger
from reseal.kernel.secretbox import SecretBox
from reseal.kernel.workers import Workers
from reseal.managed.enrolments import enrolment_of_certificate
from reseal.mdm.enrolment.admission import admit, digest_of
from reseal.mdm.enrolment.issuing import POLICY, Asked, Issuing, read_asked
from reseal.mdm.enrolment.proof import Proving, identify
from reseal.mdm.enrolment.refusals import EnrolmentRefused
from reseal.mdm.enrolment.renewal import renew, renewal_key
from reseal.signin.lockout import Lockout
from reseal.signin.passwords import Passwords
from reseal.signin.tokens import TokenSigner
from reseal.web.calls import Call
from reseal.web.routes import KIB, Listener, Public, Route
from reseal.wire.enrolment.discovery import discover_response, read_discover, write_discover_response
from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.enrolment.faults import ErrorType, Fault, Subcode, fault_for, write_fault
from reseal.wire.enrolment.names import (
    AUTHENTICATION_PATH,
    CONTENT_TYPE,
    DISCOVERY_PATH,
    ENROLMENT_PATH,
    FAULT_STATUS,
    POLICY_PATH,
    AuthPolicy,
    RequestType,
    ValueType,
)
from reseal.wire.enrolment.policy import read_get_policies, write_get_policies_response
from reseal.wire.enrolment.request import RequestSecurityToken, read_request
from reseal.wire.enrolment.response import RequestSecurityTokenResponse, write_response
from reseal.wire.enrolment.security import Security, Timestamp, read_security
from reseal.wire.enrolment.soap import Envelope, Header, read_envelope, reply_header
from reseal.wire.errors import WireError

log = get_logger(__name__)

MESSAGE_LIMIT: Final = 256 * KIB
"""Bytes of a message; a token and a certificate request take some ten thousand."""

Answer = Callable[[Call, Envelope, Header], Awaitable[bytes]]
"""Reads a message and writes the envelope that answers it under the given header."""


@dataclass(frozen=True, slots=True)
class EnrolmentDoor:
    """Discovery, policy and enrolment. `device_url` is the device listener's, under which all of them are
    handed out, `public_url` that of the listener with the sign-in page; `lockout` may be shared with other
    places that try passwords.
    """

    db: Database
    signer: TokenSigner
    authority: ca.Authority
    box: SecretBox
    passwords: Passwords
    lockout: Lockout
    workers: Workers
    clock: Clock
    entropy: Entropy
    device_url: str
    public_url: str

    def routes(self) -> tuple[Route, ...]:
        """Every endpoint, on both listeners and in any letter case."""
        both, any_case = Listener.BOTH, True
        names, proven = Public("names of endpoints"), Public("the message proves who sends it")
        limit = MESSAGE_LIMIT
        return (
            Route("GET", DISCOVERY_PATH, self.probe, names, 0, both, any_case=any_case),
            Route("POST", DISCOVERY_PATH, self.discovery, names, limit, both, any_case=any_case),
            Route("POST", POLICY_PATH, self.policy, proven, limit, both, any_case=any_case),
            Route("POST", ENROLMENT_PATH, self.enrolment, proven, limit, both, any_case=any_case),
        )

    async def probe(self, _call: Call) -> Response:
        """Windows asks whether anybody is there before it says what it wants."""
        return Response(b"", headers={"Content-Type": "text/html", "Content-Length": "0"})

    async def discovery(self, call: Call) -> Response:
        """Where to go on, and how to prove who asks."""
        return await self._answered(call, self._discover)

    async def policy(self, call: Call) -> Response:
        """Which key to make."""
        return await self._answered(call, self._policies)

    async def enrolment(self, call: Call) -> Response:
        """A certificate, the first or the next one."""
        return await self._answered(call, self._token)

    # --- messages ---------------------------------------------------------------------------------

    async def _discover(self, _call: Call, envelope: Envelope, header: Header) -> bytes:
        request = read_discover(envelope)
        policy = _auth_policy(request.auth_policies)
        page = self.public_url.rstrip("/") + AUTHENTICATION_PATH if policy is AuthPolicy.FEDERATED else ""
        answer = discover_response(request, self.device_url, policy, sign_in_url=page)
        return write_discover_response(answer, header)

    async def _policies(self, call: Call, envelope: Envelope, header: Header) -> bytes:
        security = read_security(envelope)
        read_get_policies(envelope)
        if not await self._renews(call, security):
            await self.db.read(identify, await self._proving.claim(security))
        return write_get_policies_response(POLICY, header)

    async def _token(self, call: Call, envelope: Envelope, header: Header) -> bytes:
        security, request = read_security(envelope), read_request(envelope)
        if request.request_type is RequestType.RENEW:
            document = await self._renewed(call, request)
        else:
            document = await self._enrolled(security, request)
        response = RequestSecurityTokenResponse(document=document)
        return write_response(response, header, Timestamp.around(self.clock.now()))

    async def _enrolled(self, security: Security, request: RequestSecurityToken) -> bytes:
        claim = await self._proving.claim(security)
        asked = _asked(request)
        identity = await self.db.read(identify, claim, digest_of(asked))
        tenant = identity.tenant.id
        answer = await self.db.write(admit, claim, asked, self._issuing, causes=tenant)
        if isinstance(answer, EnrolmentRefused):
            raise answer
        return answer.document

    async def _renewed(self, call: Call, request: RequestSecurityToken) -> bytes:
        shown = call.client_certificate
        key = renewal_key(request, shown, self.clock)
        assert shown is not None, "a renewal without a certificate is refused"
        document: bytes = await self.db.write(renew, shown, key, self._issuing)
        return document

    async def _renews(self, call: Call, security: Security) -> bool:
        """Whether a device with a certificate of ours asks before it renews: its message proves nobody."""
        certificate = call.client_der
        named = security.username_token
        if certificate is None or security.token is not None or (named is not None and named.password):
            return False
        thumbprint = hashlib.sha256(certificate).digest()
        return await self.db.read(_is_enrolled, thumbprint)

    # --- whatever goes wrong ----------------------------------------------------------------------

    async def _answered(self, call: Call, answer: Answer) -> Response:
        trace_id = str(self.entropy.uuid())
        header = Header(action="")
        message = await call.body()
        try:
            envelope = read_envelope(message)
            header = envelope.header
            body = await answer(call, envelope, reply_header(header, activity_id=trace_id))
            return _soap(body)
        except EnrolmentRefused as refused:
            log.info("enrolment refused", trace_id=trace_id, code=refused.code, message=refused.message)
            fault = refused.fault(trace_id)
        except WireError as error:
            log.info("enrolment message refused", trace_id=trace_id, code=error.code, message=error.message)
            fault = fault_for(error, trace_id=trace_id)
        except ResealError as error:
            log.error("enrolment failed", trace_id=trace_id, code=error.code, message=error.message)
            fault = _of_error(error, trace_id)
        except Exception:
            log.exception("enrolment failed", trace_id=trace_id)
            reason = f"This server failed; its log has the cause under {trace_id}."
            fault = Fault(subcode=Subcode.INTERNAL_SERVICE_FAULT, reason=reason, trace_id=trace_id)
        return _soap(write_fault(fault, reply_header(header, activity_id=trace_id)), FAULT_STATUS)

    @property
    def _proving(self) -> Proving:
        return Proving(self.db, self.signer, self.passwords, self.lockout, self.workers, self.clock)

    @property
    def _issuing(self) -> Issuing:
        return Issuing(self.authority, self.box, self.clock, self.device_url)


def _auth_policy(offered: tuple[AuthPolicy, ...]) -> AuthPolicy:
    """How the device is to prove itself: by a token if it can, else by password.

    A device that joined the directory has a token from there, and skips the sign-in page; any other gets one
    on the page. Which of them asks, the message does not say: the token decides (spec/mdm-wire.md 1.4).
    Raises `EnrolmentRefused` for a device that offers neither.
    """
    if AuthPolicy.FEDERATED in offered:
        return AuthPolicy.FEDERATED
    if not offered or AuthPolicy.ON_PREMISE in offered:
        return AuthPolicy.ON_PREMISE
    raise EnrolmentRefused(
        ErrorType.NOT_SUPPORTED,
        "This server takes a token of the directory, or user name and password.",
        "Offer Federated or OnPremise.",
    )


def _asked(request: RequestSecurityToken) -> Asked | EnrolmentRefused:
    """What is asked for; what is wrong with the certificate request is told to whoever asks, once known."""
    try:
        if request.value_type is not ValueType.PKCS10:
            message = "A first certificate is asked for with PKCS#10."
            return EnrolmentRefused(Subcode.CERTIFICATE_REQUEST, message, "Send the request as it was made.")
        return read_asked(request.content, request.context)
    except EnrolmentError as error:
        if error.code != Subcode.CERTIFICATE_REQUEST.partition(":")[2]:
            raise
        return EnrolmentRefused(Subcode.CERTIFICATE_REQUEST, f"{error.message}.", f"{error.remedy}.")


def _is_enrolled(tx: Tx, thumbprint: bytes) -> bool:
    return enrolment_of_certificate(tx, thumbprint) is not None


def _of_error(error: ResealError, trace_id: str) -> Fault:
    """A message that cannot be taken, or a server that cannot do what it should at the moment."""
    subcode = Subcode.MESSAGE_FORMAT if error.status < 500 else Subcode.ENROLLMENT_SERVER
    return Fault(subcode=subcode, reason=str(error), trace_id=trace_id)


def _soap(body: bytes, status: int = 200) -> Response:
    return Response(body, status, headers={"Content-Type": CONTENT_TYPE})
