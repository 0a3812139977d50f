"""Whose registration is the hardware that presents this hash? And what becomes of hardware that changed.

`recognise` only reads; `match` also writes down what a person may have to look at: a repaired device, a
device that nobody can tell from another, two machines with one serial number. What a hash claims is never
proof, so nothing here takes anything away from a registration: hardware that matches is served whatever
somebody else presented before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from reseal.autopilot import identities
from reseal.autopilot.changes import REGISTRATION_CHANGED
from reseal.autopilot.identities import Registered
from reseal.autopilot.model import RemediationState
from reseal.autopilot.model_matching import (
    Recognition,
    differences,
    leader,
    lookup_keys,
    remediation,
    same_hardware,
)
from reseal.autopilot.registrations import registration_by_id
from reseal.autopilot.tables import hardware_presentation, registration
from reseal.directory.model_names import fold
from reseal.kernel import events
from reseal.kernel.changes import Change
from reseal.kernel.db import Tx
from reseal.kernel.errors import Conflict, NotFound
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey
from reseal.wire import hwhash
from reseal.wire.hwhash import EvidenceKey, EvidenceKind, HardwareHash

PRESENTATIONS_KEPT: Final = 20
"""Different hashes kept for one registration; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Match:
    """What is concluded for a presented hash. `registered` is whom it is about, unless nobody or
    ambiguous.
    """

    recognition: Recognition
    registered: Registered | None = None
    points: int = 0
    differing: tuple[EvidenceKind, ...] = ()
    clone_suspected: bool = False
    serial_mismatch: bool = False
    """The serial number on record is not the one in the hash: 908 SerialNumberMismatch."""
    rivals: tuple[Registered, ...] = ()
    """All that scored alike, if the match is ambiguous."""

    @property
    def is_registered(self) -> bool:
        """Whether the device may be given its organisation's profile."""
        return self.recognition is Recognition.REGISTERED


@dataclass(frozen=True, slots=True)
class Presentation:
    """A hash that differed from the registered one; `difference` lists what differs, kind by kind."""

    id: int
    recognition: Recognition
    points: int
    difference: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
    """Kind of evidence, registered values, presented values."""
    hash: HardwareHash
    first_at: datetime
    last_at: datetime


# --- recognising --------------------------------------------------------------------------------------------


def recognise(tx: Tx, presented: HardwareHash) -> Match:
    """Whose registration the presented hardware is, over all tenants. Reads only, about eight statements."""
    keys = hwhash.evidence(presented)
    holders = identities.holders_of(tx, lookup_keys(keys))
    known = sorted(
        {one.identity_id: one for found in holders.values() for one in found}.values(),
        key=lambda one: one.identity_id,
    )
    scores = [hwhash.score(keys, one.keys) for one in known]
    best = leader(scores)
    if best is None:
        return Match(Recognition.NOT_REGISTERED)
    found, score = known[best.place], scores[best.place]
    if best.recognition is Recognition.AMBIGUOUS:
        alike = [one for one, its in zip(known, scores, strict=True) if its.points == score.points]
        return Match(Recognition.AMBIGUOUS, points=score.points, rivals=tuple(alike))
    return Match(
        recognition=best.recognition,
        registered=found,
        points=score.points,
        differing=tuple(kind for kind, _, _ in differences(keys, found.keys)),
        clone_suspected=score.clone_suspected,
        serial_mismatch=fold(found.serial) != fold(presented.serial),
    )


def meant(tx: Tx, presented: HardwareHash) -> str:
    """How it is recognised and whom it is about, in one word: for counting how often that is asked. Reads
    only; empty for hardware that nobody knows, of which `match` writes nothing down.
    """
    found = recognise(tx, presented)
    one = found.registered or next(iter(found.rivals), None)
    return "" if one is None else f"{found.recognition.value}:{one.tenant}:{one.registration_id}"


def match(tx: Tx, presented: HardwareHash) -> Match:
    """`recognise`, and write down what follows: the state of the registration, the hash if it differs,
    events.

    Presenting the same hardware again writes nothing.
    """
    found = recognise(tx, presented)
    if found.recognition is Recognition.AMBIGUOUS:
        _tell_rivals(tx, found, presented)
    if found.registered is not None:
        _note(tx, found, found.registered, presented)
    return found


def _note(tx: Tx, found: Match, registered: Registered, presented: HardwareHash) -> None:
    before = registration_by_id(tx, registered.tenant, registered.registration_id)
    after = remediation(found.recognition, before.remediation_state)
    if after is not before.remediation_state:
        _set_remediation(tx, registered, after, found, presented)
    if found.differing and _keep(tx, found, registered, presented) and found.clone_suspected:
        _record(
            tx, registered, "hardware.clone_suspected", {"serial": presented.serial, "points": found.points}
        )


def _set_remediation(
    tx: Tx, registered: Registered, state: RemediationState, found: Match, presented: HardwareHash
) -> None:
    tx.execute(
        sa.update(registration)
        .where(registration.c.tenant_id == registered.tenant, registration.c.id == registered.registration_id)
        .values(remediation_state=state.value, remediation_at=tx.now)
    )
    _announce(tx, registered)
    told: dict[str, JsonValue] = {
        "recognition": found.recognition.value,
        "state": state.value,
        "points": found.points,
        "differing": [kind.value for kind in found.differing],
        "serial": presented.serial,
    }
    _record(tx, registered, "hardware.remediation_changed", told)


def _tell_rivals(tx: Tx, found: Match, presented: HardwareHash) -> None:
    for rival in found.rivals:
        told: dict[str, JsonValue] = {
            "code": 908,
            "serial": presented.serial,
            "points": found.points,
            "others": [
                str(one.registration) for one in found.rivals if one.tenant == rival.tenant and one != rival
            ],
        }
        if _keep(tx, found, rival, presented):
            _record(tx, rival, "hardware.ambiguous", told)


