"""Lists on pages: which part of one is asked for, and the links to the others."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlencode

from reseal.directory.paging import Page, PageKey
from reseal.kernel.errors import Invalid
from reseal.web.calls import Call

T = TypeVar("T")

PAGE: Final = 50
"""Lines of a page."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of a list asks for."""

    search: str
    after: PageKey | None


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses of other parts of a list; empty: there is none."""

    first: str
    next: str


def asked(call: Call) -> Asked:
    """By `q` and `after`. Raises `Invalid` for a link that is not one of ours."""
    return Asked(call.query("q").strip(), _decoded(call.query("after")))


def links(call: Call, page: Page[T]) -> Links:
    """Links that keep everything else that the address says."""
    query = {name: value for name, value in call.request.query_params.items() if name != "after"}
    first = f"?{urlencode(query)}" if call.query("after") else ""
    further = f"?{urlencode({**query, 'after': _encoded(page.next)})}" if page.next else ""
    return Links(first, further)


def _encoded(key: PageKey) -> str:
    return base64.urlsafe_b64encode(json.dumps([key.folded, key.id]).encode()).rstrip(b"=").decode()


def _decoded(text: str) -> PageKey | None:
    if not text:
        return None
    try:
        folded, key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return PageKey(str(folded), int(key))
    except (ValueError, TypeError):
        raise Invalid(
            code="BadPage", message="This link is not one of this page's.", remedy="Begin at the first page."
        ) from None
