"""Codes and refresh tokens: what they are good for, how often, and for whom."""

from __future__ import annotations

import base64
import json
import random
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import KeySet

from reseal.directory.joining import set_mdm_scope
from reseal.directory.model_settings import MdmScope
from reseal.directory.users import delete_user, set_password_hash, update_user
from reseal.kernel.deadlines import Ticker
from reseal.signin import tables
from reseal.signin.grants import CODE_LIFETIME, REFRESH_LIFETIME, REPETITION
from reseal.signin.tidying import HANDLERS
from reseal.signin.tokens import MDM_AUDIENCES
from tests.store.signin.world import CLI, DRS, MDM, Town, claims_of

pytestmark = pytest.mark.anyio

GRAPH = "https://graph.microsoft.com"


def refused(answer: httpx2.Response, number: int) -> None:
    """The answer is an error with that number, in Microsoft's shape."""
    document = answer.json()
    assert (answer.status_code, document["error_codes"]) == (400, [number]), document
    assert document["error_description"].startswith(f"AADSTS{number}: ")
    assert {"error", "timestamp", "trace_id", "correlation_id", "error_uri"} <= set(document)


# --- what they say ------------------------------------------------------------------------------------------


async def test_a_code_gives_tokens_that_say_who_signed_in(town: Town) -> None:
    document = await town.tokens()
    access = claims_of(document["access_token"])
    assert access["aud"] == DRS
    assert access["upn"] == "ann@contoso.example"
    assert access["oid"] == str(town.ann.uuid)
    assert access["tid"] == str(town.contoso.uuid)
    assert access["amr"] == ["pwd"]
    assert "deviceid" not in access, "nothing proved that a device holds its key"
    identity = claims_of(document["id_token"])
    assert identity["nonce"] == "nonce of the client"
    assert identity["name"] == "Ann Öztürk"
    keys = (await town.http.get("/common/discovery/keys")).json()
    verified = jwt.decode(document["id_token"], KeySet.import_key_set(keys), algorithms=["RS256"])
    assert verified.claims["iss"] == f"https://server.test/{town.contoso.uuid}/v2.0"


async def test_an_mdm_token_carries_mdms_scope_and_is_accepted_there(town: Town) -> None:
    for asked in ({"resource": MDM}, {"resource": "", "scope": f"openid {MDM}.default"}):
        token = (await town.tokens(**asked))["access_token"]
        signer = town.signin.signer
        claims = signer.verify_access(token, now=town.clock.now(), audiences=MDM_AUDIENCES)
        assert claims.scopes == ("mdm_delegation",)
        assert claims.user_id == town.ann.uuid


async def test_v1_writes_numbers_as_text_and_v2_as_numbers(town: Town) -> None:
    old = await town.redeem(await town.code(), path=f"/{town.contoso.uuid}/oauth2/token")
    new = await town.redeem(await town.code())
    v1, v2 = old.json(), new.json()
    seconds = ("expires_in", "ext_expires_in", "expires_on", "not_before")
    assert all(isinstance(v1[name], str) for name in seconds)
    assert int(v1["expires_on"]) - int(v1["not_before"]) == 3600
    assert v1["resource"] == DRS
    assert (v2["expires_in"], v2["ext_expires_in"]) == (3600, 3600)
    assert v2["scope"].startswith(f"{DRS}/user_impersonation")
    assert (claims_of(v1["access_token"])["ver"], claims_of(v2["access_token"])["ver"]) == ("1.0", "2.0")
    assert claims_of(v1["id_token"])["iss"] == f"https://server.test/{town.contoso.uuid}/"


async def test_client_info_is_there_if_it_was_asked_for(town: Town) -> None:
    plain = await town.redeem(await town.code())
    asked = await town.redeem(await town.code(), client_info="1")
    assert "client_info" not in plain.json()
    text = asked.json()["client_info"]
    told = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert told == {"uid": str(town.ann.uuid), "utid": str(town.contoso.uuid)}


async def test_the_id_token_leads_to_management_only_within_the_scope(town: Town) -> None:
    inside = claims_of((await town.tokens())["id_token"])
    assert inside["mdm_enrollment_url"] == "https://devices.server.test/EnrollmentServer/Discovery.svc"
    assert inside["mdm_terms_of_use_url"] == inside["mdm_tou_url"] == "https://server.test/TermsOfUse"
    assert inside["mdm_compliance_url"] == "https://server.test/compliance"
    await town.signin.db.write(set_mdm_scope, town.contoso.id, MdmScope.NONE)
    outside = claims_of((await town.tokens())["id_token"])
    assert not [name for name in outside if name.startswith("mdm")]


async def test_a_user_without_a_licence_is_led_there_and_refused_there(town: Town) -> None:
    await town.signin.db.write(update_user, town.contoso.id, town.ann.id, licensed=False)
    assert "mdm_enrollment_url" in claims_of((await town.tokens())["id_token"])


