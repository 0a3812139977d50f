"""Whether a device comes under management: the checks in their order, and what follows, in one unit of work.

    1  the certificate request is fit                                 CertificateRequest     0x80180004
    2  the kind of device is one that we manage                       DeviceNotSupported     0x80180014
    3  the user is in the MDM scope; for a device alone: it is not None    Authorization     0x80180003
    4  the user has a licence                                         UserLicense            0x80180018
    5  terms of use that were accepted were so by this user           InvalidEnrollmentData  0x80180019
    6  a device alone: its profile allows pre-provisioning            EnrollmentServer       0x80180005
    7  a device alone: it was not pre-provisioned before              DeviceNotSupported     0x80180014
    8  the user has fewer devices under management than allowed       DeviceCapReached       0x80180013

A refusal that is about a registered device is told to its story; refusals are returned, so that what was told
is kept. A device that lost the answer asks again: as long as it held no session, or with the very same
request, it gets another certificate for the same enrolment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from reseal.autopilot.model import Registration
from reseal.autopilot.model_profile import DeviceUsageType
from reseal.autopilot.profile_assignment import EffectiveProfile, effective_profile
from reseal.autopilot.registrations import registration_of_device
from reseal.deployment import service as deployment
from reseal.deployment.facts import Enrolled, Flow, Refused
from reseal.directory.devices import create_device, device_by_id, update_device
from reseal.directory.joining import may_enroll
from reseal.directory.model import AttributeValue, Device
from reseal.directory.model_joining import EnrollCause
from reseal.esp.phases import PhaseStatus, runs_of
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey
from reseal.managed import certificates
from reseal.managed.enrolments import (
    NewEnrolment,
    active_enrolment_of_device,
    continue_enrolment,
    create_enrolment,
)
from reseal.managed.model import MACHINE, EnrolledBy, Enrolment
from reseal.managed.owned import count_owned, latest_owned
from reseal.mdm.enrolment import vouchers
from reseal.mdm.enrolment.issuing import Asked, Issuing, new_secrets
from reseal.mdm.enrolment.proof import Claim, Identity, identify, use_up
from reseal.mdm.enrolment.refusals import EnrolmentRefused
from reseal.wire.enrolment.faults import ErrorType, Subcode
from reseal.wire.enrolment.names import EnrollmentType
from reseal.wire.enrolment.request import ContextName

_MANAGED_KINDS: Final = frozenset({"", "cimclient_windows"})
"""Values of the context item DeviceType that we manage, in lower case; it may be missing."""

_STEP: Final = "enrolment"


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who asks, for which device, and the active enrolment that the device has already."""

    identity: Identity
    device: Device | None
    """None: a computer that is not joined and that this user did not enrol before."""
    registration: Registration | None
    profile: EffectiveProfile | None
    """Of the registration."""
    present: Enrolment | None

    @property
    def tenant(self) -> TenantKey:
        """The organisation."""
        return self.identity.tenant.id

    @property
    def owner(self) -> int | None:
        """Who enrols; nobody in the technician flow."""
        return None if self.identity.user is None else self.identity.user.id


@dataclass(frozen=True, slots=True)
class Admitted:
    """An enrolment, and the provisioning document for the device."""

    enrolment: Enrolment
    document: bytes = field(repr=False)


def admit(
    tx: Tx, claim: Claim, asked: Asked | EnrolmentRefused, issuing: Issuing
) -> Admitted | EnrolmentRefused:
    """Enrol the device of a claim, under the tenant's lock for causes.

    Raises `EnrolmentRefused` if nobody is there whom the refusal could be told of.
    """
    identity = identify(tx, claim, digest_of(asked))
    applicant = _applicant(tx, identity, asked)
    refused = asked if isinstance(asked, EnrolmentRefused) else objection(tx, applicant, asked)
    if refused is not None or isinstance(asked, EnrolmentRefused):
        assert refused is not None
        _tell_refusal(tx, applicant, refused)
        return refused
    use_up(tx, claim, asked.request)
    if applicant.present is not None and _repeats(applicant, applicant.present, asked):
        return _answer_again(tx, applicant, applicant.present, asked, issuing)
    return _enrol(tx, applicant, asked, issuing)


def digest_of(asked: Asked | EnrolmentRefused) -> bytes:
    """SHA-256 of the certificate request, by which a repetition is known; empty for one that is unfit."""
    return asked.request if isinstance(asked, Asked) else b""


def _applicant(tx: Tx, identity: Identity, asked: Asked | EnrolmentRefused) -> Applicant:
    """Matching (spec/mdm-wire.md 2.3): the token's device leads to the registration.

    What the request itself says of a registration proves nothing; see `objection`.
    """
    tenant, device = identity.tenant.id, identity.device
    if device is None and identity.user is not None and isinstance(asked, Asked):
        says = asked.context
        earlier = latest_owned(tx, tenant, identity.user.id, says.hardware_id, says.device_id)
        device = None if earlier is None else device_by_id(tx, tenant, earlier.device_id)
    if device is None:
        return Applicant(identity, None, None, None, None)
    registration = registration_of_device(tx, tenant, device.id)
    profile = None if registration is None else effective_profile(tx, tenant, registration.id)
    present = active_enrolment_of_device(tx, tenant, device.id)
    return Applicant(identity, device, registration, profile, present)


