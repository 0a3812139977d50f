"""The terms of use, and what comes back of them with an enrolment (spec/mdm-wire.md 1.6, 6)."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa
from joserfc import jws
from joserfc.jwk import RSAKey

from reseal.directory.joining import set_mdm_scope
from reseal.directory.model import Branding
from reseal.directory.model_settings import MdmScope
from reseal.directory.tenants import set_branding
from reseal.directory.users import find_user, update_user
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.mdm.enrolment.terms_page import PATIENCE
from reseal.mdm.enrolment.vouchers import LIFETIMES, Kind
from reseal.signin.tokens import DRS_AUDIENCES, LIFETIME
from reseal.wire.enrolment.faults import ErrorType, Fault, FaultReceived, Hresult
from reseal.wire.enrolment.names import TERMS_PATH
from reseal.wire.enrolment.request import ContextName
from reseal.wire.enrolment.security import Security
from tests.conformance.serving import Server, reactors, server
from tests.conformance.test_enrolment_sign_in_page import computer, refused, result
from tests.store.signin.world import Page, sent_to
from tests.support.enrolling import Laptop, rsa_key

__all__ = ["reactors", "server"]

WINDOWS = "ms-appx-web://Microsoft.AAD.BrokerPlugin/terms"
REQUEST = "5a1d2b3c-0000-4000-8000-000000000001"
ADELE = "adele@contoso.test"


async def token_of(server: Server, name: str = "adele", **claims: Any) -> str:
    """A user's token for management."""
    return server.token(user_id=await server.user(name), upn=f"{name}@contoso.test", **claims)


async def asked(server: Server, token: str, **changes: str) -> httpx2.Response:
    """What Windows is answered that asks with a token; an empty parameter is left out."""
    usual = {
        "redirect_uri": WINDOWS,
        "client-request-id": REQUEST,
        "api-version": "1.0",
        "mode": "azureadjoin",
        **{
            name.replace("_id", "-id").replace("_version", "-version"): text for name, text in changes.items()
        },
    }
    query = {name: text for name, text in usual.items() if text}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await server.browser.get(TERMS_PATH, params=query, headers=headers)


async def page_for(server: Server, name: str = "adele", **changes: str) -> Page:
    """The page that a user is shown."""
    answer = await asked(server, await token_of(server, name), **changes)
    assert answer.status_code == 200, answer.text
    return Page(answer)


async def said(server: Server, page: Page, word: str) -> httpx2.Response:
    """What comes of a button. No cookie goes with it: Windows shows the page within a frame."""
    server.browser.http.cookies.clear()
    return await server.browser.http.post(page.action, data={**page.fields, "answer": word})


async def blob_of(server: Server, name: str = "adele") -> str:
    """What a user is given who accepts."""
    _, told = sent_to(await said(server, await page_for(server, name), "accept"))
    return told["OpaqueBlob"]


async def kept(server: Server) -> list[tuple[str, Any, str]]:
    """What the log has of answers."""

    def unit(tx: Tx) -> list[tuple[str, Any, str]]:
        events.seal(tx)
        log = events.read(tx, server.tenant, 0, 10_000)
        return [(one.kind, one.payload, one.actor) for one in log if one.kind.startswith("user.terms")]

    return await server.do(unit)


# --- whose token --------------------------------------------------------------------------------------------


def _resigned(token: str) -> str:
    part = token.split(".")[1]
    payload = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    return jws.serialize_compact({"alg": "RS256"}, payload, RSAKey.import_key(rsa_key("stranger")))


async def _expired(server: Server) -> str:
    token = await token_of(server)
    server.clock.pass_silently(LIFETIME)
    return token


async def _of_device(server: Server) -> str:
    return server.token(device_id=(await server.laptop()).device_id)


async def _resigned_token(server: Server) -> str:
    return _resigned(await token_of(server))


async def _none(_server: Server) -> str:
    return ""


BAD: dict[str, Callable[[Server], Awaitable[str]]] = {
    "none": _none,
    "another key": _resigned_token,
    "another audience": lambda server: token_of(server, audience=DRS_AUDIENCES[0]),
    "another organisation": lambda server: token_of(server, tenant_id=UUID(int=1)),
    "expired": _expired,
    "of a device alone": _of_device,
}


@pytest.mark.parametrize("bad", sorted(BAD))
async def test_mdm_wire_015_a_token_with_anything_wrong_is_sent_back(server: Server, bad: str) -> None:
    token = await BAD[bad](server)
    where, told = sent_to(await asked(server, token))
    assert where == WINDOWS
    assert told["error"] == "unauthorized_client"
    assert told["error_description"]
    assert told["client-request-id"] == REQUEST
    assert "IsAccepted" not in told
    assert not token or token not in told["error_description"]


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer a.b.c", "bearer  "])
async def test_mdm_wire_015_what_is_no_token_is_sent_back(server: Server, header: str) -> None:
    query = {"redirect_uri": WINDOWS, "api-version": "1.0"}
    answer = await server.browser.get(TERMS_PATH, params=query, headers={"Authorization": header})
    _, told = sent_to(answer)
    assert told["error"] == "unauthorized_client"
    assert "client-request-id" not in told


