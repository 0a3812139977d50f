"""What the pages of the console need."""

from __future__ import annotations

from dataclasses import dataclass

from reseal.console.notices import Notices
from reseal.kernel.blobs import Blobs
from reseal.kernel.clock import Clock
from reseal.kernel.db import Database
from reseal.kernel.entropy import Entropy
from reseal.kernel.secretbox import SecretBox
from reseal.kernel.settings import Settings
from reseal.kernel.workers import Workers
from reseal.signin.passwords import Passwords
from reseal.signin.tokens import TokenSigner
from reseal.web.forgery import Forms
from reseal.web.routes import Authenticate
from reseal.web.seals import Seals
from reseal.web.streams import Streams

PERMISSION = "DeviceManagementManagedDevices.Read.All"
"""Without it nobody has anything to see here."""

HOME = "/deployments"
"""The first page."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The ports of the console. `by_token` is how programs prove who they are: pages take that too."""

    db: Database
    clock: Clock
    entropy: Entropy
    signer: TokenSigner
    box: SecretBox
    blobs: Blobs
    workers: Workers
    passwords: Passwords
    settings: Settings
    public_url: str
    device_url: str
    streams: Streams
    by_token: Authenticate

    @property
    def seals(self) -> Seals:
        """What only this server can have written."""
        return self.signer.seals

    @property
    def forms(self) -> Forms:
        """Keeps other sites from posting our forms."""
        return Forms(self.seals, self.entropy)

    @property
    def notices(self) -> Notices:
        """What a page says once."""
        return Notices(self.box, self.clock)
