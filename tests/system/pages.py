"""A browser without script, over real TLS: it keeps cookies, follows redirects and fills in forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urljoin, urlsplit

from lxml import html
from multidict import CIMultiDictProxy

from tests.support.client import Client

NAVIGATION = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "Accept-Language": "en"}
_MOST_REDIRECTS = 10


@dataclass(frozen=True, slots=True)
class Page:
    """What stands in the window."""

    status: int
    url: str
    headers: CIMultiDictProxy[str]
    content: bytes

    @property
    def tree(self) -> Any:
        """The document."""
        return html.fromstring(self.content)

    @property
    def path(self) -> str:
        """Of its address."""
        return urlsplit(self.url).path

    @property
    def text(self) -> str:
        """Everything that can be read, with single spaces."""
        return " ".join(self.tree.text_content().split())

    def one(self, path: str) -> Any:
        """The only element at an XPath."""
        (element,) = self.tree.xpath(path)
        return element


@dataclass(slots=True)
class Browser:
    """One window. `headers` go with every request."""

    client: Client
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    async def open(self, address: str, method: str = "GET", form: Mapping[str, str] | None = None) -> Page:
        """Go there, and wherever one is sent."""
        for _ in range(_MOST_REDIRECTS):
            page = await self.request(method, address, form)
            if page.status != 303:
                return page
            address, method, form = urljoin(page.url, page.headers["Location"]), "GET", None
        raise AssertionError(f"redirected without end, last to {address}")

    async def request(
        self, method: str, address: str, form: Mapping[str, str] | None = None, **more: str
    ) -> Page:
        """One request, with the cookies so far."""
        url = urljoin(self.client.url, address)
        assert url.startswith(self.client.url), f"sent away to {url}"
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**NAVIGATION, **self.headers, **more, **({"Cookie": cookies} if cookies else {})}
        async with self.client.session.request(
            method, url, headers=headers, data=form, allow_redirects=False
        ) as response:
            self._keep(response.headers.getall("Set-Cookie", []))
            return Page(response.status, url, response.headers, await response.read())

    def _keep(self, sent: list[str]) -> None:
        for line in sent:
            for name, morsel in SimpleCookie(line).items():
                assert morsel["secure"]
                assert morsel["httponly"]
                assert morsel["samesite"] in {"Lax", "Strict"}
                assert (morsel["path"], morsel["domain"]) == ("/", "")
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value

    async def submit(self, page: Page, **typed: str) -> Page:
        """Fill in the fields that the page's form has, and send it."""
        form = page.one("//form[@method='post']")
        fields = {one.get("name"): one.get("value", "") for one in form.xpath(".//input[@name]")}
        known = {name: text for name, text in typed.items() if name in fields}
        return await self.open(urljoin(page.url, form.get("action")), "POST", {**fields, **known})

    async def sign_in(self, page: Page, upn: str, password: str) -> Page:
        """Fill in user name and password, on one page or on two."""
        if not page.tree.xpath("//input[@name='passwd']"):
            page = await self.submit(page, loginfmt=upn)
        return await self.submit(page, loginfmt=upn, passwd=password)
