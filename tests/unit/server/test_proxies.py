"""What a proxy tells of its clients: believed from those that are trusted, taken away from everybody else."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from reseal.kernel import ca
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import PooledKeys
from reseal.server.proxies import Proxied
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.edge import SECURITY_HEADERS
from tests.support.clock import ManualClock

PROXY, STRANGER = "10.0.0.7", "192.0.2.9"
CLOCK = ManualClock()
ENTROPY = SeededEntropy("proxies")
KEYS = PooledKeys(ENTROPY)


@cache
def authority(name: str) -> ca.Authority:
    made = {"clock": CLOCK, "entropy": ENTROPY, "backdated": timedelta(days=365)}
    root = ca.make_root(name, KEYS.rsa(), purposes=[ca.CLIENT_AUTH], **made)
    return ca.make_intermediate(root, f"{name} issuing", KEYS.rsa(), **made)


@cache
def certificate(issuer: str = "MDM", days: int = 365) -> x509.Certificate:
    profile = ca.client_profile(ca.common_name("device"), timedelta(days=days))
    profile = replace(profile, backdated=timedelta(days=30))
    return ca.issue(authority(issuer), KEYS.rsa().public_key(), profile, clock=CLOCK, entropy=ENTROPY)


def written(one: x509.Certificate) -> str:
    """The header's value."""
    return f":{base64.b64encode(one.public_bytes(Encoding.DER)).decode()}:"


