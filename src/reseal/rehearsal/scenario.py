"""What is to be tried: a scenario file beside the description of a tenant, or the usual one without a file.

    rehearsal: 1
    apps:
      Contoso Device Agent: {minutes: 20}
    plan:
      - devices: 1-8
        steps: [technician, reseal, {assignUser: adele}, user, {has: Contoso Notes}]
      - devices: [9, RSL-0010-4FEB1B]
        steps: [technician]
        expect: red 0x80180005

Everything that makes a rehearsal unlike a real run (minutes of installations, what fails, bad links) stands
here and never in the description of the tenant. docs/administrator/rehearsing.md explains each word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from reseal.blueprint.source import SCENARIO_FILE
from reseal.device.quirks import ALL, Quirk
from reseal.kernel.errors import Invalid
from reseal.rehearsal.faults import NO_FAULTS, Faults, parse_faults
from reseal.rehearsal.yamlfile import read_yaml
from reseal.wire.runtime.screens import ScreenId

FORMAT: Final = 1
USUAL_MINUTES: Final = 60
"""Without a scenario file the installations of all apps take so many minutes together."""


class Outcome(StrEnum):
    """How a device's run ends."""

    DESKTOP = "desktop"
    GREEN = "green"
    RESEALED = "resealed"
    RED = "red"
    ERROR = "error"
    """The page that says that set-up cannot go on."""
    OFF = "off"
    """Switched off by its person on the way."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """How a run is to end; with a code, by exactly this one."""

    outcome: Outcome
    code: str = ""

    def __str__(self) -> str:
        return f"{self.outcome} {self.code}".strip()

    def met_by(self, ended: Expectation) -> bool:
        """Whether a run that ended so is as expected."""
        return self.outcome is ended.outcome and self.code in ("", ended.code)


ARRIVES: Final = Expectation(Outcome.DESKTOP)


class Act(StrEnum):
    """What a person does with a device, or what is done to the tenant meanwhile."""

    TECHNICIAN = "technician"
    """Switch on, five presses of the Windows key, Provision."""
    RETRY = "retry"
    """Press *Retry* on the red page, or on the user's error page, and go on."""
    RESET = "reset"
    """Press *Reset* there: Windows starts anew, and the same person goes through the same flow."""
    RESEAL = "reseal"
    USER = "user"
    """Switch on and sign in; the argument is the user, if it is not the run's own."""
    ASSIGN_USER = "assignUser"
    GROUP_TAG = "groupTag"
    APPLY = "apply"
    """Apply one more description to the tenant."""
    DAMAGE = "damage"
    """Flip a bit in the stored file of an app."""
    CABLE = "cable"
    """`in` or `out`."""
    UNPLUG_AFTER = "unplugAfter"
    """Minutes after which the cable is pulled out, in the middle of the next step."""
    WAIT = "wait"
    """Minutes."""
    # what is to be so at that point
    ENDED = "ended"
    """How the last flow ended, such as `red 0x800705B4`."""
    SEEN = "seen"
    """A page that was shown since the device was switched on last."""
    UNSEEN = "unseen"
    """A page that was not."""
    HAS = "has"
    """An item of the catalogue, which is on the device as it is in the catalogue."""
    LACKS = "lacks"
    """An item of the catalogue, of which nothing is on the device."""


EXPECTATIONS: Final = frozenset({Act.ENDED, Act.SEEN, Act.UNSEEN, Act.HAS, Act.LACKS})
"""Steps in which nothing is done, but looked."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done."""

    act: Act
    argument: str = ""


BOTH_FLOWS: Final = (Step(Act.TECHNICIAN), Step(Act.RESEAL), Step(Act.USER))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What some devices go through."""

    devices: tuple[int | str, ...] = ()
    """Numbers of rows, from 1, and serial numbers; empty: all."""
    steps: tuple[Step, ...] = BOTH_FLOWS
    user: str = ""
    """Empty: the assigned user, or one of the licensed ones in turn."""
    wifi: str = ""
    """The wireless network that the person chooses; empty: a cable."""
    quirks: frozenset[Quirk] = ALL
    reports: bool = True
    expect: Expectation = ARRIVES


@dataclass(frozen=True, slots=True)
class AppHint:
    """How an app behaves when it is installed."""

    minutes: int | None = None
    failure: int | None = None
    """The HRESULT with which its installation ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is to be tried on which tenant."""

    blueprint: Path
    also: tuple[Path, ...] = ()
    """Further descriptions, applied on top of it: what of the tenant is otherwise in this scenario."""
    devices: Path
    domain: str = "contoso.example"
    sample: str = "contoso"
    """Whose sample laptops the devices are."""
    start: datetime | None = None
    stagger: timedelta = timedelta(seconds=30)
    """Between the start of one device and the next."""
    faults: Faults = NO_FAULTS
    download_rate: int = 0
    """Bytes per second; 0 for as fast as they come."""
    apps: dict[str, AppHint]
    usual_minutes: int | None = None
    """Minutes of all apps together that have no hint of their own."""
    wifi: dict[str, str]
    plan: tuple[Plan, ...] = (Plan(),)


# --- reading ------------------------------------------------------------------------------------------------


class _Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A mapping in which every key is known."""


