"""The device's end of the runtime channel (`wire.runtime.messages`): who am I, prove it, tell, ask.

Reports are numbered and kept on the disk until the server has taken them; sending one twice changes nothing.
They are evidence only: with `Reports(enabled=False)` none is made, and a run arrives all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from reseal.device.disk import Disk
from reseal.device.errors import SetupFailed, network_failed, unanswered, unexpected
from reseal.device.http import TRIES, Answer, Http
from reseal.device.transport import Identity, TransportError
from reseal.device.waiting import TimeUp, within
from reseal.kernel.clock import Clock
from reseal.web.phrases import say
from reseal.wire.runtime.messages import (
    AttestationBegin,
    AttestationFinish,
    Blocker,
    Challenge,
    ChannelError,
    Joined,
    ProfileAnswer,
    ProfileRequest,
    RefusalAnswer,
    Report,
    ReportKind,
    Reports,
    ReportsTaken,
    Ticket,
    TicketJoin,
    decode,
    encode,
)

JSON: Final = "application/json"
PATIENCE: Final = timedelta(seconds=5)
"""No page waits longer than this for reports to be taken."""
_FILE: Final = "windows/reports"
_MOST_KEPT: Final = 200

_Shape = TypeVar("_Shape", bound=msgspec.Struct)


class Refused(SetupFailed):
    """The server declined, and said why. `name` is its short word for the reason, `status` that of HTTP."""

    def __init__(self, *, code: str, name: str, message: str, remedy: str, status: int) -> None:
        super().__init__(code=code, message=message, remedy=remedy)
        self.name = name
        self.http_status = status

    @property
    def is_final(self) -> bool:
        """Whether the same would be declined at another time, too: the server is neither busy nor broken."""
        return 400 <= self.http_status < 500 and self.http_status != 429


class Channel:
    """Requests to one server. `base` is the address of the channel without a slash at the end."""

    def __init__(self, http: Http, base: str) -> None:
        self._http = http
        self.base = base

    @property
    def network_clock(self) -> Clock:
        """What answers are timed by."""
        return self._http.network_clock

    async def profile(self, request: ProfileRequest, *, identity: Identity | None) -> ProfileAnswer:
        """Who the device is; with its certificate, once it has one. Raises `SetupFailed`."""
        return await self._ask(
            "/profile", request, ProfileAnswer, say("Fetching the profile"), identity=identity
        )

    async def begin_attestation(self, request: AttestationBegin) -> Challenge:
        """A challenge for the TPM. Raises `SetupFailed`."""
        return await self._ask("/attestation", request, Challenge, say("Attesting the TPM"))

    async def finish_attestation(self, challenge: UUID, request: AttestationFinish) -> Ticket:
        """The ticket for the right answer; a challenge is answered once. Raises `SetupFailed`."""
        return await self._ask(
            f"/attestation/{challenge}", request, Ticket, say("Attesting the TPM"), tries=1
        )

    async def join(self, request: TicketJoin) -> Joined:
        """The device certificate; a ticket joins once, the same request may be sent again.

        Raises `SetupFailed`.
        """
        return await self._ask("/join", request, Joined, say("Joining the organisation"))

    async def report(self, run: str, reports: Reports, *, identity: Identity | None = None) -> int:
        """The number up to which reports are kept. Raises `SetupFailed`; tried once.

        What is told without the device's `identity` is kept by the server, but not believed.
        """
        taken = await self._ask(
            "/reports", reports, ReportsTaken, say("Reporting"), bearer=run, identity=identity, tries=1
        )
        return taken.up_to

    async def blocker(self, run: str) -> Blocker:
        """What the device waits for. Raises `SetupFailed`."""
        what = say("Asking what is awaited")
        try:
            answer = await self._http.get(self.base + "/blocker", bearer=run)
        except TransportError as error:
            raise network_failed(error, what) from error
        return _read(answer, Blocker, what)

    async def _ask(
        self,
        path: str,
        request: Any,
        shape: type[_Shape],
        what: str,
        *,
        identity: Identity | None = None,
        bearer: str = "",
        tries: int = TRIES,
    ) -> _Shape:
        url = self.base + path
        try:
            answer = await self._http.post(
                url, encode(request), JSON, identity=identity, bearer=bearer, tries=tries
            )
        except TransportError as error:
            raise network_failed(error, what) from error
        return _read(answer, shape, what)


def _read(answer: Answer, shape: type[_Shape], what: str) -> _Shape:
    if answer.ok:
        try:
            return decode(answer.body, shape)  # type: ignore[type-var]
        except ChannelError as error:
            raise unexpected(what, error.message) from error
    try:
        refusal = decode(answer.body, RefusalAnswer).error
    except ChannelError as error:
        raise unanswered(what, answer.status) from error
    raise Refused(
        code=refusal.code,
        name=refusal.name,
        message=refusal.message,
        remedy=refusal.remedy,
        status=answer.status,
    )


class _Kept(msgspec.Struct, frozen=True):
    """Reports that were not taken yet, of one run."""

    run: str = ""
    last: int = 0
    waiting: tuple[Report, ...] = ()


class ReportBook:
    """Numbers what the device tells and keeps it until it was taken."""

    def __init__(
        self,
        channel: Channel,
        clock: Clock,
        disk: Disk,
        *,
        identity: Callable[[], Identity | None] = lambda: None,
        enabled: bool = True,
    ) -> None:
        """`identity` gives the device's certificate once it has one."""
        self.enabled = enabled
        self._identity = identity
        self._channel = channel
        self._clock = clock
        self._disk = disk
        kept = disk.read(_FILE)
        self._kept = _Kept() if kept is None else msgspec.json.decode(kept, type=_Kept)

    async def open_run(self, run: str) -> None:
        """Reports from now on belong to this run; what is left of the one before is sent or given up."""
        if run == self._kept.run or not self.enabled:
            return
        await self.send()
        self._keep(_Kept(run=run))

    def write(
        self, kind: ReportKind, *, screen: str = "", code: str = "", detail: dict[str, Any] | None = None
    ) -> None:
        """Note one report; without a run, as on an unregistered device, nothing is noted."""
        if not self.enabled or not self._kept.run:
            return
        number = self._kept.last + 1
        report = Report(
            number=number, at=self._now(), kind=kind, screen=screen, code=code, detail=detail or {}
        )
        waiting = (*self._kept.waiting, report)[-_MOST_KEPT:]
        self._keep(_Kept(self._kept.run, number, waiting))

    async def send(self) -> bool:
        """Send what waits, once; whether nothing is left. It never fails: reports are not needed."""
        kept = self._kept
        if not kept.waiting:
            return True
        report = self._channel.report(kept.run, Reports(reports=kept.waiting), identity=self._identity())
        try:
            taken = await within(self._channel.network_clock, PATIENCE, report)
        except Refused as refused:
            if not refused.is_final:
                return False
            taken = kept.last  # the run is over, or the server wants none
        except (SetupFailed, TimeUp):
            return False
        waiting = tuple(report for report in self._kept.waiting if report.number > taken)
        self._keep(_Kept(self._kept.run, self._kept.last, waiting))
        return not waiting

    def forget(self) -> None:
        """Nothing waits any more; the file is the caller's to remove."""
        self._kept = _Kept()

    def _now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)

    def _keep(self, kept: _Kept) -> None:
        self._kept = kept
        self._disk.replace(_FILE, msgspec.json.encode(kept))
