"""`reseal device show`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter
from rich.markup import escape

from reseal.cli.output import print_json, results
from reseal.device import memory
from reseal.device.disk import Disk
from reseal.device.folder import look_at
from reseal.device.hardware import installed
from reseal.device.journal import read_journal
from reseal.device.oobe.memory import Notebook
from reseal.device.registering import membership
from reseal.kernel.locks import holder_of
from reseal.wire.enrolment.provisioning_reading import read_provisioning

_HIDDEN: Final = "(hidden)"
_SECRET_NODES: Final = frozenset({"aauthsecret", "aauthdata"})
_KEY_OF_A_NETWORK: Final = re.compile(r"(<keyMaterial>).*?(</keyMaterial>)", re.DOTALL)
_PROGRAMS: Final = "programs/"
_SHOWN: Final = 100
"""Characters of a value that people are shown."""


def show(directory: Path, /, *, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Say what is on a laptop, by its disk alone: where it stands, its tree, its journal, what is installed.

    It may be switched on meanwhile. Secrets are not shown.

    Examples
    --------
    reseal device show ./laptop
    reseal device show ./laptop --json | jq .tree

    Parameters
    ----------
    directory
        Where the laptop lives.
    json
        Print everything as one JSON document.
    """
    disk = look_at(directory)
    found = {
        "hardware": _hardware(disk),
        "state": _state(disk, holder_of(directory)),
        "tree": list(_tree(disk)),
        "journal": [
            {"step": entry.step, "product": entry.product.code, "version": entry.product.version}
            | ({"user": entry.product.owner} if entry.product.owner else {})
            for entry in read_journal(disk)
        ],
        "installed": list(_installed(disk)),
        "files": disk.names(),
    }
    if json:
        print_json(found)
    else:
        _show(found)
    return 0


# --- what there is ------------------------------------------------------------------------------------------


def _hardware(disk: Disk) -> dict[str, Any]:
    machine = installed(disk)
    assert machine is not None, "what can be looked at has hardware"
    return {
        "serial": machine.serial,
        "manufacturer": machine.manufacturer,
        "model": machine.model,
        "smbiosUuid": str(machine.smbios_uuid),
        "macAddresses": list(machine.mac_addresses),
        "tpm": machine.tpm_version,
        "windows": machine.os_version,
    }


def _state(disk: Disk, process: int | None) -> dict[str, Any]:
    """Where the device stands; what is not so, or not known, is left out."""
    noted, member, enrolment = Notebook(disk).memory, membership(disk), memory.read_enrolment(disk)
    profile, failure = noted.profile, noted.failure
    organisation = None if profile is None else profile.organisation
    told: dict[str, Any] = {
        "switchedOnBy": process,
        "place": noted.place.value,
        "name": noted.name,
        "standing": None if profile is None else profile.standing.value,
        "registration": None
        if profile is None or profile.registration is None
        else str(profile.registration),
        "organisation": None if organisation is None else organisation.name,
        "profile": None if profile is None or profile.profile is None else profile.profile.name,
        "directoryDevice": None if member is None else str(member.device_id),
        "joinedBy": None if member is None else member.joined_by or "the device itself",
        "administrators": None if member is None else list(member.administrators),
        "enrolment": None if enrolment is None else _enrolment(enrolment[0]),
        "users": list(noted.users),
        "failure": None
        if failure is None
        else {"step": failure.step, "code": failure.code, "message": failure.message},
    }
    return {name: value for name, value in told.items() if value not in (None, "", [])}


def _enrolment(document: bytes) -> dict[str, str]:
    read = read_provisioning(document)
    server = "" if read.application is None else read.application.address
    settings = read.provider
    return {
        "server": server,
        "device": "" if settings is None else settings.device_id,
        "user": "" if settings is None else settings.upn,
    }


def _tree(disk: Disk) -> Iterator[dict[str, str]]:
    """The nodes that have a value, by address; a user's with whose they are."""
    kept = memory.load(disk)
    nodes = [] if kept is None else kept.nodes
    for owner, names, kind, text in sorted(nodes):
        if kind == "node":
            continue
        place = {"uri": f"./{'User' if owner else 'Device'}/{'/'.join(names)}"}
        yield place | ({"user": owner} if owner else {}) | {"format": kind, "value": _open(names, text)}


def _open(names: tuple[str, ...], text: str) -> str:
    """What may be seen of a value."""
    if names[-1].casefold() in _SECRET_NODES:
        return _HIDDEN
    return _KEY_OF_A_NETWORK.sub(rf"\1{_HIDDEN}\2", text)


def _installed(disk: Disk) -> Iterator[dict[str, Any]]:
    versions = {
        entry.product.file: entry.product.version for entry in read_journal(disk) if entry.step == "end"
    }
    for name in disk.names(_PROGRAMS):
        file = name.removeprefix(_PROGRAMS)
        content = disk.read(name) or b""
        code, _, user = file.partition("@")
        yield (
            {"product": code, "version": versions.get(file, "")}
            | ({"user": user} if user else {})
            | {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        )


# --- for people ---------------------------------------------------------------------------------------------


def _show(found: dict[str, Any]) -> None:
    machine, state = found["hardware"], found["state"]
    results.print(f"[bold]{escape(machine['serial'])}[/] {escape(machine['model'])}")
    for name, value in {**machine, **state}.items():
        if name not in {"serial", "model"}:
            results.print(f"  {_words(name)}: {escape(_text(value))}")
    _part("Installed", [f"{_whose(one)}{one['product']} {one['version']}" for one in found["installed"]])
    _part(
        "Journal",
        [f"{one['step']:8} {_whose(one)}{one['product']} {one['version']}" for one in found["journal"]],
    )
    _part("Tree", [f"{_whose(one)}{one['uri']} = {_short(one['value'])}" for one in found["tree"]])
    _part("Files", found["files"])


def _part(title: str, lines: list[str]) -> None:
    results.print(f"[bold]{title}[/]" + ("" if lines else ": nothing"))
    for line in lines:
        results.print(f"  {escape(line)}")


def _short(value: str) -> str:
    """A value on one line; the whole of it is in the JSON."""
    line = " ".join(value.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def _whose(one: dict[str, Any]) -> str:
    return f"({one['user']}) " if "user" in one else ""


def _words(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: f" {found[1].lower()}", name)


def _text(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{_words(name)} {_text(each)}" for name, each in value.items() if each)
        case list():
            return ", ".join(map(str, value))
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)