# --- codes --------------------------------------------------------------------------------------------------


async def test_a_code_is_good_once_and_a_later_use_ends_what_the_first_gave(town: Town) -> None:
    code = await town.code()
    first = (await town.redeem(code)).json()
    town.clock.pass_silently(REPETITION)
    refused(await town.redeem(code), 54005)
    refused(await town.refresh(first["refresh_token"]), 50173)
    (event,) = await town.events("user.sign_in_revoked")
    assert event.subject.id == town.ann.uuid


async def test_a_request_that_arrives_twice_gives_nothing_and_takes_nothing(town: Town) -> None:
    code = await town.code()
    first = (await town.redeem(code)).json()
    town.clock.pass_silently(REPETITION - timedelta(seconds=1))
    refused(await town.redeem(code), 54005)
    assert (await town.refresh(first["refresh_token"])).status_code == 200
    assert await town.events("user.sign_in_revoked") == []


async def test_who_has_the_code_alone_learns_and_ends_nothing(town: Town) -> None:
    code = await town.code()
    first = (await town.redeem(code)).json()
    town.clock.pass_silently(REPETITION)
    refused(await town.redeem(code, code_verifier="w" * 43), 501481)
    assert (await town.refresh(first["refresh_token"])).status_code == 200


async def test_a_code_ends_after_a_few_minutes(town: Town) -> None:
    code = await town.code()
    town.clock.pass_silently(CODE_LIFETIME)
    refused(await town.redeem(code), 70008)


NOT_FOR_THE_CODE = [
    ({"code": "unknown"}, 70000),
    ({"client_id": CLI}, 70000),
    ({"client_id": "11111111-2222-3333-4444-555555555555"}, 700016),
    ({"client_id": ""}, 900144),
    ({"redirect_uri": "ms-aadj-redir://auth/mdm"}, 500112),
    ({"redirect_uri": ""}, 900144),
    ({"code_verifier": "w" * 43}, 501481),
    ({"code_verifier": ""}, 900144),
    ({"resource": "https://unknown.example"}, 500011),
    ({"path": "/fabrikam.example/oauth2/token"}, 700005),
    ({"path": "/nowhere.example/oauth2/token"}, 90002),
]


async def test_a_code_is_bound_to_client_address_verifier_and_tenant(town: Town) -> None:
    code = await town.code()
    for change, number in NOT_FOR_THE_CODE:
        refused(await town.redeem(code, **change), number)
    assert (await town.redeem(code)).status_code == 200, "no mistake used it up"


async def test_a_code_of_a_user_disabled_since_is_refused(town: Town) -> None:
    code = await town.code()
    await town.signin.db.write(update_user, town.contoso.id, town.ann.id, enabled=False)
    refused(await town.redeem(code), 50057)


# --- refresh tokens -----------------------------------------------------------------------------------------


async def test_a_refresh_token_is_good_for_other_services_too(town: Town) -> None:
    first = await town.tokens()
    mdm = (await town.refresh(first["refresh_token"], resource=MDM)).json()
    graph = (await town.refresh(mdm["refresh_token"], scope=f"{GRAPH}/.default offline_access")).json()
    plain = (await town.refresh(graph["refresh_token"], scope="openid offline_access")).json()
    audiences = [claims_of(one["access_token"])["aud"] for one in (mdm, graph, plain)]
    assert audiences == [MDM, GRAPH, DRS], "without a service named, the one that was signed in to"
    refused(await town.refresh(plain["refresh_token"], resource="https://unknown.example"), 500011)


async def test_each_use_gives_another_one(town: Town) -> None:
    seen = [(await town.tokens())["refresh_token"]]
    for _ in range(5):
        seen.append((await town.refresh(seen[-1])).json()["refresh_token"])
    assert len(set(seen)) == len(seen)


async def test_a_lost_answer_loses_nothing(town: Town) -> None:
    held = (await town.tokens())["refresh_token"]
    lost = [(await town.refresh(held)).json()["refresh_token"] for _ in range(3)]
    again = (await town.refresh(held)).json()["refresh_token"]
    later = await town.refresh(again)
    assert later.status_code == 200
    assert len({held, *lost, again}) == 5
    assert await town.events("user.sign_in_revoked") == []


async def test_once_the_successor_was_used_the_predecessor_ends_the_family(town: Town) -> None:
    stolen = (await town.tokens())["refresh_token"]
    second = (await town.refresh(stolen)).json()["refresh_token"]
    third = (await town.refresh(second)).json()["refresh_token"]
    refused(await town.refresh(stolen), 50173)
    refused(await town.refresh(third), 50173)
    refused(await town.refresh(second), 50173)
    (event,) = await town.events("user.sign_in_revoked")
    assert event.payload is not None
    assert "shown again" in str(event.payload["because"])


