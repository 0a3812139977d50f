"""Logs: one line per happening, JSON when no person watches, without secrets.

`configure_logs` is called once by the entry point. Everything, the libraries' own logging included, passes
the same steps: context bound with `bound(...)`, time from the `Clock`, masking, one renderer. A
`ResealError` that is logged shows its code and remedy as fields.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from reseal.kernel.clock import Clock
from reseal.kernel.errors import ResealError
from reseal.kernel.secrecy import MASK, looks_secret, mask_text
from reseal.kernel.settings import LogFormat, LogLevel

bound = structlog.contextvars.bound_contextvars
"""Context manager: every line logged inside, by this task, carries these fields."""


def get_logger(name: str) -> FilteringBoundLogger:
    """The logger of a module: `log = get_logger(__name__)`; lines carry the name as `logger`."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def configure_logs(
    *, clock: Clock, level: LogLevel = "info", style: LogFormat = "auto", stream: TextIO | None = None
) -> None:
    """Send all logging of this process to `stream` (standard error), from `level` on.

    `style="auto"` writes JSON lines unless the stream is a terminal. Calling it again replaces the set-up.
    """
    target = stream or sys.stderr
    as_json = style == "json" or (style == "auto" and not target.isatty())
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        _Timestamp(clock),
        _explain_error,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *common,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                mask_secrets,
                *_renderer(as_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog step: values under secret-looking names, and secrets inside texts, become `***`."""
    return {name: _mask(name, value) for name, value in event.items()}


def _mask(name: str, value: Any) -> Any:
    if looks_secret(name) and value is not None and not isinstance(value, bool):
        return MASK
    match value:
        case str():
            return mask_text(value)
        case Mapping():
            return {key: _mask(str(key), inner) for key, inner in value.items()}
        case list() | tuple():
            return _mask_items(name, value)
        case _:
            return value


def _mask_items(name: str, items: Sequence[Any]) -> list[Any]:
    return [_mask(name, item) for item in items]


class _Timestamp:
    """Adds `at`, in UTC with milliseconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        now = self._clock.now().astimezone(UTC)
        event["at"] = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return event


def _explain_error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    error = event.get("exc_info")
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, ResealError):
        event.setdefault("code", error.code)
        event.setdefault("remedy", error.remedy)
    return event


def _renderer(as_json: bool) -> list[Processor]:
    if as_json:
        return [structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer(default=str)]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(timestamp_key="at", exception_formatter=plain)]
