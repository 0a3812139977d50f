"""Who may join a device, and whose device enrols by itself (spec/autopilot.md 12, items 1-3, 5, 7-10)."""

from __future__ import annotations

import pytest

from reseal.directory.model_joining import (
    EnrollCause,
    EnrollDecision,
    JoinDecision,
    JoinReason,
    decide_enrolment,
    decide_join,
)
from reseal.directory.model_settings import JoinAllowed, MdmScope, TenantSettings

UPN = "lee@contoso.test"


def join(allowed=JoinAllowed.ALL, quota=50, *, enabled=True, selected=False, devices=0) -> JoinDecision:
    settings = TenantSettings(join_allowed=allowed, user_device_quota=quota)
    return decide_join(settings, UPN, enabled=enabled, selected=selected, devices=devices)


def enrol(scope, upn: str | None = UPN, *, in_scope=False, licensed=True) -> EnrollDecision:
    return decide_enrolment(TenantSettings(mdm_scope=scope), upn, in_scope=in_scope, licensed=licensed)


def test_all_lets_every_user_join():
    decision = join(JoinAllowed.ALL)
    assert decision.reason is JoinReason.ALLOWED
    assert decision.allowed
    assert decision.code == ""


def test_none_refuses_even_the_selected():
    decision = join(JoinAllowed.NONE, selected=True)
    assert decision.reason is JoinReason.NOBODY
    assert (decision.allowed, decision.code) == (False, "801c0003")
    assert "None" in decision.message


def test_selected_lets_the_selected_join():
    assert join(JoinAllowed.SELECTED, selected=True).allowed


def test_selected_refuses_everybody_else():
    decision = join(JoinAllowed.SELECTED, selected=False)
    assert decision.reason is JoinReason.NOT_SELECTED
    assert decision.code == "801c0003"
    assert "Selected" in decision.message


def test_the_51st_device_of_a_user_is_refused_with_the_numbers():
    assert join(devices=49).allowed
    decision = join(devices=50)
    assert decision.reason is JoinReason.QUOTA
    assert decision.code == "801c0003"
    assert "50 of 50" in decision.message


def test_raising_the_quota_cures_it():
    assert join(quota=51, devices=50).allowed


def test_the_quota_counts_for_the_selected_too():
    assert join(JoinAllowed.SELECTED, selected=True, devices=50).reason is JoinReason.QUOTA


def test_a_quota_of_zero_means_that_nobody_may_join():
    assert join(quota=0).reason is JoinReason.QUOTA


def test_an_unlimited_quota_never_refuses():
    assert join(quota=None, devices=100_000).allowed


def test_a_disabled_account_joins_nothing():
    decision = join(enabled=False)
    assert decision.reason is JoinReason.DISABLED
    assert decision.code == "801c0003"


def test_a_refused_join_names_the_user_and_a_remedy():
    for decision in [join(JoinAllowed.NONE), join(JoinAllowed.SELECTED), join(devices=50)]:
        assert UPN in decision.message
        assert decision.remedy


def test_an_allowed_join_says_how_many_devices_there_are():
    assert join(devices=3).message == f"{UPN} may join devices; 3 of 50 joined."
    assert join(quota=None, devices=3).message == f"{UPN} may join devices without a limit; 3 joined."


def test_scope_none_joins_without_addresses_and_names_the_scope():
    decision = enrol(MdmScope.NONE, in_scope=True)
    assert decision.cause is EnrollCause.SCOPE
    assert not decision.allowed
    assert not decision.given_addresses
    assert decision.device_code == "0x8018002B"
    assert decision.code == "0x80180003"
    assert "scope is None" in decision.message
    assert decision.remedy


def test_scope_some_enrols_members_only():
    assert enrol(MdmScope.SOME, in_scope=True).allowed
    outside = enrol(MdmScope.SOME, in_scope=False)
    assert outside.cause is EnrollCause.SCOPE
    assert (outside.code, outside.device_code) == ("0x80180003", "0x8018002B")
    assert UPN in outside.message


def test_scope_all_enrols_every_licensed_user():
    decision = enrol(MdmScope.ALL)
    assert decision.cause is EnrollCause.ALLOWED
    assert decision.allowed
    assert decision.given_addresses
    assert (decision.code, decision.device_code) == ("", "")


@pytest.mark.parametrize("scope", [MdmScope.SOME, MdmScope.ALL])
def test_an_unlicensed_user_gets_the_addresses_and_is_refused_by_the_licence(scope):
    decision = enrol(scope, in_scope=True, licensed=False)
    assert decision.cause is EnrollCause.LICENCE
    assert decision.given_addresses
    assert (decision.code, decision.device_code) == ("0x80180018", "0x80180018")
    assert "licence" in decision.message
    assert decision.remedy


def test_the_scope_is_named_before_the_licence():
    assert enrol(MdmScope.NONE, licensed=False).cause is EnrollCause.SCOPE
    assert enrol(MdmScope.SOME, licensed=False).cause is EnrollCause.SCOPE


@pytest.mark.parametrize("scope", [MdmScope.SOME, MdmScope.ALL])
def test_the_technician_flow_needs_no_user_in_scope_and_no_licence(scope):
    decision = enrol(scope, None, licensed=False)
    assert decision.allowed
    assert decision.message == "A device in the technician flow enrols without a user."


def test_scope_none_refuses_the_technician_flow_too():
    decision = enrol(MdmScope.NONE, None)
    assert decision.cause is EnrollCause.SCOPE
    assert decision.message.startswith("A device in the technician flow")
