"""How a plan reads, for people and for programs."""

from __future__ import annotations

from typing import Any

import pytest

from reseal.blueprint.plan import Action, Field, Plan, PlanLine, differences


def line(*fields: Field, action: Action = Action.CHANGE, devices: int = 0) -> str:
    sample = tuple(f"RSL-{number:04}" for number in range(1, devices + 1))[:5]
    return str(PlanLine(action, "profile", "Contoso sales", fields, devices, sample))


def test_a_change_says_what_was_and_what_becomes_and_for_which_devices() -> None:
    assert line(Field("eulaHidden", True, False), devices=8) == (
        '~ profile "Contoso sales": eulaHidden true -> false (8 devices: RSL-0001, RSL-0002, RSL-0003 ...)'
    )


def test_few_devices_are_all_named() -> None:
    assert line(Field("locale", "", "de-DE"), devices=1) == (
        '~ profile "Contoso sales": locale "" -> "de-DE" (1 device: RSL-0001)'
    )
    assert line(devices=3).endswith("(3 devices: RSL-0001, RSL-0002, RSL-0003)")


def test_what_is_made_or_deleted_is_named_alone() -> None:
    assert line(Field("locale", None, "de-DE"), action=Action.CREATE) == '+ profile "Contoso sales"'
    assert line(action=Action.DELETE) == '- profile "Contoso sales"'
    assert str(PlanLine(Action.CHANGE, "settings", "", (Field("a", 1, 2),), 0, ())) == "~ settings: a 1 -> 2"


@pytest.mark.parametrize(
    "old, new, told",
    [
        (["adele"], ["adele", "ben"], 'x +"ben"'),
        (["adele", "ben"], ["ben"], 'x -"adele"'),
        (["a", "b"], ["b", "a"], 'x now in the order "b", "a"'),
        ([{"group": "A"}], [{"all": "devices"}], 'x +(all "devices") -(group "A")'),
        (None, ["a"], 'x none -> ["a"]'),
        ("x" * 80, None, f'x "{"x" * 60}..." -> none'),
        (
            {"sha256": "a" * 64, "size": 1, "fileName": "a.msi"},
            {"sha256": "b" * 64, "size": 1, "fileName": "a.msi"},
            f"x a.msi ({'a' * 12}) -> a.msi ({'b' * 12})",
        ),
    ],
)
def test_values_read_like_what_they_are(old: Any, new: Any, told: str) -> None:
    assert str(Field("x", old, new)) == told


def test_fields_differ_one_by_one() -> None:
    before = {"name": "A", "urls": {"a": 1, "b": 2}, "gone": 1, "same": []}
    after = {"name": "a", "urls": {"a": 1, "b": 3}, "same": [], "new": True}
    assert differences(before, after) == (
        Field("name", "A", "a"),
        Field("urls.b", 2, 3),
        Field("new", None, True),
        Field("gone", 1, None),
    )
    assert differences(before, before) == ()


def test_settings_of_a_policy_differ_by_their_node() -> None:
    def setting(uri: str, value: int, kind: str = "int") -> dict[str, Any]:
        return {"uri": uri, "format": kind, "value": value}

    before = {"settings": [setting("./a", 1), setting("./b", 1), setting("./c", 1)]}
    after = {"settings": [setting("./a", 2), setting("./b", 1, "chr"), setting("./d", 4)]}
    assert differences(before, after) == (
        Field("./a", 1, 2),
        Field("./b", {"format": "int", "value": 1}, {"format": "chr", "value": 1}),
        Field("./d", None, {"format": "int", "value": 4}),
        Field("./c", {"format": "int", "value": 1}, None),
    )
    turned = {"settings": [setting("./b", 1), setting("./a", 1), setting("./c", 1)]}
    assert differences(before, turned) == (
        Field("order of settings", ["./a", "./b", "./c"], ["./b", "./a", "./c"]),
    )


def test_a_plan_survives_the_way_as_json() -> None:
    made = PlanLine(Action.CREATE, "group", "A", (Field("members", None, ["a"]),), 2, ("X", "Y"))
    plan = Plan((made,), 3, ('user "b"',))
    assert Plan.from_json(plan.to_json()) == plan
