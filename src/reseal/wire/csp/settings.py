"""Where certificates, wireless networks and policies go, and what a device tells of itself.

Source: spec/mdm-wire.md 5.1, 5.3, 5.6.
"""

from enum import StrEnum
from hashlib import sha1
from typing import Final

from reseal.wire.csp.locuri import CspError, LocURI, Scope
from reseal.wire.csp.nodes import BOTH, Leaf, NodeValue, vendor
from reseal.wire.syncml import Format


class CertificateStore(StrEnum):
    """Stores below RootCATrustedCertificates."""

    ROOT = "Root"
    """Of the device only."""
    CA = "CA"
    TRUSTED_PUBLISHER = "TrustedPublisher"
    TRUSTED_PEOPLE = "TrustedPeople"
    UNTRUSTED = "UntrustedCertificates"
    OEM_ESIM = "OemEsim"


class Certificate:
    """Leaves below `certificate`."""

    ENCODED: Final = Leaf("EncodedCertificate", Format.B64, BOTH)
    """DER."""
    ISSUED_BY: Final = Leaf("IssuedBy", Format.CHR, BOTH)
    ISSUED_TO: Final = Leaf("IssuedTo", Format.CHR, BOTH)
    VALID_FROM: Final = Leaf("ValidFrom", Format.CHR, BOTH)
    VALID_TO: Final = Leaf("ValidTo", Format.CHR, BOTH)
    TEMPLATE_NAME: Final = Leaf("TemplateName", Format.CHR, BOTH)


def certificate(store: CertificateStore, der: bytes, scope: Scope = Scope.DEVICE) -> LocURI:
    """The node of a certificate, named after its SHA-1; a Delete of it removes the certificate.

    Raises CspError for the store ROOT of a user, which Windows does not have.
    """
    if store is CertificateStore.ROOT and scope is Scope.USER:
        message = "A user has no store Root of its own"
        raise CspError(code="Scope", message=message, remedy="Trust the certificate for the device")
    thumbprint = sha1(der, usedforsecurity=False).hexdigest().upper()
    return vendor("RootCATrustedCertificates", scope).under((store, thumbprint))


def trusted_certificate(store: CertificateStore, der: bytes, scope: Scope = Scope.DEVICE) -> NodeValue:
    """The value that puts a certificate into `store`: DER in base64 without line breaks."""
    return Certificate.ENCODED.put(certificate(store, der, scope), der)


class Wifi:
    """Leaves below `wifi_profile`."""

    WLAN_XML: Final = Leaf("WlanXml", Format.CHR, BOTH)
    """A WLAN_profile document as text."""
    PROXY: Final = Leaf("Proxy", Format.CHR, BOTH)
    PROXY_PAC_URL: Final = Leaf("ProxyPacUrl", Format.CHR, BOTH)
    PROXY_WPAD: Final = Leaf("ProxyWPAD", Format.BOOL, BOTH)
    COST: Final = Leaf("WiFiCost", Format.INT, BOTH, lowest=1, highest=3)


def wifi_profile(ssid: str, scope: Scope = Scope.DEVICE) -> LocURI:
    """The node of a wireless network."""
    return vendor("WiFi", scope).under(("Profile", ssid))


def policy(area: str, name: str, scope: Scope = Scope.DEVICE) -> LocURI:
    """Where a policy is set; a Delete of it takes it back."""
    return vendor("Policy", scope).under(("Config", area, name))


def policy_result(area: str, name: str, scope: Scope = Scope.DEVICE) -> LocURI:
    """Where a policy is read as it is in effect."""
    return vendor("Policy", scope).under(("Result", area, name))


class AdmxKind(StrEnum):
    """What an ingested ADMX file describes."""

    POLICY = "Policy"
    PREFERENCE = "Preference"


def admx_install(app: str, kind: AdmxKind, file_id: str) -> LocURI:
    """Where the text of an ADMX file goes; its areas are then called `{app}~{kind}~{category}...`."""
    return vendor("Policy").under(("ConfigOperations", "ADMXInstall", app, kind, file_id))


class DevInfo(StrEnum):
    """What a device says in its first message."""

    DEV_ID = "./DevInfo/DevId"
    MANUFACTURER = "./DevInfo/Man"
    MODEL = "./DevInfo/Mod"
    DM_VERSION = "./DevInfo/DmV"
    LANGUAGE = "./DevInfo/Lang"


class DevDetail(StrEnum):
    """What a device says when it is asked."""

    TYPE = "./DevDetail/DevTyp"
    OEM = "./DevDetail/OEM"
    FIRMWARE_VERSION = "./DevDetail/FwV"
    SOFTWARE_VERSION = "./DevDetail/SwV"
    """Of Windows, four numbers."""
    HARDWARE_VERSION = "./DevDetail/HwV"
    LARGE_OBJECTS = "./DevDetail/LrgObj"
    DEVICE_NAME = "./DevDetail/Ext/Microsoft/DeviceName"
    DNS_COMPUTER_NAME = "./DevDetail/Ext/Microsoft/DNSComputerName"
    """Replace renames the computer at its next start."""
    SERIAL_NUMBER = "./DevDetail/Ext/Microsoft/SMBIOSSerialNumber"
    SMBIOS_VERSION = "./DevDetail/Ext/Microsoft/SMBIOSVersion"
    SYSTEM_SKU = "./DevDetail/Ext/Microsoft/SystemSKU"
    OS_PLATFORM = "./DevDetail/Ext/Microsoft/OSPlatform"
    LOCAL_TIME = "./DevDetail/Ext/Microsoft/LocalTime"
    PROCESSOR_ARCHITECTURE = "./DevDetail/Ext/Microsoft/ProcessorArchitecture"
    PROCESSOR_TYPE = "./DevDetail/Ext/Microsoft/ProcessorType"
    TOTAL_RAM = "./DevDetail/Ext/Microsoft/TotalRAM"
    TOTAL_STORAGE = "./DevDetail/Ext/Microsoft/TotalStorage"
    FREE_STORAGE = "./DevDetail/Ext/Microsoft/FreeStorage"
    RESOLUTION = "./DevDetail/Ext/Microsoft/Resolution"
    HARDWARE_HASH = "./DevDetail/Ext/DeviceHardwareData"
    """The Autopilot hardware hash in base64 (`wire.hwhash`)."""
    WLAN_MAC_ADDRESS = "./DevDetail/Ext/WLANMACAddress"
