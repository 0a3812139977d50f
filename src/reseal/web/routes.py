"""Routes declare what they are; the application is made from the declarations alone.

    Route("POST", "/api/v1/imports", handler, permission="...", limit=16 * MIB, listener=Listener.BROWSER)

A route that is open to everybody says so with `Public(reason)`. Order of checks: host, listener (a route does
not exist where it is not declared), permission, then the handler, which reads at most `limit` bytes.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Flag, auto

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp

from reseal.kernel.entropy import Entropy
from reseal.kernel.errors import Denied, Fault, Invalid, NotFound, ResealError
from reseal.web.answers import Tell, as_data
from reseal.web.calls import Call, Caller
from reseal.web.edge import Edge
from reseal.web.phrases import say

KIB = 1024
MIB = 1024 * KIB

Handler = Callable[[Call], Awaitable[Response]]
Authenticate = Callable[[Request], Awaitable[Caller]]
_log = structlog.get_logger(__name__)


class Listener(Flag):
    """Where a route is served: to browsers, or to devices (which may show a client certificate)."""

    BROWSER = auto()
    DEVICE = auto()
    BOTH = BROWSER | DEVICE


@dataclass(frozen=True, slots=True)
class Public:
    """No permission is asked; `reason` says why that is right."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reception:
    """How the callers of some routes are received: by what they prove who they are, and how they are told
    that something cannot be. Routes without one take access tokens, and tell as the application does.
    """

    authenticate: Authenticate
    refuse: Callable[[Request, ResealError], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path, with everything an auditor asks of it.

    `permission` is the name that the caller must hold, `limit` the longest body in bytes (0: it reads none).
    `any_case` matches the path in any letter case, as Microsoft's clients need (`spec/identity.md 1.1`);
    parameters keep the case that they were sent in. The answer of an `endless` route goes on until its reader
    leaves or the server stops.
    """

    method: str
    path: str
    handler: Handler
    permission: str | Public
    limit: int
    listener: Listener
    any_case: bool = False
    reception: Reception | None = None
    endless: bool = False

    def __post_init__(self) -> None:
        if not self.permission:
            raise ValueError(f"{self.method} {self.path} declares no permission, nor Public(reason)")
        if self.limit < 0:
            raise ValueError(f"{self.method} {self.path} declares a negative limit")


def application(
    routes: Sequence[Route],
    *,
    listener: Listener,
    hosts: Callable[[], frozenset[str]],
    authenticate: Authenticate,
    entropy: Entropy,
    tell: Tell = as_data,
) -> ASGIApp:
    """The ASGI application of one listener.

    `hosts` are the names this server answers to (any other Host gets 421); `authenticate` proves a caller
    from a request or raises `Unauthenticated`; `entropy` makes the ids by which a fault is found in the log;
    `tell` answers whatever is refused (`refusals` has pages for browsers).
    """
    refused = _refused(tell)
    usual = Reception(authenticate, refused)
    served = [_served(route, route.reception or usual) for route in routes if listener in route.listener]
    app = Starlette(
        routes=served,
        exception_handlers={
            ResealError: refused,
            HTTPException: _unserved(tell),
            Exception: _fault(tell, entropy),
        },
    )
    return Edge(app, hosts, tell)


def _served(route: Route, reception: Reception) -> StarletteRoute:
    served = StarletteRoute(route.path, _endpoint(route, reception), methods=[route.method])
    if route.any_case:
        served.path_regex = re.compile(served.path_regex.pattern, re.IGNORECASE)
    return served


def _endpoint(route: Route, reception: Reception) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        caller = None
        try:
            if isinstance(route.permission, str):
                caller = await reception.authenticate(request)
                require(caller, route.permission)
            return await route.handler(Call(request, caller, route.limit))
        except ResealError as error:
            return await reception.refuse(request, error)

    return endpoint


def require(caller: Caller, permission: str) -> None:
    """Raise `Denied` unless the caller holds the permission."""
    if permission not in caller.permissions:
        raise Denied(
            code="Authorization_RequestDenied",
            message=say(
                "{name} may not do this: it takes the permission {permission}.",
                name=caller.name,
                permission=permission,
            ),
            remedy=say("Ask an administrator of the tenant to grant it."),
        )


Handles = Callable[[Request, Exception], Awaitable[Response]]


def _refused(tell: Tell) -> Handles:
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, ResealError)
        if error.status >= 500:
            _log.error("request refused", code=error.code, message=error.message)
        return tell(request, error)

    return refused


def _unserved(tell: Tell) -> Handles:
    async def unserved(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            missing = NotFound(
                code="NoSuchRoute",
                message=say("There is nothing at this address."),
                remedy=say("Check the address, or begin at the first page."),
            )
            return tell(request, missing)
        wrong = Invalid(
            code="NoSuchMethod",
            message=say("This address does not answer {method}.", method=request.method),
            remedy=say("Go back, and use the links and buttons of the page."),
        )
        wrong.status = error.status_code
        response = tell(request, wrong)
        response.headers.update(error.headers or {})
        return response

    return unserved


def _fault(tell: Tell, entropy: Entropy) -> Handles:
    async def fault(request: Request, error: Exception) -> Response:
        trace_id = str(entropy.uuid())
        _log.error("fault", trace_id=trace_id, path=request.url.path, exc_info=error)
        failed = Fault(
            code="InternalServerError",
            message=say("This server failed; its log has the cause under {number}.", number=trace_id),
            remedy=say("Tell the operator this number, and look whether it was done before you try again."),
        )
        return tell(request, failed)

    return fault
