"""What makes a policy valid: node paths, formats, data that match their format, no node twice.

Node paths follow spec/mdm-wire.md 3.4 and 5.6. A fault here would otherwise show on the device only, as
status 404, 415 or 500, so everything that can be known beforehand is refused with the number of the setting.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from types import MappingProxyType
from typing import Final

from lxml import etree

from reseal.catalog.model import Format, OmaSetting, PolicyBody
from reseal.catalog.xml import parse_xml
from reseal.kernel.errors import Detail, Invalid

URI_LIMIT: Final = 1_024
VALUE_LIMIT: Final = 1_048_576
"""Characters of one value; a message to the device carries no more."""
SETTING_LIMIT: Final = 1_000

_ROOTS: Final = ("./Device/", "./User/", "./Vendor/", "./DevInfo/", "./DevDetail/", "./SyncML/", "./cimv2/")
_SEGMENT: Final = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()+,;=:@]|%[0-9A-Fa-f]{2})+\Z")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_INT_RANGE: Final = (-(2**31), 2**32 - 1)


def check_policy(body: PolicyBody) -> None:
    """Raise `Invalid` with code `Policy` and a detail for each problem, unless every setting can be sent."""
    problems = list(_problems(body))
    if problems:
        raise Invalid(
            code="Policy",
            message=f"The policy cannot be saved: {problems[0].where}: {problems[0].message}",
            remedy=problems[0].remedy,
            details=problems,
        )


def node_key(uri: str) -> str:
    """The node that a path means: `./Vendor` and `./Device/Vendor` are the same place on the machine."""
    folded = uri.casefold()
    return "./device" + folded[1:] if folded.startswith("./vendor/") else folded


def _problems(body: PolicyBody) -> Iterator[Detail]:
    if not body.settings:
        yield Detail("settings", "The policy has no settings.", "Add one.")
    if len(body.settings) > SETTING_LIMIT:
        yield Detail(
            "settings", f"The policy has {len(body.settings)} settings.", f"Use at most {SETTING_LIMIT}."
        )
        return
    first: dict[str, int] = {}
    for number, setting in enumerate(body.settings, start=1):
        where = f"setting {number} ({setting.uri[:80]})"
        for message, remedy in (*_uri_problems(setting.uri), *_value_problems(setting)):
            yield Detail(where, message, remedy)
        earlier = first.setdefault(node_key(setting.uri), number)
        if earlier != number:
            yield Detail(where, f"Setting {earlier} sets the same node.", "Keep one of them.")


def _uri_problems(uri: str) -> Iterator[tuple[str, str]]:
    if len(uri) > URI_LIMIT:
        yield f"The path has {len(uri)} characters.", f"Use at most {URI_LIMIT}."
        return
    if not uri.startswith(_ROOTS):
        yield (
            "The path does not begin at a known root.",
            "Begin with ./Device/Vendor/MSFT/..., ./User/Vendor/MSFT/... or ./Vendor/MSFT/...",
        )
        return
    for segment in uri.split("/")[1:]:
        if not segment:
            yield "The path has an empty segment.", "Remove the doubled or trailing slash."
        elif segment in (".", "..", "*"):
            yield f"The path has the segment '{segment}'.", "Name the node in full."
        elif not _SEGMENT.match(segment):
            yield (
                f"The segment '{segment[:40]}' holds characters that a node name cannot have.",
                "Write other characters percent-encoded, for example %20 for a blank and %7B for a brace.",
            )


def _value_problems(setting: OmaSetting) -> Iterator[tuple[str, str]]:
    if len(setting.value) > VALUE_LIMIT:
        yield f"The value has {len(setting.value)} characters.", f"Use at most {VALUE_LIMIT}."
        return
    if _CONTROL.search(setting.value):
        yield "The value holds control characters that cannot be sent.", "Remove them."
        return
    check, remedy = _CHECKS[setting.format]
    if not check(setting.value):
        yield f"The value is not of the format {setting.format.value}.", remedy


def _is_int(value: str) -> bool:
    lowest, highest = _INT_RANGE
    return re.fullmatch(r"-?[0-9]{1,10}", value) is not None and lowest <= int(value) <= highest


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return value.isascii()


def _is_xml(value: str) -> bool:
    """A document, or a run of elements such as `<enabled/><data id="a" value="1"/>`."""
    try:
        parse_xml(value.encode()) if value.lstrip().startswith("<?xml") else parse_xml(
            f"<v>{value}</v>".encode()
        )
    except etree.XMLSyntaxError:
        return False
    return True


def _is_float(value: str) -> bool:
    try:
        return math.isfinite(float(value)) and value.isascii() and "_" not in value
    except ValueError:
        return False


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            parse(value)
        except ValueError:
            return False
        return True

    return check


def _is_date(value: str) -> bool:
    return _parses(date.fromisoformat)(value) or _parses(datetime.fromisoformat)(value)


_CHECKS: Final[Mapping[Format, tuple[Callable[[str], bool], str]]] = MappingProxyType(
    {
        Format.CHR: (lambda value: True, ""),
        Format.INT: (_is_int, "Write a whole number of 32 bits."),
        Format.BOOL: (lambda value: value in ("true", "false"), "Write true or false."),
        Format.B64: (_is_base64, "Write base64 with padding and without line breaks."),
        Format.BIN: (_is_base64, "Write base64 with padding and without line breaks."),
        Format.XML: (_is_xml, "Write well-formed XML without a document type."),
        Format.DATE: (_is_date, "Write an ISO 8601 date such as 2026-03-31."),
        Format.TIME: (_parses(time.fromisoformat), "Write an ISO 8601 time such as 13:45:00."),
        Format.FLOAT: (_is_float, "Write a number such as 1.5."),
    }
)
