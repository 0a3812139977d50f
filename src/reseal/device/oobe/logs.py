"""*Collect logs*: what somebody takes along who looks into a failure (spec/autopilot.md 5.5; check 66).

`EventLog` hears what the machine tells of itself since it was switched on. `collect` puts that, a dump of the
settings in the form of Windows' own bundle, the installer's journal, and the hardware hash ready for import
into one archive on the stick. No secret is in it: the credentials of management and the keys of networks are
left out.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from reseal.device import journal
from reseal.device.csp.tree import Tree
from reseal.device.parts import Tell
from reseal.kernel.clock import Clock
from reseal.wire.devicecsv import DeviceRow, write_device_csv

if TYPE_CHECKING:
    from reseal.device.oobe.context import Oobe

STICK: Final = "usb/"
"""Files below it are on a stick: a reset of the system leaves them alone."""
ARCHIVE: Final = f"{STICK}MDMDiagReport.zip"
DUMP: Final = "MDMDiagReport_RegistryDump.Reg"
EVENTS: Final = "Events.log"
JOURNAL: Final = "Installer.log"
HASH: Final = "DeviceHash.csv"

_MOST_EVENTS: Final = 5_000
_ROOT: Final = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Provisioning\NodeCache\CSP"
_SECRETS: Final = frozenset({"aauthsecret", "aauthdata"})
_KEY_MATERIAL: Final = re.compile(r"(<(?:\w+:)?keyMaterial>).*?(</)", re.DOTALL)
_WITHOUT: Final = r"\1\2"


@dataclass(slots=True)
class EventLog:
    """The last events of the machine, each a line; hands on what it hears."""

    clock: Clock
    tell: Tell
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_EVENTS))

    def hear(self, what: str, about: dict[str, Any]) -> None:
        """A `Tell`."""
        at = self.clock.now().isoformat(timespec="seconds")
        self.lines.append(f"{at} {what} {json.dumps(about, sort_keys=True, default=str)}")
        self.tell(what, about)


def collect(oobe: Oobe) -> str:
    """Write the archive; where it is."""
    disk, tree = oobe.parts.disk, None if oobe.management is None else oobe.management.tree
    row = DeviceRow(line=2, serial=oobe.hardware.serial, hardware_hash=oobe.hardware_hash())
    contents = {
        DUMP: "\r\n".join(_dump(oobe, tree)).encode(),
        EVENTS: "\n".join([*oobe.events.lines, ""]).encode(),
        JOURNAL: disk.read(journal.NAME) or b"",
        HASH: write_device_csv([row]),
    }
    disk.replace(ARCHIVE, _zipped(contents))
    return ARCHIVE


def _dump(oobe: Oobe, tree: Tree | None) -> Iterator[str]:
    """Where set-up stands, and the nodes that management made."""
    memory = oobe.memory
    failure = "" if memory.failure is None else f"{memory.failure.code} {memory.failure.message}"
    yield "Windows Registry Editor Version 5.00"
    yield ""
    yield r"[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Provisioning\AutopilotSettings]"
    for name, value in (("Place", memory.place.value), ("ComputerName", memory.name), ("Failure", failure)):
        yield f'"{name}"={_quoted(value)}'
    for owner, names, _format, text in () if tree is None else tree.snapshot():
        *above, name = names
        if name.casefold() not in _SECRETS:
            yield ""
            yield "\\".join(("[" + _ROOT, owner or "Device", *above)) + "]"
            yield f'"{name}"={_quoted(_KEY_MATERIAL.sub(_WITHOUT, text))}'


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _zipped(contents: dict[str, bytes]) -> bytes:
    """The same bytes for the same contents: no time of the machine is in it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name, content in contents.items():
            opened.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()
