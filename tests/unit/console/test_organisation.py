"""The page of the organisation finds every setting that there is."""

from __future__ import annotations

from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from reseal.console.organisation import addresses_of, decided
from reseal.directory.model import Tenant
from reseal.directory.model_settings import JoinAllowed, MdmScope, MdmUrls, TenantSettings
from reseal.kernel.ids import TenantKey
from tests.support.clock import START

OTHERWISE: dict[str, Any] = {
    "user_device_quota": None,
    "join_allowed": JoinAllowed.NONE,
    "mdm_scope": MdmScope.ALL,
    "mdm_urls": MdmUrls(discovery="https://elsewhere.example/Discovery.svc"),
    "host_name_prefix": "LAP-",
    "dynamic_group_limit": 7,
}
"""Another value than a new organisation has; of what can be on or off it is the other one."""


def shown(settings: TenantSettings) -> tuple[Any, ...]:
    tenant = Tenant(TenantKey(1), UUID(int=1), "Contoso", settings, {}, START)
    parts = cast(Any, SimpleNamespace(public_url="https://a.test", device_url="https://b.test"))
    return decided(tenant), addresses_of(parts, tenant), settings.dynamic_group_limit


@pytest.mark.parametrize("name", [one.name for one in fields(TenantSettings)])
def test_a_setting_that_is_changed_reads_differently(name: str) -> None:
    usual = TenantSettings()
    value = OTHERWISE.get(name, not getattr(usual, name))

    assert shown(replace(usual, **{name: value})) != shown(usual)


def test_an_address_of_another_server_is_marked() -> None:
    settings = TenantSettings(mdm_urls=OTHERWISE["mdm_urls"])

    assert [one.url for one in shown(settings)[1] if not one.own] == [settings.mdm_urls.discovery]
    assert all(one.own for one in shown(TenantSettings())[1])
