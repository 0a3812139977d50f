"""What a device is given at enrolment: certificates, a management account, when to call.

The values here are the content of the provisioning document; `provisioning_writing` and
`provisioning_reading` turn them into the document and back. Times are whole units of what the document
counts in: days, minutes or milliseconds. Source: spec/mdm-wire.md 2.5.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntFlag, StrEnum
from typing import Final
from urllib.parse import quote, unquote

from reseal.wire.enrolment.errors import wrong
from reseal.wire.enrolment.names import EnrollmentType
from reseal.wire.enrolment.wap import Parm

XML_ENCODING: Final = "application/vnd.syncml.dm+xml"
ZERO: Final = timedelta(0)


def thumbprint(certificate: bytes) -> str:
    """By which Windows names a certificate: SHA-1 of its DER, 40 hex digits in upper case."""
    return hashlib.sha1(certificate, usedforsecurity=False).hexdigest().upper()


class StoreScope(StrEnum):
    """Whose store the client certificate goes to, below My."""

    SYSTEM = "System"
    USER = "User"

    @classmethod
    def of(cls, enrollment_type: EnrollmentType | None) -> "StoreScope":
        """System for devices that joined the directory, User otherwise (spec/mdm-wire.md 1.7)."""
        return cls.SYSTEM if enrollment_type is EnrollmentType.DEVICE else cls.USER


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """My/WSTEP/Renew: how the client certificate is renewed. Periods are days, 1 to 1000."""

    automatic: bool = True
    """ROBOSupport: without asking the user."""
    period: timedelta = timedelta(days=60)
    """How long before its end."""
    retry: timedelta = timedelta(days=4)
    server_url: str = ""
    """The discovery server, if it is another than at enrolment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """CertificateStore. Certificates are DER."""

    client: bytes = field(repr=False)
    """For the key of the request, which is on the device already."""
    scope: StoreScope
    intermediate: bytes | None = field(default=None, repr=False)
    root: bytes | None = field(default=None, repr=False)
    renewal: Renewal | None = None
    """None: renewal is not offered."""


class AuthType(StrEnum):
    """AAUTHTYPE: how a side of a session proves who it is."""

    DIGEST = "DIGEST"
    BASIC = "BASIC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """APPAUTH: what one side of a session knows (spec/mdm-wire.md 3.8)."""

    secret: str = field(repr=False)
    name: str = ""
    nonce: bytes = field(default=b"", repr=False)
    """The first one, raw."""
    type: AuthType = AuthType.DIGEST


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSearch:
    """SSLCLIENTCERTSEARCHCRITERIA: which certificate a device shows to the server."""

    subject: str
    """Distinguished name, such as `CN=5ede6e7a-...`; no wildcards."""
    scope: StoreScope

    @property
    def text(self) -> str:
        """As the parm says it; XML escapes it once more."""
        store = f"My\\{self.scope}"
        return f"Subject={quote(self.subject, safe='')}&Stores={quote(store, safe='')}"

    @classmethod
    def read(cls, text: str) -> "CertificateSearch":
        """The criteria in `text`, also escaped twice as in published examples. Raises EnrolmentError."""
        pairs = (part.partition("=") for part in text.replace("&amp;", "&").split("&"))
        values = {name.strip().casefold(): unquote(value) for name, _, value in pairs}
        scope = _SCOPES.get(values.get("stores", "").casefold())
        if scope is None or not values.get("subject"):
            raise wrong("search for a certificate", text, "names no subject or no store that is known")
        return cls(subject=values["subject"], scope=scope)


_SCOPES: Final = {f"my\\{scope}".casefold(): scope for scope in StoreScope}


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """APPLICATION w7: the management account."""

    name: str
    """Shown to the user."""
    address: str
    """The management endpoint."""
    server_credentials: Credentials
    """Level CLIENT: by which the server proves itself to the client; always DIGEST."""
    device_credentials: Credentials
    """Level APPSRV: by which the device proves itself to the application server."""
    certificate_search: CertificateSearch | None = None
    retries: int = 3
    """CONNRETRYFREQ: how often a connection is tried again."""
    initial_backoff: timedelta = timedelta(seconds=16)
    """Milliseconds in the document; doubles with each try."""
    max_backoff: timedelta = timedelta(days=1)
    older_protocol: bool = True
    """After a failure try DM 1.1; false is written as BACKCOMPATRETRYDISABLED."""
    encoding: str = XML_ENCODING
    protocol_version: str = ""
    """PROTOVER: 1.1 or 1.2; empty leaves it to the device."""
    role: int | None = None
    """ROLE: 8 operator, 32 enterprise; None leaves it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPhase:
    """How often and how many times a device calls. Whole minutes; 0 is off. No retries: for ever."""

    interval: timedelta = ZERO
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSchedule:
    """DMClient/Poll: when a device calls by itself (spec/mdm-wire.md 3.10). The defaults are Windows' own."""

    first: PollPhase = PollPhase(interval=timedelta(minutes=15), retries=10)
    second: PollPhase = PollPhase()
    remaining: PollPhase = PollPhase()
    on_login: bool = False
    on_first_login_of_all: bool = False


DURING_SET_UP: Final = PollSchedule(
    first=PollPhase(interval=timedelta(minutes=1)),
    remaining=PollPhase(interval=timedelta(minutes=1560)),
    on_login=True,
    on_first_login_of_all=True,
)
"""Every minute, without end: a device whose schedule ran out during the Enrollment Status Page is dead."""


class StatusPageButtons(IntFlag):
    """BlockInStatusPage: the page blocks, and what it offers when set-up fails (spec/mdm-wire.md 4.1)."""

    RESET = 1
    TRY_AGAIN = 2
    CONTINUE_ANYWAY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSyncStatus:
    """DMClient/FirstSyncStatus in device scope: the Enrollment Status Page. None leaves a node alone.

    Servers are seen to send it in the first session, not in a provisioning document (spec/mdm-wire.md 2.5).
    """

    timeout: timedelta | None = None
    """Whole minutes, 1 to 1440."""
    finished: bool | None = None
    """ServerHasFinishedProvisioning: nothing more will be added. It cannot be taken back."""
    block: StatusPageButtons | None = None
    """No button: the user may leave the page."""
    allow_collect_logs: bool | None = None
    error_text: str | None = None
    skip_device_page: bool | None = None
    skip_user_page: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """DMClient/Provider/{ID}. Empty or None: not said."""

    device_id: str = ""
    """EntDMID: the server's id of the device; has to be set before a renewal."""
    upn: str = ""
    device_name: str = ""
    """EntDeviceName: the device's name in the console."""
    poll: PollSchedule | None = None
    first_sync: FirstSyncStatus | None = None
    further: tuple[Parm, ...] = ()
    """Other nodes of the provider (spec/mdm-wire.md 5.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningDocument:
    """A whole document. After a renewal it has certificates only (spec/mdm-wire.md 2.7)."""

    provider_id: str
    """PROVIDER-ID, and the name of the provider in DMClient."""
    certificates: Certificates
    application: Application | None = None
    """None: the account stays as it is."""
    provider: ProviderSettings | None = None
