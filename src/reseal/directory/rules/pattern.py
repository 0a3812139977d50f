"""The regular expressions of `-match`: RE2, so that no pattern can take more than linear time.

Letter case is ignored and a match may begin anywhere. What linear time excludes (look-around,
back-references) is refused when the rule is read. Source: spec/autopilot.md 3.3.
"""

from __future__ import annotations

from typing import Protocol

import re2

# Bounds the size of the automaton, and with it the cost per character; real patterns need a few kilobytes.
_MEMORY = 1 << 20


class Pattern(Protocol):
    """A compiled regular expression."""

    def search(self, text: bytes) -> object | None:
        """Whether the UTF-8 text contains a match."""


def compile_pattern(pattern: str) -> Pattern:
    """Compile one pattern. Raises ValueError with the reason in words."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        compiled: Pattern = re2.compile(pattern, options)
    except re2.error as refused:
        reason = refused.args[0] if refused.args else "unknown reason"
        raise ValueError(
            reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        ) from refused
    return compiled


def found_in(pattern: Pattern, text: str) -> bool:
    """Whether the pattern matches somewhere in the text (which may even hold half a surrogate pair)."""
    return pattern.search(text.encode("utf-8", "surrogatepass")) is not None
