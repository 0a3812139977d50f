"""The course of the status page on one device: what answers and items make of its phases. Pure.

What is held, waited for and failed on are rules of `esp`; here is when its questions are asked, and what is
read from the device besides.

    RELEASING  the device took the release with 200, or its page reads *finished*: RELEASED
    RELEASED   the page reads *not finished*: it began anew (the user flow, or Retry)
               the page reads *failed*: it gave up before the release reached it: FAILED
               the page reads *succeeded*: closed, nobody asks any more
    FAILED     the page reads *failed*: red. After that, or long after it was told to fail, it reads *in
               progress*: somebody pressed Retry, and it began anew
               a release had been sent, and the page reads *finished*: only the answer was lost; RELEASED

A page that began anew begins with its device phase, so everything that follows is begun again. What is done
stays done; what failed is tried again. In the technician flow a page that began anew after its release is
the beginning of the user flow, and so is a user who is named by a verified token or logged in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from reseal.deployment.facts import Fact, Failed, PageReset, Released, ReleaseRequested, Waiting
from reseal.esp import judging
from reseal.esp.holding import aftermath_commands
from reseal.esp.phases import (
    TIMED_OUT,
    Flow,
    PhaseState,
    PhaseStatus,
    acknowledged,
    failed,
    release_requested,
    released,
    tracking,
    wants_account_phase,
)
from reseal.managed.model import MACHINE, Item, ItemState
from reseal.mdm.sessions.handling import HANDLING, Handling
from reseal.mdm.sessions.model import Notes, Session
from reseal.mdm.sessions.purposes import Answer, What
from reseal.wire.csp import CspError, FirstSync, Leaf, Provisioned, Value
from reseal.wire.syncml import LoginStatus, StatusCode

FAILS_WITHIN: Final = timedelta(minutes=3)
"""So long after its time was over a page that reads *in progress* has begun anew: one minute is the shortest
time-out there is, and the device polls every minute.
"""
SEES_WITHIN: Final = timedelta(seconds=50)
"""The same after the failure of an item, which the page counts and sees by itself."""
ASKED_FOR: Final = timedelta(minutes=30)
"""How long after its release a page is asked whether it succeeded."""
RED_FOR: Final = timedelta(days=1)
"""How long a page that failed is asked whether somebody pressed Retry."""

_NOT_COUNTED: Final = frozenset({ItemState.REMOVING, ItemState.HELD})
"""States in which an item is on no page."""
_PAGE_GONE: Final = "The page on the device began anew."
_GAVE_UP: Final = "The page on the device ended without success before its release arrived."


@dataclass(frozen=True, slots=True)
class Course:
    """The phases of an enrolment by user key (the latest run of each), and what follows for others."""

    phases: Mapping[int, PhaseState]
    notes: Notes
    facts: tuple[Fact, ...] = ()
    new_page: bool = False
    """The page began anew."""
    odd: tuple[str, ...] = field(default=())
    """Keys of commands that the device refused although they are no reason to stop."""

    def with_phase(self, state: PhaseState, *facts: Fact) -> Course:
        """The same with one phase as it is now."""
        return replace(self, phases={**self.phases, state.user: state}, facts=(*self.facts, *facts))

    @property
    def device(self) -> PhaseState | None:
        """The device's phase."""
        return self.phases.get(MACHINE)


# --- what was answered --------------------------------------------------------------------------------------


def take_answers(
    course: Course, answers: Iterable[Answer], now: datetime, handling: Handling = HANDLING
) -> Course:
    """What the answers to commands of phases make of them."""
    for answer in answers:
        state = course.phases.get(answer.purpose.user)
        if state is None:
            continue
        match answer.purpose.what:
            case What.HOLD:
                course = _acknowledged(course, state, answer)
            case What.RELEASE:
                if answer.code == StatusCode.OK or not handling.releases_until_taken:
                    course = _released(course, state, now)
            case What.FINISHED:
                course = _finished_read(course, state, answer, now)
            case What.SUCCESSFUL:
                course = _successful_read(course, state, answer, now)
            case _:
                pass
    return course


