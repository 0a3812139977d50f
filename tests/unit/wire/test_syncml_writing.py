"""Messages written: the exact form, what is refused, and that everything reads back equal."""

import pytest
from hypothesis import given
from lxml import etree

from reseal.wire.syncml import (
    Add,
    Alert,
    AlertCode,
    AlertType,
    Atomic,
    Chal,
    Command,
    Exec,
    Format,
    Get,
    Item,
    Malformed,
    Message,
    Meta,
    Replace,
    Results,
    Sequence,
    Status,
    SyncHdr,
    SyncmlError,
    XmlContent,
    add,
    add_node,
    command_status,
    delete,
    execute,
    get,
    header_status,
    name_of,
    numbered,
    read_command,
    read_message,
    replace,
    reply_header,
    results,
    typed_alert,
    walk,
    wants_status,
    write_command,
    write_message,
)
from reseal.wire.xml import XmlError
from tests.unit.wire.syncml_shapes import COMMANDS, DEVICE, FIRST_OF_WINDOWS, MESSAGES, SERVER

HEADER = SyncHdr(session_id="7", msg_id=2, target=DEVICE, source=SERVER)


def written(*commands: Command) -> str:
    """The body of a message with `commands`."""
    text = write_message(Message(header=HEADER, commands=numbered(commands))).decode()
    return text.partition("<SyncBody>")[2].partition("<Final/>")[0]


# --- the exact form


def test_a_reply_with_work_as_it_goes_over_the_wire() -> None:
    received = read_message(FIRST_OF_WINDOWS)
    reply = Message(
        header=reply_header(received.header, SERVER),
        commands=numbered(
            [
                header_status(received.header, 200),
                *(command_status(received.header, command, 200) for command in received.commands),
                get("./DevDetail/Ext/DeviceHardwareData"),
                replace(
                    "./Device/Vendor/MSFT/DMClient/Provider/Reseal/EntDMID",
                    "d-000123",
                    Meta(format=Format.CHR),
                ),
            ]
        ),
    )
    assert write_message(reply).decode() == (
        '<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>'
        "<SessionID>1</SessionID><MsgID>1</MsgID>"
        f"<Target><LocURI>{DEVICE}</LocURI></Target><Source><LocURI>{SERVER}</LocURI></Source></SyncHdr>"
        "<SyncBody>"
        "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>200</Data></Status>"
        "<Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Cmd>Alert</Cmd><Data>200</Data></Status>"
        "<Status><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>3</CmdRef><Cmd>Alert</Cmd><Data>200</Data></Status>"
        "<Status><CmdID>4</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Cmd>Replace</Cmd><Data>200</Data></Status>"
        "<Get><CmdID>5</CmdID><Item><Target><LocURI>./DevDetail/Ext/DeviceHardwareData</LocURI></Target></Item>"
        "</Get>"
        "<Replace><CmdID>6</CmdID><Item><Target>"
        "<LocURI>./Device/Vendor/MSFT/DMClient/Provider/Reseal/EntDMID</LocURI></Target>"
        '<Meta><Format xmlns="syncml:metinf">chr</Format></Meta><Data>d-000123</Data></Item></Replace>'
        "<Final/></SyncBody></SyncML>"
    )


def test_mdm_wire_047_a_challenge_holds_nothing_but_the_question() -> None:
    nonce = bytes.fromhex("00112233445566778899aabbccddeeff")
    received = read_message(FIRST_OF_WINDOWS).header
    assert written(header_status(received, 407, Chal(next_nonce=nonce))) == (
        "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Chal><Meta>"
        '<Type xmlns="syncml:metinf">syncml:auth-md5</Type><Format xmlns="syncml:metinf">b64</Format>'
        '<NextNonce xmlns="syncml:metinf">ABEiM0RVZneImaq7zN3u/w==</NextNonce></Meta></Chal>'
        "<Data>407</Data></Status>"
    )
    assert "NextNonce" not in written(header_status(received, 407, Chal(type="syncml:auth-basic")))


def test_mdm_wire_052_a_reply_goes_back_to_where_its_request_came_from() -> None:
    received = SyncHdr(session_id="00A7", msg_id=3, target=f"{SERVER}?mode=Maintenance", source="DESKTOP-1")
    reply = reply_header(received, SERVER)
    assert (reply.session_id, reply.msg_id) == ("00A7", 3)
    assert (reply.target, reply.source) == ("DESKTOP-1", SERVER)


def test_mdm_wire_053_the_status_of_the_header_has_reference_zero() -> None:
    status = header_status(HEADER, 212)
    assert (status.msg_ref, status.cmd_ref, status.cmd, status.code) == (2, "0", "SyncHdr", 212)


