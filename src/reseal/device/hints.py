"""What a modelled machine cannot know by itself: how long installations take, what fails, how fast links are.

In a rehearsal a scenario file answers; the catalogue of the server never does (design.md 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol


class Hints(Protocol):
    """Answers for one device."""

    def install_time(self, product_code: str) -> timedelta:
        """How long the installation of a product takes once its file is there."""
        ...

    def install_failure(self, product_code: str) -> int | None:
        """The HRESULT with which each attempt to install a product ends; None if it succeeds."""
        ...

    def download_rate(self) -> int:
        """Bytes per second that the device takes from its network; 0 for as fast as they come."""
        ...


@dataclass(frozen=True, slots=True)
class PlainHints:
    """The same answer for every product, unless it is named. Product codes as written in the catalogue."""

    time: timedelta = timedelta(seconds=20)
    rate: int = 0
    times: Mapping[str, timedelta] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)

    def install_time(self, product_code: str) -> timedelta:
        return self.times.get(product_code, self.time)

    def install_failure(self, product_code: str) -> int | None:
        return self.failures.get(product_code)

    def download_rate(self) -> int:
        return self.rate
