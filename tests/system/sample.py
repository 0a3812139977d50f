"""The sample tenant as a document, small enough to be applied a hundred times, and lists of devices."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

from reseal.blueprint.source import read_source
from tests.support.client import Client
from tests.support.hardware import hash_text
from tests.support.processes import CONTOSO

_SOURCE = read_source(CONTOSO)


def sample_document(**edits: tuple[str, str]) -> dict[str, Any]:
    """The sample's document with one user only, and with some text edited: before, after."""
    document = copy.deepcopy(_SOURCE.document)
    document["users"] = document["users"][:1]
    for group in document["groups"]:
        if "members" in group:
            group["members"] = ["adele"]
    text = json.dumps(document)
    for before, after in edits.values():
        assert before in text
        text = text.replace(before, after)
    edited: dict[str, Any] = json.loads(text)
    return edited


async def upload_contents(client: Client) -> None:
    """Send the files that the document refers to."""
    for digest, file in _SOURCE.contents.items():
        answer = await client.api("PUT", f"/content/{digest}", data=file.read_bytes())
        assert (answer.status, answer.json["sha256"]) == (201, digest)


def device_csv(numbers: Iterable[int]) -> bytes:
    """A file with the virtual laptops of these numbers, to be imported."""
    header = "Device Serial Number,Windows Product ID,Hardware Hash"
    return "\n".join([header, *(f"SN-{number:05},,{hash_text(number)}" for number in numbers)]).encode()
