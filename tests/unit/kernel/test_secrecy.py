"""Names that mean secrets, and secrets inside texts."""

from __future__ import annotations

import pytest

from reseal.kernel.secrecy import looks_secret, mask_text


@pytest.mark.parametrize(
    "name",
    [
        *("password", "Password", "user_password", "newPassword", "PASSWORD", "passphrase", "password_hash"),
        *("client_secret", "clientSecret", "accesstoken", "access-token", "id_token", "join_ticket"),
        *("Authorization", "Set-Cookie", "private_key", "RSAPrivateKey", "sharedKey", "wifi_psk", "pin"),
    ],
)
def test_secret_names(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *("token_kind", "tokenType", "password_changed_at", "secret_id", "key", "product_key", "keyboard"),
        *("group_tag", "pinned", "shipping", "", "authorization_endpoint", "cookie_name", "public_key"),
    ],
)
def test_names_that_only_speak_of_secrets(name: str) -> None:
    assert not looks_secret(name)


@pytest.mark.parametrize(
    "text, masked",
    [
        ("Authorization: Bearer abcdefgh.ijkl-mn", "Authorization: Bearer ***"),
        ("sent eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln to it", "sent *** to it"),
        ("postgresql://reseal:hunter2@db.example/reseal", "postgresql://reseal:***@db.example/reseal"),
        ("https://mdm.contoso.example:8443/path", "https://mdm.contoso.example:8443/path"),
        ("the bearer of bad news", "the bearer of bad news"),
    ],
)
def test_secrets_in_texts_are_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked
