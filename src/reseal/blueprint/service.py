"""The door: what a server does with documents. Each is a plain function of a transaction.

A document that arrives is read by `parse_document`. Before the unit, the server loads the bytes of
`contents_at_hand` and hashes a fresh password for each of `new_users`. Planning and applying write, so both
need a write unit that holds the tenant's causes: `db.write(apply_document, ..., causes=tenant)`.
"""

from __future__ import annotations

from collections.abc import Mapping

from reseal.blueprint import applying
from reseal.blueprint.contents import Contents, needed
from reseal.blueprint.document import Document
from reseal.blueprint.export import Export, export
from reseal.blueprint.holdings import Holding, at_hand, holdings
from reseal.blueprint.names import lengthen
from reseal.blueprint.parsing import parse_document
from reseal.blueprint.plan import Plan
from reseal.blueprint.present import read_present
from reseal.directory.model_names import fold
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey

__all__ = [
    "Contents",
    "Document",
    "Export",
    "Holding",
    "Plan",
    "apply_document",
    "contents_at_hand",
    "export_document",
    "holdings",
    "new_users",
    "parse_document",
    "plan_document",
]


def new_users(tx: Tx, tenant: TenantKey, document: Document) -> list[str]:
    """The UPNs of the users that an application would make; each needs the hash of a password."""
    present = read_present(tx, tenant)
    upns = [lengthen(user.upn, present.domain) for user in document.users]
    return [upn for upn in upns if fold(upn) not in present.users]


def contents_at_hand(tx: Tx, tenant: TenantKey, document: Document) -> dict[str, Holding]:
    """By their SHA-256, the contents whose bytes an application needs, as far as the tenant has sent them
    before or refers to them somewhere else. What stays where it is needs none.

    Nothing else may be taken from the server's contents: a digest opens no content of another tenant.
    """
    present = read_present(tx, tenant)
    return at_hand(tx, tenant, present, needed(document, present))


def plan_document(
    tx: Tx, tenant: TenantKey, document: Document, *, contents: Contents, prune: bool = False
) -> Plan:
    """What an application would change: it is done and taken back. Raises what `apply_document` raises."""
    with tx.preview():
        return applying.apply(
            tx, tenant, document, contents=contents, password_hashes=None, actor="plan", prune=prune
        )


def apply_document(
    tx: Tx,
    tenant: TenantKey,
    document: Document,
    *,
    contents: Contents,
    password_hashes: Mapping[str, str],
    actor: str,
    prune: bool = False,
) -> Plan:
    """Make the tenant what the document says, and tell what was changed; nothing is written otherwise.

    `contents` holds the bytes of `contents_at_hand`, `password_hashes` a hash for each of `new_users`. What
    the document does not name stays, or is deleted with `prune`, save the first and the last administrator.

    Raises `Invalid` (`InvalidBlueprint`) or `Conflict` (`BlueprintConflict`) with details whose `where` is a
    path in the document, and `Conflict` (`TenantChanged`) if the users changed since `new_users`.
    """
    return applying.apply(
        tx,
        tenant,
        document,
        contents=contents,
        password_hashes=password_hashes,
        actor=actor,
        prune=prune,
    )


def export_document(tx: Tx, tenant: TenantKey) -> Export:
    """The tenant as the document that would make it, and the contents that it refers to."""
    return export(read_present(tx, tenant))
