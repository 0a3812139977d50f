"""Attestation over HTTP: begin with what the TPM says of itself, finish with its answer.

Every refusal reads alike: only the code tells too many tries from a failure. Why it was refused stands in the
event log and in the deployment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from starlette.responses import Response

from reseal.autopilot.matching import meant
from reseal.kernel.clock import Clock
from reseal.kernel.db import Database
from reseal.kernel.entropy import Entropy
from reseal.kernel.errors import Invalid
from reseal.kernel.workers import Workers
from reseal.signin.tokens import TokenSigner
from reseal.trust.attestation import (
    LIFETIME,
    IssueTicket,
    Known,
    NewChallenge,
    Open,
    conclude,
    note_too_late,
    open_challenge,
    recognise,
    refuse_begin,
    refuse_finish,
    take_challenge,
)
from reseal.trust.checks import Proven, begin_findings, finish_findings, proven, unreadable
from reseal.trust.model import ATTESTATION_FAILED, TOO_MANY_TRIES, Finding, proof_of
from reseal.web.calls import Call
from reseal.web.pace import Pace
from reseal.web.routes import KIB, MIB, Listener, Public, Route
from reseal.wire.hwhash import HardwareHash, HardwareHashError
from reseal.wire.hwhash import decode as decode_hash
from reseal.wire.runtime.messages import (
    AttestationBegin,
    AttestationFinish,
    Challenge,
    ChannelError,
    Refusal,
    RefusalAnswer,
    decode,
    encode,
)
from reseal.wire.tpm import Credential, TpmError, decode_public, make_credential, randomness_needed

T = TypeVar("T", AttestationBegin, AttestationFinish)

_SECRET_BYTES = 32
_NONCE_BYTES = 32
_NAMES = {
    ATTESTATION_FAILED: "TpmAttestationFailed",
    TOO_MANY_TRIES: "E_AUTOPILOT_CLIENT_TPM_MAX_ATTESTATION_RETRY_EXCEEDED",
}
_BEGINS = 30
_WINDOW = timedelta(minutes=1)
"""A device begins once for every try; what comes more often is a flood."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A challenge that may be given, or why none is."""

    challenge: NewChallenge | None
    credential: Credential | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class TrustDoor:
    """Attestation of devices. `issue_ticket` is `join.tickets.issue`."""

    db: Database
    signer: TokenSigner
    workers: Workers
    clock: Clock
    entropy: Entropy
    issue_ticket: IssueTicket
    _pace: Pace = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pace", Pace(self.clock, _BEGINS, _WINDOW))

    def routes(self) -> tuple[Route, ...]:
        """Both steps."""
        hardware, answer = Public("proves its hardware"), Public("answers a challenge")
        path = "/runtime/v1/attestation"
        return (
            Route("POST", path, self.begin, hardware, 64 * KIB, Listener.BOTH),
            Route("POST", f"{path}/{{id}}", self.finish, answer, 2 * MIB, Listener.BOTH),
        )

    async def begin(self, call: Call) -> Response:
        """A challenge for the TPM of a registered device."""
        sent = await _read(call, AttestationBegin)
        presented = await self.workers.run(_hash, sent.hardware_hash)
        if presented is None:
            return _refused(ATTESTATION_FAILED)
        if asked_for := await self.db.read(meant, presented):  # what differs is written down
            self._pace.take(asked_for)
        known = await self.db.write(recognise, presented, sent.registration)
        if known is None:
            return _refused(ATTESTATION_FAILED)
        prepared = await self.workers.run(self._prepare, sent, presented, known)
        if prepared.challenge is None or prepared.credential is None:
            await self.db.write(refuse_begin, known, prepared.findings)
            return _refused(ATTESTATION_FAILED)
        uuid = await self.db.write(open_challenge, known, prepared.challenge)
        if uuid is None:
            return _refused(TOO_MANY_TRIES)
        return _json(
            encode(
                Challenge(
                    id=uuid,
                    credential=prepared.credential.blob,
                    encrypted_seed=prepared.credential.encrypted_seed,
                    nonce=prepared.challenge.nonce,
                    expires_in=int(LIFETIME.total_seconds()),
                )
            )
        )

    async def finish(self, call: Call) -> Response:
        """A join ticket for a right answer."""
        answer = await _read(call, AttestationFinish)
        uuid = _uuid(str(call.request.path_params["id"]))
        taken = None if uuid is None else await self.db.write(take_challenge, uuid)
        if taken is None:
            return _gone()
        if taken.expired:
            await self.db.write(note_too_late, taken)
            return _gone()
        outcome = await self.workers.run(_judged, taken, answer)
        if not isinstance(outcome, Proven):
            return _refused(await self.db.write(refuse_finish, taken, outcome))
        ticket = await self.db.write(conclude, taken, outcome, self.issue_ticket, self.signer)
        return _json(encode(ticket))

    def _prepare(self, sent: AttestationBegin, presented: HardwareHash, known: Known) -> _Prepared:
        try:
            ek, ak = decode_public(sent.ek_public), decode_public(sent.ak_public)
            proof = proof_of(known.hash, presented, ek)
            findings = begin_findings(
                known.hash, presented, ek, ak, allow_virtual=known.allow_virtual, proof=proof
            )
            if findings:
                return _Prepared(None, None, findings)
            secret = self.entropy.bytes(_SECRET_BYTES)
            randomness = self.entropy.bytes(randomness_needed(ek))
            credential = make_credential(ek, ak.name, secret, randomness)
        except TpmError as error:
            return _Prepared(None, None, (unreadable(error),))
        new = NewChallenge(
            secret=secret,
            nonce=self.entropy.bytes(_NONCE_BYTES),
            ek_public=sent.ek_public,
            ak_public=sent.ak_public,
            ak_name=ak.name,
            proof=proof,
        )
        return _Prepared(new, credential, ())


async def _read(call: Call, shape: type[T]) -> T:
    """The body as a document of the channel. Raises `Invalid`."""
    try:
        return decode(await call.body(), shape)
    except ChannelError as error:
        raise Invalid(code=error.code, message=f"{error.message}.", remedy=f"{error.remedy}.") from error


def _hash(text: str) -> HardwareHash | None:
    try:
        return decode_hash(text)
    except HardwareHashError:
        return None


def _judged(taken: Open, answer: AttestationFinish) -> Proven | tuple[Finding, ...]:
    return finish_findings(taken.asked, answer, taken.before) or proven(answer)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _refused(code: str) -> Response:
    refusal = Refusal(
        code=code,
        name=_NAMES[code],
        message="The TPM of this device could not be proven.",
        remedy="Try again after five minutes; the organisation's event log names the reason.",
    )
    return _json(encode(RefusalAnswer(error=refusal)), 403)


def _gone() -> Response:
    """A challenge that is answered once, or too late: the device begins anew."""
    refusal = Refusal(
        code=TOO_MANY_TRIES,
        name="ChallengeGone",
        message="The challenge is over: it was answered already, or too late.",
        remedy="Begin the attestation again.",
    )
    return _json(encode(RefusalAnswer(error=refusal)), 410)


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")
