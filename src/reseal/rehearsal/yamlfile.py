"""Reading a small YAML file as typed values, with file and line of whatever is wrong in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from reseal.kernel.errors import Detail, Invalid, ResealError

T = TypeVar("T")

_PLACE = re.compile(r" - at `(?P<path>\$[^`]*)`$")
_PART = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """A file that was read, with its nodes for finding places."""

    file: Path
    root: yaml.Node
    value: Any

    def convert(self, shape: type[T]) -> T:
        """The value as that type. Raises `msgspec.ValidationError`, whose text ends with the path."""
        return msgspec.convert(self.value, shape)

    def place(self, path: str) -> str:
        """`file:line` of the value at a path like `$.plan[0].steps`, or of the nearest above it."""
        node = self.root
        for name, index in _PART.findall(path):
            child = _child(node, name, index)
            if child is None:
                break
            node = child
        return f"{self.file}:{node.start_mark.line + 1}"


def _child(node: yaml.Node, name: str, index: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode) and name:
        return next((child for key, child in node.value if key.value == name), None)
    if isinstance(node, yaml.SequenceNode) and index.isdigit() and int(index) < len(node.value):
        found: yaml.Node = node.value[int(index)]
        return found
    return None


@contextmanager
def read_yaml(file: Path) -> Iterator[YamlDocument]:
    """Read a YAML file. What is found wrong inside the `with` is raised as `Invalid` with file and line:
    `ValueError`s (`msgspec.ValidationError` is one) may end with `- at` and a path.
    """
    document = _load(file)
    try:
        yield document
    except ResealError:
        raise
    except ValueError as error:
        text = str(error)
        found = _PLACE.search(text)
        where = document.place(found["path"] if found else "$")
        message = text[: found.start()] if found else text
        raise _invalid(file, Detail(where=where, message=f"{message}.", remedy="Correct it.")) from error


def _load(file: Path) -> YamlDocument:
    try:
        text = file.read_text("utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except OSError as error:
        raise _invalid(file, Detail(str(file), f"cannot be read: {error.strerror}.")) from error
    except UnicodeDecodeError as error:
        raise _invalid(file, Detail(str(file), f"is not UTF-8 (byte {error.start}).")) from error
    except ValueError as error:  # what looks like a date and is none: 2026-13-01
        raise _invalid(file, Detail(str(file), f"holds a value that is none: {error}.")) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _invalid(
            file, Detail(f"{file}:{line}", f"{error.problem}.", "Correct the YAML here.")
        ) from error
    if not isinstance(root, yaml.MappingNode):
        raise _invalid(file, Detail(str(file), "does not hold a mapping.", "Begin with `rehearsal: 1`."))
    twice = _said_twice(root)
    if twice is not None:
        where = f"{file}:{twice.start_mark.line + 1}"
        raise _invalid(
            file, Detail(where, f"{twice.value} stands twice in one mapping.", "Keep one of them.")
        )
    return YamlDocument(file, root, value)


def _said_twice(node: yaml.Node) -> yaml.ScalarNode | None:
    """The first key that stands twice in one mapping."""
    if isinstance(node, yaml.MappingNode):
        names = [key.value for key, _ in node.value]
        again: list[yaml.ScalarNode] = [
            key for n, (key, _) in enumerate(node.value) if key.value in names[:n]
        ]
        below = (_said_twice(child) for _, child in node.value)
        return next(iter(again), None) or next(filter(None, below), None)
    if isinstance(node, yaml.SequenceNode):
        return next(filter(None, map(_said_twice, node.value)), None)
    return None


def _invalid(file: Path, detail: Detail) -> Invalid:
    return Invalid(
        code="UnreadableScenario",
        message=f"{file} cannot be read as a scenario; nothing was rehearsed.",
        remedy="Correct the places named above.",
        details=[detail],
    )
