"""Which registration is meant, and is an import the same hardware again?"""

from __future__ import annotations

import itertools

import pytest

from reseal.autopilot.model import RemediationState, next_status
from reseal.autopilot.model_matching import (
    Leader,
    Recognition,
    claim_keys,
    differences,
    leader,
    lookup_keys,
    remediation,
    same_hardware,
)
from reseal.wire import hwhash
from reseal.wire.hwhash import EkComparison, EvidenceKey, EvidenceKind, MatchScore

EK, TUPLE, UUID, PKID, MAC, DISK = (EvidenceKey(kind, f"{kind}-1") for kind in EvidenceKind)
OTHER_EK = EvidenceKey(EvidenceKind.EK, "ek-2")
ALL = (EK, TUPLE, UUID, PKID, MAC, DISK)


def test_the_same_evidence_is_the_same_hardware() -> None:
    assert same_hardware(ALL, ALL)


@pytest.mark.parametrize(
    "presented, registered, same",
    [
        ((EK,), ALL, True),
        ((OTHER_EK, TUPLE, UUID, PKID, MAC, DISK), ALL, False),
        ((TUPLE, UUID, PKID, MAC, DISK), ALL, True),
        ((TUPLE, UUID, MAC, DISK), ALL, False),
        ((TUPLE, UUID, MAC, DISK), (TUPLE, UUID, MAC, DISK), True),
        ((TUPLE,), (TUPLE,), False),
        ((TUPLE, UUID), ALL, False),
        ((), (), False),
    ],
    ids=[
        "ek alone",
        "new board",
        "tpm off",
        "tpm off, no pkid",
        "never a tpm",
        "serial",
        "serial, uuid",
        "none",
    ],
)
def test_same_hardware(
    presented: tuple[EvidenceKey, ...], registered: tuple[EvidenceKey, ...], same: bool
) -> None:
    assert same_hardware(presented, registered) is same


def test_whatever_earns_a_conclusion_is_found_by_its_keys() -> None:
    for count in range(1, 7):
        for common in itertools.combinations(ALL, count):
            found = hwhash.score(common, ALL)
            if hwhash.verdict(found) is not hwhash.Verdict.NONE:
                assert lookup_keys(common), common


def test_what_is_the_same_hardware_is_found_by_the_keys_of_its_claim() -> None:
    sets = [common for count in range(1, 7) for common in itertools.combinations(ALL, count)]
    for presented in sets:
        if same_hardware(presented, ALL):
            assert set(claim_keys(presented)) & set(ALL)


def test_the_keys_to_look_up() -> None:
    assert lookup_keys(ALL) == (EK, MAC, TUPLE, UUID)
    assert lookup_keys((PKID, DISK)) == ()
    assert claim_keys(ALL) == (EK, TUPLE)
    assert claim_keys((TUPLE, UUID, MAC)) == (TUPLE,)
    assert claim_keys((UUID, PKID, MAC, DISK)) == (MAC, UUID)


def _score(points: int, ek: EkComparison = EkComparison.ABSENT, *, complete: bool = False) -> MatchScore:
    return MatchScore(points=points, ek=ek, evidence=(), complete=complete, clone_suspected=False)


REGISTERED = _score(75, EkComparison.EQUAL)
REPAIRED = _score(60, EkComparison.DIFFERS)
SIMILAR = _score(33)
STRANGE = _score(15)


@pytest.mark.parametrize(
    "scores, expected",
    [
        ([], None),
        ([STRANGE, STRANGE], None),
        ([STRANGE, SIMILAR], Leader(1, Recognition.ATTENTION_REQUIRED)),
        ([SIMILAR, REPAIRED], Leader(1, Recognition.FIX_PENDING)),
        ([REPAIRED, SIMILAR, _score(60)], Leader(2, Recognition.REGISTERED)),
        ([_score(60), REGISTERED], Leader(1, Recognition.REGISTERED)),
        ([REGISTERED, _score(75)], Leader(0, Recognition.AMBIGUOUS)),
        ([SIMILAR, SIMILAR, REGISTERED], Leader(2, Recognition.REGISTERED)),
        ([_score(25), SIMILAR, SIMILAR], Leader(1, Recognition.AMBIGUOUS)),
        ([_score(45, complete=True), _score(55)], Leader(0, Recognition.REGISTERED)),
    ],
)
def test_the_leader(scores: list[MatchScore], expected: Leader | None) -> None:
    assert leader(scores) == expected


@pytest.mark.parametrize("present", list(RemediationState))
def test_what_a_recognition_says_about_the_hardware(present: RemediationState) -> None:
    assert remediation(Recognition.REGISTERED, present) is RemediationState.NONE
    assert remediation(Recognition.FIX_PENDING, present) is RemediationState.AUTOMATIC
    assert remediation(Recognition.ATTENTION_REQUIRED, present) is RemediationState.MANUAL
    assert remediation(Recognition.AMBIGUOUS, present) is present
    assert remediation(Recognition.NOT_REGISTERED, present) is present


def test_differences_list_both_sides() -> None:
    other_mac = EvidenceKey(EvidenceKind.MAC, "mac-0")
    assert differences((OTHER_EK, TUPLE, MAC, other_mac), (EK, TUPLE, MAC, DISK)) == (
        (EvidenceKind.EK, ("ek-1",), ("ek-2",)),
        (EvidenceKind.MAC, ("mac-1",), ("mac-0", "mac-1")),
        (EvidenceKind.DISK, ("disk-1",), ()),
    )
    assert differences(ALL, tuple(reversed(ALL))) == ()


def test_the_status_follows_the_profile() -> None:
    assert next_status(None) == "unassigned"
    assert next_status(7) == "assigned"
