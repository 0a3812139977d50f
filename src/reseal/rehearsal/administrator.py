"""The administrator of a rehearsal: everything is configured through the API that `reseal apply` and
`reseal import` call, with the same requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from reseal.blueprint.parsing import parse_document
from reseal.blueprint.source import Source
from reseal.device.transport import Request, Transport
from reseal.kernel.errors import Detail, Invalid, ResealError

API = "/api/v1"
_LONGEST = 64 * 1024 * 1024


class Refused(ResealError):
    """The API refused what the rehearsal asked of it; `status` is the answer's."""


class Administrator:
    """One who holds the credentials of the first start."""

    def __init__(self, transport: Transport, url: str, credentials: Mapping[str, Any]) -> None:
        self.passwords: dict[str, str] = {}
        """Of the users that were made, by their UPN."""
        self._transport = transport
        self._url = url
        self._credentials = credentials
        self._token = ""

    # --- configuring ----------------------------------------------------------------------------------------

    async def apply(self, source: Source) -> None:
        """Make the organisation what the files say; keeps the passwords of new users.

        Raises `ResealError` whose details name places in the files.
        """
        try:
            parse_document(source.document)
            for digest, content in _contents(source).items():
                await self._upload(digest, content)
            answer = await self.json("POST", "/blueprint/apply", source.document)
        except ResealError as error:
            error.details = source.places.locate(error.details)
            raise
        self.passwords.update(answer["passwords"])

    async def _upload(self, digest: str, content: bytes) -> None:
        status, _ = await self._send("HEAD", f"/content/{digest}")
        if status == 404:
            await self._checked("PUT", f"/content/{digest}", content)

    async def import_devices(self, file: bytes, name: str) -> list[dict[str, Any]]:
        """Register the devices of a CSV; a verdict for each row. Raises `ResealError` if a row is refused."""
        path = f"/imports?{urlencode({'fileName': name})}"
        lines = [msgspec.json.decode(line) for line in (await self._checked("POST", path, file)).splitlines()]
        verdicts: list[dict[str, Any]] = [line for line in lines if "line" in line]
        refused = [
            Detail(f"{name}:{each['line']}", f"{each['name']}: {each['message']}", each["remedy"])
            for each in verdicts
            if each["code"]
        ]
        if refused:
            raise Invalid(
                code="DevicesRefused",
                message=f"{len(refused)} of {len(verdicts)} devices of {name} were refused.",
                remedy="Correct the rows named above.",
                details=refused,
            )
        return verdicts

    async def registration(self, serial: str) -> dict[str, Any]:
        """The registration of the device with that serial number."""
        found = await self.json("GET", f"/registrations?{urlencode({'serial': serial})}")
        for each in found["value"]:
            if each["serialNumber"] == serial:
                return dict(await self.json("GET", f"/registrations/{each['id']}"))
        raise Invalid(
            code="NoSuchDevice", message=f"No device with the serial number {serial} is registered."
        )

    async def edit_registration(self, serial: str, **fields: str) -> None:
        """Change group tag, assigned user, or what else of a registration can be edited."""
        found = await self.registration(serial)
        await self.json("PATCH", f"/registrations/{found['id']}", fields)

    # --- asking ---------------------------------------------------------------------------------------------

    async def json(self, method: str, path: str, document: Any = None) -> Any:
        """A request with a JSON body and what it is answered with. Raises `Refused`."""
        body = b"" if document is None else msgspec.json.encode(document)
        content = await self._checked(method, path, body)
        return msgspec.json.decode(content) if content else None

    async def _checked(self, method: str, path: str, body: bytes = b"") -> bytes:
        status, content = await self._send(method, path, body)
        if status >= 400:
            error = msgspec.json.decode(content)["error"]
            details = [Detail(**each) for each in error.get("details", ())]
            refused = Refused(
                code=error["code"], message=error["message"], remedy=error.get("remedy", ""), details=details
            )
            refused.status = status
            raise refused
        return content

    async def _send(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of the answer; signs in first, and again when the token is over."""
        status, content = await self._send_once(method, path, body)
        if status == 401:
            self._token = await self._sign_in()
            status, content = await self._send_once(method, path, body)
        return status, content

    async def _send_once(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        headers = [("Authorization", f"Bearer {self._token}"), ("Content-Type", "application/json")]
        request = Request(method=method, url=f"{self._url}{API}{path}", headers=headers, body=body)
        async with self._transport.send(request) as answer:
            return answer.status, await answer.read(_LONGEST)

    async def _sign_in(self) -> str:
        client = self._credentials["client"]
        form = {
            "grant_type": "client_credentials",
            "client_id": client["id"],
            "client_secret": client["secret"],
        }
        request = Request(
            method="POST",
            url=f"{self._url}/{quote(self._credentials['tenant_id'])}/oauth2/v2.0/token",
            headers=[("Content-Type", "application/x-www-form-urlencoded")],
            body=urlencode(form).encode(),
        )
        async with self._transport.send(request) as answer:
            return str(msgspec.json.decode(await answer.read())["access_token"])


def _contents(source: Source) -> dict[str, bytes]:
    """The bytes of the files that a description names, by digest."""
    return {digest: source.contents[digest].read_bytes() for digest in sorted(source.contents)}
