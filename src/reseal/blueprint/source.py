"""Reading the YAML of a tenant: one document from one or several files, and where each value stands.

A place is written as a path (`$.groups[1].rule`), in problems of the server as in ours; `Places` turns it
back into file, line and column. Content files (packages, certificates, images) are named by relative paths in
the YAML; in the document they become `{"sha256", "size", "fileName"}`, and the server is sent only what it
does not have.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from reseal.kernel.errors import Detail, Invalid

MAXIMUM_NODES = 200_000
"""Values in all files together, aliases written out; more is a mistake or an attack."""

MAXIMUM_DEPTH = 30
"""Mappings and lists within each other; an alias of itself would have no end."""

SCENARIO_FILE = "rehearsal.yaml"
"""What is to be rehearsed on the tenant stands beside its description and is no part of it."""

_CONTENT_FIELDS = frozenset(
    {
        "file",
        "bannerLogo",
        "squareLogo",
        "squareLogoDark",
        "backgroundImage",
        "headerLogo",
        "favicon",
    }
)
_HASH_CHUNK = 1024 * 1024
_SCALARS = yaml.constructor.SafeConstructor()
_TAG = "tag:yaml.org,2002:"
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
"""YAML also reads `010` as eight and `13:45` as 825; nobody who writes them means that."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands; lines and columns count from 1."""

    file: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Places:
    """File and line of every path of a document."""

    by_path: Mapping[str, Place]

    def of(self, path: str) -> Place | None:
        """Where the value at a path stands, or the nearest value above it that is written anywhere."""
        while path.startswith("$"):
            if path in self.by_path:
                return self.by_path[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return None

    def locate(self, details: Iterable[Detail]) -> tuple[Detail, ...]:
        """The same problems with places in files instead of paths, for the person who wrote the files."""
        return tuple(self._located(detail) for detail in details)

    def _located(self, detail: Detail) -> Detail:
        place = self.of(detail.where)
        return replace(detail, where=f"{place} ({detail.where})") if place else detail


@dataclass(frozen=True, slots=True)
class Source:
    """What was read: the document, its places, and the content files it names, by digest."""

    document: dict[str, Any]
    places: Places
    contents: Mapping[str, Path]


def read_source(path: Path) -> Source:
    """Read a YAML file, or all `*.yaml` and `*.yml` files of a directory as one document.

    Raises `Invalid` with a detail (file, line, remedy) for every problem of form.
    """
    reader = _Reader()
    for file in _files(path):
        reader.read(file)
    if reader.problems:
        raise Invalid(
            code="UnreadableBlueprint",
            message=f"{path} cannot be read as the description of a tenant; nothing was changed.",
            remedy="Correct the places named above.",
            details=reader.problems,
        )
    return Source(reader.document, Places(reader.places), reader.contents)


def _files(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(
        file
        for file in path.iterdir()
        if file.suffix in {".yaml", ".yml"} and file.name != SCENARIO_FILE and file.is_file()
    )
    if not found:
        raise Invalid(
            code="NoBlueprint",
            message=f"The directory {path} holds no .yaml file.",
            remedy="Name a directory with the description of a tenant, such as examples/contoso.",
        )
    return found


class _TooLarge(Exception):
    """The document has more values or more levels than anybody writes by hand."""


@dataclass(slots=True)
class _Reader:
    """Collects one document from several files, and the problems on the way."""

    document: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    contents: dict[str, Path] = field(default_factory=dict)
    problems: list[Detail] = field(default_factory=list)
    nodes: int = 0

    def read(self, file: Path) -> None:
        """Add one file to the document."""
        try:
            self.merge(file, yaml.compose(file.read_text("utf-8"), Loader=yaml.SafeLoader))
        except OSError as error:
            self.problem(file, f"cannot be read: {error.strerror}.", "Check the name and its rights.")
        except UnicodeDecodeError as error:
            self.problem(file, f"is not UTF-8 (byte {error.start}).", "Save it as UTF-8.")
        except yaml.MarkedYAMLError as error:
            self.problem(_place(file, error.problem_mark), *_explain(error))
        except yaml.YAMLError as error:
            self.problem(file, *_explain(error))
        except (_TooLarge, RecursionError):
            self.problem(
                file,
                f"holds more than {MAXIMUM_NODES:,} values or more than {MAXIMUM_DEPTH} levels.",
                "Describe the tenant without aliases of aliases.",
            )

    def merge(self, file: Path, root: yaml.Node | None) -> None:
        """Join a file's top level: lists are joined, anything else may be said once."""
        if not isinstance(root, yaml.MappingNode):
            self.problem(file, "does not hold a mapping.", "Begin with `reseal: 1`, then the sections.")
            return
        self.places.setdefault("$", Place(file, 1, 1))
        for name, key, node in self.entries(file, root):
            path = f"$.{name}"
            present = self.document.get(name)
            if isinstance(present, list) and isinstance(node, yaml.SequenceNode):
                start = len(present)
                present += [
                    self.value(file, item, f"{path}[{start + index}]")
                    for index, item in enumerate(node.value)
                ]
            elif name in self.document:
                first = self.places[path]
                self.problem(
                    _place(file, key.start_mark), f"{name} was said before, at {first}.", "Keep one of them."
                )
            else:
                self.document[name] = self.value(file, node, path)

    def value(self, file: Path, node: yaml.Node, path: str, depth: int = 1) -> Any:
        """The plain value of a node; notes the place of everything in it."""
        self.nodes += 1
        if self.nodes > MAXIMUM_NODES or depth > MAXIMUM_DEPTH:
            raise _TooLarge
        self.places[path] = _place(file, node.start_mark)
        match node:
            case yaml.MappingNode():
                return {
                    name: self.entry(file, name, child, f"{path}.{name}", depth + 1)
                    for name, _, child in self.entries(file, node)
                }
            case yaml.SequenceNode():
                return [
                    self.value(file, item, f"{path}[{index}]", depth + 1)
                    for index, item in enumerate(node.value)
                ]
            case _:
                return self.scalar(file, node)

    def entry(self, file: Path, name: str, node: yaml.Node, path: str, depth: int) -> Any:
        """A value of a mapping: a content file's reference if the name says so."""
        found = self.value(file, node, path, depth)
        if name not in _CONTENT_FIELDS or not isinstance(found, str):
            return found
        content = file.parent / found
        if not content.resolve().is_relative_to(file.parent.resolve()):
            self.problem(
                self.places[path],
                f"{found} lies outside of the directory {file.parent}.",
                "Copy the file beside the YAML and name it by its relative path.",
            )
            return None
        try:
            digest, size = _digest(content)
        except OSError as error:
            self.problem(self.places[path], f"{found} cannot be read: {error.strerror}.", "Correct the path.")
            return None
        self.contents[digest] = content
        return {"sha256": digest, "size": size, "fileName": content.name}

    def entries(self, file: Path, node: yaml.MappingNode) -> Iterator[tuple[str, yaml.ScalarNode, yaml.Node]]:
        """The entries of a mapping whose keys are texts, each key once."""
        seen: set[str] = set()
        for key, child in node.value:
            where = _place(file, key.start_mark)
            if not isinstance(key, yaml.ScalarNode) or key.tag != f"{_TAG}str":
                self.problem(
                    where, "a key is not a plain text.", "Write names as keys; quote what is not one."
                )
            elif key.value in seen:
                self.problem(where, f"{key.value} stands twice in one mapping.", "Keep one of them.")
            else:
                seen.add(key.value)
                yield key.value, key, child

    def scalar(self, file: Path, node: yaml.Node) -> Any:
        """A text, whole number, boolean or null; what YAML would make of other spellings is refused."""
        kind = node.tag.removeprefix(_TAG)
        if kind in {"str", "timestamp"}:
            return node.value
        if kind in {"bool", "null"} or (kind == "int" and _PLAIN_NUMBER.fullmatch(node.value)):
            return _SCALARS.construct_object(node)
        self.problem(
            _place(file, node.start_mark), f"{node.value!r} would be read as {kind}.", "Put it in quotes."
        )
        return None

    def problem(self, where: Place | Path, message: str, remedy: str) -> None:
        """Note something wrong and go on, so that all problems are told at once."""
        self.problems.append(Detail(where=str(where), message=message, remedy=remedy))


def _place(file: Path, mark: yaml.Mark | None) -> Place:
    return Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)


def _explain(error: yaml.YAMLError) -> tuple[str, str]:
    """What the YAML parser stumbled over, and what to do about it."""
    problem = getattr(error, "problem", None) or str(error).replace("\n", " ")
    if "'\\t'" in problem:
        return "a tab stands where YAML wants blanks.", "Indent with blanks."
    context = getattr(error, "context", None)
    return f"{f'{context}: ' if context else ''}{problem}.", "Correct the YAML here."


def _digest(file: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as stream:
        while chunk := stream.read(_HASH_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size
