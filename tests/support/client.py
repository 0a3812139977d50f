"""A client of a running server over real TLS, which shows every answer as it came.

The product's own client is the `reseal` command; this one can also send what no good client would.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

API = "/api/v1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as one JSON document."""
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        """The body as JSON documents, one per line."""
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def error(self) -> Any:
        """The error in the body."""
        return self.json["error"]


@dataclass(frozen=True, slots=True)
class Client:
    """Sends requests to one listener, with a token if it has one."""

    session: aiohttp.ClientSession
    url: str
    token: str = ""

    async def __call__(self, method: str, path: str, **more: Any) -> Answer:
        """One request; `more` is what aiohttp takes (`json`, `data`, `params`, `headers`)."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= more.pop("headers", {})
        async with self.session.request(method, self.url + path, headers=headers, **more) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def glimpse(self, path: str, seconds: float = 0.5, **headers: str) -> Answer:
        """What comes of an answer without end within a moment; of any other, all of it."""
        sent = {**({"Authorization": f"Bearer {self.token}"} if self.token else {}), **headers}
        came = b""
        async with self.session.get(self.url + path, headers=sent) as response:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    async for chunk in response.content.iter_any():
                        came += chunk
            return Answer(response.status, dict(response.headers), came)

    async def api(self, method: str, path: str, **more: Any) -> Answer:
        """One request below `/api/v1`."""
        return await self(method, API + path, **more)

    async def ask_token(self, tenant: str, client: str, secret: str) -> Answer:
        """Ask the token endpoint for an access token."""
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
        return await self("POST", f"/{tenant}/oauth2/v2.0/token", data=form)

    async def signed_in(self, credentials: Mapping[str, Any]) -> Client:
        """This client as the automation client of a credentials document."""
        client = credentials["client"]
        answer = await self.ask_token(credentials["tenant_id"], client["id"], client["secret"])
        assert answer.status == 200, answer
        return self.holding(answer.json["access_token"])

    def holding(self, token: str) -> Client:
        """This client with another token."""
        return replace(self, token=token)


@asynccontextmanager
async def connected(ready: Mapping[str, Any], listener: str = "browser") -> AsyncIterator[Client]:
    """A client without a token of one listener (`browser` or `device`) of the server of a ready file."""
    context = ssl.create_default_context(cafile=ready["ca_file"])
    connector = aiohttp.TCPConnector(ssl=context, limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Client(session, ready[f"{listener}_url"])


@asynccontextmanager
async def automation(ready: Mapping[str, Any]) -> AsyncIterator[Client]:
    """A client with the token of the credentials that the ready file names."""
    credentials = credentials_of(ready)
    async with connected(ready) as client:
        yield await client.signed_in(credentials)


def credentials_of(ready: Mapping[str, Any]) -> dict[str, Any]:
    """The document of the credentials file that the ready file names."""
    document: dict[str, Any] = json.loads(Path(ready["credentials_file"]).read_text())
    return document