async def test_mdm_wire_015_who_may_not_enrol_is_asked_nothing(server: Server) -> None:
    token = await token_of(server)
    await server.do(lambda tx: set_mdm_scope(tx, server.tenant, MdmScope.NONE))
    _, told = sent_to(await asked(server, token))
    assert told["error"] == "unauthorized_client"
    assert "scope" in told["error_description"]
    await server.do(lambda tx: set_mdm_scope(tx, server.tenant, MdmScope.ALL))
    page = await page_for(server)

    def disable(tx: Tx) -> None:
        adele = find_user(tx, server.tenant, ADELE)
        assert adele is not None
        update_user(tx, server.tenant, adele.id, enabled=False)

    await server.do(disable)
    for answer in (await asked(server, token), await said(server, page, "accept")):
        assert sent_to(answer)[1]["error"] == "unauthorized_client"
    assert await kept(server) == []


async def test_another_version_of_the_protocol_is_not_spoken(server: Server) -> None:
    for version in ("", "2.0", "1"):
        _, told = sent_to(await asked(server, await token_of(server), api_version=version))
        assert told["error"] == "invalid_request"
        assert "version" in told["error_description"]


async def test_a_server_that_fails_says_so_to_windows(server: Server) -> None:
    token = await token_of(server)
    await server.do(lambda tx: tx.execute(sa.text("ALTER TABLE tenant RENAME TO gone")))
    _, told = sent_to(await asked(server, token))
    assert told["error"] == "server_error"
    assert "gone" not in told["error_description"]


# --- the answer ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["azureadjoin", ""])
async def test_mdm_wire_016_yes_is_sent_back_with_a_blob(server: Server, mode: str) -> None:
    page = await page_for(server, mode=mode)
    answers = {button.get("value") for button in page.tree.xpath("//button[@name='answer']")}
    assert answers == ({"accept"} if mode else {"accept", "decline"})
    assert "Contoso will manage this device" in page.text
    assert ADELE in page.text
    answer = await said(server, page, "accept")
    assert answer.status_code == 302
    where, told = sent_to(answer)
    assert where == WINDOWS
    assert sorted(told) == ["IsAccepted", "OpaqueBlob", "client-request-id"]
    assert (told["IsAccepted"], told["client-request-id"]) == ("true", REQUEST)
    assert len(told["OpaqueBlob"]) >= 32
    user = await server.user("adele")
    assert await kept(server) == [
        ("user.terms_accepted", {"joining": bool(mode), "request": REQUEST}, f"user:{user}")
    ]


async def test_mdm_wire_016_no_is_sent_back_only_where_it_is_offered(server: Server) -> None:
    own = await page_for(server, mode="")
    _, told = sent_to(await said(server, own, "decline"))
    assert told == {"IsAccepted": "false", "client-request-id": REQUEST}
    assert [kind for kind, _, _ in await kept(server)] == ["user.terms_declined"]
    joining = await said(server, await page_for(server), "decline")
    assert joining.status_code == 400
    for word in ("", "perhaps"):
        assert (await said(server, own, word)).status_code == 400
    assert len(await kept(server)) == 1


async def test_a_redirect_with_a_query_of_its_own_keeps_it(server: Server) -> None:
    page = await page_for(server, redirect_uri=f"{WINDOWS}?step=2")
    answer = await said(server, page, "accept")
    where, told = sent_to(answer)
    assert where == WINDOWS
    assert told["step"] == "2"
    assert told["IsAccepted"] == "true"


async def test_a_form_that_is_not_ours_or_too_old_is_no_answer(server: Server) -> None:
    page = await page_for(server)
    content, _, seal = page.fields["asked"].partition(".")
    decoded = base64.urlsafe_b64decode(content + "=" * (-len(content) % 4))
    changed = json.loads(decoded)
    changed[0] = "ms-appx-web://evil"
    forged = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
    for text in ("", "x", f"{forged}.{seal}", f"{content}.{'A' * len(seal)}"):
        answer = await server.browser.http.post(TERMS_PATH, data={"asked": text, "answer": "accept"})
        assert answer.status_code == 400
        assert "evil" not in answer.text
    server.clock.pass_silently(PATIENCE)
    assert (await said(server, page, "accept")).status_code == 400
    assert await kept(server) == []


