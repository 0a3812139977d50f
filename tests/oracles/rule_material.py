"""What random membership rules and their subjects are made of: words, dates, and templates of wrong rules."""

from datetime import UTC, datetime

NOW = datetime(2026, 5, 17, 9, 30, 15, 250_000, tzinfo=UTC)

EXTENSION = "extension_c272a57b722d4eb29bfe327874ae79cb_OfficeNumber"

# fmt: off
WORDS = [
    "Sales", "sales", "SALES-EU", "Marketing", "Mark", "Da", "Dav", "David", "aDa", "Straße", "STRASSE",
    "Müller", "null", "true", "False", "123", "50001", "50002", "10.0.19045", "Company", "Personal",
    "AzureAD", "Member", "guest", "a b", "new  office", 'x"y"', "it's", "O''Neil", "C:\\", 'a\\"b',
    "tick`y", "(in brackets)", "a,b", "[x]", " edge ", "user.city", "-eq", "–or", "system.now",
    "2024-02-29", "$null", "_", "İzmir", "two\nlines", "SMTP:da@contoso.example",
    "smtp:david@contoso.example", "x@domain.ext", "@contoso.example", "é", ".*", "“quoted”",
    "\\\\server\\share", "`'\"\\",
]

PHYSICAL_IDS = [
    "[ZTDID]:5b7ce0a5-0001", "[ZTDId]:5B7CE0A5-0002", "[OrderID]:Berlin", "[OrderID]:berlin-2",
    "[OrderId]:179887111881", "[PurchaseOrderId]:76222342342", "[GID]:g:6755", "[USER-HWID]:x:1",
    "[HWID]:h:6755",
]

IDS = [
    "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb", "AAAAAAAA-0000-1111-2222-CCCCCCCCCCCC",
    "efb87545-963c-4e0d-99df-69c6916d9eb0", "0000000a-0000-0000-c000-000000000000",
    "d4fe7726-5966-431c-b3b8-cddc8fdb717d",
]

PLAN_VALUES = {
    "capabilityStatus": ["Enabled", "enabled", "Suspended", "Deleted"],
    "service": ["SCO", "exchange", "Exchange", "SharePoint"],
    "servicePlanId": IDS,
}

DATES = [
    "2026-05-17", "2026-05-17T09:30:15.25Z", "2026-05-17T09:30:15Z", "2026-05-18T09:30:15.250Z",
    "2026-05-16 09:30:15.25", "2026-05-17T11:30:15.25+02:00", "2026-05-17T04:30-05:00",
    "2020-06-10T18:13:20Z", "2020-06-10T18:13:20.0000000Z", "2020-06-10T18:13:20.0000001Z", "2024-02-29",
    "2026-05-31T00:00", "1999-12-31T23:59:59.999999+00:00", "2036-01-01", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "2026-05-17Z", "2026-05-17+02:00",
]

NOT_DATES = [
    "tomorrow", "2023-02-29", "2026-13-01", "2026-05-17T24:00:00Z", "2026-05-17T09:61Z", "17.05.2026",
    "2026-5-7", "20260517", "2026-05-17T", "2026-05-17T09", "2026-05-17T09:30:15.Z", "2026-05-17 Z",
    "2026-05-17T09:30:15+2", "0000-01-01", "2026-W20-7",
]

DURATIONS = [
    "p1d", "P1D", "PT36H", "P2W", "p1dt12h", "PT0S", "P0D", "PT90M", "pt1h30m5s", "P3650D", "P10DT1S",
    "P36500D", "'p1d'", '"PT12H"',
]

NOT_DURATIONS = [
    "P", "PT", "P1Y", "P1M", "1d", "P1D12H", "P1.5D", "p-1d", "P36501D", "P1DT", "P1W2D", "P1H", "PT1D",
    "PT1S1H",
]

TEXT_OPERATORS = [
    "eq", "ne", "startsWith", "notStartsWith", "endsWith", "notEndsWith", "contains", "notContains",
    "match", "notMatch", "in", "notIn",
]

RESERVED_WORDS = {
    "null", "$null", "and", "or", "not", "any", "all", "eq", "ne", "le", "ge", "in", "notin", "match",
    "notmatch", "contains", "notcontains", "startswith", "notstartswith", "endswith", "notendswith", "plus",
    "minus",
}

DASHES = [*"-" * 12, *"–" * 4, *"—‐‑‒―−"]

BLANKS = [*" " * 12, "  ", "\t", "\n", " \n  ", "\r\n", "\u00a0"]

ODD_VALUES = [
    "null", "$NULL", "true", '""', '"null"', "''", "'it''s'", "Sales", "123", "-5", "-1.50", "*", "a.b",
    "system.now", "p1d", "2020-06-10", '"2026-05-17 09:30"', '`"Sales`"', "it`'s", 'x\\"y\\"', '"a\\\\"',
    '"`\\"', '"a`b\\c"', "'a`'", '"`\\\\"', '"\\`"', '"`\\`"', "'\\''", '"\'\'"', "a\\b", "a``b", "_", "$",
    "ext.ension", "C:\\", "tick`", '"C:`\\"', "a\\`b", "``", "\\\\",
]

