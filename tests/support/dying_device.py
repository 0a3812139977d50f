"""A `reseal device` command that ends without warning at one of the writes to the laptop's disk.

    python -m tests.support.dying_device before:40 device technician ./laptop ...

It kills itself by SIGKILL before or after the write of that number, counted since this process began.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from reseal.cli.app import run
from reseal.device import folder


def main(crash: str, *command: str) -> int:
    """Run the command; the exit code if it lives."""
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


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
