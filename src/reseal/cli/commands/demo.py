"""`reseal demo`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter
from rich.markup import escape
from rich.text import Text

from reseal.blueprint.source import read_source
from reseal.cli.commands.apply import carry_out
from reseal.cli.connection import Connection, Server, ServerOfDevices, connect, reach
from reseal.cli.devices import Manner, Result, play
from reseal.cli.output import people, results, tell
from reseal.cli.overhearing import Overheard
from reseal.cli.reading_back import Finding, contents, description, read_back
from reseal.cli.screens import opened, shown
from reseal.device import tpm
from reseal.device.actor import Person, Technician
from reseal.device.folder import look_at, make
from reseal.device.hardware import Hardware, install, sample_endorsement_key, sample_laptop
from reseal.device.hints import PlainHints
from reseal.device.quirks import Quirk
from reseal.device.timekeeping import spoken
from reseal.kernel.clock import SystemClock
from reseal.kernel.errors import Invalid, Unavailable
from reseal.kernel.settings import PREFIX

SAMPLE: Final = "examples/contoso"
USER: Final = "adele"
"""Whose laptop the first row of the sample's device list is."""
SECOND_USER: Final = "bianca"
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

    Without --headless the server goes on afterwards until Ctrl-C, with two pages on this machine: the
    console, and a second laptop to operate by hand, from its first power-on to its desktop.

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
        people.print(
            "A pre-provisioned deployment in its nine steps: a server, the sample tenant, a virtual laptop.\n"
            f"A minute of the laptop's own waiting takes {60 / pace:.2g} s here. Starting the server ...\n"
        )
        async with _server(folder) as ready:
            passwords = await _set_up(tenant, ready, profile, laptops=1 if headless else 2)
            code = await _play(tenant, folder, ready, manner, profile, passwords)
            if not headless:
                await _hand_over(tenant, folder, ready, manner, passwords)
    return code


async def _hand_over(
    tenant: Path, folder: Path, ready: Path, manner: Manner, passwords: dict[str, str]
) -> None:
    """Leave console and a second laptop to who started the demo, until Ctrl-C."""
    server = _document(ready)
    account = _document(Path(server["credentials_file"]))["administrator"]
    console = f"{server['browser_url']}/deployments"
    laptop = folder / "laptop-2"
    machine = _put_together(tenant, laptop, 2)
    listener = await reach(ServerOfDevices(ready_file=ready))
    stand = opened(
        laptop,
        listener,
        manner.pace,
        wifi=manner.wifi,
        hints=PlainHints(time=_INSTALLATION),
        without=frozenset(manner.without),
    )
    async with shown(stand, links=[("Console", console)]) as page:
        upn = _named(passwords, SECOND_USER)
        people.print("\nNow it is yours, until you press Ctrl-C. [bold]A laptop to operate by hand:[/]")
        people.print(f"  {page}", style="bold")
        people.print(f"  {machine.serial}, for {upn}, whose password is {passwords[upn]}", markup=False)
        people.print("  Power on, press the Windows key five times, and go on from there.")
        people.print("[bold]The console, where you see what it waits for:[/]")
        people.print(f"  {console}", style="bold")
        people.print(f"  sign in as {account['upn']}; the password is in {server['credentials_file']}")
        people.print(f"  its certificate is its own, so the browser warns; its root is {server['ca_file']}")
        people.print(f"What is on the laptop that you saw:  reseal device show {folder / 'laptop'}")
        await _interrupted()


