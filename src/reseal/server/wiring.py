"""Who meets whom: the reactors in their order, the routes of both listeners, the handlers of deadlines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reseal.api.parts import Parts as ApiParts
from reseal.api.routes import api_routes
from reseal.assignment import effective
from reseal.autopilot import importing, profile_assignment, user_links
from reseal.console.parts import Parts as ConsoleParts
from reseal.console.routes import console_routes
from reseal.deployment import budgets
from reseal.deployment import reacting as deployments
from reseal.directory import membership
from reseal.esp import profiles as esp_profiles
from reseal.join import tickets
from reseal.join.routes import JoinDoor
from reseal.kernel.authorities import Authorities, load_authorities
from reseal.kernel.changes import Reactor
from reseal.kernel.clock import Clock
from reseal.kernel.db import Tx
from reseal.kernel.deadlines import Deadline
from reseal.kernel.keys import KeySource
from reseal.kernel.secretbox import SecretBox
from reseal.managed import reacting as managed
from reseal.managed.content import ContentUrls, load_content_urls
from reseal.managed.routes import ContentDoor
from reseal.mdm.enrolment.own_devices_page import OwnDevicesPage
from reseal.mdm.enrolment.routes import EnrolmentDoor
from reseal.mdm.enrolment.sign_in_page import SignInPage
from reseal.mdm.enrolment.terms_page import TermsPage
from reseal.mdm.sessions import store as sessions
from reseal.mdm.sessions.door import SessionDoor
from reseal.runtime import runs
from reseal.runtime.profile import Addresses
from reseal.runtime.routes import RuntimeDoor
from reseal.server.addresses import address_routes
from reseal.server.health import health_routes
from reseal.signin import tidying
from reseal.signin.lockout import Lockout
from reseal.signin.routes import SignIn
from reseal.signin.tokens import TokenSigner, load_signer
from reseal.trust.routes import TrustDoor
from reseal.web.refusals import refusal_routes
from reseal.web.routes import Authenticate, Route
from reseal.web.streams import Streams

REACTORS: tuple[Reactor, ...] = (
    membership.REACTOR,
    user_links.REACTOR,
    effective.REACTOR,
    profile_assignment.REACTOR,
    esp_profiles.REACTOR,
    managed.REACTOR,
    sessions.REACTOR,
    deployments.REACTOR,
)
"""Group membership, then whose device it is, then effective assignment, then what stands on it: profiles,
pages, what managed devices shall have, and last the stories of devices.
"""

DEADLINES: Mapping[str, Callable[[Tx, Deadline], None]] = {
    membership.RULE_CLOCK: membership.on_rule_clock,
    **importing.HANDLERS,
    **tidying.HANDLERS,
    **budgets.HANDLERS,
}
"""What happens when a deadline of each kind falls due."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """What this installation signs with and certifies with; all of it lies encrypted in the database, so that
    replicas hold the same. `box` is what decrypts it.
    """

    box: SecretBox
    signer: TokenSigner
    authorities: Authorities
    content_urls: ContentUrls


def load_keyring(tx: Tx, box: SecretBox, keys: KeySource, clock: Clock, device_url: str) -> Keyring:
    """The keyring of this installation; the very first call makes it, which takes seconds."""
    return Keyring(
        box=box,
        signer=load_signer(tx, box, keys),
        authorities=load_authorities(tx, box, keys, clock),
        content_urls=load_content_urls(tx, box, device_url),
    )


@dataclass(frozen=True, slots=True)
class Parts(ApiParts):
    """The ports and keys of one process."""

    keyring: Keyring


def routes(parts: Parts) -> tuple[tuple[Route, ...], Authenticate]:
    """Every route of both listeners, and how a caller is proven."""
    lockout = Lockout(parts.clock)  # one count of an account's failures, at whichever door they happen
    signin = SignIn(
        db=parts.db,
        signer=parts.keyring.signer,
        passwords=parts.passwords,
        workers=parts.workers,
        clock=parts.clock,
        entropy=parts.entropy,
        lockout=lockout,
        public_url=parts.public_url,
        device_url=parts.device_url,
        blobs=parts.blobs,
    )
    # The API and the well-known names stand before the endpoints that begin with a tenant's name.
    declared = (
        *health_routes(parts.db),
        *address_routes(parts.public_url, parts.device_url),
        *api_routes(parts),
        *_device_doors(parts, lockout),
        *SignInPage(signin).routes(),
        *TermsPage(signin).routes(),
        *OwnDevicesPage(signin).routes(),
        *_console(parts, signin),
        *refusal_routes(),
        *signin.routes(),
    )
    return declared, signin.authenticate


def _console(parts: Parts, signin: SignIn) -> tuple[Route, ...]:
    """The pages for administrators, and the way into them."""
    console = ConsoleParts(
        db=parts.db,
        clock=parts.clock,
        entropy=parts.entropy,
        signer=parts.keyring.signer,
        box=parts.keyring.box,
        blobs=parts.blobs,
        workers=parts.workers,
        passwords=parts.passwords,
        settings=parts.settings,
        public_url=parts.public_url,
        device_url=parts.device_url,
        streams=Streams(parts.clock, parts.stopping),
        by_token=signin.authenticate,
    )
    return console_routes(console)


def _device_doors(parts: Parts, lockout: Lockout) -> tuple[Route, ...]:
    """The doors where foreign protocols enter."""
    keyring = parts.keyring
    join = JoinDoor(
        db=parts.db,
        signer=keyring.signer,
        authority=keyring.authorities.join,
        workers=parts.workers,
        clock=parts.clock,
        entropy=parts.entropy,
        registration_of_run=runs.registration_of_run,
        public_url=parts.public_url,
        device_url=parts.device_url,
    )
    trust = TrustDoor(
        db=parts.db,
        signer=keyring.signer,
        workers=parts.workers,
        clock=parts.clock,
        entropy=parts.entropy,
        issue_ticket=tickets.issue,
    )
    runtime = RuntimeDoor(
        db=parts.db,
        signer=keyring.signer,
        workers=parts.workers,
        clock=parts.clock,
        addresses=Addresses(parts.public_url, parts.device_url),
    )
    content = ContentDoor(parts.db, parts.blobs, parts.clock, keyring.content_urls)
    enrolment = EnrolmentDoor(
        db=parts.db,
        signer=keyring.signer,
        authority=keyring.authorities.mdm,
        box=keyring.box,
        passwords=parts.passwords,
        lockout=lockout,
        workers=parts.workers,
        clock=parts.clock,
        entropy=parts.entropy,
        device_url=parts.device_url,
        public_url=parts.public_url,
    )
    management = SessionDoor(
        db=parts.db,
        clock=parts.clock,
        signer=keyring.signer,
        box=keyring.box,
        urls=keyring.content_urls,
        lockout=Lockout(parts.clock),
    )
    return (
        *management.routes(),  # first, because routes are tried in order, and nearly every request is for it
        *trust.routes(),
        *runtime.routes(),
        *join.routes(),
        *enrolment.routes(),
        *content.routes(),
    )
