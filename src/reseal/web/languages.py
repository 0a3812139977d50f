"""Which languages a reader wants, best first."""

from __future__ import annotations

import re

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_MOST = 20


def wanted_languages(ui_locales: str, accept_language: str) -> tuple[str, ...]:
    """Language tags by `ui_locales` (OpenID Connect) and then by the header `Accept-Language`."""
    weighted = [_weighted(part, place) for place, part in enumerate(accept_language.split(",")[:_MOST])]
    accepted = [tag for weight, _, tag in sorted(weighted) if weight < 0]
    tags = [*ui_locales.split()[:_MOST], *accepted]
    return tuple(dict.fromkeys(tag for tag in tags if _TAG.fullmatch(tag)))


def _weighted(part: str, place: int) -> tuple[float, int, str]:
    """An element of the header so that the best sorts first; what cannot be read weighs nothing."""
    tag, _, parameter = part.partition(";")
    name, _, value = parameter.partition("=")
    if name.strip().lower() != "q":
        return -1.0, place, tag.strip()
    try:
        weight = min(float(value), 1.0)
    except ValueError:
        weight = 0.0
    return -weight if weight > 0 else 0.0, place, tag.strip()
