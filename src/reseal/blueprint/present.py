"""What a tenant is now: everything that a document can describe, read at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from reseal.assignment.model import ItemKind, ItemRef, Target
from reseal.assignment.service import Filter, list_filters, targets_of_kind
from reseal.autopilot.model_profile import Profile
from reseal.autopilot.profiles import list_profiles
from reseal.catalog.model import CatalogItem, Kind
from reseal.catalog.service import list_items
from reseal.directory.groups import list_groups
from reseal.directory.joining import JoinSelection, join_selection, mdm_scope_groups
from reseal.directory.members import members
from reseal.directory.model import Group, MemberKind, Membership, Role, Tenant, User
from reseal.directory.model_names import fold
from reseal.directory.paging import PAGE_LIMIT, Page, PageKey
from reseal.directory.roles import roles_by_user
from reseal.directory.tenants import domains, tenant_by_id
from reseal.directory.users import list_users
from reseal.esp.model import EspProfile
from reseal.esp.profiles import list_esps
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Present:
    """A tenant as it is. Things are found by their folded names, users by their folded UPN."""

    tenant: Tenant
    domain: str
    """The default domain."""
    other_domains: tuple[str, ...]
    users: Mapping[str, User]
    people: Mapping[int, User]
    """The same users by their keys."""
    administrator: str
    """The folded UPN of the first administrator, whom no document describes; empty if they were deleted."""
    roles: Mapping[int, tuple[Role, ...]]
    groups: Mapping[str, Group]
    members: Mapping[int, frozenset[int]]
    """The users in each assigned group."""
    join_selection: JoinSelection
    mdm_scope_groups: tuple[Group, ...]
    filters: Mapping[str, Filter]
    items: Mapping[Kind, Mapping[str, CatalogItem]]
    esps: tuple[EspProfile, ...]
    """By priority, without the default one."""
    default_esp: EspProfile | None
    profiles: Mapping[str, Profile]
    """The oldest first: of several that reach a device in the same way it wins."""
    targets: Mapping[ItemRef, tuple[Target, ...]]


def read_present(tx: Tx, tenant: TenantKey) -> Present:
    """The tenant as it is; a few statements for each kind of thing, and one for each assigned group."""
    owner, owned = tenant_by_id(tx, tenant), domains(tx, tenant)
    users = list(every(lambda **page: list_users(tx, tenant, **page)))
    groups = {fold(group.name): group for group in every(lambda **page: list_groups(tx, tenant, **page))}
    esps = list_esps(tx, tenant)
    profiles = sorted(
        every(lambda **page: list_profiles(tx, tenant, **page)),
        key=lambda profile: (profile.created_at, profile.id),
    )
    return Present(
        tenant=owner,
        domain=next(domain.name for domain in owned if domain.is_default),
        other_domains=tuple(domain.name for domain in owned if not domain.is_default),
        users={fold(user.upn): user for user in users},
        people={user.id: user for user in users},
        administrator=_first_administrator(owner, users),
        roles=roles_by_user(tx, tenant),
        groups=groups,
        members={
            group.id: _users_in(tx, tenant, group.id)
            for group in groups.values()
            if group.membership is Membership.ASSIGNED
        },
        join_selection=join_selection(tx, tenant),
        mdm_scope_groups=mdm_scope_groups(tx, tenant),
        filters={
            fold(filter_.name): filter_ for filter_ in every(lambda **page: list_filters(tx, tenant, **page))
        },
        items={kind: _items(tx, tenant, kind) for kind in Kind},
        esps=tuple(esp for esp in esps if not esp.is_default),
        default_esp=next((esp for esp in esps if esp.is_default), None),
        profiles={fold(profile.name): profile for profile in profiles},
        targets={
            item: targets for kind in ItemKind for item, targets in targets_of_kind(tx, tenant, kind).items()
        },
    )


def _first_administrator(tenant: Tenant, users: Iterable[User]) -> str:
    """The folded UPN of the user who was made in one unit with the tenant.

    Neither name nor key alone tells who that was: people and domains are renamed, and keys rise within one
    process only. Where time stands still, others are made in the same moment, by the same process.
    """
    together = [user for user in users if user.created_at == tenant.created_at]
    first = min(together, key=lambda user: user.id, default=None)
    return "" if first is None else fold(first.upn)


def _items(tx: Tx, tenant: TenantKey, kind: Kind) -> dict[str, CatalogItem]:
    found = every(lambda **page: list_items(tx, tenant, kind=kind, **page))
    return {fold(item.name): item for item in found}


def _users_in(tx: Tx, tenant: TenantKey, group: int) -> frozenset[int]:
    found = every(lambda **page: members(tx, tenant, group, MemberKind.USER, **page))
    return frozenset(member.id for member in found)


def every(list_: Callable[..., Page[T]]) -> Iterator[T]:
    """All items of a paged list."""
    after: PageKey | None = None
    while True:
        page = list_(after=after, limit=PAGE_LIMIT)
        yield from page.items
        if page.next is None:
            return
        after = page.next