ODD_TOKENS = [
    "(", ")", "[", "]", ",", "-and", "-or", "-not", "-eq", "ne", "-any", "-all", "-in", "-contains", "-match",
    "-le", "-plus", "_", '["a"]', "[]", "user.department", "user.accountEnabled", "user.otherMails",
    "device.displayName", "user.employeeHireDate", "device.devicePhysicalIds", "assignedPlan.service",
    "group.objectId", "Direct", "for", *ODD_VALUES,
]

# Pieces of patterns, and an example of what each finds.
PIECES = [
    (".", "q"), ("\\d", "7"), ("\\w", "_"), ("\\s", " "), ("\\D", "k"), ("\\W", "-"), ("\\S", "é"),
    ("[a-c]", "B"), ("[^a-c]", "z"), ("[\\d_]", "5"), ("\\.", "."), ("\\[", "["), ("\\(", "("),
    ("\\*", "*"), ("\\\\", "\\"), ("@", "@"), ("'", "'"), ('"', '"'), ("é", "É"),
]

BAD_PATTERNS = [
    "*abc", "+", "?x", "(abc", "abc)", "[abc", "a{3,1}", "(?=a)", "(?!a)", "(?<=a)b", "(a)\\1", "a**",
    "a*+", "(?P<n", "\\", "a|*b", "[z-a]", "a{1001}",
]
# fmt: on

# What stands between < and > is filled in by RuleWriter.fill: <-eq -ne> is one of these operators, <'x'> a
# quoted text, <text> <texts> <bool> some property, <fine> a clause that would do, <item> a clause about `_`.
WRONG_RULES = [
    # what does not exist
    "<kind>.organizationalUnit -eq 'x'",
    "<kind>.manager -eq 'x'",
    "<kind>.extensionAttribute0 -eq 'x'",
    "<kind>.extensionAttribute16 -eq 'x'",
    "<other>.displayName <-eq> 'x'",
    "<fine> <-and -or> <other>.displayName -eq 'x'",
    "<kind>. -eq 'x'",
    "displayName <-eq> 'x'",
    # operators that do not fit
    "<bool> <-contains -startsWith -match -le -notEndsWith> true",
    "<bool> <-in -notIn> [true]",
    "<bool> <-any -all> (<item>)",
    "<text> <-any -all> (<item>)",
    "<text> <-le -ge> 5",
    "<text> <-le -ge> <'x'>",
    "<texts> <-le -ge> 2020-01-01",
    "<kind>.memberOf <-eq -ne -in -contains> 'x'",
    "<kind>.memberOf <-eq -ne> <null>",
    "<kind>.memberOf <-all> (group.objectId -in ['x'])",
    "<kind>.memberOf -any (group.objectId <-ne -startsWith -contains> 'x')",
    "<kind>.memberOf -any (group.objectId <-notIn> ['x'])",
    "<kind>.memberOf -any (group.objectId <-eq -ne> <null>)",
    "<kind>.memberOf -any (group.objectId <-eq> '')",
    "<kind>.memberOf -any (group.displayName -in ['x'])",
    "<kind>.memberOf -any (group.objectId -in ['x'] <-and -or> group.objectId -in ['y'])",
    "<kind>.memberOf -any (<-not> group.objectId -in ['x'])",
    "<kind>.memberOf -any (_ -eq 'x')",
    # pieces missing or left over
    "",
    " ",
    "()",
    "(())",
    "-not",
    "'x'",
    "true",
    "<null>",
    "<text>",
    "<text> <'Sales'>",
    "<text> <-eq>",
    "<-eq> <'Sales'>",
    "<'Sales'> <-eq> <text>",
    "(<fine>) (<fine>)",
    "<fine> <fine>",
    "<fine> <-and -or>",
    "<-and -or> <fine>",
    "<fine> <-and -or> <-and -or> <fine>",
    "<fine> <-not>",
    "<fine> <-not> <fine>",
    "<text> <-not> <-eq> 'x'",
    "<text> <-eq> <-eq> 'x'",
    "<text> <-eq> two words",
    "<text> <-eq> ('x')",
    "<text> equals 'x'",
    "<text> = 'x'",
    "<text> --eq 'x'",
    "<text> - eq 'x'",
    "(<fine>",
    "<fine>)",
    ")<fine>(",
    "[<fine>]",
    '<text> -eq "Sales',
    "<text> -eq 'Sales",
    '<text> -eq "Sales\\"',
    '<text> -eq "Sales`"',
    "<text> -eq 'Sales''",
    "<text> -eq “Sales”",
    "<text> -eq ‘Sales’",
    # values that do not fit
    "<bool> <-eq -ne> yes",
    "<bool> <-eq -ne> 1",
    "<bool> <-eq -ne> <'null'>",
    "<bool> <-eq -ne> [true]",
    "<text> <-eq -ne -contains -match> ['x']",
    "<text> <-in -notIn> <'x'>",
    "<text> <-in -notIn> <null>",
    "<text> <-in -notIn> []",
    "<text> <-in -notIn> [null]",
    "<text> <-in -notIn> ['x', system.now]",
    "<text> <-in -notIn> ['x', '']",
    "<text> <-in -notIn> ['x' 'y']",
    "<text> <-in -notIn> ['x',]",
    "<text> <-in -notIn> [, 'x']",
    "<text> <-in -notIn> ['x',, 'y']",
    "<text> <-in -notIn> ('x', 'y')",
    "<text> <-in -notIn> ['x', ['y']]",
    "<text> <-in -notIn> ['x'",
    "<text> <-startsWith -notEndsWith -contains -match -notMatch> <null>",
    "<text> <-eq -ne> <-eq -and -or -not -in -any -contains>",
    "<text> <-eq -ne> <text>",
    "<text> <-eq -ne> -Sales",
    "<text> <-eq -ne> system.now",
    "<text> <-eq -ne> system.now -plus p1d",
    # null and -not
    "<text> <-not> <null>",
    "<-not> <text> <-eq -ne> <null>",
    "<-not> ((<texts> <-eq -ne> <null>))",
    "<-not> <-not> (<bool> <-eq -ne> <null>)",
    "<texts> <-any -all> (<-not> (_ <-eq> <null>))",
    # conditions
    "<texts> <-any -all> ()",
    "<texts> <-any -all>",
    "<texts> <-any -all> <'Sales'>",
    "<texts> <-any -all> (<item>) <-and -or> <item>",
    "<texts> <-any -all> (<item> <-and -or> <fine>)",
    "<texts> <-any -all> <item> <-and -or> <fine>",
    "<texts> <-any -all> (_ <-any> (<item>))",
    "<texts> <-any -all> (<texts> <-any> (<item>))",
    "<texts> <-any -all> (assignedPlan.service -eq 'x')",
    "<texts> <-any -all> (_.service -eq 'x')",
    "(<item>)",
    "assignedPlan.service -eq 'x'",
    "group.objectId -in ['x']",
    # patterns
    "<text> <-match -notMatch> <pattern>",
    "<text> <-match -notMatch> <pattern>",
    "<texts> <-any -all> (_ <-match -notMatch> <pattern>)",
    # direct reports
    "Direct Reports for <'x'> <-and -or> <fine>",
    "<fine> <-and -or> (Direct Reports for <'x'>)",
    "<-not> Direct Reports for <'x'>",
    "Direct Reports for",
    "Direct Reports <'x'>",
    "Direct Reports for <'x'> <'y'>",
    "Direct Reports for [<'x'>]",
]

