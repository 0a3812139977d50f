"""Signing in: the page as a browser meets it, codes, tokens, signed requests (identity.md 1, 3.1)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urljoin, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.clients.blackbox import jws
from tests.clients.blackbox.errors import Refused, demand
from tests.clients.blackbox.web import Reply, Web

BROKER = "29d9ed98-a469-4536-ade2-f981bc1d605e"
DRS_REDIRECT = "ms-aadj-redir://auth/drs"
MDM_REDIRECT = "ms-aadj-redir://auth/mdm"
DRS = "urn:ms-drs:enterpriseregistration.windows.net"
MDM = "https://enrollment.manage.microsoft.com/"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_PAGES = 8


@dataclass(frozen=True, slots=True)
class Person:
    """Who signs in."""

    upn: str
    password: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint gave."""

    access: str
    refresh: str = ""
    identity: str = ""

    @property
    def claims(self) -> dict[str, Any]:
        """Claims of the access token."""
        return jws.claims_of(self.access)


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code, and what it takes to redeem it."""

    value: str
    verifier: str
    redirect: str
    resource: str


@dataclass(frozen=True, slots=True)
class Directory:
    """Where a tenant signs its people in, by its OpenID configuration."""

    web: Web
    authorize: str
    token: str
    keys: str
    issuer: str
    cookies: dict[str, str] | None = None
    """Of a browser that stays open from one sign-in to the next; None: each is opened anew."""

    @classmethod
    def found(cls, web: Web, base: str, tenant: str) -> Directory:
        """The tenant of this id or domain on a server."""
        reply = web.get(f"{base}/{quote(tenant)}/.well-known/openid-configuration")
        if reply.status != 200:
            raise Refused("openid-configuration", reply.body.decode(), reply.status)
        known = reply.json
        guid = urlsplit(known["token_endpoint"]).path.split("/")[1]
        demand(len(guid) == 36 or tenant == "common", f"token_endpoint names no tenant by its id: {guid}")
        return cls(
            web,
            known["authorization_endpoint"],
            known["token_endpoint"],
            known["jwks_uri"],
            known["issuer"],
        )

    # --- codes --------------------------------------------------------------------------------------------

    def sign_in(
        self, person: Person, resource: str, redirect: str = DRS_REDIRECT, **more: str
    ) -> tuple[Code, Tokens]:
        """Sign in on the page and redeem the code."""
        nonce = secrets.token_urlsafe(16)
        code = self.ask_code(person, resource, redirect, nonce=nonce, **more)
        tokens = self.redeem(code)
        identity = jws.proven(tokens.identity, self.web.get(self.keys).json)
        demand(identity.get("nonce") == nonce, "the ID token does not repeat the nonce")
        demand(identity["aud"] == BROKER, f"the ID token is for {identity['aud']}")
        demand(tokens.identity.isascii(), "the ID token is not ASCII")
        demand(identity["upn"].lower() == person.upn.lower(), f"the ID token is of {identity['upn']}")
        return code, tokens

    def ask_code(self, person: Person, resource: str, redirect: str = DRS_REDIRECT, **more: str) -> Code:
        """Fill in the page until it leads back to the client."""
        verifier = secrets.token_urlsafe(48)
        challenge = jws.encode(hashlib.sha256(verifier.encode()).digest())
        state = secrets.token_urlsafe(12)
        asked = {
            "client_id": BROKER,
            "response_type": "code",
            "redirect_uri": redirect,
            "resource": resource,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **more,
        }
        browser = Browser(self.web, {} if self.cookies is None else self.cookies)
        answer = browser.drive(f"{self.authorize}?{urlencode(asked)}", redirect, person)
        if "error" in answer:
            raise Refused(answer["error"], answer.get("error_description", ""))
        demand(answer.get("state") == state, "the redirect does not repeat the state")
        return Code(answer["code"], verifier, redirect, resource)

    def redeem(self, code: Code, **changed: str) -> Tokens:
        """A code for tokens."""
        return self.ask_token(
            {
                "grant_type": "authorization_code",
                "client_id": BROKER,
                "code": code.value,
                "code_verifier": code.verifier,
                "redirect_uri": code.redirect,
                "resource": code.resource,
                **changed,
            }
        )

    # --- tokens -------------------------------------------------------------------------------------------

    def ask_token(self, form: Mapping[str, str]) -> Tokens:
        """One request to the token endpoint."""
        answer = self._token_endpoint(form)
        for name in ("expires_in", "ext_expires_in", "expires_on", "not_before", "resource"):
            demand(isinstance(answer.get(name), str), f"{name} is no text in an answer of version 1")
        demand(answer["token_type"] == "Bearer", f"token_type {answer['token_type']}")
        return Tokens(answer["access_token"], answer.get("refresh_token", ""), answer.get("id_token", ""))

    def refresh(self, tokens: Tokens, resource: str) -> Tokens:
        """Tokens for another resource, without proof of a device."""
        return self.ask_token(
            {
                "grant_type": "refresh_token",
                "client_id": BROKER,
                "refresh_token": tokens.refresh,
                "resource": resource,
            }
        )

    def nonce(self) -> str:
        """A nonce of the server, good for one signed request."""
        nonce: str = self._token_endpoint({"grant_type": "srv_challenge"})["Nonce"]
        return nonce

    def user_token(
        self, proof: Proof, tokens: Tokens, resource: str = MDM, *, nonce: str = "", **changed: Any
    ) -> Tokens:
        """Tokens of the user on this device: the refresh token, signed with the device's key."""
        asked = {"grant_type": "refresh_token", "refresh_token": tokens.refresh, "scope": "openid"}
        return self._signed({**asked, **changed}, proof, resource, nonce)

    def device_token(self, proof: Proof, resource: str = MDM, *, nonce: str = "", **changed: Any) -> Tokens:
        """A token of the device, without a user."""
        return self._signed({"grant_type": "device_token", **changed}, proof, resource, nonce)

    def _signed(self, asked: Mapping[str, Any], proof: Proof, resource: str, nonce: str) -> Tokens:
        payload = {
            "client_id": BROKER,
            "request_nonce": nonce or self.nonce(),
            "resource": resource,
            "redirect_uri": MDM_REDIRECT,
            "win_ver": "10.0.26100.1",
            **asked,
        }
        request = jws.signed(payload, proof.key, x5c=proof.x5c)
        form = {"windows_api_version": "2.2", "grant_type": JWT_BEARER, "request": request}
        return self.ask_token(form)

    def _token_endpoint(self, form: Mapping[str, str]) -> dict[str, Any]:
        reply = self.web.post_form(self.token, form)
        demand("no-store" in reply.header("Cache-Control"), "an answer with tokens may be cached")
        if reply.status != 200:
            raise _refusal(reply)
        answer: dict[str, Any] = reply.json
        return answer


