"""Places in lists as addresses carry them: what a list is ordered by, and the key of the last row seen."""

from __future__ import annotations

import base64
import json

from reseal.web.numbers import MOST


def place(ordered_by: str, key: int) -> str:
    """The place behind this row, as a word for a query."""
    return base64.urlsafe_b64encode(json.dumps([ordered_by, key]).encode()).rstrip(b"=").decode()


def read_place(word: str) -> tuple[str, int]:
    """What `place` was made of. Raises ValueError for a word that it did not make."""
    try:
        ordered_by, key = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
        if isinstance(ordered_by, str) and isinstance(key, int) and 0 <= key <= MOST:
            return ordered_by, key
    except (ValueError, TypeError, RecursionError):
        pass
    raise ValueError("the word names no place in a list")
