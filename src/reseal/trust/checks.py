"""The checks of an attestation, without storage (spec/device-artifacts.md 2.3 to 2.6).

`begin_findings` looks at what a TPM says of itself, `finish_findings` at its answer to the challenge. Both
return every step that failed; the caller of the route is told none of them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reseal.kernel.ca import acceptable_key
from reseal.trust.model import Check, Finding, Proof
from reseal.wire.hwhash import HardwareHash
from reseal.wire.runtime.messages import AttestationFinish
from reseal.wire.tpm import (
    Algorithm,
    Clock,
    Problem,
    Public,
    Reason,
    RsaArea,
    TpmError,
    ak_problems,
    certify_problems,
    clock_problems,
    decode_attest,
    decode_event_log,
    decode_public,
    log_problems,
    quote_problems,
)

FIRMWARE_PCRS: Final = tuple(range(8))
"""PCRs that the firmware fills before anything else runs; its event log must lead to each."""
_PCRS: Final = 24
_SHA256_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Before:
    """What the TPM of a registration stated when it was last proven."""

    ak_name: bytes
    clock: Clock


@dataclass(frozen=True, slots=True)
class Asked:
    """An open challenge, as the answer is checked against it."""

    secret_hash: bytes
    nonce: bytes
    ek: Public
    ak: Public


@dataclass(frozen=True, slots=True)
class Proven:
    """What an answer without findings proves."""

    clock: Clock
    firmware_version: int
    device_key: bytes
    """DER of SubjectPublicKeyInfo: the key that the TPM certified."""


def begin_findings(
    registered: HardwareHash,
    presented: HardwareHash,
    ek: Public,
    ak: Public,
    *,
    allow_virtual: bool,
    proof: Proof,
) -> tuple[Finding, ...]:
    """Identity: 1 the EK is that of the presented hash, 2 and that of the registered one, 3 its class is
    allowed. Then the rules of the AK.
    """
    problems = [*_identity(registered, presented, ek, allow_virtual=allow_virtual, proof=proof)]
    found = [Finding(Check.IDENTITY, problem) for problem in problems]
    return (*found, *(Finding(Check.AK, problem) for problem in ak_problems(ak)))


def unreadable(error: TpmError) -> Finding:
    """What a TPM says of itself cannot be read, or is no endorsement key. Identity, step 0."""
    return Finding(Check.IDENTITY, Problem(Reason.EK_KEY_MISMATCH, 0, "publicAreas", str(error)))


def finish_findings(asked: Asked, answer: AttestationFinish, before: Before | None) -> tuple[Finding, ...]:
    """Challenge (1 the secret), quote, event log, device key, counters; nothing means that all hold."""
    return tuple(_finish(asked, answer, before))


def proven(answer: AttestationFinish) -> Proven:
    """What an answer proves for which `finish_findings` found nothing."""
    attest = decode_attest(answer.quote)
    return Proven(attest.clock, attest.firmware_version, _spki(decode_public(answer.key_public)))


def secret_hash(secret: bytes) -> bytes:
    """What is kept of the secret inside a credential."""
    return hashlib.sha256(secret).digest()


# --- beginning ----------------------------------------------------------------------------------------------


def _identity(
    registered: HardwareHash, presented: HardwareHash, ek: Public, *, allow_virtual: bool, proof: Proof
) -> Iterator[Problem]:
    digest = _ek_digest(ek)
    if digest is None or digest != presented.ek_digest:
        message = "The endorsement key is not the one in the hardware hash that was sent"
        yield Problem(Reason.EK_KEY_MISMATCH, 1, "presentedEk", message)
    if digest is None or digest != registered.ek_digest:
        message = "The endorsement key is not the one that the device was registered with"
        yield Problem(Reason.EK_NOT_REGISTERED, 2, "registeredEk", message)
    if proof is Proof.VIRTUAL and not allow_virtual:
        message = "The TPM is a virtual one, which the organisation does not allow"
        yield Problem(Reason.EK_CHAIN_UNTRUSTED, 3, "class", message)


def _ek_digest(ek: Public) -> bytes | None:
    """Hardware hashes hold RSA endorsement keys only."""
    return hashlib.sha256(ek.area.modulus).digest() if isinstance(ek.area, RsaArea) else None


# --- finishing ----------------------------------------------------------------------------------------------


def _finish(asked: Asked, answer: AttestationFinish, before: Before | None) -> Iterator[Finding]:
    if not hmac.compare_digest(secret_hash(answer.secret), asked.secret_hash):
        message = "The credential was not opened: the AK does not live beside the endorsement key"
        yield Finding(Check.CHALLENGE, Problem(Reason.ACTIVATION_FAILED, 1, "secret", message))
    signer = asked.ak.qualified_name(asked.ek.qualified_name())
    quote = [*_quote(asked, answer, signer)]
    yield from (Finding(Check.QUOTE, problem) for problem in quote)
    yield from (Finding(Check.EVENT_LOG, problem) for problem in _event_log(answer))
    yield from (Finding(Check.DEVICE_KEY, problem) for problem in _device_key(asked, answer, signer))
    if before is not None and not quote:
        yield from (Finding(Check.COUNTERS, problem) for problem in _counters(asked, answer, before))


def _quote(asked: Asked, answer: AttestationFinish, signer: bytes) -> Iterator[Problem]:
    values = _values(answer)
    if values is None:
        yield Problem(Reason.PCR_DIGEST, 5, "pcrs", "The PCR values are not 32 bytes each, numbered 0 to 23")
        return
    if missing := [pcr for pcr in FIRMWARE_PCRS if pcr not in values]:
        message = f"PCR {missing[0]} was not quoted; the firmware's PCRs 0 to 7 are needed"
        yield Problem(Reason.PCR_DIGEST, 5, "pcrs", message)
    yield from quote_problems(
        answer.quote,
        answer.quote_signature,
        ak=asked.ak,
        nonce=asked.nonce,
        values={Algorithm.SHA256: values},
        qualified_signer=signer,
    )


def _event_log(answer: AttestationFinish) -> Iterator[Problem]:
    """No log at all is one in which nothing was measured: the PCRs must then be zero."""
    replayed: Mapping[int, bytes] = {}
    try:
        if answer.event_log:
            replayed = decode_event_log(answer.event_log).replay(Algorithm.SHA256)
    except TpmError as error:
        yield Problem(Reason.LOG_MISMATCH, 1, "eventLog", str(error))
        return
    yield from log_problems(replayed, _values(answer) or {}, FIRMWARE_PCRS)


def _device_key(asked: Asked, answer: AttestationFinish, signer: bytes) -> Iterator[Problem]:
    try:
        key = decode_public(answer.key_public)
        is_strong = acceptable_key(key.key())
    except TpmError as error:
        yield Problem(Reason.KEY_NOT_CERTIFIED, 5, "key", str(error))
        return
    if not is_strong:
        yield Problem(Reason.KEY_NOT_CERTIFIED, 5, "key", "The device key is too short")
    yield from certify_problems(
        answer.certify,
        answer.certify_signature,
        ak=asked.ak,
        certified=key,
        nonce=asked.nonce,
        qualified_signer=signer,
    )


def _counters(asked: Asked, answer: AttestationFinish, before: Before) -> Iterator[Problem]:
    """A cleared TPM counts from zero and has lost its AK; an old AK with lower counters is a copy of old
    state.
    """
    if before.ak_name == asked.ak.name:
        yield from clock_problems(before.clock, decode_attest(answer.quote).clock)


def _values(answer: AttestationFinish) -> dict[int, bytes] | None:
    """The PCR values by number; None if one is not what it should be."""
    values: dict[int, bytes] = {}
    for name, value in answer.pcrs.items():
        if not (name.isascii() and name.isdigit() and len(name) <= 2 and len(value) == _SHA256_BYTES):
            return None
        values[int(name)] = value
    return values if all(number < _PCRS for number in values) else None


def _spki(public: Public) -> bytes:
    return public.key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
