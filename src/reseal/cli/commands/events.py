"""`reseal events verify`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape

from reseal.cli.connection import Server, connect
from reseal.cli.output import people, print_json, results

_DEFAULT_SERVER = Server()


async def verify(
    *, server: Server = _DEFAULT_SERVER, json: Annotated[bool, Parameter(negative="")] = False
) -> int:
    """Recompute the chain of digests over the tenant's whole event log.

    Exit code 2 if an event was changed, removed or put in; the first such position is named.

    Examples
    --------
    reseal events verify --ready-file data/ready.json

    Parameters
    ----------
    json
        Print the result as JSON.
    """
    async with connect(server) as connection:
        found = await connection.json("GET", "/events/verify")
    broken = found["brokenAt"] is not None
    if json:
        print_json(found)
    elif broken:
        people.print(
            f"[bold red]The log is broken at position {found['brokenAt']}:[/] {escape(found['reason'])}"
        )
    else:
        results.print(f"{found['count']} events, the chain holds; head {found['head']}")
    return 2 if broken else 0
