"""Which attributes a user or a directory device may carry for the membership rules, and of what type.

Names and types are those of the rule language (`spec/autopilot.md 3.3`), so that every stored value can be
used in a rule and no value is stored that no rule could ever see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import assert_never

from reseal.directory.model import Attributes, AttributeValue
from reseal.directory.model_refusing import refuse_any
from reseal.directory.rules.schema import DEVICE, FILTER, USER, Kind, Property, Schema
from reseal.kernel.errors import Detail

TEXT_LIMIT = 1024
ITEM_LIMIT = 100

_USER_COLUMNS = frozenset({"objectId", "userPrincipalName", "displayName", "accountEnabled"})
_DEVICE_COLUMNS = frozenset(
    {
        "objectId",
        "deviceId",
        "displayName",
        "accountEnabled",
        "profileType",
        "deviceTrustType",
        "devicePhysicalIds",
    }
)


def merge_user_attributes(present: Attributes, given: Mapping[str, AttributeValue | None]) -> Attributes:
    """`present` with the `given` attributes of a user set; None removes one.

    Raises `Invalid` with one detail for each name that rules do not know or value that does not fit.
    """
    return _merge(present, given, (USER,), _USER_COLUMNS)


def merge_device_attributes(present: Attributes, given: Mapping[str, AttributeValue | None]) -> Attributes:
    """The same for a directory device, whose attributes filters may read too."""
    return _merge(present, given, (DEVICE, FILTER), _DEVICE_COLUMNS)


def _merge(
    present: Attributes,
    given: Mapping[str, AttributeValue | None],
    schemas: Sequence[Schema],
    columns: frozenset[str],
) -> Attributes:
    merged = dict(present)
    problems = []
    for name, value in given.items():
        found = _property(schemas, name)
        if found is None:
            problems.append(_unknown(name, schemas, columns))
        elif found.name in columns or found.kind is Kind.GROUPS:
            problems.append(_not_free(found))
        elif value is None:
            merged.pop(found.name, None)
        elif _fits(found, value):
            merged[found.name] = _plain(value)
        else:
            problems.append(_unfit(found))
    refuse_any(problems, "InvalidAttribute", "attribute")
    return {name: merged[name] for name in sorted(merged)}


def _plain(value: AttributeValue) -> AttributeValue:
    """The value as JSON gives it back, so that an unchanged one is seen to be unchanged."""
    if isinstance(value, (list, tuple)):
        return [dict(item) if isinstance(item, Mapping) else item for item in value]
    return value


def _property(schemas: Sequence[Schema], name: str) -> Property | None:
    """The property whose canonical name is `name` in any letter case."""
    for schema in schemas:
        if name.lower().startswith("extension_"):
            return schema.find(name)
        for candidate in schema.properties.values():
            if candidate.name.lower() == name.lower():
                return candidate
    return None


def _unknown(name: str, schemas: Sequence[Schema], columns: frozenset[str]) -> Detail:
    names = sorted({known.name for schema in schemas for known in schema.properties.values()} - columns)
    near = get_close_matches(name, names, n=1)
    return Detail(
        where=name,
        message="No rule knows this attribute.",
        remedy=f"Did you mean {near[0]}?" if near else "Leave it out.",
    )


def _not_free(found: Property) -> Detail:
    return Detail(
        where=found.name,
        message="This is not a free attribute.",
        remedy="Set it where it belongs; rules see it all the same.",
    )


def _unfit(found: Property) -> Detail:
    return Detail(
        where=found.name,
        message=f"The value is no {found.kind.value} of {TEXT_LIMIT} characters, {ITEM_LIMIT} items at most.",
        remedy="Give a value of that type.",
    )


def _fits(found: Property, value: AttributeValue) -> bool:
    match found.kind:
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.DATE:
            return _is_text(value) and _is_date(str(value))
        case Kind.TEXT:
            return _is_text(value)
        case Kind.TEXTS:
            return _is_list_of(_is_text, value)
        case Kind.OBJECTS:
            return _is_list_of(lambda item: _is_object(item, found.fields), value)
        case Kind.GROUPS:
            return False
    assert_never(found.kind)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= TEXT_LIMIT


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_list_of(fits: Callable[[object], bool], value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) <= ITEM_LIMIT and all(map(fits, value))


def _is_object(item: object, fields: Sequence[str]) -> bool:
    return isinstance(item, Mapping) and all(
        name in fields and _is_text(content) for name, content in item.items()
    )
