"""The rule page's answer: which clause is true, which is not, and what was compared."""

from __future__ import annotations

from reseal.directory.rules import DEVICE, USER, Explanation, RuleObject, compile_rule


def outline(explained: Explanation) -> list[tuple[str, bool, tuple[str, ...]]]:
    """Every node in order, as text, result and values."""
    nodes = [(explained.text, explained.matched, explained.values)]
    for part in explained.parts:
        nodes += outline(part)
    return nodes


def test_items_are_shown_one_by_one() -> None:
    rule = compile_rule('device.devicePhysicalIds -any (_ -eq "[OrderID]:Berlin")', DEVICE)
    explained = rule.explain(RuleObject({"devicePhysicalIds": ["[ZTDID]:1", "", "[OrderID]:BERLIN"]}))
    assert explained.attribute == "devicePhysicalIds"
    assert outline(explained) == [
        (rule.text, True, ("[ZTDID]:1", "[OrderID]:BERLIN")),
        ('(_ -eq "[OrderID]:Berlin")', False, ("[ZTDID]:1",)),
        ('(_ -eq "[OrderID]:Berlin")', True, ("[OrderID]:BERLIN",)),
    ]


def test_objects_are_shown_with_their_fields() -> None:
    rule = compile_rule('user.assignedPlans -any (assignedPlan.service -eq "SCO")', USER)
    explained = rule.explain(
        RuleObject({"assignedPlans": [{"service": "SCO", "capabilityStatus": "Enabled"}]})
    )
    assert explained.parts[0].values == ("capabilityStatus=Enabled, service=SCO",)
    assert explained.parts[0].matched


def test_connectives_keep_their_parentheses_and_evaluate_everything() -> None:
    rule = compile_rule(
        '(user.city -eq "Bonn" -or -not (user.state -eq "NRW")) -and user.mail -ne null', USER
    )
    explained = rule.explain(RuleObject({"city": "Bonn", "state": "nrw"}))
    assert outline(explained) == [
        (rule.text, False, ()),
        ('(user.city -eq "Bonn" -or -not (user.state -eq "NRW"))', True, ()),
        ('user.city -eq "Bonn"', True, ("Bonn",)),
        ('-not (user.state -eq "NRW")', False, ()),
        ('(user.state -eq "NRW")', True, ("nrw",)),
        ("user.mail -ne null", False, ()),
    ]


def test_groups_and_manager_are_values_too() -> None:
    obj = RuleObject({}, groups=frozenset({"g2", "g1"}), manager="m1")
    member = compile_rule("user.memberOf -any (group.objectId -in ['g2'])", USER).explain(obj)
    assert (member.attribute, member.values, member.matched) == ("memberOf", ("g1", "g2"), True)
    reports = compile_rule('Direct Reports for "m2"', USER).explain(obj)
    assert (reports.attribute, reports.values, reports.matched) == ("manager", ("m1",), False)


def test_spans_are_positions_in_the_rule() -> None:
    rule = compile_rule("  user.city -eq x\n-and user.state -eq y ", USER)
    for part in rule.explain(RuleObject({})).parts:
        assert rule.text[part.span.start : part.span.end] == part.text
