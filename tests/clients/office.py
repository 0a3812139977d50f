"""A real server with an organisation on it, for clients that know nothing of how it is made."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients.blackbox.device import Device, Place
from tests.clients.blackbox.hardware import Machine
from tests.clients.blackbox.signing import Person
from tests.support.processes import CONTOSO, Ended, ServerProcess, reseal, server

DEVICE_VALUES = {
    "./Device/Vendor/MSFT/Policy/Config/DeviceLock/MaxInactivityTimeDeviceLock": "10",
    "./Device/Vendor/MSFT/Policy/Config/Defender/AllowCloudProtection": "1",
    "./Device/Vendor/MSFT/Firewall/MdmStore/PublicProfile/EnableFirewall": "true",
    "./Device/Vendor/MSFT/DMClient/Provider/Reseal/HelpPhoneNumber": 'Büro <4711> & "Pforte"',
}
USER_VALUES = {
    "./User/Vendor/MSFT/Policy/Config/Browser/HomePages": "<https://intranet.northwind.example/?a=1&b=2>",
    "./User/Vendor/MSFT/Policy/Config/Experience/AllowWindowsSpotlight": "0",
}
NOT_FOR_THEM = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
LATER = "./Device/Vendor/MSFT/Policy/Config/System/AllowTelemetry"
ROOT_STORE = "./Device/Vendor/MSFT/RootCATrustedCertificates/Root"
NETWORK = "./Device/Vendor/MSFT/WiFi/Profile/Contoso%20Office/WlanXml"

_FORMATS = {"true": "bool", "false": "bool"}


def _setting(uri: str, value: str) -> dict[str, Any]:
    if value.isdecimal():
        return {"uri": uri, "format": "int", "value": int(value)}
    if value in _FORMATS:
        return {"uri": uri, "format": "bool", "value": value == "true"}
    return {"uri": uri, "format": "chr", "value": value}


def _policy(name: str, values: dict[str, str], *assign: dict[str, str]) -> dict[str, Any]:
    return {"name": name, "settings": [_setting(*one) for one in values.items()], "assign": list(assign)}


def _app(name: str, context: str, *assign: dict[str, str]) -> dict[str, Any]:
    required = [{**one, "intent": "required"} for one in assign]
    return {
        "name": name,
        "file": f"apps/{name}.msi",
        "commandLine": "/quiet",
        "context": context,
        "assign": required,
    }


EVERY_DEVICE, EVERY_USER, PILOTS = {"all": "devices"}, {"all": "users"}, {"group": "Pilots"}
PAGE = {
    "showInstallationProgress": True,
    "installProgressTimeoutInMinutes": 45,
    "allowDeviceResetOnInstallFailure": True,
    "disableUserStatusTrackingAfterFirstUser": True,
    "customErrorMessage": "Set-up of Northwind did not finish.",
}
NORTHWIND: dict[str, Any] = {
    "reseal": 1,
    "tenant": {"name": "Northwind"},
    "settings": {"joinAllowed": "all", "mdmScope": "all", "allowVirtualTpm": True},
    "users": [{"upn": name, "displayName": name.title()} for name in ("anna", "ben", "cora")],
    "groups": [{"name": "Pilots", "members": ["anna"]}, {"name": "Nobody", "members": []}],
    "profiles": [{"name": "Office", "preprovisioningAllowed": True, "assign": [EVERY_DEVICE]}],
    "enrollmentStatusPages": [{"name": "Set-up", **PAGE, "assign": [EVERY_DEVICE]}, {"default": PAGE}],
    "policies": [
        _policy("Machines", DEVICE_VALUES, EVERY_DEVICE),
        _policy("People", USER_VALUES, EVERY_USER),
        _policy("Of nobody", {NOT_FOR_THEM: "0"}, {"group": "Nobody"}),
    ],
    "certificates": [
        {"name": "Root", "store": "root", "file": "certs/contoso-root.pem", "assign": [EVERY_DEVICE]}
    ],
    "wifi": [{"name": "Office", "file": "wifi/contoso-office.xml", "assign": [EVERY_DEVICE]}],
    "apps": [
        _app("agent", "device", EVERY_DEVICE),
        _app("reader", "device", PILOTS),
        _app("notes", "user", EVERY_USER),
    ],
}  # fmt: skip
ADDED = {"reseal": 1, "policies": [_policy("Later", {LATER: "1"}, EVERY_DEVICE)]}

FABRIKAM: dict[str, Any] = {
    "reseal": 1,
    "tenant": {"name": "Fabrikam"},
    "settings": {"joinAllowed": "all", "mdmScope": "all"},
    "users": [{"upn": "dora", "displayName": "Dora"}],
}


def digests(*apps: str) -> set[str]:
    """SHA-256 of packages of the blueprint."""
    return {hashlib.sha256((CONTOSO / "apps" / f"{app}.msi").read_bytes()).hexdigest() for app in apps}


@dataclass(slots=True)
class Office:
    """One organisation on a running server, and the devices that it met."""

    server: ServerProcess
    ready: dict[str, Any]
    folder: Path
    domain: str
    credentials: Path
    passwords: dict[str, str] = field(default_factory=dict)
    devices: list[Device] = field(default_factory=list)

    @property
    def place(self) -> Place:
        """Where the server is."""
        return Place(self.ready["browser_url"], self.ready["device_url"], Path(self.ready["ca_file"]))

    def command(self, *arguments: str | Path) -> Ended:
        """A `reseal` command as this organisation's automation client."""
        url, ca = self.ready["browser_url"], self.ready["ca_file"]
        found = ("--server", url, "--ca", ca, "--credentials", self.credentials)
        ended = reseal(*arguments, *found)
        assert ended.code == 0, ended
        return ended

    def apply(self, document: dict[str, Any]) -> None:
        """Make the organisation what a description says. JSON is YAML."""
        blueprint = self.folder / f"{self.domain}-blueprint"
        for part in ("apps", "certs", "wifi"):
            shutil.copytree(CONTOSO / part, blueprint / part, dirs_exist_ok=True)
        (blueprint / "tenant.yaml").write_text(json.dumps(document))
        out = self.folder / f"{self.domain}-passwords.json"
        out.unlink(missing_ok=True)
        self.command("apply", blueprint, "--passwords-out", out)
        if out.exists():
            self.passwords |= json.loads(out.read_text())

    def person(self, name: str) -> Person:
        """Somebody who works here."""
        upn = f"{name}@{self.domain}"
        return Person(upn, self.passwords[upn])

    def register(self, machine: Machine, user: str = "") -> None:
        """Import the machine's hash, for a user if one is named."""
        path = self.folder / f"{machine.serial}.csv"
        path.write_text(machine.csv(user=f"{user}@{self.domain}" if user else ""))
        self.command("import", path)

    def laptop(self, serial: str, *, by_digest: bool = False, user_by_header: bool = False) -> Device:
        """A new laptop; nobody has registered it."""
        folder = self.folder / f"laptop-{len(self.devices)}-{serial}"
        device = Device(self.place, folder, Machine(serial), by_digest, user_by_header)
        self.devices.append(device)
        return device

    def neighbour(self, name: str, domain: str, document: dict[str, Any]) -> Office:
        """Another organisation on the same server."""
        credentials = self.folder / f"{domain}.json"
        self.command("tenant", "new", name, "--domain", domain, "--out", credentials)
        office = Office(self.server, self.ready, self.folder, domain, credentials)
        office.apply(document)
        return office

    def close(self) -> None:
        """Let go of the devices' connections."""
        for device in self.devices:
            device.close()


def enrolled(office: Office, serial: str, name: str, *, by_digest: bool = False) -> Device:
    """A new laptop that somebody joined and enrolled; it has not checked in yet."""
    device = office.laptop(serial, by_digest=by_digest)
    device.start()
    person = office.person(name)
    device.sign_in(person)
    device.join()
    device.enrol(device.user_access, person.upn)
    return device


@contextmanager
def opened(data: Path, **settings: str) -> Iterator[Office]:
    """A server with Northwind on it; whatever else there is lies beside its directory."""
    with server(data, **settings) as running:
        ready = running.wait_ready()
        credentials = Path(ready["credentials_file"])
        office = Office(running, ready, data.parent, ready["tenant_domain"], credentials)
        office.apply(NORTHWIND)
        try:
            yield office
        finally:
            office.close()
