"""From JSON to a document: what is accepted, and that every problem is told with its path."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from reseal.assignment.model import FilterMode, Intent, Mode, TargetKind
from reseal.blueprint.document import AppEntry, Document, PolicyEntry
from reseal.blueprint.parsing import parse_document
from reseal.blueprint.source import read_source
from reseal.directory.model import Membership
from reseal.kernel.errors import Invalid

FILE = {"sha256": "a" * 64, "size": 1, "fileName": "a.msi"}
SAMPLE = Path(__file__).parents[3] / "examples" / "contoso"


def parsed(text: str) -> Document:
    """The document of some YAML without `reseal: 1`."""
    return parse_document({"reseal": 1, **yaml.safe_load(text)})


def problems(raw: Any) -> dict[str, str]:
    """What is refused, by path."""
    with pytest.raises(Invalid) as caught:
        parse_document(raw)
    assert caught.value.code == "InvalidBlueprint"
    assert all(detail.remedy for detail in caught.value.details)
    return {detail.where: detail.message for detail in caught.value.details}


def refused(text: str) -> dict[str, str]:
    return problems({"reseal": 1, **yaml.safe_load(text)})


def test_the_sample_is_a_document() -> None:
    document = parse_document(read_source(SAMPLE).document)
    assert [group.membership for group in document.groups] == [
        Membership.DYNAMIC_DEVICE,
        Membership.DYNAMIC_DEVICE,
        Membership.ASSIGNED,
    ]
    assert [page.name for page in document.esps] == ["Sales set-up", "Standard set-up"]
    assert {type(item) for item in document.items} > {AppEntry, PolicyEntry}


def test_the_documented_example_is_a_document() -> None:
    page = (SAMPLE.parents[1] / "docs" / "administrator" / "blueprint.md").read_text("utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    for path in ("branding/logo.png", "certs/root.pem", "wifi/office.xml", "apps/agent.msi"):
        assert path in example
        example = example.replace(path, json.dumps(FILE))
    assert parse_document(yaml.safe_load(example)).apps


def test_a_document_may_say_nothing() -> None:
    document = parse_document({"reseal": 1})
    assert document.tenant is None
    assert document.settings is None
    assert (document.users, document.groups, document.items, document.esps) == ((), (), (), ())


@pytest.mark.parametrize("raw", [None, [], "reseal", 3])
def test_what_is_no_mapping_is_refused(raw: Any) -> None:
    assert "$" in problems(raw)


def test_the_format_must_be_said_and_known() -> None:
    assert "$" in problems({"users": []})
    assert "$.reseal" in problems({"reseal": 2})
    assert "$.reseal" in problems({"reseal": "1"})


def test_every_problem_is_told_with_its_path() -> None:
    raw = copy.deepcopy(read_source(SAMPLE).document)
    raw["userss"] = []
    raw["users"][0]["displayname"] = "x"
    del raw["users"][1]["displayName"]
    raw["users"][2]["licensed"] = "yes"
    raw["groups"][1]["rule"] = "device.colour -eq 1"
    raw["profiles"][0]["userType"] = "standrad"
    raw["profiles"][1]["deviceNameTemplate"] = "a name with blanks"
    raw["enrollmentStatusPages"][0]["installProgressTimeoutInMinutes"] = 0
    raw["policies"][3]["settings"][2]["value"] = "many"
    raw["certificates"][0]["store"] = "trusted"
    raw["apps"][0]["file"] = {"sha256": "abc", "size": 1, "fileName": "a.msi"}
    raw["settings"]["userDeviceQuota"] = 1000
    raw["branding"]["default"]["backgroundColor"] = "blue"
    found = problems(raw)
    assert set(found) == {
        "$.userss",
        "$.users[0].displayname",
        "$.users[1]",
        "$.users[2].licensed",
        "$.groups[1].rule",
        "$.profiles[0].userType",
        "$.profiles[1].deviceNameTemplate",
        "$.enrollmentStatusPages[0].installProgressTimeoutInMinutes",
        "$.policies[3].settings[2]",
        "$.certificates[0].store",
        "$.apps[0].file.sha256",
        "$.settings.userDeviceQuota",
        "$.branding.default.backgroundColor",
    }


def test_a_misspelt_word_is_answered_with_the_likeliest_one() -> None:
    with pytest.raises(Invalid) as caught:
        parse_document({"reseal": 1, "profiles": [{"name": "A", "eulahidden": True, "locale": "x y"}]})
    remedies = {detail.where: detail.remedy for detail in caught.value.details}
    assert remedies["$.profiles[0].eulahidden"] == "Did you mean eulaHidden?"


@pytest.mark.parametrize(
    "text, path",
    [
        ("users: {}", "$.users"),
        ("users: [adele]", "$.users[0]"),
        ("users: [{displayName: A}]", "$.users[0]"),
        ("users: [{upn: 'a b', displayName: A}]", "$.users[0].upn"),
        ("users: [{upn: admin, displayName: A}]", "$.users[0].upn"),
        ("users: [{upn: a, displayName: A, roles: [Boss]}]", "$.users[0].roles[0]"),
        ("users: [{upn: a, displayName: A, department: 3}]", "$.users[0].department"),
        ("users: [{upn: a, displayName: A}, {upn: A, displayName: B}]", "$.users[1]"),
        ("groups: [{name: ''}]", "$.groups[0].name"),
        ("profiles: [{name: '  '}]", "$.profiles[0].name"),
        ("enrollmentStatusPages: [{name: ''}]", "$.enrollmentStatusPages[0].name"),
        ("groups: [{name: A}, {name: a}]", "$.groups[1]"),
        ("groups: [{name: A, members: [a], rule: user.city -eq x}]", "$.groups[0].members"),
        ("groups: [{name: A, paused: true}]", "$.groups[0].paused"),
        ("groups: [{name: A, members: adele}]", "$.groups[0].members"),
        ("filters: [{name: A}]", "$.filters[0]"),
        ("filters: [{name: A, rule: user.city -eq x}]", "$.filters[0].rule"),
        ("profiles: [{name: OfflineAutopilotprofile-x}]", "$.profiles[0].name"),
        (
            "profiles: [{name: A, deviceUsageType: shared, preprovisioningAllowed: true}]",
            "$.profiles[0].preprovisioningAllowed",
        ),
        ("profiles: [{name: A, assign: [{}]}]", "$.profiles[0].assign[0]"),
        ("profiles: [{name: A, assign: [{group: B, all: devices}]}]", "$.profiles[0].assign[0]"),
        ("profiles: [{name: A, assign: [{all: everybody}]}]", "$.profiles[0].assign[0].all"),
        ("profiles: [{name: A, assign: [{group: B}, {group: b}]}]", "$.profiles[0].assign[1]"),
        ("profiles: [{name: A, assign: [{group: B, filter: F}]}]", "$.profiles[0].assign[0].filter"),
        ("profiles: [{name: A, assign: [{exclude: B, filter: F}]}]", "$.profiles[0].assign[0].filter"),
        (
            "profiles: [{name: A, assign: [{group: B, filterMode: include}]}]",
            "$.profiles[0].assign[0].filterMode",
        ),
        ("enrollmentStatusPages: [{name: All users and all devices}]", "$.enrollmentStatusPages[0].name"),
        ("enrollmentStatusPages: [{default: {}}, {default: {}}]", "$.enrollmentStatusPages[1]"),
        ("enrollmentStatusPages: [{default: {assign: []}}]", "$.enrollmentStatusPages[0].default.assign"),
        ("policies: [{name: A}]", "$.policies[0].settings"),
        ("policies: [{name: A, settings: [{uri: ./Device/a}]}]", "$.policies[0].settings[0]"),
        (
            "policies: [{name: A, settings: [{uri: /a, format: int, value: 1}]}]",
            "$.policies[0].settings[0]",
        ),
        ("certificates: [{name: A, store: root}]", "$.certificates[0]"),
        ("wifi: [{name: A, file: a.xml}]", "$.wifi[0].file"),
        ("settings: {mdmScope: all, mdmScopeGroups: [A]}", "$.settings.mdmScopeGroups"),
        ("settings: {userDeviceQuota: lots}", "$.settings.userDeviceQuota"),
        ("settings: {mdmUrls: {discovery: 'http://x.test'}}", "$.settings.mdmUrls.discovery"),
        ("settings: {hostNamePrefix: '-'}", "$.settings.hostNamePrefix"),
        ("tenant: {domains: [x]}", "$.tenant.domains[0]"),
        ("tenant: {name: ''}", "$.tenant.name"),
        ("branding: {german: {}}", "$.branding.german"),
        ("branding: []", "$.branding"),
        ("branding: {default: {squareLogo: logo.png}}", "$.branding.default.squareLogo"),
        ("branding: {default: {layout: round}}", "$.branding.default.layout"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(text: str, path: str) -> None:
    assert path in refused(text)


def test_a_rule_with_names_in_it_is_read_as_if_they_were_ids() -> None:
    rules = (
        """user.memberof -any (group.objectId -in ["${group:Sales}"])""",
        '''Direct Reports for "${user:adele}"''',
        """device.memberof -any (group.objectId -in ["${group:Laptops}"])""",
    )
    document = parse_document(
        {"reseal": 1, "groups": [{"name": str(n), "rule": rule} for n, rule in enumerate(rules)]}
    )
    assert [group.membership for group in document.groups] == [
        Membership.DYNAMIC_USER,
        Membership.DYNAMIC_USER,
        Membership.DYNAMIC_DEVICE,
    ]


def test_values_of_settings_are_texts_as_the_device_gets_them() -> None:
    document = parsed(
        "policies: [{name: A, settings: ["
        "{uri: ./Device/a, format: int, value: 7}, {uri: ./Device/b, format: bool, value: true},"
        "{uri: ./Device/c, format: chr, value: seven}]}]"
    )
    (policy,) = document.items
    assert isinstance(policy, PolicyEntry)
    assert [setting.value for setting in policy.body.settings] == ["7", "true", "seven"]


def test_only_apps_have_an_intent() -> None:
    entry = {"name": "A", "file": FILE, "assign": [{"all": "users", "intent": "available"}]}
    assert set(problems({"reseal": 1, "wifi": [entry]})) == {"$.wifi[0].assign[0].intent"}
    assert parse_document({"reseal": 1, "apps": [entry]}).apps


def test_lines_of_assign_become_targets_by_name() -> None:
    assign = yaml.safe_load(
        "[{group: B, intent: available, filter: F}, {all: users, filter: G, filterMode: exclude},"
        " {exclude: C}]"
    )
    document = parse_document({"reseal": 1, "apps": [{"name": "A", "file": FILE, "assign": assign}]})
    lines = document.apps[0].assign
    assert [(line.mode, line.kind, line.group) for line in lines] == [
        (Mode.INCLUDE, TargetKind.GROUP, "B"),
        (Mode.INCLUDE, TargetKind.ALL_USERS, None),
        (Mode.EXCLUDE, TargetKind.GROUP, "C"),
    ]
    assert [line.filter_mode for line in lines] == [FilterMode.INCLUDE, FilterMode.EXCLUDE, FilterMode.NONE]
    assert [line.intent for line in lines] == [Intent.AVAILABLE, Intent.REQUIRED, Intent.REQUIRED]


def test_settings_that_are_not_written_are_not_there() -> None:
    settings = parsed("settings: {oneTimeRule: false, userDeviceQuota: unlimited}").settings
    assert settings is not None
    assert settings.values == {"one_time_rule": False, "user_device_quota": None}
    assert (settings.mdm_scope, settings.join_users, settings.join_groups) == (None, None, None)


def test_an_empty_value_counts_as_not_written() -> None:
    document = parsed("users:\ngroups: [{name: A, description: , members: }]")
    assert document.users == ()
    assert (document.groups[0].description, document.groups[0].members) == ("", None)
