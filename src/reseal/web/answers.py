"""The few kinds of response: JSON, nothing, and errors as data. As pages: `refusals`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reseal.kernel.errors import ResealError, TooSoon

_encoder = msgspec.json.Encoder()

Tell: TypeAlias = Callable[[Request, ResealError], Response]
"""How whoever asked is told that something cannot be."""


class Json(Response):
    """A JSON body, encoded by msgspec: dataclasses, UUIDs and times need no conversion."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return _encoder.encode(content)


def nothing() -> Response:
    """204: done, and nothing to say."""
    return Response(status_code=204)


def refusal(error: ResealError) -> Response:
    """The answer to an error: its status, its data, and when to come back if that is known."""
    return Json(error.to_json(), status_code=error.status, headers=headers_of(error))


def as_data(_request: Request, error: ResealError) -> Response:
    """The same, whoever asks."""
    return refusal(error)


def headers_of(error: ResealError) -> dict[str, str]:
    """What the answer to an error says beside its body."""
    headers: dict[str, str] = {}
    if isinstance(error, TooSoon):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after.total_seconds())))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers
