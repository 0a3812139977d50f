"""The behaviours of spec/autopilot.md 12 that the rule language alone can show, under their numbers."""

from __future__ import annotations

import pytest

from reseal.directory.rules import DEVICE, USER, RuleError, RuleObject, Schema, compile_rule

REGISTERED = RuleObject(
    {
        "objectId": "d1",
        "displayName": "DESKTOP-1",
        "deviceOwnership": "Company",
        "accountEnabled": True,
        "devicePhysicalIds": [
            "[ZTDID]:5e2ad9e1-8cbb-4a9e-bd36-6a2d0d3cc9a4",
            "[OrderID]:Berlin",
            "[PurchaseOrderId]:76222342342",
        ],
    }
)
UNREGISTERED = RuleObject({"objectId": "d2", "devicePhysicalIds": ["[USER-GID]:1:2", "[HWID]:h:3"]})
PERSON = RuleObject(
    {
        "objectId": "u1",
        "department": "Sales",
        "country": "US",
        "jobTitle": "SDE II",
        "userPrincipalName": "ada@contoso.com",
        "otherMails": ["ada@home.example", "al@contoso.com"],
        "proxyAddresses": ["SMTP:ada@contoso.com", "smtp:a@contoso.com"],
        "assignedPlans": [
            {"servicePlanId": "p1", "service": "SCO", "capabilityStatus": "Enabled"},
            {"servicePlanId": "p2", "service": "exchange", "capabilityStatus": "Deleted"},
        ],
    },
    groups=frozenset({"g1", "g2"}),
    manager="M1",
)


def true_for(rule: str, obj: RuleObject, schema: Schema) -> bool:
    return compile_rule(rule, schema).matches(obj)


def refusal(rule: str, schema: Schema) -> str:
    with pytest.raises(RuleError) as refused:
        compile_rule(rule, schema)
    assert refused.value.remedy
    return refused.value.code


ALL_AUTOPILOT = [
    '(device.devicePhysicalIDs -any (_ -startsWith "[ZTDid]"))',
    'device.devicePhysicalIDs -any _ -startsWith "[ZTDId]"',
    '(device.devicePhysicalIDs -any _ -contains "[ZTDId]")',
    '(device.devicePhysicalIds -any (_ -contains "[ZTDID]"))',
    'device.devicephysicalids any (_ startswith "[ztdid]")',
]


@pytest.mark.parametrize("rule", ALL_AUTOPILOT)
def test_autopilot_042_every_registered_device_and_nothing_else(rule: str) -> None:
    assert true_for(rule, REGISTERED, DEVICE)
    assert not true_for(rule, UNREGISTERED, DEVICE)
    assert not true_for(rule, RuleObject({}), DEVICE)


def test_autopilot_043_group_tag_is_exact_and_ignores_case() -> None:
    assert true_for('(device.devicePhysicalIds -any (_ -eq "[OrderID]:Berlin"))', REGISTERED, DEVICE)
    assert true_for('(device.devicePhysicalIds -any (_ -eq "[orderid]:BERLIN"))', REGISTERED, DEVICE)
    assert not true_for('(device.devicePhysicalIds -any (_ -eq "[OrderID]:Berli"))', REGISTERED, DEVICE)
    assert not true_for('(device.devicePhysicalIds -any (_ -eq "[OrderID]:Berlin2"))', REGISTERED, DEVICE)


def test_autopilot_044_purchase_order() -> None:
    assert true_for(
        '(device.devicePhysicalIds -any (_ -eq "[PurchaseOrderId]:76222342342"))', REGISTERED, DEVICE
    )
    assert not true_for('(device.devicePhysicalIds -any (_ -eq "[PurchaseOrderId]:1"))', REGISTERED, DEVICE)


