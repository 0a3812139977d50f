"""Properties that hold for every rule and every object, tried on many of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from reseal.directory.rules import (
    USER,
    Explanation,
    Rule,
    RuleError,
    RuleIndex,
    RuleObject,
    Value,
    compile_rule,
)
from reseal.directory.rules.lexer import Span
from reseal.directory.rules.parser import parse

# --- any text at all ---

PIECES = """
    user.city user.otherMails user.assignedPlans user.memberOf user.employeeHireDate user.accountEnabled
    user.foo device.deviceModel assignedPlan.service group.objectId _ -eq eq -ne -in -notIn -match -any -all
    -not not -and and -or or –eq null $null true system.now -plus p1d p1m Direct Reports for "a" 'b' "" "*"
    "(" ( ) [ ] , x 2020-01-01 " ' ` \\ -
"""

pieces = st.sampled_from(PIECES.split())
anything = st.text(max_size=60) | st.lists(pieces, max_size=25).map(" ".join)


@given(anything)
@settings(max_examples=1_500)
def test_any_text_is_a_rule_or_a_rule_error(text: str) -> None:
    rule = rule_or_error(text)
    if isinstance(rule, RuleError):
        assert 0 <= rule.position <= len(text)
        assert all([rule.code, rule.message, rule.remedy])
    else:
        assert rule.matches(RuleObject({})) in (True, False)


def rule_or_error(text: str) -> Rule | RuleError:
    try:
        return compile_rule(text, USER)
    except RuleError as error:
        return error


# --- rules as people could write them ---


@dataclass(frozen=True)
class Piece:
    """A rule, and how strongly its outermost operator binds: 3 comparison, 2 not, 1 and, 0 or."""

    text: str
    power: int


NAMES = ("city", "state", "otherMails", "accountEnabled", "memberOf", "employeeHireDate", "assignedPlans")
TEXTS = ("", "a", "A", "b", "ab", "ba", "ß", "SS")
OPERATORS = (
    "eq",
    "ne",
    "startsWith",
    "notStartsWith",
    "endsWith",
    "notEndsWith",
    "contains",
    "notContains",
    "match",
)
DATES = ("2024-01-01", "2024-01-02T00:00:00Z", "system.now", "system.now -plus p1d", "system.now -minus p1d")

dashes = st.sampled_from(["-", "-", "", "–", "—"])
quoted = st.sampled_from(TEXTS).map(lambda text: f'"{text}"')
lists = st.lists(st.sampled_from([text for text in TEXTS if text]), min_size=1, max_size=3).map(
    lambda items: "[" + ", ".join(f"'{item}'" for item in items) + "]"
)


def spelled(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name, name.upper(), name.lower()])


@st.composite
def comparisons(draw: st.DrawFn, name: str) -> Piece:
    dash = draw(dashes)
    if draw(st.booleans()):
        return Piece(f"{draw(spelled(name))} {dash}{draw(st.sampled_from(['in', 'notIn']))} {draw(lists)}", 3)
    operator = draw(st.sampled_from(OPERATORS))
    value = draw(quoted | st.just("null")) if operator in ("eq", "ne") else draw(quoted)
    return Piece(f"{draw(spelled(name))} {dash}{operator} {value}", 3)


@st.composite
def over_items(draw: st.DrawFn) -> Piece:
    collection, item = draw(
        st.sampled_from([("user.otherMails", "_"), ("user.assignedPlans", "assignedPlan.service")])
    )
    condition = draw(expressions(comparisons(item)))
    return Piece(f"{collection} {draw(dashes)}{draw(st.sampled_from(['any', 'all']))} ({condition.text})", 3)


@st.composite
def negations(draw: st.DrawFn, operands: st.SearchStrategy[Piece]) -> Piece:
    operand = draw(operands)
    if operand.text.rstrip(")").endswith("null") and operand.power == 3:
        return operand
    text = operand.text if operand.power >= 2 else f"({operand.text})"
    return Piece(f"{draw(dashes)}not {text}", 2)


@st.composite
def chains(draw: st.DrawFn, operands: st.SearchStrategy[Piece]) -> Piece:
    power = draw(st.sampled_from([0, 1]))
    parts = draw(st.lists(operands, min_size=2, max_size=3))
    texts = [part.text if part.power > power and draw(st.booleans()) else f"({part.text})" for part in parts]
    return Piece(f" {draw(dashes)}{('or', 'and')[power]} ".join(texts), power)


def expressions(leaves: st.SearchStrategy[Piece]) -> st.SearchStrategy[Piece]:
    return st.recursive(leaves, lambda inner: negations(inner) | chains(inner), max_leaves=5)


date_comparisons = st.tuples(st.sampled_from(["eq", "ne", "le", "ge"]), st.sampled_from(DATES)).map(
    lambda pair: Piece(f"user.employeeHireDate -{pair[0]} {pair[1]}", 3)
)
flags = st.sampled_from(["-eq true", "-eq false", "-ne true", "-ne null"]).map(
    lambda text: Piece(f"user.accountEnabled {text}", 3)
)
groups = lists.map(lambda items: Piece(f"user.memberOf -any (group.objectId -in {items})", 3))
rules = expressions(
    comparisons("user.city")
    | comparisons("user.state")
    | comparisons("user.otherMails")
    | over_items()
    | date_comparisons
    | flags
    | groups
).map(lambda piece: piece.text)

texts = st.sampled_from((*TEXTS, None))
objects = st.builds(
    RuleObject,
    st.fixed_dictionaries(
        {},
        optional={
            "city": texts,
            "state": texts,
            "otherMails": st.lists(texts, max_size=3),
            "assignedPlans": st.lists(st.fixed_dictionaries({}, optional={"service": texts}), max_size=3),
            "accountEnabled": st.sampled_from([True, False, "true", None]),
            "employeeHireDate": st.sampled_from(["2024-01-01", "2023-12-31T23:00:00-01:00", "soon", None]),
        },
    ),
    groups=st.frozensets(st.sampled_from(["a", "b", "ab", "ss"]), max_size=2),
    now=st.sampled_from([None, datetime(2024, 1, 1, tzinfo=UTC)]),
)


@given(rules, objects)
@settings(max_examples=400)
def test_explanation_agrees_with_the_answer(text: str, obj: RuleObject) -> None:
    rule = compile_rule(text, USER)
    explained = rule.explain(obj)
    assert explained.matched is rule.matches(obj)
    check_parts(explained, text)


def check_parts(explained: Explanation, text: str) -> None:
    assert explained.text == text[explained.span.start : explained.span.end]
    for part in explained.parts:
        assert explained.span.start <= part.span.start <= part.span.end <= explained.span.end
        check_parts(part, text)


@given(rules, objects)
@settings(max_examples=300)
def test_negation_is_the_opposite(text: str, obj: RuleObject) -> None:
    rule = compile_rule(text, USER)
    opposite = rule_or_error(f"-not ({text})")
    if isinstance(opposite, RuleError):
        assert opposite.code == "NotWithNull"
    else:
        assert opposite.matches(obj) is not rule.matches(obj)


@given(st.lists(rules, min_size=2, max_size=3), objects)
@settings(max_examples=200)
def test_connectives_are_those_of_logic(parts: list[str], obj: RuleObject) -> None:
    results = [compile_rule(part, USER).matches(obj) for part in parts]
    wrapped = [f"({part})" for part in parts]
    assert compile_rule(" -and ".join(wrapped), USER).matches(obj) is all(results)
    assert compile_rule(" -or ".join(wrapped), USER).matches(obj) is any(results)


@given(rules, objects)
@settings(max_examples=300)
def test_parentheses_that_are_not_needed_change_nothing(text: str, obj: RuleObject) -> None:
    assert without_spans(parse(text)) == without_spans(parse(f"( ({text})) "))
    assert compile_rule(f"(({text}))", USER).matches(obj) is compile_rule(text, USER).matches(obj)


def without_spans(node: object) -> object:
    """The tree as nested tuples, without positions."""
    if isinstance(node, tuple) and not isinstance(node, Span):
        return tuple(without_spans(part) for part in node)
    if not is_dataclass(node):
        return None if isinstance(node, Span) else node
    return (type(node).__name__, *(without_spans(getattr(node, field.name)) for field in fields(node)))


@given(st.lists(rules, max_size=8), objects)
@settings(max_examples=300)
def test_index_loses_no_rule(written: Sequence[str], obj: RuleObject) -> None:
    compiled = [(100 - number, compile_rule(text, USER)) for number, text in enumerate(written)]
    index = RuleIndex(compiled)
    matching = [key for key, rule in compiled if rule.matches(obj)]
    candidates = index.candidates(obj)
    assert index.matching(obj) == matching
    assert set(matching) <= set(candidates)
    assert candidates == [key for key, _ in compiled if key in candidates]
    for name in NAMES:
        changed = frozenset({name})
        reading = [key for key, rule in compiled if name in rule.attributes]
        assert index.reading(changed) == reading
        assert index.matching(obj, changed) == [key for key in matching if key in reading]
        assert index.candidates(obj, changed) == [key for key in candidates if key in reading]


@given(rules, objects, st.sampled_from(NAMES), texts)
@settings(max_examples=300)
def test_only_attributes_that_are_read_matter(text: str, obj: RuleObject, name: str, value: Value) -> None:
    rule = compile_rule(text, USER)
    if name not in rule.attributes and name != "memberOf":
        changed = RuleObject({**obj.values, name: value}, obj.groups, obj.manager, obj.now)
        assert rule.matches(changed) is rule.matches(obj)


@given(rules)
@settings(max_examples=200)
def test_clock_is_read_if_and_only_if_named(text: str) -> None:
    assert compile_rule(text, USER).reads_clock is ("system.now" in text)
