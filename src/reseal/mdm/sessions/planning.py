"""What a device is sent next, in its order. Pure.

    1. what holds the page, or makes it fail          it passes its window if this comes late (4.4)
    2. whose it is                                    once, when the first user of a device is known (5.2)
    3. questions: what the device is                  once per flow (5.8)
    4. what shall go away
    5. what shall come: policies, certificates, networks, apps; of the machine, then of its user
    6. the release of a phase, once a session until the device took it
    7. questions about the page
    8. what follows a finished page

A command goes out once per session; what is not answered or not taken is planned again in the next. Nothing
in ./User is planned unless its user is there, and nothing outside the scopes that the session takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reseal.esp.holding import Keyed, aftermath_commands, failure_commands, release_command
from reseal.esp.judging import attempts
from reseal.esp.phases import Flow, PhaseState, PhaseStatus
from reseal.managed.model import MACHINE, PROVIDER_ID, Item
from reseal.mdm.sessions.course import ASKED_FOR, RED_FOR, Course, present_phases
from reseal.mdm.sessions.deliveries import Sender, commands_for
from reseal.mdm.sessions.handling import Handling
from reseal.mdm.sessions.model import Session
from reseal.mdm.sessions.purposes import Planned, Purpose, What
from reseal.wire.csp import DevDetail, DevInfo, Enrollment, FirstSync, Leaf, Scope, provider, unenroll
from reseal.wire.syncml import NodeCommand, get

QUESTIONS: Final[tuple[str, ...]] = (
    DevDetail.DEVICE_NAME,
    DevDetail.SOFTWARE_VERSION,
    DevDetail.SERIAL_NUMBER,
    DevDetail.OEM,
    DevDetail.TYPE,
    DevDetail.OS_PLATFORM,
    DevDetail.PROCESSOR_ARCHITECTURE,
    DevDetail.HARDWARE_HASH,
    DevInfo.LANGUAGE,
    *(
        str(leaf.at(provider(PROVIDER_ID)))
        for leaf in (Enrollment.AAD_DEVICE_ID, Enrollment.ENROLLMENT_TYPE, Enrollment.HARDWARE_DEVICE_ID)
    ),
    "./Vendor/MSFT/DeviceStatus/SecureBootState",
    "./Vendor/MSFT/DeviceStatus/TPM/SpecificationVersion",
    "./Vendor/MSFT/DeviceStatus/OS/Edition",
    "./Vendor/MSFT/WindowsLicensing/Edition",
)
"""What a device is asked about itself (spec/mdm-wire.md 5.8), each in Intune's spelling; 404 is normal."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that a plan depends on."""

    session: Session
    course: Course
    items: Sequence[Item]
    holds: Mapping[int, Sequence[Keyed]]
    """Per phase, by its user key: what of its hold is not acknowledged."""
    sender: Sender
    asks_inventory: bool
    now: datetime
    handling: Handling

    def serves(self, user: int) -> bool:
        """Whether commands in the part of this user key (0: the machine) may be sent."""
        if user == MACHINE:
            return self.session.takes_device
        present = self.session.user_present == user or not self.handling.holds_user_nodes
        return present and self.session.takes_user and not self._technician

    @property
    def _technician(self) -> bool:
        """Nothing goes to ./User in the technician flow, whoever is there (check 88)."""
        device = self.course.device
        return device is not None and device.flow is Flow.TECHNICIAN


def plan(situation: Situation) -> tuple[Planned, ...]:
    """The commands for the device, in their order; the caller sends as many as fit into a message."""
    if situation.session.unenrol:
        return tuple(_fresh(situation, [Planned(unenroll(PROVIDER_ID), Purpose(What.UNENROL))]))
    phases = present_phases(situation.course)
    return tuple(
        _fresh(
            situation,
            [
                *(planned for state in phases for planned in _hold(situation, state)),
                *(_owner(situation) if situation.serves(MACHINE) else ()),
                *(_inventory() if situation.asks_inventory and situation.serves(MACHINE) else ()),
                *_items(situation),
                *(planned for state in phases for planned in _release(situation, state)),
                *(planned for state in phases for planned in _questions(situation, state)),
                *(planned for state in phases for planned in _aftermath(situation, state)),
            ],
        )
    )


def _fresh(situation: Situation, planned: Iterable[Planned]) -> Iterator[Planned]:
    """Without what is with the device, or was answered in this session already."""
    waiting, asked = situation.session.in_flight.purposes(), situation.session.asked
    seen: set[Purpose] = set()
    for each in planned:
        if each.purpose not in waiting and each.purpose not in asked and each.purpose not in seen:
            seen.add(each.purpose)
            yield each


