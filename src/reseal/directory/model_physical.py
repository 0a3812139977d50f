"""Physical ids of a directory device: `[ZTDID]:...`, `[OrderID]:...`, `[PurchaseOrderId]:...` and foreign
ones.

They tie a directory device to its Autopilot registration, and membership rules read them
(`spec/autopilot.md 3.1`). Sources disagree on the letter case of the tag, so tags are compared without it
(`spec/identity.md 2.5`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from reseal.kernel.errors import Invalid

ZTDID = "ZTDID"
ORDER_ID = "OrderID"
PURCHASE_ORDER_ID = "PurchaseOrderId"

VALUE_LIMIT = 512
COUNT_LIMIT = 64

_SYNTAX = re.compile(r"\[([^\[\]:\s]+)\]:([^\x00-\x1f\x7f]+)")


@dataclass(frozen=True, slots=True)
class PhysicalId:
    """One physical id: a tag and a value; `str()` gives `[tag]:value`."""

    tag: str
    value: str

    def __str__(self) -> str:
        return f"[{self.tag}]:{self.value}"

    def has_tag(self, tag: str) -> bool:
        """Whether this id carries `tag`, in any letter case."""
        return self.tag.casefold() == tag.casefold()


def parse(text: str) -> PhysicalId:
    """`[tag]:value` as a `PhysicalId`; raises `Invalid` for another form or a value over 512 characters."""
    found = _SYNTAX.fullmatch(text)
    if found is None:
        raise Invalid(
            code="InvalidPhysicalId",
            message=f"{text!r} is not a physical id.",
            remedy="Write [tag]:value, as in [OrderID]:Berlin, without control characters.",
        )
    if len(found[2]) > VALUE_LIMIT:
        raise Invalid(
            code="PhysicalIdTooLong",
            message=f"The value of the physical id [{found[1]}] has {len(found[2])} characters; "
            f"{VALUE_LIMIT} are allowed.",
            remedy="Shorten the value.",
        )
    return PhysicalId(found[1], found[2])


def check(texts: Sequence[str]) -> tuple[str, ...]:
    """The physical ids of one device, checked one by one; raises `Invalid`, also for more than 64."""
    if len(texts) > COUNT_LIMIT:
        raise Invalid(
            code="TooManyPhysicalIds",
            message=f"A device may have {COUNT_LIMIT} physical ids; {len(texts)} were given.",
            remedy="Leave some out.",
        )
    return tuple(str(parse(text)) for text in texts)


def compose(
    present: Sequence[str] = (), *, ztdid: UUID | None, group_tag: str = "", purchase_order: str = ""
) -> tuple[str, ...]:
    """The physical ids of a registered device: its Autopilot ids first, then what others wrote into
    `present`.

    The three Autopilot tags in `present` are replaced, whatever their letter case; an empty value leaves
    its id out. So changing a group tag changes exactly one id.
    """
    ours = (
        PhysicalId(ZTDID, str(ztdid) if ztdid else ""),
        PhysicalId(ORDER_ID, group_tag),
        PhysicalId(PURCHASE_ORDER_ID, purchase_order),
    )
    foreign = [text for text in present if not any(parse(text).has_tag(own.tag) for own in ours)]
    return check([*(str(own) for own in ours if own.value), *foreign])


def value_of(texts: Sequence[str], tag: str) -> str | None:
    """The value of the first id that carries `tag` in any letter case, or None."""
    return next((found.value for text in texts if (found := parse(text)).has_tag(tag)), None)
