"""Every refusal: its code, where it points, and that it says what to do."""

from __future__ import annotations

import pytest

from reseal.directory.rules import DEVICE, USER, RuleError, Schema, compile_rule
from reseal.kernel.errors import Invalid


def refused(rule: str, schema: Schema = USER) -> RuleError:
    with pytest.raises(RuleError) as caught:
        compile_rule(rule, schema)
    return caught.value


# The position is that of «.
GRAMMAR = [
    "«",
    "  «",
    '(user.department -eq "Sales") «(user.department -eq "Marketing")',
    'user.department -eq "Sales" «user.city -eq "Bonn"',
    "user.department -eq Human «Resources",
    'user.department «"Sales"',
    "user.department«",
    "user.accountEnabled «-and user.city -eq x",
    "user.department -eq«",
    "user.department -eq «-and user.city -eq x",
    "user.department -eq «and user.city -eq x",
    "user.department -eq «)",
    "user.department «-like x",
    "user.department «= x",
    "user.department «== x",
    'user.department -eq «"Sales',
    "user.department -eq «'Sales",
    "«(user.city -eq x",
    "«((user.city -eq x -and user.city -ne y)",
    "user.city -eq x«)",
    "«)",
    "(«)",
    "«-and user.city -eq x",
    "user.city -eq x -and«",
    "user.city -eq x -or «-and user.city -eq y",
    "-not«",
    '«"Sales" -eq user.department',
    "«[a]",
    "user.department -eq “Sales”".replace("“", "«“", 1),
    "user.department -in [a«",
    "user.department -in [a «b]",
    "user.department -in [a,«]",
    "user.department -in [a,«,b]",
    "user.department -in [«[a]]",
    'user.department -in «("a")',
    "user.city -eq «user.country",
    "user.city -eq «-x",
    "Direct Reports «to m1",
    "Direct Reports for«",
    "Direct Reports for m1 «m2",
    '«_ -eq "a"',
    '«assignedPlan.service -eq "a"',
    "«group.objectId -in ['a']",
    'user.otherMails -any («user.city -eq "a")',
    'user.otherMails -any («assignedPlan.service -eq "a")',
    'user.assignedPlans -any («_ -eq "a")',
    'user.assignedPlans -any («user.otherMails -any (_ -eq "a"))',
    "user.otherMails -any«",
    "user.employeeHireDate -ge system.now -plus «1d",
    "user.employeeHireDate -ge system.now -plus «p1y",
    "user.employeeHireDate -ge system.now -plus «p1m",
    "user.employeeHireDate -ge system.now -plus «p",
    "user.employeeHireDate -ge system.now -plus «pt",
    "user.employeeHireDate -ge system.now -plus «p1dt",
    "user.employeeHireDate -ge system.now -plus «p36501d",
    "user.employeeHireDate -ge system.now -plus «p99999999w",
    "user.employeeHireDate -ge system.now -plus«",
    "user.employeeHireDate -ge system.now -plus «[p1d]",
    "user.city -eq a«\0",
    "user.city -eq a«\ud800",
]


@pytest.mark.parametrize("marked", GRAMMAR)
def test_query_compilation_error_points_at_the_trouble(marked: str) -> None:
    error = refused(marked.replace("«", ""))
    assert error.code == "QueryCompilationError"
    assert error.position == marked.index("«")
    assert error.message.startswith(f"Query compilation error at position {error.position}: ")
    assert error.remedy


VALUES = [
    "user.accountEnabled -eq «maybe",
    "user.accountEnabled -eq «1",
    "user.employeeHireDate -eq «soon",
    "user.employeeHireDate -eq «2020-13-01",
    "user.employeeHireDate -eq «2020-02-30",
    "user.employeeHireDate -eq «20200610",
    "user.employeeHireDate -eq «2020-06-10T25:00:00Z",
    "user.employeeHireDate -eq «0000-01-01",
    'user.employeeHireDate -ge «"system.now"',
    'user.employeeHireDate -le «""',
    "user.employeeHireDate -ge «null",
    "user.city -eq «system.now",
    "user.city -startsWith «null",
    "user.city -match «$null",
    "user.city -in «null",
    "user.city -in [a, «null]",
    "user.city -in [a, «$Null]",
    "user.city -in [a, «System.now]",
    'user.city -in [a, «""]',
    "user.city -in «[]".replace("«[", "[«"),
    "user.city -in «a",
    "user.city -eq «[a]",
    "user.city -contains «[a]",
    "user.assignedPlans -eq «x",
    "Direct Reports for «null",
    "Direct Reports for «system.now",
]


@pytest.mark.parametrize("marked", VALUES)
def test_invalid_value_points_at_the_value(marked: str) -> None:
    error = refused(marked.replace("«", ""))
    assert error.code == "InvalidValue"
    assert error.position == marked.index("«")
    assert error.remedy


@pytest.mark.parametrize(
    "marked",
    [
        "«user.accountEnabled -contains true",
        "«user.accountEnabled -in [true]",
        "«user.city -ge a",
        "«user.employeeHireDate -startsWith 2020",
        "«user.employeeHireDate -in [2020-01-01]",
        "«user.assignedPlans -startsWith x",
        "«user.city -any (_ -eq x)",
        "«user.accountEnabled -all (_ -eq x)",
        "user.otherMails -any («_ -any (_ -eq x))",
        "user.otherMails -any («_ -le x)",
    ],
)
def test_operator_not_supported_on_attribute(marked: str) -> None:
    error = refused(marked.replace("«", ""))
    assert error.code == "OperatorNotSupportedOnAttribute"
    assert error.position == marked.index("«")
    assert error.message.startswith("Operator -")
    assert "is not supported on attribute" in error.message


