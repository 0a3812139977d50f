"""An office as its administrator meets it: one organisation behind the real API, in memory.

Requests pass the whole browser listener (token, permission, limit, handler, unit of work, database); what the
API refuses is raised as `Refused`. Time is the test's clock.

    await office.apply(groups=[{"name": "Sales laptops", "rule": TAGGED.format("sales")}])
    await office.register(1, 2, tag="sales")
    assert await office.members("Sales laptops") == ["SN-00001", "SN-00002"]
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from reseal.kernel.db import Database
from tests.support.clock import ManualClock
from tests.support.hardware import hash_text

HEADER = "Device Serial Number,Windows Product ID,Hardware Hash,Group Tag,Assigned User"
"""The header of a device list as documented."""

ALL_REGISTERED = '(device.devicePhysicalIDs -any (_ -startsWith "[ZTDid]"))'
TAGGED = '(device.devicePhysicalIds -any (_ -eq "[OrderID]:{}"))'

both_databases = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
"""For a test that is run on SQLite and on PostgreSQL; the others are run on SQLite."""


class Refused(Exception):
    """The API answered with an error; its text holds every word of it."""

    def __init__(self, status: int, error: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.status = status
        self.code: str = error["code"]
        self.message: str = error["message"]
        self.remedy: str = error.get("remedy", "")
        self.details: list[dict[str, str]] = error.get("details", [])
        self.headers = headers
        words = [f"{status} {self.code}: {self.message} {self.remedy}"]
        words += [" ".join(str(value) for value in detail.values()) for detail in self.details]
        super().__init__("\n".join(words))


def moment(text: str) -> datetime:
    """A moment as the API writes it."""
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class Import:
    """What the API answered to a device list: first line, a verdict for each row, the sum."""

    head: Mapping[str, Any]
    verdicts: Sequence[Mapping[str, Any]]
    done: Mapping[str, int]

    def problems(self) -> list[tuple[int, int, str]]:
        """Line, code and name of each row that was refused."""
        return [(row["line"], row["code"], row["name"]) for row in self.verdicts if row["code"]]


# --- device lists -------------------------------------------------------------------------------------------


def row(number: int, tag: str = "", user: str = "", serial: str = "", **changes: object) -> str:
    """The row of virtual laptop `number`, named by `serial` if given; `changes` are of what its hash says."""
    return f"{serial or serial_of(number)},,{hash_text(number, **changes)},{tag},{user}"


def serial_of(number: int) -> str:
    """The serial number of virtual laptop `number`."""
    return f"SN-{number:05}"


def device_list(*rows: str, header: str = HEADER) -> bytes:
    """The rows as the file that an administrator uploads."""
    return "\r\n".join([header, *rows, ""]).encode("ascii")


# --- the office ---------------------------------------------------------------------------------------------


class Office:
    """One organisation and somebody who may do everything in it."""

    def __init__(
        self, http: httpx2.AsyncClient, database: Database, clock: ManualClock, credentials: Any
    ) -> None:
        self.http = http
        self.database = database
        self.clock = clock
        self.id: str = credentials["tenant_id"]
        self.domain: str = credentials["tenant_domain"]
        self._client = credentials["client"]
        self._token = ""

    def upn(self, name: str) -> str:
        """The user principal name of a user of this organisation."""
        return f"{name}@{self.domain}"

    # --- asking ---------------------------------------------------------------------------------------------

    async def call(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """One request to `/api/v1` + path; raises `Refused` if it is answered with an error."""
        answer = await self._send(method, path, **request)
        if answer.status_code == 401:
            self._token = await self._sign_in()
            answer = await self._send(method, path, **request)
        if answer.status_code >= 400:
            raise Refused(answer.status_code, answer.json()["error"], answer.headers)
        return answer

    async def _send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        return await self.http.request(method, f"/api/v1{path}", headers=headers, **request)

    async def _sign_in(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client["id"],
            "client_secret": self._client["secret"],
        }
        answer = await self.http.post(f"/{self.id}/oauth2/v2.0/token", data=form)
        return str(answer.json()["access_token"])

    async def get(self, path: str, **query: str) -> Any:
        """The JSON document at a path."""
        return (await self.call("GET", path, params=query or None)).json()

    async def values(self, path: str, **query: str) -> list[Any]:
        """All items of a list, page by page."""
        page = await self.get(path, **query)
        found = list(page["value"])
        while link := page.get("nextLink"):
            page = await self.get(link.removeprefix("/api/v1"))
            found += page["value"]
        return found

    async def post(self, path: str, body: Any = None, **query: str) -> Any:
        """What a POST of a JSON body answers; None if it is nothing."""
        answer = await self.call("POST", path, json=body, params=query)
        return answer.json() if answer.content else None

    async def patch(self, path: str, **fields: Any) -> Any:
        """What a PATCH of these fields answers."""
        return (await self.call("PATCH", path, json=fields)).json()

    async def delete(self, path: str, **query: str) -> None:
        """DELETE, which answers nothing."""
        await self.call("DELETE", path, params=query)

    # --- configuring ----------------------------------------------------------------------------------------

    async def apply(self, *, prune: bool = False, **sections: Any) -> Any:
        """Make the organisation what these sections of a blueprint say; the plan that was carried out."""
        document = {"reseal": 1, **sections}
        return await self.post("/blueprint/apply", document, prune=str(prune).lower())

    async def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """Send a file's content; what a blueprint writes in its place."""
        sha256 = hashlib.sha256(content).hexdigest()
        await self.call("PUT", f"/content/{sha256}", content=content)
        return {"sha256": sha256, "size": len(content), "fileName": name}

    # --- registering ----------------------------------------------------------------------------------------

    async def import_csv(self, file: bytes, *, strict: bool = False) -> Import:
        """Upload a device list; raises `Refused` if the file as a whole is refused."""
        query = {"fileName": "devices.csv", "strict": str(strict).lower()}
        answer = await self.call("POST", "/imports", content=file, params=query)
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert "done" in lines[-1], lines[-1]
        return Import(lines[0], lines[1:-1], lines[-1]["done"])

    async def register(self, *numbers: int, tag: str = "", user: str = "") -> list[str]:
        """Register virtual laptops; their ZTDIDs."""
        imported = await self.import_csv(device_list(*(row(number, tag, user) for number in numbers)))
        assert imported.done == {"imported": len(numbers), "refused": 0}, imported.verdicts
        return [verdict["registrationId"] for verdict in imported.verdicts]

    # --- looking --------------------------------------------------------------------------------------------

    async def registration(self, number: int) -> Any:
        """Everything about the registration of virtual laptop `number`."""
        (found,) = await self.values("/registrations", serial=serial_of(number))
        return await self.get(f"/registrations/{found['id']}")

    async def edit(self, number: int, **fields: str) -> Any:
        """Edit the registration of virtual laptop `number`; everything about it afterwards."""
        return await self.patch(f"/registrations/{(await self.registration(number))['id']}", **fields)

    async def profile_of(self, number: int) -> str | None:
        """The name of the deployment profile that virtual laptop `number` gets."""
        name: str | None = (await self.registration(number))["profile"]["name"]
        return name

    async def user(self, name: str) -> Any:
        """The user of this name."""
        (found,) = await self.values("/users", search=self.upn(name))
        return found

    async def group(self, name: str) -> Any:
        """The group of this name, with the number of its members."""
        found = _named(name, await self.values("/groups"))
        return await self.get(f"/groups/{found['id']}")

    async def members(self, group: str, kind: str = "device") -> list[str]:
        """The display names of the devices (or users) in a group."""
        path = f"/groups/{(await self.group(group))['id']}/members"
        return [member["displayName"] for member in await self.values(path, kind=kind)]

    async def profile(self, name: str) -> Any:
        """The deployment profile of this name."""
        return _named(name, await self.values("/profiles"))

    async def status_page(self, name: str) -> Any:
        """The Enrollment Status Page profile of this name."""
        return _named(name, await self.values("/enrollment-status-pages"))

    async def decision(self, name: str, question: str) -> Any:
        """The answer to `may-join` or `may-enroll` for a user."""
        return await self.get(f"/users/{quote(self.upn(name))}/{question}")

    # --- others ---------------------------------------------------------------------------------------------

    async def neighbour(self, name: str) -> Office:
        """Another organisation on the same server."""
        made = await self.post("/tenants", {"name": name, "domain": f"{name.lower()}.example"})
        return Office(self.http, self.database, self.clock, made)


def _named(name: str, things: Sequence[Any]) -> Any:
    (found,) = (thing for thing in things if thing["displayName"] == name)
    return found
