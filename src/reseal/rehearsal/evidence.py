"""What lies on a device, read from its disk alone: tree, journal, installed files, who it belongs to.

Nothing is started for it, and nothing that the server believes enters here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reseal.device import memory
from reseal.device.csp.rules import MACHINE
from reseal.device.csp.tree import Tree
from reseal.device.csp.windows import empty_tree
from reseal.device.disk import Disk
from reseal.device.journal import Entry, Product, finished, read_journal
from reseal.kernel.clock import Clock
from reseal.managed.model import PROVIDER_ID
from reseal.rehearsal.reading import read_nodes
from reseal.wire.csp import LocURI


@dataclass(frozen=True, slots=True)
class Evidence:
    """One device's disk, read."""

    disk: Disk
    tree: Tree
    enrolled: bool
    journal: tuple[Entry, ...]

    @classmethod
    def of(cls, disk: Disk, clock: Clock) -> Evidence:
        """Read a disk."""
        tree = empty_tree(PROVIDER_ID, clock, frozenset())
        kept = memory.load(disk)
        if kept is not None:
            tree.restore(kept.nodes)
        return cls(disk, tree, memory.read_enrolment(disk) is not None, read_journal(disk))

    @property
    def users(self) -> tuple[str, ...]:
        """The people whose nodes are in the tree."""
        return tuple(owner for owner in self.tree.owners() if owner != MACHINE)

    def value(self, uri: LocURI, user: str | None) -> str | None:
        """A leaf as the tree holds it."""
        return self.tree.read(uri, user)

    def answers(self, addresses: Sequence[str], user: str | None) -> dict[str, str | int]:
        """What Gets are answered with while `user` is logged on."""
        self.tree.user = user
        return read_nodes(self.tree, addresses)

    def installed(self, code: str, owner: str) -> list[Product]:
        """Every version of a product that was installed to its end for that owner, since its last removal."""
        return [product for product in finished(self.journal) if product.key == (owner, code.casefold())]

    def program(self, product: Product) -> bytes | None:
        """The files of an installed product."""
        return self.disk.read(f"programs/{product.file}")
