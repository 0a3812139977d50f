"""The Windows hardware hash ("4K HH", OA3 blob): a cleartext inventory of a machine with a checksum.

`decode` and `decode_blob` read one into a `HardwareHash`; nothing that can be read is thrown away, what is
odd becomes a warning. `encode` writes one for a virtual device, always with the manufacturer `Reseal`.
`registration_problems` says why a hash cannot be registered, `identity_warnings` why recognising it will be
hard. `evidence`, `score` and `verdict` tell whether a presented hash is the hardware of a registered one: a
hash holds the time of its capture, so blobs are never compared. `describe` lists the contents for people.

Integers are little endian. Facts: spec/device-artifacts.md 1; where no real blob confirmed a field, the
record modules say so.
"""

from reseal.wire.hwhash.describing import describe
from reseal.wire.hwhash.identity import (
    EvidenceKey,
    EvidenceKind,
    HashProblem,
    evidence,
    identity_warnings,
    is_identifying_mac,
    is_ignorable_uuid,
    is_placeholder_serial,
    registration_problems,
)
from reseal.wire.hwhash.matching import EkComparison, MatchScore, Verdict, score, verdict
from reseal.wire.hwhash.padding import HASH_CODE, HardwareHashError, repair_base64
from reseal.wire.hwhash.reading import Checksum, HardwareHash, HashWarning, decode, decode_blob
from reseal.wire.hwhash.records import (
    Build,
    Chassis,
    Disk,
    Display,
    GraphicsMemory,
    Memory,
    NetworkAdapter,
    OfflineDeviceId,
    Processor,
    Record,
    RecordType,
    RecordValue,
    Version,
)
from reseal.wire.hwhash.writing import MANUFACTURER, HashFields, encode

__all__ = [
    "HASH_CODE",
    "MANUFACTURER",
    "Build",
    "Chassis",
    "Checksum",
    "Disk",
    "Display",
    "EkComparison",
    "EvidenceKey",
    "EvidenceKind",
    "GraphicsMemory",
    "HardwareHash",
    "HardwareHashError",
    "HashFields",
    "HashProblem",
    "HashWarning",
    "MatchScore",
    "Memory",
    "NetworkAdapter",
    "OfflineDeviceId",
    "Processor",
    "Record",
    "RecordType",
    "RecordValue",
    "Verdict",
    "Version",
    "decode",
    "decode_blob",
    "describe",
    "encode",
    "evidence",
    "identity_warnings",
    "is_identifying_mac",
    "is_ignorable_uuid",
    "is_placeholder_serial",
    "registration_problems",
    "repair_base64",
    "score",
    "verdict",
]
