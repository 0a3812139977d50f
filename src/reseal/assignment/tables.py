"""The rooms of assignment: what the administrator wrote, and what follows from it for every device.

Causes are `assignment_filter` and `assignment_target`. Effects are kept by `effective` alone:
`effective_set` holds one row for each signature that some device has, `effective_entry` what such a device
gets, `device_effective` which set a directory device points at. `effective_basis` remembers which groups and
filters the signatures were last made with, so that an edit shows which devices it can touch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from reseal.assignment.model import (
    Entry,
    FilterMode,
    Intent,
    ItemKind,
    ItemRef,
    Mode,
    Scope,
    Signature,
    Target,
    TargetKind,
    Via,
)
from reseal.directory.tables import Folded
from reseal.kernel.db import Json, Utc, metadata, tenant_columns

assignment_filter = sa.Table(
    "assignment_filter",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_folded", Folded, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("modified_at", Utc, nullable=False),
    sa.UniqueConstraint("tenant_id", "uuid"),
    sa.UniqueConstraint("tenant_id", "name_folded"),
)

assignment_target = sa.Table(
    "assignment_target",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False),
    sa.Column("item_kind", sa.Text, nullable=False),
    sa.Column("item_id", sa.BigInteger, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("target_kind", sa.Text, nullable=False),
    sa.Column("group_id", sa.BigInteger),
    sa.Column("filter_id", sa.BigInteger),
    sa.Column("filter_mode", sa.Text, nullable=False),
    sa.Column("intent", sa.Text, nullable=False),
    sa.UniqueConstraint("tenant_id", "uuid"),
    sa.ForeignKeyConstraint(
        ["tenant_id", "filter_id"], ["assignment_filter.tenant_id", "assignment_filter.id"]
    ),
    sa.Index(None, "tenant_id", "item_kind", "item_id"),
    sa.Index(None, "tenant_id", "group_id"),
    sa.Index(None, "tenant_id", "filter_id"),
)
"""`group_id` has no foreign key: when a group goes, the reactor removes its targets and records that."""

effective_basis = sa.Table(
    "effective_basis",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
)
"""`kind` is `group` or `filter`."""

effective_set = sa.Table(
    "effective_set",
    metadata,
    *tenant_columns(),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Column("content", Json, nullable=False),
    sa.UniqueConstraint("tenant_id", "signature"),
)
"""`signature` is the digest by which a set is found, `content` the signature itself, to resolve it again."""

effective_entry = sa.Table(
    "effective_entry",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("set_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("item_kind", sa.Text, primary_key=True),
    sa.Column("item_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("intent", sa.Text, nullable=False),
    sa.Column("via", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant_id", "set_id"], ["effective_set.tenant_id", "effective_set.id"], ondelete="CASCADE"
    ),
    sa.Index(None, "tenant_id", "item_kind", "item_id"),
)

device_effective = sa.Table(
    "device_effective",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("device_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("user_id", sa.BigInteger),
    sa.Column("set_id", sa.BigInteger),
    sa.ForeignKeyConstraint(["tenant_id", "set_id"], ["effective_set.tenant_id", "effective_set.id"]),
    sa.Index(None, "tenant_id", "set_id"),
    sa.Index(None, "tenant_id", "user_id"),
)
"""`set_id` is null only inside the unit that makes the device. `device_id` and `user_id` have no foreign key:
the reactor lets go of them when the directory says that they are gone."""

Values = dict[str, Any]


def target_of(row: sa.Row[Any]) -> Target:
    """The target in a row of `assignment_target`."""
    return _target(
        row.item_kind,
        row.item_id,
        row.mode,
        row.target_kind,
        row.group_id,
        row.filter_id,
        row.filter_mode,
        row.intent,
    )


@lru_cache(maxsize=10_000)
def _target(
    item_kind: str,
    item_id: int,
    mode: str,
    target_kind: str,
    group_id: int | None,
    filter_id: int | None,
    filter_mode: str,
    intent: str,
) -> Target:
    """One value for equal rows: every unit that makes a set reads all targets."""
    return Target(
        item=ItemRef(ItemKind(item_kind), item_id),
        mode=Mode(mode),
        kind=TargetKind(target_kind),
        group=group_id,
        filter=filter_id,
        filter_mode=FilterMode(filter_mode),
        intent=Intent(intent),
    )


def target_values(target: Target) -> Values:
    """The columns of a target, without its keys."""
    return {
        "item_kind": target.item.kind.value,
        "item_id": target.item.id,
        "mode": target.mode.value,
        "target_kind": target.kind.value,
        "group_id": target.group,
        "filter_id": target.filter,
        "filter_mode": target.filter_mode.value,
        "intent": target.intent.value,
    }


def item_of(row: sa.Row[Any]) -> ItemRef:
    """The item that a row of `assignment_target` or `effective_entry` is about."""
    return ItemRef(ItemKind(row.item_kind), row.item_id)


def entry_of(row: sa.Row[Any]) -> Entry:
    """The entry in a row of `effective_entry`."""
    return _entry(row.item_kind, row.item_id, row.scope, row.intent, row.via)


@lru_cache(maxsize=10_000)
def _entry(item_kind: str, item_id: int, scope: str, intent: str, via: str) -> Entry:
    """One value for equal rows: thousands of sets hold the same few hundred entries."""
    return Entry(ItemRef(ItemKind(item_kind), item_id), Scope(scope), Intent(intent), Via(via))


def entry_values(entry: Entry) -> Values:
    """The columns of an entry, without its set."""
    return {
        "item_kind": entry.item.kind.value,
        "item_id": entry.item.id,
        "scope": entry.scope.value,
        "intent": entry.intent.value,
        "via": entry.via.value,
    }


def signature_of(content: Mapping[str, Any]) -> Signature:
    """The signature in the column `content` of `effective_set`."""
    return Signature.of(content["groups"], content["filters"], content.get("user_groups"))


def signature_content(signature: Signature) -> Values:
    """The column `content` for a signature."""
    content: Values = {"groups": list(signature.groups), "filters": list(signature.filters)}
    if signature.has_user:
        content["user_groups"] = list(signature.user_groups)
    return content
