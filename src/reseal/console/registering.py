"""The form of one registration, wherever it stands: what it shows, and what was typed into it."""

from __future__ import annotations

from reseal.autopilot.model import Registration, RegistrationChanges
from reseal.console.forms import Form
from reseal.web.posted import Posted


def form_of(registration: Registration) -> Form:
    """The form as it is filled in before somebody types."""
    return Form.of(
        user=registration.assigned_user_upn,
        friendly=registration.addressable_user_name,
        tag=registration.group_tag,
        order=registration.purchase_order,
        device=registration.device_name,
    )


def changes_of(posted: Posted) -> RegistrationChanges:
    """What a form that was sent says of the registration."""
    return RegistrationChanges(
        group_tag=posted.text("tag"),
        purchase_order=posted.text("order"),
        device_name=posted.text("device"),
        assigned_user_upn=posted.text("user"),
        addressable_user_name=posted.text("friendly"),
    )