@pytest.mark.parametrize(
    "rule",
    [
        '(device.devicePhysicalIds -any (_ -eq "[OrderID]:Berlin"))',
        '(device.devicePhysicalIDs -any _ -eq "[OrderID]:Berlin")',
        'device.devicePhysicalIds -any _ -eq "[OrderId]:berlin"',
        "Device.DevicePhysicalIds -Any ( _ -Eq '[ORDERID]:Berlin' )",
        'device.devicePhysicalIds any (_ eq "[OrderID]:Berlin")',
    ],
)
def test_autopilot_045_spellings_are_the_same_rule(rule: str) -> None:
    assert true_for(rule, REGISTERED, DEVICE)
    assert not true_for(rule, UNREGISTERED, DEVICE)


def test_autopilot_046_longest_rule() -> None:
    rule = 'device.displayName -eq "' + "x" * (3_072 - 25) + '"'
    assert len(rule) == 3_072
    assert not true_for(rule, REGISTERED, DEVICE)
    assert refusal(rule + " ", DEVICE) == "RuleTooLong"


def test_autopilot_047_users_and_devices_do_not_mix() -> None:
    mixed = 'user.city -eq "Bonn" -and device.displayName -eq "x"'
    assert refusal(mixed, USER) == "MixedUserAndDevice"
    assert refusal(mixed, DEVICE) == "MixedUserAndDevice"
    assert refusal('device.displayName -eq "x"', USER) == "WrongObject"
    assert refusal('user.city -eq "Bonn"', DEVICE) == "WrongObject"


T, F = 'user.country -eq "US"', 'user.country -eq "DE"'


@pytest.mark.parametrize(
    "rule, expected",
    [
        (f"{T} -or {T} -and {F}", True),
        (f"({T} -or {T}) -and {F}", False),
        (f"{F} -and {T} -or {T}", True),
        (f"{F} -and ({T} -or {T})", False),
        (f"-not {F} -and {F}", False),
        (f"-not ({F} -and {F})", True),
        (f"-not {T} -or {T}", True),
        (f"-not ({T} -or {T})", False),
        (f"-not -not {T}", True),
        (f"{T} -and -not {F} -and {T}", True),
        (f"{F} -or {F} -or {T}", True),
    ],
)
def test_autopilot_048_precedence(rule: str, expected: bool) -> None:
    assert true_for(rule, PERSON, USER) is expected


@pytest.mark.parametrize(
    "rule, expected",
    [
        ('user.otherMails -any (_ -endsWith "@contoso.com")', True),
        ('user.otherMails -all (_ -endsWith "@contoso.com")', False),
        ('user.otherMails -all (_ -contains "@")', True),
        ('(user.proxyAddresses -any (_ -startsWith "smtp:a@"))', True),
        ('user.proxyAddresses -all (_ -startsWith "smtp:")', True),
        (
            'user.assignedPlans -any (assignedPlan.servicePlanId -eq "p1" -and assignedPlan.service eq SCO)',
            True,
        ),
        (
            'user.assignedPlans -any (assignedPlan.servicePlanId -eq "p2" -and assignedPlan.service eq SCO)',
            False,
        ),
        ('user.assignedPlans -any (assignedPlan.service -eq "sco")', True),
        ("user.assignedPlans -all (assignedPlan.servicePlanId -eq null)", False),
    ],
)
def test_autopilot_049_any_and_all(rule: str, expected: bool) -> None:
    assert true_for(rule, PERSON, USER) is expected


def test_autopilot_049_all_plans_null_finds_who_has_no_plan() -> None:
    rule = "user.assignedPlans -all (assignedPlan.servicePlanId -eq null)"
    assert true_for(rule, RuleObject({"assignedPlans": []}), USER)


def test_autopilot_050_null() -> None:
    assert true_for("user.mail -eq null", PERSON, USER)
    assert not true_for("user.mail –ne null", PERSON, USER)
    assert true_for("user.department -ne $null", PERSON, USER)
    assert true_for("user.department -ne NULL", PERSON, USER)
    assert not true_for('user.mail -eq "null"', PERSON, USER)
    assert true_for('user.mail -eq "null"', RuleObject({"mail": "Null"}), USER)
    assert refusal("user.mail -not null", USER) == "NotWithNull"
    assert refusal("user.mail -not $null", USER) == "NotWithNull"
    assert refusal("-not user.mail -eq null", USER) == "NotWithNull"
    assert refusal("-not ((user.mail -eq null))", USER) == "NotWithNull"


