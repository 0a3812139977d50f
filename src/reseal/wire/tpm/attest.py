"""What a TPM states under its signature: TPMS_ATTEST of quotes, certified keys and creations.

TPM 2.0 Library, Part 2, 10.12; spec/device-artifacts.md 2.5. The signature is over the bytes as they came,
so keep those: `checks` verifies them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from reseal.wire.tpm.algorithms import Algorithm, AttestType, digest, read_algorithm
from reseal.wire.tpm.errors import unsupported, wrong
from reseal.wire.tpm.marshalling import Reader, sized, u8, u16, u32, u64

MAGIC: Final = 0xFF544347
"""TPM_GENERATED: a restricted key signs nothing from outside that starts with it."""

_MOST_BANKS: Final = 16
"""Selections in one quote; TPMs have as many as they have hashes."""

PcrValues = Mapping[Algorithm, Mapping[int, bytes]]
"""Values of PCRs by bank and number."""


@dataclass(frozen=True, slots=True)
class Clock:
    """TPMS_CLOCK_INFO: how a TPM counts time and starts."""

    clock: int
    """Milliseconds that the TPM was powered since it was cleared."""
    reset_count: int
    """Starts of the TPM (TPM Reset) since it was cleared."""
    restart_count: int
    """Resumes since the last reset."""
    safe: bool
    """False after a power cut: the clock may have lost some of its last milliseconds."""


@dataclass(frozen=True, slots=True)
class PcrSelection:
    """Some PCRs of one bank. `bitmap` has one bit for each PCR, the least of the first byte is PCR 0."""

    bank: Algorithm
    bitmap: bytes

    @property
    def pcrs(self) -> tuple[int, ...]:
        """Numbers of the selected PCRs, ascending."""
        return tuple(
            number for number in range(len(self.bitmap) * 8) if self.bitmap[number // 8] >> number % 8 & 1
        )


@dataclass(frozen=True, slots=True)
class Quote:
    """Values of PCRs, as one digest."""

    selections: tuple[PcrSelection, ...]
    pcr_digest: bytes


@dataclass(frozen=True, slots=True)
class Certify:
    """A key that is in the TPM, by its name."""

    name: bytes
    qualified_name: bytes


@dataclass(frozen=True, slots=True)
class Creation:
    """A key that the TPM made, by its name, and the digest of the data about its creation."""

    name: bytes
    creation_hash: bytes


@dataclass(frozen=True, slots=True)
class Attest:
    """TPMS_ATTEST. `encode(decode(x)) == x`."""

    qualified_signer: bytes
    """Qualified name of the AK: it ties the AK to the EK above it."""
    extra_data: bytes
    """The nonce that was asked for."""
    clock: Clock
    firmware_version: int
    attested: Quote | Certify | Creation

    def encode(self) -> bytes:
        """The bytes that are signed. Raises TpmError if a value does not fit into its field."""
        kind, body = _statement(self.attested)
        clock = self.clock
        counters = u64(clock.clock) + u32(clock.reset_count) + u32(clock.restart_count) + u8(clock.safe)
        head = u32(MAGIC) + u16(kind) + sized(self.qualified_signer) + sized(self.extra_data)
        return head + counters + u64(self.firmware_version) + body


def decode_attest(data: bytes) -> Attest:
    """The TPMS_ATTEST that fills `data`. Raises TpmError; says nothing about signatures."""
    reader = Reader(data, "attestation")
    magic = reader.u32()
    if magic != MAGIC:
        raise wrong("magic", f"0x{magic:08X}", "is not that of a TPM: the TPM did not make this", 0)
    kind = reader.u16()
    signer, extra_data = reader.sized(), reader.sized()
    clock = Clock(reader.u64(), reader.u32(), reader.u32(), _yes(reader))
    firmware_version = reader.u64()
    attested: Quote | Certify | Creation
    match kind:
        case AttestType.QUOTE:
            attested = Quote(read_selections(reader), reader.sized())
        case AttestType.CERTIFY:
            attested = Certify(reader.sized(), reader.sized())
        case AttestType.CREATION:
            attested = Creation(reader.sized(), reader.sized())
        case _:
            raise unsupported("kind of attestation", kind, 4)
    reader.end()
    return Attest(signer, extra_data, clock, firmware_version, attested)


def select(bank: Algorithm, pcrs: Iterable[int], size: int = 3) -> PcrSelection:
    """The selection of `pcrs` in `bank`; `size` bytes are what PCs send (24 PCRs). Raises TpmError."""
    mask = 0
    for pcr in pcrs:
        if not 0 <= pcr < size * 8:
            raise wrong("PCR", pcr, f"is not below {size * 8}")
        mask |= 1 << pcr
    return PcrSelection(bank, mask.to_bytes(size, "little"))


def encode_selections(selections: tuple[PcrSelection, ...]) -> bytes:
    """TPML_PCR_SELECTION."""
    parts = (u16(chosen.bank) + u8(len(chosen.bitmap)) + chosen.bitmap for chosen in selections)
    return u32(len(selections)) + b"".join(parts)


def read_selections(reader: Reader) -> tuple[PcrSelection, ...]:
    """The next TPML_PCR_SELECTION. Raises TpmError."""
    count = reader.u32()
    if count > _MOST_BANKS:
        raise wrong("number of PCR banks", count, f"is above {_MOST_BANKS}", reader.offset - 4)
    return tuple(_read_selection(reader) for _ in range(count))


def pcr_digest(selections: tuple[PcrSelection, ...], values: PcrValues, hash_algorithm: Algorithm) -> bytes:
    """The digest a TPM states for these PCRs: their values in the order of selection, ascending in a bank.

    Raises TpmError if a selected value is missing.
    """
    chosen = ((chosen.bank, pcr) for chosen in selections for pcr in chosen.pcrs)
    return digest(hash_algorithm, b"".join(_value(values, bank, pcr) for bank, pcr in chosen))


def _value(values: PcrValues, bank: Algorithm, pcr: int) -> bytes:
    value = values.get(bank, {}).get(pcr)
    if value is None:
        raise wrong("PCR", f"{bank.name}:{pcr}", "is quoted and its value was not sent")
    return value


def _read_selection(reader: Reader) -> PcrSelection:
    return PcrSelection(read_algorithm(reader, "PCR bank"), reader.take(reader.u8()))


def _statement(attested: Quote | Certify | Creation) -> tuple[AttestType, bytes]:
    match attested:
        case Quote():
            body = encode_selections(attested.selections) + sized(attested.pcr_digest)
            return AttestType.QUOTE, body
        case Certify():
            return AttestType.CERTIFY, sized(attested.name) + sized(attested.qualified_name)
        case Creation():
            return AttestType.CREATION, sized(attested.name) + sized(attested.creation_hash)


def _yes(reader: Reader) -> bool:
    value = reader.u8()
    if value > 1:
        raise wrong("safe", value, "is neither yes nor no", reader.offset - 1)
    return value == 1
