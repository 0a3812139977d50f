"""The service that a token is for, by the names that clients use."""

from __future__ import annotations

import pytest

from reseal.signin.resources import DRS_AUDIENCES, MDM_AUDIENCES, names_resource, resource_asked

DRS, MDM, GRAPH = DRS_AUDIENCES[0], MDM_AUDIENCES[0], "https://graph.microsoft.com"


@pytest.mark.parametrize(
    "resource, scope, audience",
    [
        (MDM, "", MDM),
        ("https://enrollment.manage.microsoft.com", "", MDM),
        ("HTTPS://Enrollment.Manage.Microsoft.com/", "", MDM),
        (MDM_AUDIENCES[1].upper(), "", MDM_AUDIENCES[1]),
        (DRS, "openid", DRS),
        ("", "https://enrollment.manage.microsoft.com//.default openid offline_access", MDM),
        ("", "https://enrollment.manage.microsoft.com/.default", MDM),
        ("", "openid https://enrollment.manage.microsoft.com/mdm_delegation profile", MDM),
        ("", f"{DRS_AUDIENCES[1]}/.default", DRS_AUDIENCES[1]),
        ("", f"{DRS}/.default", DRS),
        ("", DRS, DRS),
        ("", f"{GRAPH}/User.Read {GRAPH}/Group.Read.All", GRAPH),
        ("", "User.Read", GRAPH),
        ("", "openid profile", GRAPH),
        ("", "", GRAPH),
    ],
)
def test_known_ones(resource: str, scope: str, audience: str) -> None:
    asked = resource_asked(resource, scope)
    assert asked is not None
    assert asked.audience == audience


@pytest.mark.parametrize(
    "resource, scope",
    [
        ("https://evil.example/", ""),
        ("", "https://evil.example/.default"),
        ("", f"{GRAPH}/.default {DRS}/.default"),
        ("", f"{DRS}/.default https://evil.example/.default"),
        ("", "urn:unknown"),
    ],
)
def test_unknown_ones_and_two_at_once(resource: str, scope: str) -> None:
    assert resource_asked(resource, scope) is None


def test_scopes_about_the_sign_in_name_none() -> None:
    assert not names_resource("", "openid profile offline_access aza")
    assert names_resource("", "openid User.Read")
    assert names_resource(MDM, "")
