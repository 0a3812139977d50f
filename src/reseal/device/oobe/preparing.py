"""Device preparation: secure the hardware, join, enrol, prepare management; and the same for a user.

Every step looks first whether it is done. What a step gives is on the disk before the next one begins.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from reseal.device.causes import cause_of
from reseal.device.channel import Refused
from reseal.device.csp.machine import Machine
from reseal.device.enrol import Applicant, enrol
from reseal.device.errors import (
    NO_CONNECTION_TO_MDM,
    NO_PROFILE,
    NO_TPM_FOR_KEYS,
    NOT_IN_MDM_SCOPE,
    NOT_PROVEN,
    NOT_REGISTERED,
    TIMED_OUT,
    NetworkFailed,
    SetupFailed,
    explained,
    unexpected,
)
from reseal.device.management import Management
from reseal.device.oauth import MANAGEMENT, TokenEndpoint, TokenRefused
from reseal.device.oobe.context import Oobe
from reseal.device.oobe.memory import Place
from reseal.device.oobe.offline import correlator
from reseal.device.oobe.starting import claimant_of, keep_user, set_clock
from reseal.device.oobe.status import preparing
from reseal.device.oobe.table import Outcome
from reseal.device.registering import (
    Membership,
    UserJoin,
    attest,
    join_by_ticket,
    join_by_user,
    remember,
)
from reseal.device.tpm import VirtualTpm
from reseal.device.transport import Identity
from reseal.web.phrases import say
from reseal.wire.join import cloud_sid
from reseal.wire.runtime.messages import Urls

TPM_PATIENCE: Final = timedelta(minutes=2)
"""So long the system waits for a TPM to come up before it says that there is none."""
_TICKETS: Final = 3
_SIGN_INS: Final = 3
_SESSIONS: Final = 5
_GONE: Final = (401, 403, 404, 409, 410)


# --- the technician flow


async def secure(oobe: Oobe) -> Outcome:
    """*Securing your hardware*: prove the TPM (133, 134)."""
    if _is_to_be_managed(oobe.membership) or oobe.ticket:
        return Outcome.PASSED
    await oobe.watch(preparing(oobe))
    if oobe.tpm is None:
        await oobe.clock.sleep(TPM_PATIENCE)
        raise explained(TIMED_OUT)
    claimant = claimant_of(oobe)
    if claimant is None:
        raise not_registered(oobe)
    ticket = await attest(oobe.channel, claimant, oobe.clock)
    set_clock(oobe)
    oobe.ticket = ticket.ticket
    keep_user(oobe, ticket.assigned_user)
    oobe.parts.tell("tpm.attested", {"proof": ticket.proof})
    return Outcome.PASSED


async def join(oobe: Oobe) -> Outcome:
    """*Joining your organization's network*, with the ticket for the proven TPM.

    A device that joined while the organisation had no management joins again, and is the same device.
    """
    if _is_to_be_managed(oobe.membership):
        return Outcome.PASSED
    if not oobe.ticket:
        return Outcome.AGAIN
    await oobe.watch(preparing(oobe))
    ticket, oobe.ticket = oobe.ticket, ""
    try:
        joined = await join_by_ticket(
            oobe.channel,
            ticket,
            _tpm(oobe),
            device_name=oobe.memory.name,
            os_version=oobe.hardware.os_version,
        )
    except Refused as error:
        # A ticket that ran out while answers were lost is no reason to give up.
        if error.http_status in _GONE and error.code == _TICKET_REFUSED and oobe.round("ticket", _TICKETS):
            return Outcome.AGAIN
        raise
    _remember(oobe, joined)
    return Outcome.PASSED


_TICKET_REFUSED: Final = "0x801C0002"


async def enrol_device(oobe: Oobe) -> Outcome:
    """*Registering your device for mobile management*, with the device's own token."""
    if oobe.management is not None:
        return Outcome.PASSED
    await oobe.watch(preparing(oobe))
    member, urls = _member(oobe), _urls(oobe)
    endpoint = TokenEndpoint(oobe.http, oobe.clock, urls.token)
    token = await endpoint.device_token(identity_of(oobe))
    await _enrol(oobe, member, token, upn="")
    return Outcome.PASSED


