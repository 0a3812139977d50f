"""What has arrived on a laptop, for its desktop: read from the disk, by name, and for whom it is."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from reseal.device import memory
from reseal.device.disk import Disk
from reseal.device.journal import finished, read_journal
from reseal.wire.msi import MsiError, read_msi

_PROGRAMS: Final = "programs/"
_POLICIES: Final = ("vendor", "msft", "policy", "config")
_CERTIFICATES: Final = "rootcatrustedcertificates"
_SSID: Final = re.compile(r"<name>([^<]+)</name>")


@dataclass(frozen=True, slots=True)
class Arrived:
    """One thing that was set up. `for_user`: for who signed in, else for everybody on this laptop."""

    kind: str
    """`app`, `policy`, `wifi` or `certificate`."""
    name: str
    more: str = ""
    for_user: bool = False


def arrived(disk: Disk) -> tuple[Arrived, ...]:
    """Everything that management has put on the disk, apps first."""
    return (*_apps(disk), *_settings(disk))


def _apps(disk: Disk) -> Iterator[Arrived]:
    versions = {product.file: product.version for product in finished(read_journal(disk))}
    for name in disk.names(_PROGRAMS):
        file = name.removeprefix(_PROGRAMS)
        code, _, user = file.partition("@")
        title = _product_name(disk.read(name) or b"") or code
        yield Arrived("app", title, versions.get(file, ""), for_user=bool(user))


def _product_name(content: bytes) -> str:
    try:
        return read_msi(content).product_name
    except MsiError:
        return ""


def _settings(disk: Disk) -> Iterator[Arrived]:
    kept = memory.load(disk)
    for owner, names, kind, text in () if kept is None else sorted(kept.nodes):
        folded = tuple(name.casefold() for name in names)
        if kind == "node" or not text:
            continue
        if folded[:4] == _POLICIES and len(names) == len(_POLICIES) + 2:
            yield Arrived("policy", f"{names[-2]}: {names[-1]}", _short(text), bool(owner))
        elif folded[-1] == "wlanxml":
            found = _SSID.search(text)
            yield Arrived("wifi", found[1] if found else names[-2], for_user=bool(owner))
        elif _CERTIFICATES in folded and folded[-1] == "encodedcertificate":
            yield Arrived("certificate", _subject(text), for_user=bool(owner))


def _subject(encoded: str) -> str:
    try:
        subject = x509.load_der_x509_certificate(b64decode(encoded)).subject
    except ValueError:
        return "?"
    names = subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else subject.rfc4514_string()


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:40]}…"
