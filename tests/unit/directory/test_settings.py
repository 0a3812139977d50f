"""The settings of an organisation: defaults, limits, and what of former versions is still understood."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reseal.directory.model_settings import (
    JoinAllowed,
    MdmScope,
    MdmUrls,
    TenantSettings,
    check_settings,
    default_mdm_urls,
)
from reseal.kernel.errors import Invalid


def refused(**changes) -> list[str]:
    """The places named by the refusal of these settings."""
    with pytest.raises(Invalid) as refusal:
        check_settings(replace(TenantSettings(), **changes))
    assert refusal.value.code == "InvalidSetting"
    assert all(detail.message and detail.remedy for detail in refusal.value.details)
    return [detail.where for detail in refusal.value.details]


def test_a_new_organisation():
    settings = TenantSettings()
    assert settings.user_device_quota == 50
    assert settings.join_allowed is JoinAllowed.ALL
    assert settings.mdm_scope is MdmScope.NONE
    assert settings.mdm_urls == MdmUrls(None, None, None)
    assert settings.builtin_default_profile
    assert settings.one_time_rule
    assert not settings.allow_virtual_tpm
    assert not settings.user_before_attestation
    assert settings.host_name_prefix == "DESKTOP-"
    assert settings.dynamic_group_limit == 15_000
    assert check_settings(settings) is settings


@pytest.mark.parametrize("quota", [0, 1, 100, None])
def test_the_quota_is_0_to_100_or_unlimited(quota):
    assert check_settings(TenantSettings(user_device_quota=quota)).user_device_quota == quota


@pytest.mark.parametrize("quota", [-1, 101])
def test_another_quota_is_refused(quota):
    assert refused(user_device_quota=quota) == ["user_device_quota"]


def test_the_limit_of_dynamic_groups_may_be_none_but_not_less():
    assert check_settings(TenantSettings(dynamic_group_limit=0))
    assert refused(dynamic_group_limit=-1) == ["dynamic_group_limit"]


@pytest.mark.parametrize("prefix", ["DESKTOP-", "K", "7X", "ABCDEFGH"])
def test_host_name_prefixes(prefix):
    assert check_settings(TenantSettings(host_name_prefix=prefix))


@pytest.mark.parametrize("prefix", ["", "-PC", "ABCDEFGHI", "A B", "A_B", "Ä"])
def test_what_cannot_start_a_host_name(prefix):
    assert refused(host_name_prefix=prefix) == ["host_name_prefix"]


def test_the_urls_of_a_server_follow_its_addresses():
    """Browsers open the pages: at the listener that never asks for a client certificate."""
    assert default_mdm_urls("https://devices.contoso.test:8443/", "https://contoso.test/") == MdmUrls(
        "https://devices.contoso.test:8443/EnrollmentServer/Discovery.svc",
        "https://contoso.test/TermsOfUse",
        "https://contoso.test/compliance",
    )


def test_a_url_that_is_not_set_is_the_servers():
    default = MdmUrls("https://a/d", "https://a/t", "https://a/c")
    assert MdmUrls().or_default(default) == default
    assert MdmUrls(terms_of_use="https://b/t").or_default(default) == replace(
        default, terms_of_use="https://b/t"
    )
    assert MdmUrls("https://b/d", None, "https://b/c").or_default(default) == MdmUrls(
        "https://b/d", "https://a/t", "https://b/c"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://mdm.contoso.test/x",
        "https://mdm.contoso.test:8443/?a=b",
        "https://[::1]:8443/",
        "HTTPS://a/b",
    ],
)
def test_urls_that_a_device_can_be_sent_to(url):
    assert check_settings(TenantSettings(mdm_urls=MdmUrls(url, url, url)))


@pytest.mark.parametrize(
    "url, reason",
    [
        ("", "does not begin with https://"),
        ("http://a/b", "does not begin with https://"),
        ("a/b", "does not begin with https://"),
        ("https://", "names no host, or a user"),
        ("https:///b", "names no host, or a user"),
        ("https://me@a/b", "names no host, or a user"),
        ("https://a/b#c", "has a fragment"),
        ("https://a/b c", "has characters that a URL may not have"),
        ("https://a/\n", "has characters that a URL may not have"),
        ("https://a/\x7f", "has characters that a URL may not have"),
        ("https://ä/b", "has characters that a URL may not have"),
        ("https://a:99999/", "is not a URL"),
        ("https://[::1/", "is not a URL"),
    ],
)
def test_urls_that_a_device_cannot_be_sent_to(url, reason):
    with pytest.raises(Invalid) as refusal:
        check_settings(TenantSettings(mdm_urls=MdmUrls(discovery=url)))
    (detail,) = refusal.value.details
    assert (detail.where, detail.message) == ("mdm_urls.discovery", f"{url!r} {reason}.")


def test_a_url_has_at_most_1024_characters():
    longest = "https://a/".ljust(1024, "x")
    assert check_settings(TenantSettings(mdm_urls=MdmUrls(compliance=longest)))
    assert refused(mdm_urls=MdmUrls(compliance=longest + "x")) == ["mdm_urls.compliance"]


def test_every_problem_is_named_at_once():
    urls = MdmUrls("https://a/b", "http://a/b", "")
    assert refused(user_device_quota=101, dynamic_group_limit=-1, host_name_prefix="", mdm_urls=urls) == [
        "user_device_quota",
        "dynamic_group_limit",
        "mdm_urls.terms_of_use",
        "mdm_urls.compliance",
        "host_name_prefix",
    ]


def test_stored_settings_come_back():
    settings = TenantSettings(
        user_device_quota=None,
        join_allowed=JoinAllowed.SELECTED,
        mdm_scope=MdmScope.SOME,
        mdm_urls=MdmUrls(terms_of_use="https://a/t"),
        builtin_default_profile=False,
        allow_virtual_tpm=True,
        one_time_rule=False,
        user_before_attestation=True,
        host_name_prefix="KIOSK-",
        dynamic_group_limit=3,
    )
    stored = settings.to_json()
    assert TenantSettings.from_json(stored) == settings
    assert type(stored["join_allowed"]) is str
    assert type(stored["mdm_scope"]) is str
    assert stored["mdm_urls"] == {"discovery": None, "terms_of_use": "https://a/t", "compliance": None}


def test_settings_of_another_version_are_understood():
    assert TenantSettings.from_json({}) == TenantSettings()
    assert TenantSettings.from_json({"user_device_quota": 7, "of_a_later_version": 1}).user_device_quota == 7
