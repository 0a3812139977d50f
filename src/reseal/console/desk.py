"""How a page comes about: the desk declares its routes, takes its forms in, and gives its answers.

A handler gets a `Visit`: the call, what was posted, who asks, and everything to answer with. Every form that
a browser posts has to hold a canary; a program that proves itself by a token needs none, because no other
site can make it send one (decision 0110). After something was done a visit leads elsewhere (303), so that
going back or reloading repeats nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote

from starlette.responses import Response

from reseal.console.forms import Form
from reseal.console.notices import Notice
from reseal.console.pages import fragment, full_page
from reseal.console.parts import Parts
from reseal.console.saving import Act, Effect, Otherwise, Pages, preview, save
from reseal.console.signing_in import SigningIn
from reseal.kernel.db import Tx
from reseal.kernel.errors import Conflict, Invalid, NotFound, ResealError
from reseal.kernel.ids import TenantKey
from reseal.web.calls import Call, Caller
from reseal.web.forgery import FIELD
from reseal.web.pages import page, see_other
from reseal.web.posted import FORM_LIMIT, Keep, Posted, read_posted
from reseal.web.routes import Listener, Route
from reseal.wire.errors import WireError

T = TypeVar("T")

STEP: Final = "step"
"""Which button was pressed: none (say what it changes), `save`; any other shows the form again."""
_SHOWN: Final = "shown"


@dataclass(frozen=True, slots=True)
class Saving:
    """How a form is saved: what is asked beforehand, and what is shown if it cannot be.

    `again` shows the form; `fields` leads from places of problems to its fields (`Form.refused`).
    """

    title: str
    button: str
    again: Callable[[Form], Awaitable[Response]]
    fields: Mapping[str, str] = field(default_factory=dict)
    pages: Pages | None = None
    dangerous: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a page, or with a form."""

    desk: Desk
    call: Call
    posted: Posted = field(default_factory=Posted)

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return self.call.caller

    @property
    def tenant(self) -> TenantKey:
        """Whose pages these are."""
        return self.call.caller.tenant

    @property
    def parts(self) -> Parts:
        """The ports of the console."""
        return self.desk.parts

    @property
    def wants_part(self) -> bool:
        """Whether the page's script asks for a part of it."""
        return self.call.request.headers.get("hx-request") == "true"

    def may(self, permission: str) -> bool:
        """Whether who asks may do something: what they may not is not offered."""
        return permission in self.caller.permissions

    # --- work -----------------------------------------------------------------------------------------------

    async def read(self, unit: Callable[..., T], *args: Any, **more: Any) -> T:
        """What a unit reads of the tenant."""
        return await self.parts.db.read(unit, self.tenant, *args, **more)

    async def write(self, unit: Callable[..., T], *args: Any, **more: Any) -> T:
        """What a unit does to the tenant, one after the other with everything that changes causes."""
        return await self.parts.db.write(unit, self.tenant, *args, **more, causes=self.tenant)

    async def save(self, act: Act, saving: Saving) -> Response:
        """Say what saving would change; do it if that was confirmed; show the form again if it cannot be."""
        if self.posted.text(STEP) not in {"", "save"}:
            return await saving.again(self.form)
        try:
            if self.posted.text(STEP) != "save":
                effect = await self.write(preview, act, saving.pages)
                return await self._confirmation(saving, effect)
            done = await self.write(save, act, saving.pages, self.posted.text(_SHOWN))
        except Otherwise as otherwise:
            return await self._confirmation(saving, otherwise.effect, anew=True)
        except (Invalid, Conflict, NotFound, WireError) as error:
            return await saving.again(self.form.refused(error, saving.fields))
        return self.go(done.address, Notice(done.notice, done.secret, done.secret_of))

    @property
    def form(self) -> Form:
        """What was typed."""
        return Form.typed(self.posted)

    async def _confirmation(self, saving: Saving, effect: Effect, *, anew: bool = False) -> Response:
        own = {FIELD, STEP, _SHOWN}
        typed = [
            (name, value)
            for name in self.posted.fields
            if name not in own
            for value in self.posted.texts(name)
        ]
        return await self.page(
            "confirm.html",
            status=409 if anew else 200,
            saving=saving,
            effect=effect,
            anew=anew,
            typed=typed,
            action=self.call.request.url.path,
        )

    # --- answers --------------------------------------------------------------------------------------------

    async def page(self, template: str, *, status: int = 200, **shown: Any) -> Response:
        """A whole page."""
        request = self.call.request
        return await full_page(
            self.parts,
            request,
            template,
            caller=self.caller,
            organisation=await self.desk.signing_in.organisation(request, self.caller),
            in_browser=self.desk.signing_in.is_in_browser(request),
            status=status,
            may=self.may,
            **shown,
        )

    def part(self, template: str, **shown: Any) -> Response:
        """A part of a page, for its script to put in place."""
        return page(fragment(template, may=self.may, **shown), scripts=True)

    def go(self, address: str, notice: str | Notice = "") -> Response:
        """Lead to another page, which says the notice once."""
        response = see_other(address)
        if notice:
            told = Notice(notice) if isinstance(notice, str) else notice
            self.parts.notices.leave(response, told)
        return response


