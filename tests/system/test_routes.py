"""Every route, taken from the table of routes: what it declares, and that it keeps to it on the wire.

A new route is tested here without being named. What cannot be known is asked for by a test that fails: an
id to fill a parameter of a new kind with (`_filled`), and whether a POST without a permission to write is a
mere question.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from reseal.api.tenancy import PLATFORM
from reseal.directory.model_roles import AUTOMATION_PERMISSIONS, PERMISSIONS
from reseal.directory.tables import tenant
from reseal.kernel.authorities import Authorities
from reseal.kernel.clock import SystemClock
from reseal.kernel.settings import Settings
from reseal.server import wiring
from reseal.server.schema import metadata
from reseal.web.edge import LOCALHOST_HEADERS
from reseal.web.routes import Listener, Public, Route
from tests.support.client import API, Answer, Client
from tests.support.processes import CONTOSO
from tests.system.conftest import UPLOAD_LIMIT, House
from tests.system.organisations import Organisation

_LONGEST_DOCUMENT = 64 * 1024 * 1024


def _table() -> tuple[Route, ...]:
    """The routes of a server that does not run: declaring them asks nothing of the ports."""
    nothing = cast(Any, None)
    ports: dict[str, Any] = {field.name: nothing for field in fields(wiring.Parts)}
    settings = Settings(data_directory=nothing, max_upload_bytes=UPLOAD_LIMIT)
    keyring = wiring.Keyring(nothing, nothing, Authorities(nothing, nothing), nothing)
    parts = wiring.Parts(**ports | {"clock": SystemClock(), "settings": settings, "keyring": keyring})
    return wiring.routes(parts)[0]


ROUTES = _table()
PROTECTED = [route for route in ROUTES if isinstance(route.permission, str)]
OPEN = [route for route in ROUTES if not isinstance(route.permission, str)]
READING_A_BODY = [route for route in ROUTES if route.limit]
READING_NO_BODY = [route for route in ROUTES if not route.limit]


def _named(route: object) -> str:
    return f"{route.method} {route.path}" if isinstance(route, Route) else str(route)


def _holder(route: Route) -> str:
    assert isinstance(route.permission, str)
    return route.permission


# --- what a route declares ----------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES, ids=_named)
def test_a_route_declares_permission_limit_and_listener(route: Route) -> None:
    match route.permission:
        case Public(reason):
            assert len(reason.split()) >= 2, "say in a few words why everybody may"
        case permission:
            assert permission in PERMISSIONS | {PLATFORM}
            assert permission in AUTOMATION_PERMISSIONS | {PLATFORM}, "else nobody could call it"
    assert 0 <= route.limit <= _LONGEST_DOCUMENT
    assert route.listener & Listener.BOTH


def test_no_two_routes_are_the_same() -> None:
    places = [(route.method, route.path) for route in ROUTES]
    assert len(places) == len(set(places))


def test_whatever_changes_something_takes_a_permission_to_write() -> None:
    asking = {"/groups/check-rule", "/profiles/example-name"}  # questions that need a body
    readers = [
        route
        for route in PROTECTED
        if route.method not in {"GET", "HEAD"}
        and ".ReadWrite" not in _holder(route)
        and route.path.removeprefix(API) not in asking
    ]
    assert readers == []


def test_the_api_is_served_to_programs_alone() -> None:
    assert {route.listener for route in ROUTES if route.path.startswith(API)} == {Listener.BROWSER}


# --- requests that fit a route ------------------------------------------------------------------------------


def _filled(route: Route, of: Organisation) -> str:
    """The route's path with ids of an organisation."""
    collection = route.path.removeprefix(API).split("/")[1]
    ids: dict[str, dict[str, Any]] = {
        "registrations": {
            "id": of.registration,
            "kind": "profile",
            "name": of.profile_name,
            "presentation": of.presentation,
        },
        "profiles": {"id": of.profile},
        "devices": {
            "id": of.device,
            "registration": of.registration,
            "kind": "profile",
            "item": of.profile,
            "presentation": of.presentation,
        },
        "bench": {"registration": of.registration},
        "groups": {"id": of.group, "kind": "user", "member": of.user},
        "users": {"upn": of.upn, "id": of.user},
        "content": {"sha256": of.digest, "enrolment": of.registration, "name": "agent.msi"},
        "{tenant}": {"tenant": of.credentials["tenant_id"], "upn": of.upn, "sha256": of.digest},
        "assets": {"colour": "0b5cad"},
        "EnrollmentServer": {"id": of.device},
        "runtime": {"id": of.registration},
        "deployments": {"id": of.deployment},
        "set-up": {"id": of.batch, "registration": of.registration},
        "status-pages": {"id": of.page},
        "apps": {"id": of.app},
        "policies": {"id": of.policy},
        "filters": {"id": of.filter},
    }
    try:
        return route.path.format(**ids.get(collection, {}))
    except KeyError as missing:
        pytest.fail(f"{_named(route)}: _filled does not know what to put for {missing}", pytrace=False)


