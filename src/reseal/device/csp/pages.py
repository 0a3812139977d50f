"""What the Enrollment Status Page itself writes into the tree: when it begins anew, and how it ended."""

from __future__ import annotations

from reseal.device.csp.rules import MACHINE
from reseal.device.csp.tree import Tree
from reseal.device.quirks import Quirk
from reseal.wire.csp import (
    HAS_PROVISIONING_COMPLETED,
    FirstSync,
    Leaf,
    LocURI,
    Provisioned,
    Scope,
    Value,
    first_sync_status,
    provider,
    tracking,
)


def begin(tree: Tree) -> None:
    """Take back what only goes one way, in every scope that has a page (spec/mdm-wire.md 4.7)."""
    tree.refused_releases.clear()
    for owner in tree.owners():
        if not _has_page(tree, owner):
            continue
        if owner != MACHINE or Quirk.KEEPS_FINISHED not in tree.quirks:
            _put(tree, owner, FirstSync.SERVER_HAS_FINISHED, False)
        _put(tree, owner, FirstSync.IS_SYNC_DONE, False)
        _put(tree, owner, FirstSync.WAS_SUCCESSFUL, Provisioned.IN_PROGRESS)
        _complete(tree, owner, False)


def is_shown(tree: Tree, owner: str) -> None:
    """The page of the machine, or of a user, is up."""
    if _has_page(tree, owner):
        _complete(tree, owner, False)


def end(tree: Tree, owner: str, *, succeeded: bool) -> bool:
    """Write down how the page ended, unless that is on record; whether it was."""
    base = provider(tree.provider_id, _scope(owner))
    ended = tree.value(FirstSync.IS_SYNC_DONE, base, owner or None)
    if not _has_page(tree, owner) or (ended is True and _is_complete(tree, owner)):
        return False
    if tree.value(FirstSync.WAS_SUCCESSFUL, base, owner or None) == Provisioned.IN_PROGRESS:
        result = Provisioned.SUCCEEDED if succeeded else Provisioned.FAILED
        _put(tree, owner, FirstSync.WAS_SUCCESSFUL, result)
    _put(tree, owner, FirstSync.IS_SYNC_DONE, True)
    _complete(tree, owner, True)
    return True


def _has_page(tree: Tree, owner: str) -> bool:
    return tree.has(first_sync_status(tree.provider_id, _scope(owner)), owner or None)


def _is_complete(tree: Tree, owner: str) -> bool:
    return tree.value(HAS_PROVISIONING_COMPLETED, tracking(_scope(owner)), owner or None) is True


def _complete(tree: Tree, owner: str, value: bool) -> None:
    _store(tree, owner, HAS_PROVISIONING_COMPLETED, tracking(_scope(owner)), value)


def _put(tree: Tree, owner: str, leaf: Leaf, value: Value) -> None:
    _store(tree, owner, leaf, provider(tree.provider_id, _scope(owner)), value)


def _store(tree: Tree, owner: str, leaf: Leaf, base: LocURI, value: Value) -> None:
    tree.put(leaf.at(base), leaf.write(value), leaf.format, owner)


def _scope(owner: str) -> Scope:
    return Scope.USER if owner else Scope.DEVICE
