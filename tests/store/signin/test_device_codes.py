"""A program without a browser gets its codes, polls, and is told what its user did (RFC 8628)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from reseal.directory.users import update_user
from reseal.kernel.db import Tx
from reseal.signin.device_code_endpoint import MOST, WINDOW
from reseal.signin.device_codes import (
    INTERVAL,
    KEPT,
    LENGTH,
    LETTERS,
    LIFETIME,
    SLOWER_BY,
    Waiting,
    approve,
    code_text,
    decline,
    find_waiting,
    typed_code,
)
from reseal.signin.sessions import Session
from tests.store.signin.world import BROKER, CLI, DRS, Town, claims_of

pytestmark = pytest.mark.anyio

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
CONSOLE = "5ea1ed0c-7a3e-4b58-9d27-c0115e0e1b0a"
GRAPH = "https://graph.microsoft.com"


async def asked(town: Town, path: str = "/oauth2/v2.0/devicecode", **changes: str) -> dict[str, Any]:
    """The answer to a program that asks for its codes."""
    form = {"client_id": CLI, "scope": f"{GRAPH}/.default offline_access openid profile", **changes}
    tenant = form.pop("tenant", "common")
    answer = await town.http.post(f"/{tenant}{path}", data=form)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def polled(town: Town, codes: dict[str, Any], path: str = "", **changes: str) -> httpx2.Response:
    """What the program is told that asks how things stand."""
    form = {"client_id": CLI, "grant_type": GRANT, "device_code": codes["device_code"], **changes}
    return await town.http.post(path or "/common/oauth2/v2.0/token", data=form)


async def told(town: Town, codes: dict[str, Any], path: str = "", **changes: str) -> str:
    """The error of a poll; empty if it gave tokens."""
    answer = await polled(town, codes, path, **changes)
    return "" if answer.status_code == 200 else str(answer.json()["error"])


async def waiting(town: Town, codes: dict[str, Any]) -> Waiting | None:
    typed = typed_code(codes["user_code"])
    return await town.signin.db.read(find_waiting, town.signin.signer.seals, typed)


async def answered(town: Town, codes: dict[str, Any], *, yes: bool = True) -> bool:
    """Ann's answer."""
    found = await waiting(town, codes)
    assert found is not None

    def unit(tx: Tx) -> bool:
        session = Session(town.contoso.id, town.ann, tx.now)
        return approve(tx, found, session, ("pwd",)) if yes else decline(tx, found, session)

    return await town.signin.db.write(unit)


async def test_codes_come_with_where_to_type_them_and_how_often_to_ask(town: Town) -> None:
    codes = await asked(town)
    assert codes["verification_uri"] == "https://server.test/devicelogin"
    assert "verification_uri_complete" not in codes, "a link that fills the code in is made for phishing"
    assert (codes["expires_in"], codes["interval"]) == (900, 5)
    assert codes["user_code"] in codes["message"]
    assert codes["verification_uri"] in codes["message"]
    assert len(codes["device_code"]) >= 40
    assert set(codes["user_code"]) <= {*LETTERS, "-"}
    old = await asked(town, "/OAuth2/DeviceCode", resource=GRAPH)
    assert old["verification_url"] == "https://server.test/devicelogin"
    assert (old["expires_in"], old["interval"]) == ("900", "5")
    assert old["user_code"] != codes["user_code"]


async def test_discovery_names_the_endpoint_and_the_grant(town: Town) -> None:
    document = (await town.http.get("/contoso.example/v2.0/.well-known/openid-configuration")).json()
    where = f"https://server.test/{town.contoso.uuid}/oauth2/v2.0/devicecode"
    assert document["device_authorization_endpoint"] == where
    assert GRANT in document["grant_types_supported"]


async def test_it_waits_then_gets_tokens_once(town: Town) -> None:
    codes = await asked(town)
    for _ in range(3):
        assert await told(town, codes) == "authorization_pending"
        town.clock.pass_silently(INTERVAL)
    assert await answered(town, codes)
    answer = await polled(town, codes, client_info="1")
    tokens = answer.json()
    claims = claims_of(tokens["access_token"])
    assert (claims["aud"], claims["oid"], claims["amr"]) == (GRAPH, str(town.ann.uuid), ["pwd"])
    assert "client_info" in tokens
    assert await told(town, codes) == "invalid_grant"
    renewed = await town.refresh(tokens["refresh_token"], client_id=CLI)
    assert renewed.status_code == 200
    (event,) = await town.events("user.signed_in")
    assert event.payload is not None
    assert (event.payload["method"], event.payload["client"]) == ("device_code", "Microsoft Azure CLI")


async def test_v1_sends_the_code_by_its_own_name(town: Town) -> None:
    codes = await asked(town, "/oauth2/devicecode", client_id=BROKER, resource=DRS)
    assert await answered(town, codes)
    form = {"client_id": BROKER, "grant_type": "device_code", "code": codes["device_code"]}
    answer = await town.http.post("/common/oauth2/token", data=form)
    assert claims_of(answer.json()["access_token"])["aud"] == DRS
    assert isinstance(answer.json()["expires_in"], str)


