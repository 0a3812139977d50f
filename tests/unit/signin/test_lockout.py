"""Who guesses has to wait, whoever it is that they guess."""

from __future__ import annotations

from datetime import timedelta

from reseal.signin.lockout import FIRST_LOCK, FREE_FAILURES, LONGEST_LOCK, REMEMBERED, Lockout
from tests.support.clock import ManualClock

NONE = timedelta(0)


def locked(lockout: Lockout, who: object, clock: ManualClock) -> list[timedelta]:
    """How long each further failure locks, when every lock is waited for."""
    locks = []
    for _ in range(9):
        lockout.failed(who)
        locks.append(lockout.remaining(who))
        clock.pass_silently(locks[-1])
    return locks


def test_the_tenth_failure_locks_and_each_further_one_for_twice_as_long() -> None:
    clock = ManualClock()
    lockout = Lockout(clock)
    for _ in range(FREE_FAILURES - 1):
        lockout.failed("ann")
        assert lockout.remaining("ann") == NONE
    locks = locked(lockout, "ann", clock)
    assert locks[:6] == [FIRST_LOCK * 2**number for number in range(6)]
    assert locks[-1] == LONGEST_LOCK
    assert lockout.remaining("bob") == NONE


def test_success_clears() -> None:
    lockout = Lockout(ManualClock())
    for _ in range(FREE_FAILURES):
        lockout.failed("ann")
    lockout.succeeded("ann")
    assert lockout.remaining("ann") == NONE


def test_the_last_three_secrets_count_once_each() -> None:
    lockout = Lockout(ManualClock())
    for _ in range(FREE_FAILURES):
        for tried in (b"one", b"two", b"three"):
            lockout.failed("ann", tried)
    assert lockout.remaining("ann") == NONE
    for number in range(FREE_FAILURES - 3):
        lockout.failed("ann", b"another %d" % number)
    assert lockout.remaining("ann") == FIRST_LOCK


def test_a_secret_forgotten_since_counts_again() -> None:
    lockout = Lockout(ManualClock())
    for _ in range(3):
        for tried in (b"one", b"two", b"three", b"four"):
            lockout.failed("ann", tried)
    assert lockout.remaining("ann") > NONE


def test_memory_is_bounded() -> None:
    lockout = Lockout(ManualClock())
    for _ in range(FREE_FAILURES):
        lockout.failed("first")
    for number in range(REMEMBERED):
        lockout.failed(number)
    assert lockout.remaining("first") == NONE
