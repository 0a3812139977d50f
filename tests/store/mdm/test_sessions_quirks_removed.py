"""What a server needs for each quirk of the modelled Windows: with it a run arrives, without it it does not.

`NEEDS` has a row for every quirk. What the server does about it is taken away by a switch of `Handling`, or
by a change to the one function that does it. Three runs show the row: with the quirk the run arrives; with
the quirk and without the handling it does not; and without both it arrives, so that what was taken away is
no more than the handling.

A run is as short as shows it: the first session, the technician flow, or everything up to the desktop. Where
a device gets over the loss in its next session, it is the first one that does not arrive.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import pytest

from reseal.deployment.model import State
from reseal.device.quirks import Quirk
from reseal.device.status_page import Outcome
from reseal.kernel.errors import Invalid, NotFound, TooSoon
from reseal.managed.model import ItemState
from reseal.mdm.authentication import Unproven
from reseal.mdm.sessions import conversation, course, deliveries, door, exchange
from reseal.mdm.sessions.handling import HANDLING, Handling
from reseal.mdm.sessions.purposes import What
from reseal.mdm.sessions.states import Treatment, silence
from reseal.mdm.sessions.store import inventory_of
from reseal.wire.csp import DevDetail
from reseal.wire.syncml import (
    Alert,
    Chal,
    Command,
    LoginStatus,
    NodeCommand,
    Results,
    Status,
    StatusCode,
    reading,
)
from reseal.wire.syncml.reading import read_message
from reseal.wire.xml import XmlError, local_name
from tests.store.managed.world import CAMERA, WALLPAPER
from tests.store.mdm.sessions_stage import MACHINE_FACTS, Stage, play

Story = Callable[[Stage], Awaitable[bool]]
Removal = Callable[[pytest.MonkeyPatch], None]

TOO_SOON: Final = timedelta(seconds=10)


# --- the runs -----------------------------------------------------------------------------------------------


async def first_session(stage: Stage) -> bool:
    """One check-in after the enrolment comes to its end, with all that belongs into it."""
    stage.device.bootstrap = True
    stage.device.begin_pages()
    ended = await stage.device.sync()
    told = await stage.database.read(inventory_of, stage.world.tenant, stage.enrolment.id)
    is_told = told.get(DevDetail.HARDWARE_HASH) == MACHINE_FACTS.hardware_hash
    return ended and is_told and stage.has(CAMERA.uri) == "0" and _in_order(stage)


async def technician(stage: Stage) -> bool:
    """The page is green, and the server knows."""
    outcome = await stage.technician()
    items = await stage.database.read(stage.world.named)
    arrived = {item.state for (user, _), item in items.items() if not user} == {ItemState.DONE}
    is_green = (await stage.story()).state is State.GREEN
    return outcome is Outcome.SUCCEEDED and arrived and is_green and stage.has(CAMERA.uri) == "0"


async def desktop(stage: Stage) -> bool:
    """Both flows, up to the desktop."""
    if not await technician(stage) or await stage.user() is not Outcome.SUCCEEDED:
        return False
    items = await stage.database.read(stage.world.named)
    arrived = {item.state for item in items.values()} == {ItemState.DONE}
    is_there = (await stage.story()).state is State.DESKTOP
    return arrived and is_there and stage.has(WALLPAPER.uri) == "1"


def _in_order(stage: Stage) -> bool:
    """The same message got the same reply, and nothing was asked before a package had ended."""
    replies: dict[bytes, bytes] = {}
    for request, reply in stage.line.exchanges:
        unfinished = not read_message(request).final
        if unfinished and any(isinstance(one, NodeCommand) for one in read_message(reply).commands):
            return False
        if replies.setdefault(request, reply) != reply:
            return False
    return True


# --- what is taken away -------------------------------------------------------------------------------------


def the_byte_order_mark_before_a_document(patch: pytest.MonkeyPatch) -> None:
    def read(data: bytes, limit: int) -> Any:
        if not data.startswith(b"<"):
            raise XmlError(code="NotXml", message="This does not begin with a tag", remedy="Begin with one")
        return read_message(data, limit)

    patch.setattr(door, "read_message", read)


def the_look_at_local_names(patch: pytest.MonkeyPatch) -> None:
    def as_written(element: Any) -> str:
        return f"{element.prefix}:{local_name(element)}" if element.prefix else local_name(element)

    patch.setattr(reading, "local_name", as_written)


def the_stripping_of_names_and_numbers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reading, "text_of", lambda element: element.text or "")


def the_look_beside_meta(patch: pytest.MonkeyPatch) -> None:
    real = reading._item

    def only_in_meta(element: Any, inherited: Any) -> Any:
        return real([child for child in element if local_name(child) not in {"Type", "Format"}], inherited)

    patch.setattr(reading, "_item", only_in_meta)


def the_matching_of_values_by_number(patch: pytest.MonkeyPatch) -> None:
    """They are found by the address that was asked for instead."""
    asked: set[str] = set()
    plan = conversation.plan

    def noted(situation: Any) -> Any:
        planned = plan(situation)
        asked.update(one.command.target for one in planned if isinstance(one.command, NodeCommand))
        return planned

    patch.setattr(conversation, "plan", noted)
    _only_these(patch, lambda before, one: not isinstance(one, Results) or one.item.source in asked)


def the_order_of_answers(patch: pytest.MonkeyPatch) -> None:
    """A value is looked for behind its Status only."""

    def is_behind(before: Command | None, one: Command) -> bool:
        return not isinstance(one, Results) or (isinstance(before, Status) and before.cmd_ref == one.cmd_ref)

    _only_these(patch, is_behind)


def _only_these(patch: pytest.MonkeyPatch, is_taken: Callable[[Command | None, Command], bool]) -> None:
    real = conversation.match

    def some(in_flight: Any, commands: Any, **how: Any) -> Any:
        pairs = zip([None, *commands], commands, strict=False)
        return real(in_flight, [one for before, one in pairs if is_taken(before, one)], **how)

    patch.setattr(conversation, "match", some)


def the_passing_over_of_stray_statuses(patch: pytest.MonkeyPatch) -> None:
    real = conversation.match

    def strict(in_flight: Any, commands: Any, **how: Any) -> Any:
        said = [one for one in commands if isinstance(one, Status) and one.cmd != "SyncHdr"]
        if any((one.msg_ref, one.cmd_ref) not in in_flight.commands for one in said):
            raise Invalid(code="Stray", message="A Status refers to nothing")
        return real(in_flight, commands, **how)

    patch.setattr(conversation, "match", strict)


def the_indifference_to_queries(patch: pytest.MonkeyPatch) -> None:
    real = door.SessionDoor.session

    async def exact(self: door.SessionDoor, call: Any) -> Any:
        if call.request.url.query:
            raise NotFound(code="Elsewhere", message="Nothing is served at this address")
        return await real(self, call)

    patch.setattr(door.SessionDoor, "session", exact)


def the_proof_by_certificate_alone(patch: pytest.MonkeyPatch) -> None:
    """A device has to say its DevId in Source as well."""
    real = exchange.prove

    def by_source(tx: Any, shown: Any, box: Any) -> Any:
        if shown.header.source != MACHINE_FACTS.device_id:
            return Unproven(Chal(next_nonce=bytes(16)), StatusCode.INVALID_CREDENTIALS)
        return real(tx, shown, box)

    patch.setattr(exchange, "prove", by_source)


def session_ids_as_names(patch: pytest.MonkeyPatch) -> None:
    """They are numbers, and 0 is none."""

    def numbered(data: bytes, limit: int) -> Any:
        message = read_message(data, limit)
        if not int(message.header.session_id):
            raise Invalid(code="Header", message="The header lacks a SessionID")
        return message

    patch.setattr(door, "read_message", numbered)


def the_forgetting_of_sessions(patch: pytest.MonkeyPatch) -> None:
    """The replies of all sessions are kept by SessionID and MsgID, and given again."""
    real = door.exchange
    kept: dict[tuple[str, int], Any] = {}

    def remembered(tx: Any, incoming: Any, tools: Any) -> Any:
        key = incoming.message.header.session_id, incoming.message.header.msg_id
        if key not in kept:
            kept[key] = real(tx, incoming, tools)
        return kept[key]

    patch.setattr(door, "exchange", remembered)


def the_beginning_without_alerts(patch: pytest.MonkeyPatch) -> None:
    """A first message without one is acknowledged, and no session begins."""
    real = exchange._treatment

    def treatment(session: Any, incoming: Any, tx: Any, handling: Handling) -> Treatment:
        alerted = any(isinstance(one, Alert) for one in incoming.message.commands)
        if incoming.message.header.msg_id == 1 and not alerted:
            return Treatment.ACKNOWLEDGE
        return real(session, incoming, tx, handling)

    patch.setattr(exchange, "_treatment", treatment)


def the_beginning_at_any_time(patch: pytest.MonkeyPatch) -> None:
    """A session that follows another at once is put off."""
    real = exchange._treatment

    def treatment(session: Any, incoming: Any, tx: Any, handling: Handling) -> Treatment:
        found = real(session, incoming, tx, handling)
        silent_for = silence(session.replied_at, tx.now)
        if found is Treatment.BEGIN and silent_for is not None and silent_for < TOO_SOON:
            raise TooSoon(code="TooSoon", message="It was here just now", retry_after=TOO_SOON)
        return found

    patch.setattr(exchange, "_treatment", treatment)


def the_passing_over_of_unknown_alerts(patch: pytest.MonkeyPatch) -> None:
    real = door.read_report

    def strict(commands: Any) -> Any:
        report = real(commands)
        if report.unknown:
            raise Invalid(code="UnknownAlert", message="Nobody described this alert")
        return report

    patch.setattr(door, "read_report", strict)


def the_acceptance_of_what_is_there(patch: pytest.MonkeyPatch) -> None:
    """418 to an Add acknowledges no part of a page."""
    real = conversation.hold_commands

    def strict(*about: Any) -> Any:
        return tuple(replace(one, accept=frozenset({StatusCode.OK})) for one in real(*about))

    patch.setattr(conversation, "hold_commands", strict)


def the_belief_in_what_was_answered(patch: pytest.MonkeyPatch) -> None:
    """What was taken with 200 is read back, and has failed if it is not there."""
    real = deliveries._node_answered

    def doubted(item: Any, answer: Any, now: Any, handling: Handling) -> Any:
        is_set = answer.purpose.what in {What.ADD, What.REPLACE}
        if is_set and answer.code == StatusCode.OK:
            answer = replace(answer, code=int(StatusCode.ACCEPTED_FOR_PROCESSING))
        elif answer.purpose.what is What.VERIFY and answer.code == StatusCode.NOT_FOUND:
            answer = replace(answer, purpose=replace(answer.purpose, what=What.ADD))
        return real(item, answer, now, handling)

    patch.setattr(deliveries, "_node_answered", doubted)


def the_look_at_who_is_there(patch: pytest.MonkeyPatch) -> None:
    """The user flow begins only when the page reads that it began anew."""
    real = course.device_flow_to_begin

    def by_page(before: Any, session: Any, first: Any) -> Any:
        return real(before, replace(session, user=None, login=LoginStatus.OTHERS), first)

    patch.setattr(course, "device_flow_to_begin", by_page)


# --- the table ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Need:
    """What the server does about a quirk, and how it is taken away."""

    does: str
    story: Story
    without: Removal | str
    """A change to a function, or the name of a switch."""


NEEDS: Final[dict[Quirk, Need]] = {
    Quirk.BYTE_ORDER_MARK: Need(
        "wire.xml.parse takes the mark for what it is", first_session, the_byte_order_mark_before_a_document
    ),
    Quirk.PREFIXED_NAMES: Need("the reader compares local names", first_session, the_look_at_local_names),
    Quirk.BLANKS_AROUND_VALUES: Need(
        "the reader strips names, numbers and addresses", first_session, the_stripping_of_names_and_numbers
    ),
    Quirk.TYPE_BESIDE_META: Need("the reader takes Type beside Meta", desktop, the_look_beside_meta),
    Quirk.ADDRESS_CASE: Need(
        "a value is found by MsgRef and CmdRef, never by address",
        technician,
        the_matching_of_values_by_number,
    ),
    Quirk.ADDRESS_QUERY: Need(
        "the path alone decides what is served", first_session, the_indifference_to_queries
    ),
    Quirk.SOURCE_IS_NAME: Need(
        "the certificate alone says who it is", first_session, the_proof_by_certificate_alone
    ),
    Quirk.SESSION_ZERO: Need("a SessionID is a name", first_session, session_ids_as_names),
    Quirk.SESSION_IDS_RETURN: Need(
        "the present session alone is remembered", desktop, the_forgetting_of_sessions
    ),
    Quirk.NO_LOGIN_STATUS: Need(
        "message 1 begins a session, alerts or not", first_session, the_beginning_without_alerts
    ),
    Quirk.UNKNOWN_ALERT: Need(
        "an unknown alert is answered and passed over", first_session, the_passing_over_of_unknown_alerts
    ),
    Quirk.SPLIT_PACKAGE: Need("the rest of the package is asked for", first_session, "whole_packages"),
    Quirk.REPEATED_MESSAGE: Need("the reply is kept and given again", first_session, "stored_replies"),
    Quirk.SECOND_SESSION: Need(
        "a session may begin whenever one comes", first_session, the_beginning_at_any_time
    ),
    Quirk.STATUS_FOR_STATUS: Need(
        "a Status that answers no command is passed over", first_session, the_passing_over_of_stray_statuses
    ),
    Quirk.UNMATCHED_STATUS: Need(
        "a Status that answers no command is passed over", first_session, the_passing_over_of_stray_statuses
    ),
    Quirk.RESULTS_LAST: Need(
        "Status and Results may stand anywhere in a message", technician, the_order_of_answers
    ),
    Quirk.CHUNKED_RESULTS: Need("a value is awaited beyond its Status", first_session, "late_results"),
    Quirk.LATE_USER_CONTEXT: Need("405 to a node of the user means not yet", desktop, "holds_user_nodes"),
    Quirk.LATE_USER_RELEASE: Need("a release is repeated until 200", desktop, "releases_until_taken"),
    Quirk.USER_NODE_EXISTS: Need("418 acknowledges an Add", desktop, the_acceptance_of_what_is_there),
    Quirk.WIFI_LATE: Need(
        "200 is believed, nothing is read back", technician, the_belief_in_what_was_answered
    ),
    Quirk.PARKED_INSTALL: Need(
        "an installation that stands still is begun again", technician, "watches_installs"
    ),
    Quirk.KEEPS_FINISHED: Need("the user flow begins with its user, too", desktop, the_look_at_who_is_there),
}


def test_every_quirk_has_its_row() -> None:
    assert sorted(NEEDS) == sorted(Quirk)


def _arrives(story: Story, quirks: tuple[Quirk, ...], handling: Handling = HANDLING) -> bool:
    arrived: list[bool] = []

    async def told(stage: Stage) -> None:
        arrived.append(await story(stage))

    play(told, quirks, handling=handling)
    return arrived == [True]


@pytest.fixture(params=sorted(Quirk), ids=str)
def quirk(request: pytest.FixtureRequest) -> Quirk:
    return Quirk(request.param)


def test_a_run_arrives_with_the_quirk(quirk: Quirk) -> None:
    assert _arrives(NEEDS[quirk].story, (quirk,))


@pytest.fixture
def handling(quirk: Quirk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handling]:
    """Without what the server does about the quirk."""
    without = NEEDS[quirk].without
    if isinstance(without, str):
        yield replace(HANDLING, **{without: False})
    else:
        without(monkeypatch)
        yield HANDLING


def test_it_does_not_arrive_without_the_handling(quirk: Quirk, handling: Handling) -> None:
    assert not _arrives(NEEDS[quirk].story, (quirk,), handling)


def test_without_the_quirk_the_handling_is_not_missed(quirk: Quirk, handling: Handling) -> None:
    assert _arrives(NEEDS[quirk].story, (), handling)
