"""The page about the runtime channel says what the documents are: its examples are read by the codec."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import msgspec
import pytest

from reseal.join.routes import JoinDoor
from reseal.runtime.routes import RuntimeDoor
from reseal.trust.routes import TrustDoor
from reseal.wire.runtime import messages
from reseal.wire.runtime.messages import ReportKind, Standing, decode

PAGE = (Path(__file__).parents[3] / "docs" / "engineer" / "runtime-protocol.md").read_text()
EXAMPLES = dict(re.findall(r"^```json (\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_is_a_document_and_names_every_field(name: str) -> None:
    shape = getattr(messages, name)
    decode(EXAMPLES[name].encode(), shape)
    fields = {field.encode_name for field in msgspec.structs.fields(shape)}
    assert set(json.loads(EXAMPLES[name])) == fields


@pytest.mark.parametrize("name", ["Organisation", "OobeProfile", "Urls", "AssignedUser", "Report", "Refusal"])
def test_inner_documents_are_shown_whole(name: str) -> None:
    for field in msgspec.structs.fields(getattr(messages, name)):
        assert f'"{field.encode_name}"' in PAGE


def test_every_document_and_every_route_has_its_place() -> None:
    assert set(EXAMPLES) == {
        *("ProfileRequest", "ProfileAnswer", "AttestationBegin", "Challenge", "AttestationFinish", "Ticket"),
        *("TicketJoin", "Joined", "Reports", "ReportsTaken", "Blocker", "RefusalAnswer"),
    }
    for door in (JoinDoor, RuntimeDoor, TrustDoor):
        parts = {field.name: None for field in dataclasses.fields(door) if field.init}
        paths = [route.path for route in door(**parts).routes() if route.path.startswith("/runtime/v1/")]
        assert paths
        for path in paths:
            assert path.removeprefix("/runtime/v1") in PAGE


@pytest.mark.parametrize("word", [*ReportKind, *(one for one in Standing if one != "unregistered")])
def test_every_word_of_the_vocabulary_is_explained(word: str) -> None:
    assert f"`{word}`" in PAGE
