"""Deployment profiles: keeping them and assigning them. Which registration gets which is
`profile_assignment`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from reseal.assignment.model import ItemKind, ItemRef, Mode, Target, TargetKind
from reseal.assignment.service import set_targets, targets_of
from reseal.autopilot.changes import PROFILE_CHANGED
from reseal.autopilot.model_profile import (
    PROFILE_LIMIT,
    Profile,
    ProfileSettings,
    changed_fields,
    check_profile,
    to_json,
)
from reseal.autopilot.tables import autopilot_profile, registration, to_profile
from reseal.directory.model_names import fold
from reseal.directory.paging import Page, PageKey, page
from reseal.kernel import events
from reseal.kernel.changes import Change
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.errors import Conflict, Invalid, NotFound
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey


def create_profile(
    tx: Tx,
    tenant: TenantKey,
    name: str,
    settings: ProfileSettings,
    *,
    description: str = "",
    limit: int = PROFILE_LIMIT,
    actor: str = "system",
) -> Profile:
    """A new profile, assigned to nobody. `limit` is how many profiles the organisation may have.

    Raises `Invalid` for unfit settings, `Conflict` for a name in use (`NameTaken`) or no room
    (`ProfileLimit`).
    """
    check_profile(name, description, settings)
    tx.lock(f"causes:{tenant}")
    _require_free_name(tx, tenant, name, profile_id=None)
    _require_room(tx, tenant, limit)
    profile = Profile(
        tx.new_key(), tx.new_uuid(), name.strip(), description.strip(), settings, tx.now, tx.now
    )
    tx.execute(
        sa.insert(autopilot_profile).values(
            tenant_id=tenant, id=profile.id, uuid=profile.uuid, created_at=tx.now, **_values(profile)
        )
    )
    told: dict[str, JsonValue] = {"name": profile.name, "settings": to_json(settings)}
    _record(tx, tenant, profile, "profile.created", told, actor)
    return profile


def update_profile(
    tx: Tx,
    tenant: TenantKey,
    profile_id: int,
    *,
    name: str | None = None,
    description: str | None = None,
    settings: ProfileSettings | None = None,
    actor: str = "system",
) -> bool:
    """Change a profile; None leaves a part alone. Returns whether anything was different.

    Devices that have not enrolled yet get the change; the creation date, which decides precedence, stays. The
    join type cannot be changed: raises `Invalid` (`OtherJoinType`), and what `create_profile` raises.
    """
    tx.lock(f"causes:{tenant}")
    present = profile_by_id(tx, tenant, profile_id)
    wanted = replace(
        present,
        name=present.name if name is None else name.strip(),
        description=present.description if description is None else description.strip(),
        settings=present.settings if settings is None else settings,
    )
    if wanted == present:
        return False
    check_profile(wanted.name, wanted.description, wanted.settings)
    _require_same_join_type(present, wanted)
    _require_free_name(tx, tenant, wanted.name, profile_id=profile_id)
    tx.execute(
        sa.update(autopilot_profile)
        .where(autopilot_profile.c.tenant_id == tenant, autopilot_profile.c.id == profile_id)
        .values(**_values(replace(wanted, modified_at=tx.now)))
    )
    changed = changed_fields(present.settings, wanted.settings)
    if changed:
        tx.announce(Change(PROFILE_CHANGED, tenant, frozenset({profile_id}), frozenset(changed)))
    after = to_json(wanted.settings)
    told: dict[str, JsonValue] = {"name": wanted.name, "settings": {field: after[field] for field in changed}}
    if wanted.name != present.name:
        told["renamedFrom"] = present.name
    _record(tx, tenant, wanted, "profile.changed", told, actor)
    return True


def delete_profile(tx: Tx, tenant: TenantKey, profile_id: int, *, actor: str = "system") -> None:
    """Delete a profile; raises `NotFound`, and `Invalid` (`ProfileAssigned`) as long as it is assigned."""
    tx.lock(f"causes:{tenant}")
    gone = profile_by_id(tx, tenant, profile_id)
    if targets_of(tx, tenant, item_ref(gone.id)):
        raise Invalid(
            code="ProfileAssigned",
            message=f"The deployment profile {gone.name} is assigned and cannot be deleted.",
            remedy="Remove its assignments first.",
        )
    tx.execute(
        sa.delete(autopilot_profile).where(
            autopilot_profile.c.tenant_id == tenant, autopilot_profile.c.id == profile_id
        )
    )
    _record(tx, tenant, gone, "profile.deleted", {"name": gone.name}, actor)


def assign_profile(
    tx: Tx, tenant: TenantKey, profile_id: int, targets: Sequence[Target], *, actor: str = "system"
) -> bool:
    """Assign a profile to exactly these targets; returns whether that changed anything.

    Raises `Invalid` (`ExclusionWithAllDevices`) for exclusions beside all devices, (`ProfileFilter`) for
    filters, which deployment profiles do not have, and what `set_targets` raises.
    """
    tx.lock(f"causes:{tenant}")
    profile = profile_by_id(tx, tenant, profile_id)
    _check_targets(profile, targets)
    return set_targets(
        tx, tenant, item_ref(profile_id), targets, subject=Subject("profile", profile.uuid), actor=actor
    )


def item_ref(profile_id: int) -> ItemRef:
    """How assignments name a profile."""
    return ItemRef(ItemKind.PROFILE, profile_id)


def _check_targets(profile: Profile, targets: Sequence[Target]) -> None:
    everybody = any(target.kind is TargetKind.ALL_DEVICES for target in targets)
    if everybody and any(target.mode is Mode.EXCLUDE for target in targets):
        raise Invalid(
            code="ExclusionWithAllDevices",
            message=f"The profile {profile.name} cannot be assigned to all devices and exclude groups.",
            remedy="Assign it to groups, or remove the exclusions.",
        )
    if any(target.filter is not None for target in targets):
        raise Invalid(
            code="ProfileFilter",
            message="Assignments of deployment profiles have no filters.",
            remedy="Use a group with a rule instead.",
        )


# --- finding ------------------------------------------------------------------------------------------------


def profile_by_id(tx: Tx, tenant: TenantKey, profile_id: int) -> Profile:
    """The profile with this internal key; raises `NotFound`."""
    return _found(tx, tenant, autopilot_profile.c.id == profile_id, str(profile_id))


def profile_by_uuid(tx: Tx, tenant: TenantKey, uuid: UUID) -> Profile:
    """The profile with this public id; raises `NotFound`."""
    return _found(tx, tenant, autopilot_profile.c.uuid == uuid, str(uuid))


def find_profile(tx: Tx, tenant: TenantKey, name: str) -> Profile | None:
    """The profile with this name, in any letter case."""
    row = tx.row(
        sa.select(autopilot_profile).where(
            autopilot_profile.c.tenant_id == tenant, autopilot_profile.c.name_folded == fold(name.strip())
        )
    )
    return None if row is None else to_profile(row)


def profiles_by_id(tx: Tx, tenant: TenantKey, ids: Iterable[int]) -> dict[int, Profile]:
    """Those of `ids` that exist, by key; few statements for many."""
    return {
        row.id: to_profile(row)
        for some in chunks(sorted(set(ids)))
        for row in tx.rows(_BY_ID, {"at_tenant": tenant, "some": some})
    }


_BY_ID = (
    sa.select(autopilot_profile)
    .where(
        autopilot_profile.c.tenant_id == sa.bindparam("at_tenant"),
        among(autopilot_profile.c.id, "some"),
    )
    .order_by(autopilot_profile.c.id)
)
"""Every device that asks for its profile takes it; made once, because that takes longer than running it."""


def list_profiles(
    tx: Tx, tenant: TenantKey, *, after: PageKey | None = None, limit: int = 100
) -> Page[Profile]:
    """Profiles by name."""
    query = sa.select(autopilot_profile).where(autopilot_profile.c.tenant_id == tenant)
    columns = autopilot_profile.c
    return page(tx, query, columns.name_folded, columns.id, to_profile, after=after, limit=limit)


def registrations_of_profile(
    tx: Tx, tenant: TenantKey, profile_id: int, *, after: int = 0, limit: int = 500
) -> list[int]:
    """Keys of registrations that have this profile, above `after`, in rising order."""
    statement = (
        sa.select(registration.c.id)
        .where(
            registration.c.tenant_id == tenant,
            registration.c.profile_id == profile_id,
            registration.c.id > after,
        )
        .order_by(registration.c.id)
        .limit(limit)
    )
    return [row.id for row in tx.rows(statement)]


def _found(tx: Tx, tenant: TenantKey, condition: sa.ColumnElement[bool], what: str) -> Profile:
    row = tx.row(sa.select(autopilot_profile).where(autopilot_profile.c.tenant_id == tenant, condition))
    if row is None:
        raise NotFound(
            code="ProfileNotFound",
            message=f"There is no deployment profile {what} in this organisation.",
            remedy="Check the profile; it may have been deleted.",
        )
    return to_profile(row)


def _values(profile: Profile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "name_folded": fold(profile.name),
        "description": profile.description,
        "settings": to_json(profile.settings),
        "modified_at": profile.modified_at,
    }


def _require_free_name(tx: Tx, tenant: TenantKey, name: str, *, profile_id: int | None) -> None:
    holder = find_profile(tx, tenant, name)
    if holder is not None and holder.id != profile_id:
        raise Conflict(
            code="NameTaken",
            message=f"There is already a deployment profile called {holder.name}.",
            remedy="Choose another name.",
        )


def _require_room(tx: Tx, tenant: TenantKey, limit: int) -> None:
    present = tx.value(
        sa.select(sa.func.count())
        .select_from(autopilot_profile)
        .where(autopilot_profile.c.tenant_id == tenant)
    )
    if present >= limit:
        raise Conflict(
            code="ProfileLimit",
            message=f"The organisation has {present} deployment profiles; {limit} are allowed.",
            remedy="Delete one that is not used, or have the limit raised.",
        )


def _require_same_join_type(present: Profile, wanted: Profile) -> None:
    if present.settings.join_type is not wanted.settings.join_type:
        raise Invalid(
            code="OtherJoinType",
            message=f"The join type of the deployment profile {present.name} cannot be changed.",
            remedy="Create a new profile.",
        )


def _record(
    tx: Tx, tenant: TenantKey, profile: Profile, kind: str, told: dict[str, JsonValue], actor: str
) -> None:
    events.record(tx, tenant, kind, Subject("profile", profile.uuid), told, actor)
