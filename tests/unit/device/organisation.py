"""A whole organisation of a few lines, for tests of the device side: it is a `Transport`.

It answers what a device asks on its way to the desktop: profile, attestation (with the real checks of
`wire.tpm`), join by ticket and by user, sign-in page, tokens, enrolment, sessions. It decides nothing by
itself: fields say what it refuses, what it loses on the way, and when it releases a page.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import cache
from html import escape
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit
from uuid import UUID

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from reseal.device.transport import Failure, Headers, Request, TransportError
from reseal.kernel import ca
from reseal.kernel.clock import Clock
from reseal.kernel.entropy import SeededEntropy
from reseal.wire.csp import BlockInStatusPage, FirstSync, Scope, first_sync_status, provider, unenroll
from reseal.wire.enrolment import faults
from reseal.wire.enrolment.discovery import discover_response, read_discover, write_discover_response
from reseal.wire.enrolment.names import AuthPolicy
from reseal.wire.enrolment.pkcs10 import read_certificate_request
from reseal.wire.enrolment.policy import CertificatePolicy, write_get_policies_response
from reseal.wire.enrolment.provisioning import (
    DURING_SET_UP,
    Application,
    Certificates,
    Credentials,
    ProviderSettings,
    ProvisioningDocument,
    StoreScope,
)
from reseal.wire.enrolment.provisioning_writing import write_provisioning
from reseal.wire.enrolment.request import ContextName, RequestSecurityToken, read_request
from reseal.wire.enrolment.response import RequestSecurityTokenResponse, write_response
from reseal.wire.enrolment.security import Timestamp, read_security
from reseal.wire.enrolment.soap import read_envelope, reply_header
from reseal.wire.join import (
    DeviceIdentity,
    Discovery,
    JoinAnswer,
    JoinRefusal,
    JoinRequest,
    MembershipChange,
    Service,
    identity_extensions,
    read_join_request,
    write_discovery,
    write_join_answer,
    write_join_refusal,
)
from reseal.wire.runtime.messages import (
    AssignedUser,
    AttestationBegin,
    AttestationFinish,
    Challenge,
    Joined,
    OobeProfile,
    ProfileAnswer,
    ProfileRequest,
    Refusal,
    RefusalAnswer,
    Report,
    Reports,
    ReportsTaken,
    Standing,
    Ticket,
    TicketJoin,
    Urls,
    decode,
    encode,
)
from reseal.wire.runtime.messages import Organisation as Owner
from reseal.wire.syncml import (
    Command,
    LoginStatus,
    Message,
    Meta,
    add_node,
    command_status,
    execute,
    header_status,
    numbered,
    read_message,
    replace,
    wants_status,
    write_message,
)
from reseal.wire.syncml import reply_header as session_header
from reseal.wire.tpm import (
    Algorithm,
    Public,
    ak_problems,
    certify_problems,
    decode_event_log,
    decode_public,
    log_problems,
    make_credential,
    quote_problems,
    randomness_needed,
)
from tests.unit.device.laptops import keys

HOST = "https://mdm.contoso.test"
PROVIDER = "Reseal"
TENANT = UUID("00000000-0000-4000-8000-000000000001")
REGISTRATION = UUID("00000000-0000-4000-8000-000000000002")
DEVICE = UUID("00000000-0000-4000-8000-000000000003")
USER = UUID("00000000-0000-4000-8000-000000000004")
_HELLO = f"./Device/Vendor/MSFT/PassportForWork/{TENANT}/Policies/UsePassportForWork"
ADMINISTRATORS = ("S-1-12-1-1-2-3-4",)
HIDDEN = OobeProfile(
    name="Sales",
    preprovisioning_allowed=True,
    eula_hidden=True,
    privacy_hidden=True,
    locale="en-US",
    keyboard_skipped=True,
)
"""A profile that hides every page it can."""


@cache
def authority() -> ca.Authority:
    """Who signs device and MDM certificates."""
    clock, entropy = _Calendar(), SeededEntropy("authority")
    root = ca.make_root("Root", keys("root").rsa(), clock=clock, entropy=entropy, purposes=(ca.CLIENT_AUTH,))
    return ca.make_intermediate(root, "Issuing", keys("issuing").rsa(), clock=clock, entropy=entropy)


class _Calendar:
    """Certificates here are of one day, whatever a test's clock says."""

    def now(self) -> datetime:
        return datetime.fromisoformat("2026-01-01T00:00:00+00:00")

    def monotonic(self) -> timedelta:
        return timedelta(0)

    async def sleep(self, duration: timedelta) -> None:
        raise NotImplementedError


