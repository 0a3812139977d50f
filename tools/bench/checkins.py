"""What a managed device costs its server every day: check-ins with nothing to do, and those with work.

A crowd of laptops has gone through both flows, and they have everything that is assigned to them. They come
all at once, as devices do that poll a busy server. Then an administrator changes four policies again and
again, and each laptop takes them in three messages: the first is given Adds, the second says that the nodes
exist and is given Replaces, the third says that all is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from reseal.catalog.model import Kind, PolicyBody
from reseal.catalog.service import find_item, update_item
from reseal.device.management import Management
from reseal.directory.tenants import tenant_by_id
from reseal.directory.users import find_user
from reseal.kernel.db import Tx
from reseal.signin.tokens import MDM_AUDIENCES, AccessClaims
from reseal.wire.syncml import LoginStatus
from tools.bench.figures import Figure
from tools.bench.measuring import Cost, mean
from tools.bench.premises import Machine, Premises, opened
from tools.bench.sizes import Sizes
from tools.bench.stores import Store

IDLE: Final = 0.001
WORKING, WORKING_REMOTE = 0.0014, 0.003
"""Seconds of CPU: design 7."""
GIVEN: Final = 6.0
"""A message for which everything is worked out anew costs at most so many working ones."""

CHANGED: Final = ("Device lock", "Telemetry least", "Help desk number", "Defender on")
_MESSAGES: Final = 3
_A_WHILE: Final = timedelta(hours=2)
_MOST_SESSIONS: Final = 12
_WARM_UP: Final = 3


Fleet = Sequence[tuple[Machine, Management]]
Session = Sequence[Cost]
"""What each message of a device's session cost."""


async def figures(store: Store, sizes: Sizes) -> AsyncIterator[Figure]:
    """A crowd of laptops on one database."""
    url = store.empty()
    async with opened(url, sizes.crowd) as premises:
        fleet = [await _at_desktop(premises, number) for number in range(1, sizes.crowd + 1)]
        yield await _idle("an idle check-in", premises, fleet, store, sizes)
        async for figure in _working(premises, fleet, store, sizes):
            yield figure
        for machine, management in fleet:
            await _sign_in(premises, machine, management)
        yield await _idle("an idle check-in with a user's token", premises, fleet, store, sizes)
    store.drop(url)


async def _at_desktop(premises: Premises, number: int) -> tuple[Machine, Management]:
    machine = premises.machine(number)
    await machine.technician_flow()
    await machine.user_flow()
    return machine, machine.management()


def _figure(what: str, store: Store, costs: Sequence[Cost], budget: float) -> Figure:
    cost = mean(costs)
    units = f"{cost.writes:g} units of writing"
    return Figure(what, store.name, cost.cpu, budget, cost.elapsed, cost.statements, units)


async def _together(premises: Premises, fleet: Fleet) -> list[Session]:
    """A session of each device; their first messages come at once, then their second ones, and so on."""
    premises.wire.carried = []

    async def hold(management: Management, leave: Callable[[], None]) -> None:
        await management.sync()
        leave()

    async with premises.wire.crowd(len(fleet)) as leave:
        sessions = asyncio.gather(*(hold(management, leave) for _, management in fleet))
        await premises.clock.run(_finished(sessions))
    costs: dict[str, list[Cost]] = {}
    for one in premises.wire.carried:
        costs.setdefault(one.device, []).append(one.cost)
    return list(costs.values())


async def _finished(work: asyncio.Future[Any]) -> None:
    await work


# --- nothing to do ------------------------------------------------------------------------------------------


async def _idle(what: str, premises: Premises, fleet: Fleet, store: Store, sizes: Sizes) -> Figure:
    await _settle(premises, fleet)
    rounds = [await _together(premises, fleet) for _ in range(sizes.rounds + _WARM_UP)]
    costs = [cost for sessions in rounds[_WARM_UP:] for (cost,) in sessions]
    return _figure(what, store, costs, IDLE)


async def _settle(premises: Premises, fleet: Fleet) -> None:
    """Hold sessions until there is nothing to do."""
    premises.clock.leap(_A_WHILE)  # by then nobody asks any more how the page ended
    for _ in range(_MOST_SESSIONS):
        sessions = await _together(premises, fleet)
        if all(len(costs) == 1 and costs[0].writes == 0 for costs in sessions):
            return
    raise RuntimeError(f"after {_MOST_SESSIONS} sessions there is still something to do")


async def _sign_in(premises: Premises, machine: Machine, management: Management) -> None:
    """Its user is there, with a token that stays the same as long as it is good."""
    claims = await premises.parts.db.read(_claims, premises, machine.upn)
    token = premises.parts.keyring.signer.issue_access(
        claims,
        issuer=f"{premises.parts.public_url}/",
        now=premises.clock.now() + _A_WHILE,
        token_id=premises.parts.entropy.uuid(),
    )

    async def source() -> str:
        return token

    management.user, management.user_token, management.login = machine.upn, source, LoginStatus.USER


def _claims(tx: Tx, premises: Premises, upn: str) -> AccessClaims:
    user = find_user(tx, premises.tenant, upn)
    assert user is not None
    return AccessClaims(
        tenant_id=tenant_by_id(tx, premises.tenant).uuid,
        audience=MDM_AUDIENCES[0],
        client_id=premises.parts.entropy.uuid(),
        user_id=user.uuid,
        upn=upn,
        device_id=None,
    )


# --- something to do ----------------------------------------------------------------------------------------


async def _working(premises: Premises, fleet: Fleet, store: Store, sizes: Sizes) -> AsyncIterator[Figure]:
    sessions: list[Session] = []
    for number in range(sizes.rounds + _WARM_UP):
        await premises.parts.db.write(_change, premises, number, causes=premises.tenant)
        held = await _together(premises, fleet)
        sessions += held if number >= _WARM_UP else []
    if any(len(session) != _MESSAGES for session in sessions):
        raise RuntimeError(f"sessions had {sorted({len(session) for session in sessions})} messages")
    budget = WORKING_REMOTE if store.is_remote else WORKING
    given, working, last = (list(costs) for costs in zip(*sessions, strict=True))
    yield _figure("a working check-in: four outcomes, four commands", store, working, budget)
    yield _figure("a check-in with the last four outcomes", store, last, 2 * budget)
    yield _figure("a check-in after a change of policies", store, given, GIVEN * budget)


def _change(tx: Tx, premises: Premises, number: int) -> None:
    """Give every setting of four policies another value."""
    for name in CHANGED:
        found = find_item(tx, premises.tenant, Kind.POLICY, name)
        assert found is not None
        assert isinstance(found.body, PolicyBody)
        settings = [replace(each, value=str(2 + number)) for each in found.body.settings[:1]]
        body = replace(found.body, settings=(*settings, *found.body.settings[1:]))
        update_item(tx, premises.tenant, found.id, body=body)
