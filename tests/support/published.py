"""Messages that we did not write, and other spellings of the same message.

`published` are of Microsoft's documents, `typed_anew` in the shapes of other clients (`tests/data`).
`replaced` puts a token or a certificate request of a test into one. Each of `SPELLINGS` writes a message
another way: it says the same, so it must be read and answered the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lxml import etree

from reseal.wire.xml import escape

_DATA: Final = Path(__file__).parent.parent / "data"
_MICROSOFT: Final = _DATA / "third_party" / "microsoft"
_XML: Final = "http://www.w3.org/XML/1998/namespace"

Spell = Callable[[bytes], bytes]


def published(name: str) -> bytes:
    """A message of Microsoft's documents, unaltered."""
    return (_MICROSOFT / name).read_bytes()


def all_published() -> tuple[str, ...]:
    """The names of all of them."""
    return tuple(sorted(path.name for path in _MICROSOFT.iterdir()))


def typed_anew(name: str) -> bytes:
    """A message in the shape of another client."""
    return (_DATA / "typed_anew" / name).read_bytes()


def windows_request() -> str:
    """The published certificate request of a Windows device: base64 with line breaks."""
    return (_DATA / "third_party" / "fleet_windows_csr.b64").read_text()


def replaced(message: bytes, path: str, text: str, **attributes: str) -> bytes:
    """The message with another text in the one element that is reached by a path of local names.

    Attributes are set whether or not they had a prefix.
    """
    root = etree.fromstring(message, etree.XMLParser(recover=True))
    found = root.findall(".//" + "//".join(f"{{*}}{name}" for name in path.split("/")))
    assert len(found) == 1, f"{path} stands in {len(found)} places"
    (element,) = found
    element.text = text
    for name, value in attributes.items():
        for key in [key for key in element.attrib if etree.QName(key).localname == name]:
            del element.attrib[key]
        element.set(name, value)
    written: bytes = etree.tostring(root)
    return written


def proven(message: bytes, token: str, *, value_type: str = "") -> bytes:
    """A request with the token (base64) of a test in its header."""
    attributes = {"ValueType": value_type} if value_type else {}
    return replaced(message, "Header/BinarySecurityToken", token, **attributes)


def asking(message: bytes, request: str) -> bytes:
    """A RequestSecurityToken with the certificate request (base64) of a test."""
    return replaced(message, "Body/BinarySecurityToken", request)


def framed(*commands: bytes, session: str = "1", msg: int = 1) -> bytes:
    """A message of a device around commands that were published alone."""
    header = (
        f"<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>{session}</SessionID>"
        f"<MsgID>{msg}</MsgID><Target><LocURI>https://mdm.contoso.test/ManagementServer/MDM.svc</LocURI></Target>"
        "<Source><LocURI>7BA748C8-703E-4DF2-A74A-92984117346A</LocURI></Source></SyncHdr>"
    )
    body = b"\n".join(commands)
    if not body.lstrip().startswith(b"<SyncBody"):
        body = b"<SyncBody>" + body + b"<Final/></SyncBody>"
    return b'<SyncML xmlns="SYNCML:SYNCML1.2">' + header.encode() + body + b"</SyncML>"


def besides(message: bytes, *commands: bytes) -> bytes:
    """A message with further commands at the end of its body."""
    assert message.count(b"<Final") == 1
    return message.replace(b"<Final", b"\n".join(commands) + b"<Final")


# --- the same message in other words


