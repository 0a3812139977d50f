"""Names in place of object ids in rules."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from reseal.blueprint.placeholders import Named, fill, mentions, name_ids, respell

SALES = str(UUID(int=1))
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


def test_names_become_ids() -> None:
    rule = 'user.memberof -any (group.objectId -in ["${group:Sales}", "${group:All}"])'
    ids = {"Sales": "1", "All": "2"}
    assert fill(rule, lambda _, name: ids[name]) == 'user.memberof -any (group.objectId -in ["1", "2"])'
    assert list(mentions(rule)) == [(Named.GROUP, "Sales"), (Named.GROUP, "All")]


def test_ids_become_names_in_whatever_letter_case_they_are_written() -> None:
    known = {SALES: (Named.GROUP, "Sales")}
    other = str(UUID(int=2))
    rule = f"[{SALES.upper()}] [{other}]"
    assert name_ids(rule, known.get) == f"[${{group:Sales}}] [{other}]"


def test_names_can_be_spelled_anew() -> None:
    assert respell("${user:ADELE} ${group:x}", lambda what, name: name.lower()) == "${user:adele} ${group:x}"


def test_what_is_no_placeholder_stays() -> None:
    for rule in ('user.city -eq "${city}"', "${group:}", "$group:x}", "{group:x}"):
        assert fill(rule, lambda *_: "replaced") == rule


@given(NAMES)
def test_any_name_comes_back(name: str) -> None:
    written = name_ids(f"[{SALES}]", {SALES: (Named.GROUP, name)}.get)
    assert list(mentions(written)) == [(Named.GROUP, name)]
    assert fill(written, lambda *_: SALES) == f"[{SALES}]"
