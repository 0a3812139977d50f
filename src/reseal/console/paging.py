"""Lists on pages: which part of one is asked for, and the links to the others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar
from urllib.parse import urlencode

from reseal.deployment.listing import After
from reseal.directory.paging import Page, PageKey
from reseal.kernel.errors import Invalid
from reseal.web.calls import Call
from reseal.web.places import place, read_place

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
    further = f"?{urlencode({**query, 'after': place(page.next.folded, page.next.id)})}" if page.next else ""
    return Links(first, further)


def _decoded(text: str) -> PageKey | None:
    try:
        return PageKey(*read_place(text)) if text else None
    except ValueError:
        raise _not_ours() from None


def older_link(after: After) -> str:
    """The word for `older`: what began before this deployment."""
    return place(after.begun_at.isoformat(), after.id)


def older(call: Call) -> After | None:
    """Behind which deployment the list goes on, by `older`. Raises `Invalid` for a link that is not ours."""
    if not (word := call.query("older")):
        return None
    try:
        begun_at, key = read_place(word)
        return After(datetime.fromisoformat(begun_at).astimezone(UTC), key)
    except (ValueError, OverflowError):
        raise _not_ours() from None


def _not_ours() -> Invalid:
    return Invalid(
        code="BadPage", message="This link is not one of this page's.", remedy="Begin at the first page."
    )
