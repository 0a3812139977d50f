"""`reseal apply`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.markup import escape

from reseal.blueprint.parsing import parse_document
from reseal.blueprint.plan import Action, Plan
from reseal.blueprint.source import Places, Source, read_source
from reseal.cli.connection import Connection, Server, connect
from reseal.cli.output import people, print_json, results
from reseal.cli.safekeeping import Keep, safe_place
from reseal.kernel.errors import Invalid, ResealError
from reseal.kernel.wording import counted

_DEFAULT_SERVER = Server()
_COLOURS = {Action.CREATE: "green", Action.CHANGE: "yellow", Action.DELETE: "red"}
_UNMANAGED_SHOWN = 10
_ROOM_FOR_PASSWORD = 200
"""Bytes, with the name of its user."""


async def apply(
    path: Path,
    /,
    *,
    server: Server = _DEFAULT_SERVER,
    plan: Annotated[bool, Parameter(negative="")] = False,
    prune: Annotated[bool, Parameter(negative="")] = False,
    passwords_out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Make a tenant what a YAML file, or all YAML files of a directory, say.

    All of it is done, or nothing. Each line says what is created (+), changed (~) or deleted (-), and for
    which devices that makes a difference. Applying the same again changes nothing. What the files do not
    describe is left alone. New users get passwords, which are written to a file once.

    Examples
    --------
    reseal apply examples/contoso --plan --ready-file data/ready.json
    reseal apply examples/contoso --ready-file data/ready.json

    Parameters
    ----------
    path
        The YAML file, or a directory of them.
    plan
        Say what would change, and change nothing.
    prune
        Also delete what the files do not describe, save the first administrator.
    passwords_out
        Where to write the passwords of new users; ./passwords-TENANT.json if not given.
    json
        Print the changes as JSON.
    """
    source = read_source(path)
    with _in_files(source.places):
        parse_document(source.document)
    async with connect(server) as connection:
        passwords = passwords_out or Path(f"passwords-{connection.tenant_domain}.json")
        with _passwords_kept(passwords, source, planned=plan) as keep, _in_files(source.places):
            answer = await carry_out(connection, source, plan=plan, prune=prune)
            if new := answer.pop("passwords", None):
                keep(new)
                answer["passwordsFile"] = str(passwords)
    if json:
        print_json(answer)
    else:
        _show(Plan.from_json(answer), planned=plan)
    if new:
        people.print(f"The passwords of {counted(len(new), 'new user')} are in {escape(str(passwords))}.")
    return 0


async def carry_out(
    connection: Connection, source: Source, *, plan: bool = False, prune: bool = False
) -> dict[str, Any]:
    """Have the server apply the description, or only plan it; its answer, with passwords of new users."""
    await _upload(connection, source.contents)
    answer: dict[str, Any] = await connection.json(
        "POST",
        "/blueprint/plan" if plan else "/blueprint/apply",
        query={"prune": str(prune).lower()},
        json=source.document,
    )
    return answer


@contextmanager
def _in_files(places: Places) -> Iterator[None]:
    """Problems of the document are told with the file and line they stand in."""
    try:
        yield
    except ResealError as error:
        error.details = places.locate(error.details)
        raise


@contextmanager
def _passwords_kept(file: Path, source: Source, *, planned: bool) -> Iterator[Keep]:
    """What writes the passwords of new users, if there are any, to the file; a plan makes none."""
    if planned:
        yield lambda new: None
        return
    room = _ROOM_FOR_PASSWORD * len(source.document.get("users") or ())
    with safe_place(file, "--passwords-out", room=room, known=_known_passwords(file)) as keep:
        yield keep


def _known_passwords(file: Path) -> dict[str, Any]:
    """What the file holds already: passwords cannot be read back from the server, so none is overwritten."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any]) if file.exists() else {}
    except (OSError, msgspec.DecodeError) as error:
        raise Invalid(
            code="NotAPasswordsFile",
            message=f"{file} exists and is no file of passwords; nothing was changed.",
            remedy="Name another file with --passwords-out.",
        ) from error


async def _upload(connection: Connection, contents: Mapping[str, Path]) -> None:
    """Send the contents that the server does not have."""
    for digest in sorted(contents):
        if await _has(connection, digest):
            continue
        with people.status(f"Uploading {escape(contents[digest].name)}"), contents[digest].open("rb") as file:
            await connection.json("PUT", f"/content/{digest}", data=file)


async def _has(connection: Connection, digest: str) -> bool:
    try:
        async with connection.request("HEAD", f"/content/{digest}"):
            return True
    except ResealError as error:
        if error.status != 404:
            raise
        return False


def _show(plan: Plan, *, planned: bool) -> None:
    for line in plan.lines:
        results.print(escape(str(line)), style=_COLOURS[line.action])
    if not plan.lines:
        results.print(f"Nothing changes: all {plan.unchanged} things are as described.")
    elif planned:
        people.print(f"{len(plan.lines)} would change, {plan.unchanged} stay. Nothing was changed yet.")
    else:
        people.print(f"{len(plan.lines)} changed, {plan.unchanged} stayed as they were.")
    if plan.unmanaged:
        names = ", ".join(plan.unmanaged[:_UNMANAGED_SHOWN])
        more = f" and {len(plan.unmanaged) - _UNMANAGED_SHOWN} more" * (
            len(plan.unmanaged) > _UNMANAGED_SHOWN
        )
        people.print(f"Not described, so left alone: {escape(names)}{more}.")
