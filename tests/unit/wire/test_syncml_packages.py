"""Packages and large objects: put together, refused, lost, and taken apart again."""

from dataclasses import replace as changed
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.syncml import (
    OBJECT_LIMIT,
    Add,
    Alert,
    AlertCode,
    Command,
    Delete,
    Get,
    Item,
    Message,
    Meta,
    NodeCommand,
    Replace,
    Results,
    Status,
    StatusCode,
    SyncHdr,
    SyncmlError,
    Taken,
    batches,
    chunks,
    lost_alert,
    next_message_alert,
    numbered,
    read_command,
    replace,
    size_of,
    take,
    write_command,
    write_message,
)
from tests.unit.wire.syncml_shapes import COMMANDS

HEADER = SyncHdr(session_id="7", msg_id=1, target="https://mdm.contoso.test/", source="DESKTOP-1")
STATUS = Status(msg_ref=1, cmd_ref="0", cmd="SyncHdr", code=200)
HASH = "./DevDetail/Ext/DeviceHardwareData"


def message(*commands: Command, final: bool = False) -> Message:
    return Message(header=HEADER, commands=numbered(commands), final=final)


def chunk(data: str, size: int | None = None, *, more: bool = True, source: str = HASH) -> Results:
    """A part of the hardware hash that a device was asked for with command 5."""
    item = Item(source=source, meta=Meta(size=size), data=data, more_data=more)
    return Results(msg_ref=1, cmd_ref="5", items=(item,))


def receive(*messages: Message, limit: int = 100) -> list[Taken]:
    """What each message brings; in between, what is unfinished is written down and read again."""
    taken: list[Taken] = []
    unfinished: NodeCommand | None = None
    for one in messages:
        taken.append(take(one, unfinished, limit=limit))
        unfinished = taken[-1].unfinished
        if unfinished is not None:
            kept = read_command(write_command(unfinished))
            assert kept == unfinished
            assert isinstance(kept, NodeCommand)
            unfinished = kept
    return taken


def codes(taken: Taken) -> list[int]:
    return [answer.code for answer in taken.answers]


# --- the way in


def test_a_message_without_large_objects_is_taken_as_it_is() -> None:
    (taken,) = receive(message(STATUS, Get(), Alert(code=1201), final=True))
    assert taken.commands == message(STATUS, Get(), Alert(code=1201)).commands
    assert (taken.answers, taken.lost, taken.unfinished, taken.complete) == ((), (), None, True)


def test_mdm_wire_070_a_large_object_is_put_together_from_its_chunks() -> None:
    first, second, third = receive(
        message(STATUS, chunk("abc", 9)),
        message(STATUS, chunk("däf")),
        message(STATUS, chunk("gh", more=False), replace("./A", "1"), final=True),
    )
    for taken in (first, second):
        assert [type(command) for command in taken.commands] == [Status]
        assert codes(taken) == [StatusCode.CHUNKED_ITEM_ACCEPTED]
        assert not taken.complete, "the reply asks for the next message"
    assert (third.answers, third.lost, third.complete) == ((), (), True)
    _, whole, other = third.commands
    assert isinstance(whole, Results)
    assert (whole.cmd_ref, whole.item.text, whole.item.more_data) == ("5", "abcdäfgh", False)
    assert (whole.cmd_id, whole.item.source) == ("2", HASH), "the last chunk is answered"
    assert isinstance(other, Replace)


@pytest.mark.parametrize("announced", [2, 4, 5])
def test_mdm_wire_070_an_object_of_another_size_than_announced_is_refused(announced: int) -> None:
    _, last = receive(message(chunk("ab", announced)), message(chunk("c", more=False), final=True))
    assert codes(last) == [StatusCode.SIZE_MISMATCH]
    assert last.commands == ()


def test_an_object_that_announced_no_size_is_taken() -> None:
    _, last = receive(message(chunk("ab")), message(chunk("c", more=False)))
    assert [command.item.text for command in last.commands if isinstance(command, Results)] == ["abc"]


