"""What the machine tells of itself, and its restart (spec/mdm-wire.md 5.1, 5.7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from reseal.device.csp.effects import Reboot
from reseal.device.csp.rules import Place, Rule, access
from reseal.device.csp.tree import Tree
from reseal.wire.csp import DevDetail, DevInfo, LocURI
from reseal.wire.syncml import Format, StatusCode

DM_VERSION: Final = "1.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The facts of one machine that management asks for."""

    device_id: str
    """DevInfo/DevId, and Source of all messages."""
    name: str = "DESKTOP-RESEAL"
    manufacturer: str = "Contoso"
    model: str = "Book 5"
    language: str = "en-US"
    serial_number: str = ""
    os_version: str = "10.0.26100.4652"
    os_platform: str = "Windows 11 Enterprise"
    hardware_hash: str = ""
    """Base64."""
    hardware_id: str = ""
    """HWDevID."""
    directory_device_id: str = ""
    """AADDeviceID."""
    enrollment_type: str = "Device"


def _facts(machine: Machine) -> Iterator[tuple[str, str]]:
    yield DevInfo.DEV_ID, machine.device_id
    yield DevInfo.MANUFACTURER, machine.manufacturer
    yield DevInfo.MODEL, machine.model
    yield DevInfo.DM_VERSION, DM_VERSION
    yield DevInfo.LANGUAGE, machine.language
    yield DevDetail.TYPE, machine.model
    yield DevDetail.OEM, machine.manufacturer
    yield DevDetail.SOFTWARE_VERSION, machine.os_version
    yield DevDetail.DEVICE_NAME, machine.name
    yield DevDetail.DNS_COMPUTER_NAME, machine.name
    yield DevDetail.OS_PLATFORM, machine.os_platform
    yield DevDetail.SERIAL_NUMBER, machine.serial_number
    yield DevDetail.HARDWARE_HASH, machine.hardware_hash


def tell_facts(tree: Tree, machine: Machine) -> None:
    """Write what the machine is into its tree; what it does not know is not there."""
    for uri, text in _facts(machine):
        if text:
            tree.put(LocURI.parse(uri), text, Format.CHR)


def rename(tree: Tree, name: str) -> None:
    """The computer's new name, in effect."""
    for uri in (DevDetail.DEVICE_NAME, DevDetail.DNS_COMPUTER_NAME):
        tree.put(LocURI.parse(uri), name, Format.CHR)


def _local_time(tree: Tree, place: Place) -> str | None:
    return tree.clock.now().isoformat()


def _reboot(tree: Tree, place: Place, target: str, data: str) -> StatusCode:
    tree.effects.append(Reboot())
    return StatusCode.OK


def _lock(tree: Tree, place: Place, target: str, data: str) -> StatusCode:
    """There is no PIN to lock with."""
    return StatusCode.COMMAND_NOT_ALLOWED


def _told(leaf_format: Format = Format.CHR, default: str | None = None) -> Rule:
    return Rule(access=access("G"), format=leaf_format, default=default)


def _path(uri: str) -> str:
    return "/".join(LocURI.parse(uri).names)


MACHINE_FACTS: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        **{_path(uri): _told() for uri in (*DevInfo, *DevDetail)},
        _path(DevDetail.LARGE_OBJECTS): _told(Format.BOOL, "true"),
        _path(DevDetail.FIRMWARE_VERSION): _told(default="1.0"),
        _path(DevDetail.HARDWARE_VERSION): _told(default="1.0"),
        _path(DevDetail.PROCESSOR_ARCHITECTURE): _told(Format.INT, "9"),
        _path(DevDetail.LOCAL_TIME): Rule(access=access("G"), format=Format.CHR, reader=_local_time),
        _path(DevDetail.DNS_COMPUTER_NAME): Rule(access=access("GR"), format=Format.CHR),
        "DevDetail/URI/MaxDepth": _told(default="0"),
        "DevDetail/URI/MaxTotLen": _told(default="0"),
        "DevDetail/URI/MaxSegLen": _told(default="0"),
        "Vendor/MSFT/DeviceStatus/SecureBootState": _told(Format.INT, "1"),
        "Vendor/MSFT/DeviceStatus/TPM/SpecificationVersion": _told(default="2.0"),
        "Vendor/MSFT/DeviceStatus/OS/Edition": _told(Format.INT, "4"),
        "Vendor/MSFT/DeviceStatus/OS/Mode": _told(Format.INT, "0"),
        "Vendor/MSFT/WindowsLicensing/Edition": _told(Format.INT, "4"),
        "Vendor/MSFT/Reboot/RebootNow": Rule(access=access("GX"), format=Format.NULL, starter=_reboot),
        "Vendor/MSFT/RemoteLock/Lock": Rule(access=access("GX"), format=Format.NULL, starter=_lock),
    }
)
