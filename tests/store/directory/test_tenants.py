"""Organisations: domains, settings, branding."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from reseal.directory.model import Branding, Domain, TenantSettings
from reseal.directory.model_branding import Image, ImageSlot
from reseal.directory.model_settings import MdmScope, MdmUrls
from reseal.directory.tenants import (
    add_domain,
    count_users_by_domain,
    create_tenant,
    domains,
    find_tenant,
    list_tenants,
    remove_branding,
    remove_domain,
    set_branding,
    set_default_domain,
    tenant_by_domain,
    tenant_by_id,
    tenant_by_uuid,
    update_settings,
    update_tenant,
)
from reseal.directory.users import create_user
from reseal.kernel.errors import Conflict, Invalid, NotFound


async def test_a_new_organisation_is_found_by_key_id_and_domain(contoso, database):
    tenant = contoso.tenant
    assert tenant.name == "Contoso"
    assert tenant.settings == TenantSettings()
    assert await database.read(tenant_by_id, tenant.id) == tenant
    assert await database.read(tenant_by_uuid, tenant.uuid) == tenant
    assert await database.read(tenant_by_domain, "CONTOSO.Test") == tenant
    assert await database.read(find_tenant, "contoso.test") == tenant
    assert await contoso.read(domains) == (Domain("contoso.test", is_default=True),)


async def test_an_unknown_organisation_is_not_found(database):
    assert await database.read(find_tenant, "contoso.test") is None
    for find, what in [(tenant_by_id, 7), (tenant_by_uuid, UUID(int=7)), (tenant_by_domain, "contoso.test")]:
        with pytest.raises(NotFound) as refusal:
            await database.read(find, what)
        assert refusal.value.code == "TenantNotFound"


async def test_organisations_are_listed_oldest_first(contoso, fabrikam, database):
    assert await database.read(list_tenants) == (contoso.tenant, fabrikam.tenant)


async def test_a_domain_belongs_to_one_organisation_only(contoso, fabrikam, database):
    with pytest.raises(Conflict) as refusal:
        await fabrikam.write(add_domain, "Contoso.TEST")
    assert refusal.value.code == "DomainTaken"
    with pytest.raises(Conflict):
        await database.write(create_tenant, "Other", "contoso.test")
    assert len(await database.read(list_tenants)) == 2


async def test_domains_are_added_made_default_and_removed(contoso, database):
    await contoso.write(add_domain, "Contoso.example")
    await contoso.write(set_default_domain, "contoso.EXAMPLE")
    assert await contoso.read(domains) == (
        Domain("Contoso.example", is_default=True),
        Domain("contoso.test", is_default=False),
    )
    await contoso.write(remove_domain, "contoso.test")
    assert await database.read(find_tenant, "contoso.test") is None


async def test_the_default_domain_and_a_domain_of_users_stay(contoso):
    with pytest.raises(Conflict) as refusal:
        await contoso.write(remove_domain, "contoso.test")
    assert refusal.value.code == "DefaultDomain"
    await contoso.write(add_domain, "other.test")
    await contoso.write(set_default_domain, "other.test")
    await contoso.user("Lee")
    with pytest.raises(Conflict) as refusal:
        await contoso.write(remove_domain, "contoso.test")
    assert refusal.value.code == "DomainInUse"


async def test_users_are_counted_by_the_domain_that_names_them(contoso, fabrikam):
    for name in ("sub.contoso.test", "o-her.test", "other.test"):
        await contoso.write(add_domain, name)
    assert await contoso.read(count_users_by_domain) == {
        "contoso.test": 0,
        "o-her.test": 0,
        "other.test": 0,
        "sub.contoso.test": 0,
    }
    await contoso.user("Lee")
    await contoso.write(create_user, "Kim@Sub.Contoso.Test", "Kim")
    await fabrikam.write(create_user, "kim@fabrikam.test", "Kim")
    assert await contoso.read(count_users_by_domain) == {
        "contoso.test": 1,
        "o-her.test": 0,
        "other.test": 0,
        "sub.contoso.test": 1,
    }


async def test_the_domain_of_a_subdomains_users_may_go(contoso):
    await contoso.write(add_domain, "sub.contoso.test")
    await contoso.write(set_default_domain, "sub.contoso.test")
    await contoso.write(remove_domain, "contoso.test")


@pytest.mark.parametrize("change", [remove_domain, set_default_domain])
async def test_another_organisations_domain_is_not_found(contoso, fabrikam, change):
    with pytest.raises(NotFound) as refusal:
        await contoso.write(change, "fabrikam.test")
    assert refusal.value.code == "DomainNotFound"


async def test_an_organisation_is_renamed(contoso, database):
    await contoso.write(update_tenant, name=" Contoso Ltd ")
    assert (await database.read(tenant_by_id, contoso.tenant.id)).name == "Contoso Ltd"
    assert await contoso.events("tenant.renamed") == [{"from": "Contoso", "to": "Contoso Ltd"}]


async def test_settings_are_stored_and_the_event_tells_what_differs(contoso, database):
    urls = MdmUrls(terms_of_use="https://terms.contoso.test/")
    settings = replace(contoso.tenant.settings, user_device_quota=None, mdm_scope=MdmScope.ALL, mdm_urls=urls)
    await contoso.write(update_settings, settings)
    assert (await database.read(tenant_by_id, contoso.tenant.id)).settings == settings
    await contoso.write(update_settings, settings)
    (told,) = await contoso.events("tenant.settings_changed")
    assert told == {
        "user_device_quota": {"from": 50, "to": None},
        "mdm_scope": {"from": "none", "to": "all"},
        "mdm_urls": {
            "from": {"discovery": None, "terms_of_use": None, "compliance": None},
            "to": {"discovery": None, "terms_of_use": "https://terms.contoso.test/", "compliance": None},
        },
    }


async def test_a_setting_that_cannot_be_changes_nothing(contoso, database):
    with pytest.raises(Invalid):
        await contoso.write(update_settings, TenantSettings(user_device_quota=101, one_time_rule=False))
    assert (await database.read(tenant_by_id, contoso.tenant.id)).settings == TenantSettings()


async def test_branding_is_kept_by_language(contoso, database):
    logo = Image("a" * 64, "image/png", 10, 10, 100)
    default = Branding(background_color="#0B5CAD", images={ImageSlot.SQUARE_LOGO: logo})
    french = Branding(sign_in_page_text="Aide: 1234")
    await contoso.write(set_branding, default)
    await contoso.write(set_branding, french, locale="fr-FR")
    assert (await database.read(tenant_by_id, contoso.tenant.id)).branding == {"0": default, "fr-FR": french}
    await contoso.write(remove_branding, locale="fr-FR")
    assert (await database.read(tenant_by_id, contoso.tenant.id)).branding == {"0": default}
    assert [told["locale"] for told in await contoso.events("tenant.branding_changed")] == [
        "0",
        "fr-FR",
        "fr-FR",
    ]


async def test_unfit_branding_is_refused(contoso):
    with pytest.raises(Invalid):
        await contoso.write(set_branding, Branding(background_color="red"))
    with pytest.raises(Invalid):
        await contoso.write(set_branding, Branding(), locale="french")
    with pytest.raises(NotFound) as refusal:
        await contoso.write(remove_branding, locale="fr-FR")
    assert refusal.value.code == "BrandingNotFound"
