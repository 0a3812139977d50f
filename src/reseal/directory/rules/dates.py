"""Dates and durations as rules write them (docs/administrator/membership-rules.md, choices 19 and 20)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_MOMENT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_DURATION = re.compile(
    r"P(?:(?P<weeks>[0-9]{1,8})W"
    r"|(?:(?P<days>[0-9]{1,8})D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]{1,8})H)?(?:(?P<minutes>[0-9]{1,8})M)?(?:(?P<seconds>[0-9]{1,8})S)?)?)",
    re.IGNORECASE,
)
_LONGEST = timedelta(days=36_500)


def parse_moment(text: str) -> datetime | None:
    """An instant from ISO 8601 text, or None. Without a time it is midnight, without an offset UTC."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    fraction = (found["fraction"] or "0")[:6].ljust(6, "0")
    offset = found["offset"] or "Z"
    try:
        moment = datetime.fromisoformat(f"{found['day']}T{found['time'] or '00:00'}{offset.upper()}")
    except ValueError:
        return None
    return moment.replace(microsecond=int(fraction))


def parse_duration(text: str) -> timedelta | None:
    """A duration of weeks, or of days, hours, minutes and seconds, up to 36,500 days; None for the rest."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        return None
    parts = {unit: int(number) for unit, number in found.groupdict(default="0").items()}
    duration = timedelta(**parts)
    return duration if duration <= _LONGEST else None
