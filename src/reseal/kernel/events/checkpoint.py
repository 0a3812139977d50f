"""Checkpoints: how far a log had come, signed, to be kept where the log's owner cannot reach.

A chain shows changes inside it, but who owns the whole database could write a new chain. A checkpoint written
outside the data directory, or sent to an auditor, pins every event up to its position.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)

from reseal.kernel.db import Tx, from_microseconds, to_microseconds
from reseal.kernel.errors import Invalid
from reseal.kernel.events.canonical import canonical_json
from reseal.kernel.events.chain import GENESIS, event_head
from reseal.kernel.ids import TenantKey

_PURPOSE = "reseal event checkpoint 1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log of a tenant had `position` events, the last with `digest`, at the time `at`."""

    tenant: TenantKey
    position: int
    digest: bytes
    at: datetime


def checkpoint(tx: Tx, tenant: TenantKey) -> Checkpoint:
    """How far the tenant's log has come; position 0 and 32 zero bytes for an empty log."""
    head = tx.row(sa.select(event_head).where(event_head.c.tenant_id == tenant))
    if head is None:
        return Checkpoint(tenant, 0, GENESIS, tx.now)
    return Checkpoint(tenant, head.position, head.digest, tx.now)


class SignedCheckpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The written form: one JSON object; `at` in microseconds since 1970, `signature` in base64."""

    purpose: str
    tenant: int
    position: int
    digest: str
    at: int
    signature: str


def sign_checkpoint(point: Checkpoint, key: EllipticCurvePrivateKey) -> bytes:
    """The checkpoint with its ECDSA signature (SHA-256, deterministic), as one line of canonical JSON."""
    signature = key.sign(_signed_bytes(point), ECDSA(hashes.SHA256(), deterministic_signing=True))
    return canonical_json(_fields(point) | {"signature": base64.b64encode(signature).decode()}) + b"\n"


def verify_checkpoint(document: bytes, key: EllipticCurvePublicKey) -> Checkpoint:
    """The checkpoint in a document that `sign_checkpoint` made.

    Raises `Invalid`: `CheckpointUnreadable`, `CheckpointSignatureWrong`.
    """
    try:
        signed = msgspec.json.decode(document, type=SignedCheckpoint)
        point = Checkpoint(
            TenantKey(signed.tenant),
            signed.position,
            bytes.fromhex(signed.digest),
            from_microseconds(signed.at),
        )
        signature = base64.b64decode(signed.signature, validate=True)
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise Invalid(
            code="CheckpointUnreadable",
            message=f"The checkpoint is not in the form that Reseal writes: {error}.",
            remedy="Use the file as it was written.",
        ) from error
    try:
        key.verify(signature, _signed_bytes(point), ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Invalid(
            code="CheckpointSignatureWrong",
            message=f"The checkpoint at position {signed.position} is not signed by this server's key.",
            remedy="It was altered, or belongs to another server: compare the keys.",
        ) from None
    return point


def _fields(point: Checkpoint) -> dict[str, str | int]:
    return {
        "purpose": _PURPOSE,
        "tenant": point.tenant,
        "position": point.position,
        "digest": point.digest.hex(),
        "at": to_microseconds(point.at),
    }


def _signed_bytes(point: Checkpoint) -> bytes:
    return canonical_json(_fields(point))
