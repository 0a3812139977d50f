"""Writes the tables of docs/technician/error-codes.md from what the device knows of each code.

tools/error_codes.py            writes the page
tools/error_codes.py --check    exit 1 if the page is out of date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from reseal.device.codes import CAUSES, UNKNOWN, UNKNOWN_ITEM, UNKNOWN_SIGN_IN, Cause, Part, Who

PAGE = Path(__file__).resolve().parent.parent / "docs" / "technician" / "error-codes.md"
BEGIN = "<!-- codes: written by tools/error_codes.py -->"
END = "<!-- end of codes -->"

TITLES = {
    Part.PROFILE: "Before anything begins",
    Part.HARDWARE: "Securing your hardware",
    Part.JOIN: "Joining your organization's network",
    Part.MANAGEMENT: "Registering your device for mobile management",
    Part.SETUP: "Device setup and account setup",
    Part.SIGN_IN: "Signing in",
    Part.NETWORK: "On the way to the server, in any step",
    Part.LATER: "Later",
}
DOERS = {
    Who.BENCH: "you",
    Who.ADMINISTRATOR: "the administrator",
    Who.OPERATOR: "who runs the server",
    Who.NETWORK: "who runs the network",
}


def tables() -> str:
    """One table for each part of a deployment, and what is said of any other code."""
    return "\n".join(line for part in Part for line in _table(part)) + "\n" + "\n".join(_others())


def _table(part: Part) -> Iterator[str]:
    yield f"## {TITLES[part]}"
    yield ""
    yield "| Code | What happened, and why | What to do | Who does it |"
    yield "|---|---|---|---|"
    for each in CAUSES:
        if each.part is part:
            yield _row(each)
    yield ""


def _row(each: Cause) -> str:
    mark = " ●" if each.modelled else ""
    name = f"`{each.name}`" if each.name.isidentifier() else each.name
    happened = f"{each.cause} <br>*On Windows:* {each.windows}" if each.windows else str(each.cause)
    cells = (f"**{each.code}**{mark}<br>{name}", happened, str(each.remedy), DOERS[each.who])
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _others() -> Iterator[str]:
    yield "## Any other code"
    yield ""
    yield f"- {UNKNOWN.cause} {UNKNOWN.remedy}"
    yield f"- On the status page: {_small(UNKNOWN_ITEM)}"
    yield f"- While signing in: {_small(UNKNOWN_SIGN_IN)}"
    yield ""


def _small(each: Cause) -> str:
    return f"{each.cause[0].lower()}{each.cause[1:]} {each.remedy}"


def updated(page: str) -> str:
    """The page with the part between the two marks as the device has it now."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} must hold the lines {BEGIN!r} and {END!r}, in this order")
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Write or check; the exit code."""
    old = PAGE.read_text("utf-8")
    new = updated(old)
    if "--check" not in arguments:
        PAGE.write_text(new, "utf-8")
    elif new != old:
        print("docs/technician/error-codes.md is out of date; run tools/error_codes.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
