"""The black box client by itself: vectors of the specifications, and does it notice a server that errs?"""

from __future__ import annotations

import base64
from email.message import Message as Headers

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.clients.blackbox import jws, syncml
from tests.clients.blackbox.errors import Broken
from tests.clients.blackbox.hardware import Machine
from tests.clients.blackbox.joining import new_key, transport_key
from tests.clients.blackbox.page import Page, Scope, check_hold
from tests.clients.blackbox.syncml import Command
from tests.clients.blackbox.tpm import Tpm
from tests.clients.blackbox.tree import Tree
from tests.clients.blackbox.web import Reply

FIRST_SYNC = "./Device/Vendor/MSFT/DMClient/Provider/Reseal/FirstSyncStatus"
CAMERA = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
HEADER_STATUS = (
    "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>200</Data></Status>"
)
TWO_ITEMS = "<Item><Target><LocURI>./A</LocURI></Target></Item><Item>"


# --- vectors ------------------------------------------------------------------------------------------------


def test_the_digest_is_that_of_the_specification() -> None:
    nonce = base64.b64decode("ABEiM0RVZneImaq7zN3u/w==")
    assert syncml.digest("dev-0001", "s3cret", nonce) == "0UP/r2MJQrgvqvCAlMMc0Q=="


def test_the_transport_key_begins_as_published() -> None:
    blob = base64.b64encode(transport_key(new_key().public_key())).decode()
    assert blob.startswith("UlNBMQAIAAADAAAAAAEAAAAAAAAAAAAAAQAB")


def test_a_hardware_hash_is_4000_characters_and_names_the_tpm() -> None:
    machine = Machine("BB-0001")
    text = machine.hardware_hash()
    assert len(text) == 4000
    raw = base64.b64decode(text)
    assert raw[:2] == b"OA"
    assert machine.tpm.modulus in raw
    assert bytes.fromhex(machine.tpm.ek_digest) in raw


def test_a_tpm_opens_no_credential_of_another() -> None:
    with pytest.raises((Broken, ValueError)):
        Tpm().activate(b"\x00\x04\x00\x02ab", b"\x01\x00" + bytes(256))


def test_a_token_signed_by_another_key_is_noticed() -> None:
    key, other = new_key(), new_key()
    published = {"keys": [{"kid": "1", "e": "AQAB", "n": jws.encode(_modulus(key))}]}
    assert jws.proven(jws.signed({"a": 1}, key, kid="1"), published) == {"a": 1}
    with pytest.raises(Broken):
        jws.proven(jws.signed({"a": 1}, other, kid="1"), published)


def _modulus(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_numbers().n.to_bytes(256, "big")


# --- messages that no server may send -----------------------------------------------------------------------


def _reply(body: str, *, final: str = "<Final/>", length: int | None = None) -> Reply:
    raw = (
        '<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>'
        "<SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>device</LocURI></Target>"
        f"<Source><LocURI>server</LocURI></Source></SyncHdr><SyncBody>{body}{final}</SyncBody></SyncML>"
    ).encode()
    headers = Headers()
    headers["Content-Type"] = syncml.MEDIA_TYPE
    headers["Content-Length"] = str(len(raw) if length is None else length)
    return Reply(200, headers, raw)


def _get(cmd_id: str, uri: str = CAMERA) -> str:
    return f"<Get><CmdID>{cmd_id}</CmdID><Item><Target><LocURI>{uri}</LocURI></Target></Item></Get>"


def test_a_message_as_it_should_be_is_read() -> None:
    message = syncml.read(_reply(HEADER_STATUS + _get("2")))
    assert message.header_status == 200
    assert [(command.name, command.uri) for command in message.commands] == [("Get", CAMERA)]


@pytest.mark.parametrize(
    "body",
    [
        "",
        _get("2"),
        _get("2") + HEADER_STATUS,
        HEADER_STATUS + _get("1"),
        HEADER_STATUS + _get("0"),
        HEADER_STATUS + HEADER_STATUS.replace("<CmdID>1", "<CmdID>2"),
        HEADER_STATUS + f"<Atomic><CmdID>2</CmdID>{_get('3')}</Atomic>",
        HEADER_STATUS + "<Atomic><CmdID>2</CmdID></Atomic>",
        HEADER_STATUS + _get("2", "/Vendor/MSFT/Policy"),
        HEADER_STATUS + _get("2", "./Device//MSFT"),
        HEADER_STATUS + _get("2").replace("<Item>", TWO_ITEMS),
    ],
)  # fmt: skip
def test_a_message_that_breaks_a_rule_is_noticed(body: str) -> None:
    with pytest.raises(Broken):
        syncml.read(_reply(body))


def test_a_message_without_end_or_with_another_length_is_noticed() -> None:
    with pytest.raises(Broken):
        syncml.read(_reply(HEADER_STATUS, final="<Alert><CmdID>2</CmdID><Data>1222</Data></Alert>"))
    with pytest.raises(Broken):
        syncml.read(_reply(HEADER_STATUS, length=7))


# --- the page -----------------------------------------------------------------------------------------------


def _write(tree: Tree, uri: str, value: str, form: str = "chr", name: str = "Replace") -> int:
    status, _ = tree.run(Command(name, "1", uri, value, form), 1, 1)
    return status


def test_a_release_before_everything_is_there_is_noticed() -> None:
    tree = Tree("Reseal")
    page = Page(tree)
    _write(tree, f"{FIRST_SYNC}/ExpectedPolicies", CAMERA)
    with pytest.raises(Broken):
        _write(tree, f"{FIRST_SYNC}/ServerHasFinishedProvisioning", "true", "bool")
    assert page.open_items(Scope.DEVICE) == [CAMERA]


def test_work_before_the_hold_is_noticed() -> None:
    tree = Tree("Reseal")
    _write(tree, CAMERA, "0", "int")
    with pytest.raises(Broken):
        check_hold(tree, tree.journal)


def test_the_tree_is_as_strict_as_windows() -> None:
    tree = Tree("Reseal")
    provider = "./Device/Vendor/MSFT/EnrollmentStatusTracking/DevicePreparation/PolicyProviders/Reseal"
    user = "./User/Vendor/MSFT/DMClient/Provider/Reseal/FirstSyncStatus"
    assert _write(tree, f"{provider}/InstallationState", "1", "int") == 404
    assert _write(tree, f"{FIRST_SYNC}/BlockInStatusPage", "true", "bool") == 415
    assert _write(tree, "./DevDetail/SwV", "1") == 405
    assert _write(tree, user, "", "node", "Add") == 405
    tree.user_context = True
    assert _write(tree, f"{user}/ServerHasFinishedProvisioning", "true", "bool") == 404
    assert _write(tree, user, "", "node", "Add") == 200
    assert _write(tree, f"{user}/ServerHasFinishedProvisioning", "true", "bool") == 200
    assert _write(tree, f"{user}/ServerHasFinishedProvisioning", "false", "bool") == 405


def test_an_atomic_that_fails_leaves_nothing_behind() -> None:
    tree = Tree("Reseal")
    parts = (
        Command("Replace", "2", CAMERA, "0", "int"),
        Command("Replace", "3", "./DevDetail/SwV", "1"),
        Command("Replace", "4", f"{CAMERA}2", "0", "int"),
    )
    status, inside = tree.run(Command("Atomic", "1", parts=parts), 1, 1)
    assert (status, [code for _, code in inside]) == (507, [216, 405, 215])
    assert not tree.has(CAMERA)
