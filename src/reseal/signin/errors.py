"""Errors of the OAuth endpoints, in the shape that Microsoft's clients read (spec/identity.md 1.2, 9).

Programs are told in English. What the sign-in page shows to a person, because no client is known who could be
told, are phrases: they come in the language of the page.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from reseal.kernel.errors import ResealError
from reseal.web.phrases import say

_LONGEST = 200
"""Characters of what somebody sent that an error repeats."""


class OAuthError(ResealError):
    """`error` is the OAuth word, `number` the AADSTS number that people look up."""

    def __init__(self, error: str, number: int, message: str, *, remedy: str = "", status: int = 400) -> None:
        super().__init__(code=f"AADSTS{number}", message=message, remedy=remedy)
        self.error = error
        self.number = number
        self.status = status

    @property
    def description(self) -> str:
        """What `error_description` says."""
        return f"{self.code}: {self.message} {self.remedy}".strip()

    def to_json(self) -> dict[str, Any]:
        return {
            "error": self.error,
            "error_description": self.description,
            "error_codes": [self.number],
        }

    def traced(self, now: datetime, trace: UUID, correlation: str) -> dict[str, Any]:
        """The document with what finds the request in a log: when, and its numbers."""
        return {
            **self.to_json(),
            "timestamp": now.strftime("%Y-%m-%d %H:%M:%SZ"),
            "trace_id": str(trace),
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
        }


def _refused_grant(number: int, message: str, remedy: str) -> OAuthError:
    return OAuthError("invalid_grant", number, message, remedy=remedy)


# --- the request --------------------------------------------------------------------------------------------


def unknown_tenant(name: str) -> OAuthError:
    """No tenant has that id or domain."""
    return OAuthError(
        "invalid_request",
        90002,
        say("There is no tenant {name}.", name=repr(name[:_LONGEST])),
        remedy=say("Check the id or domain in the URL."),
    )


def missing(parameter: str) -> OAuthError:
    """A parameter that must be there is not."""
    return OAuthError(
        "invalid_request",
        900144,
        say("The request has no parameter {name}.", name=repr(parameter)),
        remedy=say("Send it."),
    )


def unfit(
    parameter: str, value: str, fit: str, *, error: str = "invalid_request", number: int = 90023
) -> OAuthError:
    """A parameter has a value that this server does not serve; `fit` says what it serves."""
    message = say("The parameter {name} is {value}.", name=repr(parameter), value=repr(value[:80]))
    return OAuthError(error, number, message, remedy=say("Send {fit}.", fit=fit))


def unsupported_grant(grant: str) -> OAuthError:
    """A grant type that is not served."""
    return OAuthError(
        "unsupported_grant_type",
        70003,
        f"The grant type {grant[:80]!r} is not supported here.",
        remedy="This server grants authorization_code, device_code, refresh_token, client_credentials, "
        "srv_challenge and requests signed by a device.",
    )


def unknown_resource(named: str) -> OAuthError:
    """No service has that name."""
    return OAuthError(
        "invalid_resource",
        500011,
        f"There is no resource {named[:200]!r} here.",
        remedy="Name one resource, by its URL or id.",
    )


def missing_challenge() -> OAuthError:
    """A public client asks for a code that anybody could redeem."""
    return OAuthError(
        "invalid_request",
        50147,
        "The request has no code_challenge.",
        remedy="This client has no secret: send code_challenge and code_challenge_method=S256 (RFC 7636).",
    )


def unfit_challenge() -> OAuthError:
    """A challenge that cannot be the SHA-256 of a verifier."""
    return OAuthError(
        "invalid_request",
        501491,
        "The code_challenge is not 43 characters of base64url.",
        remedy="Send the SHA-256 of the code_verifier, base64url without padding.",
    )


def not_of_windows(parameter: str, scheme: str) -> OAuthError:
    """A page is to hand something to an address that is not of a part of Windows. It is not repeated: a page
    of ours does not say what a link wants it to say.
    """
    return OAuthError(
        "invalid_request",
        90023,
        say("The parameter {name} is not the address of a part of Windows.", name=repr(parameter)),
        remedy=say("Send an address that begins with {scheme}.", scheme=f"{scheme}://"),
    )


def not_begun_here() -> OAuthError:
    """A page of ours is come back to by a browser that it sent nowhere, or too long ago."""
    return OAuthError(
        "invalid_request",
        165000,
        say("This sign-in was not begun in this browser, or it took too long."),
        remedy=say("Begin again where you came from."),
    )


# --- the client ---------------------------------------------------------------------------------------------


def unknown_client(client_id: str) -> OAuthError:
    """No client that may sign users in has that id."""
    return OAuthError(
        "unauthorized_client",
        700016,
        say("There is no application {name} here that signs users in.", name=repr(client_id[:80])),
        remedy=say("Check client_id."),
    )


def wrong_redirect(redirect_uri: str) -> OAuthError:
    """The redirect URI is not one that the client registered, to the letter."""
    return OAuthError(
        "invalid_request",
        50011,
        say(
            "The redirect URI {address} is not registered for the application.",
            address=repr(redirect_uri[:_LONGEST]),
        ),
        remedy=say("Send a registered one, spelled exactly as it is registered."),
    )


def unproven_client() -> OAuthError:
    """The client is unknown or its secret is wrong; the answer does not tell which."""
    return OAuthError(
        "invalid_client",
        7000215,
        "The client id or the client secret is wrong.",
        remedy="Check both; the secret is shown once, when the client is made.",
        status=401,
    )


def locked_client(seconds: int) -> OAuthError:
    """Too many wrong secrets in a row."""
    return OAuthError(
        "invalid_client",
        50053,
        f"Too many wrong secrets; the client is locked for {seconds} seconds.",
        remedy="Wait, then use the right secret.",
        status=429,
    )


# --- codes and refresh tokens -------------------------------------------------------------------------------

_SIGN_IN_AGAIN = say("Have the user sign in again.")
_ASK_ANEW = "Ask for a new code, and have the user type it."


def unknown_grant(what: str) -> OAuthError:
    """A code or refresh token that this server did not give to this client."""
    return _refused_grant(
        70000, say("The {what} is not one that was given to this client.", what=what), _SIGN_IN_AGAIN
    )


def other_tenants_grant() -> OAuthError:
    """A code or refresh token at the endpoint of another tenant."""
    return _refused_grant(
        700005, "The code or token was given for another tenant.", "Use the endpoint of the user's tenant."
    )


def expired_code() -> OAuthError:
    """A code after its few minutes."""
    return _refused_grant(70008, say("The authorization code is expired."), _SIGN_IN_AGAIN)


def used_code() -> OAuthError:
    """A code that was redeemed before; what came of it is revoked."""
    return _refused_grant(54005, say("The authorization code was redeemed already."), _SIGN_IN_AGAIN)


def other_redirect() -> OAuthError:
    """The redirect URI is not that of the sign-in."""
    return _refused_grant(
        500112, "The redirect URI is not the one that the code was sent to.", "Send the same one."
    )


def wrong_verifier() -> OAuthError:
    """The verifier does not fit the challenge of the sign-in (RFC 7636)."""
    return _refused_grant(501481, say("The code_verifier does not fit the code_challenge."), _SIGN_IN_AGAIN)


def expired_refresh() -> OAuthError:
    """A refresh token that was not used for too long."""
    return _refused_grant(700082, "The refresh token is expired.", _SIGN_IN_AGAIN)


def revoked_grant() -> OAuthError:
    """The sign-in does not count any more: reuse, a new password, a code shown twice."""
    return _refused_grant(50173, "The refresh token does not count any more.", _SIGN_IN_AGAIN)


# --- device codes (RFC 8628 3.5) ----------------------------------------------------------------------------


def no_device_codes(client_id: str) -> OAuthError:
    """A client that has a browser of its own, or no business with users."""
    return OAuthError(
        "unauthorized_client",
        70001,
        f"The application {client_id[:80]!r} does not sign users in by a device code.",
        remedy="Use the authorize endpoint.",
    )


def unknown_device_code() -> OAuthError:
    """A device code that was not given to this client, or long ago."""
    return _refused_grant(70018, "The device code is not one that was given to this client.", _ASK_ANEW)


def authorization_pending() -> OAuthError:
    """Nobody has typed the code yet, or not yet signed in."""
    return OAuthError(
        "authorization_pending",
        70016,
        "The user has not finished signing in.",
        remedy="Ask again after the interval.",
    )


def slow_down(seconds: int) -> OAuthError:
    """Asked again before the interval had passed, which thereby grows."""
    return OAuthError(
        "slow_down",
        50196,
        "The same was asked again too soon.",
        remedy=f"From now on wait {seconds} seconds between two requests.",
    )


def declined() -> OAuthError:
    """The user said no."""
    return OAuthError(
        "authorization_declined",
        65004,
        "The user declined the sign-in.",
        remedy="Do not ask again by yourself.",
    )


def expired_device_code(*, old: bool) -> OAuthError:
    """Nobody signed in while the code counted. `old`: in v1's word."""
    word = "code_expired" if old else "expired_token"
    return OAuthError(word, 70019, "The code is expired; nobody signed in with it.", remedy=_ASK_ANEW)


