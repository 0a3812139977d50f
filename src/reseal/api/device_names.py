"""Trying a name template before it is saved in a deployment profile."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from reseal.api.parts import Declare, Parts
from reseal.api.registrations import READ
from reseal.autopilot.model_naming import expand_template
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.routes import Route


class Trial(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A name template, and the serial number of a device that might get it."""

    template: str
    serial_number: str


def device_name_routes(declare: Declare) -> tuple[Route, ...]:
    """The route of name templates."""
    return (declare("POST", "/profiles/example-name", _example_name, READ),)


async def _example_name(parts: Parts, call: Call) -> Response:
    """A name such as the device would get; its random digits are others each time."""
    trial = await call.json(Trial)
    return Json({"name": expand_template(trial.template, trial.serial_number, parts.entropy)})
