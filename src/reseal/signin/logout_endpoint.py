"""Signing a browser out. Tokens that programs hold are not touched: each ends by itself."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from reseal.signin.authorize_endpoint import SESSION
from reseal.signin.first_party import find_first_party
from reseal.signin.pages import signed_out_page
from reseal.signin.parts import Parts
from reseal.signin.sessions import close_session
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
            Route("GET", path, self.logout, why, 0, Listener.BROWSER, any_case=True)
            for path in ("/{tenant}/oauth2/logout", "/{tenant}/oauth2/v2.0/logout")
        )

    async def logout(self, call: Call) -> Response:
        """Sign out, then a page that says so, or back to a client that is registered for the address."""
        if text := cookie(call.request, SESSION):
            await self.parts.db.write(close_session, text)
        client, back = find_first_party(call.query("client_id")), call.query("post_logout_redirect_uri")
        if client is not None and back and client.allows(back, self.parts.public_url):
            response = see_other(back)
        else:
            accepted = call.request.headers.get("accept-language", "")
            response = signed_out_page(texts_for(wanted_languages(call.query("ui_locales"), accepted)))
        drop_cookie(response, SESSION)
        return response
