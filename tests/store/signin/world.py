"""People, programs and a browser, for the tests of the sign-in."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import html
from starlette.types import ASGIApp

from reseal.directory.credentials import store_device_credential
from reseal.directory.devices import create_device
from reseal.directory.joining import set_mdm_scope
from reseal.directory.model import Device, Tenant, User
from reseal.directory.model_settings import MdmScope
from reseal.directory.tenants import create_tenant
from reseal.directory.users import create_user, set_password_hash, update_user
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.signin.routes import SignIn
from reseal.web.routes import Listener, application
from tests.support.clock import START, ManualClock
from tests.support.events import sealed
from tests.support.http import HOST, client_of

BROKER = "29d9ed98-a469-4536-ade2-f981bc1d605e"
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
REDIRECT = "ms-aadj-redir://auth/drs"
MDM = "https://enrollment.manage.microsoft.com/"
DRS = "urn:ms-drs:enterpriseregistration.windows.net"
PASSWORD = "Correct-Horse-9"
VERIFIER = "v" * 43
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def challenge(verifier: str = VERIFIER) -> str:
    """The S256 challenge of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def asking(**changes: str) -> dict[str, str]:
    """The parameters of an authorization request as a device sends it; an empty one is left out."""
    usual = {
        "client_id": BROKER,
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "resource": DRS,
        "state": "state of the client",
        "nonce": "nonce of the client",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in {**usual, **changes}.items() if value}


def claims_of(token: str) -> dict[str, Any]:
    """What is in a token."""
    header, payload, signature = token.split(".")
    assert header
    assert signature
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return said


class Page:
    """An answer as a browser shows it."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer
        self.tree = html.fromstring(answer.text)

    @property
    def alert(self) -> tuple[str, str] | None:
        """Code and text of the alert."""
        found = self.tree.xpath('//*[@role="alert"]')
        return (found[0].get("data-code"), " ".join(found[0].text_content().split())) if found else None

    @property
    def text(self) -> str:
        """Everything that can be read."""
        return " ".join(self.tree.text_content().split())

    @property
    def fields(self) -> dict[str, str]:
        """The form's fields and what is in them."""
        return {one.get("name"): one.get("value", "") for one in self.tree.xpath("//form//input[@name]")}

    @property
    def action(self) -> str:
        (form,) = self.tree.xpath("//form")
        assert form.get("method") == "post"
        return str(form.get("action"))

    def one(self, path: str) -> Any:
        """The only element at an XPath."""
        (element,) = self.tree.xpath(path)
        return element


