"""Counting what a piece of work costs: CPU time of this process, elapsed time, statements."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from reseal.kernel.db import Database


@dataclass(slots=True)
class Cost:
    """What some work took. Times in seconds; `statements` are those that units executed, without BEGIN,
    SAVEPOINT and COMMIT.
    """

    cpu: float = 0.0
    elapsed: float = 0.0
    statements: int = 0


@contextmanager
def metered(db: Database | None = None) -> Iterator[Cost]:
    """Measures its block; the cost is filled in when the block ends."""
    cost = Cost()
    statements = db.stats.statements if db else 0
    elapsed, cpu = time.perf_counter(), time.process_time()
    yield cost
    cost.cpu = time.process_time() - cpu
    cost.elapsed = time.perf_counter() - elapsed
    cost.statements = db.stats.statements - statements if db else 0


async def repeated(
    db: Database | None, operation: Callable[[int], Awaitable[object]], times: int, warm_up: int = 3
) -> list[Cost]:
    """The cost of each of so many runs. `operation` gets the number of the run; the first ones, which fill
    caches, do not count.
    """
    costs = []
    for number in range(warm_up + times):
        with metered(db) as cost:
            await operation(number)
        if number >= warm_up:
            costs.append(cost)
    return costs


def mean(costs: list[Cost]) -> Cost:
    """The cost of one run on average, statements rounded up."""
    count = len(costs)
    return Cost(
        cpu=sum(cost.cpu for cost in costs) / count,
        elapsed=sum(cost.elapsed for cost in costs) / count,
        statements=-(-sum(cost.statements for cost in costs) // count),
    )


def percentile(costs: list[Cost], share: float) -> Cost:
    """The run that `share` of all runs do not exceed in CPU time."""
    ranked = sorted(costs, key=lambda cost: cost.cpu)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]
