"""Short units of work, one after the other, each waited for: what the least request costs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

from joserfc.jwk import RSAKey

from reseal.directory.users import create_user
from reseal.kernel import events
from reseal.kernel.clock import SystemClock
from reseal.kernel.db import Database, Tx
from reseal.kernel.events import Sealer, Subject
from reseal.kernel.ids import TenantKey
from reseal.kernel.keys import OpenSslKeys
from reseal.signin.tokens import Claims, TokenSigner
from tools.bench import organisation
from tools.bench.figures import Figure
from tools.bench.measuring import mean, repeated
from tools.bench.sizes import Sizes
from tools.bench.stores import Store, opened

Operation = Callable[[int], Awaitable[object]]

BUDGETS = {
    "a write of nothing": 0.0004,
    "a read of nothing": 0.0004,
    "an event recorded and sealed": 0.0012,
    "a user created": 0.006,
}
"""Seconds of CPU."""
TWICE_ON_POSTGRESQL = frozenset({"an event recorded and sealed", "a user created"})
"""What takes several statements costs more where each is sent to a server."""
TOKEN = 0.001
_ISSUER = "https://bench.example"


async def figures(store: Store, sizes: Sizes) -> AsyncIterator[Figure]:
    """The units on one database, in an organisation without devices."""
    url = store.empty()
    async with opened(url) as db:
        made = await db.write(organisation.make, sizes.groups, sizes.users)
        for what, operation in _operations(db, made.tenant).items():
            cost = mean(await repeated(db, operation, sizes.repetitions))
            budget = BUDGETS[what] * (2 if store.is_remote and what in TWICE_ON_POSTGRESQL else 1)
            yield Figure(what, store.name, cost.cpu, budget, cost.elapsed, cost.statements)
    store.drop(url)


async def token(sizes: Sizes) -> Figure:
    """Issuing and verifying an access token; no database takes part."""
    signer = TokenSigner([RSAKey.import_key(OpenSslKeys().rsa(), {"kid": "bench"})])
    claims = Claims(UUID(int=1), UUID(int=2), "bench", frozenset({"Device.Read.All"}))
    now = datetime.now(UTC)

    async def issue_and_verify(number: int) -> None:
        text = signer.issue(claims, issuer=_ISSUER, now=now, token_id=UUID(int=number))
        signer.verify(text, now=now)

    cost = mean(await repeated(None, issue_and_verify, sizes.repetitions))
    return Figure("a token issued and verified", "", cost.cpu, TOKEN, cost.elapsed)


def _operations(db: Database, tenant: TenantKey) -> dict[str, Operation]:
    sealer = Sealer(db, SystemClock())

    async def write_nothing(_: int) -> None:
        await db.write(_nothing)

    async def read_nothing(_: int) -> None:
        await db.read(_nothing)

    async def record(number: int) -> None:
        await db.write(_record, tenant, number)
        if not db.seals_in_commit:
            await sealer.seal_now()

    async def create(number: int) -> None:
        upn = f"new{number}@{organisation.DOMAIN}"
        await db.write(create_user, tenant, upn, "New", attributes={"department": "Department 1"})

    operations = (write_nothing, read_nothing, record, create)
    return dict(zip(BUDGETS, operations, strict=True))


def _nothing(_tx: Tx) -> None:
    """The least unit of work."""


def _record(tx: Tx, tenant: TenantKey, number: int) -> None:
    subject = Subject("registration", UUID(int=number))
    events.record(tx, tenant, "registration.changed", subject, {"number": number, "groupTag": "sales"})
