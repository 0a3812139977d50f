"""Catalogue items: created, changed, versioned, deleted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reseal.assignment.model import Mode, Target, TargetKind
from reseal.assignment.service import entries_for, set_targets, targets_of
from reseal.catalog.changes import ITEMS_CHANGED, ITEMS_REMOVED
from reseal.catalog.model import (
    AppBody,
    CatalogItem,
    CertificateBody,
    CertificateStore,
    Format,
    InstallContext,
    Kind,
    OmaSetting,
    PolicyBody,
    WifiBody,
)
from reseal.catalog.service import (
    content_in_use,
    create_item,
    delete_item,
    find_item,
    item_by_id,
    item_by_uuid,
    item_ref,
    items_by_id,
    list_items,
    update_item,
)
from reseal.kernel import events
from reseal.kernel.changes import Change
from reseal.kernel.db import Database, Tx
from reseal.kernel.errors import Conflict, Invalid, NotFound
from reseal.kernel.ids import TenantKey
from reseal.wire.msi import PackageType
from tests.store.autopilot.support import make_tenant, register
from tests.support.clock import START, ManualClock

LOCK = OmaSetting(
    "./Device/Vendor/MSFT/Policy/Config/DeviceLock/MaxInactivityTimeDeviceLock", Format.INT, "5"
)
POLICY = PolicyBody((LOCK,))
CERTIFICATE = CertificateBody(
    store=CertificateStore.ROOT,
    pem="-----BEGIN CERTIFICATE-----\n...",
    thumbprint="AB" * 20,
    subject="CN=Root",
    issuer="CN=Root",
    not_before=START,
    not_after=START + timedelta(days=365),
)
WIFI = WifiBody(ssid="Office", wlan_xml="<WLANProfile/>", authentication="WPA2PSK", holds_key=True)
APP = AppBody(
    product_code="{11111111-2222-3333-4444-555555555555}",
    product_version="1.2.0",
    product_name="Agent",
    manufacturer="Contoso",
    upgrade_code="{99999999-2222-3333-4444-555555555555}",
    package_code="{88888888-2222-3333-4444-555555555555}",
    package_type=PackageType.PER_MACHINE,
    install_context=InstallContext.DEVICE,
    command_line="/quiet",
    sha256="ab" * 32,
    size=4096,
    file_name="agent.msi",
)


@pytest.mark.parametrize("body", [POLICY, CERTIFICATE, WIFI, APP], ids=lambda body: type(body).__name__)
async def test_every_kind_of_body_comes_back_as_it_was_stored(
    database: Database, body: PolicyBody | CertificateBody | WifiBody | AppBody
) -> None:
    def unit(tx: Tx) -> tuple[TenantKey, CatalogItem]:
        tenant = make_tenant(tx)
        return tenant, create_item(tx, tenant, " First ", body, description="Ours")

    tenant, made = await database.write(unit)
    assert (made.name, made.description, made.version) == ("First", "Ours", 1)
    assert await database.read(item_by_id, tenant, made.id) == made
    assert await database.read(item_by_uuid, tenant, made.uuid) == made
    assert await database.read(items_by_id, tenant, [made.id, made.id + 1]) == {made.id: made}


async def test_the_version_rises_with_the_body_and_only_then(database: Database, clock: ManualClock) -> None:
    def prepare(tx: Tx) -> tuple[TenantKey, CatalogItem]:
        tenant = make_tenant(tx)
        return tenant, create_item(tx, tenant, "Lock", POLICY)

    tenant, made = await database.write(prepare)
    clock.pass_silently(timedelta(hours=1))

    def change(tx: Tx) -> None:
        recorded = tx.recorded
        assert not update_item(tx, tenant, made.id, name="Lock", description="", body=POLICY)
        assert tx.recorded == recorded
        assert item_by_id(tx, tenant, made.id) == made
        assert tx.settle() == []

        assert update_item(tx, tenant, made.id, name="Screen lock", description="New words")
        renamed = item_by_id(tx, tenant, made.id)
        assert (renamed.name, renamed.version, renamed.modified_at) == ("Screen lock", 1, tx.now)
        assert tx.settle() == []

        body = PolicyBody((replace(LOCK, value="10"),))
        assert update_item(tx, tenant, made.id, body=body)
        changed = item_by_id(tx, tenant, made.id)
        assert (changed.body, changed.version) == (body, 2)
        assert tx.settle() == [Change(ITEMS_CHANGED, tenant, frozenset({made.id}))]

    await database.write(change)


async def test_an_item_keeps_its_kind(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = create_item(tx, tenant, "Lock", POLICY)
        with pytest.raises(Invalid) as refused:
            update_item(tx, tenant, made.id, body=WIFI)
        assert refused.value.code == "OtherKind"

    await database.write(unit)


async def test_names_are_unique_within_a_kind(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        first = create_item(tx, tenant, "Office", WIFI)
        create_item(tx, tenant, "Office", POLICY)
        with pytest.raises(Conflict) as refused:
            create_item(tx, tenant, "OFFICE", WIFI)
        assert refused.value.code == "NameTaken"
        assert update_item(tx, tenant, first.id, name="OFFICE")
        found = find_item(tx, tenant, Kind.WIFI, "office")
        assert found is not None
        assert found.name == "OFFICE"

    await database.write(unit)


async def test_unfit_bodies_are_refused(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        with pytest.raises(Invalid, match="policy"):
            create_item(tx, tenant, "Lock", PolicyBody(()))
        made = create_item(tx, tenant, "Agent", APP)
        with pytest.raises(Invalid, match="app"):
            update_item(tx, tenant, made.id, body=replace(APP, install_context=InstallContext.USER))
        assert item_by_id(tx, tenant, made.id) == made

    await database.write(unit)


async def test_deleting_an_item_takes_its_assignments_along(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        device = register(tx, tenant, 1).device_id
        made = create_item(tx, tenant, "Agent", APP)
        set_targets(
            tx, tenant, item_ref(made), [Target(item_ref(made), Mode.INCLUDE, TargetKind.ALL_DEVICES)]
        )
        tx.settle()
        assert [entry.item for entry in entries_for(tx, tenant, device)] == [item_ref(made)]
        delete_item(tx, tenant, made.id)
        changes = tx.settle()
        assert Change(ITEMS_REMOVED, tenant, frozenset({made.id})) in changes
        assert entries_for(tx, tenant, device) == ()
        assert targets_of(tx, tenant, item_ref(made)) == ()
        with pytest.raises(NotFound):
            item_by_id(tx, tenant, made.id)

    await database.write(unit)


async def test_items_are_listed_by_name_kind_and_search(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        for name, body in (("beta", POLICY), ("Alpha", APP), ("gamma 100%", WIFI)):
            create_item(tx, tenant, name, body)
        create_item(tx, make_tenant(tx, "Fabrikam"), "delta", POLICY)

        def names(**conditions: object) -> list[str]:
            return [item.name for item in list_items(tx, tenant, **conditions).items]  # type: ignore[arg-type]

        assert names() == ["Alpha", "beta", "gamma 100%"]
        assert names(kind=Kind.APP) == ["Alpha"]
        assert names(search="A%") == []
        assert names(search="0%") == ["gamma 100%"]

    await database.write(unit)


async def test_content_is_in_use_as_long_as_an_item_names_it(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        assert not content_in_use(tx, APP.sha256)
        made = create_item(tx, tenant, "Agent", APP)
        assert content_in_use(tx, APP.sha256)
        delete_item(tx, tenant, made.id)
        assert not content_in_use(tx, APP.sha256)

    await database.write(unit)


async def test_the_log_tells_of_items_without_what_may_be_secret(database: Database) -> None:
    secret = "correct horse battery staple"

    def unit(tx: Tx) -> TenantKey:
        tenant = make_tenant(tx)
        create_item(tx, tenant, "Office", replace(WIFI, wlan_xml=f"<keyMaterial>{secret}</keyMaterial>"))
        create_item(tx, tenant, "Lock", PolicyBody((replace(LOCK, format=Format.CHR, value=secret),)))
        create_item(tx, tenant, "Agent", replace(APP, command_line=f'/quiet LICENCE="{secret}"'))
        return tenant

    tenant = await database.write(unit)

    def payloads(tx: Tx) -> list[object]:
        events.seal(tx)
        return [event.payload for event in events.read(tx, tenant, 0, 100) if event.kind == "item.created"]

    told = await database.write(payloads)
    assert len(told) == 3
    assert secret not in str(told)
    assert LOCK.uri in str(told)
