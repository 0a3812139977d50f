"""Which host names a server may not simply take."""

from __future__ import annotations

import pytest

from reseal.kernel.errors import Invalid
from reseal.server.names import is_microsofts, lab_names


@pytest.mark.parametrize(
    "name",
    [
        "login.microsoftonline.com",
        "enterpriseregistration.windows.net",
        "enrollment.manage.microsoft.com",
        "ztd.dds.microsoft.com",
        "Windows.NET",
        "device.login.microsoftonline.com.",
    ],
)
def test_names_that_clients_have_built_in_are_microsofts(name: str) -> None:
    assert is_microsofts(name)


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "127.0.0.1",
        "mdm.contoso.example",
        "enterpriseregistration.contoso.com",
        "notmicrosoft.com",
        "microsoft.com.contoso.example",
        "com",
        "",
    ],
)
def test_other_names_are_not(name: str) -> None:
    assert not is_microsofts(name)


def test_a_foreign_name_is_refused_with_the_way_out() -> None:
    with pytest.raises(Invalid) as refused:
        lab_names(["mdm.contoso.example", "login.microsoftonline.com"], allowed=False)

    assert "login.microsoftonline.com" in refused.value.message
    assert "contoso" not in refused.value.message
    assert "--lab-ca" in refused.value.remedy


def test_in_a_lab_foreign_names_are_kept_apart() -> None:
    names = ["mdm.contoso.example", "login.microsoftonline.com"]

    assert lab_names(names, allowed=True) == {"login.microsoftonline.com"}
    assert lab_names(["mdm.contoso.example"], allowed=False) == frozenset()
