"""The outermost layer: refuses hosts that are not ours and puts the security headers on every answer."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reseal.kernel.errors import WrongHost
from reseal.web.answers import Tell, as_data
from reseal.web.phrases import say

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "Cache-Control": "no-store",
}
"""Set unless the answer sets its own; a page that needs more says so itself."""
LOCALHOST_HEADERS = {
    name: value for name, value in SECURITY_HEADERS.items() if name != "Strict-Transport-Security"
}
"""Of answers under the name `localhost`: a browser that is told to come by TLS alone would do so at every
port of it, and other servers listen there.
"""


class Edge:
    """ASGI middleware around one listener's application."""

    def __init__(self, app: ASGIApp, hosts: Callable[[], frozenset[str]], tell: Tell = as_data) -> None:
        self._app = app
        self._hosts = hosts
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        host = Headers(scope=scope).get("host", "")
        is_ours = host.lower() in self._hosts()
        app = self._app if is_ours else self._tell(Request(scope), _wrong_host(host))
        await app(scope, receive, secured(send, scope))


def secured(send: Send, scope: Scope) -> Send:
    """Sends answers with the security headers of the host that was asked."""
    name, _, _ = Headers(scope=scope).get("host", "").lower().partition(":")
    set_unless_there = LOCALHOST_HEADERS if name == "localhost" else SECURITY_HEADERS

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in set_unless_there.items():
                headers.setdefault(name, value)
        await send(message)

    return sent


def _wrong_host(host: str) -> WrongHost:
    return WrongHost(
        code="WrongHost",
        message=say("This server does not answer to the host name {host}.", host=repr(host)),
        remedy=say("Use the URL that the server printed, or give the name with --server-name."),
    )
