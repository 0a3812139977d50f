"""Every route of the console, topic by topic."""

from __future__ import annotations

from reseal.console import (
    apps,
    bench,
    branding,
    device,
    device_acts,
    device_import,
    device_users,
    devices,
    enrolment,
    events,
    filters,
    groups,
    joining,
    organisation,
    people,
    policies,
    profiles,
    report,
    setup,
    status_pages,
)
from reseal.console.deployments import DeploymentPages
from reseal.console.desk import Desk
from reseal.console.pages import FILES
from reseal.console.parts import Parts
from reseal.console.signing_in import SigningIn
from reseal.web.routes import Route


def console_routes(parts: Parts) -> tuple[Route, ...]:
    """The pages, the way into them, and the files that they are made with."""
    signing_in = SigningIn(parts)
    desk = Desk(parts, signing_in)
    return (
        *signing_in.routes(),
        *setup.routes(desk),
        *enrolment.routes(desk),
        *joining.routes(desk),
        *device_import.routes(desk),
        *groups.routes(desk),
        *status_pages.routes(desk),
        *profiles.routes(desk),
        *device_users.routes(desk),
        *policies.routes(desk),
        *apps.routes(desk),
        *filters.routes(desk),
        *people.routes(desk),
        *organisation.routes(desk),
        *branding.routes(desk),
        *devices.routes(desk),
        *device_acts.routes(desk),
        *device.routes(desk),
        *bench.routes(desk),
        *report.routes(desk),
        *events.routes(desk),
        *DeploymentPages(parts, signing_in).routes(),
        *(file.route() for file in FILES),
    )
