"""Goes through the table: carries a step out, looks its outcome up, goes on, until the device is off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reseal.device.errors import SetupFailed, unexpected
from reseal.device.oobe import choosing, pages, preparing, results, signing, starting, tracking
from reseal.device.oobe.context import Ending, EndingKind, FivePresses, Handler, Oobe, SwitchedOff
from reseal.device.oobe.table import TRANSITIONS, Outcome, Step
from reseal.web.phrases import say

MOST_STEPS: Final = 2000
"""Far more than any person needs; a machine that goes round in circles ends here."""

HANDLERS: Final[Mapping[Step, Handler]] = {
    Step.START: starting.start,
    Step.RESTART: starting.restart,
    Step.RESET: starting.reset,
    Step.LANGUAGE: pages.language,
    Step.REGION: pages.region,
    Step.KEYBOARD: pages.keyboard,
    Step.SECOND_KEYBOARD: pages.second_keyboard,
    Step.NETWORK: pages.network,
    Step.PROFILE: starting.profile,
    Step.LICENCE_TERMS: pages.licence_terms,
    Step.CHOICE: choosing.choice,
    Step.CONFIGURATION: choosing.configuration,
    Step.RENAME: choosing.rename,
    Step.SECURE: preparing.secure,
    Step.JOIN: preparing.join,
    Step.ENROL: preparing.enrol_device,
    Step.GREEN: results.green,
    Step.RED: results.red,
    Step.SIGN_IN: signing.sign_in,
    Step.USER_RENAME: choosing.user_rename,
    Step.USER_JOIN: preparing.user_join,
    Step.USER_ENROL: preparing.user_enrol,
    Step.PRIVACY: results.privacy,
    Step.ACCOUNT_SETUP: tracking.account_setup,
    Step.STOPPED: tracking.stopped,
    Step.HELLO: results.hello,
    Step.DESKTOP: results.desktop,
    Step.LOCK: results.lock,
    Step.ERROR: results.error,
    Step.PREPARE: preparing.prepare,
    Step.DEVICE_SETUP: tracking.device_setup,
}

_KINDS: Final = {
    Step.RED: EndingKind.RED,
    Step.ERROR: EndingKind.ERROR,
    Step.STOPPED: EndingKind.ERROR,
    Step.DESKTOP: EndingKind.DESKTOP,
}


async def run(oobe: Oobe) -> Ending:
    """From START to the end."""
    oobe.step = Step.START
    for _ in range(MOST_STEPS):
        try:
            outcome = await _carry_out(oobe)
        except SwitchedOff:
            return await _switched_off(oobe)
        oobe.step = TRANSITIONS[oobe.step][outcome]
        if oobe.step is Step.OFF:
            return oobe.ending or Ending(EndingKind.POWERED_OFF)
    error = unexpected(say("Setting up the device"), say("it goes round in circles"))
    return Ending(EndingKind.ERROR, error.code, error.message)


async def _carry_out(oobe: Oobe) -> Outcome:
    try:
        return await HANDLERS[oobe.step](oobe)
    except FivePresses:
        return Outcome.FIVE_PRESSES
    except SetupFailed as error:
        return oobe.failed(error)


async def _switched_off(oobe: Oobe) -> Ending:
    """A person switched the device off; what stands on the display is how it ended."""
    await oobe.background.stop()
    starting.shut_down(oobe)
    kind = _KINDS.get(oobe.step, EndingKind.POWERED_OFF)
    failure = oobe.memory.failure
    if kind is EndingKind.POWERED_OFF or failure is None:
        return Ending(kind)
    return Ending(kind, failure.code, failure.message)
