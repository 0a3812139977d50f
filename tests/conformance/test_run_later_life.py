"""What comes after the first deployment, and how the report tells what took long or went well later."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reseal.deployment.model import State
from reseal.deployment.report_model import Status
from reseal.device.oobe.context import EndingKind
from reseal.device.registering import membership
from reseal.device.screens import ScreenId
from tests.support.rehearsing import USERS, app, policy, stage, virtual

DESKTOP = EndingKind.DESKTOP
RESEALED = EndingKind.POWERED_OFF_RESEALED
LOCK = "Policy/Config/DeviceLock/MaxInactivityTimeDeviceLock"
FAILURE = 0x80070643
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("by", ["reset", "disk"])
@virtual
async def test_autopilot_187_a_wiped_device_that_is_registered_deploys_again(by: str) -> None:
    """Wiped from the error page, or with another disk: for the server it is the device that it knows."""
    policies = [policy("Lock", LOCK, 10)]
    async with stage(apps=[app("Agent", failure=FAILURE)], policies=policies) as s:
        first = await s.user("adele")
        assert first.ending.kind is EndingKind.ERROR
        before = membership(s.disk)
        assert before is not None
        s.change("Agent", failure=None)
        if by == "disk":
            s.disk.wipe()
            visit = await s.user("diego")
        else:
            visit = await s.user("diego", resets=1)
        assert visit.ending.kind is DESKTOP
        assert visit.screens.count(ScreenId.SIGN_IN) == (2 if by == "reset" else 1)
        after = membership(s.disk)
        assert after is not None
        assert after.device_id == before.device_id
        assert after.certificate != before.certificate
        found = await s.world.admin.json("GET", "/devices")
        assert [one["isManaged"] for one in found["value"]] == [True]
        standing = await s.standing()
        assert [story.state for story, _ in standing.stories] == [State.ENDED, State.DESKTOP]
        assert [row.state for row in standing.rows] == [Status.FAILURE, Status.SUCCESS]
        assert (standing.primary, s.value(LOCK)) == (s.upn("diego"), "10")


@virtual
async def test_autopilot_189_a_deployment_over_an_hour_shows_how_it_really_ended() -> None:
    apps = [app("Agent", minutes=40), app("Reader", minutes=40)]
    apps.append(app("Notes", minutes=55, context="user", to=USERS))
    async with stage(esp={"installProgressTimeoutInMinutes": 120}, apps=apps) as s:

        async def look() -> None:
            row = await s.row()
            assert row.state is Status.IN_PROGRESS
            assert row.durations.technician > HOUR

        await s.technician(before={ScreenId.GREEN: [look]})
        assert (await s.user("adele")).ending.kind is DESKTOP
        (row,) = (await s.standing()).rows
        assert (row.state, row.device_setup, row.account_setup) == (Status.SUCCESS,) * 3
        assert row.durations.device_setup > HOUR
        assert row.durations.total > 2 * HOUR
        assert row.failure == ""


@virtual
async def test_autopilot_189_one_that_runs_out_of_time_after_an_hour_shows_that_too() -> None:
    async with stage(
        esp={"installProgressTimeoutInMinutes": 90},
        apps=[app("Agent", minutes=50), app("Reader", minutes=50)],
    ) as s:
        await s.technician()
        (row,) = (await s.standing()).rows
        assert (row.state, row.device_setup) == (Status.FAILURE, Status.FAILURE)
        assert row.durations.device_setup > HOUR
        assert row.failure.startswith("0x800705B4")


@virtual
async def test_autopilot_190_success_at_the_second_try_counts_as_success() -> None:
    async with stage(apps=[app("Agent", failure=FAILURE)]) as s:
        assert (await s.technician()).ending.kind is EndingKind.RED
        row = await s.row()
        assert (row.state, row.failure[:10]) == (Status.FAILURE, "0x80070643")
        s.change("Agent", failure=None)
        visit = await s.technician(retries=1)
        assert visit.ending.kind is RESEALED
        assert (await s.user("adele")).ending.kind is DESKTOP
        (row,) = (await s.standing()).rows
        assert (row.state, row.device_setup, row.account_setup) == (Status.SUCCESS,) * 3
        assert (row.failure, row.deviations) == ("", ())
        facts = [str((event.payload or {}).get("fact", "")) for event in await s.events("deployment.")]
        assert "Failed" in facts, "the log does not forget"