# --- the checks ---------------------------------------------------------------------------------------------


def objection(tx: Tx, applicant: Applicant, asked: Asked) -> EnrolmentRefused | None:
    """Why this device cannot be enrolled, or None: checks 2 to 8."""
    kind = asked.context.text(ContextName.DEVICE_TYPE)
    if kind.casefold() not in _MANAGED_KINDS:
        return EnrolmentRefused(
            ErrorType.DEVICE_NOT_SUPPORTED,
            f"Devices of the kind {kind[:80]!r} are not managed here.",
            "Enrol a Windows computer.",
        )
    may = may_enroll(tx, applicant.tenant, applicant.owner)
    if not may.allowed:
        outside = may.cause is EnrollCause.SCOPE
        cause: Subcode | ErrorType = Subcode.AUTHORIZATION if outside else ErrorType.USER_LICENSE
        return EnrolmentRefused(cause, may.message, may.remedy)
    if not _fits_terms(tx, applicant, asked.context.enrollment_data):
        return EnrolmentRefused(
            ErrorType.INVALID_ENROLLMENT_DATA,
            "The terms of use were accepted by somebody else, too long ago, or not here.",
            "Begin again, and accept the terms of use.",
        )
    if applicant.owner is None:
        return _objection_to_technician(tx, applicant, asked)
    return _objection_to_number(tx, applicant, applicant.owner)


def _fits_terms(tx: Tx, applicant: Applicant, blob: str) -> bool:
    """Whether what the terms page gave, if it was visited, was given to this user (decision 0150)."""
    if not blob:
        return True
    voucher = vouchers.find(tx, vouchers.Kind.TERMS, blob)
    return voucher is not None and (voucher.tenant, voucher.user) == (applicant.tenant, applicant.owner)


def _objection_to_technician(tx: Tx, applicant: Applicant, asked: Asked) -> EnrolmentRefused | None:
    profile, registration = applicant.profile, applicant.registration
    if registration is None or profile is None:
        return EnrolmentRefused(
            Subcode.ENROLLMENT_SERVER,
            "The device is not registered with Autopilot, and nobody signed in.",
            "Register it, or let a user sign in.",
        )
    if asked.ztdid not in (None, registration.uuid):
        return EnrolmentRefused(
            ErrorType.INVALID_ENROLLMENT_DATA,
            f"The device says it is registered as {asked.ztdid}; the directory knows it as another one.",
            "Reset the device, so that it reads its profile and joins again.",
        )
    settings = profile.settings
    if settings is None or not (
        settings.preprovisioning_allowed or settings.device_usage_type is DeviceUsageType.SHARED
    ):
        return EnrolmentRefused(
            Subcode.ENROLLMENT_SERVER,
            f"The deployment profile {profile.name or 'of the device'!r} does not allow pre-provisioning.",
            "Allow pre-provisioned deployment in the profile, or assign another one.",
        )
    if applicant.identity.tenant.settings.one_time_rule and _was_preprovisioned(tx, applicant, asked):
        return EnrolmentRefused(
            ErrorType.DEVICE_NOT_SUPPORTED,
            "Enrollment blocked for AP device by SDM One Time Limit Check: it was pre-provisioned before.",
            "Unblock the device, or delete its managed device.",
        )
    return None


def _was_preprovisioned(tx: Tx, applicant: Applicant, asked: Asked) -> bool:
    """Whether the present enrolment came by a device token and was released to be green.

    One that never got there may be tried again as often as it takes; so may the very same request, whose
    answer was lost.
    """
    present = applicant.present
    if present is None or present.enrolled_by is not EnrolledBy.DEVICE or present.unblocked:
        return False
    if present.request == asked.request and _repeats(applicant, present, asked):
        return False
    return any(
        run.user == MACHINE and run.flow is Flow.TECHNICIAN and run.status is PhaseStatus.RELEASED
        for run in runs_of(tx, applicant.tenant, present.id)
    )


def _objection_to_number(tx: Tx, applicant: Applicant, owner: int) -> EnrolmentRefused | None:
    quota = applicant.identity.tenant.settings.user_device_quota
    besides = 0 if applicant.device is None else applicant.device.id
    if quota is None or count_owned(tx, applicant.tenant, owner, besides=besides) < quota:
        return None
    return EnrolmentRefused(
        ErrorType.DEVICE_CAP_REACHED,
        f"The user has {quota} devices under management, as many as allowed.",
        "Remove a device of this user, or raise the maximum number of devices per user.",
    )


# --- what follows -------------------------------------------------------------------------------------------


