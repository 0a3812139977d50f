"""A `reseal device` command that writes down what its laptop was acknowledged.

Each answer becomes a line of the notes in the moment in which it has come (`hearing`), so that a process that
is killed leaves all but the last one.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from unittest.mock import patch

import msgspec
from cryptography import x509

from reseal.cli.app import run
from reseal.device.sockets import SocketTransport
from reseal.kernel.entropy import Entropy
from tests.support.hearing import Ear, Heard, LogBesideServer


def read_notes(file: Path) -> list[Heard]:
    """What was written down, by however many processes; a line that one of them did not end is left out."""
    whole, _, _ = file.read_bytes().rpartition(b"\n")
    return [msgspec.json.decode(line, type=Heard) for line in whole.splitlines()]


def run_heard(words: Sequence[str]) -> int:
    """Run a command; the words before it are the file of notes, and the address of the server's database."""
    notes, database_url, *command = words
    with _written(Path(notes)) as handle:
        log = LogBesideServer(database_url)

        def note(heard: Heard) -> None:
            os.write(handle, msgspec.json.encode(heard) + b"\n")

        @asynccontextmanager
        async def heard(anchors: Sequence[x509.Certificate], entropy: Entropy) -> AsyncIterator[Ear]:
            async with SocketTransport(anchors, entropy) as network:
                yield Ear(network, log.last, note)

        with patch("reseal.cli.devices.SocketTransport", heard):
            return run(command)


@contextmanager
def _written(notes: Path) -> Iterator[int]:
    """Open for more lines, behind the last whole one."""
    handle = os.open(notes, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        content = os.pread(handle, os.fstat(handle).st_size, 0)
        os.ftruncate(handle, content.rfind(b"\n") + 1)
        os.lseek(handle, 0, os.SEEK_END)
        yield handle
    finally:
        os.close(handle)
