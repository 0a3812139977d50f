"""Canonical JSON: equal values give equal bytes, and what has no canonical form is refused by name."""

from __future__ import annotations

import json
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.kernel.errors import Invalid
from reseal.kernel.events.canonical import LARGEST, JsonValue, canonical_json, refuse_secrets

texts = st.text(st.characters(exclude_categories=["Cs"]))
keys = st.text(st.characters(max_codepoint=127))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_is_written_reads_back_the_same(value: JsonValue) -> None:
    assert json.loads(canonical_json(value)) == value


@given(values)
def test_reading_and_writing_again_changes_nothing(value: JsonValue) -> None:
    written = canonical_json(value)

    assert canonical_json(json.loads(written)) == written


@given(st.dictionaries(keys, texts, min_size=2).flatmap(lambda value: st.permutations(list(value.items()))))
def test_the_order_of_keys_does_not_matter(items: list[tuple[str, str]]) -> None:
    assert canonical_json(dict(items)) == canonical_json(dict(sorted(items)))


@given(values, values)
def test_different_values_give_different_bytes(one: JsonValue, other: JsonValue) -> None:
    same_kind = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)

    assert (canonical_json(one) == canonical_json(other)) == same_kind


def test_strings_are_escaped_as_rfc_8785_says() -> None:
    """RFC 8785 3.2.2.2: short escapes, lower-case \\u00xx for other controls, the rest as it is."""
    text = "\u20ac$\u000f\nA'B\"\\\b\t\f\r/\u007f\u2028\U0001f600"

    assert canonical_json(text) == (
        b'"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\b\\t\\f\\r/\x7f\xe2\x80\xa8\xf0\x9f\x98\x80"'
    )


def test_there_is_no_space_and_keys_are_sorted() -> None:
    assert canonical_json({"b": [1, -2, True], "a": {"B": None, "A": ""}}) == (
        b'{"a":{"A":"","B":null},"b":[1,-2,true]}'
    )


class _Step(StrEnum):
    DEVICE_SETUP = "deviceSetup"


def test_enums_tuples_and_read_only_mappings_are_taken() -> None:
    assert canonical_json(MappingProxyType({"step": (_Step.DEVICE_SETUP,)})) == b'{"step":["deviceSetup"]}'


@pytest.mark.parametrize(
    "value, place",
    [
        ({"minutes": 1.0}, "$.minutes"),
        ({"a": [0, {"b": float("nan")}]}, "$.a[1].b"),
        ([LARGEST + 1], "$[0]"),
        ([-LARGEST - 1], "$[0]"),
        ({"größe": 1}, "größe"),
        ({1: "x"}, "$"),
        ({"name": "\ud800"}, "$.name"),
        ({"raw": b"x"}, "$.raw"),
        ({"price": Decimal(1)}, "$.price"),
    ],
)
def test_what_is_not_canonical_is_refused_by_place(value: JsonValue, place: str) -> None:
    with pytest.raises(Invalid) as refused:
        canonical_json(value)

    assert refused.value.code == "NotCanonical"
    assert place in refused.value.message
    assert refused.value.remedy


def test_bottomless_nesting_is_refused() -> None:
    value: JsonValue = 1
    for _ in range(40):
        value = [value]

    with pytest.raises(Invalid, match="nested"):
        canonical_json(value)


@pytest.mark.parametrize(
    "payload, place",
    [
        ({"password": "x"}, "$.password"),
        ({"user": {"clientSecret": "x"}}, "$.user.clientSecret"),
        ({"tokens_given": [{"refresh_token": "x"}]}, "$.tokens_given[0].refresh_token"),
    ],
)
def test_a_secret_in_a_payload_is_refused(payload: dict[str, JsonValue], place: str) -> None:
    with pytest.raises(Invalid, match="secret") as refused:
        refuse_secrets(payload)

    assert place in refused.value.message


def test_talking_about_secrets_is_allowed() -> None:
    refuse_secrets({"token_kind": "refresh", "password_changed": True, "secret": None, "tokens": 3})
