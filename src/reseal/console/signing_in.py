"""Signing in to the console: it is a client like any other of this server's sign-in (`signin.own_client`).

A browser without a session goes to the sign-in page and comes back with a code. A session of its own follows,
that ends with the browser, after twelve hours, with the user's password or account, or by signing out, which
ends the sign-in page's session too.

What a signed-in person may do is what their roles permit at each request (`directory.model_roles`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from reseal.console.pages import full_page
from reseal.console.parts import HOME, PERMISSION, Parts
from reseal.console.places import is_place, root_of
from reseal.directory.roles import permissions_of_user, standing_of_user
from reseal.directory.tenants import tenant_by_id
from reseal.kernel.db import Tx
from reseal.kernel.errors import ResealError, Unauthenticated
from reseal.signin.authorize_endpoint import SESSION as SIGN_IN_SESSION
from reseal.signin.errors import OAuthError
from reseal.signin.first_party import CONSOLE, CONSOLE_REDIRECT, own_page
from reseal.signin.own_client import Begun, OwnClient
from reseal.signin.parts import FORM_LIMIT, form_of
from reseal.signin.sessions import close_session, find_session, forget_session, open_session
from reseal.web.answers import refusal
from reseal.web.calls import Call, Caller
from reseal.web.cookies import cookie, drop_cookie, set_cookie
from reseal.web.forgery import FIELD
from reseal.web.pages import see_other
from reseal.web.refusals import title_of, wants_page
from reseal.web.routes import Listener, Public, Reception, Route

SESSION: Final = "reseal-console"
"""The cookie of a browser that is signed in to the console."""
SIGN_IN: Final = "/sign-in"


@dataclass(frozen=True, slots=True)
class _Unfit:
    """Who signed in may not see anything here."""

    name: str


class SigningIn:
    """The way into the console, and out of it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.reception = Reception(self.authenticate, self.refuse)

    def routes(self) -> tuple[Route, ...]:
        """The three addresses."""
        browser = Listener.BROWSER
        return (
            Route("GET", SIGN_IN, self.begin, Public("leads to the sign-in page"), 0, browser),
            Route("GET", CONSOLE_REDIRECT, self.finish, Public("takes the sign-in's code"), 0, browser),
            Route("POST", "/sign-out", self.leave, Public("ends only the own session"), FORM_LIMIT, browser),
        )

    # --- who asks -------------------------------------------------------------------------------------------

    async def authenticate(self, request: Request) -> Caller:
        """By an access token, as programs do, or by the session of the browser. Raises `Unauthenticated`."""
        if not self.is_in_browser(request):
            return await self._parts.by_token(request)
        known = await self._parts.db.read(_known, cookie(request, SESSION))
        if known is None:
            raise Unauthenticated(
                code="InvalidAuthenticationToken",
                message="The session of this browser is over.",
                remedy="Sign in again.",
            )
        caller, request.state.organisation = known
        return caller

    async def organisation(self, request: Request, caller: Caller) -> str:
        """The name of the caller's organisation; whoever came by a session brought it along."""
        known: str = getattr(request.state, "organisation", "")
        return known or (await self._parts.db.read(tenant_by_id, caller.tenant)).name

    def is_in_browser(self, request: Request) -> bool:
        """Whether the session counts: a token goes before it."""
        return "authorization" not in request.headers and bool(cookie(request, SESSION))

    async def refuse(self, request: Request, error: ResealError) -> Response:
        """A browser is sent to sign in, or shown a page; a program is told in JSON."""
        if request.headers.get("hx-request") == "true" and error.status == 401:
            return Response(headers={"HX-Refresh": "true"})
        if not wants_page(request):
            return refusal(error)
        if error.status == 401:
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            if request.method == "POST":
                wanted = root_of(request.url.path)
            return see_other(f"{SIGN_IN}?{urlencode({'to': wanted})}")
        said = _Said(title_of(error.status))
        if error.status == 403:
            said = replace(said, link="Sign in with another account", address=_AGAIN)
        if error.status == 403 or not self.is_in_browser(request):
            return await self._message(request, error.status, said, error)
        caller = await self.authenticate(request)
        return await self._message(request, error.status, said, error, caller=caller)

    # --- the way in -----------------------------------------------------------------------------------------

    async def begin(self, call: Call) -> Response:
        """Go to the sign-in page, and afterwards `to`."""
        to = _local(call.query("to"))
        if not self._client.is_at_home(call):
            return see_other(f"{self._parts.public_url}{SIGN_IN}?{urlencode({'to': to})}")
        return self._client.sign_in(to, silently=not call.query("prompt"))

    async def finish(self, call: Call) -> Response:
        """The sign-in page sent the browser back: with a code, or with the reason why not."""
        try:
            begun = self._client.begun(call)
        except OAuthError:
            return await self._message(call.request, 400, _NOT_BEGUN)
        if call.query("error"):
            return await self._message(
                call.request, 400, _NOT_SIGNED_IN, detail=call.query("error_description")
            )
        session = await self._parts.db.write(_opened, call.query("code"), begun)
        if isinstance(session, _Unfit):
            who = f"You signed in as {session.name}."
            return await self._message(call.request, 403, _NOT_PERMITTED, detail=who)
        if isinstance(session, OAuthError):
            return await self._message(call.request, 400, _NOT_SIGNED_IN, detail=session.message)
        response = see_other(begun.told)
        set_cookie(response, SESSION, session)
        return self._client.done(response)

    @property
    def _client(self) -> OwnClient:
        return OwnClient(self._parts, own_page(CONSOLE))

    # --- the way out ----------------------------------------------------------------------------------------

    async def leave(self, call: Call) -> Response:
        """End the session of the console and that of the sign-in page."""
        form, request = await form_of(call), call.request
        if not self._parts.forms.genuine(request, form.get(FIELD, "")):
            return await self._message(request, 400, _STALE)
        await self._parts.db.write(_closed, cookie(request, SESSION), cookie(request, SIGN_IN_SESSION))
        response = await self._message(request, 200, _SIGNED_OUT)
        for name in (SESSION, SIGN_IN_SESSION):
            drop_cookie(response, name)
        return response

    async def _message(
        self,
        request: Request,
        status: int,
        said: _Said,
        error: ResealError | None = None,
        detail: str = "",
        *,
        caller: Caller | None = None,
    ) -> Response:
        if error is not None:
            detail = f"{error.message} {error.remedy}".strip()
        return await full_page(
            self._parts,
            request,
            "message.html",
            caller=caller,
            organisation="" if caller is None else await self.organisation(request, caller),
            in_browser=caller is not None,
            status=status,
            said=said,
            detail=detail,
        )


