"""Documents as they are kept in columns: whatever `json` writes is written, and nothing is guessed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.kernel.db.schema import to_json
from reseal.kernel.settings import DnsName

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(DOCUMENTS)
def test_a_document_reads_back_equal(document: object) -> None:
    assert json.loads(to_json(document)) == document


def test_a_text_of_a_type_of_its_own_is_a_text() -> None:
    assert to_json({"domain": DnsName("contoso.example")}) == '{"domain":"contoso.example"}'


def test_what_is_no_part_of_a_document_is_refused() -> None:
    with pytest.raises(TypeError, match="no part of a document"):
        to_json([object()])