def test_mdm_wire_054_there_is_no_status_for_a_status() -> None:
    answers: list[Command] = [header_status(HEADER, 200), Results(msg_ref=1, cmd_ref="5")]
    for answer in answers:
        assert not wants_status(answer)
        with pytest.raises(SyncmlError) as caught:
            command_status(HEADER, answer, 200)
        assert caught.value.code == "StatusForStatus"
    commands: list[Command] = [
        Replace(cmd_id="4"),
        Alert(cmd_id="4", code=1201),
        Malformed(name="Hello", cmd_id="4"),
    ]
    for command in commands:
        assert wants_status(command)
        status = command_status(HEADER, command, 200)
        assert (status.msg_ref, status.cmd_ref, status.cmd) == (2, "4", name_of(command))


def test_mdm_wire_057_a_reply_of_statuses_and_final_ends_the_session() -> None:
    status = header_status(HEADER, 200)
    assert Message(header=HEADER, commands=(status, status)).ends_session
    assert Message(header=HEADER).ends_session
    assert not Message(header=HEADER, commands=(status, get("./DevInfo"))).ends_session
    assert not Message(header=HEADER, commands=(Alert(code=AlertCode.NEXT_MESSAGE),)).ends_session
    assert not Message(header=HEADER, commands=(status,), final=False).ends_session


def test_mdm_wire_059_commands_keep_their_order() -> None:
    """A thousand pairs, of which one makes a node and one fills it."""
    pairs = [command for n in range(1_000) for command in (add(f"./A/{n}"), execute(f"./A/{n}", "x"))]
    found = read_message(write_message(Message(header=HEADER, commands=numbered(pairs))))
    assert [
        (type(command), command.target) for command in found.commands if isinstance(command, Add | Exec)
    ] == [(type(command), command.target) for command in pairs]


def test_mdm_wire_060_commands_have_one_item() -> None:
    meta = Meta(format=Format.NULL)
    for command in (
        add("./A", "1"),
        add_node("./A"),
        replace("./A", "1"),
        get("./A"),
        delete("./A"),
        execute("./A", meta=meta),
    ):
        assert len(command.items) == 1
        assert command.target == "./A"
        assert written(command).count("<Item>") == 1


def test_commands_as_they_go_over_the_wire() -> None:
    node = '<Meta><Format xmlns="syncml:metinf">node</Format></Meta>'
    assert written(
        add_node("./A"), delete("./A/B"), Sequence(commands=(Atomic(commands=(execute("./C"),)),))
    ) == (
        f"<Add><CmdID>1</CmdID><Item><Target><LocURI>./A</LocURI></Target>{node}</Item></Add>"
        "<Delete><CmdID>2</CmdID><Item><Target><LocURI>./A/B</LocURI></Target></Item></Delete>"
        "<Sequence><CmdID>3</CmdID><Atomic><CmdID>4</CmdID>"
        "<Exec><CmdID>5</CmdID><Item><Target><LocURI>./C</LocURI></Target></Item></Exec></Atomic></Sequence>"
    )


def test_what_a_device_says_as_it_goes_over_the_wire() -> None:
    question = Get(cmd_id="5", items=(Item(target="./DevDetail/SwV"),))
    assert written(
        typed_alert(AlertCode.CLIENT_EVENT, AlertType.LOGIN_STATUS, "user"),
        results(HEADER, question, "./DevDetail/SwV", "10.0.26100.1", Meta(format=Format.CHR)),
    ) == (
        '<Alert><CmdID>1</CmdID><Data>1224</Data><Item><Meta><Type xmlns="syncml:metinf">'
        "com.microsoft/MDM/LoginStatus</Type></Meta><Data>user</Data></Item></Alert>"
        "<Results><CmdID>2</CmdID><MsgRef>2</MsgRef><CmdRef>5</CmdRef><Item><Source>"
        '<LocURI>./DevDetail/SwV</LocURI></Source><Meta><Format xmlns="syncml:metinf">chr</Format></Meta>'
        "<Data>10.0.26100.1</Data></Item></Results>"
    )


def test_text_is_escaped_and_markup_is_not() -> None:
    assert "<Data>&lt;enabled/&gt;\r</Data>".replace("\r", "&#13;") in written(replace("./A", "<enabled/>\r"))
    assert "<Data><enabled/></Data>" in written(replace("./A", XmlContent("<enabled/>")))


# --- what is refused


