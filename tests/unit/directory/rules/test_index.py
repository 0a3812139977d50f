"""Anchors, and the index over them: what is read, what can match, in which order."""

from __future__ import annotations

import pytest

from reseal.directory.rules import DEVICE, USER, RuleIndex, RuleObject, Schema, compile_rule

TAG = 'device.devicePhysicalIds -any (_ -eq "[OrderID]:{}")'


def anchors(rule: str, schema: Schema = USER) -> list[tuple[str, str]] | None:
    found = compile_rule(rule, schema).anchors
    return None if found is None else sorted(found)


@pytest.mark.parametrize(
    "rule, expected",
    [
        ('user.city -eq "Bonn"', [("city", "bonn")]),
        ('user.city -in ["Bonn", "Berlin"]', [("city", "berlin"), ("city", "bonn")]),
        ('user.otherMails -eq "A"', [("otherMails", "a")]),
        ('user.otherMails -any (_ -in ["A", "b"])', [("otherMails", "a"), ("otherMails", "b")]),
        ('user.otherMails -any (_ -eq "a" -and _ -contains "x")', [("otherMails", "a")]),
        ('user.city -eq "a" -or user.state -eq "b"', [("city", "a"), ("state", "b")]),
        ('user.city -in ["a", "c"] -and user.state -eq "b"', [("state", "b")]),
        ('user.country -eq "US" -and user.city -in ["a", "b"]', [("city", "a"), ("city", "b")]),
        ('user.country -eq "US" -and user.mail -ne null', [("country", "us")]),
        ("user.accountEnabled -eq true", [("accountEnabled", "true")]),
        ("user.memberOf -any (group.objectId -in ['G'])", [("memberOf", "g")]),
        ('Direct Reports for "M"', [("manager", "m")]),
        ('user.city -ne "Bonn"', None),
        ('user.city -notIn ["Bonn"]', None),
        ('-not (user.city -eq "Bonn")', None),
        ('-not (user.city -ne "Bonn")', None),
        ('user.city -startsWith "Bonn"', None),
        ('user.city -eq ""', None),
        ("user.city -eq null", None),
        ('user.city -eq "a" -or user.state -ne "b"', None),
        ('user.otherMails -all (_ -eq "a")', None),
        ('user.assignedPlans -any (assignedPlan.service -eq "a")', None),
        ("user.employeeHireDate -eq 2020-01-01", None),
    ],
)
def test_anchors(rule: str, expected: list[tuple[str, str]] | None) -> None:
    assert anchors(rule) == expected


INDEX = RuleIndex(
    [
        (30, compile_rule(TAG.format("Berlin"), DEVICE)),
        (10, compile_rule(TAG.format("Bonn"), DEVICE)),
        (20, compile_rule('device.devicePhysicalIds -any (_ -startsWith "[ZTDID]")', DEVICE)),
        (40, compile_rule('device.deviceModel -eq "XPS" -or ' + TAG.format("berlin"), DEVICE)),
        (50, compile_rule("device.memberOf -any (group.objectId -in ['g1'])", DEVICE)),
        (60, compile_rule("device.objectId -ne null", DEVICE)),
    ]
)
BERLIN = RuleObject({"devicePhysicalIds": ["[ZTDID]:1", "[OrderID]:BERLIN"], "deviceModel": "XPS"})


def test_candidates_leave_out_other_tags_and_keep_the_given_order() -> None:
    assert INDEX.candidates(BERLIN) == [30, 20, 40, 60]
    assert INDEX.candidates(RuleObject({})) == [20, 60]
    assert INDEX.candidates(RuleObject({}, groups=frozenset({"g1"}))) == [20, 50, 60]


def test_matching() -> None:
    assert INDEX.matching(BERLIN) == [30, 20, 40]
    assert INDEX.matching(RuleObject({"objectId": "d"})) == [60]


def test_only_rules_that_read_what_changed() -> None:
    assert INDEX.candidates(BERLIN, frozenset({"deviceModel"})) == [40]
    assert INDEX.matching(BERLIN, frozenset({"objectId"})) == []
    assert INDEX.candidates(BERLIN, frozenset({"displayName"})) == []
    assert INDEX.candidates(BERLIN, frozenset()) == []


def test_reading() -> None:
    assert INDEX.reading(frozenset({"devicePhysicalIds"})) == [30, 10, 20, 40]
    assert INDEX.reading(frozenset({"deviceModel", "memberOf"})) == [40, 50]
    assert INDEX.reading(frozenset({"displayName"})) == []
    extension = compile_rule("user.extension_Ab1_Name -eq x", USER)
    assert RuleIndex([(1, extension)]).reading(frozenset({"extension_ab1_NAME"})) == [1]


def test_an_empty_index_answers() -> None:
    empty = RuleIndex([])
    assert empty.candidates(BERLIN) == []
    assert empty.reading(frozenset({"deviceModel"})) == []
