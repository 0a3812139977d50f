"""Who meets whom, as the page for engineers tells it."""

from __future__ import annotations

import re
from pathlib import Path

from reseal.server.wiring import REACTORS


def test_the_page_about_changes_names_every_reactor_in_its_order() -> None:
    page = Path("docs/engineer/how-a-change-climbs.md").read_text()
    assert re.findall(r"^\| `([\w.]+)` \|", page, re.MULTILINE) == [one.name for one in REACTORS]
