"""The Discover document: where a device finds the services that it joins with (spec/identity.md 2.1)."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from reseal.wire.join import documents
from reseal.wire.join.errors import bad_document

_NAME: Final = "Discover document"


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its URL, the audience of tokens for it, the version of its protocol."""

    endpoint: str
    resource: str
    version: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """What this server says; services that it has not are left out, and readers pass over those they do not
    know.
    """

    discovery_endpoint: str
    authorize_endpoint: str
    token_endpoint: str
    join: Service
    tenant_id: UUID | None = None
    tenant_name: str = ""
    """A domain of the organisation."""
    tenant_display_name: str = ""


def write_discovery(discovery: Discovery) -> bytes:
    """The document."""
    fields: dict[str, Any] = {
        "DiscoveryService": {"DiscoveryEndpoint": discovery.discovery_endpoint, "ServiceVersion": "1.9"},
        "AuthenticationService": {
            "OAuth2": {
                "AuthCodeEndpoint": discovery.authorize_endpoint,
                "TokenEndpoint": discovery.token_endpoint,
            }
        },
        "IdentityProviderService": {
            "Federated": False,
            "PassiveAuthEndpoint": discovery.authorize_endpoint,
        },
        "DeviceJoinService": {
            "JoinEndpoint": discovery.join.endpoint,
            "JoinResourceId": discovery.join.resource,
            "ServiceVersion": discovery.join.version,
        },
    }
    if discovery.tenant_id is not None:
        fields["TenantInfo"] = {
            "DisplayName": discovery.tenant_display_name,
            "TenantId": str(discovery.tenant_id),
            "TenantName": discovery.tenant_name,
        }
    return documents.write(fields)


def read_discovery(data: bytes) -> Discovery:
    """The document in a body, as far as a join needs it. Raises JoinError."""
    document = documents.read(data, _NAME)
    login = document.inner("AuthenticationService").inner("OAuth2")
    join, tenant = document.inner("DeviceJoinService"), document.inner("TenantInfo")
    if not join.text("JoinEndpoint"):
        raise bad_document(_NAME, "names no service to join with")
    try:
        tenant_id = UUID(tenant.text("TenantId")) if tenant.text("TenantId") else None
    except ValueError:
        raise bad_document(_NAME, "has a tenant id that is none") from None
    return Discovery(
        discovery_endpoint=document.inner("DiscoveryService").text("DiscoveryEndpoint"),
        authorize_endpoint=login.text("AuthCodeEndpoint"),
        token_endpoint=login.text("TokenEndpoint"),
        join=Service(join.text("JoinEndpoint"), join.text("JoinResourceId"), join.text("ServiceVersion")),
        tenant_id=tenant_id,
        tenant_name=tenant.text("TenantName"),
        tenant_display_name=tenant.text("DisplayName"),
    )
