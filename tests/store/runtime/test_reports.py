"""What devices tell, and what they are told to wait for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from reseal.deployment.facts import Enrolled, Flow, Phase, PhaseBegun, Released, Resealed
from reseal.deployment.service import observe
from reseal.runtime import reports as reports_module
from reseal.runtime import runs as runs_module
from reseal.wire.runtime.messages import Blocker, Report, ReportKind, Reports, ReportsTaken, decode, encode
from tests.store.join.bench import Bench, Laptop, refusal

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def report(number: int, kind: ReportKind = ReportKind.PAGE_SHOWN, **values: Any) -> Report:
    return Report(number=number, at=AT, kind=kind, **{"screen": "language", **values})


async def send(bench: Bench, run: str, *reports: Report, by: Laptop | None = None) -> httpx2.Response:
    return await bench.post("/runtime/v1/reports", encode(Reports(reports=reports)), laptop=by, bearer=run)


async def up_to(bench: Bench, run: str, *reports: Report, by: Laptop | None = None) -> int:
    answer = await send(bench, run, *reports, by=by)
    assert answer.status_code == 200, answer.text
    return decode(answer.content, ReportsTaken).up_to


async def test_reports_are_kept_once_however_often_they_come(bench: Bench, laptop: Laptop) -> None:
    await bench.register(laptop)
    run = (await bench.profile(laptop)).run
    assert await up_to(bench, run, report(1), report(2)) == 2
    assert await up_to(bench, run, report(1), report(2), report(3)) == 3
    assert await up_to(bench, run, report(1)) == 3
    assert await up_to(bench, run) == 3
    told = await bench.events("device.reported")
    assert [one["number"] for one in told] == [1, 2, 3]
    assert (told[0]["kind"], told[0]["screen"], told[0]["at"]) == ("pageShown", "language", AT.isoformat())


async def test_numbers_that_the_device_gave_up_are_no_obstacle(bench: Bench, laptop: Laptop) -> None:
    await bench.register(laptop)
    run = (await bench.profile(laptop)).run
    assert await up_to(bench, run, report(5), report(9)) == 9
    assert await up_to(bench, run, report(7)) == 9


async def test_each_run_counts_for_itself(bench: Bench, laptop: Laptop) -> None:
    await bench.register(laptop)
    first, second = [(await bench.profile(laptop)).run for _ in range(2)]
    assert await up_to(bench, first, report(1)) == 1
    assert await up_to(bench, second, report(1)) == 1
    assert len(await bench.events("device.reported")) == 2


async def test_details_are_bounded_and_hold_no_secret(bench: Bench, laptop: Laptop) -> None:
    await bench.register(laptop)
    run = (await bench.profile(laptop)).run
    detail = {
        "seconds": 1.5,
        "password": "hunter2",
        "text": "x" * 1000,
        "many": list(range(100)),
        "deep": {"a": {"b": {"c": {"d": 1}}}},
        "größe": 2**70,
        "header": "Bearer abcdefgh12345678",
    }
    assert await up_to(bench, run, report(1, detail=detail, code="y" * 1000)) == 1
    (told,) = await bench.events("device.reported")
    kept = told["detail"]
    assert kept["seconds"] == "1.5"
    assert "password" not in kept
    assert (len(kept["text"]), len(kept["many"]), len(told["code"])) == (300, 20, 300)
    assert kept["gr??e"] == str(2**70)
    assert "abcdefgh" not in kept["header"]


async def test_what_comes_beyond_the_bound_is_acknowledged_only(
    bench: Bench, laptop: Laptop, monkeypatch
) -> None:
    monkeypatch.setattr(reports_module, "MOST_KEPT", 2)
    await bench.register(laptop)
    run = (await bench.profile(laptop)).run
    assert await up_to(bench, run, report(1), report(2), report(3)) == 3
    assert await up_to(bench, run, report(4)) == 4
    assert len(await bench.events("device.reported")) == 2


async def test_who_only_knows_the_hash_cannot_fill_the_log(
    bench: Bench, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is to be had for the hash: all runs together keep no more without proof than one."""
    monkeypatch.setattr(reports_module, "MOST_KEPT", 3)
    monkeypatch.setattr(reports_module, "MOST_UNPROVEN", 3)
    monkeypatch.setattr(runs_module, "RUNS_KEPT", 2)
    registration = await bench.register(laptop)
    for _ in range(6):  # so many that the first runs are forgotten
        run = (await bench.profile(laptop)).run
        assert await up_to(bench, run, report(1), report(2)) == 2
        bench.clock.pass_silently(timedelta(minutes=1))
    assert len(await bench.events("device.reported")) == 3

    await bench.provision(laptop, registration)
    run = (await bench.profile(laptop)).run
    assert await up_to(bench, run, *(report(number) for number in range(1, 6)), by=laptop) == 5
    told = [one["proven"] for one in await bench.events("device.reported")]
    assert told == [False] * 3 + [True] * 3

    bench.clock.pass_silently(timedelta(hours=24))
    run = (await bench.profile(laptop)).run
    assert await up_to(bench, run, report(1)) == 1
    assert len(await bench.events("device.reported")) == 7


