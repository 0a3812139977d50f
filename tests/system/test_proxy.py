"""A server behind a proxy that ends TLS: the proxy's word counts, and nobody else's.

The proxy has the address 127.0.0.2, everybody else 127.0.0.1; all of the loopback network is this machine.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from reseal.kernel import ca
from reseal.kernel.clock import SystemClock
from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.keys import OpenSslKeys
from reseal.kernel.settings import AddressRange, Origin, Settings
from reseal.server.running import running
from tests.store.signin.world import asking
from tests.support.client import Client
from tests.system.devices import EXPIRED, PROVEN, Device, Shown, furnish, issued, profile_asked, session_begun
from tests.system.organisations import Organisation, found
from tests.system.pages import Browser

PROXY, STRANGER = "127.0.0.2", "127.0.0.1"
KEYS, CLOCK, ENTROPY = OpenSslKeys(), SystemClock(), SystemEntropy()


@dataclass(frozen=True, slots=True)
class Place:
    """A server that trusts the proxy, and what devices would show to it."""

    ready: dict[str, Any]
    contoso: Organisation
    good: Device
    over: Device
    foreign: Shown

    @asynccontextmanager
    async def connected(self, address: str, listener: str = "device") -> AsyncIterator[Client]:
        """A client that comes from that address."""
        # The proxy knows the server by its own name, and passes on the name that the client asked for.
        connector = aiohttp.TCPConnector(
            ssl=ssl.create_default_context(cafile=self.ready["ca_file"]), local_addr=(address, 0)
        )
        port = self.ready["ports"][listener]
        headers = {"Host": f"{'mdm' if listener == 'device' else 'console'}.contoso.example"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
            yield Client(session, f"https://127.0.0.1:{port}")


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """One for the module."""
    folder = tmp_path_factory.mktemp("place")
    settings = Settings(
        data_directory=folder / "data",
        public_url=Origin("https://console.contoso.example"),
        device_url=Origin("https://mdm.contoso.example"),
        trusted_proxies=(AddressRange(PROXY),),
    )
    settings.data_directory.mkdir()
    contoso, fabrikam = await found(settings.database)
    good = await furnish(settings, contoso, folder / "good", 0)
    over = await furnish(settings, fabrikam, folder / "over", 1, EXPIRED)
    root = ca.make_root(
        "Reseal MDM root", KEYS.rsa(), clock=CLOCK, entropy=ENTROPY, purposes=[ca.CLIENT_AUTH]
    )
    other = ca.make_intermediate(root, "Reseal MDM issuing", KEYS.rsa(), clock=CLOCK, entropy=ENTROPY)
    foreign = issued(other, folder / "foreign")
    async with running(settings, clock=CLOCK, entropy=ENTROPY) as ready:
        ports = _ports(settings.data_directory)
        yield Place({**ready, "ports": ports}, contoso, good, over, foreign)


def _ports(data: Path) -> Any:
    return json.loads((data / "ports.json").read_text())


def passing_on(certificate: Shown) -> dict[str, str]:
    """The header that the proxy writes."""
    return {"Client-Cert": certificate.header}


async def test_the_proxy_speaks_for_a_device(place: Place) -> None:
    """As if the device had shown its certificate itself."""
    async with place.connected(PROXY) as client:
        assert await session_begun(client, headers=passing_on(place.good.managed)) == PROVEN
        assert await session_begun(client, headers=passing_on(place.good.joined)) == 401
        assert await session_begun(client) == 407
        told = await profile_asked(client, place.good, headers=passing_on(place.good.joined))
        assert told["assignedUser"]["upn"] == place.good.upn
        assert told["urls"]["token"].startswith("https://console.contoso.example/")


async def test_nobody_else_does(place: Place) -> None:
    async with place.connected(STRANGER) as client:
        for name in ("Client-Cert", "client-cert", "CLIENT-CERT"):
            headers = {name: place.good.managed.header}
            assert await session_begun(client, headers=headers) == 407
        told = await profile_asked(client, place.good, headers=passing_on(place.good.joined))
        assert "assignedUser" not in told


async def test_an_expired_certificate_is_heard_and_counts_for_nothing(place: Place) -> None:
    async with place.connected(PROXY) as client:
        assert await session_begun(client, headers=passing_on(place.over.managed)) == 401
        told = await profile_asked(client, place.over, headers=passing_on(place.over.joined))
        assert "assignedUser" not in told


@pytest.mark.parametrize("value", ["foreign", "", ":AAAA:", "nonsense", "twice"])
async def test_a_certificate_that_is_not_ours_or_none_at_all_is_refused(place: Place, value: str) -> None:
    good = place.good.managed.header
    sent = {"foreign": place.foreign.header, "twice": f"{good}, {good}"}.get(value, value)
    async with place.connected(PROXY) as client:
        answer = await client("POST", "/ManagementServer/MDM.svc", headers={"Client-Cert": sent})

    assert answer.status == 400
    assert answer.error["code"] in {"ClientCertificateUnknown", "ClientCertificateMalformed"}


async def test_the_browser_listener_takes_no_certificates_from_a_proxy_either(place: Place) -> None:
    async with place.connected(PROXY, "browser") as client:
        assert await session_begun(client, headers=passing_on(place.good.managed)) == 407


async def test_the_address_of_whoever_signs_in_is_the_one_that_the_proxy_tells(place: Place) -> None:
    """And an address that the client made up before the proxy added its own is not."""
    credentials = place.contoso.credentials
    for address, told, written in (
        (PROXY, "198.51.100.66, 203.0.113.5", "203.0.113.5"),
        (STRANGER, "203.0.113.6", STRANGER),
    ):
        async with place.connected(address, "browser") as client:
            await _fail_to_sign_in(client, place.contoso.upn, {"X-Forwarded-For": told})
            reader = await client.signed_in(credentials)
            events = (await reader.api("GET", "/events", params={"top": "1000"})).json["value"]
        refused = [event for event in events if event["kind"] == "user.sign_in_refused"]
        assert refused[-1]["payload"]["address"] == written


async def _fail_to_sign_in(client: Client, upn: str, headers: dict[str, str]) -> None:
    browser = Browser(client, headers)
    page = await browser.open(f"/common/oauth2/v2.0/authorize?{urlencode(asking(login_hint=upn))}")
    refused = await browser.sign_in(page, upn, "not the password")
    assert refused.one("//*[@role='alert']").get("data-code") == "AADSTS50126"
