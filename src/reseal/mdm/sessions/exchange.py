"""One message of a device and its reply: the unit of work.

    1. who is it                            `authentication`; nobody gets a challenge and nothing else
    2. how does it stand to the last        `states`: repeated, late, next, or the beginning of a session
    3. what does it say                     `reports`; large objects are put together
    4. what came of our commands            `purposes`, `deliveries`, `course`
    5. what shall the device have now       `managed.desired`, if that may have changed
    6. where does its page stand            `course`: phases begin, wait, are released, fail
    7. what is it sent next                 `planning`, `replies`
    8. keep it, tell the story              items, phases, session; facts to `deployment`; events

Everything is durable together with the reply. The same message again gets the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from reseal.catalog.model import Kind
from reseal.deployment.facts import PhaseBegun, UserPresent, UserSignedIn
from reseal.esp import judging
from reseal.esp.holding import Keyed, hold_commands
from reseal.esp.phases import Flow, PhaseState, PhaseStatus, begin_phase, phases_of, save_phase
from reseal.kernel.db import Tx
from reseal.kernel.logs import get_logger
from reseal.kernel.secretbox import SecretBox
from reseal.managed.content import ContentUrls
from reseal.managed.desired import items_of, refresh, save_items
from reseal.managed.enrolments import (
    end_enrolment,
    is_contact_due,
    note_contact,
    note_user,
    users_of,
)
from reseal.managed.model import MACHINE, EnrolledBy, Enrolment, Item, ItemState
from reseal.mdm.authentication import Shown, Unproven, UserToken, prove, user_named
from reseal.mdm.sessions import course as courses
from reseal.mdm.sessions import deliveries, planning, replies, telling
from reseal.mdm.sessions.bodies import Bodies
from reseal.mdm.sessions.course import Course
from reseal.mdm.sessions.deliveries import Sender
from reseal.mdm.sessions.handling import HANDLING, Handling
from reseal.mdm.sessions.model import NOBODY, Notes, Session
from reseal.mdm.sessions.purposes import OF_ITEMS, Answer, Planned, Purpose, What, match
from reseal.mdm.sessions.replies import Reply
from reseal.mdm.sessions.reports import Report, only_statuses, read_report, statuses
from reseal.mdm.sessions.states import (
    AFTER,
    TREATMENT,
    ReplyKind,
    SessionState,
    Treatment,
    arrival,
    silence,
)
from reseal.mdm.sessions.store import Found, keep_inventory, save_session
from reseal.wire.syncml import (
    Chal,
    LoginStatus,
    Message,
    NodeCommand,
    SyncType,
    read_command,
    take,
    write_command,
)

log = get_logger(__name__)

UNENROLLED: Final = "the device left"
"""Why an enrolment ended: by its user, or because it was told to."""
_CHUNKS_LIMIT: Final = 8 * 1024 * 1024
"""Bytes that a command with an unfinished object may take as stored."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What an exchange needs of the process."""

    box: SecretBox
    urls: ContentUrls
    handling: Handling = HANDLING


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it was received."""

    message: Message
    digest: bytes
    """SHA-256 of its bytes."""
    shown: Shown
    token: UserToken | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The reply, and what the caller has to know of it."""

    reply: bytes = field(repr=False)
    unproven: Unproven | None = None
    found: Found | None = None
    news: bool = False
    """The device told what it is: `inventory.publish` makes it known."""


def exchange(tx: Tx, incoming: Incoming, tools: Tools) -> Outcome:
    """Take a message and answer it."""
    who = prove(tx, incoming.shown, tools.box)
    header = incoming.message.header
    if isinstance(who, Unproven):
        return Outcome(replies.challenge(header, who.code, who.chal), unproven=who)
    conversation = _Conversation(tx, who.found, incoming, tools)
    treatment = conversation.treatment()
    if treatment is Treatment.REPLAY:
        return Outcome(who.found.session.reply, found=who.found)
    if treatment is Treatment.ACKNOWLEDGE:
        said = statuses(header, incoming.message, take(incoming.message))
        return Outcome(replies.acknowledgement(header, said, who.chal).data, found=who.found)
    if treatment is Treatment.BEGIN:
        conversation.begin()
    reply = conversation.answer(who.chal)
    return Outcome(reply.data, found=who.found, news=conversation.news)


