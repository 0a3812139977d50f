"""A small browser for sign-in pages: cookies, redirects, forms. It knows no scripts, and no short cuts.

A person's credentials go into the form that the server's page shows, found by what its fields say of
themselves (`autocomplete`, type, name, id), and are sent as a browser sends them. The end is a redirect to
the custom scheme of whoever waits for it (`Landed`), which is never followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import parse_qsl, urldefrag, urljoin, urlsplit

from reseal.device.causes import cause_of
from reseal.device.errors import SIGN_IN_FAILED, SetupFailed, network_failed
from reseal.device.html import Control, Form, Page, read_page
from reseal.device.http import Answer, Http
from reseal.device.transport import Request, TransportError
from reseal.kernel.clock import Clock
from reseal.web.phrases import say

MOST_REDIRECTS: Final = 10
MOST_PAGES: Final = 8
"""So many forms are sent for one pair of credentials."""

_SEE_OTHER: Final = (301, 302, 303)
_SAME_AGAIN: Final = (307, 308)
_USER_NAMES: Final = frozenset({"loginfmt", "username", "user", "login", "email", "i0116"})
_PASSWORD_NAMES: Final = frozenset({"passwd", "password", "accesspass", "i0118"})


@dataclass(frozen=True, slots=True)
class Landed:
    """The browser was sent to the address of whoever waits for it."""

    address: str
    parameters: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie. `host_only`: for exactly this host."""

    name: str
    value: str = field(repr=False)
    host: str
    path: str
    host_only: bool
    ends: datetime | None = None
    """None: with the browser."""

    def is_for(self, host: str, path: str) -> bool:
        """Whether a request to that host and path bears it."""
        same = host == self.host or (not self.host_only and host.endswith("." + self.host))
        return same and (path == self.path or path.startswith(self.path.rstrip("/") + "/"))


