"""Writes what the search for rehearsal keys finds: `python tools/key_pool.py`; four minutes, always the same.

Both the pool of `kernel.keys` and the endorsement keys of the sample laptops are kept as distances: where a
search begins follows from the seed, so that is all there is to keep.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from reseal.device.hardware import KNOWN_KEYS, KNOWN_SAMPLE, endorsement_entropy
from reseal.kernel.keys import POOL_FILE, POOL_SIZE, Distances, pool_entropy, search_distances

_LAPTOPS = 64


def main() -> None:
    """Search every key and write down where it was found."""
    _write("reseal.kernel", POOL_FILE, [search_distances(pool_entropy(n)) for n in range(POOL_SIZE)])
    laptops = [endorsement_entropy(KNOWN_SAMPLE, number) for number in range(1, _LAPTOPS + 1)]
    _write("reseal.device", KNOWN_KEYS, [search_distances(entropy) for entropy in laptops])


def _write(package: str, file: str, found: list[Distances]) -> None:
    text = "".join(f"{first} {second}\n" for first, second in found)
    Path(str(resources.files(package))).joinpath(file).write_text(text, "ascii")


if __name__ == "__main__":
    main()
