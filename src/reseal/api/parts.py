"""What the handlers of the API share: the process's ports, how a route is declared, how a list is paged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from starlette.responses import Response

from reseal.directory.paging import PAGE_LIMIT, Page, PageKey
from reseal.kernel.blobs import Blobs
from reseal.kernel.clock import Clock
from reseal.kernel.db import Database
from reseal.kernel.entropy import Entropy
from reseal.kernel.errors import Invalid
from reseal.kernel.settings import Settings
from reseal.kernel.workers import Workers
from reseal.signin.passwords import Passwords
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.places import place, read_place
from reseal.web.routes import MIB, Listener, Route
from reseal.web.streams import Stopping

T = TypeVar("T")

ROOT = "/api/v1"
DOCUMENT_LIMIT = 1 * MIB
DEFAULT_PAGE = 100


@dataclass(frozen=True, slots=True)
class Parts:
    """The ports that handlers use. `device_url` is how devices reach the server, `public_url` how browsers
    do; `stopping` is set when it is told to stop.
    """

    db: Database
    blobs: Blobs
    workers: Workers
    passwords: Passwords
    clock: Clock
    entropy: Entropy
    settings: Settings
    device_url: str
    public_url: str
    stopping: Stopping = field(kw_only=True, default_factory=asyncio.Event)


Handler = Callable[[Parts, Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Declare:
    """Declares routes of one topic below `/api/v1`, on the browser listener."""

    parts: Parts

    def __call__(
        self, method: str, path: str, handler: Handler, permission: str, limit: int | None = None
    ) -> Route:
        """A route; a GET or DELETE reads no body unless a limit is given, the others a document."""
        usual = 0 if method in {"GET", "HEAD", "DELETE"} else DOCUMENT_LIMIT
        bound = partial(handler, self.parts)
        longest = usual if limit is None else limit
        return Route(method, ROOT + path, bound, permission, longest, Listener.BROWSER)


def page_asked(call: Call) -> tuple[PageKey | None, int]:
    """The query's `after` (what `nextLink` carries) and `top`."""
    return _decoded(call.query("after")), call.number("top", DEFAULT_PAGE, PAGE_LIMIT)


def page_answer(call: Call, page: Page[T], shape: Callable[[T], dict[str, Any]]) -> Json:
    """`{"value": [...], "nextLink": "..."}`; the link is missing on the last page."""
    answer: dict[str, Any] = {"value": [shape(item) for item in page.items]}
    if page.next is not None:
        query = {name: value for name, value in call.request.query_params.items() if name != "after"}
        link = call.request.url.replace_query_params(**query, after=place(page.next.folded, page.next.id))
        answer["nextLink"] = f"{link.path}?{link.query}"
    return Json(answer)


def _decoded(text: str) -> PageKey | None:
    try:
        return PageKey(*read_place(text)) if text else None
    except ValueError:
        raise Invalid(
            code="BadPage",
            message="The parameter after does not come from a nextLink.",
            remedy="Follow the nextLink of the page before as it stands.",
        ) from None
