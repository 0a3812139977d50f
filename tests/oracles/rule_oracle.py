"""A second reading of the membership-rule language, to compare `reseal.directory.rules` with.

It was written from `spec/autopilot.md 3.3` and `docs/administrator/membership-rules.md` alone, by somebody
who had not seen the real one, and shares no code with it. It is slow and plain on purpose: a rule is cut into
tokens, the token list is split at its weakest connective, the pieces are split again, and what cannot be
split is one comparison. Patterns of `-match` go through Python's `re`, after a translation that knows only
the subset `rule_strategies` writes.

`read_rule` refuses (raises `Refused`) or gives a tree of tuples; `holds` asks whether it is true of a
`Subject`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from tests.oracles.rule_words import (
    BOOL,
    DASHES,
    DATE,
    DATE_OPERATORS,
    GROUPS,
    OPERATORS,
    OPPOSITES,
    PLAN_PROPERTIES,
    PLANS,
    PROPERTIES,
    TEXT,
    TEXT_OPERATORS,
    TEXTS,
    TYPOGRAPHIC_QUOTES,
    Refused,
    duration,
    instant,
    pattern,
    required_instant,
)

LONGEST_RULE = 3072
DEEPEST_RULE = 50

Token = tuple[str, str]
"""What it is ("(", ")", "[", "]", ",", "quoted" or "word") and its text, quotes and escapes taken away."""

Tree = tuple[Any, ...]


@dataclass(frozen=True)
class Subject:
    """Who is asked about: attributes by name, ids of the groups it is in, the manager's id, and the time."""

    values: Mapping[str, Any]
    groups: frozenset[str]
    manager: str | None
    now: datetime


# --- from characters to tokens --------------------------------------------------------------------------


def cut(rule: str) -> list[Token]:
    """The tokens of a rule."""
    tokens: list[Token] = []
    at = 0
    while at < len(rule):
        character = rule[at]
        if character.isspace():
            at += 1
        elif character in "()[],":
            tokens.append((character, character))
            at += 1
        elif character in TYPOGRAPHIC_QUOTES:
            raise Refused("a typographic quote")
        elif character in "\"'":
            text, at = _read_quoted(rule, at)
            tokens.append(("quoted", text))
        else:
            text, at = _read_word(rule, at)
            tokens.append(("word", text))
    return tokens


def _read_quoted(rule: str, at: int) -> tuple[str, int]:
    quote = rule[at]
    at += 1
    text = ""
    while at < len(rule):
        escaped, length = _escape(rule, at)
        if length:
            text += escaped
            at += length
        elif rule[at : at + 2] == "''":
            text += "'"
            at += 2
        elif rule[at] == quote:
            return text, at + 1
        else:
            text += rule[at]
            at += 1
    raise Refused("a quote that is not closed")


def _read_word(rule: str, at: int) -> tuple[str, int]:
    text = ""
    while at < len(rule):
        escaped, length = _escape(rule, at)
        if length:
            text += escaped
            at += length
        elif rule[at].isspace() or rule[at] in "()[],\"'" + TYPOGRAPHIC_QUOTES:
            break
        else:
            text += rule[at]
            at += 1
    return text, at


def _escape(rule: str, at: int) -> tuple[str, int]:
    """The text that an escape at this place stands for and the length of the escape, 0 if there is none."""
    pair = rule[at : at + 2]
    if len(pair) < 2:
        return "", 0
    if pair[0] == "\\" and not pair[1].isspace() and pair[1] not in "()[],":
        return (pair[1] if pair[1] in "\"'" else pair), 2
    if pair[0] == "`" and pair[1] in "\"'`\\":
        return pair[1], 2
    return "", 0


def _operator(token: Token) -> str | None:
    """The operator a token spells, without dash and in small letters."""
    kind, text = token
    if kind != "word":
        return None
    name = text[1:] if text[:1] and text[0] in DASHES else text
    return name.lower() if name.lower() in OPERATORS else None


# --- from tokens to a tree ------------------------------------------------------------------------------


def read_rule(rule: str, kind: str) -> Tree:
    """The tree of a rule for "user" or "device"; raises `Refused`."""
    if len(rule) > LONGEST_RULE:
        raise Refused("too long")
    tokens = cut(rule)
    _check_brackets(tokens)
    if _words(tokens).count("direct reports for"):
        return _read_direct_reports(tokens, kind)
    return _read(tokens, kind, 0)


