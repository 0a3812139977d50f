"""The documents of the runtime channel. `POST` unless said otherwise; all below `/runtime/v1`.

    /profile              ProfileRequest     -> ProfileAnswer
    /attestation          AttestationBegin   -> Challenge
    /attestation/{id}     AttestationFinish  -> Ticket
    /join                 TicketJoin         -> Joined
    /reports              Reports            -> ReportsTaken     Authorization: Bearer <ProfileAnswer.run>
    GET /blocker                             -> Blocker          Authorization: Bearer <ProfileAnswer.run>

A refusal is `Refusal` under its HTTP status.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec

from reseal.wire.errors import WireError
from reseal.wire.runtime.blockers import BlockerKind


class _Document(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One JSON object; names in camel case."""


# --- profile ------------------------------------------------------------------------------------------------


class ProfileRequest(_Document, frozen=True, kw_only=True):
    """A device asks who it is."""

    hardware_hash: str
    os_version: str = ""
    os_edition: int | None = None
    """GetProductInfo number: 4 Enterprise, 48 Professional, 101 Home."""


class Standing(StrEnum):
    """How the device stands with this server."""

    UNREGISTERED = "unregistered"
    """The device gets the plain set-up and no word about any organisation."""
    REGISTERED = "registered"
    """New, or reset: either flow may begin."""
    PROVISIONED = "provisioned"
    """The technician flow ended green: the user flow follows."""


class Organisation(_Document, frozen=True, kw_only=True):
    """Whose device it is."""

    name: str
    tenant_id: UUID
    domain: str


class OobeProfile(_Document, frozen=True, kw_only=True):
    """What the deployment profile says to the pages (spec/autopilot.md 4.1). The server decides what is
    allowed; these fields only shape what is shown.
    """

    name: str
    join_type: str = "azureAD"
    shared: bool = False
    preprovisioning_allowed: bool = False
    standard_user: bool = False
    eula_hidden: bool = False
    privacy_hidden: bool = False
    escape_link_hidden: bool = False
    locale: str = "os-default"
    """`os-default`, a BCP-47 tag, or empty: the user selects."""
    keyboard_skipped: bool = False
    device_name: str = ""
    """The expanded name that the device takes right after Provision, or before the user's sign-in; empty: it
    keeps its own."""


class Urls(_Document, frozen=True, kw_only=True):
    """Where the device goes, made from the server's configured names."""

    authorize: str
    """OAuth v2.0 authorize endpoint of the tenant."""
    token: str
    """OAuth v2.0 token endpoint of the tenant."""
    device_registration: str
    """Discover document of the device registration service."""
    runtime: str
    """Base of this channel, without slash at the end."""


class AssignedUser(_Document, frozen=True, kw_only=True):
    """Told after the TPM was proven, or by the tenant's switch."""

    upn: str
    greeting: str = ""
    hint: str = ""
    """Goes to the sign-in page as `reseal_hint`: it fills in the user name, which cannot be changed then."""


class ProfileAnswer(_Document, frozen=True, kw_only=True):
    """Who the device is."""

    standing: Standing
    registration: UUID | None = None
    """The ZTDID; this and the following are missing for an unregistered device."""
    organisation: Organisation | None = None
    profile: OobeProfile | None = None
    urls: Urls | None = None
    assigned_user: AssignedUser | None = None
    run: str = ""
    """Bearer token for reports and the blocker; opaque."""


# --- attestation and join by ticket ------------------------------------------------------------------------


class AttestationBegin(_Document, frozen=True, kw_only=True):
    """What a TPM says of itself. Public areas are TPM2B_PUBLIC without its size."""

    registration: UUID
    hardware_hash: str
    ek_public: bytes
    ak_public: bytes
    ek_certificates: tuple[bytes, ...] = ()
    """DER, the EK's own first."""


class Challenge(_Document, frozen=True, kw_only=True):
    """Answered within `expires_in` seconds, once."""

    id: UUID
    credential: bytes
    """TPM2B_ID_OBJECT."""
    encrypted_seed: bytes
    """TPM2B_ENCRYPTED_SECRET."""
    nonce: bytes
    expires_in: int


