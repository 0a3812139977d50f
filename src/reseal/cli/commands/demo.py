"""`reseal demo`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter
from rich.markup import escape

from reseal.blueprint.source import read_source
from reseal.cli.commands.apply import carry_out
from reseal.cli.connection import Connection, Server, ServerOfDevices, connect, reach
from reseal.cli.devices import Manner, Result, play
from reseal.cli.output import people, results
from reseal.cli.overhearing import Overheard
from reseal.cli.reading_back import Finding, contents, description, read_back
from reseal.device import tpm
from reseal.device.actor import Person, Technician
from reseal.device.folder import look_at, make
from reseal.device.hardware import install, sample_endorsement_key, sample_laptop
from reseal.device.hints import PlainHints
from reseal.device.quirks import Quirk
from reseal.kernel.clock import SystemClock
from reseal.kernel.errors import Unavailable

SAMPLE: Final = "examples/contoso"
USER: Final = "adele"
"""Whose laptop the first row of the sample's device list is."""
WITHOUT_PREPROVISIONING: Final = "no-preprovisioning"
_TAG: Final = "demo"
_REFUSING: Final = {
    "reseal": 1,
    "groups": [
        {"name": "Demo laptops", "rule": f'(device.devicePhysicalIds -any (_ -eq "[OrderID]:{_TAG}"))'}
    ],
    "profiles": [{"name": WITHOUT_PREPROVISIONING, "assign": [{"group": "Demo laptops"}]}],
}
_PATIENCE: Final = timedelta(seconds=60)
_LOOK: Final = timedelta(milliseconds=50)
_INSTALLATION: Final = timedelta(minutes=2)

Profile = Literal["sample", "no-preprovisioning"]