def _check_brackets(tokens: Sequence[Token]) -> None:
    open_ones = []
    for kind, _ in tokens:
        if kind in ("(", "["):
            open_ones.append(kind)
        elif kind in (")", "]") and (not open_ones or open_ones.pop() + kind not in ("()", "[]")):
            raise Refused("a parenthesis or bracket that was not opened")
    if open_ones:
        raise Refused("a parenthesis or bracket that is not closed")


def _words(tokens: Sequence[Token]) -> str:
    return " ".join(text.lower() if kind == "word" else kind for kind, text in tokens)


def _read_direct_reports(tokens: Sequence[Token], kind: str) -> Tree:
    depth = 0
    while tokens[0][0] == "(" and _partner(tokens, 0) == len(tokens) - 1:
        tokens = tokens[1:-1]
        depth += 1
    if depth > DEEPEST_RULE:
        raise Refused("too deep")
    if kind != "user" or len(tokens) != 4 or _words(tokens[:3]) != "direct reports for":
        raise Refused("Direct Reports stands alone, and is for users")
    value = _read_value(tokens[3:])
    if value[0] != "text" or not value[1]:
        raise Refused("the id of a manager is a text")
    return ("direct reports", value[1])


def _partner(tokens: Sequence[Token], at: int) -> int:
    """The place of the parenthesis that closes the one at this place."""
    depth = 0
    for place in range(at, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[place][0], 0)
        if depth == 0:
            return place
    raise Refused("a parenthesis that is not closed")


def _read(tokens: Sequence[Token], scope: str, depth: int) -> Tree:
    """Scope: "user" or "device", or inside a condition "_", "assignedplan" or "group"."""
    if depth > DEEPEST_RULE:
        raise Refused("too deep")
    if not tokens:
        raise Refused("something is missing")
    for connective in ("or", "and"):
        parts = _split(tokens, connective)
        if len(parts) > 1:
            return (connective, [_read(part, scope, depth) for part in parts])
    if _operator(tokens[0]) == "not":
        return _read_negation(tokens[1:], scope, depth + 1)
    if tokens[0][0] == "(" and _partner(tokens, 0) == len(tokens) - 1:
        return ("same", _read(tokens[1:-1], scope, depth + 1))
    return _read_clause(tokens, scope, depth)


def _split(tokens: Sequence[Token], connective: str) -> list[Sequence[Token]]:
    """The pieces between the connectives that stand in no parentheses and in no open condition."""
    parts = []
    start = depth = 0
    for place, token in enumerate(tokens):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token[0], 0)
        if depth:
            continue
        if _operator(token) in ("any", "all") and tokens[place + 1 : place + 2] != [("(", "(")]:
            break
        if _operator(token) == connective:
            parts.append(tokens[start:place])
            start = place + 1
    return [*parts, tokens[start:]]


def _read_negation(tokens: Sequence[Token], scope: str, depth: int) -> Tree:
    inner = _read(tokens, scope, depth)
    core = inner
    while core[0] == "same":
        core = core[1]
    if core[0] == "compare" and core[3] == ("null",):
        raise Refused("-not with null")
    return ("not", inner)


def _read_clause(tokens: Sequence[Token], scope: str, depth: int) -> Tree:
    if len(tokens) < 3:
        raise Refused("a clause is a property, an operator and a value")
    subject, kind = _property(tokens[0], scope)
    operator = _operator(tokens[1])
    if operator in ("any", "all"):
        return _read_condition(operator, subject, kind, tokens[2:], depth)
    if operator is None:
        raise Refused("an operator is missing")
    value = _read_value(tokens[2:])
    return ("compare", (subject, kind), operator, _fit(kind, operator, value))


def _property(token: Token, scope: str) -> tuple[str, str]:
    """The property's name in small letters, and what it holds."""
    kind, text = token
    word = text.lower()
    if kind != "word":
        raise Refused("a property is missing")
    if scope == "_":
        if word != "_":
            raise Refused("only _ can be named here")
        return "_", TEXT
    head, _, name = word.partition(".")
    if head != scope:
        raise Refused(f"{text} cannot be named here")
    if scope == "user" and re.fullmatch(r"extension_[0-9a-z]+_\w+", name):
        return name, TEXT
    known = {"assignedplan": dict.fromkeys(PLAN_PROPERTIES, TEXT), "group": {"objectId": TEXT}, **PROPERTIES}
    for candidate, what in known[scope].items():
        if candidate.lower() == name:
            return name, what
    raise Refused(f"{text} does not exist")


