"""What the server does about devices that do not do what one would expect, each switchable for itself.

All of it is on in a server. A test turns one off and shows that the device's quirk is then a fault: that is
how we know that the handling is needed, and that the test would notice if it went missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Handling:
    """One switch per kind of behaviour; the names say what the server does."""

    stored_replies: bool = True
    """A message that comes again gets the reply that it got (a lost reply, a proxy that tries twice)."""
    returning_sessions: bool = True
    """A message 1 under the present SessionID begins a session: some clients count in few numbers."""
    whole_packages: bool = True
    """A package without Final is asked on for (alert 1222) before anything is sent."""
    late_results: bool = True
    """The answer to a Get is awaited beyond its Status, for devices that send values in chunks."""
    replaces_existing: bool = True
    """418 to Add is followed by Replace."""
    holds_user_nodes: bool = True
    """Nodes of the user wait for LoginStatus `user`, and 405 to one of them means *not yet*."""
    reads_before_exec: bool = True
    """An Exec whose answer was lost is not repeated before the status of its job was read."""
    watches_installs: bool = True
    """An installation that stands still is begun again a few times, then given up."""
    releases_until_taken: bool = True
    """The release of a phase is repeated until the device took it with 200."""
    reads_refused_release: bool = True
    """After 405 to a release, or a lost answer, it is read whether the phase is released already."""
    notices_new_page: bool = True
    """The page is asked whether it began anew: after a reseal, or because somebody pressed Retry."""


HANDLING: Final = Handling()
"""Everything on."""
