"""What the out-of-box experience keeps on the disk: where the device stands, and what people answered.

One file, replaced whole, so that after a power cut it is as before a change or as after it. A reset of the
system removes it last.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from reseal.device import firmware, hardware, tpm
from reseal.device.causes import sentences
from reseal.device.codes import Part
from reseal.device.disk import Disk
from reseal.device.errors import SetupFailed
from reseal.device.oobe import logs
from reseal.device.oobe.table import Step
from reseal.web.phrases import phrase_from_json, phrase_to_json, say
from reseal.wire.runtime.messages import ProfileAnswer

FILE: Final = "windows/oobe"
_MACHINE: Final = (tpm.FOLDER, firmware.FOLDER, hardware.FILE, logs.STICK)
"""What belongs to the machine, or is plugged into it, and not to the system on it."""


class Place(StrEnum):
    """Where the device stands."""

    PAGES = "pages"
    """In the pages, or in the user flow, which begins with them."""
    PROVISIONING = "provisioning"
    """The technician flow is under way."""
    GREEN = "green"
    RED = "red"
    DESKTOP = "desktop"
    """Somebody has reached the desktop."""
    RESETTING = "resetting"


class Failure(msgspec.Struct, frozen=True):
    """Why the device does not go on by itself. `step` is the step that failed."""

    step: str
    code: str
    message: str
    remedy: str
    said: tuple[Any, Any]
    """Message and remedy as the step said them, so that they can be translated (`phrase_to_json`)."""
    opening: Any = ""
    trace: str = ""

    @classmethod
    def of(cls, step: Step, error: SetupFailed) -> Failure:
        """With the phrases that message and remedy may be; what is missing comes from the table of codes."""
        message, remedy = sentences(error.code, error.message, error.remedy, _part(step))
        return cls(
            step=step.value,
            code=error.code,
            message=str(message),
            remedy=str(remedy),
            said=(phrase_to_json(error.message), phrase_to_json(error.remedy)),
            opening=phrase_to_json(error.opening),
            trace=error.trace,
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """What a page says of it: what happened and why, what to do."""
        message, remedy = map(phrase_from_json, self.said)
        trace = say("Whoever runs the server finds it under {trace}.", trace=self.trace) if self.trace else ""
        told = sentences(self.code, message, remedy, _part(Step(self.step)))
        return tuple(filter(None, (phrase_from_json(self.opening), *told, trace)))


def _part(step: Step) -> Part | None:
    return Part.SETUP if step in (Step.DEVICE_SETUP, Step.ACCOUNT_SETUP) else None


class Memory(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of it; the defaults are those of a new or wiped device."""

    place: Place = Place.PAGES
    name: str = ""
    """The computer's name."""
    restarts: int = 0
    """Planned restarts since the last page that a person saw; bounds a device that restarts for ever."""
    technician: bool = False
    """The technician flow was chosen, and has not begun."""
    language: str = ""
    region: str = ""
    keyboard: str = ""
    second_keyboard: str = ""
    """A layout, or `none`."""
    licence_accepted: bool = False
    privacy_answered: bool = False
    profile: ProfileAnswer | None = None
    prepared: bool = False
    """The first session with management has ended well."""
    device_set_up: bool = False
    """The device phase of this flow is over."""
    page_skipped: bool = False
    """The device came to green without a status page: only its enrolment is proven."""
    user: str = ""
    """UPN of the first user who signed in."""
    users: tuple[str, ...] = ()
    """UPNs, folded, of the users whose account set-up is over."""
    failure: Failure | None = None

    @property
    def awaits_user(self) -> bool:
        """A technician has resealed the device, and nobody has signed in since."""
        return self.place is Place.PAGES and self.prepared and not self.user


class Notebook:
    """The memory of one device."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        kept = disk.read(FILE)
        self.memory = Memory() if kept is None else msgspec.json.decode(kept, type=Memory)

    def note(self, **changes: Any) -> None:
        """Change some of it, durably, before anything is done that rests on the change."""
        changed = msgspec.structs.replace(self.memory, **changes)
        if changed != self.memory:
            self._disk.replace(FILE, msgspec.json.encode(changed))
            self.memory = changed

    def wipe(self) -> None:
        """Remove what belongs to the system; this memory goes last, so that a power cut resumes it."""
        self.note(place=Place.RESETTING)
        for name in self._disk.names():
            if name != FILE and (name.startswith(tpm.KEYS) or not name.startswith(_MACHINE)):
                self._disk.delete(name)
        self._disk.delete(FILE)
        self.memory = Memory()
