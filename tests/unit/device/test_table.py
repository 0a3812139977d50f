"""The machine of screens: its table is whole, and whatever runs beside it ends with it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from reseal.device.oobe.background import Background
from reseal.device.oobe.diagram import diagram
from reseal.device.oobe.machine import HANDLERS
from reseal.device.oobe.table import TRANSITIONS, Outcome, Step, edges
from reseal.kernel.clock import VirtualClock
from tests.unit.device.laptops import simulated

SECOND = timedelta(seconds=1)
FAILING = (
    Step.PROFILE,
    Step.SECURE,
    Step.JOIN,
    Step.ENROL,
    Step.PREPARE,
    Step.DEVICE_SETUP,
    Step.SIGN_IN,
    Step.USER_JOIN,
    Step.USER_ENROL,
    Step.ACCOUNT_SETUP,
    Step.STOPPED,
    Step.RESTART,
)
"""Steps that ask a server or count something."""
TECHNICIANS = {Step.SECURE, Step.JOIN, Step.ENROL}


def test_every_step_has_a_handler_and_a_row() -> None:
    assert set(TRANSITIONS) == set(Step)
    assert set(HANDLERS) == set(Step) - {Step.OFF}


def test_every_step_is_reached_and_leads_to_the_end() -> None:
    onward: dict[Step, set[Step]] = {step: set() for step in Step}
    for step, _, target in edges():
        onward[step].add(target)
    reached = {Step.START}
    while (more := {target for step in reached for target in onward[step]}) - reached:
        reached |= more
    assert reached == set(Step)
    ends = {Step.OFF}
    while (more := {step for step in Step if onward[step] & ends}) - ends:
        ends |= more
    assert ends == set(Step)


@pytest.mark.parametrize("step", FAILING)
def test_what_can_fail_has_somewhere_to_fail_to(step: Step) -> None:
    outcomes = TRANSITIONS[step]
    assert (Outcome.RED if step in TECHNICIANS else Outcome.ERROR) in outcomes


@pytest.mark.parametrize(
    "step", [Step.LANGUAGE, Step.REGION, Step.KEYBOARD, Step.LICENCE_TERMS, Step.SIGN_IN]
)
def test_five_presses_lead_to_the_choice(step: Step) -> None:
    assert TRANSITIONS[step][Outcome.FIVE_PRESSES] is Step.CHOICE


def test_no_page_after_the_sign_in_takes_five_presses() -> None:
    takes = {step for step, outcome, _ in edges() if outcome is Outcome.FIVE_PRESSES}
    assert takes == {
        Step.LANGUAGE,
        Step.REGION,
        Step.KEYBOARD,
        Step.SECOND_KEYBOARD,
        Step.NETWORK,
        Step.LICENCE_TERMS,
        Step.SIGN_IN,
    }


class PowerLost(BaseException):
    """The power is gone."""


def test_what_fails_beside_the_machine_ends_it() -> None:
    async def main(clock: VirtualClock) -> None:
        background = Background()

        async def beside() -> None:
            await clock.sleep(SECOND)
            raise PowerLost

        async def machine() -> None:
            background.start(beside())
            await clock.sleep(9 * SECOND)

        with pytest.raises(PowerLost):
            await background.guard(machine())
        assert clock.monotonic() == SECOND

    simulated(main)


def test_what_runs_beside_ends_with_the_machine_and_when_it_is_stopped() -> None:
    async def main(clock: VirtualClock) -> None:
        background = Background()
        ended: list[str] = []

        async def beside(name: str) -> None:
            try:
                await clock.sleep(99 * SECOND)
            finally:
                ended.append(name)

        async def machine() -> str:
            background.start(beside("first"))
            background.start(beside("not begun"))
            await clock.sleep(SECOND)
            await background.stop()
            background.start(beside("second"))
            await clock.sleep(SECOND)
            return "off"

        assert await background.guard(machine()) == "off"
        assert ended == ["first", "second"]
        task = asyncio.get_running_loop().create_task(background.guard(machine()))
        await clock.sleep(SECOND / 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    simulated(main)


def test_the_picture_in_the_documentation_is_the_table() -> None:
    page = Path("docs/engineer/laptop.md").read_text()
    assert page.endswith(diagram()), "run tools/oobe_steps.py"
