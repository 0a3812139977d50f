"""`reseal device screen`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from reseal.cli.connection import ServerOfDevices, reach
from reseal.cli.devices import MOST_PACE
from reseal.cli.output import people, results
from reseal.cli.screens import opened, shown
from reseal.cli.typing_in import Typist

_DEFAULT_SERVER = ServerOfDevices()


async def screen(
    directory: Path,
    /,
    *,
    server: ServerOfDevices = _DEFAULT_SERVER,
    text: Annotated[bool, Parameter(negative="")] = False,
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 0,
    wifi: Annotated[bool, Parameter(negative="")] = False,
    pace: Annotated[float, Parameter(validator=validators.Number(gte=1, lte=MOST_PACE))] = 30,
) -> int:
    """Operate a laptop by hand: a page with the laptop on it, on this machine alone, until Ctrl-C.

    Power button, cables, Wi-Fi, the keys, the box it is shipped in, and on its display everything that its
    people meet. Whoever opens the page on this machine stands before the laptop. Ending the command is a
    power cut: the next call goes on from what is on the laptop's disk. With --text the screens are lines in
    the terminal.

    Examples
    --------
    reseal device screen ./laptop
    reseal device screen ./laptop --port 8800 --pace 60
    reseal device screen ./laptop --text --wifi

    Parameters
    ----------
    directory
        Where the laptop lives.
    text
        Show the screens as text, and read what to do.
    port
        Of the page; 0 takes a free one.
    wifi
        Begin without a cable.
    pace
        Divides the device's own waiting: polls, installations, time-outs. 60 makes a minute a second.
    """
    stand = opened(directory, await reach(server), pace, wifi=wifi)
    if text:
        try:
            await Typist(stand, await _terminal(), results.print).operate()
        finally:
            await stand.close()
        return 0
    async with shown(stand, port) as url:
        results.print(f"The laptop {stand.hardware.serial} is at {url}")
        people.print("Ctrl-C ends this, as a power cut does.")
        await asyncio.Event().wait()
    return 0


async def _terminal() -> Callable[[str], Awaitable[str | None]]:
    """Prompts on the terminal, and reads lines of standard input."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def read(prompt: str) -> str | None:
        people.print(prompt, end="", markup=False)
        line = await reader.readline()
        return line.decode().rstrip("\n") if line else None

    return read
