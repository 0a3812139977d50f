"""Counting what a piece of work costs: CPU time of this process, elapsed time, statements."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from reseal.kernel.db import Database


@dataclass(slots=True)
class Cost:
    """What some work took. Times in seconds; `statements` are those that units executed, without BEGIN,
    SAVEPOINT and COMMIT; `writes` are units that may write.
    """

    cpu: float = 0.0
    elapsed: float = 0.0
    statements: float = 0
    writes: float = 0


@contextmanager
def metered(db: Database | None = None) -> Iterator[Cost]:
    """Measures its block; the cost is filled in when the block ends."""
    cost = Cost()
    before = replace(db.stats) if db else None
    elapsed, cpu = time.perf_counter(), time.process_time()
    yield cost
    cost.cpu = time.process_time() - cpu
    cost.elapsed = time.perf_counter() - elapsed
    if db and before:
        cost.statements = db.stats.statements - before.statements
        cost.writes = db.stats.write_units - before.write_units


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


class Host:
    """What the host of a virtual machine takes away from it while it wants to compute."""

    def __init__(self) -> None:
        self._before = _ticks()

    def stolen(self) -> float:
        """The share of the wanted time that was taken away since this was made; 0 where nobody tells."""
        stolen, wanted = (now - then for now, then in zip(_ticks(), self._before, strict=True))
        return stolen / wanted if wanted else 0.0


def _ticks() -> tuple[int, int]:
    """Stolen and wanted time of all processors since the start, in ticks (proc(5), `/proc/stat`)."""
    try:
        user, nice, system, _idle, _waiting, irq, softirq, stolen, *_ = map(
            int, Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
        )
    except (OSError, ValueError):
        return 0, 0
    return stolen, user + nice + system + irq + softirq + stolen


def mean(costs: Sequence[Cost], of: int | None = None) -> Cost:
    """The cost of one run on average; `of` is how many runs these are, if not one each."""
    count, whole = of or len(costs), total(costs)
    return Cost(
        cpu=whole.cpu / count,
        elapsed=whole.elapsed / count,
        statements=whole.statements / count,
        writes=whole.writes / count,
    )


def total(costs: Iterable[Cost]) -> Cost:
    """What all of them took together."""
    whole = Cost()
    for cost in costs:
        whole.cpu += cost.cpu
        whole.elapsed += cost.elapsed
        whole.statements += cost.statements
        whole.writes += cost.writes
    return whole


def percentile(costs: Sequence[Cost], share: float) -> Cost:
    """The run that `share` of all runs do not exceed in CPU time."""
    ranked = sorted(costs, key=lambda cost: cost.cpu)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]
