"""A guard for simulated runs: Reseal's own code must not read the machine's clock or draw chance by itself.

The linter bans the names; this catches what a linter cannot see. Libraries may go on using them: whether a
call is ours is decided by the module that calls.
"""

from __future__ import annotations

import os
import random
import secrets
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

_SOURCES: tuple[tuple[ModuleType, tuple[str, ...]], ...] = (
    (time, ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep")),
    (random, ("random", "randrange", "randint", "choice", "shuffle", "getrandbits", "uniform", "sample")),
    (secrets, ("token_bytes", "token_hex", "token_urlsafe", "randbelow", "choice")),
    (uuid, ("uuid1", "uuid4")),
    (os, ("urandom",)),
)
_OWN = "reseal."


class NotAnInput(RuntimeError):
    """Reseal's code took time or chance from the machine instead of its `Clock` or `Entropy`."""


@contextmanager
def guarded() -> Iterator[None]:
    """While it lasts, a call of a module-level source from a module of Reseal raises `NotAnInput`."""
    with ExitStack() as stack:
        for module, names in _SOURCES:
            for name in names:
                watched = _watched(f"{module.__name__}.{name}", getattr(module, name))
                stack.enter_context(patch.object(module, name, watched))
        yield


def _watched(name: str, source: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if caller.startswith(_OWN):
            raise NotAnInput(f"{caller} called {name} in a simulated run; take it from Clock or Entropy")
        return source(*args, **kwargs)

    return call
