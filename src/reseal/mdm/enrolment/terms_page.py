"""The terms of use, which somebody accepts before a device joins the directory (spec/mdm-wire.md 1.6).

    GET  /TermsOfUse?redirect_uri=ms-appx-web://…&client-request-id=…&api-version=1.0[&mode=azureadjoin]
    POST /TermsOfUse                       the answer

Windows shows the page with an access token of the directory in a header and waits for a redirect to
`redirect_uri`, by which it is told of everything, of errors too; only a redirect URI that is not of Windows
is refused on a page. What was asked travels in the form, under our seal: nobody has it who was not shown the
page. So it takes no cookie, which a browser would not send from within a frame.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlencode
from uuid import UUID

from starlette.responses import Response

from reseal.directory.joining import may_enroll
from reseal.directory.model import Tenant, User
from reseal.directory.model_branding import branding_for
from reseal.directory.tenants import tenant_by_uuid
from reseal.directory.users import user_by_uuid
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.errors import NotFound, Unauthenticated
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.logs import get_logger
from reseal.mdm.enrolment import vouchers
from reseal.signin.claims import AccessClaims
from reseal.signin.errors import OAuthError, missing, not_begun_here, not_of_windows, unfit
from reseal.signin.first_party import form_target
from reseal.signin.pages import TermsView, terms_page
from reseal.signin.parts import FORM_LIMIT, Parts, form_of
from reseal.signin.reader import reader_of, refused_page
from reseal.signin.tokens import MDM_AUDIENCES
from reseal.web.calls import Call
from reseal.web.routes import Listener, Public, Route
from reseal.wire.enrolment.names import TERMS_PATH

API_VERSION: Final = "1.0"
JOINING: Final = "azureadjoin"
"""`mode` of a device of the organisation's own, which cannot go on without."""
PATIENCE: Final = timedelta(minutes=30)
"""How long somebody may read."""

_PURPOSE: Final = "terms of use"
_FIELD: Final = "asked"
_REDIRECT: Final = re.compile(r"(?i:ms-appx-web)://[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]{1,1024}")
_LONGEST_ID: Final = 128
_FRAMES: Final = ("https:", "ms-appx-web:")
"""Windows 11 shows the page within one of its own. Nobody else can: it takes a token in a header."""

log = get_logger(__name__)


class Refused(Exception):
    """The app of Windows is told `error`, in its own words, with a sentence in English."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Asker:
    """Where the answer goes."""

    redirect_uri: str
    request_id: str
    joining: bool

    def told(self, **parameters: str) -> Response:
        """Send the browser back with an answer."""
        sent = {**parameters, **({"client-request-id": self.request_id} if self.request_id else {})}
        mark = "&" if "?" in self.redirect_uri else "?"
        address = f"{self.redirect_uri}{mark}{urlencode(sent, quote_via=quote)}"
        return Response(status_code=302, headers={"Location": address})

    def refused(self, refused: Refused) -> Response:
        """Send the browser back with an error."""
        log.info("terms of use refused", error=refused.error, message=refused.description)
        return self.told(error=refused.error, error_description=refused.description)


@dataclass(frozen=True, slots=True)
class Person:
    """Whose token came."""

    tenant: Tenant
    user: User


@dataclass(frozen=True, slots=True)
class TermsPage:
    """Shows the terms and takes the answer."""

    parts: Parts

    def routes(self) -> tuple[Route, ...]:
        """The page and its form."""
        token, form, browser = (
            Public("asks for an access token"),
            Public("takes a sealed form"),
            Listener.BROWSER,
        )
        return (
            Route("GET", TERMS_PATH, self.show, token, 0, browser, any_case=True),
            Route("POST", TERMS_PATH, self.answer, form, FORM_LIMIT, browser, any_case=True),
        )

    async def show(self, call: Call) -> Response:
        """Ask whoever the token is of."""
        try:
            asker = _asker(call)
        except OAuthError as error:
            return refused_page(self.parts, call, error)
        try:
            _check_version(call)
            person = await self._person(call)
        except Refused as refused:
            return asker.refused(refused)
        except Exception:
            log.exception("terms of use failed")
            return asker.refused(Refused("server_error", "This server cannot show the terms at the moment."))
        return self._page(call, asker, person)

    async def answer(self, call: Call) -> Response:
        """Yes, or no where that is offered; anything else is no answer."""
        form = await form_of(call)
        opened = self._opened(form.get(_FIELD, ""))
        said = form.get("answer")
        if opened is None or said not in {"accept", "decline"}:
            return refused_page(self.parts, call, not_begun_here())
        asker, tenant, user = opened
        if said == "decline" and asker.joining:
            return refused_page(self.parts, call, unfit("answer", said, "accept"))
        try:
            blob = await self.parts.db.write(_answered, tenant, user, asker, said == "accept")
        except Refused as refused:
            return asker.refused(refused)
        return asker.told(IsAccepted="true", OpaqueBlob=blob) if blob else asker.told(IsAccepted="false")

    # --- who ------------------------------------------------------------------------------------------------

    async def _person(self, call: Call) -> Person:
        scheme, _, token = call.request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refused("unauthorized_client", "The request has no access token.")
        try:
            claims = self.parts.signer.verify_access(
                token.strip(), now=self.parts.clock.now(), audiences=MDM_AUDIENCES
            )
        except Unauthenticated as error:
            raise Refused("unauthorized_client", error.message) from error
        return await self.parts.db.read(_person, claims)

    # --- the form -------------------------------------------------------------------------------------------

    def _page(self, call: Call, asker: Asker, person: Person) -> Response:
        reader = reader_of(call)
        branding = branding_for(person.tenant.branding, reader.languages)
        view = TermsView(
            action=TERMS_PATH,
            hidden={_FIELD: self._sealed(asker, person)},
            user_name=person.user.upn,
            address=branding.terms_of_use_url or "",
            joining=asker.joining,
            form_targets=(form_target(asker.redirect_uri),),
            framed_by=_FRAMES,
        )
        return terms_page(view, reader.look(person.tenant), reader.texts)

    def _sealed(self, asker: Asker, person: Person) -> str:
        ids = str(person.tenant.uuid), str(person.user.uuid)
        said = [asker.redirect_uri, asker.request_id, asker.joining, *ids]
        return self.parts.signer.seals.seal_until(_PURPOSE, said, self.parts.clock.now() + PATIENCE)

    def _opened(self, text: str) -> tuple[Asker, UUID, UUID] | None:
        """What was asked, and of which organisation's user, if we sealed it and it still counts."""
        said = self.parts.signer.seals.still_said(_PURPOSE, text, self.parts.clock.now())
        if said is None:
            return None
        redirect_uri, request_id, joining, tenant, user = said
        return Asker(redirect_uri, request_id, joining), UUID(tenant), UUID(user)


