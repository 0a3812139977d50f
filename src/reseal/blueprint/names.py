"""How things are called: a document spells names as it likes, and users without their tenant's domain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reseal.blueprint.document import Document
from reseal.blueprint.parsing.directory import BOOTSTRAP
from reseal.blueprint.placeholders import Named, name_ids, respell
from reseal.blueprint.present import Present
from reseal.catalog.model import Kind
from reseal.directory.model_names import fold


@dataclass(frozen=True, slots=True)
class Names:
    """The spelling of every name, by its folded form: the document's, else the tenant's.

    With one spelling for both, a thing whose name differs in letter case alone is one change and not one more
    for everything that refers to it.
    """

    domain: str
    administrator: str
    """The folded UPN of the first administrator; empty if there is none."""
    users: Mapping[str, str]
    """By the folded UPN, as a document writes it."""
    groups: Mapping[str, str]
    filters: Mapping[str, str]
    apps: Mapping[str, str]
    by_object_id: Mapping[str, tuple[Named, str]]
    """What rules may name by its object id."""

    @classmethod
    def of(cls, present: Present, document: Document | None = None) -> Names:
        """The names of a tenant and of the document that is to be applied to it."""
        users = {folded: shorten(user.upn, present.domain) for folded, user in present.users.items()}
        if present.administrator:
            users[present.administrator] = BOOTSTRAP
        groups = {folded: group.name for folded, group in present.groups.items()}
        filters = {folded: filter_.name for folded, filter_ in present.filters.items()}
        apps = {folded: item.name for folded, item in present.items[Kind.APP].items()}
        if document is not None:
            users |= {
                fold(lengthen(user.upn, present.domain)): shorten(user.upn, present.domain)
                for user in document.users
            }
            groups |= _spelled(group.name for group in document.groups)
            filters |= _spelled(filter_.name for filter_ in document.filters)
            apps |= _spelled(app.name for app in document.apps)
        ids = {
            **{str(user.uuid): (Named.USER, users[folded]) for folded, user in present.users.items()},
            **{str(group.uuid): (Named.GROUP, groups[folded]) for folded, group in present.groups.items()},
        }
        return cls(present.domain, present.administrator, users, groups, filters, apps, ids)

    def upn(self, written: str) -> str:
        """The whole user principal name of somebody whom the document names."""
        if self.administrator and fold(written) == BOOTSTRAP:
            return self.administrator
        return lengthen(written, self.domain)

    def user(self, written: str) -> str:
        """A user as views show them, from a UPN in whatever form."""
        return self.users.get(fold(self.upn(written)), written)

    def group(self, name: str) -> str:
        """A group as views show it."""
        return self.groups.get(fold(name), name)

    def filter(self, name: str) -> str:
        """A filter as views show it."""
        return self.filters.get(fold(name), name)

    def app(self, name: str) -> str:
        """An app as views show it."""
        return self.apps.get(fold(name), name)

    def rule(self, text: str) -> str:
        """A rule as views show it: names in place of object ids, each spelled as it is spelled elsewhere."""
        return name_ids(respell(text.strip(), self._spell), self.by_object_id.get)

    def _spell(self, what: Named, name: str) -> str:
        return self.user(name) if what is Named.USER else self.group(name)


def lengthen(upn: str, domain: str) -> str:
    """A UPN with its domain, which is the default one if it is not written."""
    return upn if "@" in upn else f"{upn}@{domain}"


def shorten(upn: str, domain: str) -> str:
    """A UPN without the tenant's default domain, so that it fits another tenant too.

    Somebody else who is named like the first administrator keeps it: the short name means the first one.
    """
    name, _, own = upn.rpartition("@")
    return name if name and fold(own) == fold(domain) and fold(name) != BOOTSTRAP else upn


def _spelled(names: Iterable[str]) -> dict[str, str]:
    return {fold(name): name for name in names}
