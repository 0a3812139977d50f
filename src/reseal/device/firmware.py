"""Power and boot: counts the starts of a machine, and measures each start into its TPM.

The measurements are those of a plain UEFI start with Secure Boot: firmware into PCR 0, its configuration into
1 and 7, the boot loader into 4, the partition table into 5, a separator into 0 to 7. What has no code on a
virtual machine is measured by its name and version, so that an update of it changes its PCR.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from reseal.device.disk import Disk
from reseal.device.hardware import Hardware
from reseal.device.tpm import VirtualTpm

FOLDER: Final = "firmware/"
VERSION: Final = "Reseal virtual firmware 1.0"
_BOOTS: Final = "firmware/boots"

EV_SEPARATOR: Final = 0x00000004
EV_S_CRTM_VERSION: Final = 0x00000008
EV_EFI_VARIABLE_DRIVER_CONFIG: Final = 0x80000001
EV_EFI_BOOT_SERVICES_APPLICATION: Final = 0x80000003
EV_EFI_GPT_EVENT: Final = 0x80000006
EV_EFI_ACTION: Final = 0x80000007

_GLOBAL_VARIABLE: Final = UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
_BOOT_LOADER: Final = r"\EFI\Microsoft\Boot\bootmgfw.efi"


@dataclass(frozen=True, slots=True)
class Boot:
    """One start of the machine."""

    number: int
    """Counts from 1 over the machine's life."""
    orderly: bool
    """False: the power went while the machine ran."""


class _Boots(msgspec.Struct, frozen=True):
    count: int = 0
    running: bool = False


class Firmware:
    """What runs before the operating system."""

    def __init__(self, disk: Disk, hardware: Hardware, tpm: VirtualTpm | None) -> None:
        self._disk = disk
        self._hardware = hardware
        self._tpm = tpm

    def power_on(self) -> Boot:
        """Start the machine: count, start the TPM, measure."""
        kept = self._disk.read(_BOOTS)
        before = _Boots() if kept is None else msgspec.json.decode(kept, type=_Boots)
        self._keep(_Boots(before.count + 1, running=True))
        if self._tpm is not None:
            self._tpm.start()
            _measure(self._tpm, self._hardware)
        return Boot(before.count + 1, orderly=not before.running)

    def shut_down(self) -> None:
        """End in good order, before the power goes or the machine starts anew."""
        kept = self._disk.read(_BOOTS)
        before = _Boots() if kept is None else msgspec.json.decode(kept, type=_Boots)
        if self._tpm is not None:
            self._tpm.stop()
        self._keep(_Boots(before.count, running=False))

    def _keep(self, boots: _Boots) -> None:
        self._disk.replace(_BOOTS, msgspec.json.encode(boots))


def _measure(tpm: VirtualTpm, hardware: Hardware) -> None:
    tpm.extend(0, EV_S_CRTM_VERSION, _wide(VERSION))
    tpm.extend(7, EV_EFI_VARIABLE_DRIVER_CONFIG, _variable("SecureBoot", b"\1"))
    for name in ("PK", "KEK", "db", "dbx"):
        tpm.extend(7, EV_EFI_VARIABLE_DRIVER_CONFIG, _variable(name, b""))
    tpm.extend(1, EV_EFI_VARIABLE_DRIVER_CONFIG, _variable("BootOrder", b"\0\0"))
    tpm.extend(4, EV_EFI_ACTION, b"Calling EFI Application from Boot Option")
    for pcr in range(8):
        tpm.extend(pcr, EV_SEPARATOR, bytes(4))
    tpm.extend(5, EV_EFI_GPT_EVENT, "|".join(hardware.disk_serials).encode())
    loader = f"{_BOOT_LOADER} {hardware.os_build}".encode()
    # As on real machines the event tells where the loader lay, and the PCR holds the loader itself.
    tpm.extend(4, EV_EFI_BOOT_SERVICES_APPLICATION, _wide(_BOOT_LOADER), measured=loader)


def _wide(text: str) -> bytes:
    return f"{text}\0".encode("utf-16-le")


def _variable(name: str, value: bytes) -> bytes:
    """UEFI_VARIABLE_DATA: the namespace, two lengths, the name, the value."""
    wide = name.encode("utf-16-le")
    return _GLOBAL_VARIABLE.bytes_le + struct.pack("<QQ", len(name), len(value)) + wide + value
