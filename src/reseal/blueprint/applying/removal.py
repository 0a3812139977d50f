"""What a tenant has beside its document: told, and deleted if that is asked for.

The first administrator is never among it, nor the domain that names them. The last Global Administrator
stays, whoever they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from reseal.assignment.service import delete_filter
from reseal.autopilot.profiles import assign_profile, delete_profile
from reseal.blueprint.applying.work import Work
from reseal.blueprint.contents import KINDS
from reseal.blueprint.plan import Action, called
from reseal.blueprint.reading import refusal
from reseal.blueprint.touch import PageWatch
from reseal.blueprint.views import language_of
from reseal.catalog.model import Kind
from reseal.catalog.service import delete_item
from reseal.directory.groups import delete_group
from reseal.directory.model_names import domain_of, fold
from reseal.directory.tenants import remove_branding, remove_domain
from reseal.directory.users import delete_user
from reseal.esp.profiles import delete_esp
from reseal.kernel.db import Tx
from reseal.kernel.errors import Conflict, Detail, Invalid
from reseal.kernel.ids import TenantKey

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Unmanaged:
    """A thing that the document does not name: where it would be named, its key, and how it is deleted."""

    kind: str
    name: str
    section: str
    delete: Callable[[Tx, TenantKey, str], object]


def tell_unmanaged(work: Work) -> list[str]:
    """What the tenant has beside the document."""
    return [called(thing.kind, thing.name) for thing in _unmanaged(work)]


def delete_unmanaged(work: Work) -> list[str]:
    """Delete what the tenant has beside the document; returns what has to stay."""
    kept = []
    for thing in _unmanaged(work):
        watch = PageWatch(work.tx, work.tenant) if thing.kind == "esp" else None
        if watch:
            watch.begin()
        if _delete(work, thing):
            work.note(Action.DELETE, thing.kind, thing.name, more=watch.devices if watch else None)
        else:
            kept.append(called(thing.kind, thing.name))
    return kept


def _delete(work: Work, thing: _Unmanaged) -> bool:
    """Delete it, unless the organisation would be left without an administrator."""
    try:
        thing.delete(work.tx, work.tenant, work.actor)
    except (Invalid, Conflict) as error:
        if error.code == "LastAdministrator":
            return False
        told = Detail(f"$.{thing.section}", error.message, error.remedy, error.code)
        raise refusal([told], kind=type(error)) from error
    return True


def _unmanaged(work: Work) -> Iterator[_Unmanaged]:
    """What the document does not name, in an order in which nothing is deleted from under something else."""
    yield from _assigned_things(work)
    yield from _directory_things(work)
    present, document = work.present, work.document
    described = {entry.locale for entry in document.branding}
    for locale in sorted(present.tenant.branding.keys() - described):
        yield _Unmanaged("branding", language_of(locale), "branding", _branding(locale))
    named = [*(document.tenant.domains if document.tenant else ()), domain_of(present.administrator)]
    for domain in _others({fold(name): name for name in present.other_domains}, named):
        yield _Unmanaged("domain", domain, "tenant.domains", _domain(domain))


def _assigned_things(work: Work) -> Iterator[_Unmanaged]:
    present, document = work.present, work.document
    for profile in _others(present.profiles, (entry.name for entry in document.profiles)):
        yield _Unmanaged("profile", profile.name, "profiles", _profile(profile.id))
    esps = {fold(esp.name): esp for esp in present.esps}
    for esp in _others(esps, (entry.name or "" for entry in document.esps)):
        yield _Unmanaged("esp", esp.name, "enrollmentStatusPages", _keyed(delete_esp, esp.id))
    for kind, section in _SECTIONS.items():
        named = (entry.name for entry in document.items if KINDS[type(entry)] is kind)
        for item in _others(present.items[kind], named):
            yield _Unmanaged(kind.value, item.name, section, _keyed(delete_item, item.id))
    for filter_ in _others(present.filters, (entry.name for entry in document.filters)):
        yield _Unmanaged("filter", filter_.name, "filters", _keyed(delete_filter, filter_.id))


def _directory_things(work: Work) -> Iterator[_Unmanaged]:
    present, document, names = work.present, work.document, work.names
    groups = _others(present.groups, (entry.name for entry in document.groups))
    for group in sorted(groups, key=lambda group: "memberof" not in (group.rule or "").casefold()):
        yield _Unmanaged("group", group.name, "groups", _keyed(delete_group, group.id))
    described = {present.administrator, *(fold(names.upn(entry.upn)) for entry in document.users)}
    for folded, user in present.users.items():
        if folded not in described:
            yield _Unmanaged("user", names.users[folded], "users", _keyed(delete_user, user.id))


_SECTIONS = {
    Kind.POLICY: "policies",
    Kind.CERTIFICATE: "certificates",
    Kind.WIFI: "wifi",
    Kind.APP: "apps",
}


def _others(present: Mapping[str, T], described: Iterable[str]) -> list[T]:
    """Those of the present things, by folded name, that the document does not name."""
    named = {fold(name) for name in described}
    return [thing for folded, thing in present.items() if folded not in named]


def _keyed(delete: Callable[..., object], key: int) -> Callable[[Tx, TenantKey, str], object]:
    return lambda tx, tenant, actor: delete(tx, tenant, key, actor=actor)


def _profile(key: int) -> Callable[[Tx, TenantKey, str], object]:
    def delete(tx: Tx, tenant: TenantKey, actor: str) -> None:
        assign_profile(tx, tenant, key, (), actor=actor)
        delete_profile(tx, tenant, key, actor=actor)

    return delete


def _branding(locale: str) -> Callable[[Tx, TenantKey, str], object]:
    return lambda tx, tenant, actor: remove_branding(tx, tenant, locale=locale, actor=actor)


def _domain(name: str) -> Callable[[Tx, TenantKey, str], object]:
    return lambda tx, tenant, actor: remove_domain(tx, tenant, name, actor=actor)
