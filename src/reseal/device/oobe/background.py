"""What runs beside the pages, and how its end ends everything: a power cut happens to the whole machine."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Background:
    """One task beside another. Whatever the background task raises is raised by `guard`."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._main: asyncio.Task[Any] | None = None
        self._error: BaseException | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside the rest; only one such thing runs at a time."""
        if self.is_running:
            work.close()
            return
        self._task = asyncio.get_running_loop().create_task(work, name="management")
        self._task.add_done_callback(self._ended)

    @property
    def is_running(self) -> bool:
        """Whether something runs."""
        return self._task is not None and not self._task.done()

    async def stop(self) -> None:
        """End it, as a power-off would; what it raised on the way is raised."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if self._error is not None:
            raise self._error

    async def guard(self, main: Coroutine[Any, Any, T]) -> T:
        """Run `main`, which ends at once if the background task fails."""
        task: asyncio.Task[T] = asyncio.get_running_loop().create_task(main, name="laptop")
        self._main = task
        try:
            return await task
        except asyncio.CancelledError:
            if self._error is not None:
                raise self._error from None
            raise
        finally:
            self._main = None
            await self._drop()

    async def _drop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        self._error = task.exception()
        if self._main is not None:
            self._main.cancel()
