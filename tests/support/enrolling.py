"""An organisation whose devices enrol, and what stands for a device: it writes messages and reads answers.

The door is the real one, over HTTP in memory; tokens are signed by the real signer.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from reseal.assignment.service import set_targets
from reseal.autopilot.model import Registration
from reseal.autopilot.model_profile import ProfileSettings
from reseal.autopilot.profiles import create_profile, update_profile
from reseal.autopilot.profiles import item_ref as profile_ref
from reseal.directory.devices import create_device, device_by_id, update_device
from reseal.directory.joining import set_mdm_scope
from reseal.directory.model import Tenant, TrustType
from reseal.directory.model_settings import MdmScope
from reseal.directory.tenants import tenant_by_id
from reseal.directory.users import create_user, find_user, set_password_hash
from reseal.kernel.authorities import Authorities, load_authorities
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Unauthenticated
from reseal.kernel.ids import TenantKey
from reseal.kernel.keys import OpenSslKeys
from reseal.kernel.secretbox import SecretBox
from reseal.kernel.workers import InlineWorkers
from reseal.mdm.enrolment.routes import EnrolmentDoor
from reseal.signin.lockout import Lockout
from reseal.signin.passwords import Passwords
from reseal.signin.tokens import MDM_AUDIENCES, AccessClaims, TokenSigner, load_signer
from reseal.web.calls import Caller
from reseal.web.routes import Listener, application
from reseal.wire.enrolment.discovery import Discover, DiscoverResponse, read_discover_response, write_discover
from reseal.wire.enrolment.faults import Fault, FaultReceived
from reseal.wire.enrolment.names import (
    DISCOVERY_PATH,
    ENROLMENT_PATH,
    POLICY_PATH,
    Action,
    AuthPolicy,
    EnrollmentType,
    RequestType,
    ValueType,
)
from reseal.wire.enrolment.policy import (
    CertificatePolicy,
    GetPolicies,
    read_get_policies_response,
    write_get_policies,
)
from reseal.wire.enrolment.provisioning import ProvisioningDocument
from reseal.wire.enrolment.provisioning_reading import read_provisioning
from reseal.wire.enrolment.request import (
    AdditionalContext,
    ContextName,
    RequestSecurityToken,
    write_request,
)
from reseal.wire.enrolment.response import read_response
from reseal.wire.enrolment.security import BinarySecurityToken, Security, UsernameToken
from reseal.wire.enrolment.soap import Header, read_envelope, request_header
from tests.store.autopilot.support import make_tenant, register, to_all_devices
from tests.support.clock import ManualClock
from tests.support.http import HOST, client_of

T = TypeVar("T")

URL = f"https://{HOST}"
CLIENT = UUID("29d9ed98-a469-4536-ade2-f981bc1d605e")
PASSWORD = "correct horse battery staple"


class SameKeys(OpenSslKeys):
    """The first few keys again and again: making one takes as long as a whole test."""

    def __init__(self) -> None:
        self._next = 0

    def rsa(self, bits: int = 2048) -> RSAPrivateKey:
        self._next += 1
        return rsa_key(f"server {self._next % 5}", bits)


@cache
def rsa_key(name: str, bits: int = 2048) -> RSAPrivateKey:
    """A key; the same for the same name."""
    assert name
    return generate_private_key(public_exponent=65537, key_size=bits)


def certificate_request(key: RSAPrivateKey, name: str = "ConfigMgrEnroll") -> bytes:
    """DER of PKCS#10."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


