"""What a token says is what its verifier hears, and one kind of token is not taken for another."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from reseal.kernel.errors import Unauthenticated
from reseal.signin.tokens import (
    DRS_AUDIENCES,
    HINT_LIFETIME,
    LIFETIME,
    MDM_AUDIENCES,
    AccessClaims,
    Claims,
    IdClaims,
    TokenSigner,
)
from tests.support.clock import START

TENANT, USER, DEVICE, CLIENT = (UUID(int=number) for number in (1, 2, 3, 4))
ISSUER = "https://server.test/1/v2.0"
SIGNER = TokenSigner([RSAKey.generate_key(2048, {"kid": "first"})])


def access(**changes: object) -> AccessClaims:
    usual: dict[str, object] = {
        "tenant_id": TENANT,
        "audience": MDM_AUDIENCES[0],
        "client_id": CLIENT,
        "user_id": USER,
        "upn": "ann@contoso.example",
        "device_id": DEVICE,
        "scopes": ("mdm_delegation",),
        "amr": ("pwd", "rsa"),
        "name": "Ann",
    }
    return AccessClaims(**usual | changes)  # type: ignore[arg-type]


def issued(claims: AccessClaims) -> str:
    return SIGNER.issue_access(claims, issuer=ISSUER, now=START, token_id=UUID(int=9))


def payload(token: str) -> bytes:
    middle = token.split(".")[1]
    return base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4))


@pytest.mark.parametrize(
    "claims",
    [access(), access(device_id=None), access(user_id=None, upn="", name="", scopes=(), amr=("rsa",))],
    ids=["user on a device", "user", "device"],
)
def test_a_token_is_read_as_it_was_written(claims: AccessClaims) -> None:
    assert SIGNER.verify_access(issued(claims), now=START, audiences=MDM_AUDIENCES) == claims


def test_a_token_has_microsofts_claims() -> None:
    said = json.loads(payload(issued(access())))
    assert said["oid"] == str(USER)
    assert said["upn"] == "ann@contoso.example"
    assert said["tid"] == str(TENANT)
    assert said["deviceid"] == str(DEVICE)
    assert said["scp"] == "mdm_delegation"
    assert said["appid"] == str(CLIENT)
    assert said["amr"] == ["pwd", "rsa"]
    assert "deviceid" not in json.loads(payload(issued(access(device_id=None))))


def test_a_token_for_another_service_or_after_its_time_is_refused() -> None:
    token = issued(access())
    with pytest.raises(Unauthenticated, match="not meant"):
        SIGNER.verify_access(token, now=START, audiences=DRS_AUDIENCES)
    with pytest.raises(Unauthenticated, match="expired"):
        SIGNER.verify_access(token, now=START + LIFETIME, audiences=MDM_AUDIENCES)
    with pytest.raises(Unauthenticated, match="not valid yet"):
        SIGNER.verify_access(token, now=START - timedelta(minutes=6), audiences=MDM_AUDIENCES)


def test_unsigned_tokens_and_tokens_of_other_keys_are_refused() -> None:
    said = json.loads(payload(issued(access())))
    none = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "none"}, said)
    )
    public = SIGNER.public_keys()["keys"][0]
    with_public_key = jwt.encode({"alg": "HS256"}, said, OctKey.import_key(json.dumps(public)))
    stranger = TokenSigner([RSAKey.generate_key(2048, {"kid": "first"})])
    for token in (f"{none}.", with_public_key, "", "a.b.c", "ä.ö.ü"):
        with pytest.raises(Unauthenticated):
            SIGNER.verify_access(token, now=START, audiences=MDM_AUDIENCES)
    with pytest.raises(Unauthenticated):
        stranger.verify_access(issued(access()), now=START, audiences=MDM_AUDIENCES)


HEADERS = [
    {"alg": "RS256", "crit": 5},
    {"alg": "RS256", "kid": 7},
    {"alg": ["RS256"]},
    {"alg": "RS256", "b64": False, "crit": ["b64"]},
    {"alg": "RS256", "jwk": "x"},
    [],
    None,
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_a_token_with_any_header_is_refused_as_one_of_somebody_else(header: object) -> None:
    first = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    token = ".".join((first, *issued(access()).split(".")[1:]))
    with pytest.raises(Unauthenticated):
        SIGNER.verify_access(token, now=START, audiences=MDM_AUDIENCES)
    assert SIGNER.client_of(token) == ""


def test_application_user_and_id_tokens_do_not_pass_for_each_other() -> None:
    app = SIGNER.issue(
        Claims(TENANT, CLIENT, "Script", frozenset()), issuer=ISSUER, now=START, token_id=UUID(int=9)
    )
    identity = IdClaims(TENANT, CLIENT, USER, "ann@contoso.example", "Ann", "", START, ("pwd",))
    id_token = SIGNER.issue_id(identity, issuer=ISSUER, now=START, token_id=UUID(int=9))
    with pytest.raises(Unauthenticated):
        SIGNER.verify(issued(access(audience="urn:reseal:api")), now=START)
    for token in (app, id_token):
        with pytest.raises(Unauthenticated):
            SIGNER.verify_access(token, now=START, audiences=[str(CLIENT), "urn:reseal:api"])


def test_an_id_token_has_three_parts_and_ascii_inside() -> None:
    identity = IdClaims(
        TENANT,
        CLIENT,
        USER,
        "zoe@contoso.example",
        "Zoë Łukasz 田中",
        "n-1",
        START,
        ("pwd",),
        {"mdm_enrollment_url": "https://devices.test/EnrollmentServer/Discovery.svc"},
    )
    token = SIGNER.issue_id(identity, issuer=ISSUER, now=START, token_id=UUID(int=9))
    assert token.count(".") == 2
    said = json.loads(payload(token).decode("ascii"))
    assert said["name"] == "Zoë Łukasz 田中"
    assert said["nonce"] == "n-1"
    assert said["aud"] == str(CLIENT)
    assert said["mdm_enrollment_url"].endswith("Discovery.svc")


def test_the_version_follows_the_issuer() -> None:
    old = SIGNER.issue_access(access(), issuer="https://server.test/1/", now=START, token_id=UUID(int=9))
    assert json.loads(payload(old))["ver"] == "1.0"
    assert json.loads(payload(issued(access())))["ver"] == "2.0"


def test_a_hint_counts_for_a_quarter_of_an_hour_and_cannot_be_made_by_others() -> None:
    text = SIGNER.sign_hint("ann@contoso.example", "Änn", UUID(int=7), now=START)
    hint = SIGNER.read_hint(text, now=START + HINT_LIFETIME - timedelta(seconds=1))
    assert hint is not None
    assert (hint.upn, hint.greeting, hint.registration) == ("ann@contoso.example", "Änn", UUID(int=7))
    assert SIGNER.read_hint(text, now=START + HINT_LIFETIME) is None
    other = TokenSigner([RSAKey.generate_key(2048, {"kid": "first"})])
    assert other.read_hint(text, now=START) is None
    assert SIGNER.read_hint(text.swapcase(), now=START) is None
    assert SIGNER.read_hint("", now=START) is None


def test_after_a_change_of_keys_old_tokens_and_seals_still_count() -> None:
    token, hint = issued(access()), SIGNER.sign_hint("a@b.example", "", UUID(int=7), now=START)
    old = SIGNER._keys.keys[0]
    assert isinstance(old, RSAKey)
    both = TokenSigner([RSAKey.generate_key(2048, {"kid": "second"}), old])
    assert both.verify_access(token, now=START, audiences=MDM_AUDIENCES).user_id == USER
    assert both.read_hint(hint, now=START) is not None
    assert [key["kid"] for key in both.public_keys()["keys"]] == ["second", "first"]
