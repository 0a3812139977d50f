"""The status page as content: device preparation as far as the device itself did it, and what management
knows of the other phases (spec/autopilot.md 5.4; check 80).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from reseal.device.causes import cause_of, joined
from reseal.device.codes import Part
from reseal.device.errors import SetupFailed
from reseal.device.oobe.content import organisation_details
from reseal.device.oobe.context import Oobe
from reseal.device.oobe.table import Step
from reseal.device.screens import Action, Line, Progress, Screen, ScreenId, Section
from reseal.device.status_page import PageView, Phase, State, Subcategory, Topic
from reseal.device.timekeeping import spoken
from reseal.web.phrases import say
from reseal.wire.csp import BlockInStatusPage, LocURI

DEFAULT_TEXT: Final = say(
    "Setup could not be completed. Please try again or contact your support person for help."
)
PREVIOUS_FAILED: Final = say("Previous step failed")
_COMPLETE: Final = say("Complete")
_ERROR: Final = say("Error")
_WORKING: Final = say("Working")
_WAITING: Final = say("Waiting")

_TITLES: Final = {
    Step.SECURE: say("Securing your hardware"),
    Step.JOIN: say("Joining your organization's network"),
    Step.ENROL: say("Registering your device for mobile management"),
    Step.PREPARE: say("Preparing your device for mobile management"),
}
_SAME: Final = {Step.USER_JOIN: Step.JOIN, Step.USER_ENROL: Step.ENROL}
_TOPICS: Final = {
    Topic.PREPARATION: _TITLES[Step.PREPARE],
    Topic.SECURITY_POLICIES: say("Security policies"),
    Topic.CERTIFICATES: say("Certificates"),
    Topic.NETWORK: say("Network connections"),
    Topic.APPS: say("Apps"),
}
_PHASES: Final = {Phase.DEVICE: say("Device setup"), Phase.ACCOUNT: say("Account setup")}
_BUTTONS: Final = (
    (BlockInStatusPage.TRY_AGAIN, Action.RETRY),
    (BlockInStatusPage.RESET_PC, Action.RESET),
    (BlockInStatusPage.CONTINUE_ANYWAY, Action.CONTINUE_ANYWAY),
)


def preparing(oobe: Oobe, failed: bool = False) -> Screen:
    """The page while the device prepares itself; `failed` if the present step did not succeed."""
    present = _SAME.get(oobe.step, oobe.step)
    lines = tuple(_preparation(present, failed, secured=oobe.is_technicians))
    state = Progress.FAILED if failed else Progress.IN_PROGRESS
    waiting = Progress.NOT_STARTED
    sections = (
        Section("preparation", say("Device preparation"), state, lines),
        Section("device", _PHASES[Phase.DEVICE], waiting, (_waiting_line(failed),)),
        Section("account", _PHASES[Phase.ACCOUNT], waiting, (_waiting_line(failed),)),
    )
    return _page(oobe, sections)


def tracking(oobe: Oobe, view: PageView) -> Screen:
    """The page while management works on a phase."""
    own = [line for line in view.subcategories if line.topic is not Topic.PREPARATION]
    before = [line for line in view.subcategories if line.topic is Topic.PREPARATION]
    is_device = view.phase is Phase.DEVICE
    prepared = tuple(_preparation(None, False, secured=oobe.is_technicians))
    lines = (*prepared[:-1], *map(_line, before)) if before else prepared
    sections = (
        Section("preparation", say("Device preparation"), _whole(lines), lines),
        _phase(Phase.DEVICE, own) if is_device else _finished(Phase.DEVICE),
        _account(oobe) if is_device else _phase(Phase.ACCOUNT, own),
    )
    page = _page(oobe, sections)
    return replace(page, actions=(Action.CONTINUE_ANYWAY,)) if view.may_leave else page


def stopped(oobe: Oobe, view: PageView) -> Screen:
    """The page after its phase failed or its time was over, with the time it took and the buttons that the
    profile allows.
    """
    actions = [action for flag, action in _BUTTONS if flag in view.buttons]
    if view.may_leave and Action.CONTINUE_ANYWAY not in actions:
        actions.append(Action.CONTINUE_ANYWAY)
    if view.collect_logs:
        actions.append(Action.COLLECT_LOGS)
    failure = oobe.memory.failure
    return replace(
        tracking(oobe, view),
        texts=(opening(view),) if failure is None else failure.texts,
        details=organisation_details(oobe.profile, spoken(oobe.stopwatches.elapsed(view.phase.value))),
        actions=tuple(actions),
        code="" if failure is None else failure.code,
    )


def opening(view: PageView) -> str:
    """What the page of a failure begins with: the organisation's own words, or the usual ones, which servers
    send in English.
    """
    own = view.custom_text
    return own if own and own != DEFAULT_TEXT else DEFAULT_TEXT


def failed(view: PageView) -> SetupFailed:
    """The failure of a page: its code, digits in upper case, what that means, and which item it was."""
    code = f"0x{0x80004005 if view.error_code is None else view.error_code:08X}"
    cause = cause_of(code, Part.SETUP)
    item = say("What failed: {item}.", item=_name(view.error_item)) if view.error_item else ""
    return SetupFailed(
        code=code, message=joined(cause.cause, item), remedy=cause.remedy, opening=opening(view)
    )


def _name(item: str) -> str:
    """What failed, as people know it: of a package its product code, any other by its name."""
    if not item.startswith("./"):
        return item
    return LocURI.parse(item).names[-2]


def _page(oobe: Oobe, sections: tuple[Section, ...]) -> Screen:
    return Screen(
        id=ScreenId.STATUS_PAGE,
        title=say("Setting up your device for work"),
        texts=(say("This could take a while and your device may need to restart."),),
        details=organisation_details(oobe.profile),
        sections=sections,
    )


def _preparation(present: Step | None, failed: bool, *, secured: bool) -> Iterable[Line]:
    """The four lines; `present` is the step under way, None when all are done."""
    state, text = Progress.SUCCEEDED, _COMPLETE
    for step, title in _TITLES.items():
        if step is Step.SECURE and not secured:
            yield Line(title, Progress.NOT_REQUIRED)
        elif step is present:
            yield Line(title, *((Progress.FAILED, _ERROR) if failed else (Progress.IN_PROGRESS, _WORKING)))
            state, text = Progress.NOT_STARTED, PREVIOUS_FAILED if failed else _WAITING
        else:
            yield Line(title, state, text)


def _line(line: Subcategory) -> Line:
    return Line(_TOPICS[line.topic], _PROGRESS[line.state], line.text)


_PROGRESS: Final = {
    State.NOT_STARTED: Progress.NOT_STARTED,
    State.IN_PROGRESS: Progress.IN_PROGRESS,
    State.SUCCEEDED: Progress.SUCCEEDED,
    State.FAILED: Progress.FAILED,
}


def _phase(phase: Phase, own: list[Subcategory]) -> Section:
    lines = tuple(map(_line, own))
    return Section(phase.value, _PHASES[phase], _whole(lines), lines)


def _whole(lines: tuple[Line, ...]) -> Progress:
    states = [line.state for line in lines]
    if Progress.FAILED in states:
        return Progress.FAILED
    if all(state in (Progress.SUCCEEDED, Progress.NOT_REQUIRED) for state in states):
        return Progress.SUCCEEDED
    return Progress.IN_PROGRESS


def _finished(phase: Phase) -> Section:
    return Section(phase.value, _PHASES[phase], Progress.SUCCEEDED)


def _account(oobe: Oobe) -> Section:
    """A technician does not set up accounts (check 138)."""
    text = say("Waiting for the user") if oobe.is_technicians else _WAITING
    return Section(
        "account", _PHASES[Phase.ACCOUNT], Progress.NOT_STARTED, (Line(text, Progress.NOT_STARTED),)
    )


def _waiting_line(failed: bool) -> Line:
    return Line(PREVIOUS_FAILED if failed else _WAITING, Progress.NOT_STARTED)
