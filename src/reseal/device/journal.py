"""What was installed, on record so that a power cut leaves nothing half done.

The file `journal` has a line for each step: `begin`, then `end` or `rollback`; `remove` when a product goes.
A line counts once it is synced. What an installation overwrites is kept under `rollback/` until its end is on
record, so that an interrupted one can be undone, and it is undone before anything else happens. Therefore a
product and version have one `end`, however often the power fails. A product that goes while a newer version
is being installed is not brought back when that is undone. Installed files are `programs/<code>`, and
`programs/<code>@<user>` for those of one user.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec

from reseal.device.disk import Disk

NAME: Final = "journal"

Step: TypeAlias = Literal["begin", "end", "rollback", "remove"]


@dataclass(frozen=True, slots=True)
class Product:
    """What is installed, for whom."""

    code: str
    version: str
    owner: str = ""
    """The user for whom; empty for the machine."""

    @property
    def key(self) -> tuple[str, str]:
        """Identity: of a product there is one version at a time."""
        return self.owner, self.code.casefold()

    @property
    def file(self) -> str:
        """The name under which its files are kept."""
        return f"{self.code}@{self.owner}" if self.owner else self.code


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal."""

    step: Step
    product: Product


def read_journal(disk: Disk) -> tuple[Entry, ...]:
    """All lines; one whose end is missing was never on record."""
    lines = (disk.read(NAME) or b"").split(b"\n")[:-1]
    return tuple(msgspec.json.decode(line, type=Entry) for line in lines)


def finished(entries: Iterable[Entry]) -> list[Product]:
    """What was installed to its end and not removed since, in order: an upgrade behind what it replaced."""
    found: list[Product] = []
    for entry in entries:
        match entry.step:
            case "end":
                found.append(entry.product)
            case "remove":
                found = [product for product in found if product.key != entry.product.key]
            case _:
                pass
    return found


class Journal:
    """The journal of one device and the files it answers for."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._installed: dict[tuple[str, str], Product] = {}
        self._open: Product | None = None
        self._before: Product | None = None
        """What the open installation replaces."""
        for entry in read_journal(disk):
            self._apply(entry)

    def recover(self) -> Product | None:
        """Undo what a power cut interrupted; what it was."""
        self._keep_what_was_read()
        interrupted = self._open
        if interrupted is not None:
            self.roll_back()
        self._sweep()
        return interrupted

    def _sweep(self) -> None:
        """Delete what a removal or an end left behind that was cut short after it was on record."""
        kept = {f"programs/{product.file}" for product in self._installed.values()}
        for name in (*self._disk.names("programs/"), *self._disk.names("rollback/")):
            if name not in kept:
                self._disk.delete(name)

    def _keep_what_was_read(self) -> None:
        """Put on record what was read, since the process alone may have ended; a line that the power cut in
        two goes, so that the next one begins a line of its own.
        """
        written = self._disk.read(NAME)
        if written is None:
            return
        whole = written[: written.rfind(b"\n") + 1]
        if whole == written:
            self._disk.sync(NAME)
        else:
            self._disk.replace(NAME, whole)

    def installed(self, owner: str, code: str) -> Product | None:
        """The version of a product that is there."""
        return self._installed.get((owner, code.casefold()))

    def begin(self, product: Product) -> None:
        """An installation begins."""
        content = self._disk.read(f"programs/{product.file}")
        if content is not None:
            self._disk.replace(f"rollback/{product.file}", content)
        self._record("begin", product)

    def end(self, content: bytes) -> None:
        """The installation that was begun is done: its files are `content`."""
        product = self._under_way()
        self._disk.replace(f"programs/{product.file}", content)
        self._record("end", product)
        self._disk.delete(f"rollback/{product.file}")

    def roll_back(self) -> None:
        """Undo the installation that was begun."""
        product = self._under_way()
        before = self._disk.read(f"rollback/{product.file}")
        if before is None:
            self._disk.delete(f"programs/{product.file}")
        else:
            self._disk.replace(f"programs/{product.file}", before)
        self._record("rollback", product)
        self._disk.delete(f"rollback/{product.file}")

    def remove(self, owner: str, code: str) -> None:
        """A product goes, if it is there, or would be there again once the open installation is undone."""
        product = self.installed(owner, code) or self._replaced(owner, code)
        if product is None:
            return
        self._record("remove", product)
        self._disk.delete(f"rollback/{product.file}")
        self._disk.delete(f"programs/{product.file}")

    def _replaced(self, owner: str, code: str) -> Product | None:
        """The version that the open installation replaces, if it is one of that product."""
        before = self._before
        return before if before is not None and before.key == (owner, code.casefold()) else None

    def _under_way(self) -> Product:
        if self._open is None:
            raise ValueError("no installation has begun")
        return self._open

    def _record(self, step: Step, product: Product) -> None:
        entry = Entry(step, product)
        self._disk.append(NAME, msgspec.json.encode(entry) + b"\n")
        self._disk.sync(NAME)
        self._apply(entry)

    def _apply(self, entry: Entry) -> None:
        product = entry.product
        match entry.step:
            case "begin":
                self._open, self._before = product, self._installed.pop(product.key, None)
            case "end":
                self._open, self._before = None, None
                self._installed[product.key] = product
            case "rollback":
                if self._before is not None:
                    self._installed[product.key] = self._before
                self._open, self._before = None, None
            case "remove":
                self._installed.pop(product.key, None)
                if self._before == product:
                    self._before = None
