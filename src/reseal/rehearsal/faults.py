"""What may go wrong on a link, and the throw of the dice for one request.

Chances are per thousand requests, so that no float decides anything. Every request draws the same number of
times whatever comes out, so one fault more does not shift all later ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from enum import StrEnum

from reseal.kernel.entropy import Entropy
from reseal.kernel.errors import Invalid

_THOUSAND = 1000
_LATEST_REPETITION = 10_000
"""A repeated request arrives at most so many milliseconds after the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How bad a link is."""

    delay: int = 0
    """At most so many milliseconds each way."""
    loss: int = 0
    """Requests per thousand that never arrive."""
    answer_loss: int = 0
    """Requests per thousand that are carried out, but whose answer never comes."""
    cut: int = 0
    """Answers per thousand that break off in the middle."""
    duplicate: int = 0
    """Requests per thousand that arrive twice."""
    patience: int = 30_000
    """After so many milliseconds without an answer the device takes the connection for cut."""


NO_FAULTS = Faults()
USUAL = Faults(delay=400, loss=15, answer_loss=15, cut=15, duplicate=15)
"""What a fault that is named without a number gets."""

NAMES = {
    "delay": "delay",
    "loss": "loss",
    "answerLoss": "answer_loss",
    "cut": "cut",
    "duplicate": "duplicate",
}


class Happening(StrEnum):
    """What becomes of one request."""

    ARRIVES = "arrives"
    REQUEST_LOST = "requestLost"
    ANSWER_LOST = "answerLost"
    ANSWER_CUT = "answerCut"
    REPEATED_BEFORE = "repeatedBefore"
    """The request arrives twice; the answer to the second is the one that comes."""
    REPEATED_AFTER = "repeatedAfter"
    """The request is answered, and arrives once more later."""


@dataclass(frozen=True, slots=True)
class Fate:
    """One throw of the dice."""

    happening: Happening
    outward: timedelta
    homeward: timedelta
    share: int
    """Of an answer that is cut: so many thousandths of its body come."""
    later: timedelta
    """Of a repeated request: how long after the first it arrives."""


def throw(faults: Faults, entropy: Entropy) -> Fate:
    """What becomes of the next request."""
    milliseconds = timedelta(milliseconds=1)
    outward, homeward = (entropy.below(faults.delay + 1) * milliseconds for _ in range(2))
    dice, share, later = (entropy.below(limit) for limit in (_THOUSAND, _THOUSAND, _LATEST_REPETITION))
    return Fate(_happening(faults, dice, share), outward, homeward, share, later * milliseconds)


def _happening(faults: Faults, dice: int, coin: int) -> Happening:
    repeated = Happening.REPEATED_BEFORE if coin % 2 else Happening.REPEATED_AFTER
    kinds = (
        (faults.loss, Happening.REQUEST_LOST),
        (faults.answer_loss, Happening.ANSWER_LOST),
        (faults.cut, Happening.ANSWER_CUT),
        (faults.duplicate, repeated),
    )
    for chance, happening in kinds:
        if dice < chance:
            return happening
        dice -= chance
    return Happening.ARRIVES


def parse_faults(text: str) -> Faults:
    """Faults from words: `loss,cut=30`, `all`, `none`. Raises `Invalid` naming what is not known.

    A fault that is named without a number has its usual measure: milliseconds of `delay`, of the others so
    many requests per thousand.
    """
    measures: dict[str, int | None] = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = word.partition("=")
        if number and not (number.isascii() and number.isdigit()):
            raise _unknown(word)
        measures[name] = int(number) if number else None
    if list(measures) == ["none"]:
        return NO_FAULTS
    if list(measures) == ["all"]:
        return USUAL
    return faults_of(measures)


def faults_of(measures: Mapping[str, int | None]) -> Faults:
    """Faults by name; None is the usual measure. Raises `Invalid`."""
    faults = NO_FAULTS
    for name, measure in measures.items():
        if name not in NAMES:
            raise _unknown(name)
        field = NAMES[name]
        value = getattr(USUAL, field) if measure is None else measure
        if value > _THOUSAND and field != "delay":
            raise _unknown(f"{name}={value}")
        faults = replace(faults, **{field: value})
    if sum(getattr(faults, each.name) for each in fields(Faults) if each.name in _CHANCES) > _THOUSAND:
        raise Invalid(
            code="TooManyFaults",
            message="The faults hit more than every request.",
            remedy="Let their sum be at most 1000 (per thousand requests).",
        )
    return faults


_CHANCES = frozenset({"loss", "answer_loss", "cut", "duplicate"})


def _unknown(word: str) -> Invalid:
    known = ", ".join(NAMES)
    return Invalid(
        code="UnknownFault",
        message=f"{word!r} is no fault of a link.",
        remedy=f"Name some of {known}, each alone or with a measure (loss=20: 20 of 1000 requests); or all.",
    )