# --- the user flow of a new device


async def user_join(oobe: Oobe) -> Outcome:
    """Join for the user who signed in."""
    if oobe.membership is not None:
        return Outcome.PASSED
    if oobe.tokens is None:
        return Outcome.AGAIN
    if oobe.tpm is None:
        raise explained(NO_TPM_FOR_KEYS)
    await oobe.watch(preparing(oobe))
    join_ = UserJoin(
        access_token=oobe.tokens.access,
        run=oobe.profile.run,
        device_name=oobe.memory.name,
        os_version=oobe.hardware.os_version,
        mdm_discovery=str(oobe.tokens.claims.get("mdm_enrollment_url", "")),
    )
    joined = await join_by_user(oobe.http, _urls(oobe).device_registration, oobe.tpm, join_)
    _remember(oobe, _as_the_profile_says(oobe, joined, str(oobe.tokens.claims.get("oid", ""))))
    return Outcome.PASSED


def _as_the_profile_says(oobe: Oobe, joined: Membership, user: str) -> Membership:
    """Who joins is an administrator unless the profile says Standard. The server knows the profile of a
    registered device; what a file on the disk says is known here alone.
    """
    profile = oobe.profile.profile
    if profile is None or not profile.standard_user or not user:
        return joined
    left = tuple(sid for sid in joined.administrators if sid != cloud_sid(UUID(user)))
    return msgspec.structs.replace(joined, administrators=left)


async def user_enrol(oobe: Oobe) -> Outcome:
    """Enrol for the user who signed in; a grant that is worth nothing any more asks for a new sign-in."""
    if oobe.management is not None:
        return Outcome.PASSED
    if oobe.tokens is None:
        return Outcome.AGAIN
    await oobe.watch(preparing(oobe))
    member = _told_where_to_enrol(oobe, _member(oobe))
    if not member.mdm_discovery:
        oobe.tokens = oobe.management_tokens = None  # the next sign-in tells whether that has changed
        raise explained(NOT_IN_MDM_SCOPE)
    try:
        token = await management_token(oobe)
    except TokenRefused as error:
        if error.needs_sign_in and oobe.round("sign-in", _SIGN_INS):
            oobe.tokens = oobe.management_tokens = None
            return Outcome.AGAIN
        raise
    await _enrol(oobe, member, token, upn=str(oobe.tokens.claims.get("upn", "")))
    return Outcome.PASSED


# --- both


async def prepare(oobe: Oobe) -> Outcome:
    """*Preparing your device for mobile management*: the first session, which holds the page."""
    management = oobe.management
    if management is None:
        raise unexpected(say("Preparing management"), say("the enrolment has ended"))
    management.bootstrap = oobe.memory.place is not Place.DESKTOP
    if oobe.tokens is not None:
        management.user_token = lambda: user_token(oobe)
    if not oobe.memory.prepared:
        await oobe.watch(preparing(oobe))
        await _first_session(oobe, management)
        oobe.notebook.note(prepared=True)
    oobe.background.start(management.run())
    return Outcome.PASSED


async def _first_session(oobe: Oobe, management: Management) -> None:
    for number in range(1, _SESSIONS + 1):
        if await management.sync(bootstrap=True):
            return
        if number < _SESSIONS:
            await oobe.clock.sleep(timedelta(seconds=5 * 2**number))
    raise NetworkFailed(
        code=NO_CONNECTION_TO_MDM,
        message=say("The first session with management broke off {count} times.", count=_SESSIONS),
        remedy=cause_of(NO_CONNECTION_TO_MDM).remedy,
    )


