"""Signing in to enrol a computer that does not join the directory (spec/mdm-wire.md 1.5).

    GET /EnrollmentServer/Authenticate?appru=ms-app://…&login_hint=…     leads to the sign-in page
    GET /EnrollmentServer/Authenticated?code=…                           hands a voucher to the app of Windows

Windows shows both in a browser of its own (web authentication broker) and waits until a form is posted to
`appru`. It sends the field `wresult` on, in base64, as the token of its messages (`proof`). The person signs
in on the one sign-in page that there is, which asks a browser that is signed in as whom to go on: nobody's
sign-in is handed over without a press of a button.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import Response

from reseal.directory.model import Tenant
from reseal.directory.tenants import tenant_by_id
from reseal.kernel.db import Tx
from reseal.mdm.enrolment import vouchers
from reseal.signin.errors import OAuthError, missing, not_of_windows
from reseal.signin.first_party import ENROLMENT_PAGE, ENROLMENT_PAGE_REDIRECT, own_page
from reseal.signin.own_client import Begun, OwnClient
from reseal.signin.pages import HandoverView, handover_page
from reseal.signin.parts import Parts
from reseal.signin.reader import reader_of, refused_page
from reseal.web.calls import Call
from reseal.web.pages import see_other
from reseal.web.routes import Listener, Public, Route
from reseal.wire.enrolment.names import AUTHENTICATION_PATH

APP_SCHEME: Final = "ms-app"
RESULT: Final = "wresult"
"""The field of the form, whose value the device sends back."""

_ADDRESS: Final = re.compile(r"(?i:ms-app)://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]{1,1024}")
"""An address of an app of Windows, of the signs that an address may have (RFC 3986 2)."""
_CARRIED: Final = ("login_hint", "ui_locales")


@dataclass(frozen=True, slots=True)
class SignInPage:
    """Where a computer is enrolled for whoever signs in."""

    parts: Parts

    def routes(self) -> tuple[Route, ...]:
        """Into the sign-in, and back from it."""
        into, back = Public("leads to the sign-in page"), Public("takes the sign-in's code")
        browser = Listener.BROWSER
        return (
            Route("GET", AUTHENTICATION_PATH, self.begin, into, 0, browser, any_case=True),
            Route("GET", ENROLMENT_PAGE_REDIRECT, self.finish, back, 0, browser),
        )

    async def begin(self, call: Call) -> Response:
        """Have the person sign in, for the app at `appru`."""
        if not self._client.is_at_home(call):
            url = call.request.url
            return see_other(f"{self.parts.public_url}{url.path}{'?' if url.query else ''}{url.query}")
        try:
            address = _app_address(call.query("appru"))
        except OAuthError as error:
            return refused_page(self.parts, call, error)
        carried = {name: call.query(name) for name in _CARRIED if call.query(name)}
        return self._client.sign_in(address, carried)

    async def finish(self, call: Call) -> Response:
        """Hand over to the app that waits."""
        client = self._client
        try:
            begun = client.begun(call)
        except OAuthError as error:
            return refused_page(self.parts, call, error)
        given = await self.parts.db.write(_given, begun, call.query("code"))
        if isinstance(given, OAuthError):
            return refused_page(self.parts, call, given)
        voucher, tenant = given
        reader = reader_of(call)
        view = HandoverView(begun.told, {RESULT: voucher}, f"{urlsplit(begun.told).scheme}:")
        return client.done(handover_page(view, reader.look(tenant), reader.texts))

    @property
    def _client(self) -> OwnClient:
        return OwnClient(self.parts, own_page(ENROLMENT_PAGE))


def _app_address(text: str) -> str:
    """The address of a waiting app, and nothing else: it becomes the action of a form (mdm-wire check 11).

    Raises `OAuthError`.
    """
    if not text:
        raise missing("appru")
    if not _ADDRESS.fullmatch(text):
        raise not_of_windows("appru", APP_SCHEME)
    return text


def _given(tx: Tx, begun: Begun, code: str) -> tuple[str, Tenant] | OAuthError:
    """A voucher for whoever signed in."""
    grant = begun.grant(tx, code)
    if isinstance(grant, OAuthError):
        return grant
    voucher = vouchers.give(tx, grant.tenant, vouchers.Kind.SIGN_IN, grant.user)
    return voucher, tenant_by_id(tx, grant.tenant)
