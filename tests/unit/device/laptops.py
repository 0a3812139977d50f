"""Parts of laptops for tests: a disk in memory, seeded keys, a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import cache
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from reseal.device.disk import MemoryDisk
from reseal.device.hardware import Hardware, make_laptop
from reseal.device.hints import PlainHints
from reseal.device.link import Adapters
from reseal.device.parts import Parts
from reseal.device.quirks import Quirk
from reseal.device.tpm import VirtualTpm, fit
from reseal.device.transport import Transport
from reseal.device.windows import Laptop
from reseal.kernel.clock import Clock, VirtualClock
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import PooledKeys
from reseal.kernel.simulation.loop import run
from tests.support.clock import START

T = TypeVar("T")

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


def simulated(main: Callable[[VirtualClock], Coroutine[Any, Any, T]]) -> T:
    """What `main` gives on virtual time."""

    async def begin() -> T:
        return await main(VirtualClock(asyncio.get_running_loop(), START))

    return run(begin())


def laptop(
    server: Transport,
    clock: Clock,
    disk: MemoryDisk,
    *,
    base: str,
    hardware: Hardware = LAPTOP,
    with_tpm: bool = True,
    adapters: Adapters | None = None,
    quirks: Iterable[Quirk] = (),
    told: list[tuple[str, dict[str, Any]]] | None = None,
    **settings: bool,
) -> Laptop:
    """The laptop with that disk, as after a power cut: nothing else is remembered."""
    parts = Parts(
        disk=disk,
        transport=server,
        clock=clock,
        entropy=SeededEntropy("the laptop"),
        keys=keys(),
        quirks=frozenset(quirks),
        hints=PlainHints(),
        tell=lambda what, about: None if told is None else told.append((what, about)),
    )
    key = endorsement_key() if with_tpm else None
    return Laptop(hardware, parts, base, endorsement_key=key, adapters=adapters, **settings)
