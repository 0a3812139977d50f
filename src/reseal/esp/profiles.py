"""Keeping Enrollment Status Page profiles: the default one, the others, their order and their selected
apps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from reseal.assignment.model import ItemKind, ItemRef, Target
from reseal.assignment.service import remove_item, set_targets
from reseal.catalog.changes import ITEMS_REMOVED
from reseal.catalog.model import Kind
from reseal.catalog.service import items_by_id
from reseal.directory.model_names import fold
from reseal.esp.changes import ESP_CHANGED
from reseal.esp.model import (
    DEFAULT_DESCRIPTION,
    DEFAULT_NAME,
    DEFAULT_PRIORITY,
    PROFILE_LIMIT,
    EspProfile,
    EspSettings,
    changed_fields,
    check_esp,
    moved,
    to_json,
)
from reseal.esp.tables import esp_profile, esp_selected_app, to_esp
from reseal.kernel import events
from reseal.kernel.changes import Change, Reactor
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.errors import Conflict, Invalid, NotFound
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey


def ensure_default(tx: Tx, tenant: TenantKey) -> EspProfile:
    """The default profile of the organisation, made if it has none yet; call it after `create_tenant`."""
    tx.lock(f"causes:{tenant}")
    row = tx.row(sa.select(esp_profile).where(esp_profile.c.tenant_id == tenant, esp_profile.c.is_default))
    if row is not None:
        return to_esp(row, ())
    default = EspProfile(
        id=tx.new_key(),
        uuid=tx.new_uuid(),
        name=DEFAULT_NAME,
        description=DEFAULT_DESCRIPTION,
        priority=DEFAULT_PRIORITY,
        is_default=True,
        settings=EspSettings(),
        selected_apps=(),
        created_at=tx.now,
        modified_at=tx.now,
    )
    _insert(tx, tenant, default)
    _record(tx, tenant, default, "esp.created", {"settings": to_json(default.settings)}, "system")
    return default


def create_esp(
    tx: Tx,
    tenant: TenantKey,
    name: str,
    settings: EspSettings,
    *,
    description: str = "",
    selected_apps: Sequence[int] = (),
    actor: str = "system",
) -> EspProfile:
    """A new profile with the lowest priority, assigned to nobody. `selected_apps` are keys of catalogue
    items.

    Raises `Invalid` for unfit settings or a selected item that is no app (`NotAnApp`), `Conflict` for a name
    in use (`NameTaken`) or a 51st profile beside the default (`EspLimit`).
    """
    check_esp(name, description, settings, selected_apps)
    tx.lock(f"causes:{tenant}")
    _require_apps(tx, tenant, selected_apps)
    _require_free_name(tx, tenant, name, esp_id=None)
    order = _order(tx, tenant)
    _require_room(len(order))
    profile = EspProfile(
        id=tx.new_key(),
        uuid=tx.new_uuid(),
        name=name.strip(),
        description=description.strip(),
        priority=len(order) + 1,
        is_default=False,
        settings=settings,
        selected_apps=tuple(sorted(set(selected_apps))),
        created_at=tx.now,
        modified_at=tx.now,
    )
    _insert(tx, tenant, profile)
    told: dict[str, JsonValue] = {
        "settings": to_json(settings),
        "priority": profile.priority,
        "selectedApps": _app_uuids(tx, tenant, profile.selected_apps),
    }
    _record(tx, tenant, profile, "esp.created", told, actor)
    return profile


def update_esp(
    tx: Tx,
    tenant: TenantKey,
    esp_id: int,
    *,
    name: str | None = None,
    description: str | None = None,
    settings: EspSettings | None = None,
    selected_apps: Sequence[int] | None = None,
    actor: str = "system",
) -> bool:
    """Change a profile; None leaves a part alone. Returns whether anything was different.

    The default profile keeps its name: raises `Invalid` (`DefaultEsp`), and what `create_esp` raises.
    """
    tx.lock(f"causes:{tenant}")
    present = esp_by_id(tx, tenant, esp_id)
    wanted = replace(
        present,
        name=present.name if name is None else name.strip(),
        description=present.description if description is None else description.strip(),
        settings=present.settings if settings is None else settings,
        selected_apps=present.selected_apps if selected_apps is None else tuple(sorted(set(selected_apps))),
    )
    if wanted == present:
        return False
    check_esp(wanted.name, wanted.description, wanted.settings, wanted.selected_apps)
    if present.is_default and wanted.name != present.name:
        raise _refused_for_default(present, "be renamed")
    _require_apps(tx, tenant, set(wanted.selected_apps) - set(present.selected_apps))
    _require_free_name(tx, tenant, wanted.name, esp_id=esp_id)
    tx.execute(
        sa.update(esp_profile)
        .where(esp_profile.c.tenant_id == tenant, esp_profile.c.id == esp_id)
        .values(**_values(replace(wanted, modified_at=tx.now)))
    )
    if wanted.selected_apps != present.selected_apps:
        _select_apps(tx, tenant, esp_id, wanted.selected_apps)
    tx.announce(Change(ESP_CHANGED, tenant, frozenset({esp_id})))
    _record(tx, tenant, wanted, "esp.changed", _told(tx, tenant, present, wanted), actor)
    return True


def _told(tx: Tx, tenant: TenantKey, present: EspProfile, wanted: EspProfile) -> dict[str, JsonValue]:
    after = to_json(wanted.settings)
    told: dict[str, JsonValue] = {
        "settings": {field: after[field] for field in changed_fields(present.settings, wanted.settings)}
    }
    if wanted.name != present.name:
        told["renamedFrom"] = present.name
    if wanted.description != present.description:
        told["description"] = wanted.description
    if wanted.selected_apps != present.selected_apps:
        told["selectedApps"] = _app_uuids(tx, tenant, wanted.selected_apps)
    return told


def delete_esp(tx: Tx, tenant: TenantKey, esp_id: int, *, actor: str = "system") -> None:
    """Delete a profile with its assignments; those below it move up.

    Policy that was delivered under it stays on the devices. Raises `NotFound`, and `Invalid` (`DefaultEsp`)
    for the default profile.
    """
    tx.lock(f"causes:{tenant}")
    gone = esp_by_id(tx, tenant, esp_id)
    if gone.is_default:
        raise _refused_for_default(gone, "be deleted")
    remove_item(tx, tenant, item_ref(esp_id), subject=Subject("esp", gone.uuid), actor=actor)
    of_profile = (esp_selected_app.c.tenant_id == tenant, esp_selected_app.c.esp_id == esp_id)
    tx.execute(sa.delete(esp_selected_app).where(*of_profile))
    tx.execute(sa.delete(esp_profile).where(esp_profile.c.tenant_id == tenant, esp_profile.c.id == esp_id))
    _write_order(tx, tenant, [key for key in _order(tx, tenant) if key != esp_id])
    tx.announce(Change(ESP_CHANGED, tenant, frozenset({esp_id})))
    _record(tx, tenant, gone, "esp.deleted", {}, actor)


def set_priority(tx: Tx, tenant: TenantKey, esp_id: int, priority: int, *, actor: str = "system") -> bool:
    """Give a profile a priority, 1 being the highest; the others shift. Returns whether that changed
    anything.

    A priority beyond the last place means the last place. Raises `Invalid` for the default profile
    (`DefaultEsp`) and for a priority below 1 (`EspPriority`).
    """
    tx.lock(f"causes:{tenant}")
    profile = esp_by_id(tx, tenant, esp_id)
    if profile.is_default:
        raise _refused_for_default(profile, "get another priority")
    before = _order(tx, tenant)
    after = moved(before, esp_id, priority)
    if list(after) == before:
        return False
    _write_order(tx, tenant, after)
    shifted = frozenset(key for place, key in enumerate(after) if before[place] != key)
    tx.announce(Change(ESP_CHANGED, tenant, shifted))
    told: dict[str, JsonValue] = {"from": profile.priority, "to": after.index(esp_id) + 1}
    _record(tx, tenant, profile, "esp.priority_changed", told, actor)
    return True


def assign_esp(
    tx: Tx, tenant: TenantKey, esp_id: int, targets: Sequence[Target], *, actor: str = "system"
) -> bool:
    """Assign a profile to exactly these targets; returns whether that changed anything.

    Raises `Invalid` for the default profile (`DefaultEsp`) and what `set_targets` raises, for example for a
    filter that reads what is not known yet when the page is chosen (`FilterNotForEsp`).
    """
    tx.lock(f"causes:{tenant}")
    profile = esp_by_id(tx, tenant, esp_id)
    if profile.is_default:
        raise _refused_for_default(profile, "be assigned")
    return set_targets(
        tx, tenant, item_ref(esp_id), targets, subject=Subject("esp", profile.uuid), actor=actor
    )


def item_ref(esp_id: int) -> ItemRef:
    """How assignments name a profile."""
    return ItemRef(ItemKind.ESP, esp_id)


# --- finding ------------------------------------------------------------------------------------------------


def esp_by_id(tx: Tx, tenant: TenantKey, esp_id: int) -> EspProfile:
    """The profile with this internal key; raises `NotFound`."""
    return _one(tx, tenant, esp_profile.c.id == esp_id, str(esp_id))


def esp_by_uuid(tx: Tx, tenant: TenantKey, uuid: UUID) -> EspProfile:
    """The profile with this public id; raises `NotFound`."""
    return _one(tx, tenant, esp_profile.c.uuid == uuid, str(uuid))


def list_esps(tx: Tx, tenant: TenantKey) -> list[EspProfile]:
    """All profiles by priority, the default one last. There are 51 at most."""
    profiles = _many(tx, tenant, sa.true())
    return sorted(profiles, key=lambda profile: (profile.is_default, profile.priority))


def pages_by_priority(tx: Tx, tenant: TenantKey) -> list[EspProfile]:
    """As `list_esps`, without the apps that they select; one statement."""
    rows = tx.rows(sa.select(esp_profile).where(esp_profile.c.tenant_id == tenant).order_by(esp_profile.c.id))
    return sorted(
        (to_esp(row, ()) for row in rows), key=lambda profile: (profile.is_default, profile.priority)
    )


def _one(tx: Tx, tenant: TenantKey, condition: sa.ColumnElement[bool], what: str) -> EspProfile:
    found = _many(tx, tenant, condition)
    if not found:
        raise NotFound(
            code="EspNotFound",
            message=f"There is no Enrollment Status Page profile {what} in this organisation.",
            remedy="Check the profile; it may have been deleted.",
        )
    return found[0]


def _many(tx: Tx, tenant: TenantKey, condition: sa.ColumnElement[bool]) -> list[EspProfile]:
    rows = tx.rows(
        sa.select(esp_profile).where(esp_profile.c.tenant_id == tenant, condition).order_by(esp_profile.c.id)
    )
    selected: dict[int, list[int]] = {row.id: [] for row in rows}
    for app in tx.rows(
        sa.select(esp_selected_app.c.esp_id, esp_selected_app.c.app_id)
        .where(esp_selected_app.c.tenant_id == tenant, among(esp_selected_app.c.esp_id, sorted(selected)))
        .order_by(esp_selected_app.c.esp_id, esp_selected_app.c.app_id)
    ):
        selected[app.esp_id].append(app.app_id)
    return [to_esp(row, selected[row.id]) for row in rows]


# --- the reactor --------------------------------------------------------------------------------------------


def react(tx: Tx, tenant: TenantKey, changes: Sequence[Change]) -> None:
    """Take apps that left the catalogue out of all selections.

    A selection that loses its last app would mean *all apps block*, which nobody asked for; so its profile is
    told in the log, and preflight objects to a selected app that cannot come.
    """
    gone = {key for change in changes for key in change.ids}
    touched: set[int] = set()
    for some in chunks(sorted(gone)):
        rows = tx.rows(
            sa.delete(esp_selected_app)
            .where(esp_selected_app.c.tenant_id == tenant, among(esp_selected_app.c.app_id, some))
            .returning(esp_selected_app.c.esp_id)
        )
        touched |= {row.esp_id for row in rows}
    for profile in _many(tx, tenant, among(esp_profile.c.id, sorted(touched))) if touched else ():
        told: dict[str, JsonValue] = {"selectedApps": _app_uuids(tx, tenant, profile.selected_apps)}
        _record(tx, tenant, profile, "esp.apps_removed", told, "system")
    tx.announce(Change(ESP_CHANGED, tenant, frozenset(touched)))


REACTOR: Final = Reactor("esp.apps", frozenset({ITEMS_REMOVED}), react)


# --- rows ---------------------------------------------------------------------------------------------------


def _insert(tx: Tx, tenant: TenantKey, profile: EspProfile) -> None:
    tx.execute(
        sa.insert(esp_profile).values(
            tenant_id=tenant,
            id=profile.id,
            uuid=profile.uuid,
            priority=profile.priority,
            is_default=profile.is_default,
            created_at=profile.created_at,
            **_values(profile),
        )
    )
    _select_apps(tx, tenant, profile.id, profile.selected_apps)


def _values(profile: EspProfile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "name_folded": fold(profile.name),
        "description": profile.description,
        "settings": to_json(profile.settings),
        "modified_at": profile.modified_at,
    }


def _select_apps(tx: Tx, tenant: TenantKey, esp_id: int, apps: Sequence[int]) -> None:
    of_profile = (esp_selected_app.c.tenant_id == tenant, esp_selected_app.c.esp_id == esp_id)
    tx.execute(sa.delete(esp_selected_app).where(*of_profile))
    if apps:
        rows = [{"tenant_id": tenant, "esp_id": esp_id, "app_id": app} for app in apps]
        tx.execute(sa.insert(esp_selected_app), rows)


def _order(tx: Tx, tenant: TenantKey) -> list[int]:
    """Keys of the profiles beside the default one, highest priority first."""
    statement = (
        sa.select(esp_profile.c.id)
        .where(esp_profile.c.tenant_id == tenant, sa.not_(esp_profile.c.is_default))
        .order_by(esp_profile.c.priority, esp_profile.c.id)
    )
    return [row.id for row in tx.rows(statement)]


def _write_order(tx: Tx, tenant: TenantKey, order: Sequence[int]) -> None:
    if order:
        tx.execute(
            sa.update(esp_profile)
            .where(esp_profile.c.tenant_id == tenant, esp_profile.c.id == sa.bindparam("key"))
            .values(priority=sa.bindparam("place")),
            [{"key": key, "place": place} for place, key in enumerate(order, start=1)],
        )


def _require_apps(tx: Tx, tenant: TenantKey, apps: Iterable[int]) -> None:
    wanted = sorted(set(apps))
    if not wanted:
        return
    known = items_by_id(tx, tenant, wanted)
    for app in wanted:
        if app not in known or known[app].kind is not Kind.APP:
            what = known[app].name if app in known else f"the item {app}"
            raise Invalid(
                code="NotAnApp",
                message=f"{what} cannot be selected as a blocking app: it is no app of this organisation.",
                remedy="Select apps of the catalogue.",
            )


def _app_uuids(tx: Tx, tenant: TenantKey, apps: Sequence[int]) -> list[JsonValue]:
    if not apps:
        return []
    return [str(item.uuid) for item in items_by_id(tx, tenant, apps).values()]


def _require_free_name(tx: Tx, tenant: TenantKey, name: str, *, esp_id: int | None) -> None:
    holder = tx.row(
        sa.select(esp_profile.c.id, esp_profile.c.name).where(
            esp_profile.c.tenant_id == tenant, esp_profile.c.name_folded == fold(name.strip())
        )
    )
    if holder is not None and holder.id != esp_id:
        raise Conflict(
            code="NameTaken",
            message=f"There is already an Enrollment Status Page profile called {holder.name}.",
            remedy="Choose another name.",
        )


def _require_room(present: int) -> None:
    if present + 1 >= PROFILE_LIMIT:
        raise Conflict(
            code="EspLimit",
            message=f"The organisation has {present} Enrollment Status Page profiles beside the default one.",
            remedy="No more are allowed; delete one that is not used.",
        )


def _refused_for_default(profile: EspProfile, what: str) -> Invalid:
    return Invalid(
        code="DefaultEsp",
        message=f"The profile '{profile.name}' is the default one and cannot {what}.",
        remedy="Create a profile of your own and assign that one.",
    )


def _record(
    tx: Tx, tenant: TenantKey, profile: EspProfile, kind: str, told: dict[str, JsonValue], actor: str
) -> None:
    events.record(tx, tenant, kind, Subject("esp", profile.uuid), {"name": profile.name, **told}, actor)