def _asker(call: Call) -> Asker:
    """Raises `OAuthError`, to be shown on a page: nobody is sent to an address that is not of Windows."""
    redirect_uri = call.query("redirect_uri")
    if not redirect_uri:
        raise missing("redirect_uri")
    if not _REDIRECT.fullmatch(redirect_uri):
        raise not_of_windows("redirect_uri", "ms-appx-web")
    joining = call.query("mode").lower() == JOINING
    return Asker(redirect_uri, call.query("client-request-id")[:_LONGEST_ID], joining)


def _check_version(call: Call) -> None:
    if call.query("api-version") != API_VERSION:
        raise Refused("invalid_request", f"unsupported version: api-version has to be {API_VERSION}")


# --- units --------------------------------------------------------------------------------------------------


def _person(tx: Tx, claims: AccessClaims) -> Person:
    """The user of a token, who is there and may enrol. Raises `Refused`."""
    if claims.user_id is None:
        raise Refused("unauthorized_client", "The access token is of no user.")
    return _present(tx, claims.tenant_id, claims.user_id)


def _present(tx: Tx, tenant_id: UUID, user_id: UUID) -> Person:
    try:
        tenant = tenant_by_uuid(tx, tenant_id)
        user = user_by_uuid(tx, tenant.id, user_id)
    except NotFound:
        raise Refused("unauthorized_client", "unauthorized user or tenant") from None
    may = may_enroll(tx, tenant.id, user.id)
    if not user.enabled or not may.given_addresses:
        raise Refused("unauthorized_client", may.message or f"The account of {user.upn} is disabled.")
    return Person(tenant, user)


def _answered(tx: Tx, tenant_id: UUID, user_id: UUID, asker: Asker, accepts: bool) -> str:
    """Keep the answer on record; the blob of a yes, or nothing. Raises `Refused` for who may not enrol."""
    person = _present(tx, tenant_id, user_id)
    tenant, user = person.tenant.id, person.user
    told: dict[str, JsonValue] = {"joining": asker.joining, "request": asker.request_id}
    kind = "user.terms_accepted" if accepts else "user.terms_declined"
    events.record(tx, tenant, kind, Subject("user", user.uuid), told, f"user:{user.uuid}")
    return vouchers.give(tx, tenant, vouchers.Kind.TERMS, user) if accepts else ""
