"""Writes the diagrams of docs/engineer/deployment-states.md from the table of transitions.

tools/deployment_states.py            writes the page
tools/deployment_states.py --check    exit 1 if the page is out of date
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from reseal.deployment.diagram import page_part

PAGE = Path(__file__).resolve().parent.parent / "docs" / "engineer" / "deployment-states.md"
BEGIN = "<!-- diagrams: written by tools/deployment_states.py -->"
END = "<!-- end of diagrams -->"


def updated(page: str) -> str:
    """The page with the part between the two marks as the table says now."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} must hold the lines {BEGIN!r} and {END!r}, in this order")
    return f"{before}{BEGIN}\n\n{page_part()}\n{END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Write or check; the exit code."""
    old = PAGE.read_text()
    new = updated(old)
    if "--check" not in arguments:
        PAGE.write_text(new)
    elif new != old:
        print(
            "docs/engineer/deployment-states.md is out of date; run tools/deployment_states.py",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
