"""What tokens say, as values (spec/identity.md 1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Claims:
    """What an application's access token says: the tenant, the client acting, its permissions."""

    tenant_id: UUID
    client_id: UUID
    name: str
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What the access token of a user, or of a device without a user, says.

    `device_id` is there only if the request proved that it holds the device's key.
    """

    tenant_id: UUID
    audience: str
    client_id: UUID
    user_id: UUID | None
    upn: str
    device_id: UUID | None
    scopes: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    name: str = ""

    def to_json(self) -> dict[str, Any]:
        """The claims with Microsoft's names, without those that every token has."""
        said: dict[str, Any] = {
            "aud": self.audience,
            "tid": str(self.tenant_id),
            "appid": str(self.client_id),
            "azp": str(self.client_id),
            "amr": list(self.amr),
            "idtyp": "device",
            "sub": str(self.user_id or self.device_id),
        }
        if self.user_id is not None:
            said |= {
                "idtyp": "user",
                "oid": str(self.user_id),
                "upn": self.upn,
                "unique_name": self.upn,
                "preferred_username": self.upn,
                "name": self.name,
                "scp": " ".join(self.scopes),
            }
        if self.device_id is not None:
            said["deviceid"] = str(self.device_id)
        return said

    @staticmethod
    def from_json(said: Mapping[str, Any]) -> AccessClaims:
        """The claims of a verified token."""
        return AccessClaims(
            tenant_id=UUID(said["tid"]),
            audience=said["aud"],
            client_id=UUID(said["appid"]),
            user_id=UUID(said["oid"]) if said["idtyp"] == "user" else None,
            upn=said.get("upn", ""),
            device_id=UUID(said["deviceid"]) if "deviceid" in said else None,
            scopes=tuple(said.get("scp", "").split()),
            amr=tuple(said["amr"]),
            name=said.get("name", ""),
        )


@dataclass(frozen=True, slots=True)
class IdClaims:
    """What an ID token tells a client of the user. `mdm` holds the addresses of the management service if the
    user is in its scope.
    """

    tenant_id: UUID
    client_id: UUID
    user_id: UUID
    upn: str
    name: str
    nonce: str
    signed_in_at: datetime
    amr: tuple[str, ...]
    mdm: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The claims, without those that every token has."""
        said: dict[str, Any] = {
            "aud": str(self.client_id),
            "tid": str(self.tenant_id),
            "oid": str(self.user_id),
            "sub": str(self.user_id),
            "upn": self.upn,
            "unique_name": self.upn,
            "preferred_username": self.upn,
            "name": self.name,
            "amr": list(self.amr),
            "auth_time": int(self.signed_in_at.timestamp()),
            **self.mdm,
        }
        return said | {"nonce": self.nonce} if self.nonce else said


@dataclass(frozen=True, slots=True)
class Hint:
    """Whose device a sign-in page is for: the page fills in `upn` and greets with `greeting`."""

    upn: str
    greeting: str
    registration: UUID
