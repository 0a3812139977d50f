"""The PostgreSQL server of a test run."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support import postgres
from tests.support.system_parts import miss, postgresql_programs


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account may pass through."""
    with tempfile.TemporaryDirectory(prefix="reseal-tests-") as name:
        Path(name).chmod(0o755)
        yield Path(name, "server")


@pytest.mark.postgresql
def test_the_server_ends_and_tidies_up_when_its_run_is_killed(folder: Path) -> None:
    programs = postgresql_programs() or miss("PostgreSQL's server programs", "postgresql")
    with subprocess.Popen(["sleep", "1000"]) as run:
        server = postgres.shared_server(folder, programs, owner=run.pid, fill_template=lambda url: None)
        psycopg.connect(server.url(postgres.TEMPLATE)).close()
        run.kill()

    for _ in range(300):
        if not folder.exists():
            return
        time.sleep(0.1)
    pytest.fail("the server outlived its run")
