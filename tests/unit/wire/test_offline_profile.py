"""AutopilotConfigurationFile.json: bits, round trip, and every reason for which Windows would ignore it."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.errors import WireError
from reseal.wire.offline_profile import (
    JoinMethod,
    OfflineProfile,
    OfflineProfileError,
    OobeConfig,
    oobe_config,
    read_offline_profile,
    write_offline_profile,
)

PROFILE = OfflineProfile(
    profile_name="Sales laptops",
    tenant_id=UUID("00112233-4455-4677-8899-aabbccddeeff"),
    tenant_domain="contoso.example",
    oobe_config=oobe_config(
        standard_user=True, hide_privacy_settings=True, hide_eula=True, skip_keyboard=True
    ),
    join_method=JoinMethod.ENTRA,
    forced_enrollment=True,
    correlation_id=UUID("10112233-4455-4677-8899-aabbccddeeff"),
    device_name="CON-%SERIAL%",
    language="de-DE",
    region="de-DE",
)


def content(**changes: Any) -> dict[str, Any]:
    """The written file as an object, with changes; None removes a key."""
    changed = json.loads(write_offline_profile(PROFILE)) | changes
    return {key: value for key, value in changed.items() if value is not None}


def refusal(data: bytes) -> OfflineProfileError:
    with pytest.raises(OfflineProfileError) as caught:
        read_offline_profile(data)
    assert caught.value.remedy
    return caught.value


def refused(**changes: Any) -> OfflineProfileError:
    return refusal(json.dumps(content(**changes)).encode())


# --- bits


def test_everything_hidden_standard_user_and_keyboard_skipped_is_1310() -> None:
    assert PROFILE.oobe_config == 1310
    assert OobeConfig(1310).names == (
        "OobeUserNotLocalAdmin",
        "SkipExpressSettings",
        "SkipOemRegistration",
        "SkipEula",
        "Skip Windows upgrade UX",
        "Skip keyboard",
    )


@pytest.mark.parametrize(
    "settings, bits",
    [
        ({}, 264),
        ({"standard_user": True}, 266),
        ({"hide_privacy_settings": True}, 268),
        ({"hide_eula": True}, 280),
        ({"standard_user": True, "hide_privacy_settings": True, "hide_eula": True}, 286),
        ({"skip_keyboard": True}, 1288),
        ({"self_deploying": True}, 360),
    ],
)
def test_bits_of_settings(settings: dict[str, bool], bits: int) -> None:
    assert oobe_config(**settings) == bits


def test_a_bit_without_a_name_is_shown_as_its_number() -> None:
    assert OobeConfig(4096 + 8).names == ("SkipOemRegistration", "4096")


# --- the file


def test_the_file_is_ascii_with_windows_line_ends() -> None:
    data = write_offline_profile(replace(PROFILE, profile_name="Büro"))
    assert data.isascii()
    assert data.startswith(b"{")
    assert data.endswith(b"}\r\n")
    assert data.count(b"\n") == data.count(b"\r\n")
    assert read_offline_profile(data).profile_name == "Büro"


def test_the_file_says_what_the_specification_lists() -> None:
    assert content() == {
        "CloudAssignedTenantId": "00112233-4455-4677-8899-aabbccddeeff",
        "CloudAssignedTenantDomain": "contoso.example",
        "CloudAssignedDomainJoinMethod": 0,
        "CloudAssignedOobeConfig": 1310,
        "CloudAssignedForcedEnrollment": 1,
        "CloudAssignedAadServerData": '{"ZeroTouchConfig":{"CloudAssignedTenantUpn":"","ForcedEnrollment":1,'
        '"CloudAssignedTenantDomain":"contoso.example"}}',
        "CloudAssignedAutopilotUpdateDisabled": 1,
        "CloudAssignedAutopilotUpdateTimeout": 1_800_000,
        "ZtdCorrelationId": "10112233-4455-4677-8899-aabbccddeeff",
        "Version": 2049,
        "Comment_File": "Profile Sales laptops",
        "CloudAssignedDeviceName": "CON-%SERIAL%",
        "CloudAssignedLanguage": "de-DE",
        "CloudAssignedRegion": "de-DE",
    }


def test_keys_without_a_value_are_left_out() -> None:
    plain = replace(PROFILE, device_name="", language="", region="")
    assert len(json.loads(write_offline_profile(plain))) == len(content()) - 3
    hybrid = replace(PROFILE, join_method=JoinMethod.HYBRID, skip_connectivity_check=True)
    assert json.loads(write_offline_profile(hybrid))["HybridJoinSkipDCConnectivityCheck"] == 1


texts = st.text(max_size=20)


@given(
    st.builds(
        OfflineProfile,
        profile_name=texts,
        tenant_id=st.uuids(),
        tenant_domain=texts.filter(bool),
        oobe_config=st.integers(0, 2**31 - 1).map(lambda bits: OobeConfig(bits & ~96)),
        join_method=st.sampled_from(JoinMethod),
        forced_enrollment=st.booleans(),
        correlation_id=st.uuids(),
        device_name=texts,
        language=texts,
        region=texts,
        skip_connectivity_check=st.booleans(),
        update_disabled=st.booleans(),
        update_timeout=st.integers(0, 2**31 - 1).map(lambda ms: timedelta(milliseconds=ms)),
    )
)
def test_what_is_written_reads_back(profile: OfflineProfile) -> None:
    assert read_offline_profile(write_offline_profile(profile)) == profile


@pytest.mark.parametrize(
    "profile",
    [replace(PROFILE, oobe_config=oobe_config(self_deploying=True)), replace(PROFILE, tenant_domain="")],
)
def test_a_profile_that_cannot_work_offline_is_not_written(profile: OfflineProfile) -> None:
    with pytest.raises(OfflineProfileError):
        write_offline_profile(profile)


# --- files of others


def test_what_an_exporter_leaves_out_gets_the_documented_meaning() -> None:
    optional = dict.fromkeys(
        [
            "Comment_File",
            "CloudAssignedDeviceName",
            "CloudAssignedLanguage",
            "CloudAssignedRegion",
            "CloudAssignedAutopilotUpdateDisabled",
            "CloudAssignedAutopilotUpdateTimeout",
        ]
    )
    found = read_offline_profile(json.dumps(content(**optional)).encode())
    assert found == replace(
        PROFILE, profile_name="", device_name="", language="", region="", update_disabled=False
    )


def test_unknown_keys_and_letter_case_of_the_inner_domain_do_not_matter() -> None:
    inner = json.dumps(
        {"ZeroTouchConfig": {"ForcedEnrollment": 1, "CloudAssignedTenantDomain": "CONTOSO.example"}}
    )
    changed = content(PolicyDownloadDate="2026-01-01", CloudAssignedAadServerData=inner)
    assert read_offline_profile(json.dumps(changed).encode()) == PROFILE


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_other_encodings_are_refused(codec: str) -> None:
    data = write_offline_profile(PROFILE).decode().encode(codec)
    found = refusal(data)
    assert found.code == ("NotJson" if codec == "utf-16-le" else "Encoding")


def test_a_letter_outside_ascii_is_refused_with_its_place() -> None:
    data = write_offline_profile(PROFILE).replace(b"Sales", "Büro".encode())
    found = refusal(data)
    assert (found.code, found.offset) == ("Encoding", data.index("ü".encode()))


@pytest.mark.parametrize(
    "key",
    [
        "Version",
        "CloudAssignedTenantId",
        "CloudAssignedTenantDomain",
        "CloudAssignedOobeConfig",
        "CloudAssignedDomainJoinMethod",
        "CloudAssignedForcedEnrollment",
        "ZtdCorrelationId",
        "CloudAssignedAadServerData",
    ],
)
def test_a_required_key_that_is_missing_is_named(key: str) -> None:
    found = refused(**{key: None})
    assert (found.code, key in found.message) == ("WrongValue", True)


@pytest.mark.parametrize(
    "key, value",
    [
        ("Version", 2048),
        ("Version", "2049"),
        ("CloudAssignedTenantId", "{00112233-4455-4677-8899-aabbccddeeff}"),
        ("CloudAssignedTenantId", "contoso"),
        ("ZtdCorrelationId", 7),
        ("CloudAssignedTenantDomain", 7),
        ("CloudAssignedOobeConfig", "1310"),
        ("CloudAssignedOobeConfig", -1),
        ("CloudAssignedOobeConfig", 2**40),
        ("CloudAssignedOobeConfig", 13.5),
        ("CloudAssignedDomainJoinMethod", 2),
        ("CloudAssignedForcedEnrollment", True),
        ("CloudAssignedAadServerData", {"ZeroTouchConfig": {}}),
        ("HybridJoinSkipDCConnectivityCheck", 3),
        ("CloudAssignedDeviceName", 1),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(key: str, value: object) -> None:
    found = refused(**{key: value})
    assert (found.code, key in found.message) == ("WrongValue", True)


@pytest.mark.parametrize(
    "inner, code",
    [
        ("", "NotJson"),
        ("[]", "NotJson"),
        ("{}", "WrongValue"),
        ('{"ZeroTouchConfig":1}', "WrongValue"),
        (
            '{"ZeroTouchConfig":{"ForcedEnrollment":0,"CloudAssignedTenantDomain":"contoso.example"}}',
            "WrongValue",
        ),
        (
            '{"ZeroTouchConfig":{"ForcedEnrollment":1,"CloudAssignedTenantDomain":"fabrikam.example"}}',
            "WrongValue",
        ),
    ],
)
def test_inner_data_that_contradicts_the_rest_is_refused(inner: str, code: str) -> None:
    assert refused(CloudAssignedAadServerData=inner).code == code


def test_a_self_deploying_profile_is_refused() -> None:
    assert refused(CloudAssignedOobeConfig=1310 + 96).code == "SelfDeployingOffline"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"null",
        b'{"Version":1,"Version":2}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"9" * 6000,
    ],
    ids=lambda data: data[:12].decode(),
)
def test_what_is_no_object_is_refused(data: bytes) -> None:
    assert refusal(data).code == "NotJson"


def test_a_mistake_in_the_json_is_refused_with_its_line() -> None:
    lines = write_offline_profile(PROFILE).split(b"\r\n")
    lines[4] = lines[4].rstrip(b",") + b";"
    assert refusal(b"\r\n".join(lines)).line == 5


def test_a_file_larger_than_any_profile_is_refused() -> None:
    assert refusal(write_offline_profile(PROFILE) + b" " * 70_000).code == "TooLarge"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(content())), values, max_size=3))
def test_any_values_give_a_profile_or_a_refusal(changes: dict[str, object]) -> None:
    try:
        found = read_offline_profile(
            json.dumps(json.loads(write_offline_profile(PROFILE)) | changes).encode()
        )
    except WireError:
        return
    assert read_offline_profile(write_offline_profile(found)) == found


@given(st.binary(max_size=200))
def test_any_bytes_give_a_refusal(data: bytes) -> None:
    refusal(data)
