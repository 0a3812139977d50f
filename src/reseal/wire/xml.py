"""XML: one hardened way in, one escaping way out (spec/stack.md 4, spec/mdm-wire.md check 71).

In: `parse` takes UTF-8, whatever the document says of its encoding. It refuses what is longer than a limit
before it looks at it, and document types before the parser sees them; so there are no entities but the five
of XML and nothing is fetched. Comments and processing instructions are dropped, CDATA is text. A namespace
may have any name: published messages have `"syncml:metinf "`, which is no URI.

Out: `element` and `escape` put text together; the type `Markup` tells what is escaped already. What is
written reads back equal, white space and carriage returns included.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Final, NewType, Protocol

from lxml import etree

from reseal.wire.errors import WireError

MESSAGE_LIMIT: Final = 1_048_576
"""Bytes of one message."""

Markup = NewType("Markup", str)
"""Text of a document: tags, or content that is escaped already."""


class XmlError(WireError):
    """Bytes that are no XML document, or text that cannot stand in one.

    `code` is TooLarge, DocumentType, NotXml or Character.
    """


class Element(Protocol):
    """What is used of a parsed element. `tag` is `{namespace}name`, or the name without namespace."""

    @property
    def tag(self) -> str: ...
    @property
    def text(self) -> str | None: ...
    def get(self, key: str) -> str | None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator["Element"]: ...


_SEND_AGAIN: Final = "Send a well-formed XML document in UTF-8 without document type"
_DOCUMENT_TYPE: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?>\s+|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)
"""A document type stands before the first element, where only blanks, comments and instructions may be."""


def parse(data: bytes, limit: int = MESSAGE_LIMIT) -> Element:
    """The root element of the document in `data`, which has at most `limit` bytes. Raises XmlError."""
    if len(data) > limit:
        message = f"The document has {len(data)} bytes; at most {limit} are read"
        raise XmlError(code="TooLarge", message=message, remedy="Send it in parts")
    if _DOCUMENT_TYPE.match(data):
        raise _document_type()
    parser = _parser()
    try:
        root: Element = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        if not _only_odd_namespaces(parser):
            message = f"This is not well-formed XML: {error.msg}"
            raise XmlError(code="NotXml", message=message, remedy=_SEND_AGAIN, line=error.lineno) from error
        root = etree.fromstring(data, _parser(recover=True))  # there is nothing else to recover from
    if etree.ElementTree(root).docinfo.doctype:  # should the first look ever miss one
        raise _document_type()
    return root


def _parser(*, recover: bool = False) -> etree.XMLParser:
    """A parser is cheap and belongs to one thread."""
    return etree.XMLParser(
        encoding="utf-8",
        recover=recover,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _only_odd_namespaces(parser: etree.XMLParser) -> bool:
    """Whether the document is well-formed, and the parser only minds that a namespace's name is no URI."""
    found = parser.error_log
    return bool(found) and all(entry.type == etree.ErrorTypes.WAR_NS_URI for entry in found)


def _document_type() -> XmlError:
    message = "The document has a document type declaration, which is never read"
    return XmlError(code="DocumentType", message=message, remedy=_SEND_AGAIN)


def local_name(element: Element) -> str:
    """The name of an element without its namespace: clients use prefixes and namespaces as they like."""
    return element.tag.rpartition("}")[2]


def text_of(element: Element) -> str:
    """The text directly in an element, without white space around it: for names, numbers and addresses."""
    return (element.text or "").strip()


def inner_markup(element: Element) -> str:
    """What stands between the tags of `element`, as it would stand in a document of its own.

    Names that have the namespace of `element` itself lose it: they only inherited it. White space around is
    left out.
    """
    copy = deepcopy(element)
    own = element.tag[: element.tag.rfind("}") + 1]
    for inner in etree.ElementTree(copy).iter():
        if own and inner.tag.startswith(own):
            inner.tag = inner.tag[len(own) :]
    etree.cleanup_namespaces(copy)
    children: list[str] = [etree.tostring(child, encoding="unicode") for child in copy]
    return "".join([escape(copy.text or ""), *children]).strip()


_SPECIAL: Final = re.compile(r"[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_IMPOSSIBLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def escape(text: str) -> Markup:
    """`text` as the content of an element. Raises XmlError for characters that XML 1.0 does not have."""
    if _SPECIAL.search(text) is None:
        return Markup(text)
    if found := _IMPOSSIBLE.search(text):
        message = f"The text holds the character U+{ord(found[0]):04X}, which XML does not have"
        raise XmlError(code="Character", message=message, remedy="Remove it, or send the text as base64")
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markup(escaped.replace("\r", "&#13;"))


def element(name: str, /, *content: Markup, **attributes: str) -> Markup:
    """An element. Its name and those of its attributes are taken as they are, values are escaped.

    Raises XmlError as `escape` does.
    """
    opening = name
    for key, value in attributes.items():
        opening += f' {key}="{_attribute(value)}"'
    inner = "".join(content)
    return Markup(f"<{opening}>{inner}</{name}>" if inner else f"<{opening}/>")


def _attribute(value: str) -> str:
    return escape(value).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
