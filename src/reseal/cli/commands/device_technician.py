"""`reseal device technician`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from reseal.cli.connection import ServerOfDevices
from reseal.cli.devices import Manner, stand_before
from reseal.device.actor import Technician

_DEFAULT_SERVER = ServerOfDevices()
_DEFAULT_MANNER = Manner()


async def technician(
    directory: Path,
    /,
    *,
    server: ServerOfDevices = _DEFAULT_SERVER,
    manner: Manner = _DEFAULT_MANNER,
    no_reseal: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Switch a laptop on as a technician does: five presses of the Windows key, Provision, green, Reseal.

    Each page is told as it appears, with the time on the laptop, and what is awaited while a page goes on by
    itself. Ctrl-C is a power cut: call the command again, and the laptop goes on where it stood. On a laptop
    that is red, the technician presses Retry. Exit code 2 if it does not come to green; the last line is the
    code and the reason then.

    Examples
    --------
    reseal device technician ./laptop --ready-file data/ready.json
    reseal device technician ./laptop --server https://reseal.example --ca root.pem --pace 60 --wifi

    Parameters
    ----------
    directory
        Where the laptop lives.
    no_reseal
        Switch off at green; a later call reseals.
    json
        Print the result as JSON.
    """
    return await stand_before(directory, server, manner, Technician(reseals=not no_reseal), json=json)
