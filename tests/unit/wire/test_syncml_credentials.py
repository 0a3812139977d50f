"""Credentials: the published digests, what is accepted and what is not."""

from base64 import b64decode, b64encode
from contextlib import suppress
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.errors import WireError
from reseal.wire.syncml import (
    AuthType,
    Cred,
    Mac,
    SyncmlError,
    basic_cred,
    credentials,
    digest,
    digest_cred,
    is_digest,
    is_mac,
    mac,
    read_basic,
    read_mac,
    secret_key,
    write_mac,
)

NONCE = b64decode("ABEiM0RVZneImaq7zN3u/w==")
KEY = secret_key("dev-0001", "s3cret")


def test_mdm_wire_048_the_digest_is_made_with_the_raw_nonce() -> None:
    assert KEY == "0AIZi0JwzTbHkEkJF6JuiQ=="
    assert digest(KEY, NONCE) == "0UP/r2MJQrgvqvCAlMMc0Q=="
    assert digest(KEY, b64encode(NONCE)) != "0UP/r2MJQrgvqvCAlMMc0Q=="


def test_the_digest_that_the_representation_protocol_shows() -> None:
    """User Bruce2, password OhBehave, nonce Nonce (OMA DM Representation Protocol 1.2, Cred)."""
    assert digest(secret_key("Bruce2", "OhBehave"), b"Nonce") == "Zz6EivR3yeaaENcRN6lpAQ=="


def test_a_digest_is_accepted_for_its_key_and_nonce_only() -> None:
    cred = digest_cred(KEY, NONCE)
    assert cred.type == AuthType.MD5
    assert is_digest(cred, KEY, NONCE)
    assert not is_digest(cred, secret_key("dev-0001", "S3cret"), NONCE)
    assert not is_digest(cred, KEY, NONCE[:-1])
    assert not is_digest(Cred(type=AuthType.BASIC, data=cred.data), KEY, NONCE)
    assert not is_digest(Cred(type=AuthType.MD5, data=""), KEY, NONCE)
    assert not is_digest(Cred(type=AuthType.MD5, data="ü"), KEY, NONCE)


def test_mdm_wire_050_digests_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(presented: bytes, expected: bytes) -> bool:
        compared.append((presented, expected))
        return False

    monkeypatch.setattr(credentials.hmac, "compare_digest", compare)
    assert not is_digest(Cred(type=AuthType.MD5, data="x"), KEY, NONCE), "nothing else decides"
    assert not is_mac(Mac("dev-0001", "y"), KEY, NONCE, b"body"), "nothing else decides"
    assert compared == [(b"x", digest(KEY, NONCE).encode()), (b"y", mac(KEY, NONCE, b"body").encode())]


# --- basic


def test_basic_credentials_as_documented() -> None:
    cred = basic_cred("dev-0001", "s3cret")
    assert cred == Cred(type="syncml:auth-basic", data="ZGV2LTAwMDE6czNjcmV0")
    assert read_basic(cred) == ("dev-0001", "s3cret")


@given(st.text().filter(lambda user: ":" not in user), st.text())
def test_basic_credentials_read_back_equal(user: str, secret: str) -> None:
    with suppress(UnicodeEncodeError):
        assert read_basic(basic_cred(user, secret)) == (user, secret)


@pytest.mark.parametrize("data", ["?", "Zg", "Zg==", "/w==", "ü"])
def test_what_is_no_user_and_secret_is_refused(data: str) -> None:
    with pytest.raises(SyncmlError) as caught:
        read_basic(Cred(type=AuthType.BASIC, data=data))
    assert caught.value.code == "Credentials"


def test_basic_credentials_of_another_type_are_refused() -> None:
    with pytest.raises(SyncmlError):
        read_basic(Cred(type=AuthType.MD5, data="ZGV2LTAwMDE6czNjcmV0"))


# --- MAC


def test_the_mac_covers_key_nonce_and_the_whole_message() -> None:
    body = b"<SyncML/>"
    of_body = b64encode(md5(body).digest())  # noqa: S324
    expected = b64encode(md5(KEY.encode() + b":" + NONCE + b":" + of_body).digest()).decode()  # noqa: S324
    assert mac(KEY, NONCE, body) == expected
    found = Mac("dev-0001", expected)
    assert is_mac(found, KEY, NONCE, body)
    assert not is_mac(found, KEY, NONCE, body + b"\n")
    assert not is_mac(found, KEY, b"", body)


def test_the_header_as_documented() -> None:
    text = 'algorithm=MD5, username="Robert Jordan", mac=NTI2OTJhMDAwNjYxODkwYmQ3NWUxN2RhN2ZmYmJlMzk'
    found = Mac("Robert Jordan", "NTI2OTJhMDAwNjYxODkwYmQ3NWUxN2RhN2ZmYmJlMzk")
    assert write_mac(found) == text
    assert read_mac(text) == found


@pytest.mark.parametrize(
    "header, found",
    [
        ('username="a",mac=Zg==', Mac("a", "Zg==")),
        (' mac=Zg== ,\r\n USERNAME="a" ', Mac("a", "Zg==")),
        ("username=a, mac=Zg==", Mac("a", "Zg==")),
        ('username="a, \\"b\\" \\\\", mac="Zg=="', Mac('a, "b" \\', "Zg==")),
        ('username="", mac=Zg==, other=1', Mac("", "Zg==")),
    ],
)
def test_the_header_in_other_forms(header: str, found: Mac) -> None:
    assert read_mac(header) == found


@pytest.mark.parametrize(
    "header",
    [
        "",
        "mac=Zg==",
        'username="a"',
        'username="a, mac=Zg==',
        'algorithm=SHA256, username="a", mac=Zg==',
        "hello",
        'username="a" mac=Zg==',
        'username="' + "\\" * 5_000,
    ],
)
def test_what_is_no_such_header_is_refused(header: str) -> None:
    with pytest.raises(SyncmlError) as caught:
        read_mac(header)
    assert caught.value.code == "Credentials"


@pytest.mark.parametrize("user", ["a\r\nb", "ü", "\x00"])
def test_a_user_who_would_break_the_header_is_refused(user: str) -> None:
    with pytest.raises(SyncmlError):
        write_mac(Mac(user, "Zg=="))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)), st.binary(min_size=1))
def test_the_header_reads_back_equal(user: str, value: bytes) -> None:
    found = Mac(user, b64encode(value).decode())
    assert read_mac(write_mac(found)) == found


@given(st.text() | st.text('username="a", mac=\\'))
def test_arbitrary_headers_are_read_or_refused(header: str) -> None:
    with suppress(WireError):
        read_mac(header)
