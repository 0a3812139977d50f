"""The page where a device's code is typed, and where its user says yes or no (spec/identity.md 1.4).

    GET  /devicelogin, /{tenant}/oauth2/deviceauth    asks for the code
    POST the same                                     remembers it in a cookie; the visitor signs in
    GET  /devicelogin/confirm                         names the program and where it asked from
    POST the same                                     yes or no

The visitor signs in at the authorize endpoint, as at any client; the code that comes of it is never redeemed,
because what counts is the browser's session. The typed code is kept by a cookie and not in an address: nobody
can send somebody else a link that has it filled in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, urlencode

from starlette.responses import Response

from reseal.directory.model import Tenant
from reseal.directory.tenants import tenant_by_id
from reseal.kernel.db import Tx
from reseal.kernel.errors import TooSoon
from reseal.signin.attempts import PASSWORD
from reseal.signin.authorize_endpoint import SESSION
from reseal.signin.device_code_endpoint import PAGE
from reseal.signin.device_codes import Waiting, approve, decline, find_waiting, typed_code
from reseal.signin.errors import OAuthError
from reseal.signin.first_party import DEVICE_PAGE, DEVICE_PAGE_REDIRECT
from reseal.signin.look import PLAIN, Look, look_of
from reseal.signin.own_client import is_at_home
from reseal.signin.pages import (
    Alert,
    CodeView,
    ConfirmView,
    code_page,
    confirm_page,
    message_page,
)
from reseal.signin.parts import FORM_LIMIT, Parts, address_of, form_of
from reseal.signin.reader import reader_of, refused_page
from reseal.signin.sessions import Session, find_session
from reseal.signin.texts import Texts
from reseal.web.calls import Call
from reseal.web.cookies import cookie, drop_cookie, set_cookie
from reseal.web.forgery import FIELD, Forms
from reseal.web.pace import Pace
from reseal.web.pages import see_other
from reseal.web.routes import Listener, Public, Route

MOST = 10
WINDOW = timedelta(minutes=1)
"""How many codes may be typed at an address in which time: guessing one takes millions of years."""

_TYPED = "reseal-device-code"
"""The cookie of a browser in which a code was typed."""
_PURPOSE = "typed device code"
_CONFIRM = DEVICE_PAGE_REDIRECT
_CHANCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who looks at the page: in which languages, and of which organisation as far as that is known."""

    languages: tuple[str, ...]
    texts: Texts
    tenant: Tenant | None

    @property
    def look(self) -> Look:
        """How the page looks to them."""
        return look_of(self.tenant, self.languages, self.texts) if self.tenant else PLAIN


