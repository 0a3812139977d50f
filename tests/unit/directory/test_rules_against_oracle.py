"""The rule language, read twice: `reseal.directory.rules` and a slow second reader must agree on everything.

100,000 pairs of rule and object in every run, 1,000,000 with RESEAL_SOAK=1. The pairs depend on the seed
alone. A disagreement is shown with a shorter rule and fewer attributes, as far as the two still disagree.
"""

import os
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from reseal.directory.rules import DEVICE, USER, Rule, RuleError, RuleIndex, RuleObject, compile_rule
from tests.oracles.rule_oracle import Subject, Tree, holds, read_rule
from tests.oracles.rule_strategies import RuleWriter
from tests.oracles.rule_subjects import draw_subject
from tests.oracles.rule_words import Refused

SCHEMAS = {"user": USER, "device": DEVICE}
OBJECTS_PER_RULE = 20
BLOCKS = 4
RULES_PER_BLOCK = 625 * (10 if os.environ.get("RESEAL_SOAK") == "1" else 1)

Verdict = bool | str


def as_object(subject: Subject) -> RuleObject:
    return RuleObject(subject.values, subject.groups, subject.manager, subject.now)


def compiled(rule: str, kind: str) -> Rule | None:
    try:
        return compile_rule(rule, SCHEMAS[kind])
    except RuleError:
        return None


def read(rule: str, kind: str) -> Tree | None:
    try:
        return read_rule(rule, kind)
    except Refused:
        return None


def verdicts(rule: str, kind: str, subject: Subject) -> tuple[Verdict, Verdict]:
    """What Reseal and the oracle say: true, false or why they refuse."""
    ours: Verdict
    theirs: Verdict
    try:
        ours = compile_rule(rule, SCHEMAS[kind]).matches(as_object(subject))
    except RuleError as error:
        ours = f"refused: {error}"
    try:
        theirs = holds(read_rule(rule, kind), subject)
    except Refused as error:
        theirs = f"refused: {error}"
    return ours, theirs


def disagree(rule: str, kind: str, subject: Subject) -> bool:
    ours, theirs = verdicts(rule, kind, subject)
    return (ours if isinstance(ours, bool) else "refused") != (
        theirs if isinstance(theirs, bool) else "refused"
    )


def shortened(rule: str, still: Callable[[str], bool]) -> str:
    """The rule in plain spelling and without the runs of words it can do without."""
    for odd, plain in ((r"\s+", " "), ("[‐‑‒–—―−]", "-")):
        simpler = re.sub(odd, plain, rule)
        rule = simpler if still(simpler) else rule
    words = re.findall(r"""\s*(?:"[^"]*"|'[^']*'|[()\[\],]|[^\s()\[\],"']+|\S)""", rule)
    length = len(words)
    while length:
        shorter = [words[:place] + words[place + length :] for place in range(len(words) - length + 1)]
        good = next((candidate for candidate in shorter if still("".join(candidate))), None)
        words = words if good is None else good
        length = min(length - (good is None), len(words))
    return "".join(words).strip()


def report(rule: str, kind: str, subject: Subject) -> str:
    """The disagreement, made small."""
    rule = shortened(rule, lambda candidate: disagree(candidate, kind, subject))
    for name in list(subject.values):
        fewer = replace(subject, values={key: value for key, value in subject.values.items() if key != name})
        subject = fewer if disagree(rule, kind, fewer) else subject
    ours, theirs = verdicts(rule, kind, subject)
    return (
        f"\nrule of a {kind} group: {rule!r}\nattributes: {dict(subject.values)!r}\n"
        f"groups: {sorted(subject.groups)}, manager: {subject.manager}, now: {subject.now.isoformat()}\n"
        f"Reseal: {ours}\noracle: {theirs}"
    )


@pytest.mark.parametrize("block", range(BLOCKS))
@pytest.mark.parametrize("kind", ["user", "device"])
def test_both_readers_agree(kind: str, block: int) -> None:
    chance = random.Random(f"membership rules, {kind}, {block}")
    writer = RuleWriter(chance, kind)
    seen: Counter[str] = Counter()
    for _ in range(RULES_PER_BLOCK):
        written = writer.rule()
        subjects = [draw_subject(chance, kind, written) for _ in range(OBJECTS_PER_RULE)]
        rule, tree = compiled(written.text, kind), read(written.text, kind)
        assert written.refused is None or written.refused == (tree is None), written.text
        if rule is None or tree is None:
            assert (rule is None) == (tree is None), report(written.text, kind, subjects[0])
            seen["refused"] += OBJECTS_PER_RULE
            continue
        for subject in subjects:
            verdict = rule.matches(as_object(subject))
            assert verdict == holds(tree, subject), report(written.text, kind, subject)
            seen[str(verdict)] += 1

    # A comparison says something only if all three answers are frequent.
    assert 0.4 < seen["True"] / (seen["True"] + seen["False"]) < 0.6
    assert 0.1 < seen["refused"] / seen.total() < 0.3


@pytest.mark.parametrize("kind", ["user", "device"])
def test_the_index_finds_what_the_oracle_finds(kind: str) -> None:
    chance = random.Random(f"index, {kind}")
    writer = RuleWriter(chance, kind)
    written = [writer.good() for _ in range(150)]
    index = RuleIndex(enumerate(compile_rule(one.text, SCHEMAS[kind]) for one in written))
    trees = [read_rule(one.text, kind) for one in written]
    for one in written:
        for _ in range(3):
            subject = draw_subject(chance, kind, one)
            true = [key for key, tree in enumerate(trees) if holds(tree, subject)]
            assert index.matching(as_object(subject)) == true
            assert set(true) <= set(index.candidates(as_object(subject)))
