"""Who may join and who may enrol, as the person who signs in at a laptop meets it: whole runs.

Refusals are read from the laptop's page; what the organisation has of the device is asked of the API.
"""

from __future__ import annotations

from typing import Any

from reseal.deployment.model import State
from reseal.device.oobe.context import EndingKind
from reseal.device.registering import membership
from reseal.device.screens import Screen, ScreenId
from reseal.directory.devices import create_devices, update_device
from reseal.directory.model import NewDevice, TrustType
from reseal.directory.users import find_user
from reseal.kernel.db import Tx
from reseal.wire.runtime.blockers import BlockerKind
from tests.support.rehearsing import Stage, Visit, stage, virtual

PEOPLE = [
    {"upn": "adele", "displayName": "Adele Vance", "department": "Sales"},
    {"upn": "diego", "displayName": "Diego Siciliani", "department": "Engineering"},
    {"upn": "johanna", "displayName": "Johanna Lorenz", "licensed": False},
]
LICENSED = {**PEOPLE[2], "licensed": True}
DESKTOP, ERROR = EndingKind.DESKTOP, EndingKind.ERROR


async def settings(s: Stage, **changed: Any) -> None:
    """Change settings of the organisation."""
    await s.apply(settings={"allowVirtualTpm": True, "mdmScope": "all", "joinAllowed": "all", **changed})


async def directory(s: Stage) -> list[dict[str, Any]]:
    """The devices in the directory, but for those without a join."""
    found: list[dict[str, Any]] = (await s.world.admin.json("GET", "/devices"))["value"]
    return [device for device in found if device["trustType"]]


def refusal(visit: Visit) -> Screen:
    """The page on which set-up came to its end; it says more than a number."""
    page = visit.last(ScreenId.ERROR)
    assert visit.ending.kind is ERROR
    assert visit.ending.code == page.code
    assert len(page.texts) == 2, "what happened, and what to do"
    return page


async def awaits_a_decision(s: Stage, code: str) -> None:
    """The server says the same as the page: refused with this code, and a person has to decide."""
    story, blockers = await s.story(), await s.blockers()
    assert (story.state, story.error_code.casefold()) == (State.ERROR, code.casefold())
    assert (blockers[-1].kind, blockers[-1].name.casefold()) == (BlockerKind.DECISION, code.casefold())


# --- automatic enrolment ------------------------------------------------------------------------------------


@virtual
async def test_autopilot_001_scope_none_the_device_joins_is_not_enrolled_and_the_scope_is_named() -> None:
    async with stage(users=PEOPLE, settings={"mdmScope": "none"}) as s:

        async def widen() -> None:
            await awaits_a_decision(s, "0x8018002B")
            (device,) = await directory(s)
            assert (device["trustType"], device["isManaged"]) == ("AzureAd", False)
            assert not s.evidence.enrolled
            assert not [path for path in s.paths() if "Enrollment.svc" in path]
            await settings(s)

        visit = await s.user("adele", before={ScreenId.ERROR: [widen]}, retries=1)
        page = visit.last(ScreenId.ERROR)
        assert page.code == "0x8018002B"
        assert "MDM user scope" in page.texts[0]
        assert visit.ending.kind is DESKTOP, "with another scope Retry is enough"
        assert [one["isManaged"] for one in await directory(s)] == [True]


@virtual
async def test_autopilot_001_scope_none_turns_the_technician_flow_red_until_it_is_another() -> None:
    async with stage(users=PEOPLE, settings={"mdmScope": "none"}) as s:

        async def widen() -> None:
            story = await s.story()
            assert (story.state, story.error_code) == (State.RED, "0x8018002B")
            assert not s.evidence.enrolled
            await settings(s)

        visit = await s.technician(before={ScreenId.RED: [widen]}, retries=1)
        assert "scope" in " ".join(visit.last(ScreenId.RED).texts).lower()
        assert visit.ending.kind is EndingKind.POWERED_OFF_RESEALED
        assert len(await directory(s)) == 1


@virtual
async def test_autopilot_002_scope_some_a_member_enrols_another_user_only_joins() -> None:
    some = {"mdmScope": "some", "mdmScopeGroups": ["Pilots"]}
    groups = [{"name": "Pilots", "members": ["adele"]}]
    async with stage(users=PEOPLE, groups=groups, settings=some) as s:
        assert refusal(await s.user("diego")).code == "0x8018002B"
        await awaits_a_decision(s, "0x8018002B")
        assert [one["isManaged"] for one in await directory(s)] == [False]
        assert (await s.user("adele")).ending.kind is DESKTOP
        assert [one["isManaged"] for one in await directory(s)] == [True], "it is the device that he joined"
        assert (await s.story()).state is State.DESKTOP


