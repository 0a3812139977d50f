"""Making a tenant what a document says, all or nothing.

What can be wrong is looked for before anything is written: names that lead nowhere, missing bytes. Then each
kind of thing is gone through in an order in which whatever it refers to is there. What a service refuses on
the way becomes a problem of the document, and the unit is given up.
"""

from __future__ import annotations

from collections.abc import Mapping

from reseal.blueprint.applying.directory import apply_filters, apply_groups, apply_users
from reseal.blueprint.applying.items import apply_items, apply_profiles
from reseal.blueprint.applying.organisation import apply_branding, apply_settings, apply_tenant
from reseal.blueprint.applying.pages import apply_pages
from reseal.blueprint.applying.references import reference_problems
from reseal.blueprint.applying.removal import delete_unmanaged, tell_unmanaged
from reseal.blueprint.applying.work import Work
from reseal.blueprint.contents import Contents, resolve
from reseal.blueprint.document import Document
from reseal.blueprint.names import Names
from reseal.blueprint.plan import Action, Plan
from reseal.blueprint.present import Present, read_present
from reseal.blueprint.reading import refusal
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey

_STEPS = (
    apply_tenant,
    apply_users,
    apply_groups,
    apply_settings,
    apply_branding,
    apply_filters,
    apply_items,
    apply_pages,
    apply_profiles,
)
"""In this order everything that a thing refers to is there before it."""


def apply(
    tx: Tx,
    tenant: TenantKey,
    document: Document,
    *,
    contents: Contents,
    password_hashes: Mapping[str, str] | None,
    actor: str,
    prune: bool,
) -> Plan:
    """Make the tenant what the document says; see `service.apply_document`.

    `password_hashes` None says that new users need none, since everything will be taken back.
    """
    tx.settle()  # what was announced before is not this document's doing
    work = _begin(
        tx,
        tenant,
        document,
        contents=contents,
        password_hashes=password_hashes,
        actor=actor,
        prune=prune,
    )
    for step in _STEPS:
        step(work)
    plan = work.plan(delete_unmanaged(work) if prune else tell_unmanaged(work))
    _record(tx, work.present, plan, actor)
    return plan


def _begin(
    tx: Tx,
    tenant: TenantKey,
    document: Document,
    *,
    contents: Contents,
    password_hashes: Mapping[str, str] | None,
    actor: str,
    prune: bool,
) -> Work:
    """Look for everything that can be seen to be wrong before anything is written."""
    present = read_present(tx, tenant)
    names = Names.of(present, document)
    resolved, problems = resolve(document, present, contents)
    problems = [*reference_problems(document, present, names, prune=prune), *problems]
    if problems:
        raise refusal(problems)
    return Work(tx, tenant, actor, document, present, names, resolved, password_hashes, prune)


def _record(tx: Tx, present: Present, plan: Plan, actor: str) -> None:
    if not plan.lines:
        return
    counted = {action: sum(line.action is action for line in plan.lines) for action in Action}
    told: dict[str, events.JsonValue] = {
        "created": counted[Action.CREATE],
        "changed": counted[Action.CHANGE],
        "deleted": counted[Action.DELETE],
    }
    subject = Subject("tenant", present.tenant.uuid)
    events.record(tx, present.tenant.id, "blueprint.applied", subject, told, actor)
