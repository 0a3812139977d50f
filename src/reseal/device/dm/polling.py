"""When the next session is due by the schedule (spec/mdm-wire.md 3.10).

Three sets of sessions follow each other: some at the first interval, some at the second, the rest at the
third. A number of 0 means for ever; with 0 for the first number the others never come. An interval of 0
switches its set off. Counting begins anew when the server changes the schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from reseal.device.csp.tree import Tree
from reseal.wire.csp import Leaf, Poll, provider

_MINUTE: Final = timedelta(minutes=1)
_FOR_EVER: Final = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the Poll nodes say."""

    sets: tuple[tuple[int, int], ...]
    """Interval in minutes and number of sessions, three times."""
    on_login: bool
    on_first_login: bool

    def interval_after(self, count: int) -> timedelta | None:
        """How long after the last session the next one is due, when `count` were held by schedule.

        None: there is no more.
        """
        left = count
        for minutes, number in self.sets:
            if minutes == 0:
                continue
            if number == _FOR_EVER or left < number:
                return minutes * _MINUTE
            left -= number
        return None


def schedule_of(tree: Tree) -> Schedule:
    """The schedule as it stands in the tree."""
    base = provider(tree.provider_id)

    def number(leaf: Leaf) -> int:
        found = tree.value(leaf, base)
        return found if isinstance(found, int) else 0

    return Schedule(
        sets=(
            (number(Poll.FIRST_INTERVAL), number(Poll.FIRST_NUMBER)),
            (number(Poll.SECOND_INTERVAL), number(Poll.SECOND_NUMBER)),
            (number(Poll.REMAINING_INTERVAL), number(Poll.REMAINING_NUMBER)),
        ),
        on_login=tree.value(Poll.ON_LOGIN, base) is True,
        on_first_login=tree.value(Poll.ALL_USERS_ON_FIRST_LOGIN, base) is True,
    )
