"""What preflight says of registrations, from everything that is set up around them."""

from __future__ import annotations

from dataclasses import replace

from reseal.assignment.model import Intent, Mode, Target, TargetKind
from reseal.assignment.service import set_targets
from reseal.autopilot.model_profile import ProfileSettings
from reseal.autopilot.profiles import assign_profile, create_profile
from reseal.autopilot.registrations import list_registrations
from reseal.catalog.service import create_item, item_ref
from reseal.directory.groups import create_group
from reseal.directory.joining import set_mdm_scope
from reseal.directory.members import add_member
from reseal.directory.model import MemberKind
from reseal.directory.model_settings import MdmScope
from reseal.directory.tenants import tenant_by_id, update_settings
from reseal.directory.users import create_user, update_user
from reseal.esp.model import EspSettings
from reseal.esp.profiles import assign_esp, create_esp, set_priority
from reseal.esp.profiles import item_ref as esp_ref
from reseal.kernel.db import Database, Tx
from reseal.kernel.ids import TenantKey
from reseal.preflight.service import readiness
from tests.store.autopilot.support import import_now, make_tenant, register, to_all_devices
from tests.store.catalog.test_items import APP, POLICY
from tests.support.hardware import row


def _prepared_tenant(tx: Tx) -> TenantKey:
    """An organisation in which a virtual device is ready for the technician."""
    tenant = make_tenant(tx)
    update_settings(tx, tenant, replace(tenant_by_id(tx, tenant).settings, allow_virtual_tpm=True))
    set_mdm_scope(tx, tenant, MdmScope.ALL)
    profile = create_profile(tx, tenant, "Standard", ProfileSettings(preprovisioning_allowed=True))
    assign_profile(tx, tenant, profile.id, to_all_devices(profile.id))
    page = create_esp(tx, tenant, "Page", EspSettings(show_installation_progress=True))
    assign_esp(tx, tenant, page.id, [Target(esp_ref(page.id), Mode.INCLUDE, TargetKind.ALL_DEVICES)])
    return tenant


def _codes(tx: Tx, tenant: TenantKey, registration: int) -> list[str]:
    (found,) = readiness(tx, tenant, [registration])
    return [objection.code for objection in found.objections]


async def test_a_device_with_everything_set_up_is_ready(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = _prepared_tenant(tx)
        create_user(tx, tenant, "ada@contoso.test", "Ada")
        policy = item_ref(create_item(tx, tenant, "Lock", POLICY))
        app = item_ref(create_item(tx, tenant, "Agent", APP))
        for item in (policy, app):
            set_targets(tx, tenant, item, [Target(item, Mode.INCLUDE, TargetKind.ALL_DEVICES)])
        made = register(tx, tenant, 1, assigned_user="ada@contoso.test")
        (found,) = readiness(tx, tenant, [made.id, made.id + 1])
        assert found.ready
        assert found.objections == ()
        assert found.registration == made
        assert found.items == {"app": 1, "policy": 1}
        assert (found.profile.name, found.profile.reason) == ("Standard", "Assigned to all devices.")
        assert (found.esp.profile.name, found.esp.reason) == ("Page", "Assigned to the device (priority 1).")

    await database.write(unit)


async def test_a_fresh_organisation_gets_every_reason_at_once(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        assert _codes(tx, tenant, made.id) == ["0x801C03EA", "0x80180005", "0x8018002B", "EspHidden"]
        settings = tenant_by_id(tx, tenant).settings
        update_settings(tx, tenant, replace(settings, builtin_default_profile=False))
        assert "815" in _codes(tx, tenant, made.id)

    await database.write(unit)


async def test_the_assigned_user_must_be_able_to_enrol(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = _prepared_tenant(tx)
        ada = create_user(tx, tenant, "ada@contoso.test", "Ada").id
        made = register(tx, tenant, 1, assigned_user="ada@contoso.test")
        waiting = register(tx, tenant, 2, assigned_user="grace@contoso.test")
        assert _codes(tx, tenant, waiting.id) == ["UserNotFound"]
        group = create_group(tx, tenant, "Enrolled").id
        set_mdm_scope(tx, tenant, MdmScope.SOME, [group])
        assert _codes(tx, tenant, made.id) == ["0x8018002B"]
        add_member(tx, tenant, group, MemberKind.USER, ada)
        assert _codes(tx, tenant, made.id) == []
        update_user(tx, tenant, ada, licensed=False)
        assert _codes(tx, tenant, made.id) == ["0x80180018"]
        update_user(tx, tenant, ada, licensed=True, enabled=False)
        assert _codes(tx, tenant, made.id) == ["UserDisabled"]
        (found,) = readiness(tx, tenant, [made.id])
        assert found.ready

    await database.write(unit)


async def test_a_selected_app_that_is_not_required_is_named(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = _prepared_tenant(tx)
        made = register(tx, tenant, 1)
        group = create_group(tx, tenant, "Devices").id
        app = create_item(tx, tenant, "Agent", APP)
        page = create_esp(
            tx, tenant, "Selected", EspSettings(show_installation_progress=True), selected_apps=[app.id]
        )
        assign_esp(
            tx, tenant, page.id, [Target(esp_ref(page.id), Mode.INCLUDE, TargetKind.GROUP, group=group)]
        )
        add_member(tx, tenant, group, MemberKind.DEVICE, made.device_id)
        tx.settle()
        assert _codes(tx, tenant, made.id) == []
        set_priority(tx, tenant, page.id, 1)
        (found,) = readiness(tx, tenant, [made.id])
        assert [(one.code, "Agent" in one.message) for one in found.objections] == [
            ("BlockingAppNotAssigned", True)
        ]
        ref = item_ref(app)
        for intent, codes in ((Intent.UNINSTALL, ["BlockingAppNotAssigned"]), (Intent.REQUIRED, [])):
            target = Target(ref, Mode.INCLUDE, TargetKind.GROUP, group=group, intent=intent)
            set_targets(tx, tenant, ref, [target])
            tx.settle()
            assert _codes(tx, tenant, made.id) == codes

    await database.write(unit)


async def test_many_registrations_are_checked_with_few_statements(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = _prepared_tenant(tx)
        import_now(tx, tenant, [row(number) for number in range(60)])
        tx.settle()
        keys = [one.id for one in list_registrations(tx, tenant).items]
        before = tx.statements
        found = readiness(tx, tenant, keys)
        assert tx.statements - before <= 20
        assert len(found) == 60
        assert all(one.ready for one in found)

    await database.write(unit)
