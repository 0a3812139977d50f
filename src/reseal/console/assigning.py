"""Assignments in a form: one line for each group, or for all devices or all users.

Whom a line is about is written by name, with suggestions, so that it is quick with three groups and possible
with three thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from reseal.assignment.model import FilterMode, Intent, ItemKind, ItemRef, Mode, Target, TargetKind
from reseal.assignment.service import Filter, filter_by_uuid, list_filters, targets_of
from reseal.console.choosing import MOST, uuid_of
from reseal.console.forms import Form, Option
from reseal.directory.groups import find_group, groups_by_id, list_groups
from reseal.directory.model import Group
from reseal.directory.model_names import fold
from reseal.kernel.db import Tx
from reseal.kernel.errors import Detail, Invalid
from reseal.kernel.ids import TenantKey
from reseal.web.posted import Posted

ALL: Final = {TargetKind.ALL_DEVICES: "All devices", TargetKind.ALL_USERS: "All users"}
_KINDS: Final = {fold(label): kind for kind, label in ALL.items()}
INTENTS: Final = (
    Option(Intent.REQUIRED, "Required"),
    Option(Intent.AVAILABLE, "Available"),
    Option(Intent.UNINSTALL, "Uninstall"),
)
HOW: Final = (Option(Mode.INCLUDE, "gets it"), Option(Mode.EXCLUDE, "does not"))
_BLANK: Final = 1
"""Empty lines below the filled ones."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it was written."""

    whom: str = ""
    how: str = Mode.INCLUDE
    intent: str = Intent.REQUIRED
    filter: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be chosen: names of groups and everybody, filters, and intents for apps."""

    names: tuple[str, ...]
    filters: tuple[Option, ...]
    intents: tuple[Option, ...]
    how = HOW

    def lines(self, form: Form) -> list[Line]:
        """The lines that a form shows, empty ones included."""
        filled = [line for line in lines_of(form.values) if line.whom]
        return [*filled, *([Line()] * _BLANK)]


def offer(tx: Tx, tenant: TenantKey, kind: ItemKind) -> Offer:
    """What assignments of this kind of item may name."""
    groups = list_groups(tx, tenant, limit=MOST).items
    users = () if kind is ItemKind.PROFILE else (ALL[TargetKind.ALL_USERS],)
    filters = () if kind is ItemKind.PROFILE else list_filters(tx, tenant, limit=MOST).items
    return Offer(
        (ALL[TargetKind.ALL_DEVICES], *users, *(group.name for group in groups)),
        tuple(option for one in filters for option in _filter_options(one)),
        INTENTS if kind is ItemKind.APP else (),
    )


def _filter_options(one: Filter) -> tuple[Option, ...]:
    return (
        Option(f"{FilterMode.INCLUDE}:{one.uuid}", f"only {one.name}"),
        Option(f"{FilterMode.EXCLUDE}:{one.uuid}", f"not {one.name}"),
    )


def lines_of(values: Mapping[str, tuple[str, ...]]) -> list[Line]:
    """The lines of a form; those without a name are empty."""
    columns = (values.get(name, ()) for name in ("whom", "how", "intent", "filter"))
    rows = zip_longest(*columns, fillvalue="")
    return [
        Line(whom.strip(), how or Mode.INCLUDE, intent or Intent.REQUIRED, filter_)
        for whom, how, intent, filter_ in rows
    ]


def written(tx: Tx, tenant: TenantKey, item: ItemRef) -> dict[str, list[str]]:
    """An item's assignments as the values of a form."""
    targets = targets_of(tx, tenant, item)
    groups = groups_by_id(tx, tenant, [target.group for target in targets if target.group])
    filters = {one.id: one for one in list_filters(tx, tenant, limit=MOST).items} if targets else {}
    return {
        "whom": [aim(target, groups) for target in targets],
        "how": [target.mode.value for target in targets],
        "intent": [target.intent.value for target in targets],
        "filter": [
            "" if target.filter is None else f"{target.filter_mode}:{filters[target.filter].uuid}"
            for target in targets
        ],
    }


def targets_in(tx: Tx, tenant: TenantKey, item: ItemRef, posted: Posted) -> list[Target]:
    """The lines of a posted form as targets of an item.

    Raises `Invalid` with a detail at `whom` for each name that leads nowhere.
    """
    lines = [line for line in lines_of(posted.fields) if line.whom]
    everybody = {line.whom: _KINDS.get(fold(line.whom)) for line in lines}
    groups = {whom: find_group(tx, tenant, whom) for whom, kind in everybody.items() if kind is None}
    missing = [whom for whom, group in groups.items() if group is None]
    if missing:
        raise Invalid(
            code="UnknownGroup",
            message=f"There is no group {missing[0]}.",
            details=[
                Detail("whom", f"There is no group called {whom}.", "Choose one of those offered.")
                for whom in missing
            ],
        )
    return [_target(tx, tenant, item, line, everybody[line.whom], groups.get(line.whom)) for line in lines]


def _target(
    tx: Tx, tenant: TenantKey, item: ItemRef, line: Line, kind: TargetKind | None, group: Group | None
) -> Target:
    mode = Mode(line.how)
    filter_mode, _, filter_id = line.filter.partition(":")
    filter_ = filter_by_uuid(tx, tenant, uuid_of(filter_id)) if filter_id and mode is Mode.INCLUDE else None
    return Target(
        item=item,
        mode=mode,
        kind=kind or TargetKind.GROUP,
        group=None if group is None else group.id,
        filter=None if filter_ is None else filter_.id,
        filter_mode=FilterMode.NONE if filter_ is None else FilterMode(filter_mode),
        intent=Intent.REQUIRED if mode is Mode.EXCLUDE else Intent(line.intent),
    )


def aim(target: Target, groups: Mapping[int, Group]) -> str:
    """Whom a target is about, by name."""
    return ALL[target.kind] if target.group is None else groups[target.group].name


def aims(tx: Tx, tenant: TenantKey, targets: Iterable[Target]) -> list[str]:
    """Whom some targets are about, in words: `Sales laptops`, `not Pilots`."""
    some = list(targets)
    groups = groups_by_id(tx, tenant, [target.group for target in some if target.group])
    return [in_words(target, groups) for target in some]


def in_words(target: Target, groups: Mapping[int, Group]) -> str:
    """One target in words."""
    name = aim(target, groups)
    if target.mode is Mode.EXCLUDE:
        return f"not {name}"
    filtered = " (filtered)" if target.filter is not None else ""
    return f"{name}{filtered}" if target.intent is Intent.REQUIRED else f"{name}: {target.intent}{filtered}"


def all_aims(
    tx: Tx, tenant: TenantKey, by_item: Mapping[ItemRef, Sequence[Target]]
) -> dict[ItemRef, list[str]]:
    """For lists: whom each item is about; one statement for all of them."""
    groups = groups_by_id(
        tx, tenant, [target.group for targets in by_item.values() for target in targets if target.group]
    )
    return {item: [in_words(target, groups) for target in targets] for item, targets in by_item.items()}
