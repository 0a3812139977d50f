"""Setting the stage: the tenant is described and its devices are registered, as an administrator would do it;
then each device that takes part gets its hardware, its plan and its person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from reseal.blueprint.source import Source, read_source
from reseal.device.hardware import Hardware, capture, sample_endorsement_key, sample_laptop
from reseal.device.hints import PlainHints
from reseal.kernel.errors import Detail, Invalid
from reseal.rehearsal.scenario import Act, AppHint, Plan, Scenario, require_devices
from reseal.rehearsal.world import World
from reseal.wire.devicecsv import DeviceCsv, DeviceRow, read_device_csv, write_device_csv
from reseal.wire.errors import WireError
from reseal.wire.hwhash import decode
from reseal.wire.msi import read_msi

CAPTURED: Final = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
"""When the hashes of laptops that no list holds were captured."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A device that takes part."""

    number: int
    """Of its row, from 1."""
    hardware: Hardware
    endorsement_key: RSAPrivateKey
    plan: Plan
    upn: str
    """Who signs in, unless a step says otherwise; empty: nobody."""

    @property
    def name(self) -> str:
        """Its serial number."""
        return self.hardware.serial


@dataclass(frozen=True, slots=True)
class Script:
    """A scenario with the files that it names, read and checked before anything is built."""

    scenario: Scenario
    source: Source
    also: tuple[Source, ...]
    """Applied on top of it, in order."""
    rows: tuple[DeviceRow, ...]
    chosen: tuple[tuple[int, Plan], ...]
    """Row numbers from 1 and what each of these devices goes through, in order."""
    overlays: Mapping[str, Source]
    """Further descriptions that steps apply, by their path."""


def read_script(scenario: Scenario, count: int | None = None) -> Script:
    """Read the files of a scenario. With `count` so many devices take part: the first ones, and further
    sample laptops if the list has fewer. Raises `Invalid`.
    """
    require_devices(scenario)
    source = read_source(scenario.blueprint)
    rows = read_device_csv(scenario.devices.read_bytes())
    _require_readable(scenario, rows)
    numbers = {row.serial: number for number, row in enumerate(rows.rows, 1)}
    chosen: dict[int, Plan] = {}
    for plan in scenario.plan:
        for each in plan.devices or range(1, max(len(rows.rows), count or 0) + 1):
            number = each if isinstance(each, int) else numbers.get(each, 0)
            if number < 1:
                raise _unknown(scenario, str(each))
            chosen.setdefault(number, plan)
    in_order = sorted(chosen.items())[:count]
    more = range(len(rows.rows) + 1, max((number for number, _ in in_order), default=0) + 1)
    added = [_row(scenario.sample, number) for number in more]
    steps = [step for _, plan in in_order for step in plan.steps if step.act is Act.APPLY]
    overlays = {step.argument: read_source(Path(step.argument)) for step in steps}
    also = tuple(read_source(each) for each in scenario.also)
    return Script(scenario, source, also, (*rows.rows, *added), tuple(in_order), overlays)


def _require_readable(scenario: Scenario, rows: DeviceCsv) -> None:
    if rows.problems:
        raise Invalid(
            code="UnreadableDevices",
            message=f"{scenario.devices} cannot be read as a list of devices.",
            remedy="Correct the rows named above.",
            details=[Detail(f"{scenario.devices}:{each.line}", each.message) for each in rows.problems],
        )


def _row(sample: str, number: int) -> DeviceRow:
    """The row of a sample laptop that no list holds."""
    hardware = sample_laptop(sample, number)
    text = capture(hardware, ek_modulus=_modulus(_key(sample, number)), at=CAPTURED)
    return DeviceRow(line=number + 1, serial=hardware.serial, hardware_hash=text)


@lru_cache(maxsize=256)
def _key(sample: str, number: int) -> RSAPrivateKey:
    """Its endorsement key; searching for it takes half a second, so once in a process is enough."""
    return sample_endorsement_key(sample, number)


