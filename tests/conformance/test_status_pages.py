"""Enrollment Status Page profiles: their limits, and which one a device meets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.office import ALL_REGISTERED, TAGGED, Office, Refused, both_databases
from tests.support.processes import CONTOSO

DEFAULT = "All users and all devices"


async def page_of(office: Office, number: int, *, user_flow: bool = False) -> str:
    """The name of the page that virtual laptop `number` meets in the technician flow, or in the user flow."""
    found = await office.registration(number)
    return str(found["userFlowEnrollmentStatusPage" if user_flow else "enrollmentStatusPage"]["name"])


def page(name: str, *groups: str, **settings: Any) -> dict[str, Any]:
    """A page assigned to groups."""
    return {"name": name, "assign": [{"group": group} for group in groups], **settings}


async def refusals(office: Office, *pages: dict[str, Any], **sections: Any) -> list[tuple[str, str]]:
    """Where and why these pages are refused."""
    before = await office.values("/enrollment-status-pages")
    with pytest.raises(Refused) as refused:
        await office.apply(enrollmentStatusPages=list(pages), **sections)
    assert await office.values("/enrollment-status-pages") == before
    return [(detail["where"], detail["code"]) for detail in refused.value.details]


# --- what can be set ----------------------------------------------------------------------------------------


async def test_autopilot_062_the_default_page_is_there_stays_and_shows_no_progress_at_first(
    office: Office,
) -> None:
    (default,) = await office.values("/enrollment-status-pages")
    assert (default["displayName"], default["priority"]) == (DEFAULT, 0)
    assert default["settings"]["showInstallationProgress"] is False
    await office.apply(enrollmentStatusPages=[page("Own")])
    await office.apply(prune=True, enrollmentStatusPages=[])
    assert await office.values("/enrollment-status-pages") == [default]
    await office.apply(enrollmentStatusPages=[{"default": {"showInstallationProgress": True}}])
    assert (await office.status_page(DEFAULT))["settings"]["showInstallationProgress"] is True


async def test_autopilot_063_there_are_50_pages_beside_the_default_and_no_51st(office: Office) -> None:
    fifty = [page(f"Page {number}") for number in range(1, 51)]
    await office.apply(enrollmentStatusPages=fifty)
    assert len(await office.values("/enrollment-status-pages")) == 51
    assert await refusals(office, *fifty, page("Page 51")) == [("$.enrollmentStatusPages[50]", "EspLimit")]


async def test_autopilot_064_the_time_out_is_60_minutes_or_1_to_1440(office: Office) -> None:
    setting = "installProgressTimeoutInMinutes"
    await office.apply(
        enrollmentStatusPages=[
            page("Usual"),
            page("Short", **{setting: 1}),
            page("Long", **{setting: 1_440}),
        ]
    )
    minutes = [
        (await office.status_page(name))["settings"][setting] for name in ("Usual", "Short", "Long", DEFAULT)
    ]
    assert minutes == [60, 1, 1_440, 60]
    for impossible in (0, -1, 1_441):
        ((where, _),) = await refusals(office, page("Usual", **{setting: impossible}))
        assert where == f"$.enrollmentStatusPages[0].{setting}"


async def test_autopilot_070_at_most_100_apps_can_be_selected(office: Office) -> None:
    file = await office.upload("agent.msi", (CONTOSO / "apps" / "agent.msi").read_bytes())
    names = [f"App {number}" for number in range(101)]
    await office.apply(
        apps=[{"name": name, "file": file} for name in names],
        enrollmentStatusPages=[page("Own", selectedApps=names[:100])],
    )
    ((where, _),) = await refusals(office, page("Own", selectedApps=names))
    assert where.startswith("$.enrollmentStatusPages[0]")
    with pytest.raises(Refused, match="at most 100"):
        await office.apply(enrollmentStatusPages=[page("Own", selectedApps=names)])


async def test_autopilot_079_assignment_offers_the_documented_filter_properties_and_no_other(
    office: Office,
) -> None:
    offered = (
        "model",
        "manufacturer",
        "osVersion",
        "operatingSystemSKU",
        "deviceOwnership",
        "enrollmentProfileName",
    )
    filters = [{"name": name, "rule": f'(device.{name} -eq "x")'} for name in (*offered, "deviceName")]
    await office.apply(groups=[{"name": "All", "rule": ALL_REGISTERED}], filters=filters)
    for name in offered:
        filtered = {"name": "Own", "assign": [{"group": "All", "filter": name, "filterMode": "include"}]}
        await office.apply(enrollmentStatusPages=[filtered])
    filtered = {"name": "Own", "assign": [{"group": "All", "filter": "deviceName"}]}
    ((_, code),) = await refusals(office, filtered)
    assert code == "FilterNotForEsp"


# --- which one a device meets -------------------------------------------------------------------------------


@both_databases
async def test_autopilot_076_the_devices_page_goes_before_the_users_and_priority_1_before_2(
    office: Office,
) -> None:
    await office.apply(
        users=[{"upn": "adele", "displayName": "Adele Vance"}],
        groups=[
            {"name": "Pilots", "members": ["adele"]},
            {"name": "All", "rule": ALL_REGISTERED},
            {"name": "Sales laptops", "rule": TAGGED.format("sales")},
        ],
    )
    await office.register(1, tag="sales", user=office.upn("adele"))
    for_user, for_all, for_sales = page("User", "Pilots"), page("All", "All"), page("Sales", "Sales laptops")
    await office.apply(enrollmentStatusPages=[for_user])
    assert await page_of(office, 1, user_flow=True) == "User"
    await office.apply(enrollmentStatusPages=[for_user, for_all, for_sales])
    assert (await office.status_page("User"))["priority"] == 1
    assert [await page_of(office, 1, user_flow=flow) for flow in (False, True)] == ["All", "All"]
    await office.apply(enrollmentStatusPages=[for_user, for_sales, for_all])
    assert [await page_of(office, 1, user_flow=flow) for flow in (False, True)] == ["Sales", "Sales"]


async def test_autopilot_077_the_technician_flow_does_not_look_at_the_users_page(office: Office) -> None:
    await office.apply(
        users=[{"upn": "adele", "displayName": "Adele Vance"}],
        groups=[{"name": "Pilots", "members": ["adele"]}],
        enrollmentStatusPages=[page("Pilots' page", "Pilots")],
    )
    await office.register(1, user=office.upn("adele"))
    assert await page_of(office, 1, user_flow=True) == "Pilots' page"
    assert await page_of(office, 1) == DEFAULT
    reason = (await office.registration(1))["enrollmentStatusPage"]["reason"]
    assert "do not count in the technician flow" in reason


async def test_autopilot_078_nothing_assigned_the_default_page(office: Office) -> None:
    await office.apply(
        groups=[{"name": "Sales laptops", "rule": TAGGED.format("sales")}],
        enrollmentStatusPages=[page("Sales", "Sales laptops"), page("Nobody's")],
    )
    await office.register(1)
    assert [await page_of(office, 1, user_flow=flow) for flow in (False, True)] == [DEFAULT, DEFAULT]
    await office.edit(1, groupTag="sales")
    assert await page_of(office, 1) == "Sales"
