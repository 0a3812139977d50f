"""The page of one laptop, for loopback.

Whoever can open it stands before the laptop, as in life; so it is served on this machine alone, under its
own host names, and what is done there has to come from the page itself (decision 0133).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

from starlette.responses import Response

from reseal.device.errors import SetupFailed
from reseal.device.pages.display import CHANGED
from reseal.device.pages.drawing import SCRIPT, SHEET, Drawing
from reseal.device.pages.stand import Hand, Stand
from reseal.device.pages.view import FILE, GO, SEND, VIEW, Framed, framed
from reseal.device.screens import Action, Intent
from reseal.device.transport import Request, TransportError
from reseal.kernel.errors import Denied, Invalid, NotFound
from reseal.web.answers import nothing
from reseal.web.calls import Call
from reseal.web.pages import page, see_other
from reseal.web.routes import KIB, Listener, Public, Route
from reseal.web.streams import Looks, Sent, Streams

HOME: Final = "/"
GONE: Final = "That page has gone. This is where the laptop is now."
_WHY: Final = Public("who can open the page stands before the laptop; it is served on loopback alone")
_LIMIT: Final = 64 * KIB
_SETTLES: Final = timedelta(seconds=5)
"""So long an answer waits for what comes of something that was done."""
_LOOK: Final = timedelta(seconds=5)
_FRAME: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
_FILES: Final = ("text/css", "image/png", "image/jpeg", "image/gif", "image/webp")
_SAME: Final = frozenset({"same-origin", "none"})


class LaptopPages:
    """The routes of one laptop's page."""

    def __init__(self, stand: Stand, streams: Streams, links: Sequence[tuple[str, str]] = ()) -> None:
        self._stand = stand
        self._streams = streams
        self._drawing = Drawing(stand, links)
        self._framed: tuple[int, Framed] = (-1, Framed(b"", frozenset()))

    def routes(self) -> list[Route]:
        """All of them."""
        browser = Listener.BROWSER
        return [
            SHEET.route(),
            SCRIPT.route(),
            Route("GET", HOME, self._home, _WHY, 0, browser),
            Route("GET", "/live", self._live, _WHY, 0, browser, endless=True),
            Route("POST", "/do", self._do, _WHY, _LIMIT, browser),
            Route("POST", "/hands", self._hands, _WHY, _LIMIT, browser),
            Route("POST", "/windows-key", self._windows_key, _WHY, _LIMIT, browser),
            Route("GET", FILE, self._file, _WHY, 0, browser),
            Route("GET", GO, self._go, _WHY, 0, browser),
            Route("POST", SEND, self._send, _WHY, _LIMIT, browser),
            Route("GET", f"{VIEW}/{{turn:int}}", self._view, _WHY, 0, browser),
        ]

    # --- looking

    async def _home(self, call: Call) -> Response:
        notice = GONE if call.flag("gone") else ""
        response = page(self._drawing.page(notice), scripts=True, frames=True)
        response.headers["Referrer-Policy"] = "same-origin"  # so that a form says which page it stood on
        return response

    async def _live(self, _call: Call) -> Response:
        return self._streams.answer(self._looks())

    async def _looks(self) -> Looks:
        sent: dict[str, str] = {}
        with self._stand.display.bells.listen(CHANGED) as bell:
            while True:
                fragments = self._drawing.fragments()
                fresh = {name: html for name, html in fragments.items() if sent.get(name) != html}
                sent.update(fresh)
                yield [Sent(json.dumps(fresh), "show")] if fresh else []
                await bell.wait(self._streams.clock, _LOOK)

    # --- doing

    async def _do(self, call: Call) -> Response:
        form = await _form(call)
        try:
            action = Action(form.get("action", ""))
        except ValueError:
            raise Invalid(code="NoSuchAction", message="The page has no such button.") from None
        return await self._answered(
            call, form.get("turn", ""), Intent(action, form.get("value", ""), form.get("secret", ""))
        )

    async def _windows_key(self, call: Call) -> Response:
        await _form(call)
        display = self._stand.display
        display.do(display.turn, Intent(Action.PRESS_WINDOWS_KEY))
        return _done(call)

    async def _hands(self, call: Call) -> Response:
        form = await _form(call)
        try:
            hand = Hand(form.get("hand", ""))
        except ValueError:
            raise Invalid(code="NoSuchHand", message="Nobody can do that to a laptop.") from None
        self._stand.touch(hand)
        return _done(call)

    async def _answered(self, call: Call, turn: str, intent: Intent) -> Response:
        """Do it on the page of that turn, and answer when the laptop has gone on."""
        display = self._stand.display
        number = int(turn) if turn.isascii() and turn.isdecimal() else -1
        if not display.do(number, intent):
            return see_other(f"{HOME}?gone=true")
        if not _by_script(call):
            await display.moved_on(number, _SETTLES)
        return _done(call)

    # --- the sign-in service's own page

    async def _view(self, call: Call) -> Response:
        shown = self._frame()
        if shown is None or call.request.path_params["turn"] != self._stand.display.turn:
            return _in_frame("")
        return _in_frame(shown.html.decode())

    def _frame(self) -> Framed | None:
        """The page on the display, made ready once for each turn."""
        display = self._stand.display
        if display.screen is None or display.screen.web is None:
            return None
        if self._framed[0] != display.turn:
            self._framed = display.turn, framed(display.screen.web, display.turn)
        return self._framed[1]

    async def _send(self, call: Call) -> Response:
        _require_own(call)
        body = (await call.body()).decode("utf-8", "replace")
        intent = Intent(Action.SUBMIT, call.query("to"), body)
        return await self._answered(call, call.query("turn"), intent)

    async def _go(self, call: Call) -> Response:
        _require_own(call)
        return await self._answered(call, call.query("turn"), Intent(Action.FOLLOW, call.query("to")))

    async def _file(self, call: Call) -> Response:
        """A style sheet or picture of the page that is shown, fetched by the laptop."""
        shown, address = self._frame(), call.query("at")
        if shown is None or address not in shown.files or self._stand.running is None:
            raise NotFound(code="NoSuchFile", message="The page on the display needs no such file.")
        url = quote(address, safe=":/?&=%+,;@!$'()*~[]#-._")
        try:
            answer = await self._stand.running.http.ask(Request(method="GET", url=url, headers=[], body=b""))
        except (TransportError, SetupFailed):
            raise NotFound(code="NoSuchFile", message="The laptop could not fetch it.") from None
        kind = answer.header("Content-Type").partition(";")[0].strip().lower()
        if not answer.ok or kind not in _FILES:
            raise NotFound(code="NoSuchFile", message="The server has no such file.")
        return Response(answer.body, media_type=kind)


def hosts(port: int) -> frozenset[str]:
    """The names that the page is served under."""
    return frozenset({f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"})


async def _form(call: Call) -> dict[str, str]:
    """The fields of a form of ours. Raises `Denied` for one of somebody else's."""
    _require_own(call)
    fields = parse_qs(
        (await call.body()).decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20
    )
    return {name: values[-1] for name, values in fields.items()}


def _require_own(call: Call) -> None:
    """Browsers say where a request comes from; one that another site makes is refused."""
    headers = call.request.headers
    came, origin = headers.get("sec-fetch-site", ""), headers.get("origin", "")
    is_own = came in _SAME if came else urlsplit(origin).netloc == headers.get("host", "")
    if not is_own:
        raise Denied(code="ForeignForm", message="This was not sent by the laptop's own page.")


def _by_script(call: Call) -> bool:
    return call.request.headers.get("x-reseal-script") == "1"


def _done(call: Call) -> Response:
    """Scripts hear by the stream what comes of it; forms are sent to look."""
    return nothing() if _by_script(call) else see_other(HOME)


def _in_frame(html: str) -> Response:
    response = page(html)
    response.headers["Content-Security-Policy"] = _FRAME
    response.headers["Referrer-Policy"] = "same-origin"
    return response
