"""The name that a device takes: its own, or what the profile's template makes (spec/autopilot.md 4.2)."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from reseal.autopilot.model import Registration
from reseal.autopilot.model_naming import expand_template
from reseal.autopilot.model_profile import JoinType, ProfileSettings
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey
from reseal.runtime.tables import given_name

_DRAWS: Final = 8
"""So often random digits are drawn anew when another device has the name."""


def device_name(tx: Tx, tenant: TenantKey, registration: Registration, settings: ProfileSettings) -> str:
    """The name for this device; empty: it keeps its own.

    The registration's own name wins over the template; hybrid joined devices get theirs with the domain.
    What a template makes is kept, so that a restart does not draw other digits.
    """
    if settings.join_type is JoinType.HYBRID:
        return ""
    if registration.device_name or not settings.device_name_template:
        return registration.device_name
    return _expanded(tx, tenant, registration, settings.device_name_template)


def _expanded(tx: Tx, tenant: TenantKey, registration: Registration, template: str) -> str:
    if (given := _given(tx, tenant, registration, template)) is not None:
        return given
    tx.lock(f"names:{tenant}")
    # Another request of the device may have drawn its name while this one waited.
    if (given := _given(tx, tenant, registration, template)) is not None:
        return given
    try:
        name = _drawn(tx, tenant, registration, template)
    except Invalid as unfit:
        name = ""
        subject = Subject("registration", registration.uuid)
        events.record(tx, tenant, "registration.name_unfit", subject, {"message": unfit.message})
    values = {"template": template, "name": name}
    tx.execute(
        tx.insert(given_name)
        .values(tenant_id=tenant, registration_id=registration.id, **values)
        .on_conflict_do_update(index_elements=["tenant_id", "registration_id"], set_=values)
    )
    return name


def _given(tx: Tx, tenant: TenantKey, registration: Registration, template: str) -> str | None:
    """What the device was given already by this template."""
    row = tx.row(
        sa.select(given_name).where(
            given_name.c.tenant_id == tenant, given_name.c.registration_id == registration.id
        )
    )
    return str(row.name) if row is not None and row.template == template else None


def _drawn(tx: Tx, tenant: TenantKey, registration: Registration, template: str) -> str:
    """A name of the template; with random digits, one that no other device of the organisation was given."""
    name = expand_template(template, registration.serial, tx.entropy)
    for _ in range(_DRAWS if "%RAND:" in template else 0):
        if not _is_given(tx, tenant, registration.id, name):
            break
        name = expand_template(template, registration.serial, tx.entropy)
    return name


def _is_given(tx: Tx, tenant: TenantKey, registration: int, name: str) -> bool:
    others = sa.select(sa.literal(1)).where(
        given_name.c.tenant_id == tenant,
        given_name.c.name == name,
        given_name.c.registration_id != registration,
    )
    return bool(tx.value(sa.select(others.exists())))
