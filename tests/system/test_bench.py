"""`make bench` in its quick form still measures everything; how fast that is, is not a test's matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.bench.__main__ import ON_DATABASES
from tools.bench.console import ADDRESSES

ROOT = Path(__file__).resolve().parents[2]

SOAK = os.environ.get("RESEAL_SOAK") == "1"
ON_A_DATABASE = [
    "a write of nothing",
    "a read of nothing",
    "an event recorded and sealed",
    "a user created",
    "import of 20 rows",
    "one group tag changed, half of them cost less",
    "one group tag changed, 99 of 100 cost less",
    "one rule edited, 1,000 devices enter or leave",
    "a page of 100 registrations",
    "why a device gets an item",
    "plan of a change in one line",
    "full rebuild that finds everything right",
    "full rebuild from nothing",
    "most memory of that process",
    "an idle check-in",
    "a working check-in: four outcomes, four commands",
    "a check-in with the last four outcomes",
    "a check-in after a change of policies",
    "an idle check-in with a user's token",
    *(f"the page {path}" + (f"?{query}" if query else "") for path, query in ADDRESSES),
    "a second of idle streams",
    "a profile request",
    "attestation begun",
    "attestation finished",
    "join by ticket",
    "join by user",
    "a device token granted",
    "Discover",
    "GetPolicies",
    "RequestSecurityToken",
    "one enrolment by ticket",
    "one enrolment by its user",
    "first session of a set-up",
    "a technician flow",
    "a mebibyte of content",
    "an idle check-in over TLS, on a kept connection",
    "an idle check-in over TLS, on a new connection",
    "one of 4 enrolments over TLS",
]
ON_NONE = [
    "a token issued and verified",
    "reseal up, first start of a data directory",
    "reseal up, started again",
    "reseal --help",
    "an hour of a rehearsed device",
]

pytestmark = pytest.mark.slow


def _bench(*arguments: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tools.bench", "--quick", "--json", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert document["quick"]
    figures: list[dict[str, Any]] = document["figures"]
    return figures


def test_every_figure_is_measured_on_sqlite() -> None:
    figures = _bench("--database", "sqlite")

    assert [figure["what"] for figure in figures] == ON_A_DATABASE + ON_NONE
    assert {figure["where"] for figure in figures} == {"SQLite", ""}
    assert all(figure["measured"] > 0 for figure in figures)
    assert [figure["what"] for figure in figures if not figure["budget"]] == [
        "an idle check-in over TLS, on a new connection"
    ]


@pytest.mark.postgresql
@pytest.mark.usefixtures("postgresql_server")  # skips or fails where there is none
@pytest.mark.skipif(not SOAK, reason="the measuring is the same on both databases; a soak does it on both")
def test_every_figure_of_a_database_is_measured_on_postgresql() -> None:
    figures = _bench(
        "--database", "postgresql", *(word for topic in ON_DATABASES for word in ("--only", topic))
    )

    assert [figure["what"] for figure in figures] == [*ON_A_DATABASE, "a token issued and verified"]
    assert [figure["where"] for figure in figures] == ["PostgreSQL"] * len(ON_A_DATABASE) + [""]
