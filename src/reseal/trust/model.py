"""What is proven of a TPM, and what is not (spec/device-artifacts.md 2.6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reseal.kernel.events import JsonValue
from reseal.kernel.keys import is_rehearsal_key
from reseal.wire.hwhash import MANUFACTURER, HardwareHash
from reseal.wire.tpm import Problem, Public, TpmError

ATTESTATION_FAILED: Final = "0x801C03EA"
TOO_MANY_TRIES: Final = "0x81039001"

MOST_TRIES: Final = 5
"""Failed answers of one key within the window; the next ones are refused without a look."""

NO_ANCHORS: Final = "This server has no certificates of TPM vendors: the vendor was not checked."


class Proof(StrEnum):
    """How much a proven TPM is worth. `hardware` (a vendor's certificate) is not given yet."""

    UNKNOWN_VENDOR = "hardwareUnknownVendor"
    """The TPM of the registered hash, whoever made it."""
    VIRTUAL = "virtual"
    """A TPM in software: whoever reads its files is the device."""


class Check(StrEnum):
    """The checks of an attestation, in their order; each has numbered steps of its own."""

    IDENTITY = "identity"
    AK = "ak"
    CHALLENGE = "challenge"
    QUOTE = "quote"
    EVENT_LOG = "eventLog"
    DEVICE_KEY = "deviceKey"
    COUNTERS = "counters"


@dataclass(frozen=True, slots=True)
class Finding:
    """One step that failed, and the check it belongs to."""

    check: Check
    problem: Problem

    def to_json(self) -> dict[str, JsonValue]:
        """The finding as the event log has it."""
        return {
            "check": self.check.value,
            "step": self.problem.step,
            "name": self.problem.name,
            "reason": self.problem.reason.value,
            "message": self.problem.message,
        }


def proof_of(registered: HardwareHash, presented: HardwareHash, ek: Public) -> Proof:
    """The class that this endorsement key can prove: virtual if one of the hashes or the key says so, in
    plain sight.
    """
    if any(_is_virtual(one) for one in (registered, presented)):
        return Proof.VIRTUAL
    try:
        return Proof.VIRTUAL if is_rehearsal_key(ek.key()) else Proof.UNKNOWN_VENDOR
    except TpmError:
        return Proof.UNKNOWN_VENDOR


def _is_virtual(hardware: HardwareHash) -> bool:
    made_here = hardware.manufacturer.casefold() == MANUFACTURER.casefold()
    return made_here or _is_our_vendor(hardware.tpm_version)


def _is_our_vendor(tpm_version: str) -> bool:
    """`...-VendorID:'RSL '-...`: the vendor that our virtual TPMs name."""
    _, _, rest = tpm_version.partition("VendorID:")
    vendor = rest.partition("-")[0].strip(" '\"\0").upper()
    return vendor in {"RSL", "RSEL"}
