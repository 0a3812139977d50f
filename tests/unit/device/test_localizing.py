"""A page in its own language: every text of ours translated, everything of somebody else's left alone."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from reseal.device.errors import SetupFailed, unexpected
from reseal.device.hardware import sample_laptop
from reseal.device.oobe import content
from reseal.device.oobe.labels import LABELS, PROGRESS
from reseal.device.oobe.memory import Failure
from reseal.device.oobe.table import Step
from reseal.device.pages.localizing import direction, localized
from reseal.device.screens import Action, Choice, Detail, Line, Progress, Screen, ScreenId, Section
from reseal.web.names import folded
from reseal.web.phrases import say
from reseal.wire.runtime.messages import OobeProfile, Organisation, ProfileAnswer, Standing

_HARDWARE = sample_laptop("contoso", 1)
_PROFILE = ProfileAnswer(
    standing=Standing.UNREGISTERED,
    organisation=Organisation(name="Next", tenant_id="1", domain="contoso.example"),
    profile=OobeProfile(name="Apps"),
)
_NOTICE = say("Can't connect to {network}. Check the network security key.", network="Password")


def _in(language: str, screen: Screen) -> Screen:
    return localized(replace(screen, language=language))


def test_titles_texts_labels_and_notices_are_in_the_language_of_the_page() -> None:
    page = _in("de-DE", content.network_page(("Office",), _NOTICE))
    assert page.title == "Stellen wir eine Verbindung mit einem Netzwerk her"
    assert page.texts[0].startswith("Um die Einrichtung")
    assert [field.label for field in page.fields] == ["WLAN-Netzwerk", "Netzwerksicherheitsschlüssel"]
    assert page.notice.startswith("Keine Verbindung mit Password möglich.")
    assert page.label(Action.CONNECT) == "Verbinden"
    assert page.language == "de-DE"


def test_what_somebody_else_named_stays_as_it_is() -> None:
    page = _in("fr-FR", content.network_page(("Next", "Apps"), ""))
    assert [choice.label for choice in page.fields[0].choices] == ["Next", "Apps"]
    terms = _in("fr-FR", content.licence_page(_PROFILE))
    assert terms.details[:2] == (
        Detail("organisation", "Organisation", "Next"),
        Detail("profile", "Profil de déploiement", "Apps"),
    )
    assert _in("de-DE", content.lock_page("Password")).title == "Password"


def test_phases_and_their_lines_are_told_and_states_have_words() -> None:
    lines = (Line(say("Apps"), Progress.IN_PROGRESS, say("Working")), Line("Next", Progress.NOT_STARTED))
    section = Section("device", say("Device setup"), Progress.FAILED, lines)
    page = _in(
        "ja-JP", Screen(id=ScreenId.STATUS_PAGE, title=say("Something went wrong"), sections=(section,))
    )
    assert page.sections[0].title == "デバイスのセットアップ"
    assert [(line.title, line.text) for line in page.sections[0].lines] == [
        ("アプリ", "処理中"),
        ("Next", ""),
    ]
    assert page.word(page.sections[0].state) == "失敗"


def test_every_button_and_every_state_has_a_name() -> None:
    assert set(Action) - set(LABELS) == {Action.SUBMIT, Action.FOLLOW}, "these have their own on the web page"
    assert set(PROGRESS) == set(Progress)
    page = localized(Screen(id=ScreenId.RED, title="", actions=tuple(Action)))
    assert page.language == "en"
    assert page.label(Action.RESEAL) == "Reseal"
    assert page.label(Action.SUBMIT) == "submit"


def test_an_action_may_be_called_differently_on_a_page() -> None:
    second = _in("es-ES", content.second_keyboard_page())
    assert second.label(Action.CHOOSE) == "Agregar distribución"
    assert _in("es-ES", content.region_page("es-ES")).label(Action.CHOOSE) == "Sí"


def test_a_page_in_a_language_without_catalogue_is_in_english_and_says_so() -> None:
    page = _in("tlh", content.second_keyboard_page())
    assert page.language == "en"
    assert page.title == "Want to add a second keyboard layout?"
    assert _in("en-GB", content.second_keyboard_page()).language == "en-GB"


def test_arabic_is_written_from_right_to_left_and_english_in_its_place_is_not() -> None:
    assert direction(_in("ar-EG", content.region_page("ar-EG")).language) == "rtl"
    assert direction(_in("ur-PK", content.region_page("ur-PK")).language) == "ltr"


@pytest.mark.parametrize(
    "language,first,germany",
    [
        ("de-AT", "Afghanistan", "Deutschland"),
        ("ar-EG", "إثيوبيا", "ألمانيا"),
        ("ja-JP", "アイスランド", "ドイツ"),
        ("en-US", "Afghanistan", "Germany"),
    ],
)
def test_regions_are_named_and_sorted_in_the_language_of_the_page(
    language: str, first: str, germany: str
) -> None:
    (regions,) = _in(language, content.region_page(language)).fields
    assert regions.choices[0].label == first
    assert next(each.label for each in regions.choices if each.value == "DE") == germany
    assert regions.value == language[-2:]
    assert [each.label for each in regions.choices] == sorted(
        (each.label for each in regions.choices), key=folded
    )
    assert not regions.language


def test_regions_come_in_the_chosen_language_even_where_the_page_does_not() -> None:
    page = _in("ur-PK", content.region_page("ur-PK"))
    assert page.fields[0].language == "ur-PK"
    assert page.fields[0].label == "Country or region"
    assert next(each.label for each in page.fields[0].choices if each.value == "DE") == "جرمنی"


def test_languages_bear_their_own_names_and_those_of_the_machine_come_first() -> None:
    hardware = replace(_HARDWARE, languages=("ja-JP", "de-DE"))
    (field,) = _in("de-DE", content.language_page(hardware, "de-DE")).fields
    assert field.choices[:2] == (
        Choice("ja-JP", "日本語 (日本)", "ja-JP"),
        Choice("de-DE", "Deutsch (Deutschland)", "de-DE"),
    )
    assert field.value == "de-DE"
    assert len({each.value for each in field.choices}) == len(field.choices)
    assert Choice("ar-EG", "العربية (مصر)", "ar-EG") in field.choices


def test_a_keyboard_is_proposed_by_the_chosen_language() -> None:
    (field,) = _in("de-CH", content.keyboard_page("de-CH")).fields
    assert field.value == "00000807"
    assert next(each.label for each in field.choices if each.value == field.value) == "Deutsch (Schweiz)"


def test_long_lists_are_made_once() -> None:
    first, second = (content.language_page(_HARDWARE, "en-US") for _ in range(2))
    assert first.fields[0].choices is second.fields[0].choices
    told, again = (_in("fr-FR", content.region_page("fr-FR")) for _ in range(2))
    assert told.fields[0].choices is again.fields[0].choices


def test_why_set_up_failed_can_be_told_in_another_language_after_a_power_cut() -> None:
    error = unexpected(say("Signing in"), say("no code came"))
    kept = msgspec.json.encode(Failure.of(Step.SIGN_IN, error))
    failure = msgspec.json.decode(kept, type=Failure)
    assert failure.message == "Signing in failed: no code came."
    assert json.loads(kept)["message"] == failure.message
    page = _in("de-DE", Screen(id=ScreenId.ERROR, title="", texts=failure.texts))
    assert page.texts[0] == "Fehler bei „Anmeldung“: es kam kein Code."
    assert page.texts[1].startswith("Wenden Sie sich")


MEANING = "Im Verzeichnis ist beim Beitritt des Geräts ein Fehler aufgetreten."


def test_what_a_server_said_of_a_failure_follows_what_the_device_knows_of_it() -> None:
    failure = Failure.of(Step.JOIN, SetupFailed(code="0x801C0006", message="The device is not allowed."))
    page = Screen(id=ScreenId.ERROR, title="", texts=failure.texts)
    assert _in("en-GB", page).texts[0] == "The device is not allowed."
    assert _in("de-DE", page).texts == (
        f"{MEANING} Der Server sagt: The device is not allowed.",
        "Versuchen Sie es erneut. Bleibt es dabei, wenden Sie sich an den Betreiber des Servers.",
    )
