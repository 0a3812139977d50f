"""Blocks of code in Markdown files, as a reader sees them: between fences, or indented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FENCE: Final = re.compile(r"```(?P<language>\S*)")
_INDENT: Final = " " * 4


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code: where it begins, in which language it says to be (empty: none), its lines."""

    line: int
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, from top to bottom."""
    return list(_blocks(page.read_text().splitlines()))


def _blocks(lines: list[str]) -> Iterator[Block]:
    at = 0
    while at < len(lines):
        begin = at
        if fence := _FENCE.fullmatch(lines[at]):
            at = lines.index("```", at + 1)
            yield Block(begin + 1, fence["language"], "\n".join(lines[begin + 1 : at]))
        elif lines[at].startswith(_INDENT) and not "".join(lines[at - 1 : at]).strip():
            while at + 1 < len(lines) and (lines[at + 1].startswith(_INDENT) or not lines[at + 1].strip()):
                at += 1
            text = "\n".join(line.removeprefix(_INDENT) for line in lines[begin : at + 1])
            yield Block(begin + 1, "", text.rstrip())
        at += 1
