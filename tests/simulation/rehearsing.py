"""Rehearsals for tests: Contoso with changes, in a directory of its own, and what to ask of a run."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml

from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.simulation.guard import guarded
from reseal.kernel.simulation.loop import run
from reseal.rehearsal.faults import Faults
from reseal.rehearsal.player import Player
from reseal.rehearsal.result import Rehearsal
from reseal.rehearsal.run import cast, judge, play, rehearse
from reseal.rehearsal.scenario import read_scenario
from reseal.rehearsal.stage import Script, read_script
from reseal.rehearsal.world import START, World

CONTOSO = Path(__file__).parents[2] / "examples" / "contoso"
AGENT = "Contoso Device Agent"

QUICK: dict[str, Any] = {
    "rehearsal": 1,
    "stagger": 5,
    "usualMinutes": 8,
    "wifi": {"Contoso Office": "correct horse battery staple", "Cafe": ""},
}
"""A scenario in which installations take two minutes each."""

Change = Callable[[dict[str, Any]], None]
"""Changes the document of the tenant."""


def unchanged(_tenant: dict[str, Any]) -> None:
    """Contoso as it is."""


class Bench:
    """Contoso in a directory, ready to be rehearsed again and again."""

    def __init__(self, directory: Path, change: Change = unchanged) -> None:
        self.directory = directory / "contoso"
        shutil.copytree(CONTOSO, self.directory)
        tenant = yaml.safe_load((CONTOSO / "tenant.yaml").read_text("utf-8"))
        change(tenant)
        self.write("tenant.yaml", tenant)

    def write(self, name: str, document: dict[str, Any]) -> None:
        """Write a YAML file beside the tenant's."""
        file = self.directory / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")

    def script(self, *plan: dict[str, Any], **scenario: Any) -> Script:
        """What is to be rehearsed: plans for devices, and what else a scenario file says."""
        self.write("rehearsal.yaml", {**QUICK, **scenario, "plan": list(plan)})
        return read_script(read_scenario(self.directory))

    def rehearse(
        self, *plan: dict[str, Any], seed: int = 1, faults: Faults | None = None, **scenario: Any
    ) -> Rehearsal:
        """Play it, with the verdict."""
        return rehearse(self.script(*plan, **scenario), seed, faults=faults)

    def play(
        self,
        *plan: dict[str, Any],
        seed: int = 1,
        before: Callable[[World, list[Player]], None] | None = None,
        then: Callable[[World, list[Player]], Awaitable[Any]] | None = None,
        faults: Faults | None = None,
        **scenario: Any,
    ) -> Rehearsal:
        """Play it with somebody who may touch the world before, and look at it afterwards."""
        script = self.script(*plan, **scenario)

        async def scene() -> Rehearsal:
            opened = World.open(
                SeededEntropy(f"rehearsal {seed}"), start=START, access_points=script.scenario.wifi
            )
            async with opened as world:
                players = await cast(world, script, faults=faults)
                if before is not None:
                    before(world, players)
                await play(players, script.scenario.stagger)
                found = await judge(world, players, seed)
                if then is not None:
                    await then(world, players)
                return found

        with guarded():
            return run(scene())


def told(found: Rehearsal) -> str:
    """Everything that is not as expected, for the message of an assertion."""
    lines = [f"{device.serial}: {cause}" for device in found.devices for cause in device.causes]
    return "\n".join([*lines, *found.causes])
