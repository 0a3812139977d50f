"""Applying a fact to a deployment by the table of `model`. Pure: a deployment goes in, one comes out.

`step` gives the very same object if the fact changes nothing, so whoever stores it can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from reseal.deployment.facts import (
    AttestationBegun,
    Attested,
    Contacted,
    Ended,
    Enrolled,
    Fact,
    Failed,
    Flow,
    Joined,
    LeftPage,
    PageReset,
    Phase,
    PhaseBegun,
    Refused,
    Released,
    ReleaseRequested,
    Resealed,
    UserPresent,
    UserSignedIn,
    Waiting,
)
from reseal.deployment.model import (
    AFTER,
    BEFORE,
    BEGINNINGS,
    ENDS,
    PROVEN,
    Blocker,
    Deployment,
    State,
    Trigger,
)
from reseal.wire.runtime.blockers import BlockerKind

SUPERSEDED: Final = "superseded"
"""Why a deployment ended: the device was reset and began again."""
OUTSIDE: Final = "enrolledOutsideSetup"
"""Why a deployment ended: its device enrolled, but not from the pages of set-up."""

_PLAIN: Final[Mapping[type, Trigger]] = {
    Contacted: Trigger.CONTACTED,
    AttestationBegun: Trigger.ATTESTATION_BEGUN,
    Attested: Trigger.ATTESTED,
    UserSignedIn: Trigger.USER_SIGNED_IN,
    UserPresent: Trigger.USER_PRESENT,
    Resealed: Trigger.RESEALED,
    LeftPage: Trigger.LEFT_PAGE,
    Ended: Trigger.ENDED,
}
_REQUESTED: Final = {
    Phase.DEVICE: Trigger.DEVICE_RELEASE_REQUESTED,
    Phase.ACCOUNT: Trigger.ACCOUNT_RELEASE_REQUESTED,
}
_RELEASED: Final = {Phase.DEVICE: Trigger.DEVICE_RELEASED, Phase.ACCOUNT: Trigger.ACCOUNT_RELEASED}
_FAILED: Final = {Phase.DEVICE: Trigger.DEVICE_FAILED, Phase.ACCOUNT: Trigger.ACCOUNT_FAILED}
_TRACKING: Final = {
    (State.TECHNICIAN_SETUP, Phase.DEVICE),
    (State.USER_DEVICE_SETUP, Phase.DEVICE),
    (State.USER_ACCOUNT_SETUP, Phase.ACCOUNT),
}
"""Where items of a phase are waited for."""
_USED: Final = (Trigger.USER_SIGNED_IN, Trigger.USER_PRESENT, Trigger.DEVICE_PHASE_BEGUN)
_DEVIATIONS: Final[Mapping[tuple[State, Trigger], str]] = {
    **{(State.TECHNICIAN_PREPARING, used): "technicianFlowLeft" for used in _USED},
    **{(State.TECHNICIAN_SETUP, used): "technicianFlowLeft" for used in _USED},
    **{(State.RED, used): "usedAfterRed" for used in _USED},
    (State.TECHNICIAN_SETUP, Trigger.RESEALED): "resealedEarly",
    (State.USER_DEVICE_SETUP, Trigger.USER_PRESENT): "deviceSetupLeft",
    (State.USER_DEVICE_SETUP, Trigger.ACCOUNT_PHASE_BEGUN): "deviceSetupLeft",
    (State.ERROR, Trigger.USER_PRESENT): "continuedAfterError",
}
"""Arrows that show that a person got past a page which the server had not released."""
_FORGIVEN: Final = frozenset(
    {
        Trigger.TECHNICIAN_PHASE_BEGUN,
        Trigger.DEVICE_PAGE_RESET,
        Trigger.ACCOUNT_PAGE_RESET,
        Trigger.DEVICE_PHASE_BEGUN,
        Trigger.ACCOUNT_PHASE_BEGUN,
        *BEGINNINGS,
    }
)
"""Ways out of red and error that are a new try: if it succeeds, the run counts as a success."""


def trigger_of(deployment: Deployment | None, fact: Fact) -> Trigger | None:
    """What kind of arrow the fact could be; None if it is none (Waiting only changes what is awaited)."""
    if type(fact) in _PLAIN:
        return _PLAIN[type(fact)]
    match fact:
        case Joined(user=user):
            return Trigger.JOINED_BY_TICKET if user is None else Trigger.JOINED_BY_USER
        case Enrolled(in_oobe=False):
            return Trigger.ENROLLED_OUTSIDE
        case Enrolled(user=user):
            return Trigger.ENROLLED_BY_DEVICE if user is None else Trigger.ENROLLED_BY_USER
        case Refused():
            technician = _flow_of_refusal(deployment, fact) is Flow.TECHNICIAN
            return Trigger.REFUSED_TECHNICIAN if technician else Trigger.REFUSED_USER
        case PhaseBegun(phase=Phase.ACCOUNT):
            return Trigger.ACCOUNT_PHASE_BEGUN
        case PhaseBegun(flow=flow):
            technician = flow is Flow.TECHNICIAN
            return Trigger.TECHNICIAN_PHASE_BEGUN if technician else Trigger.DEVICE_PHASE_BEGUN
        case ReleaseRequested(phase=phase):
            return _REQUESTED[phase]
        case Released(phase=phase):
            return _RELEASED[phase]
        case Failed(phase=Phase.DEVICE, timed_out=True):
            return Trigger.DEVICE_TIMED_OUT
        case Failed(phase=phase):
            return _FAILED[phase]
        case PageReset():
            in_account = deployment is not None and deployment.phase is Phase.ACCOUNT
            return Trigger.ACCOUNT_PAGE_RESET if in_account else Trigger.DEVICE_PAGE_RESET
        case _:
            return None


def _flow_of_refusal(deployment: Deployment | None, fact: Refused) -> Flow:
    """Which flow a refused step was in: as the door says, as the deployment knows, or as the step tells.

    A TPM is asked first by the technician flow; a join or an enrolment that nothing preceded is a user's.
    """
    if fact.flow is not None:
        return fact.flow
    if deployment is not None and deployment.flow is not None:
        return deployment.flow
    attested = deployment is not None and deployment.state in {State.ATTESTING, State.JOINING, State.RED}
    return Flow.TECHNICIAN if fact.step == "attestation" or attested else Flow.USER


def starts_over(deployment: Deployment, fact: Fact) -> bool:
    """Whether the fact shows that the device was reset, so that another deployment begins."""
    if deployment.enrolment_id is None:
        return False
    if isinstance(fact, Enrolled) and (not fact.in_oobe or fact.enrolment == deployment.enrolment_id):
        return False
    return trigger_of(deployment, fact) in PROVEN


def beginning(fact: Fact) -> State | None:
    """The state in which the fact opens a deployment when none is under way; None: it opens none."""
    trigger = trigger_of(None, fact)
    return None if trigger is None else BEGINNINGS.get(trigger)


def begin(blank: Deployment, fact: Fact, now: datetime) -> Deployment:
    """A deployment without a history, moved into the state that its first fact leads to."""
    state = beginning(fact)
    assert state is not None, fact
    return _settled(blank, _known(blank, fact, state), fact, now)


def step(deployment: Deployment, fact: Fact, now: datetime) -> Deployment:
    """What becomes of an open deployment by a fact; the same object if nothing does."""
    now = max(now, deployment.moved_at)
    if not deployment.open:
        return deployment
    if isinstance(fact, Waiting):
        return _waiting(deployment, fact, now)
    if _is_of_another_enrolment(deployment, fact):
        return deployment
    state = next_state(deployment, fact)
    if state is None:
        return _noted(deployment, fact, now)
    return _settled(deployment, _known(deployment, fact, state), fact, now)


def supersede(deployment: Deployment, now: datetime) -> Deployment:
    """An open deployment whose device began again."""
    now = max(now, deployment.moved_at)
    over = replace(deployment, state=State.ENDED, ended_because=SUPERSEDED)
    return replace(over, blocker=None, moved_at=now, ended_at=now)


def next_state(deployment: Deployment, fact: Fact) -> State | None:
    """Where the table leads; None if it has no arrow."""
    trigger = trigger_of(deployment, fact)
    if trigger is None or (trigger is Trigger.USER_PRESENT and deployment.user_present):
        return None
    table = BEFORE if deployment.enrolment_id is None else AFTER
    return table.get(deployment.state, {}).get(trigger)


def _is_of_another_enrolment(deployment: Deployment, fact: Fact) -> bool:
    return (
        isinstance(fact, Ended) and fact.enrolment is not None and fact.enrolment != deployment.enrolment_id
    )


# --- what is known ------------------------------------------------------------------------------------------


def _known(deployment: Deployment, fact: Fact, state: State) -> Deployment:
    """The deployment in its next state, with what the fact tells besides."""
    told = _told_by(deployment, fact)
    trigger = trigger_of(deployment, fact)
    leaves_failure = deployment.state in {State.RED, State.ERROR} and state is not deployment.state
    if leaves_failure and trigger in _FORGIVEN:
        told = {"error_code": "", "error_message": "", "timed_out": False, **told}
    deviation = _deviation(deployment, fact, trigger)
    if deviation and deviation not in deployment.deviations:
        told["deviations"] = (*deployment.deviations, deviation)
    return replace(deployment, state=state, **told)


def _told_by(deployment: Deployment, fact: Fact) -> dict[str, Any]:
    """The fields that a fact changes, apart from state, blocker and times."""
    match fact:
        case Contacted() | AttestationBegun() | ReleaseRequested() | Waiting():
            return {}
        case Attested(proof=proof):
            return {"proof": proof}
        case Joined(user=None):
            return {"flow": Flow.TECHNICIAN}
        case Joined(user=user):
            return {"flow": Flow.USER, "user_id": user}
        case Enrolled(enrolment=enrolment, user=user, in_oobe=in_oobe):
            flow = Flow.TECHNICIAN if user is None else Flow.USER
            known = {"enrolment_id": enrolment, "flow": flow, "technician": user is None, "user_id": user}
            return known if in_oobe else {**known, "ended_because": OUTSIDE}
        case Refused(code=code, message=message):
            return {"error_code": code, "error_message": message}
        case PhaseBegun(flow=flow, phase=phase):
            return {"flow": flow, "phase": phase}
        case Released(phase=Phase.DEVICE):
            return {"device_released": True}
        case Released():
            return {}
        case Failed(phase=phase, code=code, message=message, timed_out=timed_out):
            late = timed_out or deployment.timed_out
            return {"phase": phase, "error_code": code, "error_message": message, "timed_out": late}
        case UserSignedIn(user=user, upn=upn):
            return {"flow": Flow.USER, **_first_user(deployment, user, upn)}
        case UserPresent():
            return {"flow": Flow.USER, "user_present": True}
        case Resealed():
            return {"device_released": True} if deployment.state is State.TECHNICIAN_RELEASING else {}
        case PageReset() | LeftPage():
            return {}
        case Ended(reason=reason):
            return {"ended_because": reason}
    assert_never(fact)


def _first_user(deployment: Deployment, user: int, upn: str) -> dict[str, Any]:
    """The user of a deployment is whoever signed in first; who enrolled it gets his name by his token."""
    if deployment.user_id is None or (deployment.user_id == user and not deployment.upn):
        return {"user_id": user, "upn": upn}
    return {}


def _deviation(deployment: Deployment, fact: Fact, trigger: Trigger | None) -> str:
    if isinstance(fact, LeftPage):
        return fact.how or "left"
    if trigger is None or (deployment.device_released and deployment.state is State.USER_DEVICE_SETUP):
        return ""  # a page that was released once need not show again
    if (deployment.state, trigger) == (State.ERROR, Trigger.ACCOUNT_PHASE_BEGUN):
        return "continuedAfterError" if deployment.phase is Phase.DEVICE else ""
    return _DEVIATIONS.get((deployment.state, trigger), "")


def _noted(deployment: Deployment, fact: Fact, now: datetime) -> Deployment:
    """What a fact tells although it moves nothing: who the user is, that he is there, what was released."""
    told: dict[str, Any] = {}
    match fact:
        case UserSignedIn(user=user, upn=upn) if deployment.enrolment_id is not None:
            told = _first_user(deployment, user, upn)
        case Released(phase=Phase.DEVICE) if not deployment.device_released and deployment.enrolment_id:
            told = {"device_released": True}
        case _:
            pass
    return replace(deployment, moved_at=now, **told) if told else deployment


# --- what is awaited ----------------------------------------------------------------------------------------


def _settled(before: Deployment, after: Deployment, fact: Fact, now: datetime) -> Deployment:
    """With the blocker of its state and the times; `before` itself if nothing differs."""
    if after.state in ENDS:
        return replace(after, blocker=None, due_at=None, moved_at=now, ended_at=now)
    after = replace(after, due_at=_due(before, after, fact, now))
    after = replace(after, blocker=_blocker(before, after, fact, now))
    if after == before:
        return before
    return replace(after, moved_at=now)


def _due(before: Deployment, after: Deployment, fact: Fact, now: datetime) -> datetime | None:
    """When the budget of the running phase is over."""
    if isinstance(fact, PhaseBegun):
        return now + timedelta(seconds=fact.budget)
    match after.state:
        case State.TECHNICIAN_SETUP | State.USER_DEVICE_SETUP | State.USER_ACCOUNT_SETUP:
            return before.due_at if after.state is before.state and not isinstance(fact, PageReset) else None
        case State.TECHNICIAN_RELEASING | State.USER_DEVICE_RELEASING | State.USER_ACCOUNT_RELEASING:
            return before.due_at
        case _:
            return None


def _blocker(before: Deployment, after: Deployment, fact: Fact, now: datetime) -> Blocker:
    """What is awaited in the state: the same as before if it reads the same, else another from now on."""
    kind = _kind(after)
    failure = kind is BlockerKind.DECISION

    def begun_at(since: datetime) -> Blocker:
        return Blocker(
            state=after.state,
            kind=kind,
            since=since,
            until=_limit(after, since),
            name=after.error_code if failure else "",
            what=after.error_message if failure else "",
        )

    old, fresh = before.blocker, begun_at(now)
    if old is None:
        return fresh
    anew = isinstance(fact, PhaseBegun | PageReset)
    waits_on = old.kind is BlockerKind.ITEM and old.state is after.state and not anew
    same = replace(begun_at(old.since), number=old.number) == old
    return old if waits_on or same else replace(fresh, number=old.number + 1)


def _kind(deployment: Deployment) -> BlockerKind:
    """What is awaited first in a state."""
    if deployment.state is State.USER_ACCOUNT_SETUP:
        begun = deployment.user_present or deployment.phase is Phase.ACCOUNT
        return BlockerKind.CHECK_IN if begun else BlockerKind.USER_SESSION
    return _FIRST[deployment.state]


_FIRST: Final[Mapping[State, BlockerKind]] = {
    State.CONTACTED: BlockerKind.START,
    State.ATTESTING: BlockerKind.ATTESTATION,
    State.JOINING: BlockerKind.JOIN,
    State.ENROLLING: BlockerKind.ENROLMENT,
    State.TECHNICIAN_PREPARING: BlockerKind.CHECK_IN,
    State.TECHNICIAN_SETUP: BlockerKind.CHECK_IN,
    State.TECHNICIAN_RELEASING: BlockerKind.RELEASE,
    State.GREEN: BlockerKind.RESEAL,
    State.RESEALED: BlockerKind.DELIVERY,
    State.RED: BlockerKind.DECISION,
    State.USER_SIGN_IN: BlockerKind.SIGN_IN,
    State.USER_DEVICE_SETUP: BlockerKind.CHECK_IN,
    State.USER_DEVICE_RELEASING: BlockerKind.RELEASE,
    State.USER_ACCOUNT_RELEASING: BlockerKind.RELEASE,
    State.ERROR: BlockerKind.DECISION,
}


def _limit(deployment: Deployment, since: datetime) -> datetime | None:
    """Until when what is awaited since then may take: at once, if the budget is over and nobody said so."""
    return None if deployment.due_at is None else max(deployment.due_at, since)


def _waiting(deployment: Deployment, fact: Waiting, now: datetime) -> Deployment:
    """The phase waits for an item: another interval if it is another one, the same if only fewer wait."""
    old = deployment.blocker
    if old is None or (deployment.state, fact.phase) not in _TRACKING:
        return deployment
    wanted = replace(old, kind=BlockerKind.ITEM, name=fact.name, what=fact.kind, items=fact.items)
    if wanted == old:
        return deployment
    if (old.kind, old.name, old.what) != (wanted.kind, wanted.name, wanted.what):
        wanted = replace(wanted, since=now, until=_limit(deployment, now), number=old.number + 1)
    return replace(deployment, blocker=wanted, moved_at=now)
