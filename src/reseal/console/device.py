"""One device: its facts, what it gets and why, its deployments, what is wrong with it; and editing it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final
from uuid import UUID

from starlette.responses import Response

from reseal.autopilot.matching import confirm_hardware
from reseal.autopilot.registrations import registration_by_uuid
from reseal.console.desk import Desk, Saving, Visit, address
from reseal.console.devices import PATH, READ, STANDINGS, WRITE
from reseal.console.forms import Form
from reseal.console.parts import PERMISSION
from reseal.console.registering import form_of, save_form
from reseal.console.saving import Done, differences
from reseal.console.views import Progress, deliveries_of
from reseal.deployment.model import State
from reseal.deployment.words import TITLES, words
from reseal.kernel.db import Tx
from reseal.kernel.errors import Conflict, NotFound
from reseal.kernel.ids import TenantKey
from reseal.managed.enrolments import active_enrolment_of_registration, unblock_enrolment
from reseal.report.assigned import KIND_NAMES, assigned, explained
from reseal.report.device import Overview, diagnose, known_device, overview
from reseal.report.roster import standing_of
from reseal.web.numbers import whole_number
from reseal.web.routes import Route

ONE: Final = PATH + "/{registration}"

PROOFS: Final[Mapping[str, str]] = {
    "hardware": "a hardware TPM of a known maker",
    "hardwareUnknownVendor": "a hardware TPM of an unknown maker",
    "virtual": "a virtual TPM, which proves no hardware",
}
_JOINED: Final = {"AzureAd": "joined", "ServerAd": "joined to a domain", "Workplace": "registered by a user"}
_REMEDIATIONS: Final = {
    "automaticRemediationRequired": "Fix pending: the hardware changed, and has to be confirmed.",
    "manualRemediationRequired": "Attention required: the hardware changed so much that the device has to be "
    "registered anew.",
}


def routes(desk: Desk) -> tuple[Route, ...]:
    """The pages of one device, and its forms."""
    return (
        desk.page(ONE, _one, READ),
        desk.page(ONE + "/assigned", _assigned, READ),
        desk.page(ONE + "/assigned/{kind}/{item}", _why, READ),
        desk.page(ONE + "/diagnosis", _diagnosis, READ),
        desk.page(ONE + "/edit", _edit, READ),
        desk.form(ONE + "/edit", _change, WRITE),
        desk.form(ONE + "/hardware/{presentation}", _confirm, WRITE),
        desk.form(ONE + "/unblock", _unblock, WRITE),
    )


# --- looking ------------------------------------------------------------------------------------------------


async def _one(visit: Visit) -> Response:
    found: Overview = await visit.read(overview, visit.call.uuid("registration"))
    latest = found.deployments[0].state if found.deployments else None
    standing = standing_of(latest, has_profile=found.profile.profile is not None)
    return await visit.page(
        "device.html",
        known=found.known,
        found=found,
        tab="overview",
        badge=STANDINGS[standing],
        titles=TITLES,
        tones=_TONES,
        said=words,
        proofs=PROOFS,
        joined=_JOINED,
        remediations=_REMEDIATIONS,
        may_save=visit.may(WRITE),
        may_follow=visit.may(PERMISSION),
    )


_TONES: Final = {
    **dict.fromkeys(State, "step"),
    **dict.fromkeys((State.GREEN, State.RESEALED, State.DESKTOP), "good"),
    **dict.fromkeys((State.RED, State.ERROR), "bad"),
    **dict.fromkeys((State.CONTACTED, State.USER_SIGN_IN), "person"),
    State.ENDED: "quiet",
}


async def _assigned(visit: Visit) -> Response:
    found = await visit.read(assigned, visit.call.uuid("registration"))
    arrived = {
        (one.kind, one.uuid): deliveries_of(one.delivered) for some in found.items.values() for one in some
    }
    return await visit.page(
        "device_assigned.html",
        known=found.known,
        found=found,
        tab="assigned",
        arrived=arrived,
        kinds=KIND_NAMES,
        tones=_PROGRESS_TONES,
        may_save=visit.may(WRITE),
    )


_PROGRESS_TONES: Final = {
    Progress.DONE: "good",
    Progress.FAILED: "bad",
    Progress.NOW: "step",
    Progress.AHEAD: "",
}


async def _why(visit: Visit) -> Response:
    parameters = visit.call.request.path_params
    found = await visit.read(
        explained, visit.call.uuid("registration"), str(parameters["kind"]), visit.call.uuid("item")
    )
    return await visit.page("device_why.html", known=found.known, found=found, tab="assigned", may_save=False)


async def _diagnosis(visit: Visit) -> Response:
    return await _diagnosis_page(visit, Form())


async def _diagnosis_page(visit: Visit, form: Form) -> Response:
    found = await visit.read(diagnose, visit.call.uuid("registration"))
    return await visit.page(
        "device_diagnosis.html",
        status=422 if form.is_wrong else 200,
        form=form,
        known=found.known,
        found=found,
        tab="diagnosis",
        proofs=PROOFS,
        remediations=_REMEDIATIONS,
        may_save=visit.may(WRITE),
    )


# --- changing -----------------------------------------------------------------------------------------------


async def _edit(visit: Visit) -> Response:
    registration = await visit.read(registration_by_uuid, visit.call.uuid("registration"))
    return await _form_page(visit, form_of(registration))


async def _form_page(visit: Visit, form: Form) -> Response:
    known = await visit.read(known_device, visit.call.uuid("registration"))
    return await visit.page(
        "device_edit.html",
        status=422 if form.is_wrong else 200,
        form=form,
        known=known,
        may_save=visit.may(WRITE),
    )


async def _change(visit: Visit) -> Response:
    return await save_form(visit, _form_page, lambda saved: address("devices", saved.uuid))


async def _confirm(visit: Visit) -> Response:
    uuid = visit.call.uuid("registration")
    presentation = whole_number(str(visit.call.request.path_params["presentation"]))
    if presentation is None:
        raise NotFound(code="PresentationNotFound", message="There is no such hash.", remedy="Look again.")
    registration = await visit.read(registration_by_uuid, uuid)

    def act(tx: Tx) -> Done:
        confirm_hardware(tx, visit.tenant, registration.id, presentation, actor=visit.caller.name)
        return Done(
            address("devices", uuid, "diagnosis"),
            f"The hardware of {registration.serial} was confirmed.",
            differences(("Hardware", "as registered", "as presented after the repair")),
            devices=[registration.device_id],
        )

    saving = Saving(
        f"Confirm the hardware of {registration.serial}", "Confirm it", partial(_diagnosis_page, visit)
    )
    return await visit.save(act, saving)


async def _unblock(visit: Visit) -> Response:
    registration = await visit.read(registration_by_uuid, visit.call.uuid("registration"))
    saving = Saving(
        f"Let {registration.serial} be pre-provisioned once more", "Allow it", partial(_diagnosis_page, visit)
    )
    return await visit.save(
        partial(_unblocked, tenant=visit.tenant, uuid=registration.uuid, actor=visit.caller.name), saving
    )


def _unblocked(tx: Tx, *, tenant: TenantKey, uuid: UUID, actor: str) -> Done:
    registration = registration_by_uuid(tx, tenant, uuid)
    enrolment = active_enrolment_of_registration(tx, tenant, registration.id)
    if enrolment is None:
        raise Conflict(
            code="NotManaged",
            message="The device is not under management, so nothing keeps it from being pre-provisioned.",
            remedy="Begin at the device.",
        )
    unblock_enrolment(tx, tenant, enrolment.id, actor=actor)
    return Done(
        address("devices", uuid),
        f"{registration.serial} may be pre-provisioned once more.",
        differences(("Pre-provisioning once more", enrolment.unblocked, True)),
        devices=[registration.device_id],
    )