def _request(route: Route, of: Organisation) -> dict[str, Any]:
    """A body that the route accepts, where it needs one to get as far as looking for what the path names."""
    bodies: dict[tuple[str, str], Any] = {
        ("PATCH", "/registrations/{id}"): {"groupTag": "taken"},
        ("POST", "/groups/{id}/members"): {"user": str(of.user)},
        ("POST", "/runtime/v1/reports"): {"reports": []},
    }
    body = bodies.get((route.method, route.path.removeprefix(API)))
    return {} if body is None else {"json": body}


async def _send(client: Client, route: Route, of: Organisation) -> Answer:
    if route.endless:
        return await client.glimpse(_filled(route, of))
    return await client(route.method, _filled(route, of), **_request(route, of))


@pytest.fixture(scope="module")
async def contoso(house: House) -> Client:
    """The client of the first organisation."""
    return await house.client_of(house.contoso)


@pytest.fixture(scope="module")
async def fabrikam(house: House) -> Client:
    """The client of the other organisation."""
    return await house.client_of(house.fabrikam)


@pytest.fixture(scope="module")
async def powerless(house: House) -> Client:
    """A client of the first organisation that may do nothing."""
    return await house.browser.signed_in(house.contoso.powerless)


# --- who may ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", PROTECTED, ids=_named)
async def test_without_a_token_nothing_is_served(house: House, route: Route) -> None:
    answer = await _send(house.browser, route, house.contoso)

    assert (answer.status, answer.error["code"]) == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize("route", PROTECTED, ids=_named)
async def test_without_the_permission_it_is_named(house: House, powerless: Client, route: Route) -> None:
    answer = await _send(powerless, route, house.contoso)

    assert (answer.status, answer.error["code"]) == (403, "Authorization_RequestDenied")
    assert f" {_holder(route)}." in answer.error["message"]


async def test_only_the_client_of_the_first_start_makes_organisations(fabrikam: Client) -> None:
    answer = await fabrikam.api("POST", "/tenants", json={"name": "Woodgrove", "domain": "woodgrove.example"})

    assert answer.status == 403
    assert PLATFORM in answer.error["message"]


# --- where --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES, ids=_named)
async def test_a_route_is_served_where_it_says_and_to_no_unknown_host(house: House, route: Route) -> None:
    for client, listener in ((house.browser, Listener.BROWSER), (house.device, Listener.DEVICE)):
        answer = await _send(client, route, house.contoso)
        missing = answer.status == 404 and answer.error["code"] == "NoSuchRoute"
        assert missing == (listener not in route.listener)
        wrong = await client(route.method, _filled(route, house.contoso), headers={"Host": "evil.example"})
        assert (wrong.status, wrong.error["code"]) == (421, "WrongHost")


@pytest.mark.parametrize(
    "host", ["localhost.evil.example", "localhost:1", "", "127.0.0.1.example:443", "local%68ost", "::1"]
)
async def test_a_host_that_only_looks_like_ours_is_refused(house: House, host: str) -> None:
    for client in (house.browser, house.device):
        answer = await client("GET", "/health", headers={"Host": host})
        assert (answer.status, answer.error["code"]) == (421, "WrongHost")
        assert "--server-name" in answer.error["remedy"]


async def test_every_answer_has_the_security_headers(house: House, contoso: Client) -> None:
    answers = [
        await house.browser("GET", "/.well-known/reseal"),
        await house.browser("GET", "/health"),
        await house.browser("GET", "/nothing/here"),
        await house.browser("DELETE", "/health"),
        await house.browser("GET", "/health", headers={"Host": "evil.example"}),
        await house.browser.api("GET", "/tenant"),
        await contoso.api("GET", "/tenant"),
        await contoso.api("GET", "/registrations/nonsense"),
        await contoso.api("GET", f"/content/{house.contoso.digest}"),
    ]
    assert [answer.status for answer in answers] == [200, 200, 404, 405, 421, 401, 200, 400, 200]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in LOCALHOST_HEADERS} == LOCALHOST_HEADERS
        assert "Server" not in answer.headers


