"""What a client may ask for, and which of its mistakes it may be told."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.signin.authorization import read_addressee, read_authorization
from reseal.signin.errors import OAuthError
from reseal.signin.first_party import DEVICE_REDIRECT, find_first_party, form_target

URL = "https://server.test"
BROKER = "29d9ed98-a469-4536-ade2-f981bc1d605e"
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
FITTING = {
    "client_id": BROKER,
    "response_type": "code",
    "redirect_uri": DEVICE_REDIRECT,
    "code_challenge": "c" * 43,
    "code_challenge_method": "S256",
    "state": "a b&c=d",
}


def test_what_is_read_is_what_was_sent() -> None:
    addressee = read_addressee(FITTING, URL)
    read = read_authorization({**FITTING, "login_hint": "ann@contoso.example", "other": "x"}, addressee)
    assert str(read.addressee.client.id) == BROKER
    assert read.login_hint == "ann@contoso.example"
    assert "other" not in read.carried
    assert {name: read.carried[name] for name in FITTING} == FITTING


@given(st.text(max_size=30), st.text(max_size=30))
def test_the_answer_goes_to_the_redirect_address_and_carries_the_state(state: str, code: str) -> None:
    addressee = read_addressee({**FITTING, "state": state}, URL)
    answer = addressee.answer(code=code)
    assert answer.isascii()
    assert answer.isprintable()
    where, sent = urlsplit(answer), dict(parse_qsl(urlsplit(answer).query, keep_blank_values=True))
    assert f"{where.scheme}://{where.netloc}{where.path}" == DEVICE_REDIRECT
    assert sent == {"code": code, **({"state": state} if state else {})}


@given(st.text(max_size=40))
def test_no_other_address_is_ever_allowed(tail: str) -> None:
    for client_id in (BROKER, CLI):
        client = find_first_party(client_id)
        assert client is not None
        for registered in (DEVICE_REDIRECT, "http://localhost:80", f"{URL}/common/oauth2/nativeclient"):
            changed = registered + tail
            loopback = (client.loopback and tail in {"", "/"}) or (tail.isascii() and tail.isdigit())
            known = changed == registered or loopback
            assert known or not client.allows(changed, URL)


@pytest.mark.parametrize(
    "change, number",
    [
        ({"response_type": "code token"}, 70005),
        ({"response_mode": "fragment"}, 70007),
        ({"code_challenge": ""}, 50147),
        ({"code_challenge": "c" * 42}, 501491),
        ({"code_challenge": "c" * 42 + "="}, 501491),
        ({"code_challenge_method": "plain"}, 90023),
        ({"resource": "https://unknown.example"}, 500011),
        ({"scope": "https://unknown.example/.default"}, 500011),
    ],
)
def test_mistakes_are_named(change: dict[str, str], number: int) -> None:
    addressee = read_addressee(FITTING, URL)
    with pytest.raises(OAuthError) as caught:
        read_authorization({**FITTING, **change}, addressee)
    assert caught.value.number == number
    told = addressee.refusal(caught.value)
    assert told.startswith(f"{DEVICE_REDIRECT}?error=")
    assert "state=a%20b%26c%3Dd" in told


@pytest.mark.parametrize(
    "redirect, target",
    [
        (DEVICE_REDIRECT, "ms-aadj-redir:"),
        ("http://localhost:5000/", "http://localhost:5000"),
        (f"{URL}/common/oauth2/nativeclient", URL),
    ],
)
def test_the_form_may_lead_to_the_redirect_and_no_further(redirect: str, target: str) -> None:
    assert form_target(redirect) == target
