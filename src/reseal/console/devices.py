"""Registered devices: the list with filters, and what can be done with several of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from reseal.autopilot.profiles import list_profiles
from reseal.console import paging
from reseal.console.desk import Desk, Visit
from reseal.console.forms import Form, Option
from reseal.directory.paging import Page, PageKey
from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid
from reseal.kernel.ids import TenantKey
from reseal.report.roster import Rostered, Sort, Sought, Standing, count_roster, list_roster
from reseal.web.routes import Route

READ = "DeviceManagementServiceConfig.Read.All"
WRITE = "DeviceManagementServiceConfig.ReadWrite.All"
PATH: Final = "/devices"

STANDINGS: Final[Mapping[Standing, tuple[str, str]]] = {
    Standing.NO_PROFILE: ("person", "no profile"),
    Standing.NOT_STARTED: ("", "not begun"),
    Standing.UNDER_WAY: ("step", "under way"),
    Standing.GREEN: ("good", "green"),
    Standing.FAILED: ("bad", "failed"),
    Standing.RESEALED: ("good", "resealed"),
    Standing.IN_USE: ("good", "in use"),
}
"""Tone and word of each."""
COLUMNS: Final = (
    (Sort.SERIAL, "Device, by serial number"),
    (None, "Standing"),
    (Sort.USER, "User"),
    (Sort.TAG, "Group tag"),
    (None, "Profile"),
    (Sort.REGISTERED, "Registered"),
)
_MOST_PROFILES: Final = 350


@dataclass(frozen=True, slots=True)
class _Listed:
    page: Page[Rostered]
    counted: int
    profiles: Sequence[Option]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of the list asks for."""

    sought: Sought
    sort: Sort
    descending: bool
    after: PageKey | None

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is left out."""
        return self.sought != Sought()


def routes(desk: Desk) -> tuple[Route, ...]:
    """The list."""
    return (desk.page(PATH, _list, READ),)


async def _list(visit: Visit) -> Response:
    asked = asked_of(visit)
    found = await visit.read(_listed, asked)
    return await visit.page(
        "devices.html",
        found=found.page.items,
        counted=found.counted,
        asked=asked,
        form=_form(asked.sought),
        headers=_headers(visit, asked),
        narrowed=narrowing(asked.sought),
        profiles=(Option("", "Any"), *found.profiles),
        standings=(Option("", "Any"), *_standing_options()),
        badges=STANDINGS,
        links=paging.links(visit.call, found.page),
        may_save=visit.may(WRITE),
    )


def _listed(tx: Tx, tenant: TenantKey, asked: Asked) -> _Listed:
    found = list_roster(
        tx,
        tenant,
        asked.sought,
        sort=asked.sort,
        descending=asked.descending,
        after=asked.after,
        limit=paging.PAGE,
    )
    profiles = list_profiles(tx, tenant, limit=_MOST_PROFILES).items
    return _Listed(
        found,
        count_roster(tx, tenant, asked.sought),
        [Option(str(profile.uuid), profile.name) for profile in profiles],
    )


def _standing_options() -> Sequence[Option]:
    return [Option(standing, STANDINGS[standing][1].capitalize()) for standing in Standing] + [
        Option("attention", "Hardware changed")
    ]


def _form(sought: Sought) -> Form:
    standing = "attention" if sought.attention else sought.standing or ""
    return Form.of(
        q=sought.text,
        tag=sought.tag,
        user=sought.user,
        profile="" if sought.profile is None else str(sought.profile),
        standing=standing,
    )


# --- what the address says ----------------------------------------------------------------------------------


def asked_of(visit: Visit) -> Asked:
    """What is listed, and how. Raises `Invalid` for a link that is not one of ours."""
    query = visit.call.query
    order = query("sort")
    descending = order.startswith("-")
    sort = order.removeprefix("-")
    return Asked(
        sought_of(visit.call.request.query_params),
        Sort(sort) if sort in set(Sort) else Sort.SERIAL,
        descending,
        paging.asked(visit.call).after,
    )


def sought_of(given: Mapping[str, str]) -> Sought:
    """The filter that fields of a form, or an address, name."""
    standing = given.get("standing", "")
    return Sought(
        text=given.get("q", "").strip(),
        tag=given.get("tag", "").strip(),
        user=given.get("user", "").strip(),
        profile=_uuid(given.get("profile", "")),
        standing=Standing(standing) if standing in set(Standing) else None,
        attention=standing == "attention",
    )


def narrowing(sought: Sought) -> dict[str, str]:
    """A filter as fields."""
    fields = {name: values[-1] for name, values in _form(sought).values.items()}
    return {name: value for name, value in fields.items() if value}


def _uuid(text: str) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(
            code="BadFilter",
            message="This link is not one of this page's.",
            remedy="Begin at the first page.",
        ) from None


@dataclass(frozen=True, slots=True)
class Header:
    """The head of a column; `link` sorts by it, the other way round if it is sorted by it already."""

    label: str
    link: str = ""
    sorted: str = ""


def _headers(visit: Visit, asked: Asked) -> Sequence[Header]:
    kept = {
        name: value
        for name, value in visit.call.request.query_params.items()
        if name not in {"after", "sort"}
    }
    found = []
    for sort, label in COLUMNS:
        if sort is None:
            found.append(Header(label))
            continue
        is_sorted = asked.sort is sort
        turned = is_sorted and not asked.descending
        link = f"?{urlencode({**kept, 'sort': f'-{sort}' if turned else sort.value})}"
        now = "" if not is_sorted else "descending" if asked.descending else "ascending"
        found.append(Header(label, link, now))
    return found
