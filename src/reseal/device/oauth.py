"""Tokens from the directory: by a person's sign-in (code and PKCE), or by the device's own key.

A request that the device signs (spec/identity.md 3.1, items 7 and 8) bears a fresh nonce each time, so a lost
answer is asked for again from the start; the server lets the last refresh token be used again for that. A
code counts once: when its answer is lost, the person signs in again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from reseal.device.causes import cause_of
from reseal.device.errors import (
    NO_DEVICE_OBJECT,
    NetworkFailed,
    SetupFailed,
    network_failed,
    unanswered,
    unexpected,
)
from reseal.device.http import Answer, Http
from reseal.device.transport import Identity, TransportError
from reseal.kernel.clock import Clock
from reseal.kernel.entropy import Entropy
from reseal.web.phrases import say

CLIENT: Final = "29d9ed98-a469-4536-ade2-f981bc1d605e"
CALLBACK: Final = "ms-aadj-redir://auth/drs"
MDM_CALLBACK: Final = "ms-aadj-redir://auth/mdm"
DEVICE_REGISTRATION: Final = "urn:ms-drs:enterpriseregistration.windows.net"
MANAGEMENT: Final = "https://enrollment.manage.microsoft.com/"

_SCOPE: Final = "openid profile offline_access"
_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_WORD_OF_NO_USE: Final = "invalid_grant"
_AUTHENTICATION: Final = "0x80180002"
_TRIES: Final = 5
_NO_DEVICE: Final = "AADSTS50155"
"""The device is deleted or disabled."""
_EARLY: Final = timedelta(minutes=2)
"""Tokens are taken for expired a little early."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a grant gave. `claims` are the ID token's, `until` is the end of `access` in monotonic time of the
    network's clock.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)
    until: timedelta


class TokenRefused(SetupFailed):
    """The token endpoint declined. `error` is OAuth's word for it."""

    def __init__(self, *, code: str, message: str, error: str) -> None:
        super().__init__(code=code, message=message, remedy=say("Sign in again."))
        self.error = error

    @property
    def needs_sign_in(self) -> bool:
        """Whether only a new sign-in can help."""
        return self.error == _WORD_OF_NO_USE


@dataclass(frozen=True, slots=True)
class Question:
    """One sign-in that is being asked for: the address to open, and what will prove that it was ours."""

    url: str
    state: str
    verifier: str = field(repr=False)
    resource: str