@virtual
async def test_autopilot_003_scope_all_whoever_has_a_licence_enrols() -> None:
    for name in ("adele", "diego"):
        async with stage(users=PEOPLE) as s:
            assert (await s.user(name)).ending.kind is DESKTOP
            assert (await s.standing()).primary == s.upn(name)


@virtual
async def test_autopilot_005_without_a_licence_0x80180018_and_the_page_names_the_licence() -> None:
    async with stage(users=PEOPLE) as s:

        async def license_her() -> None:
            await awaits_a_decision(s, "0x80180018")
            await s.apply(users=[LICENSED])

        visit = await s.user("johanna", before={ScreenId.ERROR: [license_her]}, retries=1)
        page = visit.last(ScreenId.ERROR)
        assert page.code == "0x80180018"
        assert "licence" in " ".join(page.texts)
        assert visit.ending.kind is DESKTOP, "with a licence Retry is enough"


# --- who may join -------------------------------------------------------------------------------------------


@virtual
async def test_autopilot_007_all_selected_and_none_each_rule_the_very_next_join() -> None:
    async with stage(users=PEOPLE, settings={"joinAllowed": "none"}) as s:

        async def select(name: str) -> None:
            await awaits_a_decision(s, "0x801C0003")
            await settings(s, joinAllowed="selected", joinSelected={"users": [name]})

        async def refused_again() -> None:
            await select("diego")

        async def selected() -> None:
            await select("adele")

        visit = await s.user("adele", before={ScreenId.ERROR: [refused_again, selected]}, retries=2)
        assert [page.code for page in visit.pages(ScreenId.ERROR)] == ["0x801C0003", "0x801C0003"]
        assert visit.ending.kind is DESKTOP
        await settings(s, joinAllowed="none")
        assert (await s.user("adele")).ending.kind is DESKTOP, "who has joined has joined"
    async with stage(users=PEOPLE, settings={"joinAllowed": "all"}) as s:
        assert (await s.user("diego")).ending.kind is DESKTOP


@virtual
async def test_autopilot_008_who_is_not_among_the_selected_gets_801c0003_and_no_device() -> None:
    groups = [{"name": "Engineers", "rule": 'user.department -eq "Engineering"'}]
    selected = {"joinAllowed": "selected", "joinSelected": {"groups": ["Engineers"]}}
    async with stage(users=PEOPLE, groups=groups, settings=selected) as s:
        page = refusal(await s.user("adele"))
        assert page.code == "0x801C0003"
        assert "adele" in page.texts[0]
        assert "Selected" in page.texts[0]
        assert await directory(s) == []
        assert membership(s.disk) is None
        assert (await s.user("diego")).ending.kind is DESKTOP


@virtual
async def test_autopilot_009_the_51st_device_gets_801c0003_until_the_quota_is_raised() -> None:
    async with stage(users=PEOPLE, settings={"userDeviceQuota": 50}) as s:
        await s.world.db.write(_own, s, "adele", 50)

        async def raise_it() -> None:
            await awaits_a_decision(s, "0x801C0003")
            assert len(await directory(s)) == 50
            await settings(s, userDeviceQuota=51)

        visit = await s.user("adele", before={ScreenId.ERROR: [raise_it]}, retries=1)
        page = visit.last(ScreenId.ERROR)
        assert page.code == "0x801C0003"
        assert "50 of 50" in page.texts[0]
        assert visit.ending.kind is DESKTOP
        assert len(await directory(s)) == 51
    async with stage(users=PEOPLE, settings={"userDeviceQuota": 50}) as s:
        await s.world.db.write(_own, s, "adele", 49)
        assert (await s.user("adele")).ending.kind is DESKTOP, "the 50th is hers"


def _own(tx: Tx, s: Stage, name: str, count: int) -> None:
    """Devices that a user has joined before."""
    user = find_user(tx, s.world.tenant, s.upn(name))
    assert user is not None
    for device in create_devices(tx, s.world.tenant, [NewDevice(f"PC-{n}") for n in range(count)]):
        update_device(tx, s.world.tenant, device.id, trust_type=TrustType.AZURE_AD, owner_user_id=user.id)


@virtual
async def test_autopilot_010_the_technician_flow_works_although_nobody_is_selected() -> None:
    nobody = {"joinAllowed": "selected", "joinSelected": {}}
    async with stage(users=PEOPLE, settings=nobody) as s:
        assert (await s.technician()).ending.kind is EndingKind.POWERED_OFF_RESEALED
        (device,) = await directory(s)
        assert device["isManaged"]
        assert (await s.user("adele")).ending.kind is DESKTOP, "the device has joined already"
