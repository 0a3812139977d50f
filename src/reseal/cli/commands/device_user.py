"""`reseal device user`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from reseal.cli.connection import ServerOfDevices
from reseal.cli.devices import Manner, stand_before
from reseal.device.actor import Person
from reseal.kernel.errors import Invalid

_DEFAULT_SERVER = ServerOfDevices()
_DEFAULT_MANNER = Manner()


async def user(
    directory: Path,
    /,
    *,
    upn: str,
    password_file: Path,
    server: ServerOfDevices = _DEFAULT_SERVER,
    manner: Manner = _DEFAULT_MANNER,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Switch a laptop on as its user does: sign in on the organisation's page, and go on to the desktop.

    After a technician's Reseal that is the user flow; on a new laptop the plain one, in which the user's
    sign-in joins it. At the desktop the laptop stays on until nothing more is to come. Ctrl-C is a power cut:
    the next call goes on. Exit code 2 if it does not come to the desktop; the last line is the code and the
    reason then.

    Examples
    --------
    reseal device user ./laptop --upn adele@contoso.example --password-file passwords-contoso.example.json
    reseal device user ./laptop --upn adele@contoso.example --password-file adele.txt --pace 60

    Parameters
    ----------
    directory
        Where the laptop lives.
    upn
        What the user types as name.
    password_file
        The password: the first line, or the file of passwords that `reseal apply` wrote.
    json
        Print the result as JSON.
    """
    person = Person(upn=upn, password=_password(password_file, upn))
    return await stand_before(directory, server, manner, person, json=json)


def _password(file: Path, upn: str) -> str:
    try:
        text = file.read_text()
    except (OSError, ValueError) as error:
        raise Invalid(
            code="UnreadableFile",
            message=f"The password file {file} cannot be read: {error}.",
            remedy="Name a file with the password in its first line.",
        ) from error
    try:
        known: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return next(iter(text.splitlines()), "")
    for name, password in known.items():
        if name.casefold() == upn.casefold():
            return str(password)
    raise Invalid(
        code="NoPassword",
        message=f"{file} has no password of {upn}.",
        remedy=f"It has those of: {', '.join(sorted(known))}.",
    )
