"""The list of devices: filters, orders, pages, and what each costs."""

from __future__ import annotations

from itertools import product

import pytest

from reseal.assignment.model import Mode, Target, TargetKind
from reseal.autopilot.editing_many import set_tag_of_many, set_user_of_many
from reseal.autopilot.model import RegistrationChanges
from reseal.autopilot.model_profile import ProfileSettings
from reseal.autopilot.profiles import assign_profile, create_profile, item_ref
from reseal.autopilot.registrations import (
    registration_by_id,
    registrations_by_id,
    update_registration,
)
from reseal.deployment import facts
from reseal.deployment.facts import Flow
from reseal.deployment.service import observe
from reseal.directory.devices import device_by_id, update_device
from reseal.directory.groups import create_group
from reseal.directory.members import members
from reseal.directory.model import MemberKind, Membership
from reseal.directory.paging import PageKey
from reseal.directory.users import create_user
from reseal.kernel.db import Database, Tx
from reseal.kernel.errors import Conflict, Invalid, NotFound
from reseal.kernel.ids import TenantKey
from reseal.report.bench import Lamp, on_bench
from reseal.report.roster import (
    Sort,
    Sought,
    Standing,
    count_roster,
    list_roster,
    roster_keys,
    roster_of,
)
from reseal.report.scanned import find_scanned
from tests.store.autopilot.support import make_tenant, register


def _serials(tx: Tx, tenant: TenantKey, sought: Sought) -> list[str]:
    found = [one.serial for one in list_roster(tx, tenant, sought).items]
    assert count_roster(tx, tenant, sought) == len(found)
    assert len(roster_keys(tx, tenant, sought, 100)) == len(found)
    return found


def _office(tx: Tx) -> TenantKey:
    tenant = make_tenant(tx)
    for number, tag in ((1, "Sales"), (2, "sales"), (3, ""), (4, "lab")):
        register(tx, tenant, number, group_tag=tag)
    return tenant


