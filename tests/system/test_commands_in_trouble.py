"""Commands that a long answer, a full disk or a wrong place for a file must not cost what the server did."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reseal.cli import safekeeping
from reseal.cli.app import run
from tests.support.first_start import copied
from tests.support.processes import CONTOSO, Ended, ServerProcess, server
from tests.support.small_disk import SmallDisk, small_disk
from tests.system.sample import device_csv

pytestmark = pytest.mark.slow

ROWS = 2_000

Ask = Callable[..., Ended]


@pytest.fixture(scope="module")
def house(first_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with one organisation."""
    with server(copied(first_start, tmp_path_factory.mktemp("house") / "data")) as running:
        yield running


@pytest.fixture
def ask(
    house: ServerProcess,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Ask:
    """A command that speaks to the server, run in this process."""
    monkeypatch.chdir(tmp_path)

    def ask(*arguments: str | Path) -> Ended:
        code = run([*map(str, arguments), "--ready-file", str(house.ready_file)])
        return Ended(code, *capsys.readouterr())

    return ask


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk without any room."""
    with small_disk(tmp_path / "disk", mebibytes=1) as disk:
        disk.fill()
        yield disk


def _users(file: Path, *names: str) -> Path:
    """A description of an organisation with these users."""
    users = [{"upn": name, "displayName": name.title()} for name in names]
    file.write_text(json.dumps({"reseal": 1, "users": users}))
    return file


def _break_the_last_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk dies after room was made on it."""
    real = safekeeping._write

    def write(handle: int, data: bytes) -> None:
        if data.strip():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(handle, data)

    monkeypatch.setattr(safekeeping, "_write", write)


# --- import -------------------------------------------------------------------------------------------------


def test_a_file_with_a_warning_in_each_row_is_imported(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "spaced.csv").write_bytes(device_csv(range(ROWS)).replace(b"SN-", b" SN-"))

    imported = ask("import", "spaced.csv", "--json")

    assert imported.code == 0, imported.err
    warned = [one["line"] for one in imported.lines[0]["warnings"] if one["code"] == "SurroundingSpace"]
    assert warned == list(range(2, ROWS + 2))
    assert imported.lines[-1] == {"done": {"imported": ROWS, "refused": 0}}


def test_an_answer_without_end_is_given_up_with_a_sentence(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reseal.cli.connection._LONGEST_LINE", 10_000)
    (tmp_path / "spaced.csv").write_bytes(device_csv(range(ROWS)).replace(b"SN-", b" SN-"))

    given_up = ask("import", "spaced.csv")

    assert given_up.code == 1
    assert "a line of more than 10000 bytes" in given_up.err
    assert "Traceback" not in given_up.err


# --- what is told once --------------------------------------------------------------------------------------


def _tenant(ask: Ask, name: str, out: Path) -> Ended:
    return ask("tenant", "new", name, "--domain", f"{name}.example", "--out", out)


def test_no_organisation_is_made_whose_secrets_have_no_place(
    ask: Ask, tmp_path: Path, disk: SmallDisk
) -> None:
    (tmp_path / "taken.json").write_text("mine")

    lost = _tenant(ask, "fabrikam", tmp_path / "lost" / "fabrikam.json")
    taken = _tenant(ask, "fabrikam", tmp_path / "taken.json")
    full = _tenant(ask, "fabrikam", disk.path / "fabrikam.json")
    disk.free()
    made = _tenant(ask, "fabrikam", disk.path / "fabrikam.json")

    assert [lost.code, taken.code, full.code, made.code] == [2, 2, 1, 0]
    assert "lost/fabrikam.json: No such file or directory. Nothing was changed." in lost.err
    assert "exists already" in taken.err
    assert (tmp_path / "taken.json").read_text() == "mine"
    assert f"The disk that holds {disk.path} is full" in full.err
    written = disk.path / "fabrikam.json"
    assert written.stat().st_mode & 0o777 == 0o600
    assert len(json.loads(written.read_bytes())["client"]["secret"]) >= 20


def test_an_organisation_that_is_not_made_leaves_no_file(ask: Ask, tmp_path: Path) -> None:
    refused = ask("tenant", "new", "Other", "--domain", "contoso.example", "--out", "other.json")

    assert refused.code == 2
    assert list(tmp_path.iterdir()) == []


def test_secrets_that_cannot_be_written_after_all_are_told_once(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break_the_last_write(monkeypatch)

    made = _tenant(ask, "woodgrove", tmp_path / "woodgrove.json")

    assert made.code == 1
    assert made.out == ""
    told, _, why = made.err.partition("\n}\n")
    (tmp_path / "copied.json").write_text(told + "}")
    assert "woodgrove.json: Input/output error" in why
    assert not (tmp_path / "woodgrove.json").exists()
    assert ask("preflight", "--credentials", "copied.json").code == 0


def test_nothing_is_applied_if_passwords_have_no_place(ask: Ask, tmp_path: Path, disk: SmallDisk) -> None:
    one, both = _users(tmp_path / "one.yaml", "una"), _users(tmp_path / "both.yaml", "una", "duo")
    passwords = disk.path / "passwords.json"

    lost = ask("apply", one, "--passwords-out", tmp_path / "lost" / "passwords.json")
    full = ask("apply", one, "--passwords-out", passwords)
    disk.free()
    first = ask("apply", one, "--passwords-out", passwords)
    before = passwords.read_bytes()
    disk.fill()
    full_again = ask("apply", both, "--passwords-out", passwords)
    kept = passwords.read_bytes()
    disk.free()
    second = ask("apply", both, "--passwords-out", passwords)

    ended = (lost, full, first, full_again, second)
    assert [one.code for one in ended] == [2, 1, 0, 1, 0], [one.err for one in ended]
    assert "Nothing was changed" in lost.err
    assert f"The disk that holds {disk.path} is full" in full.err
    assert kept == before
    assert sorted(json.loads(before)) == ["una@contoso.example"]
    assert sorted(json.loads(passwords.read_bytes())) == ["duo@contoso.example", "una@contoso.example"]
    assert [file.name for file in disk.path.iterdir()] == ["passwords.json"]


def test_passwords_that_cannot_be_written_after_all_are_told_once(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "passwords.json").write_text('{"known": "before"}')
    _break_the_last_write(monkeypatch)

    applied = ask("apply", _users(tmp_path / "late.yaml", "late"), "--passwords-out", "passwords.json")

    assert applied.code == 1
    told, _, why = applied.err.partition("\n}\n")
    assert list(json.loads(told + "}")) == ["late@contoso.example"]
    assert "passwords.json: Input/output error" in why
    assert (tmp_path / "passwords.json").read_text() == '{"known": "before"}'


# --- export -------------------------------------------------------------------------------------------------


def test_an_export_onto_a_full_disk_leaves_nothing_and_can_be_tried_again(
    ask: Ask, tmp_path: Path, disk: SmallDisk
) -> None:
    disk.free()
    disk.fill(leaving=40_000)
    target = disk.path / "contoso"
    assert _tenant(ask, "export", tmp_path / "export.json").code == 0
    as_it = ("--credentials", tmp_path / "export.json")
    assert ask("apply", CONTOSO, *as_it, "--passwords-out", tmp_path / "passwords.json").code == 0

    full = ask("export", target, *as_it)
    left = [path.name for path in target.rglob("*") if path.is_file()]
    disk.free()
    again = ask("export", target, *as_it)

    assert (full.code, again.code) == (1, 0), full.err + again.err
    assert f"The disk that holds {target}" in full.err
    assert "is full" in full.err
    assert left == []
    assert (target / "tenant.yaml").is_file()


def test_an_export_to_where_nothing_can_be_written_says_so(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    refused = ask("export", tmp_path / "file" / "contoso")

    assert refused.code == 2
    assert "cannot be written: Not a directory" in refused.err