async def test_of_two_successors_only_one_line_lives(town: Town) -> None:
    held = (await town.tokens())["refresh_token"]
    mine, thiefs = [(await town.refresh(held)).json()["refresh_token"] for _ in range(2)]
    kept = (await town.refresh(mine)).json()["refresh_token"]
    refused(await town.refresh(thiefs), 50173)
    refused(await town.refresh(kept), 50173)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_answers_are_lost_the_owner_goes_on_and_a_thief_is_found(
    town: Town, seed: int
) -> None:
    chance = random.Random(seed)
    held = (await town.tokens())["refresh_token"]
    put_away: list[str] = []
    for _ in range(25):
        answer = await town.refresh(held)
        assert answer.status_code == 200, "the owner has done nothing wrong"
        if chance.random() < 0.6:  # the answer arrived
            put_away.append(held)
            held = answer.json()["refresh_token"]
    await town.refresh(held)
    refused(await town.refresh(chance.choice(put_away)), 50173)
    refused(await town.refresh(held), 50173)


async def test_a_refresh_token_ends_if_it_is_not_used(town: Town) -> None:
    held = (await town.tokens())["refresh_token"]
    town.clock.pass_silently(REFRESH_LIFETIME - timedelta(seconds=1))
    held = (await town.refresh(held)).json()["refresh_token"]
    town.clock.pass_silently(REFRESH_LIFETIME)
    refused(await town.refresh(held), 700082)


async def test_it_ends_with_the_account_and_comes_back_with_it(town: Town) -> None:
    held = (await town.tokens())["refresh_token"]
    change = town.signin.db.write
    await change(update_user, town.contoso.id, town.ann.id, enabled=False)
    refused(await town.refresh(held), 50057)
    await change(update_user, town.contoso.id, town.ann.id, enabled=True)
    assert (await town.refresh(held)).status_code == 200


async def test_it_ends_with_the_password_and_with_the_user(town: Town) -> None:
    held, other = (await town.tokens())["refresh_token"], (await town.tokens())["refresh_token"]
    changed = town.signin.passwords.hash("Another-Word-7", town.signin.entropy)
    await town.signin.db.write(set_password_hash, town.contoso.id, town.ann.id, changed)
    refused(await town.refresh(held), 50173)
    await town.signin.db.write(delete_user, town.contoso.id, town.ann.id)
    refused(await town.refresh(other), 50173)


NOT_FOR_THE_TOKEN = [
    ({"refresh_token": "unknown"}, 70000),
    ({"refresh_token": ""}, 900144),
    ({"client_id": CLI}, 70000),
    ({"path": "/fabrikam.example/oauth2/v2.0/token"}, 700005),
    ({"grant_type": "password"}, 70003),
    ({"grant_type": ""}, 70003),
]


async def test_a_refresh_token_is_bound_to_client_and_tenant(town: Town) -> None:
    held = (await town.tokens())["refresh_token"]
    for change, number in NOT_FOR_THE_TOKEN:
        refused(await town.refresh(held, **change), number)
    assert (await town.refresh(held, path="/Common/OAuth2/Token")).status_code == 200


# --- what is stored -----------------------------------------------------------------------------------------


async def rows(town: Town, table: sa.Table) -> list[Any]:
    return list(await town.signin.db.read(lambda tx: tx.rows(sa.select(table).order_by(*table.primary_key))))


async def test_neither_codes_nor_tokens_nor_cookies_are_stored(town: Town) -> None:
    code = await town.code()
    document = (await town.redeem(code)).json()
    stored = [
        str(row)
        for table in (tables.code, tables.refresh_token, tables.grant, tables.session)
        for row in await rows(town, table)
    ]
    assert stored
    for secret in (code, document["refresh_token"], document["access_token"]):
        assert secret not in "".join(stored)
    every = await town.events("user.signed_in", "user.sign_in_refused")
    assert code not in str(every)


async def test_what_is_over_is_removed_within_the_hour(town: Town) -> None:
    kept = (await town.tokens())["refresh_token"]
    await town.code()
    ticker = Ticker(town.signin.db, town.clock, HANDLERS)
    town.clock.pass_silently(timedelta(hours=1))
    assert await ticker.drain() == 1
    assert (len(await rows(town, tables.code)), len(await rows(town, tables.grant))) == (0, 1)
    assert (await town.refresh(kept)).status_code == 200
    town.clock.pass_silently(REFRESH_LIFETIME)
    await ticker.drain()
    for table in (tables.grant, tables.refresh_token, tables.session):
        assert await rows(town, table) == []
    town.clock.pass_silently(timedelta(days=1))
    assert await ticker.drain() == 0, "and nobody looks again"
