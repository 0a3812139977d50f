"""What the pages say: titles, texts, choices, and the facts about the device that result pages repeat."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec

from reseal.device.hardware import Hardware
from reseal.device.oobe import keyboards
from reseal.device.screens import Action, Choice, Detail, Field, Screen, ScreenId
from reseal.web import names
from reseal.web.phrases import say
from reseal.wire.runtime.messages import ProfileAnswer


@cache
def languages() -> tuple[Choice, ...]:
    """Every language that CLDR names, by its own name; the values are tags (BCP 47)."""
    return tuple(map(_language_choice, names.languages()))


@cache
def regions() -> tuple[Choice, ...]:
    """Every territory that CLDR names; the values are ISO 3166-1 codes of two letters."""
    return tuple(Choice(each.code, each) for each in names.territories())


@cache
def layouts() -> tuple[Choice, ...]:
    """Windows' keyboard layouts; the values are its identifiers (KLID)."""
    return tuple(Choice(each.klid, each.name) for each in keyboards.layouts())


_KEY: Final = Action.PRESS_WINDOWS_KEY


def language_page(hardware: Hardware, language: str) -> Screen:
    """*Let's start with the language*; those of the machine's own system come first."""
    choices = _own_first(tuple(hardware.languages))
    return Screen(
        id=ScreenId.LANGUAGE,
        title=say("Let's start with your language"),
        fields=(_chosen("language", say("Language"), choices, language, by_name=False),),
        actions=(Action.CHOOSE, _KEY),
    )


def region_page(language: str) -> Screen:
    """*Is this the right country or region?*"""
    return Screen(
        id=ScreenId.REGION,
        title=say("Is this the right country or region?"),
        fields=(_chosen("region", say("Country or region"), regions(), names.home_of(language)),),
        actions=(Action.CHOOSE, _KEY),
    )


def keyboard_page(language: str) -> Screen:
    """*Is this the right keyboard layout?*"""
    return Screen(
        id=ScreenId.KEYBOARD,
        title=say("Is this the right keyboard layout or input method?"),
        texts=(say("If you also use another keyboard layout, you can add it next."),),
        fields=(_chosen("keyboard", say("Keyboard layout"), layouts(), keyboards.proposed_for(language)),),
        actions=(Action.CHOOSE, _KEY),
    )


def second_keyboard_page() -> Screen:
    """*Want to add a second keyboard layout?*"""
    return Screen(
        id=ScreenId.SECOND_KEYBOARD,
        title=say("Want to add a second keyboard layout?"),
        fields=(Field(name="keyboard", label=say("Keyboard layout"), choices=layouts(), by_name=True),),
        actions=(Action.CHOOSE, Action.SKIP, _KEY),
    )


def network_page(in_range: tuple[str, ...], notice: str) -> Screen:
    """*Let's connect you to a network*; there is no way past it."""
    networks = tuple(Choice(name, name) for name in in_range)
    return Screen(
        id=ScreenId.NETWORK,
        title=say("Let's connect you to a network"),
        texts=(say("You need an internet connection to finish setting up this device."),),
        fields=(
            Field(name="network", label=say("Wi-Fi network"), choices=networks),
            Field(name="password", label=say("Network security key"), secret=True),
        ),
        actions=(Action.CONNECT, Action.PLUG_CABLE, _KEY),
        notice=notice,
    )


def portal_page(network: str) -> Screen:
    """The own page of a network that leads nowhere before somebody has agreed to it."""
    return Screen(
        id=ScreenId.NETWORK,
        title=say("This network has a page of its own"),
        texts=(
            say("{network} leads to the internet once you have agreed to its terms of use.", network=network),
        ),
        actions=(Action.ACCEPT, Action.CANCEL),
    )


def licence_page(profile: ProfileAnswer) -> Screen:
    """The licence terms of the system."""
    return Screen(
        id=ScreenId.LICENCE_TERMS,
        title=say("Please review the license agreement"),
        texts=(say("Your organisation's licence for Windows applies to this device."),),
        details=organisation_details(profile),
        actions=(Action.ACCEPT, _KEY),
    )


def checking_page() -> Screen:
    """*Just a moment*."""
    return Screen(
        id=ScreenId.CHECKING, title=say("Just a moment…"), texts=(say("Checking for your organisation."),)
    )


def restarting_page() -> Screen:
    """*Restarting*."""
    return Screen(id=ScreenId.RESTARTING, title=say("Restarting…"))


