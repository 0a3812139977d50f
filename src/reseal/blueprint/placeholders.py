"""Names in rules: `${group:Sales laptops}` and `${user:adele}` stand where a rule needs an object id.

Ids differ from tenant to tenant, names do not. In a name, `}` and `\\` are written with a `\\` before them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import StrEnum

_PLACEHOLDER = re.compile(r"\$\{(group|user):((?:[^\\}]|\\.)+)\}")
_ESCAPED = re.compile(r"\\(.)")
_SPECIAL = re.compile(r"([\\}])")
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Named(StrEnum):
    """What a placeholder can name."""

    GROUP = "group"
    USER = "user"


def mentions(rule: str) -> Iterator[tuple[Named, str]]:
    """What the placeholders of a rule name, in their order."""
    for found in _PLACEHOLDER.finditer(rule):
        yield Named(found[1]), _name(found)


def fill(rule: str, id_of: Callable[[Named, str], str]) -> str:
    """The rule with `id_of(what, name)` in place of each placeholder."""
    return _PLACEHOLDER.sub(lambda found: id_of(Named(found[1]), _name(found)), rule)


def respell(rule: str, name_of: Callable[[Named, str], str]) -> str:
    """The rule with each name in its placeholders spelled as `name_of(what, name)` says."""
    return fill(rule, lambda what, name: _placeholder(what, name_of(what, name)))


def name_ids(rule: str, name_of: Callable[[str], tuple[Named, str] | None]) -> str:
    """The rule with a placeholder for each object id (in lower case) that `name_of` knows."""

    def replaced(found: re.Match[str]) -> str:
        known = name_of(found[0].lower())
        return _placeholder(*known) if known else found[0]

    return _OBJECT_ID.sub(replaced, rule)


def _placeholder(what: Named, name: str) -> str:
    escaped = _SPECIAL.sub(r"\\\1", name)
    return f"${{{what}:{escaped}}}"


def _name(found: re.Match[str]) -> str:
    return _ESCAPED.sub(r"\1", found[2])
