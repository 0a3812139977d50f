"""`reseal preflight`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from cyclopts import Parameter
from rich.markup import escape

from reseal.cli.connection import Server, connect
from reseal.cli.output import people, print_line, results

_DEFAULT_SERVER = Server()
_SHOWN = 5
"""Sentences and devices of one objection; the others are counted."""
_COLOURS = {"blocks": "red", "warns": "yellow"}


@dataclass(frozen=True, slots=True)
class _Objection:
    """What is to be mended in one way: the sentences that say why, and the devices that it stands against."""

    severity: str
    code: str
    remedy: str
    messages: dict[str, None] = field(default_factory=dict)
    """A set that keeps its order."""
    serials: list[str] = field(default_factory=list)


async def preflight(
    *,
    server: Server = _DEFAULT_SERVER,
    group_tag: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Say what will fail before anybody switches a device on: each objection, why, and what to do.

    Every registered device is looked at as things are set up now; no device is asked, nothing is changed.
    What blocks keeps a device from ending green in the technician flow; what warns does not. Exit code 2 if
    anything is objected to.

    Examples
    --------
    reseal preflight --ready-file data/ready.json
    reseal preflight --group-tag sales --json

    Parameters
    ----------
    group_tag
        Only devices with this group tag.
    json
        Print one JSON document per device: what it will meet and why, and what stands against it.
    """
    looked_at: list[dict[str, Any]] = []
    query = {} if group_tag is None else {"groupTag": group_tag}
    async with connect(server) as connection:
        async for one in connection.items("/preflight", query):
            looked_at.append(one)
            if json:
                print_line(one)
    if not json:
        for objection in _objections(looked_at):
            _show(objection)
    blocked = sum(not one["ready"] for one in looked_at)
    objected = sum(bool(one["objections"]) for one in looked_at)
    people.print(f"{len(looked_at)} registered: {blocked} blocked, {objected - blocked} with warnings only.")
    return 2 if objected else 0


def _objections(looked_at: Iterable[dict[str, Any]]) -> list[_Objection]:
    """All objections: what blocks first, then what concerns most devices."""
    found: dict[tuple[str, str, str], _Objection] = {}
    for one in looked_at:
        for told in one["objections"]:
            mended = (told["severity"], told["code"], told["remedy"])
            objection = found.setdefault(mended, _Objection(*mended))
            objection.serials.append(one["serialNumber"])
            objection.messages[told["message"]] = None
    return sorted(found.values(), key=lambda each: (each.severity != "blocks", -len(each.serials)))


def _show(objection: _Objection) -> None:
    first, *others = _first_of([*objection.messages])
    severity = f"[{_COLOURS[objection.severity]}]{objection.severity:6}[/]"
    results.print(f"{severity} {escape(objection.code)}: {escape(first)}")
    for line in (*others, objection.remedy, ", ".join(_first_of(objection.serials))):
        results.print(f"       {escape(line)}")


def _first_of(texts: Sequence[str]) -> list[str]:
    """The first few, and how many more there are."""
    more = len(texts) - _SHOWN
    return [*texts[:_SHOWN], f"and {more} more"] if more > 0 else list(texts)
