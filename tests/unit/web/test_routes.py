"""Routes do what they declare, whatever their handlers do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from starlette.requests import Request
from starlette.responses import Response

from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Detail, Invalid, NotFound, ResealError, TooSoon, Unauthenticated
from reseal.kernel.ids import TenantKey
from reseal.web.answers import Json, nothing
from reseal.web.calls import Call, Caller
from reseal.web.edge import SECURITY_HEADERS
from reseal.web.pages import see_other
from reseal.web.routes import Listener, Public, Reception, Route, application
from tests.support.http import HOST, client_of

pytestmark = pytest.mark.anyio

OPEN = Public("a test")
SOMEBODY = Caller(TenantKey(1), UUID(int=1), UUID(int=2), "Somebody", frozenset({"Things.Read"}))


async def authenticate(request: Request) -> Caller:
    if request.headers.get("authorization") != "Bearer right":
        raise Unauthenticated(code="WhoAreYou", message="Nobody is known by that.")
    return SOMEBODY


def serve(*routes: Route, listener: Listener = Listener.BROWSER):  # type: ignore[no-untyped-def]
    app = application(
        routes,
        listener=listener,
        hosts=lambda: frozenset({HOST}),
        authenticate=authenticate,
        entropy=SeededEntropy("web"),
    )
    return client_of(app)


async def echo(call: Call) -> Response:
    return Json({"read": len(await call.body())})


async def test_a_body_of_the_limit_is_read_and_one_byte_more_is_refused() -> None:
    async with serve(Route("POST", "/echo", echo, OPEN, 10, Listener.BOTH)) as client:
        assert (await client.post("/echo", content=b"x" * 10)).json() == {"read": 10}
        refused = await client.post("/echo", content=b"x" * 11)
    assert refused.status_code == 413
    assert refused.json()["error"]["code"] == "BodyTooLarge"


async def test_what_counts_is_what_arrives_not_what_was_announced() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(6):
            yield b"xx"

    async with serve(Route("POST", "/echo", echo, OPEN, 10, Listener.BOTH)) as client:
        assert (await client.post("/echo", content=chunks())).status_code == 413


async def test_a_permission_is_asked_before_the_handler_runs() -> None:
    ran: list[str] = []

    async def handler(call: Call) -> Response:
        ran.append(call.caller.name)
        return nothing()

    readable = Route("GET", "/things", handler, "Things.Read", 0, Listener.BOTH)
    writable = Route("DELETE", "/things", handler, "Things.Write", 0, Listener.BOTH)
    async with serve(readable, writable) as client:
        token = {"Authorization": "Bearer right"}
        assert (await client.get("/things")).status_code == 401
        assert (await client.get("/things", headers={"Authorization": "Bearer wrong"})).status_code == 401
        denied = await client.delete("/things", headers=token)
        assert (await client.get("/things", headers=token)).status_code == 204
    assert denied.status_code == 403
    assert "Things.Write" in denied.json()["error"]["message"]
    assert ran == ["Somebody"]


async def test_an_open_route_has_no_caller_to_ask_for() -> None:
    async def handler(call: Call) -> Response:
        return Json({"name": call.caller.name})

    async with serve(Route("GET", "/", handler, OPEN, 0, Listener.BOTH)) as client:
        assert (await client.get("/")).status_code == 401


async def test_a_route_exists_only_on_the_listener_that_it_names() -> None:
    page = Route("GET", "/page", echo, OPEN, 0, Listener.BROWSER)
    async with serve(page, listener=Listener.DEVICE) as client:
        missing = await client.get("/page")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "NoSuchRoute"


async def test_another_host_is_refused_before_anything_else() -> None:
    async with serve(Route("GET", "/", echo, OPEN, 0, Listener.BOTH)) as client:
        refused = await client.get("/", headers={"Host": "evil.example"})
    assert refused.status_code == 421
    assert "evil.example" in refused.json()["error"]["message"]


async def test_a_redirect_may_name_what_no_header_can_hold() -> None:
    async def handler(call: Call) -> Response:
        return see_other(f"https://localhost{call.request.url.path}?next=%2Fhome&a=b#c")

    async with serve(Route("GET", "/{name}", handler, OPEN, 0, Listener.BOTH)) as client:
        answer = await client.get("/%E2%82%AC")
    assert answer.headers["location"] == "https://localhost/%E2%82%AC?next=%2Fhome&a=b#c"


async def test_every_answer_carries_the_security_headers() -> None:
    async with serve(Route("GET", "/", echo, OPEN, 0, Listener.BOTH)) as client:
        answers = [await client.get("/"), await client.get("/none"), await client.put("/")]
        answers.append(await client.get("/", headers={"Host": "evil.example"}))
    for answer in answers:
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value


async def test_localhost_is_not_bound_to_tls_at_all_its_ports() -> None:
    route = Route("GET", "/", echo, OPEN, 0, Listener.BOTH)
    async with serve(route) as client:
        elsewhere = await client.get("/")
        here = await client.get("/", headers={"Host": "localhost:8443"})
    assert "strict-transport-security" in elsewhere.headers
    assert "strict-transport-security" not in here.headers


async def test_a_wrong_method_says_so_with_the_ones_that_exist() -> None:
    async with serve(Route("GET", "/", echo, OPEN, 0, Listener.BOTH)) as client:
        wrong = await client.put("/")
    assert wrong.status_code == 405
    assert "GET" in wrong.headers["allow"]
    assert wrong.json()["error"]["code"] == "NoSuchMethod"


async def test_errors_are_answered_as_data_with_details_and_when_to_come_back() -> None:
    async def invalid(_call: Call) -> Response:
        raise Invalid(code="Bad", message="It is bad.", remedy="Mend it.", details=[Detail("$.a", "No.")])

    async def soon(_call: Call) -> Response:
        raise TooSoon(code="Soon", message="Wait.", retry_after=timedelta(seconds=1.2))

    routes = (
        Route("GET", "/invalid", invalid, OPEN, 0, Listener.BOTH),
        Route("GET", "/soon", soon, OPEN, 0, Listener.BOTH),
    )
    async with serve(*routes) as client:
        bad, early = await client.get("/invalid"), await client.get("/soon")
    assert bad.status_code == 400
    assert bad.json()["error"] == {
        "code": "Bad",
        "message": "It is bad.",
        "remedy": "Mend it.",
        "details": [{"where": "$.a", "message": "No."}],
    }
    assert (early.status_code, early.headers["retry-after"]) == (429, "2")


async def test_our_own_fault_shows_a_number_and_nothing_of_its_cause() -> None:
    async def fails(_call: Call) -> Response:
        raise RuntimeError("the secret is 1234")

    async with serve(Route("GET", "/", fails, OPEN, 0, Listener.BOTH)) as client:
        fault = await client.get("/")
    assert fault.status_code == 500
    assert "1234" not in fault.text
    assert "RuntimeError" not in fault.text
    assert fault.json()["error"]["code"] == "InternalServerError"


@dataclass(frozen=True, slots=True)
class Order:
    name: str
    count: int


@pytest.mark.parametrize(
    "body, where",
    [(b"{", "$"), (b'{"name": "a"}', "$"), (b'{"name": "a", "count": "many"}', "$.count"), (b"\xff", "$")],
)
async def test_a_document_of_another_shape_is_refused_with_the_place(body: bytes, where: str) -> None:
    async def handler(call: Call) -> Response:
        return Json(await call.json(Order))

    async with serve(Route("POST", "/", handler, OPEN, 100, Listener.BOTH)) as client:
        refused = await client.post("/", content=body)
        accepted = await client.post("/", content=b'{"name": "a", "count": 1}')
    assert accepted.json() == {"name": "a", "count": 1}
    assert refused.status_code == 400
    (detail,) = refused.json()["error"]["details"]
    assert detail["where"] == where


@pytest.mark.parametrize(
    "query, status", [("", 200), ("top=5", 200), ("top=6", 400), ("top=-1", 400), ("top=x", 400)]
)
async def test_numbers_in_a_query_have_bounds(query: str, status: int) -> None:
    async def handler(call: Call) -> Response:
        return Json({"top": call.number("top", 2, 5)})

    async with serve(Route("GET", "/", handler, OPEN, 0, Listener.BOTH)) as client:
        assert (await client.get(f"/?{query}")).status_code == status


async def test_an_id_in_a_path_must_have_the_form_of_one() -> None:
    async def handler(call: Call) -> Response:
        return Json({"id": call.uuid("id")})

    async with serve(Route("GET", "/{id}", handler, OPEN, 0, Listener.BOTH)) as client:
        assert (await client.get(f"/{UUID(int=5)}")).json() == {"id": str(UUID(int=5))}
        assert (await client.get("/five")).json()["error"]["code"] == "BadId"


@pytest.mark.parametrize("permission, limit", [("", 0), ("Things.Read", -1)])
async def test_a_route_without_permission_or_limit_cannot_be_declared(permission: str, limit: int) -> None:
    with pytest.raises(ValueError, match="declares"):
        Route("GET", "/", echo, permission, limit, Listener.BOTH)


async def test_a_path_in_any_case_keeps_the_case_of_its_parameters() -> None:
    async def name(call: Call) -> Response:
        return Json({"name": call.request.path_params["name"]})

    loose = Route("GET", "/Common/UserRealm/{name}", name, OPEN, 0, Listener.BOTH, any_case=True)
    strict = Route("GET", "/Names/{name}", name, OPEN, 0, Listener.BOTH)
    async with serve(loose, strict) as client:
        assert (await client.get("/common/userREALM/Ann")).json() == {"name": "Ann"}
        assert (await client.get("/names/Ann")).status_code == 404


# --- receptions ---------------------------------------------------------------------------------------------


async def test_routes_may_receive_their_callers_in_another_way() -> None:
    """Proven by something else, and refused in other words; other routes are not concerned."""

    async def by_badge(request: Request) -> Caller:
        if request.headers.get("badge") != "gold":
            raise Unauthenticated(code="NoBadge", message="Show your badge.")
        return SOMEBODY

    async def politely(_request: Request, error: ResealError) -> Response:
        return Response(f"Sorry: {error.message}", status_code=error.status)

    async def missing(_call: Call) -> Response:
        raise NotFound(code="Gone", message="It is gone.")

    polite = Reception(by_badge, politely)
    routes = [
        Route("GET", path, handler, permission, 0, Listener.BOTH, reception=reception)
        for path, handler, permission, reception in (
            ("/page", echo, "Things.Read", polite),
            ("/secret", echo, "Things.Write", polite),
            ("/missing", missing, "Things.Read", polite),
            ("/api", echo, "Things.Read", None),
        )
    ]
    async with serve(*routes) as client:
        gold, token = {"Badge": "gold"}, {"Authorization": "Bearer right"}
        answers = [
            await client.get(path, headers=headers)
            for path, headers in (
                ("/page", gold),
                ("/page", token),
                ("/secret", gold),
                ("/missing", gold),
                ("/api", gold),
                ("/api", token),
            )
        ]
    assert [answer.status_code for answer in answers] == [200, 401, 403, 404, 401, 200]
    assert [answer.text for answer in answers[1:4]] == [
        "Sorry: Show your badge.",
        "Sorry: Somebody may not do this: it takes the permission Things.Write.",
        "Sorry: It is gone.",
    ]
    assert answers[4].json()["error"]["code"] == "WhoAreYou"
    for answer in answers:
        assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