def _document(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


async def _interrupted() -> None:
    """Wait for Ctrl-C: that is how a demo is meant to end, and no failure."""
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


@asynccontextmanager
async def _server(folder: Path) -> AsyncIterator[Path]:
    """A server process that answers; yields its ready file. It ends with the context."""
    ready = folder / "server" / "ready.json"
    ready.unlink(missing_ok=True)
    # Variables of another server, its database above all, are not meant for this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with (folder / "server.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "reseal.cli", "up", "--data", str(folder / "server")),
            env=environment,
            stdout=log,
            stderr=log,
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


async def _set_up(tenant: Path, ready: Path, profile: Profile, *, laptops: int) -> dict[str, str]:
    """The first seven steps; the passwords of the new users, by UPN."""
    serial = sample_laptop(tenant.name, 1).serial
    async with connect(Server(ready_file=ready)) as connection:
        passwords: dict[str, str] = (await carry_out(connection, read_source(tenant)))["passwords"]
        await _register(connection, tenant, laptops)
        if profile == WITHOUT_PREPROVISIONING:
            await _refuse_preprovisioning(connection, serial)
        await _tell_set_up(connection, serial)
    return passwords


def _put_together(tenant: Path, folder: Path, number: int) -> Hardware:
    """Make the sample's laptop of that number."""
    machine, disk = sample_laptop(tenant.name, number), make(folder)
    tpm.fit(disk, sample_endorsement_key(tenant.name, number))
    install(machine, disk)
    return machine


def _named(passwords: dict[str, str], user: str) -> str:
    return next(upn for upn in passwords if upn.split("@")[0] == user)


async def _play(
    tenant: Path, folder: Path, ready: Path, manner: Manner, profile: Profile, passwords: dict[str, str]
) -> int:
    source = read_source(tenant)
    laptop = folder / "laptop"
    machine = _put_together(tenant, laptop, 1)
    listener = await reach(ServerOfDevices(ready_file=ready))
    hints = PlainHints(time=_INSTALLATION)
    people.print()
    _step("8", "The technician flow", "a technician at the bench; the time is the laptop's own")
    result = await play(laptop, listener, manner, Technician(), hints)
    bench = result.took
    overheard = Overheard()
    upn = _named(passwords, USER)
    if _show(result):
        people.print()
        _step("9", "The user flow", f"{upn} opens the lid")
        person = Person(upn=upn, password=passwords[upn])
        result = await play(laptop, listener, manner, person, hints, overheard)
        _show(result)
    async with connect(Server(ready_file=ready)) as connection:
        if not result.arrived:
            _tell(one for one in await contents(connection, source) if one.problem)
            if profile == WITHOUT_PREPROVISIONING:
                people.print("That is how it has to end: the profile does not allow pre-provisioning.")
            return 2
        people.print()
        _step("✓", "Read back", "from the laptop, against the tenant's description")
        disk, heard = look_at(laptop), overheard.exchanges
        findings = await read_back(connection, source, machine.serial, disk, upn, heard)
        code = await _judge(connection, findings)
    if code == 0:
        people.print(
            f"\n[bold green]Everything has arrived:[/] {len(findings)} things read back, none missing.\n"
            f"The laptop's own time: {spoken(bench)} on the technician's bench, "
            f"{spoken(result.took)} with its user."
        )
    return code


async def _register(connection: Connection, tenant: Path, laptops: int) -> None:
    rows = (tenant / "devices.csv").read_bytes().splitlines(keepends=True)[: 1 + laptops]
    query = {"fileName": "devices.csv"}
    async for answer in connection.lines("POST", "/imports", query=query, data=b"".join(rows)):
        if answer.get("code"):
            raise Invalid(code=str(answer["name"]), message=answer["message"], remedy=answer["remedy"])


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


async def _tell_set_up(connection: Connection, serial: str) -> None:
    """The first seven steps, as the server says that they are now."""
    settings = (await connection.json("GET", "/tenant"))["settings"]
    page = await connection.json("GET", "/registrations", query={"serial": serial})
    laptop = await connection.json("GET", f"/registrations/{page['value'][0]['id']}")
    quota = settings["user_device_quota"] or "any number of"
    groups = (await connection.json("GET", "/groups"))["value"]
    _step("1", "Automatic enrolment", f"MDM scope: {settings['mdm_scope']}")
    _step("2", "Who may join devices", f"{settings['join_allowed']}, with up to {quota} devices each")
    _step("3", "Registration", f"{serial}, {laptop['model']}, by its hardware hash")
    _step("4", "Groups", ", ".join(one["displayName"] for one in groups))
    _step("5", "Enrollment Status Page", _chosen(laptop["enrollmentStatusPage"]))
    _step("6", "Deployment profile", _chosen(laptop["profile"]))
    _step("7", "Whose it is", laptop["assignedUser"] or "nobody's")


def _chosen(one: dict[str, Any]) -> str:
    """What reaches the laptop, and why."""
    return f"{one['name']}. {one['reason']}"


def _step(number: str, title: str, words: str) -> None:
    tell(Text.assemble((f"{number:>2}  ", "bold blue"), (f"{title:24}", "bold")), Text(words))
