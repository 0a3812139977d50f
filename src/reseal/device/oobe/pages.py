"""The pages that both flows begin with: language, region, keyboards, network, licence terms.

Which are shown (spec/autopilot.md 4.1, 7.1; checks 107, 108, 136, 155 to 157): with a profile that came over
a wire, what it says; before the network is there, all of them, whatever any profile says. What a person has
answered is not asked again until the device is resealed or reset.
"""

from __future__ import annotations

from typing import Final

from reseal.device.oobe import content
from reseal.device.oobe.context import Oobe
from reseal.device.oobe.memory import Place
from reseal.device.oobe.table import Outcome
from reseal.device.screens import Action
from reseal.web.phrases import say
from reseal.wire.runtime.messages import OobeProfile

NO_SECOND_KEYBOARD: Final = "none"


async def language(oobe: Oobe) -> Outcome:
    """Shown where the user selects the language, and offline where the system has more than one."""
    profile = _known_profile(oobe)
    if oobe.fetched:
        is_asked = profile is None or not profile.locale
    else:
        is_asked = len(oobe.hardware.languages) > 1
    if not is_asked or oobe.memory.language or _in_use(oobe):
        return Outcome.PASSED
    intent = await oobe.ask(content.language_page(oobe.hardware, oobe.language))
    oobe.notebook.note(language=intent.value)
    return Outcome.PASSED


async def region(oobe: Oobe) -> Outcome:
    """Skipped together with the keyboard."""
    if not _asks_for_keyboard(oobe) or oobe.memory.region:
        return Outcome.PASSED
    intent = await oobe.ask(content.region_page(oobe.language))
    oobe.notebook.note(region=intent.value)
    return Outcome.PASSED


async def keyboard(oobe: Oobe) -> Outcome:
    """The layout."""
    if not _asks_for_keyboard(oobe) or oobe.memory.keyboard:
        return Outcome.PASSED
    intent = await oobe.ask(content.keyboard_page(oobe.language))
    oobe.notebook.note(keyboard=intent.value)
    return Outcome.PASSED


async def second_keyboard(oobe: Oobe) -> Outcome:
    """Another layout, or none."""
    if not _asks_for_keyboard(oobe) or oobe.memory.second_keyboard:
        return Outcome.PASSED
    intent = await oobe.ask(content.second_keyboard_page())
    chosen = intent.value if intent.action is Action.CHOOSE and intent.value else NO_SECOND_KEYBOARD
    oobe.notebook.note(second_keyboard=chosen)
    return Outcome.PASSED


async def network(oobe: Oobe) -> Outcome:
    """Shown until there is a network: nothing leads past it."""
    notice: str = ""
    while not oobe.adapters.up:
        if oobe.adapters.portal:
            await _pass_portal(oobe)
            continue
        intent = await oobe.ask(content.network_page(oobe.adapters.access_points(), notice))
        if intent.action is Action.PLUG_CABLE:
            oobe.adapters.cable = True
        elif not oobe.wireless.join(intent.value, intent.secret):
            notice = say("Can't connect to {network}. Check the network security key.", network=intent.value)
        oobe.parts.tell("network.tried", {"connected": oobe.adapters.up})
    return Outcome.PASSED if oobe.fetched else Outcome.CONNECTED


async def _pass_portal(oobe: Oobe) -> None:
    """The network's own page, before it leads anywhere."""
    intent = await oobe.ask(content.portal_page(oobe.adapters.portal))
    if intent.action is Action.ACCEPT:
        oobe.adapters.agree()
    else:
        oobe.adapters.leave_wifi()


async def licence_terms(oobe: Oobe) -> Outcome:
    """Hidden if the profile says so."""
    profile = _known_profile(oobe)
    is_hidden = profile is not None and profile.eula_hidden
    if not (is_hidden or oobe.memory.licence_accepted or _in_use(oobe)):
        await oobe.ask(content.licence_page(oobe.profile))
        oobe.notebook.note(licence_accepted=True)
    return Outcome.PASSED


def _known_profile(oobe: Oobe) -> OobeProfile | None:
    """The profile, if it was fetched since the start."""
    return oobe.profile.profile if oobe.fetched else None


def _asks_for_keyboard(oobe: Oobe) -> bool:
    profile = _known_profile(oobe)
    is_skipped = profile is not None and profile.keyboard_skipped and bool(profile.locale)
    return not is_skipped and not _in_use(oobe)


def _in_use(oobe: Oobe) -> bool:
    return oobe.memory.place is Place.DESKTOP
