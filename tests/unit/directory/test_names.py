"""Which names are accepted, and which count as the same."""

from __future__ import annotations

import pytest

from reseal.directory.model_names import (
    description,
    display_name,
    domain_name,
    domain_of,
    fold,
    require_own_domain,
    user_principal_name,
)
from reseal.kernel.errors import Invalid


def code_of(check, *args, **kwargs) -> str:
    with pytest.raises(Invalid) as refusal:
        check(*args, **kwargs)
    assert refusal.value.remedy
    return refusal.value.code


@pytest.mark.parametrize("other", ["BERLIN", "berlin", "Ｂｅｒｌｉｎ"])
def test_letter_case_and_width_do_not_count(other):
    assert fold(other) == fold("Berlin")


def test_folding_keeps_different_names_apart():
    assert fold("Straße") == fold("STRASSE")
    assert fold("Muenchen") != fold("München")


def test_a_display_name_loses_the_blanks_around_it():
    assert display_name("  Sales laptops ", of="group") == "Sales laptops"


def test_a_display_name_may_have_256_characters():
    assert display_name("x" * 256, of="group") == "x" * 256


def test_a_display_name_of_257_characters_is_refused_with_both_numbers():
    with pytest.raises(Invalid, match=r"group has 257 characters; 256") as refusal:
        display_name("x" * 257, of="group")
    assert refusal.value.code == "DisplayNameTooLong"


@pytest.mark.parametrize("text", ["", "   ", "\t"])
def test_a_display_name_must_not_be_empty(text):
    assert code_of(display_name, text, of="user") == "DisplayNameMissing"


@pytest.mark.parametrize("character", ["\x00", "\n", "\x7f", "\u2028", "\u2029", "\ud800"])
def test_a_control_character_is_refused_and_named_with_its_place(character):
    with pytest.raises(
        Invalid, match=rf"display name of the user.*U\+{ord(character):04X}, at 3\."
    ) as refusal:
        display_name(f"ab{character}c", of="user")
    assert refusal.value.code == "ControlCharacter"


def test_letters_of_any_script_are_welcome():
    assert display_name("Zoë 佐藤 👩🏽‍💻", of="user") == "Zoë 佐藤 👩🏽‍💻"


def test_a_description_may_be_empty_or_1024_characters_long():
    assert description("", of="group") == ""
    assert description(" " + "x" * 1024, of="group") == "x" * 1024
    assert code_of(description, "x" * 1025, of="group") == "DescriptionTooLong"


@pytest.mark.parametrize("name", ["contoso.test", "a.b", "x-1.y2.Example", f"{'a' * 63}.com"])
def test_domain_names(name):
    assert domain_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "contoso",
        ".com",
        "a..b",
        "a.",
        "-a.com",
        "a-.com",
        "a_b.com",
        "ü.com",
        f"{'a' * 64}.com",
        "a b.com",
    ],
)
def test_what_is_no_domain_name(name):
    assert code_of(domain_name, name) == "InvalidDomainName"


def test_a_domain_name_has_at_most_253_characters():
    longest = ".".join(["a" * 61] * 4) + ".abcde"
    assert len(longest) == 253
    assert domain_name(longest) == longest
    assert code_of(domain_name, longest + "f") == "InvalidDomainName"


@pytest.mark.parametrize(
    "upn", ["lee@contoso.test", "l.e-e_1@x.contoso.test", "o'hara!#^~@contoso.test", "Lee@A.b"]
)
def test_user_principal_names(upn):
    assert user_principal_name(upn) == upn


@pytest.mark.parametrize(
    "upn",
    [
        "",
        "lee",
        "@contoso.test",
        "lee.@contoso.test",
        ".lee@contoso.test",
        "l..e@contoso.test",
        "l e@contoso.test",
        "l@e@contoso.test",
        "lée@contoso.test",
        "lee+1@contoso.test",
    ],
)
def test_what_is_no_user_principal_name(upn):
    assert code_of(user_principal_name, upn) == "InvalidUserPrincipalName"


def test_the_domain_of_a_user_principal_name_is_a_domain_name():
    assert code_of(user_principal_name, "lee@contoso") == "InvalidDomainName"


def test_a_user_principal_name_has_64_characters_before_the_at():
    assert user_principal_name("x" * 64 + "@contoso.test")
    assert code_of(user_principal_name, "x" * 65 + "@contoso.test") == "UserPrincipalNameTooLong"


def test_a_user_principal_name_has_113_characters_in_all():
    domain = f"{'d' * 43}.test"
    assert len(f"{'x' * 64}@{domain}") == 113
    assert user_principal_name(f"{'x' * 64}@{domain}")
    assert code_of(user_principal_name, f"{'x' * 64}@d{domain}") == "UserPrincipalNameTooLong"


def test_the_domain_of_a_user_principal_name_is_compared_folded():
    assert domain_of("Lee@CONTOSO.test") == "contoso.test"
    assert domain_of("odd@name@contoso.test") == "contoso.test"
    require_own_domain("Lee@CONTOSO.test", frozenset({"contoso.test"}))


def test_an_unknown_domain_is_refused_and_the_known_ones_are_named():
    with pytest.raises(Invalid, match=r"other\.test") as refusal:
        require_own_domain("lee@other.test", frozenset({"contoso.test", "adatum.test"}))
    assert refusal.value.code == "UnknownDomain"
    assert "adatum.test, contoso.test" in refusal.value.remedy
