"""A large organisation: edits, reading, and a full rebuild, while it holds all its devices."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import sqlalchemy as sa

from reseal.api.registrations import registration_shape
from reseal.assignment.model import ItemKind, ItemRef
from reseal.assignment.tables import assignment_target
from reseal.assignment.why import why
from reseal.autopilot.model import Registration, RegistrationChanges
from reseal.autopilot.registrations import list_registrations, update_registration
from reseal.blueprint.service import export_document, parse_document, plan_document
from reseal.directory.groups import update_group
from reseal.kernel.db import Database, Tx
from reseal.kernel.ids import TenantKey
from reseal.web.answers import Json
from tools.bench import organisation
from tools.bench.figures import Figure, Unit
from tools.bench.measuring import Cost, mean, metered, percentile, repeated
from tools.bench.organisation import Organisation
from tools.bench.rebuilding import counts, forget, in_a_process_of_its_own, rebuild
from tools.bench.sizes import Sizes
from tools.bench.stores import Store, opened

EDIT, RULE_EDIT, REBUILD = 1.0, 6.0, 60.0
PAGE, WHY, PLAN = 0.010, 0.010, 0.5
"""Budgets in seconds of CPU."""
MEMORY = 600.0
"""MiB."""


async def figures(store: Store, sizes: Sizes) -> AsyncIterator[Figure]:
    """All figures of the large organisation."""
    url = store.empty()
    async with opened(url) as db:
        made = await db.write(organisation.make, sizes.groups, sizes.users)
        with metered(db) as loading:
            await organisation.fill(db, made, sizes.devices)
    store.settle(url)
    _say(store, f"{sizes.devices:,} devices loaded in {loading.elapsed:.0f} s ({loading.cpu:.0f} s of CPU)")
    async with opened(url) as db:
        _say(store, str(await db.read(counts, made.tenant)))
        for topic in (_edits, _rule_edits, _reading, _planning, _rebuild):
            async for figure in topic(db, made, store, sizes):
                yield figure
    async for figure in _rebuild_from_nothing(url, made, store, sizes):
        yield figure
    store.drop(url)


def _say(store: Store, text: str) -> None:
    print(f"{store.name}: {text}", file=sys.stderr, flush=True)


def _at(sizes: Sizes) -> str:
    return f"at {sizes.devices:,} devices × {sizes.groups} groups"


# --- edits --------------------------------------------------------------------------------------------------


async def _edits(db: Database, made: Organisation, store: Store, sizes: Sizes) -> AsyncIterator[Figure]:
    found = await db.read(list_registrations, made.tenant, limit=500)
    devices = found.items

    async def edit(number: int) -> None:
        device = devices[number % len(devices)]
        await db.write(_retag, made, device, causes=made.tenant)

    costs = await repeated(db, edit, sizes.edits)
    for name, share in (("half of them cost less", 0.50), ("99 of 100 cost less", 0.99)):
        cost = percentile(costs, share)
        yield _figure(f"one group tag changed, {name}", store, cost, EDIT, _at(sizes))


def _retag(tx: Tx, made: Organisation, device: Registration) -> None:
    """Give the device the next tag: it leaves a group and enters another."""
    tag = organisation.tag_after(made, device.group_tag)
    update_registration(tx, made.tenant, device.id, RegistrationChanges(group_tag=tag), actor="bench")


async def _rule_edits(db: Database, made: Organisation, store: Store, sizes: Sizes) -> AsyncIterator[Figure]:
    """The rule moves on by a thousand devices: as many leave, as many enter; before, nobody was in."""

    async def edit(number: int) -> None:
        rule = organisation.edited_rule(None if number % 2 else 0)
        await db.write(update_group, made.tenant, made.edited, rule=rule, causes=made.tenant)

    cost = mean(await repeated(db, edit, sizes.rule_edits, warm_up=0))
    yield _figure("one rule edited, 1,000 devices enter or leave", store, cost, RULE_EDIT, _at(sizes))


# --- reading ------------------------------------------------------------------------------------------------


async def _reading(db: Database, made: Organisation, store: Store, sizes: Sizes) -> AsyncIterator[Figure]:
    found = await db.read(list_registrations, made.tenant, limit=500)
    devices = [one.device_id for one in found.items]
    page, after = found.items[:100], found.next

    async def list_page(_: int) -> None:
        listed = await db.read(list_registrations, made.tenant, after=after, limit=len(page))
        Json({"value": [registration_shape(one) for one in listed.items]})

    cost = mean(await repeated(db, list_page, sizes.repetitions // 5))
    yield _figure(f"a page of {len(page)} registrations", store, cost, PAGE, _at(sizes))

    item = await db.read(_an_item, made.tenant)

    async def explain(number: int) -> None:
        await db.read(why, made.tenant, devices[number % len(devices)], item)

    cost = mean(await repeated(db, explain, sizes.repetitions // 5))
    yield _figure("why a device gets an item", store, cost, WHY, _at(sizes))


async def _planning(db: Database, made: Organisation, store: Store, sizes: Sizes) -> AsyncIterator[Figure]:
    """The tenant's own export, changed in one line, is read and planned."""
    document = (await db.read(export_document, made.tenant)).document
    document["profiles"][0]["description"] = "Changed."
    size = sum(len(section) for section in document.values() if isinstance(section, list))

    async def plan(_: int) -> None:
        wanted = parse_document(document)
        planned = await db.write(plan_document, made.tenant, wanted, contents={}, causes=made.tenant)
        if len(planned.lines) != 1:
            raise RuntimeError(f"one line was changed, and the plan is {planned}")

    cost = mean(await repeated(db, plan, sizes.rule_edits))
    note = f"{_at(sizes)}, a document of {size:,} things"
    yield _figure("plan of a change in one line", store, cost, PLAN, note)


