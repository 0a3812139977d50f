"""What a scenario expects on the way: pages that were shown, and what is on the device at that point.

Like the verdict at the end, this reads the device's disk and trusts nothing that the server believes; from
the server comes only what an item of the catalogue is. An item without a hit in either direction (half of it
there) is neither had nor lacked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import assert_never

from reseal.catalog.model import AppBody, Body, CatalogItem, CertificateBody, Kind, PolicyBody, WifiBody
from reseal.catalog.service import find_item
from reseal.device.csp.rules import MACHINE
from reseal.device.csp.values import tidied
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.delivery import nodes_of
from reseal.rehearsal.evidence import Evidence
from reseal.rehearsal.scenario import Act, Expectation, Step, parse_expectation
from reseal.wire.csp import NodeValue, Scope
from reseal.wire.runtime.screens import ScreenId


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One device at a point of its plan."""

    ended: Expectation
    shown: Sequence[ScreenId]
    """Pages since it was switched on last."""
    upn: str
    """Who signed in last; empty: nobody yet."""
    device: Evidence


def items_named(tx: Tx, tenant: TenantKey, name: str) -> tuple[CatalogItem, ...]:
    """Everything in the catalogue that has this name, at most one of each kind."""
    found = (find_item(tx, tenant, kind, name) for kind in Kind)
    return tuple(item for item in found if item is not None)


def unmet(step: Step, moment: Moment, items: Sequence[CatalogItem] = ()) -> Iterator[str]:
    """Why an expectation is not met, in sentences; `items` are those that it names."""
    match step.act:
        case Act.ENDED:
            expected = parse_expectation(step.argument)
            if not expected.met_by(moment.ended):
                yield f"It ended {moment.ended}, expected on the way was {expected}."
        case Act.SEEN:
            if step.argument not in moment.shown:
                yield f"The page {step.argument} was not shown; shown were {_listed(moment.shown)}."
        case Act.UNSEEN:
            if step.argument in moment.shown:
                yield f"The page {step.argument} was shown; shown were {_listed(moment.shown)}."
        case Act.HAS | Act.LACKS:
            if not items:
                yield f"There is no {step.argument} in the catalogue."
            for item in items:
                yield from _unmet(step.act, item, moment)
        case _:
            raise AssertionError(step.act)


def _unmet(act: Act, item: CatalogItem, moment: Moment) -> Iterator[str]:
    found = _parts(item.body, moment)
    has, lacks = bool(found) and all(found), not any(found)
    when = f"when it had ended {moment.ended}"
    if act is Act.HAS and not has:
        yield f"{item.name} was not on the device{'' if lacks else ' as it should be'} {when}."
    if act is Act.LACKS and not lacks:
        yield f"{item.name} was on the device {when}."


def _parts(body: Body, moment: Moment) -> list[bool]:
    """For each part of an item whether it is on the device."""
    match body:
        case AppBody():
            return [any(_is_installed(body, moment.device, owner) for owner in _owners(moment))]
        case PolicyBody():
            return [
                any(_holds(moment.device, node, owner) for owner in _owners(moment, scope))
                for scope in Scope
                for node in nodes_of(body, scope)
            ]
        case CertificateBody() | WifiBody():
            return [
                any(
                    _holds(moment.device, node, owner)
                    for scope in Scope
                    for node in nodes_of(body, scope)
                    for owner in _owners(moment, scope)
                )
            ]
    assert_never(body)


def _owners(moment: Moment, scope: Scope | None = None) -> list[str]:
    """Whose parts of the device count: the machine's, and that of who signed in last."""
    machine = [] if scope is Scope.USER else [MACHINE]
    theirs = [owner for owner in moment.device.users if owner.casefold() == moment.upn.casefold()]
    return machine if scope is Scope.DEVICE else [*machine, *theirs]


def _holds(device: Evidence, node: NodeValue, owner: str) -> bool:
    held = device.value(node.uri, owner or None)
    return held is not None and held.strip() == tidied(node.text, node.format).strip()


def _is_installed(body: AppBody, device: Evidence, owner: str) -> bool:
    """To its end, in this version, and with the very files of the package."""
    for product in device.installed(body.product_code, owner):
        content = device.program(product)
        if product.version == body.product_version and content is not None:
            return sha256(content).hexdigest() == body.sha256
    return False


def _listed(shown: Sequence[ScreenId]) -> str:
    return ", ".join(dict.fromkeys(shown)) or "none"
