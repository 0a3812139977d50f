"""How long an installation may stay as it is before it is begun again (spec/mdm-wire.md 4.5). Pure.

A device makes one installation at a time. One that has not begun yet therefore waits for its turn as long as
another is at work, and its own patience counts from the last thing that any of them did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from reseal.catalog.model import Kind
from reseal.managed.model import Item, ItemState
from reseal.wire.csp import MsiStatus

STATUS: Final = "status"
"""Key of `Item.progress` below which the status of an app stands."""
PARKED: Final = 0x8600_0002
"""LastError of an installation that Windows put aside (spec/mdm-wire.md 4.5)."""
PARKED_PAUSE: Final = timedelta(seconds=30)
"""A parked installation is begun again at the earliest so long after the last thing it did."""

PATIENCE: Final[Mapping[int, timedelta]] = MappingProxyType(
    {
        MsiStatus.INITIALISED: timedelta(minutes=10),
        MsiStatus.DOWNLOADING: timedelta(minutes=60),
        MsiStatus.DOWNLOAD_RETRY_PENDING: timedelta(minutes=20),
        MsiStatus.DOWNLOADED: timedelta(minutes=10),
        MsiStatus.INSTALLING: timedelta(minutes=60),
        MsiStatus.INSTALL_RETRY_PENDING: timedelta(minutes=20),
    }
)
"""How long an installation may stay at a status. One that waits for a user's session has all the time."""
_UNKNOWN_PATIENCE: Final = timedelta(minutes=10)
_IN_TURN: Final = frozenset({MsiStatus.INITIALISED, MsiStatus.DOWNLOADED})
"""Where an installation waits for its turn."""
_AT_WORK: Final = frozenset({MsiStatus.DOWNLOADING, MsiStatus.INSTALLING})


def stands_still(
    item: Item, status: int, last_error: int | None, now: datetime, others: Iterable[Item]
) -> bool:
    """Whether the app `item` of this status has done nothing for too long; `others` are the deliveries to the
    same device, with or without it.
    """
    did = item.changed_at or item.since or now
    if last_error is not None and last_error & 0xFFFF_FFFF == PARKED:
        return now - did >= PARKED_PAUSE
    if status == MsiStatus.WAITING_FOR_USER:
        return False
    if status in _IN_TURN:
        apps = [each for each in others if each.kind is Kind.APP and each.key != item.key]
        if any(each.state is ItemState.RUNNING and each.progress.get(STATUS) in _AT_WORK for each in apps):
            return False
        did = max([did, *(each.changed_at for each in apps if each.changed_at is not None)])
    return now - did >= PATIENCE.get(status, _UNKNOWN_PATIENCE)
