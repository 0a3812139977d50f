"""The story of a device as one table: states, what moves them, what is awaited in each.

Theory of operation
-------------------
A *deployment* is one try to bring one registered device to its user's desktop. It spans both flows: the
technician's, from attestation to the green page and reseal, and the user's, from sign-in to the desktop.
Doors tell facts (`facts`); `trigger_of` says what kind of arrow a fact could be; `TRANSITIONS` says where
that arrow leads from each state. A fact without an arrow from the present state is no error: devices repeat
themselves, come late and start over. `stepping` applies a fact, `service` stores what follows.

States move on wire facts alone. A report of our own runtime (Resealed, LeftPage) makes a state more exact or
comes earlier; without any, a run still ends at `desktop`.

*One deployment, one enrolment.* Before there is an enrolment, a device that begins again (asks for its
profile, attests, joins) goes on in the same deployment: tries that never came to anything share one row.
After it, the device that attests, joins or enrols anew was reset: the old deployment ends as superseded, and
another one begins in the state which that fact leads to. Only what is proven does that: asking for a profile
or for a challenge takes nothing but a hardware hash, which others may know, so it ends nothing.

*Red and error.* A step that was refused, or a phase that failed, ends at `red` in the technician flow and at
`error` in the user flow. Both are waiting states: a person retries (the page is reset, or a new run of its
phase begins) or resets.

*Green stays.* Only a reseal report, a verified token of a user, the login status `user`, a page that was
read to be reset, or a device phase of the user flow lead on. A poll on the bench brings none of them.

*Deviations.* The server decides and the page enforces, but a person may get past the page: by *Continue
anyway*, or because the page does not block. What shows that (a report; the user's session while the device's
phase was never released) is recorded with the deployment, which goes on to its end marked so.

*Blockers.* In every state except the two ends something is awaited. `ALLOWED` says what may be awaited in
which state; the intervals of the blockers cover the deployment without gap or overlap (`invariant`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias
from uuid import UUID

from reseal.deployment.facts import Flow, Phase
from reseal.wire.runtime.blockers import BlockerKind


class State(StrEnum):
    """Where the story stands: one vocabulary for server, device and documents."""

    CONTACTED = "contacted"
    """On, knows its profile, nobody chose a flow."""
    ATTESTING = "attesting"
    JOINING = "joining"
    """Attested, not in the directory yet."""
    ENROLLING = "enrolling"
    """In the directory, not managed yet."""
    TECHNICIAN_PREPARING = "technicianPreparing"
    """Managed; the first session holds the page."""
    TECHNICIAN_SETUP = "technicianSetup"
    TECHNICIAN_RELEASING = "technicianReleasing"
    GREEN = "green"
    RESEALED = "resealed"
    RED = "red"
    USER_SIGN_IN = "userSignIn"
    USER_DEVICE_SETUP = "userDeviceSetup"
    USER_DEVICE_RELEASING = "userDeviceReleasing"
    USER_ACCOUNT_SETUP = "userAccountSetup"
    USER_ACCOUNT_RELEASING = "userAccountReleasing"
    DESKTOP = "desktop"
    ERROR = "error"
    ENDED = "ended"
    """Over without a desktop: superseded, unenrolled, or its registration is gone."""


ENDS: Final = frozenset({State.DESKTOP, State.ENDED})
"""States in which nothing is awaited."""


class Trigger(StrEnum):
    """Kinds of arrows: a fact, told apart by flow, phase or user where that matters."""

    CONTACTED = "profile asked"
    ATTESTATION_BEGUN = "challenge given"
    ATTESTED = "attested"
    JOINED_BY_TICKET = "joined by ticket"
    JOINED_BY_USER = "joined by user"
    ENROLLED_BY_DEVICE = "enrolled by device token"
    ENROLLED_BY_USER = "enrolled by user"
    ENROLLED_OUTSIDE = "enrolled outside of set-up"
    REFUSED_TECHNICIAN = "refused to technician"
    REFUSED_USER = "refused to user"
    TECHNICIAN_PHASE_BEGUN = "device phase begun for technician"
    DEVICE_PHASE_BEGUN = "device phase begun for user"
    ACCOUNT_PHASE_BEGUN = "account phase begun"
    DEVICE_RELEASE_REQUESTED = "device release requested"
    ACCOUNT_RELEASE_REQUESTED = "account release requested"
    DEVICE_RELEASED = "device phase released"
    ACCOUNT_RELEASED = "account phase released"
    DEVICE_FAILED = "device phase failed"
    DEVICE_TIMED_OUT = "device phase timed out"
    ACCOUNT_FAILED = "account phase failed"
    DEVICE_PAGE_RESET = "page reset in device phase"
    ACCOUNT_PAGE_RESET = "page reset in account phase"
    USER_SIGNED_IN = "user signed in"
    USER_PRESENT = "user logged on"
    RESEALED = "reseal reported"
    LEFT_PAGE = "page left"
    ENDED = "enrolment ended"


_S: TypeAlias = State
_T: TypeAlias = Trigger

BEGINNINGS: Final[Mapping[Trigger, State]] = MappingProxyType(
    {
        _T.CONTACTED: _S.CONTACTED,
        _T.ATTESTATION_BEGUN: _S.ATTESTING,
        _T.ATTESTED: _S.JOINING,
        _T.JOINED_BY_TICKET: _S.ENROLLING,
        _T.JOINED_BY_USER: _S.ENROLLING,
        _T.ENROLLED_BY_DEVICE: _S.TECHNICIAN_PREPARING,
        _T.ENROLLED_BY_USER: _S.USER_DEVICE_SETUP,
        _T.REFUSED_TECHNICIAN: _S.RED,
        _T.REFUSED_USER: _S.ERROR,
    }
)
"""What opens a deployment when none is under way, and the state that it opens in."""

PROVEN: Final = frozenset(
    {_T.ATTESTED, _T.JOINED_BY_TICKET, _T.JOINED_BY_USER, _T.ENROLLED_BY_DEVICE, _T.ENROLLED_BY_USER}
)
"""Beginnings that supersede a deployment which has an enrolment: only the device itself can cause them."""

_TRIES: Final = (_S.CONTACTED, _S.ATTESTING, _S.JOINING, _S.ENROLLING, _S.RED, _S.ERROR)
"""States that a deployment without an enrolment can be in."""

BEFORE: Final[Mapping[State, Mapping[Trigger, State]]] = MappingProxyType(
    {
        state: MappingProxyType(
            {
                **BEGINNINGS,
                # A device that was joined goes on from there, whether or not it reads its profile again.
                _T.CONTACTED: _S.ENROLLING if state is _S.ENROLLING else _S.CONTACTED,
                _T.ENROLLED_OUTSIDE: _S.ENDED,
                _T.ENDED: _S.ENDED,
            }
        )
        for state in _TRIES
    }
)
"""As long as there is no enrolment: whatever the device begins with, it is there."""

AFTER: Final[Mapping[State, Mapping[Trigger, State]]] = MappingProxyType(
    {
        _S.TECHNICIAN_PREPARING: {
            _T.TECHNICIAN_PHASE_BEGUN: _S.TECHNICIAN_SETUP,
            _T.DEVICE_PHASE_BEGUN: _S.USER_DEVICE_SETUP,
            _T.USER_SIGNED_IN: _S.USER_DEVICE_SETUP,
            _T.USER_PRESENT: _S.USER_DEVICE_SETUP,
            _T.LEFT_PAGE: _S.TECHNICIAN_PREPARING,
            _T.ENDED: _S.ENDED,
        },
        _S.TECHNICIAN_SETUP: {
            _T.TECHNICIAN_PHASE_BEGUN: _S.TECHNICIAN_SETUP,
            _T.DEVICE_PAGE_RESET: _S.TECHNICIAN_SETUP,
            _T.DEVICE_RELEASE_REQUESTED: _S.TECHNICIAN_RELEASING,
            _T.DEVICE_RELEASED: _S.GREEN,
            _T.DEVICE_FAILED: _S.RED,
            _T.DEVICE_TIMED_OUT: _S.RED,
            _T.RESEALED: _S.RESEALED,
            _T.DEVICE_PHASE_BEGUN: _S.USER_DEVICE_SETUP,
            _T.USER_SIGNED_IN: _S.USER_DEVICE_SETUP,
            _T.USER_PRESENT: _S.USER_DEVICE_SETUP,
            _T.LEFT_PAGE: _S.TECHNICIAN_SETUP,
            _T.ENDED: _S.ENDED,
        },
        _S.TECHNICIAN_RELEASING: {
            _T.TECHNICIAN_PHASE_BEGUN: _S.TECHNICIAN_SETUP,
            _T.DEVICE_PAGE_RESET: _S.TECHNICIAN_SETUP,
            _T.DEVICE_RELEASED: _S.GREEN,
            _T.DEVICE_FAILED: _S.RED,
            _T.DEVICE_TIMED_OUT: _S.RED,
            _T.RESEALED: _S.RESEALED,
            _T.DEVICE_PHASE_BEGUN: _S.USER_DEVICE_SETUP,
            _T.USER_SIGNED_IN: _S.USER_DEVICE_SETUP,
            _T.USER_PRESENT: _S.USER_DEVICE_SETUP,
            _T.LEFT_PAGE: _S.TECHNICIAN_RELEASING,
            _T.ENDED: _S.ENDED,
        },
        _S.GREEN: {
            _T.RESEALED: _S.RESEALED,
            _T.DEVICE_PAGE_RESET: _S.USER_SIGN_IN,
            _T.USER_SIGNED_IN: _S.USER_DEVICE_SETUP,
            _T.USER_PRESENT: _S.USER_DEVICE_SETUP,
            _T.DEVICE_PHASE_BEGUN: _S.USER_DEVICE_SETUP,
            _T.TECHNICIAN_PHASE_BEGUN: _S.TECHNICIAN_SETUP,
            # The page was read to have given up before the release reached it.
            _T.DEVICE_TIMED_OUT: _S.RED,
            _T.ENDED: _S.ENDED,
        },
        _S.RESEALED: {
            _T.CONTACTED: _S.USER_SIGN_IN,
            _T.DEVICE_PAGE_RESET: _S.USER_SIGN_IN,
            _T.USER_SIGNED_IN: _S.USER_DEVICE_SETUP,
            _T.USER_PRESENT: _S.USER_DEVICE_SETUP,
            _T.DEVICE_PHASE_BEGUN: _S.USER_DEVICE_SETUP,
            _T.ENDED: _S.ENDED,
        },
        _S.RED: {
            _T.TECHNICIAN_PHASE_BEGUN: _S.TECHNICIAN_SETUP,
            _T.DEVICE_PAGE_RESET: _S.TECHNICIAN_SETUP,
            _T.DEVICE_RELEASED: _S.GREEN,
            _T.DEVICE_FAILED: _S.RED,
            _T.DEVICE_TIMED_OUT: _S.RED,
            _T.DEVICE_PHASE_BEGUN: _S.USER_DEVICE_SETUP,
            _T.USER_SIGNED_IN: _S.USER_DEVICE_SETUP,
            _T.USER_PRESENT: _S.USER_DEVICE_SETUP,
            _T.LEFT_PAGE: _S.RED,
            _T.ENDED: _S.ENDED,
        },
        _S.USER_SIGN_IN: {
            _T.USER_SIGNED_IN: _S.USER_DEVICE_SETUP,
            _T.USER_PRESENT: _S.USER_DEVICE_SETUP,
            _T.DEVICE_PHASE_BEGUN: _S.USER_DEVICE_SETUP,
            _T.ENDED: _S.ENDED,
        },
        _S.USER_DEVICE_SETUP: {
            _T.DEVICE_PHASE_BEGUN: _S.USER_DEVICE_SETUP,
            _T.DEVICE_PAGE_RESET: _S.USER_DEVICE_SETUP,
            _T.DEVICE_RELEASE_REQUESTED: _S.USER_DEVICE_RELEASING,
            _T.DEVICE_RELEASED: _S.USER_ACCOUNT_SETUP,
            _T.DEVICE_FAILED: _S.ERROR,
            _T.DEVICE_TIMED_OUT: _S.ERROR,
            _T.USER_PRESENT: _S.USER_ACCOUNT_SETUP,
            _T.ACCOUNT_PHASE_BEGUN: _S.USER_ACCOUNT_SETUP,
            _T.LEFT_PAGE: _S.DESKTOP,
            _T.ENDED: _S.ENDED,
        },
        _S.USER_DEVICE_RELEASING: {
            _T.DEVICE_PHASE_BEGUN: _S.USER_DEVICE_SETUP,
            _T.DEVICE_PAGE_RESET: _S.USER_DEVICE_SETUP,
            _T.DEVICE_RELEASED: _S.USER_ACCOUNT_SETUP,
            _T.DEVICE_FAILED: _S.ERROR,
            _T.DEVICE_TIMED_OUT: _S.ERROR,
            _T.USER_PRESENT: _S.USER_ACCOUNT_SETUP,
            _T.ACCOUNT_PHASE_BEGUN: _S.USER_ACCOUNT_SETUP,
            _T.LEFT_PAGE: _S.DESKTOP,
            _T.ENDED: _S.ENDED,
        },
        _S.USER_ACCOUNT_SETUP: {
            _T.USER_PRESENT: _S.USER_ACCOUNT_SETUP,
            _T.ACCOUNT_PHASE_BEGUN: _S.USER_ACCOUNT_SETUP,
            _T.ACCOUNT_PAGE_RESET: _S.USER_ACCOUNT_SETUP,
            _T.ACCOUNT_RELEASE_REQUESTED: _S.USER_ACCOUNT_RELEASING,
            _T.ACCOUNT_RELEASED: _S.DESKTOP,
            _T.ACCOUNT_FAILED: _S.ERROR,
            _T.DEVICE_PHASE_BEGUN: _S.USER_DEVICE_SETUP,
            _T.DEVICE_FAILED: _S.ERROR,
            _T.DEVICE_TIMED_OUT: _S.ERROR,
            _T.LEFT_PAGE: _S.DESKTOP,
            _T.ENDED: _S.ENDED,
        },
        _S.USER_ACCOUNT_RELEASING: {
            _T.ACCOUNT_PHASE_BEGUN: _S.USER_ACCOUNT_SETUP,
            _T.ACCOUNT_PAGE_RESET: _S.USER_ACCOUNT_SETUP,
            _T.ACCOUNT_RELEASED: _S.DESKTOP,
            _T.ACCOUNT_FAILED: _S.ERROR,
            _T.LEFT_PAGE: _S.DESKTOP,
            _T.ENDED: _S.ENDED,
        },
        _S.ERROR: {
            _T.DEVICE_PHASE_BEGUN: _S.USER_DEVICE_SETUP,
            _T.DEVICE_PAGE_RESET: _S.USER_DEVICE_SETUP,
            _T.DEVICE_RELEASED: _S.USER_ACCOUNT_SETUP,
            _T.DEVICE_FAILED: _S.ERROR,
            _T.DEVICE_TIMED_OUT: _S.ERROR,
            _T.USER_PRESENT: _S.USER_ACCOUNT_SETUP,
            _T.ACCOUNT_PHASE_BEGUN: _S.USER_ACCOUNT_SETUP,
            _T.ACCOUNT_PAGE_RESET: _S.USER_ACCOUNT_SETUP,
            _T.ACCOUNT_RELEASED: _S.DESKTOP,
            _T.ACCOUNT_FAILED: _S.ERROR,
            _T.LEFT_PAGE: _S.DESKTOP,
            _T.ENDED: _S.ENDED,
        },
    }
)
"""From the enrolment on. A beginning that is `PROVEN` is not in here: it supersedes the deployment."""


ALLOWED: Final[Mapping[State, frozenset[BlockerKind]]] = MappingProxyType(
    {
        _S.CONTACTED: frozenset({BlockerKind.START}),
        _S.ATTESTING: frozenset({BlockerKind.ATTESTATION}),
        _S.JOINING: frozenset({BlockerKind.JOIN}),
        _S.ENROLLING: frozenset({BlockerKind.ENROLMENT}),
        _S.TECHNICIAN_PREPARING: frozenset({BlockerKind.CHECK_IN}),
        _S.TECHNICIAN_SETUP: frozenset({BlockerKind.CHECK_IN, BlockerKind.ITEM}),
        _S.TECHNICIAN_RELEASING: frozenset({BlockerKind.RELEASE}),
        _S.GREEN: frozenset({BlockerKind.RESEAL}),
        _S.RESEALED: frozenset({BlockerKind.DELIVERY}),
        _S.RED: frozenset({BlockerKind.DECISION}),
        _S.USER_SIGN_IN: frozenset({BlockerKind.SIGN_IN}),
        _S.USER_DEVICE_SETUP: frozenset({BlockerKind.CHECK_IN, BlockerKind.ITEM}),
        _S.USER_DEVICE_RELEASING: frozenset({BlockerKind.RELEASE}),
        _S.USER_ACCOUNT_SETUP: frozenset({BlockerKind.USER_SESSION, BlockerKind.CHECK_IN, BlockerKind.ITEM}),
        _S.USER_ACCOUNT_RELEASING: frozenset({BlockerKind.RELEASE}),
        _S.DESKTOP: frozenset(),
        _S.ERROR: frozenset({BlockerKind.DECISION}),
        _S.ENDED: frozenset(),
    }
)
"""What may be awaited in each state."""


class Part(StrEnum):
    """Which of the report's durations the time in a state belongs to."""

    DEVICE_PREPARATION = "devicePreparation"
    DEVICE_SETUP = "deviceSetup"
    ACCOUNT_SETUP = "accountSetup"
    PERSON = "person"
    """Within a flow, but a person has to act: sign in, or decide after a failure."""
    GAP = "gap"
    """Between the flows, and before the first: it counts for nothing."""


