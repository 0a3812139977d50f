"""What `reseal import` tells an administrator in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.office import device_list, row, serial_of
from tests.support.first_start import copied
from tests.support.processes import Ended, ServerProcess, reseal, server


@pytest.fixture(scope="module")
def running(first_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose tests use devices of their own."""
    with server(copied(first_start, tmp_path_factory.mktemp("import") / "data")) as started:
        yield started


class ImportFile:
    """`reseal import devices.csv` against the running server."""

    def __init__(self, running: ServerProcess, folder: Path) -> None:
        self._ready_file = running.ready_file
        self._file = folder / "devices.csv"

    def __call__(self, *rows: str) -> Ended:
        self._file.write_bytes(device_list(*rows))
        return reseal("import", self._file, "--ready-file", self._ready_file)


@pytest.fixture
def import_file(running: ServerProcess, tmp_path: Path) -> ImportFile:
    """Imports a device list as a person does."""
    return ImportFile(running, tmp_path)


def test_autopilot_014_the_terminal_names_the_line_of_a_quotation_mark(import_file: ImportFile) -> None:
    refused = import_file(row(101), row(102, serial='"SN"'))
    assert refused.code == 2
    assert "line 3" in refused.err
    assert "Quotation marks" in refused.err
    assert refused.out == ""


def test_autopilot_041_the_terminal_names_number_name_and_line_of_each_error(
    import_file: ImportFile,
) -> None:
    assert import_file(row(201)).code == 0
    refused = import_file(row(202), row(201), row(202), "SN-BAD,,AAAA,,")
    assert refused.code == 2
    told = refused.out.splitlines()
    for line, serial, code, name in (
        (3, serial_of(201), 806, "ZtdDeviceAlreadyAssigned"),
        (4, serial_of(202), 8201, "ZtdDeviceDuplicated"),
        (5, "SN-BAD", 802, "InvalidZtdHardwareHash"),
    ):
        assert any(f"line {line}: {serial}: {code} {name}" in text for text in told)
    assert "1 registered, 3 refused" in refused.err