async def test_filters_narrow_and_several_narrow_together(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = _office(tx)
        first, second, third, _ = list_roster(tx, tenant).items
        create_user(tx, tenant, "ada@contoso.test", "Ada")
        update_registration(tx, tenant, second.id, RegistrationChanges(assigned_user_upn="ada@contoso.test"))
        update_device(tx, tenant, third.device_id, display_name="DESK-50%")
        profile = create_profile(tx, tenant, "Labs", ProfileSettings())
        group = create_group(
            tx,
            tenant,
            "Lab",
            membership=Membership.DYNAMIC_DEVICE,
            rule='(device.devicePhysicalIds -any (_ -eq "[OrderID]:lab"))',
        )
        target = Target(item_ref(profile.id), Mode.INCLUDE, TargetKind.GROUP, group=group.id)
        assign_profile(tx, tenant, profile.id, [target])
        tx.settle()

        assert _serials(tx, tenant, Sought(text="sn-0000")) == [f"SN-0000{n}" for n in (1, 2, 3, 4)]
        assert _serials(tx, tenant, Sought(text="ADA@")) == ["SN-00002"]
        assert _serials(tx, tenant, Sought(text="desk-50%")) == ["SN-00003"]
        assert _serials(tx, tenant, Sought(text="0%")) == ["SN-00003"], "no character is a wildcard"
        assert _serials(tx, tenant, Sought(tag="SALES")) == ["SN-00001", "SN-00002"]
        assert _serials(tx, tenant, Sought(tag="sales", user="Ada")) == ["SN-00002"]
        assert _serials(tx, tenant, Sought(profile=profile.uuid)) == ["SN-00004"]
        assert _serials(tx, tenant, Sought(standing=Standing.NOT_STARTED)) == ["SN-00004"]
        assert _serials(tx, tenant, Sought(standing=Standing.NO_PROFILE))[2:] == ["SN-00003"]
        assert _serials(tx, tenant, Sought(attention=True)) == []
        assert roster_of(tx, tenant, [first.uuid])[0] == first

    await database.write(unit)


async def test_another_organisation_finds_nothing(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = _office(tx)
        theirs = make_tenant(tx, "Fabrikam")
        own = list_roster(tx, tenant).items
        assert _serials(tx, theirs, Sought()) == []
        assert roster_of(tx, theirs, [one.uuid for one in own]) == ()
        assert find_scanned(tx, theirs, own[0].serial) == ()
        assert find_scanned(tx, theirs, str(own[0].uuid)) == ()
        assert set_tag_of_many(tx, theirs, [one.id for one in own], "taken") == []
        assert on_bench(tx, theirs) == ()

    await database.write(unit)


async def test_pages_in_any_order_have_each_device_once(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = _office(tx)
        register(tx, tenant, 5, group_tag="lab")
        for sort, descending in product(Sort, (False, True)):
            in_order(tx, tenant, sort, descending)

    def in_order(tx: Tx, tenant: TenantKey, sort: Sort, descending: bool) -> None:
        seen: list[str] = []
        after: PageKey | None = None
        while True:
            found = list_roster(tx, tenant, sort=sort, descending=descending, after=after, limit=2)
            seen += [one.serial for one in found.items]
            after = found.next
            if after is None:
                break
        assert sorted(seen) == [f"SN-0000{n}" for n in range(1, 6)]
        whole = [one.serial for one in list_roster(tx, tenant, sort=sort, descending=descending).items]
        assert seen == whole
        if sort in {Sort.SERIAL, Sort.REGISTERED}:
            assert seen == sorted(seen, reverse=descending)

    await database.write(unit)


async def test_the_latest_deployment_says_where_a_device_stands(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = _office(tx)
        keys = [one.id for one in list_roster(tx, tenant).items]
        observe(tx, tenant, keys[0], facts.Contacted())
        for key in keys[1:3]:
            observe(tx, tenant, key, facts.AttestationBegun())
        observe(tx, tenant, keys[1], facts.Refused("attestation", "0x801C03EA", "No.", Flow.TECHNICIAN))
        stands = [one.standing for one in list_roster(tx, tenant).items]
        assert stands == [Standing.UNDER_WAY, Standing.FAILED, Standing.UNDER_WAY, Standing.NO_PROFILE]
        assert _serials(tx, tenant, Sought(standing=Standing.FAILED)) == ["SN-00002"]
        assert _serials(tx, tenant, Sought(standing=Standing.UNDER_WAY)) == ["SN-00001", "SN-00003"]
        assert [(one.name, one.lamp) for one in on_bench(tx, tenant)] == [
            ("SN-00001", Lamp.WAITING),
            ("SN-00002", Lamp.RED),
            ("SN-00003", Lamp.RUNNING),
        ]
        assert "0x801C03EA" in on_bench(tx, tenant)[1].text

    await database.write(unit)


async def test_a_serial_number_is_found_whole_before_its_beginnings(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        for serial in ("ABC", "ABC1", "ABC2"):
            register(tx, tenant, len(serial) * 10 + ord(serial[-1]), serial=serial)
        assert [one.serial for one in find_scanned(tx, tenant, "abc")] == ["ABC"]
        assert [one.serial for one in find_scanned(tx, tenant, "ab")] == ["ABC", "ABC1", "ABC2"]
        assert find_scanned(tx, tenant, "abc9") == ()

    await database.write(unit)


# --- editing many -------------------------------------------------------------------------------------------


async def test_many_edited_at_once_are_as_if_edited_one_by_one(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = _office(tx)
        group = create_group(
            tx,
            tenant,
            "Berlin",
            membership=Membership.DYNAMIC_DEVICE,
            rule='(device.devicePhysicalIds -any (_ -eq "[OrderID]:Berlin"))',
        )
        tx.settle()
        keys = [one.id for one in list_roster(tx, tenant).items]
        before = set_tag_of_many(tx, tenant, keys[:3], " Berlin ", actor="test")
        update_registration(tx, tenant, keys[3], RegistrationChanges(group_tag="Berlin"))
        tx.settle()
        assert [one.group_tag for one in before] == ["Sales", "sales", ""]
        after = registrations_by_id(tx, tenant, keys)
        assert {one.group_tag for one in after.values()} == {"Berlin"}
        for one in after.values():
            assert device_by_id(tx, tenant, one.device_id).physical_ids == (
                f"[ZTDID]:{one.uuid}",
                "[OrderID]:Berlin",
            )
        assert len(members(tx, tenant, group.id, MemberKind.DEVICE).items) == 4
        assert set_tag_of_many(tx, tenant, keys, "Berlin") == [], "nothing is different"
        with pytest.raises(Invalid):
            set_tag_of_many(tx, tenant, keys, "new\nline")

    await database.write(unit)


async def test_a_user_of_many_goes_with_the_friendly_name(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = _office(tx)
        create_user(tx, tenant, "ada@contoso.test", "Ada")
        create_user(tx, tenant, "poor@contoso.test", "Poor", licensed=False)
        keys = [one.id for one in list_roster(tx, tenant).items]
        set_user_of_many(tx, tenant, keys[:2], "ADA@contoso.test")
        update_registration(tx, tenant, keys[0], RegistrationChanges(addressable_user_name="Ada L."))
        assert registration_by_id(tx, tenant, keys[1]).assigned_user_upn == "ada@contoso.test"
        with pytest.raises(NotFound):
            set_user_of_many(tx, tenant, keys, "nobody@contoso.test")
        with pytest.raises(Conflict):
            set_user_of_many(tx, tenant, keys, "poor@contoso.test")
        with pytest.raises(Invalid):
            set_user_of_many(tx, tenant, keys, "ada@elsewhere.test")
        was = set_user_of_many(tx, tenant, keys, "")
        assert [one.id for one in was] == keys[:2]
        assert registration_by_id(tx, tenant, keys[0]).addressable_user_name == ""
        assert registration_by_id(tx, tenant, keys[0]).assigned_user_id is None

    await database.write(unit)
