"""What a browser makes of a page: its forms as they would be sent, its alerts, its words.

Controls follow the rules of HTML for form submission: a control counts if it has a name and is not disabled,
a box if it is ticked, a button if it was the one that was pressed. A page that is broken gives what can be
read of it; no script is run and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from lxml import etree, html

_WORDS: Final = "self::h1 or self::h2 or self::h3 or self::p or self::li or self::legend or self::figcaption"
_BUTTONS: Final = frozenset({"submit", "image", "button", "reset"})
_BOXES: Final = frozenset({"checkbox", "radio"})


@dataclass(frozen=True, slots=True)
class Control:
    """One field or button of a form."""

    name: str
    kind: str
    """Type of an input in lower case, or `select`, `textarea`."""
    value: str = field(repr=False)
    id: str = ""
    autocomplete: frozenset[str] = frozenset()
    """Tokens in lower case."""
    label: str = ""
    fixed: bool = False
    """Read only."""
    counts: bool = True
    """Sent as it stands: named, not disabled, ticked if it is a box."""

    @property
    def is_button(self) -> bool:
        """Whether it is a button, of which only the pressed one is sent."""
        return self.kind in _BUTTONS

    @property
    def sends(self) -> bool:
        """Whether pressing it sends the form."""
        return self.kind in {"submit", "image"}


@dataclass(frozen=True, slots=True)
class Form:
    """A form. `action` is a whole URL."""

    action: str
    method: str
    """`get` or `post`."""
    controls: tuple[Control, ...]

    def named(self, name: str) -> Control | None:
        """The first control of a name."""
        return next((control for control in self.controls if control.name == name), None)

    def data(self, values: Mapping[str, str], button: Control | None = None) -> list[tuple[str, str]]:
        """What is sent: each control with its own value or the one in `values`, and the pressed button."""
        return [
            (control.name, control.value if control.fixed else values.get(control.name, control.value))
            for control in self.controls
            if control.counts and (control is button or not control.is_button)
        ]

    def request(self, data: list[tuple[str, str]]) -> tuple[str, bytes]:
        """URL and body that send `data`; the body is empty for the method get."""
        encoded = urlencode(data)
        if self.method == "post":
            return self.action, encoded.encode("ascii")
        return urlunsplit(urlsplit(self.action)._replace(query=encoded, fragment="")), b""


@dataclass(frozen=True, slots=True)
class Alert:
    """A message that a page marks as important, with the code that it bears in `data-code`."""

    text: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was loaded."""

    url: str
    status: int
    title: str = ""
    language: str = ""
    words: tuple[str, ...] = ()
    """Headings and paragraphs in order, alerts left out."""
    images: tuple[tuple[str, str], ...] = ()
    """Alternative text and URL."""
    forms: tuple[Form, ...] = ()
    alerts: tuple[Alert, ...] = ()
    source: bytes = field(default=b"", repr=False)
    """The page as it came."""


def read_page(url: str, status: int, body: bytes, content_type: str = "") -> Page:
    """The page in `body`, which came from `url`."""
    root = _parse(body, content_type)
    if root is None:
        return Page(url, status)
    base = urljoin(url, next(iter(root.xpath("//base/@href")), ""))
    alerts = root.xpath("//*[@role='alert']")
    return Page(
        url=url,
        status=status,
        title=_text(next(iter(root.xpath("//title")), None)),
        language=root.get("lang", ""),
        words=tuple(
            filter(
                None, map(_text, root.xpath(f"//*[({_WORDS}) and not(ancestor-or-self::*[@role='alert'])]"))
            )
        ),
        images=tuple(
            (image.get("alt", ""), urljoin(base, image.get("src", ""))) for image in root.xpath("//img")
        ),
        forms=tuple(_form(form, base, root) for form in root.xpath("//form")),
        alerts=tuple(Alert(_text(alert), alert.get("data-code", "")) for alert in alerts if _text(alert)),
        source=body,
    )


def _parse(body: bytes, content_type: str) -> Any | None:
    charset = content_type.lower().partition("charset=")[2].strip(" \"';") or "utf-8"
    try:
        parser = html.HTMLParser(encoding=charset, no_network=True)
    except LookupError:
        parser = html.HTMLParser(encoding="utf-8", no_network=True)
    try:
        root = html.document_fromstring(body, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None
    etree.strip_elements(root, etree.Comment, "script", "style", "template", with_tail=False)
    return root


def _form(form: Any, base: str, root: Any) -> Form:
    method = form.get("method", "get").strip().lower()
    return Form(
        action=urljoin(base, form.get("action", "").strip() or base),
        method="post" if method == "post" else "get",
        controls=tuple(_controls(form, root)),
    )


def _controls(form: Any, root: Any) -> Iterator[Control]:
    for found in form.iter("input", "button", "select", "textarea"):
        name, kind = found.get("name", ""), _kind(found)
        counts = bool(name) and not _is_disabled(found)
        if kind in _BOXES:
            counts = counts and "checked" in found.attrib
        yield Control(
            name=name,
            kind=kind,
            value=_value(found, kind),
            id=found.get("id", ""),
            autocomplete=frozenset(found.get("autocomplete", "").lower().split()),
            label=_label(found, root),
            fixed="readonly" in found.attrib,
            counts=counts,
        )


def _kind(found: Any) -> str:
    match found.tag:
        case "input":
            return str(found.get("type", "text").strip().lower()) or "text"
        case "button":
            kind = found.get("type", "submit").strip().lower()
            return kind if kind in _BUTTONS else "submit"
        case _:
            return str(found.tag)


def _value(found: Any, kind: str) -> str:
    if found.tag == "textarea":
        return (found.text or "").removeprefix("\n")
    if found.tag == "select":
        options = found.xpath(".//option[@selected]") or found.xpath(".//option")
        return "" if not options else str(options[0].get("value", _text(options[0])))
    return str(found.get("value", "on" if kind in _BOXES else ""))


def _is_disabled(found: Any) -> bool:
    return "disabled" in found.attrib or bool(found.xpath("ancestor::fieldset[@disabled]"))


def _label(found: Any, root: Any) -> str:
    if told := found.get("aria-label"):
        return str(told)
    if (identifier := found.get("id")) and (labels := root.xpath("//label[@for=$id]", id=identifier)):
        return _text(labels[0])
    return _text(next(iter(found.xpath("ancestor::label[1]")), None)) or found.get("placeholder", "")


def _text(found: Any | None) -> str:
    return "" if found is None else " ".join(found.text_content().split())
