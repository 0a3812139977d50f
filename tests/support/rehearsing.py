"""One organisation, one virtual laptop, and whoever stands before it: whole runs for the numbered checks.

The server is the real one, in process, on the in-memory network and virtual time (`rehearsal.world`); it is
configured through its API. The laptop is the product's own. What a person could see is recorded: every page
(`Visit`), every request (`Stage.wire`), every event. At the end of each run the recorded blockers of every
deployment must cover it (no silent state), no handler may have raised, and the log of events must verify.
The laptop has every quirk of Windows unless a test says otherwise.

    @virtual
    async def test_autopilot_142_green_then_reseal() -> None:
        async with stage(apps=[app("Agent", minutes=3)]) as s:
            visit = await s.technician()
            assert visit.last(ScreenId.GREEN).offers(Action.RESEAL)
            assert (await s.user("adele")).ending.kind is EndingKind.DESKTOP
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, ParamSpec

from reseal.deployment.invariant import check
from reseal.deployment.listing import blockers_of_many, list_deployments
from reseal.deployment.model import Blocker, Deployment
from reseal.deployment.report_model import ReportRow
from reseal.device.actor import Actor, Habits, Person, Scripted, Technician
from reseal.device.disk import MemoryDisk
from reseal.device.hardware import Hardware, capture, sample_endorsement_key, sample_laptop
from reseal.device.hints import PlainHints
from reseal.device.oobe.context import Ending
from reseal.device.parts import Parts
from reseal.device.quirks import ALL, Quirk
from reseal.device.screens import Action, Intent, Line, Screen, ScreenId
from reseal.device.transport import Request, Response
from reseal.device.windows import Laptop
from reseal.kernel import events
from reseal.kernel.clock import Clock, VirtualClock
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.events import SealedEvent
from reseal.kernel.simulation.guard import guarded
from reseal.kernel.simulation.loop import run
from reseal.rehearsal.administrator import Administrator
from reseal.rehearsal.evidence import Evidence
from reseal.rehearsal.link import Link
from reseal.rehearsal.record import all_events
from reseal.rehearsal.scenario import Expectation, Outcome
from reseal.rehearsal.standing import Standing, standing_of
from reseal.rehearsal.verdict import Case, causes
from reseal.rehearsal.world import BROWSER, START, World
from reseal.wire.devicecsv import DeviceRow, write_device_csv
from reseal.wire.msi import read_msi
from reseal.wire.syncml import Message, read_message

__all__ = [
    "DEVICES",
    "USERS",
    "App",
    "Exchange",
    "Stage",
    "Visit",
    "app",
    "certificate",
    "policy",
    "stage",
    "virtual",
    "wifi",
]

P = ParamSpec("P")

DEVICES: Final = [{"all": "devices"}]
USERS: Final = [{"all": "users"}]
CAPTURED: Final = START - timedelta(days=7)
A_LOOK: Final = timedelta(minutes=2)
"""How long people look at a failure before they do anything."""
AT_REST: Final = timedelta(hours=2)
"""So long a laptop is left on at the desktop, at most, for what still arrives."""

_FILES: Final = Path(__file__).parents[2] / "examples" / "contoso"
_PER_MACHINE: Final = ("apps/agent.msi", "apps/vpn.msi", "apps/reader.msi")
_PER_USER: Final = ("apps/notes.msi",)
_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "settings": {"allowVirtualTpm": True, "mdmScope": "all", "joinAllowed": "all"},
    "esp": {"showInstallationProgress": True, "allowDeviceResetOnInstallFailure": True},
    "profile": {
        "preprovisioningAllowed": True,
        "userType": "standard",
        "eulaHidden": True,
        "privacySettingsHidden": True,
        "keyboardSelectionPageSkipped": True,
    },
}
_USERS: Final = (
    {"upn": "adele", "displayName": "Adele Vance", "department": "Sales"},
    {"upn": "diego", "displayName": "Diego Siciliani", "department": "Engineering"},
)


def virtual(story: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A test that is told on virtual time, and in which nobody may look at the machine's clock."""

    @functools.wraps(story)
    def told(*args: P.args, **kwargs: P.kwargs) -> None:
        with guarded():
            run(story(*args, **kwargs))

    return told


