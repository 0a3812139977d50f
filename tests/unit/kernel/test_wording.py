"""Numbers of things in sentences."""

from __future__ import annotations

import pytest

from reseal.kernel.wording import counted


@pytest.mark.parametrize(
    "number, said",
    [(0, "0 devices are"), (1, "1 device is"), (2, "2 devices are"), (12_000, "12,000 devices are")],
)
def test_one_is_said_otherwise_than_many(number: int, said: str) -> None:
    assert counted(number, "device is", "devices are") == said


def test_the_plural_is_with_an_s_unless_it_is_given() -> None:
    assert (counted(1, "user"), counted(3, "user")) == ("1 user", "3 users")
