"""Cookies that no other site, no script and no plain connection gets to see.

Every name begins with `__Host-`: browsers take such a cookie only if it is secure, for this host alone and
for all its paths.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

PREFIX = "__Host-"
_ALWAYS = "Path=/; Secure; HttpOnly; SameSite=Lax"


def cookie(request: Request, name: str) -> str:
    """The value of one of our cookies; empty if the browser sent none."""
    return request.cookies.get(PREFIX + name, "")


def set_cookie(response: Response, name: str, value: str) -> None:
    """Have the browser keep a value (base64url) until it is closed."""
    response.headers.append("Set-Cookie", f"{PREFIX}{name}={value}; {_ALWAYS}")


def drop_cookie(response: Response, name: str) -> None:
    """Have the browser forget it."""
    response.headers.append("Set-Cookie", f"{PREFIX}{name}=; Max-Age=0; {_ALWAYS}")
