"""A modelled Windows laptop: power on, and everything until it is off again or at its desktop.

`Laptop` puts the parts together. Everything it knows is on its disk, so a laptop whose power was cut is a new
`Laptop` over the same disk. What is wrong for good is in the `Ending`; a power cut, raised by the disk in any
task of the machine, comes out of `power_on` as it is.
"""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from reseal.device import hardware as machine_hardware
from reseal.device import tpm as chip
from reseal.device.actor import Actor
from reseal.device.channel import Channel, ReportBook
from reseal.device.firmware import Firmware
from reseal.device.hardware import Hardware
from reseal.device.http import Http
from reseal.device.link import Adapters, LinkedTransport, PlainAdapters, Wireless
from reseal.device.management import Management
from reseal.device.oobe import starting
from reseal.device.oobe.background import Background
from reseal.device.oobe.context import Ending, EndingKind, Oobe
from reseal.device.oobe.logs import EventLog
from reseal.device.oobe.machine import run
from reseal.device.oobe.memory import Memory, Notebook
from reseal.device.parts import Parts
from reseal.device.registering import Membership, identity_of, membership
from reseal.device.timekeeping import MachineClock, Stopwatches

__all__ = ["Ending", "EndingKind", "Laptop"]


class Laptop:
    """One laptop. `server` is the base URL of the device listener, without a slash at the end."""

    def __init__(
        self,
        hardware: Hardware,
        parts: Parts,
        server: str,
        *,
        endorsement_key: RSAPrivateKey | None = None,
        adapters: Adapters | None = None,
        reports: bool = True,
        learns_user: bool = True,
    ) -> None:
        """`endorsement_key` is what the factory puts into the TPM of a new machine; a machine that has got
        none never has a TPM. `reports` switches those of the runtime channel; no run depends on them.
        """
        self.hardware = hardware
        self.adapters = PlainAdapters() if adapters is None else adapters
        self.server = server.rstrip("/")
        self._given = parts
        self._reports = reports
        self._learns_user = learns_user
        self._oobe: Oobe | None = None
        machine_hardware.install(hardware, parts.disk)
        if endorsement_key is not None:
            chip.fit(parts.disk, endorsement_key)

    async def power_on(self, actor: Actor) -> Ending:
        """Switch on, and let `actor` stand before it until the machine is off again.

        Raises what cuts the power.
        """
        background = Background()
        oobe = self._oobe = self._assemble(actor, background)
        return await background.guard(_live(oobe))

    # --- what is on it

    @property
    def memory(self) -> Memory:
        """Where the device stands, by its disk."""
        return Notebook(self._given.disk).memory

    @property
    def membership(self) -> Membership | None:
        """The device in the directory, by its disk."""
        return membership(self._given.disk)

    @property
    def management(self) -> Management | None:
        """The enrolment of the machine as it runs, or ran last."""
        return None if self._oobe is None else self._oobe.management

    @property
    def name(self) -> str:
        """The computer's name."""
        return self.memory.name

    def _assemble(self, actor: Actor, background: Background) -> Oobe:
        given = self._given
        clock = MachineClock(given.clock, given.disk)
        transport = LinkedTransport(given.transport, self.adapters)
        events = EventLog(clock, given.tell)
        parts = replace(given, clock=clock, transport=transport, tell=events.hear)
        http = Http(transport, clock, given.network_clock)
        channel = Channel(http, f"{self.server}/runtime/v1")
        module = chip.fitted(given.disk, clock, given.keys)
        return Oobe(
            parts=parts,
            clock=clock,
            hardware=self.hardware,
            tpm=module,
            adapters=self.adapters,
            wireless=Wireless(self.adapters, given.disk),
            http=http,
            channel=channel,
            reports=ReportBook(
                channel,
                clock,
                given.disk,
                identity=lambda: identity_of(given.disk, module),
                enabled=self._reports,
            ),
            stopwatches=Stopwatches(clock, given.disk),
            notebook=Notebook(given.disk),
            actor=actor,
            background=background,
            firmware=Firmware(given.disk, self.hardware, module),
            events=events,
            learns_user=self._learns_user,
        )


async def _live(oobe: Oobe) -> Ending:
    starting.boot(oobe)
    return await run(oobe)
