"""`reseal tenant new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from reseal.cli.connection import Server, connect
from reseal.cli.output import people, print_json, results
from reseal.cli.safekeeping import safe_place

_DEFAULT_SERVER = Server()
_ROOM = 4096
"""Bytes; the credentials of an organisation take less."""


async def new(
    name: str,
    /,
    *,
    server: Server = _DEFAULT_SERVER,
    domain: str,
    out: Path,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Make an organisation with an administrator and a client for automation of its own.

    Their secrets are written to the credentials file once and shown nowhere else.

    Examples
    --------
    reseal tenant new Fabrikam --domain fabrikam.example --out fabrikam.json --ready-file data/ready.json
    reseal apply examples/contoso --ready-file data/ready.json --credentials fabrikam.json

    Parameters
    ----------
    name
        What the organisation is called.
    domain
        Its default domain; each domain belongs to one organisation of a server.
    out
        The credentials file to write; it must not exist yet.
    json
        Print the result as JSON (without the secrets).
    """
    with safe_place(out, "--out", room=_ROOM) as keep:
        async with connect(server) as connection:
            made = await connection.json("POST", "/tenants", json={"name": name, "domain": domain})
        keep(made)
    if json:
        print_json({name: made[name] for name in ("tenant_id", "tenant_domain")})
    else:
        results.print(f"{made['tenant_id']} {made['tenant_domain']}")
        people.print(f"Credentials of {made['administrator']['upn']} and of the client are in {out}.")
    return 0
