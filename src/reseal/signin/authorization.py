"""An authorization request, read and checked (RFC 6749 4.1, RFC 7636, spec/identity.md 1.5).

The order matters: until client and redirect URI are known to belong together, an error is shown on a page and
nobody is sent anywhere. From then on the client hears of errors by redirect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from reseal.signin import errors
from reseal.signin.errors import OAuthError
from reseal.signin.first_party import FirstParty, find_first_party
from reseal.signin.resources import Resource, resource_asked

CARRIED = (
    "client_id",
    "response_type",
    "redirect_uri",
    "scope",
    "resource",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
    "login_hint",
    "domain_hint",
    "ui_locales",
    "reseal_hint",
    "amr_values",
    "client-request-id",
)
"""Parameters that the page's form carries on. `prompt` is not among them: it was obeyed by showing the
page."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PROMPTS = frozenset({"", "login", "none", "select_account", "consent", "create"})


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who asked, and where the answer goes."""

    client: FirstParty
    redirect_uri: str
    state: str

    def answer(self, **parameters: str) -> str:
        """The redirect URI with these parameters and the state."""
        sent = {**parameters, **({"state": self.state} if self.state else {})}
        return (
            f"{self.redirect_uri}{'&' if '?' in self.redirect_uri else '?'}{urlencode(sent, quote_via=quote)}"
        )

    def refusal(self, error: OAuthError) -> str:
        """The redirect URI with an error."""
        return self.answer(error=error.error, error_description=error.description)


@dataclass(frozen=True, slots=True)
class Authorization:
    """A request that may be granted. `carried` are its parameters, for the form."""

    addressee: Addressee
    resource: Resource
    nonce: str
    code_challenge: str
    login_hint: str
    domain_hint: str
    hint: str
    languages: str
    prompt: str
    carried: Mapping[str, str]


def read_addressee(parameters: Mapping[str, str], public_url: str) -> Addressee:
    """Client and redirect URI. Raises `OAuthError`, to be shown on a page and never by redirect."""
    client_id = parameters.get("client_id", "")
    if not client_id:
        raise errors.missing("client_id")
    client = find_first_party(client_id)
    if client is None:
        raise errors.unknown_client(client_id)
    redirect_uri = parameters.get("redirect_uri", "")
    if not redirect_uri:
        raise errors.missing("redirect_uri")
    if not client.allows(redirect_uri, public_url):
        raise errors.wrong_redirect(redirect_uri)
    return Addressee(client, redirect_uri, parameters.get("state", ""))


def read_authorization(parameters: Mapping[str, str], addressee: Addressee) -> Authorization:
    """The rest of the request. Raises `OAuthError`, which the client is told by redirect."""
    _check_response(parameters.get("response_type", ""), parameters.get("response_mode", "query"))
    _check_challenge(parameters)
    nonce = parameters.get("nonce", "")
    if _CONTROL.search(nonce):
        raise errors.unfit("nonce", nonce, "text without control characters")
    prompt = parameters.get("prompt", "")
    if prompt not in _PROMPTS:
        raise errors.unfit("prompt", prompt, "login, none or select_account")
    resource, scope = parameters.get("resource", ""), parameters.get("scope", "")
    asked = resource_asked(resource, scope)
    if asked is None:
        raise errors.unknown_resource(resource or scope)
    return Authorization(
        addressee=addressee,
        resource=asked,
        nonce=nonce,
        code_challenge=parameters["code_challenge"],
        login_hint=_CONTROL.sub("", parameters.get("login_hint", "")),
        domain_hint=parameters.get("domain_hint", ""),
        hint=parameters.get("reseal_hint", ""),
        languages=parameters.get("ui_locales", ""),
        prompt=prompt,
        carried={name: parameters[name] for name in CARRIED if name in parameters},
    )


def _check_response(kind: str, mode: str) -> None:
    if kind != "code":
        raise errors.unfit("response_type", kind, "code", error="unsupported_response_type", number=70005)
    if mode != "query":
        raise errors.unfit("response_mode", mode, "query", number=70007)


def _check_challenge(parameters: Mapping[str, str]) -> None:
    """Every client here is public, so the code must be bound to who asks (S256; `plain` binds nothing)."""
    challenge = parameters.get("code_challenge", "")
    if not challenge:
        raise errors.missing_challenge()
    method = parameters.get("code_challenge_method", "plain")
    if method != "S256":
        raise errors.unfit("code_challenge_method", method, "S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise errors.unfit_challenge()
