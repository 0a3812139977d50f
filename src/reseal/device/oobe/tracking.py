"""The status page: both phases as management sees them, until each is over (spec/autopilot.md 5, 6.2, 7.1).

What is over is worked out by `status_page` from the tree and from how long the phase has been going on. That
time is a stopwatch of the machine: it goes on across restarts and power cuts, and no wall clock touches it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from reseal.device.errors import unexpected
from reseal.device.management import Management
from reseal.device.oobe import logs, status
from reseal.device.oobe.context import PROVISIONING, Oobe
from reseal.device.oobe.memory import Place
from reseal.device.oobe.table import Outcome
from reseal.device.screens import Action
from reseal.device.status_page import Outcome as PageOutcome
from reseal.device.status_page import PageView, Phase
from reseal.web.phrases import say
from reseal.wire.runtime.messages import ReportKind
from reseal.wire.syncml import LoginStatus

_LOOK_AGAIN: Final = timedelta(minutes=1)
_LAST_WORDS: Final = 4
"""So many sessions are tried to tell the server that a phase is over; its own sessions go on anyway."""
_SOON: Final = timedelta(seconds=5)


class Restart(Exception):
    """Management wants the machine to restart."""


async def device_setup(oobe: Oobe) -> Outcome:
    """Device set-up; in the technician flow it ends green or red, in the user flow the account follows."""
    if oobe.memory.device_set_up and not oobe.is_technicians:
        return Outcome.PASSED
    management = _managed(oobe)
    try:
        view = await _track(oobe, management, Phase.DEVICE)
    except Restart:
        return Outcome.RESTART
    if view is None:
        return _left(oobe, Phase.DEVICE)
    if view.outcome is not PageOutcome.SUCCEEDED:
        return _failed(oobe, view)
    await _tell_end(oobe, management)
    if management.reboot_requested:
        return Outcome.RESTART
    if not oobe.is_technicians:
        oobe.notebook.note(device_set_up=True)
        return Outcome.PASSED
    oobe.stopwatches.stop(PROVISIONING)
    oobe.notebook.note(place=Place.GREEN, page_skipped=view.skipped)
    return Outcome.GREEN


async def account_setup(oobe: Oobe) -> Outcome:
    """Account set-up, with the user logged on; once for each user (spec/autopilot.md 7.1)."""
    management = _managed(oobe)
    upn = signed_in_user(oobe)
    log_on(oobe)
    await management.sync()
    if upn in oobe.memory.users:
        return Outcome.PASSED
    view = await _track(oobe, management, Phase.ACCOUNT)
    if view is None:
        return _left(oobe, Phase.ACCOUNT)
    if view.outcome is not PageOutcome.SUCCEEDED:
        return _failed(oobe, view)
    await _tell_end(oobe, management)
    oobe.notebook.note(users=(*oobe.memory.users, upn))
    return Outcome.PASSED


async def stopped(oobe: Oobe) -> Outcome:
    """The page of a phase that failed, with the buttons that the profile allows (67, 69, 85)."""
    management = _managed(oobe)
    phase = Phase.DEVICE if not oobe.memory.device_set_up else Phase.ACCOUNT
    notice: str = ""
    while True:
        view = management.page(phase, oobe.stopwatches.elapsed(phase.value))
        intent = await oobe.ask(replace(status.stopped(oobe, view), notice=notice))
        match intent.action:
            case Action.RETRY:
                await retry(oobe)
                return Outcome.RETRY
            case Action.RESET:
                return begin_reset(oobe)
            case Action.CONTINUE_ANYWAY:
                # The page is over for this user, whichever phase it was.
                return _left(oobe, Phase.ACCOUNT)
            case _:
                notice = collect_logs(oobe)


def collect_logs(oobe: Oobe) -> str:
    """Put the logs on the stick; what the page says of it."""
    place = logs.collect(oobe)
    oobe.parts.tell("logs.collected", {"archive": place})
    return say("The logs were saved: {place}.", place=place)


async def retry(oobe: Oobe) -> None:
    """Both pages begin anew; what is finished stays so (144). The server hears it before anything else.

    Nothing is sent before it is noted: after a power cut the device either still shows why it failed, or
    goes on.
    """
    oobe.reports.write(ReportKind.RETRY)
    for phase in Phase:
        oobe.stopwatches.clear(phase.value)
    if oobe.management is not None:
        oobe.management.begin_pages()
    place = Place.PROVISIONING if oobe.is_technicians else oobe.memory.place
    oobe.notebook.note(place=place, failure=None, device_set_up=False)
    await oobe.reports.send()
    if oobe.management is not None and oobe.memory.prepared:
        await oobe.management.sync()


def begin_reset(oobe: Oobe) -> Outcome:
    """The system is to be wiped, which is noted first: no power cut leaves it half forgotten."""
    oobe.notebook.note(place=Place.RESETTING)
    oobe.reports.write(ReportKind.RESET)
    return Outcome.RESET


async def _track(oobe: Oobe, management: Management, phase: Phase) -> PageView | None:
    """Show the page until it has an end; None if the person left it before. Raises `Restart`.

    A page that the server has switched off is not shown at all.
    """
    watch = phase.value
    oobe.stopwatches.start(watch)
    while True:
        changes = management.tree.changes
        elapsed = oobe.stopwatches.elapsed(watch)
        view = management.page(phase, elapsed)
        intent = None if view.skipped else await oobe.watch(status.tracking(oobe, view))
        if view.outcome.is_end:
            oobe.stopwatches.stop(watch)
            return view
        if intent is not None and intent.action is Action.CONTINUE_ANYWAY:
            oobe.stopwatches.stop(watch)
            return None
        # A restart that is asked for in account set-up is not carried out (check 90).
        if management.reboot_requested and phase is Phase.DEVICE:
            raise Restart
        _managed(oobe)
        oobe.stopwatches.keep()
        if management.tree.changes == changes:
            left = _LOOK_AGAIN if view.next_change is None else view.next_change - elapsed
            await management.changed(max(min(left, _LOOK_AGAIN), timedelta(microseconds=1)))


async def _tell_end(oobe: Oobe, management: Management) -> None:
    """Hold a session, so that the server has the answer to what released the phase, and has no more to say.

    A reseal right after the page turned green must not cut that answer off.
    """
    for number in range(1, _LAST_WORDS + 1):
        if await management.sync():
            return
        await oobe.clock.sleep(number * _SOON)


def _failed(oobe: Oobe, view: PageView) -> Outcome:
    error = status.failed(view)
    if oobe.is_technicians:
        oobe.stopwatches.stop(PROVISIONING)
        raise error
    oobe.failed(error)
    return Outcome.STOPPED


def _left(oobe: Oobe, phase: Phase) -> Outcome:
    """The person leaves without the server's release, which is told and never held against the device."""
    oobe.reports.write(
        ReportKind.LEFT_PAGE, detail={"phase": phase.value, "how": Action.CONTINUE_ANYWAY.value}
    )
    oobe.parts.tell("page.left", {"phase": phase.value})
    oobe.notebook.note(device_set_up=True, failure=None)
    if phase is Phase.ACCOUNT:
        oobe.notebook.note(users=tuple(dict.fromkeys((*oobe.memory.users, signed_in_user(oobe)))))
    return Outcome.LEFT


def _managed(oobe: Oobe) -> Management:
    if oobe.management is None or not oobe.management.is_enrolled:
        raise unexpected(say("Setting up the device"), say("the enrolment has ended"))
    return oobe.management


def log_on(oobe: Oobe) -> None:
    """The user who signed in is logged on: the nodes of that user are live, and the server hears it."""
    upn = signed_in_user(oobe)
    if oobe.management is not None and upn:
        oobe.management.user = upn
        oobe.management.login = LoginStatus.USER


def signed_in_user(oobe: Oobe) -> str:
    """Folded UPN of who signed in since the machine started; empty if nobody did."""
    claims = {} if oobe.tokens is None else oobe.tokens.claims
    return str(claims.get("upn") or claims.get("preferred_username", "")).casefold()
