"""`reseal demo`: a whole deployment by one command, and that it believes nothing it has not read back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.processes import Ended, reseal

pytestmark = pytest.mark.slow


def demo(*options: str | Path) -> Ended:
    return reseal("demo", "--headless", "--pace", "200", *options, patience=300)


def test_the_demo_brings_a_laptop_to_its_desktop_and_reads_everything_back(tmp_path: Path) -> None:
    played = demo("--keep", tmp_path)

    assert played.code == 0, played.out + played.err
    arrived = [line for line in played.out.splitlines() if line.startswith("arrived")]
    assert len(arrived) == 19
    assert "missing" not in played.out
    assert "Pre-provisioning succeeded" in played.err
    assert "Desktop" in played.err
    assert json.loads((tmp_path / "server" / "ready.json").read_text())["version"] == 1
    assert not _runs(tmp_path), "the server outlived the demo"


def test_without_a_cable_its_people_join_a_network(tmp_path: Path) -> None:
    played = demo("--wifi")

    assert played.code == 0, played.out + played.err
    assert "joins the Wi-Fi network" in played.err


def test_a_profile_without_preprovisioning_ends_red_with_its_code() -> None:
    played = demo("--profile", "no-preprovisioning")

    assert played.code == 2, played.out + played.err
    assert played.out.splitlines()[0].startswith("red")
    assert "0x80180005" in played.out.splitlines()[-1]


def _runs(folder: Path) -> bool:
    pid = json.loads((folder / "server" / "ready.json").read_text())["pid"]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
