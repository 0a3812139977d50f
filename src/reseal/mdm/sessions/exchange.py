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

from dataclasses import dataclass, field, replace
from typing import Final

from reseal.kernel.db import Tx
from reseal.kernel.secretbox import SecretBox
from reseal.managed.content import ContentUrls
from reseal.managed.enrolments import end_enrolment
from reseal.mdm.authentication import Proven, Shown, Unproven, UserToken, prove
from reseal.mdm.sessions import replies
from reseal.mdm.sessions.conversation import Conversation
from reseal.mdm.sessions.handling import HANDLING, Handling
from reseal.mdm.sessions.model import NOBODY, Session
from reseal.mdm.sessions.purposes import InFlight
from reseal.mdm.sessions.reports import statuses
from reseal.mdm.sessions.states import TREATMENT, SessionState, Treatment, arrival, silence
from reseal.mdm.sessions.store import Found
from reseal.wire.syncml import Message, SyncType, take

UNENROLLED: Final = "the device left"
"""Why an enrolment ended: by its user, or because it was told to."""


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
    leaves: bool = False
    """The device says that its enrolment ends."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The reply, and what the caller has to know of it."""

    reply: bytes = field(repr=False)
    unproven: Unproven | None = None
    found: Found | None = None
    untold: bool = False
    """What the device told of itself is not known yet: `inventory.publish` makes it known."""


def exchange(tx: Tx, incoming: Incoming, tools: Tools) -> Outcome:
    """Take a message and answer it."""
    who = prove(tx, incoming.shown, tools.box)
    if isinstance(who, Unproven):
        return Outcome(replies.challenge(incoming.message.header, who.code, who.chal), unproven=who)
    session = who.found.session
    match _treatment(session, incoming, tx, tools.handling):
        case Treatment.REPLAY:
            return Outcome(session.reply, found=who.found, untold=session.notes.untold)
        case Treatment.ACKNOWLEDGE:
            return Outcome(_acknowledged(incoming, who), found=who.found, untold=session.notes.untold)
        case Treatment.BEGIN:
            session = _begun(session, incoming)
            return _taken(tx, incoming, who, session, tools, begins=True)
        case Treatment.CONTINUE:
            return _taken(tx, incoming, who, session, tools, begins=False)


def _treatment(session: Session, incoming: Incoming, tx: Tx, handling: Handling) -> Treatment:
    header = incoming.message.header
    how = arrival(
        session.state,
        (session.session_id, session.msg_id),
        (header.session_id, header.msg_id),
        same_bytes=session.request == incoming.digest,
        silent_for=silence(session.replied_at, tx.now),
        returning=handling.returning_sessions,
    )
    treatment = TREATMENT[session.state, how]
    if treatment is Treatment.REPLAY and not handling.stored_replies:
        return Treatment.BEGIN if header.msg_id == 1 else Treatment.CONTINUE
    return treatment


def _begun(session: Session, incoming: Incoming) -> Session:
    """The session before is over; what was with the device is planned anew."""
    token = incoming.token
    same_user = token is not None and token.claims is not None and token.digest == session.token
    return replace(
        session,
        state=SessionState.IDLE,
        session_id=incoming.message.header.session_id,
        msg_id=0,
        user=session.user if same_user else None,
        token=session.token if same_user else b"",
        scope=SyncType.MIXED,
        in_flight=InFlight(),
        asked=NOBODY,
        unfinished=None,
    )


def _acknowledged(incoming: Incoming, who: Proven) -> bytes:
    said = statuses(incoming.message.header, incoming.message, take(incoming.message))
    return replies.acknowledgement(incoming.message.header, said, who.chal).data


def _taken(
    tx: Tx, incoming: Incoming, who: Proven, session: Session, tools: Tools, *, begins: bool
) -> Outcome:
    """The message belongs to the session: take it in, and answer."""
    if incoming.leaves:
        end_enrolment(tx, who.found.tenant, who.found.enrolment.id, UNENROLLED)
        return Outcome(_acknowledged(incoming, who))
    conversation = Conversation(tx, who.found, session, tools.urls, tools.handling, begins=begins)
    reply = conversation.answer(incoming.message, incoming.digest, incoming.token, who.chal)
    return Outcome(reply.data, found=who.found, untold=conversation.course.notes.untold)
