"""Writes the diagram of docs/engineer/sessions.md from the tables of a session's states.

tools/session_states.py            writes the page
tools/session_states.py --check    exit 1 if the page is out of date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reseal.mdm.sessions.states import AFTER, TREATMENT, Arrival, ReplyKind, SessionState

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "engineer" / "sessions.md"
BEGIN: Final = "<!-- diagram: written by tools/session_states.py -->"
END: Final = "<!-- end of diagram -->"
_REPLIES: Final = {
    ReplyKind.ENDS: "a reply without commands",
    ReplyKind.ASKS_ON: "a reply that asks for the rest of the package",
    ReplyKind.COMMANDS: "a reply with commands",
}


def updated(page: str) -> str:
    """The page with the part between the two marks as the tables say now."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} must hold the lines {BEGIN!r} and {END!r}, in this order")
    return f"{before}{BEGIN}\n\n" + "\n".join((*_diagram(), "", *_table(), "")) + f"\n{END}{after}"


def _diagram() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {SessionState.IDLE}"
    for state in SessionState:
        yield from (f"    {state} --> {AFTER[kind]}: {_REPLIES[kind]}" for kind in ReplyKind)
    yield "```"


def _table() -> Iterator[str]:
    """What is done with each arrival, in each state."""
    yield f"| a message that | {' | '.join(SessionState)} |"
    yield f"|---|{'---|' * len(SessionState)}"
    for arrival in Arrival:
        treatments = (TREATMENT[state, arrival] for state in SessionState)
        yield f"| {arrival} | {' | '.join(treatments)} |"


def main() -> None:
    """Write the page, or check it."""
    page = PAGE.read_text()
    if "--check" not in sys.argv:
        PAGE.write_text(updated(page))
    elif page != updated(page):
        sys.exit("docs/engineer/sessions.md is out of date; run tools/session_states.py")


if __name__ == "__main__":
    main()
