"""`reseal rehearse`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from reseal.cli.output import people, print_json, results, show_error
from reseal.kernel.clock import SystemClock
from reseal.kernel.errors import Invalid, ResealError
from reseal.kernel.files import PUBLIC, write_file
from reseal.kernel.logs import configure_logs
from reseal.rehearsal.faults import Faults, parse_faults
from reseal.rehearsal.record import wire_line
from reseal.rehearsal.result import DeviceResult, Rehearsal
from reseal.rehearsal.run import Note
from reseal.rehearsal.run import rehearse as play
from reseal.rehearsal.scenario import read_scenario
from reseal.rehearsal.stage import Script, read_script

BAD_USAGE = 64
_COLOURS = {True: "green", False: "red"}


def rehearse(
    path: Path,
    /,
    *,
    devices: int | None = None,
    seed: int = 1,
    faults: str | None = None,
    events: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Play the deployment of a tenant's devices from beginning to end, in seconds, and say what will fail.

    A server in this process, virtual laptops and their people go through the technician flow, Reseal and the
    user flow on virtual time, over the same messages as in earnest. What arrived is then read back from each
    device. Nothing outside of this process is touched. Exit code 2 if a device does not end as expected, 64
    if what is named cannot be rehearsed.

    A directory holds the description of a tenant and devices.csv; its rehearsal.yaml says who goes through
    what, otherwise every device goes through both flows. The same seed gives the same run, to the byte.

    Examples
    --------
    reseal rehearse examples/contoso
    reseal rehearse examples/contoso --devices 20 --seed 7 --faults loss,cut,duplicate

    Parameters
    ----------
    path
        A scenario file, or a directory with the description of a tenant.
    devices
        How many devices take part: the first ones, and further virtual laptops if there are fewer.
    seed
        Decides everything that is left to chance.
    faults
        What goes wrong on the network: delay (milliseconds), loss, answerLoss, cut, duplicate (of 1000
        requests), each alone or with its measure, such as loss=20; or all, or none.
    events
        Write all events to this file, one JSON document per line, and the digest of the network traffic last.
    json
        Print the verdicts as JSON.
    """
    configure_logs(clock=SystemClock(), level="error")
    try:
        chosen = _checked(path, devices, faults)
        script = read_script(read_scenario(path), devices)
        with _progress(script) as tell:
            found = play(script, seed, faults=chosen, tell=tell)
    except ResealError as error:
        if error.status >= 500:
            raise
        show_error(error)
        return BAD_USAGE
    if events is not None:
        lines = (*found.events, wire_line(found.wire, found.requests))
        write_file(events, b"".join(line + b"\n" for line in lines), PUBLIC)
    if json:
        print_json(found.to_json())
    else:
        _show(found)
    return 0 if found.arrived else 2


def _checked(path: Path, devices: int | None, faults: str | None) -> Faults | None:
    if not path.exists():
        raise Invalid(
            code="NoSuchPath",
            message=f"There is nothing at {path}.",
            remedy="Name a scenario file, or a directory such as examples/contoso.",
        )
    if devices is not None and devices < 1:
        raise Invalid(
            code="NoDevices", message="A rehearsal needs a device.", remedy="Give --devices 1 or more."
        )
    return None if faults is None else parse_faults(faults)


@contextmanager
def _progress(script: Script) -> Iterator[Callable[[Note], None]]:
    """A bar on a terminal: how many devices have ended, and what time it is in the rehearsal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    shown = people.is_terminal
    with Progress(*columns, console=people, transient=True, auto_refresh=False, disable=not shown) as bar:
        task = bar.add_task("Setting up", total=len(script.chosen))

        def tell(note: Note) -> None:
            bar.update(task, description=f"{_hours(note.at)} {escape(note.what)}", advance=int(note.ended))
            bar.refresh()

        yield tell if shown else lambda _note: None


def _show(found: Rehearsal) -> None:
    for device in found.devices:
        _show_device(device)
    for cause in found.causes:
        results.print(f"[red]fault[/]    {escape(cause)}")
    arrived = sum(device.arrived for device in found.devices)
    people.print(
        f"{arrived} of {len(found.devices)} devices ended as expected: {_hours(found.took)} h of virtual "
        f"time, {found.requests} requests, {len(found.events)} events, seed {found.seed}."
    )


def _show_device(device: DeviceResult) -> None:
    word = "arrived" if device.arrived else "not"
    who = f" {device.upn}" if device.upn else ""
    line = f"{device.serial}{who}: {device.ended} after {_hours(device.took)}"
    results.print(f"[{_COLOURS[device.arrived]}]{word:8}[/] {escape(line)}")
    if not device.arrived and str(device.expected) != str(device.ended):
        results.print(f"         expected was {escape(str(device.expected))}")
    for cause in device.causes:
        results.print(f"         {escape(cause)}")


def _hours(duration: timedelta) -> str:
    minutes = duration // timedelta(minutes=1)
    return f"{minutes // 60}:{minutes % 60:02}"
