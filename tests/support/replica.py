"""A second process on the same database, which does what it is told.

    with Replica(url, "a") as replica:
        replica.tell("tag", tenant=1, registration=5, tag="sales")
        replica.answer()

The process reads one JSON command a line; `python -m tests.support.replica URL NAME` is it. Commands are the
functions of `COMMANDS` below.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from reseal.kernel import events
from reseal.kernel.clock import SystemClock
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.ids import TenantKey
from reseal.kernel.storage import open_database

_ROOT = Path(__file__).resolve().parents[2]


class Replica:
    """The process, as the test sees it: a database object with the server's reactors, and a sealer."""

    def __init__(self, url: str, name: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, url, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.kill()
        self._process.communicate()

    def tell(self, command: str, **arguments: object) -> None:
        """Have it begin a command; `answer` waits for its end."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """What the command returned. Raises `AssertionError` with the error if it failed."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the replica ended"
        document = json.loads(line)
        assert "error" not in document, document["error"]
        return document["result"]


# --- inside the process -------------------------------------------------------------------------------------


async def _serve(url: str, name: str) -> None:
    from reseal.server.wiring import REACTORS

    db = open_database(url, clock=SystemClock(), entropy=SeededEntropy(name), reactors=REACTORS)
    sealing = asyncio.create_task(events.Sealer(db, SystemClock()).run())
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        arguments = json.loads(line)
        command = COMMANDS[arguments.pop("command")]
        try:
            answer = {"result": await command(db, **arguments)}
        except Exception as error:  # the test fails with it
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    sealing.cancel()
    await asyncio.gather(sealing, return_exceptions=True)
    await db.close()


def _edit(change: Callable[..., None]) -> Callable[..., Awaitable[None]]:
    """A command that runs `change` as a unit of work.

    `delay` is waited before the unit, `linger` between its edit and the reactors, in seconds; `announced`
    says whether the unit takes the tenant's lock before it begins, as the API's units do.
    """

    async def command(
        db: Database, *, tenant: TenantKey, delay: float, linger: float, announced: bool, **arguments: Any
    ) -> None:
        def unit(tx: Tx) -> None:
            change(tx, tenant, **arguments)
            time.sleep(linger)

        await asyncio.sleep(delay)
        await db.write(unit, causes=tenant if announced else None)

    return command


def _tag(tx: Tx, tenant: TenantKey, *, registration: int, tag: str) -> None:
    from reseal.autopilot.model import RegistrationChanges
    from reseal.autopilot.registrations import update_registration

    update_registration(tx, tenant, registration, RegistrationChanges(group_tag=tag))


def _rule(tx: Tx, tenant: TenantKey, *, group: int, rule: str) -> None:
    from reseal.directory.groups import update_group

    update_group(tx, tenant, group, rule=rule)


def _aim(tx: Tx, tenant: TenantKey, *, profile: int, groups: list[int]) -> None:
    from reseal.assignment.model import Mode, Target, TargetKind
    from reseal.autopilot.profiles import assign_profile, item_ref

    item = item_ref(profile)
    assign_profile(
        tx, tenant, profile, [Target(item, Mode.INCLUDE, TargetKind.GROUP, group) for group in groups]
    )


async def _record(db: Database, *, tenant: TenantKey, writers: list[str], each: int, at_once: int) -> None:
    """Write `each` events by several writers at the same time, up to `at_once` in a unit.

    Where processes may share a database, every writer has a database object of its own.
    """
    async with AsyncExitStack() as stack:
        objects = [db if db.seals_in_commit else await _opened(db.url, name, stack) for name in writers]
        together = zip(objects, writers, strict=True)
        await asyncio.gather(*(_write_events(one, tenant, name, each, at_once) for one, name in together))


async def _opened(url: str, name: str, stack: AsyncExitStack) -> Database:
    db = open_database(url, clock=SystemClock(), entropy=SeededEntropy(name))
    stack.push_async_callback(db.close)
    return db


async def _write_events(db: Database, tenant: TenantKey, name: str, count: int, at_once: int) -> None:
    chance = SeededEntropy(f"sizes of {name}")
    number = 0
    while number < count:
        some = range(number, min(number + 1 + chance.below(at_once), count))
        await db.write(_record_some, tenant, name, some)
        number = some.stop


def _record_some(tx: Tx, tenant: TenantKey, writer: str, numbers: range) -> None:
    subject = events.Subject("registration", UUID(int=1))
    for number in numbers:
        events.record(tx, tenant, "registration.changed", subject, {"writer": writer, "number": number})


COMMANDS: Mapping[str, Callable[..., Awaitable[Any]]] = {
    "tag": _edit(_tag),
    "rule": _edit(_rule),
    "aim": _edit(_aim),
    "record": _record,
}

if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
