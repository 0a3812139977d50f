"""Applying documents: what is done, what is told, and that it is all or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from reseal.autopilot.profiles import list_profiles
from reseal.blueprint import service
from reseal.blueprint.plan import Action, Field
from reseal.catalog.model import AppBody, Kind
from reseal.catalog.service import find_item
from reseal.directory.groups import create_group, find_group
from reseal.directory.members import add_member, count_members
from reseal.directory.model import Branding, MemberKind, Role
from reseal.directory.roles import assign_role, roles_of
from reseal.directory.tenants import add_domain, set_branding, set_default_domain
from reseal.directory.users import create_user, find_user, password_hash, update_user
from reseal.esp.effective import effective_esps
from reseal.esp.model import EspSettings
from reseal.esp.profiles import create_esp, list_esps
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.errors import Conflict, Invalid, ResealError
from reseal.kernel.ids import TenantKey
from tests.store.blueprint.organisation import (
    Organisation,
    content,
    contents_needed,
    lines,
    minimal,
    named,
    sample,
)


async def refused(organisation: Organisation, raw: dict[str, Any], **options: bool) -> ResealError:
    """The error that applying the document ends with; nothing of it is done."""
    before = await organisation.export()
    with pytest.raises((Invalid, Conflict)) as caught:
        await organisation.apply(raw, **options)
    assert await organisation.export() == before
    with pytest.raises((Invalid, Conflict)) as planned:
        await organisation.plan(raw, **options)
    assert planned.value.details == caught.value.details
    return caught.value


def where(error: ResealError) -> list[str]:
    return [detail.where for detail in error.details]


def log(tx: Tx, tenant: TenantKey) -> list[str]:
    events.seal(tx)
    return [event.kind for event in events.read(tx, tenant, 0, 10_000)]


# --- the sample ---------------------------------------------------------------------------------------------


async def test_the_sample_is_applied_once(contoso: Organisation) -> None:
    first = await contoso.apply(sample())
    assert {line.action for line in first.lines} == {Action.CREATE, Action.CHANGE}
    assert [str(line) for line in first.lines if line.action is Action.CHANGE] == [
        '~ settings: mdmScope "none" -> "all", allowVirtualTpm false -> true'
    ]
    assert first.unmanaged == ()
    second = await contoso.apply(sample())
    assert second.lines == ()
    assert second.unchanged == len(first.lines) + first.unchanged


async def test_one_edited_line_is_one_line_with_its_devices(contoso: Organisation) -> None:
    await contoso.apply(sample())
    await contoso.import_devices()
    edited = sample()
    named(edited, "profiles", "Contoso sales")["eulaHidden"] = False
    plan = await contoso.plan(edited)
    (line,) = plan.lines
    assert (line.action, line.kind, line.name) == (Action.CHANGE, "profile", "Contoso sales")
    assert line.fields == (Field("eulaHidden", True, False),)
    assert line.devices == 8
    assert str(line).startswith(
        '~ profile "Contoso sales": eulaHidden true -> false (8 devices: RSL-0001-D685B3, RSL-0002-B09109, '
    )


EDITS: list[tuple[str, str, str, Any, int]] = [
    ("profiles", "Contoso standard", "locale", "de-DE", 12),
    ("policies", "Camera off", "assign", [{"all": "devices"}], 20),
    ("policies", "Telemetry least", "assign", [{"group": "Sales laptops"}], 20),
    ("policies", "Updates", "description", "Every night.", 0),
    ("apps", "Contoso Device Agent", "commandLine", "/quiet /norestart", 20),
    ("apps", "Contoso Remote Access", "commandLine", "/quiet /norestart", 8),
    ("enrollmentStatusPages", "Sales set-up", "customErrorMessage", "Sorry.", 8),
    ("enrollmentStatusPages", "Standard set-up", "customErrorMessage", "Sorry.", 12),
    ("groups", "Sales laptops", "description", "Another text.", 0),
    ("groups", "Sales laptops", "rule", '(device.devicePhysicalIds -any (_ -eq "[OrderID]:x"))', 8),
    ("groups", "Pilots", "members", ["adele", "isaiah"], 1),
    ("users", "adele", "department", "Marketing", 0),
]
"""Section, name, field, its new value, and how many devices that touches."""


async def test_a_line_counts_the_devices_that_it_touches(contoso: Organisation) -> None:
    await contoso.apply(sample())
    await contoso.import_devices()
    for section, name, field, value, devices in EDITS:
        edited = sample()
        named(edited, section, name)[field] = value
        (line,) = (await contoso.plan(edited)).lines
        assert (line.name, line.devices) == (name, devices)


async def test_a_plan_is_an_application_that_leaves_no_trace(contoso: Organisation) -> None:
    before = await contoso.export()
    kinds = await contoso.write(log)
    planned = await contoso.plan(sample())
    assert await contoso.export() == before
    assert await contoso.write(log) == kinds
    assert await contoso.apply(sample()) == planned


async def test_an_application_that_changes_something_is_told_in_the_log(contoso: Organisation) -> None:
    await contoso.apply(sample())
    await contoso.apply(sample())
    assert (await contoso.write(log)).count("blueprint.applied") == 1


# --- all or nothing -----------------------------------------------------------------------------------------


async def test_names_that_lead_nowhere_are_all_told(contoso: Organisation) -> None:
    raw = sample()
    named(raw, "users", "bianca")["manager"] = "nobody"
    named(raw, "groups", "Pilots")["members"] = ["adele", "dieog"]
    raw["groups"].append(
        {"name": "Nested", "rule": 'device.memberof -any (group.objectId -in ["${group:Sale laptops}"])'}
    )
    raw["settings"] |= {"joinSelected": {"users": ["x"], "groups": ["y"]}, "mdmScope": "some"}
    raw["settings"]["mdmScopeGroups"] = ["Pilots", "z"]
    named(raw, "policies", "Camera off")["assign"] = [{"exclude": "Sales"}]
    named(raw, "apps", "Contoso Reader")["assign"] = [{"group": "Pilots", "filter": "f"}]
    raw["enrollmentStatusPages"][0]["selectedApps"] = ["Contoso Device Agent", "Office"]
    error = await refused(contoso, raw)
    assert set(where(error)) == {
        "$.users[1].manager",
        "$.groups[2].members[1]",
        "$.groups[3].rule",
        "$.settings.joinSelected.users[0]",
        "$.settings.joinSelected.groups[0]",
        "$.settings.mdmScopeGroups[1]",
        "$.policies[0].assign[0].exclude",
        "$.apps[2].assign[0].filter",
        "$.enrollmentStatusPages[0].selectedApps[1]",
    }
    remedies = {detail.where: detail.remedy for detail in error.details}
    assert remedies["$.groups[2].members[1]"] == "Did you mean diego?"


async def test_contents_that_are_not_there_are_asked_for(contoso: Organisation) -> None:
    contoso.contents.clear()
    error = await refused(contoso, sample())
    assert {detail.code for detail in error.details} == {"ContentMissing"}
    assert where(error) == [
        "$.certificates[0].file",
        "$.wifi[0].file",
        *(f"$.apps[{number}].file" for number in range(4)),
        "$.branding.default.bannerLogo",
        "$.branding.default.squareLogo",
        "$.branding.default.favicon",
    ]
    assert all("Upload it first" in detail.remedy for detail in error.details)


async def test_contents_that_are_not_what_they_should_be_are_refused(contoso: Organisation) -> None:
    raw = sample()
    for data in (b"no package", b"<a/>", b"\xff\xfe"):
        contoso.contents[content(data, "")["sha256"]] = data
    raw["apps"][0]["file"] = content(b"no package", "agent.msi")
    raw["certificates"][0]["file"] = content(b"no package", "root.pem")
    raw["wifi"][0]["file"] = content(b"<a/>", "wifi.xml")
    raw["wifi"].append({"name": "Other", "file": content(b"\xff\xfe", "wifi.xml")})
    raw["branding"]["default"]["favicon"] = content(b"<a/>", "favicon.png")
    named(raw, "apps", "Contoso Reader")["context"] = "user"
    assert where(await refused(contoso, raw)) == [
        "$.certificates[0].file",
        "$.wifi[0].file",
        "$.wifi[1].file",
        "$.apps[0].file",
        "$.apps[2].context",
        "$.branding.default.favicon",
    ]


async def test_what_is_refused_at_the_very_end_undoes_everything(contoso: Organisation) -> None:
    raw = sample()
    exclusion = {"name": "Bad", "assign": [{"all": "devices"}, {"exclude": "Sales laptops"}]}
    raw["profiles"].append(exclusion)
    assert where(await refused(contoso, raw)) == ["$.profiles[2]"]


LATE: list[tuple[str, dict[str, Any], str]] = [
    ("profiles", {"name": "Bad", "assign": [{"group": "G"}, {"all": "users"}]}, "$.profiles[0].assign[1]"),
    (
        "groups",
        {"name": "Bad", "rule": 'Direct Reports for "00000000-0000-0000-0000-000000000001"'},
        "$.groups[1].rule",
    ),
    (
        "groups",
        {"name": "Bad", "rule": 'device.memberof -any (group.objectId -in ["${group:Bad}"])'},
        "$.groups[1].rule",
    ),
    ("users", {"upn": "ada", "displayName": "Ada", "manager": "ada"}, "$.users[0]"),
]
"""Section, an entry that only a service refuses, and where."""


async def test_what_a_service_refuses_is_told_where_it_stands(contoso: Organisation) -> None:
    for section, entry, path in LATE:
        raw = minimal("groups: [{name: G}]")
        raw.setdefault(section, []).append(entry)
        assert where(await refused(contoso, raw)) == [path]


async def test_a_group_keeps_its_kind_of_membership(contoso: Organisation) -> None:
    await contoso.apply(minimal("groups: [{name: A}]"))
    error = await refused(contoso, minimal("groups: [{name: a, rule: user.city -eq x}]"))
    assert [(detail.where, detail.code) for detail in error.details] == [("$.groups[0]", "OtherMembership")]


async def test_a_domain_of_another_organisation_is_a_conflict(
    contoso: Organisation, fabrikam: Organisation
) -> None:
    error = await refused(contoso, minimal("tenant: {domains: [own.test, fabrikam.test]}"))
    assert isinstance(error, Conflict)
    assert where(error) == ["$.tenant.domains[1]"]


# --- users --------------------------------------------------------------------------------------------------


async def test_users_belong_to_the_default_domain_unless_another_is_written(contoso: Organisation) -> None:
    await contoso.apply(
        minimal(
            "tenant: {domains: [other.test]}\n"
            "users: [{upn: a, displayName: A}, {upn: b@other.test, displayName: B},"
            " {upn: c@CONTOSO.example, displayName: C}]"
        )
    )
    for upn in ("a@contoso.example", "b@other.test", "c@contoso.example"):
        assert await contoso.read(find_user, upn) is not None
    exported = await contoso.export()
    assert [user["upn"] for user in exported["users"]] == ["a", "b@other.test", "c"]
    error = await refused(contoso, minimal("users: [{upn: a@foreign.test, displayName: A}]"))
    assert where(error) == ["$.users[0].upn"]


async def test_one_user_under_two_names_is_refused(contoso: Organisation) -> None:
    raw = minimal("users: [{upn: a, displayName: A}, {upn: A@contoso.example, displayName: B}]")
    assert where(await refused(contoso, raw)) == ["$.users[1].upn"]


async def test_new_users_get_their_password_and_others_keep_theirs(contoso: Organisation) -> None:
    raw = minimal("users: [{upn: a, displayName: A}]")
    await contoso.apply(raw)
    raw["users"][0]["displayName"] = "Other"
    raw["users"].append({"upn": "b", "displayName": "B"})
    document = service.parse_document(raw)
    assert await contoso.read(service.new_users, document) == ["b@contoso.example"]
    await contoso.apply(raw)
    for upn in ("a@contoso.example", "b@contoso.example"):
        user = await contoso.read(find_user, upn)
        assert user is not None
        assert await contoso.read(password_hash, user.id) == f"hash of {upn}"


async def test_a_user_who_disappears_in_between_is_a_conflict(contoso: Organisation) -> None:
    document = service.parse_document(minimal("users: [{upn: a, displayName: A}]"))
    with pytest.raises(Conflict) as caught:
        await contoso.write(service.apply_document, document, contents={}, password_hashes={}, actor="test")
    assert [detail.code for detail in caught.value.details] == ["TenantChanged"]
    assert await contoso.read(find_user, "a@contoso.example") is None


async def test_managers_may_stand_below_and_in_a_circle(contoso: Organisation) -> None:
    raw = minimal(
        "users: [{upn: a, displayName: A, manager: b}, {upn: b, displayName: B, manager: A}]\n"
        """groups: [{name: Reports, rule: 'Direct Reports for "${user:b}"'}]"""
    )
    assert lines(await contoso.apply(raw)) == ['+ user "a"', '+ user "b"', '+ group "Reports"']
    assert (await contoso.apply(raw)).lines == ()
    reports = await contoso.read(find_group, "Reports")
    assert reports is not None
    assert (await contoso.read(count_members, reports.id))[MemberKind.USER] == 1


async def test_roles_are_given_and_taken(contoso: Organisation) -> None:
    raw = minimal("users: [{upn: a, displayName: A, roles: [Intune Administrator, Global Reader]}]")
    await contoso.apply(raw)
    raw["users"][0]["roles"] = ["Global Reader", "Global Administrator"]
    assert lines(await contoso.apply(raw)) == [
        '~ user "a": roles +"Global Administrator" -"Intune Administrator"'
    ]
    user = await contoso.read(find_user, "a@contoso.example")
    assert user is not None
    assert set(await contoso.read(roles_of, user.id)) == {Role.GLOBAL_READER, Role.GLOBAL_ADMINISTRATOR}


async def test_what_an_entry_does_not_write_has_its_default(contoso: Organisation) -> None:
    await contoso.apply(minimal("users: [{upn: a, displayName: A, city: Bonn, licensed: false}]"))
    plan = await contoso.apply(minimal("users: [{upn: a, displayName: A, state: NRW}]"))
    assert lines(plan) == ['~ user "a": licensed false -> true, state none -> "NRW", city "Bonn" -> none']


# --- groups and names ---------------------------------------------------------------------------------------


async def test_members_that_are_not_written_stay(contoso: Organisation) -> None:
    users = "users: [{upn: a, displayName: A}, {upn: b, displayName: B}]\n"
    await contoso.apply(minimal(users + "groups: [{name: G, members: [a, b]}]"))
    assert (await contoso.apply(minimal(users + "groups: [{name: G}]"))).lines == ()
    assert lines(await contoso.apply(minimal(users + "groups: [{name: G, members: [B]}]"))) == [
        '~ group "G": members -"a"'
    ]


async def test_devices_in_an_assigned_group_stay(contoso: Organisation) -> None:
    await contoso.apply(minimal("groups: [{name: G}]"))
    await contoso.import_devices()
    group = await contoso.read(find_group, "G")
    assert group is not None

    def put(tx: Tx, tenant: TenantKey) -> None:
        from reseal.directory.devices import list_devices

        device = list_devices(tx, tenant, limit=1).items[0]
        add_member(tx, tenant, group.id, MemberKind.DEVICE, device.id)

    await contoso.write(put)
    assert (await contoso.apply(minimal("groups: [{name: G, members: []}]"))).lines == ()
    assert (await contoso.read(count_members, group.id))[MemberKind.DEVICE] == 1


async def test_another_letter_case_is_one_change_and_not_one_more_for_everything_that_refers_to_it(
    contoso: Organisation,
) -> None:
    await contoso.apply(sample())
    edited = sample()
    named(edited, "groups", "Sales laptops")["name"] = "SALES laptops"
    named(edited, "users", "adele")["upn"] = "Adele"
    named(edited, "apps", "Contoso Device Agent")["name"] = "Contoso device agent"
    assert lines(await contoso.apply(edited)) == [
        '~ user "Adele": upn "adele" -> "Adele"',
        '~ group "SALES laptops": name "Sales laptops" -> "SALES laptops"',
        '~ app "Contoso device agent": name "Contoso Device Agent" -> "Contoso device agent"',
    ]
    assert (await contoso.apply(edited)).lines == ()


async def test_rules_may_name_groups_that_are_made_with_them(contoso: Organisation) -> None:
    raw = minimal(
        """groups:
        - {name: All of them, rule: 'device.memberof -any (group.objectId -in ["${group:sales}"])'}
        - {name: Sales, rule: '(device.devicePhysicalIds -any (_ -eq "[OrderID]:sales"))'}"""
    )
    await contoso.apply(raw)
    await contoso.import_devices()
    group = await contoso.read(find_group, "All of them")
    assert group is not None
    assert (await contoso.read(count_members, group.id))[MemberKind.DEVICE] == 8
    assert (await contoso.apply(raw)).lines == ()


async def test_a_rule_with_ids_is_the_same_rule(contoso: Organisation) -> None:
    await contoso.apply(minimal("groups: [{name: Sales}]"))
    sales = await contoso.read(find_group, "Sales")
    assert sales is not None
    rule = 'user.memberof -any (group.objectId -in ["{}"])'
    with_id = minimal()
    with_id["groups"] = [{"name": "Nested", "rule": rule.replace("{}", str(sales.uuid).upper())}]
    await contoso.apply(with_id)
    by_name = minimal()
    by_name["groups"] = [{"name": "Nested", "rule": rule.replace("{}", "${group:SALES}")}]
    assert (await contoso.apply(by_name)).lines == ()
    assert (await contoso.apply(with_id)).lines == ()
    assert named(await contoso.export(), "groups", "Nested")["rule"] == rule.replace("{}", "${group:Sales}")


async def test_a_paused_group_is_paused(contoso: Organisation) -> None:
    rule = "groups: [{name: G, rule: user.city -eq x, paused: %s}]"
    await contoso.apply(minimal(rule % "true"))
    assert named(await contoso.export(), "groups", "G")["paused"] is True
    assert lines(await contoso.apply(minimal(rule % "false"))) == ['~ group "G": paused true -> false']


# --- settings and branding ----------------------------------------------------------------------------------


async def test_settings_that_are_not_written_stay(contoso: Organisation) -> None:
    await contoso.apply(minimal("settings: {userDeviceQuota: unlimited, oneTimeRule: false}"))
    plan = await contoso.apply(minimal("settings: {joinAllowed: none, userDeviceQuota: 5}"))
    assert lines(plan) == ['~ settings: userDeviceQuota "unlimited" -> 5, joinAllowed "all" -> "none"']
    assert (await contoso.export())["settings"]["oneTimeRule"] is False


async def test_selections_are_made_by_name(contoso: Organisation) -> None:
    raw = minimal(
        "users: [{upn: a, displayName: A}]\ngroups: [{name: G}, {name: H}]\n"
        "settings: {mdmScope: some, mdmScopeGroups: [g], joinAllowed: selected,"
        " joinSelected: {users: [A], groups: [h]}}"
    )
    await contoso.apply(raw)
    settings = (await contoso.export())["settings"]
    assert settings["mdmScopeGroups"] == ["G"]
    assert settings["joinSelected"] == {"users": ["a"], "groups": ["H"]}
    assert (await contoso.apply(raw)).lines == ()
    raw["settings"] = {"mdmScope": "all", "joinSelected": {}}
    (line,) = lines(await contoso.apply(raw))
    assert line == (
        '~ settings: mdmScope "some" -> "all", joinSelected.users -"a", joinSelected.groups -"H", '
        'mdmScopeGroups ["G"] -> none'
    )


async def test_a_group_of_devices_cannot_be_selected(contoso: Organisation) -> None:
    raw = minimal(
        "groups: [{name: G, rule: device.deviceModel -eq x}]\nsettings: {joinSelected: {groups: [G]}}"
    )
    assert where(await refused(contoso, raw)) == ["$.settings.joinSelected"]


async def test_the_builtin_profile_touches_devices_without_another(contoso: Organisation) -> None:
    await contoso.import_devices()
    (line,) = (await contoso.plan(minimal("settings: {builtinDefaultProfile: false}"))).lines
    assert line.devices == 20


async def test_branding_of_a_language_is_described_as_a_whole(contoso: Organisation) -> None:
    raw = sample()
    raw["branding"]["de-DE"] = {"signInPageText": "Hallo", "layout": "verticalSplit", "headerShown": False}
    await contoso.apply(raw)
    assert (await contoso.apply(raw)).lines == ()
    raw["branding"]["de-DE"] = {"signInPageText": "Guten Tag"}
    del raw["branding"]["default"]["favicon"]
    default, german = lines(await contoso.apply(raw))
    assert default.startswith('~ branding "default": favicon favicon.png')
    assert german == (
        '~ branding "de-DE": signInPageText "Hallo" -> "Guten Tag", layout "verticalSplit" -> none, '
        "headerShown false -> none"
    )


# --- what can be assigned -----------------------------------------------------------------------------------


async def test_an_unchanged_package_needs_no_bytes(contoso: Organisation) -> None:
    await contoso.apply(sample())
    edited = sample()
    app = named(edited, "apps", "Contoso Notes")
    app["commandLine"] = "/qn"
    assert await contoso.read(contents_needed, service.parse_document(edited)) == []
    contoso.contents.clear()
    assert lines(await contoso.apply(edited)) == ['~ app "Contoso Notes": commandLine "/quiet" -> "/qn"']


async def test_another_package_is_read_anew(contoso: Organisation) -> None:
    await contoso.apply(sample())
    edited = sample()
    reader, notes = named(edited, "apps", "Contoso Reader"), named(edited, "apps", "Contoso Notes")
    before = await contoso.read(find_item, Kind.APP, "Contoso Notes")
    reader["file"] = {**notes["file"], "fileName": "reader.msi"}
    reader["context"] = "user"
    document = service.parse_document(edited)
    assert await contoso.read(contents_needed, document) == [reader["file"]["sha256"]]
    (line,) = (await contoso.apply(edited)).lines
    assert [field.name for field in line.fields] == ["file", "context"]
    after = await contoso.read(find_item, Kind.APP, "Contoso Reader")
    assert before is not None
    assert after is not None
    assert isinstance(before.body, AppBody)
    assert isinstance(after.body, AppBody)
    assert after.body.product_code == before.body.product_code


async def test_a_certificate_in_der_form_is_the_same_certificate(contoso: Organisation) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    await contoso.apply(sample())
    edited = sample()
    pem = contoso.contents[edited["certificates"][0]["file"]["sha256"]]
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    edited["certificates"][0]["file"] = content(der, "contoso-root.cer")
    contoso.contents[edited["certificates"][0]["file"]["sha256"]] = der
    assert (await contoso.apply(edited)).lines == ()


async def test_filters_narrow_assignments(contoso: Organisation) -> None:
    raw = sample()
    raw["filters"] = [{"name": "Fifteens", "rule": 'device.model -eq "Virtual Laptop 15"'}]
    named(raw, "policies", "Device lock")["assign"] = [
        {"all": "devices", "filter": "fifteens", "filterMode": "exclude"}
    ]
    await contoso.apply(raw)
    await contoso.import_devices()
    assert (await contoso.apply(raw)).lines == ()
    raw["filters"][0]["rule"] = 'device.model -eq "Virtual Laptop 13"'
    (line,) = (await contoso.apply(raw)).lines
    assert (line.kind, line.name, line.devices) == ("filter", "Fifteens", 20)


async def test_of_new_profiles_the_earlier_is_the_older(
    contoso: Organisation, fabrikam: Organisation
) -> None:
    await contoso.apply(minimal("profiles: [{name: Zulu, assign: [{all: devices}]}, {name: Alpha}]"))
    exported = await contoso.export()
    assert [profile["name"] for profile in exported["profiles"]] == ["Zulu", "Alpha"]
    await fabrikam.apply(exported)
    profiles = (await fabrikam.read(list_profiles)).items
    assert [profile.name for profile in sorted(profiles, key=lambda profile: profile.id)] == ["Zulu", "Alpha"]


# --- Enrollment Status Pages --------------------------------------------------------------------------------


def priorities(tx: Tx, tenant: TenantKey) -> list[str]:
    return [esp.name for esp in list_esps(tx, tenant) if not esp.is_default]


async def test_the_order_of_pages_is_their_priority(contoso: Organisation) -> None:
    await contoso.apply(sample())
    await contoso.import_devices()
    edited = sample()
    edited["enrollmentStatusPages"].reverse()
    (line,) = (await contoso.apply(edited)).lines
    assert str(line).startswith(
        '~ enrollmentStatusPages: order now in the order "Standard set-up", "Sales set-up"'
    )
    assert line.devices == 8
    assert await contoso.read(priorities) == ["Standard set-up", "Sales set-up"]


async def test_a_new_page_takes_its_place(contoso: Organisation) -> None:
    await contoso.apply(sample())
    await contoso.import_devices()
    edited = sample()
    edited["enrollmentStatusPages"].insert(0, {"name": "Thirteens", "assign": [{"group": "Sales laptops"}]})
    (line,) = (await contoso.apply(edited)).lines
    assert (line.action, line.name, line.devices) == (Action.CREATE, "Thirteens", 8)
    assert await contoso.read(priorities) == ["Thirteens", "Sales set-up", "Standard set-up"]


async def test_pages_beside_the_document_come_after_it(contoso: Organisation) -> None:
    await contoso.write(create_esp, "Own", EspSettings())
    plan = await contoso.apply(sample())
    assert plan.unmanaged == ('esp "Own"',)
    assert await contoso.read(priorities) == ["Sales set-up", "Standard set-up", "Own"]
    pruned = await contoso.apply(sample(), prune=True)
    assert lines(pruned) == ['- esp "Own"']


async def test_the_default_page_can_be_described(contoso: Organisation) -> None:
    await contoso.import_devices()
    raw = minimal("enrollmentStatusPages: [{default: {showInstallationProgress: true}}]")
    (line,) = (await contoso.apply(raw)).lines
    assert (line.kind, line.name, line.devices) == ("esp", "All users and all devices", 20)
    assert (await contoso.apply(raw)).lines == ()

    def shown(tx: Tx, tenant: TenantKey) -> set[bool]:
        from reseal.directory.devices import list_devices

        keys = [device.id for device in list_devices(tx, tenant).items]
        found = effective_esps(tx, tenant, keys, technician=True)
        return {page.profile.settings.show_installation_progress for page in found.values()}

    assert await contoso.read(shown) == {True}


# --- what the document does not name ------------------------------------------------------------------------


async def furnish(organisation: Organisation) -> None:
    """Things of all kinds that no document knows."""

    def make(tx: Tx, tenant: TenantKey) -> None:
        user = create_user(tx, tenant, "own@contoso.example", "Own")
        group = create_group(tx, tenant, "Own")
        add_member(tx, tenant, group.id, MemberKind.USER, user.id)
        set_branding(tx, tenant, Branding(sign_in_page_text="Salut"), locale="fr")

    await organisation.write(make)
    await organisation.apply(
        minimal(
            """tenant: {domains: [own.test]}
