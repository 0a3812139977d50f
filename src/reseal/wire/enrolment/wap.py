"""OMA client provisioning: characteristics and their parms (spec/mdm-wire.md 2.5).

Types and names are compared as they are written: Windows minds their letter case.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reseal.wire.enrolment.elements import children
from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.xml import Element, Markup, element, local_name, parse

_ROOT: Final = "wap-provisioningdoc"
_DEEPEST: Final = 32
"""Levels; a provisioning document has five."""


@dataclass(frozen=True, slots=True)
class Parm:
    """A named value."""

    name: str
    value: str | None = None
    """None: being there says it all."""
    datatype: str = ""
    """`boolean`, `integer` or `string` where Windows wants to be told, else empty."""


@dataclass(frozen=True, slots=True)
class Characteristic:
    """A group of values. `type` is its name; that of a whole document is empty."""

    type: str
    parms: tuple[Parm, ...] = ()
    characteristics: "tuple[Characteristic, ...]" = ()

    def at(self, *types: str) -> "Iterator[Characteristic]":
        """The groups at the end of a path; a document may hold the same path in several pieces."""
        if not types:
            yield self
            return
        for inner in self.characteristics:
            if inner.type == types[0]:
                yield from inner.at(*types[1:])

    def value(self, name: str) -> str | None:
        """The first value of a name, empty if it has none; None if the name is missing."""
        found = next((parm for parm in self.parms if parm.name == name), None)
        return None if found is None else found.value or ""


def read_wap(data: bytes) -> Characteristic:
    """The document in `data`; what is neither characteristic nor parm is left out.

    Raises EnrolmentError (NotProvisioning) or XmlError.
    """
    root = parse(data)
    if local_name(root) != _ROOT:
        raise _no_document(f"its root is {local_name(root)!a:.80}")
    return _characteristic(root, "", _DEEPEST)


def _no_document(why: str) -> EnrolmentError:
    message, remedy = f"This is no provisioning document: {why}", "Send a wap-provisioningdoc"
    return EnrolmentError(code="NotProvisioning", message=message, remedy=remedy)


def _characteristic(found: Element, kind: str, levels: int) -> Characteristic:
    if levels == 0:
        raise _no_document(f"it has more than {_DEEPEST} levels")
    parms = (
        Parm(name.strip(), parm.get("value"), parm.get("datatype") or "")
        for parm in children(found, "parm")
        if (name := parm.get("name"))
    )
    inner = (
        _characteristic(below, (below.get("type") or "").strip(), levels - 1)
        for below in children(found, "characteristic")
    )
    return Characteristic(kind, tuple(parms), tuple(inner))


def write_wap(document: Characteristic) -> bytes:
    """The document as UTF-8, without XML declaration or white space. Raises XmlError."""
    return element(_ROOT, *_inside(document), version="1.1").encode()


def _inside(characteristic: Characteristic) -> list[Markup]:
    parms = [element("parm", **_attributes(parm)) for parm in characteristic.parms]
    inner = (
        element("characteristic", *_inside(below), type=below.type)
        for below in characteristic.characteristics
    )
    return [*parms, *inner]


def _attributes(parm: Parm) -> dict[str, str]:
    attributes = {"name": parm.name}
    if parm.value is not None:
        attributes["value"] = parm.value
    if parm.datatype:
        attributes["datatype"] = parm.datatype
    return attributes
