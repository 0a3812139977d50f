"""Clients prove themselves and get tokens; nothing else does."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from starlette.responses import Response

from reseal.directory.tenants import create_tenant
from reseal.kernel.db import Database
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.ids import TenantKey
from reseal.kernel.keys import OpenSslKeys
from reseal.kernel.secretbox import SecretBox
from reseal.signin.clients import create_client
from reseal.signin.lockout import FIRST_LOCK
from reseal.signin.routes import SignIn
from reseal.signin.tables import client as client_table
from reseal.signin.tokens import LIFETIME, load_signer
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.routes import Listener, Route, application
from tests.support.clock import ManualClock
from tests.support.http import HOST, client_of

pytestmark = pytest.mark.anyio

SECRET = "a secret that nobody guesses"
URL = f"https://{HOST}"


class World:
    """A tenant with a client, and the endpoints in memory."""

    def __init__(self, database: Database, clock: ManualClock, http: httpx2.AsyncClient) -> None:
        self.database = database
        self.clock = clock
        self.http = http
        self.tenant = TenantKey(0)
        self.tenant_id = UUID(int=0)
        self.client_id = UUID(int=0)

    async def ask(self, **form: str) -> httpx2.Response:
        """A request for a token, by default as it should be."""
        usual = {
            "grant_type": "client_credentials",
            "client_id": str(self.client_id),
            "client_secret": SECRET,
        }
        return await self.http.post(f"/{self.tenant_id}/oauth2/v2.0/token", data={**usual, **form})

    async def token(self) -> str:
        answer = await self.ask()
        return str(answer.json()["access_token"])

    async def whoami(self, token: str) -> httpx2.Response:
        return await self.http.get("/whoami", headers={"Authorization": f"Bearer {token}"})


async def _whoami(call: Call) -> Response:
    return Json({"name": call.caller.name, "permissions": sorted(call.caller.permissions)})


@pytest.fixture
async def world(signin: SignIn, clock: ManualClock) -> AsyncIterator[World]:
    database, entropy = signin.db, signin.entropy
    own = Route("GET", "/whoami", _whoami, "Group.Read.All", 0, Listener.BROWSER)
    app = application(
        (*signin.routes(), own),
        listener=Listener.BROWSER,
        hosts=lambda: frozenset({HOST}),
        authenticate=signin.authenticate,
        entropy=entropy,
    )
    async with client_of(app) as http:
        world = World(database, clock, http)
        tenant = await database.write(create_tenant, "Contoso", "contoso.example")
        client = await database.write(
            create_client,
            tenant.id,
            name="Script",
            secret_hash=signin.passwords.hash(SECRET, entropy),
            permissions=["Group.ReadWrite.All"],
        )
        world.tenant, world.tenant_id, world.client_id = tenant.id, tenant.uuid, client.id
        yield world


async def test_a_client_gets_a_token_that_says_who_it_is(world: World) -> None:
    answer = await world.ask()
    assert answer.status_code == 200
    document = answer.json()
    assert (document["token_type"], document["expires_in"]) == ("Bearer", LIFETIME.total_seconds())
    keys = (await world.http.get(f"/{world.tenant_id}/discovery/v2.0/keys")).json()
    assert all("d" not in key for key in keys["keys"]), "no private part is published"
    claims = jwt.decode(document["access_token"], KeySet.import_key_set(keys), algorithms=["RS256"]).claims
    assert claims["tid"] == str(world.tenant_id)
    assert claims["appid"] == str(world.client_id)
    assert claims["iss"] == f"{URL}/{world.tenant_id}/v2.0"
    assert claims["roles"] == ["Group.ReadWrite.All"]


async def test_the_token_opens_what_its_permissions_imply(world: World) -> None:
    answer = await world.whoami(await world.token())
    assert answer.status_code == 200
    assert answer.json()["name"] == "Script"
    assert "GroupMember.Read.All" in answer.json()["permissions"]


async def test_the_tenant_may_be_named_by_domain_and_endpoints_answer_with_its_id(world: World) -> None:
    metadata = (await world.http.get("/contoso.example/v2.0/.well-known/openid-configuration")).json()
    assert metadata["token_endpoint"] == f"{URL}/{world.tenant_id}/oauth2/v2.0/token"
    form = {"grant_type": "client_credentials", "client_id": str(world.client_id), "client_secret": SECRET}
    answer = await world.http.post("/contoso.example/oauth2/token", data=form)
    assert answer.status_code == 200


async def test_id_and_secret_may_come_in_the_authorization_header(world: World) -> None:
    proof = base64.b64encode(f"{world.client_id}:{SECRET}".encode()).decode()
    answer = await world.http.post(
        f"/{world.tenant_id}/oauth2/v2.0/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {proof}"},
    )
    assert answer.status_code == 200


async def test_an_unknown_client_and_a_wrong_secret_get_the_same_answer(world: World) -> None:
    wrong = await world.ask(client_secret="wrong")
    unknown = await world.ask(client_id=str(UUID(int=99)))
    nonsense = await world.ask(client_id="nobody")
    assert wrong.status_code == unknown.status_code == nonsense.status_code == 401
    said = [
        {name: value for name, value in answer.json().items() if name not in {"trace_id", "correlation_id"}}
        for answer in (wrong, unknown, nonsense)
    ]
    assert said[0] == said[1] == said[2]
    assert wrong.json()["error"] == "invalid_client"
    assert "7000215" in wrong.json()["error_description"]


async def test_a_client_of_another_tenant_is_unknown_here(world: World) -> None:
    other = await world.database.write(create_tenant, "Fabrikam", "fabrikam.example")
    form = {"grant_type": "client_credentials", "client_id": str(world.client_id), "client_secret": SECRET}
    answer = await world.http.post(f"/{other.uuid}/oauth2/v2.0/token", data=form)
    assert answer.status_code == 401


async def test_an_unknown_tenant_and_an_unknown_grant_are_named(world: World) -> None:
    tenant = await world.http.post(
        "/nowhere.example/oauth2/v2.0/token", data={"grant_type": "client_credentials"}
    )
    grant = await world.ask(grant_type="password")
    assert (tenant.status_code, tenant.json()["error_codes"]) == (400, [90002])
    assert (grant.status_code, grant.json()["error"]) == (400, "unsupported_grant_type")


async def test_ten_wrong_secrets_lock_the_client_for_a_while_even_for_the_right_one(world: World) -> None:
    for _ in range(10):
        assert (await world.ask(client_secret="wrong")).status_code == 401
    locked = await world.ask()
    assert locked.status_code == 429
    assert "60 seconds" in locked.json()["error_description"]
    world.clock.pass_silently(FIRST_LOCK)
    assert (await world.ask()).status_code == 200


async def test_a_token_ends_after_its_lifetime(world: World) -> None:
    token = await world.token()
    world.clock.pass_silently(LIFETIME - timedelta(seconds=2))
    assert (await world.whoami(token)).status_code == 200
    world.clock.pass_silently(timedelta(seconds=2))
    refused = await world.whoami(token)
    assert refused.status_code == 401
    assert "expired" in refused.json()["error"]["message"]


async def test_a_changed_token_and_a_token_of_another_key_are_refused(world: World) -> None:
    token = await world.token()
    head, body, signature = token.split(".")
    flipped = ("A" if signature[10] != "A" else "B").join([signature[:10], signature[11:]])
    refused = await world.whoami(f"{head}.{body}.{flipped}")
    none = jwt.encode(
        {"alg": "HS256"}, {"roles": ["Group.Read.All"]}, KeySet.generate_key_set("oct", 256).keys[0]
    )
    assert refused.status_code == 401
    assert (await world.whoami(none)).status_code == 401
    assert (await world.whoami("")).status_code == 401


async def test_a_token_of_a_deleted_client_opens_nothing(world: World) -> None:
    token = await world.token()
    await world.database.write(lambda tx: tx.execute(client_table.delete()))
    refused = await world.whoami(token)
    assert refused.status_code == 401
    assert "does not exist any more" in refused.json()["error"]["message"]


async def test_the_signing_key_is_kept_and_cannot_be_read_without_its_box(world: World) -> None:
    signer = await world.database.write(load_signer, SecretBox([b"k" * 32], SeededEntropy(1)), OpenSslKeys())
    token = await world.token()
    assert signer.verify(token, now=world.clock.now()).client_id == world.client_id
    with pytest.raises(Exception, match="needs an encryption key"):
        await world.database.write(load_signer, SecretBox([b"x" * 32], SeededEntropy(1)), OpenSslKeys())
