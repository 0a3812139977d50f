"""What a scanned or typed code means: a ZTDID, or the beginning of a serial number.

The codes that laptops show are JSON with a top-level `ZtdId`; the published sample has it one level down,
under `BlockSequence` (spec/autopilot.md 6.2). Both are taken, in any letter case, as is the bare id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from reseal.autopilot.model import Registration
from reseal.autopilot.registrations import list_registrations
from reseal.autopilot.tables import registration, to_registration
from reseal.directory.model_names import fold
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey

LONGEST: Final = 4_000
MOST: Final = 12
"""Devices that are offered when a code fits several."""
_DEEPEST: Final = 3


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code names: one of them, or neither."""

    ztdid: UUID | None = None
    serial: str = ""


def meaning_of(code: str) -> Meaning:
    """Read a code."""
    text = code.strip().strip("\ufeff")[:LONGEST]
    if text.startswith("{") and text.endswith("}"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = text
        if isinstance(found, dict):
            ztdid, serial = _ztdid(found), _named(found, "serialnumber")
            if ztdid is not None or isinstance(serial, str):
                return Meaning(ztdid, serial.strip() if ztdid is None and isinstance(serial, str) else "")
            return Meaning()
    ztdid = _uuid(text.removeprefix("[ZTDID]:"))
    return Meaning(ztdid) if ztdid is not None else Meaning(serial=text)


def find_scanned(tx: Tx, tenant: TenantKey, code: str) -> tuple[Registration, ...]:
    """The devices that a code can mean, by serial number; the one whose serial number it is, alone. At most
    two statements.
    """
    meaning = meaning_of(code)
    if meaning.ztdid is not None:
        row = tx.row(
            sa.select(registration).where(
                registration.c.tenant_id == tenant, registration.c.uuid == meaning.ztdid
            )
        )
        return () if row is None else (to_registration(row),)
    if not meaning.serial:
        return ()
    found = list_registrations(tx, tenant, serial=meaning.serial, limit=MOST).items
    exact = tuple(one for one in found if fold(one.serial) == fold(meaning.serial))
    return exact if len(exact) == 1 else found


def _ztdid(found: dict[Any, Any]) -> UUID | None:
    """At the top, or in an object below it."""
    return _uuid(_named(found, "ztdid"))


def _named(found: dict[Any, Any], name: str, depth: int = 0) -> object:
    lowered = {str(key).lower(): value for key, value in found.items()}
    if lowered.get(name):
        return lowered[name]
    if depth < _DEEPEST:
        for value in lowered.values():
            if isinstance(value, dict) and (inner := _named(value, name, depth + 1)):
                return inner
    return None


def _uuid(text: object) -> UUID | None:
    try:
        return UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None
