"""What a rule may speak about: the properties of users, devices and filters, with their types.

Property names are found in any letter case and known by one canonical name. For users and devices that is
Microsoft Graph's; for filters it is the name under which the *directory device* carries the value, so that
one set of values serves group rules and filters alike (`device.model` of a filter reads `deviceModel`). A
custom extension property has no single right spelling, so its canonical name is in lower case. Source:
spec/autopilot.md 3.3 and 5.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum

from reseal.directory.rules.operators import (
    DATE_OPERATORS,
    EQUALITY,
    FILTER_OPERATORS,
    TEXT_OPERATORS,
    Operator,
)

MEMBER_OF = "memberOf"
MANAGER = "manager"

_EXTENSION = re.compile(r"extension_[0-9a-z]+_[0-9a-z_]+")


class Kind(Enum):
    """The type of a property, in words for people."""

    BOOLEAN = "true/false"
    DATE = "date"
    TEXT = "text"
    TEXTS = "collection of texts"
    OBJECTS = "collection of objects"
    GROUPS = "groups"


@dataclass(frozen=True, slots=True)
class Property:
    """One property: canonical name, type, allowed operators.

    `spelling` is how rules write it where that is not the canonical name.
    `item` and `fields` describe the objects of a collection (`assignedPlan`, its properties). `synonyms` maps
    folded values of this schema to the folded values that the directory stores. `few_values`: many objects
    share a value, so an index over it finds little.
    """

    name: str
    kind: Kind
    operators: frozenset[Operator]
    spelling: str = ""
    item: str = ""
    fields: tuple[str, ...] = ()
    synonyms: Mapping[str, str] = field(default_factory=dict)
    few_values: bool = False

    @property
    def written(self) -> str:
        """The name as rules write it."""
        return self.spelling or self.name


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """The properties that one kind of rule may use; `object` is the word before the dot."""

    name: str
    object: str
    properties: Mapping[str, Property] = field(repr=False)
    has_extensions: bool = False

    def find(self, name: str) -> Property | None:
        """The property of this name in any letter case, or None."""
        folded = name.lower()
        if self.has_extensions and _EXTENSION.fullmatch(folded):
            return Property(folded, Kind.TEXT, TEXT_OPERATORS)
        return self.properties.get(folded)

    def spellings(self) -> list[str]:
        """The properties as rules write them, in alphabetical order (for help texts and completion)."""
        return [self.properties[folded].written for folded in sorted(self.properties)]

    def nearest(self, name: str) -> str | None:
        """The known spelling most like `name`, for the remedy of an error."""
        found = get_close_matches(name.lower(), list(self.properties), n=1)
        return self.properties[found[0]].written if found else None


def canonical_attribute(name: str) -> str:
    """The name by which rules know a stored attribute: custom extension properties in lower case, others as
    is.
    """
    return name.lower() if name.startswith("extension_") else name


def _by_spelling(*properties: Property) -> dict[str, Property]:
    return {found.written.lower(): found for found in properties}


def _properties(
    kind: Kind, operators: frozenset[Operator], names: str, few_values: bool = False
) -> list[Property]:
    return [Property(name, kind, operators, few_values=few_values) for name in names.split()]


def _booleans(names: str) -> list[Property]:
    return _properties(Kind.BOOLEAN, EQUALITY, names, few_values=True)


def _texts(names: str) -> list[Property]:
    return _properties(Kind.TEXT, TEXT_OPERATORS, names)


def _common_texts(names: str) -> list[Property]:
    return _properties(Kind.TEXT, TEXT_OPERATORS, names, few_values=True)


def _collections(names: str) -> list[Property]:
    return _properties(Kind.TEXTS, TEXT_OPERATORS, names)


_EXTENSION_ATTRIBUTES = _texts(" ".join(f"extensionAttribute{number}" for number in range(1, 16)))
_MEMBER_OF = Property(MEMBER_OF, Kind.GROUPS, frozenset(), item="group", fields=("objectId",))

USER = Schema(
    "user",
    "user",
    _by_spelling(
        *_booleans("accountEnabled dirSyncEnabled"),
        *_properties(Kind.DATE, DATE_OPERATORS, "employeeHireDate"),
        *_texts(
            "city department displayName employeeId facsimileTelephoneNumber givenName jobTitle mail"
            " mailNickName mobile objectId onPremisesDistinguishedName onPremisesSecurityIdentifier"
            " physicalDeliveryOfficeName postalCode sipProxyAddress state streetAddress surname"
            " telephoneNumber userPrincipalName"
        ),
        *_common_texts("companyName country passwordPolicies preferredLanguage usageLocation userType"),
        *_collections("otherMails proxyAddresses"),
        *_EXTENSION_ATTRIBUTES,
        Property(
            "assignedPlans",
            Kind.OBJECTS,
            EQUALITY,
            item="assignedPlan",
            fields=("capabilityStatus", "service", "servicePlanId"),
        ),
        _MEMBER_OF,
    ),
    has_extensions=True,
)

DEVICE = Schema(
    "device",
    "device",
    _by_spelling(
        *_booleans("accountEnabled isRooted"),
        *_texts("deviceId displayName enrollmentProfileName objectId"),
        *_common_texts(
            "deviceCategory deviceManagementAppId deviceManufacturer deviceModel deviceOSType deviceOSVersion"
            " deviceOwnership deviceTrustType managementType profileType"
        ),
        *_collections("devicePhysicalIds systemLabels"),
        *_EXTENSION_ATTRIBUTES,
        _MEMBER_OF,
    ),
)


def _filter_text(name: str, spelling: str = "") -> Property:
    return Property(name, Kind.TEXT, FILTER_OPERATORS, spelling=spelling, few_values=True)


_ESP_PROPERTIES = (
    _filter_text("deviceModel", "model"),
    _filter_text("deviceManufacturer", "manufacturer"),
    _filter_text("deviceOSVersion", "osVersion"),
    _filter_text("operatingSystemSKU"),
    Property("deviceOwnership", Kind.TEXT, EQUALITY, synonyms={"corporate": "company"}, few_values=True),
    _filter_text("enrollmentProfileName"),
)

FILTER = Schema(
    "assignment filter",
    "device",
    _by_spelling(*_ESP_PROPERTIES, _filter_text("deviceCategory"), _filter_text("displayName", "deviceName")),
)

ESP_FILTER = Schema("filter of an Enrollment Status Page", "device", _by_spelling(*_ESP_PROPERTIES))
