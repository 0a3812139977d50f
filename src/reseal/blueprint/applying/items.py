"""Applying what a document says of the catalogue and of deployment profiles."""

from __future__ import annotations

from functools import partial

from reseal.assignment.service import set_targets
from reseal.autopilot import profiles as autopilot
from reseal.autopilot.model_profile import Profile
from reseal.blueprint.applying.work import Work
from reseal.blueprint.contents import KINDS
from reseal.blueprint.document import ItemEntry, ProfileEntry
from reseal.blueprint.reading import located
from reseal.blueprint.views import assign_view, item_view, present_item, present_profile, profile_view
from reseal.catalog.model import CatalogItem, Kind
from reseal.catalog.service import create_item, item_ref, update_item
from reseal.directory.model_names import fold
from reseal.kernel.events import Subject


def apply_items(work: Work) -> None:
    """Make policies, certificates, wireless networks and apps what the document says."""
    for entry in work.document.items:
        kind = KINDS[type(entry)]
        present = work.present.items[kind].get(fold(entry.name))
        work.step(
            kind.value,
            entry.name,
            entry.path,
            None if present is None else present_item(present, work.present, work.names),
            item_view(
                entry.name,
                entry.description,
                work.resolved.bodies[entry.path],
                assign_view(entry.assign, work.names),
            ),
            partial(_make_item, work, entry, present),
        )


def _make_item(work: Work, entry: ItemEntry, present: CatalogItem | None) -> None:
    body = work.resolved.bodies[entry.path]
    if present is None:
        item = create_item(
            work.tx,
            work.tenant,
            entry.name,
            body,
            description=entry.description,
            actor=work.actor,
        )
        if item.kind is Kind.APP:
            work.apps[fold(item.name)] = item.id
    else:
        item = present
        update_item(
            work.tx,
            work.tenant,
            item.id,
            name=entry.name,
            description=entry.description,
            body=body,
            actor=work.actor,
        )
    with located(entry.path):
        set_targets(
            work.tx,
            work.tenant,
            item_ref(item),
            work.targets(item_ref(item), entry.assign),
            subject=Subject("item", item.uuid),
            actor=work.actor,
        )


def apply_profiles(work: Work) -> None:
    """Make deployment profiles what the document says; of new ones the earlier in it is the older."""
    for entry in work.document.profiles:
        present = work.present.profiles.get(fold(entry.name))
        work.step(
            "profile",
            entry.name,
            entry.path,
            None if present is None else present_profile(present, work.present, work.names),
            profile_view(
                entry.name, entry.description, entry.settings, assign_view(entry.assign, work.names)
            ),
            partial(_make_profile, work, entry, present),
        )


def _make_profile(work: Work, entry: ProfileEntry, present: Profile | None) -> None:
    if present is None:
        profile = autopilot.create_profile(
            work.tx,
            work.tenant,
            entry.name,
            entry.settings,
            description=entry.description,
            actor=work.actor,
        )
    else:
        profile = present
        autopilot.update_profile(
            work.tx,
            work.tenant,
            profile.id,
            name=entry.name,
            description=entry.description,
            settings=entry.settings,
            actor=work.actor,
        )
    targets = work.targets(autopilot.item_ref(profile.id), entry.assign)
    with located(entry.path):
        autopilot.assign_profile(work.tx, work.tenant, profile.id, targets, actor=work.actor)
