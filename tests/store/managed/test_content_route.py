"""Fetching a content: whole, in ranges, and not by everybody."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.requests import Request

from reseal.kernel.blobs import MemoryBlobs
from reseal.kernel.db import Database
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Unauthenticated
from reseal.kernel.secretbox import SecretBox
from reseal.managed.content import LIFETIME, ContentUrls, load_content_urls
from reseal.managed.enrolments import end_enrolment
from reseal.managed.routes import ContentDoor
from reseal.web.calls import Caller
from reseal.web.routes import Listener, application
from tests.store.managed.world import World
from tests.support.clock import ManualClock
from tests.support.http import HOST, client_of

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


async def _nobody(_request: Request) -> Caller:
    raise Unauthenticated(code="Nobody", message="No route here asks who calls.")


async def _chunks() -> AsyncIterator[bytes]:
    yield CONTENT


@pytest.fixture
async def urls(database: Database, world: World, entropy: SeededEntropy) -> ContentUrls:
    await database.write(world.open)
    box = SecretBox([b"k" * 32], entropy)
    made = await database.write(load_content_urls, box, f"https://{HOST}")
    assert await database.write(load_content_urls, box, f"https://{HOST}") == made, "the key is kept"
    return made


@pytest.fixture
async def device(
    database: Database, urls: ContentUrls, clock: ManualClock, entropy: SeededEntropy
) -> AsyncIterator[httpx2.AsyncClient]:
    blobs = MemoryBlobs()
    await blobs.put(_chunks())
    app = application(
        ContentDoor(database, blobs, clock, urls).routes(),
        listener=Listener.DEVICE,
        hosts=lambda: frozenset({HOST}),
        authenticate=_nobody,
        entropy=entropy,
    )
    async with client_of(app) as http:
        yield http


def _address(urls: ContentUrls, world: World, clock: ManualClock, sha256: str = SHA256) -> str:
    url = urlsplit(urls.url_for(world.enrolment.uuid, sha256, "Agent 1.msi", now=clock.now()))
    return f"{url.path}?{url.query}"


async def test_a_content_comes_whole_and_in_ranges_and_tells_its_digest(
    device: httpx2.AsyncClient, urls: ContentUrls, world: World, clock: ManualClock
) -> None:
    address = _address(urls, world, clock)
    whole = await device.get(address)
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert whole.headers["etag"] == f'"{SHA256}"'
    assert whole.headers["content-length"] == str(len(CONTENT))
    head = await device.head(address)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(CONTENT)))
    first = await device.get(address, headers={"Range": "bytes=0-300000"})
    rest = await device.get(address, headers={"Range": "bytes=300001-", "If-Range": first.headers["etag"]})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert rest.headers["content-range"] == f"bytes 300001-{len(CONTENT) - 1}/{len(CONTENT)}"
    assert first.content + rest.content == CONTENT
    other = await device.get(address, headers={"Range": "bytes=5-", "If-Range": '"another"'})
    assert (other.status_code, len(other.content)) == (200, len(CONTENT))
    outside = await device.get(address, headers={"Range": f"bytes={len(CONTENT)}-"})
    assert (outside.status_code, outside.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")
    known = await device.get(address, headers={"If-None-Match": f'"{SHA256}"'})
    assert (known.status_code, known.content) == (304, b"")


async def test_an_address_serves_one_enrolment_while_it_lasts(
    database: Database, device: httpx2.AsyncClient, urls: ContentUrls, world: World, clock: ManualClock
) -> None:
    address = _address(urls, world, clock)
    assert (await device.get(address.replace("sig=", "sig=A"))).status_code == 403
    assert (await device.get(address.replace(SHA256, "0" * 64))).status_code == 403
    missing = await device.get(_address(urls, world, clock, "0" * 64))
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "ContentNotFound")
    clock.pass_silently(LIFETIME)
    assert (await device.get(address)).json()["error"]["code"] == "ContentUrlExpired"
    fresh = _address(urls, world, clock)
    assert (await device.get(fresh)).status_code == 200
    await database.write(end_enrolment, world.tenant, world.enrolment.id, "test")
    assert (await device.get(fresh)).status_code == 404