class _Conversation:
    """One message in the making: what was loaded, and what has become of it so far."""

    def __init__(self, tx: Tx, found: Found, incoming: Incoming, tools: Tools) -> None:
        self.tx = tx
        self.found = found
        self.tenant = found.tenant
        self.enrolment: Enrolment = found.enrolment
        self.incoming = incoming
        self.handling = tools.handling
        self.session: Session = found.session
        self.bodies = Bodies(tx, found.tenant, found.enrolment, tools.urls)
        self.items: dict[tuple[int, str, int], Item] = {}
        self.course = Course({}, found.session.notes)
        self.stale = found.enrolment.stale
        self.newly_present = False
        self.news = False
        self._stored_items: Mapping[tuple[int, str, int], Item] = {}
        self._stored_phases: Mapping[int, PhaseState] = {}
        self._facts = telling.Telling(tx, found.tenant, found.enrolment)

    # --- 2: how it stands to the last

    def treatment(self) -> Treatment:
        """What is done with the message."""
        present, header = self.session, self.incoming.message.header
        how = arrival(
            present.state,
            (present.session_id, present.msg_id),
            (header.session_id, header.msg_id),
            same_bytes=present.request == self.incoming.digest,
            silent_for=silence(present.replied_at, self.tx.now),
            returning=self.handling.returning_sessions,
        )
        treatment = TREATMENT[present.state, how]
        if treatment is Treatment.REPLAY and not (self.handling.stored_replies and present.reply):
            return Treatment.BEGIN if header.msg_id == 1 else Treatment.CONTINUE
        return treatment

    def begin(self) -> None:
        """The session before is over; what was with the device is planned anew."""
        token = self.incoming.token
        same_user = token is not None and token.digest == self.session.token
        self.session = replace(
            self.session,
            state=SessionState.IDLE,
            session_id=self.incoming.message.header.session_id,
            msg_id=0,
            user=self.session.user if same_user else None,
            token=self.session.token if same_user else b"",
            scope=SyncType.MIXED,
            in_flight=Session().in_flight,
            asked=NOBODY,
            unfinished=None,
        )
        self.newly_present = True

    # --- 3 to 8

    def answer(self, chal: Chal | None) -> Reply:
        """Take the message in, and make the reply."""
        message = self.incoming.message
        header = message.header
        awaited = bool(self.session.in_flight)
        taken = take(message, self._unfinished())
        complete = taken.complete or not self.handling.whole_packages
        said = statuses(header, message, taken)
        report = read_report(taken.commands)
        if report.unenrolled:
            self._end()
            return replies.acknowledgement(header, said)
        answers, in_flight = match(
            self.session.in_flight, taken.commands, complete=complete, handling=self.handling
        )
        self.session = replace(
            self.session,
            in_flight=in_flight,
            asked=self.session.asked | _spent(answers),
            unfinished=None if taken.unfinished is None else _written(taken.unfinished),
        )
        self._load()
        self._take_report(report)
        self._take_answers(answers)
        if not complete:
            reply = replies.ask_on(header, said, taken.lost, chal)
        elif report.aborted:
            reply = replies.acknowledgement(header, said, chal)
        else:
            self._go_on()
            reply = replies.say(header, said, taken.lost, self._plan(), chal)
            self._note_sent(reply)
            if reply.kind is ReplyKind.ENDS and not awaited and only_statuses(message) and header.msg_id > 1:
                reply = replies.silence(header)
        self._keep(reply)
        return reply

    def _unfinished(self) -> NodeCommand | None:
        kept = self.session.unfinished
        if kept is None:
            return None
        command = read_command(kept, _CHUNKS_LIMIT)
        return command if isinstance(command, NodeCommand) else None

    def _end(self) -> None:
        """The device left management."""
        end_enrolment(self.tx, self.tenant, self.enrolment.id, UNENROLLED)

    def _load(self) -> None:
        stored = items_of(self.tx, self.tenant, self.enrolment.id)
        self.items = {item.key: item for item in stored}
        self._stored_items = dict(self.items)
        self.course = replace(self.course, phases=phases_of(self.tx, self.tenant, self.enrolment.id))
        self._stored_phases = dict(self.course.phases)

    # --- 3: what it says

    def _take_report(self, report: Report) -> None:
        before = self.session.user_present
        if report.says and report.says != self.session.notes.says:
            self._note(says={**self.session.notes.says, **report.says})
        if report.scope is not None:
            self.session = replace(self.session, scope=report.scope)
        if report.login is not None and (
            report.login is not self.session.login or self.session.login_at is None
        ):
            self.session = replace(self.session, login=report.login, login_at=self.tx.now)
        for unknown in report.unknown:
            log.info("an alert that means nothing here", alert=unknown, enrolment=str(self.enrolment.uuid))
        self._read_again(report.installed)
        self._take_token()
        present = self.session.user_present
        if present is not None and present != before:
            self.newly_present = True
            self.stale |= note_user(
                self.tx, self.tenant, self.enrolment.id, present, primary=True, session=True
            )

    def _read_again(self, installed: Iterable[str]) -> None:
        """Jobs that ended, by the device's word: their status is read in this session, even a second time."""
        for address in installed:
            folded = address.casefold().replace("./device/", "./", 1)
            for item in self.items.values():
                nodes = (node.casefold().replace("./device/", "./", 1) for node in item.progress)
                if folded in nodes:
                    again = {_of(item, What.STATUS), _of(item, What.LAST_ERROR)}
                    self.session = replace(self.session, asked=self.session.asked - again)

    def _take_token(self) -> None:
        """Whom the user token names. A bad one costs the user's part of the session, no more (check 69)."""
        token = self.incoming.token
        if token is None or token.digest == self.session.token:
            return
        named = user_named(self.tx, self.tenant, token)
        if isinstance(named, str):
            log.warning("a user token counts for nothing", why=named, enrolment=str(self.enrolment.uuid))
            self._facts.refused_token(named)
            self.session = replace(self.session, token=token.digest, user=None)
            return
        self.session = replace(self.session, token=token.digest, user=named)
        self.stale |= note_user(self.tx, self.tenant, self.enrolment.id, named, primary=True)
        assert token.claims is not None
        self._facts.observe(UserSignedIn(named, token.claims.upn))

    # --- 4: what came of our commands

    def _take_answers(self, answers: tuple[Answer, ...]) -> None:
        by_item: dict[tuple[int, str, int], list[Answer]] = {}
        for answer in answers:
            if answer.purpose.what in OF_ITEMS:
                by_item.setdefault(answer.purpose.key, []).append(answer)
        self.bodies.want(self.items[key] for key in by_item if key in self.items)
        for key, some in by_item.items():
            if item := self.items.get(key):
                nodes = self.bodies.nodes(item)
                self.items[key] = deliveries.answered(item, some, self.tx.now, nodes, self.handling)
        self.course = courses.take_answers(self.course, answers, self.tx.now, self.handling)
        self._take_inventory({a.purpose.node: a for a in answers if a.purpose.what is What.ASK})

    def _take_inventory(self, answers: Mapping[str, Answer]) -> None:
        if not answers:
            return
        self._note(inventory=self._flow_name)
        values = {node: answer.value for node, answer in answers.items() if answer.good and answer.value}
        keep_inventory(self.tx, self.tenant, self.enrolment.id, values)
        self.news = bool(values)

    # --- 5 and 6: what it shall have, where its page stands

    def _go_on(self) -> None:
        self._follow_flow()
        if self.stale:
            self._refresh()
        self._hold_back()
        self._begin_account()
        holds = self._holds()
        self.course = courses.judged(
            self.course,
            self._in_order(),
            frozenset(user for user, left in holds.items() if left),
            self.tx.now,
        )
        self._situation = self._see(holds)

    def _follow_flow(self) -> None:
        """Begin the device's phase if it is due; the user flow begins with the assignments of now."""
        self._tell_present()
        if not self.enrolment.in_oobe:
            return
        first = Flow.TECHNICIAN if self.enrolment.enrolled_by is EnrolledBy.DEVICE else Flow.USER
        flow = courses.device_flow_to_begin(self.course, self.session, first)
        if flow is None:
            return
        for state in courses.open_phases(self.course):
            if state.user != MACHINE:
                self.course = self.course.with_phase(courses.abandoned(state, self.tx.now))
        if flow is Flow.USER:
            self.stale = True
        if self.stale:
            self._refresh()
        self._begin_phase(MACHINE, flow)
        self.course = replace(self.course, new_page=False)

    def _tell_present(self) -> None:
        """A user is logged in, told once per run; not before it is known whether the page was released."""
        if self.session.login is not LoginStatus.USER:
            return
        device = self.course.device
        read = Purpose(What.FINISHED, MACHINE)
        unsure = device is not None and device.status is PhaseStatus.RELEASING
        if unsure and read not in self.session.asked and self.session.takes_device:
            return
        run = 0 if device is None else device.id
        if self.course.notes.present != run:
            self._note(present=run)
            self._facts.observe(UserPresent())

    def _begin_phase(self, user: int, flow: Flow) -> None:
        state = begin_phase(self.tx, self.tenant, self.enrolment, user=user, flow=flow)
        for item in judging.to_retry(state, self._in_order()):
            self.items[item.key] = item
        phases = {**self.course.phases, user: state}
        self._stored_phases = {**self._stored_phases, user: state}
        fact = PhaseBegun(flow, state.phase, int(state.budget.total_seconds()))
        self.course = replace(self.course, phases=phases, facts=(*self.course.facts, fact))

    def _begin_account(self) -> None:
        user = courses.account_to_begin(self.course, self.session)
        if user is not None and self.enrolment.in_oobe:
            self._begin_phase(user, Flow.USER)

    def _refresh(self) -> None:
        """Work out anew what the device shall have; what was seen so far is kept first."""
        self._keep_items()
        users: tuple[int, ...] = ()
        if not self._is_technicians:
            users = tuple(one.user_id for one in users_of(self.tx, self.tenant, self.enrolment.id))
        fresh = refresh(self.tx, self.tenant, self.enrolment, users)
        self.items = {item.key: item for item in fresh}
        self._stored_items = dict(self.items)
        self.stale = False

    @property
    def _is_technicians(self) -> bool:
        """Whether no user's work is to be thought of yet."""
        device = self.course.device
        if self.session.user is not None or self.session.login is LoginStatus.USER:
            return False
        if device is None:
            return self.enrolment.in_oobe and self.enrolment.enrolled_by is EnrolledBy.DEVICE
        return device.flow is Flow.TECHNICIAN and not (
            self.course.new_page and device.status is PhaseStatus.RELEASED
        )

    def _hold_back(self) -> None:
        """Items of users who are not there wait; those of the one who came are due."""
        present = self.session.user_present
        for key, item in self.items.items():
            if item.user == MACHINE or not self.handling.holds_user_nodes:
                continue
            if item.user != present:
                self.items[key] = deliveries.held(item, self.tx.now)
            elif self.newly_present:
                self.items[key] = deliveries.due_again(item, self.tx.now)

    def _holds(self) -> dict[int, tuple[Keyed, ...]]:
        """What of each open phase's hold is not acknowledged; not made again while nothing counts anew."""
        held = [state for state in courses.open_phases(self.course) if state.status in _BEFORE_RELEASE]
        counted = courses.counted_digest(held, self._in_order())
        if not held or counted == self.course.notes.held_for:
            return {}
        self.bodies.want(item for item in self._in_order() if item.kind in _ON_PAGES)
        bodies = self.bodies.known()
        holds = {state.user: hold_commands(state, self._in_order(), bodies) for state in held}
        if not any(holds.values()):
            self._note(held_for=counted)
        return holds

    # --- 7: what it is sent

    def _see(self, holds: Mapping[int, tuple[Keyed, ...]]) -> planning.Situation:
        self.bodies.want(item for item in self._in_order() if deliveries.needs_body(item))
        sender = Sender(
            self.bodies.known(),
            self.bodies.urls(),
            self.session.in_flight.purposes(),
            self.session.asked,
            self.handling,
        )
        asks = self.course.notes.inventory != self._flow_name
        return planning.Situation(
            self.session, self.course, self._in_order(), holds, sender, asks, self.tx.now, self.handling
        )

    def _plan(self) -> tuple[Planned, ...]:
        return planning.plan(self._situation)

    @property
    def _flow_name(self) -> str:
        device = self.course.device
        return "managed" if device is None else device.flow.value

    def _note_sent(self, reply: Reply) -> None:
        """Remember what is with the device now."""
        by_item: dict[tuple[int, str, int], list[Purpose]] = {}
        asked: set[Purpose] = set()
        for _, purpose in reply.sent:
            if purpose.what in OF_ITEMS:
                by_item.setdefault(purpose.key, []).append(purpose)
            if purpose.what is What.START:  # what comes of it is read in the next session
                asked |= {
                    replace(purpose, what=What.STATUS, node=""),
                    replace(purpose, what=What.LAST_ERROR, node=""),
                }
            if purpose.what is What.RELEASE and int(purpose.node) not in self.course.notes.released:
                self._note(released=(*self.course.notes.released, int(purpose.node)))
        for key, purposes in by_item.items():
            self.items[key] = deliveries.sent(self.items[key], purposes, self.tx.now)
        in_flight = self.session.in_flight.sent(self.incoming.message.header.msg_id, reply.sent)
        self.session = replace(self.session, in_flight=in_flight, asked=self.session.asked | asked)

    # --- 8: keep it

    def _keep(self, reply: Reply) -> None:
        self._keep_items()
        for user, state in sorted(self.course.phases.items()):
            if state is not self._stored_phases.get(user):
                save_phase(self.tx, self.tenant, state)
        for odd in self.course.odd:
            log.info("part of a page was refused", key=odd, enrolment=str(self.enrolment.uuid))
        for fact in self.course.facts:
            self._facts.observe(fact)
        message = self.incoming.message
        session = replace(
            self.session,
            state=AFTER[reply.kind],
            session_id=message.header.session_id,
            msg_id=message.header.msg_id,
            request=self.incoming.digest,
            reply=reply.data,
            replied_at=self.tx.now,
            notes=self.course.notes,
        )
        session = replace(session, settled=reply.kind is ReplyKind.ENDS and self._is_settled(session))
        save_session(self.tx, self.tenant, self.enrolment.id, session, kept=self.found.kept)
        if is_contact_due(self.enrolment, self.tx.now):
            note_contact(self.tx, self.tenant, self.enrolment.id)

    def _keep_items(self) -> None:
        gone = [item for item in self._in_order() if deliveries.finished_removal(item)]
        for item in gone:
            del self.items[item.key]
        changed = [item for item in self._in_order() if item != self._stored_items.get(item.key)]
        save_items(self.tx, self.tenant, self.enrolment.id, changed, [item.key for item in gone])
        self._facts.items(changed, self._stored_items, gone)
        self._stored_items = dict(self.items)

    def _is_settled(self, session: Session) -> bool:
        """Whether the next check-in, if it says nothing new, finds nothing to do."""
        if (
            session.in_flight
            or session.unenrol
            or self.stale
            or not courses.is_over(self.course, self.tx.now)
        ):
            return False
        if self.course.notes.inventory != self._flow_name:
            return False
        return all(_at_rest(item, session) for item in self.items.values())

    # --- small things

    def _in_order(self) -> tuple[Item, ...]:
        return tuple(sorted(self.items.values(), key=lambda item: item.order))

    def _note(self, **changes: object) -> None:
        """Keep something about the device across sessions."""
        self.course = replace(self.course, notes=_noted(self.course.notes, changes))


_BEFORE_RELEASE: Final = frozenset({PhaseStatus.HOLDING, PhaseStatus.TRACKING})
_ON_PAGES: Final = frozenset({Kind.WIFI, Kind.APP})


def _noted(notes: Notes, changes: Mapping[str, object]) -> Notes:
    return replace(notes, **changes)  # type: ignore[arg-type]


def _spent(answers: Iterable[Answer]) -> frozenset[Purpose]:
    """What was answered and does not go out again in this session; a node's state shows by itself."""
    return frozenset(
        answer.purpose
        for answer in answers
        if answer.purpose.what not in {What.ADD, What.REPLACE} or deliveries.was_not_done(answer)
    )


def _written(command: NodeCommand) -> bytes:
    return write_command(command)


def _of(item: Item, what: What) -> Purpose:
    user, kind, key = item.key
    return Purpose(what, user, kind, key)


def _at_rest(item: Item, session: Session) -> bool:
    if item.user not in {MACHINE, session.user_present}:
        return True
    return item.state in {ItemState.DONE, ItemState.FAILED} and not item.leftovers