def ask_for_code(
    authorize: str, resource: str, entropy: Entropy, *, language: str, hint: str = "", upn: str = ""
) -> Question:
    """The address of the sign-in page. `hint` fills in the user as the server told, `upn` as we guess."""
    verifier, state = _text(entropy.bytes(32)), _text(entropy.bytes(16))
    parameters = {
        "client_id": CLIENT,
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "scope": _SCOPE,
        "resource": resource,
        "state": state,
        "nonce": _text(entropy.bytes(16)),
        "code_challenge": _text(hashlib.sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
        "ui_locales": language,
        "login_hint": upn,
        "reseal_hint": hint,
    }
    given = urlencode({name: value for name, value in parameters.items() if value})
    return Question(f"{authorize}{'&' if '?' in authorize else '?'}{given}", state, verifier, resource)


class TokenEndpoint:
    """The token endpoint of an organisation."""

    def __init__(self, http: Http, clock: Clock, url: str) -> None:
        self._http = http
        self._clock = clock
        self._url = url

    async def redeem(self, question: Question, code: str) -> Tokens:
        """The tokens for a code; asked once. Raises `SetupFailed`."""
        fields = {
            "grant_type": "authorization_code",
            "client_id": CLIENT,
            "redirect_uri": CALLBACK,
            "code": code,
            "code_verifier": question.verifier,
            "resource": question.resource,
        }
        return self._tokens(await self._ask(fields, tries=1))

    async def device_token(self, identity: Identity) -> str:
        """An access token for management that names the device and no user. Raises `SetupFailed`."""
        said = {"grant_type": "device_token", "resource": MANAGEMENT, "redirect_uri": MDM_CALLBACK}
        return (await self._ask_signed(identity, said)).access

    async def renew(self, identity: Identity, refresh: str, resource: str) -> Tokens:
        """Tokens for the user of a refresh token that also name the device. Raises `SetupFailed`."""
        said = {
            "grant_type": "refresh_token",
            "refresh_token": refresh,
            "resource": resource,
            "scope": _SCOPE,
            "redirect_uri": CALLBACK,
        }
        return await self._ask_signed(identity, said)

    async def _ask_signed(self, identity: Identity, said: Mapping[str, str]) -> Tokens:
        for left in range(_TRIES - 1, -1, -1):
            fields = {"grant_type": _JWT_BEARER, "client_id": CLIENT, "windows_api_version": "2.2"}
            try:
                nonce = await self._nonce()
                request = signed_request(identity, {**said, "client_id": CLIENT, "request_nonce": nonce})
                return self._tokens(await self._ask(fields | {"request": request}, tries=1))
            except NetworkFailed:
                if not left:
                    raise
                await self._clock.sleep(timedelta(seconds=2 ** (_TRIES - left)))
        raise AssertionError("a token is asked for at least once")

    async def _nonce(self) -> str:
        answer = await self._ask({"grant_type": "srv_challenge"})
        nonce = answer.json().get("Nonce")
        if not answer.ok or not isinstance(nonce, str):
            raise unexpected(say("Getting a token"), say("the server gave no nonce"))
        return nonce

    async def _ask(self, fields: Mapping[str, str], **tries: int) -> Answer:
        try:
            return await self._http.post_form(self._url, fields, **tries)
        except TransportError as error:
            raise network_failed(error, say("Getting a token")) from error

    def _tokens(self, answer: Answer) -> Tokens:
        found = answer.json()
        access = found.get("access_token")
        if not answer.ok or not isinstance(access, str):
            raise _refusal(answer.status, found)
        seconds = found.get("expires_in", 0)
        lifetime = timedelta(seconds=int(seconds) if isinstance(seconds, int | str) else 0)
        return Tokens(
            access=access,
            refresh=str(found.get("refresh_token", "")),
            claims=read_claims(str(found.get("id_token", ""))),
            until=self._http.network_clock.monotonic() + lifetime - _EARLY,
        )


def signed_request(identity: Identity, payload: Mapping[str, str]) -> str:
    """A JWS (RS256) by the device's key, with its certificate in `x5c`."""
    assert isinstance(identity.key, RSAPrivateKey), "the device key is an RSA key"
    certificate = base64.b64encode(identity.certificate.public_bytes(Encoding.DER)).decode("ascii")
    header = {"alg": "RS256", "typ": "JWT", "x5c": [certificate]}
    signed = f"{_text(msgspec.json.encode(header))}.{_text(msgspec.json.encode(payload))}"
    return f"{signed}.{_text(identity.key.sign(signed.encode('ascii'), PKCS1v15(), SHA256()))}"


def read_claims(token: str) -> dict[str, Any]:
    """The claims of a token that came from its issuer over TLS; empty if it is no three-part token."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        content = base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(content, type=dict[str, Any])
    except (binascii.Error, ValueError):
        return {}


def _refusal(status: int, found: Mapping[str, object]) -> SetupFailed:
    error, why = found.get("error"), found.get("error_description")
    if not isinstance(error, str):
        return unanswered(say("Getting a token"), status)
    described = str(why or error)
    code = described.partition(":")[0] if described.startswith("AADSTS") else _AUTHENTICATION
    if code == _NO_DEVICE:
        return SetupFailed(
            code=NO_DEVICE_OBJECT,
            message=say("The directory does not know this device any more: {why}", why=described),
            remedy=cause_of(NO_DEVICE_OBJECT).remedy,
        )
    return TokenRefused(
        code=code, message=say("The directory gave no token: {why}", why=described), error=error
    )


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
