"""The compliance address: how somebody's own devices stand (spec/identity.md 4)."""

from __future__ import annotations

from reseal.kernel.db import Tx
from reseal.managed.desired import refresh
from reseal.managed.enrolments import active_enrolment_of_device, note_contact
from reseal.signin.first_party import OWN_DEVICES_PATH
from tests.conformance.serving import OTHER_HOST, Server, reactors, server
from tests.store.managed.world import CAMERA, policy
from tests.store.signin.world import Page, sent_to
from tests.support.enrolling import PASSWORD, URL, Laptop

__all__ = ["reactors", "server"]


async def signed_in(server: Server, user: str) -> Page:
    """The page of whoever signs in on the way."""
    server.browser.http.cookies.clear()
    begun = await server.browser.get(OWN_DEVICES_PATH)
    assert begun.status_code == 303
    page = Page(await server.browser.get(begun.headers["location"]))
    answer = await server.browser.sign_in(page, user, PASSWORD)
    assert sent_to(answer)[0] == URL + OWN_DEVICES_PATH
    return Page(await server.browser.get(answer.headers["location"]))


async def contacted(server: Server, laptop: Laptop) -> None:
    """The device has called once, and knows what it shall have."""

    def unit(tx: Tx) -> None:
        found = active_enrolment_of_device(tx, server.tenant, laptop.device)
        assert found is not None
        refresh(tx, server.tenant, found, [])
        note_contact(tx, server.tenant, found.id)

    await server.do(unit)


async def test_people_see_their_own_devices_and_what_has_arrived(server: Server) -> None:
    await server.deliver("Camera", policy(CAMERA))
    mine, theirs = await server.laptop(1), await server.laptop(2)
    await mine.enrol_for("adele")
    await theirs.enrol_for("bob")
    fresh = await signed_in(server, "adele@contoso.test")
    assert fresh.one("//h2").text == "LAPTOP-1"
    assert [each.text_content().strip() for each in fresh.tree.xpath("//dd")] == ["–", "–"]
    await contacted(server, mine)
    page = Page(await server.browser.get(OWN_DEVICES_PATH))
    assert "0 of 1" in page.text
    assert f"{server.clock.now():%Y-%m-%d %H:%M}" in page.text
    assert "LAPTOP-2" not in page.text
    assert page.answer.headers["cache-control"] == "no-store"


async def test_who_has_no_device_is_told_so(server: Server) -> None:
    page = await signed_in(server, "bob@contoso.test")
    assert "Contoso manages no device of yours." in page.text


async def test_nobody_sees_anything_without_signing_in(server: Server) -> None:
    await (await server.laptop()).enrol_for("adele")
    server.browser.http.cookies.clear()
    answer = await server.browser.get(OWN_DEVICES_PATH, params={"code": "x"})
    assert answer.status_code == 400, "a browser without cookies is not sent round for ever"
    assert "LAPTOP" not in answer.text
    other = await server.browser.get(f"https://{OTHER_HOST}{OWN_DEVICES_PATH}?code=x")
    assert other.headers["location"] == URL + OWN_DEVICES_PATH