def test_autopilot_051_match() -> None:
    rule = 'user.displayName -match "^Da.*"'
    for name, expected in {"Da": True, "Dav": True, "david": True, "aDa": False}.items():
        assert true_for(rule, RuleObject({"displayName": name}), USER) is expected
    assert true_for('user.userPrincipalName -match "@CONTOSO.com$"', PERSON, USER)
    assert true_for('user.displayName -match ".*vid"', RuleObject({"displayName": "David"}), USER)
    assert refusal('user.userPrincipalName -match "*@domain.ext"', USER) == "InvalidRegularExpression"
    assert refusal('user.userPrincipalName -match "(open"', USER) == "InvalidRegularExpression"


def test_autopilot_052_operator_not_supported() -> None:
    assert refusal("user.accountEnabled -contains true", USER) == "OperatorNotSupportedOnAttribute"
    assert refusal('device.accountEnabled -contains "t"', DEVICE) == "OperatorNotSupportedOnAttribute"


def test_autopilot_053_attribute_not_supported() -> None:
    assert refusal('(user.invalidProperty -eq "Value")', USER) == "AttributeNotSupported"
    assert refusal('device.organizationalUnit -eq "x"', DEVICE) == "AttributeNotSupported"


def test_autopilot_054_in_with_both_quotes() -> None:
    assert true_for('user.department -in ["50001","sales"]', PERSON, USER)
    assert true_for("user.department -in ['50001', 'sales']", PERSON, USER)
    assert not true_for('user.department -notIn ["50001","sales"]', PERSON, USER)
    assert not true_for("user.department -in ['50001']", PERSON, USER)


@pytest.mark.parametrize("schema", [USER, DEVICE], ids=["user", "device"])
def test_autopilot_055_member_of(schema: Schema) -> None:
    name = schema.object
    member = RuleObject({}, groups=frozenset({"aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb"}))
    rule = f"{name}.memberof -any (group.objectId -in ['x', 'AAAAAAAA-0000-1111-2222-bbbbbbbbbbbb'])"
    assert true_for(rule, member, schema)
    assert not true_for(rule, RuleObject({}, groups=frozenset({"y"})), schema)
    assert compile_rule(rule, schema).member_of == {"x", "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb"}


def test_autopilot_056_direct_reports() -> None:
    assert true_for('Direct Reports for "m1"', PERSON, USER)
    assert not true_for('Direct Reports for "m2"', PERSON, USER)
    assert not true_for('Direct Reports for "m1"', RuleObject({}), USER)
    assert refusal('Direct Reports for "m1" -and user.city -eq "x"', USER) == "DirectReportsCombined"
    assert refusal('-not Direct Reports for "m1"', USER) == "DirectReportsCombined"


@pytest.mark.parametrize("dash", list("‐‑‒–—―−﹣－"))
def test_autopilot_057_typographic_dashes(dash: str) -> None:
    rule = f'user.department {dash}eq "Sales" {dash}and {dash}not user.country {dash}in ["DE"]'
    assert true_for(rule, PERSON, USER)


def test_autopilot_060_true_or_false_per_clause() -> None:
    rule = compile_rule(
        'device.deviceOwnership -eq "Company" -and device.deviceModel -startsWith "XPS"', DEVICE
    )
    explained = rule.explain(REGISTERED)
    assert not explained.matched
    assert [(part.text, part.matched, part.values) for part in explained.parts] == [
        ('device.deviceOwnership -eq "Company"', True, ("Company",)),
        ('device.deviceModel -startsWith "XPS"', False, ()),
    ]
