"""The report narrowed as its rows read, the figures, and the log backwards."""

from __future__ import annotations

from datetime import timedelta

from reseal.autopilot.model import RegistrationChanges
from reseal.autopilot.registrations import update_registration
from reseal.deployment import facts
from reseal.deployment.facts import Flow
from reseal.deployment.listing import After
from reseal.deployment.report_model import Status, state_of
from reseal.deployment.service import observe
from reseal.directory.groups import create_group
from reseal.directory.users import create_user
from reseal.kernel import events
from reseal.kernel.db import Database, Tx
from reseal.kernel.ids import TenantKey
from reseal.report.audit import actors_named, subjects_of_device, told
from reseal.report.deployments import Sought, list_report
from reseal.report.figures import DAYS, Result, figures
from tests.store.autopilot.support import make_tenant, register
from tests.support.clock import ManualClock


def _office(tx: Tx) -> TenantKey:
    tenant = make_tenant(tx)
    keys = [register(tx, tenant, number).id for number in range(1, 6)]
    observe(tx, tenant, keys[0], facts.Contacted())
    for key in keys[1:3]:
        observe(tx, tenant, key, facts.AttestationBegun())
    for key, flow in ((keys[1], Flow.TECHNICIAN), (keys[3], Flow.USER)):
        observe(tx, tenant, key, facts.Refused("join", "0x801C0003", "No.", flow))
    return tenant


async def test_each_state_has_the_rows_that_say_so(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = _office(tx)
        whole = list_report(tx, tenant, Sought()).items
        assert len(whole) == 4
        for status in (Status.FAILURE, Status.IN_PROGRESS, Status.SUCCESS, Status.SUCCESS_WITH_TIMEOUT):
            found = list_report(tx, tenant, Sought(status=status)).items
            assert found == tuple(one for one in whole if state_of(one) is status)
        assert len(list_report(tx, tenant, Sought(status=Status.FAILURE)).items) == 2
        assert [one.serial for one in list_report(tx, tenant, Sought(text="00003")).items] == ["SN-00003"]
        assert list_report(tx, tenant, Sought(text="%")).items == ()
        assert list_report(tx, tenant, Sought(since=tx.now + timedelta(seconds=1))).items == ()
        assert list_report(tx, tenant, Sought(until=tx.now)).items == ()
        theirs = make_tenant(tx, "Fabrikam")
        assert list_report(tx, theirs, Sought()).items == ()
        seen: list[str] = []
        after: After | None = None
        while True:
            page = list_report(tx, tenant, Sought(), after=after, limit=3)
            seen += [one.serial for one in page.items]
            if page.next is None:
                break
            after = page.next
        assert seen == [one.serial for one in whole]

    await database.write(unit)


async def test_figures_count_by_day_and_result(database: Database, clock: ManualClock) -> None:
    tenant = await database.write(_office)
    clock.pass_silently(timedelta(days=1))

    def unit(tx: Tx) -> None:
        key = register(tx, tenant, 9).id
        observe(tx, tenant, key, facts.Contacted())
        found = figures(tx, tenant)
        assert len(found.days) == DAYS
        assert [day.counted for day in found.days[-2:]] == [
            {Result.UNDER_WAY: 2, Result.FAILED: 2},
            {Result.UNDER_WAY: 1},
        ]
        assert found.days[-1].date == tx.now.date()
        assert (found.all, found.of(Result.DONE)) == (5, 0)
        assert figures(tx, make_tenant(tx, "Fabrikam")).all == 0

    await database.write(unit)


async def test_the_log_is_read_backwards_and_said_with_names(database: Database) -> None:
    def happen(tx: Tx) -> tuple[TenantKey, object]:
        tenant = make_tenant(tx)
        ada = create_user(tx, tenant, "ada@contoso.test", "Ada Lovelace")
        create_group(tx, tenant, "Pilots", actor="Administrator")
        made = register(tx, tenant, 1)
        update_registration(
            tx, tenant, made.id, RegistrationChanges(group_tag="sales"), actor=f"user:{ada.uuid}"
        )
        register(tx, tenant, 2)
        return tenant, made.uuid

    tenant, ztdid = await database.write(happen)
    if not database.seals_in_commit:
        await database.write(events.seal)

    def look(tx: Tx) -> None:
        whole = events.read_back(tx, tenant, 1000)
        assert [each.position for each in whole] == list(range(len(whole), 0, -1))
        assert events.read_back(tx, tenant, 2, before=5) == whole[-4:-2]
        groups = events.read_back(tx, tenant, 9, topics=("group",))
        assert [one.name for one in told(tx, tenant, groups)] == ["Pilots"]
        assert told(tx, tenant, groups)[0].actor == "Administrator"
        by_ada = events.read_back(tx, tenant, 9, actors=actors_named(tx, tenant, "lovelace"))
        (line,) = told(tx, tenant, [each for each in by_ada if each.kind == "registration.changed"])
        assert (line.name, line.actor) == ("SN-00001", "ada@contoso.test")
        assert line.line.more == "Group tag: nothing → sales"
        own = events.read_back(tx, tenant, 99, subjects=subjects_of_device(tx, tenant, ztdid))
        assert {one.name for one in told(tx, tenant, own)} == {"SN-00001"}

    await database.read(look)
