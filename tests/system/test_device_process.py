"""Virtual laptops as a person runs them: server and laptop as processes of their own, real TLS.

One server with the sample tenant serves the whole module; each test brings laptops of its own. The laptops
hurry, the server does not. Of the quirks of Windows only that is left out for which the server waits.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from reseal.cli.app import run
from reseal.wire.msi import read_msi
from tests.support.client import automation
from tests.support.dying_device import run_dying
from tests.support.first_start import copied
from tests.support.processes import CONTOSO, ROOT, Ended, ServerProcess, clean_environment, reseal, server

PACE = ("--pace", "60", "--without", "parkedInstall")
"""A status page gives up after a minute then, which is time enough for a busy machine."""
ADELE, BIANCA = "adele@contoso.example", "bianca@contoso.example"
PASSWORDS = "passwords-contoso.example.json"
MSI = "./{scope}/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/{code}/Status"

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Office:
    """A server with the sample tenant, and a place for laptops."""

    server: ServerProcess
    folder: Path
    capsys: pytest.CaptureFixture[str]

    def ask(self, *arguments: str | Path, known: bool = True) -> Ended:
        """A command run in this process, which is faster."""
        ready = ("--ready-file", self.server.ready_file) if known else ()
        code = run([*map(str, arguments), *map(str, ready)])
        return Ended(code, *self.capsys.readouterr())

    def run(self, *arguments: str | Path, **more: Any) -> Ended:
        """A command as a process."""
        return reseal(*arguments, "--ready-file", self.server.ready_file, cwd=self.folder, **more)

    def die(self, crash: str, *arguments: str | Path) -> Ended:
        """A command as a process that kills itself there (`tests.support.dying_device`)."""
        return self.run(crash, *arguments, main=run_dying)

    def laptop(self, name: str, *options: str, registered: bool = True) -> Path:
        """A new laptop, which the organisation knows."""
        lap, rows = self.folder / name, self.folder / f"{name}.csv"
        assert self.ask("device", "new", lap, *options, known=False).code == 0
        assert self.ask("device", "csv", lap, "--out", rows, known=False).code == 0
        if registered:
            imported = self.ask("import", rows)
            assert imported.code == 0, imported
        return lap

    def signing_in(self, upn: str) -> tuple[str, ...]:
        """Options that say who the user is."""
        return "--upn", upn, "--password-file", str(self.folder / PASSWORDS)

    def shown(self, lap: Path) -> Any:
        """What is on a laptop."""
        return self.ask("device", "show", lap, "--json", known=False).json

    def states(self, serial: str) -> list[str]:
        """What became of the laptop in the eyes of the server: the states of its deployments, in order."""
        told = [event["payload"] for event in asyncio.run(self._events()) if event["kind"] in _STORY]
        return [payload["to"] for payload in told if payload.get("serial") == serial and "to" in payload]

    async def _events(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        async with automation(self.server.wait_ready()) as client:
            while True:
                last = events[-1]["position"] if events else 0
                page = (await client.api("GET", f"/events?after={last}&top=1000")).json["value"]
                if not page:
                    return events
                events += page


_STORY = {"deployment.moved", "deployment.ended"}


@dataclass(frozen=True, slots=True)
class _Open:
    server: ServerProcess
    folder: Path


@pytest.fixture(scope="module")
def opened(first_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Open]:
    """The server, and the sample tenant on it."""
    folder = tmp_path_factory.mktemp("office")
    with server(copied(first_start, folder / "data")) as running:
        applied = reseal("apply", CONTOSO, "--ready-file", running.ready_file, cwd=folder)
        assert applied.code == 0, applied
        yield _Open(running, folder)


@pytest.fixture
def office(opened: _Open, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Office:
    """The office, for one test."""
    for name in ("READY_FILE", "SERVER", "CA"):
        monkeypatch.delenv(f"RESEAL_{name}", raising=False)
    return Office(opened.server, opened.folder, capsys)


# --- both flows ---------------------------------------------------------------------------------------------


def test_a_technician_and_a_user_bring_a_new_laptop_to_its_desktop(office: Office) -> None:
    """And everything that is assigned is on its disk then, as the description of the tenant says."""
    lap = office.laptop("lap")
    serial = office.shown(lap)["hardware"]["serial"]

    green = office.run("device", "technician", lap, *PACE)
    assert (green.code, green.out.split()[:2]) == (0, ["resealed", serial]), green
    assert office.shown(lap)["state"]["standing"] != "unregistered"
    assert [one["product"] for one in office.shown(lap)["installed"]] == [_app("Contoso Device Agent")[0]]

    done = office.run("device", "user", lap, *office.signing_in(ADELE), *PACE, "--json")
    assert (done.code, done.json["ended"], done.json["code"]) == (0, "desktop", ""), done
    found = office.shown(lap)

    _tells_the_pages(
        green.err, "Pre-provision with Windows Autopilot", "Device setup", "Pre-provisioning succeeded"
    )
    _tells_the_pages(
        done.err, "Sign in – Contoso", "Setting up your device for work", "Account setup", "Desktop"
    )
    assert "waits: The device has to" in green.err
    assert "\x1b" not in green.err + done.err
    assert found["state"]["place"] == "desktop"
    assert found["state"]["name"] == done.json["name"] == f"CON-{serial.removeprefix('R')[-11:]}"
    assert found["state"]["users"] == [ADELE]
    _has_everything(found, ADELE)
    states = office.states(serial)
    assert [state for state in states if state in _MILESTONES] == _MILESTONES
    secret = json.loads((office.folder / PASSWORDS).read_text())[ADELE]
    assert secret not in green.out + green.err + done.out + done.err + json.dumps(found) + office.server.said


_MILESTONES = [
    "technicianSetup",
    "green",
    "resealed",
    "userSignIn",
    "userDeviceSetup",
    "userAccountSetup",
    "desktop",
]


def _tells_the_pages(told: str, *wanted: str) -> None:
    """Each page is told, in order, with the time on the laptop, which does not go back."""
    lines = [line for line in told.splitlines() if line]
    places = [next(i for i, line in enumerate(lines) if text in line) for text in wanted]
    assert places == sorted(places), told
    times = [line[:8] for line in lines if line[:8].strip()]
    assert all(len(moment.split(":")) == 3 for moment in times), told
    assert all(before <= after for before, after in pairwise(times))


def _has_everything(found: Any, upn: str) -> None:
    values = {(node.get("user", ""), node["uri"]): node["value"] for node in found["tree"]}
    for policy in yaml.safe_load((CONTOSO / "tenant.yaml").read_text())["policies"]:
        if policy["assign"] == [{"group": "Sales laptops"}]:
            continue
        for setting in policy["settings"]:
            owner = upn if setting["uri"].startswith("./User") else ""
            wanted = str(setting["value"]).lower() if setting["format"] == "bool" else str(setting["value"])
            assert values[owner, setting["uri"]] == wanted, setting
    assert any("RootCATrustedCertificates/Root/" in uri for _, uri in values)
    assert any("WiFi/Profile/Contoso Office" in uri for _, uri in values)
    installed = {one["product"]: one for one in found["installed"]}
    apps = {"Contoso Device Agent": "", "Contoso Reader": "", "Contoso Notes": upn}
    assert set(installed) == {_app(name)[0] for name in apps}
    for name, owner in apps.items():
        code, version, digest = _app(name)
        one = installed[code]
        assert (one["version"], one["sha256"], one.get("user", "")) == (version, digest, owner)
        scope = "User" if owner else "Device"
        assert values[owner, MSI.format(scope=scope, code=code)] == "70"
    steps = [(entry["step"], entry["product"]) for entry in found["journal"]]
    assert sorted(steps) == sorted((step, code) for code in installed for step in ("begin", "end"))


def _app(name: str) -> tuple[str, str, str]:
    """Product code, version and digest of an app of the sample."""
    apps = yaml.safe_load((CONTOSO / "tenant.yaml").read_text())["apps"]
    content = (CONTOSO / next(app["file"] for app in apps if app["name"] == name)).read_bytes()
    package = read_msi(content)
    return package.product_code, package.product_version, hashlib.sha256(content).hexdigest()


def test_a_user_alone_sets_a_new_laptop_up(office: Office) -> None:
    """Over Wi-Fi, found by the browser's address, and with reports off: wire facts alone carry the run."""
    lap = office.laptop("alone")
    ready = office.server.wait_ready()
    done = reseal(
        "device", "user", lap, *office.signing_in(BIANCA), *PACE, "--wifi", "--no-reports", "--json",
        settings={"RESEAL_SERVER": ready["browser_url"], "RESEAL_CA": ready["ca_file"]},
    )  # fmt: skip
    assert (done.code, done.json["ended"]) == (0, "desktop"), done
    assert "network" in done.json["screens"]
    assert "joins the Wi-Fi network" in done.err
    assert "waits:" not in done.err
    found = office.shown(lap)
    assert found["state"]["joinedBy"] == BIANCA
    assert _app("Contoso Notes")[0] in {one["product"] for one in found["installed"]}
    assert office.states(done.json["serial"])[-1] == "desktop"