class Office:
    """One organisation, its enrolment door, and everything a test does to them."""

    def __init__(self, database: Database, clock: ManualClock, entropy: SeededEntropy) -> None:
        self.database = database
        self.clock = clock
        self.entropy = entropy
        self.box = SecretBox([b"k" * 32], entropy)
        self.passwords = Passwords.cheap()
        self.lockout = Lockout(clock)
        self.certificate: x509.Certificate | None = None
        """What the connection shows as client certificate."""
        self.signer: TokenSigner
        self.authorities: Authorities
        self.tenant: TenantKey
        self.tenant_id: UUID
        self.profile: int
        self.http: httpx2.AsyncClient

    async def open(self) -> None:
        """Contoso with the MDM scope *All*, a profile that allows pre-provisioning, and two users."""
        keys = SameKeys()
        self.signer = await self.database.write(load_signer, self.box, keys)
        self.authorities = await self.database.write(load_authorities, self.box, keys, self.clock)
        await self.database.write(self._furnish)
        app = application(
            self.door().routes(),
            listener=Listener.DEVICE,
            hosts=lambda: frozenset({HOST}),
            authenticate=_nobody,
            entropy=self.entropy,
        )
        self.http = client_of(self._showing_certificates(app))

    def door(self) -> EnrolmentDoor:
        """The door as a server makes it."""
        return EnrolmentDoor(
            db=self.database,
            signer=self.signer,
            authority=self.authorities.mdm,
            box=self.box,
            passwords=self.passwords,
            lockout=self.lockout,
            workers=InlineWorkers(),
            clock=self.clock,
            entropy=self.entropy,
            device_url=URL,
            public_url=URL,
        )

    def _furnish(self, tx: Tx) -> None:
        self.tenant = make_tenant(tx)
        self.tenant_id = tenant_by_id(tx, self.tenant).uuid
        set_mdm_scope(tx, self.tenant, MdmScope.ALL)
        profile = create_profile(tx, self.tenant, "Laptops", ProfileSettings(preprovisioning_allowed=True))
        self.profile = profile.id
        set_targets(tx, self.tenant, profile_ref(profile.id), to_all_devices(profile.id))
        for name in ("adele", "bob"):
            user = create_user(tx, self.tenant, f"{name}@contoso.test", name.title())
            set_password_hash(tx, self.tenant, user.id, self.passwords.hash(PASSWORD, self.entropy))

    def _showing_certificates(self, app: ASGIApp) -> ASGIApp:
        async def shown(scope: Scope, receive: Receive, send: Send) -> None:
            chain = []
            if self.certificate is not None:
                chain = [self.certificate.public_bytes(Encoding.PEM).decode()]
            extensions = {**scope.get("extensions", {}), "tls": {"client_cert_chain": chain}}
            await app({**scope, "extensions": extensions}, receive, send)

        return shown

    # --- the organisation -------------------------------------------------------------------------

    async def do(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit."""
        result: T = await self.database.write(unit)
        return result

    async def user(self, name: str) -> UUID:
        """The object id of a user."""

        def unit(tx: Tx) -> UUID:
            found = find_user(tx, self.tenant, f"{name}@contoso.test")
            assert found is not None
            return found.uuid

        return await self.do(unit)

    async def tenant_record(self) -> Tenant:
        """The organisation as it is stored."""
        return await self.do(lambda tx: tenant_by_id(tx, self.tenant))

    async def allow_preprovisioning(self, allowed: bool) -> None:
        """Change the profile of all devices."""
        settings = ProfileSettings(preprovisioning_allowed=allowed)
        await self.do(lambda tx: update_profile(tx, self.tenant, self.profile, settings=settings))

    async def laptop(self, number: int = 1) -> Laptop:
        """A registered laptop that has joined the directory."""

        def unit(tx: Tx) -> Laptop:
            registration = register(tx, self.tenant, number)
            update_device(tx, self.tenant, registration.device_id, trust_type=TrustType.AZURE_AD)
            device = device_by_id(tx, self.tenant, registration.device_id)
            return Laptop(self, number, device.device_id, device.id, registration)

        return await self.do(unit)

    async def unregistered_laptop(self, number: int = 90) -> Laptop:
        """A laptop that joined the directory and is not known to Autopilot."""

        def unit(tx: Tx) -> Laptop:
            device = create_device(tx, self.tenant, f"LAPTOP-{number}")
            update_device(tx, self.tenant, device.id, trust_type=TrustType.AZURE_AD)
            return Laptop(self, number, device.device_id, device.id, None)

        return await self.do(unit)

    def token(self, **claims: Any) -> str:
        """A token of the directory for management; by default of the device or user that is given."""
        usual = AccessClaims(
            tenant_id=self.tenant_id,
            audience=MDM_AUDIENCES[0],
            client_id=CLIENT,
            user_id=None,
            upn="",
            device_id=None,
        )
        return self.signer.issue_access(
            replace(usual, **claims),
            issuer=f"{URL}/{self.tenant_id}/",
            now=self.clock.now(),
            token_id=self.entropy.uuid(),
        )

    # --- messages ---------------------------------------------------------------------------------

    async def post(self, path: str, message: bytes, **headers: str) -> httpx2.Response:
        """Send an envelope."""
        usual = {"Content-Type": "application/soap+xml; charset=utf-8", "User-Agent": "ENROLLClient"}
        return await self.http.post(path, content=message, headers={**usual, **headers})

    def header(self, action: Action, path: str) -> Header:
        """The header of a message of a device."""
        return request_header(action, message_id=f"urn:uuid:{self.entropy.uuid()}", to=URL + path)

    async def discover(self, discover: Discover | None = None) -> DiscoverResponse:
        """What discovery answers. Raises FaultReceived."""
        asked = discover or Discover(auth_policies=(AuthPolicy.ON_PREMISE, AuthPolicy.FEDERATED))
        message = write_discover(asked, self.header(Action.DISCOVER, DISCOVERY_PATH))
        return read_discover_response(_envelope(await self.post(DISCOVERY_PATH, message)))

    async def policies(self, security: Security) -> CertificatePolicy:
        """What the policy endpoint answers. Raises FaultReceived."""
        header = self.header(Action.GET_POLICIES, POLICY_PATH)
        message = write_get_policies(GetPolicies(), header, security)
        return read_get_policies_response(_envelope(await self.post(POLICY_PATH, message)))

    async def request_token(self, request: RequestSecurityToken, security: Security) -> ProvisioningDocument:
        """What the enrolment endpoint gives. Raises FaultReceived."""
        header = self.header(Action.REQUEST_TOKEN, ENROLMENT_PATH)
        message = write_request(request, header, security)
        answer = read_response(_envelope(await self.post(ENROLMENT_PATH, message)))
        return read_provisioning(answer.document)

    async def fault(self, request: RequestSecurityToken, security: Security) -> Fault:
        """The fault with which a request is refused."""
        try:
            await self.request_token(request, security)
        except FaultReceived as received:
            return received.fault
        raise AssertionError("the request was followed")


def _envelope(response: httpx2.Response) -> Any:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/soap+xml; charset=utf-8"
    assert int(response.headers["content-length"]) == len(response.content)
    return read_envelope(response.content)


async def _nobody(_request: Request) -> Caller:
    raise Unauthenticated(code="Nobody", message="No route here asks who calls.")


def jwt(token: str) -> Security:
    """The security header with a token of the directory."""
    return Security(token=BinarySecurityToken(value_type=ValueType.JWT, data=token.encode()))


def password(name: str, text: str) -> Security:
    """The security header with user name and password."""
    return Security(username_token=UsernameToken(username=name, password=text))


@dataclass
class Laptop:
    """A device that enrols."""

    office: Office
    number: int
    device_id: UUID
    device: int
    """Key of the directory device."""
    registration: Registration | None
    attempt: int = 0
    changes: dict[ContextName, str] = field(default_factory=dict)

    @property
    def key(self) -> RSAPrivateKey:
        """The key of the certificate request; each attempt may have its own."""
        return rsa_key(f"laptop {self.number} {self.attempt}")

    def context(self, *, technician: bool) -> Mapping[ContextName, str]:
        """What the request says besides."""
        said = {
            ContextName.DEVICE_ID: self.device_id.hex.upper(),
            ContextName.HARDWARE_ID: f"{self.number:064X}",
            ContextName.ENROLLMENT_TYPE: EnrollmentType.DEVICE.value,
            ContextName.DEVICE_TYPE: "CIMClient_Windows",
            ContextName.DEVICE_NAME: f"LAPTOP-{self.number}",
            ContextName.OS_VERSION: "10.0.22631.3447",
            ContextName.NOT_IN_OOBE: "false",
            ContextName.TARGETED_USER_LOGGED_IN: "False" if technician else "True",
        }
        if self.registration is not None:
            said[ContextName.ZERO_TOUCH_PROVISIONING] = str(self.registration.uuid)
        return {name: text for name, text in (said | self.changes).items() if text}

    def request(self, *, technician: bool = True) -> RequestSecurityToken:
        """The wish for a first certificate."""
        context = AdditionalContext.of(self.context(technician=technician).items())
        content = certificate_request(self.key)
        return RequestSecurityToken(value_type=ValueType.PKCS10, content=content, context=context)

    def device_token(self) -> Security:
        """The token of the technician flow: the device alone."""
        return jwt(self.office.token(device_id=self.device_id))

    async def user_token(self, name: str = "adele") -> Security:
        """The token of a user on this device."""
        user = await self.office.user(name)
        return jwt(self.office.token(user_id=user, upn=f"{name}@contoso.test", device_id=self.device_id))

    async def enrol(
        self, security: Security | None = None, *, technician: bool = True
    ) -> ProvisioningDocument:
        """Enrol; with the device's own token unless another is given. Raises FaultReceived."""
        request = self.request(technician=technician)
        return await self.office.request_token(request, security or self.device_token())

    async def enrol_for(self, name: str = "adele") -> ProvisioningDocument:
        """Enrol for a user who signed in. Raises FaultReceived."""
        return await self.enrol(await self.user_token(name), technician=False)

    def renewal(
        self, document: ProvisioningDocument, new: RSAPrivateKey, *, twice_encoded: bool = False
    ) -> RequestSecurityToken:
        """The wish for the next certificate, signed with the key of the present one."""
        content = certificate_request(new)
        return signed_renewal(
            base64.b64encode(content) if twice_encoded else content, client_certificate(document), self.key
        )


def signed_renewal(content: bytes, certificate: x509.Certificate, key: RSAPrivateKey) -> RequestSecurityToken:
    """A renewal with that content, signed by that key."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    builder = builder.add_signer(certificate, key, hashes.SHA256())
    return RequestSecurityToken(
        request_type=RequestType.RENEW,
        value_type=ValueType.PKCS7,
        content=builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary]),
    )


def client_certificate(document: ProvisioningDocument) -> x509.Certificate:
    """The certificate that a device was given."""
    return x509.load_der_x509_certificate(document.certificates.client)
