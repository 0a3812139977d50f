"""Is the hardware that presents a hash the hardware that was registered? Arithmetic without storage.

Microsoft does not publish its algorithm; this one is ours (spec/device-artifacts.md 1.3). Points for each
kind of evidence in common:

    endorsement key of the TPM       50
    manufacturer, model and serial   25
    SMBIOS UUID                      15
    product key id                   10
    a network address                 8
    a disk serial                     7

What follows from them:

    another endorsement key, 40 or more                                fix pending
    60 or more                                                         match
    40 or more, and everything that the registered hash holds          match
    25 or more                                                         attention required
    less                                                               none

The third line is for machines without a TPM, which cannot reach 60 without a product key id. Claims in a
hash are not proof: a match says which registration is meant, the TPM proves it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reseal.wire.hwhash.identity import EvidenceKey, EvidenceKind

POINTS: Final[Mapping[EvidenceKind, int]] = {
    EvidenceKind.EK: 50,
    EvidenceKind.TUPLE: 25,
    EvidenceKind.UUID: 15,
    EvidenceKind.PKID: 10,
    EvidenceKind.MAC: 8,
    EvidenceKind.DISK: 7,
}
MATCH_POINTS: Final = 60
REPAIR_POINTS: Final = 40
ATTENTION_POINTS: Final = 25


class EkComparison(StrEnum):
    """The endorsement keys of two hashes."""

    EQUAL = "equal"
    DIFFERS = "differs"
    ABSENT = "absent"
    """At least one of the two has none, so nothing is contradicted."""


class Verdict(StrEnum):
    """What follows from a score."""

    MATCH = "match"
    FIX_PENDING = "fixPending"
    """Changed hardware, to be confirmed by a person; never an unattended technician flow."""
    ATTENTION_REQUIRED = "attentionRequired"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MatchScore:
    """How far two hashes agree."""

    points: int
    ek: EkComparison
    evidence: tuple[EvidenceKind, ...]
    """The kinds of which the two hold a value in common."""
    complete: bool
    """Every kind that the registered hash holds was found again."""
    clone_suspected: bool
    """An equal serial number on another endorsement key: a replaced board, or two machines of one name."""


def score(presented: Collection[EvidenceKey], registered: Collection[EvidenceKey]) -> MatchScore:
    """Compare the evidence of a presented hash with that of a registered one, see `evidence`."""
    now, before = _by_kind(presented), _by_kind(registered)
    common = tuple(kind for kind in EvidenceKind if now[kind] & before[kind])
    return MatchScore(
        points=sum(POINTS[kind] for kind in common),
        ek=(ek := _compare_keys(now[EvidenceKind.EK], before[EvidenceKind.EK])),
        evidence=common,
        complete=all(kind in common for kind in EvidenceKind if before[kind]),
        clone_suspected=ek is EkComparison.DIFFERS
        and not _serials(now[EvidenceKind.TUPLE]).isdisjoint(_serials(before[EvidenceKind.TUPLE])),
    )


def verdict(found: MatchScore) -> Verdict:
    """What a score means; see the table above."""
    if found.ek is EkComparison.DIFFERS:
        if found.points >= REPAIR_POINTS:
            return Verdict.FIX_PENDING
    elif found.points >= MATCH_POINTS or (found.complete and found.points >= REPAIR_POINTS):
        return Verdict.MATCH
    return Verdict.ATTENTION_REQUIRED if found.points >= ATTENTION_POINTS else Verdict.NONE


def _by_kind(keys: Collection[EvidenceKey]) -> dict[EvidenceKind, frozenset[str]]:
    return {kind: frozenset(key.value for key in keys if key.kind is kind) for kind in EvidenceKind}


def _compare_keys(presented: frozenset[str], registered: frozenset[str]) -> EkComparison:
    if not presented or not registered:
        return EkComparison.ABSENT
    return EkComparison.EQUAL if presented & registered else EkComparison.DIFFERS


def _serials(tuples: frozenset[str]) -> frozenset[str]:
    return frozenset(value.rpartition("|")[2] for value in tuples)