# --- the page


def _hold(situation: Situation, state: PhaseState) -> Iterator[Planned]:
    """Before its end the hold; after a failure what makes the page fail too."""
    if state.status is PhaseStatus.FAILED:
        if not _must_read_release(situation, state):
            yield from _keyed(situation, state, failure_commands(state))
    elif not state.ended:
        yield from _keyed(situation, state, situation.holds.get(state.user, ()))


def _keyed(situation: Situation, state: PhaseState, commands: Iterable[Keyed]) -> Iterator[Planned]:
    """Commands of a phase whose acknowledgement is kept under a key."""
    for each in commands:
        in_user = isinstance(each.command, NodeCommand) and each.command.target.startswith("./User/")
        if situation.serves(state.user if in_user else MACHINE):
            accept = tuple(sorted(each.accept)) if in_user else ()
            yield Planned(each.command, Purpose(What.HOLD, state.user, node=each.key, accept=accept))


def _must_read_release(situation: Situation, state: PhaseState) -> bool:
    """Whether a failed run may have been released after all: its release was sent, and not answered."""
    known = situation.course.notes.unreleased == state.id
    return state.requested_at is not None and not known and situation.handling.reads_refused_release


def _release(situation: Situation, state: PhaseState) -> Iterator[Planned]:
    """Release, then read, in turns: after a refusal or a lost answer it is read first (design 9)."""
    if not situation.serves(state.user):
        return
    read = _page_question(What.FINISHED, FirstSync.SERVER_HAS_FINISHED, state)
    if state.status is PhaseStatus.FAILED and _must_read_release(situation, state):
        yield read
    if state.status is not PhaseStatus.RELEASING:
        return
    put = Planned(release_command(state).command, Purpose(What.RELEASE, state.user, node=str(state.id)))
    never_sent = state.id not in situation.course.notes.released
    was_read = read.purpose in situation.session.asked
    reads = situation.handling.reads_refused_release
    yield put if never_sent or was_read or not reads else read


def _questions(situation: Situation, state: PhaseState) -> Iterator[Planned]:
    """What a page says of itself after its end; see `course`."""
    if not situation.handling.notices_new_page or not situation.serves(state.user) or not state.ended:
        return
    since = situation.now - (state.released_at or situation.now)
    successful = _page_question(What.SUCCESSFUL, FirstSync.WAS_SUCCESSFUL, state)
    if state.status is PhaseStatus.FAILED:
        if since < RED_FOR and not _must_read_release(situation, state):
            yield successful
        return
    if state.id not in situation.course.notes.closed and since < ASKED_FOR:
        yield successful
    if state.user == MACHINE and not _account_released(situation.course):
        yield _page_question(What.FINISHED, FirstSync.SERVER_HAS_FINISHED, state)


def _account_released(course: Course) -> bool:
    """Whether somebody's account phase followed the device's: the page is gone."""
    return any(
        state.user != MACHINE and state.status is PhaseStatus.RELEASED for state in present_phases(course)
    )


def _aftermath(situation: Situation, state: PhaseState) -> Iterator[Planned]:
    if state.status is PhaseStatus.RELEASED:
        yield from _keyed(situation, state, aftermath_commands(state))


def _page_question(what: What, leaf: Leaf, state: PhaseState) -> Planned:
    base = provider(PROVIDER_ID, Scope.DEVICE if state.user == MACHINE else Scope.USER)
    return Planned(get(str(leaf.at(base))), Purpose(what, state.user))


# --- the device and its items


def _owner(situation: Situation) -> Iterator[Planned]:
    if upn := situation.course.notes.owner:
        command = Enrollment.UPN.put(provider(PROVIDER_ID), upn).replace()
        yield Planned(command, Purpose(What.OWNER))


def _inventory() -> Iterator[Planned]:
    for node in QUESTIONS:
        yield Planned(get(node), Purpose(What.ASK, node=node))


def _items(situation: Situation) -> Iterator[Planned]:
    """Deletions first: a package goes before its successor comes."""
    planned = [
        each for item in situation.items if _is_served(situation, item) for each in _of(situation, item)
    ]
    yield from (each for each in planned if each.purpose.what is What.DELETE)
    yield from (each for each in planned if each.purpose.what is not What.DELETE)


def _of(situation: Situation, item: Item) -> Iterator[Planned]:
    return commands_for(item, situation.sender)


def _is_served(situation: Situation, item: Item) -> bool:
    state = situation.course.phases.get(item.user)
    return situation.serves(item.user) and (state is None or attempts(state, item))
