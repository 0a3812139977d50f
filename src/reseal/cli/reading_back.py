"""Reading a laptop back: is on it what its tenant's description says, nothing twice, for the right person?

Nobody's word is taken: what shall be there comes from the files of the description, and for whom from the
server's chain of reasons. What is there comes from a copy of the laptop's disk: nodes by Gets in SyncML that
the laptop's own client answers, installed files by their SHA-256. How the user's page was released, and whose
token came with it, was heard on the way between laptop and server.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from reseal.blueprint.source import Source
from reseal.catalog.model_wifi import read_wlan_profile
from reseal.cli.connection import Connection, Remote
from reseal.cli.overhearing import Exchange, answers_to_release, people_of_tokens
from reseal.device.disk import Disk
from reseal.device.journal import finished, read_journal
from reseal.kernel.clock import SystemClock
from reseal.rehearsal.evidence import Evidence
from reseal.wire.csp import CertificateStore, LocURI, Wifi, trusted_certificate, wifi_profile
from reseal.wire.msi import read_msi
from reseal.wire.syncml import StatusCode

_KINDS: Final = {"policies": "policy", "certificates": "certificate", "wifi": "wifi", "apps": "app"}
_STORES: Final = {"root": CertificateStore.ROOT, "ca": CertificateStore.CA}
_PROGRAMS: Final = "programs/"
_SOME: Final = 500
"""Events asked for at once."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that shall be on the laptop, and what is wrong with it; empty if nothing is."""

    kind: str
    name: str
    problem: str = ""


async def read_back(
    connection: Connection, source: Source, serial: str, disk: Disk, upn: str, heard: Sequence[Exchange]
) -> list[Finding]:
    """What was found for each item of the description that reaches the laptop, for its journal, and for the
    user `upn`, who signed in last. `heard` are the messages of the user flow.
    """
    laptop = _Laptop(disk, upn)
    found = []
    for kind, item in _items(source):
        name = str(item["name"])
        if await _reaches(connection, serial, kind, name):
            problems = list(_problems(laptop, source, kind, item))
            if kind == "app":
                problems += await _stored(connection, item["file"]["sha256"])
            found.append(Finding(kind, name, "; ".join(problems)))
    owner = await _owner(connection)
    return [
        *found,
        Finding("journal", "every product was installed once", "; ".join(_twice(disk))),
        Finding("release", f"the laptop took the end of {upn}'s set-up", _of_release(heard)),
        Finding("owner", f"laptop and tokens are {upn}'s", "; ".join(_of_owner(heard, upn, owner))),
    ]


def _items(source: Source) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for section, kind in _KINDS.items():
        yield from ((kind, item) for item in source.document.get(section, ()))


async def contents(connection: Connection, source: Source) -> list[Finding]:
    """Whether the server still has the packages of the description as they are."""
    return [
        Finding("app", str(item["name"]), "; ".join(await _stored(connection, item["file"]["sha256"])))
        for kind, item in _items(source)
        if kind == "app"
    ]


async def _reaches(connection: Connection, serial: str, kind: str, name: str) -> bool:
    page = await connection.json("GET", "/registrations", query={"serial": serial})
    path = f"/registrations/{page['value'][0]['id']}/why/{kind}/{quote(name, safe='')}"
    return bool((await connection.json("GET", path))["assigned"])


# --- what lies on the laptop --------------------------------------------------------------------------------


class _Laptop:
    """A laptop at its desktop, with one user logged on."""

    def __init__(self, disk: Disk, upn: str) -> None:
        self._evidence = Evidence.of(disk, SystemClock())
        self._upn = next((one for one in self._evidence.users if one.casefold() == upn.casefold()), upn)
        self.programs: Mapping[str, str] = {
            name.removeprefix(_PROGRAMS): hashlib.sha256(disk.read(name) or b"").hexdigest()
            for name in disk.names(_PROGRAMS)
        }

    def get(self, uris: Iterable[LocURI]) -> list[str | int]:
        """What Gets are answered with: the value, or the status code if there is none."""
        asked = [str(uri) for uri in uris]
        answers = self._evidence.answers(asked, self._upn)
        return [answers.get(one, StatusCode.NOT_FOUND) for one in asked]

    def installed(self, product_code: str) -> list[str]:
        """SHA-256 of the files of a product, for the machine or the user."""
        wanted = {product_code.casefold(), f"{product_code}@{self._upn}".casefold()}
        return [digest for name, digest in self.programs.items() if name.casefold() in wanted]