# --- power cuts ---------------------------------------------------------------------------------------------


def test_a_laptop_that_is_killed_goes_on_where_it_stood(office: Office) -> None:
    """SIGKILL at writes that a seed chose, in both flows; what was installed is installed once."""
    lap, dice = office.laptop("killed"), random.Random(1)
    serial = office.shown(lap)["hardware"]["serial"]
    flows: list[tuple[str | Path, ...]] = [
        ("technician", lap, *PACE, "--retries", "2"),
        ("user", lap, *PACE, "--retries", "2", *office.signing_in(ADELE)),
    ]
    killed = 0
    for flow in flows:
        for number in (dice.randrange(5, 30), dice.randrange(5, 60), dice.randrange(5, 60)):
            crash = f"{dice.choice(['before', 'after'])}:{number}"
            ended = office.die(crash, "device", *flow)
            if ended.code == 0:
                break
            assert ended.code == -signal.SIGKILL, (crash, ended)
            killed += 1
        else:
            ended = office.run("device", *flow)
        assert ended.code == 0, (killed, ended)
    assert killed >= 4
    found = office.shown(lap)
    _installed_once(found)
    assert found["state"]["place"] == "desktop"
    assert office.states(serial)[-1] == "desktop"


def _installed_once(found: Any) -> None:
    ends = [(entry["product"], entry["version"]) for entry in found["journal"] if entry["step"] == "end"]
    assert len(ends) == len(set(ends)) == len(found["installed"]) > 0


