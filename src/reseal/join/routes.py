"""The registration service over HTTP: Discover, join, leave; and the join by ticket of our own channel."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cryptography import x509
from cryptography.x509.oid import NameOID
from starlette.responses import Response

from reseal.directory.model import Tenant
from reseal.directory.tenants import domains, find_tenant, tenant_by_uuid
from reseal.join.by_ticket import TicketUse, join_by_ticket
from reseal.join.by_user import RegistrationOfRun, UserJoin, join_by_user, tenant_of_claims
from reseal.join.joining import Asked
from reseal.join.leaving import leave, tenant_of_leaver
from reseal.join.refusals import JoinRefused, NotProven, malformed
from reseal.join.tickets import tenant_of
from reseal.kernel import ca
from reseal.kernel.clock import Clock
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import Entropy
from reseal.kernel.errors import Invalid, NotFound, Unauthenticated
from reseal.kernel.logs import get_logger
from reseal.kernel.workers import Workers
from reseal.signin.tokens import DRS_AUDIENCES, AccessClaims, TokenSigner
from reseal.web.calls import Call
from reseal.web.routes import KIB, Listener, Public, Route
from reseal.wire.errors import WireError
from reseal.wire.join import (
    REQUEST_NAME,
    Discovery,
    JoinAnswer,
    JoinRefusal,
    Service,
    decode_key_blob,
    read_join_request,
    write_discovery,
    write_join_answer,
    write_join_refusal,
)
from reseal.wire.runtime.messages import Joined, Refusal, RefusalAnswer, TicketJoin, decode, encode

log = get_logger(__name__)

_ANYBODY = frozenset({"common", "organizations"})
_NO_TENANT = "common"
_TRANSPORT_KEY_LIMIT = 4 * KIB


@dataclass(frozen=True, slots=True)
class JoinDoor:
    """The registration service. `public_url` is that of the browser listener, `device_url` that of the device
    listener.
    """

    db: Database
    signer: TokenSigner
    authority: ca.Authority
    workers: Workers
    clock: Clock
    entropy: Entropy
    registration_of_run: RegistrationOfRun
    public_url: str
    device_url: str

    def routes(self) -> tuple[Route, ...]:
        """Every endpoint."""
        names = Public("names of endpoints")
        token, certificate = Public("proves a user by token"), Public("proves a device by certificate")
        both = Listener.BOTH
        device = "/EnrollmentServer/device"
        return (
            Route("GET", "/EnrollmentServer/contract", self.contract, names, 0, both, any_case=True),
            Route("GET", "/{tenant}/Discover", self.discover, names, 0, both, any_case=True),
            Route("POST", f"{device}/", self.join, token, 64 * KIB, both, any_case=True),
            Route("POST", device, self.join, token, 64 * KIB, both, any_case=True),
            Route("DELETE", f"{device}/{{id}}", self.leave, certificate, 0, both, any_case=True),
            Route("POST", "/runtime/v1/join", self.join_by_ticket, Public("one-use ticket"), 64 * KIB, both),
        )

    async def contract(self, _call: Call) -> Response:
        """The Discover document as older clients ask for it, without an organisation."""
        return _json(write_discovery(self._discovery(None, "")))

    async def discover(self, call: Call) -> Response:
        """The Discover document of an organisation. Raises `NotFound`."""
        name = str(call.request.path_params["tenant"])
        if name.lower() in _ANYBODY:
            return await self.contract(call)
        tenant, domain = await self.db.read(_tenant_and_domain, name)
        return _json(write_discovery(self._discovery(tenant, domain)))

    async def join(self, call: Call) -> Response:
        """Join a device for a user; refusals in the form of device registration."""
        body = await call.body()
        try:
            claims = self._proven(call)
            request = read_join_request(body)
            asked = await self.workers.run(
                _asked,
                request.certificate_request,
                request.transport_key,
                request.device_name,
                request.device_type,
                request.os_version,
            )
            tenant = await self.db.read(tenant_of_claims, claims)
            join = UserJoin(claims, request, asked, call.client_der)
            answer: JoinAnswer | JoinRefused = await self.db.write(
                join_by_user, tenant, join, self.authority, self.registration_of_run, causes=tenant
            )
        except JoinRefused as refused:
            answer = refused
        except WireError as error:
            answer = malformed(f"{error.message}.", f"{error.remedy}.")
        if isinstance(answer, JoinRefused):
            return self._refused(answer)
        return _json(write_join_answer(answer))

    async def leave(self, call: Call) -> Response:
        """Delete the device that shows its certificate."""
        try:
            device_id, shown = _device_id(call), call.client_der
            if shown is None:
                raise NotProven(
                    "The connection carries no client certificate.",
                    "Use the certificate that the device got when it joined.",
                )
            tenant = await self.db.read(tenant_of_leaver, shown, device_id)
            await self.db.write(leave, tenant, shown, device_id, causes=tenant)
        except JoinRefused as refused:
            return self._refused(refused)
        return Response(status_code=200)

    async def join_by_ticket(self, call: Call) -> Response:
        """Join a device whose TPM was proven; refusals in the form of the runtime channel."""
        try:
            sent = decode(await call.body(), TicketJoin)
            asked = await self.workers.run(
                _asked,
                sent.certificate_request,
                sent.transport_key,
                sent.device_name,
                "Windows",
                sent.os_version,
            )
            if isinstance(asked, JoinRefused):
                raise asked
            tenant = await self.db.read(tenant_of, sent.ticket)
            if tenant is None:
                raise NotProven("The join ticket is not known.", "Let the device prove its TPM again.")
            use = TicketUse(sent.ticket, sent.certificate_request, asked)
            answer: Joined | JoinRefused = await self.db.write(
                join_by_ticket, tenant, use, self.authority, self.device_url, causes=tenant
            )
        except JoinRefused as refused:
            answer = refused
        except WireError as error:
            answer = malformed(f"{error.message}.", f"{error.remedy}.")
        if isinstance(answer, JoinRefused):
            return _json(encode(_channel_refusal(answer)), answer.status)
        return _json(encode(answer))

    def _proven(self, call: Call) -> AccessClaims:
        """What the bearer token says. Raises `NotProven`."""
        scheme, _, token = call.request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotProven(
                "The request has no access token.", "Sign in for the device registration service."
            )
        try:
            return self.signer.verify_access(token.strip(), now=self.clock.now(), audiences=DRS_AUDIENCES)
        except Unauthenticated as error:
            raise NotProven(error.message, error.remedy) from error

    def _refused(self, refused: JoinRefused) -> Response:
        trace_id = self.entropy.uuid()
        log.info("join refused", trace_id=str(trace_id), code=refused.code, message=refused.message)
        refusal = JoinRefusal(
            error_type=refused.error_type,
            message=refused.message,
            trace_id=trace_id,
            time=self.clock.now(),
            code=refused.code,
            remedy=refused.remedy,
        )
        return _json(write_join_refusal(refusal), refused.status)

    def _discovery(self, tenant: Tenant | None, domain: str) -> Discovery:
        place = _NO_TENANT if tenant is None else str(tenant.uuid)
        return Discovery(
            discovery_endpoint=f"{self.device_url}/{place}/Discover",
            authorize_endpoint=f"{self.public_url}/{place}/oauth2/authorize",
            token_endpoint=f"{self.public_url}/{place}/oauth2/token",
            join=Service(f"{self.device_url}/EnrollmentServer/device/", DRS_AUDIENCES[0], "2.0"),
            tenant_id=None if tenant is None else tenant.uuid,
            tenant_name=domain,
            tenant_display_name="" if tenant is None else tenant.name,
        )


def _asked(
    certificate_request: bytes, transport_key: bytes, name: str, os_type: str, os_version: str
) -> Asked | JoinRefused:
    """What a certificate request and a transport key are, after the checks of their form and possession."""
    if certificate_request[:1] != b"\x30":
        return malformed("The certificate request is not DER.", "Send PKCS#10 as DER, in base64.")
    try:
        key = ca.request_key(certificate_request)
        _require_name(certificate_request)
        if transport_key.startswith(b"RSA1"):
            decode_key_blob(transport_key)
        elif len(transport_key) > _TRANSPORT_KEY_LIMIT:
            return malformed("The transport key is too long.", "Send a BCRYPT_RSAKEY_BLOB or a JWK.")
    except Invalid as error:
        return malformed(error.message, error.remedy)
    except WireError as error:
        return malformed(f"{error.message}.", f"{error.remedy}.")
    return Asked(key, transport_key, name, os_type, os_version)


def _require_name(certificate_request: bytes) -> None:
    request = x509.load_der_x509_csr(certificate_request)
    names = [str(name.value) for name in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if [name.upper() for name in names] != [REQUEST_NAME]:
        raise Invalid(
            code="CsrNameWrong",
            message="The certificate request has another name than device registration asks for.",
            remedy=f"Use CN={REQUEST_NAME}; the certificate gets the device id.",
        )


def _device_id(call: Call) -> UUID:
    try:
        return UUID(str(call.request.path_params["id"]))
    except ValueError:
        raise malformed("The path names no device id.", "Device ids are UUIDs.") from None


def _tenant_and_domain(tx: Tx, name: str) -> tuple[Tenant, str]:
    try:
        tenant: Tenant | None = tenant_by_uuid(tx, UUID(name))
    except ValueError:
        tenant = find_tenant(tx, name)
    if tenant is None:
        raise NotFound(
            code="TenantNotFound",
            message=f"There is no organisation {name} on this server.",
            remedy="Check its id or domain name.",
        )
    return tenant, next(one.name for one in domains(tx, tenant.id) if one.is_default)


def _channel_refusal(refused: JoinRefused) -> RefusalAnswer:
    return RefusalAnswer(
        error=Refusal(
            code=refused.hresult,
            name=refused.error_type,
            message=refused.message,
            remedy=refused.remedy,
        )
    )


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")
