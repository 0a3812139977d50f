"""How sentences for people are put together, in English; what is translated has `web.phrases`."""

from __future__ import annotations


def counted(number: int, one: str, more: str = "") -> str:
    """So many of something: `1 device`, `2,000 devices`. `more` is the plural, if it is not with an s."""
    return f"{number:,} {one if number == 1 else more or f'{one}s'}"
