"""The sign-in page of a computer that does not join the directory (spec/mdm-wire.md 1.5, 6)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes

from reseal.directory.joining import set_mdm_scope
from reseal.directory.model_settings import MdmScope
from reseal.directory.users import find_user, set_password_hash, update_user
from reseal.kernel.db import Tx
from reseal.managed.enrolments import enrolment_of_certificate
from reseal.managed.model import EnrolledBy, Enrolment
from reseal.mdm.enrolment.vouchers import LIFETIMES, Kind
from reseal.mdm.tables import mdm_voucher
from reseal.signin.own_client import PATIENCE
from reseal.wire.enrolment.discovery import Discover
from reseal.wire.enrolment.elements import decode_base64, encode_base64
from reseal.wire.enrolment.faults import Fault, FaultReceived, Hresult
from reseal.wire.enrolment.names import AUTHENTICATION_PATH, ENROLMENT_PATH, Action, AuthPolicy, ValueType
from reseal.wire.enrolment.provisioning import ProvisioningDocument, StoreScope
from reseal.wire.enrolment.request import ContextName, write_request
from reseal.wire.enrolment.security import BinarySecurityToken, Security
from tests.conformance.serving import OTHER_HOST, Server, reactors, server
from tests.store.signin.world import Page, sent_to
from tests.support.enrolling import PASSWORD, URL, Laptop, client_certificate

__all__ = ["reactors", "server"]

APP = "ms-app://s-1-15-2-2043562435"
BACK = "/EnrollmentServer/Authenticated"
ADELE = "adele@contoso.test"


async def led_to(server: Server, app: str = APP, **more: str) -> Page:
    """The page to which Windows is led from the address that discovery names."""
    answer = await server.browser.get(AUTHENTICATION_PATH, params={"appru": app, **more})
    assert answer.status_code == 303, answer.text
    return Page(await server.browser.get(answer.headers["location"]))


async def handed_over(server: Server, user: str = ADELE, app: str = APP) -> Page:
    """The page on which somebody who signed in is handed back to Windows."""
    server.browser.http.cookies.clear()
    answer = await server.browser.sign_in(await led_to(server, app), user, PASSWORD)
    assert sent_to(answer)[0] == URL + BACK
    return Page(await server.browser.get(answer.headers["location"]))


async def result(server: Server, user: str = ADELE) -> str:
    """What the page gives to Windows."""
    return (await handed_over(server, user)).fields["wresult"]


def own(text: str) -> Security:
    """The security header with what the page gave."""
    return Security(token=BinarySecurityToken(value_type=ValueType.USER_TOKEN, data=text.encode()))


async def computer(server: Server, number: int = 90) -> Laptop:
    """One that nobody joined or registered, out of its set-up."""
    laptop = await server.unregistered_laptop(number)
    laptop.changes = {ContextName.ENROLLMENT_TYPE: "Full", ContextName.NOT_IN_OOBE: "true"}
    return laptop


async def enrolled(server: Server, laptop: Laptop, text: str) -> tuple[Enrolment, ProvisioningDocument]:
    """The enrolment that comes of what the page gave."""
    document = await laptop.enrol(own(text), technician=False)
    proof = client_certificate(document).fingerprint(hashes.SHA256())
    found = await server.do(lambda tx: enrolment_of_certificate(tx, proof))
    assert found is not None
    return found[1], document


async def refused(laptop: Laptop, text: str) -> Fault:
    """The fault of what the page gave."""
    with pytest.raises(FaultReceived) as received:
        await laptop.enrol(own(text), technician=False)
    return received.value.fault


async def refused_policy(server: Server, text: str) -> Fault:
    """The same of the question before it."""
    with pytest.raises(FaultReceived) as received:
        await server.policies(own(text))
    return received.value.fault


# --- into the page ------------------------------------------------------------------------------------------


async def test_mdm_wire_010_the_page_is_named_with_federated(server: Server) -> None:
    found = await server.discover(Discover(auth_policies=(AuthPolicy.ON_PREMISE, AuthPolicy.FEDERATED)))
    assert found.authentication_url == URL + AUTHENTICATION_PATH
    alone = await server.discover(Discover(auth_policies=(AuthPolicy.ON_PREMISE,)))
    assert alone.authentication_url == ""


@pytest.mark.parametrize(
    "app",
    [
        "",
        "javascript:alert(1)",
        "javascript://ms-app:/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "https://evil.example/",
        "//evil.example/",
        "ms-app:evil",
        "ms-appx-web://evil",
        " ms-app://s-1",
        'ms-app://s-1"><script>alert(1)</script>',
        "ms-app://s-1\r\nX: y",
        "ms-app://" + "s" * 2000,
    ],
)
async def test_mdm_wire_011_no_address_but_that_of_an_app_is_handed_anything(
    server: Server, app: str
) -> None:
    answer = await server.browser.get(AUTHENTICATION_PATH, params={"appru": app})
    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers
    page = Page(answer)
    assert page.alert is not None
    assert "appru" in page.alert[1]
    assert not app or app.strip() not in page.text
    assert page.tree.xpath("//form | //script | //a") == []


async def test_mdm_wire_011_the_address_is_escaped_where_it_stands(server: Server) -> None:
    odd = "MS-APP://s-1/x?a='b'&c=(d);e=%22%3E#f"
    page = await handed_over(server, app=odd)
    assert page.action == odd
    assert "&#39;b&#39;&amp;c" in page.answer.text


async def test_the_person_signs_in_on_the_page_of_their_organisation(server: Server) -> None:
    page = await led_to(server, login_hint=ADELE, ui_locales="de")
    assert page.one('//input[@name="loginfmt"]').get("value") == ADELE
    assert page.tree.get("lang") == "de"
    assert "Contoso" in page.text
    wrong = Page(await server.browser.submit(page, passwd="not the password"))
    assert wrong.alert is not None
    assert wrong.alert[0] == "AADSTS50126"
    for policy in (each.answer.headers["content-security-policy"] for each in (page, wrong)):
        assert "ms-app" not in policy
        assert "script-src" not in policy


async def test_a_browser_that_calls_by_another_name_goes_on_under_the_configured_one(server: Server) -> None:
    asked = f"{AUTHENTICATION_PATH}?{urlencode({'appru': APP, 'login_hint': ADELE})}"
    answer = await server.browser.get(f"https://{OTHER_HOST}{asked}")
    assert answer.status_code == 303
    assert answer.headers["location"] == URL + asked
    assert "set-cookie" not in answer.headers


# --- back from it -------------------------------------------------------------------------------------------


async def test_mdm_wire_012_the_form_posts_itself_to_the_app_and_nothing_else(server: Server) -> None:
    page = await handed_over(server)
    assert page.action == APP
    assert list(page.fields) == ["wresult"]
    policy = page.answer.headers["content-security-policy"]
    assert "form-action 'self' ms-app:;" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert page.answer.headers["cache-control"] == "no-store"
    script = await server.browser.get(page.one("//script").get("src"))
    assert script.headers["content-type"].startswith("text/javascript")
    assert "requestSubmit" in script.text
    assert page.one("//form//button").text == "Continue"


async def test_a_browser_that_is_signed_in_is_asked_before_anything_is_handed_over(server: Server) -> None:
    await handed_over(server)
    page = await led_to(server, login_hint=ADELE)
    assert "wresult" not in page.fields
    picked = page.one("//button[@name='account']").get("value")
    answer = await server.browser.http.post(page.action, data={**page.fields, "account": picked})
    assert Page(await server.browser.get(answer.headers["location"])).fields["wresult"]
    another = await led_to(server, login_hint="bob@contoso.test")
    assert another.one('//input[@name="loginfmt"]').get("value") == "bob@contoso.test"


async def test_a_code_counts_in_the_browser_that_began_and_there_once(server: Server) -> None:
    server.browser.http.cookies.clear()
    answer = await server.browser.sign_in(await led_to(server), ADELE, PASSWORD)
    _, sent = sent_to(answer)
    kept = dict(server.browser.http.cookies)

    async def back(**changes: str) -> tuple[int, bool]:
        found = await server.browser.get(BACK, params={**sent, **changes})
        return found.status_code, "wresult" in found.text

    assert await back(state="x" * 43) == (400, False)
    assert await back(code="x" * 43) == (400, False)
    server.browser.http.cookies.clear()
    assert await back() == (400, False), "another browser"
    server.browser.http.cookies.update(kept)
    assert await back() == (200, True)
    server.browser.http.cookies.update(kept)
    assert await back() == (400, False), "the code is used up"
    assert await back(code="") == (400, False)


async def test_a_sign_in_that_takes_too_long_has_to_begin_again(server: Server) -> None:
    server.browser.http.cookies.clear()
    page = await led_to(server)
    server.clock.pass_silently(PATIENCE)
    answer = await server.browser.sign_in(page, ADELE, PASSWORD)
    late = Page(await server.browser.get(answer.headers["location"]))
    assert late.alert is not None
    assert late.alert[0] == "AADSTS165000"


# --- what the device does with it ---------------------------------------------------------------------------


async def test_mdm_wire_013_the_result_enrols_its_user_once(server: Server) -> None:
    laptop, text = await computer(server), await result(server)
    assert (await server.policies(own(text))).key_bits == 2048
    assert (await server.policies(own(text))).key_bits == 2048, "the question uses nothing up"
    found, document = await enrolled(server, laptop, text)
    assert (found.enrolled_by, found.in_oobe) == (EnrolledBy.USER, False)
    assert document.provider is not None
    assert document.provider.upn == ADELE
    assert document.certificates.scope is StoreScope.USER
    adele = await server.do(lambda tx: find_user(tx, server.tenant, ADELE))
    assert adele is not None
    assert found.owner_user_id == adele.id
    laptop.attempt += 1
    second = await refused(laptop, text)
    assert second.hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR
    other = await refused(await computer(server, 91), text)
    assert other.hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR
    policy = await refused_policy(server, text)
    assert policy.hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR


async def test_mdm_wire_013_of_two_that_come_at_once_one_enrols(server: Server) -> None:
    text = await result(server)
    laptops = [await computer(server, number) for number in (90, 91)]
    came = await asyncio.gather(
        *(laptop.enrol(own(text), technician=False) for laptop in laptops), return_exceptions=True
    )
    (lost,) = [each for each in came if isinstance(each, FaultReceived)]
    assert lost.fault.hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR
    assert len([each for each in came if isinstance(each, ProvisioningDocument)]) == 1


async def test_mdm_wire_013_the_same_request_again_goes_on_with_the_same_enrolment(server: Server) -> None:
    laptop, text = await computer(server), await result(server)
    first, _ = await enrolled(server, laptop, text)
    again, _ = await enrolled(server, laptop, text)
    assert again.uuid == first.uuid
    server.clock.pass_silently(LIFETIMES[Kind.SIGN_IN])
    assert (await refused(laptop, text)).hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR


async def test_mdm_wire_013_the_result_counts_for_minutes(server: Server) -> None:
    laptop, text = await computer(server), await result(server)
    assert LIFETIMES[Kind.SIGN_IN] <= timedelta(minutes=15)
    server.clock.pass_silently(LIFETIMES[Kind.SIGN_IN])
    assert (await refused(laptop, text)).hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR
    assert (await refused_policy(server, text)).hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR


@pytest.mark.parametrize("change", ["password", "disabled"])
async def test_mdm_wire_013_the_result_ends_with_what_it_stands_for(server: Server, change: str) -> None:
    laptop, text = await computer(server), await result(server)

    def unit(tx: Tx) -> None:
        adele = find_user(tx, server.tenant, ADELE)
        assert adele is not None
        if change == "password":
            set_password_hash(tx, server.tenant, adele.id, server.passwords.hash("another", server.entropy))
        else:
            update_user(tx, server.tenant, adele.id, enabled=False)

    await server.do(unit)
    assert (await refused(laptop, text)).hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR


async def test_mdm_wire_013_what_no_page_gave_proves_nobody(server: Server) -> None:
    laptop, text = await computer(server), await result(server)
    for guess in ("", "x", text[:-1], text + "A", text.swapcase(), "x" * 10_000, "' OR 1=1 --"):
        fault = await refused(laptop, guess)
        assert fault.hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR, guess
        assert guess in {"", "x"} or guess not in fault.reason
    await enrolled(server, laptop, text)


async def test_mdm_wire_013_a_refusal_uses_nothing_up(server: Server) -> None:
    """The same rules hold as for everybody who enrols; once they allow it, it goes on."""
    laptop, text = await computer(server), await result(server)
    await server.do(lambda tx: set_mdm_scope(tx, server.tenant, MdmScope.NONE))
    assert (await refused(laptop, text)).hresult is Hresult.MENROLL_E_DEVICE_AUTHORIZATION_ERROR
    await server.do(lambda tx: set_mdm_scope(tx, server.tenant, MdmScope.ALL))
    laptop.attempt += 1
    await enrolled(server, laptop, text)


async def test_the_result_is_kept_as_a_digest_alone(server: Server) -> None:
    text = await result(server)

    def unit(tx: Tx) -> str:
        return repr(tx.rows(sa.select(mdm_voucher).order_by(mdm_voucher.c.id)))

    kept = await server.do(unit)
    assert "sign_in" in kept
    assert text not in kept


async def test_results_that_are_over_are_removed_with_the_next(server: Server) -> None:
    for _ in range(2):
        await result(server)
        server.clock.pass_silently(LIFETIMES[Kind.SIGN_IN])
    await result(server)
    counted = sa.select(sa.func.count()).select_from(mdm_voucher)
    assert await server.do(lambda tx: tx.value(counted)) == 1


@pytest.mark.parametrize("alphabet", ["standard", "url", "without padding"])
async def test_mdm_wire_014_the_result_comes_in_base64_of_either_alphabet(
    server: Server, alphabet: str
) -> None:
    laptop, text = await computer(server), await result(server)
    header = server.header(Action.REQUEST_TOKEN, ENROLMENT_PATH)
    message = write_request(laptop.request(technician=False), header, own(text)).decode()
    standard = encode_base64(text.encode())
    written = {
        "standard": standard,
        "url": standard.replace("+", "-").replace("/", "_"),
        "without padding": standard.rstrip("="),
    }[alphabet]
    assert decode_base64("token", written) == text.encode()
    answer = await server.post(ENROLMENT_PATH, message.replace(standard, written).encode())
    assert "DeviceEnrollmentProvisionDoc" in answer.text
