"""Whether everything that a document names is there: in the document itself, or in the tenant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from reseal.assignment.model import Mode
from reseal.blueprint.document import Assigned, Document, SettingsEntry
from reseal.blueprint.names import Names
from reseal.blueprint.placeholders import Named, mentions
from reseal.blueprint.present import Present
from reseal.directory.model_names import domain_of, fold
from reseal.kernel.errors import Detail


class _What(StrEnum):
    USER = "user"
    GROUP = "group"
    FILTER = "filter"
    APP = "app"


@dataclass(frozen=True, slots=True)
class _Reference:
    """A name in the document that must lead somewhere."""

    what: _What
    name: str
    path: str


def reference_problems(
    document: Document, present: Present, names: Names, *, prune: bool
) -> Iterator[Detail]:
    """Names in the document that would lead nowhere once it is applied, and users that cannot be."""
    yield from _user_problems(document, present, names)
    spelled = {
        _What.USER: names.users,
        _What.GROUP: names.groups,
        _What.FILTER: names.filters,
        _What.APP: names.apps,
    }
    described = {
        _What.USER: {fold(names.upn(user.upn)) for user in document.users} | {present.administrator},
        _What.GROUP: {fold(group.name) for group in document.groups},
        _What.FILTER: {fold(filter_.name) for filter_ in document.filters},
        _What.APP: {fold(app.name) for app in document.apps},
    }
    for reference in _references(document):
        is_user = reference.what is _What.USER
        folded = fold(names.upn(reference.name) if is_user else reference.name)
        if folded not in spelled[reference.what]:
            yield _unknown(reference, folded, spelled[reference.what])
        elif prune and folded not in described[reference.what]:
            yield Detail(
                reference.path,
                f"The {reference.what} {reference.name} is not described here, so it would be deleted.",
                f"Describe the {reference.what} too, or apply without pruning.",
                "Pruned",
            )


def _unknown(reference: _Reference, folded: str, spelled: Mapping[str, str]) -> Detail:
    nearest = get_close_matches(folded, list(spelled), n=1)
    return Detail(
        reference.path,
        f"There is no {reference.what} {reference.name}, neither here nor in the tenant.",
        f"Did you mean {spelled[nearest[0]]}?" if nearest else f"Describe the {reference.what} here.",
        "UnknownName",
    )


def _references(document: Document) -> Iterator[_Reference]:
    """Every name by which the document refers to something, in its order."""
    if document.settings is not None:
        yield from _of_settings(document.settings)
    for person in document.users:
        if person.manager is not None:
            yield _Reference(_What.USER, person.manager, f"{person.path}.manager")
    for group in document.groups:
        yield from _listed(_What.USER, group.members, f"{group.path}.members")
        for named, name in mentions(group.rule or ""):
            what = _What.USER if named is Named.USER else _What.GROUP
            yield _Reference(what, name, f"{group.path}.rule")
    for page in (*document.esps, *([document.default_esp] if document.default_esp else ())):
        yield from _listed(_What.APP, page.selected_apps, f"{page.path}.selectedApps")
    for entry in document.assigned:
        yield from _of_assignment(entry)


def _of_settings(settings: SettingsEntry) -> Iterator[_Reference]:
    yield from _listed(_What.GROUP, settings.mdm_scope_groups, f"{settings.path}.mdmScopeGroups")
    yield from _listed(_What.USER, settings.join_users, f"{settings.path}.joinSelected.users")
    yield from _listed(_What.GROUP, settings.join_groups, f"{settings.path}.joinSelected.groups")


def _of_assignment(entry: Assigned) -> Iterator[_Reference]:
    for line in entry.assign:
        if line.group is not None:
            field = "exclude" if line.mode is Mode.EXCLUDE else "group"
            yield _Reference(_What.GROUP, line.group, f"{line.path}.{field}")
        if line.filter is not None:
            yield _Reference(_What.FILTER, line.filter, f"{line.path}.filter")


def _listed(what: _What, names: Iterable[str] | None, path: str) -> Iterator[_Reference]:
    for index, name in enumerate(names or ()):
        yield _Reference(what, name, f"{path}[{index}]")


def _user_problems(document: Document, present: Present, names: Names) -> Iterator[Detail]:
    """Users who cannot be in this tenant: of a foreign domain, twice, or not the document's to tell."""
    new = document.tenant.domains if document.tenant else ()
    owned = {fold(domain) for domain in (present.domain, *present.other_domains, *new)}
    first: dict[str, str] = {}
    for person in document.users:
        folded, path = fold(names.upn(person.upn)), f"{person.path}.upn"
        if first.setdefault(folded, person.path) != person.path:
            yield Detail(
                path, f"{person.upn} is described before, at {first[folded]}.", "Keep one of them.", "Twice"
            )
        if folded == present.administrator:
            yield Detail(
                path,
                "The first administrator belongs to the tenant, not to its description.",
                "Leave the entry out.",
            )
        if "@" in person.upn and domain_of(person.upn) not in owned:
            yield Detail(
                path,
                f"The domain {domain_of(person.upn)} does not belong to this organisation.",
                f"Leave the domain out for {present.domain}, or add it under `tenant: domains:`.",
                "UnknownDomain",
            )
