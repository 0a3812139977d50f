"""Organisations: their names, domains, settings and branding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from reseal.directory.model import Branding, Domain, Tenant, TenantSettings
from reseal.directory.model_branding import check_branding, check_locale
from reseal.directory.model_names import display_name, domain_name, fold
from reseal.directory.model_settings import check_settings
from reseal.directory.tables import domain, tenant, to_tenant, user
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.errors import Conflict, NotFound
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey
from reseal.kernel.wording import counted


def create_tenant(
    tx: Tx, name: str, domain_: str, *, settings: TenantSettings | None = None, actor: str = "system"
) -> Tenant:
    """A new organisation with its first domain, which becomes the default one.

    Raises `Invalid` for an unfit name, domain or setting, `Conflict` (`DomainTaken`) for another's domain.
    """
    created = Tenant(
        id=TenantKey(tx.new_key()),
        uuid=tx.new_uuid(),
        name=display_name(name, of="organisation"),
        settings=check_settings(settings or TenantSettings()),
        branding={},
        created_at=tx.now,
    )
    tx.execute(
        sa.insert(tenant).values(
            id=created.id,
            uuid=created.uuid,
            name=created.name,
            settings=created.settings.to_json(),
            branding={},
            rules_version=0,
            created_at=tx.now,
        )
    )
    _record(tx, created, "tenant.created", {"name": created.name}, actor)
    _insert_domain(tx, created, domain_, is_default=True, actor=actor)
    return created


def tenant_by_id(tx: Tx, key: TenantKey) -> Tenant:
    """The organisation with this internal key; raises `NotFound`."""
    return _found(tx, _BY_ID, str(key), {"key": key})


def tenant_by_uuid(tx: Tx, uuid: UUID) -> Tenant:
    """The organisation with this public id; raises `NotFound`."""
    return _found(tx, _BY_UUID, str(uuid), {"uuid": uuid})


_BY_ID = sa.select(tenant).where(tenant.c.id == sa.bindparam("key"))
_BY_UUID = sa.select(tenant).where(tenant.c.uuid == sa.bindparam("uuid"))
"""Nearly every request asks these; they are made once, because making one takes longer than running it."""


def tenant_by_domain(tx: Tx, name: str) -> Tenant:
    """The organisation that owns the domain `name`; raises `NotFound`."""
    return _found(tx, _owner_of(name), name)


def find_tenant(tx: Tx, domain_: str) -> Tenant | None:
    """The organisation that owns a domain, if any does: how sign-in learns where a user belongs."""
    row = tx.row(_owner_of(domain_))
    return None if row is None else to_tenant(row)


def list_tenants(tx: Tx) -> tuple[Tenant, ...]:
    """All organisations of this server, oldest first."""
    return tuple(to_tenant(row) for row in tx.rows(sa.select(tenant).order_by(tenant.c.id)))


def update_tenant(tx: Tx, key: TenantKey, *, name: str, actor: str = "system") -> Tenant:
    """Rename an organisation; its name greets users during setup."""
    present = tenant_by_id(tx, key)
    renamed = replace(present, name=display_name(name, of="organisation"))
    if renamed != present:
        tx.execute(sa.update(tenant).where(tenant.c.id == key).values(name=renamed.name))
        _record(tx, renamed, "tenant.renamed", {"from": present.name, "to": renamed.name}, actor)
    return renamed


def update_settings(tx: Tx, key: TenantKey, settings: TenantSettings, *, actor: str = "system") -> Tenant:
    """Replace the settings: read them from the tenant, change with `dataclasses.replace`, store in the same
    unit.

    Raises `Invalid` with one detail per setting that cannot be.
    """
    present = tenant_by_id(tx, key)
    changed = replace(present, settings=check_settings(settings))
    if changed != present:
        tx.execute(sa.update(tenant).where(tenant.c.id == key).values(settings=settings.to_json()))
        _record(
            tx,
            present,
            "tenant.settings_changed",
            differences(present.settings.to_json(), settings.to_json()),
            actor,
        )
    return changed


def set_branding(
    tx: Tx, key: TenantKey, branding: Branding, *, locale: str = "0", actor: str = "system"
) -> Tenant:
    """Replace the branding of one language; images are blobs that `inspect_image` has looked at."""
    present = tenant_by_id(tx, key)
    check_locale(locale)
    check_branding(branding)
    localizations = {**present.branding, locale: branding}
    return _store_branding(tx, present, localizations, locale, branding.to_json(), actor)


def remove_branding(tx: Tx, key: TenantKey, *, locale: str, actor: str = "system") -> Tenant:
    """Forget the branding of one language; raises `NotFound` if it has none."""
    present = tenant_by_id(tx, key)
    if locale not in present.branding:
        raise NotFound(
            code="BrandingNotFound",
            message=f"{present.name} has no branding for the language {locale}.",
            remedy="Choose one of its languages: "
            + (", ".join(sorted(present.branding)) or "there are none yet")
            + ".",
        )
    remaining = {name: kept for name, kept in present.branding.items() if name != locale}
    return _store_branding(tx, present, remaining, locale, {}, actor)


def domains(tx: Tx, key: TenantKey) -> tuple[Domain, ...]:
    """The domains of an organisation, by name."""
    rows = tx.rows(_DOMAINS, {"key": key})
    return tuple(Domain(row.name, row.is_default) for row in rows)


_DOMAINS = sa.select(domain).where(domain.c.tenant_id == sa.bindparam("key")).order_by(domain.c.name_folded)


def count_users_by_domain(tx: Tx, key: TenantKey) -> dict[str, int]:
    """How many users are named by each domain of an organisation: one that names any cannot be removed."""
    owned = domains(tx, key)
    counts = [_users_of(key, one.name).scalar_subquery() for one in owned]
    row = tx.row(sa.select(*counts))
    return dict(zip((one.name for one in owned), row or (), strict=True))


def _users_of(key: TenantKey, name: str) -> sa.Select[Any]:
    """Counts the users that a domain names."""
    return (
        sa.select(sa.func.count())
        .select_from(user)
        .where(user.c.tenant_id == key, user.c.upn_folded.endswith("@" + fold(name), autoescape=True))
    )


def folded_domains(tx: Tx, key: TenantKey) -> frozenset[str]:
    """The domains of an organisation in the form that names are compared in."""
    return frozenset(fold(owned.name) for owned in domains(tx, key))


def add_domain(tx: Tx, key: TenantKey, name: str, *, actor: str = "system") -> None:
    """Give an organisation one more domain; `Conflict` (`DomainTaken`) if any organisation has it."""
    _insert_domain(tx, tenant_by_id(tx, key), name, is_default=False, actor=actor)


def set_default_domain(tx: Tx, key: TenantKey, name: str, *, actor: str = "system") -> None:
    """Make one of its domains the one that new users are offered; raises `NotFound`."""
    owner = tenant_by_id(tx, key)
    _require_domain(tx, owner, name)
    tx.execute(
        sa.update(domain)
        .where(domain.c.tenant_id == key)
        .values(is_default=(domain.c.name_folded == fold(name)))
    )
    _record(tx, owner, "tenant.default_domain_changed", {"domain": name}, actor)


def remove_domain(tx: Tx, key: TenantKey, name: str, *, actor: str = "system") -> None:
    """Take a domain away.

    Raises `NotFound` if it is not owned, `Conflict` while it is the default or a user is named by it.
    """
    owner = tenant_by_id(tx, key)
    owned = _require_domain(tx, owner, name)
    if owned.is_default:
        raise Conflict(
            code="DefaultDomain",
            message=f"{owned.name} is the default domain of {owner.name}.",
            remedy="Make another domain the default first.",
        )
    users = tx.value(_users_of(key, name))
    if users:
        are = counted(users, f"user of {owner.name} is", f"users of {owner.name} are")
        raise Conflict(
            code="DomainInUse",
            message=f"{are} named by the domain {owned.name}.",
            remedy="Rename or delete them first.",
        )
    tx.execute(sa.delete(domain).where(domain.c.name_folded == fold(name), domain.c.tenant_id == key))
    _record(tx, owner, "tenant.domain_removed", {"domain": owned.name}, actor)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What an auditor wants to read of an edit: `{name: {"from", "to"}}` for each value that differs."""
    return {
        name: {"from": before.get(name), "to": after.get(name)}
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }


