"""The address of a node in a device's management tree (spec/mdm-wire.md 3.4)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from reseal.wire.errors import WireError


class CspError(WireError):
    """What cannot be an address, a value or a document of a configuration service provider.

    `code` is LocURI, Value, Scope or Job.
    """


class Scope(StrEnum):
    """Whose node it is; the spelling of the prefix."""

    DEVICE = "Device"
    USER = "User"
    """The enrolled user who is signed in."""


_ROOT: Final = "."
_PREFIXES: Final = {scope.casefold(): scope for scope in Scope}
_NO_NAMES: Final = ("", ".", "..", "*")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SEEN: Final = 4096
"""Addresses that are kept in both forms: the same few hundred come again in every session."""
_SHORT: Final = 512
"""Characters of a text that may be kept."""
_REMEDY: Final = "Write ./Device/... or ./User/..., each name percent-encoded, such as %7B for a brace"


@dataclass(frozen=True, slots=True)
class LocURI:
    """An address, understood: `str` gives the text for the wire, names percent-encoded as they must be.

    Two are equal when their texts are; clients compare texts, so the case of names and the prefix are kept.
    Whether two mean the same node, `same_node` knows. `uri / name` is the node `name` below `uri`.
    """

    names: tuple[str, ...]
    """Of the nodes from the root, without prefix and not encoded."""
    scope: Scope | None = None
    """The prefix; None if there is none, which means the machine."""
    query: str = ""
    """What follows a question mark, such as `prop=Type`, as written."""

    @staticmethod
    def parse(text: str) -> "LocURI":
        """The address in `text`; names may have characters that should be encoded, as some devices send.

        Raises CspError: it does not begin with `./`, or a segment is empty, `.`, `..` or `*`, has blanks at
        its ends, or escapes that are no UTF-8.
        """
        return _known(text) if len(text) <= _SHORT else _read(text)

    def __str__(self) -> str:
        return _text(self)

    def __truediv__(self, name: str) -> "LocURI":
        return self.under((name,))

    def under(self, names: Iterable[str]) -> "LocURI":
        """The node that is reached by `names` from here. Raises CspError for what cannot be a name."""
        below = tuple(names)
        for name in below:
            if not _is_name(name):
                raise _no_name(name, f"{self}/{name}")
        return LocURI((*self.names, *below), self.scope, self.query)

    @property
    def for_user(self) -> bool:
        """Whether it is a node of the signed-in user."""
        return self.scope is Scope.USER

    def same_node(self, other: "LocURI") -> bool:
        """Whether both mean one node: no prefix is the machine, and Windows takes names in any case."""
        return self._node == other._node

    @property
    def _node(self) -> tuple[bool, tuple[str, ...]]:
        return self.for_user, tuple(name.casefold() for name in self.names)


def _read(text: str) -> LocURI:
    path, _, query = text.partition("?")
    first, *segments = path.split("/")
    if first != _ROOT:
        raise _wrong(text, "does not begin with ./")
    names = tuple(_decoded(segment, text) for segment in segments)
    scope = _PREFIXES.get(names[0].casefold()) if names else None
    return LocURI(names[1:] if scope else names, scope, query)


_known: Final = lru_cache(maxsize=_SEEN)(_read)


@lru_cache(maxsize=_SEEN)
def _text(uri: LocURI) -> str:
    prefix = (_ROOT, uri.scope) if uri.scope else (_ROOT,)
    path = "/".join((*prefix, *map(_encoded, uri.names)))
    return f"{path}?{uri.query}" if uri.query else path


def write_names(names: Iterable[str]) -> str:
    """The data that answers a Get of an interior node: names of its children (spec/mdm-wire.md 3.3)."""
    return "/".join(map(_encoded, names))


def read_names(data: str) -> tuple[str, ...]:
    """The names in the answer to a Get of an interior node. Raises CspError."""
    return tuple(_decoded(segment, data) for segment in data.split("/")) if data else ()


def _encoded(name: str) -> str:
    return quote(name, safe="")


def _decoded(segment: str, text: str) -> str:
    """The name that a segment of `text` stands for."""
    if segment != segment.strip() or _BAD_ESCAPE.search(segment):
        raise _wrong(text, f"has the segment {segment!a:.80}, with blanks at its ends or a bare %")
    try:
        name = unquote_to_bytes(segment).decode()
    except UnicodeError as error:
        raise _wrong(text, f"has the segment {segment!a:.80}, whose escapes are not UTF-8") from error
    if not _is_name(name):
        raise _no_name(name, text)
    return name


def _is_name(name: str) -> bool:
    return name not in _NO_NAMES and _UNPRINTABLE.search(name) is None


def _no_name(name: str, text: str) -> CspError:
    return _wrong(text, f"has the segment {name!a:.80}, which cannot be the name of a node")


def _wrong(text: str, how: str) -> CspError:
    return CspError(code="LocURI", message=f"The address {text!a:.200} {how}", remedy=_REMEDY)
