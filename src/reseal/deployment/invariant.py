"""No silent state: what the recorded blockers of a deployment must look like, checked afterwards.

Tests and rehearsals check every run that they recorded with `violations`; `require` is for those who would
rather stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from reseal.deployment.model import AFTER, ALLOWED, BEFORE, Blocker, Deployment, State
from reseal.kernel.errors import Fault

_LEADS_TO: Final = {
    state: frozenset(
        {*BEFORE.get(state, {}).values(), *AFTER.get(state, {}).values(), state},
    )
    for state in State
}


def check(deployment: Deployment, blockers: Sequence[Blocker]) -> tuple[str, ...]:
    """What is wrong with these intervals, oldest first; empty if they cover the deployment from its beginning
    to its end (or to now) without gap or overlap, each of a kind that its state allows, in an order of states
    that the table allows, and exactly one open if the deployment is.
    """
    if not blockers:
        return ("The deployment has no blocker at all.",)
    return (
        *_ends(deployment, blockers),
        *(f"{_where(at, one)}: {what}" for at, one in enumerate(blockers, 1) for what in _single(one)),
        *_joints(blockers),
    )


def require(deployment: Deployment, blockers: Sequence[Blocker]) -> None:
    """Raise `Fault` (`SilentState`) with everything that `check` finds."""
    found = check(deployment, blockers)
    if found:
        raise Fault(
            code="SilentState",
            message=f"The blockers of deployment {deployment.uuid} do not cover it: {' '.join(found)}",
            remedy="A transition in reseal.deployment.stepping is wrong; the events of the run show which.",
        )


def _ends(deployment: Deployment, blockers: Sequence[Blocker]) -> Iterator[str]:
    first, last = blockers[0], blockers[-1]
    if first.since != deployment.begun_at:
        yield f"The first blocker begins at {first.since}, the deployment at {deployment.begun_at}."
    if not deployment.open:
        if last.ended_at is None or last.ended_at != deployment.ended_at:
            yield f"The last blocker ends at {last.ended_at}, the deployment at {deployment.ended_at}."
        if deployment.state not in _LEADS_TO[last.state]:
            yield f"No arrow leads from {last.state} to {deployment.state}."
        return
    if last.ended_at is not None:
        yield f"The deployment is {deployment.state} and nothing is awaited."
    if last.state is not deployment.state:
        yield f"The deployment is {deployment.state}, the last blocker belongs to {last.state}."


def _single(one: Blocker) -> Iterator[str]:
    if one.kind not in ALLOWED[one.state]:
        yield f"{one.kind} cannot be awaited in {one.state}."
    if one.ended_at is not None and one.ended_at < one.since:
        yield f"It ended at {one.ended_at}, before it began at {one.since}."
    if one.until is not None and one.until < one.since:
        yield f"Its limit {one.until} is before its beginning {one.since}."


def _joints(blockers: Sequence[Blocker]) -> Iterator[str]:
    for before, after in pairwise(blockers):
        if before.ended_at is None:
            yield f"{before.kind} in {before.state} is open, and {after.kind} began at {after.since}."
        elif before.ended_at != after.since:
            how = "gap" if before.ended_at < after.since else "overlap"
            yield f"There is a {how} between {before.ended_at} and {after.since}."
        if after.state not in _LEADS_TO[before.state]:
            yield f"No arrow leads from {before.state} to {after.state}."


def _where(at: int, one: Blocker) -> str:
    return f"Blocker {at} ({one.state})"
