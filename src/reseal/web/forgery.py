"""Keeping other sites from posting our forms.

A browser that is shown a form gets a cookie with some chance, the *visit*, and the form a hidden text, the
*canary*: our seal over that chance. A form is genuine if it comes with the cookie that its canary was made
from. Nothing is stored, and somebody who plants their own form has no cookie of the visitor's to match.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from starlette.requests import Request
from starlette.responses import Response

from reseal.kernel.entropy import Entropy
from reseal.web.cookies import cookie, set_cookie
from reseal.web.seals import Seals

FIELD = "canary"
"""The name of the hidden field."""

_COOKIE = "reseal-visit"
_CHANCE_BYTES = 24


class Forms:
    """Makes and checks canaries."""

    def __init__(self, seals: Seals, entropy: Entropy) -> None:
        self._seals = seals
        self._entropy = entropy

    def visit(self, request: Request) -> str:
        """The visit of a browser; a new one if it has none yet."""
        return cookie(request, _COOKIE) or _text(self._entropy.bytes(_CHANCE_BYTES))

    def canary(self, visit: str) -> str:
        """What the form's hidden field holds."""
        return self._seals.seal(FIELD, _digest(visit))

    def keep(self, response: Response, request: Request, visit: str) -> None:
        """Give the browser the cookie with the page that holds the form."""
        if cookie(request, _COOKIE) != visit:
            set_cookie(response, _COOKIE, visit)

    def genuine(self, request: Request, canary: str) -> bool:
        """Whether the browser was shown this form."""
        visit, made_for = cookie(request, _COOKIE), self._seals.opened(FIELD, canary)
        return bool(visit) and made_for is not None and hmac.compare_digest(made_for, _digest(visit))


def _digest(visit: str) -> bytes:
    return hashlib.sha256(visit.encode()).digest()[:16]


def _text(chance: bytes) -> str:
    return base64.urlsafe_b64encode(chance).rstrip(b"=").decode()
