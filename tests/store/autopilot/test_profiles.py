"""Deployment profiles: keeping them, and which registration gets which, when and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reseal.assignment.model import FilterMode, Mode, Target, TargetKind
from reseal.assignment.service import create_filter
from reseal.autopilot.model import ProfileStatus, Registration, RegistrationChanges
from reseal.autopilot.model_profile import (
    BUILTIN_DEFAULT,
    DeviceUsageType,
    JoinType,
    Profile,
    ProfileSettings,
    ProfileSource,
    UserType,
)
from reseal.autopilot.offline import to_offline_json
from reseal.autopilot.profile_assignment import effective_profile, effective_profiles
from reseal.autopilot.profiles import (
    assign_profile,
    create_profile,
    delete_profile,
    find_profile,
    item_ref,
    list_profiles,
    profile_by_id,
    registrations_of_profile,
    update_profile,
)
from reseal.autopilot.registrations import (
    count_without_profile,
    registration_by_id,
    update_registration,
    without_profile,
)
from reseal.directory.groups import create_group
from reseal.directory.members import add_member, remove_member
from reseal.directory.model import MemberKind, Membership
from reseal.directory.tenants import tenant_by_id, update_settings
from reseal.kernel import events
from reseal.kernel.db import Database, Tx
from reseal.kernel.errors import Conflict, Invalid, NotFound
from reseal.kernel.ids import TenantKey
from reseal.wire.offline_profile import read_offline_profile
from tests.store.autopilot.support import import_now, make_tenant, register, to_all_devices, to_group
from tests.support.clock import ManualClock
from tests.support.hardware import row

SETTINGS = ProfileSettings(preprovisioning_allowed=True)


def _group_with(tx: Tx, tenant: TenantKey, name: str, *registrations: Registration) -> int:
    group = create_group(tx, tenant, name).id
    for one in registrations:
        add_member(tx, tenant, group, MemberKind.DEVICE, one.device_id)
    return group


def _assigned(tx: Tx, tenant: TenantKey, name: str, *groups: int) -> Profile:
    profile = create_profile(tx, tenant, name, SETTINGS)
    assign_profile(tx, tenant, profile.id, to_group(profile.id, *groups))
    tx.settle()
    return profile


# --- who gets which -----------------------------------------------------------------------------------------


async def test_autopilot_103_assigning_a_profile_fills_in_status_and_date(
    database: Database, clock: ManualClock
) -> None:
    def prepare(tx: Tx) -> tuple[TenantKey, int]:
        tenant = make_tenant(tx)
        (verdict,) = import_now(tx, tenant, [row(1)])
        assert verdict.registration is not None
        from reseal.autopilot.registrations import registration_by_uuid

        made = registration_by_uuid(tx, tenant, verdict.registration)
        assert made.profile_status is ProfileStatus.ASSIGNING
        return tenant, made.id

    tenant, key = await database.write(prepare)
    found = await database.read(registration_by_id, tenant, key)
    assert (found.profile_status, found.profile_assigned_at) == (ProfileStatus.UNASSIGNED, None)
    clock.pass_silently(timedelta(hours=1))

    def assign(tx: Tx) -> Profile:
        return _assigned(tx, tenant, "Standard", _group_with(tx, tenant, "All", found))

    profile = await database.write(assign)
    found = await database.read(registration_by_id, tenant, key)
    assert found.profile_status is ProfileStatus.ASSIGNED
    assert found.profile_id == profile.id
    assert found.profile_source is ProfileSource.GROUP
    assert found.profile_assigned_at == clock.now()


async def test_autopilot_100_of_two_profiles_the_oldest_wins(database: Database, clock: ManualClock) -> None:
    def older(tx: Tx) -> tuple[TenantKey, Registration, int, Profile]:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        return (
            tenant,
            made,
            _group_with(tx, tenant, "A", made),
            create_profile(tx, tenant, "Zebra", SETTINGS),
        )

    tenant, made, group, first = await database.write(older)
    clock.pass_silently(timedelta(days=2))

    def newer(tx: Tx) -> None:
        second = _assigned(tx, tenant, "Aardvark", group)
        assert registration_by_id(tx, tenant, made.id).profile_id == second.id
        third = _group_with(tx, tenant, "B", made)
        assign_profile(tx, tenant, first.id, to_group(first.id, third))
        tx.settle()
        assert registration_by_id(tx, tenant, made.id).profile_id == first.id
        found = effective_profile(tx, tenant, made.id)
        assert found.profile == first
        assert found.reason == ("Assigned to the group 'B'; older than 'Aardvark' (created 2026-01-07).")

    await database.write(newer)


async def test_autopilot_101_an_all_devices_profile_comes_last(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        everybody = create_profile(tx, tenant, "Everybody", SETTINGS)
        assign_profile(tx, tenant, everybody.id, to_all_devices(everybody.id))
        tx.settle()
        found = registration_by_id(tx, tenant, made.id)
        assert (found.profile_id, found.profile_source) == (everybody.id, ProfileSource.ALL)
        assert effective_profile(tx, tenant, made.id).reason == "Assigned to all devices."

        special = _assigned(tx, tenant, "Special", _group_with(tx, tenant, "A", made))
        found = registration_by_id(tx, tenant, made.id)
        assert (found.profile_id, found.profile_source) == (special.id, ProfileSource.GROUP)
        reason = effective_profile(tx, tenant, made.id).reason
        assert reason.startswith("Assigned to the group 'A'; ")
        assert "goes before one assigned to all devices" in reason

    await database.write(unit)


async def test_the_reason_names_every_group_through_which_the_profile_comes(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        groups = [
            _group_with(tx, tenant, "B", made),
            _group_with(tx, tenant, "A", made),
            _group_with(tx, tenant, "C"),
        ]
        _assigned(tx, tenant, "Standard", *groups)
        assert effective_profile(tx, tenant, made.id).reason == "Assigned to the groups 'A', 'B'."

    await database.write(unit)


async def test_without_a_profile_the_builtin_default_applies_unless_it_is_switched_off(
    database: Database,
) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        found = effective_profile(tx, tenant, made.id)
        assert (found.source, found.settings, found.profile) == (ProfileSource.BUILTIN, BUILTIN_DEFAULT, None)
        assert found.name == "Built-in default"
        settings = tenant_by_id(tx, tenant).settings
        update_settings(tx, tenant, replace(settings, builtin_default_profile=False))
        found = effective_profile(tx, tenant, made.id)
        assert (found.source, found.settings, found.profile) == (None, None, None)
        assert "815" in found.reason

    await database.write(unit)


async def test_many_registrations_are_answered_with_few_statements(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        one, two = register(tx, tenant, 1), register(tx, tenant, 2)
        profile = _assigned(tx, tenant, "Standard", _group_with(tx, tenant, "A", one))
        before = tx.statements
        found = effective_profiles(tx, tenant, [one.id, two.id])
        assert tx.statements - before <= 7
        assert found[one.id].profile == profile
        assert found[two.id].source is ProfileSource.BUILTIN

    await database.write(unit)


async def test_registrations_without_profile_are_on_the_alert_list(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        one, two = register(tx, tenant, 1), register(tx, tenant, 2)
        _assigned(tx, tenant, "Standard", _group_with(tx, tenant, "A", one))
        assert [found.id for found in without_profile(tx, tenant).items] == [two.id]
        assert count_without_profile(tx, tenant) == 1

    await database.write(unit)


async def test_autopilot_059_a_new_group_tag_brings_another_profile_in_the_same_unit(
    database: Database, clock: ManualClock
) -> None:
    def prepare(tx: Tx) -> tuple[TenantKey, int, dict[str, int]]:
        tenant = make_tenant(tx)
        profiles = {}
        for tag in ("Berlin", "Paris"):
            group = create_group(
                tx,
                tenant,
                tag,
                membership=Membership.DYNAMIC_DEVICE,
                rule=f'(device.devicePhysicalIds -any (_ -eq "[OrderID]:{tag}"))',
            )
            profiles[tag] = _assigned(tx, tenant, tag, group.id).id
        return tenant, register(tx, tenant, 1, group_tag="Berlin").id, profiles

    tenant, key, profiles = await database.write(prepare)
    found = await database.read(registration_by_id, tenant, key)
    assert found.profile_id == profiles["Berlin"]
    clock.pass_silently(timedelta(minutes=5))
    await database.write(update_registration, tenant, key, RegistrationChanges(group_tag="Paris"))
    moved = await database.read(registration_by_id, tenant, key)
    assert moved.profile_id == profiles["Paris"]
    assert found.profile_assigned_at is not None
    assert moved.profile_assigned_at == found.profile_assigned_at + timedelta(minutes=5)


async def test_leaving_the_group_takes_profile_and_date_away(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        group = _group_with(tx, tenant, "A", made)
        _assigned(tx, tenant, "Standard", group)
        remove_member(tx, tenant, group, MemberKind.DEVICE, made.device_id)
        tx.settle()
        found = registration_by_id(tx, tenant, made.id)
        assert (found.profile_id, found.profile_source, found.profile_assigned_at) == (None, None, None)
        assert found.profile_status is ProfileStatus.UNASSIGNED

    await database.write(unit)


async def test_the_date_of_assignment_stays_when_only_the_way_changes(
    database: Database, clock: ManualClock
) -> None:
    def prepare(tx: Tx) -> tuple[TenantKey, int, int, int]:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        group = _group_with(tx, tenant, "A", made)
        return tenant, made.id, group, _assigned(tx, tenant, "Standard", group).id

    tenant, key, _, profile = await database.write(prepare)
    before = await database.read(registration_by_id, tenant, key)
    clock.pass_silently(timedelta(hours=1))
    await database.write(assign_profile, tenant, profile, to_all_devices(profile))
    after = await database.read(registration_by_id, tenant, key)
    assert (before.profile_source, after.profile_source) == (ProfileSource.GROUP, ProfileSource.ALL)
    assert after.profile_assigned_at == before.profile_assigned_at


async def test_who_has_a_profile_is_listed(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = [register(tx, tenant, number) for number in range(3)]
        profile = _assigned(tx, tenant, "Standard", _group_with(tx, tenant, "A", *made[:2]))
        keys = [one.id for one in made[:2]]
        assert registrations_of_profile(tx, tenant, profile.id) == keys
        assert registrations_of_profile(tx, tenant, profile.id, after=keys[0]) == keys[1:]

    await database.write(unit)


async def test_giving_a_profile_is_in_the_log_with_every_device(database: Database) -> None:
    def unit(tx: Tx) -> TenantKey:
        tenant = make_tenant(tx)
        made = [register(tx, tenant, number) for number in range(2)]
        _assigned(tx, tenant, "Standard", _group_with(tx, tenant, "A", *made))
        return tenant

    tenant = await database.write(unit)

    def given(tx: Tx) -> list[object]:
        events.seal(tx)
        return [event.payload for event in events.read(tx, tenant, 0, 100) if event.kind == "profile.given"]

    (payload,) = await database.write(given)
    assert isinstance(payload, dict)
    assert (payload["name"], payload["count"]) == ("Standard", 2)
    assert len(payload["registrations"]) == 2


# --- keeping profiles ---------------------------------------------------------------------------------------


async def test_autopilot_097_there_is_a_limit_to_profiles(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        for number in range(3):
            create_profile(tx, tenant, f"Profile {number}", SETTINGS, limit=3)
        with pytest.raises(Conflict) as refused:
            create_profile(tx, tenant, "One more", SETTINGS, limit=3)
        assert refused.value.code == "ProfileLimit"
        create_profile(tx, make_tenant(tx, "Fabrikam"), "One more", SETTINGS, limit=3)

    await database.write(unit)


async def test_names_are_unique_in_any_letter_case(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        first = create_profile(tx, tenant, " Standard ", SETTINGS)
        assert first.name == "Standard"
        second = create_profile(tx, tenant, "Kiosk", SETTINGS)
        with pytest.raises(Conflict):
            create_profile(tx, tenant, "STANDARD", SETTINGS)
        with pytest.raises(Conflict):
            update_profile(tx, tenant, second.id, name="standard")
        assert update_profile(tx, tenant, first.id, name="STANDARD")
        assert find_profile(tx, tenant, "standard") == profile_by_id(tx, tenant, first.id)
        assert [one.name for one in list_profiles(tx, tenant).items] == ["Kiosk", "STANDARD"]

    await database.write(unit)


async def test_saving_a_profile_as_it_is_changes_nothing(database: Database, clock: ManualClock) -> None:
    def prepare(tx: Tx) -> tuple[TenantKey, Profile]:
        tenant = make_tenant(tx)
        return tenant, create_profile(tx, tenant, "Standard", SETTINGS, description="Ours")

    tenant, profile = await database.write(prepare)
    clock.pass_silently(timedelta(hours=1))
    assert not await database.write(
        update_profile, tenant, profile.id, name="Standard", description="Ours", settings=SETTINGS
    )
    assert await database.read(profile_by_id, tenant, profile.id) == profile
    standard = replace(SETTINGS, user_type=UserType.STANDARD)
    assert await database.write(update_profile, tenant, profile.id, settings=standard)
    changed = await database.read(profile_by_id, tenant, profile.id)
    assert changed.settings == standard
    assert (changed.created_at, changed.modified_at) == (profile.created_at, clock.now())


async def test_the_join_type_of_a_profile_stays(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        profile = create_profile(tx, tenant, "Standard", SETTINGS)
        with pytest.raises(Invalid) as refused:
            update_profile(tx, tenant, profile.id, settings=replace(SETTINGS, join_type=JoinType.HYBRID))
        assert refused.value.code == "OtherJoinType"

    await database.write(unit)


async def test_an_assigned_profile_cannot_be_deleted(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        profile = create_profile(tx, tenant, "Standard", SETTINGS)
        assign_profile(tx, tenant, profile.id, to_all_devices(profile.id))
        with pytest.raises(Invalid) as refused:
            delete_profile(tx, tenant, profile.id)
        assert refused.value.code == "ProfileAssigned"
        assign_profile(tx, tenant, profile.id, [])
        delete_profile(tx, tenant, profile.id)
        with pytest.raises(NotFound):
            profile_by_id(tx, tenant, profile.id)

    await database.write(unit)


async def test_autopilot_102_exclusions_are_refused_together_with_all_devices(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        profile = create_profile(tx, tenant, "Standard", SETTINGS)
        group = create_group(tx, tenant, "A").id
        out = Target(item_ref(profile.id), Mode.EXCLUDE, TargetKind.GROUP, group=group)
        with pytest.raises(Invalid) as refused:
            assign_profile(tx, tenant, profile.id, [*to_all_devices(profile.id), out])
        assert refused.value.code == "ExclusionWithAllDevices"
        other = create_group(tx, tenant, "B").id
        assert assign_profile(tx, tenant, profile.id, [*to_group(profile.id, other), out])
        assert not assign_profile(tx, tenant, profile.id, [out, *to_group(profile.id, other)])

    await database.write(unit)


async def test_a_profile_takes_no_filter(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        profile = create_profile(tx, tenant, "Standard", SETTINGS)
        narrow = create_filter(tx, tenant, "Laptops", '(device.model -eq "Laptop 7")').id
        target = Target(
            item_ref(profile.id),
            Mode.INCLUDE,
            TargetKind.ALL_DEVICES,
            filter=narrow,
            filter_mode=FilterMode.INCLUDE,
        )
        with pytest.raises(Invalid) as refused:
            assign_profile(tx, tenant, profile.id, [target])
        assert refused.value.code == "ProfileFilter"

    await database.write(unit)


async def test_autopilot_111_the_offline_file_holds_the_documented_bits(database: Database) -> None:
    settings = ProfileSettings(
        user_type=UserType.STANDARD,
        privacy_settings_hidden=True,
        eula_hidden=True,
        keyboard_selection_page_skipped=True,
        locale="de-DE",
        escape_link_hidden=True,
        device_name_template="C-%SERIAL%",
    )

    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        profile = create_profile(tx, tenant, "Standard", settings)
        exported = read_offline_profile(to_offline_json(tx, tenant, profile.id))
        assert int(exported.oobe_config) == 1310
        assert exported.tenant_id == tenant_by_id(tx, tenant).uuid
        assert exported.tenant_domain == "contoso.test"
        assert exported.correlation_id == profile.uuid
        assert exported.forced_enrollment
        assert (exported.language, exported.region) == ("de-DE", "de-DE")
        assert exported.device_name == "C-%SERIAL%"

    await database.write(unit)


async def test_a_self_deploying_profile_has_no_offline_file(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        shared = ProfileSettings(device_usage_type=DeviceUsageType.SHARED)
        profile = create_profile(tx, tenant, "Kiosk", shared)
        with pytest.raises(Invalid) as refused:
            to_offline_json(tx, tenant, profile.id)
        assert refused.value.code == "SelfDeployingOffline"

    await database.write(unit)
