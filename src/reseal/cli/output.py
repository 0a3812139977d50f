"""What a command prints: results to stdout, messages for people to stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from reseal.kernel.errors import ResealError

people = Console(stderr=True, highlight=False, soft_wrap=True)
"""For messages and progress."""

results = Console(highlight=False, soft_wrap=True)
"""For what was asked for."""

_DETAILS_SHOWN = 20
_NARROW = 20


def print_json(document: Any) -> None:
    """A result for programs: one JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_line(document: Any) -> None:
    """One result of a stream for programs: a JSON document on a line of its own, at once."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def tell(margin: Text, line: Text) -> None:
    """A message with a margin. On a terminal a long one goes on below its beginning, not in the margin."""
    room = people.width - margin.cell_len
    parts = line.wrap(people, room) if people.is_terminal and room > _NARROW else [line]
    for number, part in enumerate(parts):
        people.print(Text.assemble(" " * margin.cell_len if number else margin, part))


def show_error(error: ResealError) -> None:
    """What happened, each problem with its place, and what to do; the code last, for looking it up."""
    people.print(f"[bold red]Error:[/] {escape(error.message)}")
    for detail in error.details[:_DETAILS_SHOWN]:
        remedy = f" {detail.remedy}" if detail.remedy else ""
        people.print(f"  {escape(detail.where)}: {escape(detail.message + remedy)}")
    if len(error.details) > _DETAILS_SHOWN:
        people.print(f"  ... and {len(error.details) - _DETAILS_SHOWN} more.")
    if error.remedy and all(detail.remedy != error.remedy for detail in error.details):
        people.print(escape(error.remedy))
    people.print(f"[dim]({escape(error.code)})[/]")
