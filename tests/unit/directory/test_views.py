"""Users and devices as membership rules see them."""

from __future__ import annotations

from uuid import UUID

from reseal.directory.model import device_view, user_view, view_changes

OBJECT = UUID("6c2c9d2e-1f0a-4d5c-9f6b-0d6f3f1f5a11")
DEVICE = UUID("0b8a7c6d-5e4f-4321-8fed-cba987654321")
DEVICE_ROW = {
    "uuid": OBJECT,
    "device_id": DEVICE,
    "display_name": "PF0001",
    "enabled": True,
    "trust_type": None,
    "profile_type": "RegisteredDevice",
    "physical_ids": ["[OrderID]:Berlin"],
    "attributes": {"deviceModel": "X1", "displayName": "spoofed"},
}


def test_a_user_shows_attributes_and_columns():
    row = {
        "uuid": OBJECT,
        "upn": "lee@contoso.test",
        "display_name": "Lee",
        "enabled": False,
        "attributes": {"department": "Sales", "objectId": "spoofed"},
    }
    assert user_view(row) == {
        "department": "Sales",
        "objectId": str(OBJECT),
        "userPrincipalName": "lee@contoso.test",
        "displayName": "Lee",
        "accountEnabled": False,
    }


def test_a_device_shows_attributes_and_columns():
    assert device_view(DEVICE_ROW) == {
        "deviceModel": "X1",
        "objectId": str(OBJECT),
        "deviceId": str(DEVICE),
        "displayName": "PF0001",
        "accountEnabled": True,
        "profileType": "RegisteredDevice",
        "devicePhysicalIds": ["[OrderID]:Berlin"],
    }


def test_a_joined_device_shows_its_trust():
    assert device_view({**DEVICE_ROW, "trust_type": "AzureAd"})["deviceTrustType"] == "AzureAd"


def test_changes_are_what_differs_comes_or_goes():
    before = {"a": "1", "b": "2", "c": True, "d": ["x"]}
    after = {"a": "1", "b": "3", "d": ["x", "y"], "e": "5"}
    assert view_changes(before, after) == {"b", "c", "d", "e"}
    assert view_changes(before, before) == frozenset()