# --- hashes that differed -----------------------------------------------------------------------------------


def _keep(tx: Tx, found: Match, registered: Registered, presented: HardwareHash) -> bool:
    """Keep a presented hash for people to look at; returns whether its evidence is new for the
    registration.
    """
    keys = hwhash.evidence(presented)
    digest = _digest(keys)
    mine = (
        hardware_presentation.c.tenant_id == registered.tenant,
        hardware_presentation.c.registration_id == registered.registration_id,
    )
    seen = tx.execute(
        sa.update(hardware_presentation)
        .where(*mine, hardware_presentation.c.digest == digest)
        .values(last_at=tx.now)
    )
    if seen.rowcount:
        return False
    kept = tx.execute(
        tx.insert(hardware_presentation)
        .values(
            tenant_id=registered.tenant,
            id=tx.new_key(),
            registration_id=registered.registration_id,
            hash=presented.blob,
            digest=digest,
            recognition=found.recognition.value,
            points=found.points,
            differences=[
                [kind.value, list(before), list(now)]
                for kind, before, now in differences(keys, registered.keys)
            ],
            first_at=tx.now,
            last_at=tx.now,
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "registration_id", "digest"])
    )
    if not kept.rowcount:  # another request with the same hash was faster
        return False
    newest = (
        sa.select(hardware_presentation.c.id)
        .where(*mine)
        .order_by(hardware_presentation.c.last_at.desc(), hardware_presentation.c.id.desc())
        .limit(PRESENTATIONS_KEPT)
    )
    tx.execute(sa.delete(hardware_presentation).where(*mine, hardware_presentation.c.id.not_in(newest)))
    return True


def presentations(tx: Tx, tenant: TenantKey, registration_id: int) -> list[Presentation]:
    """The hashes that differed from the registered one, latest first."""
    rows = tx.rows(
        sa.select(hardware_presentation)
        .where(
            hardware_presentation.c.tenant_id == tenant,
            hardware_presentation.c.registration_id == registration_id,
        )
        .order_by(hardware_presentation.c.last_at.desc(), hardware_presentation.c.id.desc())
    )
    return [
        Presentation(
            id=row.id,
            recognition=Recognition(row.recognition),
            points=row.points,
            difference=tuple((kind, tuple(before), tuple(now)) for kind, before, now in row.differences),
            hash=hwhash.decode_blob(row.hash),
            first_at=row.first_at,
            last_at=row.last_at,
        )
        for row in rows
    ]


def confirm_hardware(
    tx: Tx, tenant: TenantKey, registration_id: int, presentation_id: int, *, actor: str = "system"
) -> None:
    """A person says that the presented hardware is the registered device after a repair: it is known by it
    from now on.

    Raises `NotFound`, and `Conflict` (`HardwareRegistered`) if that hardware is registered otherwise, here or
    elsewhere.
    """
    present = registration_by_id(tx, tenant, registration_id)
    chosen = next(
        (one for one in presentations(tx, tenant, registration_id) if one.id == presentation_id), None
    )
    if chosen is None:
        raise NotFound(
            code="PresentationNotFound",
            message=f"The device {present.serial} has presented no such hardware hash.",
            remedy="Look at the device again; older hashes are not kept.",
        )
    identities.hold(tx, tenant)
    keys = hwhash.evidence(chosen.hash)
    _require_unclaimed(tx, present.identity_id, keys, chosen.hash)
    identities.replace(tx, present.identity_id, chosen.hash, keys)
    tx.execute(
        sa.update(registration)
        .where(registration.c.tenant_id == tenant, registration.c.id == registration_id)
        .values(
            manufacturer=chosen.hash.manufacturer,
            model=chosen.hash.model,
            remediation_state=RemediationState.NONE.value,
            remediation_at=tx.now,
            modified_at=tx.now,
        )
    )
    tx.execute(
        sa.delete(hardware_presentation).where(
            hardware_presentation.c.tenant_id == tenant,
            hardware_presentation.c.registration_id == registration_id,
        )
    )
    tx.announce(Change(REGISTRATION_CHANGED, tenant, frozenset({registration_id}), frozenset({"hardware"})))
    told: dict[str, JsonValue] = {"differing": [kind for kind, _, _ in chosen.difference]}
    events.record(tx, tenant, "hardware.confirmed", Subject("registration", present.uuid), told, actor)


def _require_unclaimed(tx: Tx, own: int, keys: Sequence[EvidenceKey], presented: HardwareHash) -> None:
    holders = identities.holders_of(tx, lookup_keys(keys))
    others = [one for found in holders.values() for one in found if one.identity_id != own]
    if any(same_hardware(keys, one.keys) for one in others):
        raise Conflict(
            code="HardwareRegistered",
            message=f"The presented hardware, serial number {presented.serial}, is registered already.",
            remedy="Deregister the other registration first.",
        )


def _digest(keys: Sequence[EvidenceKey]) -> bytes:
    return hashlib.sha256(
        "\n".join(f"{key.kind.value} {key.value}" for key in sorted(keys)).encode()
    ).digest()


def _announce(tx: Tx, registered: Registered) -> None:
    tx.announce(
        Change(
            REGISTRATION_CHANGED,
            registered.tenant,
            frozenset({registered.registration_id}),
            frozenset({"hardware"}),
        )
    )


def _record(tx: Tx, registered: Registered, kind: str, told: dict[str, JsonValue]) -> None:
    events.record(tx, registered.tenant, kind, Subject("registration", registered.registration), told)
