"""Which Enrollment Status Page profile a device gets, and why (spec/autopilot.md 5.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reseal.assignment.lookup import entries_for_user
from reseal.assignment.model import Entry, ItemKind, Scope
from reseal.assignment.service import entries_for_many
from reseal.esp.model import EspProfile
from reseal.esp.profiles import list_esps, pages_by_priority
from reseal.kernel.db import Tx
from reseal.kernel.errors import Fault
from reseal.kernel.ids import TenantKey


@dataclass(frozen=True, slots=True)
class EffectiveEsp:
    """The profile of a device in a flow, and the reason in a sentence."""

    profile: EspProfile
    reason: str


def effective_esp(tx: Tx, tenant: TenantKey, device: int, *, technician: bool) -> EffectiveEsp:
    """What one directory device gets in the technician flow or in the user flow."""
    return effective_esps(tx, tenant, [device], technician=technician)[device]


def effective_esps(
    tx: Tx, tenant: TenantKey, devices: Iterable[int], *, technician: bool
) -> dict[int, EffectiveEsp]:
    """What each of these directory devices gets; four statements for hundreds.

    The highest priority assigned to the device; else the highest assigned to its user, never in the
    technician flow; else the default profile. Raises `Fault` if the organisation has no default profile (see
    `ensure_default`).
    """
    wanted = sorted(set(devices))
    profiles = _profiles(tx, tenant)
    entries = entries_for_many(tx, tenant, wanted, ItemKind.ESP)
    alike = dict.fromkeys(entries.get(device, ()) for device in wanted)
    chosen = {found: choose_esp(profiles, found, technician=technician) for found in alike}
    return {device: chosen[entries.get(device, ())] for device in wanted}


def effective_esps_by_entries(
    tx: Tx, tenant: TenantKey, entries: Sequence[Entry]
) -> tuple[EffectiveEsp, EffectiveEsp]:
    """What somebody who knows a device's entries is told: its page in the technician flow, and in the user
    flow; without the apps that they select. One statement.
    """
    profiles = pages_by_priority(tx, tenant)
    technician, user = (choose_esp(profiles, entries, technician=flow) for flow in (True, False))
    return technician, user


def effective_esp_of_user(tx: Tx, tenant: TenantKey, device: int, user: int) -> EffectiveEsp:
    """What a directory device gets in the user flow of `user`, whoever is assigned to it."""
    entries = entries_for_user(tx, tenant, device, user)
    of_pages = tuple(entry for entry in entries if entry.item.kind is ItemKind.ESP)
    return choose_esp(_profiles(tx, tenant), of_pages, technician=False)


def _profiles(tx: Tx, tenant: TenantKey) -> Sequence[EspProfile]:
    profiles = list_esps(tx, tenant)
    if not profiles or not profiles[-1].is_default:
        raise Fault(
            code="NoDefaultEsp",
            message="The organisation has no default Enrollment Status Page profile.",
            remedy="Create it with ensure_default; every organisation gets it when it is made.",
        )
    return profiles


def choose_esp(profiles: Sequence[EspProfile], entries: Sequence[Entry], *, technician: bool) -> EffectiveEsp:
    """Pick from `profiles`, sorted by priority with the default one last, by what is effective for a
    device.
    """
    by_scope = {
        scope: [
            profile
            for profile in profiles
            if any(entry.item.id == profile.id and entry.scope is scope for entry in entries)
        ]
        for scope in Scope
    }
    of_device, of_user = by_scope[Scope.DEVICE], by_scope[Scope.USER]
    ignored = "; profiles assigned to its user do not count in the technician flow" if of_user else ""
    if of_device:
        return EffectiveEsp(of_device[0], f"Assigned to the device{_rank(of_device)}.")
    if of_user and not technician:
        return EffectiveEsp(
            of_user[0], f"Assigned to the device's user{_rank(of_user)}; none is assigned to the device."
        )
    return EffectiveEsp(
        profiles[-1], f"No profile is assigned to the device, so the default applies{ignored}."
    )


def _rank(profiles: Sequence[EspProfile]) -> str:
    best = profiles[0]
    if len(profiles) == 1:
        return f" (priority {best.priority})"
    others = ", ".join(f"'{profile.name}' ({profile.priority})" for profile in profiles[1:])
    return f" with priority {best.priority}, which is higher than {others}"
