"""The compliance address: tells people how their own devices stand (spec/identity.md 4).

    GET /compliance

Whoever is not signed in signs in first. Windows and the apps of the organisation lead here when a device does
not have what it shall have; so the page counts what has arrived, and says what to do about the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from reseal.directory.model import Tenant
from reseal.directory.tenants import tenant_by_id
from reseal.kernel.db import Tx
from reseal.managed.counting import Counts, count_items
from reseal.managed.owned import owned_by
from reseal.signin.authorize_endpoint import SESSION
from reseal.signin.errors import not_begun_here
from reseal.signin.first_party import OWN_DEVICES_PAGE, OWN_DEVICES_PATH, own_page
from reseal.signin.own_client import OwnClient
from reseal.signin.pages import OwnDevice, OwnDevicesView, own_devices_page
from reseal.signin.parts import Parts
from reseal.signin.reader import reader_of, refused_page
from reseal.signin.sessions import find_session
from reseal.web.calls import Call
from reseal.web.cookies import cookie
from reseal.web.pages import see_other
from reseal.web.routes import Listener, Public, Route


@dataclass(frozen=True, slots=True)
class OwnDevicesPage:
    """The page of whoever is signed in."""

    parts: Parts

    def routes(self) -> tuple[Route, ...]:
        """One address, where the sign-in leads back to as well."""
        why = Public("asks for the browser's session")
        return (Route("GET", OWN_DEVICES_PATH, self.show, why, 0, Listener.BROWSER, any_case=True),)

    async def show(self, call: Call) -> Response:
        """The devices, or the way to the sign-in."""
        parts, client = self.parts, self._client
        if not client.is_at_home(call):
            return see_other(parts.public_url + OWN_DEVICES_PATH)
        found = await parts.db.read(_found, cookie(call.request, SESSION))
        if found is None and call.query("code"):  # the browser keeps no cookies, and would go round for ever
            return client.done(refused_page(parts, call, not_begun_here()))
        if found is None:
            return client.sign_in("")
        tenant, view = found
        reader = reader_of(call)
        return client.done(own_devices_page(view, reader.look(tenant, on_device=False), reader.texts))

    @property
    def _client(self) -> OwnClient:
        return OwnClient(self.parts, own_page(OWN_DEVICES_PAGE))


def _found(tx: Tx, text: str) -> tuple[Tenant, OwnDevicesView] | None:
    """What the page shows to a session's user."""
    session = find_session(tx, text)
    if session is None:
        return None
    enrolments = owned_by(tx, session.tenant, session.user.id)
    counts = count_items(tx, session.tenant, [one.id for one in enrolments])
    devices = []
    for one in enrolments:
        counted = counts.get(one.id, Counts())
        done, everything = counted.machine.done + counted.users.done, counted.machine.all + counted.users.all
        devices.append(OwnDevice(one.device_name, done, everything, one.last_contact_at))
    return tenant_by_id(tx, session.tenant), OwnDevicesView(session.user.upn, devices)