async def test_the_page_can_be_shown_by_windows_within_a_frame_and_has_no_script(server: Server) -> None:
    page = await page_for(server)
    policy = page.answer.headers["content-security-policy"]
    assert "frame-ancestors https: ms-appx-web:" in policy
    assert "form-action 'self' ms-appx-web:" in policy
    assert "script-src" not in policy
    assert page.tree.xpath("//script | //*[@style] | //input[@type='password']") == []
    assert "set-cookie" not in page.answer.headers


async def test_the_page_names_the_terms_of_the_organisation(server: Server) -> None:
    terms = "https://contoso.example/terms?a=1&b=2"
    await server.do(lambda tx: set_branding(tx, server.tenant, Branding(terms_of_use_url=terms)))
    joining, own = await page_for(server), await page_for(server, mode="")
    assert terms in joining.text
    assert joining.tree.xpath("//a") == [], "a link leads out of the set-up"
    assert own.one("//a").get("href") == terms


# --- what comes back ----------------------------------------------------------------------------------------


async def enrolling(laptop: Laptop, data: str, security: Security | None = None) -> Fault | None:
    """Enrol for Adele with that EnrollmentData; the fault, if it is refused."""
    laptop.changes[ContextName.ENROLLMENT_DATA] = data
    try:
        await laptop.enrol(security or await laptop.user_token(), technician=security is not None)
    except FaultReceived as refused:
        return refused.fault
    return None


async def test_mdm_wire_017_the_blob_comes_back_and_is_taken(server: Server) -> None:
    laptop, blob = await server.laptop(), await blob_of(server)
    assert await enrolling(laptop, blob) is None
    laptop.attempt += 1
    assert await enrolling(laptop, blob) is None, "its answer may have been lost"


async def test_mdm_wire_017_another_blob_is_refused(server: Server) -> None:
    laptop, blob = await server.laptop(), await blob_of(server)
    wrong = {
        "nobody's": "x" * 43,
        "altered": blob[:-1],
        "of somebody else": await blob_of(server, "bob"),
        "of the sign-in page": await result(server),
    }
    for which, text in wrong.items():
        fault = await enrolling(laptop, text)
        assert fault is not None, which
        assert fault.error_type is ErrorType.INVALID_ENROLLMENT_DATA, which
        assert fault.hresult.hex == "0x80180019"
        assert text not in fault.reason
    server.clock.pass_silently(LIFETIMES[Kind.TERMS])
    late = await enrolling(laptop, blob)
    assert late is not None
    assert late.error_type is ErrorType.INVALID_ENROLLMENT_DATA
    assert timedelta(hours=1) <= LIFETIMES[Kind.TERMS] <= timedelta(days=1)
    assert await enrolling(laptop, await blob_of(server)) is None


async def test_mdm_wire_017_a_device_alone_accepts_nothing(server: Server) -> None:
    laptop, blob = await server.laptop(), await blob_of(server)
    fault = await enrolling(laptop, blob, laptop.device_token())
    assert fault is not None
    assert fault.error_type is ErrorType.INVALID_ENROLLMENT_DATA


@pytest.mark.parametrize("data", ["", "null"])
async def test_mdm_wire_017_who_was_not_shown_the_page_brings_no_blob(server: Server, data: str) -> None:
    """Decision 0150: the technician flow and clients without pages enrol without."""
    laptop = await server.laptop()
    assert await enrolling(laptop, data) is None
    other = await server.laptop(2)
    assert await enrolling(other, data, other.device_token()) is None


async def test_the_blob_is_no_token(server: Server) -> None:
    fault = await refused(await computer(server), await blob_of(server))
    assert fault.hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR


# --- where it leads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "redirect",
    [
        "",
        "https://evil.example/",
        "http://server.test/",
        "javascript:alert(1)",
        "ms-app://s-1",
        "//evil.example/",
        "ms-appx-web:evil",
        "ms-appx-web://x\r\nX: y",
        'ms-appx-web://x"><script>alert(1)</script>',
        "ms-appx-web://x#fragment",
        "ms-appx-web://" + "x" * 2000,
    ],
)
async def test_mdm_wire_018_nobody_is_led_anywhere_but_to_windows(server: Server, redirect: str) -> None:
    for token in ("", await token_of(server)):
        answer = await asked(server, token, redirect_uri=redirect)
        assert answer.status_code == 400
        assert "location" not in answer.headers
        page = Page(answer)
        assert page.alert is not None
        assert "redirect_uri" in page.alert[1]
        assert not redirect or redirect not in page.text
        assert page.tree.xpath("//form | //script | //a") == []


async def test_mdm_wire_018_the_scheme_is_known_in_any_letter_case(server: Server) -> None:
    page = await page_for(server, redirect_uri="MS-APPX-WEB://Microsoft.AAD.BrokerPlugin/terms")
    where = (await said(server, page, "accept")).headers["location"]
    assert where.startswith("MS-APPX-WEB://Microsoft.AAD.BrokerPlugin/terms?IsAccepted=true")