# --- what there is to deliver -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A line-of-business app, and how it behaves on the device."""

    name: str
    time: timedelta
    failure: int | None
    context: str
    to: Sequence[Mapping[str, Any]]


def app(
    name: str,
    *,
    minutes: float = 1,
    failure: int | None = None,
    context: str = "device",
    to: Sequence[Mapping[str, Any]] = DEVICES,
) -> App:
    """An app that takes so long to install, and fails with `failure` each time if that is given."""
    return App(name=name, time=timedelta(minutes=minutes), failure=failure, context=context, to=to)


def policy(
    name: str, uri: str, value: str | int | bool, to: Sequence[Mapping[str, Any]] = DEVICES
) -> dict[str, Any]:
    """A policy of one setting; the address is below ./Device/Vendor/MSFT unless it says where it is."""
    kinds = {bool: "bool", int: "int", str: "chr"}
    address = uri if uri.startswith("./") else f"./Device/Vendor/MSFT/{uri}"
    setting = {"uri": address, "format": kinds[type(value)], "value": value}
    return {"name": name, "settings": [setting], "assign": list(to)}


def wifi(name: str, to: Sequence[Mapping[str, Any]] = DEVICES) -> dict[str, Any]:
    """The Wi-Fi profile of Contoso's office."""
    return {"name": name, "file": "wifi/contoso-office.xml", "assign": list(to)}


def certificate(name: str, to: Sequence[Mapping[str, Any]] = DEVICES) -> dict[str, Any]:
    """Contoso's root certificate."""
    return {"name": name, "store": "root", "file": "certs/contoso-root.pem", "assign": list(to)}


# --- what is recorded ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Visit:
    """Everything from switching the laptop on until it came to rest."""

    habits: Habits
    began: timedelta
    ending: Ending
    ended: timedelta

    @property
    def seen(self) -> list[Screen]:
        """Every page, in order, with each change of it."""
        return self.habits.seen

    @property
    def screens(self) -> list[ScreenId]:
        """Which pages were shown, in order."""
        return self.habits.screens()

    @property
    def took(self) -> timedelta:
        """From power-on to the end."""
        return self.ended - self.began

    def last(self, screen: ScreenId) -> Screen:
        """The page of that name as it was shown last."""
        return self.habits.last(screen)

    def pages(self, screen: ScreenId) -> list[Screen]:
        """Every state of the page of that name."""
        return [each for each in self.seen if each.id is screen]

    def lines(self, section: str, title: str) -> list[Line]:
        """The states that a line of the status page went through, each once in a row."""
        found: list[Line] = []
        for page in self.pages(ScreenId.STATUS_PAGE) + self.pages(ScreenId.RED):
            part = page.section(section)
            for line in () if part is None else part.lines:
                if line.title == title and (not found or found[-1] != line):
                    found.append(line)
        return found


@dataclass(slots=True)
class Exchange:
    """A request of the laptop and what it was answered with; `status` 0: no answer came."""

    at: timedelta
    request: Request
    status: int = 0
    answer: bytes = b""

    @property
    def sent(self) -> Message:
        """The SyncML message of a session."""
        return read_message(self.request.body)

    @property
    def received(self) -> Message:
        """The SyncML message that came back."""
        return read_message(self.answer)


@dataclass(slots=True)
class Tap:
    """A `Transport` that notes what passes, and where somebody may sit in the middle."""

    link: Link
    clock: Clock
    wire: list[Exchange]
    forge: Callable[[Request], Request] | None = None
    """Changes requests before they go out."""
    alter: Callable[[Exchange], bytes] | None = None
    """Changes the bodies of answers."""

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Response]:
        """See `device.transport.Transport`."""
        sent = request if self.forge is None else self.forge(request)
        exchange = Exchange(self.clock.monotonic(), sent)
        self.wire.append(exchange)
        async with self.link.send(sent) as answer:
            exchange.status = answer.status
            yield _Heard(answer, exchange, self.alter)


