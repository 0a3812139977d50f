"""The sign-in service's own page, shown on the laptop as it came.

The page is put into a frame of ours. Whatever it needs (style sheets, pictures) and wherever it leads (its
forms, its links to the same service) goes through the laptop, as in a laptop's own browser; scripts are left
out, and the policy of the frame lets none run. Links that lead elsewhere are text, as on a real device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

from lxml import etree, html

from reseal.device.screens import WebPage

VIEW: Final = "/view"
FILE: Final = f"{VIEW}/file"
SEND: Final = f"{VIEW}/send"
GO: Final = f"{VIEW}/go"

_LEFT_OUT: Final = ("script", "noscript", "iframe", "frame", "object", "embed", "base", "meta", "template")


@dataclass(frozen=True, slots=True)
class Framed:
    """A page for the frame: its HTML, and the files that it may ask for."""

    html: bytes
    files: frozenset[str]


def framed(page: WebPage, turn: int) -> Framed:
    """The page as it is shown in the frame; what is done on it bears the turn."""
    parser = html.HTMLParser(encoding="utf-8", no_network=True)
    try:
        root = html.document_fromstring(page.source, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return Framed(b"", frozenset())
    base = urljoin(page.url, next(iter(root.xpath("//base/@href")), ""))
    etree.strip_elements(root, etree.Comment, *_LEFT_OUT, with_tail=False)
    files: set[str] = set()
    for element in root.iter("link", "img", "source"):
        _fetch_through_laptop(element, base, files)
    for form in root.iter("form"):
        form.set("action", _ours(SEND, turn, urljoin(base, form.get("action") or base)))
        form.set("target", "_top")
    for link in root.iter("a", "area"):
        _lead_through_laptop(link, base, turn)
    return Framed(b"<!doctype html>" + html.tostring(root, encoding="utf-8"), frozenset(files))


def _fetch_through_laptop(element: Any, base: str, files: set[str]) -> None:
    if element.tag == "link" and "stylesheet" not in element.get("rel", "").lower().split():
        element.getparent().remove(element)
        return
    for name, address in list(_addresses(element)):
        if address.startswith("data:"):
            continue
        whole = urljoin(base, address)
        files.add(whole)
        element.set(name, f"{FILE}?{urlencode({'at': whole})}")


def _addresses(element: Any) -> Iterator[tuple[str, str]]:
    """Attributes with the one address that each of them holds."""
    for name in ("href", "src", "srcset"):
        if value := element.get(name, "").strip():
            yield name, value.split()[0] if name == "srcset" else value


def _lead_through_laptop(link: Any, base: str, turn: int) -> None:
    target = urljoin(base, link.get("href", ""))
    if urlsplit(target)[:2] == urlsplit(base)[:2]:
        link.set("href", _ours(GO, turn, target))
        link.set("target", "_top")
    else:
        link.attrib.pop("href", None)


def _ours(path: str, turn: int, target: str) -> str:
    return f"{path}?{urlencode({'turn': turn, 'to': target})}"