async def seen(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers with what it knows of its client."""
    request = Request(scope, receive)
    call = Call(request, None, 0)
    told = {
        "certificate": None if call.client_der is None else base64.b64encode(call.client_der).decode(),
        "address": None if request.client is None else request.client.host,
        "headers": dict(request.headers),
    }
    await Response(Json(told).body, media_type="application/json")(scope, receive, send)


async def ask(
    headers: list[tuple[Any, Any]] | Mapping[str, str],
    *,
    peer: str = PROXY,
    own: x509.Certificate | None = None,
    issuers: tuple[str, ...] = ("MDM", "join"),
    trusted: tuple[str, ...] = ("10.0.0.0/24", "2001:db8::/64"),
) -> httpx2.Response:
    """Send a request from that address; `own` is the certificate of its connection."""
    app = Proxied(seen, trusted, [authority(name).certificate for name in issuers])

    async def connected(scope: Any, receive: Any, send: Any) -> None:
        chain = [] if own is None else [own.public_bytes(Encoding.PEM).decode()]
        scope["extensions"] = {"tls": {"client_cert_chain": chain, "tls_version": "TLSv1.3"}}
        await app(scope, receive, send)

    transport = httpx2.ASGITransport(connected, client=(peer, 4711))
    async with httpx2.AsyncClient(transport=transport, base_url="https://server.test") as client:
        return await client.get("/", headers=headers)


def der(one: x509.Certificate) -> str:
    return base64.b64encode(one.public_bytes(Encoding.DER)).decode()


@pytest.mark.parametrize("issuer", ["MDM", "join"])
async def test_the_certificate_that_a_trusted_proxy_passes_on_is_the_clients(issuer: str) -> None:
    passed_on = await ask({"Client-Cert": written(certificate(issuer)), "Client-Cert-Chain": ":AAAA:"})

    assert passed_on.json()["certificate"] == der(certificate(issuer))
    assert "client-cert" not in passed_on.json()["headers"]
    assert "client-cert-chain" not in passed_on.json()["headers"]


async def test_a_certificate_whose_time_is_over_comes_through() -> None:
    """As it does over TLS: whoever looks it up checks its dates."""
    over = certificate("MDM", -1)
    assert over.not_valid_after_utc < CLOCK.now()

    assert (await ask({"Client-Cert": written(over)})).json()["certificate"] == der(over)


@pytest.mark.parametrize("peer", [STRANGER, "10.0.1.7", "::1", "unix"])
async def test_from_anybody_else_the_header_is_taken_away(peer: str) -> None:
    forged = {
        "Client-Cert": written(certificate()),
        "Client-Cert-Chain": ":AAAA:",
        "X-Forwarded-For": "203.0.113.1",
        "Forwarded": "for=203.0.113.1",
        "X-Kept": "yes",
    }

    told = (await ask(forged, peer=peer)).json()

    assert (told["certificate"], told["address"]) == (None, peer)
    assert not {name.lower() for name in forged if name != "X-Kept"} & told["headers"].keys()
    assert told["headers"]["x-kept"] == "yes"


async def test_the_certificate_of_a_connection_of_its_own_stays() -> None:
    told = (await ask({"Client-Cert": written(certificate("join"))}, peer=STRANGER, own=certificate())).json()

    assert told["certificate"] == der(certificate())


async def test_a_proxys_own_certificate_proves_no_device() -> None:
    assert (await ask({}, own=certificate())).json()["certificate"] is None


async def test_without_trusted_proxies_nobody_is_believed() -> None:
    told = (await ask({"Client-Cert": written(certificate())}, trusted=())).json()
    assert told["certificate"] is None


async def test_a_listener_that_takes_no_certificates_takes_none_from_a_proxy() -> None:
    told = (await ask({"Client-Cert": written(certificate())}, issuers=())).json()
    assert told["certificate"] is None


@pytest.mark.parametrize(
    "peer, known", [("::ffff:10.0.0.7", True), ("2001:db8::5", True), ("2001:db8:1::5", False)]
)
async def test_a_proxy_is_known_in_both_families(peer: str, known: bool) -> None:
    told = (await ask({"Client-Cert": written(certificate())}, peer=peer)).json()
    assert (told["certificate"] is not None) == known


# --- what is refused ----------------------------------------------------------------------------------------


async def test_a_certificate_of_another_authority_is_refused() -> None:
    """Over TLS the handshake would have ended there."""
    refused = await ask({"Client-Cert": written(certificate("somebody else"))})

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "ClientCertificateUnknown")
    assert {name: refused.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


async def test_a_forged_issuer_name_is_not_enough() -> None:
    """Same name as ours, another key."""
    other = PooledKeys(SeededEntropy("forger"))
    root = ca.make_root("MDM", other.rsa(), clock=CLOCK, entropy=ENTROPY, purposes=[ca.CLIENT_AUTH])
    forger = ca.make_intermediate(root, "MDM issuing", other.rsa(), clock=CLOCK, entropy=ENTROPY)
    profile = ca.client_profile(ca.common_name("device"))
    leaf = ca.issue(forger, other.rsa().public_key(), profile, clock=CLOCK, entropy=ENTROPY)
    assert leaf.issuer == certificate().issuer

    assert (await ask({"Client-Cert": written(leaf)})).status_code == 400


async def test_the_authoritys_own_certificate_proves_no_device() -> None:
    assert (await ask({"Client-Cert": written(authority("MDM").certificate)})).status_code == 400


@pytest.mark.parametrize(
    "value",
    [
        "",
        ":",
        "::",
        "AAAA",
        ":not base64!:",
        ":AAAA:",
        f":{'A' * 20_000}:",
        written(certificate()) + ", " + written(certificate()),
        written(certificate())[:-9] + ":",
        "-----BEGIN%20CERTIFICATE-----",
    ],
)
async def test_what_cannot_be_read_is_refused(value: str) -> None:
    refused = await ask({"Client-Cert": value})

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "ClientCertificateMalformed")


async def test_two_certificates_are_refused() -> None:
    twice = [("Client-Cert", written(certificate())), ("Client-Cert", written(certificate("join")))]

    assert (await ask(twice)).json()["error"]["code"] == "ClientCertificateMalformed"


@given(st.binary(max_size=200))
async def test_whatever_stands_in_the_header_is_answered(value: bytes) -> None:
    assert (await ask([(b"Client-Cert", value)])).status_code == 400


# --- addresses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told, address",
    [
        ("203.0.113.5", "203.0.113.5"),
        ("198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("198.51.100.1, 203.0.113.5, 10.0.0.8", "203.0.113.5"),
        ("2001:db8:9::1", "2001:db8:9::1"),
        ("10.0.0.8", PROXY),
        ("", PROXY),
        ("unknown", PROXY),
        ("198.51.100.1, unknown", PROXY),
    ],
)
async def test_the_clients_address_is_the_last_that_no_proxy_has(told: str, address: str) -> None:
    assert (await ask({"X-Forwarded-For": told})).json()["address"] == address
