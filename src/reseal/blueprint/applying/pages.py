"""Applying what a document says of Enrollment Status Pages, whose order is their priority."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from reseal.blueprint.applying.work import Work
from reseal.blueprint.document import EspEntry
from reseal.blueprint.plan import Action, Field
from reseal.blueprint.reading import located
from reseal.blueprint.touch import PageWatch, devices_with_default_page
from reseal.blueprint.views import assign_view, esp_view, present_esp
from reseal.directory.model_names import fold
from reseal.esp.model import EspProfile
from reseal.esp.profiles import assign_esp, create_esp, item_ref, set_priority, update_esp


def apply_pages(work: Work) -> None:
    """Make the pages what the document says, in its order; pages that it does not name come after them."""
    present = {fold(esp.name): esp for esp in work.present.esps}
    _order(work, present)
    for place, entry in enumerate(work.document.esps, start=1):
        _apply_page(work, entry, present.get(fold(entry.name or "")), place)
    if work.document.default_esp is not None and work.present.default_esp is not None:
        _apply_default(work, work.document.default_esp, work.present.default_esp)


def _order(work: Work, present: dict[str, EspProfile]) -> None:
    """Bring the pages that exist into the document's order: one line, however many move."""
    described = [fold(entry.name or "") for entry in work.document.esps]
    order = sorted(present, key=lambda name: described.index(name) if name in described else len(described))
    if order == list(present):
        return
    watch = PageWatch(work.tx, work.tenant)
    watch.begin()
    for place, name in enumerate(order, start=1):
        set_priority(work.tx, work.tenant, present[name].id, place, actor=work.actor)
    told = [name for name in present if name in described or not work.prune]
    moved = sorted(told, key=order.index)
    if moved != told:  # what is about to be deleted is not worth a line for its place
        names = {folded: esp.name for folded, esp in present.items()}
        fields = [Field("order", [names[name] for name in told], [names[name] for name in moved])]
        work.note(Action.CHANGE, "enrollmentStatusPages", "", fields, more=watch.devices)


def _apply_page(work: Work, entry: EspEntry, present: EspProfile | None, place: int) -> None:
    after = esp_view(
        entry.name,
        entry.description,
        entry.settings,
        [work.names.app(name) for name in entry.selected_apps],
        assign_view(entry.assign, work.names),
    )
    watch = PageWatch(work.tx, work.tenant, edited=present)
    work.step(
        "esp",
        entry.name or "",
        entry.path,
        None if present is None else present_esp(present, work.present, work.names),
        after,
        partial(_make_page, work, entry, present, place, watch),
        more=watch.devices,
    )


def _make_page(work: Work, entry: EspEntry, present: EspProfile | None, place: int, watch: PageWatch) -> None:
    watch.begin()
    apps = _selected(work, entry.selected_apps)
    if present is None:
        page = create_esp(
            work.tx,
            work.tenant,
            entry.name or "",
            entry.settings,
            description=entry.description,
            selected_apps=apps,
            actor=work.actor,
        )
        set_priority(work.tx, work.tenant, page.id, place, actor=work.actor)
    else:
        page = present
        update_esp(
            work.tx,
            work.tenant,
            page.id,
            name=entry.name,
            description=entry.description,
            settings=entry.settings,
            selected_apps=apps,
            actor=work.actor,
        )
    with located(entry.path):
        targets = work.targets(item_ref(page.id), entry.assign)
        assign_esp(work.tx, work.tenant, page.id, targets, actor=work.actor)


def _apply_default(work: Work, entry: EspEntry, present: EspProfile) -> None:
    work.step(
        "esp",
        present.name,
        entry.path,
        present_esp(present, work.present, work.names),
        esp_view(
            None,
            entry.description,
            entry.settings,
            [work.names.app(name) for name in entry.selected_apps],
            [],
        ),
        lambda: update_esp(
            work.tx,
            work.tenant,
            present.id,
            description=entry.description,
            settings=entry.settings,
            selected_apps=_selected(work, entry.selected_apps),
            actor=work.actor,
        ),
        more=lambda: devices_with_default_page(work.tx, work.tenant, present.id),
    )


def _selected(work: Work, names: Sequence[str]) -> list[int]:
    return [work.apps[fold(name)] for name in names]
