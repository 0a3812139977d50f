"""Reading a laptop back: is on its disk what its tenant's description says, and nothing twice?

Nobody's word is taken: what shall be there comes from the files of the description, and for whom from the
server's chain of reasons; what is there, from the laptop's own disk.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from reseal.blueprint.source import Source
from reseal.catalog.model_wifi import read_wlan_profile
from reseal.cli.connection import Connection
from reseal.device import memory
from reseal.device.disk import Disk
from reseal.device.journal import read_journal
from reseal.wire.csp import LocURI, Scope

_KINDS: Final = {"policies": "policy", "certificates": "certificate", "wifi": "wifi", "apps": "app"}
_PROGRAMS: Final = "programs/"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that shall be on the laptop, and what is wrong with it; empty if nothing is."""

    kind: str
    name: str
    problem: str = ""


async def read_back(connection: Connection, source: Source, serial: str, disk: Disk) -> list[Finding]:
    """What was found for each item of the description that reaches the laptop, and for its journal."""
    laptop = _Laptop(disk)
    found = []
    for section, kind in _KINDS.items():
        for item in source.document.get(section, ()):
            if await _reaches(connection, serial, kind, str(item["name"])):
                problem = "; ".join(_problems(laptop, source, kind, item))
                found.append(Finding(kind, str(item["name"]), problem))
    return [*found, Finding("journal", "every product was installed once", "; ".join(_twice(disk)))]


async def _reaches(connection: Connection, serial: str, kind: str, name: str) -> bool:
    page = await connection.json("GET", "/registrations", query={"serial": serial})
    path = f"/registrations/{page['value'][0]['id']}/why/{kind}/{quote(name, safe='')}"
    return bool((await connection.json("GET", path))["assigned"])


class _Laptop:
    """What is on a disk."""

    def __init__(self, disk: Disk) -> None:
        kept = memory.load(disk)
        nodes = () if kept is None else kept.nodes
        self.tree: Mapping[str, str] = {
            _place(LocURI(tuple(names), Scope.USER if owner else Scope.DEVICE)): text
            for owner, names, _, text in nodes
        }
        self.programs = frozenset(
            hashlib.sha256(disk.read(name) or b"").hexdigest() for name in disk.names(_PROGRAMS)
        )


def _place(uri: LocURI) -> str:
    """The node that an address means: without a prefix it is the machine's."""
    return str(LocURI(uri.names, uri.scope or Scope.DEVICE)).casefold()


def _problems(laptop: _Laptop, source: Source, kind: str, item: Mapping[str, Any]) -> Iterator[str]:
    if kind == "policy":
        for setting in item["settings"]:
            yield from _of_node(laptop, LocURI.parse(setting["uri"]), _text(setting["value"]))
        return
    digest = item["file"]["sha256"]
    content = source.contents[digest].read_bytes()
    if kind == "app":
        if hashlib.sha256(content).hexdigest() not in laptop.programs:
            yield "no installed file has its digest"
    elif kind == "wifi":
        ssid = read_wlan_profile(content.decode()).ssid
        uri = LocURI(("Vendor", "MSFT", "WiFi", "Profile", ssid, "WlanXml"))
        yield from _of_node(laptop, uri, content.decode())
    else:
        yield from _of_certificate(laptop, content)


def _of_node(laptop: _Laptop, uri: LocURI, wanted: str) -> Iterator[str]:
    value = laptop.tree.get(_place(uri))
    if value is None:
        yield f"{uri} is not there"
    elif value.strip() != wanted.strip():
        yield f"{uri} is {value[:60]!r}, not {wanted[:60]!r}"


def _of_certificate(laptop: _Laptop, content: bytes) -> Iterator[str]:
    der = x509.load_pem_x509_certificate(content).public_bytes(Encoding.DER)
    trusted = [
        text
        for place, text in laptop.tree.items()
        if "/rootcatrustedcertificates/" in place and place.endswith("/encodedcertificate")
    ]
    if der not in (b64decode(text) for text in trusted):
        yield "the laptop does not trust it"


def _twice(disk: Disk) -> Iterator[str]:
    ends = Counter(
        (entry.product.file, entry.product.version) for entry in read_journal(disk) if entry.step == "end"
    )
    yield from (
        f"{product} {version}: {count} times" for (product, version), count in ends.items() if count > 1
    )


def _text(value: object) -> str:
    """A value of the description as the laptop keeps it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def description(name: str | Path) -> Path:
    """The directory of a sample tenant: as named, or beside the product's own sources."""
    path = Path(name)
    beside = Path(__file__).resolve().parents[3] / path
    return path if path.exists() or not beside.exists() else beside