@dataclass
class Answer:
    """A `Response` whose body is there."""

    status: int
    body: bytes = b""
    headers: Headers = ()

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.body

    async def read(self, limit: int = 4_194_304) -> bytes:
        return self.body


@dataclass
class Organisation:
    """The server of one organisation with one registered device."""

    clock: Clock
    registered: bool = True
    profile: OobeProfile | None = HIDDEN
    assigned: AssignedUser | None = None
    """Told with the ticket; with `tells_user` also with the profile."""
    tells_user: bool = False
    passwords: dict[str, str] = field(default_factory=lambda: {"adele@contoso.test": "pw"})
    in_mdm_scope: bool = True
    ahead: timedelta = timedelta(0)
    """How far the server's clock is before the device's."""
    refused: dict[str, Refusal] = field(default_factory=dict)
    """What the channel answers at a path; `join` stands for the join by a user."""
    fault: faults.Fault | None = None
    """How enrolment declines."""
    lost: Counter[str] = field(default_factory=Counter)
    """How many answers at a path get lost after the request was carried out."""
    trouble: Failure | None = None
    """What happens to every request."""
    shows_pages: bool = True
    releases_device: bool = True
    releases_user: bool = True
    asks_for_hello: bool = False
    restarts: int = 0
    """In how many sessions to come the machine is told to restart."""
    unenrols: int = 0
    """In how many sessions to come the enrolment is ended; the first session of an enrolment is spared."""
    buttons: BlockInStatusPage = BlockInStatusPage.TRY_AGAIN | BlockInStatusPage.RESET_PC
    time_out: int = 60
    # what came
    paths: list[str] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    logins: list[LoginStatus | None] = field(default_factory=list)
    tokens_seen: list[str] = field(default_factory=list)
    wishes: list[RequestSecurityToken] = field(default_factory=list)
    joins: list[JoinRequest | TicketJoin] = field(default_factory=list)
    tickets: int = 0
    _challenges: dict[UUID, tuple[AttestationBegin, bytes, bytes]] = field(default_factory=dict)
    _keys: dict[str, bytes] = field(default_factory=dict)
    _nonces: dict[str, bool] = field(default_factory=dict)
    _codes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _reported: set[tuple[str, int]] = field(default_factory=set)
    _last: tuple[bytes, bytes] = (b"", b"")
    _count: int = 0
    _enrolled_before: int = 0

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Answer]:
        path = urlsplit(request.url).path
        self.paths.append(path)
        if self.trouble is not None:
            raise TransportError(self.trouble, "by script")
        answer = self._answer(request, path)
        date = format_datetime(self.clock.now() + self.ahead, usegmt=True)
        answer.headers = [*answer.headers, ("Date", date)]
        if self.lost[path] > 0:
            self.lost[path] -= 1
            raise TransportError(Failure.CUT, "by script")
        yield answer

    def count(self, path: str) -> int:
        """How many requests came for a path."""
        return self.paths.count(path)

    def _answer(self, request: Request, path: str) -> Answer:
        if path in self.refused:
            return Answer(403, encode(RefusalAnswer(error=self.refused[path])))
        routes: dict[str, Callable[[Request], Answer]] = {
            "/runtime/v1/profile": self._profile,
            "/runtime/v1/attestation": self._challenge,
            "/runtime/v1/join": self._ticket_join,
            "/runtime/v1/reports": self._reports,
            "/authorize": self._page if request.method == "GET" else self._form,
            "/token": self._token,
            "/Discover": self._discover,
            "/EnrollmentServer/device/": self._user_join,
            "/EnrollmentServer/Discovery.svc": self._mdm_discovery,
            "/EnrollmentServer/Policy.svc": self._mdm_policy,
            "/EnrollmentServer/Enrollment.svc": self._mdm_enrolment,
            "/ManagementServer/MDM.svc": self._session,
        }
        if path.startswith("/runtime/v1/attestation/"):
            return self._ticket(request)
        return routes[path](request)

    def _fresh(self) -> bytes:
        self._count += 1
        return self._count.to_bytes(16, "big")

    # --- channel

    def _profile(self, request: Request) -> Answer:
        decode(request.body, ProfileRequest)
        if not self.registered:
            return Answer(200, encode(ProfileAnswer(standing=Standing.UNREGISTERED)))
        joined = request.identity is not None
        answer = ProfileAnswer(
            standing=Standing.PROVISIONED if joined else Standing.REGISTERED,
            registration=REGISTRATION,
            organisation=Owner(name="Contoso", tenant_id=TENANT, domain="contoso.test"),
            profile=self.profile,
            urls=Urls(
                authorize=f"{HOST}/authorize",
                token=f"{HOST}/token",
                device_registration=f"{HOST}/Discover",
                runtime=f"{HOST}/runtime/v1",
            ),
            assigned_user=self.assigned if self.tells_user or joined else None,
            run=f"run-{self._fresh().hex()}",
        )
        return Answer(200, encode(answer))

    def _challenge(self, request: Request) -> Answer:
        begin = decode(request.body, AttestationBegin)
        ek, ak = decode_public(begin.ek_public), decode_public(begin.ak_public)
        assert ak_problems(ak) == ()
        secret, nonce = self._fresh(), self._fresh()
        chance = SeededEntropy(nonce).bytes(randomness_needed(ek))
        credential = make_credential(ek, ak.name, secret, chance)
        found = UUID(bytes=self._fresh())
        self._challenges[found] = (begin, secret, nonce)
        challenge = Challenge(
            id=found,
            credential=credential.blob,
            encrypted_seed=credential.encrypted_seed,
            nonce=nonce,
            expires_in=120,
        )
        return Answer(200, encode(challenge))

    def _ticket(self, request: Request) -> Answer:
        challenge = UUID(request.url.rpartition("/")[2])
        if challenge not in self._challenges:
            return Answer(
                410, encode(RefusalAnswer(error=Refusal(code="", message="The challenge is over.")))
            )
        begin, secret, nonce = self._challenges.pop(challenge)
        finish = decode(request.body, AttestationFinish)
        ek, ak = decode_public(begin.ek_public), decode_public(begin.ak_public)
        certified = decode_public(finish.key_public)
        assert finish.secret == secret
        assert _statement_problems(finish, ek, ak, certified, nonce) == ()
        key = certified.key()
        assert isinstance(key, RSAPublicKey)
        self.tickets += 1
        self._keys[f"ticket-{self.tickets}"] = _spki(key)
        ticket = Ticket(
            ticket=f"ticket-{self.tickets}", expires_in=120, proof="virtual", assigned_user=self.assigned
        )
        return Answer(200, encode(ticket))

    def _ticket_join(self, request: Request) -> Answer:
        join = decode(request.body, TicketJoin)
        self.joins.append(join)
        wanted = read_certificate_request(join.certificate_request)
        assert self._keys[join.ticket] == wanted.public_key
        joined = Joined(
            device_id=DEVICE,
            certificate=_device_certificate(wanted.public_key, None),
            chain=tuple(each.public_bytes(Encoding.DER) for each in authority().chain),
            mdm_discovery=f"{HOST}/EnrollmentServer/Discovery.svc" if self.in_mdm_scope else "",
            local_admins=ADMINISTRATORS,
        )
        return Answer(200, encode(joined))

    def _reports(self, request: Request) -> Answer:
        sent = decode(request.body, Reports).reports
        run = dict(request.headers)["Authorization"]
        for one in sent:
            if (run, one.number) not in self._reported:
                self._reported.add((run, one.number))
                self.reports.append(one)
        return Answer(200, encode(ReportsTaken(up_to=sent[-1].number)))

    # --- sign-in

    def _page(self, request: Request, alert: str = "", code: str = "") -> Answer:
        asked = dict(parse_qsl(urlsplit(request.url).query)) or dict(parse_qsl(request.body.decode()))
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in asked.items()
            if name not in ("loginfmt", "passwd")
        )
        hint = asked.get("reseal_hint", "")
        user = f'value="{escape(hint)}" readonly' if hint else ""
        warning = f'<div role="alert" data-code="{code}">{escape(alert)}</div>' if alert else ""
        html = f"""<!DOCTYPE html><html lang="{escape(asked.get("ui_locales", "en"))}"><head>
            <title>Sign in to Contoso</title><script>throw 1</script></head><body><h1>Contoso</h1>
            <img src="/logo.png" alt="Contoso logo"><p>Call 555 for help.</p>{warning}
            <form method="post" action="/authorize">{hidden}
            <label for="i0116">User name</label>
            <input id="i0116" name="loginfmt" type="email" autocomplete="username" {user}>
            <input id="i0118" name="passwd" type="password" autocomplete="current-password">
            <button id="idSIButton9" type="submit">Sign in</button></form></body></html>"""
        headers = [("Content-Type", "text/html; charset=utf-8"), ("Set-Cookie", "flow=1; Path=/; Secure")]
        return Answer(200, html.encode(), headers)

    def _form(self, request: Request) -> Answer:
        assert ("Cookie", "flow=1") in request.headers
        form = dict(parse_qsl(request.body.decode()))
        if self.passwords.get(form.get("loginfmt", "")) != form.get("passwd"):
            return self._page(request, "Your account or password is incorrect.", "AADSTS50126")
        code = self._fresh().hex()
        self._codes[code] = form
        target = f"{form['redirect_uri']}?code={code}&state={quote(form['state'])}"
        return Answer(302, b"", [("Location", target)])

    def _token(self, request: Request) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        match form["grant_type"]:
            case "srv_challenge":
                nonce = self._fresh().hex()
                self._nonces[nonce] = True
                return _json(200, {"Nonce": nonce})
            case "authorization_code":
                asked = self._codes.pop(form["code"], None)
                if asked is None:
                    return _json(400, {"error": "invalid_grant", "error_description": "AADSTS54005: used"})
                return self._tokens(asked["loginfmt"], form["resource"], "")
            case _:
                return self._signed(form["request"])

    def _signed(self, token: str) -> Answer:
        header, payload, signature = (_unpadded(part) for part in token.split("."))
        said = msgspec.json.decode(payload, type=dict[str, str])
        shown = msgspec.json.decode(header, type=dict[str, Any])["x5c"][0]
        certificate = x509.load_der_x509_certificate(base64.b64decode(shown))
        key = certificate.public_key()
        assert isinstance(key, RSAPublicKey)
        try:
            key.verify(signature, token.rpartition(".")[0].encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return _json(400, {"error": "invalid_client"})
        if not self._nonces.pop(said["request_nonce"], False):
            return _json(400, {"error": "invalid_request", "error_description": "AADSTS135004: nonce"})
        user = said.get("refresh_token", "").partition(":")[2]
        return self._tokens(user, said["resource"], str(DEVICE))

    def _tokens(self, upn: str, resource: str, device: str) -> Answer:
        claims: dict[str, Any] = {"upn": upn, "oid": str(USER)}
        if self.in_mdm_scope:
            claims["mdm_enrollment_url"] = f"{HOST}/EnrollmentServer/Discovery.svc"
        return _json(
            200,
            {
                "access_token": f"{resource}|{upn}|{device}",
                "refresh_token": f"refresh:{upn}",
                "id_token": f"e30.{_text(msgspec.json.encode(claims))}.c2ln",
                "expires_in": 3600,
            },
        )

    # --- join by a user

    def _discover(self, request: Request) -> Answer:
        service = Service(f"{HOST}/EnrollmentServer/device/", "urn:ms-drs", "2.0")
        return Answer(200, write_discovery(Discovery(f"{HOST}/Discover", "a", "t", service, TENANT)))

    def _user_join(self, request: Request) -> Answer:
        if (refusal := self.refused.get("join")) is not None:
            refused = JoinRefusal(
                "AuthorizationError", refusal.message, USER, self.clock.now(), refusal.code, refusal.remedy
            )
            return Answer(400, write_join_refusal(refused))
        join = read_join_request(request.body)
        self.joins.append(join)
        key = read_certificate_request(join.certificate_request).public_key
        changes = (MembershipChange("S-1-5-32-544", ADMINISTRATORS),)
        answer = JoinAnswer(_device_certificate(key, USER), "adele@contoso.test", changes)
        return Answer(200, write_join_answer(answer))

    # --- enrolment and sessions

    def _mdm_discovery(self, request: Request) -> Answer:
        envelope = read_envelope(request.body)
        response = discover_response(read_discover(envelope), HOST, AuthPolicy.FEDERATED)
        return _soap(write_discover_response(response, reply_header(envelope.header)))

    def _mdm_policy(self, request: Request) -> Answer:
        header = reply_header(read_envelope(request.body).header)
        return _soap(write_get_policies_response(CertificatePolicy(), header))

    def _mdm_enrolment(self, request: Request) -> Answer:
        envelope = read_envelope(request.body)
        header = reply_header(envelope.header)
        if self.fault is not None:
            return _soap(faults.write_fault(self.fault, header))
        token = read_security(envelope).token
        assert token is not None
        self.tokens_seen.append(token.text)
        wish = read_request(envelope)
        self.wishes.append(wish)
        key = read_certificate_request(wish.content).public_key
        document = write_provisioning(_document(key))
        timestamp = Timestamp.around(self.clock.now())
        return _soap(write_response(RequestSecurityTokenResponse(document=document), header, timestamp))

    def context(self, name: ContextName) -> str:
        """What the last wish for a certificate said."""
        return self.wishes[-1].context.text(name)

    def _session(self, request: Request) -> Answer:
        if request.body != self._last[0]:
            self._last = request.body, write_message(self._reply(read_message(request.body)))
        return Answer(200, self._last[1])

    def _reply(self, message: Message) -> Message:
        header = message.header
        statuses: list[Command] = [header_status(header, 200)]
        statuses += [command_status(header, one, 200) for one in message.commands if wants_status(one)]
        more: list[Command] = []
        if header.msg_id == 1:
            alerts = [one.login_status for one in message.commands if hasattr(one, "login_status")]
            login = next((status for status in alerts if status is not None), None)
            self.logins.append(login)
            more = [*self._device_commands(), *(self._user_commands() if login is LoginStatus.USER else [])]
        return Message(
            header=session_header(header, f"{HOST}/ManagementServer/MDM.svc"),
            commands=numbered([*statuses, *more]),
        )

    def _device_commands(self) -> list[Command]:
        base = provider(PROVIDER)
        found: list[Command] = [
            FirstSync.SKIP_DEVICE_STATUS_PAGE.put(base, not self.shows_pages).replace(),
            FirstSync.SKIP_USER_STATUS_PAGE.put(base, not self.shows_pages).replace(),
            FirstSync.BLOCK_IN_STATUS_PAGE.put(base, int(self.buttons)).replace(),
            FirstSync.TIMEOUT.put(base, self.time_out).replace(),
        ]
        if self.asks_for_hello:
            found.append(replace(_HELLO, "true", Meta(format="bool")))
        if self.unenrols and self._enrolled_before == len(self.wishes):
            self.unenrols -= 1
            return [unenroll(PROVIDER)]
        self._enrolled_before = len(self.wishes)
        if self.restarts:
            self.restarts -= 1
            return [*found, execute("./Device/Vendor/MSFT/Reboot/RebootNow")]
        if self.releases_device:
            found.append(FirstSync.SERVER_HAS_FINISHED.put(base, True).replace())
        return found

    def _user_commands(self) -> list[Command]:
        base = provider(PROVIDER, Scope.USER)
        found: list[Command] = [
            add_node(str(base)),
            add_node(str(first_sync_status(PROVIDER, Scope.USER))),
        ]
        if self.releases_user:
            found.append(FirstSync.SERVER_HAS_FINISHED.put(base, True).replace())
        return found


def _statement_problems(
    finish: AttestationFinish, ek: Public, ak: Public, certified: Public, nonce: bytes
) -> tuple[object, ...]:
    signer = ak.qualified_name(ek.qualified_name())
    values = {int(pcr): value for pcr, value in finish.pcrs.items()}
    replayed = decode_event_log(finish.event_log).replay(Algorithm.SHA256)
    checked: dict[str, Any] = {"ak": ak, "nonce": nonce, "qualified_signer": signer}
    return (
        *quote_problems(finish.quote, finish.quote_signature, values={Algorithm.SHA256: values}, **checked),
        *certify_problems(finish.certify, finish.certify_signature, certified=certified, **checked),
        *log_problems(replayed, values, tuple(values)),
    )


def _device_certificate(key: bytes, user: UUID | None) -> bytes:
    extensions = identity_extensions(DeviceIdentity(DEVICE, TENANT, user))
    profile = ca.client_profile(ca.common_name(str(DEVICE)), key_encipherment=False, extensions=extensions)
    return _issue(key, profile)


def _document(key: bytes) -> ProvisioningDocument:
    client = _issue(key, ca.client_profile(ca.common_name(str(DEVICE))))
    issuing, root = (each.public_bytes(Encoding.DER) for each in authority().chain)
    return ProvisioningDocument(
        provider_id=PROVIDER,
        certificates=Certificates(client=client, scope=StoreScope.SYSTEM, intermediate=issuing, root=root),
        application=Application(
            name="Reseal MDM",
            address=f"{HOST}/ManagementServer/MDM.svc",
            server_credentials=Credentials(secret="server", nonce=b"n"),
            device_credentials=Credentials(secret="device", name="dev-1", nonce=b"first"),
        ),
        provider=ProviderSettings(device_id="d-1", poll=DURING_SET_UP),
    )


def _issue(key: bytes, profile: ca.Profile) -> bytes:
    public = load_der_public_key(key)
    assert isinstance(public, RSAPublicKey)
    entropy = SeededEntropy(key)
    return ca.issue(authority(), public, profile, clock=_Calendar(), entropy=entropy).public_bytes(
        Encoding.DER
    )


def _spki(key: RSAPublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _soap(body: bytes) -> Answer:
    return Answer(200, body, [("Content-Type", "application/soap+xml; charset=utf-8")])


def _json(status: int, document: object) -> Answer:
    return Answer(status, msgspec.json.encode(document), [("Content-Type", "application/json")])


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