async def management_token(oobe: Oobe) -> str:
    """A token for management that names the signed-in user and the device. Raises `SetupFailed`."""
    known, tokens = oobe.management_tokens, oobe.tokens
    if known is not None and oobe.http.network_clock.monotonic() < known.until:
        return known.access
    if tokens is None:
        raise SetupFailed(code=NOT_PROVEN, message=say("Nobody is signed in."), remedy=say("Sign in."))
    endpoint = TokenEndpoint(oobe.http, oobe.clock, _urls(oobe).token)
    fresh = await endpoint.renew(identity_of(oobe), (known or tokens).refresh, MANAGEMENT)
    oobe.management_tokens = fresh
    return fresh.access


async def user_token(oobe: Oobe) -> str | None:
    """The same for sessions: without one a session goes on as one of the device."""
    if oobe.tokens is None:
        return None
    try:
        return await management_token(oobe)
    except SetupFailed as error:
        oobe.parts.tell("token.refused", {"code": error.code})
        return None


async def _enrol(oobe: Oobe, member: Membership, token: str, *, upn: str) -> None:
    if not member.mdm_discovery:
        raise explained(NOT_IN_MDM_SCOPE)
    registration = oobe.profile.registration
    applicant = Applicant(
        hardware=oobe.hardware,
        device_id=str(member.device_id),
        device_name=oobe.memory.name,
        registration="" if registration is None else str(registration),
        token=token,
        upn=upn,
        locale=oobe.language,
        correlator=correlator(oobe),
    )
    parts = oobe.parts
    given = await enrol(oobe.http, parts.disk, parts.keys, parts.entropy, member.mdm_discovery, applicant)
    oobe.management = Management.enrolled(parts, given.document, given.key, machine_of(oobe, member))
    oobe.notebook.note(prepared=False)
    parts.tell("device.enrolled", {"upn": upn})


def _is_to_be_managed(member: Membership | None) -> bool:
    """Whether the device has joined and knows where management begins."""
    return member is not None and bool(member.mdm_discovery)


def _told_where_to_enrol(oobe: Oobe, member: Membership) -> Membership:
    """The device, with what the sign-in tells of management if its join did not tell it."""
    told = "" if oobe.tokens is None else str(oobe.tokens.claims.get("mdm_enrollment_url", ""))
    if member.mdm_discovery or not told:
        return member
    member = msgspec.structs.replace(member, mdm_discovery=told)
    remember(oobe.parts.disk, member)
    return member


def machine_of(oobe: Oobe, member: Membership) -> Machine:
    """What the machine tells management of itself."""
    hardware = oobe.hardware
    return Machine(
        device_id=str(member.device_id),
        name=oobe.memory.name,
        manufacturer=hardware.manufacturer,
        model=hardware.model,
        language=oobe.language,
        serial_number=hardware.serial,
        os_version=hardware.os_version,
        hardware_hash=oobe.hardware_hash(),
        hardware_id=hardware.hardware_id,
        directory_device_id=str(member.device_id),
    )


def identity_of(oobe: Oobe) -> Identity:
    """The device certificate with its key. Raises `SetupFailed` for a device that has not joined."""
    return _member(oobe).identity(_tpm(oobe))


def not_registered(oobe: Oobe) -> SetupFailed:
    """The device belongs to nobody, or has no profile."""
    return explained(NOT_REGISTERED if oobe.profile.registration is None else NO_PROFILE)


def _remember(oobe: Oobe, joined: Membership) -> None:
    remember(oobe.parts.disk, joined)
    oobe.parts.tell("device.joined", {"device_id": str(joined.device_id), "by": joined.joined_by})


def _member(oobe: Oobe) -> Membership:
    member = oobe.membership
    if member is None:
        raise unexpected(say("Registering for mobile management"), say("the device has not joined"))
    return member


def _urls(oobe: Oobe) -> Urls:
    if oobe.profile.urls is None:
        raise not_registered(oobe)
    return oobe.profile.urls


def _tpm(oobe: Oobe) -> VirtualTpm:
    if oobe.tpm is None:
        raise explained(TIMED_OUT)
    return oobe.tpm