class AttestationFinish(_Document, frozen=True, kw_only=True):
    """The answer: the activated secret, a quote, and the certified key of the coming join."""

    secret: bytes
    quote: bytes
    quote_signature: bytes
    pcrs: dict[str, bytes]
    """SHA-256 bank: number of the PCR in decimal -> value."""
    event_log: bytes
    key_public: bytes
    """Public area of the device key that the join will ask a certificate for."""
    certify: bytes
    certify_signature: bytes


class Ticket(_Document, frozen=True, kw_only=True):
    """Joins once, within `expires_in` seconds, the registration with exactly the certified key."""

    ticket: str
    expires_in: int
    proof: str
    """`hardware`, `hardwareUnknownVendor`, `virtual`."""
    assigned_user: AssignedUser | None = None


class TicketJoin(_Document, frozen=True, kw_only=True):
    """A join without a user. The request's key is the one that the TPM certified."""

    ticket: str
    certificate_request: bytes
    """PKCS#10, DER."""
    transport_key: bytes = b""
    """BCRYPT_RSAKEY_BLOB."""
    device_name: str = ""
    os_version: str = ""


class Joined(_Document, frozen=True, kw_only=True):
    """The device's certificate (DER) and those above it, and where management begins."""

    device_id: UUID
    certificate: bytes
    chain: tuple[bytes, ...] = ()
    mdm_discovery: str = ""
    """Empty: the MDM scope is none."""
    local_admins: tuple[str, ...] = ()
    """SIDs for the local Administrators."""


# --- reports and blocker ------------------------------------------------------------------------------------


class ReportKind(StrEnum):
    """What a device may tell. None of it is needed for a run to arrive."""

    PAGE_SHOWN = "pageShown"
    INTENT = "intent"
    RESEALED = "resealed"
    RETRY = "retry"
    RESET = "reset"
    LEFT_PAGE = "leftPage"
    """The person left the status page without its release: *Continue anyway*, or a page that does not
    block."""
    FAILED = "failed"
    DESKTOP = "desktop"


class Report(_Document, frozen=True, kw_only=True):
    """One event on the device; `number` counts from 1 in each run and is what makes a repetition one."""

    number: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    at: datetime
    kind: ReportKind
    screen: str = ""
    code: str = ""
    detail: dict[str, Any] = {}


class Reports(_Document, frozen=True, kw_only=True):
    """Reports in rising numbers; sending one again changes nothing."""

    reports: tuple[Report, ...]


class ReportsTaken(_Document, frozen=True, kw_only=True):
    """All numbers up to this one are kept."""

    up_to: int


class Blocker(_Document, frozen=True, kw_only=True):
    """What the device waits for, as the server knows it."""

    kind: BlockerKind | None = None
    """None: nothing; the deployment has ended."""
    text: str = ""
    state: str = ""
    since: datetime | None = None
    until: datetime | None = None
    then: str = ""
    """What happens at `until`."""


class Refusal(_Document, frozen=True, kw_only=True):
    """Why a request was refused: an HRESULT or Autopilot code, its name, a sentence, a remedy."""

    code: str
    name: str = ""
    message: str
    remedy: str = ""


class RefusalAnswer(_Document, frozen=True, kw_only=True):
    """The body of a refusal."""

    error: Refusal


class ChannelError(WireError):
    """A document of the channel that cannot be read; the code is `Document`."""


_encoder = msgspec.json.Encoder()
_Shape = TypeVar("_Shape", bound=_Document)


def encode(document: _Document) -> bytes:
    """The document as JSON."""
    return _encoder.encode(document)


def decode(data: bytes, shape: type[_Shape]) -> _Shape:
    """A document of that shape. Raises `ChannelError`."""
    try:
        return msgspec.json.decode(data, type=shape)
    except (msgspec.DecodeError, RecursionError) as error:
        message = f"The document is no {shape.__name__}: {error}"
        raise ChannelError(code="Document", message=message, remedy="Correct the place it names") from error