def _repeats(applicant: Applicant, present: Enrolment, asked: Asked) -> bool:
    by = EnrolledBy.DEVICE if applicant.owner is None else EnrolledBy.USER
    alike = (present.enrolled_by, present.in_oobe) == (by, asked.in_oobe)
    if by is EnrolledBy.USER:
        alike = alike and present.owner_user_id == applicant.owner
    return alike and (present.last_contact_at is None or present.request == asked.request)


def _answer_again(
    tx: Tx, applicant: Applicant, present: Enrolment, asked: Asked, issuing: Issuing
) -> Admitted:
    """Another certificate for an enrolment whose answer was lost; what was given before counts as well, in
    case it was not.
    """
    continue_enrolment(tx, applicant.tenant, present, asked.request)
    return _given(tx, applicant, present, asked, issuing)


def _enrol(tx: Tx, applicant: Applicant, asked: Asked, issuing: Issuing) -> Admitted:
    identity, registration = applicant.identity, applicant.registration
    device = _as_managed(tx, applicant, asked)
    new = NewEnrolment(
        uuid=tx.new_uuid(),
        device=device.id,
        registration=None if registration is None else registration.id,
        enrolled_by=EnrolledBy.DEVICE if identity.user is None else EnrolledBy.USER,
        owner=applicant.owner,
        in_oobe=asked.in_oobe,
        hardware_id=asked.context.hardware_id,
        wire_device_id=asked.context.device_id,
        device_name=asked.name or device.display_name,
        os_version=asked.os_version,
        request=asked.request,
    )
    enrolment = create_enrolment(tx, applicant.tenant, new, actor=identity.actor)
    fact = Enrolled(enrolment=enrolment.id, user=applicant.owner, in_oobe=asked.in_oobe)
    deployment.observe(tx, applicant.tenant, new.registration, fact, actor=identity.actor)
    return _given(tx, applicant, enrolment, asked, issuing)


def _given(tx: Tx, applicant: Applicant, enrolment: Enrolment, asked: Asked, issuing: Issuing) -> Admitted:
    tenant, user = applicant.tenant, applicant.identity.user
    certificate = issuing.certificate(enrolment.uuid, asked.key, tx.entropy)
    certificates.keep_certificate(tx, tenant, enrolment.id, certificate, asked.store.value)
    secrets = certificates.secrets_of(tx, tenant, enrolment.id, issuing.box)
    if secrets is None:
        secrets = new_secrets(tx.entropy)
        certificates.keep_secrets(tx, tenant, enrolment.id, secrets, issuing.box)
    upn = "" if user is None else user.upn
    name = enrolment.device_name
    document = issuing.document(enrolment.uuid, certificate, secrets, asked.store, upn=upn, name=name)
    return Admitted(enrolment, document)


def _as_managed(tx: Tx, applicant: Applicant, asked: Asked) -> Device:
    """The directory device with what management knows of it; one that is not joined is made."""
    attributes = dict(_attributes(applicant, asked))
    actor = applicant.identity.actor
    device = applicant.device
    if device is None:
        name = asked.name or f"{applicant.identity.actor[-12:]}_Windows"
        device = create_device(tx, applicant.tenant, name, (), attributes, actor=actor)
    owner = device.owner_user_id if applicant.owner is None else applicant.owner
    return update_device(
        tx,
        applicant.tenant,
        device.id,
        actor=actor,
        is_managed=True,
        owner_user_id=owner,
        attributes=attributes,
    )


def _attributes(applicant: Applicant, asked: Asked) -> Mapping[str, AttributeValue]:
    company = asked.context.enrollment_type is EnrollmentType.DEVICE
    known = {
        "deviceOSType": "Windows",
        "deviceOSVersion": asked.os_version,
        "deviceOwnership": "Company" if company else "Personal",
        "managementType": "MDM",
        "deviceManufacturer": asked.context.text(ContextName.MANUFACTURER),
        "deviceModel": asked.context.text(ContextName.DEVICE_MODEL),
        "enrollmentProfileName": "" if applicant.profile is None else applicant.profile.name,
    }
    return {name: value for name, value in known.items() if value}


def _tell_refusal(tx: Tx, applicant: Applicant, refused: EnrolmentRefused) -> None:
    identity, registration = applicant.identity, applicant.registration
    told: dict[str, JsonValue] = {"code": refused.code, "message": refused.message}
    if registration is not None:
        subject = Subject("registration", registration.uuid)
        flow = Flow.TECHNICIAN if identity.user is None else Flow.USER
        fact = Refused(step=_STEP, code=refused.code, message=refused.message, flow=flow)
        deployment.observe(tx, applicant.tenant, registration.id, fact, actor=identity.actor)
    elif applicant.device is not None:
        subject = Subject("device", applicant.device.uuid)
    else:
        subject = Subject("tenant", identity.tenant.uuid)
    events.record(tx, applicant.tenant, "enrolment.refused", subject, told, identity.actor)
