"""Requests that do not give up at once.

`Http.ask` sends a request again after what a network does to requests: no link, nobody listening, an answer
that was cut off, a server that says it is busy. So whoever asks has to be sure that asking twice does no
harm, or says `tries=1`; then a busy server is a failure of the network as well, since whoever asks begins
anew after one. A chain or a name that is wrong is not tried again. Waits double and have a bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlencode

import msgspec

from reseal.device.transport import Failure, Headers, Identity, Request, Transport, TransportError
from reseal.device.waiting import TimeUp, within
from reseal.kernel.clock import Clock
from reseal.web.phrases import say

AGENT: Final = "Reseal-Device/1 (Windows 10.0.26100.0)"
TRIES: Final = 6
ANSWER_TIME: Final = timedelta(seconds=60)
"""So long a whole answer may take."""
LONGEST_WAIT: Final = timedelta(seconds=30)

_FIRST_WAIT: Final = timedelta(seconds=1)
_BUSY: Final = (429, 502, 503, 504)
_AGAIN: Final = (Failure.NO_NETWORK, Failure.REFUSED, Failure.CUT)
_LIMIT: Final = 4_194_304


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `url` is where it came from."""

    url: str
    status: int
    headers: Headers
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str:
        """The first value of a header, case ignored; empty if there is none."""
        return next(iter(self.every(name)), "")

    def every(self, name: str) -> tuple[str, ...]:
        """All values of a header, case ignored."""
        return tuple(value for key, value in self.headers if key.lower() == name.lower())

    def json(self) -> dict[str, object]:
        """The body as a JSON object; empty if it is none."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, object])
        except msgspec.DecodeError:
            return {}


class Http:
    """A device's requests. Notes the time that servers tell: `server_time`."""

    def __init__(self, transport: Transport, clock: Clock, network_clock: Clock | None = None) -> None:
        """`clock` measures the waits between tries; `network_clock` what servers take and say, and is the
        same if not given.
        """
        self.network_clock = network_clock or clock
        self._transport = transport
        self._clock = clock
        self._told: tuple[datetime, timedelta] | None = None

    @property
    def server_time(self) -> datetime | None:
        """What time it is now by the last answer that said it, to the second; UTC."""
        if self._told is None:
            return None
        moment, seen = self._told
        return moment + (self.network_clock.monotonic() - seen)

    async def ask(self, request: Request, *, tries: int = TRIES) -> Answer:
        """The answer. Raises `TransportError` after the last try, and for the only one at a busy server."""
        wait = _FIRST_WAIT
        for left in range(tries - 1, -1, -1):
            try:
                answer = await self._once(request)
            except TransportError as error:
                if error.failure not in _AGAIN or not left:
                    raise
                pause = wait
            else:
                if answer.status not in _BUSY:
                    return answer
                if tries == 1:
                    raise _busy(answer)
                if not left:
                    return answer
                pause = max(wait, _retry_after(answer))
            await self._clock.sleep(min(pause, LONGEST_WAIT))
            wait = min(2 * wait, LONGEST_WAIT)
        raise AssertionError("a request is tried at least once")

    async def get(self, url: str, *, identity: Identity | None = None, bearer: str = "") -> Answer:
        """GET a JSON document."""
        headers = [("Accept", "application/json"), *_authorization(bearer)]
        return await self.ask(Request(method="GET", url=url, headers=headers, identity=identity))

    async def post(
        self,
        url: str,
        body: bytes,
        content_type: str,
        *,
        identity: Identity | None = None,
        bearer: str = "",
        tries: int = TRIES,
    ) -> Answer:
        """POST a body."""
        headers = [("Content-Type", content_type), *_authorization(bearer)]
        request = Request(method="POST", url=url, headers=headers, body=body, identity=identity)
        return await self.ask(request, tries=tries)

    async def post_form(self, url: str, fields: Mapping[str, str], *, tries: int = TRIES) -> Answer:
        """POST a form as a program does."""
        body = urlencode(fields).encode("ascii")
        return await self.post(url, body, "application/x-www-form-urlencoded", tries=tries)

    async def _once(self, request: Request) -> Answer:
        named = replace(request, headers=[("User-Agent", AGENT), *request.headers])
        try:
            answer = await within(self.network_clock, ANSWER_TIME, self._whole(named))
        except TimeUp as error:
            raise TransportError(Failure.CUT, say("no answer came in time")) from error
        self._note_time(answer.header("Date"))
        return answer

    async def _whole(self, request: Request) -> Answer:
        async with self._transport.send(request) as response:
            body = await response.read(_LIMIT)
            return Answer(request.url, response.status, tuple(response.headers), body)

    def _note_time(self, text: str) -> None:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return
        told = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
        self._told = told, self.network_clock.monotonic()


def _authorization(bearer: str) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {bearer}")] if bearer else []


def _busy(answer: Answer) -> TransportError:
    return TransportError(Failure.REFUSED, say("the server answered {status}", status=answer.status))


def _retry_after(answer: Answer) -> timedelta:
    text = answer.header("Retry-After")
    return (
        timedelta(seconds=int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else timedelta(0)
    )
