"""Whole runs of the modelled Windows device against the server's sessions, on virtual time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from reseal.deployment.model import State
from reseal.device.quirks import ALL, Quirk
from reseal.device.status_page import Outcome
from reseal.managed.model import ItemState
from reseal.wire.syncml import LoginStatus
from tests.store.managed.world import CAMERA, WALLPAPER
from tests.store.mdm.sessions_stage import AGENT, Stage, play


async def _both_flows(stage: Stage) -> None:
    assert await stage.technician() is Outcome.SUCCEEDED
    assert (await stage.story()).state is State.GREEN
    assert stage.has(CAMERA.uri) == "0"
    await stage.clock.sleep(timedelta(days=3))
    assert await stage.user() is Outcome.SUCCEEDED
    story = await stage.story()
    assert (story.state, story.upn) == (State.DESKTOP, "adele@contoso.test")
    assert stage.has(WALLPAPER.uri) == "1"
    items = await stage.database.read(stage.world.named)
    assert {item.state for item in items.values()} == {ItemState.DONE}
    assert items["", "Agent"].attempt <= 3


@pytest.mark.parametrize("quirks", [(), ALL, ALL | {Quirk.KEEPS_FINISHED}], ids=["plain", "quirks", "kept"])
def test_both_flows_arrive(quirks: Iterable[Quirk]) -> None:
    play(_both_flows, quirks)


@pytest.mark.parametrize("loss", [str(seed) for seed in range(6)])
def test_both_flows_arrive_over_a_bad_line(loss: str) -> None:
    play(_both_flows, ALL, loss)


async def _retried(stage: Stage) -> None:
    """The installation fails, is cured, and somebody presses Retry."""
    stage.hints(failures={AGENT.product_code: 0x80070643})
    assert await stage.technician() is Outcome.FAILED
    story = await stage.story()
    assert (story.state, story.error_code) == (State.RED, "0x80070643")
    stage.hints(failures={})
    assert await stage.retry() is Outcome.SUCCEEDED
    assert (await stage.story()).state is State.GREEN
    assert await stage.user() is Outcome.SUCCEEDED
    assert (await stage.story()).state is State.DESKTOP


async def _slow(stage: Stage) -> None:
    """The installation takes longer than the page waits."""
    stage.hints(times={AGENT.product_code: timedelta(minutes=75)})
    assert await stage.technician() is not Outcome.SUCCEEDED
    story = await stage.story()
    assert (story.state, story.timed_out) == (State.RED, True)
    stage.hints(times={})
    assert await stage.retry() is Outcome.SUCCEEDED
    assert (await stage.story()).state is State.GREEN


async def _account_times_out(stage: Stage) -> None:
    """No token comes, so nothing of the user's is sent, until he presses Try again and signs in anew."""
    assert await stage.technician() is Outcome.SUCCEEDED
    assert await stage.user(with_token=False) is not Outcome.SUCCEEDED
    assert (await stage.story()).state is State.USER_ACCOUNT_SETUP, "the server waits for a user it knows"
    stage.device.login, stage.device.user = LoginStatus.OTHERS, None
    assert await stage.user(restart=False) is Outcome.SUCCEEDED
    assert (await stage.story()).state is State.DESKTOP


@pytest.mark.parametrize("story", [_retried, _slow, _account_times_out])
@pytest.mark.parametrize("quirks", [(), ALL], ids=["plain", "quirks"])
def test_a_page_that_failed_begins_anew(story: Any, quirks: Iterable[Quirk]) -> None:
    play(story, quirks)


async def _hasty(stage: Stage) -> None:
    assert await stage.technician(linger=timedelta(0)) is Outcome.SUCCEEDED
    assert (await stage.story()).state in {State.TECHNICIAN_RELEASING, State.GREEN}
    assert await stage.user() is Outcome.SUCCEEDED
    assert (await stage.story()).state is State.DESKTOP


@pytest.mark.parametrize("loss", ["", "9"])
@pytest.mark.parametrize("quirks", [(), ALL], ids=["plain", "quirks"])
def test_a_device_that_is_resealed_before_the_server_knows_arrives_all_the_same(
    quirks: Iterable[Quirk], loss: str
) -> None:
    play(_hasty, quirks, loss)
