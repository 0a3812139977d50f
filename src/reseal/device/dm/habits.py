"""Ways of writing a message that mean the same and look different; each is a quirk.

They work on the bytes of a message that `wire.syncml` wrote, whose form is exact, so that they can do what
that writer never would.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from reseal.device.quirks import Quirk

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_ALERT: Final = re.compile(rb"<Alert>.*?</Alert>", re.DOTALL)
_TYPE_IN_META: Final = re.compile(
    rb'<Meta>(.*?)<Type xmlns="syncml:metinf">(.*?)</Type>(.*?)</Meta>', re.DOTALL
)
_CODES_AND_WORDS: Final = re.compile(rb"<(MsgID|CmdID|MsgRef|CmdRef|Cmd|LocURI)>([^<]*)</")
_OUTCOMES: Final = re.compile(rb"(<Status>.*?</Status>|<Alert>.*?</Alert>)", re.DOTALL)
_DATA: Final = re.compile(rb"<Data>([^<]*)</Data>")
_NUMBERS: Final = re.compile(
    rb'(<Format xmlns="syncml:metinf">(?:int|bool)</Format>(?:<Type[^>]*>[^<]*</Type>)?</Meta>)'
    rb"<Data>([^<]*)</Data>"
)
_IN_META: Final = re.compile(rb'<(\w+) xmlns="syncml:metinf">([^<]*)</\w+>')
_ANY_NAME: Final = re.compile(rb"<(/?)(?!m:)(\w)")


def dressed(message: bytes, quirks: frozenset[Quirk]) -> bytes:
    """`message` as a client with these quirks writes it."""
    for quirk, habit in _HABITS:
        if quirk in quirks:
            message = habit(message)
    return message


def _type_beside_meta(message: bytes) -> bytes:
    beside = rb'<Meta>\1\3</Meta><Type xmlns="syncml:metinf">\2</Type>'
    return _ALERT.sub(lambda alert: _TYPE_IN_META.sub(beside, alert[0]), message)


def _blanks(message: bytes) -> bytes:
    message = _CODES_AND_WORDS.sub(rb"<\1>\n   \2\n  </", message)
    message = _NUMBERS.sub(rb"\1<Data>\n   \2\n  </Data>", message)
    return _OUTCOMES.sub(lambda found: _DATA.sub(rb"<Data>\n   \1\n  </Data>", found[0]), message)


def _prefixes(message: bytes) -> bytes:
    message = _IN_META.sub(rb'<m:\1 xmlns:m="syncml:metinf">\2</m:\1>', message)
    message = _ANY_NAME.sub(rb"<\1s:\2", message)
    return message.replace(b'<s:SyncML xmlns="', b'<s:SyncML xmlns:s="', 1)


def _byte_order_mark(message: bytes) -> bytes:
    return _BYTE_ORDER_MARK + message


_HABITS: Final[tuple[tuple[Quirk, Callable[[bytes], bytes]], ...]] = (
    (Quirk.TYPE_BESIDE_META, _type_beside_meta),
    (Quirk.BLANKS_AROUND_VALUES, _blanks),
    (Quirk.PREFIXED_NAMES, _prefixes),
    (Quirk.BYTE_ORDER_MARK, _byte_order_mark),
)