def _read_condition(operator: str, subject: str, kind: str, tokens: Sequence[Token], depth: int) -> Tree:
    scopes = {TEXTS: "_", PLANS: "assignedplan", GROUPS: "group"}
    if kind not in scopes:
        raise Refused("-any and -all are for collections")
    if tokens[0][0] == "(":
        if _partner(tokens, 0) != len(tokens) - 1:
            raise Refused("a connective is missing after the condition")
        tokens = tokens[1:-1]
    condition = _read(tokens, scopes[kind], depth + 1)
    if kind == GROUPS:
        while condition[0] == "same":
            condition = condition[1]
        return _read_membership(operator, condition)
    return (operator, (subject, kind), condition)


def _read_membership(operator: str, condition: Tree) -> Tree:
    if operator != "any" or condition[0] != "compare" or condition[2] not in ("in", "eq"):
        raise Refused("memberOf -any (group.objectId -in [...])")
    value = condition[3]
    if value[0] not in ("list", "text"):
        raise Refused("memberOf with null")
    return ("memberof", value[1] if value[0] == "list" else [value[1]])


# --- values ---------------------------------------------------------------------------------------------


def _read_value(tokens: Sequence[Token]) -> Tree:
    """("null",), ("text", text), ("list", texts) or ("now", shift)."""
    if tokens[0][0] == "[":
        return _read_list(tokens)
    if len(tokens) == 3 and tokens[0][0] == "word" and tokens[0][1].lower() == "system.now":
        sign = {"plus": 1, "minus": -1}.get(_operator(tokens[1]) or "")
        if sign is None or tokens[2][0] not in ("word", "quoted"):
            raise Refused("after system.now only -plus or -minus and a duration")
        return ("now", sign * duration(tokens[2][1]))
    if len(tokens) != 1:
        raise Refused("more than a value")
    kind, text = tokens[0]
    if kind == "quoted":
        return ("text", text)
    if kind != "word":
        raise Refused("a value is missing")
    if text.lower() in ("null", "$null"):
        return ("null",)
    if text.lower() == "system.now":
        return ("now", timedelta(0))
    _check_bare(tokens[0])
    return ("text", text)


def _check_bare(token: Token) -> None:
    text = token[1]
    if _operator(token) or text.lower().startswith(("user.", "device.")):
        raise Refused("an unquoted word that looks like something else")
    if text[0] in DASHES and not re.fullmatch(r"-[0-9]+(\.[0-9]+)?", text):
        raise Refused("an unquoted word with a hyphen in front")


def _read_list(tokens: Sequence[Token]) -> Tree:
    if tokens[-1][0] != "]":
        raise Refused("more than a list")
    inside = tokens[1:-1]
    items = []
    for place, token in enumerate(inside):
        if place % 2 == 1:
            if token[0] != ",":
                raise Refused("a comma is missing")
            continue
        if token[0] not in ("word", "quoted"):
            raise Refused("only texts in lists")
        value = _read_value([token])
        if value[0] != "text" or not value[1]:
            raise Refused("null, an empty text or system.now in a list")
        items.append(value[1])
    if len(inside) % 2 == 0:
        raise Refused("a list without items, or with a comma at its end")
    return ("list", items)


def _fit(kind: str, operator: str, value: Tree) -> Tree:
    """The value as this kind of property compares it; raises `Refused` where operator or value do not fit."""
    allowed = {
        TEXT: TEXT_OPERATORS,
        TEXTS: TEXT_OPERATORS,
        BOOL: {"eq", "ne"},
        DATE: DATE_OPERATORS,
        PLANS: {"eq", "ne"},
    }
    if operator not in allowed.get(kind, set()):
        raise Refused(f"-{operator} is not for {kind}")
    if operator in ("eq", "ne") and value == ("text", ""):
        return ("empty",)
    if value == ("null",):
        if operator not in ("eq", "ne"):
            raise Refused("null with another operator than -eq and -ne")
        return value
    if (value[0] == "list") != (operator in ("in", "notin")):
        raise Refused("a list belongs to -in and -notIn, and they to a list")
    if kind == PLANS:
        raise Refused("assignedPlans can be compared with null only")
    if kind == BOOL:
        if value[0] != "text" or value[1].lower() not in ("true", "false"):
            raise Refused("not true or false")
        return ("bool", value[1].lower() == "true")
    if kind == DATE:
        return value if value[0] == "now" else ("instant", required_instant(value[1]))
    if value[0] == "now":
        raise Refused("system.now with a text")
    if operator in ("match", "notmatch"):
        return ("pattern", pattern(value[1]))
    return value