class _Heard:
    def __init__(
        self, answer: Response, exchange: Exchange, alter: Callable[[Exchange], bytes] | None
    ) -> None:
        self.status, self.headers = answer.status, answer.headers
        self.header, self.chunks = answer.header, answer.chunks
        self._answer, self._exchange, self._alter = answer, exchange, alter

    async def read(self, limit: int = 4_194_304) -> bytes:
        self._exchange.answer = await self._answer.read(limit)
        if self._alter is not None:
            self._exchange.answer = self._alter(self._exchange)
        return self._exchange.answer


# --- who stands before it -----------------------------------------------------------------------------------

Meanwhile = Callable[[Screen], Intent | None]
Script = Mapping[ScreenId, Iterable[Intent | Action]]
Doings = Mapping[ScreenId, Sequence[Callable[[], Awaitable[object]]]]
NOTHING: Final[Mapping[ScreenId, Any]] = MappingProxyType({})


class LaptopClock(VirtualClock):
    """A wall clock of its own over the time of all."""

    def __init__(self, base: VirtualClock, skew: timedelta) -> None:
        self._base = base
        self.skew = skew

    def now(self) -> datetime:
        return self._base.now() + self.skew

    def monotonic(self) -> timedelta:
        return self._base.monotonic()


class _Visitor:
    """An actor who does more than usual on some pages, and takes a look at what has failed."""

    def __init__(self, otherwise: Actor, before: Doings, clock: Clock, meanwhile: Meanwhile | None) -> None:
        self._otherwise = otherwise
        self._clock = clock
        self._before = {screen: list(doings) for screen, doings in before.items()}
        self._meanwhile = meanwhile

    async def act(self, screen: Screen) -> Intent:
        doings = self._before.get(screen.id)
        if doings:
            await doings.pop(0)()
        if screen.code and screen.id in {ScreenId.RED, ScreenId.ERROR, ScreenId.STATUS_PAGE}:
            await self._clock.sleep(A_LOOK)
        return await self._otherwise.act(screen)

    async def watch(self, screen: Screen) -> Intent | None:
        usual = await self._otherwise.watch(screen)
        return usual if self._meanwhile is None else self._meanwhile(screen) or usual


