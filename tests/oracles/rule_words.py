"""The words of the membership-rule language as the oracle knows them: names, operators, dates, patterns."""

import re
from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache

TEXT, BOOL, DATE, TEXTS, PLANS, GROUPS = "text", "bool", "date", "texts", "plans", "groups"


def _holding(what: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), what)


_EXTENSIONS = {f"extensionAttribute{n}": TEXT for n in range(1, 16)}

USER_PROPERTIES: dict[str, str] = {
    **_EXTENSIONS,
    **_holding(BOOL, "accountEnabled dirSyncEnabled"),
    **_holding(DATE, "employeeHireDate"),
    **_holding(TEXT, "city companyName country department displayName employeeId facsimileTelephoneNumber"),
    **_holding(TEXT, "givenName jobTitle mail mailNickName mobile objectId onPremisesDistinguishedName"),
    **_holding(TEXT, "onPremisesSecurityIdentifier passwordPolicies physicalDeliveryOfficeName postalCode"),
    **_holding(TEXT, "preferredLanguage sipProxyAddress state streetAddress surname telephoneNumber"),
    **_holding(TEXT, "usageLocation userPrincipalName userType"),
    **_holding(TEXTS, "otherMails proxyAddresses"),
    **_holding(PLANS, "assignedPlans"),
    **_holding(GROUPS, "memberOf"),
}

DEVICE_PROPERTIES: dict[str, str] = {
    **_EXTENSIONS,
    **_holding(BOOL, "accountEnabled isRooted"),
    **_holding(
        TEXT, "deviceCategory deviceId deviceManagementAppId deviceManufacturer deviceModel deviceOSType"
    ),
    **_holding(TEXT, "deviceOSVersion deviceOwnership deviceTrustType displayName enrollmentProfileName"),
    **_holding(TEXT, "managementType objectId profileType"),
    **_holding(TEXTS, "devicePhysicalIds systemLabels"),
    **_holding(GROUPS, "memberOf"),
}

PROPERTIES = {"user": USER_PROPERTIES, "device": DEVICE_PROPERTIES}
PLAN_PROPERTIES = ["capabilityStatus", "service", "servicePlanId"]

OPPOSITES = {
    "ne": "eq",
    "notstartswith": "startswith",
    "notendswith": "endswith",
    "notcontains": "contains",
    "notmatch": "match",
    "notin": "in",
}
TEXT_OPERATORS = {*OPPOSITES, *OPPOSITES.values()}
DATE_OPERATORS = {"eq", "ne", "le", "ge"}
OPERATORS = TEXT_OPERATORS | DATE_OPERATORS | {"and", "or", "not", "any", "all", "plus", "minus"}

DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
TYPOGRAPHIC_QUOTES = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f"


class Refused(Exception):
    """The rule must not be accepted; the message says why."""


def duration(text: str) -> timedelta:
    """The length of a duration; raises `Refused`."""
    units = re.fullmatch(
        r"p(?:(\d+)w|(?:(\d+)d)?(?:t(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?)?)", text.lower(), re.ASCII
    )
    if not units or not any(units.groups()):
        raise Refused("not a duration")
    weeks, days, hours, minutes, seconds = (int(number or 0) for number in units.groups())
    total = seconds + 60 * (minutes + 60 * (hours + 24 * (days + 7 * weeks)))
    if total > 36_500 * 86_400:
        raise Refused("a duration of more than 36,500 days")
    return timedelta(seconds=total)


_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?(?:Z|([+-])(\d\d):(\d\d))?", re.ASCII
)


@lru_cache(maxsize=4096)
def instant(text: str) -> Fraction | None:
    """Seconds since a fixed point, to the microsecond, or None for what is no date."""
    found = _INSTANT.fullmatch(text)
    if not found:
        return None
    day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = found.groups()
    try:
        seconds = Fraction(date.fromisoformat(day).toordinal() * 86_400)
    except ValueError:
        return None
    if int(hour or 0) > 23 or int(minute or 0) > 59 or int(second or 0) > 59:
        return None
    if int(offset_hours or 0) > 23 or int(offset_minutes or 0) > 59:
        return None
    seconds += int(hour or 0) * 3600 + int(minute or 0) * 60 + int(second or 0)
    seconds += Fraction(int(fraction[:6].ljust(6, "0")), 1_000_000) if fraction else 0
    offset = int(offset_hours or 0) * 3600 + int(offset_minutes or 0) * 60
    return seconds + offset if sign == "-" else seconds - offset


def required_instant(text: str) -> Fraction:
    """The instant a rule names; raises `Refused`."""
    found = instant(text)
    if found is None:
        raise Refused("not a date")
    return found


# --- patterns -------------------------------------------------------------------------------------------

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": "\\t\\n\\f\\r "}


@lru_cache(maxsize=4096)
def pattern(text: str) -> "re.Pattern[str]":
    """Python's pattern for a rule's; raises `Refused`. Knows the subset that `rule_strategies` writes."""
    pieces = re.findall(r"\\.|.", text, re.DOTALL)
    python = ""
    in_class = False
    for before, piece, after in zip(["", *pieces], pieces, [*pieces[1:], ""], strict=False):
        if not in_class and (before + piece == "(?" and after != ":"):
            raise Refused("look-around and other extensions")
        if not in_class and before in tuple("*+?}") and piece == "+":
            raise Refused("repetition of a repetition")
        if re.fullmatch(r"\\[1-9]", piece):
            raise Refused("back-reference")
        in_class = piece == "[" or (in_class and piece != "]")
        python += _in_python(piece, in_class)
    if any(int(count) > 1000 for count in re.findall(r"(?<!\\)\{(?:\d*,)?(\d+)\}", text)):
        raise Refused("a repetition of more than 1,000")
    try:
        return re.compile(python, re.IGNORECASE)
    except (re.error, OverflowError) as error:
        raise Refused(f"pattern: {error}") from error


def _in_python(piece: str, in_class: bool) -> str:
    """RE2's classes are those of ASCII, and its $ is the end of the text."""
    if piece == "$" and not in_class:
        return r"\Z"
    if len(piece) < 2 or piece[1].lower() not in _CLASSES:
        return piece
    members = _CLASSES[piece[1].lower()]
    if in_class and piece[1].islower():
        return members
    # Python would find İ in [A-Z] when letter case does not matter; RE2 does not.
    return f"(?-i:[{'^' if piece[1].isupper() else ''}{members}])"
