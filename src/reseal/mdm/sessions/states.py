"""Sessions: what may come, what it means, and where it leads. No I/O.

# Theory of operation

A device opens a session with message 1, which says why it comes. The server answers every message with one
reply under the same numbers. A reply with commands asks for another message, with what they led to; a reply
without any ends the session. So one enrolment has one session at a time, and the server's side of it is in
one of three states:

    IDLE        nothing is awaited: there was no session yet, or the last reply ended it
    COLLECTING  the device is in the middle of a package: the last reply asked for its next message
    CONVERSING  commands are with the device: the last reply had some

Messages arrive over a network that loses, repeats and delays. `arrival` compares a message with what was
answered last:

    REPEATS   it is the message that was answered last: it gets the same bytes again
    FOLLOWS   it continues the present session
    LATE      it is an older message of the present session, whose reply is gone: acknowledged, no more
    OPENS     everything else. A session of which we do not know is begun, whatever the number of its first
              message: its beginning may have been idle and not worth a write, or went without credentials.
              Whatever was with the device from the session before is sent again, as far as it has to be.

A SessionID is a name, not a number, and it may return: message 1 under the present SessionID is a repetition
only if it is the same message, byte for byte, its reply had commands, and it comes within `STORED_FOR`. A
client that always says session 0 would else be told for ever what it was told first; and a reply without
commands can be made anew at no risk.

`TREATMENT` says what is done with each arrival in each state, `AFTER` to which state each kind of reply
leads.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

STORED_FOR: Final = timedelta(minutes=10)
"""How long a session may be silent; after that it is over, and its last reply is not given again."""


class SessionState(StrEnum):
    """The server's side of a session."""

    IDLE = "idle"
    COLLECTING = "collecting"
    CONVERSING = "conversing"


class Arrival(StrEnum):
    """How a message stands to what was answered last."""

    OPENS = "opens"
    FOLLOWS = "follows"
    REPEATS = "repeats"
    LATE = "late"


class Treatment(StrEnum):
    """What is done with a message."""

    BEGIN = "begin"
    """Begin a session with it: forget what was with the device."""
    CONTINUE = "continue"
    """Take it into the present session."""
    REPLAY = "replay"
    """Answer with the stored reply; nothing changes."""
    ACKNOWLEDGE = "acknowledge"
    """Answer with its Status alone; nothing changes."""


class ReplyKind(StrEnum):
    """What a reply asks of the device."""

    ENDS = "ends"
    """Nothing: Status and Final."""
    ASKS_ON = "asksOn"
    """The next message of its package (alert 1222)."""
    COMMANDS = "commands"
    """To carry out commands and to tell what came of them."""


TREATMENT: Final[Mapping[tuple[SessionState, Arrival], Treatment]] = MappingProxyType(
    {
        (SessionState.IDLE, Arrival.OPENS): Treatment.BEGIN,
        (SessionState.IDLE, Arrival.FOLLOWS): Treatment.CONTINUE,  # it goes on although nothing was asked
        (SessionState.IDLE, Arrival.REPEATS): Treatment.REPLAY,
        (SessionState.IDLE, Arrival.LATE): Treatment.ACKNOWLEDGE,
        (SessionState.COLLECTING, Arrival.OPENS): Treatment.BEGIN,
        (SessionState.COLLECTING, Arrival.FOLLOWS): Treatment.CONTINUE,
        (SessionState.COLLECTING, Arrival.REPEATS): Treatment.REPLAY,
        (SessionState.COLLECTING, Arrival.LATE): Treatment.ACKNOWLEDGE,
        (SessionState.CONVERSING, Arrival.OPENS): Treatment.BEGIN,
        (SessionState.CONVERSING, Arrival.FOLLOWS): Treatment.CONTINUE,
        (SessionState.CONVERSING, Arrival.REPEATS): Treatment.REPLAY,
        (SessionState.CONVERSING, Arrival.LATE): Treatment.ACKNOWLEDGE,
    }
)

AFTER: Final[Mapping[ReplyKind, SessionState]] = MappingProxyType(
    {
        ReplyKind.ENDS: SessionState.IDLE,
        ReplyKind.ASKS_ON: SessionState.COLLECTING,
        ReplyKind.COMMANDS: SessionState.CONVERSING,
    }
)


def arrival(
    state: SessionState,
    present: tuple[str, int],
    arrived: tuple[str, int],
    *,
    same_bytes: bool,
    silent_for: timedelta | None,
    returning: bool = True,
) -> Arrival:
    """How the message with `arrived` (SessionID, MsgID) stands to the one answered last, `present`.

    `same_bytes`: it is that message, byte for byte. `silent_for`: the time since its reply; None if there was
    none. `returning`: a SessionID may come again for another session.
    """
    session, number = arrived
    last_session, last_number = present
    if session != last_session or silent_for is None or silent_for > STORED_FOR:
        return Arrival.OPENS
    if number == 1 and returning:
        awaited = state is not SessionState.IDLE
        return Arrival.REPEATS if last_number == 1 and same_bytes and awaited else Arrival.OPENS
    if number == last_number:
        return Arrival.REPEATS
    return Arrival.FOLLOWS if number > last_number else Arrival.LATE


def silence(replied_at: datetime | None, now: datetime) -> timedelta | None:
    """The time since the last reply."""
    return None if replied_at is None else now - replied_at
