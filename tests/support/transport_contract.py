"""What every transport of a device has to do, whatever carries it.

A test module subclasses `TransportContract` and gives a `stand` fixture: a server with `application()` behind
it, and transports to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography import x509
from starlette.applications import Starlette
from starlette.requests import Request as AsgiRequest
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from reseal.device.transport import Failure, Identity, Request, Transport, TransportError

BLOB = bytes(range(256)) * 4096
"""A mebibyte, for answers that take several chunks."""


@dataclass(frozen=True, slots=True)
class Stand:
    """A server, and ways to it. Origins are `https://host[:port]`."""

    origin: str
    """Asks for client certificates."""
    without_certificates: str
    """The same application, asks for none."""
    under_another_name: str
    """Reaches the server by a name that its certificate does not have."""
    closed: str
    """The server's name, but nothing listens there."""
    transport: Transport
    stranger: Transport
    """Trusts another root than the server's."""
    late: tuple[Transport, str]
    """A way to an origin whose certificate is over for that device."""
    identity: Identity


def application() -> Starlette:
    """The server's side of the contract."""
    return Starlette(
        routes=[
            Route("/echo/{rest:path}", _echo, methods=["GET", "POST", "PUT", "DELETE"]),
            Route("/blob", _blob, methods=["GET", "HEAD"]),
            Route("/stream", _stream),
            Route("/short", _short),
            Route("/broken", _broken),
            Route("/redirect", _redirect),
            Route("/cookies", _cookies),
            Route("/empty", _empty),
        ]
    )


async def _echo(request: AsgiRequest) -> Response:
    body = await request.body()
    chain = request.scope.get("extensions", {}).get("tls", {}).get("client_cert_chain") or []
    certificate = x509.load_pem_x509_certificate(chain[0].encode()) if chain else None
    return JSONResponse(
        {
            "method": request.method,
            "path": request.url.path,
            "raw": request.scope["raw_path"].decode(),
            "query": request.url.query,
            "headers": [[name, value] for name, value in request.headers.items()],
            "sha256": hashlib.sha256(body).hexdigest(),
            "client": certificate.subject.rfc4514_string() if certificate else None,
            "scheme": request.url.scheme,
        },
        status_code=201 if request.method == "PUT" else 200,
    )


async def _blob(request: AsgiRequest) -> Response:
    wanted = request.headers.get("range", "")
    if not wanted:
        return Response(BLOB, media_type="application/octet-stream")
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    piece = BLOB[int(first) : int(last) + 1 if last else None]
    span = f"bytes {first}-{int(first) + len(piece) - 1}/{len(BLOB)}"
    return Response(piece, status_code=206, headers={"Content-Range": span})


async def _stream(_request: AsgiRequest) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(BLOB), 65536):
            yield BLOB[start : start + 65536]

    return StreamingResponse(pieces(), media_type="application/octet-stream")


async def _short(_request: AsgiRequest) -> Response:
    """Announces more than comes."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("the server fails in the middle")

    return StreamingResponse(pieces(), headers={"Content-Length": "8"})


async def _broken(_request: AsgiRequest) -> Response:
    """Ends early without having said how long it is."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("the server fails in the middle")

    return StreamingResponse(pieces())


async def _redirect(_request: AsgiRequest) -> Response:
    return RedirectResponse("/blob", status_code=302)


async def _cookies(_request: AsgiRequest) -> Response:
    answer = Response(b"ok")
    answer.set_cookie("first", "1")
    answer.set_cookie("second", "2")
    return answer


async def _empty(_request: AsgiRequest) -> Response:
    return Response(status_code=204)


async def ask(transport: Transport, url: str, method: str = "GET", **request: Any) -> Any:
    """The JSON document that a request is answered with."""
    async with transport.send(Request(method=method, url=url, **request)) as answer:
        return json.loads(await answer.read())


