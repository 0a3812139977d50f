"""What a journal says of a device, line by line."""

from __future__ import annotations

from reseal.device.journal import Entry, Product, Step, finished

ONE, TWO = (Product("{A}", version) for version in ("1.0", "2.0"))
OTHER, USERS = Product("{B}", "1.0"), Product("{A}", "1.0", "adele")


def _journal(*lines: tuple[Step, Product]) -> list[Entry]:
    return [Entry(step, product) for step, product in lines]


def test_what_came_to_its_end_is_there_in_order() -> None:
    assert finished(_journal(("begin", ONE), ("end", ONE), ("begin", OTHER), ("end", OTHER))) == [ONE, OTHER]


def test_what_was_rolled_back_is_not() -> None:
    assert finished(_journal(("begin", ONE), ("end", ONE), ("begin", TWO), ("rollback", TWO))) == [ONE]


def test_what_was_removed_is_gone_in_every_version_and_may_come_again() -> None:
    gone = _journal(("end", ONE), ("end", TWO), ("end", USERS), ("remove", TWO))
    assert finished(gone) == [USERS]
    assert finished([*gone, *_journal(("begin", ONE), ("end", ONE))]) == [USERS, ONE]
