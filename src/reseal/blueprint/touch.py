"""Which devices a change makes a difference for.

Assignment tells whose effective set became another one; what the owners of items announce adds the devices
that hold an edited profile or item. Pages are told apart by asking which page a device gets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reseal.assignment.changes import EFFECTIVE_DEVICES_CHANGED, EFFECTIVE_SETS_CHANGED
from reseal.assignment.model import ItemKind, ItemRef
from reseal.assignment.service import devices_of_sets, holders
from reseal.autopilot.changes import PROFILE_CHANGED
from reseal.autopilot.profiles import registrations_of_profile
from reseal.autopilot.registrations import (
    registration_of_device,
    registrations_by_id,
    without_profile,
)
from reseal.blueprint.plan import SAMPLE
from reseal.blueprint.present import every
from reseal.catalog.changes import ITEMS_CHANGED
from reseal.catalog.service import item_ref, items_by_id
from reseal.directory.devices import devices_by_id, list_devices
from reseal.esp.effective import effective_esps
from reseal.esp.model import EspProfile
from reseal.esp.profiles import list_esps
from reseal.kernel.changes import Change, ChangeKind
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey

_Pages = Mapping[int, tuple[int, int]]
"""The keys of the pages that each device gets: in the technician flow, and in the user flow."""


def devices_touched(tx: Tx, tenant: TenantKey, changes: Sequence[Change]) -> set[int]:
    """The directory devices that these settled changes make a difference for; pages apart."""
    ids: dict[ChangeKind, set[int]] = {}
    for change in changes:
        if change.tenant == tenant:
            ids.setdefault(change.kind, set()).update(change.ids)
    touched = set(ids.get(EFFECTIVE_DEVICES_CHANGED, ()))
    touched.update(devices_of_sets(tx, tenant, sorted(ids.get(EFFECTIVE_SETS_CHANGED, ()))))
    for profile in sorted(ids.get(PROFILE_CHANGED, ())):
        touched.update(_devices_with_profile(tx, tenant, profile))
    for item in items_by_id(tx, tenant, ids.get(ITEMS_CHANGED, ())).values():
        touched.update(holders(tx, tenant, item_ref(item)))
    return touched


def _devices_with_profile(tx: Tx, tenant: TenantKey, profile: int) -> Iterable[int]:
    after = 0
    while keys := registrations_of_profile(tx, tenant, profile, after=after):
        yield from (found.device_id for found in registrations_by_id(tx, tenant, keys).values())
        after = keys[-1]


def devices_without_profile(tx: Tx, tenant: TenantKey) -> set[int]:
    """The devices that the built-in default profile serves, if the organisation has it."""
    return {found.device_id for found in every(lambda **page: without_profile(tx, tenant, **page))}


class PageWatch:
    """Tells which devices get another page than before, or the page `edited`, which stays theirs.

    Looking at every device's page takes time, so it is looked at only if something is about to change.
    """

    def __init__(self, tx: Tx, tenant: TenantKey, edited: EspProfile | None = None) -> None:
        self._tx = tx
        self._tenant = tenant
        self._edited = edited
        self._before: _Pages = {}

    def begin(self) -> None:
        """Note the pages as they are, just before the change."""
        self._before = self._pages()

    def devices(self) -> set[int]:
        """The devices for which the change makes a difference, once it took effect."""
        before, after = self._before, self._pages()
        other = {device for device in before.keys() | after.keys() if before.get(device) != after.get(device)}
        if self._edited is None:
            return other
        if self._edited.is_default:  # it is assigned to nobody, and reaches those that no other reaches
            return other | devices_with_default_page(self._tx, self._tenant, self._edited.id)
        return other | {device for device, keys in after.items() if self._edited.id in keys}

    def _pages(self) -> _Pages:
        """The pages of every device that any page is assigned to."""
        assigned = {
            device
            for esp in list_esps(self._tx, self._tenant)
            for device in holders(self._tx, self._tenant, ItemRef(ItemKind.ESP, esp.id))
        }
        return _pages_of(self._tx, self._tenant, assigned)


def devices_with_default_page(tx: Tx, tenant: TenantKey, default: int) -> set[int]:
    """The devices that get the default page in one of the flows."""
    everybody = {device.id for device in every(lambda **page: list_devices(tx, tenant, **page))}
    return {device for device, keys in _pages_of(tx, tenant, everybody).items() if default in keys}


def _pages_of(tx: Tx, tenant: TenantKey, devices: Iterable[int]) -> _Pages:
    wanted = sorted(set(devices))
    technician, user = (
        effective_esps(tx, tenant, wanted, technician=flow) if wanted else {} for flow in (True, False)
    )
    return {device: (technician[device].profile.id, user[device].profile.id) for device in wanted}


def names_of(tx: Tx, tenant: TenantKey, devices: Iterable[int]) -> tuple[str, ...]:
    """What people call the first few of these devices: the serial number if they are registered."""
    first = sorted(devices)[:SAMPLE]
    known = devices_by_id(tx, tenant, first)
    names = []
    for key in first:
        registration = registration_of_device(tx, tenant, key)
        if registration is not None:
            names.append(registration.serial)
        elif key in known:
            names.append(known[key].display_name)
    return tuple(names)
