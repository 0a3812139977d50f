"""Leaves of the tree: what they hold, how a value is written and read (spec/mdm-wire.md 3.5, 5)."""

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final, TypeAlias

from reseal.wire.csp.locuri import CspError, LocURI, Scope
from reseal.wire.syncml import Add, Format, Item, Meta, Replace

Value: TypeAlias = bool | int | str | bytes
"""Of a leaf with the format bool, int, chr or xml, b64 or bin."""

VENDOR: Final = ("Vendor", "MSFT")
BOTH: Final = (Scope.DEVICE, Scope.USER)

_PLAIN_TEXT: Final = "text/plain"
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}
_MOST_DIGITS: Final = 10


def vendor(csp: str, scope: Scope | None = Scope.DEVICE) -> LocURI:
    """The root of a configuration service provider, such as `./Device/Vendor/MSFT/DMClient`."""
    return LocURI((*VENDOR, csp), scope)


@dataclass(frozen=True, slots=True)
class NodeValue:
    """A leaf and what it is to hold."""

    uri: LocURI
    format: Format
    text: str

    def add(self) -> Add:
        """The command that makes the leaf; its answer is 418 if there is one."""
        return Add(items=(self._item,))

    def replace(self) -> Replace:
        """The command that sets the leaf."""
        return Replace(items=(self._item,))

    @property
    def _item(self) -> Item:
        meta = Meta(format=self.format, type=_PLAIN_TEXT)
        return Item(target=str(self.uri), meta=meta, data=self.text)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf that a configuration service provider has below some interior node."""

    path: str
    """From that node, such as `Push/PFN`."""
    format: Format
    scopes: tuple[Scope, ...] = (Scope.DEVICE,)
    """Where it exists."""
    lowest: int = -(2**31)
    highest: int = 2**32 - 1
    """For integers; by default whatever fits into 32 bits, with or without sign."""

    def at(self, base: LocURI) -> LocURI:
        """The address of this leaf below `base`. Raises CspError if the leaf does not exist in that scope."""
        scope = base.scope or Scope.DEVICE
        if scope not in self.scopes:
            message = f"{self.path} does not exist below ./{scope}"
            raise CspError(code="Scope", message=message, remedy=f"Use ./{self.scopes[0]}")
        return base.under(self.path.split("/"))

    def put(self, base: LocURI, value: Value) -> NodeValue:
        """This leaf below `base` with `value`. Raises CspError as `at` and `write` do."""
        return NodeValue(self.at(base), self.format, self.write(value))

    def write(self, value: Value) -> str:
        """`value` as data. Raises CspError if it is of another type or out of range."""
        match self.format, value:
            case Format.BOOL, bool():
                return "true" if value else "false"
            case Format.INT, int() if not isinstance(value, bool) and self.lowest <= value <= self.highest:
                return str(int(value))
            case ((Format.B64 | Format.BIN), bytes()):
                return b64encode(value).decode()
            case ((Format.CHR | Format.XML), str()):
                return value
            case _:
                raise self._wrong(f"{value!a:.80}")

    def read(self, data: str) -> Value:
        """The value that `data` says. Raises CspError if it is of another format or out of range."""
        plain = data.strip()
        match self.format:
            case Format.BOOL if plain.lower() in _BOOLEANS:
                return _BOOLEANS[plain.lower()]
            case Format.INT if (number := _integer(plain)) is not None:
                if self.lowest <= number <= self.highest:
                    return number
                raise self._wrong(plain)
            case Format.B64 | Format.BIN:
                return self._read_base64(data)
            case Format.CHR | Format.XML:
                return data
            case _:
                raise self._wrong(f"{data!a:.80}")

    def _read_base64(self, data: str) -> bytes:
        try:
            return b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise self._wrong("text that is not base64") from error

    def _wrong(self, what: str) -> CspError:
        within = f" from {self.lowest} to {self.highest}" if self.format is Format.INT else ""
        message = f"{self.path} cannot hold {what}"
        return CspError(code="Value", message=message, remedy=f"Give a value of format {self.format}{within}")


def _integer(text: str) -> int | None:
    digits = text.removeprefix("-")
    plain = digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS
    return int(text) if plain else None
