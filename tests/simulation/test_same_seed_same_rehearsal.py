"""The same seed gives the same events and the same bytes on the wire, whatever the process is like."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BUSY = "import time\nwhile True: sum(range(50_000)); time.sleep(0.005)"


def _start(events: Path, seed: int, **environment: str) -> subprocess.Popen[str]:
    line = ["rehearse", "examples/contoso", "--devices", "2", "--seed", str(seed), "--faults", "all"]
    return subprocess.Popen(
        [sys.executable, "-m", "reseal.cli", *line, "--events", str(events), "--json"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _wait(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    return out


@pytest.fixture(scope="module")
def seventh(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The rehearsal with the seed 7: its events, and what the command told."""
    file = tmp_path_factory.mktemp("seventh") / "events.jsonl"
    return file, json.loads(_wait(_start(file, 7, PYTHONHASHSEED="1", TZ="Pacific/Auckland")))


def test_two_processes_with_other_hash_seed_zone_and_load_and_another_seed(
    seventh: tuple[Path, Any], tmp_path: Path
) -> None:
    one, told = seventh
    two, three = tmp_path / "two.jsonl", tmp_path / "three.jsonl"
    load = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        again = json.loads(_wait(_start(two, 7, PYTHONHASHSEED="4242", TZ="America/St_Johns")))
    finally:
        load.kill()
        load.wait()
    other = json.loads(_wait(_start(three, 8, PYTHONHASHSEED="1", TZ="UTC")))
    assert one.read_bytes() == two.read_bytes()
    assert told == again
    assert told["wire"] != other["wire"]
    assert one.read_bytes() != three.read_bytes()


def test_the_file_of_events_is_canonical_and_ends_with_the_digest_of_the_wire(
    seventh: tuple[Path, Any],
) -> None:
    file, told = seventh
    *events, last = [json.loads(line) for line in file.read_text("utf-8").splitlines()]

    assert [event["position"] for event in events] == list(range(1, told["events"] + 1))
    assert last == {"requests": told["requests"], "wire": told["wire"]}
    assert {"deployment.ended", "item.arrived", "enrolment.begun"} <= {event["kind"] for event in events}
