"""Units of work of an attestation: whose device it is, the challenge, and the end.

A challenge is used up by whatever answer comes for it. What is refused is told to the deployment and, with
every finding, to the event log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from reseal.autopilot import identities
from reseal.autopilot.assigned import assigned_user
from reseal.autopilot.matching import match
from reseal.autopilot.model import Registration
from reseal.autopilot.registrations import registration_by_id
from reseal.deployment import service as deployment
from reseal.deployment.facts import AttestationBegun, Attested, Refused
from reseal.directory.tenants import tenant_by_id
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey
from reseal.signin.tokens import TokenSigner
from reseal.trust.checks import Asked, Before, Proven, secret_hash
from reseal.trust.model import (
    ATTESTATION_FAILED,
    MOST_TRIES,
    NO_ANCHORS,
    TOO_MANY_TRIES,
    Check,
    Finding,
    Proof,
)
from reseal.trust.tables import challenge, failed_try, proven_tpm
from reseal.wire.hwhash import HardwareHash, decode_blob
from reseal.wire.runtime.messages import Ticket
from reseal.wire.tpm import Clock, Problem, Reason, decode_public

LIFETIME: Final = timedelta(seconds=120)
"""Of a challenge."""
TRIES_REMEMBERED: Final = timedelta(minutes=5)
_OPEN_CHALLENGES: Final = 50
"""Of one registration; the oldest go first."""
_KEYS_REMEMBERED: Final = 50

IssueTicket = Callable[[Tx, TenantKey, int, bytes, str], str]
"""`join.tickets.issue`."""


@dataclass(frozen=True, slots=True)
class Known:
    """The registration that a device claims to be, and what its organisation allows."""

    tenant: TenantKey
    registration: Registration
    hash: HardwareHash
    """The registered one."""
    allow_virtual: bool


@dataclass(frozen=True, slots=True)
class NewChallenge:
    """A challenge to be kept. Public areas are TPMT_PUBLIC."""

    secret: bytes = field(repr=False)
    nonce: bytes
    ek_public: bytes
    ak_public: bytes
    ak_name: bytes
    proof: Proof


@dataclass(frozen=True, slots=True)
class Open:
    """A challenge that was taken, with what its answer is checked against."""

    tenant: TenantKey
    registration: Registration
    asked: Asked
    proof: Proof
    before: Before | None
    expired: bool


def recognise(tx: Tx, presented: HardwareHash, registration: UUID) -> Known | None:
    """The registration, if the presented hash is its hardware."""
    found = match(tx, presented)
    if not found.is_registered or found.registered is None:
        return None
    if found.registered.registration != registration:
        return None
    tenant = found.registered.tenant
    known = registration_by_id(tx, tenant, found.registered.registration_id)
    return Known(
        tenant=tenant,
        registration=known,
        hash=decode_blob(identities.blob_of(tx, known.identity_id)),
        allow_virtual=tenant_by_id(tx, tenant).settings.allow_virtual_tpm,
    )


def open_challenge(tx: Tx, known: Known, new: NewChallenge) -> UUID | None:
    """Keep a challenge and tell of it; its id, or None if this key has failed too often of late."""
    registration = known.registration
    if _failures(tx, known.tenant, registration.id, new.ak_name) >= MOST_TRIES:
        _tell_refused(tx, known.tenant, registration, TOO_MANY_TRIES, (), "The TPM failed too often.")
        return None
    uuid = tx.new_uuid()
    _forget_challenges(tx, known.tenant, registration.id)
    tx.execute(
        sa.insert(challenge).values(
            tenant_id=known.tenant,
            id=tx.new_key(),
            uuid=uuid,
            registration_id=registration.id,
            secret_hash=secret_hash(new.secret),
            nonce=new.nonce,
            ek_public=new.ek_public,
            ak_public=new.ak_public,
            proof=new.proof.value,
            expires_at=tx.now + LIFETIME,
        )
    )
    deployment.observe(tx, known.tenant, registration.id, AttestationBegun())
    return uuid


def refuse_begin(tx: Tx, known: Known, findings: Sequence[Finding]) -> None:
    """Tell of a TPM that is not given a challenge."""
    message = _sentence(findings)
    _tell_refused(tx, known.tenant, known.registration, ATTESTATION_FAILED, findings, message)


def take_challenge(tx: Tx, uuid: UUID) -> Open | None:
    """Use up a challenge; None if there is none of this id."""
    row = tx.row(sa.delete(challenge).where(challenge.c.uuid == uuid).returning(*challenge.c))
    if row is None:
        return None
    tenant = TenantKey(row.tenant_id)
    return Open(
        tenant=tenant,
        registration=registration_by_id(tx, tenant, row.registration_id),
        asked=Asked(
            secret_hash=row.secret_hash,
            nonce=row.nonce,
            ek=decode_public(row.ek_public),
            ak=decode_public(row.ak_public),
        ),
        proof=Proof(row.proof),
        before=_before(tx, tenant, row.registration_id),
        expired=row.expires_at <= tx.now,
    )


def refuse_finish(tx: Tx, taken: Open, findings: Sequence[Finding]) -> str:
    """Tell of an answer that proves nothing; the code that the device shows."""
    registration = taken.registration
    failures = _count_failure(tx, taken.tenant, registration.id, taken.asked.ak.name)
    code = TOO_MANY_TRIES if failures > MOST_TRIES else ATTESTATION_FAILED
    _tell_refused(tx, taken.tenant, registration, code, findings, _sentence(findings))
    return code


def conclude(tx: Tx, taken: Open, what: Proven, issue_ticket: IssueTicket, signer: TokenSigner) -> Ticket:
    """Keep what was proven, tell of it, and give a ticket to join with exactly the certified key."""
    tenant, registration = taken.tenant, taken.registration
    _remember(tx, taken, what)
    told: dict[str, JsonValue] = {
        "proof": taken.proof.value,
        "vendor": NO_ANCHORS,
        "ak": taken.asked.ak.name.hex(),
        "reset_count": what.clock.reset_count,
        "restart_count": what.clock.restart_count,
        "new_ak": taken.before is not None and taken.before.ak_name != taken.asked.ak.name,
    }
    events.record(tx, tenant, "attestation.succeeded", Subject("registration", registration.uuid), told)
    deployment.observe(tx, tenant, registration.id, Attested(taken.proof.value))
    text = issue_ticket(tx, tenant, registration.id, what.device_key, taken.proof.value)
    return Ticket(
        ticket=text,
        expires_in=int(LIFETIME.total_seconds()),
        proof=taken.proof.value,
        assigned_user=assigned_user(registration, signer, now=tx.now),
    )


def note_too_late(tx: Tx, taken: Open) -> None:
    """Write down that an answer came after the challenge's time. It says nothing about the TPM, so it is no
    failure of the deployment: the device begins anew.
    """
    message = f"The answer came later than {int(LIFETIME.total_seconds())} seconds after the challenge"
    finding = Finding(Check.CHALLENGE, Problem(Reason.TIMEOUT, 0, "time", message))
    told: dict[str, JsonValue] = {"code": TOO_MANY_TRIES, "findings": [finding.to_json()]}
    subject = Subject("registration", taken.registration.uuid)
    events.record(tx, taken.tenant, "attestation.refused", subject, told)


# --- what is kept -------------------------------------------------------------------------------------------


def _forget_challenges(tx: Tx, tenant: TenantKey, registration: int) -> None:
    """Expired challenges of the registration go, and the oldest of too many. A new one does not end an open
    one: a network may have sent the device's request twice.
    """
    mine = sa.and_(challenge.c.tenant_id == tenant, challenge.c.registration_id == registration)
    newest = sa.select(challenge.c.id).where(mine).order_by(challenge.c.id.desc()).limit(_OPEN_CHALLENGES - 1)
    over = (challenge.c.expires_at <= tx.now) | challenge.c.id.not_in(newest)
    tx.execute(sa.delete(challenge).where(mine, over))


def _before(tx: Tx, tenant: TenantKey, registration: int) -> Before | None:
    row = tx.row(
        sa.select(proven_tpm).where(
            proven_tpm.c.tenant_id == tenant, proven_tpm.c.registration_id == registration
        )
    )
    if row is None:
        return None
    return Before(row.ak_name, Clock(row.clock, row.reset_count, row.restart_count, safe=True))


def _remember(tx: Tx, taken: Open, what: Proven) -> None:
    values = {
        "ak_name": taken.asked.ak.name,
        "clock": what.clock.clock,
        "reset_count": what.clock.reset_count,
        "restart_count": what.clock.restart_count,
        "firmware_version": f"{what.firmware_version:016x}",
        "proof": taken.proof.value,
        "proven_at": tx.now,
    }
    tx.execute(
        tx.insert(proven_tpm)
        .values(tenant_id=taken.tenant, registration_id=taken.registration.id, **values)
        .on_conflict_do_update(index_elements=["tenant_id", "registration_id"], set_=values)
    )
    tx.execute(
        sa.delete(failed_try).where(
            failed_try.c.tenant_id == taken.tenant,
            failed_try.c.registration_id == taken.registration.id,
            failed_try.c.ak_name == taken.asked.ak.name,
        )
    )


def _failures(tx: Tx, tenant: TenantKey, registration: int, ak_name: bytes) -> int:
    found: int | None = tx.value(
        sa.select(failed_try.c.failures).where(
            failed_try.c.tenant_id == tenant,
            failed_try.c.registration_id == registration,
            failed_try.c.ak_name == ak_name,
            failed_try.c.last_at > tx.now - TRIES_REMEMBERED,
        )
    )
    return found or 0


def _count_failure(tx: Tx, tenant: TenantKey, registration: int, ak_name: bytes) -> int:
    failures = _failures(tx, tenant, registration, ak_name) + 1
    mine = sa.and_(failed_try.c.tenant_id == tenant, failed_try.c.registration_id == registration)
    newest = sa.select(failed_try.c.id).where(mine).order_by(failed_try.c.id.desc()).limit(_KEYS_REMEMBERED)
    tx.execute(
        tx.insert(failed_try)
        .values(
            tenant_id=tenant,
            id=tx.new_key(),
            registration_id=registration,
            ak_name=ak_name,
            failures=failures,
            last_at=tx.now,
        )
        .on_conflict_do_update(
            index_elements=["tenant_id", "registration_id", "ak_name"],
            set_={"failures": failures, "last_at": tx.now},
        )
    )
    tx.execute(sa.delete(failed_try).where(mine, failed_try.c.id.not_in(newest)))
    return failures


# --- what is told -------------------------------------------------------------------------------------------


def _sentence(findings: Sequence[Finding]) -> str:
    first = findings[0].problem
    return f"{first.message} ({first.reason.value})."


def _tell_refused(
    tx: Tx,
    tenant: TenantKey,
    registration: Registration,
    code: str,
    findings: Sequence[Finding],
    message: str,
) -> None:
    told: dict[str, JsonValue] = {"code": code, "findings": [one.to_json() for one in findings]}
    events.record(tx, tenant, "attestation.refused", Subject("registration", registration.uuid), told)
    # Whoever knows the hash can be refused: that begins no story.
    if deployment.open_deployment(tx, tenant, registration.id) is not None:
        deployment.observe(tx, tenant, registration.id, Refused("attestation", code, message))
