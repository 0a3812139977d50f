"""What a handler receives: who calls, and the body, read no further than the route allows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from ssl import PEM_cert_to_DER_cert
from typing import TypeVar
from uuid import UUID

import msgspec
from cryptography import x509
from starlette.requests import ClientDisconnect, Request

from reseal.kernel.errors import Detail, Invalid, TooLarge, Unauthenticated
from reseal.kernel.ids import TenantKey
from reseal.web.numbers import whole_number
from reseal.web.phrases import say

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who proved who they are: the tenant they belong to, their id and name, what they may do."""

    tenant: TenantKey
    tenant_id: UUID
    subject: UUID
    name: str
    permissions: frozenset[str]


class Call:
    """One request to one route."""

    def __init__(self, request: Request, caller: Caller | None, limit: int) -> None:
        self.request = request
        self._caller = caller
        self._limit = limit

    @property
    def caller(self) -> Caller:
        """The authenticated caller; a public route has none and must not ask (`Unauthenticated`)."""
        if self._caller is None:
            raise Unauthenticated(code="NoCaller", message="This request carries no proof of who sends it.")
        return self._caller

    @property
    def client_certificate(self) -> x509.Certificate | None:
        """The client certificate of the TLS connection, if the client showed one. Who issued it, and whether
        it still counts, is for the handler to look up.
        """
        pem = self._client_pem
        return None if pem is None else x509.load_pem_x509_certificate(pem.encode())

    @property
    def client_der(self) -> bytes | None:
        """The client certificate in DER, to look it up by; to read it costs ten times as much."""
        pem = self._client_pem
        return None if pem is None else PEM_cert_to_DER_cert(pem)

    @property
    def _client_pem(self) -> str | None:
        tls = self.request.scope.get("extensions", {}).get("tls") or {}
        chain = tls.get("client_cert_chain") or ()
        return str(chain[0]) if chain else None

    async def stream(self) -> AsyncIterator[bytes]:
        """The body in chunks as they arrive. Raises `TooLarge` once more than the route's limit was received:
        what counts is what came, not what `Content-Length` promised.
        """
        received = 0
        try:
            async for chunk in self.request.stream():
                received += len(chunk)
                if received > self._limit:
                    raise TooLarge(
                        code="BodyTooLarge",
                        message=say("This address reads at most {limit} bytes.", limit=f"{self._limit:,}"),
                        remedy=say("Send less, or in parts."),
                    )
                yield chunk
        except ClientDisconnect:
            raise Invalid(
                code="BodyIncomplete", message=say("The connection ended within the body.")
            ) from None

    async def body(self) -> bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self.stream()])

    async def json(self, shape: type[T]) -> T:
        """The body as JSON of that shape (a dataclass, a TypedDict, a msgspec type).

        Raises `Invalid` naming the place in the document.
        """
        try:
            return msgspec.json.decode(await self.body(), type=shape)
        except (msgspec.DecodeError, RecursionError) as error:
            raise _unreadable(error) from None

    def query(self, name: str, default: str = "") -> str:
        """One query parameter; the last wins if it is repeated."""
        return self.request.query_params.get(name, default)

    def flag(self, name: str) -> bool:
        """Whether the query parameter says yes (`true` or `1`)."""
        return self.query(name).lower() in {"true", "1"}

    def number(self, name: str, default: int, most: int) -> int:
        """A query parameter from 0 to `most`. Raises `Invalid` for anything else."""
        text = self.query(name)
        if not text:
            return default
        if (number := whole_number(text, most)) is not None:
            return number
        raise Invalid(
            code="BadQuery",
            message=f"The query parameter {name} is {text!r}.",
            remedy=f"Give a whole number from 0 to {most}.",
        )

    def uuid(self, name: str) -> UUID:
        """A path parameter that is an id. Raises `Invalid` if it does not have the form of one."""
        text = str(self.request.path_params[name])
        try:
            return UUID(text)
        except ValueError:
            raise Invalid(code="BadId", message=f"{text!r} is not an id.", remedy="Ids are UUIDs.") from None


def _unreadable(error: Exception) -> Invalid:
    message, _, place = str(error).partition(" - at ")
    where = place.strip("`") or "$"
    return Invalid(
        code="BadDocument",
        message="The body is not the JSON document that this route reads.",
        remedy="Correct the place named in the details.",
        details=[Detail(where=where, message=f"{message}.")],
    )
