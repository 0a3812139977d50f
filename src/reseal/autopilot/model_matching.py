"""From evidence to a conclusion: which registration is meant, if any, and is an import the same hardware
again?

Evidence and points are `reseal.wire.hwhash`'s (spec/device-artifacts.md 1.3). Here stand the rules for
several registrations at once, and by which keys those worth comparing are found.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from reseal.autopilot.model import RemediationState
from reseal.wire import hwhash
from reseal.wire.hwhash import EkComparison, EvidenceKey, EvidenceKind, MatchScore

_LOOKED_UP: Final = (EvidenceKind.EK, EvidenceKind.TUPLE, EvidenceKind.UUID, EvidenceKind.MAC)
_BY_WEIGHT: Final = (hwhash.Verdict.MATCH, hwhash.Verdict.FIX_PENDING, hwhash.Verdict.ATTENTION_REQUIRED)


class Recognition(StrEnum):
    """What is concluded for the hardware that presents a hash."""

    REGISTERED = "registered"
    FIX_PENDING = "fixPending"
    """A repair, to be confirmed by a person; never an unattended technician flow."""
    ATTENTION_REQUIRED = "attentionRequired"
    NOT_REGISTERED = "notRegistered"
    AMBIGUOUS = "ambiguous"
    """Several registrations are equally likely: both are refused."""


@dataclass(frozen=True, slots=True)
class Leader:
    """The best of several scores: its place among them and what it means."""

    place: int
    recognition: Recognition


def same_hardware(presented: Collection[EvidenceKey], registered: Collection[EvidenceKey]) -> bool:
    """Whether importing `presented` would register the same hardware again.

    An equal endorsement key decides by itself: it is one TPM, whatever was changed around it.
    """
    found = hwhash.score(presented, registered)
    return found.ek is EkComparison.EQUAL or hwhash.verdict(found) is hwhash.Verdict.MATCH


def lookup_keys(keys: Collection[EvidenceKey]) -> tuple[EvidenceKey, ...]:
    """The keys by which registrations worth scoring are found, sorted.

    Whatever earns a conclusion shares the endorsement key, the tuple, the UUID or a network address: product
    key id and disk alone are worth too little. That neither is looked up matters, because one product key id
    may stand on thousands of machines.
    """
    return tuple(sorted(key for key in keys if key.kind in _LOOKED_UP))


def claim_keys(keys: Collection[EvidenceKey]) -> tuple[EvidenceKey, ...]:
    """The keys by which an import finds the same hardware registered before, sorted.

    `same_hardware` needs the endorsement key or, where there is none, the tuple; hardware with neither is
    found by the rest of its evidence.
    """
    strong = (EvidenceKind.EK, EvidenceKind.TUPLE)
    return tuple(sorted(key for key in keys if key.kind in strong)) or lookup_keys(keys)


def leader(scores: Sequence[MatchScore]) -> Leader | None:
    """The best of the scores; None if no score means anything.

    A conclusion weighs more than points: the registered device wins over one that merely shares many parts.
    If two lead with the same conclusion and the same points, neither can be told from the other.
    """
    for conclusion in _BY_WEIGHT:
        ranked = sorted(
            (place for place, found in enumerate(scores) if hwhash.verdict(found) is conclusion),
            key=lambda place: -scores[place].points,
        )
        if ranked:
            tied = len(ranked) > 1 and scores[ranked[0]].points == scores[ranked[1]].points
            return Leader(ranked[0], Recognition.AMBIGUOUS if tied else _recognition(conclusion))
    return None


def differences(
    presented: Collection[EvidenceKey], registered: Collection[EvidenceKey]
) -> tuple[tuple[EvidenceKind, tuple[str, ...], tuple[str, ...]], ...]:
    """The kinds of evidence that are not the same on both sides, with the registered and the presented
    values, sorted.
    """
    found = []
    for kind in EvidenceKind:
        before, now = (
            tuple(sorted(key.value for key in keys if key.kind is kind)) for keys in (registered, presented)
        )
        if before != now:
            found.append((kind, before, now))
    return tuple(found)


def remediation(recognition: Recognition, present: RemediationState) -> RemediationState:
    """What a registration says about its hardware after it was recognised so.

    A full match clears the remark. An ambiguous presentation leaves it: which registration is meant is not
    known.
    """
    match recognition:
        case Recognition.REGISTERED:
            return RemediationState.NONE
        case Recognition.FIX_PENDING:
            return RemediationState.AUTOMATIC
        case Recognition.ATTENTION_REQUIRED:
            return RemediationState.MANUAL
        case Recognition.NOT_REGISTERED | Recognition.AMBIGUOUS:
            return present
    assert_never(recognition)


def _recognition(verdict: hwhash.Verdict) -> Recognition:
    match verdict:
        case hwhash.Verdict.MATCH:
            return Recognition.REGISTERED
        case hwhash.Verdict.FIX_PENDING:
            return Recognition.FIX_PENDING
        case hwhash.Verdict.ATTENTION_REQUIRED:
            return Recognition.ATTENTION_REQUIRED
        case hwhash.Verdict.NONE:
            return Recognition.NOT_REGISTERED
    assert_never(verdict)
