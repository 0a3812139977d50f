"""Hardware identities: what is registered by any tenant, found by its evidence.

One table serves all tenants, so that a device is registered by one of them at most. Whoever is about to write
calls `hold` first: two imports at once, in two tenants or two processes, must not both win.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from reseal.autopilot.tables import hardware_identity, hardware_key, registration
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.ids import TenantKey
from reseal.wire.hwhash import EvidenceKey, EvidenceKind, HardwareHash

PER_KEY: Final = 50
"""Identities looked at for one evidence key; more than that share only what a maker put on every board."""


@dataclass(frozen=True, slots=True)
class Registered:
    """Hardware that some tenant has registered, and by which evidence it is known."""

    identity_id: int
    tenant: TenantKey
    registration_id: int
    registration: UUID
    serial: str
    keys: tuple[EvidenceKey, ...]


def hold(tx: Tx, tenant: TenantKey) -> None:
    """Take the lock on the hardware of all tenants until the unit ends.

    The tenant's own lock comes first, as everywhere: two units that took them in different orders would wait
    for each other.
    """
    tx.lock(f"causes:{tenant}")
    tx.lock("hardware")


def holders_of(tx: Tx, keys: Collection[EvidenceKey]) -> dict[EvidenceKey, tuple[Registered, ...]]:
    """For each of the keys the registered hardware that holds it; keys nobody holds are left out.

    A statement per kind of evidence and three more, however many keys there are.
    """
    identities: dict[EvidenceKey, list[int]] = {}
    for kind, values in _by_kind(keys).items():
        for some in chunks(values, 5_000):
            rows = tx.rows(_HOLDERS, {"kind": kind.value, "some": some})
            for value, group in groupby(rows, key=lambda row: row.value):
                identities[EvidenceKey(kind, value)] = [row.identity_id for row in group][:PER_KEY]
    known = _registered(tx, {identity for found in identities.values() for identity in found})
    held = {  # what was deregistered since the keys were read is no longer known
        key: tuple(known[identity] for identity in found if identity in known)
        for key, found in identities.items()
    }
    return {key: found for key, found in held.items() if found}


_HOLDERS: Final = (
    sa.select(hardware_key.c.value, hardware_key.c.identity_id)
    .where(hardware_key.c.kind == sa.bindparam("kind"), hardware_key.c.value.in_(sa.bindparam("some")))
    .order_by(hardware_key.c.value, hardware_key.c.identity_id)
)
_KEYS: Final = (
    sa.select(hardware_key)
    .where(among(hardware_key.c.identity_id, "some"))
    .order_by(hardware_key.c.identity_id, hardware_key.c.kind, hardware_key.c.value)
)
_REGISTERED: Final = (
    sa.select(
        registration.c.identity_id,
        registration.c.tenant_id,
        registration.c.id,
        registration.c.uuid,
        registration.c.serial,
    )
    .where(among(registration.c.identity_id, "some"))
    .order_by(registration.c.identity_id)
)
"""Statements by which devices are recognised are made once: making one takes longer than running it."""


def add(tx: Tx, new: Mapping[int, tuple[HardwareHash, Sequence[EvidenceKey]]]) -> None:
    """Write identities with these keys; two statements."""
    if not new:
        return
    tx.execute(
        sa.insert(hardware_identity),
        [
            {
                "id": identity,
                "serial": presented.serial,
                "manufacturer": presented.manufacturer,
                "model": presented.model,
                "hash": presented.blob,
                "captured_at": presented.captured_at,
                "created_at": tx.now,
            }
            for identity, (presented, _) in new.items()
        ],
    )
    _add_keys(tx, {identity: keys for identity, (_, keys) in new.items()})


def replace(tx: Tx, identity: int, presented: HardwareHash, keys: Sequence[EvidenceKey]) -> None:
    """Let an identity be known by another hash from now on: the hardware was repaired."""
    tx.execute(
        sa.update(hardware_identity)
        .where(hardware_identity.c.id == identity)
        .values(
            serial=presented.serial,
            manufacturer=presented.manufacturer,
            model=presented.model,
            hash=presented.blob,
            captured_at=presented.captured_at,
        )
    )
    tx.execute(sa.delete(hardware_key).where(hardware_key.c.identity_id == identity))
    _add_keys(tx, {identity: keys})


def remove(tx: Tx, identities: Iterable[int]) -> None:
    """Forget identities whose registrations are gone; the hardware can be registered anew, by anybody."""
    for some in chunks(sorted(identities)):
        tx.execute(sa.delete(hardware_key).where(among(hardware_key.c.identity_id, some)))
        tx.execute(sa.delete(hardware_identity).where(among(hardware_identity.c.id, some)))


def blob_of(tx: Tx, identity: int) -> bytes:
    """The hash by which an identity is registered, without padding."""
    blob: bytes = tx.value(sa.select(hardware_identity.c.hash).where(hardware_identity.c.id == identity))
    return blob


def keys_of(tx: Tx, identities: Iterable[int]) -> dict[int, tuple[EvidenceKey, ...]]:
    """The evidence of identities; those that hold none are left out."""
    found: dict[int, list[EvidenceKey]] = {}
    for some in chunks(sorted(set(identities))):
        for row in tx.rows(_KEYS, {"some": some}):
            found.setdefault(row.identity_id, []).append(EvidenceKey(EvidenceKind(row.kind), row.value))
    return {identity: tuple(keys) for identity, keys in found.items()}


def _registered(tx: Tx, identities: Collection[int]) -> dict[int, Registered]:
    if not identities:
        return {}
    keys = keys_of(tx, identities)
    return {
        row.identity_id: Registered(
            identity_id=row.identity_id,
            tenant=TenantKey(row.tenant_id),
            registration_id=row.id,
            registration=row.uuid,
            serial=row.serial,
            keys=keys[row.identity_id],
        )
        for some in chunks(sorted(identities))
        for row in tx.rows(_REGISTERED, {"some": some})
    }


def _add_keys(tx: Tx, keys: Mapping[int, Sequence[EvidenceKey]]) -> None:
    rows = [(identity, key.kind.value, key.value) for identity, held in keys.items() for key in held]
    tx.insert_plain(hardware_key, ("identity_id", "kind", "value"), rows)


def _by_kind(keys: Collection[EvidenceKey]) -> dict[EvidenceKind, list[str]]:
    found: dict[EvidenceKind, list[str]] = {}
    for key in sorted(keys):
        found.setdefault(key.kind, []).append(key.value)
    return found
