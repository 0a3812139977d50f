"""Facts in the order of a run, and a deployment that takes them without a database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from reseal.deployment.facts import (
    AttestationBegun,
    Attested,
    Contacted,
    Enrolled,
    Fact,
    Flow,
    Joined,
    Phase,
    PhaseBegun,
    Released,
    ReleaseRequested,
    UserPresent,
    UserSignedIn,
    Waiting,
)
from reseal.deployment.model import Blocker, Deployment, State
from reseal.deployment.stepping import begin, beginning, starts_over, step, supersede
from tests.support.clock import START

ADA, BOB = 7, 8

TO_ENROLLED = (Contacted(), AttestationBegun(), Attested("virtual"), Joined(None), Enrolled(1, None, True))
TO_SETUP = (*TO_ENROLLED, PhaseBegun(Flow.TECHNICIAN, Phase.DEVICE, 3600))
TO_GREEN = (
    *TO_SETUP,
    Waiting(Phase.DEVICE, "Agent", "app", 2),
    ReleaseRequested(Phase.DEVICE),
    Released(Phase.DEVICE),
)
USER_FLOW = (
    UserSignedIn(ADA, "ada@contoso.test"),
    PhaseBegun(Flow.USER, Phase.DEVICE, 3600),
    ReleaseRequested(Phase.DEVICE),
    Released(Phase.DEVICE),
    UserPresent(),
    PhaseBegun(Flow.USER, Phase.ACCOUNT, 3600),
    Waiting(Phase.ACCOUNT, "Screen saver", "policy", 1),
    ReleaseRequested(Phase.ACCOUNT),
    Released(Phase.ACCOUNT),
)
PLAIN = (
    Contacted(),
    Joined(ADA),
    Enrolled(1, ADA, True),
    *USER_FLOW,
)


@dataclass
class Story:
    """The deployments of one device, kept as `service` keeps them."""

    now: datetime = START
    present: Deployment | None = None
    told: list[tuple[Deployment, list[Blocker]]] = field(default_factory=list)
    """Every deployment as it is now, with all its blockers."""

    def tell(self, facts: Iterable[Fact], every: timedelta = timedelta(minutes=1)) -> Story:
        """Take facts, one each minute."""
        for fact in facts:
            self.now += every
            self.take(fact)
        return self

    def take(self, fact: Fact) -> None:
        """Take one fact now."""
        present = self.present if self.present is not None and self.present.open else None
        if present is None or starts_over(present, fact):
            if beginning(fact) is None:
                return
            if present is not None:
                self._keep(supersede(present, self.now))
            blank = _blank(len(self.told) + 1, self.now)
            self.told.append((blank, []))
            self._keep(begin(blank, fact, self.now))
            return
        self._keep(step(present, fact, self.now))

    def _keep(self, after: Deployment) -> None:
        _, blockers = self.told[-1]
        if blockers and blockers[-1].ended_at is None:
            if after.blocker is None or after.blocker.number != blockers[-1].number:
                blockers[-1] = replace(blockers[-1], ended_at=after.moved_at)
            else:
                blockers[-1] = after.blocker
        if after.blocker is not None and len(blockers) < after.blocker.number:
            blockers.append(after.blocker)
        self.told[-1] = after, blockers
        self.present = after

    @property
    def it(self) -> Deployment:
        """The deployment that is told of last."""
        assert self.present is not None
        return self.present

    @property
    def blocker(self) -> Blocker:
        """What is awaited now."""
        assert self.it.blocker is not None
        return self.it.blocker

    @property
    def states(self) -> list[State]:
        """The states that the last deployment went through."""
        passed = [each.state for each in self.told[-1][1]]
        shown = [state for at, state in enumerate(passed) if at == 0 or passed[at - 1] is not state]
        return shown if self.it.open else [*shown, self.it.state]


def _blank(key: int, now: datetime) -> Deployment:
    return Deployment(
        id=key,
        uuid=UUID(int=key),
        registration_id=1,
        registration_uuid=UUID(int=1),
        serial="SN-1",
        profile_name="",
        state=State.CONTACTED,
        begun_at=now,
        moved_at=now,
        blocker=None,
    )
