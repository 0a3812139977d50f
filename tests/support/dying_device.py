"""A `reseal device` command that ends without warning at one of the writes to the laptop's disk.

Its arguments are those of the command, behind one like `before:40`: it kills itself by SIGKILL before or
after the write of that number, counted since this process began.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from reseal.cli.app import run
from reseal.device import folder


def run_dying(words: Sequence[str]) -> int:
    """Run the command; the exit code if it lives."""
    crash, *command = words
    moment, _, number = crash.partition(":")

    def probe(when: str, write: int) -> None:
        if (when, write) == (moment, int(number)):
            os.kill(os.getpid(), signal.SIGKILL)

    switched_on = folder.switched_on

    @contextmanager
    def mortal(path: Path) -> Iterator[folder.FolderDisk]:
        with switched_on(path) as disk:
            disk.probe = probe
            yield disk

    with patch("reseal.cli.devices.switched_on", mortal):
        return run(command)
