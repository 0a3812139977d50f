"""A laptop from its first page to its desktop, against a scripted organisation, on virtual time."""

from __future__ import annotations

from reseal.device.actor import Person, Technician
from reseal.device.disk import MemoryDisk
from reseal.device.screens import ScreenId
from reseal.device.windows import Ending, EndingKind
from reseal.kernel.clock import VirtualClock
from tests.unit.device.laptops import laptop, simulated
from tests.unit.device.organisation import HOST, Organisation

S = ScreenId


def adele() -> Person:
    return Person(upn="adele@contoso.test", password="pw")


def test_a_technician_then_a_user() -> None:
    async def main(clock: VirtualClock) -> None:
        server, disk = Organisation(clock), MemoryDisk()
        technician, person = Technician(), adele()
        ending = await laptop(server, clock, disk, base=HOST).power_on(technician)
        assert ending == Ending(EndingKind.POWERED_OFF_RESEALED)
        assert technician.screens() == [
            S.STARTING,
            S.CHECKING,
            S.SIGN_IN,
            S.PROVISIONING_CHOICE,
            S.CONFIGURATION,
            S.STATUS_PAGE,
            S.GREEN,
        ]
        ending = await laptop(server, clock, disk, base=HOST).power_on(person)
        assert ending == Ending(EndingKind.DESKTOP)
        assert person.screens() == [S.STARTING, S.CHECKING, S.SIGN_IN, S.STATUS_PAGE, S.DESKTOP]

    simulated(main)
