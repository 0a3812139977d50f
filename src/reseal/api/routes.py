"""All routes of the API."""

from __future__ import annotations

from reseal.api.blueprints import blueprint_routes
from reseal.api.contents import content_routes
from reseal.api.device_names import device_name_routes
from reseal.api.hardware import hardware_routes
from reseal.api.imports import import_routes
from reseal.api.log import log_routes
from reseal.api.parts import Declare, Parts
from reseal.api.people import people_routes
from reseal.api.preflight import preflight_routes
from reseal.api.registrations import registration_routes
from reseal.api.tenants import tenant_routes
from reseal.web.routes import Route


def api_routes(parts: Parts) -> tuple[Route, ...]:
    """Every route below `/api/v1`."""
    declare = Declare(parts)
    return (
        *tenant_routes(declare),
        *people_routes(declare),
        *registration_routes(declare),
        *preflight_routes(declare),
        *hardware_routes(declare),
        *device_name_routes(declare),
        *import_routes(declare),
        *blueprint_routes(declare),
        *content_routes(declare),
        *log_routes(declare),
    )