groups: [{name: Nested, rule: 'user.memberof -any (group.objectId -in ["${group:Own}"])'}]
filters: [{name: Own, rule: device.model -eq x}]
profiles: [{name: Own, assign: [{all: devices}]}]
enrollmentStatusPages: [{name: Own, assign: [{group: Own, filter: Own}]}]
policies: [{name: Own, settings: [{uri: ./Device/a, format: int, value: 1}], assign: [{group: Own}]}]"""
        )
    )


OWN = (
    'profile "Own"',
    'esp "Own"',
    'policy "Own"',
    'filter "Own"',
    'group "Nested"',
    'group "Own"',
    'user "own"',
    'branding "fr"',
    'domain "own.test"',
)


async def test_what_the_document_does_not_name_is_told_and_left_alone(contoso: Organisation) -> None:
    await furnish(contoso)
    plan = await contoso.apply(sample())
    assert plan.unmanaged == OWN
    exported = await contoso.export()
    assert named(exported, "groups", "Own")["members"] == ["own"]


async def test_pruning_deletes_it(contoso: Organisation, fabrikam: Organisation) -> None:
    await furnish(contoso)
    await contoso.apply(sample())
    await contoso.import_devices()
    planned = await contoso.plan(sample(), prune=True)
    plan = await contoso.apply(sample(), prune=True)
    assert plan == planned
    assert [str(line).split(" (")[0] for line in plan.lines] == [f"- {name}" for name in OWN]
    assert (plan.lines[0].devices, plan.unmanaged) == (20, ())
    await fabrikam.apply(await contoso.export())
    assert await fabrikam.export() == await contoso.export()


async def test_the_first_administrator_is_no_part_of_it(contoso: Organisation) -> None:
    plan = await contoso.apply(minimal(), prune=True)
    assert (plan.lines, plan.unmanaged) == ((), ())
    assert await contoso.read(find_user, "admin@contoso.example") is not None
    assert "users" not in await contoso.export()
    named_in_full = minimal("users: [{upn: Admin@contoso.example, displayName: Me}]")
    assert where(await refused(contoso, named_in_full)) == ["$.users[0].upn"]


async def test_the_first_administrator_may_be_referred_to(
    contoso: Organisation, fabrikam: Organisation
) -> None:
    await contoso.apply(minimal("groups: [{name: G, members: [admin]}]"))
    await fabrikam.apply(await contoso.export(), prune=True)
    assert named(await fabrikam.export(), "groups", "G")["members"] == ["admin"]


def move_home(tx: Tx, tenant: TenantKey) -> None:
    """Another default domain, as the console makes it: nobody is renamed."""
    add_domain(tx, tenant, "contoso.test")
    set_default_domain(tx, tenant, "contoso.test")


async def test_the_first_administrator_stays_the_first_under_another_default_domain(
    contoso: Organisation,
) -> None:
    before = minimal("""
