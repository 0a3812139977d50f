"""Joins of people: a token of the directory, then the checks in the order of spec/identity.md 2.2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reseal.autopilot.model import Registration
from reseal.autopilot.model_profile import UserType
from reseal.autopilot.profile_assignment import effective_profile
from reseal.autopilot.registrations import registration_by_id, registration_of_device
from reseal.deployment import service as deployment
from reseal.deployment.facts import Flow, Refused
from reseal.directory.credentials import find_device_credential
from reseal.directory.devices import device_by_id
from reseal.directory.joining import may_join
from reseal.directory.model import Device, TrustType, User
from reseal.directory.model_joining import JoinDecision, JoinReason
from reseal.directory.tenants import tenant_by_uuid
from reseal.directory.users import user_by_uuid
from reseal.join.administrators import local_administrators
from reseal.join.joining import Asked, JoinedDevice, device_to_join, join_device, require_enabled
from reseal.join.refusals import JoinRefused, NotProven, decided, malformed, no_device_object, not_authorized
from reseal.join.repeating import device_of_key
from reseal.join.scope import decide_enrolment
from reseal.kernel import ca, events
from reseal.kernel.db import Tx
from reseal.kernel.errors import NotFound
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey
from reseal.signin.tokens import AccessClaims
from reseal.wire.join import RUN_PREFIX, JoinAnswer, JoinRequest, JoinType, MembershipChange
from reseal.wire.join.answers import ADMINISTRATORS

RegistrationOfRun = Callable[[Tx, str], tuple[TenantKey, int] | None]
"""Whose device a profile was given to, by the `run` of the profile's answer."""

_TRUST = {
    JoinType.JOIN: TrustType.AZURE_AD,
    JoinType.JOIN_TOO: TrustType.AZURE_AD,
    JoinType.REGISTER: TrustType.WORKPLACE,
}


@dataclass(frozen=True, slots=True)
class UserJoin:
    """A request with everything that came with it."""

    claims: AccessClaims
    request: JoinRequest
    asked: Asked | JoinRefused
    """What was read of keys and certificate request, or why they are refused."""
    shown: bytes | None
    """The TLS client certificate (DER), by which a device that joins again is known."""


@dataclass(frozen=True, slots=True)
class _Whose:
    """Which device joins: of a registration, one that is known already, or a new one."""

    registration: Registration | None = None
    device: Device | None = None


def join_by_user(
    tx: Tx, tenant: TenantKey, join: UserJoin, authority: ca.Authority, registration_of_run: RegistrationOfRun
) -> JoinAnswer | JoinRefused:
    """Join a device for the user of a verified token, under the tenant's lock for causes.

    A refusal is told to the deployment and the log, and returned, not raised, so that it is committed.
    """
    user: User | None = None
    whose = _Whose()
    try:
        user = _user(tx, tenant, join.claims)
        trust = _trust(join.request)
        known = _whose(tx, tenant, join, user, trust, registration_of_run)
        whose = known if isinstance(known, _Whose) else whose
        _require_right(tx, tenant, user, whose.device)
        if isinstance(join.asked, JoinRefused):
            raise join.asked
        if isinstance(known, JoinRefused):
            raise known
        joined = join_device(
            tx,
            tenant,
            join.asked,
            authority=authority,
            device=whose.device,
            registration=whose.registration,
            user=user,
            trust=trust,
        )
    except JoinRefused as refused:
        _tell_refusal(tx, tenant, user, whose.registration, refused)
        return refused
    if whose.registration is not None and trust is TrustType.AZURE_AD:
        decide_enrolment(tx, tenant, whose.registration, user.id)
    return _answer(tx, tenant, joined, whose.registration, user, trust)


def tenant_of_claims(tx: Tx, claims: AccessClaims) -> TenantKey:
    """The organisation of a verified token. Raises `NotProven` if it is gone."""
    try:
        return tenant_by_uuid(tx, claims.tenant_id).id
    except NotFound:
        raise _stale_token() from None


def _user(tx: Tx, tenant: TenantKey, claims: AccessClaims) -> User:
    if claims.user_id is None:
        raise NotProven(
            "The access token is a device's own; a join needs a user, or a join ticket.",
            "Sign in and use the user's token.",
        )
    try:
        return user_by_uuid(tx, tenant, claims.user_id)
    except NotFound:
        raise _stale_token() from None


def _stale_token() -> NotProven:
    return NotProven("The user of the access token does not exist any more.", "Sign in again.")


