"""Who has sent which content: a digest is no secret, so it opens a content only to who had its bytes."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from reseal.catalog.tables import content_upload
from reseal.kernel.db import Tx, chunks
from reseal.kernel.ids import TenantKey


def note_upload(tx: Tx, tenant: TenantKey, sha256: str) -> None:
    """Remember that the tenant has sent this content; nothing happens if it is known."""
    tx.execute(
        tx.insert(content_upload)
        .values(tenant_id=tenant, sha256=sha256, first_at=tx.now)
        .on_conflict_do_nothing()
    )


def uploaded(tx: Tx, tenant: TenantKey, digests: Iterable[str]) -> frozenset[str]:
    """Those of the digests whose contents the tenant has sent."""
    sent = content_upload.c
    return frozenset(
        row.sha256
        for some in chunks(sorted(set(digests)))
        for row in tx.rows(
            sa.select(sent.sha256)
            .where(sent.tenant_id == tenant, sent.sha256.in_(some))
            .order_by(sent.sha256)
        )
    )
