"""HTML of the console: the frame around every page, and fragments that are sent again when they change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from reseal.console.parts import HOME, Parts
from reseal.console.places import Place, Section, sections_for
from reseal.console.views import spoken
from reseal.web.assets import FRAME, TOKENS, script, style_sheet
from reseal.web.calls import Caller
from reseal.web.forgery import FIELD
from reseal.web.pages import page, templates

SHEET = style_sheet(
    "console",
    TOKENS,
    FRAME,
    ("reseal.console", "kit.css"),
    ("reseal.console", "console.css"),
    ("reseal.console", "lists.css"),
    ("reseal.console", "bench.css"),
)
LIVE = script("live", "reseal.console", "live.js")
DESK = script("desk", "reseal.console", "desk.js")
HTMX = script("htmx", "reseal.web", "vendor/htmx.min.js")
FILES = (SHEET, HTMX, DESK, LIVE)
"""What pages are made with."""


def _clock_time(moment: datetime) -> str:
    return moment.strftime("%H:%M:%S")


def _moment(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %H:%M:%S}"


def _moment_after(moment: datetime, earlier: datetime) -> str:
    """The day is said only if it is another one."""
    return _clock_time(moment) if moment.date() == earlier.date() else _moment(moment)


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _whole(moment: datetime) -> str:
    """With its zone, for where no other time stands nearby."""
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def exact(moment: datetime) -> str:
    """A moment as programs read it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_templates = templates("reseal.console")
_templates.globals.update(home=HOME)
_templates.filters.update(
    clock=_clock_time,
    moment=_moment,
    moment_after=_moment_after,
    day=_day,
    whole=_whole,
    exact=exact,
    spoken=spoken,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at a page, and where they may go. Only who signed in on these pages can sign out of them."""

    name: str
    organisation: str
    permissions: frozenset[str]
    path: str
    canary: str = ""

    @property
    def sections(self) -> tuple[Section, ...]:
        """The navigation."""
        return sections_for(self.permissions)

    def is_at(self, place: Place) -> bool:
        """Whether the page belongs to this entry of the navigation."""
        return place.holds(self.path)


def fragment(name: str, **shown: Any) -> str:
    """A part of a page; its template stands in a file of its own."""
    return _templates.get_template(f"{name}.html").render(**shown).strip()


async def full_page(
    parts: Parts,
    request: Request,
    template: str,
    *,
    caller: Caller | None = None,
    organisation: str = "",
    in_browser: bool = False,
    status: int = 200,
    **shown: Any,
) -> Response:
    """A whole page. `in_browser`: the caller is known by the session of this browser."""
    forms = parts.forms
    visit = forms.visit(request) if in_browser else ""
    reader = None
    if caller is not None:
        canary = forms.canary(visit) if in_browser else ""
        reader = Reader(caller.name, organisation, caller.permissions, request.url.path, canary)
    notice = parts.notices.found(request) if in_browser else None
    html = _templates.get_template(template).render(
        reader=reader,
        notice=notice,
        field=FIELD,
        sheet=SHEET.path,
        scripts=(HTMX.path, DESK.path, LIVE.path),
        **shown,
    )
    response = page(html, status=status, scripts=True)
    if in_browser:
        forms.keep(response, request, visit)
        parts.notices.take(request, response)
    return response
