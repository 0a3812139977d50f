"""Reading plain JSON with a path: every problem is noted with where it is, and reading goes on.

A `Cursor` is one value of the document. A mapping is read through `Fields`, which knows its keys; a value
that is missing or unfit is noted and replaced by something harmless, since a document with problems is never
used.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

from reseal.kernel.errors import Conflict, Detail, Invalid, NotFound, ResealError
from reseal.wire.errors import WireError

T = TypeVar("T")

_SETTING_NUMBER = re.compile(r"setting (\d+) ")
_FIELD = re.compile(r"[A-Za-z_][\w.]*(\[\d+\])?")
_WORDS: Mapping[Any, str] = {str: "a text", int: "a whole number", bool: "true or false"}
_REMEDIES: Mapping[Any, str] = {str: "Put it in quotes.", bool: "Write true or false, without quotes."}


@dataclass(frozen=True, slots=True)
class Cursor:
    """A value of the document, its path, and the list that problems go to."""

    value: Any
    path: str
    problems: list[Detail]

    def problem(self, message: str, remedy: str, code: str = "") -> None:
        """Note that this value cannot stay as it is."""
        self.problems.append(Detail(self.path, message, remedy, code))

    def fields(self, known: Collection[str]) -> Fields:
        """This value as a mapping of these keys; any other key is a problem."""
        if not isinstance(self.value, Mapping):
            self.problem(f"{shown(self.value)} is not a mapping.", "Write names and values: {name: ...}.")
            return Fields({}, self)
        for name in self.value:
            if name not in known:
                nearest = get_close_matches(str(name), sorted(known), n=1)
                remedy = f"Did you mean {nearest[0]}?" if nearest else f"Known here: {', '.join(known)}."
                self.child(name).problem(f"There is no {name} here.", remedy, "UnknownField")
        return Fields(self.value, self)

    def items(self) -> list[Cursor]:
        """This value as a list."""
        if not isinstance(self.value, Sequence) or isinstance(self.value, str):
            self.problem(f"{shown(self.value)} is not a list.", "Begin each entry with a hyphen.")
            return []
        return [
            replace(self, value=item, path=f"{self.path}[{index}]") for index, item in enumerate(self.value)
        ]

    def child(self, name: str) -> Cursor:
        """What stands under a key of this mapping."""
        return replace(self, value=self.value[name], path=f"{self.path}.{name}")

    def convert(self, kind: Any, fallback: Any) -> Any:
        """This value as a text, number, boolean, member of an enumeration, or tuple of those."""
        if get_origin(kind) is tuple:
            return tuple(item.convert(get_args(kind)[0], None) for item in self.items())
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return self._member(kind, fallback)
        if any(_is(self.value, one) for one in _alternatives(kind)):
            return self.value
        wanted = " or ".join(_WORDS[one] for one in _alternatives(kind))
        self.problem(f"{shown(self.value)} is not {wanted}.", _REMEDIES.get(kind, f"Write {wanted}."))
        return fallback

    def _member(self, kind: type[StrEnum], fallback: Any) -> Any:
        names = [member.value for member in kind]
        if self.value in names:
            return kind(self.value)
        nearest = get_close_matches(str(self.value), names, n=1)
        listed = ", ".join(name or '""' for name in names)
        self.problem(
            f"{shown(self.value)} is not one of: {listed}.",
            f"Did you mean {nearest[0]}?" if nearest else "Choose one of these.",
        )
        return fallback

    @contextmanager
    def collecting(self, **names: str) -> Iterator[None]:
        """Note what a check raises inside, with the paths of the fields; see `details_of` for `names`."""
        try:
            yield
        except (ResealError, WireError) as error:
            self.problems.extend(details_of(error, self.path, **names))


@dataclass(frozen=True, slots=True)
class Fields:
    """The entries of a mapping. A key without a value counts as not written."""

    values: Mapping[str, Any]
    cursor: Cursor

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def __getitem__(self, name: str) -> Cursor:
        return self.cursor.child(name)

    def read(self, name: str, kind: type[T], default: T) -> T:
        """The value of a key, or the default if it is not written."""
        converted: T = self[name].convert(kind, default) if name in self else default
        return converted

    def read_or_none(self, name: str, kind: type[T]) -> T | None:
        """The value of a key, None if it is not written."""
        converted: T | None = self[name].convert(kind, None) if name in self else None
        return converted

    def text(self, name: str) -> str:
        """A text that must be there, and hold more than blanks."""
        if name not in self:
            self.cursor.problem(f"{name} is missing.", f"Add {name}.", "Missing")
        elif isinstance(self.values[name], str) and not self.values[name].strip():
            self[name].problem(f"{name} is empty.", f"Give {name}.", "Missing")
            return ""
        return self.read(name, str, "")

    def texts(self, name: str) -> tuple[str, ...] | None:
        """A list of texts, None if it is not written."""
        if name not in self:
            return None
        found = (item.convert(str, "") for item in self[name].items())
        return tuple(found)

    def each(self, name: str) -> list[Cursor]:
        """The items of a list; none if it is not written."""
        return self[name].items() if name in self else []


def shown(value: Any) -> str:
    """A value as an error names it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value[:60]}'"
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case _:
            return str(value)[:60]


def details_of(error: ResealError | WireError, path: str, **names: str) -> list[Detail]:
    """What a check or a service refused, as problems of the document.

    Services name fields in their own words: snake case, `displayName`, `targets[0]`, `setting 3`. Those
    become paths below `path`; `names` gives the document's word where it is another one. A problem that names
    no field is one of the whole value at `path`.
    """
    if isinstance(error, WireError):
        return [Detail(path, f"{error.message}.", f"{error.remedy}.", error.code)]
    if not error.details:
        return [Detail(path, error.message, error.remedy, error.code)]
    return [
        replace(detail, where=_path(path, detail.where, names), code=detail.code or error.code)
        for detail in error.details
    ]


@contextmanager
def located(path: str, **names: str) -> Iterator[None]:
    """Whatever a service refuses inside is raised as a problem of the document at `path`."""
    try:
        yield
    except (Invalid, Conflict, NotFound) as error:
        raise refusal(details_of(error, path, **names), kind=type(error)) from error


def refusal(details: Sequence[Detail], *, kind: type[ResealError] = Invalid) -> ResealError:
    """The error that says that a document cannot be applied, and every reason."""
    code, raised = ("BlueprintConflict", Conflict) if kind is Conflict else ("InvalidBlueprint", Invalid)
    number = f"{len(details)} problem{'s' if len(details) != 1 else ''}"
    return raised(
        code=code,
        message=f"The description of the tenant has {number}; nothing was changed.",
        remedy="Correct them and apply it again.",
        details=details,
    )


def camel(name: str) -> str:
    """`eula_hidden` as documents write it: `eulaHidden`."""
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def _path(path: str, where: str, names: Mapping[str, str]) -> str:
    if found := _SETTING_NUMBER.match(where):
        return f"{path}.settings[{int(found[1]) - 1}]"
    if where.startswith("$"):
        return where
    if not _FIELD.fullmatch(where):
        return path
    head = re.split(r"[.\[]", where, maxsplit=1)[0]
    renamed = {"displayName": "name", "targets": "assign", **names}
    spelled = ".".join(camel(part) for part in where.removeprefix(head).split("."))
    return f"{path}.{renamed.get(head, camel(head))}{spelled}"


def _is(value: Any, kind: Any) -> bool:
    """Whether a value is of exactly this type: true is no number."""
    return type(value) is kind


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)
