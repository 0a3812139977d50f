"""Settings of deployment profiles, what makes them valid, and precedence (spec/autopilot.md 4.1-4.3)."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reseal.autopilot.model_profile import (
    BUILTIN_DEFAULT,
    FIELDS,
    Candidate,
    DeviceType,
    DeviceUsageType,
    JoinType,
    ProfileSettings,
    ProfileSource,
    UserType,
    changed_fields,
    check_profile,
    choose,
    from_json,
    groups_in_words,
    reason_for,
    to_json,
)
from reseal.kernel.errors import Invalid

EVERYTHING_ELSE = ProfileSettings(
    join_type=JoinType.HYBRID,
    device_usage_type=DeviceUsageType.SHARED,
    user_type=UserType.STANDARD,
    device_type=DeviceType.HOLO_LENS,
    preprovisioning_allowed=True,
    hardware_hash_extraction_enabled=True,
    eula_hidden=True,
    privacy_settings_hidden=True,
    escape_link_hidden=True,
    locale="de-DE",
    keyboard_selection_page_skipped=True,
    device_name_template="A-%SERIAL%",
    hybrid_skip_connectivity_check=True,
    management_service_app_id="app",
    role_scope_tag_ids=("0", "7"),
)
"""Every setting different from its default."""


def _problems(settings: ProfileSettings, name: str = "Standard", description: str = "") -> list[str]:
    """Where the profile is unfit, in the order in which it is told."""
    with pytest.raises(Invalid) as refused:
        check_profile(name, description, settings)
    assert refused.value.code == "DeploymentProfile"
    assert all(detail.message and detail.remedy for detail in refused.value.details)
    return [detail.where for detail in refused.value.details]


def test_the_defaults_are_those_of_the_builtin_profile() -> None:
    assert ProfileSettings() == BUILTIN_DEFAULT
    assert to_json(BUILTIN_DEFAULT) == {
        "joinType": "azureAD",
        "deviceUsageType": "singleUser",
        "userType": "administrator",
        "deviceType": "windowsPc",
        "preprovisioningAllowed": False,
        "hardwareHashExtractionEnabled": False,
        "eulaHidden": False,
        "privacySettingsHidden": False,
        "escapeLinkHidden": False,
        "locale": "os-default",
        "keyboardSelectionPageSkipped": False,
        "deviceNameTemplate": "",
        "hybridAzureADJoinSkipConnectivityCheck": False,
        "managementServiceAppId": "",
        "roleScopeTagIds": ["0"],
    }


def test_every_setting_has_a_graph_name_and_comes_back() -> None:
    assert list(FIELDS) == [field.name for field in fields(ProfileSettings)]
    stored = to_json(EVERYTHING_ELSE)
    assert from_json(stored) == EVERYTHING_ELSE
    for name in ("join_type", "device_usage_type", "user_type", "device_type"):
        assert type(getattr(from_json(stored), name)) is type(getattr(EVERYTHING_ELSE, name))
    assert changed_fields(BUILTIN_DEFAULT, EVERYTHING_ELSE) == tuple(FIELDS.values())
    assert changed_fields(EVERYTHING_ELSE, EVERYTHING_ELSE) == ()
    assert changed_fields(BUILTIN_DEFAULT, replace(BUILTIN_DEFAULT, eula_hidden=True)) == ("eulaHidden",)


def test_what_is_missing_in_stored_settings_has_its_default() -> None:
    assert from_json({}) == BUILTIN_DEFAULT
    assert from_json({"eulaHidden": True, "unknown": 1}) == replace(BUILTIN_DEFAULT, eula_hidden=True)


def test_a_value_outside_its_enumeration_is_not_read() -> None:
    with pytest.raises(ValueError, match="nobody"):
        from_json({"userType": "nobody"})


def test_fit_profiles_pass() -> None:
    for settings in (
        BUILTIN_DEFAULT,
        ProfileSettings(preprovisioning_allowed=True, device_name_template="A-%SERIAL%"),
        ProfileSettings(device_usage_type=DeviceUsageType.SHARED),
        ProfileSettings(join_type=JoinType.HYBRID, hybrid_skip_connectivity_check=True),
        ProfileSettings(hybrid_skip_connectivity_check=True),
    ):
        check_profile("Standard", "", settings)
    check_profile("x" * 200, "y" * 1500, BUILTIN_DEFAULT)


@pytest.mark.parametrize(
    "name, description, where",
    [
        ("", "", "displayName"),
        ("  ", "", "displayName"),
        ("x" * 201, "", "displayName"),
        ("OfflineAutopilotprofile-1", "", "displayName"),
        (" offlineautopilotPROFILE-1", "", "displayName"),
        ("Standard", "y" * 1501, "description"),
    ],
)
def test_unfit_names_and_descriptions(name: str, description: str, where: str) -> None:
    assert _problems(BUILTIN_DEFAULT, name, description) == [where]


@pytest.mark.parametrize(
    "changes, where",
    [
        (
            {"join_type": JoinType.HYBRID, "device_usage_type": DeviceUsageType.SHARED},
            "deviceUsageType",
        ),
        (
            {"device_usage_type": DeviceUsageType.SHARED, "preprovisioning_allowed": True},
            "preprovisioningAllowed",
        ),
        ({"device_name_template": "%serial%"}, "deviceNameTemplate"),
        ({"locale": "german!"}, "locale"),
        ({"locale": "d"}, "locale"),
        ({"locale": "de-"}, "locale"),
        ({"locale": "de-DE\n"}, "locale"),
    ],
)
def test_unfit_settings(changes: dict[str, Any], where: str) -> None:
    assert _problems(ProfileSettings(**changes)) == [where]


def test_a_hybrid_profile_has_no_name_template() -> None:
    hybrid = ProfileSettings(join_type=JoinType.HYBRID, device_name_template="%serial%")
    with pytest.raises(Invalid) as refused:
        check_profile("Hybrid", "", hybrid)
    (problem,) = refused.value.details
    assert problem.where == "deviceNameTemplate"
    assert "domain join profile" in problem.message


@pytest.mark.parametrize("locale", ["", "os-default", "de", "de-DE", "zh-Hans-CN", "sr-Latn-RS", "es-419"])
def test_locales(locale: str) -> None:
    check_profile("Standard", "", ProfileSettings(locale=locale))


def test_all_problems_are_told_at_once() -> None:
    settings = ProfileSettings(device_name_template="A B", locale="?")
    with pytest.raises(Invalid) as refused:
        check_profile("", "", settings)
    assert [detail.where for detail in refused.value.details] == [
        "displayName",
        "deviceNameTemplate",
        "locale",
    ]
    assert refused.value.details[1].code == "DeviceNameTemplate"
    assert refused.value.details[0].message in refused.value.message


# --- precedence ---------------------------------------------------------------------------------------------


def _candidate(key: int, day: int, source: ProfileSource = ProfileSource.GROUP) -> Candidate:
    return Candidate(key, datetime(2026, 1, day, 12, tzinfo=UTC), source)


def test_nobody_wins_among_none() -> None:
    assert choose([]) is None


def test_autopilot_100_the_oldest_created_wins() -> None:
    old, new = _candidate(9, 1), _candidate(2, 5)
    assert choose([new, old]) == old
    assert choose([old, new]) == old


def test_autopilot_101_a_group_goes_before_all_devices() -> None:
    everybody, special = _candidate(1, 1, ProfileSource.ALL), _candidate(2, 5)
    assert choose([everybody, special]) == special
    assert choose([everybody]) == everybody
    assert choose([everybody, _candidate(3, 2, ProfileSource.ALL)]) == everybody


def test_of_profiles_created_at_once_the_lower_key_wins() -> None:
    assert choose([_candidate(7, 1), _candidate(3, 1)]) == _candidate(3, 1)


GROUP_FIRST = "a profile assigned to a group goes before one assigned to all devices"
NAMES = {1: "One", 2: "Two", 3: "Three", 4: "Everybody"}


@pytest.mark.parametrize(
    "others, expected",
    [
        ([], "Assigned to the group 'A'."),
        ([_candidate(2, 5)], "Assigned to the group 'A'; older than 'Two' (created 2026-01-05)."),
        (
            [_candidate(3, 9), _candidate(2, 5)],
            "Assigned to the group 'A'; older than 'Two' (created 2026-01-05) and 1 more.",
        ),
        (
            [_candidate(4, 1, ProfileSource.ALL)],
            f"Assigned to the group 'A'; {GROUP_FIRST}.",
        ),
        (
            [_candidate(2, 5), _candidate(4, 1, ProfileSource.ALL)],
            f"Assigned to the group 'A'; older than 'Two' (created 2026-01-05); {GROUP_FIRST}.",
        ),
    ],
)
def test_the_reason_says_why_this_one(others: list[Candidate], expected: str) -> None:
    assert reason_for("the group 'A'", _candidate(1, 2), others, NAMES) == expected


def test_the_reason_among_profiles_for_all_devices() -> None:
    best, other = _candidate(1, 2, ProfileSource.ALL), _candidate(2, 3, ProfileSource.ALL)
    assert reason_for("all devices", best, [other], NAMES) == (
        "Assigned to all devices; older than 'Two' (created 2026-01-03)."
    )


def test_groups_in_words() -> None:
    assert groups_in_words(["A"]) == "the group 'A'"
    assert groups_in_words(["A", "B"]) == "the groups 'A', 'B'"