@dataclass
class _Writer:
    """Writes a parsed message anew. What stands around elements is left out, the text of leaves is kept."""

    text: Callable[[str], str] = escape
    between: str = ""
    """Stands before each tag that does not follow text."""
    in_tags: str = " "
    prefixed: bool = False
    """The root declares a prefix for each namespace; if not, each element declares its own namespace."""
    name: Callable[[str], str] = str
    turned: frozenset[str] = frozenset()
    """Elements that have their children in the reverse order."""
    prefixes: dict[str, str] = field(default_factory=dict)

    def document(self, message: bytes) -> bytes:
        """The whole message."""
        parser = etree.XMLParser(remove_comments=True, remove_pis=True, recover=True)
        root = etree.fromstring(message, parser)
        for element in root.iter():
            for name in (element.tag, *element.attrib):
                namespace = etree.QName(name).namespace or ""
                if namespace != _XML:
                    self.prefixes.setdefault(namespace, f"n{len(self.prefixes)}")
        return self._element(root, root=True).encode()

    def _element(self, element: etree._Element, *, root: bool = False) -> str:
        name = etree.QName(element)
        tag = self.name(name.localname)
        attributes: dict[str, str] = {}
        if self.prefixed:
            tag = f"{self.prefixes[name.namespace]}:{tag}" if name.namespace else tag
            attributes |= {f"xmlns:{short}": long for long, short in self.prefixes.items() if root and long}
        else:
            attributes["xmlns"] = name.namespace or ""
        for key, value in element.attrib.items():
            attributes |= self._attribute(etree.QName(key), str(value))
        quoted = "".join(f'{self.in_tags}{key}="{escape(value)}"' for key, value in attributes.items())
        children = list(element)
        if name.localname in self.turned:
            children.reverse()
        inner = "".join(self.between + self._element(child) for child in children)
        inner = inner + self.between if children else self.text(element.text or "")
        return f"<{tag}{quoted}{self.in_tags if self.between else ''}>{inner}</{tag}>"

    def _attribute(self, name: etree.QName, value: str) -> dict[str, str]:
        if not name.namespace or name.namespace == _XML:
            return {f"xml:{name.localname}" if name.namespace else name.localname: value}
        short = self.prefixes[name.namespace]
        declared = {} if self.prefixed else {f"xmlns:{short}": name.namespace}
        return {**declared, f"{short}:{name.localname}": value}


def _split(text: str) -> str:
    """With a comment, an instruction and a section in its midst."""
    half = len(text) // 2
    return f"{escape(text[:half])}<!-- {half} --><?odd x?><![CDATA[{text[half:]}]]>" if text else "<!-- -->"


_TURNED: Final = frozenset(
    {"Header", "Security", "UsernameToken", "request", "client", "GetPolicies", "RequestSecurityToken"}
    | {"AdditionalContext", "ContextItem", "Fault", "Code", "DeviceEnrollmentServiceError", "DiscoverResult"}
    | {"SyncML", "SyncHdr", "Alert", "Replace", "Item", "Meta", "Source", "Target", "Status"}
)

SPELLINGS: Final[dict[str, Spell]] = {
    "as it is": lambda message: message,
    "prefixes of its own": lambda message: _Writer(prefixed=True).document(message),
    "no prefixes": lambda message: _Writer().document(message),
    "another order": lambda message: _Writer(turned=_TURNED).document(message),
    "CDATA": lambda message: _Writer(text=lambda text: f"<![CDATA[{text}]]>").document(message),
    "comments": lambda message: _Writer(text=_split, between="<!-- <a> -->").document(message),
    "references": lambda message: _Writer(
        text=lambda text: "".join(f"&#x{ord(one):X};" for one in text)
    ).document(message),
    "blanks everywhere": lambda message: _Writer(
        text=lambda text: f"\n\t {escape(text)} \r\n", between="\r\n\t ", in_tags="\n\t "
    ).document(message),
    "one line": lambda message: _Writer(text=lambda text: escape(text.strip())).document(message),
    "a byte order mark": lambda message: b"\xef\xbb\xbf" + message.lstrip(),
    "declared as UTF-16": lambda message: (
        b'<?xml version="1.0" encoding="utf-16"?>' + _Writer().document(message)
    ),
    "words before and after": lambda message: (
        b"<!-- a --><?b c?>\n" + _Writer().document(message) + b"\n<!-- d -->\n"
    ),
}
"""By what is odd about each."""

LETTER_CASE: Final[dict[str, Spell]] = {
    "lower case": lambda message: _Writer(name=str.lower).document(message),
    "upper case": lambda message: _Writer(name=str.upper).document(message),
}
"""Element names in another letter case, which readers of enrolment do not mind (spec/mdm-wire.md 2.6)."""
