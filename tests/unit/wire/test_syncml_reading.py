"""Messages of devices: whatever their form, the same values come out."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from reseal.wire.errors import WireError
from reseal.wire.syncml import (
    Add,
    Alert,
    AlertCode,
    AlertType,
    Atomic,
    Chal,
    Cred,
    Exec,
    Get,
    Item,
    LoginStatus,
    Malformed,
    Meta,
    Replace,
    Results,
    Sequence,
    Status,
    SyncHdr,
    SyncmlError,
    SyncType,
    XmlContent,
    read_message,
)
from tests.unit.wire.syncml_shapes import (
    DEVICE,
    FIRST_OF_A_SCRIPT,
    FIRST_OF_WINDOWS,
    INSTALL,
    PREFIXED,
    SERVER,
    alert,
    message,
    meta,
)


def only(body: str) -> object:
    """The one command of a message with `body`."""
    (command,) = read_message(message(body)).commands
    return command


def one_alert(data: bytes) -> Alert:
    (found,) = read_message(data).commands
    assert isinstance(found, Alert)
    return found


# --- first messages


def test_the_first_message_of_windows() -> None:
    found = read_message(FIRST_OF_WINDOWS)
    assert found.header == SyncHdr(session_id="1", msg_id=1, target=SERVER, source=DEVICE)
    assert found.final
    session, login, inventory = found.commands
    assert session == Alert(cmd_id="2", code=AlertCode.CLIENT_INITIATED_MANAGEMENT)
    assert isinstance(login, Alert)
    assert (login.code, login.type, login.login_status) == (1224, AlertType.LOGIN_STATUS, LoginStatus.OTHERS)
    assert isinstance(inventory, Replace)
    assert [(item.source, item.data) for item in inventory.items] == [
        ("./DevInfo/DevId", DEVICE),
        ("./DevInfo/Man", "Contoso"),
        ("./DevInfo/Mod", "Book 5"),
        ("./DevInfo/DmV", "1.3"),
        ("./DevInfo/Lang", "en-US"),
    ]


def test_mdm_wire_055_a_first_message_without_any_alert() -> None:
    """Without namespace and with white space around every address, too."""
    found = read_message(FIRST_OF_A_SCRIPT)
    assert (found.header.session_id, found.header.source, found.final) == ("12", "DESKTOP-1", True)
    item = Item(source="./DevInfo/DevId", data="DESKTOP-1")
    assert found.commands == (Replace(cmd_id="6", items=(item,)),)


def test_prefixes_and_order_do_not_matter() -> None:
    found = read_message(PREFIXED)
    assert found.header == SyncHdr(
        session_id="00A7", msg_id=1, target=SERVER, source=DEVICE, source_name="dev-0001"
    )
    (login,) = found.commands
    assert isinstance(login, Alert)
    assert (login.login_status, login.item.meta.format, found.final) == (LoginStatus.USER, "chr", True)


@pytest.mark.parametrize("namespace", ["SYNCML:SYNCML1.2", "SYNCML:SYNCML1.1", "other"])
def test_the_namespace_does_not_matter(namespace: str) -> None:
    found = read_message(message("<Get><CmdID>5</CmdID></Get>", namespace))
    assert found.commands == (Get(cmd_id="5"),)
    assert not found.final, "there was no Final"


def test_commands_of_one_kind_stay_in_their_order() -> None:
    body = "".join(f"<Get><CmdID>{n}</CmdID></Get><Add><CmdID>{n + 1}</CmdID></Add>" for n in range(1, 60, 2))
    found = read_message(message(body))
    assert [command.cmd_id for command in found.commands] == [str(n) for n in range(1, 61)]


def test_credentials_and_sizes_in_the_header() -> None:
    cred = f"<Cred>{meta(Format='b64', Type='syncml:auth-md5')}<Data>0UP/r2MJQrgvqvCAlMMc0Q==\n</Data></Cred>"
    more = f"<RespURI>https://mdm.contoso.test/next</RespURI>{cred}{meta(MaxMsgSize='16384')}</SyncHdr>"
    data = message("").replace(b"</SyncHdr>", more.encode())
    header = read_message(data).header
    assert header.cred == Cred(type="syncml:auth-md5", data="0UP/r2MJQrgvqvCAlMMc0Q==")
    assert header.meta == Meta(max_msg_size=16_384)
    assert header.resp_uri == "https://mdm.contoso.test/next"


# --- alerts


def test_a_type_beside_an_empty_meta_counts() -> None:
    kind = '<Type xmlns="syncml:metinf">com.microsoft.mdm.synctype</Type>'
    for found in (
        one_alert(alert(1224, f"<Meta/>{kind}<Data>device</Data>")),
        one_alert(message(f"<Alert><Data>1224</Data><Meta/>{kind}<Item><Data>device</Data></Item></Alert>")),
    ):
        assert found.sync_type is SyncType.DEVICE


@pytest.mark.parametrize("code", [1224, 1226])
def test_an_installed_package_is_told_with_either_code(code: int) -> None:
    source = "./Device/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/{AF9257BA-0000}/DownloadInstall"
    found = one_alert(
        alert(
            code,
            f"<Source><LocURI>{source}</LocURI></Source>"
            + meta(Type=AlertType.MSI_INSTALLED, Format="int", Mark="informational")
            + "<Data>0</Data>",
        )
    )
    assert (found.code, found.type, found.item.text) == (code, AlertType.MSI_INSTALLED, "0")
    assert (found.item.source, found.item.meta.mark) == (source, "informational")


def test_an_unenrolment_with_a_misspelt_namespace_and_blanks() -> None:
    found = one_alert(
        alert(
            1226,
            '<Meta><Type xmlns="syncml:metinfo"> com.microsoft:mdm.unenrollment.userrequest</Type>'
            '<Format xmlns= "syncml:metinfo">int</Format></Meta><Data>1</Data>',
        )
    )
    assert (found.code, found.type) == (AlertCode.GENERIC_ALERT, AlertType.UNENROLLMENT)


@pytest.mark.parametrize(
    "said, status", [("User", LoginStatus.USER), (" none\n", LoginStatus.NONE), ("somebody", None)]
)
def test_login_status_in_any_case(said: str, status: LoginStatus | None) -> None:
    kind = meta(Type="com.microsoft/MDM/LoginStatus")
    assert one_alert(alert(1224, f"{kind}<Data>{said}</Data>")).login_status is status


def test_the_token_of_a_user_keeps_its_case() -> None:
    kind = meta(Type="com.microsoft/MDM/AADUserToken")
    found = one_alert(alert(1224, f"{kind}<Data>eyJ0eXAi.QcD</Data>"))
    assert (found.type, found.item.text) == (AlertType.USER_TOKEN, "eyJ0eXAi.QcD")
    assert (found.login_status, found.sync_type) == (None, None)


def test_mdm_wire_066_an_unknown_kind_of_alert_is_an_alert() -> None:
    found = one_alert(alert(1299, meta(Type="x.y")))
    assert (found.code, found.type, found.item.meta.type) == (1299, None, "x.y")


# --- answers


def test_mdm_wire_056_statuses_and_results_name_what_they_answer() -> None:
    def status(msg_ref: int, cmd_ref: int, cmd: str, code: str) -> str:
        references = f"<MsgRef>{msg_ref}</MsgRef><CmdRef>{cmd_ref}</CmdRef>"
        return f"<Status><CmdID>1</CmdID>{references}<Cmd>{cmd}</Cmd><Data>{code}</Data></Status>"

    found = read_message(
        message(
            status(1, 0, "SyncHdr", "200")
            + status(1, 1, "Status", "200")
            + status(1, 5, "Get", "\n404 ")
            + "<Status><CmdID>9</CmdID><CmdRef/><Data>400</Data></Status>"
            "<Results><CmdID>10</CmdID><MsgRef>1</MsgRef><CmdRef>5</CmdRef></Results>"
        )
    )
    assert [
        (command.msg_ref, command.cmd_ref, command.cmd, command.code)
        for command in found.commands
        if isinstance(command, Status)
    ] == [(1, "0", "SyncHdr", 200), (1, "1", "Status", 200), (1, "5", "Get", 404), (0, "", "", 400)]
    assert found.commands[-1] == Results(cmd_id="10", msg_ref=1, cmd_ref="5")


def test_a_challenge_has_its_nonce_as_bytes() -> None:
    said = meta(Type="syncml:auth-md5", Format="b64", NextNonce="ABEiM0RVZneImaq7zN3u/w==")
    found = only(f"<Status><CmdRef>0</CmdRef><Chal>{said}</Chal><Data>407</Data></Status>")
    assert isinstance(found, Status)
    nonce = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert (found.code, found.chal) == (407, Chal(type="syncml:auth-md5", next_nonce=nonce))


@pytest.mark.parametrize(
    "inside", ["<TargetRef>./DevInfo</TargetRef>", "<TargetRef><LocURI>./DevInfo</LocURI></TargetRef>"]
)
def test_references_stand_bare_or_in_an_address(inside: str) -> None:
    found = only(f"<Status><MsgRef>1</MsgRef><CmdRef>5</CmdRef>{inside}<Data>200</Data></Status>")
    assert isinstance(found, Status)
    assert found.target_ref == "./DevInfo"


# --- data


@pytest.mark.parametrize(
    "written, data",
    [
        ("", None),
        ("<Data/>", ""),
        ("<Data>  two\n lines </Data>", "  two\n lines "),
        ("<Data>&lt;a&gt; &amp;amp;</Data>", "<a> &amp;"),
        ("<Data><![CDATA[<a b='1'/>]]></Data>", "<a b='1'/>"),
        ("<Data>x<![CDATA[<]]>y</Data>", "x<y"),
        ("<Data>./A/B&#xF000;./C/D</Data>", "./A/B\uf000./C/D"),
        ("<Data xmlns='SYNCML:SYNCML1.2'>user</Data>", "user"),
        ("<Data>\n <a b='1'>c</a>\n</Data>", XmlContent('<a b="1">c</a>')),
        ("<Data><enabled/><data id='x'/></Data>", XmlContent('<enabled/><data id="x"/>')),
        ("<Data><a xmlns='x:y'><b/></a></Data>", XmlContent('<a xmlns="x:y"><b/></a>')),
    ],
)
def test_data_is_text_or_markup(written: str, data: str | XmlContent | None) -> None:
    found = only(f"<Replace><CmdID>1</CmdID><Item>{written}</Item></Replace>")
    assert isinstance(found, Replace)
    assert found.item.data == data
    assert found.item.text == (data.text if isinstance(data, XmlContent) else data or "")


def test_what_a_command_says_of_its_items_is_said_of_each() -> None:
    found = only(
        f"<Results><CmdRef>5</CmdRef>{meta(Format='int', Type='text/plain')}<Item><Data>1</Data></Item>"
        f"<Item>{meta(Format='chr')}<Data>a</Data></Item></Results>"
    )
    assert isinstance(found, Results)
    assert [item.meta for item in found.items] == [
        Meta(format="int", type="text/plain"),
        Meta(format="chr", type="text/plain"),
    ]


def test_chunks_say_their_size_and_that_more_comes() -> None:
    found = only(
        f"<Replace><CmdID>1</CmdID><Item>{meta(Size='9000')}<Data>abc</Data><MoreData/></Item></Replace>"
    )
    assert isinstance(found, Replace)
    assert (found.item.meta.size, found.item.more_data) == (9000, True)


def test_a_job_of_elements_in_a_message_of_syncml_1_1() -> None:
    first, second = read_message(INSTALL).commands
    assert isinstance(first, Add)
    assert isinstance(second, Exec)
    assert first.target == second.target
    assert first.item.data is None
    assert isinstance(second.item.data, XmlContent)
    assert second.item.text.startswith('<MsiInstallJob id="{11111111-')
    assert "xmlns" not in second.item.text


def test_elements_that_mean_nothing_here_are_passed_over() -> None:
    found = only(
        "<Replace><CmdID>1</CmdID><CmdID>2</CmdID><Lang>en</Lang><NoResp/><Extra/><Item><SourceParent/>"
        "<Source><LocURI>./A</LocURI><Filter/></Source><Data>1</Data><Extra/></Item></Replace>"
    )
    assert found == Replace(cmd_id="1", items=(Item(source="./A", data="1"),))


# --- commands that are none


@pytest.mark.parametrize(
    "body, name, cmd_id",
    [
        ("<Hello><CmdID>7</CmdID></Hello>", "Hello", "7"),
        ("<Copy/>", "Copy", ""),
        ("<Alert><CmdID>7</CmdID><Data>soon</Data></Alert>", "Alert", "7"),
        ("<Alert><CmdID>7</CmdID></Alert>", "Alert", "7"),
        ("<Status><CmdID>7</CmdID><Data>²</Data></Status>", "Status", "7"),
        ("<Status><CmdID>7</CmdID><Data>" + "9" * 5_000 + "</Data></Status>", "Status", "7"),
        (
            "<Status><Chal><Meta><NextNonce>?</NextNonce></Meta></Chal><Data>407</Data></Status>",
            "Status",
            "",
        ),
    ],
)
def test_what_is_no_command_is_told_apart_and_harms_no_other(body: str, name: str, cmd_id: str) -> None:
    found = read_message(message(f"<Get><CmdID>1</CmdID></Get>{body}<Get><CmdID>2</CmdID></Get>"))
    before, bad, after = found.commands
    assert (before, after) == (Get(cmd_id="1"), Get(cmd_id="2"))
    assert isinstance(bad, Malformed)
    assert (bad.name, bad.cmd_id) == (name, cmd_id)
    assert bad.reason


def test_a_command_without_id_is_a_command() -> None:
    assert only("<Get><Item/></Get>") == Get(items=(Item(),))


def test_commands_inside_of_commands() -> None:
    found = only(
        "<Atomic><CmdID>1</CmdID><Add><CmdID>2</CmdID></Add><NoResp/><Sequence><CmdID>3</CmdID>"
        "<Atomic><CmdID>4</CmdID></Atomic><Hello/></Sequence></Atomic>"
    )
    assert isinstance(found, Atomic)
    add, sequence = found.commands
    assert add == Add(cmd_id="2")
    assert isinstance(sequence, Sequence)
    assert [type(command) for command in sequence.commands] == [Atomic, Malformed]


# --- documents that are no message


@pytest.mark.parametrize(
    "document, code",
    [
        (b"<SyncML/>", "Header"),
        (b"<SyncML><SyncHdr/><SyncBody/></SyncML>", "Header"),
        (
            b"<SyncML><SyncHdr><SessionID>1</SessionID><MsgID>0</MsgID></SyncHdr><SyncBody/></SyncML>",
            "Header",
        ),
        (
            b"<SyncML><SyncHdr><SessionID>1</SessionID><MsgID>x</MsgID></SyncHdr><SyncBody/></SyncML>",
            "Header",
        ),
        (b"<SyncML><SyncHdr><MsgID>1</MsgID></SyncHdr><SyncBody/></SyncML>", "Header"),
        (b"<SyncML><SyncHdr><SessionID>1</SessionID><MsgID>1</MsgID></SyncHdr></SyncML>", "Header"),
        (b"<Envelope/>", "NotSyncml"),
    ],
)
def test_documents_that_are_no_message_are_refused(document: bytes, code: str) -> None:
    with pytest.raises(SyncmlError) as caught:
        read_message(document)
    assert caught.value.code == code


def test_mdm_wire_071_document_types_and_long_messages_are_refused() -> None:
    laughs = b'<!DOCTYPE SyncML [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + message("<Get>&b;</Get>")
    for data, code in ((laughs, "DocumentType"), (message("<a/>" * 262_144), "TooLarge")):
        with pytest.raises(WireError) as caught:
            read_message(data)
        assert caught.value.code == code


def test_deep_documents_are_refused() -> None:
    with pytest.raises(WireError):
        read_message(message("<Atomic>" * 300 + "</Atomic>" * 300))


@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(WireError):
        read_message(data)


_TAGS = st.sampled_from(
    "SyncHdr SyncBody Add Status Alert Item Data Meta Size Chal Cred Target LocURI CmdID Atomic x".split()
)


def _tree(depth: int) -> st.SearchStrategy[str]:
    inner = _tree(depth - 1) if depth else st.sampled_from(["", "1", "200", "&#xF000;", "abc"])
    return st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>", _TAGS, st.lists(inner, min_size=1, max_size=3)
    )


@given(st.lists(_tree(4), max_size=4).map("".join))
def test_any_elements_in_any_place_are_read(body: str) -> None:
    """Whatever stands in the body becomes as many commands as there are elements."""
    expected = len(etree.fromstring(f"<b>{body}</b>"))
    assert len(read_message(message(body)).commands) == expected
    with suppress(WireError):
        read_message(f"<SyncML>{body}</SyncML>".encode())
