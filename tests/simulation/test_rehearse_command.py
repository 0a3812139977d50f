"""`reseal rehearse`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reseal.cli.app import run
from tests.simulation.rehearsing import AGENT, Bench

EXPECTED, NOT_EXPECTED, BAD_USAGE = 0, 2, 64


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def _quick(bench: Bench, *plan: dict[str, object], **scenario: object) -> str:
    bench.script(*plan, **scenario)
    return str(bench.directory)


def test_every_device_as_expected(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rehearse", _quick(bench, {"devices": 11}), "--seed", "4"]) == EXPECTED
    shown = capsys.readouterr()

    assert shown.out.startswith("arrived  RSL-0011-09BE66 bianca@contoso.example: desktop after 0:")
    assert "1 of 1 devices ended as expected" in shown.err
    assert "seed 4" in shown.err


def test_a_device_that_does_not_arrive_and_why(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    failing = {AGENT: {"minutes": 1, "failure": 0x80070643}}
    directory = _quick(bench, {"devices": 11, "steps": ["technician", "reseal", "user"]}, apps=failing)

    assert run(["rehearse", directory]) == NOT_EXPECTED
    shown = capsys.readouterr()
    assert "not      RSL-0011-09BE66: red 0x80070643 after 0:" in shown.out
    assert "expected was desktop" in shown.out
    assert "0 of 1 devices ended as expected" in shown.err


def test_the_same_for_programs(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rehearse", _quick(bench, {"devices": 11, "steps": ["user"]}), "--json"]) == EXPECTED
    told = json.loads(capsys.readouterr().out)

    assert told["arrived"] is True
    assert [(device["serial"], device["ended"]) for device in told["devices"]] == [
        ("RSL-0011-09BE66", "desktop")
    ]
    assert told["events"] > 100
    assert len(told["wire"]) == 64


def test_more_devices_than_the_list_has_are_made(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    rows = (bench.directory / "devices.csv").read_text("ascii").splitlines()
    (bench.directory / "devices.csv").write_text("\n".join(rows[:2]) + "\n", "ascii")

    assert run(["rehearse", _quick(bench, {"steps": ["user"]}), "--devices", "2", "--json"]) == EXPECTED
    told = json.loads(capsys.readouterr().out)
    assert [device["number"] for device in told["devices"]] == [1, 2]


def test_fewer_devices_than_the_list_has(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rehearse", _quick(bench, {"steps": ["user"]}), "--devices", "1", "--json"]) == EXPECTED
    assert len(json.loads(capsys.readouterr().out)["devices"]) == 1


@pytest.mark.parametrize(
    "words, told",
    [
        (["nowhere"], "nothing at nowhere"),
        (["examples/contoso", "--devices", "0"], "needs a device"),
        (["examples/contoso", "--faults", "los"], "'los' is no fault"),
        (["examples/contoso", "--seed", "seven"], "seed"),
        ([], "PATH"),
    ],
)
def test_bad_usage(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rehearse", *words]) == BAD_USAGE
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    "file, text, told",
    [
        ("rehearsal.yaml", "rehearsal: 1\nspeed: 3\n", "rehearsal.yaml:1"),
        ("tenant.yaml", "reseal: [", "tenant.yaml:1"),
        ("tenant.yaml", "reseal: 1\nspeed: 3\n", "tenant.yaml:2"),
        (
            "tenant.yaml",
            "reseal: 1\nprofiles:\n  - name: Standard\n    assign: [{group: Nobody}]\n",
            "tenant.yaml:4",
        ),
        ("devices.csv", "Serial,Hash\n1,2\n", "devices.csv:1"),
        ("devices.csv", None, "no list of devices"),
    ],
)
def test_what_cannot_be_read_or_is_refused_is_not_rehearsed(
    bench: Bench, file: str, text: str | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = _quick(bench, {"devices": 1, "steps": ["user"]})
    if text is None:
        (bench.directory / file).unlink()
    else:
        (bench.directory / file).write_text(text, "utf-8")

    assert run(["rehearse", directory]) == BAD_USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert told in shown.err


def test_devices_that_are_real_cannot_be_rehearsed(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    directory = _quick(bench, {"devices": 1, "steps": ["user"]}, sample="fabrikam")

    assert run(["rehearse", directory]) == BAD_USAGE
    assert "is not laptop 1 of the sample 'fabrikam'." in capsys.readouterr().err
