"""The way into the technician flow: what five presses open, and the page before Provision."""

from __future__ import annotations

from reseal.device.errors import SetupFailed
from reseal.device.oobe.content import choice_page, configuration_page
from reseal.device.oobe.context import PROVISIONING, Oobe
from reseal.device.oobe.memory import Place
from reseal.device.oobe.starting import fetch_profile, learn_user
from reseal.device.oobe.table import Outcome
from reseal.device.screens import Action
from reseal.web.phrases import say


async def choice(oobe: Oobe) -> Outcome:
    """*What would you like to do?* Without a network the remaining pages come first."""
    intent = await oobe.ask(choice_page())
    is_chosen = intent.action is Action.PRE_PROVISION
    oobe.notebook.note(technician=is_chosen)
    if not is_chosen:
        return Outcome.CANCELLED
    return Outcome.TECHNICIAN if oobe.fetched and oobe.adapters.up else Outcome.OFFLINE


async def configuration(oobe: Oobe) -> Outcome:
    """Organisation, profile, user, QR code; Refresh fetches them again, Provision begins (130 to 132).

    Whether the device may be pre-provisioned is not asked here: the server decides at enrolment (110).
    """
    notice = ""
    await learn_user(oobe)
    while True:
        intent = await oobe.ask(configuration_page(oobe.profile, oobe.hardware.serial, notice))
        if intent.action is Action.PROVISION:
            oobe.notebook.note(place=Place.PROVISIONING, technician=False, failure=None)
            oobe.stopwatches.clear(PROVISIONING)
            oobe.stopwatches.start(PROVISIONING)
            return Outcome.TECHNICIAN
        if intent.action is Action.CANCEL:
            oobe.notebook.note(technician=False)
            return Outcome.CANCELLED
        notice = await _refreshed(oobe)


async def _refreshed(oobe: Oobe) -> str:
    try:
        await fetch_profile(oobe)
        await learn_user(oobe)
    except SetupFailed as error:
        return say("{what} ({code})", what=error.message, code=error.code)
    return say("This is what the organisation has configured now.")


async def rename(oobe: Oobe) -> Outcome:
    """Take the profile's name at once after Provision, and restart (137)."""
    return Outcome.RESTART if _take_name(oobe) else Outcome.PASSED


async def user_rename(oobe: Oobe) -> Outcome:
    """Take the profile's name before the join. A restart here would cost the user a second sign-in, and
    nothing was named yet: so there is none.
    """
    _take_name(oobe)
    return Outcome.PASSED


def _take_name(oobe: Oobe) -> bool:
    """Whether the name changed; a device that joined under its name keeps it."""
    profile = oobe.profile.profile
    wanted = "" if profile is None else profile.device_name
    if not wanted or wanted == oobe.memory.name or oobe.membership is not None:
        return False
    oobe.parts.tell("machine.renamed", {"name": wanted})
    oobe.notebook.note(name=wanted)
    return True
