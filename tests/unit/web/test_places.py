"""Places in lists, as addresses carry them."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.web.places import place, read_place


@given(st.text(), st.integers(0, 2**63 - 1))
def test_a_place_is_read_back(ordered_by: str, key: int) -> None:
    word = place(ordered_by, key)
    assert read_place(word) == (ordered_by, key)
    assert word.replace("-", "").replace("_", "").isalnum()


def _word(content: str) -> str:
    return base64.urlsafe_b64encode(content.encode()).decode()


NO_PLACES = [
    "",
    "x",
    "ü",
    _word("[]"),
    _word("7"),
    _word('["a"]'),
    _word('["a", "7"]'),
    _word('["a", -1]'),
    _word('["a", 1.5]'),
    _word(json.dumps(["a", 2**63])),
    _word("[null, 7]"),
    _word("[" * 100_000),
    _word('["a", ' + "9" * 5_000 + "]"),
]


@pytest.mark.parametrize("word", NO_PLACES, ids=range(len(NO_PLACES)))
def test_a_word_of_somebody_else_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="no place in a list"):
        read_place(word)