class Cookies:
    """The cookies of one browser; all its requests are https, so `Secure` asks for nothing more."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str, str], Cookie] = {}

    def take(self, url: str, lines: tuple[str, ...]) -> None:
        """Keep what the `Set-Cookie` lines of an answer from `url` say."""
        for line in lines:
            cookie = self._read(url, line)
            if cookie is None:
                continue
            place = (cookie.host, cookie.path, cookie.name)
            if cookie.ends is not None and cookie.ends <= self._clock.now():
                self._kept.pop(place, None)
            else:
                self._kept[place] = cookie

    def header(self, url: str) -> str:
        """The `Cookie` line of a request to `url`, longer paths first; empty if there is none."""
        parts = urlsplit(url)
        host, path, now = parts.hostname or "", parts.path or "/", self._clock.now()
        chosen = [
            cookie
            for cookie in self._kept.values()
            if cookie.is_for(host, path) and (cookie.ends is None or cookie.ends > now)
        ]
        chosen.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in chosen)

    def _read(self, url: str, line: str) -> Cookie | None:
        pair, *attributes = line.split(";")
        name, equals, value = pair.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name:
            return None
        said = {
            key.strip().lower(): text.strip() for key, _, text in (each.partition("=") for each in attributes)
        }
        parts = urlsplit(url)
        host = parts.hostname or ""
        domain = said.get("domain", "").lstrip(".").lower()
        path = said.get("path", "")
        if domain and domain != host and (not host.endswith("." + domain) or "." not in domain):
            return None
        if name.startswith("__Host-") and (domain or path != "/" or "secure" not in said):
            return None
        if not path.startswith("/"):
            path = (parts.path or "/").rpartition("/")[0] or "/"
        return Cookie(name, value, domain or host, path, not domain, self._end(said))

    def _end(self, said: Mapping[str, str]) -> datetime | None:
        age = said.get("max-age", "")
        if age.removeprefix("-").isdigit():
            return self._clock.now() + timedelta(seconds=min(int(age), 10**9))
        if "expires" in said:
            try:
                return parsedate_to_datetime(said["expires"])
            except ValueError:
                return None
        return None


class Browser:
    """One browser with its cookies. `callback` is the redirect address at which it stops."""

    def __init__(self, http: Http, clock: Clock, *, callback: str, language: str) -> None:
        self._http = http
        self._callback = callback
        self._language = language
        self._cookies = Cookies(clock)

    async def open(self, url: str) -> Page | Landed:
        """Go to a page. Raises `SetupFailed`."""
        return await self._go("GET", url, b"")

    async def submit(
        self, page: Page, form: Form, values: Mapping[str, str], button: Control | None = None
    ) -> Page | Landed:
        """Send a form of `page`. Raises `SetupFailed`."""
        url, body = form.request(form.data(values, button))
        return await self._go(form.method.upper(), url, body, origin=_origin(page.url))

    async def send(self, page: Page, action: str, body: bytes) -> Page | Landed:
        """Send the form of `page` with that address, as a person filled it in. Raises `SetupFailed`."""
        if not any(form.method == "post" and form.action == action for form in page.forms):
            return page
        return await self._go("POST", action, body, origin=_origin(page.url))

    async def sign_in(self, page: Page, user: str, password: str) -> Page | Landed:
        """Go from `page` as far as these credentials lead: to the callback, or to a page that says why not.

        Raises `SetupFailed`.
        """
        given: set[str] = set()
        for _ in range(MOST_PAGES):
            form = sign_in_form(page)
            if form is None:
                return page
            values, kinds = _filled(form, user, password)
            if not kinds and page.alerts:
                return page
            if kinds and kinds <= given:
                return page  # it asks for what it was given
            given |= kinds
            button = next((control for control in form.controls if control.sends), None)
            came = await self.submit(page, form, values, button)
            if isinstance(came, Landed) or came.alerts:
                return came
            page = came
        return page

    async def _go(self, method: str, url: str, body: bytes, origin: str = "") -> Page | Landed:
        for _ in range(MOST_REDIRECTS + 1):
            if self._is_callback(url):
                return Landed(self._callback, dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)))
            if urlsplit(url).scheme != "https":
                raise _lost(
                    say("the sign-in page leads to {scheme}: instead of https", scheme=urlsplit(url).scheme)
                )
            answer = await self._fetch(method, url, body, origin)
            target = answer.header("Location")
            if not target or answer.status not in (*_SEE_OTHER, *_SAME_AGAIN):
                return read_page(url, answer.status, answer.body, answer.header("Content-Type"))
            if answer.status in _SEE_OTHER:
                method, body = "GET", b""
            url = urljoin(url, target)
        raise _lost(say("the sign-in page leads on and on"))

    async def _fetch(self, method: str, url: str, body: bytes, origin: str) -> Answer:
        headers = [("Accept", "text/html,application/xhtml+xml"), ("Accept-Language", self._language)]
        if cookies := self._cookies.header(url):
            headers.append(("Cookie", cookies))
        if method == "POST":
            headers += [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", origin)]
        request = Request(method=method, url=urldefrag(url).url, headers=headers, body=body)
        try:
            # What was posted may have been carried out; only a person may send it again.
            answer = await (self._http.ask(request, tries=1) if method == "POST" else self._http.ask(request))
        except TransportError as error:
            raise network_failed(error, say("Signing in")) from error
        self._cookies.take(url, answer.every("Set-Cookie"))
        return answer

    def _is_callback(self, url: str) -> bool:
        return url.partition("?")[0].partition("#")[0] == self._callback


def sign_in_form(page: Page) -> Form | None:
    """The form of a page that goes on with a sign-in: one that asks for credentials, else the first."""
    posts = [form for form in page.forms if form.method == "post"]
    asking = (form for form in posts if any(_asks_for(control) for control in form.controls))
    return next(asking, next(iter(posts), None))


def user_field(page: Page) -> Control | None:
    """Where the page wants the user's name."""
    form = sign_in_form(page)
    controls = () if form is None else form.controls
    return next((control for control in controls if _asks_for(control) == "user"), None)


def _asks_for(control: Control) -> str:
    """`user`, `password`, or empty for anything else."""
    if control.is_button or control.kind == "hidden":
        return ""
    names = {control.name.lower(), control.id.lower()}
    if control.kind == "password" or "current-password" in control.autocomplete or names & _PASSWORD_NAMES:
        return "password"
    if control.kind == "email" or "username" in control.autocomplete or names & _USER_NAMES:
        return "user"
    return ""


def _filled(form: Form, user: str, password: str) -> tuple[dict[str, str], set[str]]:
    given = {"user": user, "password": password}
    found = dict(_wanted(form))
    return {name: given[kind] for name, kind in found.items()}, set(found.values())


def _wanted(form: Form) -> Iterator[tuple[str, str]]:
    for control in form.controls:
        kind = _asks_for(control)
        if kind and control.counts:
            yield control.name, kind


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _lost(why: str) -> SetupFailed:
    return SetupFailed(
        code=SIGN_IN_FAILED,
        message=say("{what} failed: {why}.", what=say("Signing in"), why=why),
        remedy=cause_of(SIGN_IN_FAILED).remedy,
    )
