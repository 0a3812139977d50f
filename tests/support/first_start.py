"""A server's first start makes keys for all it will ever sign; a run of tests makes them once."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.processes import server
from tests.support.scratch import locked


def first_start_in(folder: Path) -> Path:
    """The data directory that the first start of a server has left in the run's `folder`."""
    data = folder / "first" / "data"
    with locked(folder / "first.lock"):
        if not data.parent.exists():
            data.parent.mkdir(mode=0o700)
            with server(data) as started:
                assert started.stop() == 0
    return data


def copied(data: Path, to: Path) -> Path:
    """A copy for a server of its own, which finds its ports anew: the others may be taken."""
    shutil.copytree(data, to)
    (to / "ports.json").unlink()
    return to