def _an_item(tx: Tx, tenant: TenantKey) -> ItemRef:
    """The profile with the most targets."""
    target = assignment_target.c
    key = tx.value(
        sa.select(target.item_id)
        .where(target.tenant_id == tenant, target.item_kind == ItemKind.PROFILE.value)
        .group_by(target.item_id)
        .order_by(sa.func.count().desc(), target.item_id)
        .limit(1)
    )
    return ItemRef(ItemKind.PROFILE, key)


# --- everything anew ----------------------------------------------------------------------------------------


async def _rebuild(db: Database, made: Organisation, store: Store, sizes: Sizes) -> AsyncIterator[Figure]:
    with metered(db) as cost:
        await db.write(rebuild, made.tenant, causes=made.tenant)
    yield _figure("full rebuild that finds everything right", store, cost, REBUILD, _at(sizes))


async def _rebuild_from_nothing(
    url: str, made: Organisation, store: Store, sizes: Sizes
) -> AsyncIterator[Figure]:
    """In a process of its own, so that its memory can be told."""
    async with opened(url) as db:
        before = await db.read(counts, made.tenant)
        await db.write(forget, made.tenant)
    report = await in_a_process_of_its_own(url, made.tenant)
    async with opened(url) as db:
        after = await db.read(counts, made.tenant)
    if after != before:
        raise RuntimeError(f"the rebuild made something else: {before} before, {after} after")
    yield _figure("full rebuild from nothing", store, report.cost, REBUILD, _at(sizes))
    yield Figure(
        "most memory of that process",
        store.name,
        measured=report.most_memory,
        budget=MEMORY,
        note=f"{_at(sizes)}; {report.memory_afterwards:.0f} MiB afterwards",
        unit=Unit.MEBIBYTES,
    )


def _figure(what: str, store: Store, cost: Cost, budget: float, note: str) -> Figure:
    return Figure(what, store.name, cost.cpu, budget, cost.elapsed, cost.statements, note)
