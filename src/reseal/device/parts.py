"""What a device is given to live on: its disk, its network, time, chance, keys, and its ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from reseal.device.disk import Disk
from reseal.device.hints import Hints
from reseal.device.quirks import Quirk
from reseal.device.transport import Transport
from reseal.kernel.clock import Clock
from reseal.kernel.entropy import Entropy
from reseal.kernel.keys import KeySource

Tell: TypeAlias = Callable[[str, dict[str, Any]], None]
"""Told what happens on the device: `noun.verb` and what belongs to it."""


def silence(_what: str, _about: dict[str, Any]) -> None:
    """A `Tell` for when nobody listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of one device."""

    disk: Disk
    transport: Transport
    clock: Clock
    entropy: Entropy
    keys: KeySource
    quirks: frozenset[Quirk]
    hints: Hints
    tell: Tell = silence
    network_clock: Clock | None = None
    """By which answers and tokens are timed, where that is not the device's own clock (`pace`)."""
