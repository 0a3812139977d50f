"""The event log of the firmware: what was measured into which PCR, and what the PCRs must then be.

TCG PC Client Platform Firmware Profile 10.2 (crypto-agile log), little endian; spec/device-artifacts.md 2.5.
A replay that ends in the quoted PCRs proves only which digests were extended. What an event says is bound
to them where it hashes to its digest: `Event.is_bound`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from reseal.wire.tpm.algorithms import Algorithm, digest, digest_size, has_digest, read_algorithm
from reseal.wire.tpm.errors import unsupported, wrong
from reseal.wire.tpm.marshalling import Reader

EV_NO_ACTION: Final = 0x00000003
"""Information that was not extended into a PCR."""

_SIGNATURE: Final = b"Spec ID Event03\0"
_LOCALITY: Final = b"StartupLocality\0"
_ABOUT: Final = bytes.fromhex("0000000000020002")
"""Platform class PC client, version 2.00 of the profile, integers of 64 bits."""
_MOST_ALGORITHMS: Final = 16
_SHA1_SIZE: Final = 20
_OLD_HEADER: Final = 4 + 4 + _SHA1_SIZE
"""Bytes before the size of the first event, which is in the format of TPM 1.2."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log. `digests` has one value for each bank, `data` says what was measured."""

    pcr: int
    kind: int
    digests: Mapping[Algorithm, bytes]
    data: bytes

    @property
    def is_extended(self) -> bool:
        """Whether the event changed its PCR."""
        return self.kind != EV_NO_ACTION

    @property
    def is_bound(self) -> bool:
        """Whether `data` is what was hashed. If not, nothing proves what it says."""
        known = [bank for bank in self.digests if has_digest(bank)]
        return (
            self.is_extended
            and bool(known)
            and all(digest(bank, self.data) == self.digests[bank] for bank in known)
        )


@dataclass(frozen=True, slots=True)
class EventLog:
    """A log of a start, in the order of measurement. The event that describes the log itself is left out."""

    banks: tuple[Algorithm, ...]
    events: tuple[Event, ...]

    @property
    def startup_locality(self) -> int:
        """The locality that started the TPM; it is the last byte of PCR 0 before anything is measured."""
        found = (
            event.data[len(_LOCALITY)]
            for event in self.events
            if event.pcr == 0 and not event.is_extended and _states_locality(event.data)
        )
        return next(found, 0)

    def replay(self, bank: Algorithm) -> Mapping[int, bytes]:
        """The PCRs of `bank` after this log, by number; those that it never extends are not in it.

        Raises TpmError if the log has no such bank, or its hash is not computed here.
        """
        if bank not in self.banks:
            raise wrong("PCR bank", bank.name, "is not in the event log")
        zeros = bytes(digest_size(bank))
        starts = {0: zeros[1:] + bytes([self.startup_locality])}
        values: dict[int, bytes] = {}
        for event in self.events:
            if event.is_extended:
                before = values.get(event.pcr, starts.get(event.pcr, zeros))
                values[event.pcr] = digest(bank, before + event.digests[bank])
        return MappingProxyType(values)


def decode_event_log(data: bytes) -> EventLog:
    """The crypto-agile log in `data`. Raises TpmError, also for a log of TPM 1.2, which has SHA-1 only."""
    reader = Reader(data, "event log", "little")
    sizes = _read_header(reader)
    events = tuple(_events(reader, sizes))
    return EventLog(tuple(sizes), events)


def measure(banks: Iterable[Algorithm], pcr: int, kind: int, data: bytes) -> Event:
    """The event that `data` was hashed and extended into `pcr`, as a virtual TPM logs it."""
    return Event(pcr, kind, MappingProxyType({bank: digest(bank, data) for bank in banks}), data)


def encode_event_log(log: EventLog) -> bytes:
    """The log as firmware writes it: `decode_event_log(encode_event_log(log)) == log`."""
    banks = b"".join(_u16(bank) + _u16(digest_size(bank)) for bank in log.banks)
    about = _SIGNATURE + _ABOUT + _u32(len(log.banks)) + banks + b"\0"
    first = _u32(0) + _u32(EV_NO_ACTION) + bytes(_SHA1_SIZE) + _u32(len(about)) + about
    return first + b"".join(_event(event) for event in log.events)


def _event(event: Event) -> bytes:
    digests = b"".join(_u16(bank) + value for bank, value in event.digests.items())
    head = _u32(event.pcr) + _u32(event.kind) + _u32(len(event.digests))
    return head + digests + _u32(len(event.data)) + event.data


def _u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _read_header(reader: Reader) -> dict[Algorithm, int]:
    """The banks of the log with the size of their digests, from its first event."""
    reader.take(_OLD_HEADER)
    header = Reader(reader.take(reader.u32()), "first event of the log", "little")
    if header.take(len(_SIGNATURE)) != _SIGNATURE:
        raise unsupported("kind of event log", "without Spec ID Event03", _OLD_HEADER + 4)
    header.take(len(_ABOUT))
    count = header.u32()
    if not 0 < count <= _MOST_ALGORITHMS:
        raise wrong("number of banks in the event log", count, f"is not within 1 and {_MOST_ALGORITHMS}")
    sizes = dict(_bank(header) for _ in range(count))
    if len(sizes) != count:
        raise wrong("number of different banks in the event log", len(sizes), f"is not {count}")
    header.take(header.u8())
    header.end()
    return sizes


def _bank(header: Reader) -> tuple[Algorithm, int]:
    bank, size = read_algorithm(header, "bank of the event log"), header.u16()
    if has_digest(bank) and size != digest_size(bank):
        raise wrong(f"size of a {bank.name} digest", size, f"is not {digest_size(bank)}")
    return bank, size


def _events(reader: Reader, sizes: Mapping[Algorithm, int]) -> Iterator[Event]:
    while reader.left:
        pcr, kind, count = reader.u32(), reader.u32(), reader.u32()
        if count != len(sizes):
            why = f"is not that of its {len(sizes)} banks"
            raise wrong("number of digests of an event", count, why, reader.offset - 4)
        digests = dict(_digest(reader, sizes) for _ in range(count))
        if len(digests) != count:
            raise wrong("number of banks of an event", len(digests), f"is not {count}", reader.offset)
        yield Event(pcr, kind, MappingProxyType(digests), reader.take(reader.u32()))


def _digest(reader: Reader, sizes: Mapping[Algorithm, int]) -> tuple[Algorithm, bytes]:
    bank = read_algorithm(reader, "bank of an event")
    if bank not in sizes:
        raise wrong("bank of an event", bank.name, "is not one of the log", reader.offset - 2)
    return bank, reader.take(sizes[bank])


def _states_locality(data: bytes) -> bool:
    return data.startswith(_LOCALITY) and len(data) == len(_LOCALITY) + 1