@pytest.mark.parametrize(
    "commands",
    [
        (Get(),),
        (Get(cmd_id="0"),),
        (Get(cmd_id="1"), Add(cmd_id="1")),
        (Atomic(cmd_id="1", commands=(Add(cmd_id="1"),)),),
        (Sequence(cmd_id="1", commands=(Add(),)),),
    ],
)
def test_a_command_without_an_id_of_its_own_is_refused(commands: tuple[Command, ...]) -> None:
    with pytest.raises(SyncmlError) as caught:
        write_message(Message(header=HEADER, commands=commands))
    assert caught.value.code == "CommandId"


@pytest.mark.parametrize(
    "inside",
    [
        (Atomic(),),
        (Sequence(commands=(Atomic(),)),),
        (get("./A"),),
        (Sequence(commands=(get("./A"),)),),
        (add("./Vendor/MSFT/A/%7Bb%7D"), replace("./Device/Vendor/MSFT/a/{B}", "1")),
        (add("./User/A", "0"), delete("./C"), Sequence(commands=(replace("./User/A", "1"),))),
    ],
)
def test_mdm_wire_061_an_atomic_that_windows_fails_is_refused(inside: tuple[Command, ...]) -> None:
    for command in (Atomic(commands=inside), Sequence(commands=(Atomic(commands=inside),))):
        with pytest.raises(SyncmlError) as caught:
            written(command)
        assert caught.value.code == "Atomic"


def test_an_atomic_of_other_commands_is_written() -> None:
    inside = (
        replace("./A", "1"),
        add("./A", "1"),
        add("./User/A", "1"),
        replace("./Device/A", "2"),
        delete("./B"),
    )
    body = written(Atomic(commands=inside[:2] + inside[4:]))
    assert read_command(body.encode()) == numbered([Atomic(commands=inside[:2] + inside[4:])])[0]
    assert written(Atomic(commands=inside[2:4])), "the user's node is another one than the device's"


@pytest.mark.parametrize(
    "content",
    ["<a>", "</Data><Data>", "</Data></Item><Item><Data>", "<p:a/>", "<a/>\x00", "<a/>\ud800", "&a;"],
)
def test_markup_that_would_break_the_message_is_refused(content: str) -> None:
    with pytest.raises(SyncmlError) as caught:
        written(replace("./A", XmlContent(content)))
    assert caught.value.code == "Content"


def test_characters_that_xml_does_not_have_are_refused() -> None:
    for command in (
        replace("./A", "\x00"),
        get("./\x1b"),
        Status(msg_ref=1, cmd_ref="\ud800", cmd="", code=1),
    ):
        with pytest.raises(XmlError):
            written(command)


def test_what_was_no_command_is_not_written() -> None:
    with pytest.raises(SyncmlError) as caught:
        written(Malformed(name="Hello"))
    assert caught.value.code == "Malformed"


# --- numbers


def test_numbers_are_given_where_they_are_free() -> None:
    given_ids = numbered(
        [Get(), Get(cmd_id="2"), Atomic(commands=(Add(cmd_id="a"), Add())), Get(cmd_id="4"), Get()]
    )
    assert [command.cmd_id for command in walk(given_ids)] == ["1", "2", "3", "a", "5", "4", "6"]


# --- and back


@given(MESSAGES)
def test_what_is_written_reads_back_equal(message: Message) -> None:
    data = write_message(message)
    assert read_message(data, limit=len(data)) == message


@given(MESSAGES)
def test_another_reader_finds_the_same_texts(message: Message) -> None:
    """lxml without our reader: names, order and texts."""
    root = etree.fromstring(write_message(message))
    name = "{SYNCML:SYNCML1.2}"
    assert root.tag == f"{name}SyncML"
    assert root.findtext(f"{name}SyncHdr/{name}SessionID") == message.header.session_id
    assert root.findtext(f"{name}SyncHdr/{name}Source/{name}LocURI") == message.header.source
    body = root.find(f"{name}SyncBody")
    expected = [name_of(command) for command in message.commands] + ["Final"] * message.final
    assert [child.tag for child in body] == [name + child for child in expected]
    assert [child.findtext(f"{name}CmdID") for child in body][: len(message.commands)] == [
        command.cmd_id for command in message.commands
    ]
    texts = [
        item.data
        for command in walk(message.commands)
        if not isinstance(command, Atomic | Sequence | Malformed)
        for item in command.items
        if isinstance(item.data, str)
    ]
    found = [
        element.text or "" for element in root.iter(f"{name}Data") if element.getparent().tag == f"{name}Item"
    ]
    assert [text for text in found if text] == [text for text in texts if text]


@given(COMMANDS)
def test_a_command_alone_reads_back_equal(command: Command) -> None:
    assert read_command(write_command(command)) == command
