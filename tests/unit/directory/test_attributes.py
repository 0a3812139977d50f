"""Which attributes users and devices may carry for the rules, and of what type (spec/autopilot.md 3.3)."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from reseal.directory.model_attributes import merge_device_attributes, merge_user_attributes
from reseal.kernel.errors import Invalid

PLAN = {
    "servicePlanId": "efb87545-963c-4e0d-99df-69c6916d9eb0",
    "capabilityStatus": "Enabled",
    "service": "SCO",
}


def refused(merge, given) -> list[str]:
    with pytest.raises(Invalid) as refusal:
        merge({}, given)
    assert refusal.value.code == "InvalidAttribute"
    assert all(detail.message and detail.remedy for detail in refusal.value.details)
    return [detail.where for detail in refusal.value.details]


@pytest.mark.parametrize(
    "given",
    [
        {"department": "Sales"},
        {"department": ""},
        {"dirSyncEnabled": False},
        {"employeeHireDate": "2026-01-05"},
        {"employeeHireDate": "2026-01-05T08:00:00Z"},
        {"otherMails": ["a@x.test", "b@x.test"]},
        {"proxyAddresses": []},
        {"assignedPlans": [PLAN]},
        {"extensionAttribute15": "x"},
    ],
)
def test_what_a_user_may_carry(given):
    assert merge_user_attributes({}, given) == given


@pytest.mark.parametrize(
    "given",
    [
        {"deviceModel": "Latitude 5450"},
        {"isRooted": True},
        {"systemLabels": ["M365Managed"]},
        {"operatingSystemSKU": "Enterprise"},
        {"enrollmentProfileName": "OfflineAutopilotprofile-1"},
    ],
)
def test_what_a_device_may_carry(given):
    assert merge_device_attributes({}, given) == given


@pytest.mark.parametrize(
    "given",
    [
        {"department": True},
        {"department": ["Sales"]},
        {"department": "x" * 1025},
        {"dirSyncEnabled": "true"},
        {"employeeHireDate": "soon"},
        {"employeeHireDate": True},
        {"otherMails": "a@x.test"},
        {"otherMails": [True]},
        {"otherMails": ["x"] * 101},
        {"otherMails": [PLAN]},
        {"assignedPlans": PLAN},
        {"assignedPlans": ["SCO"]},
        {"assignedPlans": [{"name": "SCO"}]},
        {"assignedPlans": [{"service": True}]},
    ],
)
def test_a_value_of_another_type_or_size_is_refused(given):
    assert refused(merge_user_attributes, given) == list(given)


def test_the_limits_themselves_are_allowed():
    assert merge_user_attributes({}, {"department": "x" * 1024, "otherMails": ["x" * 1024] * 100})


def test_names_are_taken_in_any_letter_case_and_kept_in_their_own():
    assert merge_user_attributes({}, {"DEPARTMENT": "Sales"}) == {"department": "Sales"}
    assert merge_device_attributes({}, {"devicemodel": "X"}) == {"deviceModel": "X"}


def test_custom_extension_properties_are_kept_in_lower_case():
    name = "extension_c272a57b722d4eb29bfe327874ae79cb_CostCentre"
    assert merge_user_attributes({}, {name: "42"}) == {name.lower(): "42"}
    assert refused(merge_user_attributes, {"extension_": "42"}) == ["extension_"]
    assert refused(merge_device_attributes, {name: "42"}) == [name]


def test_an_unknown_name_is_refused_with_the_nearest_known_one():
    with pytest.raises(Invalid) as refusal:
        merge_user_attributes({}, {"departement": "Sales", "zzz": "x"})
    remedies = {detail.where: detail.remedy for detail in refusal.value.details}
    assert "department?" in remedies["departement"]
    assert "?" not in remedies["zzz"]


@pytest.mark.parametrize(
    "name", ["objectId", "displayName", "accountEnabled", "userPrincipalName", "memberOf"]
)
def test_what_a_user_has_anyway_is_not_set_as_an_attribute(name):
    assert refused(merge_user_attributes, {name: "x"}) == [name]


@pytest.mark.parametrize(
    "name",
    [
        "objectId",
        "deviceId",
        "displayName",
        "accountEnabled",
        "profileType",
        "deviceTrustType",
        "devicePhysicalIds",
        "memberOf",
    ],
)
def test_what_a_device_has_anyway_is_not_set_as_an_attribute(name):
    assert refused(merge_device_attributes, {name: "x"}) == [name]


def test_a_filters_own_spelling_is_no_attribute():
    assert refused(merge_device_attributes, {"osVersion": "10"}) == ["osVersion"]


def test_what_is_not_named_stays_and_none_removes():
    present = {"department": "Sales", "city": "Bonn"}
    assert merge_user_attributes(present, {"city": "Berlin"}) == {"city": "Berlin", "department": "Sales"}
    assert merge_user_attributes(present, {"CITY": None, "state": None}) == {"department": "Sales"}
    assert present == {"department": "Sales", "city": "Bonn"}


def test_attributes_are_kept_as_json_gives_them_back():
    plan = MappingProxyType(PLAN)
    merged = merge_user_attributes({}, {"otherMails": ("a", "b"), "assignedPlans": (plan,), "city": "Bonn"})
    assert merged == {"assignedPlans": [PLAN], "city": "Bonn", "otherMails": ["a", "b"]}
    assert list(merged) == sorted(merged)


def test_all_problems_are_named_at_once():
    assert refused(merge_user_attributes, {"objectId": "x", "nonsense": "x", "city": True}) == [
        "objectId",
        "nonsense",
        "city",
    ]
