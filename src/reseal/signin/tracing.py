"""What finds one refused request in the log: its number, and when it came. The page shows both, so that who
asks a help desk can read them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from reseal.kernel.logs import get_logger
from reseal.signin.parts import Parts

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Trace:
    """One request. The log and the events of sign-ins name it too."""

    id: UUID
    at: datetime

    @property
    def time(self) -> str:
        """When, for people, with its zone."""
        return time_text(self.at)


def new_trace(parts: Parts) -> Trace:
    """For a request that is about to be judged."""
    return Trace(parts.entropy.uuid(), parts.clock.now())


def log_refusal(trace: Trace, code: str, why: str = "") -> None:
    """Write down what a page told its reader."""
    _log.info("sign-in refused", error=code, trace_id=str(trace.id), message=why)


def time_text(at: datetime) -> str:
    """A time in every language alike, with its zone."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