class _App(_Strict):
    minutes: int | None = None
    failure: str | int | None = None


_Argument: TypeAlias = str | int | list[str]


class _Plan(_Strict):
    devices: str | int | list[int | str] = "all"
    steps: list[str | dict[str, _Argument]] = []
    user: str = ""
    wifi: str = ""
    quirks: str | list[str] = "all"
    without_quirks: list[str] = []
    reports: bool = True
    expect: str = "desktop"


class _File(_Strict):
    rehearsal: int
    description: str = ""
    blueprint: str = "."
    also: list[str] = []
    devices: str = "devices.csv"
    domain: str = "contoso.example"
    sample: str = "contoso"
    start: object = None
    """YAML gives a moment, a day or, of what it does not know as either, a text."""
    stagger: int = 30
    faults: str = "none"
    download_rate: int = 0
    apps: dict[str, _App] = {}
    usual_minutes: int | None = None
    wifi: dict[str, str] = {}
    plan: list[_Plan] = []


def read_scenario(path: Path) -> Scenario:
    """The scenario of a file, or of a directory: its `rehearsal.yaml`, or the usual one if there is none.

    Raises `Invalid` naming file and line of what is wrong.
    """
    file = path / SCENARIO_FILE if path.is_dir() else path
    if path.is_dir() and not file.exists():
        return Scenario(
            blueprint=path, devices=path / "devices.csv", apps={}, wifi={}, usual_minutes=USUAL_MINUTES
        )
    with read_yaml(file) as document:
        return _scenario(file.parent, document.convert(_File))


def _scenario(directory: Path, said: _File) -> Scenario:
    if said.rehearsal != FORMAT:
        raise ValueError(f"`rehearsal: {said.rehearsal}` is a format that is not known - at `$.rehearsal`")
    blueprint = directory / said.blueprint
    home = blueprint if blueprint.is_dir() else blueprint.parent
    return Scenario(
        blueprint=blueprint,
        also=tuple(directory / each for each in said.also),
        devices=home / said.devices,
        domain=said.domain,
        sample=said.sample,
        start=_start(said.start),
        stagger=timedelta(seconds=said.stagger),
        faults=parse_faults(said.faults),
        download_rate=said.download_rate,
        apps={name: AppHint(app.minutes, _hresult(app.failure)) for name, app in said.apps.items()},
        usual_minutes=said.usual_minutes,
        wifi=said.wifi,
        plan=tuple(_plan(each, f"$.plan[{n}]", said, directory) for n, each in enumerate(said.plan))
        or (Plan(),),
    )


_NO_MOMENT: Final = "{!r} is no moment; write 2026-11-09 or 2026-11-09T08:00:00Z - at `$.start`"


def _start(said: object) -> datetime | None:
    """A moment without a zone is UTC, a day is its midnight there."""
    if isinstance(said, str):
        said = _read_moment(said)
    match said:
        case None:
            return None
        case datetime(tzinfo=None):
            return said.replace(tzinfo=UTC)
        case datetime():
            return said.astimezone(UTC)
        case date():
            return datetime.combine(said, time(tzinfo=UTC))
    raise ValueError(_NO_MOMENT.format(said))


def _read_moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(_NO_MOMENT.format(text)) from None


def _plan(said: _Plan, where: str, file: _File, directory: Path) -> Plan:
    if said.wifi and said.wifi not in file.wifi:
        raise ValueError(f"no network {said.wifi!r} is said under `wifi` - at `{where}.wifi`")
    steps = [
        step for n, each in enumerate(said.steps) for step in _steps(each, f"{where}.steps[{n}]", directory)
    ]
    return Plan(
        devices=_devices(said.devices, f"{where}.devices"),
        steps=tuple(steps) or BOTH_FLOWS,
        user=said.user,
        wifi=said.wifi,
        quirks=_quirks(said, where),
        reports=said.reports,
        expect=_expectation(said.expect, f"{where}.expect"),
    )


