"""Writes the diagram of docs/engineer/laptop.md from the table of steps.

python tools/oobe_steps.py            write it
python tools/oobe_steps.py --check    exit 1 if it is not as it should be
"""

from __future__ import annotations

import sys
from pathlib import Path

from reseal.device.oobe.diagram import diagram

PAGE = Path(__file__).resolve().parent.parent / "docs" / "engineer" / "laptop.md"
MARK = "<!-- diagram: written by tools/oobe_steps.py -->\n"


def rewritten(page: str) -> str:
    """The page with the diagram as the table says it."""
    return f"{page.partition(MARK)[0]}{MARK}\n{diagram()}"


def main() -> None:
    """Write the page, or check it."""
    page = PAGE.read_text()
    if "--check" not in sys.argv:
        PAGE.write_text(rewritten(page))
    elif page != rewritten(page):
        sys.exit("docs/engineer/laptop.md is out of date; run tools/oobe_steps.py")


if __name__ == "__main__":
    main()