Handler: TypeAlias = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Desk:
    """Declares the routes of pages."""

    parts: Parts
    signing_in: SigningIn

    def page(self, path: str, handler: Handler, permission: str) -> Route:
        """A page to be looked at."""
        return self._route("GET", path, partial(self._looked_at, handler), permission, 0)

    def live(self, path: str, handler: Handler, permission: str) -> Route:
        """How a page goes on: an answer without end (`web.streams`)."""
        return self._route("GET", path, partial(self._looked_at, handler), permission, 0, endless=True)

    def form(
        self,
        path: str,
        handler: Handler,
        permission: str,
        *,
        limit: int = FORM_LIMIT,
        keep: Keep | None = None,
    ) -> Route:
        """Where a form is posted to. `keep` takes the bytes of files; else they are held, so the limit has to
        be small."""
        return self._route("POST", path, partial(self._posted, handler, keep), permission, limit)

    def _route(
        self, method: str, path: str, handler: Any, permission: str, limit: int, *, endless: bool = False
    ) -> Route:
        reception = self.signing_in.reception
        return Route(
            method, path, handler, permission, limit, Listener.BROWSER, reception=reception, endless=endless
        )

    async def _looked_at(self, handler: Handler, call: Call) -> Response:
        return await handler(Visit(self, call))

    async def _posted(self, handler: Handler, keep: Keep | None, call: Call) -> Response:
        posted = await read_posted(call, before_files=partial(self._require_genuine, call), keep=keep)
        return await handler(Visit(self, call, posted))

    def _require_genuine(self, call: Call, posted: Posted) -> None:
        """Raise `Invalid` unless this browser was shown the form."""
        if not self.signing_in.is_in_browser(call.request):
            return
        if not self.parts.forms.genuine(call.request, posted.text(FIELD)):
            raise Invalid(
                code="StaleForm",
                message="This form is too old, or was not made for this browser. Nothing was done.",
                remedy="Load the page again and fill the form in anew.",
            )


async def found_or(unit: Awaitable[T], otherwise: T) -> T:
    """What is found; `otherwise` if there is no such thing."""
    try:
        return await unit
    except NotFound:
        return otherwise


def address(*parts: object) -> str:
    """A path of these parts: `address("groups", group.uuid)`."""
    return "/" + "/".join(quote(str(part), safe="") for part in parts)


def problem_of(error: ResealError) -> str:
    """A refusal in a sentence."""
    return f"{error.message} {error.remedy}".strip()


__all__ = ["STEP", "Desk", "Handler", "Saving", "Tx", "Visit", "address", "found_or", "problem_of"]
