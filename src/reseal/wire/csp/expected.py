"""The lists of what the Enrollment Status Page waits for (spec/mdm-wire.md 4.1).

One leaf holds a whole list: addresses with U+F000 between, those of apps with `;` and a count behind.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from reseal.wire.csp.locuri import LocURI

SEPARATOR: Final = "\uf000"

_MOST_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Expected:
    """One entry."""

    uri: LocURI
    """The node that tells how far it is, or simply has to exist."""
    count: int | None = None
    """Apps in a package; the page counts with it and does not check it."""

    def __str__(self) -> str:
        return str(self.uri) if self.count is None else f"{self.uri};{self.count}"


def write_expected(entries: Iterable[Expected]) -> str:
    """The value of an Expected leaf: entries in their order, with U+F000 between."""
    return SEPARATOR.join(map(str, entries))


def read_expected(text: str) -> tuple[Expected, ...]:
    """The entries of an Expected leaf; empty ones are passed over. Raises CspError for a bad address."""
    return tuple(_entry(entry.strip()) for entry in text.split(SEPARATOR) if entry.strip())


def _entry(entry: str) -> Expected:
    uri, _, count = entry.rpartition(";")
    if uri and count.isascii() and count.isdigit() and len(count) <= _MOST_DIGITS:
        return Expected(LocURI.parse(uri), int(count))
    return Expected(LocURI.parse(entry))
