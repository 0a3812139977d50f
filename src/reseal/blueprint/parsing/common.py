"""What entries of all kinds have: names, descriptions, files, a list in which each name stands once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from reseal.blueprint.document import Content
from reseal.blueprint.reading import Cursor, Fields
from reseal.directory.model_names import description as checked_description
from reseal.directory.model_names import display_name, fold

E = TypeVar("E")

_SHA256 = re.compile(r"[0-9a-f]{64}")


def entries_of(
    sections: Fields, section: str, read: Callable[[Cursor], E], called: Callable[[E], str]
) -> tuple[E, ...]:
    """The entries of a section; two of the same name are a problem."""
    entries = []
    first: dict[str, Cursor] = {}
    for cursor in sections.each(section):
        entry = read(cursor)
        entries.append(entry)
        earlier = first.setdefault(fold(called(entry)), cursor)
        if earlier is not cursor and called(entry):
            cursor.problem(
                f"{called(entry)} is described before, at {earlier.path}.", "Keep one of them.", "Twice"
            )
    return tuple(entries)


def name_of(values: Fields, field: str, of: str) -> str:
    """The display name of a thing; `of` says what it is."""
    name = values.text(field)
    if name:
        with values[field].collecting():
            name = display_name(name, of=of)
    return name


def description_of(values: Fields, of: str) -> str:
    """The description of a thing, empty if none is written."""
    text = values.read("description", str, "")
    if text:
        with values["description"].collecting():
            text = checked_description(text, of=of)
    return text


def file_of(values: Fields) -> Content:
    """The content under `file`, which must be there."""
    if "file" not in values:
        values.cursor.problem("file is missing.", "Add the file's relative path.", "Missing")
        return Content(values.cursor.path, "", 0, "")
    return content(values["file"])


def content(cursor: Cursor) -> Content:
    """A reference to a file's content, as reading the YAML makes it of a path."""
    if isinstance(cursor.value, str):
        cursor.problem(
            "A file's content is referred to by its digest.",
            "Write {sha256: ..., size: ..., fileName: ...}; the command line makes that of a path.",
        )
        return Content(cursor.path, "", 0, "")
    values = cursor.fields(("sha256", "size", "fileName"))
    digest = values.text("sha256")
    if digest and not _SHA256.fullmatch(digest):
        values["sha256"].problem("This is no SHA-256.", "Write 64 hexadecimal digits in lower case.")
    return Content(cursor.path, digest, values.read("size", int, 0), values.read("fileName", str, ""))
