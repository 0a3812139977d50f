"""Commands that a long answer, a full disk or a wrong place for a file must not cost what the server did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reseal.cli.app import run
from tests.support.first_start import copied
from tests.support.processes import Ended, ServerProcess, server
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
