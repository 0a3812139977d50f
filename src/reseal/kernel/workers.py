"""A port for work that blocks: hashing passwords, reading files.

In production it runs in a small pool of threads; under virtual time it runs inline, because threads would
bring back an order that no seed decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Workers(Protocol):
    """Runs blocking functions without blocking the event loop."""

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `work(*args, **kwargs)`; its exceptions are raised here."""
        ...

    def close(self) -> None:
        """Let running work end and start no more."""


class ThreadWorkers:
    """A bounded pool of threads: at most `count` pieces of work at once, the rest wait in order."""

    def __init__(self, count: int = 4) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="reseal-worker")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: work(*args, **kwargs))

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


class InlineWorkers:
    """Runs the work at once, on the loop."""

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        await asyncio.sleep(0)
        return work(*args, **kwargs)

    def close(self) -> None:
        """Nothing is held."""
