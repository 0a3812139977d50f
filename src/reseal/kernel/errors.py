"""Errors are data: a code for programs, a sentence for people, a remedy for whoever has to act.

Each kind carries the HTTP status under which a route answers it, so that no route translates errors by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Detail:
    """One of several problems found at once: where (a line, a path in a document, a field), what, and what to
    do.
    """

    where: str
    message: str
    remedy: str = ""
    code: str = ""

    def to_json(self) -> dict[str, str]:
        """The detail as an object; empty fields are left out."""
        fields = {"where": self.where, "code": self.code, "message": self.message, "remedy": self.remedy}
        return {name: value for name, value in fields.items() if value}


class ResealError(Exception):
    """Base of every error that a person may see.

    `code` is stable and short (`ZtdDeviceAlreadyAssigned`, `NameTaken`), `message` says what happened and to
    what, `remedy` says what to do about it, `details` lists single problems of one refused input. Sentences
    that can be translated (`web.phrases`) stay so until they are shown.
    """

    status: int = 500

    def __init__(self, *, code: str, message: str, remedy: str = "", details: Sequence[Detail] = ()) -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.code = code
        self.message = message
        self.remedy = remedy
        self.details = tuple(details)

    def to_json(self) -> dict[str, Any]:
        """The body of an error answer: `{"error": {"code", "message", "remedy", "details"}}`."""
        error: dict[str, Any] = {"code": self.code, "message": str(self.message)}
        if self.remedy:
            error["remedy"] = str(self.remedy)
        if self.details:
            error["details"] = [detail.to_json() for detail in self.details]
        return {"error": error}


class Invalid(ResealError):
    """The input is not acceptable as it stands."""

    status = 400


class Unauthenticated(ResealError):
    """Nobody, or somebody we cannot recognise, asks."""

    status = 401


class Denied(ResealError):
    """The caller is known and may not do this."""

    status = 403


class NotFound(ResealError):
    """The thing named does not exist, or not for this caller."""

    status = 404


class Conflict(ResealError):
    """The input is fine but contradicts the present state."""

    status = 409


class Gone(ResealError):
    """The thing existed and was removed for good."""

    status = 410


class TooLarge(ResealError):
    """The body is longer than the route allows."""

    status = 413


class WrongHost(ResealError):
    """The request names a host that this server does not serve."""

    status = 421


class TooSoon(ResealError):
    """The same was asked a moment ago; `retry_after` says when it may be asked again."""

    status = 429

    def __init__(
        self,
        *,
        code: str,
        message: str,
        remedy: str = "",
        details: Sequence[Detail] = (),
        retry_after: timedelta,
    ) -> None:
        super().__init__(code=code, message=message, remedy=remedy, details=details)
        self.retry_after = retry_after


class Fault(ResealError):
    """Our own fault: an invariant does not hold."""

    status = 500


class Unavailable(ResealError):
    """Something this server needs cannot be reached at the moment."""

    status = 503


class StorageFull(ResealError):
    """The disk holding the database or the contents has no room left."""

    status = 507
