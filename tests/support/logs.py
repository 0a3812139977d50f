"""What servers inside the test's process log."""

from __future__ import annotations

import structlog


def log_plainly() -> None:
    """As structlog does unless it is told otherwise, but a traceback is written, not painted: that takes
    longer than most tests that bring one about.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )
