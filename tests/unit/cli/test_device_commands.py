"""Virtual laptops by the command line, as far as no server is needed: made, listed, looked at."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reseal.cli.app import run
from reseal.device import memory, tpm
from reseal.device.folder import FolderDisk, switched_on
from reseal.device.hardware import installed, sample_laptop
from reseal.device.journal import Journal, Product
from reseal.device.oobe.memory import Notebook, Place
from reseal.kernel.clock import SystemClock
from reseal.kernel.keys import OpenSslKeys
from reseal.wire.devicecsv import read_device_csv
from reseal.wire.hwhash import decode
from tests.support.processes import CONTOSO, Ended

Ask = Callable[..., Ended]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    """A command of `reseal device`, in an empty directory, without any server."""
    for name in ("READY_FILE", "SERVER", "CA"):
        monkeypatch.delenv(f"RESEAL_{name}", raising=False)
    monkeypatch.chdir(tmp_path)

    def ask(*arguments: str | Path) -> Ended:
        code = run(["device", *map(str, arguments)])
        return Ended(code, *capsys.readouterr())

    return ask


def _disk(folder: str) -> FolderDisk:
    return FolderDisk(Path(folder, "disk"))


# --- new ----------------------------------------------------------------------------------------------------


def test_a_new_laptop_has_hardware_and_a_tpm(ask: Ask) -> None:
    made = ask("new", "lap", "--json")
    machine = installed(_disk("lap"))
    assert (made.code, machine is not None) == (0, True)
    assert made.json["serial"] == machine.serial
    assert made.json["tpm"] is True
    assert tpm.fitted(_disk("lap"), SystemClock(), OpenSslKeys()) is not None
    assert os.stat("lap").st_mode & 0o777 == 0o700


def test_no_two_are_the_same_unless_a_seed_says_so(ask: Ask) -> None:
    facts = [
        ask("new", f"{name}", *seed, "--json").json
        for name, *seed in (("a",), ("b",), ("c", "--seed", "7"), ("d", "--seed", "7"), ("e", "--seed", "8"))
    ]
    ids = [each["smbiosUuid"] for each in facts]
    assert ids[2] == ids[3]
    assert len({*ids}) == 4
    keys = [_disk(name).read("tpm/endorsement-key") for name in "abcde"]
    assert keys[2] == keys[3]
    assert len({*keys}) == 4


def test_its_maker_and_its_number_can_be_chosen(ask: Ask) -> None:
    made = ask("new", "lap", "--model", "Virtual Laptop 99", "--serial", "VL-0099")
    assert made.out == "VL-0099 Virtual Laptop 99\n"
    assert "reseal device csv lap" in made.err


def test_a_laptop_of_the_sample_is_the_one_of_its_list(ask: Ask) -> None:
    row = read_device_csv((CONTOSO / "devices.csv").read_bytes()).rows[2]
    ask("new", "lap", "--sample", "contoso:3")
    (mine,) = read_device_csv(ask("csv", "lap").out.encode()).rows
    registered, shown = decode(row.hardware_hash), decode(mine.hardware_hash)
    assert mine.serial == row.serial == sample_laptop("contoso", 3).serial
    assert (shown.smbios_uuid, shown.ek_modulus) == (registered.smbios_uuid, registered.ek_modulus)


@pytest.mark.parametrize(
    "options",
    [
        ["--sample", "contoso"],
        ["--sample", "contoso:0"],
        ["--sample", ":1"],
        ["--serial", "a,b"],
        ["--model", " x"],
    ],
)
def test_what_cannot_be_made_leaves_nothing(ask: Ask, options: list[str]) -> None:
    refused = ask("new", "lap", *options)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err
    assert not Path("lap").exists()


def test_a_directory_in_use_is_left_alone(ask: Ask) -> None:
    ask("new", "lap")
    before = _disk("lap").read("hardware.json")
    assert ask("new", "lap").code == 2
    assert _disk("lap").read("hardware.json") == before


# --- csv ----------------------------------------------------------------------------------------------------


def test_the_list_registers_every_laptop_with_tag_and_user(ask: Ask) -> None:
    for name in "ab":
        ask("new", name)
    written = ask("csv", "a", "b", "--group-tag", "sales", "--assigned-user", "adele@contoso.example")
    found = read_device_csv(written.out.encode(), strict=True)
    assert found.problems == ()
    serials = [installed(_disk(name)).serial for name in "ab"]  # type: ignore[union-attr]
    assert [row.serial for row in found.rows] == serials
    assert {(row.group_tag, row.assigned_user) for row in found.rows} == {("sales", "adele@contoso.example")}


def test_the_list_goes_to_a_file_or_to_programs(ask: Ask) -> None:
    ask("new", "lap")
    to_file, to_programs = ask("csv", "lap", "--out", "new.csv"), ask("csv", "lap", "--json")
    assert (to_file.code, to_file.out) == (0, "")
    (row,) = read_device_csv(Path("new.csv").read_bytes()).rows
    (told,) = to_programs.json
    assert decode(told["hardwareHash"]).serial == row.serial == told["serial"]


def test_a_laptop_without_tpm_says_so_in_its_hash(ask: Ask) -> None:
    ask("new", "lap", "--no-tpm")
    (told,) = ask("csv", "lap", "--json").json
    shown = decode(told["hardwareHash"])
    assert (shown.ek_modulus, shown.tpm_version) == (None, "")


@pytest.mark.parametrize("options", [["--group-tag", 'a"b'], ["--assigned-user", "a,b"]])
def test_a_list_that_nobody_could_read_is_not_written(ask: Ask, options: list[str]) -> None:
    ask("new", "lap")
    refused = ask("csv", "lap", *options, "--out", "new.csv")
    assert (refused.code, refused.out) == (2, "")
    assert not Path("new.csv").exists()


# --- show ---------------------------------------------------------------------------------------------------


def test_a_new_laptop_has_little_to_show(ask: Ask) -> None:
    serial = ask("new", "lap", "--json").json["serial"]
    shown, told = ask("show", "lap"), ask("show", "lap", "--json").json
    assert shown.out.startswith(serial)
    assert told["hardware"]["serial"] == serial
    assert told["state"] == {"place": "pages"}
    assert (told["tree"], told["journal"], told["installed"]) == ([], [], [])


def test_secrets_of_a_laptop_are_not_shown(ask: Ask) -> None:
    ask("new", "lap")
    _live_in("lap")
    for shown in (ask("show", "lap"), ask("show", "lap", "--json")):
        assert shown.code == 0
        assert "OpenSesame" not in shown.out
        assert "(hidden)" in shown.out


def test_what_is_on_a_laptop_is_shown_while_it_is_on(ask: Ask) -> None:
    ask("new", "lap")
    _live_in("lap")
    with switched_on(Path("lap")):
        told = ask("show", "lap", "--json").json
    assert told["state"]["place"] == "desktop"
    assert told["state"]["switchedOnBy"] == os.getpid()
    assert told["state"]["name"] == "CON-1"
    assert _values(told)["./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"] == "0"
    assert _values(told)["./User/Vendor/MSFT/Policy/Config/Browser/HomePages"] == "<https://a.test>"
    assert [(entry["step"], entry["version"]) for entry in told["journal"]] == [
        ("begin", "1.2"),
        ("end", "1.2"),
    ]
    (installed_,) = told["installed"]
    assert (installed_["product"], installed_["version"], installed_["user"]) == (
        "{A}",
        "1.2",
        "adele@contoso.test",
    )
    assert installed_["size"] == 5


@pytest.mark.parametrize("command", ["csv", "show"])
def test_where_no_laptop_is_it_is_said(ask: Ask, command: str) -> None:
    refused = ask(command, "nothing")
    assert (refused.code, refused.out) == (2, "")
    assert "reseal device new" in refused.err


@pytest.mark.parametrize(
    "command", [["technician", "lap"], ["user", "lap", "--upn", "a@b.test", "--password-file", "p"]]
)
def test_without_a_server_it_is_said_how_to_name_one(ask: Ask, command: list[str]) -> None:
    ask("new", "lap")
    Path("p").write_text("secret")
    refused = ask(*command)
    assert (refused.code, refused.out) == (2, "")
    assert "--ready-file" in refused.err
    assert "--server and --ca" in refused.err


def test_a_password_file_has_the_password_of_the_user(ask: Ask) -> None:
    ask("new", "lap")
    Path("p.json").write_text(json.dumps({"bianca@contoso.test": "x"}))
    for file, code in (("p.json", "NoPassword"), ("nothing", "UnreadableFile")):
        refused = ask("user", "lap", "--upn", "adele@contoso.test", "--password-file", file)
        assert (refused.code, refused.out) == (2, "")
        assert code in refused.err


def _live_in(folder: str) -> None:
    """Put something on a laptop that can be shown."""
    disk = _disk(folder)
    Notebook(disk).note(place=Place.DESKTOP, name="CON-1")
    kept = memory.Memory()
    policy = ("Vendor", "MSFT", "Policy", "Config")
    wlan = "<keyMaterial>OpenSesame</keyMaterial>"
    kept.nodes = [
        ("", (*policy, "Camera", "AllowCamera"), "int", "0"),
        ("", ("SyncML", "DMAcc", "A", "AppAuth", "CLCRED", "AAuthSecret"), "chr", "OpenSesame"),
        ("", ("Vendor", "MSFT", "WiFi", "Profile", "Office", "WlanXml"), "chr", wlan),
        ("adele@contoso.test", (*policy, "Browser", "HomePages"), "chr", "<https://a.test>"),
    ]
    disk.replace(memory.STATE, memory.encode(kept))
    journal = Journal(disk)
    journal.begin(Product("{A}", "1.2", "adele@contoso.test"))
    journal.end(b"files")


def _values(told: dict[str, Any]) -> dict[str, str]:
    return {node["uri"]: node["value"] for node in told["tree"]}
