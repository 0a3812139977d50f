"""What a rehearsal found: for each device how it ended and, if that was not as expected, the causes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from reseal.rehearsal.scenario import Expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceResult:
    """One device."""

    number: int
    serial: str
    upn: str
    """Who signed in; empty: nobody."""
    expected: Expectation
    ended: Expectation
    took: timedelta
    """From the first power-on to the end, in virtual time."""
    causes: tuple[str, ...]
    """Why it is not as expected, in sentences; empty if it is."""

    @property
    def arrived(self) -> bool:
        """Whether everything is as expected."""
        return not self.causes

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "number": self.number,
            "serial": self.serial,
            "user": self.upn,
            "expected": str(self.expected),
            "ended": str(self.ended),
            "seconds": self.took // timedelta(seconds=1),
            "arrived": self.arrived,
            "causes": list(self.causes),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """All of it."""

    seed: int
    devices: tuple[DeviceResult, ...]
    causes: tuple[str, ...]
    """What is wrong beyond single devices: faults of the server, a broken log."""
    took: timedelta
    """Virtual time from first to last."""
    requests: int
    events: tuple[bytes, ...]
    """Canonical JSON, one event each."""
    wire: str
    """SHA-256 over all that passed the network."""

    @property
    def arrived(self) -> bool:
        """Whether every device ended as expected and nothing else is wrong."""
        return not self.causes and all(device.arrived for device in self.devices)

    @property
    def device_hours(self) -> float:
        """The devices' times together, in hours."""
        return sum((device.took for device in self.devices), timedelta(0)) / timedelta(hours=1)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "seed": self.seed,
            "arrived": self.arrived,
            "devices": [device.to_json() for device in self.devices],
            "causes": list(self.causes),
            "seconds": self.took // timedelta(seconds=1),
            "requests": self.requests,
            "events": len(self.events),
            "wire": self.wire,
        }
