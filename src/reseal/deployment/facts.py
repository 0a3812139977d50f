"""What doors tell of a device. Each fact is something that was seen on the wire, or a deadline that passed.

A fact that does not fit the present state is no error: devices repeat themselves, come late, and start over.
`model` says what each does in each state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from reseal.esp.flows import Flow as Flow
from reseal.esp.flows import Phase as Phase


@dataclass(frozen=True, slots=True)
class Contacted:
    """A registered device asked for its profile."""


@dataclass(frozen=True, slots=True)
class AttestationBegun:
    """A challenge was given to the device's TPM."""


@dataclass(frozen=True, slots=True)
class Attested:
    """The TPM was proven; a join ticket was given. `proof` is the class: hardware, virtual, ..."""

    proof: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A step was refused: attestation, join or enrolment. `step` is one of these words, `code` what the
    device shows. `flow` is None if the door cannot tell in which part it was.
    """

    step: str
    code: str
    message: str
    flow: Flow | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """The device is in the directory; by a ticket (technician flow) or by a user."""

    user: int | None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A management enrolment began; `user` is None for a device token."""

    enrolment: int
    user: int | None
    in_oobe: bool


@dataclass(frozen=True, slots=True)
class PhaseBegun:
    """The status page was told to hold a phase. Budget in seconds."""

    flow: Flow
    phase: Phase
    budget: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A phase waits for an item; `items` open ones in all, `name` the first, `kind` policy, app, ..."""

    phase: Phase
    name: str
    kind: str
    items: int


@dataclass(frozen=True, slots=True)
class ReleaseRequested:
    """Everything that a phase waits for is there; the device was told so."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class Released:
    """The device acknowledged the release of a phase, or was read to be released."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class Failed:
    """A phase cannot succeed: a blocking item failed, or the time was over (`timed_out`)."""

    phase: Phase
    code: str
    message: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class PageReset:
    """The status page was read to have begun anew: somebody pressed Retry, or the user flow began."""


@dataclass(frozen=True, slots=True)
class UserSignedIn:
    """A verified token of a directory user came with a session."""

    user: int
    upn: str


@dataclass(frozen=True, slots=True)
class UserPresent:
    """The device says that a managed user is logged in (LoginStatus `user`)."""


@dataclass(frozen=True, slots=True)
class Resealed:
    """Our own runtime reports that Reseal was pressed."""


@dataclass(frozen=True, slots=True)
class LeftPage:
    """The person left the status page without its release; `how` says which way."""

    how: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The enrolment ended: unenrolled, replaced, or its registration is gone. With an `enrolment` only the
    deployment of that one ends; without, whichever is under way.
    """

    reason: str
    enrolment: int | None = None


Fact: TypeAlias = (
    Contacted
    | AttestationBegun
    | Attested
    | Refused
    | Joined
    | Enrolled
    | PhaseBegun
    | Waiting
    | ReleaseRequested
    | Released
    | Failed
    | PageReset
    | UserSignedIn
    | UserPresent
    | Resealed
    | LeftPage
    | Ended
)
