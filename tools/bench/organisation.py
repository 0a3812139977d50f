"""The organisation that is measured: dynamic groups, what is assigned to them, as many devices as asked.

Nine groups of ten hold the devices of one group tag. The others go by model, beginning of the name, purchase
order, a user's department, or being an Autopilot device at all; two ask for membership of other groups. Every
third group is named by no target. Devices of one tag are of one model, as devices bought together are; one of
twenty has an assigned user.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from uuid import UUID

from reseal.assignment.model import FilterMode, ItemRef, Mode, Target, TargetKind
from reseal.assignment.service import create_filter, set_targets
from reseal.autopilot.import_records import Batch, open_batch
from reseal.autopilot.importing import CHUNK, import_rows
from reseal.autopilot.model_import import ImportRow, read_rows
from reseal.autopilot.model_profile import ProfileSettings
from reseal.autopilot.profiles import assign_profile, create_profile
from reseal.autopilot.profiles import item_ref as profile_ref
from reseal.catalog.model import Format, OmaSetting, PolicyBody
from reseal.catalog.service import create_item
from reseal.catalog.service import item_ref as policy_ref
from reseal.directory.groups import create_group
from reseal.directory.model import Group, Membership
from reseal.directory.tenants import create_tenant
from reseal.directory.users import create_user
from reseal.esp.model import EspSettings
from reseal.esp.profiles import assign_esp, create_esp, ensure_default
from reseal.esp.profiles import item_ref as esp_ref
from reseal.kernel.db import Database, Tx, chunks
from reseal.kernel.ids import TenantKey
from reseal.wire.hwhash import Disk, HashFields, NetworkAdapter, encode

DOMAIN = "bench.example"
MODELS = 20
DEPARTMENTS = 10
PURCHASE_ORDERS = 5
PROFILES, ESPS, POLICIES, FILTERS = 30, 10, 60, 5
ASSIGNED_EVERY = 20
"""One of so many devices has an assigned user."""

_CAPTURED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_ETHERNET = 14


@dataclass(frozen=True, slots=True)
class Organisation:
    """A made organisation: what the figures need to know of it."""

    tenant: TenantKey
    users: int
    tags: int
    edited: int
    """The group whose rule is edited; a profile and a policy are assigned to it."""


# --- causes: groups, and what is assigned to them -----------------------------------------------------------


def make(tx: Tx, groups: int, users: int) -> Organisation:
    """An organisation with so many users and dynamic groups, items assigned to them, but no device."""
    tenant = create_tenant(tx, "Bench", DOMAIN).id
    ensure_default(tx, tenant)
    for number in range(users):
        department = {"department": f"Department {number % DEPARTMENTS}"}
        create_user(tx, tenant, _upn(number), f"User {number}", attributes=department)
    tags = groups * 9 // 10
    by_tag = [_devices(tx, tenant, f"tag {tag}", _tag_rule(tag)) for tag in range(tags)]
    others = [_other(tx, tenant, kind, number) for kind, number in _others(groups - tags - 3)]
    named = [str(one.uuid) for one in by_tag[:2]]
    others += [
        _devices(tx, tenant, f"members of {text}", f"device.memberOf -any (group.objectId -in ['{text}'])")
        for text in named
    ]
    edited = _devices(tx, tenant, "edited", edited_rule(None))
    _assign(tx, tenant, [*by_tag, *others], edited)
    return Organisation(tenant, users, tags, edited.id)


def edited_rule(thousand: int | None) -> str:
    """A rule for the group `edited` that is true for that thousand of the devices, or for none."""
    return f'device.displayName -startsWith "SN-{"none" if thousand is None else f"{thousand:03}"}"'


def _tag_rule(tag: int) -> str:
    return f'(device.devicePhysicalIds -any (_ -eq "[OrderID]:{_tag(tag)}"))'


def _tag(tag: int) -> str:
    return f"tag-{tag:03}"


def _upn(number: int) -> str:
    return f"user{number}@{DOMAIN}"


def _others(count: int) -> Iterator[tuple[str, int]]:
    return islice(((kind, number) for number in range(count) for kind in _OTHER_RULES), count)


_OTHER_RULES: dict[str, Callable[[int], str]] = {
    "model": lambda number: f'device.deviceModel -eq "Laptop {number % MODELS}"',
    "name": lambda number: f'device.displayName -startsWith "SN-0{number % 10}"',
    "purchase order": lambda number: (
        f'(device.devicePhysicalIds -any (_ -startsWith "[PurchaseOrderId]:PO-{number % PURCHASE_ORDERS}"))'
    ),
    "department": lambda number: f'user.department -eq "Department {number % DEPARTMENTS}"',
    "all": lambda _: '(device.devicePhysicalIds -any (_ -startsWith "[ZTDId]"))',
}


def _other(tx: Tx, tenant: TenantKey, kind: str, number: int) -> Group:
    rule = _OTHER_RULES[kind](number)
    if kind == "department":
        name = f"{kind} {number}"
        return create_group(tx, tenant, name, membership=Membership.DYNAMIC_USER, rule=rule)
    return _devices(tx, tenant, f"{kind} {number}", rule)


def _devices(tx: Tx, tenant: TenantKey, name: str, rule: str) -> Group:
    return create_group(tx, tenant, name, membership=Membership.DYNAMIC_DEVICE, rule=rule)


def _assign(tx: Tx, tenant: TenantKey, groups: Sequence[Group], edited: Group) -> None:
    """Give the groups out to profiles, ESPs and policies in turn; a policy takes five of them."""
    filters = [
        create_filter(tx, tenant, f"model {number}", f'device.model -eq "Laptop {number}"').id
        for number in range(FILTERS)
    ]
    targeted = [one for number, one in enumerate(groups) if number % 3]
    of_devices = [one.id for one in targeted if one.membership is Membership.DYNAMIC_DEVICE]
    for number in range(PROFILES):
        profile = create_profile(tx, tenant, f"Profile {number}", ProfileSettings()).id
        aims = [*of_devices[number::PROFILES], *([edited.id] if number == 0 else [])]
        assign_profile(tx, tenant, profile, _include(profile_ref(profile), aims))
    for number in range(ESPS):
        esp = create_esp(tx, tenant, f"ESP {number}", EspSettings()).id
        assign_esp(tx, tenant, esp, _include(esp_ref(esp), of_devices[number :: ESPS * 3]))
    turns = cycle(one.id for one in targeted)
    for number in range(POLICIES):
        item = policy_ref(create_item(tx, tenant, f"Policy {number}", _policy(number)))
        narrowed = filters[number // 10] if number % 10 == 0 and number // 10 < FILTERS else None
        aims = list(dict.fromkeys([*islice(turns, 5), *([edited.id] if number == 1 else [])]))
        set_targets(tx, tenant, item, _include(item, aims, narrowed))


def _include(item: ItemRef, groups: Iterable[int], narrowed: int | None = None) -> list[Target]:
    mode = FilterMode.NONE if narrowed is None else FilterMode.INCLUDE
    return [Target(item, Mode.INCLUDE, TargetKind.GROUP, group, narrowed, mode) for group in groups]


def _policy(number: int) -> PolicyBody:
    uri = f"./Device/Vendor/MSFT/Policy/Config/Experience/Setting{number}"
    return PolicyBody((OmaSetting(uri, Format.INT, "1"),))


# --- devices ------------------------------------------------------------------------------------------------


def rows(made: Organisation, first: int, count: int) -> Iterator[ImportRow]:
    """Devices with the numbers from `first` on, as rows of an import."""
    for number in range(first, first + count):
        tag = number % made.tags
        assigned = number % ASSIGNED_EVERY == 0
        yield ImportRow(
            line=number - first + 2,
            serial=_serial(number),
            hardware_hash=encode(_hash(number, model=f"Laptop {tag % MODELS}")),
            group_tag=_tag(tag),
            assigned_user=_upn(number // ASSIGNED_EVERY % made.users) if assigned else "",
            purchase_order=f"PO-{tag % PURCHASE_ORDERS}-{tag}",
        )


def tag_after(made: Organisation, tag: str) -> str:
    """The next group tag; after the last comes the first."""
    return _tag((int(tag.removeprefix("tag-")) + 1) % made.tags)


def _serial(number: int) -> str:
    return f"SN-{number:06}"


def _hash(number: int, model: str) -> HashFields:
    seed = hashlib.sha256(f"device {number}".encode()).digest()
    return HashFields(
        captured_at=_CAPTURED,
        serial=_serial(number),
        model=model,
        smbios_uuid=UUID(bytes=seed[:16], version=4),
        ek_modulus=b"\x80" + seed * 7 + seed[:31],
        tpm_version="TPM-Version:2.0 -Level:0-Revision:1.59-VendorID:'RSEL'-Firmware:1.0",
        sku="VL-2026",
        family="Virtual Laptop",
        disks=(Disk(capacity_gb=256, bus=17, seek_penalty=0, trim=1),),
        disk_serials=(seed[:6].hex().upper(),),
        network_adapters=(
            NetworkAdapter(medium=_ETHERNET, mac=b"\x00\x15\x5d" + number.to_bytes(3, "big"), bus="PCI"),
        ),
    )


async def fill(db: Database, made: Organisation, count: int) -> None:
    """Import so many devices, 500 to a unit, as an administrator's file would."""
    batch = await db.write(open_batch, made.tenant, file_name="devices.csv", rows=count)
    for some in chunks(rows(made, 0, count), CHUNK):
        await db.write(_import, made.tenant, batch, some, causes=made.tenant)


def _import(tx: Tx, tenant: TenantKey, batch: Batch, some: Sequence[ImportRow]) -> None:
    refused = [verdict for verdict in import_rows(tx, tenant, batch, read_rows(some)) if verdict.code]
    if refused:
        raise RuntimeError(f"a device of the measured organisation was refused: {refused[0].message}")
