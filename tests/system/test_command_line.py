"""The first slice as a person runs it: separate processes, real TLS, the sample tenant.

One server serves the whole module. The sample tenant is applied and its devices are imported once; the tests
look at what these commands said, and go on from there. Each command is run at least once as a process of its
own; where a test only needs its answer, the same entry point is called in this process, which is faster.
"""

from __future__ import annotations

import filecmp
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reseal.cli.app import run
from tests.support.first_start import copied
from tests.support.processes import CONTOSO, Ended, ServerProcess, reseal, server

SALES, STANDARD = ("Contoso sales", "Sales set-up"), ("Contoso standard", "Standard set-up")

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Story:
    """A server with the sample tenant, and what the commands that made it said."""

    server: ServerProcess
    folder: Path
    applied: Ended
    imported: Ended
    imported_for_programs: Ended

    def run(self, *arguments: str | Path) -> Ended:
        """A command that speaks to this server, as a process."""
        return reseal(*arguments, "--ready-file", self.server.ready_file, cwd=self.folder)

    def copy(self, name: str, before: str, after: str) -> Path:
        """A copy of the sample with one line changed."""
        copy = Path(shutil.copytree(CONTOSO, self.folder / name))
        text = (copy / "tenant.yaml").read_text()
        assert text.count(before) == 1
        (copy / "tenant.yaml").write_text(text.replace(before, after))
        return copy


