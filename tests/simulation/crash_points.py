"""One laptop through both flows, with the server killed at commits and the laptop's power cut at writes.

A *point* is before or after a commit of the server, or before or after a write to the disk of the laptop,
each counted from the laptop's first power-on; in a run without crashes the same seed gives the same numbers.
A killed server comes again after five seconds, with what was committed; a laptop without power is switched on
again after thirty, with what was synced. People try again, as people do.

To see what one point does, with everything that the laptop told:

    .venv/bin/python -m tests.simulation.crash_points --seed 1 'before commit 57' 'after write 90'
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from reseal.catalog.model import AppBody
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.events import SealedEvent
from reseal.kernel.events.chain import event
from reseal.kernel.simulation.guard import guarded
from reseal.kernel.simulation.loop import HangFound, run
from reseal.managed.wanted import Delivery
from reseal.rehearsal.evidence import Evidence
from reseal.rehearsal.faults import NO_FAULTS, Faults
from reseal.rehearsal.player import Player
from reseal.rehearsal.record import all_events
from reseal.rehearsal.run import cast, judge, play
from reseal.rehearsal.stage import Script
from reseal.rehearsal.standing import standing_of
from reseal.rehearsal.world import START, World
from tests.simulation.acknowledged import unpaid
from tests.simulation.rehearsing import AGENT, CONTOSO, Bench, told
from tests.support.hearing import Ear, Heard, Place

Moment = Literal["before", "after"]
Of = Literal["commit", "write"]

BAD_NETWORK = Faults(delay=200, loss=20, answer_loss=20, cut=20, duplicate=20, patience=10_000)
NOTES = "Contoso Notes"
_LAST = sa.select(event.c.id, event.c.position, event.c.digest).order_by(event.c.id.desc()).limit(1)
_POLICIES = {"Device lock", "Firewall on", "Start page"}
_POINT = re.compile(r"(before|after) (commit|write) ([0-9]+)")


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """Where something crashes."""

    of: Of
    moment: Moment
    number: int

    @classmethod
    def parse(cls, text: str) -> Point:
        """A point from its words."""
        found = _POINT.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no point, such as 'before commit 57' or 'after write 90'")
        moment, of, number = found.groups()
        return cls(of, moment, int(number))  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.moment} {self.of} {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of a run."""

    wrong: tuple[str, ...]
    """What must not be, in sentences."""
    missed: tuple[Point, ...] = ()
    """Points that the run did not come to."""
    commits: int = 0
    writes: int = 0
    kills: int = 0
    cuts: int = 0
    took: timedelta = timedelta(0)
    heard: tuple[Heard, ...] = ()
    events: tuple[SealedEvent, ...] = ()
    shall: tuple[Delivery, ...] = ()
    """What the laptop was to have."""
    log: tuple[str, ...] = ()
    """What it told of itself."""


def play_with(
    script: Script, points: Sequence[Point] = (), *, seed: int = 1, faults: Faults = NO_FAULTS
) -> Run:
    """Go through both flows, crashing at these points."""

    async def scene() -> Run:
        networks = script.scenario.wifi
        opened = World.open(SeededEntropy(f"crashes {seed}"), start=START, access_points=networks)
        async with opened as world:
            (player,) = await cast(world, script, faults=faults)
            return await _play(world, player, points)

    try:
        with guarded():
            return run(scene())
    except HangFound as error:
        return Run(wrong=(str(error),))


