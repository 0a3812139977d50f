"""Programs that come with the operating system: where they are, and what to do without them.

On a developer's machine a test that misses one is skipped and says its name; with `CI=true` it fails, because
a run that leaves out half of the tests must not look like a good one.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def miss(part: str, packages: str) -> NoReturn:
    """Skip the test that needs `part`, or fail it with `CI=true`; `packages` are Debian's names."""
    reason = f"{part} not found; on Debian: apt-get install {packages}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def postgresql_programs() -> Path | None:
    """The folder with `initdb` and `postgres`: Debian keeps one per version, others have them on the path."""
    debian = sorted(
        (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda folder: int(folder.parent.name),
    )
    if debian:
        return debian[-1]
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def require_msi_tools() -> None:
    """Skip or fail unless Windows Installer packages can be built and read here."""
    if not (shutil.which("wixl") and shutil.which("msiinfo")):
        miss("wixl and msiinfo", "wixl msitools")
