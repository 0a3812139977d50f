"""Becoming a device of the organisation: by a proven TPM, or by a user who signed in.

The device key is made in the TPM and kept there before any request names it, so that a join whose answer was
lost is asked for again with the same key and gives the same device. What a join gave is a `Membership` on
the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from cryptography import x509

from reseal.device.channel import Channel, Refused
from reseal.device.disk import Disk
from reseal.device.errors import (
    ATTESTATION_FAILED,
    JOIN_FAILED,
    TOO_MANY_ATTESTATIONS,
    NetworkFailed,
    SetupFailed,
    explained,
    network_failed,
    unanswered,
    unexpected,
)
from reseal.device.http import Answer, Http
from reseal.device.tpm import Tpm, TpmKey
from reseal.device.transport import Identity, Request, TransportError
from reseal.kernel.clock import Clock
from reseal.web.phrases import say
from reseal.wire.errors import WireError
from reseal.wire.join import (
    JoinRequest,
    certificate_request,
    encode_key_blob,
    read_discovery,
    read_identity,
    read_join_answer,
    read_join_refusal,
    write_join_request,
)
from reseal.wire.runtime.messages import AttestationBegin, AttestationFinish, Ticket, TicketJoin
from reseal.wire.tpm import Credential, TpmError

DEVICE_KEY: Final = "device"
TRANSPORT_KEY: Final = "transport"
QUOTED: Final = (0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14)
"""Firmware, loader, and what the operating system measures of itself."""

_FILE: Final = "windows/membership"
_TRIES: Final = 5
_CHALLENGE_GONE: Final = (404, 409, 410)


class Membership(msgspec.Struct, frozen=True):
    """The device in the directory. Certificates are DER."""

    device_id: UUID
    certificate: bytes
    chain: tuple[bytes, ...] = ()
    mdm_discovery: str = ""
    """Where management begins; empty: outside of the MDM scope."""
    administrators: tuple[str, ...] = ()
    """SIDs of the local Administrators."""
    joined_by: str = ""
    """UPN of the user who joined it; empty: the device itself."""

    def identity(self, tpm: Tpm) -> Identity:
        """The device certificate with its key."""
        return Identity(
            certificate=x509.load_der_x509_certificate(self.certificate),
            key=tpm.make_key(DEVICE_KEY).key,
            above=tuple(x509.load_der_x509_certificate(each) for each in self.chain),
        )


def membership(disk: Disk) -> Membership | None:
    """What the device is, if it joined."""
    kept = disk.read(_FILE)
    return None if kept is None else msgspec.json.decode(kept, type=Membership)


def identity_of(disk: Disk, tpm: Tpm | None) -> Identity | None:
    """What the device proves itself with, if it joined and has a TPM that holds the key."""
    joined = membership(disk)
    return None if joined is None or tpm is None else joined.identity(tpm)


def remember(disk: Disk, joined: Membership) -> None:
    """Keep what the device is."""
    disk.replace(_FILE, msgspec.json.encode(joined))


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who attests: the machine's hash, its TPM, and the registration it claims to be."""

    registration: UUID
    hardware_hash: str
    tpm: Tpm


# --- a proven TPM


async def attest(channel: Channel, claimant: Claimant, clock: Clock) -> Ticket:
    """Prove the TPM; the ticket is for the device key. Raises `SetupFailed`.

    What a network does to an exchange makes it begin anew, and so does a challenge that is over; there is a
    bound, and then the code is that of too many retries.
    """
    key = claimant.tpm.make_key(DEVICE_KEY)
    failed: SetupFailed | None = None
    for number in range(1, _TRIES + 1):
        try:
            return await _attest_once(channel, claimant, key)
        except NetworkFailed as error:
            failed = error
        except Refused as error:
            if error.http_status not in _CHALLENGE_GONE or error.code not in ("", TOO_MANY_ATTESTATIONS):
                raise
            failed = None
        if number < _TRIES:
            await clock.sleep(timedelta(seconds=2**number))
    raise failed or explained(TOO_MANY_ATTESTATIONS)


