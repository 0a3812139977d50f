"""Tokens of a whole server over TLS: its endpoints lead to each other, time passes, secrets are guessed.

What the token endpoint answers in each single case is tested in tests/store/signin.
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest

from tests.support.client import Answer
from tests.system.conftest import House
from tests.system.organisations import Organisation


async def _ask(
    house: House, of: Organisation, secret: str | None = None, tenant: str | None = None
) -> Answer:
    client = of.credentials["client"]
    return await house.browser.ask_token(
        tenant or of.credentials["tenant_id"], client["id"], secret or client["secret"]
    )


async def test_the_discovery_document_leads_to_endpoints_that_answer(house: House) -> None:
    tenant = house.contoso.credentials["tenant_id"]
    found = (await house.browser("GET", f"/{tenant}/v2.0/.well-known/openid-configuration")).json

    keys = await house.browser("GET", found["jwks_uri"].removeprefix(house.browser.url))
    token = (await _ask(house, house.contoso)).json["access_token"]

    header, payload = (json.loads(_unpadded(part)) for part in token.split(".")[:2])
    assert header["kid"] in {key["kid"] for key in keys.json["keys"]}
    assert payload["iss"] == found["issuer"]
    assert found["token_endpoint"] == f"{house.browser.url}/{tenant}/oauth2/v2.0/token"
    assert not {"d", "p", "q"} & keys.json["keys"][0].keys()


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_client_may_show_its_secret_in_the_authorization_header(house: House) -> None:
    client = house.contoso.credentials["client"]
    basic = base64.b64encode(f"{client['id']}:{client['secret']}".encode()).decode()

    answer = await house.device(
        "POST",
        f"/{house.contoso.credentials['tenant_id']}/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {basic}"},
    )

    assert answer.status == 200


async def test_a_client_of_another_tenant_gets_the_answer_of_an_unknown_one(house: House) -> None:
    stranger = await _ask(house, house.fabrikam, tenant=house.contoso.credentials["tenant_id"])
    wrong = await _ask(house, house.contoso, secret="wrong")
    nobody = await house.browser.ask_token(
        house.contoso.credentials["tenant_id"], "00000000-0000-4000-8000-000000000000", "wrong"
    )

    assert {answer.status for answer in (stranger, wrong, nobody)} == {401}
    own = {"timestamp", "trace_id", "correlation_id"}  # what finds the one request in the log
    told = [
        {name: one for name, one in answer.json.items() if name not in own} for answer in (stranger, wrong)
    ]
    assert told[0] == told[1] == {name: one for name, one in nobody.json.items() if name not in own}
    assert stranger.json["error"] == "invalid_client"
    assert stranger.json["error_codes"] == [7000215]


# --- tokens that are not good -------------------------------------------------------------------------------


async def _use(house: House, token: str) -> Answer:
    return await house.browser.holding(token).api("GET", "/tenant")


async def _good(house: House) -> str:
    token: str = (await _ask(house, house.contoso)).json["access_token"]
    return token


async def test_a_good_token_opens_the_api_of_its_tenant(house: House) -> None:
    assert (await _use(house, await _good(house))).json["id"] == house.contoso.credentials["tenant_id"]


def _replaced(token: str, part: int, **changes: object) -> str:
    parts = token.split(".")
    document = json.loads(_unpadded(parts[part])) | changes
    parts[part] = base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")
    return ".".join(parts)


async def test_a_token_that_was_altered_is_refused(house: House) -> None:
    good = await _good(house)
    altered = [
        _replaced(good, 1, tid=house.fabrikam.credentials["tenant_id"]),
        _replaced(good, 0, alg="none"),
        _replaced(good, 0, alg="none").rpartition(".")[0] + ".",
        _replaced(good, 0, alg="HS256"),
        _replaced(good, 0, kid="another"),
        good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
        "nonsense",
        "a.b.c",
    ]
    for token in altered:
        answer = await _use(house, token)
        assert (answer.status, answer.error["code"]) == (401, "InvalidAuthenticationToken"), token
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Negotiate"])
async def test_no_token_is_said_to_be_missing(house: House, header: str) -> None:
    answer = await house.browser.api("GET", "/tenant", headers={"Authorization": header})

    assert (answer.status, answer.error["code"]) == (401, "InvalidAuthenticationToken")
    assert "token" in answer.error["remedy"]


async def test_a_token_expires(house: House) -> None:
    token = await _good(house)
    lifetime = timedelta(seconds=(await _ask(house, house.contoso)).json["expires_in"])

    house.clock.put_forward(lifetime - timedelta(minutes=1))
    shortly_before = await _use(house, token)
    house.clock.put_forward(timedelta(minutes=2))
    after = await _use(house, token)

    assert shortly_before.status == 200
    assert (after.status, after.error["code"]) == (401, "InvalidAuthenticationToken")
    assert "expired" in after.error["message"]
    assert (await _use(house, await _good(house))).status == 200


# --- guessing -----------------------------------------------------------------------------------------------


async def test_ten_wrong_secrets_lock_the_client_for_a_while(house: House) -> None:
    assert (await _ask(house, house.fabrikam)).status == 200
    guesses = [await _ask(house, house.fabrikam, secret=f"guess {number}") for number in range(10)]
    locked = await _ask(house, house.fabrikam)
    other = await _ask(house, house.contoso)
    house.clock.put_forward(timedelta(minutes=2))
    later = await _ask(house, house.fabrikam)

    assert {answer.status for answer in guesses} == {401}
    assert (locked.status, locked.json["error_codes"]) == (429, [50053])
    assert "seconds" in locked.json["error_description"]
    assert other.status == 200
    assert later.status == 200


async def test_the_right_secret_forgives_nine_wrong_ones(house: House) -> None:
    for _ in range(2):
        for number in range(9):
            await _ask(house, house.contoso, secret=f"guess {number}")
        assert (await _ask(house, house.contoso)).status == 200
