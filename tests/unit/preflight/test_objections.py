"""What preflight objects to, one fact at a time."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from reseal.autopilot.model import ProfileStatus, Registration, RemediationState
from reseal.autopilot.model_profile import JoinType, ProfileSettings, ProfileSource
from reseal.autopilot.profile_assignment import EffectiveProfile
from reseal.directory.model_joining import EnrollCause, EnrollDecision
from reseal.esp.effective import EffectiveEsp
from reseal.esp.model import EspProfile, EspSettings
from reseal.preflight.model import Facts, Objection, Readiness, Severity, UserFact, is_virtual, object_to
from tests.support.clock import START

SETTINGS = ProfileSettings(preprovisioning_allowed=True)
REGISTRATION = Registration(
    id=1,
    uuid=UUID(int=1),
    identity_id=2,
    device_id=3,
    serial="PF2ABC",
    manufacturer="Contoso",
    model="Laptop 7",
    sku="",
    family="",
    product_key="",
    group_tag="",
    purchase_order="",
    assigned_user_id=None,
    assigned_user_upn="",
    addressable_user_name="",
    device_name="",
    profile_id=4,
    profile_source=ProfileSource.GROUP,
    profile_assigned_at=START,
    profile_status=ProfileStatus.ASSIGNED,
    remediation_state=RemediationState.NONE,
    remediation_at=None,
    created_at=START,
    modified_at=START,
)
PROFILE = EffectiveProfile("Standard", SETTINGS, ProfileSource.GROUP, None, "Assigned to the group 'A'.")
PAGE = EspProfile(
    5, UUID(int=5), "Page", "", 1, False, EspSettings(show_installation_progress=True), (), START, START
)
ALLOWED = EnrollDecision(EnrollCause.ALLOWED, "Fine.")
OUT_OF_SCOPE = EnrollDecision(EnrollCause.SCOPE, "Outside.", "Widen the scope.")
READY = Facts(
    registration=REGISTRATION,
    profile=PROFILE,
    esp=EffectiveEsp(PAGE, "Assigned to the device (priority 1)."),
    device_enrolment=ALLOWED,
    user=None,
    has_endorsement_key=True,
    virtual_tpm_allowed=False,
    idle_apps=(),
)


def _registered(**changes: object) -> Facts:
    return replace(READY, registration=replace(REGISTRATION, **changes))  # type: ignore[arg-type]


def _with_settings(settings: ProfileSettings | None, **changes: object) -> Facts:
    facts = _registered(**changes)
    return replace(facts, profile=replace(PROFILE, settings=settings))


def _told(facts: Facts) -> list[tuple[str, Severity]]:
    found = object_to(facts)
    assert all(one.message and one.remedy for one in found)
    return [(one.code, one.severity) for one in found]


def test_nothing_stands_against_a_device_with_everything() -> None:
    assert object_to(READY) == ()


@pytest.mark.parametrize(
    "facts, code, severity",
    [
        (
            _registered(remediation_state=RemediationState.AUTOMATIC),
            "HardwareMismatchDetected",
            Severity.BLOCKS,
        ),
        (_registered(remediation_state=RemediationState.MANUAL), "HardwareMismatchDetected", Severity.BLOCKS),
        (_registered(serial="Default string"), "PlaceholderSerial", Severity.WARNS),
        (_registered(manufacturer="VMware, Inc."), "0x801C03EA", Severity.BLOCKS),
        (replace(READY, has_endorsement_key=False), "0x800705B4", Severity.BLOCKS),
        (_with_settings(None), "815", Severity.BLOCKS),
        (_with_settings(ProfileSettings()), "0x80180005", Severity.BLOCKS),
        (
            _with_settings(replace(SETTINGS, device_name_template="%SERIAL%"), serial="12345"),
            "DeviceName",
            Severity.BLOCKS,
        ),
        (replace(READY, device_enrolment=OUT_OF_SCOPE), "0x8018002B", Severity.BLOCKS),
        (
            replace(READY, esp=EffectiveEsp(replace(PAGE, settings=EspSettings()), "")),
            "EspHidden",
            Severity.WARNS,
        ),
        (replace(READY, idle_apps=["Agent"]), "BlockingAppNotAssigned", Severity.WARNS),
        (_registered(assigned_user_upn="grace@contoso.test"), "UserNotFound", Severity.WARNS),
        (replace(READY, user=UserFact("ada@contoso.test", False, ALLOWED)), "UserDisabled", Severity.WARNS),
        (replace(READY, user=UserFact("ada@contoso.test", True, OUT_OF_SCOPE)), "0x8018002B", Severity.WARNS),
        (
            replace(
                _with_settings(replace(SETTINGS, join_type=JoinType.HYBRID)),
                user=UserFact("ada@contoso.test", True, ALLOWED),
            ),
            "0x80070774",
            Severity.WARNS,
        ),
    ],
)
def test_one_fact_makes_one_objection(facts: Facts, code: str, severity: Severity) -> None:
    assert _told(facts) == [(code, severity)]


@pytest.mark.parametrize(
    "facts",
    [
        replace(
            _registered(manufacturer="Reseal", model="Virtual"),
            virtual_tpm_allowed=True,
            has_endorsement_key=False,
        ),
        replace(READY, user=UserFact("ada@contoso.test", True, ALLOWED)),
        _with_settings(replace(SETTINGS, device_name_template="%SERIAL%")),
        _with_settings(
            replace(SETTINGS, device_name_template="%SERIAL%"), serial="12345", device_name="PC-1"
        ),
        _with_settings(replace(SETTINGS, join_type=JoinType.HYBRID)),
        _registered(assigned_user_upn=""),
    ],
    ids=["virtual allowed", "user", "template", "own name", "hybrid without user", "nobody"],
)
def test_what_is_no_reason(facts: Facts) -> None:
    assert object_to(facts) == ()


def test_what_blocks_stands_first() -> None:
    facts = replace(
        _registered(serial="Default string", remediation_state=RemediationState.MANUAL),
        device_enrolment=OUT_OF_SCOPE,
        idle_apps=["Agent"],
    )
    assert [severity for _, severity in _told(facts)] == [
        Severity.BLOCKS,
        Severity.BLOCKS,
        Severity.WARNS,
        Severity.WARNS,
    ]


def test_a_registration_is_ready_unless_something_blocks() -> None:
    warning = Objection("EspHidden", Severity.WARNS, "Look.", "Do.")
    blocker = Objection("815", Severity.BLOCKS, "No.", "Do.")

    def ready(*objections: Objection) -> bool:
        return Readiness(REGISTRATION, PROFILE, READY.esp, {}, objections).ready

    assert ready()
    assert ready(warning)
    assert not ready(warning, blocker)


@pytest.mark.parametrize(
    "manufacturer, model, virtual",
    [
        ("Reseal", "Laptop 7", True),
        ("Microsoft Corporation", "Virtual Machine", True),
        ("Microsoft Corporation", "Surface Laptop", False),
        ("VMware, Inc.", "VMware7,1", True),
        (" QEMU ", "Standard PC", True),
        ("innotek GmbH", "VirtualBox", True),
        ("Xen", "HVM domU", True),
        ("Parallels International", "Virtual", True),
        ("Contoso", "QEMU", False),
        ("", "", False),
    ],
)
def test_virtual_devices(manufacturer: str, model: str, virtual: bool) -> None:
    assert is_virtual(manufacturer, model) is virtual
