"""Where the roads end: green and red, errors, and what comes between the status page and the desktop."""

from __future__ import annotations

from dataclasses import replace

from reseal.device.oobe import content
from reseal.device.oobe.context import PROVISIONING, Ending, EndingKind, Oobe
from reseal.device.oobe.memory import Place
from reseal.device.oobe.starting import shut_down
from reseal.device.oobe.status import preparing, tracking
from reseal.device.oobe.table import Outcome, Step
from reseal.device.oobe.tracking import begin_reset, collect_logs, log_on, retry, signed_in_user
from reseal.device.screens import Action, Screen, ScreenId, Section
from reseal.device.status_page import Phase
from reseal.device.timekeeping import spoken
from reseal.web.phrases import say
from reseal.wire.csp import LocURI
from reseal.wire.runtime.messages import ReportKind

_PREPARATION = (Step.SECURE, Step.JOIN, Step.ENROL, Step.PREPARE)
_PASSPORT = "./Device/Vendor/MSFT/PassportForWork"


async def green(oobe: Oobe) -> Outcome:
    """Success: the same facts as before, the elapsed time, and Reseal, which switches off (142, 148)."""
    if oobe.management is not None:
        oobe.management.bootstrap = True
        oobe.background.start(oobe.management.run())
    await oobe.ask(_green_page(oobe))
    oobe.reports.write(ReportKind.RESEALED)
    await oobe.background.stop()
    if oobe.management is not None:
        oobe.management.begin_pages()
    for watch in ("device", "account", PROVISIONING):
        oobe.stopwatches.clear(watch)
    oobe.wireless.forget()
    oobe.notebook.note(
        place=Place.PAGES,
        device_set_up=False,
        language="",
        region="",
        keyboard="",
        second_keyboard="",
        licence_accepted=False,
        failure=None,
    )
    await oobe.reports.send()
    shut_down(oobe)
    oobe.parts.tell("device.resealed", {})
    oobe.ending = Ending(EndingKind.POWERED_OFF_RESEALED)
    return Outcome.PASSED


def _green_page(oobe: Oobe) -> Screen:
    profile = oobe.profile
    elapsed = spoken(oobe.stopwatches.elapsed(PROVISIONING))
    texts = [say("Your device is ready. Choose Reseal, which switches it off, then hand it over.")]
    if oobe.memory.page_skipped:
        texts.append(say("The enrollment status page is switched off: only the enrolment is proven."))
    return Screen(
        id=ScreenId.GREEN,
        title=say("Pre-provisioning succeeded"),
        texts=tuple(texts),
        details=content.organisation_details(profile, elapsed),
        qr=_qr_code(oobe),
        actions=(Action.RESEAL,),
    )


def _qr_code(oobe: Oobe) -> str:
    registration = oobe.profile.registration
    return "" if registration is None else content.qr_code(str(registration), oobe.hardware.serial)


async def red(oobe: Oobe) -> Outcome:
    """Failure: the same facts, the error, the elapsed time; Retry, Reset and the logs (143)."""
    oobe.stopwatches.stop(PROVISIONING)
    intent = await oobe.ask(_red_page(oobe))
    while intent.action is Action.COLLECT_LOGS:
        intent = await oobe.ask(replace(_red_page(oobe), notice=collect_logs(oobe)))
    if intent.action is Action.RESET:
        return begin_reset(oobe)
    await retry(oobe)
    return Outcome.RETRY


def _red_page(oobe: Oobe) -> Screen:
    failure = oobe.memory.failure
    profile = oobe.profile
    elapsed = spoken(oobe.stopwatches.elapsed(PROVISIONING))
    page = Screen(
        id=ScreenId.RED,
        title=say("Something went wrong"),
        details=content.organisation_details(profile, elapsed),
        qr=_qr_code(oobe),
        actions=(Action.RETRY, Action.RESET, Action.COLLECT_LOGS),
    )
    if failure is None:
        return page
    sections = _as_it_failed(oobe, Step(failure.step))
    return replace(page, texts=failure.texts, code=failure.code, sections=sections)


def _as_it_failed(oobe: Oobe, step: Step) -> tuple[Section, ...]:
    """The phases of the status page at which the step failed, with what is done and what is not."""
    if step is Step.DEVICE_SETUP and oobe.management is not None:
        view = oobe.management.page(Phase.DEVICE, oobe.stopwatches.elapsed(Phase.DEVICE.value))
        return tracking(oobe, view).sections
    if step not in _PREPARATION:
        return ()
    present, oobe.step = oobe.step, step
    sections = preparing(oobe, failed=True).sections
    oobe.step = present
    return sections


async def error(oobe: Oobe) -> Outcome:
    """Set-up cannot go on: the code, what happened, what to do."""
    failure = oobe.memory.failure
    page = Screen(
        id=ScreenId.ERROR,
        title=say("Something went wrong"),
        texts=() if failure is None else failure.texts,
        code="" if failure is None else failure.code,
        details=content.organisation_details(oobe.profile),
        actions=(Action.RETRY, Action.RESET),
    )
    intent = await oobe.ask(page)
    if intent.action is Action.RESET:
        return begin_reset(oobe)
    oobe.notebook.note(failure=None)
    oobe.reports.write(ReportKind.RETRY)
    await oobe.reports.send()
    return Outcome.RETRY


# --- on the way to the desktop


async def privacy(oobe: Oobe) -> Outcome:
    """When the account's set-up begins, unless the profile hides it (107, 168)."""
    profile = oobe.profile.profile
    is_hidden = profile is not None and profile.privacy_hidden
    if not (is_hidden or oobe.memory.privacy_answered):
        await oobe.ask(content.privacy_page(oobe.profile))
        oobe.notebook.note(privacy_answered=True)
    return Outcome.PASSED


async def hello(oobe: Oobe) -> Outcome:
    """After the status page, and only if a policy asks for it (169)."""
    if _wants_hello(oobe):
        intent = await oobe.ask(content.hello_page())
        oobe.parts.tell("hello.answered", {"set_up": intent.action is Action.NEXT})
    return Outcome.PASSED


def _wants_hello(oobe: Oobe) -> bool:
    if oobe.management is None:
        return False
    tree, root = oobe.management.tree, LocURI.parse(_PASSPORT)
    values = (tree.read(root / name / "Policies" / "UsePassportForWork") for name in tree.children(root))
    return any(value is not None and value.strip().lower() == "true" for value in values)


async def desktop(oobe: Oobe) -> Outcome:
    """The end of the story. Management goes on until the person switches the device off."""
    upn = signed_in_user(oobe)
    oobe.notebook.note(place=Place.DESKTOP, failure=None)
    if oobe.management is not None:
        oobe.management.bootstrap = False
        log_on(oobe)  # who left the page on the way is not logged on yet
    oobe.reports.write(ReportKind.DESKTOP)
    oobe.parts.tell("desktop.reached", {"upn": upn})
    restart = oobe.management is not None and oobe.management.reboot_requested
    if restart:
        oobe.parts.tell("restart.pending", {})
    await oobe.ask(content.desktop_page(oobe.memory.name, upn, restart=restart))
    return Outcome.PASSED


async def lock(oobe: Oobe) -> Outcome:
    """The sign-on screen of a device that somebody has set up already (182)."""
    await oobe.ask(content.lock_page(oobe.memory.name))
    return Outcome.PASSED