WRONG_USER_RULES = [
    "user.employeeHireDate <-eq -ne -le -ge> <odd date>",
    "user.employeeHireDate <-le -ge> '<odd date>'",
    "user.employeeHireDate <-le -ge> 'system.now'",
    "user.employeeHireDate <-le -ge> system.now <-plus -minus> <odd duration>",
    "user.employeeHireDate <-le -ge> system.now <-plus -minus>",
    "user.employeeHireDate <-le -ge> system.now <-plus> p1d <-plus> p1d",
    "user.employeeHireDate <-le -ge> 2020-01-01 <-plus -minus> p1d",
    "user.employeeHireDate <-le -ge> system.now p1d",
    "user.employeeHireDate <-le -ge> 2020-06-10 18:13:20",
    "user.employeeHireDate <-le -ge> <null>",
    "user.employeeHireDate <-startsWith -match -contains> '2020'",
    "user.employeeHireDate <-in -notIn> [2020-01-01]",
    "user.employeeHireDate <-any -all> (_ -le 2020-01-01)",
    "user.assignedPlans <-eq -ne -contains> 'SCO'",
    "user.assignedPlans <-any -all> (<item>)",
    "user.assignedPlans <-any -all> (assignedPlan.colour -eq 'x')",
    "user.assignedPlans <-any -all> (assignedPlan -eq 'x')",
    "user.assignedPlans <-any -all> (user.displayName -eq 'x')",
    "user.assignedPlans <-any -all> (<-not> (assignedPlan.service -eq null))",
]

WRONG_DEVICE_RULES = [
    "Direct Reports for <'x'>",
    f"device.{EXTENSION} -eq 'x'",
    "device.employeeHireDate -le 2020-01-01",
    "device.assignedPlans -any (assignedPlan.service -eq 'SCO')",
]
