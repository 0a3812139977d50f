"""Points and verdicts: repairs, swapped parts, clones (spec/autopilot.md 2.7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.hwhash import EkComparison, EvidenceKey, EvidenceKind, MatchScore, Verdict, score, verdict

EK = EvidenceKey(EvidenceKind.EK, "aa")
TUPLE = EvidenceKey(EvidenceKind.TUPLE, "contoso|notebook|sn1")
UUID = EvidenceKey(EvidenceKind.UUID, "u1")
PKID = EvidenceKey(EvidenceKind.PKID, "p1")
WIRED = EvidenceKey(EvidenceKind.MAC, "00:15:5d:00:00:01")
WIRELESS = EvidenceKey(EvidenceKind.MAC, "00:15:5d:00:00:02")
DISK = EvidenceKey(EvidenceKind.DISK, "d1")

LAPTOP = (EK, TUPLE, UUID, PKID, WIRED, WIRELESS, DISK)


def other(key: EvidenceKey) -> EvidenceKey:
    return EvidenceKey(key.kind, f"{key.value} of another")


def swapped(*keys: EvidenceKey) -> tuple[EvidenceKey, ...]:
    """The laptop with other values in place of `keys`."""
    return tuple(other(key) if key in keys else key for key in LAPTOP)


def judge(
    presented: tuple[EvidenceKey, ...], registered: tuple[EvidenceKey, ...] = LAPTOP
) -> tuple[int, Verdict]:
    found = score(presented, registered)
    return found.points, verdict(found)


def test_the_same_hardware_matches_with_all_points() -> None:
    assert score(LAPTOP, LAPTOP) == MatchScore(
        points=115,
        ek=EkComparison.EQUAL,
        evidence=tuple(EvidenceKind),
        complete=True,
        clone_suspected=False,
    )
    assert judge(LAPTOP) == (115, Verdict.MATCH)


@pytest.mark.parametrize(
    "key, points",
    [(EK, 50), (TUPLE, 25), (UUID, 15), (PKID, 10), (WIRED, 8), (DISK, 7)],
)
def test_points_of_each_kind(key: EvidenceKey, points: int) -> None:
    assert score((key,), LAPTOP).points == points
    assert score((key,), LAPTOP).evidence == (key.kind,)


def test_several_addresses_in_common_count_once() -> None:
    assert score((WIRED, WIRELESS), LAPTOP).points == 8


def test_a_new_disk_or_network_card_still_matches() -> None:
    assert judge(swapped(DISK)) == (108, Verdict.MATCH)
    assert judge(swapped(WIRED)) == (115, Verdict.MATCH)
    assert judge(swapped(WIRED, WIRELESS)) == (107, Verdict.MATCH)


def test_a_new_board_with_its_serial_written_is_fix_pending() -> None:
    found = score(swapped(EK, UUID, PKID, WIRED), LAPTOP)
    assert (found.points, verdict(found)) == (40, Verdict.FIX_PENDING)
    assert found.ek is EkComparison.DIFFERS


def test_a_new_board_that_shares_less_needs_attention() -> None:
    assert judge(swapped(EK, UUID, PKID, WIRED, WIRELESS)) == (32, Verdict.ATTENTION_REQUIRED)


def test_another_key_never_matches_however_much_agrees() -> None:
    assert judge(swapped(EK)) == (65, Verdict.FIX_PENDING)


def test_another_machine_is_not_registered() -> None:
    assert judge(swapped(*LAPTOP)) == (0, Verdict.NONE)
    assert judge((UUID, other(EK), WIRED)) == (23, Verdict.NONE)


def test_equal_serial_on_another_key_is_the_clone_case() -> None:
    assert score((other(EK), TUPLE), LAPTOP).clone_suspected
    same_serial = EvidenceKey(EvidenceKind.TUPLE, "fabrikam|tablet|sn1")
    assert score((other(EK), same_serial), LAPTOP).clone_suspected
    assert not score((other(EK), other(TUPLE)), LAPTOP).clone_suspected
    assert not score((TUPLE,), LAPTOP).clone_suspected


def test_a_machine_without_tpm_matches_when_all_that_was_registered_is_there() -> None:
    registered = (TUPLE, UUID, WIRED, DISK)
    assert judge(registered, registered) == (55, Verdict.MATCH)
    assert judge((TUPLE, UUID, WIRED, other(DISK)), registered) == (48, Verdict.ATTENTION_REQUIRED)


def test_a_key_that_one_side_lacks_is_no_contradiction() -> None:
    found = score(LAPTOP[1:], LAPTOP)
    assert (found.ek, found.complete) == (EkComparison.ABSENT, False)
    assert verdict(found) is Verdict.MATCH


@pytest.mark.parametrize(
    "points, ek, complete, expected",
    [
        (60, EkComparison.EQUAL, False, Verdict.MATCH),
        (59, EkComparison.EQUAL, False, Verdict.ATTENTION_REQUIRED),
        (59, EkComparison.ABSENT, True, Verdict.MATCH),
        (39, EkComparison.ABSENT, True, Verdict.ATTENTION_REQUIRED),
        (40, EkComparison.DIFFERS, False, Verdict.FIX_PENDING),
        (39, EkComparison.DIFFERS, False, Verdict.ATTENTION_REQUIRED),
        (25, EkComparison.ABSENT, False, Verdict.ATTENTION_REQUIRED),
        (24, EkComparison.ABSENT, True, Verdict.NONE),
    ],
)
def test_limits(points: int, ek: EkComparison, complete: bool, expected: Verdict) -> None:
    found = MatchScore(points=points, ek=ek, evidence=(), complete=complete, clone_suspected=False)
    assert verdict(found) is expected


keys = st.frozensets(st.builds(EvidenceKey, st.sampled_from(EvidenceKind), st.sampled_from("abc")))


@given(keys, keys)
def test_points_do_not_depend_on_the_side(
    first: frozenset[EvidenceKey], second: frozenset[EvidenceKey]
) -> None:
    one, two = score(first, second), score(second, first)
    assert (one.points, one.ek, one.evidence) == (two.points, two.ek, two.evidence)


@given(keys, keys, keys)
def test_more_in_common_never_costs_points(
    first: frozenset[EvidenceKey], second: frozenset[EvidenceKey], common: frozenset[EvidenceKey]
) -> None:
    assert score(first | common, second | common).points >= score(first, second).points
