"""Pages of this server that have their visitors sign in first: clients of the sign-in like any other.

    return client.sign_in("what the page wants to know afterwards")    # leads to the sign-in page
    begun = client.begun(call)                                         # back at the client's own path
    grant = begun.grant(tx, call.query("code"))                        # who it was

The code is bound by `state` to this browser and by PKCE to this server, which keeps the verifier in a sealed
cookie and redeems the code itself. So it counts who signed in, or was picked, for this very page, and not
whoever has a session in this browser.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Protocol
from urllib.parse import quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from reseal.kernel.clock import Clock
from reseal.kernel.db import Tx
from reseal.kernel.entropy import Entropy
from reseal.signin.errors import OAuthError, not_begun_here
from reseal.signin.first_party import FirstParty
from reseal.signin.grants import Grant, redeem_code
from reseal.signin.tokens import TokenSigner
from reseal.web.calls import Call
from reseal.web.cookies import cookie, drop_cookie, set_cookie
from reseal.web.pages import see_other

PATIENCE: Final = timedelta(minutes=30)
"""How long signing in may take."""

_CHANCE_BYTES: Final = 32


class Ports(Protocol):
    """What a client needs of the process; the parts of every kind of page have it."""

    @property
    def public_url(self) -> str: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def entropy(self) -> Entropy: ...
    @property
    def signer(self) -> TokenSigner: ...


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in under way: what its answer must carry, and what the page told itself."""

    client: FirstParty
    redirect_uri: str
    state: str
    verifier: str
    told: str

    def grant(self, tx: Tx, code: str) -> Grant | OAuthError:
        """Who signed in; the code is used up whatever comes of it."""
        return redeem_code(
            tx,
            code,
            client_id=self.client.id,
            redirect_uri=self.redirect_uri,
            verifier=self.verifier,
            tenant=None,
        )


@dataclass(frozen=True, slots=True)
class OwnClient:
    """One page as a client; `client.own` is the path where its codes come back."""

    parts: Ports
    client: FirstParty

    def is_at_home(self, call: Call) -> bool:
        """Whether the browser calls this server by the name that cookies and redirects belong to."""
        return is_at_home(call.request, self.parts.public_url)

    def sign_in(
        self, told: str, asked: Mapping[str, str] = MappingProxyType({}), *, silently: bool = False
    ) -> Response:
        """Send the browser to the sign-in page, with more that is `asked`. A browser that is signed in is
        asked as whom to go on, unless it may come back `silently`.
        """
        parts, state, verifier = self.parts, _chance(self.parts.entropy), _chance(self.parts.entropy)
        request = {
            "client_id": str(self.client.id),
            "response_type": "code",
            "redirect_uri": self._redirect_uri,
            "scope": "openid profile",
            "state": state,
            "code_challenge": _text(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
            **({} if silently else {"prompt": "select_account"}),
            **asked,
        }
        query = urlencode(request, quote_via=quote)
        response = see_other(f"{parts.public_url}/organizations/oauth2/v2.0/authorize?{query}")
        kept, until = [state, verifier, told], parts.clock.now() + PATIENCE
        set_cookie(response, self._cookie, parts.signer.seals.seal_until(self._purpose, kept, until))
        return response

    def begun(self, call: Call) -> Begun:
        """The sign-in that this browser comes back from. Raises `OAuthError` if it did not begin one here."""
        text, now = cookie(call.request, self._cookie), self.parts.clock.now()
        kept = self.parts.signer.seals.still_said(self._purpose, text, now)
        if kept is None:
            raise not_begun_here()
        state, verifier, told = kept
        if not hmac.compare_digest(state.encode(), call.query("state").encode()):
            raise not_begun_here()
        return Begun(self.client, self._redirect_uri, state, verifier, told)

    def done(self, response: Response) -> Response:
        """The answer to a browser whose sign-in has come to its end."""
        drop_cookie(response, self._cookie)
        return response

    @property
    def _redirect_uri(self) -> str:
        return self.parts.public_url + self.client.own

    @property
    def _cookie(self) -> str:
        return f"reseal-to-{self.client.id.hex[:8]}"

    @property
    def _purpose(self) -> str:
        return f"sign-in for {self.client.id}"


def is_at_home(request: Request, public_url: str) -> bool:
    """Whether a browser calls the server of `public_url` by the name that stands there."""
    return _authority(request.headers.get("host", "")) == _authority(urlsplit(public_url).netloc)


def _authority(host: str) -> str:
    """Host and port as browsers write them: without the usual port."""
    return host.lower().removesuffix(":443")


def _chance(entropy: Entropy) -> str:
    return _text(entropy.bytes(_CHANCE_BYTES))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