# --- how much -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", READING_A_BODY, ids=_named)
@pytest.mark.parametrize("promised", [True, False], ids=["content-length", "chunked"])
async def test_a_body_over_the_limit_is_refused(
    house: House, contoso: Client, route: Route, promised: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(0, route.limit, 65536):
            yield b" " * 65536
        yield b" "

    headers = {"Content-Type": "application/x-www-form-urlencoded"} if "oauth2" in route.path else {}
    at_devices = house.device.holding(contoso.token)
    for client, listener in ((contoso, Listener.BROWSER), (at_devices, Listener.DEVICE)):
        if listener in route.listener:
            body = io.BytesIO(b" " * (route.limit + 1)) if promised else pieces()
            answer = await client(route.method, _filled(route, house.contoso), data=body, headers=headers)
            assert answer.status == 413, answer
            assert json.dumps(answer.json).count("BodyTooLarge") == 1
    assert (await contoso.api("GET", "/tenant")).status == 200


@pytest.mark.parametrize("route", READING_NO_BODY, ids=_named)
async def test_a_body_that_nobody_reads_changes_nothing(house: House, route: Route) -> None:
    """Nor does it disturb the next request of the connection."""
    for client, listener in ((house.browser, Listener.BROWSER), (house.device, Listener.DEVICE)):
        if listener in route.listener:
            path = _filled(route, house.contoso)
            without = await client(route.method, path, allow_redirects=False)
            answer = await client(route.method, path, data=b"x" * 1024 * 1024, allow_redirects=False)
            assert answer.status == without.status
            assert (await client("GET", "/health")).status == 200


@pytest.mark.parametrize("promised", [True, False], ids=["content-length", "chunked"])
async def test_a_body_far_over_the_limit_is_refused_with_a_reason(house: House, promised: bool) -> None:
    """The answer must reach a client that is still sending."""
    piece, count = b"x" * 65536, 256

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield piece

    headers = {"Content-Length": str(len(piece) * count)} if promised else {}
    answer = await house.browser("POST", "/contoso.example/oauth2/token", data=pieces(), headers=headers)

    assert (answer.status, answer.error["code"]) == (413, "BodyTooLarge")


# --- documents ----------------------------------------------------------------------------------------------

_BOMB = '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
_WLAN = (CONTOSO / "wifi" / "contoso-office.xml").read_text()


async def test_documents_with_a_dtd_are_refused_wherever_they_are_uploaded(
    house: House, contoso: Client
) -> None:
    """Those of devices are refused, too: see tests/clients."""
    head, body = _WLAN.split("?>", 1)
    profile = f"{head}?>{_BOMB}{body}".replace("Contoso Office", "&b;", 1).encode()
    digest = hashlib.sha256(profile).hexdigest()
    assert (await contoso.api("PUT", f"/content/{digest}", data=profile)).status == 201
    setting = {"uri": "./Vendor/MSFT/X/Y", "format": "xml", "value": f"{_BOMB}<d>&b;</d>"}
    file = {"sha256": digest, "size": len(profile), "fileName": "bomb.xml"}
    wifi = {"name": "Bomb", "file": file}
    before = (await contoso.api("GET", "/blueprint")).json
    for document in ({"wifi": [wifi]}, {"policies": [{"name": "Bomb", "settings": [setting]}]}):
        for path in ("/blueprint/plan", "/blueprint/apply"):
            answer = await contoso.api("POST", path, json={"reseal": 1, **document})
            assert answer.status == 400, answer
            assert "haha" not in answer.body.decode()
    assert (await contoso.api("GET", "/blueprint")).json == before


# --- tenants do not see each other --------------------------------------------------------------------------

LOOKING_FOR = [route for route in PROTECTED if "{" in route.path and route.method != "PUT"]
"""Routes that look for what their path names; a PUT stores under that name."""
LISTS = [route for route in PROTECTED if route.method == "GET" and "{" not in route.path]
READS = [route for route in LOOKING_FOR if route.method == "GET"]


@pytest.mark.parametrize("route", READS, ids=_named)
async def test_an_id_of_the_own_organisation_is_found(
    house: House, contoso: Client, fabrikam: Client, route: Route
) -> None:
    """Else the next test would show nothing."""
    for client, own in ((contoso, house.contoso), (fabrikam, house.fabrikam)):
        answer = await _send(client, route, own)
        head = await client("HEAD", _filled(route, own))
        assert (answer.status, head.status) == (200, 200), answer


@pytest.mark.parametrize("route", LOOKING_FOR, ids=_named)
async def test_an_id_of_another_organisation_does_not_exist(
    house: House, fabrikam: Client, route: Route
) -> None:
    before = _everything(house)

    foreign = await _send(fabrikam, route, house.contoso)
    unknown = await _send(fabrikam, route, _nothing_of(house.contoso))

    assert foreign.status == unknown.status == 404
    assert foreign.error["code"] == unknown.error["code"]
    assert foreign.headers.keys() == unknown.headers.keys()
    if route in READS:
        assert (await fabrikam("HEAD", _filled(route, house.contoso))).status == 404
    assert _everything(house) == before


def _nothing_of(of: Organisation) -> Organisation:
    """The same with ids that nobody has."""
    return replace(
        of,
        user=uuid4(),
        upn=f"nobody{of.upn}",
        group=uuid4(),
        device=uuid4(),
        registration=uuid4(),
        presentation=1,
        profile=uuid4(),
        deployment=uuid4(),
        batch=uuid4(),
        app=uuid4(),
        policy=uuid4(),
        filter=uuid4(),
        page=uuid4(),
        content=b"nothing",
    )


def _everything(house: House) -> dict[str, set[str]]:
    """What the database holds of Contoso."""
    engine = sa.create_engine(house.settings.database, poolclass=sa.NullPool)
    mine = sa.select(tenant.c.id).where(tenant.c.uuid == UUID(house.contoso.credentials["tenant_id"]))
    with engine.connect() as connection:
        found = {
            table.name: {
                repr(row) for row in connection.execute(sa.select(table).where(table.c.tenant_id.in_(mine)))
            }
            for table in metadata.sorted_tables
            if "tenant_id" in table.c
        }
    assert found["user"], "there is nothing to lose"
    return found


@pytest.mark.parametrize("route", LISTS, ids=_named)
async def test_a_list_has_nothing_of_another_organisation(
    house: House, contoso: Client, fabrikam: Client, route: Route
) -> None:
    for client, own, other in (
        (contoso, house.contoso, house.fabrikam),
        (fabrikam, house.fabrikam, house.contoso),
    ):
        answer = await _send(client, route, own)
        assert answer.status == 200
        seen = answer.body.decode()
        assert [word for word in other.secrets if word in seen] == []


@pytest.mark.parametrize("route", OPEN, ids=_named)
async def test_a_token_of_another_organisation_opens_nothing_of_what_asks_no_permission(
    house: House, fabrikam: Client, route: Route
) -> None:
    """It is as good as none: the same answer, and nothing of the other organisation in it."""
    path, asked = _filled(route, house.contoso), _request(route, house.contoso)
    for client, listener in ((house.browser, Listener.BROWSER), (house.device, Listener.DEVICE)):
        if listener in route.listener:
            without = await client(route.method, path, allow_redirects=False, **asked)
            stranger = client.holding(fabrikam.token)
            foreign = await stranger(route.method, path, allow_redirects=False, **asked)
            assert foreign.status == without.status
            assert foreign.headers.keys() == without.headers.keys()
            told = foreign.body.decode(errors="replace"), without.body.decode(errors="replace")
            assert [word for word in house.contoso.secrets if word in told[0] and word not in told[1]] == []


async def test_references_to_another_organisation_are_refused(house: House, fabrikam: Client) -> None:
    """In bodies, where an own id stands in the path."""
    own, other = house.fabrikam, house.contoso
    rule = '(user.department -eq "Sales")'
    wrong = [
        ("POST", f"/groups/{own.group}/members", {"user": str(other.user)}),
        ("POST", f"/groups/{own.group}/members", {"device": str(other.device)}),
        ("POST", "/groups/check-rule", {"rule": rule, "user": str(other.user)}),
        ("POST", "/groups/check-rule", {"rule": rule, "upn": other.upn}),
        ("POST", "/groups/check-rule", {"rule": "(device.displayName -eq 1)", "device": str(other.device)}),
        ("PATCH", f"/registrations/{own.registration}", {"assignedUser": other.upn}),
    ]
    for method, path, body in wrong:
        answer = await fabrikam.api(method, path, json=body)
        assert answer.status in {400, 404}, (path, body, answer)
        assert other.word not in answer.body.decode().replace(other.upn, "")
    foreign_member = f"/groups/{own.group}/members/user/{other.user}"
    assert (await fabrikam.api("DELETE", foreign_member)).status == 404
    foreign_hash = f"/registrations/{own.registration}/presentations/{other.presentation}/confirm"
    assert (await fabrikam.api("POST", foreign_hash)).status == 404


async def test_an_own_id_is_found_with_every_method(house: House, contoso: Client) -> None:
    """The last test of the module, because it deletes."""
    for route in sorted(LOOKING_FOR, key=lambda route: (route.method == "DELETE", -len(route.path))):
        answer = await _send(contoso, route, house.contoso)
        wrong_form = {422} if route.reception is not None else set()
        assert answer.status in {200, 201, 204, 303, 409} | wrong_form, (_named(route), answer)
