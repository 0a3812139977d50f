"""Finding things in messages whose writers choose prefixes, order and white space as they like.

Letter case of element names is free too: the published fault is all in lower case (spec/mdm-wire.md 2.6).
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from reseal.wire.enrolment.errors import EnrolmentError, missing, wrong
from reseal.wire.enrolment.names import UTILITY, WSSE
from reseal.wire.xml import Element, local_name, text_of


def is_called(element: Element, name: str) -> bool:
    """Whether the element has this name, in whichever namespace."""
    return local_name(element).casefold() == name.casefold()


def children(parent: Element, name: str) -> Iterator[Element]:
    """The elements directly in `parent` that are called `name`."""
    return (child for child in parent if is_called(child, name))


def child(parent: Element, name: str) -> Element | None:
    """The first element directly in `parent` that is called `name`."""
    return next(children(parent, name), None)


def required(parent: Element, name: str) -> Element:
    """As `child`. Raises EnrolmentError if there is none."""
    found = child(parent, name)
    if found is None:
        raise missing(name, local_name(parent))
    return found


def descendants(ancestor: Element, name: str) -> Iterator[Element]:
    """The elements anywhere in `ancestor` that are called `name`, in document order."""
    waiting = [ancestor]
    while waiting:
        current = waiting.pop()
        if is_called(current, name):
            yield current
        waiting.extend(reversed(list(current)))


def text_in(parent: Element, name: str) -> str:
    """The text of the first `name` in `parent`; empty if there is none."""
    found = child(parent, name)
    return "" if found is None else text_of(found)


def required_text(parent: Element, name: str) -> str:
    """As `text_in`. Raises EnrolmentError if there is no text."""
    if text := text_in(parent, name):
        return text
    raise missing(name, local_name(parent))


def attribute(element: Element, name: str) -> str:
    """The attribute `name`; clients also write it with a prefix of WS-Security. Empty if there is none."""
    for key in (name, f"{{{WSSE}}}{name}", f"{{{UTILITY}}}{name}"):
        if value := element.get(key):
            return value.strip()
    return ""


_NUMBER: Final = re.compile("[0-9]{1,12}")


def number(name: str, text: str) -> int:
    """The number from 0 that `text` says. Raises EnrolmentError, which calls it `name`."""
    if _NUMBER.fullmatch(text.strip()):
        return int(text)
    raise wrong(name, text, "is not a number from 0")


_TRUTH: Final = {"true": True, "1": True, "false": False, "0": False}


def truth(name: str, text: str) -> bool:
    """Whether `text` says true, in any case. Raises EnrolmentError, which calls it `name`."""
    value = _TRUTH.get(text.strip().casefold())
    if value is None:
        raise wrong(name, text, "is neither true nor false")
    return value


_TO_STANDARD: Final = str.maketrans("-_", "+/")


def decode_base64(name: str, text: str) -> bytes:
    """Base64 of either alphabet, with line breaks or blanks, padded or not (spec/mdm-wire.md 1.7, 2.3).

    Raises EnrolmentError, which calls it `name` and does not repeat it: it may be a secret.
    """
    digits = "".join(text.split()).translate(_TO_STANDARD).rstrip("=")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        message, remedy = f"The {name} is not base64", "Send it as base64"
        raise EnrolmentError(code="WrongValue", message=message, remedy=remedy) from error


def encode_base64(data: bytes) -> str:
    """Base64 as messages carry it: the standard alphabet, padded, in one line."""
    return base64.b64encode(data).decode("ascii")


_GUID: Final = re.compile("[0-9A-Fa-f]{32}")


def canonical_guid(text: str) -> str:
    """A GUID in lower case with dashes, whatever its dashes, braces and case; other text only trimmed."""
    stripped = text.strip()
    digits = stripped.strip("{}").replace("-", "")
    return str(UUID(digits)) if _GUID.fullmatch(digits) else stripped
