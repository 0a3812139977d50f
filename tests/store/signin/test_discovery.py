"""What clients read before anybody signs in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.signin.world import Town
from tests.support.http import HOST

pytestmark = pytest.mark.anyio

URL = f"https://{HOST}"


async def document(town: Town, path: str, **parameters: str) -> dict[str, Any]:
    answer = await town.http.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def test_endpoints_are_named_by_our_url_and_the_tenants_id(town: Town) -> None:
    tenant = town.contoso.uuid
    for name in (str(tenant), "contoso.example", "CONTOSO.example"):
        new = await document(town, f"/{name}/v2.0/.well-known/openid-configuration")
        old = await document(town, f"/{name}/.well-known/OpenID-Configuration")
        assert new["issuer"] == f"{URL}/{tenant}/v2.0"
        assert new["authorization_endpoint"] == f"{URL}/{tenant}/oauth2/v2.0/authorize"
        assert new["token_endpoint"] == f"{URL}/{tenant}/oauth2/v2.0/token"
        assert old["issuer"] == f"{URL}/{tenant}/"
        assert old["token_endpoint"] == f"{URL}/{tenant}/oauth2/token"
        assert old["token_endpoint"].split("/")[3] == str(tenant), "pytune reads it there"


async def test_every_endpoint_that_is_named_is_served(town: Town) -> None:
    for path in ("/contoso.example/v2.0", "/contoso.example", "/common/v2.0", "/organizations"):
        said = await document(town, f"{path}/.well-known/openid-configuration")
        for name in ("authorization_endpoint", "end_session_endpoint", "jwks_uri"):
            answer = await town.http.get(said[name])
            assert answer.status_code != 404, said[name]
        nonce = await town.http.post(said["token_endpoint"], data={"grant_type": "srv_challenge"})
        assert nonce.status_code == 200


async def test_the_metadata_have_what_microsofts_clients_demand(town: Town) -> None:
    said = await document(town, "/common/v2.0/.well-known/openid-configuration")
    assert said["issuer"] == f"{URL}/{{tenantid}}/v2.0"
    assert said["code_challenge_methods_supported"] == ["S256"]
    required = {
        "frontchannel_logout_supported",
        "frontchannel_logout_session_supported",
        "microsoft_multi_refresh_token",
        "access_token_issuer",
        "capabilities",
        "cloud_instance_name",
        "tenant_region_scope",
    }
    assert required <= set(said)


async def test_an_unknown_tenant_has_no_metadata_and_no_keys(town: Town) -> None:
    for path in ("/nowhere.example/v2.0/.well-known/openid-configuration", "/nowhere.example/discovery/keys"):
        answer = await town.http.get(path)
        assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])


async def test_an_authority_is_confirmed_only_for_this_server(town: Town) -> None:
    asked = {"api-version": "1.1", "authorization_endpoint": f"{URL}/contoso.example/oauth2/v2.0/authorize"}
    said = await document(town, "/Common/Discovery/Instance", **asked)
    expected = f"{URL}/{town.contoso.uuid}/v2.0/.well-known/openid-configuration"
    assert said["tenant_discovery_endpoint"] == expected
    assert said["metadata"][0]["aliases"] == [HOST]
    common = {**asked, "authorization_endpoint": f"{URL}/common/oauth2/v2.0/authorize"}
    said = await document(town, "/common/discovery/instance", **common)
    assert said["tenant_discovery_endpoint"] == f"{URL}/common/v2.0/.well-known/openid-configuration"
    for foreign in ("https://evil.example/common/oauth2/authorize", "", "https://server.test@evil.example/"):
        answer = await town.http.get(
            "/common/discovery/instance", params={**asked, "authorization_endpoint": foreign}
        )
        assert (answer.status_code, answer.json()["error_codes"]) == (400, [50049])


async def test_a_realm_tells_of_the_domain_and_nothing_of_the_user(town: Town) -> None:
    known = await document(town, "/common/UserRealm/ann@contoso.example", **{"api-version": "1.0"})
    nobody = await document(town, "/common/userrealm/nobody@CONTOSO.example", **{"api-version": "2.1"})
    asked = await document(town, "/common/userrealm", user="ann@contoso.example")
    foreign = await document(town, "/common/userrealm/ann@nowhere.example")
    assert known["account_type"] == known["NameSpaceType"] == "Managed"
    assert known["domain_name"] == known["DomainName"] == "contoso.example"
    assert known["FederationBrandName"] == "Contoso"
    assert {**nobody, "Login": ""} == {**known, "Login": ""}
    assert asked == known
    assert foreign["account_type"] == foreign["NameSpaceType"] == "Unknown"
    for odd in ("ann", "@", "a%00b@contoso.example", "x" * 3000):
        assert (await document(town, f"/common/userrealm/{odd}"))["NameSpaceType"] == "Unknown"


async def test_a_credential_type_tells_of_the_domain_and_nothing_of_the_user(town: Town) -> None:
    async def kind(name: str) -> dict[str, Any]:
        question = {"username": name, "isOtherIdpSupported": True, "flowToken": "x"}
        answer = await town.http.post("/common/GetCredentialType?mkt=en-US", json=question)
        said: dict[str, Any] = answer.json()
        return {**said, "Username": "", "Display": ""}

    known, nobody = await kind("ann@contoso.example"), await kind("nobody@contoso.example")
    disabled, foreign = await kind("bob@contoso.example"), await kind("ann@nowhere.example")
    assert known == nobody == disabled
    assert (known["IfExistsResult"], foreign["IfExistsResult"]) == (0, 1)
    assert known["Credentials"]["HasPassword"] is True
