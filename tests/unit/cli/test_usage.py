"""What the command says before it does anything: help, the version, bad usage."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from reseal.cli.app import run

COMMANDS = [
    "up",
    "apply",
    "export",
    "import",
    "tenant new",
    "registration list",
    "registration show",
    "registration edit",
    "preflight",
    "events verify",
    "doctor",
    "rehearse",
    "device new",
    "device csv",
    "device technician",
    "device user",
    "device show",
]


@pytest.fixture(autouse=True)
def _of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable names a server, or what one is started with."""
    for name in ("READY_FILE", "SERVER", "CA", "CREDENTIALS", "CONFIG", "DATA_DIRECTORY"):
        monkeypatch.delenv(f"RESEAL_{name}", raising=False)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr()

    words = {word for line in shown.out.splitlines() for word in line.strip("│ ").split()[:1]}
    assert {command.split()[0] for command in COMMANDS} <= words
    assert shown.err == ""


def test_the_version_is_the_one_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == importlib.metadata.version("reseal")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_answer_programs_and_explains_itself(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command.split(), "--help"]) == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    "line",
    [
        "nothing",
        "apply",
        "apply . --no-such-option",
        "apply . ready.json",
        "import",
        "import a.csv b.csv",
        "export",
        "tenant old",
        "tenant new Contoso",
        "tenant new Contoso Fabrikam",
        "registration list everything",
        "registration show",
        "registration edit",
        "preflight everything",
        "events verify everything",
        "doctor data",
        "up data",
        "up --data",
        "device old",
        "device new",
        "device csv",
        "device show a b",
        "device technician a --pace 0",
        "device technician a --retries -1",
        "device technician a --without nothing",
        "device user a --upn adele@contoso.example",
        "device user a --password-file adele.txt",
    ],
)
def test_bad_usage_ends_with_64(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line.split()) == 64
    shown = capsys.readouterr()

    assert shown.out == ""
    assert shown.err


def test_without_a_server_it_is_said_how_to_name_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["events", "verify"]) == 2
    shown = capsys.readouterr()

    assert shown.out == ""
    assert "--ready-file" in shown.err


def test_the_file_with_settings_can_be_named_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No data directory is said, so nothing starts; each file is known by its mistake."""
    by_variable, by_option = tmp_path / "variable.toml", tmp_path / "option.toml"
    for file in (by_variable, by_option):
        file.write_text('tenantname = "x"\n')
    monkeypatch.setenv("RESEAL_CONFIG", str(by_variable))

    for options, read in (([], by_variable), (["--config", str(by_option)], by_option)):
        assert run(["up", *options]) == 2
        told = capsys.readouterr().err
        assert [file for file in (by_variable, by_option) if str(file) in told] == [read]