@dataclass(frozen=True, slots=True)
class _Said:
    """What a page with a single message says, and where it leads."""

    title: str
    text: str = ""
    link: str = "Back to the deployments"
    address: str = HOME


_AGAIN: Final = f"{SIGN_IN}?prompt=select_account"
_SIGNED_OUT: Final = _Said("You are signed out", link="Sign in again", address=SIGN_IN)
_STALE: Final = _Said("This form is too old", "Nothing was done. Load the page again.")
_NOT_BEGUN: Final = _Said(
    "This sign-in was not begun here",
    "It may have taken too long, or another window was used.",
    "Sign in again",
    SIGN_IN,
)
_NOT_SIGNED_IN: Final = _Said("You are not signed in", link="Sign in again", address=SIGN_IN)
_NOT_PERMITTED: Final = _Said(
    "There is nothing here for this account",
    "Deployments are shown to whoever has the role Intune Administrator, Global Administrator, Policy and "
    "Profile Manager or Global Reader.",
    "Sign in with another account",
    _AGAIN,
)


# --- units --------------------------------------------------------------------------------------------------


def _known(tx: Tx, text: str) -> tuple[Caller, str] | None:
    """Whose session it is, with what they may do now, and the name of their organisation."""
    session = find_session(tx, text)
    if session is None:
        return None
    user = session.user
    tenant_id, organisation, permitted = standing_of_user(tx, session.tenant, user.id)
    name = user.display_name or user.upn
    return Caller(session.tenant, tenant_id, user.uuid, name, permitted), organisation


def _opened(tx: Tx, code: str, begun: Begun) -> str | OAuthError | _Unfit:
    """The session that a code gives; the code is used up whatever comes of it."""
    grant = begun.grant(tx, code)
    if isinstance(grant, OAuthError):
        return grant
    if PERMISSION not in permissions_of_user(tx, grant.tenant, grant.user.id):
        return _Unfit(grant.user.upn)
    return open_session(tx, grant.tenant, grant.user)


def _closed(tx: Tx, console: str, sign_in: str) -> None:
    close_session(tx, console)
    forget_session(tx, sign_in)


# --- texts --------------------------------------------------------------------------------------------------


def _local(path: str) -> str:
    """A path of this server, or the first page: nobody is led elsewhere by a link to us."""
    parsed = urlsplit(path)
    fits = is_place(parsed.path) and not parsed.scheme and not parsed.netloc and path.isprintable()
    return path if fits and path.isascii() and "\\" not in path else HOME
