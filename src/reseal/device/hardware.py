"""What a laptop is made of, and the hardware hash that it captures of itself.

`Hardware` is plain data and goes to the device's disk as JSON. `sample_laptop` gives the laptops of
`examples/contoso/devices.csv`, `sample_endorsement_key` the key that their TPMs hold: a virtual device made
from them proves to be the registered one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from reseal.device.disk import Disk
from reseal.kernel.entropy import Entropy, SeededEntropy
from reseal.kernel.keys import Distances, SeededKeys, read_distances
from reseal.wire import hwhash
from reseal.wire.hwhash import Memory, NetworkAdapter, Processor, Version

FILE: Final = "hardware.json"
TPM_VERSION: Final = "TPM-Version:2.0 -Level:0-Revision:1.59-VendorID:'RSEL'-Firmware:1.0"
WINDOWS_ENTERPRISE: Final = 4
"""GetProductInfo number; 48 is Professional, 101 Home."""

KNOWN_SAMPLE: Final = "contoso"
KNOWN_KEYS: Final = "sample_keys.txt"
"""Beside this module: where the search for the endorsement keys of that sample ends, one on each line.
`tools/key_pool.py` writes it.
"""

_MODELS: Final = ("Virtual Laptop 13", "Virtual Laptop 15")
_NVME: Final = 17
_ETHERNET: Final = 14
_OUI: Final = b"\x00\x15\x5d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """One machine, and the Windows that its maker put on it. The manufacturer is always Reseal."""

    serial: str
    model: str
    smbios_uuid: UUID
    sku: str = ""
    family: str = ""
    product_key_id: str = ""
    disks: tuple[hwhash.Disk, ...] = ()
    disk_serials: tuple[str, ...] = ()
    network_adapters: tuple[NetworkAdapter, ...] = ()
    memory: Memory = Memory(total_gb=8, maximum_capacity=64, slots=2, arrays=1, error_correction=3)
    processor: Processor = Processor(architecture=9, packages=1, cores=4, threads=8, hyper_threading=True)
    tpm_version: str = TPM_VERSION
    """Empty: the machine has no TPM."""
    os_build: Version = Version(10, 0, 26100)
    os_edition: int = WINDOWS_ENTERPRISE
    languages: tuple[str, ...] = ("en-US",)
    """Languages of the installed Windows, its own first."""

    @property
    def manufacturer(self) -> str:
        """Who made it."""
        return hwhash.MANUFACTURER

    @property
    def os_version(self) -> str:
        """Version of the installed Windows, a.b.c.d."""
        return str(self.os_build)

    @property
    def hardware_id(self) -> str:
        """HWDevID: 64 hex digits, the same for the same machine whatever is installed on it."""
        return hashlib.sha256(f"{self.smbios_uuid}|{self.serial}".encode()).hexdigest()

    @property
    def mac_addresses(self) -> tuple[str, ...]:
        """`00-15-5D-01-02-03`, as Windows sends them at enrolment."""
        return tuple(adapter.mac.hex("-").upper() for adapter in self.network_adapters)


def capture(hardware: Hardware, *, ek_modulus: bytes | None, at: datetime) -> str:
    """The hardware hash as captured `at` that moment: another one each second."""
    return hwhash.encode(
        hwhash.HashFields(
            captured_at=at,
            serial=hardware.serial,
            model=hardware.model,
            smbios_uuid=hardware.smbios_uuid,
            ek_modulus=ek_modulus,
            tpm_version=hardware.tpm_version,
            sku=hardware.sku,
            family=hardware.family,
            product_key_id=hardware.product_key_id,
            disks=hardware.disks,
            disk_serials=hardware.disk_serials,
            network_adapters=hardware.network_adapters,
            os_build=hardware.os_build,
            processor=hardware.processor,
            memory=hardware.memory,
        )
    )


def install(hardware: Hardware, disk: Disk) -> None:
    """Note on the disk which machine it is in."""
    disk.replace(FILE, msgspec.json.encode(hardware))


def installed(disk: Disk) -> Hardware | None:
    """The machine that the disk is in, if it was noted."""
    noted = disk.read(FILE)
    return None if noted is None else msgspec.json.decode(noted, type=Hardware)


def make_laptop(entropy: Entropy, *, serial: str, model: str) -> Hardware:
    """A laptop with one disk and one wired adapter, whose numbers come from `entropy`."""
    mac = _OUI + entropy.bytes(3)
    return Hardware(
        serial=serial,
        model=model,
        smbios_uuid=UUID(bytes=entropy.bytes(16), version=4),
        sku="VL-2026",
        family="Virtual Laptop",
        disks=(hwhash.Disk(capacity_gb=256, bus=_NVME, seek_penalty=0, trim=1),),
        disk_serials=(entropy.bytes(6).hex().upper(),),
        network_adapters=(NetworkAdapter(medium=_ETHERNET, mac=mac, bus="PCI"),),
    )


def sample_laptop(seed: str, number: int) -> Hardware:
    """Laptop `number` of the sample called `seed`; those of `contoso` are in examples/contoso."""
    serial = f"RSL-{number:04}-{SeededEntropy(f'serial {number}').bytes(3).hex().upper()}"
    return make_laptop(_sample_entropy(seed, number), serial=serial, model=_MODELS[number % len(_MODELS)])


def sample_endorsement_key(seed: str, number: int) -> RSAPrivateKey:
    """The endorsement key of that laptop's TPM. Takes half a second unless it is one of the known ones."""
    keys = SeededKeys(endorsement_entropy(seed, number))
    known = _known_keys() if seed == KNOWN_SAMPLE else ()
    return keys.rsa_found(known[number - 1]) if number <= len(known) else keys.rsa()


def endorsement_entropy(seed: str, number: int) -> SeededEntropy:
    """What that key is made from."""
    return _sample_entropy(seed, number).fork("endorsement key")


@cache
def _known_keys() -> tuple[Distances, ...]:
    return read_distances(resources.files("reseal.device").joinpath(KNOWN_KEYS).read_text("ascii"))


def _sample_entropy(seed: str, number: int) -> SeededEntropy:
    return SeededEntropy(seed).fork(f"laptop {number}")
