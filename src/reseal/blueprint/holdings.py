"""Which contents a tenant refers to, and where their bytes lie.

All tenants' contents lie together under their digests, so a digest alone opens nothing: whoever asks for one
is told of what their tenant refers to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from reseal.blueprint.present import Present, every
from reseal.blueprint.views import content_digest, held_bytes
from reseal.catalog.model import Body, CatalogItem, CertificateBody, Kind, WifiBody
from reseal.catalog.service import list_items
from reseal.catalog.uploads import uploaded
from reseal.directory.model import Tenant
from reseal.directory.tenants import tenant_by_id
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey

_WITH_CONTENT: Final = (Kind.APP, Kind.CERTIFICATE, Kind.WIFI)


@dataclass(frozen=True, slots=True)
class Holding:
    """A content that a tenant refers to.

    `held` are the bytes of one that the tenant keeps itself (certificates, wireless networks); None says that
    it is among the server's contents. One that `holds_key` is not for everybody who may read the tenant.
    """

    held: bytes | None = field(default=None, repr=False)
    holds_key: bool = False


def holdings(tx: Tx, tenant: TenantKey, digests: Collection[str]) -> dict[str, Holding]:
    """Those of the digests that the tenant refers to; a few statements, however many they are."""
    items = (
        item
        for kind in _WITH_CONTENT
        for item in every(lambda kind=kind, **page: list_items(tx, tenant, kind=kind, **page))
    )
    return _referred_to(digests, tenant_by_id(tx, tenant), items)


def at_hand(tx: Tx, tenant: TenantKey, present: Present, digests: Collection[str]) -> dict[str, Holding]:
    """Those of the digests that a document of the tenant may name without sending their contents first: what
    the tenant has sent before, and what it refers to at `present`.
    """
    sent = {sha256: Holding() for sha256 in uploaded(tx, tenant, digests)}
    items = (item for kind in _WITH_CONTENT for item in present.items[kind].values())
    return sent | _referred_to(digests, present.tenant, items)


def _referred_to(
    digests: Collection[str], tenant: Tenant, items: Iterable[CatalogItem]
) -> dict[str, Holding]:
    found = {
        image.sha256: Holding() for branding in tenant.branding.values() for image in branding.images.values()
    }
    found |= {str(content_digest(item.body)): _holding(item.body) for item in items}
    return {sha256: found[sha256] for sha256 in digests if sha256 in found}


def _holding(body: Body) -> Holding:
    if isinstance(body, CertificateBody | WifiBody):
        return Holding(held_bytes(body), isinstance(body, WifiBody) and body.holds_key)
    return Holding()
