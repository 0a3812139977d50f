"""Faults by name, and the dice."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Invalid
from reseal.rehearsal.faults import NO_FAULTS, USUAL, Faults, Happening, parse_faults, throw


def test_faults_are_named_with_or_without_a_measure() -> None:
    assert parse_faults("loss=20, cut") == Faults(loss=20, cut=USUAL.cut)
    assert parse_faults("answerLoss=7,delay=5000") == Faults(answer_loss=7, delay=5000)
    assert parse_faults("all") == USUAL
    assert parse_faults("none") == parse_faults("") == NO_FAULTS


@pytest.mark.parametrize("text", ["los", "loss=many", "loss=-1", "loss=1001", "all,loss", "loss=600,cut=600"])
def test_what_is_no_fault_is_told(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_faults(text)
    assert caught.value.remedy


def test_each_fault_happens_about_as_often_as_it_is_said() -> None:
    faults = Faults(loss=100, answer_loss=200, cut=50, duplicate=100)
    entropy = SeededEntropy(1)
    counts = Counter(throw(faults, entropy).happening for _ in range(4000))

    assert 300 < counts[Happening.REQUEST_LOST] < 500
    assert 650 < counts[Happening.ANSWER_LOST] < 950
    assert 130 < counts[Happening.ANSWER_CUT] < 270
    assert 120 < counts[Happening.REPEATED_BEFORE] < 280
    assert 120 < counts[Happening.REPEATED_AFTER] < 280


def test_one_fault_more_does_not_shift_the_dice_of_later_requests() -> None:
    few, many = SeededEntropy(1), SeededEntropy(1)
    for _ in range(50):
        throw(NO_FAULTS, few)
        throw(Faults(loss=500), many)
    assert few.bytes(8) == many.bytes(8)


def test_a_link_without_faults_delays_nothing() -> None:
    fate = throw(NO_FAULTS, SeededEntropy(1))
    assert fate.happening is Happening.ARRIVES
    assert fate.outward == fate.homeward == timedelta(0)
