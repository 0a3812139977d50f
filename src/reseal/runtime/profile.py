"""Who a device is: its registration, organisation and profile, and how it stands (spec/autopilot.md 4.4).

An unregistered device learns nothing but that. The assigned user is told to a device that has proven itself
by its certificate, or before that if the organisation wants it so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reseal.autopilot.assigned import assigned_user
from reseal.autopilot.matching import match
from reseal.autopilot.model import Registration
from reseal.autopilot.model_profile import DeviceUsageType, ProfileSettings, UserType
from reseal.autopilot.profile_assignment import EffectiveProfile, effective_profile
from reseal.autopilot.registrations import registration_by_id
from reseal.deployment import service as deployment
from reseal.deployment.facts import Contacted
from reseal.deployment.model import Deployment, State
from reseal.directory.model import Tenant
from reseal.directory.tenants import domains, tenant_by_id
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey
from reseal.runtime.names import device_name
from reseal.runtime.proof import is_from_device
from reseal.runtime.runs import open_run
from reseal.signin.tokens import TokenSigner
from reseal.wire.hwhash import HardwareHash
from reseal.wire.runtime.messages import (
    OobeProfile,
    Organisation,
    ProfileAnswer,
    ProfileRequest,
    Refusal,
    Standing,
    Urls,
)

NO_PROFILE: Final = "815"
"""Event of a registered device without any profile (spec/autopilot.md 2.3)."""

_AFTER_GREEN: Final = frozenset(
    {
        State.GREEN,
        State.RESEALED,
        State.USER_SIGN_IN,
        State.USER_DEVICE_SETUP,
        State.USER_DEVICE_RELEASING,
        State.USER_ACCOUNT_SETUP,
        State.USER_ACCOUNT_RELEASING,
        State.ERROR,
    }
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """The configured URLs of this server's listeners, without a slash at the end."""

    public_url: str
    device_url: str

    def of(self, tenant: Tenant) -> Urls:
        """Where a device of the organisation goes; never made from a request."""
        base = f"{self.public_url}/{tenant.uuid}"
        return Urls(
            authorize=f"{base}/oauth2/v2.0/authorize",
            token=f"{base}/oauth2/v2.0/token",
            device_registration=f"{self.device_url}/{tenant.uuid}/Discover?api-version=1.9",
            runtime=f"{self.device_url}/runtime/v1",
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What a device sends when it asks who it is, and the certificate (DER) of its connection."""

    hash: HardwareHash
    request: ProfileRequest
    shown: bytes | None


def registration_of_hash(tx: Tx, presented: HardwareHash) -> tuple[TenantKey, int] | None:
    """The registration of this hardware, if there is exactly one; what differs from it is written down."""
    found = match(tx, presented)
    if not found.is_registered or found.registered is None:
        return None
    return found.registered.tenant, found.registered.registration_id


def who_is(
    tx: Tx, tenant: TenantKey, key: int, question: Question, addresses: Addresses, signer: TokenSigner
) -> ProfileAnswer | Refusal:
    """What a registered device is told; a refusal (815) if it has no profile at all."""
    registration = registration_by_id(tx, tenant, key)
    effective = effective_profile(tx, tenant, key)
    if effective.settings is None:
        return _without_profile(tx, tenant, registration, effective)
    owner = tenant_by_id(tx, tenant)
    proven = is_from_device(tx, tenant, registration, question.shown)
    if _is_news(deployment.latest(tx, tenant, key), proven=proven):
        deployment.observe(tx, tenant, key, Contacted())
    is_user_told = proven or owner.settings.user_before_attestation
    return ProfileAnswer(
        standing=_standing(deployment.latest(tx, tenant, key), proven=proven),
        registration=registration.uuid,
        organisation=Organisation(
            name=owner.name,
            tenant_id=owner.uuid,
            domain=next(one.name for one in domains(tx, tenant) if one.is_default),
        ),
        profile=_shown(
            effective.name, effective.settings, device_name(tx, tenant, registration, effective.settings)
        ),
        urls=addresses.of(owner),
        assigned_user=assigned_user(registration, signer, now=tx.now) if is_user_told else None,
        run=open_run(tx, tenant, key),
    )


def _is_news(latest: Deployment | None, *, proven: bool) -> bool:
    """Whether asking for the profile says anything of the device's story.

    An enrolled device proves itself when it asks; who only knows its hash moves nothing. At the desktop the
    story has come to its end: a further user on the device begins no other.
    """
    if latest is None:
        return True
    if proven:
        return latest.state is not State.DESKTOP
    return not (latest.open and latest.enrolment_id is not None)


def _standing(latest: Deployment | None, *, proven: bool) -> Standing:
    """Provisioned: the technician flow came to green, and the device still is what it became there.

    A device that was reset has lost its certificate, and is new again.
    """
    if latest is None or not (proven and latest.open and latest.technician):
        return Standing.REGISTERED
    return Standing.PROVISIONED if latest.state in _AFTER_GREEN else Standing.REGISTERED


def _shown(name: str, settings: ProfileSettings, device_name_: str) -> OobeProfile:
    return OobeProfile(
        name=name,
        join_type=settings.join_type.value,
        shared=settings.device_usage_type is DeviceUsageType.SHARED,
        preprovisioning_allowed=settings.preprovisioning_allowed,
        standard_user=settings.user_type is UserType.STANDARD,
        eula_hidden=settings.eula_hidden,
        privacy_hidden=settings.privacy_settings_hidden,
        escape_link_hidden=settings.escape_link_hidden,
        locale=settings.locale,
        keyboard_skipped=settings.keyboard_selection_page_skipped,
        device_name=device_name_,
    )


def _without_profile(
    tx: Tx, tenant: TenantKey, registration: Registration, effective: EffectiveProfile
) -> Refusal:
    subject = Subject("registration", registration.uuid)
    told = {"code": NO_PROFILE, "message": effective.reason}
    events.record(tx, tenant, "registration.profile_missing", subject, told)
    return Refusal(
        code=NO_PROFILE,
        name="ZtdDeviceHasNoAssignedProfile",
        message="This device is registered, and no deployment profile is assigned to it.",
        remedy="Assign a profile to a group that the device is in, then restart the device.",
    )
