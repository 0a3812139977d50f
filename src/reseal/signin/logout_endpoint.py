"""Signing a browser out. Tokens that programs hold are not touched: each ends by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response

from reseal.directory.model import Tenant
from reseal.directory.tenants import tenant_by_id
from reseal.kernel.db import Tx
from reseal.signin.authorize_endpoint import SESSION
from reseal.signin.first_party import find_first_party
from reseal.signin.look import PLAIN, look_of
from reseal.signin.pages import message_page
from reseal.signin.parts import FORM_LIMIT, Parts, form_of
from reseal.signin.sessions import close_session, find_session
from reseal.signin.texts import texts_for
from reseal.web.calls import Call
from reseal.web.cookies import cookie, drop_cookie
from reseal.web.languages import wanted_languages
from reseal.web.pages import see_other
from reseal.web.routes import Listener, Public, Route


@dataclass(frozen=True, slots=True)
class LogoutEndpoint:
    """Ends the session of the browser that asks."""

    parts: Parts

    def routes(self) -> tuple[Route, ...]:
        """The endpoint in its two places."""
        why = Public("ends only the caller's own session")
        return tuple(
            Route(method, path, handler, why, limit, Listener.BROWSER, any_case=True)
            for path in ("/{tenant}/oauth2/logout", "/{tenant}/oauth2/v2.0/logout")
            for method, handler, limit in (("GET", self.get, 0), ("POST", self.post, FORM_LIMIT))
        )

    async def get(self, call: Call) -> Response:
        """A client sends its user here."""
        return await self._out(call, dict(call.request.query_params))

    async def post(self, call: Call) -> Response:
        """The same, sent as a form."""
        return await self._out(call, await form_of(call))

    async def _out(self, call: Call, asked: Mapping[str, str]) -> Response:
        """Sign out, then a page that says so, or back to a client that is registered for the address."""
        tenant = None
        if text := cookie(call.request, SESSION):
            tenant = await self.parts.db.write(_closed, text)
        back = self._back(asked)
        if back:
            response = see_other(back)
        else:
            accepted = call.request.headers.get("accept-language", "")
            languages = wanted_languages(asked.get("ui_locales", ""), accepted)
            texts = texts_for(languages)
            look = look_of(tenant, languages, texts) if tenant else PLAIN
            response = message_page(texts.signed_out, texts.signed_out_text, look, texts)
        drop_cookie(response, SESSION)
        return response

    def _back(self, asked: Mapping[str, str]) -> str:
        """Where the client wants its user back, if that is registered for it (OpenID Connect RP-Initiated
        Logout 2). A client says who it is by its id, or by a token that it was given; both must agree.
        """
        hint = asked.get("id_token_hint", "")
        named = {asked.get("client_id", "").lower(), self.parts.signer.client_of(hint) if hint else ""} - {""}
        client = find_first_party(named.pop()) if len(named) == 1 else None
        back = asked.get("post_logout_redirect_uri", "")
        if client is None or not back or not client.allows(back, self.parts.public_url):
            return ""
        state = asked.get("state", "")
        return f"{back}{'&' if '?' in back else '?'}{urlencode({'state': state})}" if state else back


def _closed(tx: Tx, text: str) -> Tenant | None:
    """End a session; whose organisation's it was."""
    found = find_session(tx, text)
    close_session(tx, text)
    return None if found is None else tenant_by_id(tx, found.tenant)
