"""The door to assignment: everything that other packages may ask of it or have it do.

Each is a plain function of a transaction. `REACTOR` is what the server wires behind the directory's
membership.
"""

from __future__ import annotations

from reseal.assignment.effective import REACTOR, react, rebuild
from reseal.assignment.filters import (
    Filter,
    FilterInUse,
    create_filter,
    delete_filter,
    filter_by_id,
    filter_by_name,
    filter_by_uuid,
    list_filters,
    update_filter,
)
from reseal.assignment.lookup import (
    assigned_user,
    entries_for,
    entries_for_many,
    holders,
    set_assigned_user,
    set_assigned_users,
)
from reseal.assignment.sets import devices_of_sets
from reseal.assignment.targets import (
    Assignment,
    assignments_of,
    remove_item,
    set_targets,
    targets_of,
    targets_of_kind,
)
from reseal.assignment.whatif import Affected, Impact, ItemImpact, what_if
from reseal.assignment.why import ITEM_NAMES, Reason, WhyChain, WhyStep, why

__all__ = [
    "ITEM_NAMES",
    "REACTOR",
    "Affected",
    "Assignment",
    "Filter",
    "FilterInUse",
    "Impact",
    "ItemImpact",
    "Reason",
    "WhyChain",
    "WhyStep",
    "assigned_user",
    "assignments_of",
    "create_filter",
    "delete_filter",
    "devices_of_sets",
    "entries_for",
    "entries_for_many",
    "filter_by_id",
    "filter_by_name",
    "filter_by_uuid",
    "holders",
    "list_filters",
    "react",
    "rebuild",
    "remove_item",
    "set_assigned_user",
    "set_assigned_users",
    "set_targets",
    "targets_of",
    "targets_of_kind",
    "update_filter",
    "what_if",
    "why",
]
