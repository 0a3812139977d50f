"""Whether a device really has what it shall have: read back, not trusted.

Each check reads the device's disk (`evidence`) and compares it with what was assigned, with the stored
packages, or with the events; a state that the server only believes in proves nothing by itself. What does not
fit is a cause: a sentence that names the thing, what was expected and what is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from reseal.catalog.model import AppBody
from reseal.deployment.invariant import check
from reseal.deployment.model import State
from reseal.device.csp.rules import MACHINE
from reseal.device.csp.values import tidied
from reseal.esp.phases import PhaseStatus, wants_account_phase
from reseal.kernel.events import SealedEvent
from reseal.managed.delivery import nodes_of, scope_of
from reseal.managed.model import MACHINE as MACHINE_KEY
from reseal.managed.model import ItemState
from reseal.managed.wanted import Delivery
from reseal.rehearsal.evidence import Evidence
from reseal.rehearsal.scenario import Expectation, Outcome
from reseal.rehearsal.standing import Standing
from reseal.wire.csp import NodeValue


@dataclass(frozen=True, slots=True)
class Case:
    """One device at its end: what was expected, what it shows, what lies on it, what the server knows."""

    expected: Expectation
    ended: Expectation
    message: str
    """What the device shows beside the code."""
    upn: str
    """Who signed in last; empty: nobody."""
    device: Evidence
    server: Standing
    log: tuple[SealedEvent, ...]
    """Everything that was recorded, of whomever."""


def causes(case: Case) -> Iterator[str]:
    """Why the device is not as expected; nothing if it is."""
    yield from _ending(case)
    yield from _stories(case)
    if case.ended.outcome in {Outcome.GREEN, Outcome.RESEALED, Outcome.DESKTOP}:
        yield from _deliveries(case)
        yield from _phases(case)
        yield from _recorded(case)
    if case.ended.outcome in {Outcome.GREEN, Outcome.RESEALED}:
        yield from _nobody_yet(case)
    if case.ended.outcome is Outcome.DESKTOP:
        yield from _person(case)


def _ending(case: Case) -> Iterator[str]:
    expected, ended = case.expected, case.ended
    if not expected.met_by(ended):
        yield f"It ended {ended}, expected was {expected}. {case.message}".strip()


# --- the story ----------------------------------------------------------------------------------------------


def _stories(case: Case) -> Iterator[str]:
    """No silent state, a report row for each run, and the server at the same end as the device."""
    for one, blockers in case.server.stories:
        yield from (f"Something was not awaited by anybody: {found}" for found in check(one, blockers))
    story = case.server.story
    if story is None:
        yield "The server never saw it."
        return
    if case.ended.outcome is Outcome.DESKTOP and story.state is not State.DESKTOP:
        blocker = story.blocker
        awaited = "" if blocker is None else f" and waits for {blocker.kind} {blocker.name}".rstrip()
        yield f"The server has it in state {story.state}{awaited}, not at the desktop."
    if story.deviations:
        yield f"The status page was left without its release: {', '.join(map(str, story.deviations))}."
    if len(case.server.rows) != len(case.server.stories):
        yield "The report of deployments does not have a row for each of its deployments."


# --- what was to be delivered -------------------------------------------------------------------------------


def _deliveries(case: Case) -> Iterator[str]:
    if case.server.enrolment is None:
        yield "The server does not manage it."
        return
    if not case.device.enrolled:
        yield "The device is not under management."
        return
    if not case.server.shall:
        yield "Nothing at all is assigned to it."
    for delivery in case.server.shall:
        if isinstance(delivery.item.body, AppBody):
            yield from _app(case, delivery, delivery.item.body)
        else:
            yield from _nodes(case, delivery)
    believed = {item.key: item for item in case.server.items}
    for delivery in case.server.shall:
        item = believed.get(delivery.key)
        if item is None or item.state is not ItemState.DONE:
            state = "unknown" if item is None else item.state
            yield f"{_name(case, delivery)}: for the server it is {state}."


def _nodes(case: Case, delivery: Delivery) -> Iterator[str]:
    body = delivery.item.body
    assert not isinstance(body, AppBody)
    owner = _owner(case, delivery)
    nodes = nodes_of(body, scope_of(delivery.user))
    answers = case.device.answers([str(node.uri) for node in nodes], owner or None)
    for node in nodes:
        yield from _node(case, delivery, node, case.device.value(node.uri, owner or None), answers)


def _node(
    case: Case, delivery: Delivery, node: NodeValue, stored: str | None, answers: dict[str, str | int]
) -> Iterator[str]:
    wanted, answer = tidied(node.text, node.format), answers.get(str(node.uri))
    if stored is None:
        yield f"{_name(case, delivery)}: {node.uri} is not on the device."
    elif not _same(stored, wanted):
        yield f"{_name(case, delivery)}: {node.uri} is {_short(stored)}, not {_short(wanted)}."
    elif not isinstance(answer, str) or not _same(answer, wanted):
        found = _short(str(answer))
        yield f"{_name(case, delivery)}: a Get of {node.uri} gives {found}, not {_short(wanted)}."


def _app(case: Case, delivery: Delivery, body: AppBody) -> Iterator[str]:
    owner = _owner(case, delivery)
    name = _name(case, delivery)
    installed = case.device.installed(body.product_code, owner)
    ended = [product for product in installed if product.version == body.product_version]
    if not ended:
        yield f"{name}: version {body.product_version} was never installed to its end."
        return
    if len(ended) > 1:
        yield f"{name}: version {body.product_version} was installed {len(ended)} times."
    content = case.device.program(ended[-1])
    if content is None:
        yield f"{name}: its files are not on the device."
    elif sha256(content).hexdigest() != body.sha256:
        yield f"{name}: its files have SHA-256 {sha256(content).hexdigest()}, the package {body.sha256}."


def _recorded(case: Case) -> Iterator[str]:
    """What the device was acknowledged is in the log, for good."""
    enrolment = case.server.enrolment
    if enrolment is None:
        return
    own = [event for event in case.log if event.subject.id == enrolment.uuid]
    if not any(event.kind == "enrolment.begun" for event in own):
        yield "The log does not say that its enrolment began."
    arrived = {
        (payload["id"], payload["version"])
        for event in own
        if event.kind == "item.arrived" and (payload := event.payload) is not None
    }
    for delivery in case.server.shall:
        if (str(delivery.item.uuid), delivery.item.version) not in arrived:
            yield f"{_name(case, delivery)}: the log does not say that it arrived."
    story = case.server.story
    ends = {event.subject.id for event in case.log if event.kind == "deployment.ended"}
    if case.ended.outcome is Outcome.DESKTOP and story is not None and story.uuid not in ends:
        yield "The log does not say that it reached the desktop."


# --- pages and people ---------------------------------------------------------------------------------------


def _phases(case: Case) -> Iterator[str]:
    """Releases that the device acknowledged, or was read to have."""
    users = [key for key, upn in case.server.upns.items() if _is(upn, case.upn)]
    wanted = [MACHINE_KEY, *(users if case.ended.outcome is Outcome.DESKTOP else [])]
    for user in wanted:
        phase = case.server.phases.get(user)
        if user != MACHINE_KEY and not wants_account_phase(case.server.phases, user):
            continue  # the page is for the first user alone
        whose = "the device" if user == MACHINE_KEY else case.server.upns[user]
        if phase is None:
            yield f"The status page of {whose} was never held."
        elif phase.status is not PhaseStatus.RELEASED:
            yield f"The status page of {whose} is {phase.status}, not released. {phase.error_message}".strip()


def _nobody_yet(case: Case) -> Iterator[str]:
    """The technician flow touches nothing of any user (spec/autopilot.md 6.4)."""
    if case.device.users:
        yield f"It has nodes of {', '.join(case.device.users)}, although nobody has signed in."


def _person(case: Case) -> Iterator[str]:
    """Who signed in, whose nodes are there, whose the device is: the same one, unless it had an owner."""
    if not any(_is(upn, case.upn) for upn in case.server.upns.values()):
        yield f"The server never saw a token of {case.upn}."
    if not any(_is(owner, case.upn) for owner in case.device.users):
        yield f"The device has no nodes of {case.upn}."
    story = case.server.story
    if story is not None and not _is(story.upn, case.server.primary):
        yield f"Its primary user is {case.server.primary or 'nobody'}, but {story.upn} reached the desktop."


# --- words --------------------------------------------------------------------------------------------------


def _owner(case: Case, delivery: Delivery) -> str:
    """The name under which the device keeps what belongs to the user of a delivery."""
    if delivery.user == MACHINE_KEY:
        return MACHINE
    upn = case.server.upns.get(delivery.user, "")
    return next((owner for owner in case.device.users if _is(owner, upn)), upn)


def _name(case: Case, delivery: Delivery) -> str:
    whose = (
        "" if delivery.user == MACHINE_KEY else f" of {case.server.upns.get(delivery.user, delivery.user)}"
    )
    return f"{delivery.item.name}{whose}"


def _is(name: str, upn: str) -> bool:
    return bool(upn) and name.casefold() == upn.casefold()


def _same(found: str, wanted: str) -> bool:
    return found.strip() == wanted.strip()


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