users: [{upn: adele, displayName: Adele, manager: admin}]
groups: [{name: G, members: [admin]}]""")
    await contoso.apply(before)
    await contoso.write(move_home)
    exported = await contoso.export()
    assert [user["upn"] for user in exported["users"]] == ["adele@contoso.example"]
    assert named(exported, "users", "adele@contoso.example")["manager"] == "admin"
    assert named(exported, "groups", "G")["members"] == ["admin"]
    assert (await contoso.apply(exported, prune=True)).lines == ()
    plan = await contoso.apply(minimal(), prune=True)
    assert lines(plan) == ['- group "G"', '- user "adele@contoso.example"']
    assert await contoso.read(find_user, "admin@contoso.example") is not None
    assert (await contoso.apply(minimal(), prune=True)).lines == ()
    in_full = minimal("users: [{upn: admin@contoso.example, displayName: Me}]")
    assert where(await refused(contoso, in_full)) == ["$.users[0].upn"]


async def test_the_first_administrator_stays_the_first_under_another_name(contoso: Organisation) -> None:
    def rename(tx: Tx, tenant: TenantKey) -> None:
        first = find_user(tx, tenant, "admin@contoso.example")
        assert first is not None
        update_user(tx, tenant, first.id, upn="root@contoso.example")

    await contoso.write(rename)
    await contoso.apply(minimal("groups: [{name: G, members: [admin]}]"), prune=True)
    assert await contoso.read(find_user, "root@contoso.example") is not None
    assert named(await contoso.export(), "groups", "G")["members"] == ["admin"]


async def test_who_is_named_like_the_first_administrator_is_described_in_full(contoso: Organisation) -> None:
    await contoso.write(move_home)
    raw = minimal("""
