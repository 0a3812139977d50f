"""Base64 of hardware hashes: what is repaired, and what cannot be."""

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.hwhash import HardwareHashError, repair_base64


def documented_loop(text: str) -> str:
    """The repair as the documents tell it, for text whose only fault is its padding."""
    while True:
        try:
            b64decode(text, validate=True)
        except ValueError:
            text = f"{text[:-2]}A" if text.endswith("==") else f"{text}="
        else:
            return text


def test_autopilot_019_documented_sample() -> None:
    assert repair_base64("Q29udG9zbwAAA") == "Q29udG9zbwAAAA=="


@pytest.mark.parametrize("text", ["", "QQ==", "QUI=", "QUJD", "Q29udG9zbwAAAA=="])
def test_text_that_decodes_stays_as_it_is(text: str) -> None:
    assert repair_base64(text) == text


@pytest.mark.parametrize(
    "text, repaired",
    [("QQ", "QQ=="), ("QUI", "QUI="), ("QQ=", "QQ=="), ("QUJD=", "QUJD"), ("QUJDR", "QUJDRA==")],
)
def test_padding_is_made_to_fit(text: str, repaired: str) -> None:
    assert repair_base64(text) == repaired


@given(st.binary(max_size=60), st.integers(0, 3))
def test_repair_agrees_with_the_documented_loop(data: bytes, lost: int) -> None:
    text = b64encode(data).decode().rstrip("=")
    text = text[: len(text) - lost]
    assert repair_base64(text) == documented_loop(text)


@pytest.mark.parametrize(
    "text", ["Q29u dG9z", "Q2=9udG9", "Q29u\n", "Q29ü", "Q29_", "=QQ=", "😀" * 4, "A" * 100_001]
)
def test_what_is_not_base64_is_refused_by_name(text: str) -> None:
    with pytest.raises(HardwareHashError) as refusal:
        repair_base64(text)
    assert refusal.value.code == "InvalidZtdHardwareHash"
    assert refusal.value.remedy