async def demo(
    *,
    headless: Annotated[bool, Parameter(negative="")] = False,
    wifi: Annotated[bool, Parameter(negative="")] = False,
    profile: Profile = "sample",
    pace: float = 60,
    keep: Path | None = None,
) -> int:
    """Play a whole deployment: a server of its own, the sample tenant, one virtual laptop, both flows.

    The server is a process as in earnest, everything goes over TLS. Each page of the laptop is told as it
    appears. At the end the laptop is read back and compared with the tenant's description: settings by Gets
    in SyncML, installed files and the server's contents by SHA-256, whether the laptop took the end of its
    user's set-up, whose it is and whose tokens it showed, the chain of events. Exit code 0 only if all of
    that is right, 2 with what differs otherwise.

    Without --headless the server goes on running afterwards, until Ctrl-C.

    Examples
    --------
    reseal demo --headless
    reseal demo --headless --wifi --pace 120
    reseal demo --headless --profile no-preprovisioning
    reseal demo --keep ./demo

    Parameters
    ----------
    headless
        End when the laptop is at its desktop and was read back.
    wifi
        The laptop has no cable: its people join a Wi-Fi network.
    profile
        The sample's own deployment profile, or one that does not allow pre-provisioning.
    pace
        Divides the laptop's own waiting: polls, installations, time-outs.
    keep
        Keep server data and laptop in this directory; a temporary one is used and removed otherwise.
    """
    tenant = description(SAMPLE)
    manner = Manner(pace=pace, wifi=wifi, without=(Quirk.PARKED_INSTALL,))
    with TemporaryDirectory(prefix="reseal-demo-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        async with _server(folder) as ready:
            code = await _play(tenant, folder, ready, manner, profile)
            if not headless:
                urls = json.loads(ready.read_text())
                people.print(f"The server goes on at {urls['browser_url']}; its credentials are in ")
                people.print(f"{urls['credentials_file']}. Ctrl-C ends it.")
                await asyncio.Event().wait()
    return code


@asynccontextmanager
async def _server(folder: Path) -> AsyncIterator[Path]:
    """A server process that answers; yields its ready file. It ends with the context."""
    ready = folder / "server" / "ready.json"
    ready.unlink(missing_ok=True)
    with (folder / "server.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "reseal.cli", "up", "--data", str(folder / "server"), stdout=log, stderr=log
        )
        try:
            await _appears(ready, process)
            yield ready
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()


async def _appears(ready: Path, server: Process) -> None:
    """Wait until the server answers. Raises `Unavailable` if it ends, or takes too long."""
    clock = SystemClock()
    deadline = clock.monotonic() + _PATIENCE
    while not _is_there(ready):
        if server.returncode is not None or clock.monotonic() > deadline:
            raise Unavailable(
                code="ServerDidNotStart",
                message="The server of the demo did not start.",
                remedy="Give --keep DIR, and read DIR/server.log afterwards.",
            )
        await clock.sleep(_LOOK)


def _is_there(file: Path) -> bool:
    return file.exists()


async def _play(tenant: Path, folder: Path, ready: Path, manner: Manner, profile: Profile) -> int:
    source = read_source(tenant)
    machine = sample_laptop(tenant.name, 1)
    async with connect(Server(ready_file=ready)) as connection:
        _step("1-2, 4-6", "Automatic enrolment, who may join, groups, status pages, profiles, apps")
        passwords = (await carry_out(connection, source))["passwords"]
        _step("3, 7", f"Register the laptop {machine.serial}, for {USER}")
        await _register(connection, tenant)
        if profile == WITHOUT_PREPROVISIONING:
            await _refuse_preprovisioning(connection, machine.serial)
    laptop = folder / "laptop"
    disk = make(laptop)
    tpm.fit(disk, sample_endorsement_key(tenant.name, 1))
    install(machine, disk)
    listener = await reach(ServerOfDevices(ready_file=ready))
    hints = PlainHints(time=_INSTALLATION)
    _step("8", "The technician flow: five presses, Provision, green, Reseal")
    result = await play(laptop, listener, manner, Technician(), hints)
    overheard = Overheard()
    upn = next(name for name in passwords if name.split("@")[0] == USER)
    if _show(result):
        _step("9", f"The user flow: {upn} opens the lid")
        person = Person(upn=upn, password=str(passwords[upn]))
        result = await play(laptop, listener, manner, person, hints, overheard)
        _show(result)
    async with connect(Server(ready_file=ready)) as connection:
        if not result.arrived:
            _tell(one for one in await contents(connection, source) if one.problem)
            return 2
        _step("Read back", "From the laptop, against the tenant's description")
        disk, heard = look_at(laptop), overheard.exchanges
        return await _judge(connection, await read_back(connection, source, machine.serial, disk, upn, heard))


async def _register(connection: Connection, tenant: Path) -> None:
    header, first, *_ = (tenant / "devices.csv").read_bytes().splitlines(keepends=True)
    query = {"fileName": "devices.csv"}
    async for answer in connection.lines("POST", "/imports", query=query, data=header + first):
        if "line" in answer:
            people.print(
                f"         profile {escape(str(answer['profile']))}, ESP {escape(str(answer['esp']))}"
            )


async def _refuse_preprovisioning(connection: Connection, serial: str) -> None:
    """Have the laptop get a profile that does not allow it."""
    await connection.json("POST", "/blueprint/apply", json=_REFUSING)
    page = await connection.json("GET", "/registrations", query={"serial": serial})
    await connection.json("PATCH", f"/registrations/{page['value'][0]['id']}", json={"groupTag": _TAG})


async def _judge(connection: Connection, findings: Sequence[Finding]) -> int:
    """Say what was found, and whether the log of the server is whole; the exit code."""
    _tell(findings)
    log: dict[str, Any] = await connection.json("GET", "/events/verify")
    if log["brokenAt"] is None:
        results.print(f"[green]whole[/]    events      {log['count']} events, their chain of digests holds")
    else:
        results.print(f"[red]broken[/]   events      at position {log['brokenAt']}: {escape(log['reason'])}")
    return 2 if any(one.problem for one in findings) or log["brokenAt"] is not None else 0


def _tell(findings: Iterable[Finding]) -> None:
    for one in findings:
        mark = "[red]missing[/]" if one.problem else "[green]arrived[/]"
        problem = f": {one.problem}" if one.problem else ""
        results.print(f"{mark}  {one.kind:11} {escape(one.name + problem)}")


def _show(result: Result) -> bool:
    """Say how a flow ended; whether it arrived."""
    colour = "green" if result.arrived else "red"
    results.print(f"[{colour}]{result.ended}[/] {escape(result.serial)} {escape(result.name)}")
    if not result.arrived:
        results.print(escape(f"{result.code}: {result.message} {result.remedy}".strip()))
    return result.arrived


def _step(number: str, words: str) -> None:
    people.print(f"[bold]{number:>9}[/]  {escape(words)}")