def test_ctrl_c_is_a_power_cut(office: Office) -> None:
    lap = office.laptop("cut")
    command = [sys.executable, "-m", "reseal.cli", "device", "technician", str(lap), "--pace", "2"]
    with subprocess.Popen(
        [*command, "--ready-file", str(office.server.ready_file)],
        env=clean_environment(),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "provisions" in line)
        busy = office.run("device", "technician", lap)
        assert (busy.code, str(process.pid) in busy.err) == (2, True)
        assert office.shown(lap)["state"]["switchedOnBy"] == process.pid
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(30) == 130
    assert "The power was cut" in rest
    assert "Traceback" not in rest
    assert office.shown(lap)["state"]["place"] == "provisioning"
    again = office.run("device", "technician", lap, *PACE, "--no-reseal", "--json")
    assert (again.code, again.json["ended"]) == (0, "green"), again
    assert "provisioningChoice" not in again.json["screens"], "it does not begin anew"
    sealed = office.run("device", "technician", lap, *PACE, "--json")
    assert (sealed.code, sealed.json["ended"]) == (0, "resealed")


def test_a_technician_who_comes_once_more_is_told_that_it_is_resealed(office: Office) -> None:
    """As after a power cut when all was done. Its language is given: it begins with its user's sign-in page,
    which leads back to no technician.
    """
    lap, rows = office.laptop("twice", registered=False), office.folder / "sales.csv"
    assert office.ask("device", "csv", lap, "--group-tag", "sales", "--out", rows, known=False).code == 0
    assert office.ask("import", rows).code == 0
    once, again = (office.run("device", "technician", lap, *PACE, "--json") for _ in range(2))
    assert (once.code, once.json["ended"]) == (0, "resealed"), once
    assert (again.code, again.json["ended"], again.json["code"]) == (0, "resealed", ""), again
    assert again.json["screens"][-1] == "signIn"


