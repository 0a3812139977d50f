"""Who meets whom: the reactors in their order, the routes of both listeners, the handlers of deadlines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reseal.api.parts import Parts as ApiParts
from reseal.api.routes import api_routes
from reseal.assignment import effective
from reseal.autopilot import importing, profile_assignment, user_links
from reseal.directory import membership
from reseal.esp import profiles as esp_profiles
from reseal.kernel.changes import Reactor
from reseal.kernel.db import Tx
from reseal.kernel.deadlines import Deadline
from reseal.server.health import health_routes
from reseal.signin.lockout import Lockout
from reseal.signin.routes import SignIn
from reseal.signin.tokens import TokenSigner
from reseal.web.routes import Authenticate, Route

REACTORS: tuple[Reactor, ...] = (
    membership.REACTOR,
    user_links.REACTOR,
    effective.REACTOR,
    profile_assignment.REACTOR,
    esp_profiles.REACTOR,
)
"""Group membership, then whose device it is, then effective assignment, then what stands on it."""

DEADLINES: Mapping[str, Callable[[Tx, Deadline], None]] = {
    membership.RULE_CLOCK: membership.on_rule_clock,
    **importing.HANDLERS,
}
"""What happens when a deadline of each kind falls due."""


@dataclass(frozen=True, slots=True)
class Parts(ApiParts):
    """The ports and keys of one process."""

    signer: TokenSigner
    public_url: str


def routes(parts: Parts) -> tuple[tuple[Route, ...], Authenticate]:
    """Every route of both listeners, and how a caller is proven."""
    signin = SignIn(
        db=parts.db,
        signer=parts.signer,
        passwords=parts.passwords,
        workers=parts.workers,
        clock=parts.clock,
        entropy=parts.entropy,
        lockout=Lockout(parts.clock),
        public_url=parts.public_url,
    )
    return (*health_routes(parts.db), *signin.routes(), *api_routes(parts)), signin.authenticate