@pytest.mark.parametrize(
    "marked, hint",
    [
        ("«user.invalidProperty -eq Value", ""),
        ("«user.departement -eq Value", "user.department"),
        ("«user.organizationalUnit -eq Value", ""),
        ("«department -eq Value", "user."),
        ("«user -eq Value", ""),
        ("«user. -eq Value", ""),
        ("«user.city.name -eq Value", ""),
        ("«team.city -eq Value", "user."),
        ("«user.extension_name -eq Value", ""),
        ("user.assignedPlans -any («assignedPlan.name -eq x)", "assignedPlan."),
        ("user.city -eq x -and «user.foo -eq y", ""),
    ],
)
def test_attribute_not_supported(marked: str, hint: str) -> None:
    error = refused(marked.replace("«", ""))
    assert error.code == "AttributeNotSupported"
    assert error.position == marked.index("«")
    assert error.message.startswith("Attribute not supported: ")
    assert hint in error.remedy


def test_devices_have_no_custom_extension_properties() -> None:
    assert refused("device.extension_abc_name -eq 1", DEVICE).code == "AttributeNotSupported"


@pytest.mark.parametrize(
    "condition",
    [
        "-any (group.displayName -eq 'x')",
        "-all (group.objectId -in ['x'])",
        "-any (group.objectId -notIn ['x'])",
        "-any (group.objectId -eq null)",
        "-any (group.objectId -eq '')",
        "-any (group.objectId -startsWith 'x')",
        "-any (group.objectId -in ['x'] -or group.objectId -in ['y'])",
        "-any (-not group.objectId -in ['x'])",
        "-any (_ -eq 'x')",
        "-eq 'x'",
        "-ne null",
    ],
)
def test_member_of_shape(condition: str) -> None:
    error = refused(f"user.memberOf {condition}")
    assert error.code == "MemberOfShape"
    assert error.position == 0
    assert "group.objectId -in" in error.remedy


def test_member_of_needs_ids() -> None:
    assert refused("user.memberOf -any (group.objectId -in [''])").code == "InvalidValue"


@pytest.mark.parametrize(
    "marked",
    [
        'user.city -eq x -or «Direct Reports for "m"',
        '«(Direct Reports for "m") -and user.city -eq x',
        '-not «Direct Reports for "m"',
        'user.otherMails -any «(Direct Reports for "m")',
        '«Direct Reports for "m" -or Direct Reports for "n"',
    ],
)
def test_direct_reports_stands_alone(marked: str) -> None:
    error = refused(marked.replace("«", ""))
    assert error.code == "DirectReportsCombined"
    assert error.position == marked.index("«")


def test_devices_have_no_manager() -> None:
    assert refused('Direct Reports for "m"', DEVICE).code == "WrongObject"


@pytest.mark.parametrize(
    "marked",
    [
        "user.mail «-not null",
        "user.mail «not $null",
        "«-not user.mail -ne null",
        "user.city -eq x -and «-not (user.mail -eq Null)",
    ],
)
def test_not_with_null(marked: str) -> None:
    error = refused(marked.replace("«", ""))
    assert error.code == "NotWithNull"
    assert error.position == marked.index("«")
    assert "-ne null" in error.remedy


def test_mixing_points_at_the_second_kind() -> None:
    error = refused("user.city -eq x -and user.state -eq y -or device.deviceModel -eq z")
    assert error.code == "MixedUserAndDevice"
    assert error.position == 42


def test_star_with_nothing_before_it() -> None:
    error = refused('(user.userPrincipalName -match "*@domain.ext")')
    assert error.code == "InvalidRegularExpression"
    assert error.position == 31
    assert ".*" in error.remedy
    assert error.message.startswith("Query compilation error at position 31: ")


def test_line_and_column() -> None:
    error = refused('user.city -eq "Bonn"\n  -and user.town -eq "x"')
    assert (error.position, error.line, error.column) == (28, 2, 8)


def test_a_rule_error_is_a_bad_request() -> None:
    error = refused("x")
    assert isinstance(error, Invalid)
    assert error.status == 400
    assert error.to_json()["error"]["remedy"] == error.remedy


@pytest.mark.parametrize(
    "rule",
    [
        "(" * 3_072,
        "-not " * 600 + "user.city -eq x",
        "not(" * 700,
        "user.otherMails -any " * 140,
        "(" * 51 + "user.city -eq x" + ")" * 51,
    ],
)
def test_depth_is_limited(rule: str) -> None:
    assert refused(rule).code == "RuleTooDeep"


def test_fifty_levels_and_long_chains_are_read() -> None:
    compile_rule("(" * 50 + "user.city -eq x" + ")" * 50, USER)
    compile_rule(" -or ".join(["user.city -eq x"] * 150), USER)


def test_brackets_only() -> None:
    assert refused("[" * 3_072).code == "QueryCompilationError"
    assert refused('"' * 3_071).code == "QueryCompilationError"
