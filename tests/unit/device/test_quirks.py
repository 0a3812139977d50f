"""Each quirk, switched on and off: what the server meets, and that it means the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from reseal.device.csp.dmclient import REFUSED_RELEASES
from reseal.device.management import Management
from reseal.device.parts import Parts
from reseal.device.quirks import ALL, Quirk
from reseal.kernel.clock import VirtualClock
from reseal.kernel.simulation.loop import run
from reseal.wire.csp import (
    FirstSync,
    Msi,
    MsiInstallJob,
    Scope,
    Wifi,
    install_commands,
    msi,
    provider,
    wifi_profile,
)
from reseal.wire.syncml import (
    Alert,
    Command,
    Format,
    LoginStatus,
    Message,
    Meta,
    Results,
    Status,
    add,
    add_node,
    get,
    read_message,
    replace,
)
from tests.support.scripted_server import MACHINE, PROVIDER, ScriptedServer, enrolled, parts

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
CAMERA = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
HASH = "./DevDetail/Ext/DeviceHardwareData"
ADELE = "adele@contoso.test"
USER_PAGE = provider(PROVIDER, Scope.USER)
DEVICE_PAGE = provider(PROVIDER)
CODE = "{11111111-2222-3333-4444-555555555555}"


@dataclass
class Bench:
    """A device and its server."""

    device: Management
    server: ScriptedServer
    parts: Parts
    given: int = field(default=0)

    async def session(self, *packages: list[Command]) -> list[Message]:
        """The messages of a session in which these packages are sent."""
        before = len(self.server.messages)
        self.server.packages.extend(packages)
        assert await self.device.sync()
        return self.server.messages[before:]

    async def codes(self, *commands: Command) -> list[int]:
        before = len(self.server.statuses())
        await self.session(list(commands))
        return self.server.codes()[before:]

    def bodies(self) -> list[bytes]:
        return [request.body for request in self.server.requests]


Show = Callable[[Bench], Awaitable[object]]


def seen(show: Show, *quirks: Quirk) -> object:
    """What a device with these quirks shows."""

    async def main() -> object:
        server = ScriptedServer()
        device_parts = parts(server, VirtualClock(asyncio.get_running_loop(), START), quirks=quirks)
        return await show(Bench(enrolled(device_parts), server, device_parts))

    return run(main())


# --- what each shows ----------------------------------------------------------------------------------------


async def _begins_with_a_mark(bench: Bench) -> object:
    await bench.session()
    return bench.bodies()[0].startswith(b"\xef\xbb\xbf")


async def _has_prefixes(bench: Bench) -> object:
    await bench.session()
    return b"<s:SyncML" in bench.bodies()[0] and b"<m:Type" in bench.bodies()[0]


async def _has_blanks(bench: Bench) -> object:
    await bench.session([get(CAMERA)])
    return b"404\n" in bench.bodies()[1] and b"others\n" in bench.bodies()[0]


async def _type_is_beside(bench: Bench) -> object:
    await bench.session()
    return b'</Meta><Type xmlns="syncml:metinf">com.microsoft/MDM/LoginStatus' in bench.bodies()[0]


async def _address_in_another_case(bench: Bench) -> object:
    await bench.session([add(CAMERA, "1"), get(CAMERA)])
    return list(bench.server.results()) == ["./vendor/msft/policy/config/camera/allowcamera"]


async def _has_a_query(bench: Bench) -> object:
    await bench.session()
    return bench.server.requests[0].url.endswith("?mode=Maintenance&Platform=WoA")


async def _source_is_the_name(bench: Bench) -> object:
    (first,) = await bench.session()
    assert first.header.source in {MACHINE.name, MACHINE.device_id}
    return first.header.source == MACHINE.name


async def _first_session_is_0(bench: Bench) -> object:
    (first,) = await bench.session()
    return first.header.session_id == "0"


async def _ids_return(bench: Bench) -> object:
    ids = [(await bench.session())[0].header.session_id for _ in range(5)]
    assert all(one != other for one, other in pairwise(ids))
    return len(set(ids)) < len(ids)


async def _begins_without_alert(bench: Bench) -> object:
    first, *_ = await bench.session()
    following, *_ = await bench.session()
    assert _alerts(following)
    return not _alerts(first)


async def _has_an_unknown_alert(bench: Bench) -> object:
    first, *_ = await bench.session()
    return any(alert.type is None and alert.item.meta.type for alert in _alerts(first))


async def _first_package_is_split(bench: Bench) -> object:
    messages = await bench.session()
    assert messages[-1].final
    return [message.final for message in messages] == [False, True]


async def _second_message_is_repeated(bench: Bench) -> object:
    await bench.session([get(CAMERA)])
    bodies = bench.bodies()
    return len(bodies) - len(set(bodies)) == 1


async def _session_is_followed_by_another(bench: Bench) -> object:
    await bench.session([add(CAMERA, "1")])
    return len(bench.server.sessions()) == 2


async def _status_is_answered(bench: Bench) -> object:
    messages = await bench.session([get(CAMERA)])
    return any(status.cmd == "Status" for status in _statuses(messages[1]))


async def _has_an_unmatched_status(bench: Bench) -> object:
    messages = await bench.session([get(CAMERA)])
    return any(status.cmd_ref == "4711" for status in _statuses(messages[1]))


async def _results_stand_last(bench: Bench) -> object:
    messages = await bench.session([get("./DevInfo/Man"), get("./DevInfo/Mod")])
    kinds = [type(command) for command in messages[1].commands]
    return kinds == [Status, Status, Status, Results, Results]


async def _values_come_in_chunks(bench: Bench) -> object:
    messages = await bench.session([get(HASH)])
    chunks = [command.item for one in messages for command in one.commands if isinstance(command, Results)]
    assert "".join(chunk.text for chunk in chunks) == MACHINE.hardware_hash
    assert messages[-1].final
    return len(chunks) > 1 and chunks[0].meta.size == len(MACHINE.hardware_hash)


async def _first_user_session_gets_405(bench: Bench) -> object:
    bench.device.user, bench.device.login = ADELE, LoginStatus.USER
    first = await bench.codes(add_node(str(USER_PAGE)))
    second = await bench.codes(add_node(str(USER_PAGE)))
    assert (first, second) in (([405], [200]), ([200], [418]))
    return first == [405]


async def _user_release_gets_405(bench: Bench) -> object:
    bench.device.user = ADELE
    await bench.session([add_node(str(USER_PAGE)), add_node(str(USER_PAGE / "FirstSyncStatus"))])
    release = FirstSync.SERVER_HAS_FINISHED.put(USER_PAGE, True).replace()
    codes = [code for _ in range(REFUSED_RELEASES + 1) for code in await bench.codes(release)]
    assert codes[-1] == 200
    return codes == [405] * REFUSED_RELEASES + [200]


async def _page_of_the_user_is_there(bench: Bench) -> object:
    bench.device.user = ADELE
    page = str(USER_PAGE / "FirstSyncStatus")
    return await bench.codes(add_node(str(USER_PAGE)), add_node(page)) == [418, 418]


async def _wifi_is_not_found_at_first(bench: Bench) -> object:
    leaf = Wifi.WLAN_XML.put(
        wifi_profile("Office"), '<WLANProfile xmlns="x"><name>Office</name></WLANProfile>'
    )
    made, read_at_once = await bench.codes(leaf.add(), get(str(leaf.uri)))
    await bench.parts.clock.sleep(timedelta(minutes=2))
    assert (made, *await bench.codes(get(str(leaf.uri)))) == (200, 200)
    return read_at_once == 404


async def _installation_parks(bench: Bench) -> object:
    job = MsiInstallJob(
        product_code=CODE,
        version="1.0",
        urls=("https://mdm.contoso.test/none",),
        sha256="0" * 64,
        retry_count=0,
    )
    await bench.session(list(install_commands(job)))
    running = asyncio.create_task(bench.device.run())
    await bench.parts.clock.sleep(timedelta(seconds=30))
    running.cancel()
    return bench.device.tree.value(Msi.STATUS, msi(CODE)) == 10


async def _release_outlives_reseal(bench: Bench) -> object:
    await bench.session([FirstSync.SERVER_HAS_FINISHED.put(DEVICE_PAGE, True).replace()])
    bench.device.begin_pages()
    return bench.device.tree.value(FirstSync.SERVER_HAS_FINISHED, DEVICE_PAGE)


SHOWN: dict[Quirk, Show] = {
    Quirk.BYTE_ORDER_MARK: _begins_with_a_mark,
    Quirk.PREFIXED_NAMES: _has_prefixes,
    Quirk.BLANKS_AROUND_VALUES: _has_blanks,
    Quirk.TYPE_BESIDE_META: _type_is_beside,
    Quirk.ADDRESS_CASE: _address_in_another_case,
    Quirk.ADDRESS_QUERY: _has_a_query,
    Quirk.SOURCE_IS_NAME: _source_is_the_name,
    Quirk.SESSION_ZERO: _first_session_is_0,
    Quirk.SESSION_IDS_RETURN: _ids_return,
    Quirk.NO_LOGIN_STATUS: _begins_without_alert,
    Quirk.UNKNOWN_ALERT: _has_an_unknown_alert,
    Quirk.SPLIT_PACKAGE: _first_package_is_split,
    Quirk.REPEATED_MESSAGE: _second_message_is_repeated,
    Quirk.SECOND_SESSION: _session_is_followed_by_another,
    Quirk.STATUS_FOR_STATUS: _status_is_answered,
    Quirk.UNMATCHED_STATUS: _has_an_unmatched_status,
    Quirk.RESULTS_LAST: _results_stand_last,
    Quirk.CHUNKED_RESULTS: _values_come_in_chunks,
    Quirk.LATE_USER_CONTEXT: _first_user_session_gets_405,
    Quirk.LATE_USER_RELEASE: _user_release_gets_405,
    Quirk.USER_NODE_EXISTS: _page_of_the_user_is_there,
    Quirk.WIFI_LATE: _wifi_is_not_found_at_first,
    Quirk.PARKED_INSTALL: _installation_parks,
    Quirk.KEEPS_FINISHED: _release_outlives_reseal,
}


@pytest.mark.parametrize("quirk", list(Quirk))
def test_a_quirk_shows_when_it_is_on_and_only_then(quirk: Quirk) -> None:
    assert seen(SHOWN[quirk], quirk) is True
    assert seen(SHOWN[quirk]) is False


def test_all_are_on_by_default_but_the_one_that_is_an_alternative() -> None:
    assert set(Quirk) - {Quirk.KEEPS_FINISHED} == ALL
    assert len(ALL) >= 15


# --- ways of writing change nothing -------------------------------------------------------------------------

WRITING = (
    Quirk.BYTE_ORDER_MARK,
    Quirk.PREFIXED_NAMES,
    Quirk.BLANKS_AROUND_VALUES,
    Quirk.TYPE_BESIDE_META,
)
HOME_PAGES = "./Device/Vendor/MSFT/Policy/Config/Browser/HomePages"
CONTENT = [
    add(CAMERA, "1", Meta(format=Format.INT)),
    get(CAMERA),
    replace(
        "./Device/Vendor/MSFT/Policy/Config/Browser/HomePages",
        " <https://a> & m:b\n",
        Meta(format=Format.CHR),
    ),
    get("./Device/Vendor/MSFT/Policy/Config/Browser/HomePages"),
]


async def _understood(bench: Bench) -> object:
    """What the server read: the messages, blanks around words taken away."""
    bench.device.user_token = _token
    messages = await bench.session(CONTENT)
    assert read_message(bench.bodies()[-1]) == messages[-1]
    found = [_plain(command) for message in messages for command in message.commands]
    return found, bench.server.codes(), _stripped(bench.server.results())


def _stripped(results: dict[str, str]) -> dict[str, str]:
    return {uri: text if uri == HOME_PAGES else text.strip() for uri, text in results.items()}


def _plain(command: Command) -> object:
    match command:
        case Alert():
            return command.code, command.type, command.item.text.strip()
        case Status():
            return command.msg_ref, command.cmd_ref, command.cmd, command.code
        case _:
            return type(command)


async def _token() -> str | None:
    return "a.user.token"


@pytest.mark.parametrize("quirks", [(quirk,) for quirk in WRITING] + [WRITING])
def test_ways_of_writing_change_nothing_of_what_is_said(quirks: tuple[Quirk, ...]) -> None:
    assert seen(_understood, *quirks) == seen(_understood)


def _alerts(message: Message) -> list[Alert]:
    return [command for command in message.commands if isinstance(command, Alert)]


def _statuses(message: Message) -> list[Status]:
    return [command for command in message.commands if isinstance(command, Status)]
