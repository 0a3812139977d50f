"""What a managed device costs its server every day: check-ins with nothing to do, and those with work.

One laptop has gone through both flows and has everything that is assigned to it. Then an administrator
changes four policies again and again, and the laptop takes them in three messages: the first is given Adds,
the second says that the nodes exist and is given Replaces, the third says that all is done.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

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


async def figures(store: Store, sizes: Sizes) -> AsyncIterator[Figure]:
    """One laptop on one database."""
    url = store.empty()
    async with opened(url, 1) as premises:
        machine = premises.machine(1)
        await machine.technician_flow()
        await machine.user_flow()
        management = machine.management()
        yield await _idle("an idle check-in", premises, management, store, sizes)
        async for figure in _working(premises, management, store, sizes):
            yield figure
        await _sign_in(premises, machine, management)
        yield await _idle("an idle check-in with a user's token", premises, management, store, sizes)
    store.drop(url)


def _figure(what: str, store: Store, costs: Sequence[Cost], budget: float) -> Figure:
    cost = mean(costs)
    units = f"{cost.writes} units of writing"
    return Figure(what, store.name, cost.cpu, budget, cost.elapsed, cost.statements, units)


async def _sync(premises: Premises, management: Management) -> list[Cost]:
    """One session; what each of its messages cost."""
    premises.wire.carried = []
    await premises.clock.run(management.sync())
    return [one.cost for one in premises.wire.carried]


# --- nothing to do ------------------------------------------------------------------------------------------


async def _idle(what: str, premises: Premises, management: Management, store: Store, sizes: Sizes) -> Figure:
    await _settle(premises, management)
    costs = [await _sync(premises, management) for _ in range(sizes.repetitions + _WARM_UP)]
    return _figure(what, store, [cost for (cost,) in costs[_WARM_UP:]], IDLE)


async def _settle(premises: Premises, management: Management) -> None:
    """Hold sessions until there is nothing to do."""
    premises.clock.leap(_A_WHILE)  # by then nobody asks any more how the page ended
    for _ in range(_MOST_SESSIONS):
        costs = await _sync(premises, management)
        if len(costs) == 1 and costs[0].writes == 0:
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


async def _working(
    premises: Premises, management: Management, store: Store, sizes: Sizes
) -> AsyncIterator[Figure]:
    sessions = []
    for number in range(sizes.changes + _WARM_UP):
        await premises.parts.db.write(_change, premises, number, causes=premises.tenant)
        sessions.append(await _sync(premises, management))
    counted = sessions[_WARM_UP:]
    if any(len(session) != _MESSAGES for session in counted):
        raise RuntimeError(f"a session had {[len(session) for session in counted]} messages")
    budget = WORKING_REMOTE if store.is_remote else WORKING
    given, working, last = (list(costs) for costs in zip(*counted, strict=True))
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
