"""What a new device costs its server: each request on the way to its first page, and the whole way.

Laptops go through the technician flow of the sample organisation, others are set up by their users alone. The
first ones fill caches and do not count. An enrolment reaches from the ticket or the user's word to the
certificate; a thousand of them in a minute would leave 60 ms to each on one core.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from reseal.device.transport import Request
from reseal.kernel.db import Tx
from reseal.managed.tables import enrolment
from tools.bench.figures import Figure
from tools.bench.measuring import Cost, mean, total
from tools.bench.premises import Premises, opened
from tools.bench.sizes import Sizes
from tools.bench.stores import Store
from tools.bench.wire import Carried

REQUESTS: Final = {
    "profile": 0.008,
    "attestation begun": 0.008,
    "attestation finished": 0.006,
    "join by ticket": 0.010,
    "join by user": 0.014,
    "token, jwt-bearer": 0.005,
    "Discover": 0.001,
    "GetPolicies": 0.002,
    "RequestSecurityToken": 0.014,
}
"""Seconds of CPU by the kind of request."""
NAMES: Final = {"profile": "a profile request", "token, jwt-bearer": "a device token granted"}
"""What figures are called that are not called as their kind."""
ENROLMENT: Final = 0.060
FIRST_SESSION, FLOW = 0.040, 0.300
DOWNLOAD: Final = 0.003
"""Seconds of CPU for a mebibyte."""
ON_POSTGRESQL: Final = 1.5
"""What takes many statements costs so much more where each is sent to a server."""

_ENROLS = frozenset(
    {"token, srv_challenge", "token, jwt-bearer", "Discover", "GetPolicies", "RequestSecurityToken"}
)
_JOINS = frozenset({"join by ticket", "join by user"})
_MEBIBYTE = 1024 * 1024
_WARM_UP = 2

Way = Sequence[Carried]
"""Everything that one laptop asked for, in order."""


async def figures(store: Store, sizes: Sizes) -> AsyncIterator[Figure]:
    """Laptops on one database."""
    url = store.empty()
    dearer = ON_POSTGRESQL if store.is_remote else 1.0
    each = sizes.laptops + _WARM_UP
    async with opened(url, 2 * each) as premises:
        by_technicians = [await _technician(premises, number) for number in range(1, each + 1)]
        by_users = [await _user(premises, number) for number in range(each + 1, 2 * each + 1)]
        download = await _download(premises, sizes.megabytes)
    store.drop(url)
    technicians, users = by_technicians[_WARM_UP:], by_users[_WARM_UP:]
    for kind, budget in REQUESTS.items():
        asked = [one.cost for way in (*technicians, *users) for one in way if one.kind == kind]
        yield _figure(NAMES.get(kind, kind), store, mean(asked), budget * dearer)
    for what, ways in (("by ticket", technicians), ("by its user", users)):
        enrolments = [total(_enrolling(way)) for way in ways]
        note = f"{len(ways)} laptops"
        yield _figure(f"one enrolment {what}", store, mean(enrolments), ENROLMENT * dearer, note)
    yield _first_session(store, technicians, FIRST_SESSION * dearer)
    flows = [total(one.cost for one in way) for way in technicians]
    requests = sum(map(len, technicians)) / len(technicians)
    yield _figure("a technician flow", store, mean(flows), FLOW * dearer, f"{requests:.0f} requests")
    yield _figure("a mebibyte of content", store, download, DOWNLOAD)


def _figure(what: str, store: Store, cost: Cost, budget: float, note: str = "") -> Figure:
    return Figure(what, store.name, cost.cpu, budget, cost.elapsed, cost.statements, note)


async def _technician(premises: Premises, number: int) -> Way:
    premises.wire.carried = []
    await premises.machine(number).technician_flow()
    return premises.wire.carried


async def _user(premises: Premises, number: int) -> Way:
    premises.wire.carried = []
    await premises.machine(number).user_flow(new=True)
    return premises.wire.carried


def _enrolling(way: Way) -> list[Cost]:
    """From the join to the certificate: the join, and the first of each request that follows it."""
    joined = next(index for index, one in enumerate(way) if one.kind in _JOINS)
    certified = next(index for index, one in enumerate(way) if one.kind == "RequestSecurityToken")
    wanted = _ENROLS | _JOINS
    return [one.cost for one in way[joined : certified + 1] if one.kind in wanted]


def _first_session(store: Store, ways: Sequence[Way], budget: float) -> Figure:
    """All messages of the first session: the hold, the inventory, everything that is assigned."""
    firsts = []
    for way in ways:
        messages = [one for one in way if one.kind == "session"]
        firsts.append([one.cost for one in next(iter(_sessions(messages)))])
    note = f"{len(firsts[0])} messages"
    return _figure("first session of a set-up", store, mean([total(costs) for costs in firsts]), budget, note)


def _sessions(messages: Way) -> list[list[Carried]]:
    return [list(some) for _, some in groupby(messages, key=lambda one: one.session)]


# --- contents -----------------------------------------------------------------------------------------------


async def _download(premises: Premises, megabytes: int) -> Cost:
    """A large package, by the signed address of an enrolment; the cost of one of its mebibytes."""
    content = bytes(range(256)) * (_MEBIBYTE // 256) * megabytes

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), _MEBIBYTE):
            yield content[start : start + _MEBIBYTE]

    stored = await premises.parts.blobs.put(chunks())
    uuid = await premises.parts.db.read(_an_enrolment)
    urls = premises.parts.keyring.content_urls
    url = urls.url_for(uuid, stored.sha256, "large.msi", now=premises.clock.now())
    costs = []
    for _ in range(1 + 3):
        async with premises.wire.send(Request(method="GET", url=url)) as answer:
            if answer.body != content:
                raise RuntimeError(f"the content came as {answer.status} with {len(answer.body):,} bytes")
        costs.append(premises.wire.carried[-1].cost)
    whole = mean(costs[1:])
    return Cost(whole.cpu / megabytes, whole.elapsed / megabytes)


def _an_enrolment(tx: Tx) -> UUID:
    uuid: UUID = tx.value(sa.select(enrolment.c.uuid).order_by(enrolment.c.id).limit(1))
    return uuid