def _trust(request: JoinRequest) -> TrustType:
    trust = _TRUST.get(JoinType(request.join_type)) if request.join_type in set(JoinType) else None
    if trust is None:
        raise malformed(
            f"The join type {request.join_type} is not served here.",
            "Use 0 to join a device of the organisation, 4 to register a person's own.",
        )
    return trust


def _require_right(tx: Tx, tenant: TenantKey, user: User, device: Device | None) -> None:
    """The user is enabled and may join. A device that is the user's already does not count anew."""
    decision = may_join(tx, tenant, user.id)
    if not decision.allowed and not _counts_already(decision, user, device):
        raise decided(decision)


def _counts_already(decision: JoinDecision, user: User, device: Device | None) -> bool:
    is_mine = device is not None and device.owner_user_id == user.id and device.trust_type is not None
    return decision.reason is JoinReason.QUOTA and is_mine


def _whose(
    tx: Tx,
    tenant: TenantKey,
    join: UserJoin,
    user: User,
    trust: TrustType,
    registration_of_run: RegistrationOfRun,
) -> _Whose | JoinRefused:
    """Which device it is, or why it cannot be told; the refusal comes last in the order of checks."""
    try:
        ticket = join.request.ticket.decode("utf-8", "replace")
        if ticket.startswith(RUN_PREFIX) and trust is TrustType.AZURE_AD:
            registration = _registration(tx, tenant, registration_of_run(tx, ticket))
            return _Whose(registration, device_to_join(tx, tenant, registration))
        device = _known_device(tx, tenant, join, user)
        if device is None or device.trust_type not in (None, trust):
            return _Whose()
        require_enabled(device)
        return _Whose(registration_of_device(tx, tenant, device.id), device)
    except JoinRefused as refused:
        return refused


def _registration(tx: Tx, tenant: TenantKey, found: tuple[TenantKey, int] | None) -> Registration:
    if found is None:
        raise NotProven(
            "The device's ticket (MSA-DDID) is not known any more.",
            "Restart the device: it fetches its profile, and a ticket with it.",
        )
    if found[0] != tenant:
        raise not_authorized(
            "This device is registered with another organisation than the user's.",
            "Sign in with an account of the organisation that the device belongs to.",
        )
    try:
        return registration_by_id(tx, tenant, found[1])
    except NotFound:
        raise no_device_object() from None


def _known_device(tx: Tx, tenant: TenantKey, join: UserJoin, user: User) -> Device | None:
    """The device that proves itself by the certificate of an earlier join with the same organisation, or by
    the key with which this user joined it.
    """
    found = None if join.shown is None else find_device_credential(tx, join.shown)
    if found is not None and found.tenant == tenant:
        return device_by_id(tx, tenant, found.device)
    if isinstance(join.asked, JoinRefused):
        return None
    key = device_of_key(tx, tenant, join.asked.public_key, user.id)
    return None if key is None else device_by_id(tx, tenant, key)


def _answer(
    tx: Tx,
    tenant: TenantKey,
    joined: JoinedDevice,
    registration: Registration | None,
    user: User,
    trust: TrustType,
) -> JoinAnswer:
    changes: tuple[MembershipChange, ...] = ()
    if trust is TrustType.AZURE_AD:
        administrator = registration is None or _makes_administrators(tx, tenant, registration)
        sids = local_administrators(user.uuid if administrator else None)
        changes = (MembershipChange(ADMINISTRATORS, sids),)
    return JoinAnswer(joined.certificate, user.upn, changes)


def _makes_administrators(tx: Tx, tenant: TenantKey, registration: Registration) -> bool:
    """Whether the joining user becomes a local administrator by the profile; without any, as in Windows."""
    settings = effective_profile(tx, tenant, registration.id).settings
    return settings is None or settings.user_type is UserType.ADMINISTRATOR


def _tell_refusal(
    tx: Tx, tenant: TenantKey, user: User | None, registration: Registration | None, refused: JoinRefused
) -> None:
    if registration is not None:
        subject = Subject("registration", registration.uuid)
        fact = Refused("join", refused.hresult, refused.message, Flow.USER)
        deployment.observe(tx, tenant, registration.id, fact)
    elif user is not None:
        subject = Subject("user", user.uuid)
    else:
        return
    told = {"code": refused.hresult, "error_type": refused.error_type, "message": refused.message}
    actor = "system" if user is None else f"user:{user.uuid}"
    events.record(tx, tenant, "device.join_refused", subject, told, actor)
