"""Wireless networks: reading a WLAN_profile document.

The document is checked for what Windows needs to find the network again and what is known to fail on another
device than the one it was exported from; the rest of it is the administrator's. It may hold a key in clear
text, so no message quotes it.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from reseal.catalog.model import WifiBody
from reseal.catalog.xml import parse_xml
from reseal.kernel.errors import Invalid

SSID_LIMIT: Final = 32
"""Bytes of an SSID (IEEE 802.11)."""

_WLAN: Final = "{http://www.microsoft.com/networking/WLAN/profile/v1}"
_EXPORT: Final = "Export the profile with 'netsh wlan export profile key=clear' and upload it unchanged."


def read_wlan_profile(document: str) -> WifiBody:
    """The wireless network of a WLAN_profile document; raises `Invalid` with code `WifiProfile`."""
    try:
        root = parse_xml(document.encode())
    except etree.XMLSyntaxError as error:
        raise _refused("The document is not well-formed XML without a document type.", _EXPORT) from error
    if root.tag != f"{_WLAN}WLANProfile":
        raise _refused("The document is not a WLANProfile.", _EXPORT)
    if not _text(root, "name"):
        raise _refused("The profile has no name.", "Fill in the element name.")
    ssid = root.find(_path("SSIDConfig", "SSID"))
    if ssid is None:
        raise _refused("The profile has no SSID.", "Fill in SSIDConfig/SSID/name.")
    if root.find(_path("MSM", "security")) is None:
        raise _refused("The profile says nothing about security.", "Fill in MSM/security.")
    return WifiBody(
        ssid=_read_ssid(ssid),
        wlan_xml=document,
        authentication=_text(root, "MSM", "security", "authEncryption", "authentication"),
        holds_key=_holds_key(root),
    )


def _read_ssid(element: etree._Element) -> str:
    name, in_hex = _text(element, "name"), _text(element, "hex")
    try:
        raw = bytes.fromhex(in_hex) if in_hex else name.encode()
        ssid = name or raw.decode()
    except ValueError as error:
        raise _refused("The hexadecimal SSID cannot be read.", "Give the SSID as UTF-8 text.") from error
    if not 1 <= len(raw) <= SSID_LIMIT:
        raise _refused(f"The SSID has {len(raw)} bytes.", f"An SSID has 1 to {SSID_LIMIT} bytes.")
    return ssid


def _holds_key(root: etree._Element) -> bool:
    """Whether a key stands in the document; a protected one can be read by the exporting computer only."""
    keys = [key for key in root.iter(f"{_WLAN}sharedKey") if _text(key, "keyMaterial")]
    if any(_text(key, "protected").casefold() == "true" for key in keys):
        raise _refused("The key in the profile is protected by the computer that exported it.", _EXPORT)
    return bool(keys)


def _path(*names: str) -> str:
    return "/".join(_WLAN + name for name in names)


def _text(element: etree._Element, *names: str) -> str:
    return (element.findtext(_path(*names)) or "").strip()


def _refused(message: str, remedy: str) -> Invalid:
    return Invalid(code="WifiProfile", message=message, remedy=remedy)