async def test_who_does_not_wait_is_told_to_and_has_to_wait_longer(town: Town) -> None:
    codes = await asked(town)
    assert await told(town, codes) == "authorization_pending"
    town.clock.pass_silently(INTERVAL / 2)
    hasty = await polled(town, codes)
    assert hasty.json()["error"] == "slow_down"
    assert "10 seconds" in hasty.json()["error_description"]
    town.clock.pass_silently(INTERVAL)
    assert await told(town, codes) == "slow_down", "the interval has grown"
    town.clock.pass_silently(INTERVAL + 2 * SLOWER_BY)
    assert await told(town, codes) == "authorization_pending"
    assert await answered(town, codes)
    assert await told(town, codes) == "", "there is no need to wait for what is there"


async def test_a_refusal_and_the_end_of_the_code_are_told(town: Town) -> None:
    codes = await asked(town)
    assert await answered(town, codes, yes=False)
    assert await told(town, codes) == "authorization_declined"
    (event,) = await town.events("user.device_code_declined")
    assert event.subject.id == town.ann.uuid

    late = await asked(town)
    town.clock.pass_silently(LIFETIME)
    assert await waiting(town, late) is None
    assert await told(town, late) == "expired_token"
    assert await told(town, late, "/common/oauth2/token") == "code_expired"
    town.clock.pass_silently(KEPT)
    await asked(town)
    assert await told(town, late) == "invalid_grant", "forgotten"


async def test_only_the_first_answer_counts(town: Town) -> None:
    codes = await asked(town)
    found = await waiting(town, codes)
    assert found is not None
    assert await answered(town, codes)

    def no(tx: Tx) -> bool:
        return decline(tx, found, Session(town.contoso.id, town.ann, tx.now))

    assert not await town.signin.db.write(no)
    assert await told(town, codes) == ""


async def test_a_request_at_a_tenants_endpoint_is_for_its_users_alone(town: Town) -> None:
    codes = await asked(town, tenant="fabrikam.example")
    assert not await answered(town, codes)
    assert await told(town, codes) == "authorization_pending"
    open_to_all = await asked(town)
    assert await answered(town, open_to_all)
    assert await told(town, open_to_all, f"/{town.fabrikam.uuid}/oauth2/v2.0/token") == "invalid_grant"


async def test_who_is_disabled_meanwhile_gets_nothing(town: Town) -> None:
    codes = await asked(town)
    assert await answered(town, codes)
    await town.signin.db.write(update_user, town.contoso.id, town.ann.id, enabled=False)
    answer = await polled(town, codes)
    assert answer.json()["error_codes"] == [50057]


async def test_a_code_belongs_to_the_program_that_asked(town: Town) -> None:
    codes = await asked(town)
    assert await answered(town, codes)
    assert await told(town, codes, client_id=BROKER) == "invalid_grant"
    assert await told(town, {"device_code": "x" * 43}) == "invalid_grant"
    assert await told(town, {"device_code": codes["user_code"]}) == "invalid_grant"
    assert await told(town, codes) == ""


MISTAKES = [
    ({"client_id": ""}, "invalid_request", 900144),
    ({"client_id": "11111111-2222-3333-4444-555555555555"}, "unauthorized_client", 700016),
    ({"client_id": CONSOLE}, "unauthorized_client", 70001),
    ({"client_id": "38aa3b87-a06d-4817-b275-7a316988d93b"}, "unauthorized_client", 70001),
    ({"scope": "https://unknown.example/.default"}, "invalid_resource", 500011),
]


async def test_mistakes_are_told_in_the_words_of_oauth(town: Town) -> None:
    for change, error, number in MISTAKES:
        form = {"client_id": CLI, **change}
        answer = await town.http.post("/common/oauth2/v2.0/devicecode", data=form)
        assert answer.status_code == 400
        assert (answer.json()["error"], answer.json()["error_codes"]) == (error, [number])
    nowhere = await town.http.post("/nowhere.example/oauth2/v2.0/devicecode", data={"client_id": CLI})
    assert nowhere.json()["error_codes"] == [90002]
    nothing = await town.http.post("/common/oauth2/v2.0/token", data={"client_id": CLI, "grant_type": GRANT})
    assert nothing.json()["error_codes"] == [900144]


async def test_an_address_gets_so_many_codes_a_minute(town: Town) -> None:
    for _ in range(MOST):
        await asked(town)
    refused = await town.http.post("/common/oauth2/v2.0/devicecode", data={"client_id": CLI})
    assert refused.status_code == 429
    assert refused.json()["error"] == "temporarily_unavailable"
    town.clock.pass_silently(WINDOW + timedelta(seconds=1))
    await asked(town)


def test_a_code_is_read_as_people_type_it() -> None:
    assert LENGTH == 8
    assert code_text("BCDFGHJK") == "BCDF-GHJK"
    for typed in ("BCDF-GHJK", "bcdfghjk", " bcdf ghjk ", "b.c.d.f/g.h.j.k"):
        assert typed_code(typed) == "BCDFGHJK"
    for typed in ("", "BCDF", "BCDFGHJKL", "ACDFGHJK", "BCDF-GHJ0", "ßCDFGHJK", "ＢＣＤＦ-GHJK"):
        assert typed_code(typed) == ""