def _modulus(key: RSAPrivateKey) -> bytes:
    return key.public_key().public_numbers().n.to_bytes(key.key_size // 8, "big")


def _unknown(scenario: Scenario, device: str) -> Invalid:
    return Invalid(
        code="NoSuchDevice",
        message=f"{scenario.devices} has no device {device}.",
        remedy="Name a serial number of the list, or the number of a row.",
    )


# --- on the stage -------------------------------------------------------------------------------------------


async def set_stage(world: World, script: Script) -> list[Candidate]:
    """Configure the tenant, register the devices, and say who takes part."""
    for source in (script.source, *script.also):
        await world.admin.apply(source)
    devices = write_device_csv([replace(row, line=n) for n, row in enumerate(script.rows, 2)])
    await world.admin.import_devices(devices, script.scenario.devices.name)
    people = list(_licensed(script.source.document, world.domain))
    return [_candidate(script, number, plan, people) for number, plan in script.chosen]


def _candidate(script: Script, number: int, plan: Plan, people: Sequence[str]) -> Candidate:
    row, sample = script.rows[number - 1], script.scenario.sample
    hardware, key = sample_laptop(sample, number), _key(sample, number)
    if row.serial != hardware.serial or not _is_of(row.hardware_hash, key):
        raise Invalid(
            code="NoVirtualLaptop",
            message=f"Device {row.serial} (row {number}) is not laptop {number} of the sample {sample!r}.",
            remedy="Rehearse with virtual laptops; hashes of real machines cannot prove themselves here.",
        )
    return Candidate(number, hardware, key, plan, _person(script, row, number, plan, people))


def _is_of(hash_text: str, key: RSAPrivateKey) -> bool:
    """Whether the hash names that endorsement key."""
    try:
        return decode(hash_text).ek_modulus == _modulus(key)
    except WireError:
        return False


def _person(script: Script, row: DeviceRow, number: int, plan: Plan, people: Sequence[str]) -> str:
    """The user of the run, or the assigned one, or the licensed ones in turn."""
    assigned = [step.argument for step in plan.steps if step.act is Act.ASSIGN_USER and step.argument]
    upn = plan.user or (assigned[-1] if assigned else "") or row.assigned_user
    if not upn and people:
        upn = people[(number - 1) % len(people)]
    return lengthened(upn, script.scenario.domain)


def lengthened(upn: str, domain: str) -> str:
    """A user's name with its domain; it may be written without."""
    return upn if not upn or "@" in upn else f"{upn}@{domain}"


def _licensed(document: dict[str, Any], domain: str) -> Iterator[str]:
    for user in document.get("users") or ():
        if user.get("licensed", True) and user.get("accountEnabled", True):
            yield lengthened(str(user["upn"]), domain)


def hints_of(script: Script) -> PlainHints:
    """How long installations take and what fails, by product code: each app's own hint, or an equal share of
    what all take together.
    """
    sources = (script.source, *script.also, *script.overlays.values())
    apps = {name: code for source in sources for name, code in _apps(source)}
    said = script.scenario.apps
    unsaid = [name for name in apps if name not in said or said[name].minutes is None]
    share = _share(script.scenario, len(unsaid))
    times, failures = {}, {}
    for name, code in apps.items():
        hint = said.get(name, AppHint())
        times[code] = share if hint.minutes is None else timedelta(minutes=hint.minutes)
        if hint.failure is not None:
            failures[code] = hint.failure
    return PlainHints(time=share, rate=script.scenario.download_rate, times=times, failures=failures)


def _share(scenario: Scenario, count: int) -> timedelta:
    if scenario.usual_minutes is None or not count:
        return PlainHints().time
    return timedelta(minutes=scenario.usual_minutes) / count


def _apps(source: Source) -> Iterator[tuple[str, str]]:
    """Name and product code of each app of a description whose package can be read."""
    for app in source.document.get("apps") or ():
        file = source.contents.get((app.get("file") or {}).get("sha256", ""))
        if file is not None:
            with suppress(WireError):
                yield str(app.get("name", "")), read_msi(file.read_bytes()).product_code