def used_device_code() -> OAuthError:
    """Its tokens were given before."""
    return _refused_grant(70020, "The device code was redeemed already.", _ASK_ANEW)


def too_many_requests(seconds: int) -> OAuthError:
    """More than one address may ask for."""
    return OAuthError(
        "temporarily_unavailable",
        90033,
        "Too many codes were asked for from this address.",
        remedy=f"Try again in {seconds} seconds.",
        status=429,
    )


# --- users --------------------------------------------------------------------------------------------------


def disabled_user() -> OAuthError:
    """Said only to somebody who holds the user's password or token."""
    return _refused_grant(
        50057, say("The user's account is disabled."), say("Ask an administrator to enable it.")
    )


# --- devices ------------------------------------------------------------------------------------------------


def bad_assertion(why: str) -> OAuthError:
    """A signed request that cannot be read, is meant for somebody else, or is too old."""
    return OAuthError(
        "invalid_request",
        50013,
        f"The signed request {why}.",
        remedy="Get a nonce with srv_challenge, sign the request with the device's key, and send it once.",
    )


def bad_signature() -> OAuthError:
    """The signature is not by the key of the certificate."""
    return _refused_grant(
        50099, "The request is not signed by the key of its certificate.", "Sign with the device's key."
    )


def unknown_device() -> OAuthError:
    """The certificate is not that of an enabled device on record."""
    return _refused_grant(
        50155, "The certificate belongs to no enabled device of this server.", "Join the device again."
    )