def _acknowledged(course: Course, state: PhaseState, answer: Answer) -> Course:
    """A part of the hold was answered. One of the machine counts as told whatever the answer: it will not get
    better, and the page must not wait for it. One of the user is told again in the next session.
    """
    key, accept = answer.purpose.node, answer.purpose.accept
    if accept and answer.code not in accept:
        return course
    odd = course.odd if answer.good or accept else (*course.odd, f"{key} {answer.code}")
    return replace(course.with_phase(acknowledged(state, [key])), odd=odd)


def _released(course: Course, state: PhaseState, now: datetime) -> Course:
    if state.status is PhaseStatus.RELEASED:
        return course
    return course.with_phase(released(state, now), Released(state.phase))


def _finished_read(course: Course, state: PhaseState, answer: Answer, now: datetime) -> Course:
    """ServerHasFinishedProvisioning was read. It has no meaning while the phase is under way."""
    finished = _value(FirstSync.SERVER_HAS_FINISHED, answer)
    match state.status, finished:
        case PhaseStatus.RELEASING, True:
            return _released(course, state, now)
        case PhaseStatus.FAILED, True if course.notes.unreleased != state.id:
            return _released(course, state, now)
        case PhaseStatus.FAILED, _:
            return replace(course, notes=replace(course.notes, unreleased=state.id))
        case PhaseStatus.RELEASED, False if state.user == MACHINE:
            return _began_anew(course)
        case _:
            return course


def _successful_read(course: Course, state: PhaseState, answer: Answer, now: datetime) -> Course:
    """WasDeviceSuccessfullyProvisioned was read."""
    notes = course.notes
    match state.status, _value(FirstSync.WAS_SUCCESSFUL, answer):
        case PhaseStatus.RELEASED, Provisioned.SUCCEEDED:
            return replace(course, notes=replace(notes, closed=(*notes.closed, state.id)))
        case PhaseStatus.RELEASED, Provisioned.FAILED:
            known = replace(notes, red=state.id, unreleased=state.id)
            fact = Failed(state.phase, TIMED_OUT, _GAVE_UP, timed_out=True)
            return replace(course, notes=known).with_phase(failed(state, TIMED_OUT, _GAVE_UP, now), fact)
        case PhaseStatus.FAILED, Provisioned.FAILED:
            return replace(course, notes=replace(notes, red=state.id))
        case PhaseStatus.FAILED, Provisioned.IN_PROGRESS:
            within = FAILS_WITHIN if state.timed_out else SEES_WITHIN
            long_ago = now - (state.released_at or now) >= within
            return _began_anew(course) if notes.red == state.id or long_ago else course
        case _:
            return course


def _began_anew(course: Course) -> Course:
    return course if course.new_page else replace(course, new_page=True, facts=(*course.facts, PageReset()))


def _value(leaf: Leaf, answer: Answer) -> Value | None:
    if not answer.good or answer.value is None:
        return None
    try:
        return leaf.read(answer.value)
    except CspError:
        return None


# --- what is to begin ---------------------------------------------------------------------------------------


def device_flow_to_begin(course: Course, session: Session, first_flow: Flow) -> Flow | None:
    """The flow in which the device's phase is to be begun now, if it is.

    `first_flow` is how the enrolment began.
    """
    present = course.device
    if present is None:
        return first_flow
    if present.flow is Flow.TECHNICIAN:
        after_release = course.new_page and present.status is PhaseStatus.RELEASED
        if session.user is not None or _logged_in(session) or after_release:
            return Flow.USER
    return present.flow if course.new_page else None


