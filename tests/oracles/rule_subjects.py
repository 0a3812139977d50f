"""Random users and devices to ask a random rule about."""

import random
from typing import Any

from tests.oracles.rule_material import DATES, EXTENSION, IDS, NOT_DATES, NOW, PLAN_VALUES, WORDS
from tests.oracles.rule_oracle import Subject
from tests.oracles.rule_strategies import Written
from tests.oracles.rule_words import BOOL, DATE, PLAN_PROPERTIES, PLANS, PROPERTIES, TEXT, TEXTS


def draw_subject(chance: random.Random, kind: str, written: Written) -> Subject:
    """A user or device: what the rule names holds mostly values near to it, the rest is little and random."""
    values: dict[str, Any] = {}
    properties = {**PROPERTIES[kind], **({EXTENSION: TEXT} if kind == "user" else {})}
    for name, near in written.near.items():
        _set(values, name, _draw_value(chance, properties[name], near))
    for name in chance.sample(list(properties), 3):
        if name not in written.near:
            _set(values, name, _draw_value(chance, properties[name], []))
    groups = [group for group in written.groups if chance.random() < 0.5]
    groups += chance.sample(IDS, chance.choice([0, 0, 1]))
    manager = chance.choice([*written.managers, *written.managers, None, chance.choice(IDS)])
    return Subject(values, frozenset(group.lower() for group in groups), manager, NOW)


_ABSENT = object()
_UNUSUAL: dict[str, list[Any]] = {
    BOOL: ["yes", "TRUE"],
    DATE: ["soon", "2026-05-17 Z"],
    TEXTS: ["David", ["", None]],
    PLANS: [[{}]],
}


def _set(values: dict[str, Any], name: str, value: Any) -> None:
    if value is not _ABSENT and name != "memberOf":
        values[name] = value


def _draw_value(chance: random.Random, kind: str, near: list[Any]) -> Any:
    lot = chance.random()
    if lot < 0.10:
        return _ABSENT
    if lot < 0.17:
        return chance.choice([None, "", [], *_UNUSUAL.get(kind, ())])
    match kind:
        case "text":
            return _draw_text(chance, near)
        case "bool":
            return chance.choice(near or [True, False])
        case "date":
            return chance.choice([*near, *near, *near, chance.choice(DATES), chance.choice(NOT_DATES)])
        case "texts":
            items = [_draw_text(chance, near) for _ in range(chance.choice([0, 1, 1, 2, 3]))]
            return items + chance.choice([[], [], [], [""], [None]])
        case "plans":
            return [_draw_plan(chance, near) for _ in range(chance.choice([0, 1, 1, 2, 3]))]
    return _ABSENT


def _draw_text(chance: random.Random, near: list[Any]) -> str:
    value = str(chance.choice(near)) if near and chance.random() < 0.75 else chance.choice(WORDS)
    lot = chance.random()
    if lot < 0.12:
        return value + chance.choice(["x", " ", "\n", "é"])
    if lot < 0.2:
        return chance.choice(["x", " ", "é"]) + value
    return _recased(chance, value)


def _recased(chance: random.Random, value: str) -> str:
    return chance.choice([value, value, value.upper(), value.lower()])


def _draw_plan(chance: random.Random, near: list[Any]) -> dict[str, Any]:
    plan: dict[str, Any] = {
        name: chance.choice(values) for name, values in PLAN_VALUES.items() if chance.random() < 0.85
    }
    for part in chance.sample(near, min(len(near), 2)):
        plan.update({name: _recased(chance, value) for name, value in part.items()})
    if chance.random() < 0.1:
        plan[chance.choice(PLAN_PROPERTIES)] = chance.choice(["", None])
    return plan
