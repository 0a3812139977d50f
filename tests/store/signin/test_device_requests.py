"""Requests that a device signs with the key of its certificate."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from reseal.directory.credentials import revoke_device_credentials
from reseal.directory.devices import update_device
from reseal.kernel.keys import OpenSslKeys
from reseal.signin.nonces import LIFETIME
from reseal.signin.tokens import MDM_AUDIENCES
from tests.store.signin.test_user_tokens import refused
from tests.store.signin.world import CLI, DRS, JWT_BEARER, MDM, Laptop, Town, claims_of

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def device_key() -> RSAPrivateKey:
    return OpenSslKeys().rsa()


@pytest.fixture(scope="module")
def other_key() -> RSAPrivateKey:
    return OpenSslKeys().rsa()


@pytest.fixture
async def laptop(town: Town, device_key: RSAPrivateKey) -> Laptop:
    return await town.laptop(device_key)


async def device_token(town: Town, laptop: Laptop, path: str = "", **changes: Any) -> httpx2.Response:
    payload = {"grant_type": "device_token", "request_nonce": await town.nonce(), **changes}
    return await town.ask_signed(laptop.signed(**payload), path)


# --- a device without a user --------------------------------------------------------------------------------


async def test_a_device_gets_a_token_without_a_user(town: Town, laptop: Laptop) -> None:
    document = (await device_token(town, laptop)).json()
    assert set(document) & {"refresh_token", "id_token"} == set()
    said = claims_of(document["access_token"])
    assert not {"upn", "oid", "scp"} & set(said)
    claims = town.signin.signer.verify_access(
        document["access_token"], now=town.clock.now(), audiences=MDM_AUDIENCES
    )
    assert (claims.user_id, claims.device_id) == (None, laptop.device.device_id)
    assert (claims.tenant_id, claims.amr) == (town.contoso.uuid, ("rsa",))


async def test_the_certificate_may_come_as_a_list_and_the_audience_be_microsofts(
    town: Town, laptop: Laptop
) -> None:
    der = base64.b64encode(laptop.certificate.public_bytes(Encoding.DER)).decode()
    for changes in (
        {"x5c": [der, der]},
        {"x5c": "\n".join(der[at : at + 64] for at in range(0, len(der), 64))},
        {"aud": "login.microsoftonline.com"},
        {"aud": "server.test"},
        {"aud": f"https://devices.server.test/{town.contoso.uuid}/oauth2/token"},
    ):
        assert (await device_token(town, laptop, **changes)).status_code == 200, changes


async def test_it_may_ask_at_the_endpoint_for_all(town: Town, laptop: Laptop) -> None:
    answer = await device_token(town, laptop, "/common/oauth2/token")
    assert isinstance(answer.json()["expires_in"], str)
    assert claims_of(answer.json()["access_token"])["tid"] == str(town.contoso.uuid)


WRONG = [
    ({"aud": "https://evil.example/oauth2/token"}, 50013),
    ({"alg": "none"}, 50013),
    ({"alg": "HS256"}, 50013),
    ({"x5c": None}, 50013),
    ({"x5c": []}, 50013),
    ({"x5c": "%%%"}, 50013),
    ({"x5c": base64.b64encode(b"no certificate").decode()}, 50155),
    ({"client_id": "11111111-2222-3333-4444-555555555555"}, 700016),
    ({"client_id": "nobody"}, 700016),
    ({"resource": "https://unknown.example"}, 500011),
    ({"resource": ""}, 900144),
    ({"grant_type": "password"}, 70003),
    ({"grant_type": 7}, 70003),
    ({"request_nonce": ""}, 50013),
    ({"request_nonce": "AAAA.AAAA"}, 50013),
    ({"request_nonce": None}, 50013),
]


async def test_a_request_that_is_not_as_it_should_be_is_refused(town: Town, laptop: Laptop) -> None:
    for change, number in WRONG:
        refused(await device_token(town, laptop, **change), number)


NONSENSE = ["nonsense", "a.b.c", "..", "e30.e30.", "W10.W10.W10", "é.é.é"]


async def test_what_is_no_signed_request_is_refused(town: Town) -> None:
    for request_ in NONSENSE:
        refused(await town.ask_signed(request_), 50013)


async def test_without_a_request_the_grant_is_not_known(town: Town) -> None:
    refused(await town.token(grant_type=JWT_BEARER, assertion="a.b.c"), 70003)


async def test_only_the_certificates_own_key_signs(
    town: Town, laptop: Laptop, other_key: RSAPrivateKey
) -> None:
    refused(await device_token(town, laptop, key=other_key), 50099)
    signed = laptop.signed(grant_type="device_token", request_nonce=await town.nonce())
    header, _, signature = signed.split(".")
    _, payload, _ = laptop.signed(grant_type="device_token", request_nonce="x").split(".")
    refused(await town.ask_signed(f"{header}.{payload}.{signature}"), 50099)


async def test_only_a_certificate_on_record_counts(
    town: Town, laptop: Laptop, device_key: RSAPrivateKey, other_key: RSAPrivateKey
) -> None:
    stranger = await town.laptop(other_key, "STRANGER")
    change = town.signin.db.write
    await change(revoke_device_credentials, town.contoso.id, stranger.device.id)
    refused(await device_token(town, stranger), 50155)

    await change(update_device, town.contoso.id, laptop.device.id, enabled=False)
    refused(await device_token(town, laptop), 50155)
    await change(update_device, town.contoso.id, laptop.device.id, enabled=True)
    assert (await device_token(town, laptop)).status_code == 200

    forged = Laptop(laptop.device, other_key, stranger.certificate)
    refused(await device_token(town, forged), 50155)


async def test_a_device_asks_its_own_tenant(town: Town, laptop: Laptop) -> None:
    refused(await device_token(town, laptop, f"/{town.fabrikam.uuid}/oauth2/token"), 700005)
    refused(await device_token(town, laptop, "/nowhere.example/oauth2/token"), 90002)


# --- nonces -------------------------------------------------------------------------------------------------


async def test_a_nonce_is_of_no_tenant_and_good_once(town: Town, laptop: Laptop) -> None:
    nonce = await town.nonce("645064ee-9b6e-43db-9d46-fe81a65cfdea")
    assert (await device_token(town, laptop, request_nonce=nonce)).status_code == 200
    refused(await device_token(town, laptop, request_nonce=nonce), 50013)


async def test_a_nonce_is_good_for_five_minutes(town: Town, laptop: Laptop) -> None:
    early, late = await town.nonce(), await town.nonce()
    town.clock.pass_silently(LIFETIME - timedelta(seconds=1))
    assert (await device_token(town, laptop, request_nonce=early)).status_code == 200
    town.clock.pass_silently(timedelta(seconds=1))
    refused(await device_token(town, laptop, request_nonce=late), 50013)
    refused(await device_token(town, laptop, request_nonce=early), 50013)


async def test_a_wrong_signature_does_not_use_the_nonce_up(
    town: Town, laptop: Laptop, other_key: RSAPrivateKey
) -> None:
    nonce = await town.nonce()
    refused(await device_token(town, laptop, request_nonce=nonce, key=other_key), 50099)
    assert (await device_token(town, laptop, request_nonce=nonce)).status_code == 200


async def test_asking_for_nonces_writes_nothing(town: Town) -> None:
    before = town.signin.db.stats.write_units
    nonces = [await town.nonce() for _ in range(3)]
    assert len(set(nonces)) == 3
    assert town.signin.db.stats.write_units == before


# --- a user on a device -------------------------------------------------------------------------------------


async def signed_refresh(town: Town, laptop: Laptop, token: str, **changes: Any) -> httpx2.Response:
    payload = {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "request_nonce": await town.nonce(),
        **changes,
    }
    return await town.ask_signed(laptop.signed(**payload))


async def test_a_signed_refresh_gives_tokens_with_user_and_device(town: Town, laptop: Laptop) -> None:
    held = (await town.tokens(resource=DRS))["refresh_token"]
    document = (await signed_refresh(town, laptop, held)).json()
    claims = town.signin.signer.verify_access(document["access_token"], now=town.clock.now(), audiences=[MDM])
    assert (claims.user_id, claims.upn) == (town.ann.uuid, "ann@contoso.example")
    assert claims.device_id == laptop.device.device_id
    assert claims.amr == ("pwd", "rsa")
    again = await signed_refresh(town, laptop, document["refresh_token"])
    assert claims_of(again.json()["access_token"])["deviceid"] == str(laptop.device.device_id)


async def test_scope_may_name_the_resource(town: Town, laptop: Laptop) -> None:
    held = (await town.tokens())["refresh_token"]
    answer = await signed_refresh(town, laptop, held, resource="", scope=f"openid {MDM}.default")
    assert claims_of(answer.json()["access_token"])["aud"] == MDM


async def test_rotation_is_as_safe_when_signed(town: Town, laptop: Laptop) -> None:
    held = (await town.tokens())["refresh_token"]
    for _ in range(3):  # answers that were lost
        assert (await signed_refresh(town, laptop, held)).status_code == 200
    successor = (await signed_refresh(town, laptop, held)).json()["refresh_token"]
    assert (await signed_refresh(town, laptop, successor)).status_code == 200
    refused(await signed_refresh(town, laptop, held), 50173)
    refused(await signed_refresh(town, laptop, successor), 50173)


async def test_a_grant_belongs_to_the_device_that_first_signed_for_it(
    town: Town, laptop: Laptop, other_key: RSAPrivateKey
) -> None:
    neighbour = await town.laptop(other_key, "NEIGHBOUR")
    held = (await town.tokens())["refresh_token"]
    held = (await signed_refresh(town, laptop, held)).json()["refresh_token"]
    refused(await signed_refresh(town, neighbour, held), 50155)
    held = (await signed_refresh(town, laptop, held)).json()["refresh_token"]
    unsigned = await town.refresh(held)
    assert "deviceid" not in claims_of(unsigned.json()["access_token"])
    held = unsigned.json()["refresh_token"]
    await town.signin.db.write(update_device, town.contoso.id, laptop.device.id, enabled=False)
    refused(await signed_refresh(town, laptop, held), 50155)
    refused(await town.refresh(held), 50155)


async def test_a_device_of_another_tenant_signs_for_nobody_here(town: Town, other_key: RSAPrivateKey) -> None:
    foreign = await town.laptop(other_key, "FOREIGN", town.fabrikam)
    held = (await town.tokens())["refresh_token"]
    signed = foreign.signed(grant_type="refresh_token", refresh_token=held, request_nonce=await town.nonce())
    refused(await town.ask_signed(signed, "/common/oauth2/token"), 700005)


WRONG_TOKENS = [({"refresh_token": "unknown"}, 70000), ({"client_id": CLI}, 70000)]


async def test_a_signature_does_not_mend_a_wrong_token(town: Town, laptop: Laptop) -> None:
    held = (await town.tokens())["refresh_token"]
    for change, number in WRONG_TOKENS:
        refused(await signed_refresh(town, laptop, held, **change), number)


async def test_a_certificate_without_an_rsa_key_signs_nothing(town: Town, laptop: Laptop) -> None:
    key: Any = ec.generate_private_key(ec.SECP256R1())
    odd = await town.laptop(key, "ODD")
    odd.key = laptop.key
    refused(await device_token(town, odd), 50013)