def test_mdm_wire_070_an_object_over_the_limit_is_refused_to_its_last_chunk() -> None:
    """So that its end, which looks like any other item, is not taken for the whole."""
    for size in (None, 101):
        parts = [chunk("x" * 60, size), chunk("x" * 60), chunk("x"), chunk("end", more=False)]
        taken = receive(*(message(part) for part in parts[:-1]), message(parts[-1], final=True))
        refused = [StatusCode.REQUEST_ENTITY_TOO_LARGE] * 3
        first = StatusCode.CHUNKED_ITEM_ACCEPTED if size is None else refused[0]
        assert [code for one in taken for code in codes(one)] == [first, *refused]
        assert all(one.commands == () and one.lost == () for one in taken)
        assert len(write_command(taken[1].unfinished or Get())) < 300, "its data is not kept"


def test_a_first_chunk_may_be_empty() -> None:
    first = chunk("", 2)
    for begun in (first, changed(first, items=(changed(first.item, data=None),))):
        _, taken = receive(message(begun), message(chunk("ab", more=False)))
        assert [command.item.text for command in taken.commands if isinstance(command, Results)] == ["ab"]


def test_the_items_before_an_object_count_as_well_and_as_they_are_written() -> None:
    """Otherwise a command could grow without end, an item with each message."""
    item = Item(source=HASH, data="<" * 30)
    several = Replace(items=(item, Item(source=HASH, data="ab", more_data=True)))
    further = Replace(items=(Item(source=HASH, data="c"), item, Item(source=HASH, data="d", more_data=True)))
    assert [one.code for one in receive(message(several), limit=260)[0].answers] == [213]
    taken = receive(message(several), message(further), limit=260)
    assert [one.code for one in taken[1].answers] == [413]
    unfinished = taken[1].unfinished
    assert unfinished is not None
    assert unfinished.items[-1].data is None


def test_thousands_of_chunks_in_one_message_are_put_together() -> None:
    """Each once: to copy what is there for every chunk would take minutes here."""
    parts = [f"{number:08x}" for number in range(20_000)]
    first, *others = parts
    sent = [chunk(first), *(chunk(part, source="") for part in others), chunk("end", more=False, source="")]
    (taken,) = receive(message(*sent, final=True), limit=1_000_000)
    (whole,) = taken.commands
    assert isinstance(whole, Results)
    assert whole.item.text == "".join(parts) + "end"
    assert len(taken.answers) == len(parts)


def test_what_waits_can_be_kept_and_read_however_it_is_written() -> None:
    data = "&" * OBJECT_LIMIT
    taken = take(message(chunk(data)))
    assert taken.unfinished is not None
    kept = write_command(taken.unfinished)
    assert 8 * OBJECT_LIMIT > len(kept) > 5 * OBJECT_LIMIT
    read = read_command(kept, 8 * OBJECT_LIMIT)
    assert isinstance(read, Results)
    assert read.item.text == data


def test_a_whole_object_has_no_limit_but_the_message() -> None:
    (taken,) = receive(message(chunk("x" * 500, more=False)))
    assert len(taken.commands) == 1


@pytest.mark.parametrize(
    "other",
    [
        chunk("x", more=False, source="./DevDetail/SwV"),
        changed(chunk("x", more=False), cmd_ref="6"),
        Replace(items=chunk("x", more=False).items),
        Delete(),
        chunk("x", source="./DevDetail/SwV"),
    ],
)
def test_another_command_in_place_of_the_next_chunk_loses_the_object(other: NodeCommand) -> None:
    _, taken = receive(message(chunk("abc", 9)), message(STATUS, other))
    assert taken.lost == (Item(source=HASH),)
    if other.item.more_data:
        assert taken.unfinished is not None
        assert taken.unfinished.item == other.item
    else:
        assert len(taken.commands) == 2
        assert taken.unfinished is None


def test_a_package_that_ends_before_the_object_loses_it() -> None:
    _, taken = receive(message(chunk("abc", 9)), message(STATUS, final=True))
    assert (taken.lost, taken.unfinished, taken.complete) == ((Item(source=HASH),), None, True)