class TransportContract:
    """The checks."""

    async def test_method_path_query_headers_and_body_arrive_as_sent(self, stand: Stand) -> None:
        body = b"\x00\xff" * 200_000
        told = await ask(
            stand.transport,
            f"{stand.origin}/echo/a%20b/C?x=1&y=%26",
            "POST",
            headers=[("X-Word", "w"), ("Content-Type", "application/x-thing")],
            body=body,
        )
        headers = dict(told["headers"])
        assert (told["method"], told["path"], told["query"]) == ("POST", "/echo/a b/C", "x=1&y=%26")
        assert told["raw"] == "/echo/a%20b/C"
        assert told["scheme"] == "https"
        assert told["sha256"] == hashlib.sha256(body).hexdigest()
        assert headers["x-word"] == "w"
        assert headers["content-type"] == "application/x-thing"

    async def test_host_and_length_are_added_on_the_way(self, stand: Stand) -> None:
        told = await ask(stand.transport, f"{stand.origin}/echo/", "POST", body=b"four")
        headers = dict(told["headers"])
        assert headers["host"] == stand.origin.removeprefix("https://")
        assert headers["content-length"] == "4"

    async def test_nothing_else_is_added(self, stand: Stand) -> None:
        told = await ask(stand.transport, f"{stand.origin}/echo/", headers=[("X-Word", "w")])
        assert sorted(name for name, _ in told["headers"]) == ["host", "x-word"]

    async def test_a_long_body_is_sent_whole(self, stand: Stand) -> None:
        told = await ask(stand.transport, f"{stand.origin}/echo/", "POST", body=BLOB * 3)
        assert told["sha256"] == hashlib.sha256(BLOB * 3).hexdigest()

    async def test_requests_at_once(self, stand: Stand) -> None:
        asked = (ask(stand.transport, f"{stand.origin}/echo/{number}") for number in range(20))
        assert [told["path"] for told in await asyncio.gather(*asked)] == [f"/echo/{n}" for n in range(20)]

    async def test_an_empty_post_says_that_it_is_empty(self, stand: Stand) -> None:
        told = await ask(stand.transport, f"{stand.origin}/echo/", "POST")
        assert dict(told["headers"])["content-length"] == "0"

    async def test_status_and_headers_of_the_answer(self, stand: Stand) -> None:
        request = Request(method="PUT", url=f"{stand.origin}/echo/", body=b"x")
        async with stand.transport.send(request) as answer:
            assert answer.status == 201
            assert answer.header("CONTENT-TYPE") == "application/json"
            assert answer.header("X-Missing") == ""
            await answer.read()

    async def test_a_header_may_repeat(self, stand: Stand) -> None:
        async with stand.transport.send(Request(method="GET", url=f"{stand.origin}/cookies")) as answer:
            await answer.read()
            cookies = [
                value.partition(";")[0] for name, value in answer.headers if name.lower() == "set-cookie"
            ]
        assert cookies == ["first=1", "second=2"]

    async def test_a_redirect_is_an_answer(self, stand: Stand) -> None:
        async with stand.transport.send(Request(method="GET", url=f"{stand.origin}/redirect")) as answer:
            assert answer.status == 302
            assert answer.header("Location") == "/blob"
            await answer.read()

    async def test_an_answer_may_be_empty(self, stand: Stand) -> None:
        async with stand.transport.send(Request(method="GET", url=f"{stand.origin}/empty")) as answer:
            assert answer.status == 204
            assert await answer.read() == b""

    async def test_a_long_answer_comes_in_chunks(self, stand: Stand) -> None:
        async with stand.transport.send(Request(method="GET", url=f"{stand.origin}/stream")) as answer:
            chunks = [chunk async for chunk in answer.chunks()]
        assert b"".join(chunks) == BLOB
        assert len(chunks) > 1

    async def test_ranges(self, stand: Stand) -> None:
        request = Request(method="GET", url=f"{stand.origin}/blob", headers=[("Range", "bytes=1000-1999")])
        async with stand.transport.send(request) as answer:
            assert answer.status == 206
            assert await answer.read() == BLOB[1000:2000]

    async def test_head_has_a_length_and_no_body(self, stand: Stand) -> None:
        async with stand.transport.send(Request(method="HEAD", url=f"{stand.origin}/blob")) as answer:
            assert answer.header("Content-Length") == str(len(BLOB))
            assert await answer.read() == b""

    async def test_an_answer_longer_than_wanted_is_not_taken(self, stand: Stand) -> None:
        async with stand.transport.send(Request(method="GET", url=f"{stand.origin}/blob")) as answer:
            with pytest.raises(TransportError, match="longer"):
                await answer.read(limit=1000)

    async def test_whoever_stops_reading_may_ask_again(self, stand: Stand) -> None:
        for _ in range(2):
            async with stand.transport.send(Request(method="GET", url=f"{stand.origin}/stream")) as answer:
                async for chunk in answer.chunks():
                    assert chunk
                    break
        assert (await ask(stand.transport, f"{stand.origin}/echo/"))["method"] == "GET"

    @pytest.mark.parametrize("path", ["/short", "/broken"])
    async def test_an_answer_that_breaks_off_is_cut(self, stand: Stand, path: str) -> None:
        with pytest.raises(TransportError) as caught:
            async with stand.transport.send(Request(method="GET", url=f"{stand.origin}{path}")) as answer:
                await answer.read()
        assert caught.value.failure is Failure.CUT
        assert (await ask(stand.transport, f"{stand.origin}/echo/"))["method"] == "GET"

    async def test_the_client_certificate_is_shown_where_one_is_asked_for(self, stand: Stand) -> None:
        identity = stand.identity
        shown = await ask(stand.transport, f"{stand.origin}/echo/", identity=identity)
        not_asked = await ask(stand.transport, f"{stand.without_certificates}/echo/", identity=identity)
        nothing = await ask(stand.transport, f"{stand.origin}/echo/")
        again = await ask(stand.transport, f"{stand.origin}/echo/", identity=identity)
        assert again["client"] == shown["client"]
        assert shown["client"] == identity.certificate.subject.rfc4514_string()
        assert not_asked["client"] is None
        assert nothing["client"] is None

    async def test_a_certificate_of_somebody_elses_key_cannot_be_shown(self, stand: Stand) -> None:
        other = Identity(stand.identity.certificate, _another_key())
        with pytest.raises((ValueError, TransportError)):
            await ask(stand.transport, f"{stand.origin}/echo/", identity=other)

    async def test_a_server_below_no_anchor_is_not_trusted(self, stand: Stand) -> None:
        assert await _failure(stand.stranger, stand.origin) is Failure.UNTRUSTED

    async def test_a_certificate_whose_time_is_over_is_not_trusted(self, stand: Stand) -> None:
        assert await _failure(*stand.late) is Failure.UNTRUSTED

    async def test_a_certificate_for_another_name_is_refused(self, stand: Stand) -> None:
        assert await _failure(stand.transport, stand.under_another_name) is Failure.WRONG_NAME

    async def test_a_port_where_nothing_listens(self, stand: Stand) -> None:
        assert await _failure(stand.transport, stand.closed) is Failure.REFUSED

    async def test_a_name_that_nobody_has(self, stand: Stand) -> None:
        assert await _failure(stand.transport, "https://nobody.invalid") is Failure.NO_NETWORK


async def _failure(transport: Transport, origin: str) -> Failure:
    with pytest.raises(TransportError) as caught:
        await ask(transport, f"{origin}/echo/")
    return caught.value.failure


def _another_key() -> Any:
    from reseal.kernel.keys import OpenSslKeys

    return OpenSslKeys().p256()
