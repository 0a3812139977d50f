"""Reading assignments: whom an item is aimed at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from reseal.assignment.model import FilterMode, Intent, Mode, TargetKind
from reseal.blueprint.document import AppEntry, Assign, Assigned, Document, ProfileEntry
from reseal.blueprint.reading import Cursor, Fields
from reseal.directory.model_names import fold
from reseal.kernel.errors import Detail


class Everybody(StrEnum):
    """What `all:` may say."""

    DEVICES = "devices"
    USERS = "users"


_KINDS: Mapping[Everybody | None, TargetKind] = {
    None: TargetKind.GROUP,
    Everybody.DEVICES: TargetKind.ALL_DEVICES,
    Everybody.USERS: TargetKind.ALL_USERS,
}
_WHOM = ("group", "all", "exclude")


def assign(values: Fields) -> tuple[Assign, ...]:
    """The list under `assign`; none means that the item is assigned to nobody."""
    return tuple(_line(cursor) for cursor in values.each("assign"))


def _line(cursor: Cursor) -> Assign:
    values = cursor.fields((*_WHOM, "intent", "filter", "filterMode"))
    whom = [name for name in _WHOM if name in values]
    if len(whom) != 1:
        cursor.problem(
            "It must be said once whom this is about.",
            "Write one of `group: Name`, `all: devices`, `all: users`, `exclude: Group`.",
        )
    if "exclude" in whom:
        return _exclusion(cursor, values)
    if "filterMode" in values and "filter" not in values:
        values["filterMode"].problem("There is no filter.", "Add `filter: Name`, or leave this out.")
    mode = values.read("filterMode", FilterMode, FilterMode.INCLUDE)
    filter_ = None if mode is FilterMode.NONE else values.read_or_none("filter", str)
    everybody = values.read("all", Everybody, Everybody.DEVICES) if "all" in whom else None
    return Assign(
        path=cursor.path,
        mode=Mode.INCLUDE,
        kind=_KINDS[everybody],
        group=values.read_or_none("group", str),
        filter=filter_,
        filter_mode=FilterMode.NONE if filter_ is None else mode,
        intent=values.read("intent", Intent, Intent.REQUIRED),
    )


def _exclusion(cursor: Cursor, values: Fields) -> Assign:
    for name in ("intent", "filter", "filterMode"):
        if name in values:
            values[name].problem("An exclusion is about the whole group.", "Leave it out.")
    return Assign(cursor.path, Mode.EXCLUDE, TargetKind.GROUP, group=values.read("exclude", str, ""))


def assignment_problems(document: Document) -> Iterator[Detail]:
    """What is wrong with assignments however the tenant looks; the rest is seen when they are applied."""
    for entry in document.assigned:
        aims: set[tuple[TargetKind, str]] = set()
        for line in entry.assign:
            aim = (line.kind, fold(line.group or ""))
            if aim in aims:
                yield Detail(
                    line.path, f"{entry.name} is aimed at the same twice.", "Keep one line.", "TargetTwice"
                )
            aims.add(aim)
            yield from _problems_of(entry, line)


def _problems_of(entry: Assigned, line: Assign) -> Iterator[Detail]:
    if line.intent is not Intent.REQUIRED and not isinstance(entry, AppEntry):
        yield Detail(
            f"{line.path}.intent",
            "Only apps have an intent; everything else is required.",
            "Leave it out.",
            "IntentNotAllowed",
        )
    if line.filter is not None and isinstance(entry, ProfileEntry):
        yield Detail(
            f"{line.path}.filter",
            "Assignments of deployment profiles have no filters.",
            "Use a group with a rule instead.",
            "ProfileFilter",
        )
