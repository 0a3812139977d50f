"""What exists in the tree and what may be done with it, as a table.

A path is written from the root, with `*` for any name and a final `**` for any names. A name of the table
without a rule of its own is an interior node that is always there. Names are compared without case, as
Windows does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Flag, auto
from typing import TYPE_CHECKING, Final, TypeAlias

from reseal.wire.csp import Leaf, LocURI, Scope
from reseal.wire.syncml import Format, StatusCode

if TYPE_CHECKING:
    from reseal.device.csp.tree import Tree

Place: TypeAlias = tuple[str, tuple[str, ...]]
"""Whose node (a user's name, or empty for the machine) and its names in lower case."""

MACHINE: Final = ""
"""The owner of what belongs to the machine."""


def place_of(owner: str, uri: LocURI) -> Place:
    """Where an address leads for `owner`."""
    return owner, tuple(name.casefold() for name in uri.names)


Guard: TypeAlias = "Callable[[Tree, Place, str], StatusCode | None]"
"""Whether a leaf may take a value now: None, or the status that says why not."""
Reader: TypeAlias = "Callable[[Tree, Place], str | None]"
"""The value of a leaf that is worked out when it is read."""
Starter: TypeAlias = "Callable[[Tree, Place, str, str], StatusCode]"
"""Carries out an Exec, with the address as written and the data."""
Remover: TypeAlias = "Callable[[Tree, Place], None]"
"""Called before a node and all below it go."""


class Access(Flag):
    """The commands that a node takes."""

    ADD = auto()
    DELETE = auto()
    EXEC = auto()
    GET = auto()
    REPLACE = auto()


_LETTERS: Final = {
    "A": Access.ADD,
    "D": Access.DELETE,
    "X": Access.EXEC,
    "G": Access.GET,
    "R": Access.REPLACE,
}
DEVICE: Final = (Scope.DEVICE,)
USER: Final = (Scope.USER,)
BOTH: Final = (Scope.DEVICE, Scope.USER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One node of the table."""

    access: Access
    format: Format | None = None
    """None: a leaf that takes any format and keeps the one it was given."""
    scopes: tuple[Scope, ...] = DEVICE
    default: str | None = None
    """What an unset leaf holds; None: it is not there."""
    lowest: int = -(2**31)
    highest: int = 2**32 - 1
    added_first: bool = False
    """An interior node below which nothing is made before it was added itself."""
    settles: timedelta | None = None
    """How long it is not found after it was set, for the quirk that has it so."""
    guard: Guard | None = field(default=None, compare=False)
    reader: Reader | None = field(default=None, compare=False)
    starter: Starter | None = field(default=None, compare=False)
    remover: Remover | None = field(default=None, compare=False)

    @property
    def interior(self) -> bool:
        """Whether it is no leaf."""
        return self.format is Format.NODE

    @property
    def fixed(self) -> bool:
        """Whether it is an interior node that nobody makes or removes."""
        return self.interior and not self.access & (Access.ADD | Access.DELETE)


def access(letters: str) -> Access:
    """Access by letters, as Microsoft's tables have it: A add, D delete, X exec, G get, R replace."""
    granted = Access(0)
    for letter in letters:
        granted |= _LETTERS[letter]
    return granted


def of_leaf(
    leaf: Leaf,
    letters: str,
    default: str | None = None,
    *,
    guard: Guard | None = None,
    reader: Reader | None = None,
    starter: Starter | None = None,
) -> tuple[str, Rule]:
    """A leaf that is known by its format, range and scopes, as an entry of a table."""
    return leaf.path, Rule(
        access=access(letters),
        format=leaf.format,
        scopes=leaf.scopes,
        default=default,
        lowest=leaf.lowest,
        highest=leaf.highest,
        guard=guard,
        reader=reader,
        starter=starter,
    )


def below(path: str, *entries: tuple[str, Rule]) -> dict[str, Rule]:
    """The entries with their paths from the root."""
    return {f"{path}/{name}": entry for name, entry in entries}


STATIC: Final = Rule(access=Access.GET, format=Format.NODE, scopes=BOTH)
"""An interior node that only leads to others."""


class _Branch:
    __slots__ = ("any", "children", "name", "rest", "rule")

    def __init__(self, name: str) -> None:
        self.name = name
        self.children: dict[str, _Branch] = {}
        self.any: _Branch | None = None
        self.rest: Rule | None = None
        self.rule = STATIC


@dataclass(frozen=True, slots=True)
class Found:
    """What the table says of a place."""

    rule: Rule
    parents: tuple[int, ...]
    """Lengths of the paths above it whose nodes have to be added first."""


class Table:
    """Rules by path."""

    def __init__(self, families: Iterable[Mapping[str, Rule]]) -> None:
        self._root = _Branch("")
        for family in families:
            for path, entry in family.items():
                self._add(path.split("/"), entry)

    def _add(self, names: list[str], entry: Rule) -> None:
        branch = self._root
        for name in names:
            if name == "**":
                branch.rest = entry
                return
            if name == "*":
                branch.any = branch.any or _Branch(name)
                branch = branch.any
            else:
                branch = branch.children.setdefault(name.casefold(), _Branch(name))
        branch.rule = entry

    def find(self, names: tuple[str, ...]) -> Found | None:
        """What stands at `names`, which are in lower case; None if nothing ever does."""
        branch = self._root
        parents: tuple[int, ...] = ()
        for depth, name in enumerate(names, 1):
            following = branch.children.get(name) or branch.any
            if following is None:
                return None if branch.rest is None else Found(branch.rest, parents)
            branch = following
            if branch.rule.added_first and depth < len(names):
                parents = (*parents, depth)
        return Found(branch.rule, parents)

    def below(self, names: tuple[str, ...]) -> list[str]:
        """The fixed names below a place, as Microsoft spells them."""
        branch: _Branch | None = self._root
        for name in names:
            branch = branch and (branch.children.get(name) or branch.any)
        return [] if branch is None else [child.name for child in branch.children.values()]
