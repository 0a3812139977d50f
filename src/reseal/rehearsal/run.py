"""Playing a rehearsal: one world, many devices at once, and at the end a verdict on each."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from reseal.device.waiting import TimeUp, within
from reseal.kernel import events
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.events import SealedEvent
from reseal.kernel.simulation.guard import guarded
from reseal.kernel.simulation.loop import run as on_virtual_time
from reseal.rehearsal.evidence import Evidence
from reseal.rehearsal.faults import Faults
from reseal.rehearsal.player import Note as Note
from reseal.rehearsal.player import Player, Tell
from reseal.rehearsal.record import all_events, event_line
from reseal.rehearsal.result import DeviceResult, Rehearsal
from reseal.rehearsal.stage import Script, hints_of, set_stage
from reseal.rehearsal.standing import standing_of
from reseal.rehearsal.verdict import Case, causes
from reseal.rehearsal.world import START, World

LONGEST: Final = timedelta(days=2)
"""A device that has not come to rest by then never will."""


def rehearse(
    script: Script, seed: int, *, faults: Faults | None = None, tell: Tell = lambda _: None
) -> Rehearsal:
    """Play a scenario under a seed; `faults` instead of the scenario's own.

    Raises what the description of the tenant or the list of devices is refused with, and `HangFound` if
    everybody waits for ever.
    """
    with guarded():
        return on_virtual_time(_rehearse(script, seed, faults, tell))


async def _rehearse(script: Script, seed: int, faults: Faults | None, tell: Tell) -> Rehearsal:
    scenario = script.scenario
    opened = World.open(
        SeededEntropy(f"rehearsal {seed}"),
        start=scenario.start or START,
        domain=scenario.domain,
        access_points=scenario.wifi,
    )
    async with opened as world:
        players = await cast(world, script, faults=faults, tell=tell)
        await play(players, scenario.stagger)
        return await judge(world, players, seed)


async def cast(
    world: World, script: Script, *, faults: Faults | None = None, tell: Tell = lambda _: None
) -> list[Player]:
    """Set the stage, and give every device that takes part its player."""
    candidates = await set_stage(world, script)
    hints = hints_of(script)
    chosen = script.scenario.faults if faults is None else faults
    return [
        Player(
            world=world,
            candidate=candidate,
            hints=hints,
            overlays=script.overlays,
            faults=chosen,
            tell=tell,
        )
        for candidate in candidates
    ]


async def play(players: list[Player], stagger: timedelta) -> None:
    """Let all devices go through their plans, one beginning after the other."""
    await asyncio.gather(*(_play(player, stagger * number) for number, player in enumerate(players)))


async def _play(player: Player, after: timedelta) -> None:
    try:
        await within(player.clock, LONGEST, player.play(after))
    except TimeUp:
        player.give_up()


async def judge(world: World, players: list[Player], seed: int = 0) -> Rehearsal:
    """Read everything back."""
    await world.up()
    await world.network.quiet()
    log = await world.db.read(events.verify, world.tenant)
    told = tuple(await world.db.read(all_events, world.tenant))
    results = [await _judge(world, player, told) for player in players]
    wrong = [f"{each.method} {each.path}: {each.error!r}" for each in world.network.fallen]
    if not log.intact:
        wrong.append(f"The log of events is broken at {log.broken_at}: {log.reason}")
    return Rehearsal(
        seed=seed,
        devices=tuple(results),
        causes=tuple(wrong),
        took=world.clock.monotonic(),
        requests=world.network.wire.requests,
        events=tuple(event_line(event) for event in told),
        wire=world.network.wire.hex,
    )


async def _judge(world: World, player: Player, log: tuple[SealedEvent, ...]) -> DeviceResult:
    candidate = player.candidate
    standing = await world.db.read(standing_of, world.tenant, candidate.name)
    if standing is None:
        found: tuple[str, ...] = ("It is not registered any more.",)
    else:
        case = Case(
            expected=candidate.plan.expect,
            ended=player.ended,
            message=player.message,
            upn=player.upn,
            device=Evidence.of(player.disk, world.clock),
            server=standing,
            log=log,
        )
        found = (*player.unmet, *causes(case))
    return DeviceResult(
        number=candidate.number,
        serial=candidate.name,
        upn=player.upn,
        expected=candidate.plan.expect,
        ended=player.ended,
        took=player.over - player.begun,
        causes=found,
    )
