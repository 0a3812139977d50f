"""Finding who wants to sign in, and keeping on record how it ended.

Whether a domain belongs to an organisation of this server is public; whether a user exists is not. So every
function here does the same for a user who exists and for one who does not.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from reseal.directory.joining import may_enroll
from reseal.directory.model import Tenant, User
from reseal.directory.model_names import fold
from reseal.directory.model_settings import MdmUrls
from reseal.directory.tenants import find_tenant, tenant_by_uuid
from reseal.directory.users import find_user, password_hash
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.errors import NotFound
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey

UPN_LIMIT = 256


@dataclass(frozen=True, slots=True)
class Account:
    """What is known under a user name. Without `user` and `stored` (the password's hash) nobody has it."""

    tenant: Tenant
    name: str
    user: User | None
    stored: str | None

    @property
    def lock(self) -> tuple[str, TenantKey, str]:
        """Under what wrong passwords are counted, at every door alike."""
        return "user", self.tenant.id, self.name


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Of one attempt to sign in, for the log: with what program, to what, from where, and the number of the
    request if the user was told one.
    """

    client: str
    audience: str
    address: str
    request: str = ""

    def to_json(self) -> dict[str, JsonValue]:
        """As an event tells it."""
        told: dict[str, JsonValue] = {
            "client": self.client,
            "resource": self.audience,
            "address": self.address,
        }
        return {**told, "request": self.request} if self.request else told


def tenant_named(tx: Tx, name: str) -> Tenant | None:
    """The tenant of that id or domain."""
    try:
        return _tenant_with_id(tx, UUID(name))
    except ValueError:
        return find_tenant(tx, name) if _printable(name) else None


def tenant_of_name(tx: Tx, upn: str) -> Tenant | None:
    """The tenant whose domain stands after the @ of a user name."""
    local, at, domain = upn.strip().rpartition("@")
    return find_tenant(tx, domain) if local and at and domain and _printable(upn) else None


def find_account(tx: Tx, tenant: Tenant, upn: str) -> Account:
    """What is needed to try a password."""
    user = find_user(tx, tenant.id, upn)
    stored = None if user is None else password_hash(tx, tenant.id, user.id)
    return Account(tenant, fold(upn), user, stored)


def mdm_addresses(tx: Tx, tenant: Tenant, user_id: int, standard: MdmUrls) -> Mapping[str, str]:
    """The claims that lead a joining device to its management; none for a user outside the MDM scope.
    `standard` are the server's own addresses.

    The terms of use go under two names: Microsoft's documents use both (spec/identity.md 1.3).
    """
    if not may_enroll(tx, tenant.id, user_id).given_addresses:
        return {}
    urls = tenant.settings.mdm_urls.or_default(standard)
    claims = {
        "mdm_enrollment_url": urls.discovery,
        "mdm_terms_of_use_url": urls.terms_of_use,
        "mdm_tou_url": urls.terms_of_use,
        "mdm_compliance_url": urls.compliance,
    }
    return {name: url for name, url in claims.items() if url}


def record_sign_in(tx: Tx, tenant: TenantKey, user: User, how: Circumstances, method: str) -> None:
    """A user signed in: with a `password`, or in a browser that had done so before (`session`)."""
    told = {**how.to_json(), "method": method}
    _record(tx, tenant, "user.signed_in", Subject("user", user.uuid), told, user)


def record_refusal(tx: Tx, account: Account, number: int, how: Circumstances, locked: int = 0) -> None:
    """An attempt failed, and locks the name for that many seconds. A name that nobody has is not written
    down: people type passwords there.
    """
    told: dict[str, JsonValue] = {**how.to_json(), "error": f"AADSTS{number}", "locked_seconds": locked}
    user = account.user
    subject = Subject("tenant", account.tenant.uuid) if user is None else Subject("user", user.uuid)
    _record(tx, account.tenant.id, "user.sign_in_refused", subject, told, None)


def record_sign_out(tx: Tx, tenant: TenantKey, user: User) -> None:
    """A user left a browser."""
    _record(tx, tenant, "user.signed_out", Subject("user", user.uuid), {}, user)


def _record(
    tx: Tx, tenant: TenantKey, kind: str, subject: Subject, told: Mapping[str, JsonValue], by: User | None
) -> None:
    events.record(tx, tenant, kind, subject, told, "system" if by is None else f"user:{by.uuid}")


def _tenant_with_id(tx: Tx, tenant_id: UUID) -> Tenant | None:
    try:
        return tenant_by_uuid(tx, tenant_id)
    except NotFound:
        return None


def _printable(text: str) -> bool:
    """No control characters or lone surrogates, which databases do not take, and no endless names."""
    return len(text) <= UPN_LIMIT and not any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in text)
