"""An organisation with a registered device under management, and things to deliver to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Self

from cryptography.hazmat.primitives.serialization import Encoding

from reseal.assignment.model import Intent, Mode, Target, TargetKind
from reseal.assignment.service import set_targets
from reseal.autopilot.model import Registration, RegistrationChanges
from reseal.autopilot.registrations import update_registration
from reseal.catalog.model import (
    AppBody,
    Body,
    CatalogItem,
    CertificateBody,
    CertificateStore,
    Format,
    InstallContext,
    OmaSetting,
    PolicyBody,
    WifiBody,
)
from reseal.catalog.model_certificate import read_certificate
from reseal.catalog.service import create_item, item_ref
from reseal.directory.groups import create_group
from reseal.directory.members import add_member
from reseal.directory.model import MemberKind
from reseal.directory.users import create_user, find_user
from reseal.kernel import ca
from reseal.kernel.db import Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.ids import TenantKey
from reseal.kernel.keys import OpenSslKeys
from reseal.managed.desired import REACTOR, items_of, refresh, save_items
from reseal.managed.enrolments import NewEnrolment, create_enrolment, enrolment_by_id
from reseal.managed.model import EnrolledBy, Enrolment, Item, ItemState
from reseal.wire.msi import PackageType
from tests.store.autopilot import support
from tests.support.clock import ManualClock

REACTORS = (*support.REACTORS, REACTOR)

CAMERA = OmaSetting("./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera", Format.INT, "0")
CORTANA = OmaSetting("./Vendor/MSFT/Policy/Config/Experience/AllowCortana", Format.INT, "0")
WALLPAPER = OmaSetting("./User/Vendor/MSFT/Policy/Config/Desktop/PreventUserRedirection", Format.INT, "1")
WIFI = WifiBody(ssid="Office", wlan_xml="<WLANProfile/>")
APP = AppBody(
    product_code="{11111111-2222-3333-4444-555555555555}",
    product_version="1.2.0",
    product_name="Agent",
    manufacturer="Contoso",
    upgrade_code="",
    package_code="",
    package_type=PackageType.DUAL_PURPOSE,
    install_context=InstallContext.DEVICE,
    command_line="/quiet",
    sha256="ab" * 32,
    size=4096,
    file_name="agent.msi",
)


def policy(*settings: OmaSetting) -> PolicyBody:
    """A custom policy."""
    return PolicyBody(settings)


def app(number: int, context: InstallContext = InstallContext.DEVICE) -> AppBody:
    """A package of its own for each number."""
    return replace(APP, product_code=f"{{{number:08X}-2222-3333-4444-555555555555}}", install_context=context)


def certificate(store: CertificateStore = CertificateStore.ROOT) -> CertificateBody:
    """The certificate of an authority."""
    root = ca.make_root(
        "Contoso root",
        OpenSslKeys().p256(),
        clock=ManualClock(),
        entropy=SeededEntropy("root"),
        purposes=[ca.CLIENT_AUTH],
        lifetime=timedelta(days=365),
    )
    return read_certificate(root.certificate.public_bytes(Encoding.PEM), store)


class World:
    """One organisation; each method works within the unit that it is given."""

    tenant: TenantKey
    registration: Registration
    enrolment: Enrolment

    def open(self, tx: Tx, *, user: str = "") -> Self:
        """An organisation with one enrolled device, which may have an assigned user."""
        self.tenant = support.make_tenant(tx)
        self.registration = support.register(tx, self.tenant, 1)
        for name in ("adele", "bob"):
            create_user(tx, self.tenant, f"{name}@contoso.test", name.title())
        if user:
            self.assign_user(tx, user)
        self.enrolment = self.enrol(tx)
        return self

    def enrol(self, tx: Tx, **changes: object) -> Enrolment:
        """Begin another enrolment of the device."""
        new = NewEnrolment(
            uuid=tx.new_uuid(),
            device=self.registration.device_id,
            registration=self.registration.id,
            enrolled_by=EnrolledBy.DEVICE,
            owner=None,
            in_oobe=True,
            hardware_id="ab" * 32,
        )
        return create_enrolment(tx, self.tenant, replace(new, **changes))  # type: ignore[arg-type]

    def user(self, tx: Tx, name: str) -> int:
        """The key of a user."""
        found = find_user(tx, self.tenant, f"{name}@contoso.test")
        assert found is not None
        return found.id

    def assign_user(self, tx: Tx, name: str) -> None:
        """Assign a user to the device; the empty name takes the present one away."""
        upn = f"{name}@contoso.test" if name else ""
        changes = RegistrationChanges(assigned_user_upn=upn)
        update_registration(tx, self.tenant, self.registration.id, changes)
        tx.settle()

    def group(self, tx: Tx, name: str, *users: str, device: bool = False) -> int:
        """A group with these users, or with the device, in it."""
        group = create_group(tx, self.tenant, name).id
        for user in users:
            add_member(tx, self.tenant, group, MemberKind.USER, self.user(tx, user))
        if device:
            add_member(tx, self.tenant, group, MemberKind.DEVICE, self.registration.device_id)
        return group

    def item(self, tx: Tx, name: str, body: Body, *targets: Target | int | str) -> CatalogItem:
        """A catalogue item, assigned to groups, to `devices` or to `users`."""
        made = create_item(tx, self.tenant, name, body)
        self.assign(tx, made, *targets)
        return made

    def assign(
        self, tx: Tx, made: CatalogItem, *whom: Target | int | str, intent: Intent = Intent.REQUIRED
    ) -> None:
        """Assign an item to exactly these: keys of groups, `devices` or `users`."""
        kinds = {"devices": TargetKind.ALL_DEVICES, "users": TargetKind.ALL_USERS}
        targets = []
        for one in whom:
            if isinstance(one, Target):
                targets.append(one)
            elif isinstance(one, str):
                targets.append(Target(item_ref(made), Mode.INCLUDE, kinds[one], intent=intent))
            else:
                group = Target(item_ref(made), Mode.INCLUDE, TargetKind.GROUP, group=one, intent=intent)
                targets.append(group)
        set_targets(tx, self.tenant, item_ref(made), targets)
        tx.settle()

    # --- what the device has ----------------------------------------------------------------------

    def now(self, tx: Tx) -> Enrolment:
        """The enrolment as it is stored."""
        return enrolment_by_id(tx, self.tenant, self.enrolment.id)

    def refresh(self, tx: Tx, *users: str) -> dict[tuple[str, str], Item]:
        """Refresh with these users on the device; deliveries by whom they are for and the item's name."""
        keys = {self.user(tx, name): name for name in users}
        items = refresh(tx, self.tenant, self.now(tx), sorted(keys))
        return self.named(tx, items)

    def named(self, tx: Tx, items: tuple[Item, ...] | None = None) -> dict[tuple[str, str], Item]:
        """Deliveries by user name (empty: the machine) and item name."""
        names = {self.user(tx, name): name for name in ("adele", "bob")} | {0: ""}
        found = items_of(tx, self.tenant, self.enrolment.id) if items is None else items
        return {(names[one.user], one.name): one for one in found}

    def deliver(self, tx: Tx, *, state: ItemState = ItemState.DONE) -> None:
        """Have the device answer everything."""
        items = items_of(tx, self.tenant, self.enrolment.id)
        gone = [one.key for one in items if one.state is ItemState.REMOVING]
        done = [
            replace(one, state=state, attempt=1, progress={"node": 200}, leftovers=())
            for one in items
            if one.state is not ItemState.REMOVING
        ]
        save_items(tx, self.tenant, self.enrolment.id, done, gone)