@dataclass(frozen=True, slots=True)
class DevicePage:
    """The page of a code."""

    parts: Parts
    pace: Pace

    def routes(self) -> tuple[Route, ...]:
        """Where codes are typed and answered."""
        typing, answering = Public("asks for a code and a sign-in"), Public("asks for the browser's session")
        browser = Listener.BROWSER
        return (
            *(
                Route(method, path, handler, typing, limit, browser, any_case=True)
                for path in (PAGE, "/{tenant}/oauth2/deviceauth")
                for method, handler, limit in (("GET", self.begin, 0), ("POST", self.typed, FORM_LIMIT))
            ),
            Route("GET", _CONFIRM, self.confirm, answering, 0, browser),
            Route("POST", _CONFIRM, self.answer, answering, FORM_LIMIT, browser),
        )

    # --- the code -------------------------------------------------------------------------------------------

    async def begin(self, call: Call) -> Response:
        """Ask for the code, under the name that cookies and redirects belong to."""
        if not is_at_home(call.request, self.parts.public_url):
            return see_other(self.parts.public_url + call.request.url.path)
        try:
            reader = await self._reader(call)
        except OAuthError as error:
            return refused_page(self.parts, call, error)
        return self._code_page(call, reader)

    async def typed(self, call: Call) -> Response:
        """Remember a code that waits, and have the visitor sign in."""
        form, parts = await form_of(call), self.parts
        try:
            reader = await self._reader(call)
        except OAuthError as error:
            return refused_page(self.parts, call, error)
        alert, code = await self._looked_up(call, form, reader.texts)
        if alert is not None:
            return self._code_page(call, reader, alert)
        waiting = await parts.db.read(find_waiting, parts.signer.seals, code)
        if waiting is None:
            return self._code_page(call, reader, Alert("AADSTS70018", reader.texts.wrong_code))
        asked = await parts.db.read(_tenant_of, waiting)
        response = see_other(self._sign_in(asked))
        set_cookie(response, _TYPED, parts.signer.seals.seal(_PURPOSE, code.encode()))
        return response

    async def _looked_up(self, call: Call, form: Mapping[str, str], texts: Texts) -> tuple[Alert | None, str]:
        """The code as it is stored, or what is wrong with the form."""
        if not self._forms.genuine(call.request, form.get(FIELD, "")):
            return Alert("AADSTS165000", texts.stale_form), ""
        if not form.get("otc", "").strip():
            return Alert("AADSTS90014", texts.no_code), ""
        try:
            self.pace.take(address_of(call))
        except TooSoon:
            return Alert("AADSTS90033", texts.too_many_codes), ""
        return None, typed_code(form["otc"])

    def _sign_in(self, tenant: Tenant | None, *, other: bool = False) -> str:
        """The authorize endpoint, with a challenge that nobody has the verifier of."""
        parts = self.parts
        chance = hashlib.sha256(parts.entropy.bytes(_CHANCE_BYTES)).digest()
        asked = {
            "client_id": str(DEVICE_PAGE),
            "response_type": "code",
            "redirect_uri": parts.public_url + _CONFIRM,
            "scope": "openid profile",
            "code_challenge": base64.urlsafe_b64encode(chance).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **({"prompt": "select_account"} if other else {}),
        }
        whose = str(tenant.uuid) if tenant else "organizations"
        return f"{parts.public_url}/{whose}/oauth2/v2.0/authorize?{urlencode(asked, quote_via=quote)}"

    # --- the answer -----------------------------------------------------------------------------------------

    async def confirm(self, call: Call) -> Response:
        """Name the program, and ask."""
        found = await self._found(call)
        if isinstance(found, Response):
            return found
        waiting, session, tenant = found
        reader = self._of(call, tenant)
        visit = self._forms.visit(call.request)
        view = ConfirmView(
            action=_CONFIRM,
            hidden={FIELD: self._forms.canary(visit)},
            app=waiting.client.name,
            address=waiting.address,
            asked_at=waiting.asked_at,
            user_name=session.user.upn,
            other_account=self._sign_in(tenant if waiting.tenant else None, other=True),
        )
        response = confirm_page(view, reader.look, reader.texts)
        self._forms.keep(response, call.request, visit)
        return response

    async def answer(self, call: Call) -> Response:
        """Yes, or no; anything else is no answer."""
        form = await form_of(call)
        if not self._forms.genuine(call.request, form.get(FIELD, "")):
            return await self.confirm(call)
        found = await self._found(call)
        if isinstance(found, Response):
            return found
        waiting, session, tenant = found
        says_yes = form.get("answer") == "yes"
        if not says_yes and form.get("answer") != "no":
            return await self.confirm(call)
        done = await self.parts.db.write(_answered, cookie(call.request, SESSION), waiting, says_yes)
        reader = self._of(call, tenant)
        if not done:
            return self._over(call, reader)
        texts, app = reader.texts, waiting.client.name
        title, text = texts.declined, texts.filled(texts.declined_text, app=app)
        if says_yes:
            title, text = texts.approved, texts.filled(texts.approved_text, app=app, user=session.user.upn)
        response = message_page(title, text, reader.look, texts)
        drop_cookie(response, _TYPED)
        return response

    async def _found(self, call: Call) -> tuple[Waiting, Session, Tenant] | Response:
        """The request whose code was typed here, and who is signed in; or where to go instead."""
        parts, request = self.parts, call.request
        typed = parts.signer.seals.opened(_PURPOSE, cookie(request, _TYPED))
        if typed is None:
            return see_other(PAGE)
        waiting = await parts.db.read(find_waiting, parts.signer.seals, typed.decode())
        if waiting is None:
            return self._over(call, self._of(call, None))
        session = await parts.db.read(find_session, cookie(request, SESSION))
        if session is None or waiting.tenant not in {None, session.tenant}:
            return see_other(PAGE)
        return waiting, session, await parts.db.read(tenant_by_id, session.tenant)

    def _over(self, call: Call, reader: _Reader) -> Response:
        """The code was answered in another window, or is too old."""
        response = self._code_page(call, reader, Alert("AADSTS70019", reader.texts.answered_code))
        drop_cookie(response, _TYPED)
        return response

    # --- pages ----------------------------------------------------------------------------------------------

    @property
    def _forms(self) -> Forms:
        return Forms(self.parts.signer.seals, self.parts.entropy)

    async def _reader(self, call: Call) -> _Reader:
        """Raises `OAuthError` for the address of an unknown tenant."""
        tenant = await self.parts.tenant(call) if "tenant" in call.request.path_params else None
        return self._of(call, tenant)

    def _of(self, call: Call, tenant: Tenant | None) -> _Reader:
        reader = reader_of(call)
        return _Reader(reader.languages, reader.texts, tenant)

    def _code_page(self, call: Call, reader: _Reader, alert: Alert | None = None) -> Response:
        visit = self._forms.visit(call.request)
        action = f"/{reader.tenant.uuid}/oauth2/deviceauth" if reader.tenant else PAGE
        # Browsers apply form-action to the redirect as well, and to the one behind it.
        targets = (self.parts.public_url,)
        view = CodeView(action, {FIELD: self._forms.canary(visit)}, alert, targets)
        response = code_page(view, reader.look, reader.texts)
        self._forms.keep(response, call.request, visit)
        return response


def _answered(tx: Tx, cookie_text: str, waiting: Waiting, says_yes: bool) -> bool:
    """Whether the answer counted. Who is signed in is looked up again, because time has passed."""
    session = find_session(tx, cookie_text)
    if session is None:
        return False
    return approve(tx, waiting, session, PASSWORD) if says_yes else decline(tx, waiting, session)


def _tenant_of(tx: Tx, waiting: Waiting) -> Tenant | None:
    return None if waiting.tenant is None else tenant_by_id(tx, waiting.tenant)