# --- asking ---------------------------------------------------------------------------------------------


def holds(tree: Tree, subject: Subject) -> bool:
    """Whether the rule is true of the subject."""
    match tree:
        case ("direct reports", manager):
            return subject.manager is not None and subject.manager.casefold() == manager.casefold()
        case ("memberof", ids):
            return bool({one.casefold() for one in ids} & {one.casefold() for one in subject.groups})
        case _:
            return _true(tree, subject, _by_small_name(subject.values))


def _by_small_name(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in values.items()}


def _true(tree: Tree, subject: Subject, values: Mapping[str, Any]) -> bool:
    match tree:
        case ("or", parts):
            return any(_true(part, subject, values) for part in parts)
        case ("and", parts):
            return all(_true(part, subject, values) for part in parts)
        case ("not", inner):
            return not _true(inner, subject, values)
        case ("same", inner):
            return _true(inner, subject, values)
        case ("memberof", _):
            return holds(tree, subject)
        case ("any", (name, kind), condition):
            return any(_true(condition, subject, item) for item in _items(values.get(name), kind))
        case ("all", (name, kind), condition):
            return all(_true(condition, subject, item) for item in _items(values.get(name), kind))
        case ("compare", (name, kind), operator, value):
            return _compare(values.get(name), kind, operator, value, subject)
    raise AssertionError(tree)


def _is_nothing(stored: Any) -> bool:
    return stored is None or stored in ("", [], (), {})


def _items(stored: Any, kind: str) -> list[dict[str, Any]]:
    """The items of a collection, each as the names a condition knows it by; a single value is one item."""
    several = stored if isinstance(stored, list | tuple) else [stored]
    if kind == TEXTS:
        return [{"_": item} for item in several if not _is_nothing(item)]
    plans = [_by_small_name(item) for item in several if isinstance(item, Mapping)]
    return [plan for plan in plans if any(not _is_nothing(value) for value in plan.values())]


def _compare(stored: Any, kind: str, operator: str, value: Tree, subject: Subject) -> bool:
    if operator in OPPOSITES:
        return not _compare(stored, kind, OPPOSITES[operator], value, subject)
    if kind in (TEXTS, PLANS):
        items = _items(stored, kind)
        if value in (("null",), ("empty",)):
            return not items
        return any(_compare(item["_"], TEXT, operator, value, subject) for item in items)
    if value in (("null",), ("empty",)):
        return _is_nothing(stored)
    known = _fitting(stored, kind)
    if known is None:
        return False
    match value:
        case ("bool", wanted):
            return bool(known == wanted)
        case ("instant", wanted):
            return _instant_holds(known, operator, wanted)
        case ("now", shift):
            return _instant_holds(
                known, operator, _seconds(subject.now) + Fraction(shift // timedelta(seconds=1))
            )
    return _text_holds(known, operator, value)


def _fitting(stored: Any, kind: str) -> Any:
    """The stored value as its property holds it; None if there is none or it does not fit."""
    if kind == BOOL:
        if isinstance(stored, str):
            return {"true": True, "false": False}.get(stored.lower())
        return stored if isinstance(stored, bool) else None
    if kind == DATE:
        return instant(stored) if isinstance(stored, str) else None
    return stored if isinstance(stored, str) and stored else None


def _seconds(moment: datetime) -> Fraction:
    seconds = moment.toordinal() * 86_400 + moment.hour * 3600 + moment.minute * 60 + moment.second
    return Fraction(seconds) + Fraction(moment.microsecond, 1_000_000)


def _instant_holds(known: Fraction, operator: str, wanted: Fraction) -> bool:
    verdicts = {"eq": known == wanted, "le": known <= wanted, "ge": known >= wanted}
    return verdicts[operator]


def _text_holds(known: str, operator: str, value: Tree) -> bool:
    if operator == "match":
        return bool(value[1].search(known))
    if operator == "in":
        return known.casefold() in {item.casefold() for item in value[1]}
    mine, wanted = known.casefold(), str(value[1]).casefold()
    verdicts = {
        "eq": mine == wanted,
        "startswith": mine.startswith(wanted),
        "endswith": mine.endswith(wanted),
        "contains": wanted in mine,
    }
    return verdicts[operator]
