"""A message of a session, from what it says to what is answered (steps 3 to 8 of `exchange`).

`Conversation` holds what was loaded and what has become of it so far. Its methods are the steps, in the order
in which `answer` calls them; the rules they apply are pure and stand in the modules that they name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from reseal.deployment.facts import Fact, PhaseBegun, UserPresent, UserSignedIn
from reseal.directory.users import user_by_id
from reseal.esp.holding import Keyed, hold_commands
from reseal.esp.phases import Flow, PhaseState, PhaseStatus, begin_phase, phases_of, save_phase
from reseal.kernel.db import Tx
from reseal.kernel.logs import get_logger
from reseal.managed.content import ContentUrls
from reseal.managed.enrolments import is_contact_due, note_contact, note_user, users_of
from reseal.managed.model import MACHINE, EnrolledBy
from reseal.mdm.authentication import UserToken, user_named
from reseal.mdm.sessions import course as courses
from reseal.mdm.sessions import replies
from reseal.mdm.sessions.course import Course
from reseal.mdm.sessions.deliveries import was_not_done
from reseal.mdm.sessions.handling import Handling
from reseal.mdm.sessions.model import Session
from reseal.mdm.sessions.planning import Situation, plan
from reseal.mdm.sessions.purposes import Answer, Purpose, What, match
from reseal.mdm.sessions.replies import Reply
from reseal.mdm.sessions.reports import Report, only_statuses, read_report, statuses
from reseal.mdm.sessions.shelf import Shelf
from reseal.mdm.sessions.states import AFTER, ReplyKind
from reseal.mdm.sessions.store import Found, keep_inventory, save_session
from reseal.mdm.sessions.telling import Telling
from reseal.wire.syncml import (
    OBJECT_LIMIT,
    Chal,
    LoginStatus,
    Message,
    NodeCommand,
    read_command,
    take,
    write_command,
)

log = get_logger(__name__)

_CHUNKS_LIMIT: Final = 8 * OBJECT_LIMIT
"""Bytes that a command with an unfinished object takes at most as stored: `&` becomes five of them."""
_BEFORE_RELEASE: Final = frozenset({PhaseStatus.HOLDING, PhaseStatus.TRACKING})


class Conversation:
    """One message in the making. `begins`: it begins the session."""

    def __init__(
        self,
        tx: Tx,
        found: Found,
        session: Session,
        urls: ContentUrls,
        handling: Handling,
        *,
        begins: bool,
    ) -> None:
        self.tx = tx
        self.tenant = found.tenant
        self.enrolment = found.enrolment
        self.session = session
        self.handling = handling
        self.kept = found.kept
        self.course = Course({}, session.notes, new_page=session.notes.new_page)
        self.shelf = Shelf(tx, found.tenant, found.enrolment, urls, handling)
        self.telling = Telling(tx, found.tenant, found.enrolment)
        self.stale = found.enrolment.stale
        self.begins = begins
        self.newly_present = begins or session.notes.arrived
        self._stored_phases: Mapping[int, PhaseState] = {}

    def answer(self, message: Message, digest: bytes, token: UserToken | None, chal: Chal | None) -> Reply:
        """Take the message in, make the reply, and keep both."""
        awaited = bool(self.session.in_flight)
        taken = take(message, _read(self.session.unfinished))
        complete = taken.complete or not self.handling.whole_packages
        said = statuses(message.header, message, taken)
        report = read_report(taken.commands)
        answers, in_flight = match(
            self.session.in_flight, taken.commands, complete=complete, handling=self.handling
        )
        self.session = replace(
            self.session,
            in_flight=in_flight,
            asked=self.session.asked | _spent(answers),
            unfinished=None if taken.unfinished is None else write_command(taken.unfinished),
        )
        self._load()
        self._take_report(report, token)
        self._take_answers(answers)
        self._remember_half(complete=complete)
        if not complete:
            reply = replies.ask_on(message.header, said, taken.lost, chal)
        elif report.aborted:
            reply = replies.acknowledgement(message.header, said, chal)
        else:
            situation = self._go_on()
            reply = replies.say(message.header, said, taken.lost, plan(situation), chal)
            self._note_sent(message, reply)
            if reply.kind is ReplyKind.ENDS and message.header.msg_id > 1 and not awaited:
                reply = replies.silence(message.header) if only_statuses(message) else reply
        self._keep(message, digest, reply)
        return reply

    def _remember_half(self, *, complete: bool) -> None:
        """What the first message of a package says counts when its last has come."""
        notes = self.course.notes
        arrived = self.newly_present and not complete
        new_page = self.course.new_page and not complete
        if (notes.arrived, notes.new_page) != (arrived, new_page):
            self._note(arrived=arrived, new_page=new_page)

    def _load(self) -> None:
        self.shelf.load()
        self._stored_phases = phases_of(self.tx, self.tenant, self.enrolment.id)
        self.course = replace(self.course, phases=self._stored_phases)

    # --- 3: what it says

    def _take_report(self, report: Report, token: UserToken | None) -> None:
        before = self.session.user_present
        notes = self.course.notes
        if any(notes.says.get(name) != value for name, value in report.says.items()):
            self._note(says={**notes.says, **report.says})
        if report.scope is not None:
            self.session = replace(self.session, scope=report.scope)
        if report.login is not None and report.login is not self.session.login:
            self.session = replace(self.session, login=report.login, login_at=self.tx.now)
        for unknown in report.unknown:
            log.info("an alert that means nothing here", alert=unknown, enrolment=str(self.enrolment.uuid))
        again = self.shelf.ended_jobs(report.installed)
        self.session = replace(self.session, asked=self.session.asked - again)
        self._take_token(token)
        present = self.session.user_present
        if present is not None and present != before:
            self.newly_present = True
            self._note_user(present, session=True)

    def _take_token(self, token: UserToken | None) -> None:
        """Whom the user token names. A bad one costs the user's part of the session, no more (check 69)."""
        if token is None:
            return
        again = token.digest == self.session.token
        if again and not self.begins:
            return
        named = user_named(self.tx, self.tenant, token)
        if again and named == self.session.user:
            return
        if isinstance(named, str):
            log.warning("a user token counts for nothing", why=named, enrolment=str(self.enrolment.uuid))
            self.telling.refused_token(named)
            self.session = replace(self.session, token=token.digest, user=None)
            return
        self.session = replace(self.session, token=token.digest, user=named)
        self._note_user(named, session=False)
        upn = "" if token.claims is None else token.claims.upn
        self._fact(UserSignedIn(named, upn))

    def _note_user(self, user: int, *, session: bool) -> None:
        """The first one is the device's owner (check 90)."""
        news = note_user(self.tx, self.tenant, self.enrolment.id, user, primary=True, session=session)
        self.stale = self.stale or news
        if news and self.enrolment.enrolled_by is EnrolledBy.DEVICE and self._is_owner(user):
            self._note(owner=user_by_id(self.tx, self.tenant, user).upn)

    def _is_owner(self, user: int) -> bool:
        return self.enrolment.owner_user_id in {None, user}

    # --- 4: what came of our commands

    def _take_answers(self, answers: tuple[Answer, ...]) -> None:
        self.shelf.take_answers(answers)
        self.course = courses.take_answers(self.course, answers, self.tx.now, self.handling)
        if any(answer.purpose.what is What.OWNER for answer in answers):
            self._note(owner="")  # a device that refused it would again
        told = {answer.purpose.node: answer for answer in answers if answer.purpose.what is What.ASK}
        if told:
            values = {node: answer.value for node, answer in told.items() if answer.good and answer.value}
            keep_inventory(self.tx, self.tenant, self.enrolment.id, values)
            self._note(inventory=self._flow_name, untold=self.course.notes.untold or bool(values))

    # --- 5 and 6: what it shall have, where its page stands

    def _go_on(self) -> Situation:
        self._tell_present()
        self._follow_flow()
        if self.stale:
            self._refresh()
        self.shelf.hold_back(self.session.user_present, newly=self.newly_present)
        user = courses.account_to_begin(self.course, self.session)
        if user is not None and self.enrolment.in_oobe:
            self._begin_phase(user, Flow.USER)
        holds = self._holds()
        holding = frozenset(user for user, left in holds.items() if left)
        self.course = courses.judged(self.course, self.shelf.in_order(), holding, self.tx.now)
        return Situation(
            session=self.session,
            course=self.course,
            items=self.shelf.in_order(),
            holds=holds,
            sender=self.shelf.sender(self.session),
            asks_inventory=self.course.notes.inventory != self._flow_name,
            now=self.tx.now,
            handling=self.handling,
        )

    def _tell_present(self) -> None:
        """A user is logged in, told once per run; not before it is known whether the page was released."""
        if self.session.login is not LoginStatus.USER:
            return
        device = self.course.device
        unsure = device is not None and device.status is PhaseStatus.RELEASING and self.session.takes_device
        if unsure and Purpose(What.FINISHED, MACHINE) not in self.session.asked:
            return
        run = 0 if device is None else device.id
        if self.course.notes.present != run:
            self._note(present=run)
            self._fact(UserPresent())

    def _follow_flow(self) -> None:
        """Begin the device's phase if it is due; the user flow begins with the assignments of now."""
        if not self.enrolment.in_oobe:
            return
        first = Flow.TECHNICIAN if self.enrolment.enrolled_by is EnrolledBy.DEVICE else Flow.USER
        flow = courses.device_flow_to_begin(self.course, self.session, first)
        if flow is None:
            return
        for state in courses.open_phases(self.course):
            if state.user != MACHINE:
                self.course = self.course.with_phase(courses.abandoned(state, self.tx.now))
        if flow is Flow.USER or self.stale:
            self._refresh()
        self._begin_phase(MACHINE, flow)
        self.course = replace(self.course, new_page=False)

    def _refresh(self) -> None:
        users: tuple[int, ...] = ()
        if not self._is_technicians:
            users = tuple(one.user_id for one in users_of(self.tx, self.tenant, self.enrolment.id))
        self.shelf.refresh(users, self.telling)
        self.stale = False

    @property
    def _is_technicians(self) -> bool:
        """Whether no user's work is to be thought of yet."""
        device = self.course.device
        if self.session.user is not None or self.session.login is LoginStatus.USER:
            return False
        if device is None:
            return self.enrolment.in_oobe and self.enrolment.enrolled_by is EnrolledBy.DEVICE
        released_before = self.course.new_page and device.status is PhaseStatus.RELEASED
        return device.flow is Flow.TECHNICIAN and not released_before

    def _begin_phase(self, user: int, flow: Flow) -> None:
        state = begin_phase(self.tx, self.tenant, self.enrolment, user=user, flow=flow)
        self.shelf.retry(state)
        self._stored_phases = {**self._stored_phases, user: state}
        fact = PhaseBegun(flow, state.phase, int(state.budget.total_seconds()))
        self.course = self.course.with_phase(state, fact)

    def _holds(self) -> dict[int, tuple[Keyed, ...]]:
        """What of each open phase's hold is not acknowledged; not made again while nothing counts anew."""
        held = [state for state in courses.open_phases(self.course) if state.status in _BEFORE_RELEASE]
        if not held:
            return {}
        items = self.shelf.in_order()
        counted = courses.counted_digest(held, items)
        if counted == self.course.notes.held_for:
            return {}
        bodies = self.shelf.counted()
        holds = {state.user: hold_commands(state, items, bodies) for state in held}
        if not any(holds.values()):
            self._note(held_for=counted)
        return holds

    @property
    def _flow_name(self) -> str:
        """The flow as far as the inventory cares: it is asked for once in each."""
        device = self.course.device
        return "managed" if device is None else device.flow.value

    # --- 7: what it is sent

    def _note_sent(self, message: Message, reply: Reply) -> None:
        """Remember what is with the device now."""
        self.shelf.sent(reply.sent)
        for _, purpose in reply.sent:
            if purpose.what is What.START:  # what comes of it is read in the next session
                later = {replace(purpose, what=what, node="") for what in (What.STATUS, What.LAST_ERROR)}
                self.session = replace(self.session, asked=self.session.asked | later)
            if purpose.what is What.RELEASE and int(purpose.node) not in self.course.notes.released:
                self._note(released=(*self.course.notes.released, int(purpose.node)))
        in_flight = self.session.in_flight.sent(message.header.msg_id, reply.sent)
        self.session = replace(self.session, in_flight=in_flight)

    # --- 8: keep it

    def _keep(self, message: Message, digest: bytes, reply: Reply) -> None:
        self.shelf.keep(self.telling)
        for user, state in sorted(self.course.phases.items()):
            if state is not self._stored_phases.get(user):
                save_phase(self.tx, self.tenant, state)
        for odd in self.course.odd:
            log.info("part of a page was refused", key=odd, enrolment=str(self.enrolment.uuid))
        for fact in self.course.facts:
            self.telling.observe(fact)
        session = replace(
            self.session,
            state=AFTER[reply.kind],
            session_id=message.header.session_id,
            msg_id=message.header.msg_id,
            request=digest,
            reply=reply.data,
            replied_at=self.tx.now,
            notes=self.course.notes,
        )
        session = replace(session, settled=reply.kind is ReplyKind.ENDS and self._is_settled(session))
        save_session(self.tx, self.tenant, self.enrolment.id, session, kept=self.kept)
        if is_contact_due(self.enrolment.last_contact_at, self.tx.now):
            note_contact(self.tx, self.tenant, self.enrolment.id)

    def _is_settled(self, session: Session) -> bool:
        """Whether the next check-in, if it says nothing new, finds nothing to do."""
        return not (
            session.in_flight
            or session.unenrol
            or self.stale
            or session.notes.owner
            or session.notes.inventory != self._flow_name
            or not courses.is_over(self.course, self.tx.now)
            or not self.shelf.is_at_rest(session.user_present)
        )

    # --- small things

    def _fact(self, fact: Fact) -> None:
        """To be told after what came before it."""
        self.course = replace(self.course, facts=(*self.course.facts, fact))

    def _note(self, **changes: object) -> None:
        """Keep something about the device across sessions."""
        notes = replace(self.course.notes, **changes)  # type: ignore[arg-type]
        self.course = replace(self.course, notes=notes)


def _spent(answers: Iterable[Answer]) -> frozenset[Purpose]:
    """What was answered and does not go out again in this session; a node's state shows by itself."""
    return frozenset(
        answer.purpose
        for answer in answers
        if answer.purpose.what not in {What.ADD, What.REPLACE} or was_not_done(answer)
    )


def _read(unfinished: bytes | None) -> NodeCommand | None:
    """The command that waits for the rest of its object."""
    if unfinished is None:
        return None
    command = read_command(unfinished, _CHUNKS_LIMIT)
    return command if isinstance(command, NodeCommand) else None
