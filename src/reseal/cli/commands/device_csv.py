"""`reseal device csv`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape

from reseal.cli.output import people, print_json
from reseal.device import tpm
from reseal.device.folder import look_at
from reseal.device.hardware import capture, installed
from reseal.kernel.clock import SystemClock
from reseal.kernel.errors import Invalid
from reseal.kernel.files import PUBLIC, write_file
from reseal.kernel.keys import OpenSslKeys
from reseal.kernel.wording import counted
from reseal.wire.devicecsv import DeviceCsvError, DeviceRow, write_device_csv


def csv(
    directory: Path,
    /,
    *directories: Path,
    out: Path | None = None,
    group_tag: str = "",
    assigned_user: str = "",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Write the list that registers laptops: serial numbers and hardware hashes, as Get-WindowsAutopilotInfo.

    The hash of a laptop is another one each time; each of them registers it.

    Examples
    --------
    reseal device csv ./laptop > new.csv
    reseal device csv ./laptops/* --group-tag sales --out new.csv

    Parameters
    ----------
    directory
        Where the laptop lives.
    directories
        And further ones.
    out
        The file to write; standard output if not given.
    group_tag
        The group tag of all of them.
    assigned_user
        For whom they are: a user principal name.
    json
        Print the rows as JSON.
    """
    rows = [
        _row(each, line, group_tag, assigned_user) for line, each in enumerate((directory, *directories), 2)
    ]
    try:
        written = write_device_csv(rows)
    except DeviceCsvError as error:
        raise Invalid(code=error.code, message=f"{error.message}.", remedy=f"{error.remedy}.") from error
    if out is not None:
        write_file(out, written, PUBLIC)
        people.print(f"{counted(len(rows), 'laptop is', 'laptops are')} in {escape(str(out))}.")
    if json:
        print_json([_object(row) for row in rows])
    elif out is None:
        sys.stdout.write(written.decode("ascii"))
        sys.stdout.flush()
    return 0


def _row(directory: Path, line: int, group_tag: str, assigned_user: str) -> DeviceRow:
    disk, clock = look_at(directory), SystemClock()
    machine = installed(disk)
    assert machine is not None, "what can be looked at has hardware"
    module = tpm.fitted(disk, clock, OpenSslKeys())
    modulus = None if module is None else module.ek_modulus
    return DeviceRow(
        line=line,
        serial=machine.serial,
        hardware_hash=capture(machine, ek_modulus=modulus, at=clock.now()),
        group_tag=group_tag,
        assigned_user=assigned_user,
    )


def _object(row: DeviceRow) -> dict[str, str]:
    return {
        "serial": row.serial,
        "hardwareHash": row.hardware_hash,
        "groupTag": row.group_tag,
        "assignedUser": row.assigned_user,
    }
