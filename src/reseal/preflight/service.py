"""Collecting the facts of many registrations at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from reseal.assignment.model import Entry, Intent, ItemKind, Scope
from reseal.assignment.service import entries_for_many
from reseal.autopilot.identities import keys_of
from reseal.autopilot.model import Registration
from reseal.autopilot.profile_assignment import EffectiveProfile, effective_profiles
from reseal.autopilot.registrations import registrations_by_id
from reseal.catalog.model import CatalogItem
from reseal.catalog.service import items_by_id
from reseal.directory.model import MemberKind, User
from reseal.directory.model_joining import decide_enrolment
from reseal.directory.model_settings import MdmScope, TenantSettings
from reseal.directory.tables import group_member, mdm_scope_group
from reseal.directory.tenants import tenant_by_id
from reseal.directory.users import users_by_id
from reseal.esp.effective import EffectiveEsp, effective_esps
from reseal.kernel.db import Tx, chunks, one_of
from reseal.kernel.ids import TenantKey
from reseal.preflight.model import Facts, Readiness, UserFact, object_to
from reseal.wire.hwhash import EvidenceKind


@dataclass(frozen=True, slots=True)
class _Collected:
    """What was read for all registrations together, by the key under which each looks it up."""

    settings: TenantSettings
    profiles: Mapping[int, EffectiveProfile]
    esps: Mapping[int, EffectiveEsp]
    entries: Mapping[int, tuple[Entry, ...]]
    users: Mapping[int, User]
    in_scope: frozenset[int]
    apps: Mapping[int, CatalogItem]
    proven: frozenset[int]
    """Hardware identities that hold an endorsement key."""


def readiness(tx: Tx, tenant: TenantKey, registration_ids: Iterable[int]) -> list[Readiness]:
    """What each registration gets, why, and what stands against it, in the order of the keys; unknown keys
    are left out. About twenty statements for 500 registrations."""
    return readiness_of(tx, tenant, list(registrations_by_id(tx, tenant, registration_ids).values()))


def readiness_of(tx: Tx, tenant: TenantKey, registrations: Sequence[Registration]) -> list[Readiness]:
    """The same for registrations that were read already, in their order."""
    collected = _collect(tx, tenant, registrations)
    return [_judge(collected, one) for one in registrations]


def _collect(tx: Tx, tenant: TenantKey, registrations: Sequence[Registration]) -> _Collected:
    settings = tenant_by_id(tx, tenant).settings
    devices = [one.device_id for one in registrations]
    users = users_by_id(
        tx, tenant, [one.assigned_user_id for one in registrations if one.assigned_user_id is not None]
    )
    esps = effective_esps(tx, tenant, devices, technician=True)
    selected = {app for esp in esps.values() for app in esp.profile.selected_apps}
    keys = keys_of(tx, [one.identity_id for one in registrations])
    return _Collected(
        settings=settings,
        profiles=effective_profiles(tx, tenant, [one.id for one in registrations]),
        esps=esps,
        entries=entries_for_many(tx, tenant, devices),
        users=users,
        in_scope=_in_scope(tx, tenant, sorted(users)) if settings.mdm_scope is MdmScope.SOME else frozenset(),
        apps=items_by_id(tx, tenant, selected),
        proven=frozenset(
            identity for identity, held in keys.items() if any(key.kind is EvidenceKind.EK for key in held)
        ),
    )


def _in_scope(tx: Tx, tenant: TenantKey, users: Sequence[int]) -> frozenset[int]:
    """Which of the users are in a group of the MDM user scope."""
    found: set[int] = set()
    for some in chunks(users):
        statement = (
            sa.select(group_member.c.member_id)
            .join_from(
                group_member,
                mdm_scope_group,
                sa.and_(
                    mdm_scope_group.c.tenant_id == group_member.c.tenant_id,
                    mdm_scope_group.c.group_id == group_member.c.group_id,
                ),
            )
            .where(
                group_member.c.tenant_id == tenant,
                group_member.c.member_kind == MemberKind.USER.value,
                one_of(group_member.c.member_id, some),
            )
            .distinct()
            .order_by(group_member.c.member_id)
        )
        found |= {row.member_id for row in tx.rows(statement)}
    return frozenset(found)


def _judge(collected: _Collected, registration: Registration) -> Readiness:
    profile, esp = collected.profiles[registration.id], collected.esps[registration.device_id]
    entries = collected.entries.get(registration.device_id, ())
    facts = Facts(
        registration=registration,
        profile=profile,
        esp=esp,
        device_enrolment=decide_enrolment(collected.settings, None, in_scope=False, licensed=False),
        user=_user(collected, registration),
        has_endorsement_key=registration.identity_id in collected.proven,
        virtual_tpm_allowed=collected.settings.allow_virtual_tpm,
        idle_apps=_idle_apps(collected, esp, entries),
    )
    delivered = Counter(
        entry.item.kind.value for entry in entries if entry.item.kind not in (ItemKind.PROFILE, ItemKind.ESP)
    )
    return Readiness(registration, profile, esp, dict(sorted(delivered.items())), object_to(facts))


def _user(collected: _Collected, registration: Registration) -> UserFact | None:
    user = collected.users.get(registration.assigned_user_id or 0)
    if user is None:
        return None
    decision = decide_enrolment(
        collected.settings, user.upn, in_scope=user.id in collected.in_scope, licensed=user.licensed
    )
    return UserFact(user.upn, user.enabled, decision)


def _idle_apps(collected: _Collected, esp: EffectiveEsp, entries: Sequence[Entry]) -> list[str]:
    required = {
        entry.item.id
        for entry in entries
        if entry.item.kind is ItemKind.APP and entry.scope is Scope.DEVICE and entry.intent is Intent.REQUIRED
    }
    return [
        collected.apps[app].name
        for app in esp.profile.selected_apps
        if app not in required and app in collected.apps
    ]