def account_to_begin(course: Course, session: Session) -> int | None:
    """The user whose account phase is to be begun now: the device's is released, and the user is there."""
    user, device = session.user_present, course.device
    if user is None or device is None or course.new_page:
        return None
    if device.flow is not Flow.USER or device.status is not PhaseStatus.RELEASED:
        return None
    present = course.phases.get(user)
    if present is not None and present.begun_at >= device.begun_at:
        return None
    return user if wants_account_phase(course.phases, user) else None


def _logged_in(session: Session) -> bool:
    return session.login is LoginStatus.USER


# --- what items make of it ----------------------------------------------------------------------------------


def judged(course: Course, items: Sequence[Item], still_holding: frozenset[int], now: datetime) -> Course:
    """The phases as the items leave them. `still_holding` are the user keys of those whose hold is not
    acknowledged.
    """
    for before in present_phases(course):
        if before.user in still_holding:
            continue
        state = tracking(before)
        if state is not before:
            course = course.with_phase(state)
        if state.status is PhaseStatus.TRACKING:
            course = _judged(course, state, items, now)
    return course


def _judged(course: Course, state: PhaseState, items: Sequence[Item], now: datetime) -> Course:
    match judging.judge(state, items):
        case judging.Failure(_, code, message):
            frozen = judging.frozen(state, items)
            return course.with_phase(
                failed(state, code, message, now, frozen), Failed(state.phase, code, message)
            )
        case judging.Complete():
            frozen = judging.frozen(state, items)
            return course.with_phase(release_requested(state, frozen, now), ReleaseRequested(state.phase))
        case judging.Waiting(item, open_):
            return _waiting(course, Waiting(state.phase, item.name, item.kind.value, open_))


def _waiting(course: Course, fact: Waiting) -> Course:
    """Told only when something else is awaited than before."""
    told = (fact.phase.value, fact.kind, fact.name, str(fact.items))
    if course.notes.told == told:
        return course
    return replace(course, notes=replace(course.notes, told=told), facts=(*course.facts, fact))


# --- what is left to see ------------------------------------------------------------------------------------


def open_phases(course: Course) -> tuple[PhaseState, ...]:
    """The runs that belong to the present run of the device's phase, and are not at their end."""
    return tuple(state for state in present_phases(course) if not state.ended)


def present_phases(course: Course) -> tuple[PhaseState, ...]:
    """The runs that belong to the present run of the device's phase, by user key. Those from before it are
    of a page that is gone.
    """
    device = course.device
    since = None if device is None else device.begun_at
    runs = (course.phases[user] for user in sorted(course.phases))
    return tuple(state for state in runs if since is None or state.begun_at >= since)


def abandoned(state: PhaseState, now: datetime) -> PhaseState:
    """An account phase whose page began anew before it ended."""
    return failed(state, "", _PAGE_GONE, now)


def counted_digest(phases: Iterable[PhaseState], items: Iterable[Item]) -> str:
    """A digest over what the pages' lists depend on: while it stays, they need not be made again."""
    content = [
        [state.id for state in phases],
        [
            (*item.key, item.version, item.required, item.state in _NOT_COUNTED and item.state.value)
            for item in items
        ],
    ]
    return sha256(repr(content).encode()).hexdigest()[:16]


def is_over(course: Course, now: datetime) -> bool:
    """Whether nobody has to watch the page any more."""
    device = course.device
    if device is None:
        return True
    if device.flow is Flow.TECHNICIAN or not device.ended:
        return False
    accounts = [state for state in present_phases(course) if state.user != MACHINE]
    if device.status is PhaseStatus.FAILED:
        return _is_past(course, device, now)
    return bool(accounts) and all(_is_past(course, state, now) for state in accounts)


def _is_past(course: Course, state: PhaseState, now: datetime) -> bool:
    ended_at = state.released_at or now
    match state.status:
        case PhaseStatus.RELEASED:
            closed = state.id in course.notes.closed or now - ended_at >= ASKED_FOR
            return closed and not aftermath_commands(state)
        case PhaseStatus.FAILED:
            return now - ended_at >= RED_FOR
        case _:
            return False
