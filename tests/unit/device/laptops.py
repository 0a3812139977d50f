"""Parts of laptops for tests: a disk in memory, seeded keys, a clock that the test moves."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from reseal.device.disk import MemoryDisk
from reseal.device.hardware import Hardware, make_laptop
from reseal.device.tpm import VirtualTpm, fit
from reseal.kernel.clock import Clock
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import PooledKeys

LAPTOP: Hardware = make_laptop(SeededEntropy("a laptop"), serial="RSL-7", model="Virtual Laptop 13")


def keys(name: str = "keys") -> PooledKeys:
    """Keys in an order of their own."""
    return PooledKeys(SeededEntropy(name))


@cache
def endorsement_key() -> RSAPrivateKey:
    """The key in the TPM of the laptops here."""
    return keys("factory").rsa()


def tpm_on(disk: MemoryDisk, clock: Clock) -> VirtualTpm:
    """The TPM of the machine with that disk, which gets one if it has none; not started."""
    fit(disk, endorsement_key())
    return VirtualTpm(disk, clock, keys())