def _devices(said: str | int | list[int | str], where: str) -> tuple[int | str, ...]:
    if said == "all":
        return ()
    chosen: list[int | str] = []
    for each in said if isinstance(said, list) else [said]:
        first, dash, last = str(each).partition("-")
        if isinstance(each, int):
            chosen.append(each)
        elif dash and first.isdigit() and last.isdigit():
            chosen += range(int(first), int(last) + 1)
        else:
            chosen.append(each)
    if any(isinstance(each, int) and each < 1 for each in chosen) or not chosen:
        raise ValueError(f"devices are counted from 1 - at `{where}`")
    return tuple(chosen)


_WITH_ARGUMENT: Final = EXPECTATIONS | {
    Act.ASSIGN_USER,
    Act.GROUP_TAG,
    Act.APPLY,
    Act.DAMAGE,
    Act.CABLE,
    Act.UNPLUG_AFTER,
    Act.WAIT,
}
_SEVERAL: Final = EXPECTATIONS - {Act.ENDED}
"""Steps that may be told a list: one step for each of it."""


def _steps(said: str | dict[str, _Argument], where: str, directory: Path) -> list[Step]:
    name, argument = (said, "") if isinstance(said, str) else _only(said, where)
    if name not in list(Act):
        known = ", ".join(Act)
        raise ValueError(f"{name!r} is no step; known are {known} - at `{where}`")
    act = Act(name)
    if not isinstance(argument, list):
        return [_step(act, argument, where, directory)]
    if act not in _SEVERAL or not argument:
        how = "at least one thing" if act in _SEVERAL else "one thing"
        raise ValueError(f"{name} is told {how} - at `{where}`")
    return [_step(act, each, where, directory) for each in argument]


def _step(act: Act, argument: str | int, where: str, directory: Path) -> Step:
    if act in _WITH_ARGUMENT and argument == "" and act not in {Act.ASSIGN_USER, Act.GROUP_TAG}:
        raise ValueError(f"{act} needs to be told what: write `{{{act}: ...}}` - at `{where}`")
    if act not in _WITH_ARGUMENT and act is not Act.USER and argument != "":
        raise ValueError(f"{act} takes nothing: write it alone - at `{where}`")
    match act:
        case Act.CABLE if argument not in {"in", "out"}:
            raise ValueError(f"a cable is `in` or `out`, not {argument!r} - at `{where}`")
        case Act.WAIT | Act.UNPLUG_AFTER if not str(argument).isdigit():
            raise ValueError(f"{act} is told in minutes - at `{where}`")
        case Act.SEEN | Act.UNSEEN if argument not in list(ScreenId):
            raise ValueError(f"{argument!r} is no page; known are {', '.join(ScreenId)} - at `{where}`")
        case Act.ENDED:
            argument = str(_expectation(str(argument), where))
        case Act.APPLY:
            argument = str(directory / str(argument))
        case _:
            pass
    return Step(act, str(argument))


def _only(said: dict[str, _Argument], where: str) -> tuple[str, _Argument]:
    if len(said) != 1:
        raise ValueError(f"a step is one thing - at `{where}`")
    return next(iter(said.items()))


def _quirks(said: _Plan, where: str) -> frozenset[Quirk]:
    chosen = (
        {"all": ALL, "none": frozenset[Quirk]()}.get(said.quirks) if isinstance(said.quirks, str) else None
    )
    if chosen is None:
        named = [said.quirks] if isinstance(said.quirks, str) else said.quirks
        chosen = frozenset(_named_quirks(named, f"{where}.quirks"))
    return chosen - frozenset(_named_quirks(said.without_quirks, f"{where}.withoutQuirks"))


def _named_quirks(names: Sequence[str], where: str) -> list[Quirk]:
    for name in names:
        if name not in list(Quirk):
            raise ValueError(f"{name!r} is no quirk; known are {', '.join(Quirk)} - at `{where}`")
    return [Quirk(name) for name in names]


def parse_expectation(said: str) -> Expectation:
    """An expectation from its words, as `str` makes them."""
    return _expectation(said, "$")


def _expectation(said: str, where: str) -> Expectation:
    name, _, code = said.partition(" ")
    if name not in list(Outcome):
        raise ValueError(f"{name!r} is no outcome; known are {', '.join(Outcome)} - at `{where}`")
    return Expectation(Outcome(name), code.strip())


def _hresult(said: str | int | None) -> int | None:
    try:
        return int(said, 16) if isinstance(said, str) else said
    except ValueError:
        raise ValueError(f"{said!r} is no HRESULT: write 0x80070643") from None


def require_devices(scenario: Scenario) -> None:
    """Raise `Invalid` if the list of devices is not there."""
    if not scenario.devices.is_file():
        raise Invalid(
            code="NoDevices",
            message=f"There is no list of devices at {scenario.devices}.",
            remedy="Put a devices.csv with virtual laptops beside the tenant's description.",
        )
