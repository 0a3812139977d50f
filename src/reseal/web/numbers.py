"""Whole numbers in addresses and forms."""

from __future__ import annotations

from typing import Final

MOST: Final = 2**63 - 1
"""What a column of the database takes."""


def whole_number(text: str, most: int = MOST) -> int | None:
    """The number from 0 to `most` that the text is in digits; None if it is anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        return None
    number = int(text)
    return number if number <= most else None
