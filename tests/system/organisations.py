"""Two organisations on one server, each with one of everything that has an id."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from reseal.api.tenancy import PLATFORM, create_tenancy, make_secrets
from reseal.assignment.service import create_filter
from reseal.autopilot.import_records import open_batch
from reseal.autopilot.matching import match, presentations
from reseal.autopilot.model_profile import ProfileSettings
from reseal.autopilot.profiles import assign_profile, create_profile
from reseal.catalog.model import AppBody, Format, InstallContext, OmaSetting, PolicyBody
from reseal.catalog.service import create_item
from reseal.deployment.facts import Contacted
from reseal.deployment.service import latest, observe
from reseal.directory.devices import create_device
from reseal.directory.groups import create_group
from reseal.directory.members import add_member
from reseal.directory.model import MemberKind
from reseal.directory.tenants import tenant_by_uuid
from reseal.directory.users import create_user
from reseal.esp.model import EspSettings
from reseal.esp.profiles import create_esp
from reseal.kernel.clock import SystemClock
from reseal.kernel.db import Tx
from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.ids import TenantKey
from reseal.kernel.storage import open_database
from reseal.kernel.workers import InlineWorkers
from reseal.server.schema import ensure_schema
from reseal.server.wiring import REACTORS
from reseal.signin.clients import create_client
from reseal.signin.passwords import Passwords
from reseal.wire.msi import PackageType
from tests.store.autopilot.support import register, to_group
from tests.support.hardware import hardware


@dataclass(frozen=True, slots=True)
class Organisation:
    """One tenant: how to sign in to it, and the ids of what it has. `word` stands in every name it gave."""

    word: str
    credentials: dict[str, Any]
    powerless: dict[str, Any]
    """Credentials of a client that may do nothing."""
    user: UUID
    upn: str
    group: UUID
    device: UUID
    """A directory device that is no registration's; it is a member of the group, as the user is."""
    registration: UUID
    serial: str
    presentation: int
    """A hash of the registration's device after a repair, which nobody has confirmed."""
    profile: UUID
    profile_name: str
    deployment: UUID
    """Of the registration's device, which has asked for its profile."""
    batch: UUID
    """An import, without rows."""
    app: UUID
    policy: UUID
    filter: UUID
    page: UUID
    """A status page."""
    content: bytes
    """The file of an app."""

    @property
    def digest(self) -> str:
        """The name under which the content is uploaded."""
        return _sha256(self.content)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nobody of another organisation may ever read."""
        ids = (self.user, self.group, self.device, self.registration, self.profile, self.deployment)
        more = (self.batch, self.app, self.policy, self.filter, self.page)
        return (self.word, self.serial, *map(str, (*ids, *more)))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def found(database_url: str) -> tuple[Organisation, Organisation]:
    """Make the database with both organisations in it. The first one's client may make further ones."""
    ensure_schema(database_url)
    db = open_database(database_url, clock=SystemClock(), entropy=SystemEntropy(), reactors=REACTORS)
    passwords, workers = Passwords.cheap(), InlineWorkers()
    made = []
    for number, word in enumerate(("Contoso", "Fabrikam")):
        secrets = await make_secrets(SystemEntropy(), passwords, workers)
        made.append(await db.write(_organisation, number, word, secrets))
    await db.close()
    return made[0], made[1]


def _organisation(tx: Tx, number: int, word: str, secrets: Any) -> Organisation:
    domain = f"{word.lower()}.example"
    extra = (PLATFORM,) if number == 0 else ()
    tenancy = create_tenancy(tx, word, domain, secrets, permissions=extra)
    tenant = tenant_by_uuid(tx, tenancy.tenant_id).id
    credentials = tenancy.credentials(secrets)
    powerless = create_client(
        tx, tenant, name="Powerless", secret_hash=secrets.client_secret_hash, permissions=()
    )
    user = create_user(tx, tenant, f"adele@{domain}", f"{word} Adele")
    group = create_group(tx, tenant, f"{word} pilots")
    device = create_device(tx, tenant, f"{word}-DESK")
    registration = register(tx, tenant, number, group_tag=f"{word}-tag")
    profile = create_profile(tx, tenant, f"{word} standard", ProfileSettings())
    assign_profile(tx, tenant, profile.id, to_group(profile.id, group.id))
    add_member(tx, tenant, group.id, MemberKind.USER, user.id)
    add_member(tx, tenant, group.id, MemberKind.DEVICE, device.id)
    add_member(tx, tenant, group.id, MemberKind.DEVICE, registration.device_id)
    content = f"{word} package".encode()
    app = create_item(tx, tenant, f"{word} agent", _app(content))
    return Organisation(
        word=word,
        credentials=credentials,
        powerless={
            **credentials,
            "client": {"id": str(powerless.id), "secret": secrets.client_secret},
        },
        user=user.uuid,
        upn=user.upn,
        group=group.uuid,
        device=device.uuid,
        registration=registration.uuid,
        serial=registration.serial,
        presentation=_repaired(tx, tenant, registration.id, number),
        profile=profile.uuid,
        profile_name=profile.name,
        deployment=_switched_on(tx, tenant, registration.id),
        batch=open_batch(tx, tenant, file_name=f"{word}.csv", rows=0).uuid,
        app=app.uuid,
        policy=create_item(tx, tenant, f"{word} policy", _policy()).uuid,
        filter=create_filter(tx, tenant, f"{word} filter", '(device.model -eq "Laptop 7")').uuid,
        page=create_esp(tx, tenant, f"{word} page", EspSettings()).uuid,
        content=content,
    )


def _repaired(tx: Tx, tenant: TenantKey, registration: int, number: int) -> int:
    match(tx, hardware(number, disk_serials=("REPLACED",), smbios_uuid=UUID(int=number + 1)))
    (kept,) = presentations(tx, tenant, registration)
    return kept.id


def _switched_on(tx: Tx, tenant: TenantKey, registration: int) -> UUID:
    observe(tx, tenant, registration, Contacted())
    found = latest(tx, tenant, registration)
    assert found is not None
    return found.uuid


def _policy() -> PolicyBody:
    node = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
    return PolicyBody((OmaSetting(node, Format.INT, "0"),))


def _app(content: bytes) -> AppBody:
    return AppBody(
        product_code="{0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0}",
        product_version="1.0",
        product_name="Agent",
        manufacturer="Example",
        upgrade_code="",
        package_code="",
        package_type=PackageType.PER_MACHINE,
        install_context=InstallContext.DEVICE,
        command_line="/quiet",
        sha256=_sha256(content),
        size=len(content),
        file_name="agent.msi",
    )
