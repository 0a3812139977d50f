"""The device authorization endpoint (RFC 8628 3.1, 3.2): a program without a browser asks for its codes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from reseal.kernel.errors import TooSoon
from reseal.signin import errors
from reseal.signin.device_codes import INTERVAL, LIFETIME, Codes, ask, code_text
from reseal.signin.errors import OAuthError
from reseal.signin.first_party import FirstParty, find_first_party
from reseal.signin.parts import FORM_LIMIT, Parts, address_of, form_of, is_old, refused
from reseal.signin.resources import resource_asked
from reseal.signin.texts import texts_for
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.languages import wanted_languages
from reseal.web.pace import Pace
from reseal.web.routes import Listener, Public, Route

PAGE = "/devicelogin"
"""Where the code is typed: short, because people type that too."""

MOST = 30
WINDOW = timedelta(minutes=1)
"""How many codes an address may ask for in which time."""


@dataclass(frozen=True, slots=True)
class DeviceCodeEndpoint:
    """Gives pairs of codes."""

    parts: Parts
    pace: Pace

    def routes(self) -> tuple[Route, ...]:
        """The endpoint in its two places."""
        why = Public("a code gives nothing until a user says yes to it")
        return tuple(
            Route("POST", path, self.begin, why, FORM_LIMIT, Listener.BOTH, any_case=True)
            for path in ("/{tenant}/oauth2/devicecode", "/{tenant}/oauth2/v2.0/devicecode")
        )

    async def begin(self, call: Call) -> Response:
        """A new pair, and what to tell the user."""
        form = await form_of(call)
        try:
            codes = await self._codes(call, form)
        except OAuthError as error:
            return refused(self.parts, call, error)
        return Json(self._document(call, codes))

    async def _codes(self, call: Call, form: Mapping[str, str]) -> Codes:
        parts, address = self.parts, address_of(call)
        client = _client(form)
        resource, scope = form.get("resource", ""), form.get("scope", "")
        asked = resource_asked(resource, scope)
        if asked is None:
            raise errors.unknown_resource(resource or scope)
        tenant = await parts.tenant(call)
        try:
            self.pace.take(address)
        except TooSoon as soon:
            raise errors.too_many_requests(math.ceil(soon.retry_after.total_seconds())) from None
        tenant_key = tenant.id if tenant else None
        return await parts.db.write(ask, parts.signer.seals, client, asked.audience, address, tenant_key)

    def _document(self, call: Call, codes: Codes) -> dict[str, Any]:
        url, code = f"{self.parts.public_url}{PAGE}", code_text(codes.user)
        accepted = call.request.headers.get("accept-language", "")
        texts = texts_for(wanted_languages("", accepted))
        lasts, interval = int(LIFETIME.total_seconds()), int(INTERVAL.total_seconds())
        old = is_old(call)
        return {
            "user_code": code,
            "device_code": codes.device,
            "verification_url" if old else "verification_uri": url,
            "expires_in": str(lasts) if old else lasts,
            "interval": str(interval) if old else interval,
            "message": texts.filled(texts.device_message, url=url, code=code),
        }


def _client(form: Mapping[str, str]) -> FirstParty:
    name = form.get("client_id", "")
    if not name:
        raise errors.missing("client_id")
    client = find_first_party(name)
    if client is None:
        raise errors.unknown_client(name)
    if not client.device_codes:
        raise errors.no_device_codes(name)
    return client
