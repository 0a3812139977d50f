"""Where this server is: what a client that knows one address learns of the others. Nothing of a tenant."""

from __future__ import annotations

from starlette.responses import Response

from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.routes import Listener, Public, Route

PATH = "/.well-known/reseal"


def address_routes(public_url: str, device_url: str) -> tuple[Route, ...]:
    """`GET /.well-known/reseal`: the configured addresses, whichever way the question came."""
    document = {"version": 1, "browser_url": public_url, "device_url": device_url}

    async def addresses(_call: Call) -> Response:
        return Json(document)

    reason = Public("says the server's own addresses, nothing of a tenant")
    return (Route("GET", PATH, addresses, reason, 0, Listener.BOTH),)