async def _attest_once(channel: Channel, claimant: Claimant, key: TpmKey) -> Ticket:
    tpm = claimant.tpm
    begin = AttestationBegin(
        registration=claimant.registration,
        hardware_hash=claimant.hardware_hash,
        ek_public=tpm.ek_public.encode(),
        ak_public=tpm.ak_public.encode(),
        ek_certificates=tpm.ek_certificates,
    )
    challenge = await channel.begin_attestation(begin)
    try:
        secret = tpm.activate(Credential(challenge.credential, challenge.encrypted_seed))
    except TpmError as error:
        raise SetupFailed(
            code=ATTESTATION_FAILED,
            message=say("The TPM cannot open the server's challenge: {why}.", why=error.message),
            remedy=say("Register the device again with a hardware hash that it captures now."),
        ) from error
    quote = tpm.quote(challenge.nonce, QUOTED)
    certified = tpm.certify(key.public, challenge.nonce)
    finish = AttestationFinish(
        secret=secret,
        quote=quote.attest,
        quote_signature=quote.signature,
        pcrs={str(pcr): value for pcr, value in tpm.pcr_values(QUOTED).items()},
        event_log=tpm.event_log(),
        key_public=key.public.encode(),
        certify=certified.attest,
        certify_signature=certified.signature,
    )
    return await channel.finish_attestation(challenge.id, finish)


async def join_by_ticket(
    channel: Channel, ticket: str, tpm: Tpm, *, device_name: str, os_version: str
) -> Membership:
    """Join without a user. Raises `SetupFailed`."""
    key, transport = tpm.make_key(DEVICE_KEY).key, tpm.make_key(TRANSPORT_KEY).key
    joined = await channel.join(
        TicketJoin(
            ticket=ticket,
            certificate_request=certificate_request(key),
            transport_key=encode_key_blob(transport.public_key()),
            device_name=device_name,
            os_version=os_version,
        )
    )
    return Membership(
        device_id=joined.device_id,
        certificate=joined.certificate,
        chain=joined.chain,
        mdm_discovery=joined.mdm_discovery,
        administrators=joined.local_admins,
    )


# --- a user who signed in


@dataclass(frozen=True, slots=True)
class UserJoin:
    """What a join for a user needs. `run` ties it to the registration that the profile came for."""

    access_token: str
    run: str
    device_name: str
    os_version: str
    mdm_discovery: str


async def join_by_user(http: Http, discovery_url: str, tpm: Tpm, join: UserJoin) -> Membership:
    """Join for the user of the access token (spec/identity.md 2.2). Raises `SetupFailed`."""
    what = say("Joining the organisation")
    try:
        return await _join_by_user(http, discovery_url, tpm, join, what)
    except WireError as error:
        raise unexpected(what, error.message) from error


async def _join_by_user(http: Http, discovery_url: str, tpm: Tpm, join: UserJoin, what: str) -> Membership:
    discovery = read_discovery(_good(await _send(http, "GET", discovery_url, what), what))
    key, transport = tpm.make_key(DEVICE_KEY).key, tpm.make_key(TRANSPORT_KEY).key
    request = JoinRequest(
        certificate_request=certificate_request(key),
        transport_key=encode_key_blob(transport.public_key()),
        os_version=join.os_version,
        device_name=join.device_name,
        target_domain=discovery.tenant_name,
    )
    body = write_join_request(request, ticket=join.run.encode("ascii"))
    url = f"{discovery.join.endpoint}?api-version={discovery.join.version}"
    headers = [
        ("Authorization", f"Bearer {join.access_token}"),
        ("Content-Type", "application/json"),
        ("ocp-adrs-client-name", "Dsreg"),
        ("ocp-adrs-client-version", join.os_version),
    ]
    return _joined(await _send(http, "POST", url, what, headers, body), join)


def _joined(answer: Answer, join: UserJoin) -> Membership:
    if not answer.ok:
        refusal = read_join_refusal(answer.body)
        code = refusal.code or JOIN_FAILED
        raise SetupFailed(
            code=code if code.startswith("0x") else f"0x{code.upper()}",
            message=refusal.message,
            remedy=refusal.remedy,
        )
    joined = read_join_answer(answer.body)
    identity = read_identity(x509.load_der_x509_certificate(joined.certificate))
    return Membership(
        device_id=identity.device_id,
        certificate=joined.certificate,
        mdm_discovery=join.mdm_discovery,
        administrators=joined.administrators,
        joined_by=joined.upn,
    )


async def _send(
    http: Http,
    method: str,
    url: str,
    what: str,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> Answer:
    try:
        return await http.ask(Request(method=method, url=url, headers=headers, body=body))
    except TransportError as error:
        raise network_failed(error, what) from error


def _good(answer: Answer, what: str) -> bytes:
    if not answer.ok:
        raise unanswered(what, answer.status, answer.url)
    return answer.body