def test_messages_between_chunks_may_hold_statuses_and_alerts() -> None:
    *_, taken = receive(
        message(chunk("ab", 3)),
        message(STATUS, Alert(code=AlertCode.NEXT_MESSAGE)),
        message(STATUS, chunk("c", more=False), final=True),
    )
    assert [command.item.text for command in taken.commands if isinstance(command, Results)] == ["abc"]


def test_the_last_of_several_items_may_go_on_in_the_next_message() -> None:
    one, two, three = (Item(source=f"./DevInfo/{n}", data=n) for n in "abc")
    first = Replace(items=(one, changed(two, more_data=True)))
    second = Replace(items=(changed(two, data="B"), three))
    _, taken = receive(message(first), message(second), limit=1_000)
    assert taken.commands == numbered([Replace(items=(one, changed(two, data="bB"), three))])


def test_a_refused_object_takes_the_items_behind_it_along() -> None:
    first = changed(chunk("x" * 101), items=(chunk("x" * 101).item,))
    last = changed(
        first, items=(changed(first.item, data="x", more_data=False), Item(source="./DevInfo/Man"))
    )
    refused, taken = receive(message(first), message(last))
    assert codes(refused) == codes(taken) == [StatusCode.REQUEST_ENTITY_TOO_LARGE]
    assert taken.commands == ()


def test_alerts_of_packages() -> None:
    assert next_message_alert().code == 1222
    alert = lost_alert(Item(source=HASH))
    assert (alert.code, alert.item.source) == (1225, HASH)


# --- the way out


@given(st.text("aäß\U0001f600\r\n<", max_size=60), st.integers(4, 20))
def test_what_is_sent_in_chunks_arrives_whole(text: str, size: int) -> None:
    sent = replace("./A", text, Meta(format="chr"))
    parts = chunks(sent, size)
    assert all(len(part.item.text.encode()) <= size for part in parts)
    assert [part.item.more_data for part in parts] == [True] * (len(parts) - 1) + [False]
    assert all(part.item.meta.size is None for part in parts[1:])
    taken = receive(*(message(part) for part in parts), limit=1_000)
    assert [command for one in taken for command in one.commands] == list(
        numbered([changed(sent, items=(changed(sent.item, meta=parts[0].item.meta),))])
    )
    assert all(one.lost == () for one in taken)


def test_what_fits_into_one_chunk_is_none() -> None:
    sent = replace("./A", "abcd")
    assert chunks(sent, 4) == (sent,)


@given(st.lists(COMMANDS, max_size=12), st.integers(2_500, 8_000))
def test_groups_fit_into_messages_and_keep_the_order(commands: list[Command], limit: int) -> None:
    commands = list(numbered(commands))
    groups = batches(HEADER, commands, limit)
    assert [command for group in groups for command in group] == commands
    sizes = [len(write_message(Message(header=HEADER, commands=group))) for group in groups]
    assert all(size <= limit for size in sizes)
    empty = len(write_message(Message(header=HEADER)))
    assert sizes == [empty + sum(map(size_of, group)) for group in groups], "the estimate is exact"
    for group, following in pairwise(groups):
        assert empty + sum(map(size_of, group)) + size_of(following[0]) > limit, "no group is cut early"


@given(st.lists(COMMANDS, max_size=4))
def test_numbers_that_come_later_are_reckoned_with(commands: list[Command]) -> None:
    groups = batches(HEADER, commands, 6_000)
    assert all(len(write_message(Message(header=HEADER, commands=numbered(g)))) <= 6_000 for g in groups)
    for command, with_id in zip(commands, numbered(commands), strict=True):
        assert size_of(command) >= len(write_command(with_id))


def test_a_command_that_fits_into_no_message_is_refused() -> None:
    with pytest.raises(SyncmlError) as caught:
        batches(HEADER, [Add(cmd_id="1"), replace("./A", "x" * 600)], 600)
    assert caught.value.code == "CommandTooLarge"


def test_no_commands_make_no_group() -> None:
    assert batches(HEADER, []) == ()
