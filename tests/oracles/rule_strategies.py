"""Random membership rules, drawn from a plain `random.Random`.

`RuleWriter` writes syntax, not meaning: it never knows whether a rule is true of anything. It does remember
which attributes a rule names and which values are near to it, so that `rule_subjects` can make true and false
about equally frequent. A part of the rules is broken on purpose: the templates of `rule_material.WRONG_RULES`
must be refused, and `mangled` damages a good rule somewhere, so that only the two readers know what it means.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.oracles.rule_material import (
    BAD_PATTERNS,
    BLANKS,
    DASHES,
    DATES,
    DURATIONS,
    EXTENSION,
    IDS,
    NOT_DATES,
    NOT_DURATIONS,
    NOW,
    ODD_TOKENS,
    ODD_VALUES,
    PHYSICAL_IDS,
    PIECES,
    PLAN_VALUES,
    RESERVED_WORDS,
    TEXT_OPERATORS,
    WORDS,
    WRONG_DEVICE_RULES,
    WRONG_RULES,
    WRONG_USER_RULES,
)
from tests.oracles.rule_words import (
    BOOL,
    DATE,
    GROUPS,
    PLAN_PROPERTIES,
    PLANS,
    PROPERTIES,
    TEXT,
    TEXTS,
)


@dataclass
class Written:
    """A rule, what is known about it beforehand (None: nothing), and values near to it by attribute."""

    text: str
    refused: bool | None
    near: dict[str, list[Any]] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    managers: list[str] = field(default_factory=list)


class RuleWriter:
    """Writes one rule after the other for users or for devices."""

    def __init__(self, chance: random.Random, kind: str) -> None:
        self.chance = chance
        self.kind = kind
        self.properties = {**PROPERTIES[kind], **({EXTENSION: TEXT} if kind == "user" else {})}
        self.written = Written("", None)
        self.loops = 0

    # --- whole rules --------------------------------------------------------------------------------------

    def rule(self) -> Written:
        """A good rule, or a mangled one, or one that must be refused."""
        lot = self.chance.random()
        if lot < 0.10:
            return self.wrong()
        if lot < 0.25:
            return self.mangled()
        return self.good()

    def good(self) -> Written:
        """A rule that both sides must accept."""
        self.written = Written("", False)
        if self.kind == "user" and self.chance.random() < 0.03:
            tokens = self._direct_reports()
        else:
            tokens = self._chain(self._clause, self.chance.choice([1, 1, 2, 2, 3, 4, 6]), 3)
        text = self.join(tokens)
        if self.chance.random() < 0.01:
            text = self._largest()
        if len(text) > 3072:
            return self.good()
        self.written.text = text
        return self.written

    def wrong(self) -> Written:
        """A rule that both sides must refuse, alone or as a part of a larger one."""
        lot = self.chance.random()
        if lot < 0.06:
            return Written(self._oversized(), True)
        own = WRONG_USER_RULES if self.kind == "user" else WRONG_DEVICE_RULES
        wrong = self.fill(self.chance.choice(own if lot < 0.2 else WRONG_RULES))
        if lot > 0.7:
            parts = [f"({wrong})", f"({self.fill('<fine>')})"]
            self.chance.shuffle(parts)
            wrong = self.fill(" <-and -or> ").join(parts)
        return Written(wrong, True)

    def _largest(self) -> str:
        """As long or as deep as a rule may be."""
        if self.chance.random() < 0.5:
            fine = self.fill("<fine>")
            return fine + " " * (3072 - len(fine))
        openings, fine = self.chance.choice(
            [(50, "<fine>"), (49, "<texts> <-any -all> <item>"), (49, "<-not> <fine>")]
        )
        return "(" * openings + self.fill(fine) + ")" * openings

    def _oversized(self) -> str:
        fine = self.fill("<fine>")
        levels = [self.chance.choice(["(", "-not ("]) for _ in range(51)]
        return self.chance.choice(
            [
                fine + " " * (3073 - len(fine)),
                self.fill(f"<text> -eq '{'x' * 3072}'"),
                "".join(levels) + fine + ")" * 51,
                "-not " * 51 + fine,
                "(" * 50 + self.fill("<texts> <-any -all> <item>") + ")" * 50,
            ]
        )

    def fill(self, template: str) -> str:
        """A template of `rule_material` with everything between < and > filled in."""
        return re.sub("<([^<>]+)>", lambda hole: self._filling(hole.group(1)), template)

    def _filling(self, hole: str) -> str:
        match hole:
            case "kind":
                return self.kind
            case "other":
                return "device" if self.kind == "user" else "user"
            case "text" | "texts" | "bool":
                return self.property_of(self.one_of(hole))
            case "null":
                return self.null()
            case "fine":
                return self.fill("<text> <-eq -ne -contains> <'Sales'>")
            case "item":
                return self.fill("_ <-eq -startsWith> <'Sales'>")
            case "pattern":
                return self.quoted(self.chance.choice(BAD_PATTERNS))
            case "odd date":
                return self.chance.choice(NOT_DATES)
            case "odd duration":
                return self.chance.choice(NOT_DURATIONS)
        if hole.startswith("'"):
            return self.quoted(hole.strip("'"))
        return self.operator(self.chance.choice(hole.split()).removeprefix("-"))

    def mangled(self) -> Written:
        """A good rule with a token lost, doubled, moved, replaced or put in parentheses."""
        self.written = Written("", None)
        tokens = self._chain(self._clause, self.chance.choice([1, 2, 3]), 2)
        for _ in range(self.chance.choice([1, 1, 1, 2, 3])):
            place, other = sorted(self.chance.randrange(len(tokens)) for _ in range(2))
            match self.chance.randrange(12):
                case 0:
                    tokens = tokens[:place] + tokens[place + 1 :] or ["-or"]
                case 1:
                    tokens.insert(place, tokens[place])
                case 2:
                    tokens[place], tokens[other] = tokens[other], tokens[place]
                case 3:
                    tokens.insert(place, self.chance.choice(ODD_TOKENS))
                case 4:
                    tokens[place : other + 1] = ["(", *tokens[place : other + 1], ")"]
                case 5:
                    tokens = [token for at, token in enumerate(tokens) if at not in (place, other)] or [
                        "-and"
                    ]
                case _:
                    tokens[place] = self._replacement(tokens[place])
        self.written.text = self.join(tokens)
        return self.written

    def _replacement(self, token: str) -> str:
        """Another token, mostly one of the same sort."""
        if self.chance.random() < 0.1:
            return self.chance.choice(ODD_TOKENS)
        word = token.lstrip("".join(DASHES)).lower()
        if token in "()[],":
            return token
        if word in ("and", "or", "not", "any", "all"):
            return self.operator({"and": "or", "or": "and", "any": "all", "all": "any"}.get(word, "not"))
        if word in RESERVED_WORDS and "null" not in word:
            return self.operator(self.chance.choice([*TEXT_OPERATORS, "le", "ge"]))
        if token.lower().startswith(f"{self.kind}."):
            return self.property_of(self.chance.choice(list(self.properties)))
        return self.chance.choice(ODD_VALUES)

    def join(self, tokens: list[str]) -> str:
        """The rule's text: blanks where they are needed, and at some other places."""
        chance = self.chance
        text = chance.choice(["", "", "", " ", "\n"])
        for before, token in zip(["", *tokens], tokens, strict=False):
            if before and (not self._may_touch(before, token) or chance.random() < 0.4):
                text += chance.choice(BLANKS)
            text += token
        return text + chance.choice(["", "", "", " ", "\n"])

    def _may_touch(self, before: str, token: str) -> bool:
        """Whether no blank is needed between the two; beside quotes one is mostly written all the same."""
        if before[-1] in "()[]," or token[0] in "()[],":
            return True
        one_quoted = (before[-1] in "\"'") != (token[0] in "\"'") and before[-1] not in "`\\"
        return one_quoted and self.chance.random() < 0.1

    # --- expressions --------------------------------------------------------------------------------------

    def _chain(self, clause: Callable[[bool, bool], list[str]], clauses: int, depth: int) -> list[str]:
        """Clauses joined by -and and -or; only the last may hold a condition without parentheses."""
        tokens: list[str] = []
        for place in range(clauses):
            if place:
                tokens.append(self.operator(self.chance.choice(["and", "or"])))
            tokens += self._operand(clause, place == clauses - 1, depth)
        return tokens

    def _operand(self, clause: Callable[[bool, bool], list[str]], last: bool, depth: int) -> list[str]:
        lot = self.chance.random()
        if lot < 0.13 and depth:
            return ["(", *self._chain(clause, self.chance.choice([1, 2, 2, 3]), depth - 1), ")"]
        if lot < 0.19 and depth:
            inner = self._chain(clause, self.chance.choice([2, 2, 3]), depth - 1)
            return [self.operator("not"), "(", *inner, ")"]
        if lot < 0.28:
            negations = [self.operator("not")] * self.chance.choice([1, 1, 1, 2, 3])
            return negations + self._in_parentheses(clause, last, False)
        return self._in_parentheses(clause, last, True)

    def _in_parentheses(self, clause: Callable[[bool, bool], list[str]], last: bool, null: bool) -> list[str]:
        pairs = self.chance.choice([0, 0, 0, 1, 1, 2, 3])
        return ["("] * pairs + clause(last or pairs > 0, null) + [")"] * pairs

    def operator(self, name: str) -> str:
        """An operator in some case, with some dash or without."""
        dash = "" if self.chance.random() < 0.15 else self.chance.choice(DASHES)
        return dash + self.cased(name)

    def cased(self, name: str) -> str:
        """A name in some letter case."""
        lot = self.chance.random()
        if lot < 0.7:
            return name
        if lot < 0.8:
            return name.lower()
        if lot < 0.9:
            return name.upper()
        return "".join(self.chance.choice([letter.lower(), letter.upper()]) for letter in name)

    def property_of(self, name: str) -> str:
        """The property as a rule names it."""
        return f"{self.cased(self.kind)}.{self.cased(name)}"

    def one_of(self, *kinds: str) -> str:
        """Some property that holds one of these."""
        return self.chance.choice([name for name, kind in self.properties.items() if kind in kinds])

    def _clause(self, last: bool, null: bool) -> list[str]:
        weights = [(TEXT, 10), (BOOL, 2), (TEXTS, 6), (GROUPS, 2)]
        if self.kind == "user":
            weights += [(DATE, 3), (PLANS, 3)]
        kind = self.chance.choices([kind for kind, _ in weights], [weight for _, weight in weights])[0]
        name = self.one_of(kind)
        subject = self.property_of(name)
        near = self.written.near.setdefault(name, [])
        match kind:
            case "bool":
                return [subject, *self._bool_test(near, null)]
            case "date":
                return [subject, *self._date_test(near, null)]
            case "groups":
                return [subject, *self._membership()]
            case "plans":
                return [subject, *self._plans_test(near, last, null)]
            case "texts" if self.chance.random() < 0.75:
                return [subject, *self._condition(lambda last, null: self._item(name, near, null), last)]
        return [subject, *self._text_test(self._vocabulary(name), near, null)]

    def _condition(self, clause: Callable[[bool, bool], list[str]], last: bool) -> list[str]:
        inner = self._chain(clause, self.chance.choice([1, 1, 1, 2, 3]), 1)
        quantifier = self.operator(self.chance.choice(["any", "any", "all"]))
        if last and inner[0] != "(" and self.chance.random() < 0.3:
            return [quantifier, *inner]
        return [quantifier, "(", *inner, ")"]

    def _item(self, name: str, near: list[Any], null: bool) -> list[str]:
        return ["_", *self._text_test(self._vocabulary(name), near, null)]

    def _plans_test(self, near: list[Any], last: bool, null: bool) -> list[str]:
        if null and self.chance.random() < 0.2:
            return [self.operator(self.chance.choice(["eq", "ne"])), self.null()]
        return self._condition(lambda last, null: self._plan_item(near, null), last)

    def _plan_item(self, near: list[Any], null: bool) -> list[str]:
        name = self.chance.choice(PLAN_PROPERTIES)
        values: list[Any] = []
        test = self._text_test(PLAN_VALUES[name], values, null)
        near += [{name: value} for value in values]
        return [f"{self.cased('assignedPlan')}.{self.cased(name)}", *test]

    def _vocabulary(self, name: str) -> list[str]:
        if name == "devicePhysicalIds":
            return PHYSICAL_IDS
        return IDS if name.endswith("Id") else WORDS

    # --- tests of one value -------------------------------------------------------------------------------

    def _text_test(self, vocabulary: list[str], near: list[Any], null: bool) -> list[str]:
        lot = self.chance.random()
        if lot < 0.08 and null:
            return [self.operator(self.chance.choice(["eq", "ne"])), self.null()]
        operator = self.chance.choice(TEXT_OPERATORS)
        if operator in ("match", "notMatch"):
            return [self.operator(operator), self._pattern(near)]
        if operator in ("in", "notIn"):
            values = self.chance.sample(vocabulary, self.chance.choice([1, 2, 3]))
            near += values
            return [self.operator(operator), *self.listed(values)]
        value = self.chance.choice(vocabulary)
        near += [value, self.chance.choice(vocabulary)]
        if operator not in ("eq", "ne") or self.chance.random() < 0.1:
            value = self._part(value)
        return [self.operator(operator), self.value(value)]

    def _part(self, value: str) -> str:
        start = self.chance.choice([0, 0, 1, len(value) // 2])
        end = self.chance.choice([len(value), len(value), len(value) - 1, len(value) // 2 + 1])
        return value[start:end]

    def _bool_test(self, near: list[Any], null: bool) -> list[str]:
        near += [True, False, "True", "FALSE"]
        operator = self.operator(self.chance.choice(["eq", "ne"]))
        if null and self.chance.random() < 0.1:
            return [operator, self.null()]
        value = self.cased(self.chance.choice(["true", "false"]))
        return [operator, self.quoted(value) if self.chance.random() < 0.2 else value]

    def _date_test(self, near: list[Any], null: bool) -> list[str]:
        if null and self.chance.random() < 0.1:
            return [self.operator(self.chance.choice(["eq", "ne"])), self.null()]
        operator = self.operator(self.chance.choice(["eq", "ne", "le", "ge", "le", "ge"]))
        lot = self.chance.random()
        if lot < 0.2:
            near += [NOW.isoformat(), "2026-05-17", "2026-05-18"]
            return [operator, self.cased("system.now")]
        if lot < 0.5:
            near += [(NOW + timedelta(days=days)).isoformat() for days in (-14, -1, 1, 14)]
            duration = self.chance.choice(DURATIONS)
            return [
                operator,
                self.cased("system.now"),
                self.operator(self.chance.choice(["plus", "minus"])),
                duration,
            ]
        value = self.chance.choice(DATES)
        near += [value]
        return [operator, self.quoted(value) if " " in value or self.chance.random() < 0.5 else value]

    def _membership(self) -> list[str]:
        ids = self.chance.sample(IDS, self.chance.choice([1, 1, 2]))
        self.written.groups += ids
        subject = f"{self.cased('group')}.{self.cased('objectId')}"
        if self.chance.random() < 0.3:
            return [self.operator("any"), "(", subject, self.operator("eq"), self.quoted(ids[0]), ")"]
        return [self.operator("any"), "(", subject, self.operator("in"), *self.listed(ids), ")"]

    def _direct_reports(self) -> list[str]:
        manager = self.chance.choice(IDS)
        self.written.managers.append(manager)
        value = manager if self.chance.random() < 0.3 else self.quoted(manager)
        pairs = self.chance.choice([0, 0, 1, 2])
        words = [self.cased("Direct"), self.cased("Reports"), self.cased("for"), value]
        return ["("] * pairs + words + [")"] * pairs

    # --- values -------------------------------------------------------------------------------------------

    def null(self) -> str:
        """The word null in one of its spellings."""
        return self.cased(self.chance.choice(["null", "null", "$null"]))

    def value(self, text: str) -> str:
        """The text as a value: mostly quoted, bare where that is possible."""
        if (
            text[:1].isalnum()
            and all(c.isalnum() or c in ".@:_-" for c in text)
            and self.chance.random() < 0.4
        ):
            looks_else = (
                text.lower().startswith(("user.", "device.", "system.")) or text.lower() in RESERVED_WORDS
            )
            return self.quoted(text) if looks_else else text
        return self.quoted(text)

    def listed(self, values: list[str]) -> list[str]:
        """A list of values in brackets, as tokens."""
        tokens: list[str] = ["["]
        for value in values:
            tokens += [self.value(value), ","]
        return [*tokens[:-1], "]"]

    def quoted(self, text: str) -> str:
        """The text in quotes, with one of the escapes where it needs one."""
        quote = self.chance.choice(['"', '"', "'"])
        source = ""
        for place, character in enumerate(text):
            following = text[place + 1 : place + 2]
            neighbours = text[max(place - 1, 0) : place] + following
            match character:
                case '"' if quote == "'":
                    source += self.chance.choice(['"', '\\"', '`"'])
                case '"':
                    source += self.chance.choice(['\\"', '`"'])
                case "'" if quote == '"' and "'" not in neighbours:
                    source += self.chance.choice(["'", "\\'", "`'", "''"])
                case "'":
                    source += self.chance.choice(["\\'", "`'", "''"])
                case "\\" if following.isalnum() or following in ("*", ".", "[", "]", "(", ")"):
                    source += self.chance.choice(["\\", "`\\"])
                case "\\":
                    source += "`\\"
                case "`" if following.isalnum():
                    source += self.chance.choice(["`", "``"])
                case "`":
                    source += "``"
                case _:
                    source += character
        return quote + source + quote

    # --- patterns -----------------------------------------------------------------------------------------

    def _pattern(self, near: list[Any]) -> str:
        # Python's `re` tries all ways to share a text among the loops of a pattern: two are quick enough.
        self.loops = 2
        sample: list[str] = []
        pattern = "|".join(self._branch(sample, 2) for _ in range(self.chance.choice([1, 1, 1, 2])))
        near += ["".join(sample), "x" + "".join(sample), "".join(sample) + "\n"]
        return self.quoted(pattern)

    def _branch(self, sample: list[str], depth: int) -> str:
        chance = self.chance
        pattern = "^" if chance.random() < 0.3 else ""
        for _ in range(chance.choice([1, 2, 3])):
            piece, example = self._piece(depth)
            repetition = self._repetition(piece)
            pattern += piece + repetition
            sample.append(example * chance.choice([1, 2]) if repetition else example)
        return pattern + ("$" if chance.random() < 0.3 else "")

    def _repetition(self, piece: str) -> str:
        is_group = piece[0] == "("
        if self.chance.random() < 0.4 or (len(piece) > 1 and not is_group and piece[0] not in "[\\"):
            return ""
        if is_group or not self.loops:
            return self.chance.choice(["?", "??", "{2}", "{1,3}", "{0,1}"])
        repetition = self.chance.choice(["?", "*", "+", "{1,3}", "{2,}", "{2}", "*?", "+?"])
        self.loops -= repetition[0] in "*+" or "," in repetition
        return repetition

    def _piece(self, depth: int) -> tuple[str, str]:
        chance = self.chance
        lot = chance.randrange(12)
        if lot < 2 and depth:
            sample: list[str] = []
            branches = "|".join(self._branch(sample, depth - 1) for _ in range(chance.choice([1, 2])))
            return chance.choice(["(", "(?:"]) + branches + ")", "".join(sample)
        if lot < 6:
            word = chance.choice(["Da", "vid", "sales", "X", "mark", "b", "50"])
            return word, chance.choice([word, word.swapcase()])
        return chance.choice(PIECES)
