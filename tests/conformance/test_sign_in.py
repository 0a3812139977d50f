"""The sign-in page of a device's user, fetched and filled in as a device does it.

The rest of each check is the device's: that it shows the page, and takes its user from there.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx2
import pytest
from lxml import html

from reseal.autopilot.assigned import assigned_user
from reseal.autopilot.registrations import registration_by_uuid
from reseal.directory.tenants import find_tenant
from reseal.kernel.db import Tx
from reseal.server import wiring
from reseal.wire.runtime.messages import AssignedUser
from tests.conformance.office import Office

BROKER = "29d9ed98-a469-4536-ade2-f981bc1d605e"
REDIRECT = "ms-aadj-redir://auth/drs"
VERIFIER = "a verifier of at least forty-three characters"
LOGO = Path(__file__).parents[2] / "examples" / "contoso" / "branding" / "banner-logo.png"
PEOPLE = [{"upn": "adele", "displayName": "Adele Vance"}, {"upn": "diego", "displayName": "Diego Siciliani"}]


class SignInPage:
    """A page as a device reads it."""

    def __init__(self, office: Office, answer: httpx2.Response) -> None:
        assert answer.status_code == 200, answer.text
        self.office = office
        self.tree = html.fromstring(answer.text)

    @property
    def text(self) -> str:
        return " ".join(self.tree.text_content().split())

    @property
    def user(self) -> Any:
        (field,) = self.tree.xpath('//input[@name="loginfmt"]')
        return field

    @property
    def alert(self) -> Any:
        found = self.tree.xpath('//*[@role="alert"]')
        return found[0] if found else None

    async def send(self, **typed: str) -> httpx2.Response:
        (form,) = self.tree.xpath("//form")
        fields = {one.get("name"): one.get("value", "") for one in form.xpath(".//input[@name]")}
        return await self.office.http.post(form.get("action"), data={**fields, **typed})


async def page(office: Office, **parameters: str) -> SignInPage:
    """The sign-in page that a device opens."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "client_id": BROKER,
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": "openid https://enrollment.manage.microsoft.com/.default",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **parameters,
    }
    return SignInPage(office, await office.http.get(f"/{office.id}/oauth2/v2.0/authorize", params=asked))


async def claims(office: Office, sent: httpx2.Response) -> dict[str, Any]:
    """What the ID token says to the device that was sent away with a code."""
    where = urlsplit(sent.headers["location"])
    form = {
        "grant_type": "authorization_code",
        "client_id": BROKER,
        "redirect_uri": REDIRECT,
        "code": dict(parse_qsl(where.query))["code"],
        "code_verifier": VERIFIER,
    }
    answer = await office.http.post(f"/{office.id}/oauth2/v2.0/token", data=form)
    payload = answer.json()["id_token"].split(".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return said


async def told(office: Office, parts: wiring.Parts, number: int) -> AssignedUser | None:
    """What virtual laptop `number` is told of its user, once it has proven which it is."""
    registration = (await office.registration(number))["id"]

    def read(tx: Tx) -> AssignedUser | None:
        tenant = find_tenant(tx, office.domain)
        assert tenant is not None
        found = registration_by_uuid(tx, tenant.id, UUID(registration))
        return assigned_user(found, parts.keyring.signer, now=tx.now)

    return await office.database.read(read)


@pytest.fixture
async def passwords(office: Office) -> dict[str, str]:
    """The passwords of the organisation's people."""
    plan = await office.apply(users=PEOPLE, settings={"mdmScope": "all"})
    return {upn.partition("@")[0]: password for upn, password in plan["passwords"].items()}


async def test_autopilot_002_outside_the_scope_the_token_leads_to_no_management(
    office: Office, passwords: dict[str, str]
) -> None:
    settings = {"mdmScope": "some", "mdmScopeGroups": ["Pilots"]}
    await office.apply(groups=[{"name": "Pilots", "members": ["adele"]}], settings=settings)
    led = {}
    for name in ("adele", "diego"):
        asked = await page(office, login_hint=office.upn(name), prompt="login")
        said = await claims(office, await asked.send(passwd=passwords[name]))
        assert said["upn"] == office.upn(name)
        led[name] = said.get("mdm_enrollment_url", "")
    assert led["adele"].endswith("/EnrollmentServer/Discovery.svc")
    assert led["diego"] == ""


async def test_autopilot_122_the_page_names_and_greets_the_assigned_user(
    office: Office, parts: wiring.Parts, passwords: dict[str, str]
) -> None:
    await office.register(1, user=office.upn("adele"))
    await office.edit(1, addressableUserName="Della")
    user = await told(office, parts, 1)
    assert user is not None
    asked = await page(office, reseal_hint=user.hint)
    assert asked.user.get("value") == office.upn("adele")
    assert "Welcome, Della!" in asked.text
    sent = await asked.send(passwd=passwords["adele"])
    assert (await claims(office, sent))["upn"] == office.upn("adele")


async def test_autopilot_123_the_named_user_cannot_be_changed(
    office: Office, parts: wiring.Parts, passwords: dict[str, str]
) -> None:
    await office.register(1, user=office.upn("adele"))
    user = await told(office, parts, 1)
    assert user is not None
    asked = await page(office, reseal_hint=user.hint)
    assert asked.user.get("readonly") is not None
    assert asked.tree.xpath("//a") == []
    answer = await asked.send(loginfmt=office.upn("diego"), passwd=passwords["diego"])
    refused = SignInPage(office, answer)
    assert office.upn("adele") in refused.alert.text
    assert refused.user.get("value") == office.upn("adele")


async def test_autopilot_124_once_unassigned_the_page_asks_who_it_is(
    office: Office, parts: wiring.Parts, passwords: dict[str, str]
) -> None:
    await office.register(1, user=office.upn("adele"))
    await office.edit(1, assignedUser="")
    assert await told(office, parts, 1) is None
    asked = await page(office)
    assert asked.user.get("value") == ""
    assert asked.user.get("readonly") is None
    second = SignInPage(office, await asked.send(loginfmt=office.upn("diego")))
    sent = await second.send(passwd=passwords["diego"])
    assert (await claims(office, sent))["upn"] == office.upn("diego")


async def test_autopilot_158_the_page_shows_the_organisation_or_is_plain(
    office: Office, parts: wiring.Parts
) -> None:
    plain = await page(office)
    assert plain.tree.xpath("//img") == []
    assert "Sign in" in plain.text
    logo = LOGO.read_bytes()
    await office.apply(
        branding={
            "default": {
                "bannerLogo": await office.upload("logo.png", logo),
                "signInPageText": "Call the **help desk**, 4711.",
                "backgroundColor": "#10488C",
            }
        }
    )
    branded = await page(office)
    (image,) = branded.tree.xpath("//img")
    assert image.get("alt") == "Contoso"
    assert (await office.http.get(image.get("src"))).content == logo
    assert "Call the help desk, 4711." in branded.text
    assert "Contoso" in branded.tree.xpath("//title")[0].text


async def test_autopilot_159_another_tenants_user_is_told_that_it_is_another_organisations(
    office: Office,
) -> None:
    fabrikam = await office.neighbour("Fabrikam")
    password = (await fabrikam.apply(users=PEOPLE))["passwords"][fabrikam.upn("adele")]
    asked = await page(office)
    refused = SignInPage(office, await asked.send(loginfmt=fabrikam.upn("adele"), passwd=password))
    assert "belong" in refused.alert.text
    assert "another organization" in refused.alert.text
