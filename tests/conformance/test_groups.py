"""Groups and their rules: who is in them, which rules are refused, and how a rule is tried."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.conformance.office import (
    ALL_REGISTERED,
    TAGGED,
    Office,
    Refused,
    both_databases,
    moment,
    serial_of,
)


async def who(office: Office, *rules: str, kind: str = "user") -> list[list[str]]:
    """The members that a group with each of these rules has."""
    await office.apply(groups=[{"name": f"Group {n}", "rule": rule} for n, rule in enumerate(rules)])
    return [await office.members(f"Group {n}", kind) for n in range(len(rules))]


async def refusals(office: Office, *rules: str) -> list[str]:
    """Why each rule is refused; no group may come of it."""
    document = [{"name": f"Group {n}", "rule": rule} for n, rule in enumerate(rules)]
    with pytest.raises(Refused) as refused:
        await office.apply(groups=document)
    details = refused.value.details
    assert [detail["where"] for detail in details] == [f"$.groups[{n}].rule" for n in range(len(rules))]
    assert all(detail["message"] and detail["remedy"] for detail in details)
    assert await office.values("/groups") == []
    return [detail["code"] for detail in details]


# --- registered devices -------------------------------------------------------------------------------------


@both_databases
async def test_autopilot_042_the_ztdid_rule_holds_registered_devices_and_no_other(office: Office) -> None:
    await office.apply(groups=[{"name": "All", "rule": ALL_REGISTERED}])
    ztdids = await office.register(1, 2, 3)
    assert await office.members("All") == [serial_of(1), serial_of(2), serial_of(3)]
    await office.delete(f"/registrations/{ztdids[1]}", keepDirectoryDevice="true")
    assert len(await office.values("/devices")) == 3
    assert await office.members("All") == [serial_of(1), serial_of(3)]
    await office.register(4)
    assert await office.members("All") == [serial_of(1), serial_of(3), serial_of(4)]


async def test_autopilot_043_the_group_tag_rule_wants_the_whole_tag_in_any_letter_case(
    office: Office,
) -> None:
    await office.register(1, tag="Berlin")
    await office.register(2, tag="BERLIN")
    await office.register(3, tag="Berlin2")
    await office.register(4)
    assert await who(office, TAGGED.format("Berlin"), TAGGED.format("berlin"), kind="device") == [
        [serial_of(1), serial_of(2)],
        [serial_of(1), serial_of(2)],
    ]


async def test_autopilot_044_the_purchase_order_rule_works(office: Office) -> None:
    await office.register(1, 2)
    await office.edit(2, purchaseOrder="76222342342")
    rule = '(device.devicePhysicalIds -any (_ -eq "[PurchaseOrderId]:76222342342"))'
    assert await who(office, rule, kind="device") == [[serial_of(2)]]


async def test_autopilot_045_every_documented_spelling_finds_the_same_members(office: Office) -> None:
    ztdid, _ = await office.register(1, 2, tag="179887111881")
    await office.register(3)
    await office.delete(f"/registrations/{ztdid}", keepDirectoryDevice="true")
    everybody = [
        '(device.devicePhysicalIDs -any (_ -startsWith "[ZTDid]"))',
        'device.devicePhysicalIDs -any _ -startsWith "[ZTDId]"',
        '(device.devicePhysicalIDs -any _ -contains "[ZTDId]")',
        '(device.devicePhysicalIds -any (_ -contains "[ZTDID]"))',
        "device.devicePhysicalIds -any (_ -startsWith '[ZTDID]')",
    ]
    tagged = [
        '(device.devicePhysicalIds -any (_ -eq "[OrderID]:179887111881"))',
        'device.devicePhysicalIDs -any _ -eq "[OrderId]:179887111881"',
    ]
    found = await who(office, *everybody, *tagged, kind="device")
    assert found == [[serial_of(2), serial_of(3)]] * len(everybody) + [[serial_of(2)]] * len(tagged)


# --- the rule language --------------------------------------------------------------------------------------

PEOPLE: list[dict[str, Any]] = [
    {
        "upn": "adele",
        "displayName": "David",
        "department": "Sales",
        "country": "US",
        "otherMails": ["adele@home.example", "a@contoso.example"],
        "proxyAddresses": ["SMTP:adele@contoso.example", "smtp:a@contoso.example"],
        "assignedPlans": [
            {"servicePlanId": "p1", "service": "SCO", "capabilityStatus": "Enabled"},
            {"servicePlanId": "p2", "service": "exchange", "capabilityStatus": "Deleted"},
        ],
    },
    {
        "upn": "bianca",
        "displayName": "Dav",
        "department": "Finance",
        "country": "DE",
        "mail": "Null",
        "otherMails": ["b@contoso.example"],
    },
    {"upn": "cameron", "displayName": "aDa", "country": "US", "accountEnabled": False},
]
DAVID, DAV, ADA, ADMINISTRATOR = "David", "Dav", "aDa", "Administrator"


async def test_autopilot_046_a_rule_may_have_3072_characters_and_not_one_more(office: Office) -> None:
    longest = 'user.displayName -ne "' + "x" * (3_072 - 23) + '"'
    assert len(longest) == 3_072
    assert await refusals(office, longest.replace("xx", "xxx", 1)) == ["RuleTooLong"]
    assert await who(office, longest) == [[ADMINISTRATOR]]


async def test_autopilot_047_a_rule_speaks_of_users_or_of_devices_never_of_both(office: Office) -> None:
    mixed = 'user.city -eq "Bonn" -and device.displayName -eq "x"'
    assert await refusals(office, mixed) == ["MixedUserAndDevice"]


async def test_autopilot_048_not_and_or_and_parentheses_bind_as_documented(office: Office) -> None:
    await office.apply(users=PEOPLE)
    us, de, sales = 'user.country -eq "US"', 'user.country -eq "DE"', 'user.department -eq "Sales"'
    assert await who(
        office,
        f"{de} -or {us} -and {sales}",
        f"({de} -or {us}) -and {sales}",
        f"-not {us} -and {de}",
        f"-not ({us} -and {sales}) -and ({us} -or {de})",
        f"-not {us} -or {sales}",
        f"-not ({us} -or {sales})",
    ) == [[DAV, DAVID], [DAVID], [DAV], [ADA, DAV], [ADMINISTRATOR, DAV, DAVID], [ADMINISTRATOR, DAV]]


async def test_autopilot_049_any_and_all_work_on_lists_also_on_lists_of_plans(office: Office) -> None:
    await office.apply(users=PEOPLE)
    plan = "user.assignedPlans -any (assignedPlan.servicePlanId -eq"
    assert await who(
        office,
        'user.otherMails -any (_ -endsWith "@contoso.example")',
        'user.otherMails -all (_ -endsWith "@contoso.example") -and user.otherMails -any (_ -contains "@")',
        '(user.proxyAddresses -any (_ -startsWith "smtp:a@"))',
        f'{plan} "p1" -and assignedPlan.capabilityStatus -eq "Enabled")',
        f'{plan} "p2" -and assignedPlan.capabilityStatus -eq "Enabled")',
        'user.assignedPlans -any (assignedPlan.service -eq "sco")',
    ) == [[DAV, DAVID], [DAV], [DAVID], [DAVID], [], [DAVID]]


async def test_autopilot_050_null_can_be_compared_not_negated_and_in_quotes_is_a_word(
    office: Office,
) -> None:
    codes = await refusals(office, "user.mail -not null", "-not (user.mail -eq null)")
    assert codes == ["NotWithNull", "NotWithNull"]
    await office.apply(users=PEOPLE)
    assert await who(
        office,
        "user.department -eq null",
        "user.department -ne null",
        'user.mail -eq "null"',
        "user.objectId -ne null",
    ) == [[ADA, ADMINISTRATOR], [DAV, DAVID], [DAV], [ADA, ADMINISTRATOR, DAV, DAVID]]


async def test_autopilot_051_match_takes_an_expression_and_says_when_it_is_none(office: Office) -> None:
    bad = 'user.userPrincipalName -match "*@domain.ext"'
    assert await refusals(office, bad) == ["InvalidRegularExpression"]
    await office.apply(users=PEOPLE)
    assert await who(
        office,
        'user.displayName -match "^Da.*"',
        'user.displayName -match "^da.*"',
        'user.displayName -match "vid$"',
        'user.userPrincipalName -match "^adele@contoso\\.example$"',
    ) == [[DAV, DAVID], [DAV, DAVID], [DAVID], [DAVID]]


async def test_autopilot_052_contains_on_a_boolean_does_not_fit_the_attribute(office: Office) -> None:
    codes = await refusals(office, "user.accountEnabled -contains true", 'device.isRooted -contains "t"')
    assert codes == ["OperatorNotSupportedOnAttribute"] * 2


async def test_autopilot_053_an_unknown_attribute_is_called_unsupported(office: Office) -> None:
    codes = await refusals(
        office, '(user.invalidProperty -eq "Value")', 'device.organizationalUnit -eq "Berlin"'
    )
    assert codes == ["AttributeNotSupported", "AttributeNotSupported"]


async def test_autopilot_054_in_takes_items_in_single_and_in_double_quotes(office: Office) -> None:
    await office.apply(users=PEOPLE)
    assert await who(
        office,
        'user.department -in ["50001","sales"]',
        "user.department -in ['50001', 'Sales']",
        "user.department -in ['50001']",
        "user.department -in [\"Sales\",'Finance']",
    ) == [[DAVID], [DAVID], [], [DAV, DAVID]]


async def test_autopilot_055_members_of_other_groups_for_users_and_for_devices(office: Office) -> None:
    await office.apply(
        users=PEOPLE,
        groups=[
            {"name": "Pilots", "members": ["adele", "cameron"]},
            {"name": "Americans", "rule": 'user.country -eq "US"'},
            {"name": "Sales laptops", "rule": TAGGED.format("sales")},
        ],
    )
    await office.register(1, tag="sales")
    await office.register(2)
    user_in = "user.memberOf -any (group.objectId -in [{}])"
    device_in = "device.memberof -any (group.objectId -in [{}])"
    await office.apply(
        groups=[
            {"name": "Users", "rule": user_in.format("'${group:Pilots}'")},
            {"name": "Both", "rule": user_in.format("'${group:Pilots}', '${group:Americans}'")},
            {"name": "Devices", "rule": device_in.format('"${group:Sales laptops}"')},
        ]
    )
    assert await office.members("Users", "user") == [ADA, DAVID]
    assert await office.members("Both", "user") == [ADA, DAVID]
    assert await office.members("Devices") == [serial_of(1)]
    await office.edit(2, groupTag="sales")
    assert await office.members("Devices") == [serial_of(1), serial_of(2)]
    await office.apply(groups=[{"name": "Pilots", "members": ["bianca"]}])
    assert await office.members("Users", "user") == [DAV]
    assert await office.members("Both", "user") == [ADA, DAV, DAVID]


async def test_autopilot_056_direct_reports_of_somebody_work_and_only_on_their_own(office: Office) -> None:
    managers = {"adele": "bianca", "bianca": None, "cameron": "adele"}
    await office.apply(users=[{**person, "manager": managers[person["upn"]]} for person in PEOPLE])
    reports = 'Direct Reports for "${user:bianca}"'
    codes = await refusals(office, f'{reports} -and user.country -eq "US"', f"-not {reports}")
    assert codes == ["DirectReportsCombined", "DirectReportsCombined"]
    assert await who(office, reports) == [[DAVID]]
    await office.apply(users=[{**PEOPLE[2], "manager": "bianca"}])
    assert await office.members("Group 0", "user") == [ADA, DAVID]


@pytest.mark.parametrize("dash", list("–—−"))
async def test_autopilot_057_a_typographic_dash_before_an_operator_does_no_harm(
    office: Office, dash: str
) -> None:
    await office.apply(users=PEOPLE)
    rule = f'user.department {dash}eq "Sales" {dash}and {dash}not user.country {dash}in ["DE"]'
    assert await who(office, rule) == [[DAVID]]


# --- by hand, on trial, edited ------------------------------------------------------------------------------


async def test_autopilot_058_nobody_is_added_to_a_dynamic_group_by_hand(office: Office) -> None:
    await office.apply(
        users=PEOPLE,
        groups=[
            {"name": "Sales laptops", "rule": TAGGED.format("sales")},
            {"name": "Americans", "rule": 'user.country -eq "US"'},
            {"name": "Pilots", "members": []},
        ],
    )
    await office.register(1, tag="sales")
    await office.register(2)
    one, two = (device["id"] for device in await office.values("/devices"))
    laptops, americans, pilots = [
        (await office.group(name))["id"] for name in ("Sales laptops", "Americans", "Pilots")
    ]
    bianca = (await office.user("bianca"))["id"]
    for group, member in ((laptops, {"device": two}), (americans, {"user": bianca})):
        with pytest.raises(Refused) as refused:
            await office.post(f"/groups/{group}/members", member)
        assert refused.value.code == "DynamicGroupMembership"
    with pytest.raises(Refused, match="DynamicGroupMembership"):
        await office.delete(f"/groups/{laptops}/members/device/{one}")
    assert await office.members("Sales laptops") == [serial_of(1)]
    assert await office.members("Americans", "user") == [ADA, DAVID]
    await office.post(f"/groups/{pilots}/members", {"user": bianca})
    assert await office.members("Pilots", "user") == [DAV]


async def test_autopilot_060_a_rule_can_be_tried_on_a_device_and_answers_clause_by_clause(
    office: Office,
) -> None:
    await office.register(1, tag="sales")
    device = (await office.registration(1))["device"]["id"]
    tagged, lenovo = TAGGED.format("sales"), 'device.deviceManufacturer -eq "Lenovo"'
    answer = await office.post("/groups/check-rule", {"rule": f"{tagged} -and {lenovo}", "device": device})
    assert answer["matched"] is False
    assert [(part["matched"], part["values"]) for part in answer["parts"]] == [
        (True, (await office.registration(1))["device"]["physicalIds"]),
        (False, ["Reseal"]),
    ]
    assert answer["parts"][1]["text"] == lenovo
    assert [item["matched"] for item in answer["parts"][0]["parts"]] == [False, True]
    assert await office.values("/groups") == []


@both_databases
async def test_autopilot_061_an_edited_rule_moves_members_both_ways_and_says_since_when(
    office: Office,
) -> None:
    await office.register(1, tag="sales")
    await office.register(2, tag="kiosk")
    await office.apply(groups=[{"name": "Laptops", "rule": TAGGED.format("sales")}])
    assert await office.members("Laptops") == [serial_of(1)]
    before = await office.group("Laptops")
    office.clock.pass_silently(timedelta(hours=1))
    await office.apply(groups=[{"name": "Laptops", "rule": TAGGED.format("kiosk")}])
    assert await office.members("Laptops") == [serial_of(2)]
    after = await office.group("Laptops")
    assert after["membershipRule"] == TAGGED.format("kiosk")
    assert after["membershipRuleProcessingState"] == "on"
    for since in ("ruleUpdatedDateTime", "membersChangedDateTime"):
        assert moment(after[since]) == office.clock.now() > moment(before[since])
