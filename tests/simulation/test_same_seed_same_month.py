"""The same seed gives byte-equal events, whatever the process's hash seed, time zone and load."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUSY = "import time\nwhile True: sum(range(50_000)); time.sleep(0.005)"


def _start(seed: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.simulation.office", seed],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _outcome(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out


@pytest.fixture(scope="module")
def told() -> str:
    """The month with the seed 7."""
    return _outcome(_start("7", PYTHONHASHSEED="1", TZ="Pacific/Auckland"))


def test_two_processes_with_other_hash_seed_zone_and_load_tell_the_same_month(told: str) -> None:
    load = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        second = _start("7", PYTHONHASHSEED="4242", TZ="America/St_Johns")
        other = _start("8", PYTHONHASHSEED="1", TZ="UTC")
        again, different = _outcome(second), _outcome(other)
    finally:
        load.kill()
        load.wait()
    assert told == again
    assert told != different


def test_the_month_did_what_it_should(told: str) -> None:
    counts = {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", told)}
    assert counts["devices"] == 60
    assert counts["events"] > 200
    assert counts["import_records"] == 0, "records of imports go after thirty days"
