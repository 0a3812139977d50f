"""Applying what a document says of the organisation: name, domains, settings, branding."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from reseal.blueprint.applying.work import Work
from reseal.blueprint.document import SettingsEntry
from reseal.blueprint.reading import located
from reseal.blueprint.touch import devices_without_profile
from reseal.blueprint.views import Chosen, branding_view, by_name, language_of, settings_view
from reseal.directory.joining import select_for_join, set_mdm_scope
from reseal.directory.model_names import fold
from reseal.directory.tenants import add_domain, set_branding, update_settings, update_tenant


def apply_tenant(work: Work) -> None:
    """Rename the organisation and add domains; domains that are not named stay."""
    entry, present = work.document.tenant, work.present
    if entry is None:
        return
    owned = {fold(domain) for domain in (present.domain, *present.other_domains)}
    new = {index: domain for index, domain in enumerate(entry.domains) if fold(domain) not in owned}
    name = entry.name or present.tenant.name

    def act() -> None:
        update_tenant(work.tx, work.tenant, name=name, actor=work.actor)
        for index, domain in new.items():
            with located(f"{entry.path}.domains[{index}]"):
                add_domain(work.tx, work.tenant, domain, actor=work.actor)

    before = {"name": present.tenant.name, "domains": by_name(present.other_domains)}
    after = {"name": name, "domains": by_name((*present.other_domains, *new.values()))}
    work.step("tenant", "", entry.path, before, after, act)


def apply_settings(work: Work) -> None:
    """Change the settings that the document names; the others stay."""
    entry, names = work.document.settings, work.names
    if entry is None:
        return
    present = Chosen.at_present(work.present)
    wanted = _wanted(entry, present)
    default_profile_switched = (
        wanted.settings.builtin_default_profile != present.settings.builtin_default_profile
    )
    work.step(
        "settings",
        "",
        entry.path,
        settings_view(present, names),
        settings_view(wanted, names),
        partial(_choose, work, entry.path, present, wanted),
        more=lambda: devices_without_profile(work.tx, work.tenant) if default_profile_switched else set(),
    )


def _wanted(entry: SettingsEntry, present: Chosen) -> Chosen:
    settings = replace(
        present.settings,
        **entry.values,
        mdm_urls=replace(present.settings.mdm_urls, **entry.mdm_urls),
        mdm_scope=entry.mdm_scope or present.settings.mdm_scope,
    )
    return Chosen(
        settings=settings,
        scope_groups=_or_present(entry.mdm_scope_groups, present.scope_groups),
        join_users=_or_present(entry.join_users, present.join_users),
        join_groups=_or_present(entry.join_groups, present.join_groups),
    )


def _or_present(wanted: tuple[str, ...] | None, present: tuple[str, ...]) -> tuple[str, ...]:
    return present if wanted is None else wanted


def _choose(work: Work, path: str, present: Chosen, wanted: Chosen) -> None:
    tx, tenant = work.tx, work.tenant
    update_settings(
        tx, tenant, replace(wanted.settings, mdm_scope=present.settings.mdm_scope), actor=work.actor
    )
    with located(f"{path}.mdmScopeGroups"):
        groups = [work.group(name).id for name in wanted.scope_groups]
        set_mdm_scope(tx, tenant, wanted.settings.mdm_scope, groups, actor=work.actor)
    if (wanted.join_users, wanted.join_groups) != (present.join_users, present.join_groups):
        with located(f"{path}.joinSelected"):
            users = [work.user(upn).id for upn in wanted.join_users]
            groups = [work.group(name).id for name in wanted.join_groups]
            select_for_join(tx, tenant, users, groups, actor=work.actor)


def apply_branding(work: Work) -> None:
    """Make the branding of each language that the document describes what it says."""
    for entry in work.document.branding:
        present = work.present.tenant.branding.get(entry.locale)
        wanted = work.resolved.branding[entry.locale]
        work.step(
            "branding",
            language_of(entry.locale),
            entry.path,
            None if present is None else branding_view(entry.locale, present),
            branding_view(entry.locale, wanted),
            partial(set_branding, work.tx, work.tenant, wanted, locale=entry.locale, actor=work.actor),
        )
