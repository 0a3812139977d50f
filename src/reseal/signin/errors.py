"""Errors of the OAuth endpoints, in the shape that Microsoft's clients read (spec/identity.md 1.2)."""

from __future__ import annotations

from typing import Any

from reseal.kernel.errors import ResealError


class OAuthError(ResealError):
    """`error` is the OAuth word, `number` the AADSTS number that people look up."""

    def __init__(self, error: str, number: int, message: str, *, remedy: str = "", status: int = 400) -> None:
        super().__init__(code=f"AADSTS{number}", message=message, remedy=remedy)
        self.error = error
        self.number = number
        self.status = status

    def to_json(self) -> dict[str, Any]:
        description = f"{self.code}: {self.message} {self.remedy}".strip()
        return {"error": self.error, "error_description": description, "error_codes": [self.number]}


def unknown_tenant(name: str) -> OAuthError:
    """No tenant has that id or domain."""
    return OAuthError(
        "invalid_request", 90002, f"There is no tenant {name!r}.", remedy="Check the id or domain in the URL."
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
