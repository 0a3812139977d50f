"""How a change of several values is refused: as a whole, with a detail for each value. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from reseal.kernel.errors import Detail, Invalid
from reseal.kernel.wording import counted


def refuse_any(problems: Sequence[Detail], code: str, one: str, of: str = "") -> None:
    """Raise `Invalid` if there are problems; `one` is what each of the values is, `of` whose they are."""
    if not problems:
        return
    what, whose = counted(len(problems), one), f" of the {of}" if of else ""
    where = ", ".join(problem.where for problem in problems)
    raise Invalid(
        code=code,
        message=f"{what}{whose} cannot be stored: {where}.",
        remedy="Correct them; nothing was changed.",
        details=problems,
    )
