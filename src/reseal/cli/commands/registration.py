"""`reseal registration`: what is registered, what it will meet and why, whose it is."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter
from rich.markup import escape

from reseal.cli.connection import Connection, Server, connect
from reseal.cli.output import people, print_json, print_line, results
from reseal.kernel.errors import Invalid, NotFound

_DEFAULT_SERVER = Server()


async def list_(
    *,
    server: Server = _DEFAULT_SERVER,
    group_tag: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """List what is registered: serial number, group tag, whose it is, whether it has a profile.

    Examples
    --------
    reseal registration list --ready-file data/ready.json
    reseal registration list --group-tag sales --json

    Parameters
    ----------
    group_tag
        Only those with this group tag.
    json
        Print one JSON document per registration.
    """
    count = 0
    async with connect(server) as connection:
        query = {} if group_tag is None else {"groupTag": group_tag}
        async for one in connection.items("/registrations", query):
            count += 1
            if json:
                print_line(one)
            else:
                columns = (one["serialNumber"], one["groupTag"] or "-", one["assignedUser"] or "-")
                line = "  ".join(f"{text:20}" for text in columns)
                results.print(escape(f"{line}  {one['profileStatus']}"))
    people.print(f"{count} registered.")
    return 0


async def show(
    serial: str,
    /,
    *,
    server: Server = _DEFAULT_SERVER,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Say what a registered device will meet, and why: its profile, its Enrollment Status Pages, its user.

    Examples
    --------
    reseal registration show RSL-0001-D685B3 --ready-file data/ready.json

    Parameters
    ----------
    serial
        The serial number of the device.
    json
        Print the registration as JSON.
    """
    async with connect(server) as connection:
        found = await connection.json("GET", f"/registrations/{await _find(connection, serial)}")
    _tell(found, json=json)
    return 0


async def edit(
    serial: str,
    /,
    *,
    server: Server = _DEFAULT_SERVER,
    group_tag: str | None = None,
    assigned_user: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Change the group tag or the assigned user of a registered device; an empty text removes it.

    Groups, profile and status page follow at once, and are told like in `reseal registration show`.

    Examples
    --------
    reseal registration edit RSL-0009-035CE0 --assigned-user adele@contoso.example
    reseal registration edit RSL-0009-035CE0 --group-tag ""

    Parameters
    ----------
    serial
        The serial number of the device.
    group_tag
        Its group tag from now on.
    assigned_user
        Whose it is from now on: a user principal name.
    json
        Print the registration as JSON.
    """
    given = {"groupTag": group_tag, "assignedUser": assigned_user}
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise Invalid(
            code="NothingToChange",
            message="It is not said what to change.",
            remedy="Give --group-tag or --assigned-user.",
        )
    async with connect(server) as connection:
        path = f"/registrations/{await _find(connection, serial)}"
        found = await connection.json("PATCH", path, json=changes)
    _tell(found, json=json)
    return 0


# --- finding ------------------------------------------------------------------------------------------------


async def _find(connection: Connection, serial: str) -> str:
    """The id of the one registration with that serial number."""
    beginning = [one async for one in connection.items("/registrations", {"serial": serial})]
    match [one for one in beginning if one["serialNumber"].casefold() == serial.casefold()]:
        case [one]:
            return str(one["id"])
        case []:
            raise NotFound(
                code="NotRegistered",
                message=f"No device with the serial number {serial} is registered.",
                remedy="reseal registration list says which are.",
            )
        case several:
            raise Invalid(
                code="SerialNotUnique",
                message=f"{len(several)} devices with the serial number {serial} are registered.",
                remedy="Only the API can tell them apart, by their ids.",
            )


# --- telling ------------------------------------------------------------------------------------------------


def _tell(found: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(found)
        return
    results.print(f"[bold]{escape(found['serialNumber'])}[/] {escape(found['model'])}")
    technician, user = found["enrollmentStatusPage"], found["userFlowEnrollmentStatusPage"]
    _line("group tag", found["groupTag"] or "none")
    _line("assigned user", found["assignedUser"] or "none")
    _line("profile", _choice(found["profile"]))
    if technician == user:
        _line("ESP", _choice(technician))
    else:
        _line("technician's ESP", _choice(technician))
        _line("user's ESP", _choice(user))


def _choice(one: dict[str, Any]) -> str:
    return f"{one['name'] or 'none'}: {one['reason']}"


def _line(name: str, text: str) -> None:
    results.print(f"  {name:17}{escape(text)}")
