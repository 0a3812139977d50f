"""Writes the pool of rehearsal keys: `python tools/key_pool.py`; four minutes, always the same result."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from reseal.kernel.keys import POOL_FILE, POOL_SIZE, search_distances


def main() -> None:
    """Search every key of the pool and write down where it was found."""
    found = [search_distances(number) for number in range(POOL_SIZE)]
    text = "".join(f"{first} {second}\n" for first, second in found)
    Path(str(resources.files("reseal.kernel"))).joinpath(POOL_FILE).write_text(text, "ascii")


if __name__ == "__main__":
    main()
