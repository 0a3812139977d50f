"""One application under way: what was done so far, line by line, and for which devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from reseal.assignment.model import ItemRef, Target
from reseal.assignment.service import Filter
from reseal.blueprint.contents import Resolved
from reseal.blueprint.document import Assign, Document
from reseal.blueprint.names import Names
from reseal.blueprint.plan import Action, Field, Plan, PlanLine, View, differences
from reseal.blueprint.present import Present
from reseal.blueprint.reading import located
from reseal.blueprint.touch import devices_touched, names_of
from reseal.catalog.model import Kind
from reseal.directory.model import Group, User
from reseal.directory.model_names import fold
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey


@dataclass(slots=True)
class _Draft:
    """A line that may still gain devices."""

    action: Action
    fields: tuple[Field, ...]
    devices: set[int]


@dataclass(slots=True)
class Work:
    """What the steps of an application share.

    `present` stays the tenant as it was; `users`, `groups`, `filters` and `apps` grow as things are made, so
    that names in the document can be followed to keys.
    """

    tx: Tx
    tenant: TenantKey
    actor: str
    document: Document
    present: Present
    names: Names
    resolved: Resolved
    password_hashes: Mapping[str, str] | None
    """By UPN, for users to be made; None in a plan, which makes nobody."""
    prune: bool
    """Whether what the document does not name is deleted in the end."""
    users: dict[str, User] = field(init=False)
    groups: dict[str, Group] = field(init=False)
    filters: dict[str, Filter] = field(init=False)
    apps: dict[str, int] = field(init=False)
    _lines: dict[tuple[str, str], _Draft] = field(default_factory=dict)
    _unchanged: int = 0

    def __post_init__(self) -> None:
        self.users = dict(self.present.users)
        self.groups = dict(self.present.groups)
        self.filters = dict(self.present.filters)
        self.apps = {folded: app.id for folded, app in self.present.items[Kind.APP].items()}

    def step(
        self,
        kind: str,
        name: str,
        path: str,
        before: View | None,
        after: View,
        act: Callable[[], object],
        *,
        words: Mapping[str, str] | None = None,
        more: Callable[[], set[int]] | None = None,
    ) -> None:
        """Make a thing what `after` says, by `act`, unless it is so already; `before` is None for a new one.

        What `act` raises becomes a problem of the document at `path`; `words` are the document's names of
        fields. `more` tells devices that the change touches beside those that the reactors announce.
        """
        found = differences(before, after)
        if before is not None and not found:
            self._unchanged += 1
            return
        with located(path, **(words or {})):
            act()
        action = Action.CREATE if before is None else Action.CHANGE
        self.note(action, kind, name, found, more=more)

    def note(
        self,
        action: Action,
        kind: str,
        name: str,
        fields: Sequence[Field] = (),
        *,
        more: Callable[[], set[int]] | None = None,
    ) -> None:
        """Write down what was just done, with the devices that it touched."""
        self._lines[kind, name] = _Draft(action, tuple(fields), set())
        self.touch(kind, name)
        if more is not None:
            self._lines[kind, name].devices.update(more())

    def touch(self, kind: str, name: str) -> None:
        """Let what was announced since take effect, and count it to an earlier line."""
        changes = self.tx.settle()
        self._lines[kind, name].devices.update(devices_touched(self.tx, self.tenant, changes))

    def plan(self, unmanaged: Sequence[str]) -> Plan:
        """Everything that was done."""
        lines = (
            PlanLine(
                action=draft.action,
                kind=kind,
                name=name,
                fields=draft.fields,
                devices=len(draft.devices),
                sample=names_of(self.tx, self.tenant, draft.devices),
            )
            for (kind, name), draft in self._lines.items()
        )
        return Plan(tuple(lines), self._unchanged, tuple(unmanaged))

    # --- following names ------------------------------------------------------------------------------------

    def user(self, written: str) -> User:
        """The user whom the document names."""
        return self.users[fold(self.names.upn(written))]

    def group(self, name: str) -> Group:
        """The group that the document names."""
        return self.groups[fold(name)]

    def targets(self, item: ItemRef, lines: Sequence[Assign]) -> list[Target]:
        """The lines of `assign` as targets of an item."""
        return [
            Target(
                item=item,
                mode=line.mode,
                kind=line.kind,
                group=None if line.group is None else self.group(line.group).id,
                filter=None if line.filter is None else self.filters[fold(line.filter)].id,
                filter_mode=line.filter_mode,
                intent=line.intent,
            )
            for line in lines
        ]