async def _play(world: World, player: Player, points: Sequence[Point]) -> Run:
    commits, writes = world.commits, player.disk.writes
    left = set(points)

    def strikes(of: Of, since: int, moment: Moment, number: int) -> bool:
        point = Point(of, moment, number - since)
        is_struck = point in left
        left.discard(point)
        return is_struck

    world.kill_when(functools.partial(strikes, "commit", commits))
    player.cut_power_when(functools.partial(strikes, "write", writes))
    player.bears_trouble = True
    heard: list[Heard] = []

    def last() -> Place:
        (found,) = world.committed(_LAST)
        return found.id, found.position, found.digest

    player.tap(lambda line: Ear(line, last, heard.append))
    await play([player], timedelta(0))
    world.kill_when(lambda _moment, _number: False)
    found = await judge(world, [player])
    standing = await world.db.read(standing_of, world.tenant, player.candidate.name)
    shall = () if standing is None else standing.shall
    log = await world.db.read(all_events, world.tenant)
    return Run(
        wrong=(
            *told(found).splitlines(),
            *not_installed_once(Evidence.of(player.disk, world.clock), shall),
            *unpaid(heard, log, shall),
        ),
        missed=tuple(sorted(left)),
        commits=world.commits - commits,
        writes=player.disk.writes - writes,
        kills=world.kills,
        cuts=player.cuts,
        took=player.over - player.begun,
        heard=tuple(heard),
        events=tuple(log),
        shall=shall,
        log=tuple(f"{at} {what} {about}" for at, what, about in player.log),
    )


def not_installed_once(device: Evidence, shall: Sequence[Delivery]) -> Iterator[str]:
    """Of each product and version there is one `end` in the journal; what was begun is ended or undone."""
    journal = device.journal
    ends = Counter((entry.product.key[1], entry.product.version) for entry in journal if entry.step == "end")
    bodies = [each.item.body for each in shall]
    apps = [body for body in bodies if isinstance(body, AppBody)]
    wanted = Counter((app.product_code.casefold(), app.product_version) for app in apps)
    if ends != wanted:
        yield f"ends in the journal: {dict(ends)}, wanted: {dict(wanted)}"
    steps = Counter(entry.step for entry in journal)
    if steps["begin"] != steps["end"] + steps["rollback"]:
        yield f"the journal is not closed: {dict(steps)}"


# --- who, where, what ---------------------------------------------------------------------------------------


def small_script(directory: Path) -> Script:
    """A small part of Contoso: three policies, a certificate, a network, and an app of each kind. The files
    are read from the directory in each run.
    """
    bench = Bench(directory, _small)
    rows = (CONTOSO / "devices.csv").read_text("ascii").splitlines()
    first = ",".join([*rows[1].split(",")[:3], "", ""])
    (bench.directory / "devices.csv").write_text(f"{rows[0]}\n{first}\n", "ascii")
    times = {AGENT: {"minutes": 2}, NOTES: {"minutes": 1}}
    return bench.script({"devices": 1, "user": "adele"}, apps=times, stagger=0)


def _small(tenant: dict[str, Any]) -> None:
    for name in ("branding", "groups"):
        del tenant[name]
    tenant["users"] = tenant["users"][:1]
    tenant["profiles"] = tenant["profiles"][:1]
    tenant["policies"] = [each for each in tenant["policies"] if each["name"] in _POLICIES]
    tenant["apps"] = [each for each in tenant["apps"] if each["name"] in {AGENT, NOTES}]
    page = tenant["enrollmentStatusPages"][1]
    tenant["enrollmentStatusPages"] = [{**page, "assign": [{"all": "devices"}]}]


def main() -> None:
    """Play the points of the command line and tell what happened."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bad-network", action="store_true")
    parser.add_argument("points", nargs="*", type=Point.parse)
    said = parser.parse_args()
    faults = BAD_NETWORK if said.bad_network else NO_FAULTS
    with tempfile.TemporaryDirectory() as directory:
        found = play_with(small_script(Path(directory)), said.points, seed=said.seed, faults=faults)
    lines = [
        *found.log,
        f"{found.commits} commits, {found.writes} writes, {found.kills} kills, {found.cuts} cuts",
        f"{found.took} of virtual time, {len(found.heard)} answers, {len(found.events)} events",
        *(f"{point} was never reached" for point in found.missed),
        *(found.wrong or ("Everything is as it must be.",)),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
