"""The texts for people and their translations.

    python tools/messages.py           brings the catalogues of src/reseal/web/locale up to date with the code
    python tools/messages.py it pt_BR  the same, and begins catalogues of these languages
    python tools/messages.py --check   says which translations are missing, doubtful or do not fit, and fails

A new text comes without translation, one that is said no more goes. Where a text was changed a little, the
translation of the old one is proposed and marked as doubtful (`#, fuzzy`) until somebody has looked at it:
take the mark away.
"""

from __future__ import annotations

import argparse
import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "src" / "reseal"
LOCALE: Final = SOURCE / "web" / "locale"
REQUIRED: Final = ("ar", "de", "es", "fr", "ja")
"""Languages that say everything, always."""

_SAYING: Final = "reseal.web.phrases"
_WIDTH: Final = 110


def texts() -> Catalog:
    """Every text that the code says."""
    found = Catalog()
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"), path)
        for message in _said(tree, _sayers(tree), path):
            found.add(message, locations=[(path.relative_to(SOURCE).as_posix(), 0)])
    return found


def _sayers(tree: ast.Module) -> dict[str, int]:
    """The functions for saying that a module imports, with how many templates each takes."""
    takes = {"say": 1, "marked": 1, "say_many": 2}
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == _SAYING)
    return {name.name: takes[name.name] for node in imports for name in node.names if name.name in takes}


def _said(tree: ast.Module, sayers: dict[str, int], path: Path) -> Iterator[str | tuple[str, ...]]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in sayers):
            continue
        templates = node.args[: sayers[node.func.id]]
        written = tuple(each.value for each in templates if isinstance(each, ast.Constant))
        if len(written) != sayers[node.func.id] or not all(
            isinstance(each, str) and each for each in written
        ):
            raise SystemExit(f"{path}:{node.lineno}: {node.func.id} takes a template that is written out")
        yield str(written[0]) if len(written) == 1 else tuple(map(str, written))


def catalogues() -> dict[str, Path]:
    """The files, by the name of their language."""
    return {path.parent.parent.name: path for path in sorted(LOCALE.glob("*/LC_MESSAGES/reseal.po"))}


def read(language: str, path: Path) -> Catalog:
    """The catalogue of a language; an empty one if there is no file."""
    content = path.read_bytes() if path.exists() else b""
    return read_po(io.BytesIO(content), locale=language)


def update(language: str, path: Path, present: Catalog) -> None:
    """Bring a catalogue up to date."""
    catalogue = read(language, path)
    catalogue.update(present)
    write(language, catalogue, path)


def write(language: str, catalogue: Catalog, path: Path) -> None:
    """Write a catalogue without what nobody says any more, and without what changes by itself."""
    catalogue.obsolete.clear()
    written = io.BytesIO()
    write_po(written, catalogue, width=_WIDTH, sort_output=True, omit_header=True, include_lineno=False)
    head = _HEADER.format(language=language, plural=catalogue.plural_forms)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.encode() + written.getvalue())


_HEADER: Final = """\
# Texts of Reseal. `make messages` brings this file up to date with the code.
msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: {plural}\\n"

"""


def problems(language: str, catalogue: Catalog, present: Catalog) -> Iterator[str]:
    """What is missing, doubtful or does not fit."""
    for message in present:
        known = catalogue.get(message.id)
        if not message.id:
            continue
        if known is None or not all(_translations(known)):
            if language in REQUIRED:
                yield f"{language}: no translation of {message.id!r}"
        elif known.fuzzy:
            yield f"{language}: is the translation of {message.id!r} right? Take its mark `fuzzy` away"
        else:
            yield from _misfits(language, known)
    for message in catalogue:
        if message.id and present.get(message.id) is None:
            yield f"{language}: nobody says {message.id!r} any more"


def _misfits(language: str, message: Message) -> Iterator[str]:
    """A form for one thing may leave the number out."""
    wanted = _fields(_originals(message)[-1])
    for number, translation in enumerate(_translations(message)):
        found = _fields(translation)
        may_lack = {"count"} if message.pluralizable else set()
        if not (wanted - may_lack <= found <= wanted):
            yield f"{language}: other braces than {sorted(wanted)} in {translation!r} (form {number})"


def _originals(message: Message) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def _translations(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def check() -> list[str]:
    """Everything that is wrong with the catalogues."""
    present = texts()
    known = catalogues()
    missing = [f"{language}: there is no catalogue" for language in REQUIRED if language not in known]
    return missing + [
        problem
        for language, path in known.items()
        for problem in problems(language, read(language, path), present)
    ]


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("languages", nargs="*", metavar="LANGUAGE")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.check:
        found = check()
        print("\n".join(found), file=sys.stderr)
        return 1 if found else 0
    present = texts()
    new = {name: LOCALE / name / "LC_MESSAGES" / "reseal.po" for name in arguments.languages}
    for language, path in {**catalogues(), **new}.items():
        update(language, path, present)
    return 0


if __name__ == "__main__":
    sys.exit(main())