# --- the stage ----------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Stage:
    """What a test has in its hands."""

    world: World
    hardware: Hardware
    clock: LaptopClock
    link: Link
    apps: Sequence[App] = ()
    quirks: frozenset[Quirk] = frozenset()
    reports: bool = True
    has_tpm: bool = True
    factory_number: int = 1
    """Which endorsement key of the factory is in the TPM; the registered one is 1."""
    disk: MemoryDisk = field(default_factory=MemoryDisk)
    wire: list[Exchange] = field(default_factory=list)
    told: list[tuple[timedelta, str, dict[str, Any]]] = field(default_factory=list)
    """What the laptop told of itself, and when."""
    pages: list[Screen] = field(default_factory=list)
    """Everything that is on the display since the last power-on."""
    laptop: Laptop = field(init=False)
    tap: Tap = field(init=False)
    _products: dict[str, str] = field(default_factory=dict)
    _parts: Parts | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.tap = Tap(self.link, self.clock, self.wire)

    # --- the laptop

    async def technician(
        self,
        *,
        script: Script = NOTHING,
        before: Doings = NOTHING,
        meanwhile: Meanwhile | None = None,
        **habits: Any,
    ) -> Visit:
        """A technician switches the laptop on, brings it to green, and reseals it; see `switch_on`."""
        technician = Technician(clock=self.clock, **habits)
        return await self.switch_on(technician, script=script, before=before, meanwhile=meanwhile)

    async def user(
        self,
        upn: str = "adele",
        *,
        password: str = "",
        script: Script = NOTHING,
        before: Doings = NOTHING,
        meanwhile: Meanwhile | None = None,
        **habits: Any,
    ) -> Visit:
        """A user switches the laptop on, signs in and goes on to the desktop; see `switch_on`."""
        name = self.upn(upn)
        secret = password or self.world.admin.passwords.get(name, "")
        person = Person(upn=name, password=secret, clock=self.clock, **habits)
        return await self.switch_on(person, script=script, before=before, meanwhile=meanwhile)

    async def switch_on(
        self,
        habits: Technician | Person,
        *,
        script: Script = NOTHING,
        before: Doings = NOTHING,
        meanwhile: Meanwhile | None = None,
    ) -> Visit:
        """Somebody stands before the laptop until it is off again.

        `script`: what is done on a page instead of the usual; `before`: what happens just before that, once
        for each; `meanwhile`: what is done on pages that go on by themselves. At the desktop the laptop is
        left on until it is at rest, unless something else happens `before`; a failure is looked at for a
        while.
        """
        written = {screen: [_intent(each) for each in intents] for screen, intents in script.items()}
        actor = _Visitor(
            Scripted(habits, written), {ScreenId.DESKTOP: [self.at_rest], **before}, self.clock, meanwhile
        )
        began, self.pages = self.clock.monotonic(), habits.seen
        self.laptop = self._laptop()
        ending = await self.laptop.power_on(actor)
        return Visit(habits, began, ending, self.clock.monotonic())

    async def at_rest(self) -> None:
        """Wait until the server awaits nothing more of the laptop, at most for `AT_REST`; and as long for one
        that is not registered any more.
        """
        limit = self.clock.monotonic() + AT_REST
        while self.clock.monotonic() < limit:
            found = await self.world.db.read(standing_of, self.world.tenant, self.hardware.serial)
            enrolment = None if found is None else found.enrolment
            if found is not None and (
                enrolment is None or (enrolment.open_items == 0 and not enrolment.stale)
            ):
                return
            await self.clock.sleep(timedelta(minutes=1))

    def _laptop(self) -> Laptop:
        hints = PlainHints(
            times={self._products[each.name]: each.time for each in self.apps},
            failures={self._products[each.name]: each.failure for each in self.apps if each.failure},
        )
        if self._parts is None:
            self._parts = Parts(
                disk=self.disk,
                transport=self.tap,
                clock=self.clock,
                entropy=self.world.entropy.fork("device"),
                keys=self.world.keys.fork("device"),
                quirks=self.quirks,
                hints=hints,
                tell=self._hear,
            )
        self._parts = replace(self._parts, hints=hints)
        return Laptop(
            self.hardware,
            self._parts,
            self.world.device_url,
            endorsement_key=_endorsement_key(self.factory_number) if self.has_tpm else None,
            adapters=self.link,
            reports=self.reports,
        )

    def _hear(self, what: str, about: dict[str, Any]) -> None:
        self.told.append((self.clock.monotonic(), what, about))

    def heard(self, what: str, since: timedelta = timedelta(0)) -> list[dict[str, Any]]:
        """What belongs to each time that the laptop told `what`."""
        return [about for at, told, about in self.told if told == what and at >= since]

    def wipe(self) -> None:
        """Put Windows on the laptop anew: everything on its disk is gone, its TPM is the same."""
        self.disk = MemoryDisk()
        self._parts = None

    def turn_clock(self, by: timedelta) -> None:
        """Set the laptop's wall clock forward, or back."""
        self.clock.skew += by

    # --- the administrator

    def upn(self, name: str) -> str:
        """A user's name with its domain."""
        return name if "@" in name else f"{name}@{self.world.domain}"

    async def apply(self, **sections: Any) -> None:
        """Make the organisation what these sections of a description say."""
        for name in ("wifi", "certificates"):
            if name in sections:
                sections[name] = [await self._with_file(each) for each in sections[name]]
        answer = await self.world.admin.json("POST", "/blueprint/apply", {"reseal": 1, **sections})
        self.world.admin.passwords.update(answer["passwords"])

    async def provide(self, *apps: App) -> None:
        """Put apps into the catalogue."""
        entries = []
        for each in apps:
            files = _PER_USER if each.context == "user" else _PER_MACHINE
            fresh = [file for file in files if _product(file) not in self._products.values()]
            self._products[each.name] = _product(fresh[0])
            entry = {"name": each.name, "context": each.context, "assign": list(each.to), "file": fresh[0]}
            entries.append(await self._with_file(entry))
        self.apps = (*(one for one in self.apps if one not in apps), *apps)
        if entries:
            await self.apply(apps=entries)

    def change(self, name: str, **changes: Any) -> None:
        """From the next power-on an app behaves otherwise on the laptop."""
        self.apps = [replace(each, **changes) if each.name == name else each for each in self.apps]

    def hash_text(self, factory_number: int = 1) -> str:
        """The hardware hash, captured at the maker's with that TPM."""
        modulus = _endorsement_key(factory_number).public_key().public_numbers().n.to_bytes(256, "big")
        return capture(self.hardware, ek_modulus=modulus if self.has_tpm else None, at=CAPTURED)

    async def download(self, path: str) -> bytes:
        """What the API answers to a GET, as it comes."""
        return await self.world.admin._checked("GET", path)

    async def register(self, *, tag: str = "", user: str = "", factory_number: int = 1) -> None:
        """Import the laptop's hardware hash."""
        row = DeviceRow(
            line=2,
            serial=self.hardware.serial,
            hardware_hash=self.hash_text(factory_number),
            group_tag=tag,
            assigned_user=self.upn(user) if user else "",
        )
        await self.world.admin.import_devices(write_device_csv([row]), "devices.csv")

    async def neighbour_registers(self, name: str, **sections: Any) -> Administrator:
        """Another organisation on the same server imports the laptop by mistake; who runs it.

        `sections` describe it; its users are made with them.
        """
        domain = f"{name.lower()}.example"
        made = await self.world.admin.json("POST", "/tenants", {"name": name, "domain": domain})
        neighbour = Administrator(self.world.link(name), f"https://{BROWSER}", made)
        answer = await neighbour.json("POST", "/blueprint/apply", {"reseal": 1, **sections})
        neighbour.passwords.update(answer["passwords"])
        row = DeviceRow(line=2, serial=self.hardware.serial, hardware_hash=self.hash_text())
        await neighbour.import_devices(write_device_csv([row]), "devices.csv")
        return neighbour

    async def edit(self, **fields: str) -> None:
        """Edit the registration."""
        await self.world.admin.edit_registration(self.hardware.serial, **fields)

    async def registration(self) -> dict[str, Any]:
        """The registration as the API tells it."""
        return await self.world.admin.registration(self.hardware.serial)

    async def _with_file(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        content = _content(entry["file"])
        sha256 = hashlib.sha256(content).hexdigest()
        await self.world.admin._upload(sha256, content)
        return {
            **entry,
            "file": {"sha256": sha256, "size": len(content), "fileName": entry["file"].rpartition("/")[2]},
        }

    # --- what the server knows

    async def standing(self) -> Standing:
        """Everything that the server knows of the laptop."""
        found = await self.world.db.read(standing_of, self.world.tenant, self.hardware.serial)
        assert found is not None, "the laptop is not registered"
        return found

    async def story(self) -> Deployment:
        """The last deployment."""
        story = (await self.standing()).story
        assert story is not None, "the server never saw the laptop"
        return story

    async def blockers(self) -> tuple[Blocker, ...]:
        """Everything that the last deployment waited for, in order."""
        return (await self.standing()).stories[-1][1]

    async def row(self) -> ReportRow:
        """The last deployment's row in the report."""
        return (await self.standing()).rows[-1]

    async def events(self, kind: str = "") -> list[SealedEvent]:
        """The events whose kind begins so, in order."""
        told = await self.world.db.read(all_events, self.world.tenant)
        return [event for event in told if event.kind.startswith(kind)]

    def sessions(self, since: timedelta = timedelta(0)) -> list[Exchange]:
        """The messages of management sessions, each with its answer."""
        return [
            each
            for each in self.wire
            if each.at >= since and "/managementserver/" in each.request.url.lower() and each.answer
        ]

    def paths(self, since: timedelta = timedelta(0)) -> list[str]:
        """Method and path of every request, in order."""
        found = [(each.request.method, each.request.url) for each in self.wire if each.at >= since]
        return [f"{method} /{url.split('/', 3)[3].partition('?')[0]}" for method, url in found]

    # --- what is on the laptop

    @property
    def evidence(self) -> Evidence:
        """What lies on the laptop's disk."""
        return Evidence.of(self.disk, self.clock)

    def value(self, uri: str, user: str | None = None) -> str | int:
        """What a Get of an address is answered with: the value, or the status code without one."""
        address = uri if uri.startswith("./") else f"./Device/Vendor/MSFT/{uri}"
        return self.evidence.answers([address], None if user is None else self.upn(user))[address]

    async def shortcomings(self, outcome: Outcome, upn: str = "") -> list[str]:
        """What is not as it should be at that end, read back from the laptop's disk and from the log."""
        case = Case(
            expected=Expectation(outcome),
            ended=Expectation(outcome),
            message="",
            upn=self.upn(upn) if upn else "",
            device=self.evidence,
            server=await self.standing(),
            log=tuple(await self.events()),
        )
        return list(causes(case))

    def installed(self, name: str) -> int:
        """How often an app was installed to its end, according to the journal, for whomever."""
        code = self._products[name].casefold()
        journal = self.evidence.journal
        return sum(each.step == "end" and each.product.key[1] == code for each in journal)

    def attempts(self, name: str) -> int:
        """How often an installation was begun."""
        code = self._products[name].casefold()
        journal = self.evidence.journal
        return sum(each.step == "begin" and each.product.key[1] == code for each in journal)


def _intent(each: Intent | Action) -> Intent:
    return Intent(each) if isinstance(each, Action) else each


@functools.cache
def _endorsement_key(number: int) -> Any:
    return sample_endorsement_key("contoso", number)


@functools.cache
def _product(file: str) -> str:
    return read_msi(_content(file)).product_code


@functools.cache
def _content(file: str) -> bytes:
    return (_FILES / file).read_bytes()


@asynccontextmanager
async def stage(
    *,
    seed: int = 1,
    esp: Mapping[str, Any] | None = None,
    has_page: bool = True,
    profile: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    users: Sequence[Mapping[str, Any]] = _USERS,
    apps: Sequence[App] = (),
    registered: bool = True,
    tag: str = "",
    assigned: str = "",
    skew: timedelta = timedelta(0),
    cable: bool = True,
    access_points: Mapping[str, str] | None = None,
    start: datetime = START,
    hardware: Mapping[str, Any] | None = None,
    quirks: Iterable[Quirk] = ALL,
    reports: bool = True,
    has_tpm: bool = True,
    **sections: Any,
) -> AsyncIterator[Stage]:
    """An organisation with one profile and one status page for all devices, and one registered laptop.

    `esp`, `profile`, `settings`: what is not as usual; without `has_page` there is the default page alone,
    which shows nothing. `skew`: how far the laptop's wall clock is off. Other keywords are fields of `Stage`,
    or sections of a description (`policies`, `groups`, ...), which win over what is here.
    """
    entropy = SeededEntropy(f"stage {seed}")
    async with World.open(entropy, start=start, access_points=access_points) as world:
        clock = LaptopClock(world.clock, skew)
        made = Stage(
            world=world,
            hardware=replace(sample_laptop("contoso", 1), **(hardware or {})),
            clock=clock,
            link=world.link("laptop", clock=clock, cable=cable),
            quirks=frozenset(quirks),
            reports=reports,
            has_tpm=has_tpm,
        )
        page = {"name": "Page", "assign": DEVICES, **_DEFAULTS["esp"], **(esp or {})}
        profiles = [{"name": "Standard", "assign": DEVICES, **_DEFAULTS["profile"], **(profile or {})}]
        await made.apply(
            settings={**_DEFAULTS["settings"], **(settings or {})},
            users=list(users),
            **{"profiles": profiles, **sections},
        )
        await made.provide(*apps)
        if has_page:
            await made.apply(enrollmentStatusPages=[page])
        if registered:
            await made.register(tag=tag, user=assigned)
        yield made
        await world.network.quiet()
        await _in_order(world)


async def _in_order(world: World) -> None:
    """What must hold after every run."""
    await world.up()
    assert not world.network.fallen, world.network.fallen
    log = await world.db.read(events.verify, world.tenant)
    assert log.intact, log
    deployments = (await world.db.read(list_deployments, world.tenant, limit=1000)).items
    keys = [one.id for one in deployments]
    blockers = await world.db.read(blockers_of_many, world.tenant, keys)
    for one in deployments:
        silent = check(one, blockers.get(one.id, ()))
        assert not silent, silent