async def test_too_many_at_once_are_refused(bench: Bench, laptop: Laptop) -> None:
    await bench.register(laptop)
    run = (await bench.profile(laptop)).run
    answer = await send(bench, run, *(report(number) for number in range(1, 202)))
    assert refusal(answer) == (413, "TooManyReports")


@pytest.mark.parametrize("number", [0, -1, 2**53, 2**63, 2**70])
async def test_a_number_that_no_device_counts_to_is_refused(
    bench: Bench, laptop: Laptop, number: int
) -> None:
    await bench.register(laptop)
    run = (await bench.profile(laptop)).run
    assert refusal(await send(bench, run, report(number))) == (400, "Document")
    assert await up_to(bench, run, report(2**53 - 1)) == 2**53 - 1


async def _green(bench: Bench, registration: int) -> None:
    for fact in (
        Enrolled(enrolment=7, user=None, in_oobe=True),
        PhaseBegun(Flow.TECHNICIAN, Phase.DEVICE, 3600),
        Released(Phase.DEVICE),
    ):
        await bench.write(observe, registration, fact)


async def test_a_reseal_and_a_page_that_was_left_reach_the_deployment(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    await bench.provision(laptop, registration)
    await _green(bench, registration.id)
    run = (await bench.profile(laptop)).run
    assert await up_to(bench, run, report(1, ReportKind.RESEALED), by=laptop) == 1
    assert await bench.state(registration) == "resealed"


async def test_what_somebody_else_reports_is_kept_and_not_believed(bench: Bench, laptop: Laptop) -> None:
    """A run is given to whoever knows the hash; only the device's certificate says that it is the device."""
    registration = await bench.register(laptop)
    await bench.provision(laptop, registration)
    await _green(bench, registration.id)
    run = (await bench.profile(laptop)).run

    assert await up_to(bench, run, report(1, ReportKind.RESEALED)) == 1

    assert await bench.state(registration) == "green"
    assert [one["proven"] for one in await bench.events("device.reported")] == [False]


async def test_who_only_knows_the_hash_does_not_begin_the_user_flow(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    await bench.provision(laptop, registration)
    await _green(bench, registration.id)
    await bench.write(observe, registration.id, Resealed())
    certificate, laptop.certificate = laptop.certificate, None

    await bench.profile(laptop)
    assert await bench.state(registration) == "resealed"

    laptop.certificate = certificate
    await bench.profile(laptop)
    assert await bench.state(registration) == "userSignIn"


async def test_the_blocker_is_what_the_deployment_says(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    run = (await bench.profile(laptop)).run

    async def blocker() -> Blocker:
        answer = await bench.http.get("/runtime/v1/blocker", headers={"Authorization": f"Bearer {run}"})
        assert answer.status_code == 200
        return decode(answer.content, Blocker)

    first = await blocker()
    assert (first.kind, first.state) == ("start", "contacted")
    assert first.text
    assert first.since is not None
    await bench.challenge(laptop, registration)
    assert (await blocker()).kind == "attestation"


async def test_without_a_run_nothing_is_taken_or_told(bench: Bench, laptop: Laptop) -> None:
    await bench.register(laptop)
    run = (await bench.profile(laptop)).run
    assert refusal(await send(bench, "nonsense", report(1))) == (401, "RunNotKnown")
    assert refusal(await send(bench, "", report(1))) == (401, "RunNotKnown")
    assert refusal(await bench.http.get("/runtime/v1/blocker")) == (401, "RunNotKnown")
    bench.clock.pass_silently(timedelta(hours=24))
    assert refusal(await send(bench, run, report(1))) == (401, "RunNotKnown")
