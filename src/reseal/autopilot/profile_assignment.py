"""Which registration has which deployment profile, and why.

What assignment finds effective for a directory device may be several profiles; `model_profile.choose` picks
one, and the reactor writes it into the registration in the same unit, so that nobody waits between
*Assigning* and *Assigned*. Whether a registration without one gets the built-in default is the organisation's
setting, looked at when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from reseal.assignment.changes import EFFECTIVE_DEVICES_CHANGED, EFFECTIVE_SETS_CHANGED
from reseal.assignment.model import ItemKind, Mode, Scope, Via
from reseal.assignment.tables import (
    assignment_target,
    device_effective,
    effective_entry,
    effective_set,
    signature_of,
)
from reseal.autopilot.changes import REGISTRATION_CHANGED
from reseal.autopilot.model import next_status
from reseal.autopilot.model_profile import (
    BUILTIN_DEFAULT,
    BUILTIN_NAME,
    Candidate,
    Profile,
    ProfileSettings,
    ProfileSource,
    choose,
    groups_in_words,
    reason_for,
    reason_for_builtin,
    reason_for_none,
)
from reseal.autopilot.profiles import profiles_by_id
from reseal.autopilot.registrations import registration_by_id
from reseal.autopilot.tables import autopilot_profile, registration
from reseal.directory.tables import group
from reseal.directory.tenants import tenant_by_id
from reseal.kernel import events
from reseal.kernel.changes import Change, Reactor
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey


@dataclass(frozen=True, slots=True)
class _Won:
    """What a registration gets from its effective set."""

    profile_id: int | None
    source: ProfileSource | None


_NOTHING: Final = _Won(None, None)


def react(tx: Tx, tenant: TenantKey, changes: Sequence[Change]) -> None:
    """Give registrations the profile that their effective set now holds, with a handful of statements for
    thousands.
    """
    devices = {key for change in changes if change.kind == EFFECTIVE_DEVICES_CHANGED for key in change.ids}
    sets = {key for change in changes if change.kind == EFFECTIVE_SETS_CHANGED for key in change.ids}
    changed: dict[_Won, list[sa.Row[Any]]] = {}
    for some in chunks(sorted(devices)):
        of_device = among(device_effective.c.device_id, some)
        for won, own_sets in _by_winner(tx, tenant, _sets_of(tx, tenant, some)).items():
            changed.setdefault(won, []).extend(_give(tx, tenant, won, own_sets, of_device))
    for some in chunks(sorted(sets)):
        for won, own_sets in _by_winner(tx, tenant, some).items():
            changed.setdefault(won, []).extend(_give(tx, tenant, won, own_sets))
    _tell(tx, tenant, changed)


REACTOR: Final = Reactor(
    "autopilot.profiles", frozenset({EFFECTIVE_DEVICES_CHANGED, EFFECTIVE_SETS_CHANGED}), react
)
"""Stands after `effective.react`."""


def _sets_of(tx: Tx, tenant: TenantKey, devices: Sequence[int]) -> list[int]:
    statement = (
        sa.select(device_effective.c.set_id)
        .where(
            device_effective.c.tenant_id == tenant,
            among(device_effective.c.device_id, devices),
            device_effective.c.set_id.is_not(None),
        )
        .distinct()
        .order_by(device_effective.c.set_id)
    )
    return [row.set_id for row in tx.rows(statement)]


def candidates_of_sets(tx: Tx, tenant: TenantKey, sets: Sequence[int]) -> dict[int, list[Candidate]]:
    """The profiles that reach the devices of each effective set.

    Only what reaches the device itself counts: a deployment profile is chosen before anybody has signed in.
    """
    found: dict[int, list[Candidate]] = {key: [] for key in sets}
    for row in tx.rows(_CANDIDATES, {"at_tenant": tenant, "some": sets}):
        source = ProfileSource.GROUP if row.via == Via.GROUP.value else ProfileSource.ALL
        found[row.set_id].append(Candidate(row.id, row.created_at, source))
    return found


_CANDIDATES: Final = (
    sa.select(
        effective_entry.c.set_id,
        effective_entry.c.via,
        autopilot_profile.c.id,
        autopilot_profile.c.created_at,
    )
    .join_from(
        effective_entry,
        autopilot_profile,
        sa.and_(
            autopilot_profile.c.tenant_id == effective_entry.c.tenant_id,
            autopilot_profile.c.id == effective_entry.c.item_id,
        ),
    )
    .where(
        effective_entry.c.tenant_id == sa.bindparam("at_tenant"),
        among(effective_entry.c.set_id, "some"),
        effective_entry.c.item_kind == ItemKind.PROFILE.value,
        effective_entry.c.scope == Scope.DEVICE.value,
    )
    .order_by(effective_entry.c.set_id, autopilot_profile.c.id)
)
"""Statements for every device that asks who it is are made once: making one takes longer than running it."""


def _by_winner(tx: Tx, tenant: TenantKey, sets: Sequence[int]) -> dict[_Won, list[int]]:
    winners: dict[_Won, list[int]] = {}
    for key, candidates in candidates_of_sets(tx, tenant, sets).items():
        best = choose(candidates)
        won = _NOTHING if best is None else _Won(best.profile_id, best.source)
        winners.setdefault(won, []).append(key)
    return winners


def _give(
    tx: Tx, tenant: TenantKey, won: _Won, sets: Sequence[int], *narrower: sa.ColumnElement[bool]
) -> Sequence[sa.Row[Any]]:
    """Write a profile into the registrations of these sets that do not have it yet; returns those."""
    devices = sa.select(device_effective.c.device_id).where(
        device_effective.c.tenant_id == tenant, among(device_effective.c.set_id, sets), *narrower
    )
    status = next_status(won.profile_id).value
    source = None if won.source is None else won.source.value
    other_profile = registration.c.profile_id.is_distinct_from(won.profile_id)
    rows = tx.rows(
        sa.update(registration)
        .where(
            registration.c.tenant_id == tenant,
            registration.c.device_id.in_(devices),
            other_profile
            | registration.c.profile_source.is_distinct_from(source)
            | (registration.c.profile_status != status),
        )
        .values(
            profile_id=won.profile_id,
            profile_source=source,
            profile_status=status,
            profile_assigned_at=None if won.profile_id is None else _assigned_at(tx, other_profile),
        )
        .returning(registration.c.id, registration.c.uuid)
    )
    return sorted(rows, key=lambda row: row.id)


def _assigned_at(tx: Tx, other_profile: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
    """The date of assignment begins anew with another profile only."""
    return sa.case(
        (other_profile, sa.literal(tx.now, registration.c.profile_assigned_at.type)),
        else_=registration.c.profile_assigned_at,
    )


EVENT_REGISTRATIONS: Final = 500
"""Registrations that one event names."""


def _tell(tx: Tx, tenant: TenantKey, changed: Mapping[_Won, Sequence[sa.Row[Any]]]) -> None:
    """One event for each profile and 500 registrations: every device is named, at a bearable price."""
    everybody = frozenset(row.id for rows in changed.values() for row in rows)
    tx.announce(
        Change(REGISTRATION_CHANGED, tenant, everybody, frozenset({"profile"}) if everybody else frozenset())
    )
    profiles = profiles_by_id(tx, tenant, [won.profile_id for won in changed if won.profile_id is not None])
    for won, rows in changed.items():
        profile = None if won.profile_id is None else profiles[won.profile_id]
        for some in chunks(rows, EVENT_REGISTRATIONS):
            _tell_some(tx, tenant, profile, [str(row.uuid) for row in some])


def _tell_some(tx: Tx, tenant: TenantKey, profile: Profile | None, ztdids: list[JsonValue]) -> None:
    told: dict[str, JsonValue] = {"count": len(ztdids), "registrations": ztdids}
    if profile is None:
        subject = Subject("tenant", tenant_by_id(tx, tenant).uuid)
        events.record(tx, tenant, "registration.without_profile", subject, told)
    else:
        subject = Subject("profile", profile.uuid)
        events.record(tx, tenant, "profile.given", subject, {"name": profile.name, **told})


# --- what a registration gets, and why ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EffectiveProfile:
    """The deployment profile of a registration and the reason in a sentence.

    `profile` is None for the built-in default and for none at all; then `settings` tells them apart.
    """

    name: str
    settings: ProfileSettings | None
    source: ProfileSource | None
    profile: Profile | None
    reason: str


def effective_profile(tx: Tx, tenant: TenantKey, registration_id: int) -> EffectiveProfile:
    """What one registration gets; raises `NotFound`."""
    registration_by_id(tx, tenant, registration_id)
    return effective_profiles(tx, tenant, [registration_id])[registration_id]


def effective_profiles(
    tx: Tx, tenant: TenantKey, registration_ids: Iterable[int]
) -> dict[int, EffectiveProfile]:
    """What each of these registrations gets; a handful of statements for hundreds."""
    sets = _sets_of_registrations(tx, tenant, registration_ids)
    distinct = sorted({key for key in sets.values() if key is not None})
    candidates: dict[int, list[Candidate]] = {}
    for some in chunks(distinct):
        candidates |= candidates_of_sets(tx, tenant, some)
    reasons = _Reasons(tx, tenant, candidates)
    by_set = {key: reasons.effective(key) for key in {*distinct, None}}
    return {registration_id: by_set[key] for registration_id, key in sets.items()}


def effective_profile_of_set(tx: Tx, tenant: TenantKey, effective_set_id: int | None) -> EffectiveProfile:
    """What the devices of an effective set get; None stands for devices that are in no set."""
    some = [] if effective_set_id is None else [effective_set_id]
    return _Reasons(tx, tenant, candidates_of_sets(tx, tenant, some) if some else {}).effective(
        effective_set_id
    )


def _sets_of_registrations(
    tx: Tx, tenant: TenantKey, registration_ids: Iterable[int]
) -> dict[int, int | None]:
    sets: dict[int, int | None] = {}
    for some in chunks(sorted(set(registration_ids))):
        rows = tx.rows(_SETS, {"at_tenant": tenant, "some": some})
        sets |= {row.id: row.set_id for row in rows}
    return sets


class _Reasons:
    """Why the devices of an effective set get their profile; reads once what all the sentences need."""

    def __init__(self, tx: Tx, tenant: TenantKey, candidates: Mapping[int, Sequence[Candidate]]) -> None:
        self._tx = tx
        self._tenant = tenant
        self._candidates = candidates
        ids = {candidate.profile_id for found in candidates.values() for candidate in found}
        self._profiles = profiles_by_id(tx, tenant, ids)
        self._groups = _groups_of_profiles(tx, tenant, ids)
        self._own_groups = _groups_of_sets(tx, tenant, list(candidates))

    def effective(self, key: int | None) -> EffectiveProfile:
        """What the devices of the effective set `key` get; None stands for devices that are in no set."""
        candidates = [] if key is None else self._candidates[key]
        best = choose(candidates)
        if best is None or key is None:
            return self._without()
        profile = self._profiles[best.profile_id]
        others = [self._profiles[one.profile_id] for one in candidates if one.profile_id != best.profile_id]
        through = "all devices"
        if best.source is ProfileSource.GROUP:
            names = [name for group, name in self._groups[profile.id] if group in self._own_groups[key]]
            through = groups_in_words(names)
        reason = reason_for(through, best, [one for one in candidates if one is not best], _names(others))
        return EffectiveProfile(profile.name, profile.settings, best.source, profile, reason)

    def _without(self) -> EffectiveProfile:
        if self._has_builtin():
            return EffectiveProfile(
                BUILTIN_NAME, BUILTIN_DEFAULT, ProfileSource.BUILTIN, None, reason_for_builtin()
            )
        return EffectiveProfile("", None, None, None, reason_for_none())

    def _has_builtin(self) -> bool:
        return tenant_by_id(self._tx, self._tenant).settings.builtin_default_profile


def _names(profiles: Iterable[Profile]) -> dict[int, str]:
    return {profile.id: profile.name for profile in profiles}


def _groups_of_profiles(
    tx: Tx, tenant: TenantKey, profile_ids: Iterable[int]
) -> dict[int, list[tuple[int, str]]]:
    """The groups that each profile is assigned to: key and name, by name."""
    found: dict[int, list[tuple[int, str]]] = {key: [] for key in profile_ids}
    for some in chunks(sorted(found)):
        for row in tx.rows(_GROUPS_OF_PROFILES, {"at_tenant": tenant, "some": some}):
            found[row.item_id].append((row.id, row.name))
    return found


def _groups_of_sets(tx: Tx, tenant: TenantKey, sets: Sequence[int]) -> dict[int, frozenset[int]]:
    """The groups in which the devices of each effective set are, as far as any target names them."""
    found: dict[int, frozenset[int]] = {}
    for some in chunks(sorted(sets)):
        rows = tx.rows(_CONTENTS, {"at_tenant": tenant, "some": some})
        found |= {row.id: frozenset(signature_of(row.content).groups) for row in rows}
    return found


_SETS: Final = (
    sa.select(registration.c.id, device_effective.c.set_id)
    .select_from(
        registration.outerjoin(
            device_effective,
            sa.and_(
                device_effective.c.tenant_id == registration.c.tenant_id,
                device_effective.c.device_id == registration.c.device_id,
            ),
        )
    )
    .where(registration.c.tenant_id == sa.bindparam("at_tenant"), among(registration.c.id, "some"))
    .order_by(registration.c.id)
)
_GROUPS_OF_PROFILES: Final = (
    sa.select(assignment_target.c.item_id, group.c.id, group.c.name)
    .join_from(
        assignment_target,
        group,
        sa.and_(
            group.c.tenant_id == assignment_target.c.tenant_id,
            group.c.id == assignment_target.c.group_id,
        ),
    )
    .where(
        assignment_target.c.tenant_id == sa.bindparam("at_tenant"),
        assignment_target.c.item_kind == ItemKind.PROFILE.value,
        among(assignment_target.c.item_id, "some"),
        assignment_target.c.mode == Mode.INCLUDE.value,
    )
    .order_by(assignment_target.c.item_id, group.c.name_folded)
)
_CONTENTS: Final = (
    sa.select(effective_set.c.id, effective_set.c.content)
    .where(effective_set.c.tenant_id == sa.bindparam("at_tenant"), among(effective_set.c.id, "some"))
    .order_by(effective_set.c.id)
)
