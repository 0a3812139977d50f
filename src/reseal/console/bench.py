"""The technician's bench: a screen for gloves and distance. Devices live, a field for scanned codes, labels.

Nothing on it moves while somebody reaches for it: devices stand in the order in which they came, one that
leaves keeps its place until the page is loaded anew, and every tile has the same size whatever it says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

import msgspec
from starlette.responses import Response

from reseal.autopilot.model import Registration
from reseal.autopilot.registrations import registration_by_uuid
from reseal.console.choosing import uuid_of
from reseal.console.desk import Desk, Visit, address
from reseal.console.live import Shown
from reseal.console.pages import exact, fragment
from reseal.console.parts import PERMISSION
from reseal.deployment.listing import mark_of_open
from reseal.deployment.service import CHANGED
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.glances import glance
from reseal.kernel.ids import TenantKey
from reseal.report.bench import Lamp, OnBench, bench_of, hand_over, latest_of, on_bench
from reseal.report.roster import Rostered, roster_of
from reseal.report.scanned import LONGEST, find_scanned
from reseal.web.qr import qr_code
from reseal.web.routes import Route
from reseal.web.streams import Looks, Sent, position_of

PATH: Final = "/bench"
MOST_LABELS: Final = 200
_FRESH: Final = timedelta(milliseconds=500)
"""So old may be what all streams know together."""
_BREATH: Final = timedelta(milliseconds=250)


@dataclass(frozen=True, slots=True)
class _Bench:
    position: int
    devices: tuple[OnBench, ...]


@dataclass(frozen=True, slots=True)
class _One:
    position: int
    registration: Registration
    device: OnBench | None


@dataclass(frozen=True, slots=True)
class Label:
    """What is stuck on a device."""

    name: str
    serial: str
    user: str
    model: str
    qr: str


def routes(desk: Desk) -> tuple[Route, ...]:
    """The screen, one device on it, scanning, handing over, labels."""
    return (
        desk.page(PATH, _bench, PERMISSION),
        desk.live(f"{PATH}/live", _bench_live, PERMISSION),
        desk.page(f"{PATH}/scan", _scan, PERMISSION),
        desk.page(f"{PATH}/hand-over", _hand_over, PERMISSION),
        desk.page(f"{PATH}/labels", _labels, PERMISSION),
        desk.page(f"{PATH}/{{registration}}", _one, PERMISSION),
        desk.live(f"{PATH}/{{registration}}/live", _one_live, PERMISSION),
    )


# --- the screen ---------------------------------------------------------------------------------------------


async def _bench(visit: Visit) -> Response:
    found = await visit.read(_on_bench)
    return await visit.page(
        "bench.html",
        devices=found.devices,
        lamps=_counted(found.devices),
        live=f"{PATH}/live?after={found.position}",
    )


def _on_bench(tx: Tx, tenant: TenantKey) -> _Bench:
    return _Bench(events.checkpoint(tx, tenant).position, on_bench(tx, tenant))


def _counted(devices: Sequence[OnBench]) -> Sequence[tuple[Lamp, int]]:
    return [(lamp, sum(one.lamp is lamp for one in devices)) for lamp in Lamp]


async def _bench_live(visit: Visit) -> Response:
    looks = _looks(visit, position_of(visit.call), partial(_bench_parts, visit))
    return visit.parts.streams.answer(looks)


async def _bench_parts(visit: Visit) -> tuple[Mapping[str, str], int]:
    found = await visit.read(_on_bench)
    tiles = {f"d-{one.deployment.uuid}": fragment("bench_tile", one=one) for one in found.devices}
    return {"lamps": fragment("bench_lamps", lamps=_counted(found.devices)), **tiles}, found.position


async def _looks(
    visit: Visit, after: int, parts: Callable[[], Awaitable[tuple[Mapping[str, str], int]]]
) -> Looks:
    """What reads differently, whenever something about a deployment changed."""
    db, clock, tenant = visit.parts.db, visit.parts.clock, visit.tenant
    shown, seen = Shown(), None
    async with aclosing(events.watch(db, tenant, after, clock, bells=(CHANGED,))) as looks:
        async for _ in looks:
            mark = await glance(db, clock, _FRESH, _mark, tenant)
            if mark == seen:
                yield []
                continue
            seen = mark
            fragments, position = await parts()
            yield [Sent(exact(clock.now()), "clock"), *shown.changes(fragments, position)]
            await clock.sleep(_BREATH)


def _mark(tx: Tx, tenant: TenantKey) -> tuple[int, tuple[int, int]]:
    return events.checkpoint(tx, tenant).position, mark_of_open(tx, tenant)


# --- one device ---------------------------------------------------------------------------------------------


async def _one(visit: Visit) -> Response:
    uuid = visit.call.uuid("registration")
    found = await visit.read(_device, uuid)
    return await visit.page(
        "bench_device.html",
        found=found,
        qr=qr_code(_code(found.registration.uuid)),
        live=f"{PATH}/{uuid}/live?after={found.position}",
    )


async def _one_live(visit: Visit) -> Response:
    uuid = visit.call.uuid("registration")
    await visit.read(registration_by_uuid, uuid)
    looks = _looks(visit, position_of(visit.call), partial(_device_parts, visit, uuid))
    return visit.parts.streams.answer(looks)


async def _device_parts(visit: Visit, uuid: UUID) -> tuple[Mapping[str, str], int]:
    found = await visit.read(_device, uuid)
    return {"bench-now": fragment("bench_now", found=found)}, found.position


def _device(tx: Tx, tenant: TenantKey, uuid: UUID) -> _One:
    registration = registration_by_uuid(tx, tenant, uuid)
    latest = latest_of(tx, tenant, registration.id)
    shown = bench_of(tx, tenant, [] if latest is None else [latest])
    return _One(events.checkpoint(tx, tenant).position, registration, shown[0] if shown else None)


# --- scanning -----------------------------------------------------------------------------------------------


async def _scan(visit: Visit) -> Response:
    code = visit.call.query("code").strip()[:LONGEST]
    found = await visit.read(find_scanned, code) if code else ()
    if len(found) == 1:
        return visit.go(address("bench", found[0].uuid))
    return await visit.page("bench_scan.html", code=code, found=found)


# --- handing over -------------------------------------------------------------------------------------------


async def _hand_over(visit: Visit) -> Response:
    return await visit.page("bench_hand_over.html", devices=await visit.read(hand_over))


async def _labels(visit: Visit) -> Response:
    asked = visit.call.request.query_params.getlist("device")[:MOST_LABELS]
    labels = await visit.read(_labelled, [uuid_of(text) for text in asked])
    return await visit.page("bench_labels.html", labels=labels)


def _labelled(tx: Tx, tenant: TenantKey, ids: Sequence[UUID]) -> tuple[Label, ...]:
    """Labels of these devices, or of all that are to be handed over."""
    wanted = ids or [one.deployment.registration_uuid for one in hand_over(tx, tenant)]
    return tuple(map(_label, roster_of(tx, tenant, wanted)))


def _label(one: Rostered) -> Label:
    return Label(one.name, one.serial, one.user, f"{one.manufacturer} {one.model}", qr_code(_code(one.uuid)))


def _code(ztdid: UUID) -> str:
    """What the codes of laptops say, too (spec/autopilot.md 6.2)."""
    return msgspec.json.encode({"ZtdId": str(ztdid)}).decode()