# --- what goes wrong ----------------------------------------------------------------------------------------


def _last_line(ended: Ended) -> str:
    return ended.out.splitlines()[-1]


def test_a_server_below_another_root_is_not_trusted(office: Office) -> None:
    lap = office.laptop("strange")
    wrong = ("--ca", CONTOSO / "certs" / "contoso-root.pem")
    refused = office.run("device", "technician", lap, *PACE, *wrong)
    assert (refused.code, refused.out.split()[0]) == (2, "error")
    assert _last_line(refused).startswith("0x80072F0D: ")
    assert "certificate" in _last_line(refused)
    assert office.shown(lap)["state"]["failure"]["code"] == "0x80072F0D"
    asked = office.run(
        "device", "technician", lap, *wrong, "--server", office.server.wait_ready()["browser_url"]
    )
    assert (asked.code, "UntrustedServer" in asked.err) == (1, True)


def test_a_wrong_password_gets_nobody_past_the_page(office: Office) -> None:
    lap = office.laptop("mistyped")
    (office.folder / "wrong.txt").write_text("OpenSesame\n")
    refused = office.run("device", "user", lap, *PACE, "--upn", ADELE, "--password-file", "wrong.txt")
    assert (refused.code, refused.out.split()[0]) == (2, "off")
    assert _last_line(refused).startswith("AADSTS50126: ")
    assert "OpenSesame" not in refused.out + refused.err
    right = office.run("device", "user", lap, *PACE, *office.signing_in(ADELE), "--json")
    assert (right.code, right.json["ended"]) == (0, "desktop"), right


def test_an_unregistered_laptop_gets_the_plain_set_up(office: Office) -> None:
    """The pages that everybody gets, and no word about any organisation."""
    lap = office.laptop("stray", registered=False)
    user = office.run("device", "user", lap, *PACE, *office.signing_in(ADELE), "--json")
    assert (user.code, user.json["ended"], user.json["code"]) == (2, "error", "807")
    assert {"region", "keyboard", "secondKeyboard", "licenceTerms"} <= set(user.json["screens"])
    technician = office.run("device", "technician", office.laptop("other", registered=False), *PACE)
    assert (technician.code, technician.out.split()[0]) == (2, "off")
    assert _last_line(technician).startswith("807: ")
    assert (
        "Contoso" not in user.out + user.err.replace("contoso.example", "") + technician.out + technician.err
    )


def test_a_laptop_without_tpm_is_red_and_is_tried_again(office: Office) -> None:
    lap = office.laptop("old", "--no-tpm")
    for _ in range(2):
        red = office.run("device", "technician", lap, *PACE, "--json")
        assert (red.code, red.json["ended"], red.json["code"]) == (2, "red", "0x800705B4")
    assert red.json["screens"].count("red") == 2, "the technician who came again pressed Retry"


def test_a_server_that_is_away_is_told_by_name(office: Office, tmp_path: Path) -> None:
    lap = office.laptop("lonely")
    ready = office.server.wait_ready() | {"device_url": "https://localhost:9"}
    (tmp_path / "ready.json").write_text(json.dumps(ready))
    away = reseal("device", "technician", lap, *PACE, "--ready-file", tmp_path / "ready.json")
    assert (away.code, away.out.split()[0]) == (2, "error")
    assert _last_line(away).startswith("0x80072EFD: ")
    assert "localhost" in _last_line(away)
