"""Saving: what would change and for how many devices is said first, and what was said is what happens.

A preview does the whole thing and takes it back, as the plan of a document does. Saving does it for good, and
gives up if it comes to something else than what was shown, because somebody was faster.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from reseal.blueprint.plan import SAMPLE
from reseal.blueprint.touch import PageWatch, devices_touched, names_of
from reseal.esp.model import EspProfile
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.kernel.wording import counted

_LONGEST: Final = 200
"""Characters of a value that a preview shows."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that reads differently afterwards; an empty text is nothing."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Done:
    """What an act did: where it can be seen, what is said of it, and what it changed.

    `remarks` are what else should be known beforehand; `afterwards` tells differences that are there once
    everything that follows from the act has taken effect. `devices` are directory devices that it is about
    whatever they get, `gone` names devices that are no more. `secret` is shown once, and is `secret_of`
    somebody.
    """

    address: str
    notice: str
    differences: Sequence[Difference] = ()
    remarks: Sequence[str] = ()
    afterwards: Callable[[Tx], Sequence[Difference]] = lambda _tx: ()
    secret: str = ""
    secret_of: str = ""
    devices: Sequence[int] = ()
    gone: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What saving would change, and for which devices: all are counted, some named."""

    differences: tuple[Difference, ...]
    remarks: tuple[str, ...]
    devices: int
    sample: tuple[str, ...]

    @property
    def mark(self) -> str:
        """Two effects with the same mark are the same."""
        told = [
            [[one.what, one.before, one.after] for one in self.differences],
            self.remarks,
            self.devices,
            self.sample,
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]

    @property
    def sentence(self) -> str:
        """For how many devices it makes a difference, in words."""
        if not self.devices:
            return "Nothing changes for any device."
        return f"{counted(self.devices, 'device is', 'devices are')} affected."

    @property
    def named(self) -> str:
        """The first of these devices, and how many there are beside them."""
        more = self.devices - len(self.sample)
        return ", ".join(self.sample) + (f" and {more:,} more" if more else "")


Act: TypeAlias = Callable[[Tx], Done]


@dataclass(frozen=True, slots=True)
class Pages:
    """An act on Enrollment Status Pages themselves: it may edit one, or give devices another.

    Where something else is edited a device gets another page only if something else is effective for it, and
    then it is counted anyway; to look at the page of every device would cost more with each of them.
    """

    edited: EspProfile | None = None


class Otherwise(Exception):
    """Saving would not do what was shown."""

    def __init__(self, effect: Effect) -> None:
        super().__init__("the effect is another one than what was shown")
        self.effect = effect


def preview(tx: Tx, tenant: TenantKey, act: Act, pages: Pages | None) -> Effect:
    """What the act would change; nothing is."""
    with tx.preview():
        return _acted(tx, tenant, act, pages)[1]


def save(tx: Tx, tenant: TenantKey, act: Act, pages: Pages | None, shown: str) -> Done:
    """Do it. Raises `Otherwise`, and nothing is done, if `shown` is not the mark of what it comes to."""
    done, effect = _acted(tx, tenant, act, pages)
    if effect.mark != shown:
        raise Otherwise(effect)
    return done


def _acted(tx: Tx, tenant: TenantKey, act: Act, pages: Pages | None) -> tuple[Done, Effect]:
    tx.settle()
    watch = None if pages is None else PageWatch(tx, tenant, pages.edited)
    if watch is not None:
        watch.begin()
    done = act(tx)
    devices = devices_touched(tx, tenant, tx.settle()) | set(done.devices)
    if watch is not None:
        devices |= watch.devices()
    told = (*done.differences, *done.afterwards(tx))
    sample = (*done.gone, *names_of(tx, tenant, devices))[:SAMPLE]
    effect = Effect(told, tuple(done.remarks), len(devices) + len(done.gone), sample)
    return done, effect


def differences(*fields: tuple[str, Any, Any]) -> tuple[Difference, ...]:
    """Those of (what, before, after) that differ, in words."""
    return tuple(
        Difference(what, said(old), said(new)) for what, old, new in fields if said(old) != said(new)
    )


def said(value: Any) -> str:
    """A value as a preview shows it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
        case list() | tuple():
            return ", ".join(map(said, value))
        case _:
            return str(value)