PARTS: Final[Mapping[State, Part]] = MappingProxyType(
    {
        _S.CONTACTED: Part.GAP,
        _S.ATTESTING: Part.DEVICE_PREPARATION,
        _S.JOINING: Part.DEVICE_PREPARATION,
        _S.ENROLLING: Part.DEVICE_PREPARATION,
        _S.TECHNICIAN_PREPARING: Part.DEVICE_PREPARATION,
        _S.TECHNICIAN_SETUP: Part.DEVICE_SETUP,
        _S.TECHNICIAN_RELEASING: Part.DEVICE_SETUP,
        _S.GREEN: Part.GAP,
        _S.RESEALED: Part.GAP,
        _S.RED: Part.PERSON,
        _S.USER_SIGN_IN: Part.PERSON,
        _S.USER_DEVICE_SETUP: Part.DEVICE_SETUP,
        _S.USER_DEVICE_RELEASING: Part.DEVICE_SETUP,
        _S.USER_ACCOUNT_SETUP: Part.ACCOUNT_SETUP,
        _S.USER_ACCOUNT_RELEASING: Part.ACCOUNT_SETUP,
        _S.DESKTOP: Part.GAP,
        _S.ERROR: Part.PERSON,
        _S.ENDED: Part.GAP,
    }
)


