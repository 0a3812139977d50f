"""The virtual-time event loop.

asyncio asks its selector to wait until the next timer; ours has nothing to wait for and advances the clock
instead. What would bring in an order that no seed decides, threads and sockets, raises `NotInSimulation`.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncGenerator, Coroutine, Mapping
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class NotInSimulation(RuntimeError):
    """A thread, a socket or a child process was asked for under virtual time."""


class HangFound(RuntimeError):
    """Nothing is ready and nothing is scheduled, but the run has not ended: somebody waits for what never
    comes.
    """


class _Passage(selectors.BaseSelector):
    """A selector without files; its waiting is the passage of virtual time, in whole microseconds."""

    def __init__(self) -> None:
        self.microseconds = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise HangFound("nothing is ready and nothing is scheduled: the run waits for ever")
        if timeout > 0:
            self.microseconds += max(1, round(timeout * 1_000_000))
        return []

    def register(self, *_args: Any) -> NoReturn:
        raise NotInSimulation("no file or socket may be watched under virtual time")

    def unregister(self, *_args: Any) -> NoReturn:
        raise NotInSimulation("no file or socket is watched under virtual time")

    def get_map(self) -> Mapping[Any, Any]:
        return {}

    def close(self) -> None:
        """Nothing is open."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose `time()` is virtual and starts at zero."""

    def __init__(self) -> None:
        self._passage = _Passage()
        super().__init__(self._passage)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._passage.microseconds / 1_000_000

    def _asyncgen_finalizer_hook(self, agen: AsyncGenerator[Any, Any]) -> None:
        """A generator that nobody read to its end is closed by a task; asyncio would ask from a thread."""
        self._asyncgens.discard(agen)  # type: ignore[attr-defined]
        if not self.is_closed():
            self.call_soon(lambda: self.create_task(_close(agen)))

    def _make_self_pipe(self) -> None:
        """No thread may wake this loop, so it needs no pipe to be woken by."""

    def _close_self_pipe(self) -> None:
        """See `_make_self_pipe`."""


async def _close(agen: AsyncGenerator[Any, Any]) -> None:
    await agen.aclose()


def _refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
    raise NotInSimulation("threads, sockets and processes do not exist under virtual time")


_REFUSED = (
    *("run_in_executor", "call_soon_threadsafe", "add_signal_handler"),
    *("create_connection", "create_server", "create_datagram_endpoint", "getaddrinfo", "getnameinfo"),
    *("create_unix_connection", "create_unix_server", "add_reader", "add_writer"),
    *("subprocess_exec", "subprocess_shell", "connect_read_pipe", "connect_write_pipe"),
)
for _name in _REFUSED:
    setattr(VirtualLoop, _name, _refuse)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end on a loop of its own. Raises `HangFound`, or what `main` raises."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        _cancel_rest(loop)
        loop.close()


def _cancel_rest(loop: VirtualLoop) -> None:
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
