"""Runs: each answer with a profile begins one, and its bearer token ties reports and a join to the device.

A token is told once and kept as its hash. It counts for a day, so that earlier ones stay good when a device
restarts and asks again.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from reseal.kernel.db import Tx
from reseal.kernel.errors import Unauthenticated
from reseal.kernel.ids import TenantKey
from reseal.runtime.tables import run
from reseal.wire.join import RUN_PREFIX

LIFETIME: Final = timedelta(hours=24)
RUNS_KEPT: Final = 50
"""Of one registration; the oldest go first."""
_TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Run:
    """A run that a token proved. `reported` is the highest number of its reports, `kept` how many there
    are.
    """

    tenant: TenantKey
    id: int
    registration: int
    reported: int
    kept: int


def open_run(tx: Tx, tenant: TenantKey, registration: int) -> str:
    """Begin a run of a registered device; its bearer token."""
    token = base64.urlsafe_b64encode(tx.entropy.bytes(_TOKEN_BYTES)).rstrip(b"=").decode()
    _forget_old(tx, {"at_tenant": tenant, "at_registration": registration})
    text = RUN_PREFIX + token
    values = {
        "tenant_id": tenant,
        "id": tx.new_key(),
        "hash": _hash(text),
        "registration_id": registration,
        "reported": 0,
        "kept": 0,
        "expires_at": tx.now + LIFETIME,
    }
    tx.execute(_INSERT, values)
    return text


_MINE = sa.and_(
    run.c.tenant_id == sa.bindparam("at_tenant"), run.c.registration_id == sa.bindparam("at_registration")
)
_NEWEST = sa.select(run.c.id).where(_MINE).order_by(run.c.id.desc()).limit(sa.bindparam("most"))
_DELETE_OLD = (
    sa.delete(run)
    .where(_MINE, (run.c.expires_at <= sa.bindparam("now")) | run.c.id.not_in(_NEWEST))
    .returning(run.c.kept, run.c.expires_at)
)
_ADD_TO_OLDEST = (
    sa.update(run)
    .where(_MINE, run.c.id == sa.select(sa.func.min(run.c.id)).where(_MINE).scalar_subquery())
    .values(kept=run.c.kept + sa.bindparam("more"))
)
_KEPT = sa.select(sa.func.sum(run.c.kept)).where(_MINE, run.c.expires_at > sa.bindparam("now"))
_INSERT = sa.insert(run)
_BY_HASH = sa.select(run).where(run.c.hash == sa.bindparam("hash"), run.c.expires_at > sa.bindparam("now"))
"""Made once, because making a statement takes longer than running it."""


def _forget_old(tx: Tx, mine: dict[str, int]) -> None:
    """Delete the runs that are over, and the oldest if there are too many.

    What was kept of those counts on with the oldest that stays: a day's bound cannot be passed by new runs.
    """
    old = tx.execute(_DELETE_OLD, {**mine, "most": RUNS_KEPT - 1, "now": tx.now}).all()
    more = sum(each.kept for each in old if each.expires_at > tx.now)
    if more:
        tx.execute(_ADD_TO_OLDEST, {**mine, "more": more})


def kept_of_all(tx: Tx, one: Run) -> int:
    """How many reports are kept of all runs of the registration that still count."""
    mine = {"at_tenant": one.tenant, "at_registration": one.registration, "now": tx.now}
    return int(tx.value(_KEPT, mine) or 0)


def find_run(tx: Tx, text: str, *, to_change: bool = False) -> Run | None:
    """The run of a bearer token, if it still counts; `to_change` keeps other units from changing it."""
    query = sa.select(run).where(run.c.hash == _hash(text), run.c.expires_at > tx.now)
    row = tx.row(query.with_for_update() if to_change else query)
    if row is None:
        return None
    return Run(TenantKey(row.tenant_id), row.id, row.registration_id, row.reported, row.kept)


def require_run(tx: Tx, text: str, *, to_change: bool = False) -> Run:
    """The run of a bearer token; raises `Unauthenticated`. For `to_change` see `find_run`."""
    found = find_run(tx, text, to_change=to_change)
    if found is None:
        raise Unauthenticated(
            code="RunNotKnown",
            message="The run of this token is over, or never was.",
            remedy="Fetch the profile again: its answer has a new token.",
        )
    return found


def registration_of_run(tx: Tx, run: str) -> tuple[TenantKey, int] | None:
    """Whose device a profile was given to; what a join with the token (`MSA-DDID`) goes by."""
    found = find_run(tx, run)
    return None if found is None else (found.tenant, found.registration)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
