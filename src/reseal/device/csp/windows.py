"""The whole tree of a modelled Windows, and how one begins with an enrolment."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from reseal.device.csp.apps import APPS
from reseal.device.csp.dmclient import ACCOUNT, DMCLIENT, account_node
from reseal.device.csp.machine import MACHINE_FACTS, Machine, tell_facts
from reseal.device.csp.rules import Table
from reseal.device.csp.settings import CERTIFICATES, KEPT, POLICY, WIFI
from reseal.device.csp.tracking import TRACKING
from reseal.device.csp.tree import Tree
from reseal.device.quirks import Quirk
from reseal.kernel.clock import Clock
from reseal.wire.csp import Enrollment, Leaf, Poll, Value, first_sync_status, provider
from reseal.wire.enrolment.provisioning import PollPhase, PollSchedule, ProvisioningDocument
from reseal.wire.syncml import Format

WINDOWS: Final = Table((KEPT, POLICY, CERTIFICATES, WIFI, APPS, TRACKING, DMCLIENT, ACCOUNT, MACHINE_FACTS))


def empty_tree(provider_id: str, clock: Clock, quirks: frozenset[Quirk]) -> Tree:
    """A tree without anything of an enrolment or a machine."""
    return Tree(WINDOWS, provider_id, clock, quirks)


def enrolled_tree(
    document: ProvisioningDocument, machine: Machine, clock: Clock, quirks: frozenset[Quirk]
) -> Tree:
    """The tree as it stands when a provisioning document was carried out."""
    tree = empty_tree(document.provider_id, clock, quirks)
    tell_facts(tree, machine)
    base = provider(document.provider_id)
    tree.put(base, "", Format.NODE)
    tree.put(first_sync_status(document.provider_id), "", Format.NODE)

    def put(leaf: Leaf, value: Value) -> None:
        tree.put(leaf.at(base), leaf.write(value), leaf.format)

    put(Enrollment.ENROLLMENT_TYPE, machine.enrollment_type)
    put(Enrollment.HARDWARE_DEVICE_ID, machine.hardware_id)
    put(Enrollment.AAD_DEVICE_ID, machine.directory_device_id)
    settings = document.provider
    if settings is not None:
        put(Enrollment.ENT_DM_ID, settings.device_id)
        put(Enrollment.UPN, settings.upn)
        put(Enrollment.ENT_DEVICE_NAME, settings.device_name)
        for leaf, value in _poll(settings.poll or PollSchedule()):
            put(leaf, value)
    _open_account(tree, document)
    return tree


def _poll(schedule: PollSchedule) -> tuple[tuple[Leaf, Value], ...]:
    def minutes(phase: PollPhase) -> int:
        return int(phase.interval.total_seconds()) // 60

    return (
        (Poll.FIRST_INTERVAL, minutes(schedule.first)),
        (Poll.FIRST_NUMBER, schedule.first.retries),
        (Poll.SECOND_INTERVAL, minutes(schedule.second)),
        (Poll.SECOND_NUMBER, schedule.second.retries),
        (Poll.REMAINING_INTERVAL, minutes(schedule.remaining)),
        (Poll.REMAINING_NUMBER, schedule.remaining.retries),
        (Poll.ON_LOGIN, schedule.on_login),
        (Poll.ALL_USERS_ON_FIRST_LOGIN, schedule.on_first_login_of_all),
    )


def _open_account(tree: Tree, document: ProvisioningDocument) -> None:
    if document.application is None:
        return
    credentials = document.application.device_credentials
    place = account_node(document.provider_id).under(("AppAuth", "CLCRED"))
    tree.put(place / "AAuthName", credentials.name, Format.CHR)
    tree.put(place / "AAuthSecret", credentials.secret, Format.CHR)
    tree.put(place / "AAuthData", b64encode(credentials.nonce).decode(), Format.BIN)
