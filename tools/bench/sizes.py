"""How much is measured: in earnest, or just enough to see that the measuring works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of things and repetitions."""

    rows: int
    """Of the imported file."""
    users: int
    groups: int
    """Dynamic ones."""
    devices: int
    """Of the large organisation; a thousand at least, because edits of a rule touch as many."""
    edits: int
    """Of one device; the slowest in a hundred is the figure."""
    rule_edits: int
    repetitions: int
    """Of short operations."""
    starts: int
    """Of processes."""
    laptops: int
    """That go through each flow."""
    crowd: int
    """Laptops that check in at once."""
    rounds: int
    """How often they do."""
    messages: int
    """That each of them sends over TLS on one connection; a quarter as many on connections of their own."""
    enrolments: int
    """In a row, over TLS."""
    megabytes: int
    """Of a content that is downloaded."""
    rehearsed: int
    """Laptops that are rehearsed."""
    streams: int
    """Readers of live pages at once."""


FULL = Sizes(
    rows=10_000,
    users=1_000,
    groups=500,
    devices=100_000,
    edits=200,
    rule_edits=6,
    repetitions=500,
    starts=5,
    laptops=10,
    crowd=16,
    rounds=20,
    messages=200,
    enrolments=1_000,
    megabytes=32,
    rehearsed=6,
    streams=200,
)
QUICK = Sizes(
    rows=20,
    users=5,
    groups=30,
    devices=1_000,
    edits=2,
    rule_edits=2,
    repetitions=5,
    starts=1,
    laptops=1,
    crowd=2,
    rounds=2,
    messages=8,
    enrolments=4,
    megabytes=1,
    rehearsed=1,
    streams=4,
)