@pytest.fixture(scope="module")
def story(first_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The sample tenant, applied, and its devices, imported: ten for people, ten for programs."""
    folder = tmp_path_factory.mktemp("story")
    data = copied(first_start, folder / "data")
    header, *rows = (CONTOSO / "devices.csv").read_text().splitlines(keepends=True)
    (folder / "some.csv").write_text(header + "".join(rows[4:14]))
    (folder / "others.csv").write_text(header + "".join(rows[:4] + rows[14:]))
    with server(data) as running:
        ready = ("--ready-file", running.ready_file)
        yield Story(
            server=running,
            folder=folder,
            applied=reseal("apply", CONTOSO, *ready, cwd=folder),
            imported=reseal("import", folder / "some.csv", *ready),
            imported_for_programs=reseal("import", folder / "others.csv", "--json", *ready),
        )


Ask = Callable[..., Ended]


@pytest.fixture
def ask(story: Story, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """A command that speaks to the story's server, run in this process."""
    monkeypatch.chdir(story.folder)

    def ask(*arguments: str | Path) -> Ended:
        code = run([*map(str, arguments), "--ready-file", str(story.server.ready_file)])
        return Ended(code, *capsys.readouterr())

    return ask


# --- apply --------------------------------------------------------------------------------------------------


def test_applying_says_what_it_made(story: Story) -> None:
    assert story.applied.code == 0, story.applied.err
    lines = story.applied.out.splitlines()
    for thing in ('user "adele"', 'group "Sales laptops"', 'profile "Contoso sales"', 'app "Contoso Notes"'):
        assert f"+ {thing}" in lines
    assert "changed" in story.applied.err


def test_passwords_of_new_users_are_written_for_the_owner_alone(story: Story) -> None:
    file = story.folder / "passwords-contoso.example.json"

    passwords = json.loads(file.read_text())

    assert file.name in story.applied.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert "adele" in " ".join(passwords)
    assert len(set(passwords.values())) == 10
    said = story.applied.out + story.applied.err + story.server.said
    assert [password for password in passwords.values() if password in said] == []


def test_applying_again_changes_nothing(story: Story, ask: Ask) -> None:
    again = story.run("apply", CONTOSO)
    told = ask("apply", CONTOSO, "--json")

    assert (again.code, told.code) == (0, 0)
    assert again.out.startswith("Nothing changes")
    assert told.json["lines"] == []


def test_the_plan_of_a_one_line_edit_is_one_line_with_its_devices(story: Story, ask: Ask) -> None:
    edited = story.copy(
        "camera", "Camera/AllowCamera, format: int, value: 0", "Camera/AllowCamera, format: int, value: 1"
    )

    planned = story.run("apply", edited, "--plan")
    told = ask("apply", edited, "--plan", "--json")

    assert (planned.code, told.code) == (0, 0)
    assert len(planned.out.splitlines()) == 1
    assert planned.out.startswith('~ policy "Camera off"')
    assert "0 -> 1 (8 devices" in planned.out
    (line,) = told.json["lines"]
    assert (line["action"], line["name"], line["devices"]) == ("~", "Camera off", 8)
    assert {_tags()[serial] for serial in line["sample"]} == {"sales"}
    assert ask("apply", CONTOSO, "--json").json["lines"] == [], "the plan changed something"


def test_what_was_planned_is_what_is_done(story: Story, ask: Ask) -> None:
    edited = story.copy("tag", "[OrderID]:sales", "[OrderID]:nobody")

    planned = ask("apply", edited, "--plan", "--json").json
    done = ask("apply", edited, "--json").json
    back = ask("apply", CONTOSO, "--json").json

    assert done["lines"] == planned["lines"]
    assert [line["name"] for line in done["lines"]] == ["Sales laptops"]
    assert done["lines"][0]["devices"] == back["lines"][0]["devices"] == 8


def test_a_mistake_is_named_with_its_place_and_nothing_is_done(story: Story, ask: Ask) -> None:
    wrong = story.copy("wrong", "    locale: en-US", "    locals: en-US")

    refused = ask("apply", wrong)

    line = 1 + (wrong / "tenant.yaml").read_text().splitlines().index("    locals: en-US")
    assert (refused.code, refused.out) == (2, "")
    assert f"tenant.yaml:{line}" in refused.err.replace("\n", "")
    assert "locale" in refused.err
    assert ask("apply", CONTOSO, "--json").json["lines"] == []


# --- import -------------------------------------------------------------------------------------------------


def _tags() -> dict[str, str]:
    """The group tag of each serial number of the sample."""
    rows = (row.split(",") for row in (CONTOSO / "devices.csv").read_text().splitlines()[1:])
    return {row[0]: row[3] for row in rows}


def _verdicts(imported: Ended) -> list[dict[str, Any]]:
    return [answer for answer in imported.lines if "line" in answer]


def test_each_row_tells_its_profile_and_esp_and_why(story: Story) -> None:
    assert story.imported_for_programs.code == 0
    verdicts = _verdicts(story.imported_for_programs)
    assert len(verdicts) == 10
    for answer in verdicts:
        sales = _tags()[answer["serial"]] == "sales"
        assert (answer["code"], answer["name"]) == (0, "")
        assert (answer["profile"], answer["esp"]) == (SALES if sales else STANDARD), answer
        assert ("'Sales laptops'" if sales else "all devices") in answer["profileReason"]
        assert f"priority {1 if sales else 2}" in answer["espReason"]


def test_each_row_tells_it_to_people_too(story: Story) -> None:
    assert story.imported.code == 0
    lines = story.imported.out.splitlines()
    for serial, (profile, esp) in (("RSL-0005-CB4E02", SALES), ("RSL-0014-61C08B", STANDARD)):
        at = next(number for number, line in enumerate(lines) if serial in line)
        assert lines[at].startswith("registered line ")
        assert f"profile {profile}: Assigned to " in lines[at + 1]
        assert f"ESP {esp}: Assigned to " in lines[at + 2]
    assert story.imported.err == "10 registered, 0 refused.\n"


def test_importing_a_file_again_refuses_each_row_by_name(ask: Ask) -> None:
    again = ask("import", CONTOSO / "devices.csv", "--json")

    named = [(answer["code"], answer["name"]) for answer in _verdicts(again)]
    assert again.code == 2
    assert named == [(806, "ZtdDeviceAlreadyAssigned")] * 20
    assert again.lines[-1] == {"done": {"imported": 0, "refused": 20}}


def test_a_file_that_is_no_list_of_devices_is_refused_whole(story: Story, ask: Ask) -> None:
    wrong = story.folder / "wrong.csv"
    wrong.write_text("Serial,Hash\n1,2\n")

    refused = ask("import", wrong)

    assert (refused.code, refused.out) == (2, "")
    assert "Device Serial Number" in refused.err


# --- registrations ------------------------------------------------------------------------------------------


def test_registrations_are_listed_for_people_and_programs(ask: Ask) -> None:
    told, sales = ask("registration", "list"), ask("registration", "list", "--group-tag", "sales", "--json")

    assert (told.code, sales.code) == (0, 0)
    assert [line.split()[0] for line in told.out.splitlines()] == sorted(_tags())
    assert told.err == "20 registered.\n"
    assert {one["serialNumber"] for one in sales.lines} == {one for one, tag in _tags().items() if tag}


def test_what_a_registered_device_will_meet_follows_its_edit_at_once(ask: Ask) -> None:
    before = ask("registration", "show", "rsl-0014-61c08b")
    edited = ask("registration", "edit", "RSL-0014-61C08B", "--group-tag", "sales")
    back = ask("registration", "edit", "RSL-0014-61C08B", "--group-tag", "", "--json")

    assert [before.code, edited.code, back.code] == [0] * 3
    for ended, choice in ((before, STANDARD), (edited, SALES)):
        lines = " ".join(ended.out.split())
        assert f"profile {choice[0]}: Assigned to " in lines
        assert f"ESP {choice[1]}: Assigned to " in lines
    assert (back.json["groupTag"], back.json["profile"]["name"]) == ("", STANDARD[0])


def test_a_list_of_several_pages_keeps_to_what_was_asked_for(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reseal.cli.connection._PAGE", 3)
    for tag in ("sales", ""):
        listed = ask("registration", "list", "--group-tag", tag, "--json")
        assert [one["serialNumber"] for one in listed.lines] == [
            serial for serial, its in sorted(_tags().items()) if its == tag
        ]


def test_a_device_that_is_not_registered_is_named(ask: Ask) -> None:
    for command in (("show",), ("edit", "--group-tag", "x")):
        refused = ask("registration", command[0], "RSL-00", *command[1:])
        assert (refused.code, refused.out) == (2, "")
        assert "RSL-00 is registered" in refused.err


# --- preflight ----------------------------------------------------------------------------------------------


def test_before_anything_is_objected_to_preflight_says_so(story: Story, ask: Ask) -> None:
    looked = story.run("preflight")
    told = ask("preflight", "--group-tag", "sales", "--json")

    assert (looked.code, looked.out) == (0, "")
    assert looked.err == "20 registered: 0 blocked, 0 with warnings only.\n"
    assert told.code == 0
    assert {one["serialNumber"] for one in told.lines} == {one for one, tag in _tags().items() if tag}
    for one in told.lines:
        assert (one["ready"], one["objections"]) == (True, [])
        assert (one["profile"]["name"], one["enrollmentStatusPage"]["name"]) == SALES


def test_preflight_says_what_will_fail_and_why_and_what_to_do(story: Story, ask: Ask) -> None:
    edited = story.copy("unproven", "allowVirtualTpm: true", "allowVirtualTpm: false")
    try:
        assert ask("apply", edited).code == 0
        looked, told = ask("preflight"), ask("preflight", "--json")
    finally:
        assert ask("apply", CONTOSO).code == 0

    assert (looked.code, told.code) == (2, 2)
    first, *_, more, remedy, devices = looked.out.splitlines()
    assert first.startswith("blocks 0x801C03EA: RSL-0001-D685B3 is a virtual device")
    assert more.strip() == "and 15 more"
    assert remedy.strip().startswith("Allow virtual TPMs")
    assert devices.strip().startswith("RSL-0001-D685B3, RSL-0002-B09109, ")
    assert looked.err == "20 registered: 20 blocked, 0 with warnings only.\n"
    assert len(told.lines) == 20
    for one in told.lines:
        ((code, severity, message),) = (
            (each["code"], each["severity"], each["message"]) for each in one["objections"]
        )
        assert (one["ready"], code, severity) == (False, "0x801C03EA", "blocks")
        assert one["serialNumber"] in message


# --- export, and another tenant -----------------------------------------------------------------------------


def test_an_export_applied_to_a_new_tenant_makes_an_equal_one(story: Story, ask: Ask) -> None:
    first, second, credentials = (story.folder / name for name in ("first", "second", "fabrikam.json"))
    as_fabrikam = ("--credentials", credentials, "--json")

    steps = [
        story.run("export", first, "--json"),
        story.run(
            "tenant", "new", "Fabrikam", "--domain", "fabrikam.example", "--out", credentials, "--json"
        ),
        ask("apply", first, *as_fabrikam),
        ask("export", second, *as_fabrikam),
        ask("apply", first, "--json"),
        story.run("events", "verify", *as_fabrikam),
    ]

    assert [step.code for step in steps] == [0] * 6, [step.err for step in steps]
    exported, made, applied, _, again, verified = (step.json for step in steps)
    assert (first / "tenant.yaml").is_file()
    assert len(_files(first)) > 9
    assert _files(first) == _files(second) == sorted(exported["files"])
    assert filecmp.cmpfiles(first, second, _files(first), shallow=False)[1:] == ([], [])
    assert len(applied["lines"]) > 30
    assert again["lines"] == []
    assert verified["count"] > 30
    _assert_secret(credentials, made, story)


def _files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def _assert_secret(credentials: Path, shown: Any, story: Story) -> None:
    """The new organisation's secrets are in its file for the owner alone, and nowhere else."""
    written = json.loads(credentials.read_text())
    assert credentials.stat().st_mode & 0o777 == 0o600
    assert shown["tenant_id"] == written["tenant_id"]
    for secret in (written["client"]["secret"], written["administrator"]["password"]):
        assert len(secret) >= 20
        assert secret not in json.dumps(shown) + story.server.said


def test_a_domain_and_a_credentials_file_are_given_once(story: Story, ask: Ask) -> None:
    taken = ask("tenant", "new", "Contoso", "--domain", "Contoso.example", "--out", "new.json")
    exists = ask("tenant", "new", "Woodgrove", "--domain", "woodgrove.example", "--out", "some.csv")

    assert (taken.code, exists.code) == (2, 2)
    assert "contoso.example" in taken.err.lower()
    assert not (story.folder / "new.json").exists()
    assert "some.csv" in exists.err


# --- what scripts rely on -----------------------------------------------------------------------------------


def test_doctor_finds_nothing_bad(story: Story) -> None:
    examined = story.run("doctor", "--data", story.server.data, "--json")

    assert examined.code == 0
    assert {finding["grade"] for finding in examined.json} <= {"good", "warning"}
    assert len(examined.json) >= 8


def test_what_cannot_be_done_ends_with_2(story: Story, ask: Ask) -> None:
    nowhere = story.folder / "nowhere"
    for command in (
        ("apply", nowhere),
        ("import", nowhere),
        ("export", CONTOSO),
        ("apply", CONTOSO, "--credentials", nowhere),
        ("doctor", "--data", nowhere),
    ):
        refused = ask(*command)
        assert refused.code == 2, refused
        assert str(command[-1]) in (refused.err + refused.out).replace("\n", ""), refused


def test_a_server_that_does_not_answer_is_named(ask: Ask) -> None:
    ended = ask("events", "verify", "--server", "https://localhost:1")

    assert (ended.code, ended.out) == (1, "")
    assert "https://localhost:1" in ended.err


def test_a_server_of_another_authority_is_not_trusted(ask: Ask) -> None:
    ended = ask("events", "verify", "--ca", CONTOSO / "certs" / "contoso-root.pem")

    assert (ended.code, ended.out) == (1, "")
    assert "not trusted" in ended.err
    assert "--ca" in ended.err


def test_a_server_can_be_named_by_variables(story: Story) -> None:
    ready = story.server.wait_ready()
    named = {
        "RESEAL_SERVER": ready["browser_url"],
        "RESEAL_CA": ready["ca_file"],
        "RESEAL_CREDENTIALS": ready["credentials_file"],
    }

    verified = reseal("events", "verify", settings=named)

    assert verified.code == 0, verified.err
    assert "the chain holds" in verified.out
