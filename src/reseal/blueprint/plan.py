"""What an application changes, line by line, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

View = Mapping[str, Any]
"""A thing in the document's words: plain JSON by field name, every field that the document knows."""

SAMPLE = 5
"""Devices that a line names; all are counted."""

SAMPLE_SHOWN = 3
"""Devices that the line names in print."""

_TEXT_SHOWN = 60


class Action(StrEnum):
    """What happens to a thing."""

    CREATE = "+"
    CHANGE = "~"
    DELETE = "-"


@dataclass(frozen=True, slots=True)
class Field:
    """One field that differs. A value that is not there is None."""

    name: str
    old: Any
    new: Any

    def __str__(self) -> str:
        if _is_list(self.old) and _is_list(self.new):
            return f"{self.name} {_moves(self.old, self.new)}"
        return f"{self.name} {_shown(self.old)} -> {_shown(self.new)}"


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One thing that is created, changed or deleted, and the devices for which that makes a difference.

    `devices` counts those whose effective assignments, deployment profile, Enrollment Status Page or content
    of an item is touched; `sample` are the serial numbers (or names) of the first of them.
    """

    action: Action
    kind: str
    name: str
    fields: tuple[Field, ...]
    devices: int
    sample: tuple[str, ...]

    def __str__(self) -> str:
        """The line as people read it."""
        changes = ", ".join(map(str, self.fields)) if self.action is Action.CHANGE else ""
        told = f": {changes}" if changes else ""
        return f"{self.action} {called(self.kind, self.name)}{told}{self._touched()}"

    def _touched(self) -> str:
        if not self.devices:
            return ""
        names = ", ".join(self.sample[:SAMPLE_SHOWN])
        more = " ..." if self.devices > SAMPLE_SHOWN else ""
        return f" ({self.devices} device{'s' if self.devices != 1 else ''}: {names}{more})"

    def to_json(self) -> dict[str, Any]:
        """The line as an object."""
        return {
            "action": self.action.value,
            "kind": self.kind,
            "name": self.name,
            "fields": [{"field": field.name, "old": field.old, "new": field.new} for field in self.fields],
            "devices": self.devices,
            "sample": list(self.sample),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that an application changes, in its order; how many things stay as they are; and what the
    tenant has beside the document.
    """

    lines: tuple[PlanLine, ...]
    unchanged: int
    unmanaged: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The plan as an object."""
        return {
            "lines": [line.to_json() for line in self.lines],
            "unchanged": self.unchanged,
            "unmanaged": list(self.unmanaged),
        }

    @staticmethod
    def from_json(plan: Mapping[str, Any]) -> Plan:
        """The plan that `to_json` wrote."""
        lines = (
            PlanLine(
                action=Action(line["action"]),
                kind=line["kind"],
                name=line["name"],
                fields=tuple(Field(item["field"], item["old"], item["new"]) for item in line["fields"]),
                devices=line["devices"],
                sample=tuple(line["sample"]),
            )
            for line in plan["lines"]
        )
        return Plan(tuple(lines), plan["unchanged"], tuple(plan["unmanaged"]))


def called(kind: str, name: str) -> str:
    """How a plan names a thing: `profile "Contoso sales"`; the settings have no name."""
    return f'{kind} "{name}"' if name else kind


def differences(before: View | None, after: View) -> tuple[Field, ...]:
    """The fields in which two views differ, in the order of the later one; all of them for a new thing."""
    return tuple(_differences(before or {}, after, ""))


def _differences(old: View, new: View, prefix: str) -> Iterator[Field]:
    for name in dict.fromkeys((*new, *old)):
        before: Any = old.get(name)
        after: Any = new.get(name)
        if before == after:
            continue
        if _is_group_of_fields(before) and _is_group_of_fields(after):
            yield from _differences(before, after, f"{prefix}{name}.")
        elif _has_nodes(before) and _has_nodes(after):
            yield from _node_differences(name, before, after)
        else:
            yield Field(f"{prefix}{name}", before, after)


def _is_group_of_fields(value: Any) -> bool:
    return isinstance(value, Mapping) and "sha256" not in value


def _has_nodes(value: Any) -> bool:
    """Whether these are settings of a policy: each is told by its node, so that one edit is one field."""
    return _is_list(value) and all(isinstance(item, Mapping) and "uri" in item for item in value)


def _node_differences(name: str, old: Sequence[View], new: Sequence[View]) -> Iterator[Field]:
    before, after = ({item["uri"]: item for item in items} for items in (old, new))
    for uri in dict.fromkeys((*after, *before)):
        was, becomes = before.get(uri), after.get(uri)
        if was == becomes:
            continue
        if was and becomes and {**was, "value": None} == {**becomes, "value": None}:
            yield Field(uri, was["value"], becomes["value"])
        else:
            yield Field(uri, _without_uri(was), _without_uri(becomes))
    if before.keys() == after.keys() and list(before) != list(after):
        yield Field(f"order of {name}", list(before), list(after))


def _without_uri(setting: View | None) -> View | None:
    return None if setting is None else {name: value for name, value in setting.items() if name != "uri"}


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _moves(old: Sequence[Any], new: Sequence[Any]) -> str:
    """What left a list and what came, or that only the order is another."""
    gone = [f"-{_shown(item)}" for item in old if item not in new]
    come = [f"+{_shown(item)}" for item in new if item not in old]
    return " ".join((*come, *gone)) or f"now in the order {', '.join(_shown(item) for item in new)}"


def _shown(value: Any) -> str:
    match value:
        case None:
            return "none"
        case Mapping() if "sha256" in value:
            return f"{value['fileName']} ({value['sha256'][:12]})"
        case Mapping():
            return "(" + ", ".join(f"{name} {_shown(item)}" for name, item in value.items()) + ")"
        case str():
            short = value if len(value) <= _TEXT_SHOWN else f"{value[:_TEXT_SHOWN]}..."
            return json.dumps(short, ensure_ascii=False)
        case _:
            return json.dumps(value, ensure_ascii=False)
