"""The runtime channel over HTTP: profile, reports, blocker (docs/engineer/runtime-protocol.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from starlette.responses import Response

from reseal.autopilot.matching import meant
from reseal.deployment.service import blocker_now
from reseal.kernel.clock import Clock
from reseal.kernel.db import Database, Tx
from reseal.kernel.errors import Invalid, TooLarge, Unauthenticated
from reseal.kernel.workers import Workers
from reseal.runtime.profile import Addresses, Question, registration_of_hash, who_is
from reseal.runtime.reports import MOST_AT_ONCE, take_reports
from reseal.runtime.runs import require_run
from reseal.signin.tokens import TokenSigner
from reseal.web.calls import Call
from reseal.web.pace import Pace
from reseal.web.routes import KIB, Listener, Public, Route
from reseal.wire.hwhash import HardwareHash, HardwareHashError
from reseal.wire.hwhash import decode as decode_hash
from reseal.wire.runtime.messages import (
    Blocker,
    ChannelError,
    ProfileAnswer,
    ProfileRequest,
    Refusal,
    RefusalAnswer,
    Reports,
    Standing,
    decode,
    encode,
)

T = TypeVar("T", ProfileRequest, Reports)

_PROFILES = 30
_WINDOW = timedelta(minutes=1)
"""A device asks once for each start, and at each *Refresh*; what comes more often is a flood."""


@dataclass(frozen=True, slots=True)
class RuntimeDoor:
    """The channel of our own devices."""

    db: Database
    signer: TokenSigner
    workers: Workers
    clock: Clock
    addresses: Addresses
    _pace: Pace = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pace", Pace(self.clock, _PROFILES, _WINDOW))

    def routes(self) -> tuple[Route, ...]:
        """Every endpoint."""
        hardware, run = Public("asks by hardware hash"), Public("proves its run by a token")
        both = Listener.BOTH
        return (
            Route("POST", "/runtime/v1/profile", self.profile, hardware, 64 * KIB, both),
            Route("POST", "/runtime/v1/reports", self.reports, run, 256 * KIB, both),
            Route("GET", "/runtime/v1/blocker", self.blocker, run, 0, both),
        )

    async def profile(self, call: Call) -> Response:
        """Who the device is."""
        request = await _read(call, ProfileRequest)
        presented = await self.workers.run(_hash, request.hardware_hash)
        if asked_for := await self.db.read(meant, presented):  # what differs is written down
            self._pace.take(asked_for)
        found = await self.db.write(registration_of_hash, presented)
        if found is None:
            return _json(encode(ProfileAnswer(standing=Standing.UNREGISTERED)))
        tenant, key = found
        question = Question(presented, request, call.client_der)
        answer = await self.db.write(who_is, tenant, key, question, self.addresses, self.signer)
        if isinstance(answer, Refusal):
            return _json(encode(RefusalAnswer(error=answer)), 409)
        return _json(encode(answer))

    async def reports(self, call: Call) -> Response:
        """Take what the device tells."""
        token, sent = _bearer(call), await _read(call, Reports)
        if len(sent.reports) > MOST_AT_ONCE:
            raise TooLarge(
                code="TooManyReports",
                message=f"At most {MOST_AT_ONCE} reports are taken at once.",
                remedy="Send them in parts.",
            )
        return _json(encode(await self.db.write(take_reports, token, sent, call.client_der)))

    async def blocker(self, call: Call) -> Response:
        """What the device waits for."""
        return _json(encode(await self.db.read(_blocker, _bearer(call))))


def _blocker(tx: Tx, token: str) -> Blocker:
    found = require_run(tx, token)
    return blocker_now(tx, found.tenant, found.registration) or Blocker()


async def _read(call: Call, shape: type[T]) -> T:
    """The body as a document of the channel. Raises `Invalid`."""
    try:
        return decode(await call.body(), shape)
    except ChannelError as error:
        raise Invalid(code=error.code, message=f"{error.message}.", remedy=f"{error.remedy}.") from error


def _hash(text: str) -> HardwareHash:
    try:
        return decode_hash(text)
    except HardwareHashError as error:
        raise Invalid(
            code="InvalidZtdHardwareHash", message=f"{error.message}.", remedy=f"{error.remedy}."
        ) from error


def _bearer(call: Call) -> str:
    scheme, _, token = call.request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated(
            code="RunNotKnown",
            message="The request has no token of a run.",
            remedy="Send the header Authorization: Bearer with the run of the profile's answer.",
        )
    return token.strip()


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")
