"""What the pages of the console cost with many devices: each as a browser asks for it, session included; and
streams that nobody sends anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from reseal.autopilot.registrations import list_registrations
from reseal.deployment import facts
from reseal.deployment.listing import list_deployments
from reseal.deployment.service import observe
from reseal.directory.model import Role
from reseal.directory.roles import assign_role
from reseal.directory.users import create_user
from reseal.kernel import events
from reseal.kernel.clock import SystemClock
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.ids import TenantKey
from reseal.kernel.workers import ThreadWorkers
from reseal.server import wiring
from reseal.signin.sessions import open_session
from reseal.web.calls import Call
from reseal.web.routes import Route
from tools.bench.figures import Figure
from tools.bench.measuring import mean, repeated
from tools.bench.organisation import DOMAIN, fill, make
from tools.bench.premises import parts_of
from tools.bench.sizes import Sizes
from tools.bench.stores import Store, opened

PAGE: Final = 0.05
"""Seconds of CPU for a page."""
STATEMENTS: Final = 10
IDLE: Final = 0.05
"""Of a core, for all streams together."""
_GROUPS: Final = 30
_WATCHED: Final = 5.0
"""Seconds for which idle streams are measured."""
ADDRESSES: Final = (
    ("/devices", ""),
    ("/devices", "sort=-registered"),
    ("/devices", "q=pc-01"),
    ("/devices", "standing=under-way"),
    ("/devices/{registration}", ""),
    ("/devices/{registration}/assigned", ""),
    ("/devices/{registration}/diagnosis", ""),
    ("/deployments", ""),
    ("/deployments/report", ""),
    ("/deployments/figures", ""),
    ("/deployments/{id}", ""),
    ("/events", ""),
    ("/bench", ""),
    ("/bench/{registration}", ""),
    ("/bench/hand-over", ""),
    ("/set-up", ""),
    ("/groups", ""),
    ("/profiles", ""),
    ("/users", ""),
)
"""Paths of routes, and queries."""


async def figures(store: Store, sizes: Sizes) -> AsyncIterator[Figure]:
    """A figure for each page, and one for idle streams."""
    url = store.empty()
    async with opened(url) as db:
        made = await db.write(make, _GROUPS, sizes.users)
        await fill(db, made, sizes.rows)
        session = await db.write(_furnish, made.tenant, min(200, sizes.rows))
        store.settle(url)
        with TemporaryDirectory(prefix="reseal-console-") as folder, closing(ThreadWorkers()) as workers:
            parts = await parts_of(db, Path(folder), SystemClock(), SystemEntropy(), workers)
            routes = {route.path: route for route in wiring.routes(parts)[0] if route.method == "GET"}
            names = await db.read(_ids, made.tenant)
            for path, query in ADDRESSES:
                yield await _page(db, store, sizes, routes[path], query, names, session)
            end = (await db.read(events.checkpoint, made.tenant)).position
            yield await _streams(store, sizes, routes["/deployments/live"], session, end)
    store.drop(url)


def _furnish(tx: Tx, tenant: TenantKey, under_way: int) -> str:
    """Some devices under way, and somebody who looks; the text of their session."""
    for one in list_registrations(tx, tenant, limit=under_way).items:
        observe(tx, tenant, one.id, facts.Contacted())
        observe(tx, tenant, one.id, facts.AttestationBegun())
    reader = create_user(tx, tenant, f"reader@{DOMAIN}", "Reader")
    assign_role(tx, tenant, reader.id, Role.GLOBAL_ADMINISTRATOR)
    return open_session(tx, tenant, reader)


def _ids(tx: Tx, tenant: TenantKey) -> dict[str, str]:
    found = list_deployments(tx, tenant, limit=1).items[0]
    return {"registration": str(found.registration_uuid), "id": str(found.uuid)}


async def _page(
    db: Database, store: Store, sizes: Sizes, route: Route, query: str, names: dict[str, str], session: str
) -> Figure:
    async def look(_: int) -> None:
        response = await _asked(route, query, names, session)
        if response.status_code != 200:
            raise RuntimeError(f"{route.path} answered {response.status_code}")

    cost = mean(await repeated(db, look, max(2, sizes.repetitions // 25)))
    if cost.statements > STATEMENTS:
        raise RuntimeError(f"{route.path} takes {cost.statements:.1f} statements; {STATEMENTS} are allowed")
    shown = f"the page {route.path}" + (f"?{query}" if query else "")
    note = f"{sizes.rows:,} devices"
    return Figure(shown, store.name, cost.cpu, PAGE, cost.elapsed, cost.statements, note)


async def _asked(route: Route, query: str, names: dict[str, str], session: str) -> Response:
    """What a route answers to a browser with a session."""
    request = Request(
        {
            "type": "http",
            "method": "GET",
            "path": route.path.format(**names),
            "query_string": query.encode(),
            "headers": [
                (b"cookie", f"__Host-reseal-console={session}".encode()),
                (b"accept", b"text/html"),
                (b"host", b"bench.example"),
            ],
            "path_params": names,
            "scheme": "https",
            "server": ("bench.example", 443),
            "state": {},
        }
    )
    assert route.reception is not None
    caller = await route.reception.authenticate(request)
    return await route.handler(Call(request, caller, 0))


async def _streams(store: Store, sizes: Sizes, route: Route, session: str, end: int) -> Figure:
    """CPU of a second in which so many readers follow and nothing happens."""
    over = asyncio.Event()
    first = asyncio.Semaphore(0)

    async def receive() -> Message:
        await over.wait()
        return {"type": "http.disconnect"}

    async def follow() -> None:
        async def send(message: Message) -> None:
            if b"event: show" in message.get("body", b""):
                first.release()

        response = await _asked(route, f"show=all&after={end}", {}, session)
        scope: dict[str, Any] = {"type": "http", "method": "GET", "path": route.path, "headers": []}
        await response(scope, receive, send)

    readers = [asyncio.create_task(follow()) for _ in range(sizes.streams)]
    for _ in readers:
        await first.acquire()
    await asyncio.sleep(2)  # whatever followed from the beginning is over
    cpu, begun = time.process_time(), time.perf_counter()
    await asyncio.sleep(_WATCHED if sizes.streams > 10 else 1.0)
    passed = time.perf_counter() - begun
    used = (time.process_time() - cpu) / passed
    over.set()
    await asyncio.gather(*readers)
    return Figure(
        "a second of idle streams", store.name, used, IDLE, None, None, f"{sizes.streams} readers together"
    )