def _problems(laptop: _Laptop, source: Source, kind: str, item: Mapping[str, Any]) -> Iterator[str]:
    if kind == "policy":
        settings = {LocURI.parse(one["uri"]): _text(one["value"]) for one in item["settings"]}
        yield from _of_nodes(laptop, settings)
        return
    content = source.contents[item["file"]["sha256"]].read_bytes()
    if kind == "app":
        yield from _of_app(laptop, content)
    elif kind == "wifi":
        ssid = read_wlan_profile(content.decode()).ssid
        yield from _of_nodes(laptop, {Wifi.WLAN_XML.at(wifi_profile(ssid)): content.decode()})
    else:
        der = x509.load_pem_x509_certificate(content).public_bytes(Encoding.DER)
        node = trusted_certificate(_STORES[item.get("store", "root")], der)
        yield from _of_nodes(laptop, {node.uri: node.text})


def _of_nodes(laptop: _Laptop, wanted: Mapping[LocURI, str]) -> Iterator[str]:
    for (uri, text), answer in zip(wanted.items(), laptop.get(wanted), strict=True):
        if isinstance(answer, int):
            yield f"a Get of {uri} is answered {answer}"
        elif answer.strip() != text.strip():
            yield f"a Get of {uri} gives {answer[:60]!r}, not {text[:60]!r}"


def _of_app(laptop: _Laptop, package: bytes) -> Iterator[str]:
    wanted = hashlib.sha256(package).hexdigest()
    installed = laptop.installed(read_msi(package).product_code)
    if not installed:
        yield "it is not installed"
    yield from (
        f"its installed file has SHA-256 {digest}, the package {wanted}"
        for digest in installed
        if digest != wanted
    )


def _twice(disk: Disk) -> Iterator[str]:
    ends = Counter((product.file, product.version) for product in finished(read_journal(disk)))
    yield from (
        f"{product} {version}: {count} times" for (product, version), count in ends.items() if count > 1
    )


def _text(value: object) -> str:
    """A value of the description as the laptop keeps it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- what the server has ------------------------------------------------------------------------------------


async def _stored(connection: Connection, wanted: str) -> list[str]:
    """What is wrong with a content as the server keeps it."""
    digest = hashlib.sha256()
    try:
        async for chunk in connection.chunks(f"/content/{wanted}"):
            digest.update(chunk)
    except Remote as error:
        return [f"the server does not give its content: {error.message}"]
    found = digest.hexdigest()
    return [] if found == wanted else [f"the server's content has SHA-256 {found}, the package {wanted}"]


async def _owner(connection: Connection) -> str:
    """The object id of the user whose the laptop is by the event log; empty: nobody's."""
    owner, after = "", 0
    while True:
        query = {"after": str(after), "top": str(_SOME)}
        events = (await connection.json("GET", "/events", query=query))["value"]
        if not events:
            return owner
        after = events[-1]["position"]
        for event in events:
            if event["kind"] == "enrolment.owner_changed":
                owner = str(event["payload"]["user"] or "")


# --- what was heard -----------------------------------------------------------------------------------------


def _of_release(heard: Iterable[Exchange]) -> str:
    codes = answers_to_release(heard)
    if StatusCode.OK in codes:
        return ""
    return f"it answered {', '.join(map(str, codes))}" if codes else "it was never told so"


def _of_owner(heard: Iterable[Exchange], upn: str, owner: str) -> Iterator[str]:
    people = people_of_tokens(heard)
    if not people:
        yield "no token of a user came with a message"
    for claims in people:
        if str(claims.get("upn", "")).casefold() != upn.casefold():
            yield f"a token is {claims.get('upn')}'s"
        elif claims.get("oid") != owner:
            yield f"the token is {claims.get('oid')}'s, the laptop {owner or 'nobody'}'s"


# --- the description ----------------------------------------------------------------------------------------


def description(name: str | Path) -> Path:
    """The directory of a sample tenant: as named, or beside the product's own sources."""
    path = Path(name)
    beside = Path(__file__).resolve().parents[3] / path
    return path if path.exists() or not beside.exists() else beside
