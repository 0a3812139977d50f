"""What happens where the operating system lacks a program."""

from __future__ import annotations

import pytest

from tests.support.system_parts import miss


def test_a_missing_part_skips_and_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="wixl not found; on Debian: apt-get install wixl"):
        miss("wixl", "wixl")


def test_a_missing_part_fails_where_nothing_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="wixl not found"):
        miss("wixl", "wixl")
