"""A form as a page shows it: what stands in its fields, and what is wrong with it, next to the field.

What was typed is kept when a form is shown again. What a service refuses names fields in its own words; each
topic says which of its fields that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from reseal.kernel.errors import ResealError
from reseal.web.posted import Posted
from reseal.wire.errors import WireError

TICKED = "yes"
"""The value of a ticked box."""


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose."""

    value: str
    label: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """Values by the names of fields, problems by the same names, and problems of the whole."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    general: tuple[str, ...] = ()

    @classmethod
    def of(cls, **values: str | bool | Iterable[str]) -> Self:
        """A form with these values: a text, a box that is ticked or not, or several."""
        return cls({name: _texts(value) for name, value in values.items()})

    @classmethod
    def typed(cls, posted: Posted) -> Self:
        """A form with what was typed into it."""
        return cls(dict(posted.fields))

    @property
    def is_wrong(self) -> bool:
        """Whether there is something to correct."""
        return bool(self.problems or self.general)

    def value(self, name: str, default: str = "") -> str:
        """What stands in a field."""
        values = self.values.get(name, ())
        return values[-1] if values else default

    def has(self, name: str, value: str = TICKED) -> bool:
        """Whether a choice is made, or a box is ticked."""
        return value in self.values.get(name, ())

    def wrong(self, name: str, problem: str) -> Self:
        """The form with one more problem: a field's, or of the whole if `name` is empty."""
        if not name:
            return replace(self, general=(*self.general, problem))
        told = self.problems.get(name)
        return replace(self, problems={**self.problems, name: f"{told} {problem}" if told else problem})

    def refused(self, error: ResealError | WireError, fields: Mapping[str, str] | None = None) -> Self:
        """The form with what was refused. `fields` leads from a detail's place, or from the code of an error
        without details, to the field that it is about; `*` is for everything else.
        """
        known = fields or {}
        if isinstance(error, WireError) or not error.details:
            name = known.get(error.code, known.get("*", ""))
            return self.wrong(name, _sentence(error.message, error.remedy))
        form = self
        for detail in error.details:
            head = re.split(r"[\[.]", detail.where, maxsplit=1)[0]
            name = known.get(detail.where) or known.get(head) or known.get(detail.code, "")
            said = _sentence(detail.message, detail.remedy)
            if not name and detail.where in self.values:
                name = detail.where
            elif not name and "*" in known:
                name, said = known["*"], f"{detail.where.capitalize()}: {said}"
            form = form.wrong(name, said)
        return form


def _texts(value: str | bool | Iterable[str]) -> tuple[str, ...]:
    match value:
        case bool():
            return (TICKED,) if value else ()
        case str():
            return (value,)
        case _:
            return tuple(value)


def _sentence(message: str, remedy: str) -> str:
    return " ".join(
        part if part.endswith((".", ":", "?")) else f"{part}." for part in (message, remedy) if part
    )
