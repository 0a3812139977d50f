"""What live pages share: telling a reader which fragments read differently now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from reseal.web.streams import Sent


@dataclass(slots=True)
class Shown:
    """What the reader of a stream has on the page."""

    parts: dict[str, str] = field(default_factory=dict)

    def changes(self, parts: Mapping[str, str], position: int | None) -> list[Sent]:
        """A message with the fragments that read differently, and the order of all of them."""
        changed = {name: html for name, html in parts.items() if self.parts.get(name) != html}
        moved = [*parts] != [*self.parts]
        self.parts = dict(parts)
        if not changed and not moved:
            return []
        told = msgspec.json.encode({"parts": changed, "order": [*parts]}).decode()
        return [Sent(told, "show", "" if position is None else str(position))]
