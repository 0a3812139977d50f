"""`reseal demo`: a whole deployment by one command, and that it believes nothing it has not read back."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.support.processes import CONTOSO, ROOT, Ended, clean_environment, reseal
from tests.support.tampering import run_tampered

pytestmark = pytest.mark.slow


def demo(*options: str | Path) -> Ended:
    """Whatever is said of another server is not said of the demo's own."""
    others = {
        "RESEAL_CONFIG": "/nowhere.toml",
        "RESEAL_DATABASE_URL": "postgresql://nobody@nowhere.example/x",
    }
    return reseal("demo", "--headless", "--pace", "200", *options, patience=300, settings=others)


def test_the_demo_brings_a_laptop_to_its_desktop_and_reads_everything_back(tmp_path: Path) -> None:
    played = demo("--keep", tmp_path)

    assert played.code == 0, played.out + played.err
    arrived = [line for line in played.out.splitlines() if line.startswith("arrived")]
    assert len(arrived) == 21
    assert [line.split()[1] for line in arrived[-3:]] == ["journal", "release", "owner"]
    assert played.out.splitlines()[-1].startswith("whole")
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


def test_without_headless_it_leaves_a_console_and_a_laptop_to_operate(tmp_path: Path) -> None:
    log = tmp_path / "said"
    with log.open("wb") as said:
        demonstration = subprocess.Popen(
            [sys.executable, "-m", "reseal.cli", "demo", "--pace", "200", "--profile", "no-preprovisioning"],
            env=clean_environment(),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        told = _wait_for(log, demonstration, "What is on the laptop")
        page = re.search(r"http://localhost:\d+/", told)
        console = re.search(r"https://localhost:\d+/deployments", told)
        assert page is not None, told
        assert console is not None, told
        assert "bianca@contoso.example, whose password is" in told
        with urllib.request.urlopen(page[0]) as answer:  # the address was just matched
            assert b"RSL-0002-B09109" in answer.read()
        demonstration.send_signal(signal.SIGINT)
        assert demonstration.wait(60) == 2, "the first laptop's end counts"
    finally:
        demonstration.kill()


def _wait_for(log: Path, process: subprocess.Popen[bytes], words: str) -> str:
    deadline = time.monotonic() + 120
    while words not in log.read_text() and time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    return log.read_text()


def tampered(tampering: str, *options: str | Path) -> Ended:
    """The demo with somebody who changes something."""
    return reseal(
        "demo", "--headless", "--pace", "200", *options,
        settings={"TAMPERING": tampering}, main=run_tampered, patience=300,
    )  # fmt: skip


def test_a_changed_policy_and_a_changed_file_are_found_by_reading_back() -> None:
    """Both sides believe that all went well; what was read back names what differs, and nothing else."""
    played = tampered("policy=AllowTelemetry program")

    assert played.code == 2, played.out + played.err
    missing = [line for line in played.out.splitlines() if line.startswith("missing")]
    policy, app = missing
    assert "Telemetry least: a Get of ./Device/Vendor/MSFT/Policy/Config/System/AllowTelemetry" in policy
    assert policy.endswith("gives '2', not '1'")
    assert "its installed file has SHA-256 " in app
    assert len([line for line in played.out.splitlines() if line.startswith("arrived")]) == 19


def test_a_changed_byte_of_a_stored_package_ends_red_with_its_name(tmp_path: Path) -> None:
    """The laptop installs nothing that has another digest than it was told."""
    digest = _sha256(CONTOSO / "apps" / "agent.msi")
    blob = tmp_path / "server" / "blobs" / digest[:2] / digest
    played = tampered(f"blob={blob}", "--keep", tmp_path)

    assert played.code == 2, played.out + played.err
    assert played.out.splitlines()[0].startswith("red")
    (missing,) = (line for line in played.out.splitlines() if line.startswith("missing"))
    assert f"Contoso Device Agent: the server's content has SHA-256 {_sha256(blob)}, the package" in missing
    assert not list((tmp_path / "laptop" / "disk").glob("programs*"))


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _runs(folder: Path) -> bool:
    pid = json.loads((folder / "server" / "ready.json").read_text())["pid"]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