def starting_page() -> Screen:
    """The first thing on the display."""
    return Screen(id=ScreenId.STARTING, title=say("Hi there"))


def choice_page() -> Screen:
    """*What would you like to do?*"""
    return Screen(
        id=ScreenId.PROVISIONING_CHOICE,
        title=say("What would you like to do?"),
        texts=(say("Pre-provision with Windows Autopilot"),),
        actions=(Action.PRE_PROVISION, Action.CANCEL),
    )


def configuration_page(profile: ProfileAnswer, serial: str, notice: str) -> Screen:
    """*Pre-provision with Windows Autopilot*: what will be put on the device, and for whom."""
    usual = (Action.REFRESH, Action.CANCEL)
    is_ready = profile.registration is not None and profile.profile is not None
    if profile.registration is None:
        texts = (say("This device is not registered with an organisation of this server."),)
    elif profile.profile is None:
        texts = (say("No deployment profile is assigned to this device."),)
    else:
        texts = (say("Check that this is right, then choose Next to begin."),)
    return Screen(
        id=ScreenId.CONFIGURATION,
        title=say("Pre-provision with Windows Autopilot"),
        texts=texts,
        details=organisation_details(profile),
        qr="" if profile.registration is None else qr_code(str(profile.registration), serial),
        actions=(Action.PROVISION, *usual) if is_ready else usual,
        notice=notice,
    )


def privacy_page(profile: ProfileAnswer) -> Screen:
    """*Choose privacy settings for your device*."""
    return Screen(
        id=ScreenId.PRIVACY,
        title=say("Choose privacy settings for your device"),
        texts=(say("Diagnostic data is sent as your organisation decides."),),
        details=organisation_details(profile),
        actions=(Action.ACCEPT,),
    )


def hello_page() -> Screen:
    """Windows Hello, where a policy asks for it."""
    return Screen(
        id=ScreenId.HELLO,
        title=say("Use Windows Hello with your account"),
        texts=(say("Your organisation asks you to set up a way to sign in without a password."),),
        actions=(Action.NEXT, Action.SKIP),
    )


def lock_page(name: str) -> Screen:
    """The sign-on screen of a device in use."""
    return Screen(
        id=ScreenId.LOCK, title=name, texts=(say("Sign in with your work account."),), actions=(Action.NEXT,)
    )


def desktop_page(name: str, upn: str, *, restart: bool = False) -> Screen:
    """The desktop: this is the end. `restart`: something wants one, which set-up did not carry out."""
    return Screen(
        id=ScreenId.DESKTOP,
        title=say("Desktop"),
        texts=(say("Restart this device to finish what was installed."),) if restart else (),
        details=(Detail("name", say("Computer name"), name), Detail("user", say("User"), upn)),
    )


def organisation_details(profile: ProfileAnswer, elapsed: str = "") -> tuple[Detail, ...]:
    """Organisation, profile, assigned user and elapsed time, as far as each is known."""
    organisation = profile.organisation
    assigned = profile.assigned_user
    found = (
        Detail("organisation", say("Organisation"), "" if organisation is None else organisation.name),
        Detail("profile", say("Deployment profile"), "" if profile.profile is None else profile.profile.name),
        Detail("user", say("Assigned user"), "" if assigned is None else assigned.upn),
        Detail("elapsed", say("Elapsed time"), elapsed),
    )
    return tuple(each for each in found if each.value)


def qr_code(registration: str, serial: str) -> str:
    """What the companion app reads: its parser takes the top level, its published sample has the wrapper."""
    block: dict[str, Any] = {
        "Id": registration,
        "ZtdId": registration,
        "PKID": "",
        "SerialNumber": serial,
        "HardwareId": "",
        "SequenceBlockNumber": 1,
        "TotalBlocks": 1,
    }
    top = {"ZtdId": registration, "Id": registration, "SerialNumber": serial, "BlockSequence": block}
    return msgspec.json.encode(top).decode()


def _chosen(
    name: str, label: str, choices: tuple[Choice, ...], wanted: str, *, by_name: bool = True
) -> Field:
    is_offered = any(choice.value == wanted for choice in choices)
    value = wanted if is_offered else choices[0].value
    return Field(name=name, label=label, choices=choices, value=value, by_name=by_name)


@cache
def _own_first(own: tuple[str, ...]) -> tuple[Choice, ...]:
    first = tuple(map(_language_choice, map(names.language_named, own)))
    return (*first, *(choice for choice in languages() if choice.value not in own))


def _language_choice(language: names.Language) -> Choice:
    return Choice(language.tag, language.name, language.tag)
