"""Log lines: what a person or a program reads, and what they must not."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from reseal.kernel.errors import Denied
from reseal.kernel.logs import bound, configure_logs, get_logger
from tests.support.clock import START, ManualClock
from tests.support.logs import log_plainly


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What is logged during the test; afterwards logging is as before."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    log_plainly()


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_the_clocks_time(stream: io.StringIO, clock: ManualClock) -> None:
    configure_logs(clock=clock, stream=stream)

    get_logger("reseal.mdm").info("device enrolled", device="LAPTOP-1", attempt=2)

    assert _lines(stream) == [
        {
            "message": "device enrolled",
            "device": "LAPTOP-1",
            "attempt": 2,
            "level": "info",
            "logger": "reseal.mdm",
            "at": START.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        }
    ]


def test_secrets_are_masked_at_any_depth(stream: io.StringIO, clock: ManualClock) -> None:
    configure_logs(clock=clock, stream=stream)

    get_logger("x").warning(
        "refused",
        password="hunter2",
        request={"headers": [{"Authorization": "hunter2"}]},
        token_kind="refresh",
    )
    get_logger("x").info("calling with Bearer hunter2hunter2")

    assert "hunter2" not in stream.getvalue()
    assert _lines(stream)[0]["token_kind"] == "refresh"


def test_a_library_that_logs_passes_the_same_steps(stream: io.StringIO, clock: ManualClock) -> None:
    configure_logs(clock=clock, stream=stream)

    logging.getLogger("uvicorn").info("connected to %s", "postgresql://u:hunter2@db/x")

    (line,) = _lines(stream)
    assert line["logger"] == "uvicorn"
    assert line["message"] == "connected to postgresql://u:***@db/x"


def test_lines_below_the_level_are_not_written(stream: io.StringIO, clock: ManualClock) -> None:
    configure_logs(clock=clock, level="warning", stream=stream)

    get_logger("x").info("idle")
    logging.getLogger("lib").info("idle")
    get_logger("x").warning("late")

    assert [line["message"] for line in _lines(stream)] == ["late"]


def test_bound_context_is_on_every_line_inside(stream: io.StringIO, clock: ManualClock) -> None:
    configure_logs(clock=clock, stream=stream)

    with bound(tenant=7):
        get_logger("x").info("inside")
    get_logger("x").info("outside")

    assert [line.get("tenant") for line in _lines(stream)] == [7, None]


def test_an_error_shows_code_and_remedy_but_no_local_variables(
    stream: io.StringIO, clock: ManualClock
) -> None:
    configure_logs(clock=clock, stream=stream)

    def attempt() -> None:
        local = "hunter2"
        raise Denied(code="NotYours", message=f"Refused ({len(local)}).", remedy="Ask the owner.")

    try:
        attempt()
    except Denied:
        get_logger("x").exception("request failed")

    (line,) = _lines(stream)
    assert (line["code"], line["remedy"]) == ("NotYours", "Ask the owner.")
    assert "Refused (7)." in line["exception"]
    assert "hunter2" not in stream.getvalue()


def test_a_terminal_gets_text(stream: io.StringIO, clock: ManualClock) -> None:
    stream.isatty = lambda: True  # type: ignore[method-assign]
    configure_logs(clock=clock, stream=stream)

    get_logger("x").info("device enrolled", password="hunter2")

    assert "device enrolled" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
    assert "hunter2" not in stream.getvalue()
