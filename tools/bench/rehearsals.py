"""What a rehearsal costs: the sample scenario, in a process of its own, because it allows no other loop.

An hour of a device is an hour of its virtual time, from its first power-on to its desktop; the cost is that
of everything, server and devices and the reading back at the end.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from reseal.kernel.clock import SystemClock
from reseal.kernel.logs import configure_logs
from reseal.rehearsal.run import rehearse
from reseal.rehearsal.scenario import read_scenario
from reseal.rehearsal.stage import read_script
from reseal.server.running import collect_seldom
from tools.bench.figures import Figure
from tools.bench.measuring import Cost, metered
from tools.bench.sizes import Sizes

BUDGET: Final = 2.0
"""Seconds of CPU for an hour of one device."""

_ROOT = Path(__file__).resolve().parents[2]
_SEED = 7
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Report:
    """What was rehearsed, and what that took."""

    cost: Cost
    hours: float
    """Of all devices together."""
    requests: int


async def figure(sizes: Sizes) -> Figure:
    """The cost of an hour of a device."""
    command = [sys.executable, "-m", "tools.bench.rehearsals", str(sizes.rehearsed)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=_ROOT)
    answer, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    told = json.loads(answer)
    report = Report(Cost(**told["cost"]), told["hours"], told["requests"])
    return Figure(
        "an hour of a rehearsed device",
        "",
        measured=report.cost.cpu / report.hours,
        budget=BUDGET,
        elapsed=report.cost.elapsed / report.hours,
        note=f"{sizes.rehearsed} devices, {report.hours:.1f} hours, {report.requests:,} requests",
    )


def _rehearse(count: int) -> Report:
    collect_seldom()
    configure_logs(clock=SystemClock(), level="warning")
    script = read_script(read_scenario(_ROOT / "examples" / "contoso"), count)
    with metered() as cost:
        rehearsal = rehearse(script, _SEED)
    if not rehearsal.arrived:
        raise RuntimeError(f"not every device arrived: {rehearsal.to_json()}")
    hours = sum(device.took.total_seconds() for device in rehearsal.devices) / _HOUR
    return Report(cost, hours, rehearsal.requests)


if __name__ == "__main__":
    print(json.dumps(asdict(_rehearse(int(sys.argv[1])))))
