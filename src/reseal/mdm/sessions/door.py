"""POST /ManagementServer/MDM.svc: bytes in, bytes out.

What stands in the query makes no difference (`?mode=Maintenance&Platform=WoA`). A body that is no XML that
may be parsed, or no message with a header, gets 400; everything else is answered in SyncML with 200.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from starlette.responses import Response

from reseal.kernel.clock import Clock
from reseal.kernel.db import Database
from reseal.kernel.errors import Invalid, TooSoon
from reseal.kernel.logs import get_logger
from reseal.kernel.secretbox import SecretBox
from reseal.managed.content import ContentUrls
from reseal.managed.enrolments import note_contact
from reseal.mdm.authentication import Shown, UserToken, read_user_token
from reseal.mdm.sessions import replies
from reseal.mdm.sessions.exchange import Incoming, Outcome, Tools, exchange
from reseal.mdm.sessions.glance import look, may_be_idle
from reseal.mdm.sessions.handling import HANDLING, Handling
from reseal.mdm.sessions.inventory import pass_over, publish
from reseal.mdm.sessions.reports import Report, read_report, statuses
from reseal.mdm.sessions.store import Found
from reseal.signin.lockout import Lockout
from reseal.signin.tokens import TokenSigner
from reseal.web.calls import Call
from reseal.web.routes import MIB, Listener, Public, Route
from reseal.wire.errors import WireError
from reseal.wire.syncml import Message, read_message, take

PATH: Final = "/ManagementServer/MDM.svc"
MEDIA_TYPE: Final = "application/vnd.syncml.dm+xml"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SessionDoor:
    """Where devices hold their sessions."""

    db: Database
    clock: Clock
    signer: TokenSigner
    box: SecretBox
    urls: ContentUrls
    lockout: Lockout
    """Of enrolments whose digests were wrong too often."""
    handling: Handling = HANDLING

    def routes(self) -> tuple[Route, ...]:
        """The one endpoint, on both listeners."""
        proven = Public("every message proves its device by certificate or digest")
        return (Route("POST", PATH, self.session, proven, MIB, Listener.BOTH, any_case=True),)

    async def session(self, call: Call) -> Response:
        """One message of a session. Raises `Invalid` (400), `TooLarge` (413) and `TooSoon` (429)."""
        body = await call.body()
        message = _read(body)
        report = read_report(message.commands)
        certificate = call.client_der
        thumbprint = None if certificate is None else sha256(certificate).digest()
        token = self._user_token(call, report)
        idle = await self._idle(message, report, thumbprint, token)
        if idle is not None:
            return idle
        shown = Shown(message.header, thumbprint)
        incoming = Incoming(message, sha256(body).digest(), shown, token, leaves=report.unenrolled)
        self._refuse_locked(incoming.shown)
        outcome = await self.db.write(exchange, incoming, Tools(self.box, self.urls, self.handling))
        self._count(incoming.shown, outcome)
        if outcome.untold and outcome.found is not None:
            await self._publish(outcome.found)
        return _answer(outcome.reply)

    async def _idle(
        self, message: Message, report: Report, thumbprint: bytes | None, token: UserToken | None
    ) -> Response | None:
        """The answer to a check-in that changes nothing."""
        if thumbprint is None or not may_be_idle(message):
            return None
        found = await self.db.read(look, message, report, thumbprint, token, self.clock.now())
        if found is None:
            return None
        if found.contact_due:
            await self.db.write(note_contact, found.tenant, found.enrolment)
        if found.says_nothing:
            return _answer(replies.silence(message.header).data)
        said = statuses(message.header, message, take(message))
        return _answer(replies.acknowledgement(message.header, said).data)

    def _user_token(self, call: Call, report: Report) -> UserToken | None:
        """The token of the header, else that of the alert; they should be the same (3.8)."""
        scheme, _, text = call.request.headers.get("authorization", "").partition(" ")
        token = text.strip() if scheme.lower() == "bearer" else ""
        token = token or report.token
        return read_user_token(self.signer, token, now=self.clock.now()) if token else None

    def _refuse_locked(self, shown: Shown) -> None:
        """Guessing a device's digest is slowed down; its certificate works all the same."""
        if shown.cred is None or shown.thumbprint is not None or shown.named is None:
            return
        if left := self.lockout.remaining(shown.named):
            raise TooSoon(
                code="TooManyFailures",
                message="The credentials of this device were wrong too often.",
                remedy="Try again later.",
                retry_after=left,
            )

    def _count(self, shown: Shown, outcome: Outcome) -> None:
        if shown.cred is None or shown.named is None:
            return
        if outcome.unproven is None:
            self.lockout.succeeded(shown.named)
        elif outcome.unproven.wrong:
            self.lockout.failed(shown.named)

    async def _publish(self, found: Found) -> None:
        """What the device told of itself. It is kept already; a name that cannot be one stays there.

        What fails otherwise is answered as an error: the device repeats its message, and this is done then.
        """
        tenant, enrolment = found.tenant, found.enrolment.uuid
        try:
            await self.db.write(publish, enrolment, causes=tenant)
        except Invalid as error:
            log.warning("what a device told of itself cannot be used", code=error.code, message=error.message)
            await self.db.write(pass_over, enrolment)


def _read(body: bytes) -> Message:
    try:
        return read_message(body, MIB)
    except WireError as error:
        raise Invalid(code=error.code, message=str(error), remedy=error.remedy) from None


def _answer(data: bytes) -> Response:
    return Response(data, media_type=MEDIA_TYPE)
