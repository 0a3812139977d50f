"""Power, profile and reset: how the machine comes to know where it stands."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from reseal.device.errors import UNEXPECTED_ANSWER, NetworkFailed, SetupFailed
from reseal.device.management import Management
from reseal.device.oobe.content import checking_page, restarting_page, starting_page
from reseal.device.oobe.context import PROVISIONING, Oobe, about
from reseal.device.oobe.memory import Place
from reseal.device.oobe.offline import offline_answer
from reseal.device.oobe.table import Outcome
from reseal.device.registering import Claimant, attest, identity_of
from reseal.web.phrases import say, say_many
from reseal.wire.csp import DevDetail, LocURI
from reseal.wire.runtime.messages import AssignedUser, ProfileAnswer, ProfileRequest, Standing

RESTART_TIME: Final = timedelta(seconds=40)
MOST_RESTARTS: Final = 12
_NAME_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_MINUTE: Final = timedelta(minutes=1)
_NAME: Final = LocURI.parse(DevDetail.DEVICE_NAME)
"""Where management keeps the name that is in force since the last start."""


def boot(oobe: Oobe) -> None:
    """Switch on: firmware, network, what was installed before. Nobody is signed in."""
    start = oobe.firmware.power_on()
    oobe.parts.tell("machine.started", {"boot": start.number, "orderly": start.orderly})
    oobe.wireless.start()
    oobe.management = Management.restored(oobe.parts)
    if oobe.management is not None and (name := oobe.management.tree.read(_NAME)):
        oobe.notebook.note(name=name)
    oobe.tokens = oobe.management_tokens = None
    oobe.ticket = ""
    oobe.fetched = False
    oobe.rounds.clear()
    oobe.shown = ""


def shut_down(oobe: Oobe) -> None:
    """Switch off in good order; whatever ran beside has been stopped."""
    oobe.stopwatches.keep(at_once=True)
    oobe.firmware.shut_down()
    oobe.parts.tell("machine.stopped", {})


async def start(oobe: Oobe) -> Outcome:
    """Where does the device stand?"""
    await oobe.watch(starting_page())
    if not oobe.memory.name:
        oobe.notebook.note(name=_first_name(oobe))
    if oobe.management is not None and not oobe.management.is_enrolled:
        oobe.management = None  # it was ended from the other side: enrol anew
        oobe.notebook.note(prepared=False)
    match oobe.memory.place:
        case Place.RESETTING:
            return Outcome.RESET
        case Place.GREEN:
            return Outcome.GREEN
        case Place.RED:
            return Outcome.RED
        case Place.DESKTOP:
            return Outcome.DESKTOP
        case Place.PROVISIONING:
            oobe.stopwatches.start(PROVISIONING)
            if oobe.management is not None and oobe.adapters.up:
                return Outcome.UNDER_WAY
        case Place.PAGES:
            pass
    return Outcome.PASSED if oobe.adapters.up else Outcome.OFFLINE


async def restart(oobe: Oobe) -> Outcome:
    """Shut down and start anew. Raises `SetupFailed` for a device that does nothing else."""
    if oobe.memory.restarts >= MOST_RESTARTS:
        raise SetupFailed(
            code=UNEXPECTED_ANSWER,
            message=say(
                "The device restarted {count} times without coming any further.", count=MOST_RESTARTS
            ),
            remedy=say("See which policy or application asks for restarts."),
        )
    oobe.notebook.note(restarts=oobe.memory.restarts + 1)
    await oobe.watch(restarting_page())
    await oobe.reports.send()
    await oobe.background.stop()
    shut_down(oobe)
    await oobe.clock.sleep(RESTART_TIME)
    boot(oobe)
    return Outcome.PASSED


async def reset(oobe: Oobe) -> Outcome:
    """Tell the server, if it can be reached, and wipe the system. The machine, its TPM and its registration
    stay (spec/autopilot.md 11, choice 17).
    """
    await oobe.reports.send()
    await oobe.background.stop()
    if oobe.management is not None:
        oobe.management.forget()
        oobe.management = None
    oobe.reports.forget()
    oobe.stopwatches.forget()
    oobe.notebook.wipe()
    oobe.parts.tell("system.reset", {})
    return Outcome.PASSED


async def profile(oobe: Oobe) -> Outcome:
    """Fetch the profile, as after each start until the device is provisioned. Raises `SetupFailed`."""
    if not oobe.adapters.up:
        return Outcome.OFFLINE
    await oobe.watch(checking_page())
    await fetch_profile(oobe)
    if oobe.memory.place is Place.PROVISIONING:
        return Outcome.UNDER_WAY
    return Outcome.TECHNICIAN if oobe.memory.technician else Outcome.PASSED


async def fetch_profile(oobe: Oobe) -> None:
    """Ask who the device is, and set the clock by the answer. Raises `SetupFailed`."""
    answer = await _asked(oobe)
    set_clock(oobe)
    oobe.fetched = True
    oobe.user_asked_for = False
    if not _is_kept(oobe, answer):
        oobe.notebook.note(profile=_in_force(oobe, answer))
    if answer.urls is not None:
        oobe.channel.base = answer.urls.runtime
    await oobe.reports.open_run(answer.run)
    told = about(
        standing=answer.standing.value,
        registration=None if answer.registration is None else str(answer.registration),
        profile=None if answer.profile is None else answer.profile.name,
    )
    oobe.parts.tell("profile.fetched", told)


async def _asked(oobe: Oobe) -> ProfileAnswer:
    """What the server says; if it does not know the machine or does not answer, what a file on the disk says
    (112). Raises `SetupFailed`.
    """
    hardware = oobe.hardware
    request = ProfileRequest(
        hardware_hash=oobe.hardware_hash(), os_version=hardware.os_version, os_edition=hardware.os_edition
    )
    try:
        answer = await oobe.channel.profile(request, identity=identity_of(oobe.parts.disk, oobe.tpm))
    except NetworkFailed:
        found = await offline_answer(oobe)
        if found is None:
            raise
        return found
    if answer.standing is not Standing.UNREGISTERED:
        return answer
    return await offline_answer(oobe) or answer


def _in_force(oobe: Oobe, answer: ProfileAnswer) -> ProfileAnswer:
    """An enrolled device goes by the profile that it enrolled with, until it is reset (104)."""
    known = oobe.profile
    if oobe.management is None or known.profile is None or known.registration != answer.registration:
        return answer
    return msgspec.structs.replace(answer, profile=known.profile)


def _is_kept(oobe: Oobe, answer: ProfileAnswer) -> bool:
    """Whether what is known stays: a device in use whose registration has ended goes on as it is."""
    return answer.registration is None and oobe.memory.place is Place.DESKTOP


async def learn_user(oobe: Oobe) -> None:
    """Find out for whom the device is, where the server tells that to a proven TPM only.

    The profile is fetched again afterwards: for the server the device then is where it was before, and waits
    for a person. It is asked once for each profile; that nothing is learned is no failure.
    """
    known = oobe.profile
    claimant = claimant_of(oobe)
    is_needed = oobe.learns_user and known.assigned_user is None and oobe.membership is None
    if claimant is None or not is_needed or oobe.user_asked_for:
        return
    user: AssignedUser | None = None
    try:
        user = (await attest(oobe.channel, claimant, oobe.clock)).assigned_user
        await fetch_profile(oobe)
    except SetupFailed as error:
        oobe.parts.tell("user.not_learned", {"code": error.code})
    oobe.user_asked_for = True
    keep_user(oobe, user)


def claimant_of(oobe: Oobe) -> Claimant | None:
    """Who attests; None for a device without TPM or registration."""
    registration = oobe.profile.registration
    if registration is None or oobe.tpm is None:
        return None
    return Claimant(registration, oobe.hardware_hash(), oobe.tpm)


def set_clock(oobe: Oobe) -> None:
    """Set the wall clock if the server's says otherwise, and say so on the next page (check 149)."""
    told = oobe.http.server_time
    change = None if told is None else oobe.clock.adjust(told)
    if change is None:
        return
    minutes = round(abs(change) / _MINUTE)
    if change > timedelta(0):
        oobe.clock_notice = say_many(
            "The clock of this device was {count} minute slow. It has been set.",
            "The clock of this device was {count} minutes slow. It has been set.",
            minutes,
        )
    else:
        oobe.clock_notice = say_many(
            "The clock of this device was {count} minute fast. It has been set.",
            "The clock of this device was {count} minutes fast. It has been set.",
            minutes,
        )
    oobe.parts.tell("clock.set", {"seconds": change // timedelta(seconds=1)})


def keep_user(oobe: Oobe, user: AssignedUser | None) -> None:
    """Keep for whom the device is, as a proven TPM was told it."""
    if user is not None and oobe.profile.assigned_user is None:
        oobe.notebook.note(profile=msgspec.structs.replace(oobe.profile, assigned_user=user))


def _first_name(oobe: Oobe) -> str:
    """`DESKTOP-` and seven letters or digits, as Windows names itself."""
    letters = "".join(_NAME_LETTERS[oobe.parts.entropy.below(len(_NAME_LETTERS))] for _ in range(7))
    return f"DESKTOP-{letters}"
