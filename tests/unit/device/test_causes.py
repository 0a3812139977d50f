"""What codes mean: the table is whole, and every page says cause and remedy once."""

from __future__ import annotations

from collections import Counter

import pytest

from reseal.device import download, errors, installer, status_page
from reseal.device.causes import cause_of, joined, sentences
from reseal.device.codes import CAUSES, UNKNOWN, UNKNOWN_ITEM, UNKNOWN_SIGN_IN, Part
from reseal.device.errors import SetupFailed, network_failed, unexpected
from reseal.device.oobe.memory import Failure
from reseal.device.oobe.table import Step
from reseal.device.transport import Failure as Break
from reseal.device.transport import TransportError
from reseal.web.phrases import say, spoken_languages, translated
from reseal.wire.enrolment.faults import Hresult
from tools.error_codes import PAGE, updated

DOCUMENTED = """
    0x800705B4 0x81039001 0x81039023 0x81039024 0x80070490 0x801C03EA 0x801C03F3 0x80180005
    0x80180014 0x80180018 0x80180022 0x8018002B 0x8018000A 0x8007064C 0x80180026 0xC1036501
    0x801C0003 0x80070774 0x80004005 0x80070032 0x87D1041C 0x80073CF9 OOBEIDPS 807
    809 815 908
""".split()
"""The codes of spec/autopilot.md 8.2, and those of 2.3 that devices show."""


# --- the table


def test_each_code_stands_once_in_a_part() -> None:
    assert Counter((each.code, each.part) for each in CAUSES).most_common(1)[0][1] == 1


@pytest.mark.parametrize("code", DOCUMENTED)
def test_every_documented_code_is_in_the_table(code: str) -> None:
    assert cause_of(code).code == code


def test_every_code_of_an_enrolment_and_of_the_device_itself_is_in_the_table() -> None:
    own = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, str)}
    numbers = {installer.TIMED_OUT, status_page.TIME_OUT, status_page.UNKNOWN_ERROR, download.HASH_MISMATCH}
    broken = {network_failed(TransportError(each, "x"), "x").code for each in Break}
    codes = own | broken | {f"0x{each:08X}" for each in numbers} | {each.hex for each in Hresult}
    assert sorted(code for code in codes if cause_of(code).code != code) == []


def test_causes_and_remedies_are_sentences() -> None:
    for each in (*CAUSES, UNKNOWN, UNKNOWN_ITEM, UNKNOWN_SIGN_IN):
        for text in (each.cause, each.remedy):
            assert text.endswith(".")
            assert text[0].isupper() or text[0] == "“"
        assert each.cause != each.remedy


def test_the_documentation_is_as_the_table_says() -> None:
    page = PAGE.read_text("utf-8")
    assert updated(page) == page, "run tools/error_codes.py"
    assert all(each.code in page and each.cause in page and each.remedy in page for each in CAUSES)


# --- looking codes up


def test_a_code_is_found_however_it_is_spelled() -> None:
    assert cause_of("801c0003") is cause_of("0x801C0003") is cause_of("0X801c0003")


def test_a_time_out_means_one_thing_at_the_tpm_and_another_on_the_status_page() -> None:
    assert "TPM" in cause_of("0x800705B4").cause
    assert "status page" in cause_of("0x800705B4", Part.SETUP).cause
    assert cause_of("0x80004005").part is Part.NETWORK
    assert cause_of("0x801C0003", Part.SETUP).part is Part.JOIN


def test_an_unknown_code_is_told_by_where_it_is_met() -> None:
    assert cause_of("0x8DEAD000") is UNKNOWN
    assert cause_of("0x8DEAD000", Part.SETUP) is UNKNOWN_ITEM
    assert cause_of("error", Part.SIGN_IN) is cause_of("AADSTS999") is UNKNOWN_SIGN_IN


# --- what a page says


def test_what_a_step_says_is_said_and_the_rest_comes_from_the_table() -> None:
    happened, remedy = say("It rains."), say("Wait.")
    known = cause_of("0x80180018")
    assert sentences("0x80180018", happened, remedy) == ("It rains.", "Wait.")
    assert sentences("0x80180018", happened, "") == ("It rains.", known.remedy)
    assert sentences("0x80180018", "", remedy) == (known.cause, "Wait.")
    assert sentences("0x80180018", "", "") == (known.cause, known.remedy)


def test_a_servers_words_are_said_as_they_are_and_explained_to_readers_of_other_languages() -> None:
    said = sentences("0x80180018", "Bianca has no licence.", "Give her one.")
    assert said == ("Bianca has no licence.", "Give her one.")
    happened, remedy = (translated(text, "de-AT") for text in said)
    assert happened.startswith("Die Person hat keine Lizenz")
    assert happened.endswith("Der Server sagt: Bianca has no licence. Give her one.")
    assert remedy == translated(cause_of("0x80180018").remedy, "de")


def test_where_servers_do_not_tell_the_cause_it_is_added() -> None:
    known = cause_of("0x801C03EA")
    happened, _ = sentences("0x801C03EA", "The TPM could not be proven.", "Try again.")
    assert happened == f"The TPM could not be proven. {known.cause}"
    assert translated(happened, "de").count(translated(known.cause, "de")) == 1


def test_a_reason_in_english_is_followed_by_what_the_code_means() -> None:
    error = unexpected(say("Signing in"), "Expected `object`")
    happened, _ = sentences(error.code, error.message, error.remedy)
    assert happened == "Signing in failed: Expected `object`."
    assert translated(happened, "de").startswith("Fehler bei „Anmeldung“: Expected `object`. Der Server gab")


def test_sentences_that_are_empty_are_left_out() -> None:
    assert (joined("A.", "", "B."), joined("", "A."), joined("")) == ("A. B.", "A.", "")


@pytest.mark.parametrize("language", spoken_languages())
@pytest.mark.parametrize("step", [Step.JOIN, Step.DEVICE_SETUP])
@pytest.mark.parametrize("message", ["", "The server says no.", say("Nobody is signed in.")])
def test_no_failure_is_told_by_its_code_alone_or_twice(language: str, step: Step, message: str) -> None:
    for code in (*{each.code for each in CAUSES}, "0x8DEAD000", "AADSTS999"):
        failure = Failure.of(step, SetupFailed(code=code, message=message))
        told = [translated(text, language) for text in failure.texts]
        assert len(told) == 2
        assert len(set(told)) == 2
        assert all(told)
        assert failure.message
        assert failure.remedy


def test_the_words_of_the_organisation_come_first_and_where_the_server_finds_it_last() -> None:
    error = SetupFailed(code="0x80180014", message="No.", opening="Call 4711.", trace="a1b2")
    first, _, _, last = Failure.of(Step.ENROL, error).texts
    assert (first, last) == ("Call 4711.", "Whoever runs the server finds it under a1b2.")