class Browser:
    """Keeps cookies, follows no redirect, runs no script."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def get(self, url: str, **more: Any) -> httpx2.Response:
        return await self.http.get(url, **more)

    async def open(self, path: str, **parameters: str) -> Page:
        """A page."""
        answer = await self.http.get(path, params=asking(**parameters))
        assert answer.headers["content-type"].startswith("text/html"), answer.text
        return Page(answer)

    async def submit(self, page: Page, **typed: str) -> httpx2.Response:
        """Fill in the fields that the page has, and send its form."""
        fields = page.fields
        return await self.http.post(
            page.action, data={**fields, **{name: text for name, text in typed.items() if name in fields}}
        )

    async def sign_in(self, page: Page, user: str, password: str) -> httpx2.Response:
        """What a program does that fills in what it finds until it is sent away."""
        answer = await self.submit(page, loginfmt=user, passwd=password)
        if answer.status_code == 200 and Page(answer).alert is None and "passwd" not in page.fields:
            answer = await self.submit(Page(answer), loginfmt=user, passwd=password)
        return answer


def sent_to(answer: httpx2.Response) -> tuple[str, dict[str, str]]:
    """Where a redirect leads, and its parameters."""
    assert answer.status_code in {302, 303}, (answer.status_code, answer.text)
    where = urlsplit(answer.headers["location"])
    return f"{where.scheme}://{where.netloc}{where.path}", dict(parse_qsl(where.query))


def app_of(signin: SignIn) -> ASGIApp:
    """The browser listener with the authorization server alone."""
    return application(
        signin.routes(),
        listener=Listener.BROWSER,
        hosts=lambda: frozenset({HOST}),
        authenticate=signin.authenticate,
        entropy=signin.entropy,
    )


@dataclass
class Laptop:
    """A joined device with its key."""

    device: Device
    key: RSAPrivateKey
    certificate: x509.Certificate

    def signed(self, key: RSAPrivateKey | None = None, alg: str = "RS256", **payload: Any) -> str:
        """A request signed by the device; `x5c` and `alg` may be given to be wrong."""
        der = base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()
        header = {"alg": alg, "typ": "JWT", "x5c": payload.pop("x5c", der)}
        usual = {"client_id": BROKER, "redirect_uri": "ms-aadj-redir://auth/mdm", "resource": MDM}
        parts = [
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
            for part in (header, {**usual, **payload})
        ]
        signature = (key or self.key).sign(".".join(parts).encode(), PKCS1v15(), SHA256())
        return ".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=").decode()])


@dataclass
class Town:
    """The authorization server with the people of Contoso (ann, disabled bob, zoe without a licence) and
    Fabrikam (fay).
    """

    signin: SignIn
    clock: ManualClock
    http: httpx2.AsyncClient
    app: ASGIApp
    contoso: Tenant = field(init=False)
    fabrikam: Tenant = field(init=False)
    ann: User = field(init=False)
    bob: User = field(init=False)

    async def settle(self) -> None:
        await self.signin.db.write(self._settle)

    def _settle(self, tx: Tx) -> None:
        self.contoso = create_tenant(tx, "Contoso", "contoso.example")
        self.fabrikam = create_tenant(tx, "Fabrikam", "fabrikam.example")
        set_mdm_scope(tx, self.contoso.id, MdmScope.ALL)
        self.ann = self._user(tx, self.contoso, "ann@contoso.example", "Ann Öztürk")
        self.bob = self._user(tx, self.contoso, "bob@contoso.example", "Bob")
        update_user(tx, self.contoso.id, self.bob.id, enabled=False)
        self._user(tx, self.fabrikam, "fay@fabrikam.example", "Fay")

    def _user(self, tx: Tx, tenant: Tenant, upn: str, name: str) -> User:
        user = create_user(tx, tenant.id, upn, name)
        set_password_hash(tx, tenant.id, user.id, self.signin.passwords.hash(PASSWORD, self.signin.entropy))
        return user

    @property
    def authorize(self) -> str:
        """Contoso's authorize endpoint."""
        return f"/{self.contoso.uuid}/oauth2/v2.0/authorize"

    @property
    def token_path(self) -> str:
        return f"/{self.contoso.uuid}/oauth2/v2.0/token"

    @property
    def browser(self) -> Browser:
        """The browser that keeps the cookies of this test."""
        return Browser(self.http)

    def another_browser(self) -> Browser:
        """A browser without cookies."""
        return Browser(client_of(self.app))

    def browser_of(self, signin: SignIn) -> Browser:
        """A browser in front of another server over the same database."""
        return Browser(client_of(app_of(signin)))

    def hint(self, upn: str = "ann@contoso.example", greeting: str = "Ann") -> str:
        return self.signin.signer.sign_hint(upn, greeting, UUID(int=5), now=self.clock.now())

    async def code(self, user: str = "ann@contoso.example", **parameters: str) -> str:
        """A code for a user who signs in as they should."""
        browser = self.another_browser()
        page = await browser.open(self.authorize, **parameters)
        where, sent = sent_to(await browser.sign_in(page, user, PASSWORD))
        assert where == parameters.get("redirect_uri", REDIRECT)
        return sent["code"]

    async def redeem(self, code: str, /, **changes: str) -> httpx2.Response:
        return await self.token(
            **{
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": REDIRECT,
                "code_verifier": VERIFIER,
                **changes,
            }
        )

    async def token(self, path: str = "", **form: str) -> httpx2.Response:
        """A request at the token endpoint of the broker."""
        return await self.http.post(path or self.token_path, data={"client_id": BROKER, **form})

    async def refresh(self, token: str, /, **changes: str) -> httpx2.Response:
        return await self.token(**{"grant_type": "refresh_token", "refresh_token": token, **changes})

    async def tokens(self, **parameters: str) -> dict[str, Any]:
        """The tokens of a user who signs in as they should."""
        answer = await self.redeem(await self.code(**parameters))
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    async def nonce(self, tenant: str = "common") -> str:
        answer = await self.http.post(f"/{tenant}/oauth2/token", data={"grant_type": "srv_challenge"})
        return str(answer.json()["Nonce"])

    async def ask_signed(self, request: str, path: str = "") -> httpx2.Response:
        return await self.http.post(
            path or self.token_path, data={"grant_type": JWT_BEARER, "request": request}
        )

    async def laptop(self, key: RSAPrivateKey, name: str = "LAPTOP", tenant: Tenant | None = None) -> Laptop:
        """A device of Contoso that has joined."""
        of = tenant or self.contoso
        certificate = _self_signed(key, name)

        def join(tx: Tx) -> Device:
            device = create_device(tx, of.id, name)
            store_device_credential(tx, of.id, device.id, certificate.public_bytes(Encoding.DER))
            return device

        return Laptop(await self.signin.db.write(join), key, certificate)

    async def events(self, *kinds: str) -> list[events.SealedEvent]:
        """What the log of Contoso says of these kinds."""
        await sealed(self.signin.db)
        every = await self.signin.db.read(events.read, self.contoso.id, 0, 1000)
        return [event for event in every if event.kind in kinds]


def _self_signed(key: RSAPrivateKey, name: str) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
        .not_valid_before(START - timedelta(days=1))
        .not_valid_after(START + timedelta(days=3650))
        .sign(key, SHA256())
    )