users: [{upn: admin@contoso.test, displayName: Another}]
groups: [{name: G, members: [admin@contoso.test]}]""")
    await contoso.apply(raw)
    exported = await contoso.export()
    assert [user["upn"] for user in exported["users"]] == ["admin@contoso.test"]
    assert named(exported, "groups", "G")["members"] == ["admin@contoso.test"]
    assert (await contoso.apply(exported)).lines == ()
    assert lines(await contoso.apply(minimal(), prune=True)) == ['- group "G"', '- user "admin@contoso.test"']
    assert await contoso.read(find_user, "admin@contoso.example") is not None


async def test_the_last_administrator_stays(contoso: Organisation) -> None:
    def succeed(tx: Tx, tenant: TenantKey) -> None:
        own = create_user(tx, tenant, "own@contoso.example", "Own")
        assign_role(tx, tenant, own.id, Role.GLOBAL_ADMINISTRATOR)
        first = find_user(tx, tenant, "admin@contoso.example")
        assert first is not None
        update_user(tx, tenant, first.id, enabled=False)

    await contoso.write(succeed)
    plan = await contoso.apply(minimal(), prune=True)
    assert (plan.lines, plan.unmanaged) == ((), ('user "own"',))
    error = await refused(contoso, minimal("users: [{upn: own, displayName: Own}]"))
    assert [(detail.where, detail.code) for detail in error.details] == [("$.users[0]", "LastAdministrator")]


async def test_what_is_referred_to_cannot_be_pruned(contoso: Organisation) -> None:
    await contoso.apply(sample())
    raw = sample()
    raw["groups"] = [group for group in raw["groups"] if group["name"] != "Pilots"]
    error = await refused(contoso, raw, prune=True)
    assert where(error) == ["$.policies[11].assign[0].group", "$.apps[2].assign[0].group"]
    assert (await contoso.apply(raw)).unmanaged == ('group "Pilots"',)


async def test_a_group_that_settings_hold_cannot_be_pruned(contoso: Organisation) -> None:
    await contoso.apply(minimal("groups: [{name: G}]\nsettings: {joinSelected: {groups: [G]}}"))
    error = await refused(contoso, minimal(), prune=True)
    assert [(detail.where, detail.code) for detail in error.details] == [("$.groups", "GroupInUse")]
