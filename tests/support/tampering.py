"""`reseal` with somebody at the server's disk, between server and laptop, or at the laptop's disk.

What is done stands in the variable TAMPERING, like "policy=AllowTelemetry program". `blob=FILE` flips a bit
of a stored content as soon as everything is applied; `policy=NAME` adds one to every value that is sent for
the setting of that name; `program` flips a bit of the first file that the laptop installs, after it was
checked. Nothing else differs from the command.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from reseal.cli.app import run
from reseal.cli.commands.apply import carry_out
from reseal.device.dm.client import CONTENT_TYPE
from reseal.device.journal import Journal
from reseal.device.sockets import SocketTransport
from reseal.device.transport import Request, Response


def _flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


# --- at the server's disk -----------------------------------------------------------------------------------


def _tamper_with_blob(path: str) -> None:
    async def tampered(*arguments: Any, **more: Any) -> Any:
        done = await carry_out(*arguments, **more)
        _flip(Path(path))
        return done

    patch("reseal.cli.commands.demo.carry_out", tampered).start()


def _flip(file: Path) -> None:
    file.write_bytes(_flipped(file.read_bytes()))


# --- on the way ---------------------------------------------------------------------------------------------


class _Altered:
    """An answer with other bytes."""

    def __init__(self, answer: Response, body: bytes) -> None:
        self.status, self.headers, self.header = answer.status, answer.headers, answer.header
        self._body = body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._body

    async def read(self, limit: int = 4_194_304) -> bytes:
        return self._body


def _tamper_with_policy(name: str) -> None:
    value = re.compile(
        rb"(/%b</LocURI>(?:(?!</Item>).)*?<Data>)(\d+)(</Data>)" % name.encode(), flags=re.DOTALL
    )
    send = SocketTransport.send

    @asynccontextmanager
    async def tampered(self: SocketTransport, request: Request) -> AsyncIterator[Response]:
        async with send(self, request) as answer:
            if CONTENT_TYPE in answer.header("Content-Type"):
                yield _Altered(answer, value.sub(_one_more, await answer.read()))
            else:
                yield answer

    SocketTransport.send = tampered  # type: ignore[method-assign]


def _one_more(found: re.Match[bytes]) -> bytes:
    return b"%b%d%b" % (found[1], int(found[2]) + 1, found[3])


# --- at the laptop's disk -----------------------------------------------------------------------------------


def _tamper_with_program(_what: str) -> None:
    end = Journal.end
    untouched = [True]

    def tampered(self: Journal, content: bytes) -> None:
        end(self, _flipped(content) if untouched and untouched.pop() else content)

    Journal.end = tampered  # type: ignore[method-assign]


_WAYS = {"blob": _tamper_with_blob, "policy": _tamper_with_policy, "program": _tamper_with_program}


def run_tampered(words: Sequence[str]) -> int:
    """Run the command; its exit code."""
    for word in os.environ["TAMPERING"].split():
        way, _, what = word.partition("=")
        _WAYS[way](what)
    return run(words)
