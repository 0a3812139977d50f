"""The user's sign-in: the server's own page, filled in by a person, until it leads to our address."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from uuid import UUID

import msgspec

from reseal.device.browser import Browser, Landed, sign_in_form, user_field
from reseal.device.causes import cause_of, joined
from reseal.device.codes import Part
from reseal.device.errors import (
    NO_SIGN_IN_SERVICE,
    SIGN_IN_FAILED,
    NetworkFailed,
    SetupFailed,
    explained,
    unexpected,
)
from reseal.device.html import Page
from reseal.device.management import Management
from reseal.device.oauth import (
    CALLBACK,
    DEVICE_REGISTRATION,
    MANAGEMENT,
    Question,
    TokenEndpoint,
    Tokens,
    ask_for_code,
)
from reseal.device.oobe.context import Oobe
from reseal.device.oobe.memory import Place
from reseal.device.oobe.preparing import not_registered
from reseal.device.oobe.starting import learn_user
from reseal.device.oobe.table import Outcome
from reseal.device.registering import remember
from reseal.device.screens import Action, Detail, Field, Screen, ScreenId, WebPage
from reseal.web.phrases import say, spoken_language
from reseal.wire.csp import LocURI
from reseal.wire.join import cloud_sid

MOST_SIGN_INS: Final = 20
"""So often the page is opened for one person who gets no further."""

_SIGN_IN_SERVICE: Final = LocURI.parse(
    "./Device/Vendor/MSFT/Policy/Config/Accounts/AllowMicrosoftAccountSignInAssistant"
)


async def sign_in(oobe: Oobe) -> Outcome:
    """Show the branded page until somebody has signed in (158 to 161). Raises `SetupFailed`."""
    if oobe.tokens is not None:
        return Outcome.PASSED
    if _is_offline(oobe):
        return Outcome.OFFLINE
    await _require_sign_in_service(oobe)
    await learn_user(oobe)
    urls = oobe.profile.urls
    if urls is None:
        raise not_registered(oobe)
    resource = DEVICE_REGISTRATION if oobe.membership is None else MANAGEMENT
    assigned = oobe.profile.assigned_user
    is_set_up = oobe.memory.place is Place.DESKTOP  # then others may use it too
    hint = "" if assigned is None or is_set_up else assigned.hint
    failed: SetupFailed | None = None
    for _ in range(MOST_SIGN_INS):
        question = ask_for_code(
            urls.authorize, resource, oobe.parts.entropy, language=oobe.language, hint=hint
        )
        try:
            tokens = await _person_signs_in(oobe, question, urls.token, failed)
        except NetworkFailed as error:
            if _is_offline(oobe):
                return Outcome.OFFLINE
            failed = error
            continue
        _signed_in(oobe, tokens)
        return Outcome.PASSED
    raise failed or unexpected(say("Signing in"), say("nobody got past the page"))


async def _require_sign_in_service(oobe: Oobe) -> None:
    """A policy can switch off the service that Windows signs in with. Windows then goes on to a local account
    that nobody wants; here the page says so (173). Raises `SetupFailed`.
    """
    management = oobe.management
    if management is None or oobe.memory.place is Place.DESKTOP or not _is_switched_off(management):
        return
    await management.sync()  # it may be another by now
    if _is_switched_off(management):
        raise explained(NO_SIGN_IN_SERVICE)


def _is_switched_off(management: Management) -> bool:
    return management.tree.read(_SIGN_IN_SERVICE) == "0"


def _is_offline(oobe: Oobe) -> bool:
    return not oobe.adapters.up


async def _person_signs_in(
    oobe: Oobe, question: Question, token_url: str, failed: SetupFailed | None
) -> Tokens:
    browser = Browser(oobe.http, oobe.clock, callback=CALLBACK, language=oobe.language)
    came = await browser.open(question.url)
    notice = "" if failed is None else joined(failed.message, failed.remedy)
    while not isinstance(came, Landed):
        _require_form(came)
        intent = await oobe.ask(_screen(oobe, came, notice))
        notice = ""
        match intent.action:
            case Action.SUBMIT:
                came = await browser.send(came, intent.value, intent.secret.encode())
            case Action.FOLLOW:
                came = await browser.open(intent.value)
            case _:
                came = await browser.sign_in(came, intent.value, intent.secret)
    return await _redeem(oobe, question, token_url, came)


async def _redeem(oobe: Oobe, question: Question, token_url: str, landed: Landed) -> Tokens:
    told = landed.parameters
    if told.get("state") != question.state:
        raise unexpected(say("Signing in"), say("the answer is for another question"))
    if "code" not in told:
        why = told.get("error_description") or told.get("error", say("no code came"))
        raise unexpected(say("Signing in"), why)
    return await TokenEndpoint(oobe.http, oobe.clock, token_url).redeem(question, told["code"])


def _signed_in(oobe: Oobe, tokens: Tokens) -> None:
    oobe.tokens = tokens
    if oobe.management is not None:
        oobe.management_tokens = tokens  # to enrol takes a token that names the device, too: it is asked for
    upn = str(tokens.claims.get("upn") or tokens.claims.get("preferred_username", ""))
    oobe.parts.tell("user.signed_in", {"upn": upn})
    if not oobe.memory.user:
        _make_administrator(oobe, str(tokens.claims.get("oid", "")))
        oobe.notebook.note(user=upn)


def _make_administrator(oobe: Oobe, object_id: str) -> None:
    """The first user of a device that joined by itself, unless the profile says Standard (109, 166, 172)."""
    member, profile = oobe.membership, oobe.profile.profile
    if member is None or member.joined_by or not object_id or profile is None or profile.standard_user:
        return
    sid = cloud_sid(UUID(object_id))
    if sid not in member.administrators:
        grown = (*member.administrators, sid)
        remember(oobe.parts.disk, msgspec.structs.replace(member, administrators=grown))


def _require_form(page: Page) -> None:
    if sign_in_form(page) is not None:
        return
    alert = next(iter(page.alerts), None)
    if alert is None:
        raise unexpected(
            say("Signing in"),
            say("the server answered {status} without a page to sign in on", status=page.status),
        )
    code = alert.code or SIGN_IN_FAILED
    raise SetupFailed(code=code, message=alert.text, remedy=cause_of(code, Part.SIGN_IN).remedy)


def _screen(oobe: Oobe, page: Page, notice: str) -> Screen:
    """The server's page as content; what it says of the user's name stays as it is."""
    wanted = user_field(page)
    assigned = oobe.profile.assigned_user
    user = Field(
        name="user",
        label=say("User name") if wanted is None else wanted.label or say("User name"),
        value="" if wanted is None else wanted.value,
        fixed=wanted is not None and wanted.fixed,
    )
    logo = tuple(Detail("logo", text or say("Logo"), address) for text, address in page.images)
    greeting = "" if assigned is None else assigned.greeting
    alert = next(iter(page.alerts), None)
    takes_key = oobe.membership is None
    screen = Screen(
        id=ScreenId.SIGN_IN,
        title=page.title,
        texts=page.words,
        fields=(user, Field(name="password", label=say("Password"), secret=True)),
        details=(*logo, *((Detail("greeting", say("Greeting"), greeting),) if greeting else ())),
        actions=(
            *(Action.SIGN_IN, Action.SUBMIT, Action.FOLLOW),
            *((Action.PRESS_WINDOWS_KEY,) if takes_key else ()),
        ),
        web=WebPage(page.url, page.source),
        notice=notice if alert is None else alert.text,
        code="" if alert is None else alert.code or "error",
    )
    return replace(screen, language=_language(oobe.language, page.language))


def _language(wanted: str, page: str) -> str:
    """What the page around the server's is in: as wanted, unless the server's is in another language."""
    return wanted if spoken_language(wanted) == spoken_language(page) else page
