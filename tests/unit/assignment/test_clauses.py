"""Which comparisons of a rule decided, and how they are told."""

from __future__ import annotations

import pytest

from reseal.assignment.clauses import as_data, decisive, in_words
from reseal.directory.rules import DEVICE, RuleObject, compile_rule

PC = RuleObject(
    {
        "displayName": "PC-1",
        "deviceModel": "Latitude",
        "devicePhysicalIds": ["[ZTDID]:1", "[OrderID]:Berlin"],
    }
)


def decided(rule: str) -> list[tuple[str, bool, tuple[str, ...]]]:
    explanation = compile_rule(rule, DEVICE).explain(PC)
    return [(clause.text, clause.matched, clause.values) for clause in decisive(explanation)]


NAME = 'device.displayName -eq "PC-1"'
OTHER_NAME = 'device.displayName -eq "PC-2"'
MODEL = 'device.deviceModel -eq "Latitude"'
OTHER_MODEL = 'device.deviceModel -eq "OptiPlex"'


@pytest.mark.parametrize(
    "rule, expected",
    [
        (NAME, [(NAME, True, ("PC-1",))]),
        (OTHER_NAME, [(OTHER_NAME, False, ("PC-1",))]),
        (f"{NAME} and {MODEL}", [(NAME, True, ("PC-1",)), (MODEL, True, ("Latitude",))]),
        (f"{NAME} and {OTHER_MODEL}", [(OTHER_MODEL, False, ("Latitude",))]),
        (f"{OTHER_NAME} or {MODEL}", [(MODEL, True, ("Latitude",))]),
        (
            f"{OTHER_NAME} or {OTHER_MODEL}",
            [(OTHER_NAME, False, ("PC-1",)), (OTHER_MODEL, False, ("Latitude",))],
        ),
        (f"not {NAME}", [(NAME, True, ("PC-1",))]),
        (f"not {OTHER_NAME}", [(OTHER_NAME, False, ("PC-1",))]),
        (f"not ({NAME} and {OTHER_MODEL})", [(OTHER_MODEL, False, ("Latitude",))]),
        ("device.deviceCategory -eq null", [("device.deviceCategory -eq null", True, ())]),
    ],
)
def test_only_what_decided_is_kept(rule: str, expected: list[tuple[str, bool, tuple[str, ...]]]) -> None:
    assert decided(rule) == expected


@pytest.mark.parametrize(
    "condition, matched, values",
    [
        ('-any (_ -startsWith "[OrderID]")', True, ("[OrderID]:Berlin",)),
        ('-any (_ -startsWith "[HWID]")', False, ("[ZTDID]:1", "[OrderID]:Berlin")),
        ('-all (_ -startsWith "[ZTDID]")', False, ("[OrderID]:Berlin",)),
        ('-all (_ -startsWith "[")', True, ("[ZTDID]:1", "[OrderID]:Berlin")),
    ],
)
def test_items_that_decided_are_kept(condition: str, matched: bool, values: tuple[str, ...]) -> None:
    rule = f"device.devicePhysicalIds {condition}"
    assert decided(rule) == [(rule, matched, values)]


def test_in_words() -> None:
    rule = f'device.devicePhysicalIds -any (_ -eq "x") or {OTHER_NAME} or device.deviceCategory -ne null'
    clauses = decisive(compile_rule(rule, DEVICE).explain(PC))
    assert in_words(clauses) == (
        'device.devicePhysicalIds -any (_ -eq "x") is false (the values are [ZTDID]:1, [OrderID]:Berlin); '
        f"{OTHER_NAME} is false (the value is PC-1); "
        "device.deviceCategory -ne null is false (there is no value)"
    )
    assert in_words(decisive(compile_rule(NAME, DEVICE).explain(PC))) == f"{NAME} is true (the value is PC-1)"


def test_as_data() -> None:
    clauses = decisive(compile_rule(NAME, DEVICE).explain(PC))
    assert as_data(clauses) == [
        {"clause": NAME, "matched": True, "attribute": "displayName", "values": ["PC-1"]}
    ]
