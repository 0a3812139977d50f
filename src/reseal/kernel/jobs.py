"""Background work that a unit of work leaves behind: done after its commit, never if it is rolled back.

State is level-triggered in our own tables; a job only says "look now". So a job must be harmless when it is
lost in a crash or done twice, and the engine behind this port can be exchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from reseal.kernel.db import Tx
from reseal.kernel.events.canonical import JsonValue, canonical_json
from reseal.kernel.logs import get_logger

log = get_logger(__name__)

Arguments = Mapping[str, JsonValue]
JobHandler = Callable[[Arguments], Awaitable[None]]


class Jobs(Protocol):
    """Takes jobs from units of work."""

    def enqueue(self, tx: Tx, kind: str, args: Arguments, dedup: str | None = None) -> None:
        """Have the handler of `kind` called with `args` after this unit's commit.

        With `dedup`, a job of the same kind and `dedup` that has not begun yet stands for both.
        """


class InlineJobs:
    """Runs each job as a task of this process. What is pending at a crash is lost, which jobs must allow."""

    def __init__(self, handlers: Mapping[str, JobHandler]) -> None:
        self._handlers = handlers
        self._pending: set[tuple[str, str]] = set()
        self._tasks: dict[asyncio.Task[None], None] = {}

    def enqueue(self, tx: Tx, kind: str, args: Arguments, dedup: str | None = None) -> None:
        """See `Jobs.enqueue`. Raises `KeyError` for a kind without handler, `Invalid` for args that are not
        JSON.
        """
        handler = self._handlers[kind]
        canonical_json(args)
        tx.afterwards(lambda: self._start(handler, kind, args, dedup))

    async def drain(self) -> None:
        """Wait until every job, and every job that these enqueue, has ended."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _start(self, handler: JobHandler, kind: str, args: Arguments, dedup: str | None) -> None:
        if dedup is not None:
            if (kind, dedup) in self._pending:
                return
            self._pending.add((kind, dedup))
        task = asyncio.get_running_loop().create_task(self._run(handler, kind, args, dedup))
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    async def _run(self, handler: JobHandler, kind: str, args: Arguments, dedup: str | None) -> None:
        if dedup is not None:
            self._pending.discard((kind, dedup))
        try:
            await handler(args)
        except Exception as error:
            log.error("a job failed", exc_info=error, job=kind, args=args)
