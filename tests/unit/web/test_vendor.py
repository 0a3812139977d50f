"""Files of others are what their makers published."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

FOLDER = files("reseal.web") / "vendor"
ROW = re.compile(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", re.MULTILINE)


def test_every_file_of_others_has_the_digest_that_its_readme_says() -> None:
    told = dict(ROW.findall((FOLDER / "README.md").read_text()))
    there = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in FOLDER.iterdir()
        if file.name != "README.md"
    }

    assert there == told
