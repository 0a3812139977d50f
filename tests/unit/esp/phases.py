"""Runs of phases and items for the tests of what a page holds, waits for and fails on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from reseal.catalog.model import (
    AppBody,
    Body,
    CertificateBody,
    CertificateStore,
    Format,
    InstallContext,
    Kind,
    OmaSetting,
    PolicyBody,
    WifiBody,
)
from reseal.esp.flows import Flow
from reseal.esp.model import EspSettings
from reseal.esp.model_phase import PhaseState, PhaseStatus
from reseal.managed.model import Item, ItemState
from reseal.wire.msi import PackageType
from tests.support.clock import START

ADA = 7
SHOWN = EspSettings(show_installation_progress=True)

POLICY, CERTIFICATE, WIFI, AGENT, READER, MAIL = range(1, 7)

_SETTING = OmaSetting("./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera", Format.INT, "0")


def _app(number: int) -> AppBody:
    return AppBody(
        product_code=f"{{{number:08d}-0000-0000-0000-000000000000}}",
        product_version="1.0.0",
        product_name=f"App {number}",
        manufacturer="Contoso",
        upgrade_code="",
        package_code="",
        package_type=PackageType.PER_MACHINE,
        install_context=InstallContext.DEVICE,
        command_line="/quiet",
        sha256="0" * 64,
        size=1,
        file_name="app.msi",
    )


BODIES: dict[int, Body] = {
    POLICY: PolicyBody((_SETTING,)),
    CERTIFICATE: CertificateBody(CertificateStore.ROOT, "", "AB", "", "", START, START),
    WIFI: WifiBody("Contoso Office", "<WLANProfile/>"),
    AGENT: _app(AGENT),
    READER: _app(READER),
    MAIL: _app(MAIL),
}
_KINDS = {POLICY: Kind.POLICY, CERTIFICATE: Kind.CERTIFICATE, WIFI: Kind.WIFI}


def item(key: int, state: ItemState = ItemState.PENDING, user: int = 0, **more: object) -> Item:
    """A delivery of one of the catalogue's items above."""
    plain = Item(
        user=user,
        kind=_KINDS.get(key, Kind.APP),
        item_id=key,
        item_uuid=UUID(int=key),
        name=f"Item {key}",
        version=1,
        digest="d",
        required=True,
        state=state,
        attempt=0,
    )
    return replace(plain, **more)


def run(
    settings: EspSettings = SHOWN,
    *selected: int,
    user: int = 0,
    flow: Flow = Flow.TECHNICIAN,
    status: PhaseStatus = PhaseStatus.TRACKING,
) -> PhaseState:
    """A run of a phase, with the apps that are selected in its page."""
    return PhaseState(
        id=1,
        enrolment_id=1,
        user=user,
        flow=flow,
        run=1,
        status=status,
        settings=settings,
        profile_name="Standard",
        selected_apps=selected,
        held=(),
        tracked=None,
        begun_at=START,
        deadline=START + timedelta(hours=1),
    )