def _owner_of(domain_: str) -> sa.Select[Any]:
    return sa.select(tenant).join_from(tenant, domain).where(domain.c.name_folded == fold(domain_))


def _found(tx: Tx, query: sa.Select[Any], what: str, parameters: Mapping[str, Any] | None = None) -> Tenant:
    row = tx.row(query, parameters)
    if row is None:
        raise NotFound(
            code="TenantNotFound",
            message=f"There is no organisation {what} on this server.",
            remedy="Check the organisation's id or domain name.",
        )
    return to_tenant(row)


def _require_domain(tx: Tx, owner: Tenant, name: str) -> Domain:
    owned = {fold(one.name): one for one in domains(tx, owner.id)}
    if fold(name) not in owned:
        raise NotFound(
            code="DomainNotFound",
            message=f"{name} is not a domain of {owner.name}.",
            remedy="Choose one of its domains: " + ", ".join(sorted(owned)) + ".",
        )
    return owned[fold(name)]


def _insert_domain(tx: Tx, owner: Tenant, name: str, *, is_default: bool, actor: str) -> None:
    checked = domain_name(name)
    inserted = tx.value(
        tx.insert(domain)
        .values(name_folded=fold(checked), tenant_id=owner.id, name=checked, is_default=is_default)
        .on_conflict_do_nothing()
        .returning(domain.c.name)
    )
    if inserted is None:
        raise Conflict(
            code="DomainTaken",
            message=f"The domain {checked} already belongs to an organisation of this server.",
            remedy="Choose another domain, or remove it there first.",
        )
    _record(tx, owner, "tenant.domain_added", {"domain": checked}, actor)


def _store_branding(
    tx: Tx,
    present: Tenant,
    localizations: Mapping[str, Branding],
    locale: str,
    shown: dict[str, Any],
    actor: str,
) -> Tenant:
    stored = {name: localizations[name].to_json() for name in sorted(localizations)}
    tx.execute(sa.update(tenant).where(tenant.c.id == present.id).values(branding=stored))
    _record(tx, present, "tenant.branding_changed", {"locale": locale, "branding": shown}, actor)
    return replace(present, branding=localizations)


def _record(tx: Tx, subject: Tenant, kind: str, payload: Mapping[str, Any], actor: str) -> None:
    events.record(tx, subject.id, kind, Subject("tenant", subject.uuid), payload, actor)
