"""A device's code, as its user answers it in the browser of another device (identity.md 1.4)."""

from __future__ import annotations

from urllib.parse import urljoin

from tests.clients.blackbox.errors import Refused, demand
from tests.clients.blackbox.signing import Browser, Page, Person
from tests.clients.blackbox.web import Web

_CODE_FIELD = "otc"


def answer(web: Web, url: str, code: str, person: Person, *, yes: bool = True) -> None:
    """Type `code` on the page at `url`, sign in, and say whether the program may go on."""
    browser = Browser(web)
    page = Page.read(browser.visit("GET", url))
    demand(_CODE_FIELD in page.fields, "the page does not ask for a code")
    page.fields[_CODE_FIELD] = code
    reply = browser.visit("POST", urljoin(url, page.action), page.fields)
    if reply.status not in {302, 303}:
        raise Refused("page", Page.read(reply).alert, reply.status)
    confirm = urljoin(url, "/devicelogin/confirm")
    browser.drive(urljoin(url, reply.header("Location")), confirm, person)
    question = Page.read(browser.visit("GET", confirm))
    said = browser.visit(
        "POST", urljoin(confirm, question.action), {**question.fields, "answer": "yes" if yes else "no"}
    )
    demand(said.status == 200, f"the answer is answered {said.status}")
