"""Clients of others as far as their messages go, against the whole server (spec/mdm-wire.md 3.9, 7.2).

`PytuneCheckin` does what pytune does with a reply: it collects commands by kind, Atomic and Sequence opened,
answers kind by kind with 200, reads what it can, adds a Status for a Status, puts all Results last, and stops
at a reply without commands. Each time it has another Source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid5
from xml.etree import ElementTree

from reseal.kernel.db import Tx
from reseal.managed.desired import items_of
from reseal.managed.enrolments import enrolment_by_id
from reseal.managed.model import Enrolment, Item, ItemState
from reseal.mdm.sessions.store import inventory_of
from reseal.wire.xml import escape
from tests.conformance.serving import Server, reactors, server
from tests.conformance.test_published_messages import encoded, enrol, enrolment_of, request_of
from tests.store.managed.world import CAMERA, CORTANA, WALLPAPER, WIFI, certificate, policy
from tests.store.mdm.sessions_bench import addresses_of, codes_of, reply_of
from tests.support.enrolling import client_certificate
from tests.support.published import asking, proven, typed_anew, windows_request

__all__ = ["reactors", "server"]

NAMESPACE: Final = "{SYNCML:SYNCML1.2}"
KINDS: Final = ("Get", "Atomic", "Add", "Replace", "Exec", "Sequence", "Delete")
KNOWN: Final = {
    "./DevDetail/SwV": "10.0.22631.3447",
    "./DevDetail/OEM": "Contoso",
    "./DevDetail/Ext/Microsoft/DeviceName": "Windows_lab",
    "./DevDetail/Ext/DeviceHardwareData": "T0FCAA==",
    "./DevInfo/Lang": "de-DE",
}
"""What it has an answer to, by exact text."""


@dataclass
class PytuneCheckin:
    """One session."""

    server: Server
    number: int
    first: str = "pytune_first_message.xml"
    seen: dict[str, str] = field(default_factory=dict)
    """What it was told to set, by address."""
    replies: int = 0

    async def run(self, most: int = 20) -> None:
        """Until a reply has no command."""
        imei = uuid5(UUID(int=0), f"session {self.number}")
        message = typed_anew(self.first).replace(b"0d3b52a1-7e44-4a09-b6a8-5f1c2b9d6e11", str(imei).encode())
        while True:
            assert self.replies < most, "it never stops"
            answer = await self.server.say(message, **{"User-Agent": "MSFT Windows OMA DM Client/2.7"})
            self.replies += 1
            assert reply_of(answer).header.target == f"imei:{imei}"
            commands = self._commands(answer.content)
            if not any(commands.values()):
                return
            message = self._answer(imei, commands)

    def _commands(self, reply: bytes) -> dict[str, list[ElementTree.Element]]:
        body = ElementTree.fromstring(reply).find(f"{NAMESPACE}SyncBody")
        assert body is not None
        found: dict[str, list[ElementTree.Element]] = {kind: [] for kind in KINDS}
        waiting = [body]
        while waiting:
            for element in waiting.pop(0):
                kind = element.tag.removeprefix(NAMESPACE)
                if kind in found:
                    found[kind].append(element)
                if kind in {"Atomic", "Sequence"}:
                    waiting.append(element)
        return found

    def _answer(self, imei: UUID, commands: dict[str, list[ElementTree.Element]]) -> bytes:
        statuses = [_status(1, self.replies, "0", "SyncHdr"), _status(3, self.replies, "1", "Status")]
        results, number = [], 8
        for kind, given in commands.items():
            for command in given:
                ref = _text(command, "CmdID")
                code = "200"
                if kind == "Get":
                    items = command.findall(f"{NAMESPACE}Item")
                    assert len(items) == 1, "it breaks on two"
                    address = _text(items[0], "Target/LocURI")
                    if address in KNOWN:
                        results.append(_results(number + 1, self.replies, ref, address))
                    else:
                        code = "404"
                    number += 1
                elif kind in {"Add", "Replace"}:
                    self.seen[_text(command, "Item/Target/LocURI")] = _text(command, "Item/Data")
                statuses.append(_status(number, self.replies, ref, kind, code))
                number += 1
        header = (
            "<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID>"
            f"<MsgID>{self.replies + 1}</MsgID><Target><LocURI>https://r.contoso.test/</LocURI></Target>"
            f"<Source><LocURI>imei:{imei}</LocURI></Source></SyncHdr>"
        )
        body = "".join([*statuses, *results, "<Final></Final>"])
        start = '<?xml version="1.0" encoding="utf-8"?>\n<SyncML xmlns="SYNCML:SYNCML1.2">'
        return f"{start}{header}<SyncBody>{body}</SyncBody></SyncML>".encode()


def _text(element: ElementTree.Element, path: str) -> str:
    found = element.find("/".join(NAMESPACE + name for name in path.split("/")))
    return "" if found is None else found.text or ""


def _status(number: int, message: int, ref: str, kind: str, code: str = "200") -> str:
    return (
        f"<Status><CmdID>{number}</CmdID><MsgRef>{message}</MsgRef><CmdRef>{ref}</CmdRef><Cmd>{kind}</Cmd>"
        f"<Data>{code}</Data></Status>"
    )


def _results(number: int, message: int, ref: str, address: str) -> str:
    return (
        f"<Results><CmdID>{number}</CmdID><MsgRef>{message}</MsgRef><CmdRef>{ref}</CmdRef><Item><Source>"
        f'<LocURI>{address}</LocURI></Source><Meta><Format xmlns="syncml:metinf">chr</Format></Meta>'
        f"<Data>{escape(KNOWN[address])}</Data></Item></Results>"
    )


async def items(server: Server, enrolment: Enrolment) -> dict[str, Item]:
    """What the enrolment shall have, by name."""

    def unit(tx: Tx) -> dict[str, Item]:
        return {item.name: item for item in items_of(tx, server.tenant, enrolment.id)}

    return await server.do(unit)


async def enrolled_as_pytune(server: Server) -> Enrolment:
    """By the message that pytune sends; the connection shows the certificate from now on."""
    laptop = await server.laptop()
    assert laptop.registration is not None
    message = typed_anew("pytune_request_security_token.xml")
    message = message.replace(b"ZTDID", str(laptop.registration.uuid).encode())
    token = encoded(server.token(device_id=laptop.device_id))
    document = await enrol(server, asking(proven(message, token), request_of("pytune")))
    server.certificate = client_certificate(document)
    return await enrolment_of(server, document)


async def test_a_client_like_pytune_gets_everything_and_stops(server: Server) -> None:
    """A new Source in each session, a Status for a Status, no alert, Results behind all Statuses."""
    await server.deliver("Camera", policy(CAMERA, CORTANA))
    await server.deliver("Root", certificate())
    await server.deliver("Wi-Fi", WIFI)
    enrolment = await enrolled_as_pytune(server)
    first = PytuneCheckin(server, 1)
    await first.run()
    assert (first.seen[CAMERA.uri], first.seen[CORTANA.uri]) == ("0", "0")
    assert "./Device/Vendor/MSFT/WiFi/Profile/Office/WlanXml" in first.seen
    assert {name: item.state for name, item in (await items(server, enrolment)).items()} == {
        "Camera": ItemState.DONE,
        "Root": ItemState.DONE,
        "Wi-Fi": ItemState.DONE,
    }
    told = await server.do(lambda tx: inventory_of(tx, server.tenant, enrolment.id))
    assert {node: told[node] for node in KNOWN} == KNOWN
    known = await server.do(lambda tx: enrolment_by_id(tx, server.tenant, enrolment.id))
    assert known.device_name == "Windows_lab"
    second = PytuneCheckin(server, 2)
    await second.run()
    assert second.seen == {}, "it has everything, and a session of the same number is a new one"


async def test_such_a_client_with_a_hash_is_in_set_up_and_gets_nothing_of_a_user(server: Server) -> None:
    await server.deliver("Both", policy(CAMERA, WALLPAPER))
    enrolment = await enrolled_as_pytune(server)
    checkin = PytuneCheckin(server, 1, "pytune_first_message_with_hash.xml")
    await checkin.run()
    assert CAMERA.uri in checkin.seen
    assert not [address for address in checkin.seen if address.startswith("./User")]
    assert (await items(server, enrolment))["Both"].user == 0


async def test_mdm_wire_046_the_source_of_such_a_client_finds_nothing_without_its_certificate(
    server: Server,
) -> None:
    await server.deliver("Camera", policy(CAMERA))
    await enrolled_as_pytune(server)
    server.certificate = None
    reply = reply_of(await server.say(typed_anew("pytune_first_message.xml")))
    assert codes_of(reply) == [("SyncHdr", 407)]


async def test_mdm_wire_104_a_client_like_fleets_holds_its_first_session(server: Server) -> None:
    await server.deliver("Camera", policy(CAMERA))
    token = encoded(server.token(user_id=await server.user("adele"), upn="adele@contoso.test"))
    request = asking(typed_anew("fleet_request_security_token.xml"), windows_request())
    document = await enrol(server, proven(request, token))
    assert document.application is not None
    server.certificate = client_certificate(document)
    answer = await server.say(typed_anew("fleet_first_message.xml"))
    reply = reply_of(answer)
    assert codes_of(reply) == [("SyncHdr", 200), ("Alert", 200), ("Alert", 200), ("Replace", 200)]
    assert CAMERA.uri in addresses_of(reply)
