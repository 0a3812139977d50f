"""Bodies that no reader may stumble over."""

from __future__ import annotations

import pytest

from tests.conformance.office import Office, Refused

pytestmark = pytest.mark.anyio

DEEP = [b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b"[" * 500 + b"]" * 500]


@pytest.mark.parametrize("body", DEEP, ids=["lists", "objects", "some lists"])
@pytest.mark.parametrize("path", ["/blueprint/plan", "/blueprint/apply"])
async def test_a_document_as_deep_as_it_is_long_is_refused(office: Office, path: str, body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        await office.call("POST", path, content=body)
    assert refused.value.status == 400