@dataclass(frozen=True, slots=True)
class Blocker:
    """What is awaited: one interval of a deployment."""

    state: State
    kind: BlockerKind
    since: datetime
    until: datetime | None = None
    """When something happens by itself; None: a person or the device has all the time in the world."""
    name: str = ""
    """Of the item; of an error its code."""
    what: str = ""
    """The kind of the item; of an error its message."""
    items: int = 0
    """How many are open, the named one included."""
    number: int = 1
    """From 1 within the deployment."""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One try to bring one registered device to its user's desktop."""

    id: int
    uuid: UUID
    registration_id: int
    registration_uuid: UUID
    """The ZTDID; kept here, because a deployment outlasts its registration."""
    serial: str
    profile_name: str
    """Of the deployment profile when the device enrolled; empty: the built-in default."""
    state: State
    begun_at: datetime
    moved_at: datetime
    """When anything last changed."""
    blocker: Blocker | None
    """The open one; None at an end."""
    flow: Flow | None = None
    """Which part it is in, once that is known."""
    phase: Phase | None = None
    """The phase that runs, or the last one that did."""
    due_at: datetime | None = None
    """When the budget of that phase is over."""
    technician: bool = False
    """It was enrolled by the technician flow."""
    proof: str = ""
    """Class of the TPM's proof, if it was given."""
    enrolment_id: int | None = None
    user_id: int | None = None
    upn: str = ""
    device_released: bool = False
    """The device's phase was released at least once."""
    user_present: bool = False
    """The user is logged on."""
    error_code: str = ""
    error_message: str = ""
    timed_out: bool = False
    deviations: tuple[str, ...] = ()
    ended_at: datetime | None = None
    ended_because: str = ""

    @property
    def open(self) -> bool:
        """Whether it is under way."""
        return self.state not in ENDS