@dataclass(frozen=True, slots=True)
class Proof:
    """The device's certificate and key, as they sign requests."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    as_list: bool = False

    @property
    def x5c(self) -> str | list[str]:
        """The certificate in a header: a string, or a list as later clients send it."""
        text = base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()
        return [text] if self.as_list else text


def _refusal(reply: Reply) -> Refused:
    error = reply.json
    demand(reply.status in {400, 401, 429}, f"the token endpoint refuses with {reply.status}")
    demand(error["error_description"].startswith("AADSTS"), "a refusal does not begin with AADSTS")
    demand(error["error_codes"], "a refusal has no error_codes")
    return Refused(error["error"], error["error_description"], reply.status)


# --- the page -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Browser:
    """Cookies and pages of one visit."""

    web: Web
    cookies: dict[str, str] = field(default_factory=dict)

    def drive(self, url: str, redirect: str, person: Person) -> dict[str, str]:
        """Go from page to page until a redirect or a form leads to `redirect`; its query, or its fields."""
        reply = self.visit("GET", url)
        said = ""
        for _ in range(_PAGES):
            if reply.status in {302, 303}:
                target = urljoin(url, reply.header("Location"))
                if target.startswith(redirect):
                    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
                url, reply = target, self.visit("GET", target)
                continue
            page = Page.read(reply)
            if page.action.startswith(redirect):
                scheme = f"{urlsplit(redirect).scheme}:"
                policy = reply.header("Content-Security-Policy")
                demand(scheme in policy, f"the policy of the page does not let its form go to {scheme}")
                return page.fields
            said = page.alert
            if said and page.asked_before:
                break
            url = urljoin(url, page.action)
            page.fill(person)
            reply = self.visit("POST", url, page.fields)
        raise Refused("page", said or reply.body.decode(errors="replace")[:2000], reply.status)

    def visit(self, method: str, url: str, fields: Mapping[str, str] | None = None) -> Reply:
        """One request, with the cookies of this visit."""
        headers = {"Accept": "text/html", "Accept-Language": "en"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method == "GET":
            reply = self.web.get(url, headers)
        else:
            parts = urlsplit(url)
            origin = {"Origin": f"{parts.scheme}://{parts.netloc}"}
            reply = self.web.post_form(url, fields or {}, {**headers, **origin})
        for line in reply.headers.get_all("Set-Cookie", []):
            self._keep(line)
        return reply

    def _keep(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            demand(morsel["secure"] and morsel["httponly"], f"the cookie {name} is not Secure and HttpOnly")
            if morsel["max-age"] == "0" or not morsel.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


class Page(HTMLParser):
    """The one form of a sign-in page, and what the page complains about."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.buttons: dict[str, str] = {}
        self.user_field = ""
        self.password_field = ""
        self.alert = ""
        self.forms = 0
        self._alerting = ""

    @classmethod
    def read(cls, reply: Reply) -> Page:
        """A page, which has to be one that a person can answer."""
        page = cls()
        page.feed(reply.body.decode())
        page.alert = " ".join(page.alert.split())
        if page.forms != 1:
            raise Refused("page", page.alert or reply.body.decode()[:2000], reply.status)
        policy = reply.header("Content-Security-Policy")
        demand("default-src 'none'" in policy, "the sign-in page has no strict Content-Security-Policy")
        demand("unsafe-inline" not in policy, "the sign-in page allows inline script")
        demand("no-store" in reply.header("Cache-Control"), "the sign-in page may be cached")
        return page

    @property
    def asked_before(self) -> bool:
        """Whether it asks again what it was told."""
        return bool(self.user_field or self.password_field)

    def fill(self, person: Person) -> None:
        """Write what is asked for, as a person does."""
        if self.user_field:
            self.fields[self.user_field] = person.upn
        if self.password_field:
            self.fields[self.password_field] = person.password

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag begins."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "").lower() == "post":
            self.forms += 1
            self.action = given["action"]
        elif tag == "button" and given.get("name"):
            self.buttons[given["name"]] = given.get("value", "")
        elif tag == "input" and given.get("name"):
            self._input(given)
        if given.get("role") == "alert":
            self._alerting = tag

    def _input(self, given: dict[str, str]) -> None:
        name = given["name"]
        if given.get("type") == "password":
            demand(given.get("autocomplete") == "current-password", "the password field has no autocomplete")
            self.password_field = name
        elif given.get("autocomplete") == "username":
            self.user_field = name
        if given.get("type") not in {"submit", "button", "checkbox"}:
            self.fields[name] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """A tag ends."""
        if tag == self._alerting:
            self._alerting = ""

    def handle_data(self, data: str) -> None:
        """Text."""
        if self._alerting:
            self.alert += data
