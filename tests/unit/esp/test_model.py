"""Settings and order of Enrollment Status Page profiles, and the choice among them (spec/autopilot.md 5)."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from uuid import UUID

import pytest

from reseal.assignment.model import Entry, Intent, ItemKind, ItemRef, Scope, Via
from reseal.esp.effective import choose_esp
from reseal.esp.model import (
    DEFAULT_MESSAGE,
    FIELDS,
    EspProfile,
    EspSettings,
    changed_fields,
    check_esp,
    from_json,
    moved,
    to_json,
)
from reseal.kernel.errors import Invalid
from tests.support.clock import START

EVERYTHING_ELSE = EspSettings(
    show_installation_progress=True,
    install_progress_timeout_in_minutes=90,
    custom_error_message="Call 123",
    allow_log_collection_on_install_failure=True,
    disable_user_status_tracking_after_first_user=True,
    track_install_progress_for_autopilot_only=True,
    install_quality_updates=True,
    block_device_setup_retry_by_user=True,
    allow_device_reset_on_install_failure=True,
    allow_device_use_on_install_failure=True,
    allow_non_blocking_app_installation=True,
)


def _problems(settings: EspSettings, name: str = "Page", description: str = "", apps: int = 0) -> list[str]:
    with pytest.raises(Invalid) as refused:
        check_esp(name, description, settings, range(apps))
    assert refused.value.code == "EnrollmentStatusPage"
    assert refused.value.remedy == refused.value.details[0].remedy
    assert refused.value.details[0].message in refused.value.message
    assert all(detail.message and detail.remedy for detail in refused.value.details)
    return [detail.where for detail in refused.value.details]


def test_the_defaults_are_graphs() -> None:
    assert to_json(EspSettings()) == {
        "showInstallationProgress": False,
        "installProgressTimeoutInMinutes": 60,
        "customErrorMessage": "",
        "allowLogCollectionOnInstallFailure": False,
        "disableUserStatusTrackingAfterFirstUser": False,
        "trackInstallProgressForAutopilotOnly": False,
        "installQualityUpdates": False,
        "blockDeviceSetupRetryByUser": False,
        "allowDeviceResetOnInstallFailure": False,
        "allowDeviceUseOnInstallFailure": False,
        "allowNonBlockingAppInstallation": False,
    }


def test_every_setting_has_a_graph_name_and_comes_back() -> None:
    assert list(FIELDS) == [field.name for field in fields(EspSettings)]
    assert from_json(to_json(EVERYTHING_ELSE)) == EVERYTHING_ELSE
    assert from_json({"unknown": 1}) == EspSettings()
    assert changed_fields(EspSettings(), EVERYTHING_ELSE) == tuple(FIELDS.values())
    assert changed_fields(EVERYTHING_ELSE, EVERYTHING_ELSE) == ()


@pytest.mark.parametrize("minutes", [1, 60, 1440])
def test_autopilot_064_time_outs_of_a_minute_to_a_day(minutes: int) -> None:
    assert EspSettings().install_progress_timeout_in_minutes == 60
    check_esp("Page", "", EspSettings(install_progress_timeout_in_minutes=minutes), [])


@pytest.mark.parametrize("minutes", [0, -1, 1441])
def test_autopilot_064_other_time_outs_are_refused(minutes: int) -> None:
    settings = EspSettings(install_progress_timeout_in_minutes=minutes)
    assert _problems(settings) == ["installProgressTimeoutInMinutes"]


def test_the_own_message_goes_before_the_standard_one() -> None:
    assert EspSettings().message == DEFAULT_MESSAGE
    assert EspSettings(custom_error_message="Call 123").message == "Call 123"


@pytest.mark.parametrize(
    "settings, texts, where",
    [
        (EspSettings(), {"name": " "}, "displayName"),
        (EspSettings(), {"name": "x" * 201}, "displayName"),
        (EspSettings(), {"description": "x" * 1501}, "description"),
        (EspSettings(custom_error_message="x" * 10_001), {}, "customErrorMessage"),
        (EspSettings(), {"apps": 101}, "selectedMobileAppIds"),
    ],
)
def test_unfit_profiles(settings: EspSettings, texts: dict[str, Any], where: str) -> None:
    assert _problems(settings, **texts) == [where]


def test_the_longest_fit_profile() -> None:
    check_esp("x" * 200, "x" * 1500, EspSettings(custom_error_message="x" * 10_000), [*range(100), 0, 1])


def test_all_problems_are_told_at_once() -> None:
    settings = EspSettings(install_progress_timeout_in_minutes=0, custom_error_message="x" * 10_001)
    assert _problems(settings, name="", apps=101) == [
        "displayName",
        "installProgressTimeoutInMinutes",
        "customErrorMessage",
        "selectedMobileAppIds",
    ]


@pytest.mark.parametrize(
    "profile, priority, expected",
    [
        (30, 1, (30, 10, 20, 40)),
        (10, 3, (20, 30, 10, 40)),
        (10, 4, (20, 30, 40, 10)),
        (10, 99, (20, 30, 40, 10)),
        (20, 2, (10, 20, 30, 40)),
    ],
)
def test_a_moved_profile_shifts_the_others(profile: int, priority: int, expected: tuple[int, ...]) -> None:
    assert moved((10, 20, 30, 40), profile, priority) == expected


@pytest.mark.parametrize("priority", [0, -1])
def test_priorities_begin_with_1(priority: int) -> None:
    with pytest.raises(Invalid) as refused:
        moved((10, 20), 10, priority)
    assert refused.value.code == "EspPriority"


# --- the choice ---------------------------------------------------------------------------------------------


def _profile(key: int, priority: int) -> EspProfile:
    return EspProfile(
        key, UUID(int=key), f"P{key}", "", priority, priority == 0, EspSettings(), (), START, START
    )


DEFAULT = _profile(1, 0)
FIRST, SECOND, THIRD = _profile(30, 1), _profile(20, 2), _profile(10, 3)
PROFILES = (FIRST, SECOND, THIRD, DEFAULT)


def _entry(profile: EspProfile, scope: Scope) -> Entry:
    return Entry(ItemRef(ItemKind.ESP, profile.id), scope, Intent.REQUIRED, Via.GROUP)


@pytest.mark.parametrize(
    "entries, in_user_flow, in_technician_flow",
    [
        ([], DEFAULT, DEFAULT),
        ([_entry(THIRD, Scope.DEVICE)], THIRD, THIRD),
        ([_entry(THIRD, Scope.DEVICE), _entry(SECOND, Scope.DEVICE)], SECOND, SECOND),
        ([_entry(THIRD, Scope.DEVICE), _entry(FIRST, Scope.USER)], THIRD, THIRD),
        ([_entry(FIRST, Scope.USER)], FIRST, DEFAULT),
        ([_entry(THIRD, Scope.USER), _entry(SECOND, Scope.USER)], SECOND, DEFAULT),
    ],
)
def test_autopilot_076_device_before_user_before_default(
    entries: list[Entry], in_user_flow: EspProfile, in_technician_flow: EspProfile
) -> None:
    assert choose_esp(PROFILES, entries, technician=False).profile == in_user_flow
    assert choose_esp(PROFILES, entries, technician=True).profile == in_technician_flow


def test_the_reason_names_those_that_were_passed_over() -> None:
    entries = [_entry(profile, Scope.DEVICE) for profile in (FIRST, SECOND, THIRD)]
    assert choose_esp(PROFILES, entries, technician=True).reason == (
        "Assigned to the device with priority 1, which is higher than 'P20' (2), 'P10' (3)."
    )
