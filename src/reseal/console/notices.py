"""What a page says once after something was done: it travels in an encrypted cookie to the next page.

So an answer to a form can always lead to another page, where a reload repeats nothing, and neither the
address nor the history keeps what was said. A secret that is shown once goes the same way.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reseal.kernel.clock import Clock
from reseal.kernel.errors import Fault
from reseal.kernel.secretbox import SecretBox
from reseal.web.cookies import cookie, drop_cookie, set_cookie

_COOKIE: Final = "reseal-notice"
_PURPOSE: Final = "console notice"
_PATIENCE: Final = timedelta(minutes=5)
_MOST: Final = 2_000
"""Bytes of a text; a browser keeps no cookie of more than 4,096 bytes."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is said. `secret` is shown this once and belongs to `secret_of`; `until` is when nobody cares any
    more, in seconds."""

    text: str
    secret: str = ""
    secret_of: str = ""
    until: int = 0


@dataclass(frozen=True, slots=True)
class Notices:
    """Gives notices to the next page of a browser."""

    box: SecretBox
    clock: Clock

    def leave(self, response: Response, notice: Notice) -> None:
        """Have the next page say it."""
        until = int((self.clock.now() + _PATIENCE).timestamp())
        text = notice.text.encode()[:_MOST].decode(errors="ignore")
        told = Notice(text, notice.secret, notice.secret_of, until)
        sealed = self.box.encrypt(msgspec.json.encode(told), _PURPOSE)
        set_cookie(response, _COOKIE, base64.urlsafe_b64encode(sealed).rstrip(b"=").decode())

    def take(self, request: Request, response: Response) -> None:
        """Have the browser forget what this page has said."""
        if cookie(request, _COOKIE):
            drop_cookie(response, _COOKIE)

    def found(self, request: Request) -> Notice | None:
        """What a former page left for this one."""
        text = cookie(request, _COOKIE)
        if not text:
            return None
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            notice = msgspec.json.decode(self.box.decrypt(sealed, _PURPOSE), type=Notice)
        except (Fault, binascii.Error, ValueError):
            return None
        return notice if self.clock.now().timestamp() < notice.until else None
