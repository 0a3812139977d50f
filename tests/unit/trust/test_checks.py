"""The checks of an attestation, against an honest TPM and against everything that may be wrong with one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from reseal.device.disk import MemoryDisk
from reseal.device.firmware import Firmware
from reseal.device.hardware import make_laptop
from reseal.device.tpm import VirtualTpm, fit
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import PooledKeys
from reseal.trust.checks import Asked, Before, begin_findings, finish_findings, proven, secret_hash
from reseal.trust.model import Check, Finding, Proof, proof_of
from reseal.wire.hwhash import HardwareHash
from reseal.wire.runtime.messages import AttestationFinish
from reseal.wire.tpm import AK_ATTRIBUTES, Attributes, Clock, Reason
from tests.support.clock import ManualClock
from tests.support.hardware import hardware

NONCE, SECRET = b"n" * 32, b"s" * 32


@cache
def _keys() -> list[RSAPrivateKey]:
    pool = PooledKeys(SeededEntropy("checks"))
    return [pool.rsa() for _ in range(3)]


class _Keys(PooledKeys):
    def rsa(self, bits: int = 2048) -> RSAPrivateKey:
        return _keys()[1]


@dataclass(frozen=True)
class Case:
    """An honest TPM, what it was asked, and what it answers."""

    tpm: VirtualTpm
    asked: Asked
    answer: AttestationFinish

    def found(self, **lies: object) -> list[tuple[Check, Reason]]:
        """What is wrong with the answer once some of it is replaced."""
        answer = msgspec.structs.replace(self.answer, **lies)
        return [(one.check, one.problem.reason) for one in finish_findings(self.asked, answer, None)]


@pytest.fixture(scope="module")
def case() -> Case:
    disk = MemoryDisk()
    fit(disk, _keys()[0])
    tpm = VirtualTpm(disk, ManualClock(), _Keys(SeededEntropy("ak")))
    laptop = make_laptop(SeededEntropy("laptop"), serial="SN-1", model="Laptop 7")
    Firmware(disk, laptop, tpm).power_on()
    key = tpm.make_key("device").public
    quote, certify = tpm.quote(NONCE, range(12)), tpm.certify(key, NONCE)
    answer = AttestationFinish(
        secret=SECRET,
        quote=quote.attest,
        quote_signature=quote.signature,
        pcrs={str(pcr): value for pcr, value in tpm.pcr_values(range(12)).items()},
        event_log=tpm.event_log(),
        key_public=key.encode(),
        certify=certify.attest,
        certify_signature=certify.signature,
    )
    return Case(tpm, Asked(secret_hash(SECRET), NONCE, tpm.ek_public, tpm.ak_public), answer)


def hash_with(case: Case, number: int = 1, **changes: object) -> HardwareHash:
    """A hash that names the TPM of the case."""
    return hardware(number, **{"ek_modulus": case.tpm.ek_modulus, **changes})


# --- beginning ----------------------------------------------------------------------------------------------


def begin(case: Case, registered: HardwareHash, presented: HardwareHash, **changes: object) -> list[Finding]:
    values = {"allow_virtual": True, "proof": Proof.VIRTUAL, **changes}
    ak = values.pop("ak", case.tpm.ak_public)
    return list(begin_findings(registered, presented, case.tpm.ek_public, ak, **values))  # type: ignore[arg-type]


def test_the_tpm_of_the_registered_hash_may_be_challenged(case: Case) -> None:
    assert begin(case, hash_with(case), hash_with(case)) == []


def test_another_hash_names_another_tpm(case: Case) -> None:
    mine, other = hash_with(case), hardware(2)
    assert [one.problem.reason for one in begin(case, other, mine)] == [Reason.EK_NOT_REGISTERED]
    assert [one.problem.reason for one in begin(case, mine, other)] == [Reason.EK_KEY_MISMATCH]


def test_a_virtual_tpm_needs_leave(case: Case) -> None:
    mine = hash_with(case)
    (found,) = begin(case, mine, mine, allow_virtual=False)
    assert (found.check, found.problem.step, found.problem.reason) == (
        Check.IDENTITY,
        3,
        Reason.EK_CHAIN_UNTRUSTED,
    )
    assert begin(case, mine, mine, allow_virtual=False, proof=Proof.UNKNOWN_VENDOR) == []


def test_an_attestation_key_has_to_keep_the_rules(case: Case) -> None:
    mine = hash_with(case)
    loose = replace(case.tpm.ak_public, attributes=AK_ATTRIBUTES & ~Attributes.RESTRICTED)
    (found,) = begin(case, mine, mine, ak=loose)
    assert (found.check, found.problem.reason, found.problem.step) == (Check.AK, Reason.AK_ATTRIBUTES, 4)


# --- finishing ----------------------------------------------------------------------------------------------


def test_an_honest_answer_holds_and_names_the_certified_key(case: Case) -> None:
    assert finish_findings(case.asked, case.answer, None) == ()
    found = proven(case.answer)
    assert load_der_public_key(found.device_key) == case.tpm.make_key("device").key.public_key()
    assert found.clock.reset_count == 1


@pytest.mark.parametrize(
    "lie, expected",
    [
        ({"secret": b"x" * 32}, [(Check.CHALLENGE, Reason.ACTIVATION_FAILED)]),
        ({"secret": b""}, [(Check.CHALLENGE, Reason.ACTIVATION_FAILED)]),
        ({"quote_signature": b""}, [(Check.QUOTE, Reason.QUOTE_SIGNATURE)]),
        ({"quote": b""}, [(Check.QUOTE, Reason.QUOTE_SIGNATURE)]),
        ({"certify_signature": b""}, [(Check.DEVICE_KEY, Reason.KEY_NOT_CERTIFIED)]),
        ({"certify": b""}, [(Check.DEVICE_KEY, Reason.KEY_NOT_CERTIFIED)]),
        ({"key_public": b"nonsense"}, [(Check.DEVICE_KEY, Reason.KEY_NOT_CERTIFIED)]),
        ({"event_log": b"nonsense"}, [(Check.EVENT_LOG, Reason.LOG_MISMATCH)]),
        ({"event_log": b""}, [(Check.EVENT_LOG, Reason.LOG_MISMATCH)] * 8),
    ],
)
def test_each_lie_is_found_by_its_own_check(case: Case, lie, expected) -> None:
    assert case.found(**lie) == expected


@pytest.mark.parametrize("name", ["24", "x", "-1", "007", "٣"])
def test_pcrs_have_numbers_that_a_tpm_has(case: Case, name: str) -> None:
    found = case.found(pcrs={**case.answer.pcrs, name: bytes(32)})
    assert (Check.QUOTE, Reason.PCR_DIGEST) in found


def test_a_pcr_has_32_bytes_and_the_quoted_value(case: Case) -> None:
    for value in (b"", bytes(20), b"x" * 32):
        assert (Check.QUOTE, Reason.PCR_DIGEST) in case.found(pcrs={**case.answer.pcrs, "3": value})


def test_the_firmwares_pcrs_are_all_needed(case: Case) -> None:
    few = case.tpm.quote(NONCE, range(7))
    pcrs = {str(pcr): value for pcr, value in case.tpm.pcr_values(range(7)).items()}
    found = case.found(quote=few.attest, quote_signature=few.signature, pcrs=pcrs)
    assert found == [(Check.QUOTE, Reason.PCR_DIGEST), (Check.EVENT_LOG, Reason.LOG_MISMATCH)]


def test_answers_to_another_challenge_are_stale(case: Case) -> None:
    other = b"o" * 32
    quote = case.tpm.quote(other, range(12))
    assert case.found(quote=quote.attest, quote_signature=quote.signature) == [
        (Check.QUOTE, Reason.QUOTE_NONCE)
    ]
    certify = case.tpm.certify(case.tpm.make_key("device").public, other)
    assert case.found(certify=certify.attest, certify_signature=certify.signature) == [
        (Check.DEVICE_KEY, Reason.QUOTE_NONCE)
    ]


def test_a_key_that_may_leave_the_tpm_is_no_device_key(case: Case) -> None:
    key = case.tpm.make_key("device").public
    loose = replace(key, attributes=key.attributes & ~Attributes.FIXED_TPM)
    certify = case.tpm.certify(loose, NONCE)
    assert case.found(
        key_public=loose.encode(), certify=certify.attest, certify_signature=certify.signature
    ) == [(Check.DEVICE_KEY, Reason.KEY_NOT_CERTIFIED)]


def _clock(case: Case, change: Callable[[Clock], Clock]) -> Before:
    return Before(case.tpm.ak_public.name, change(proven(case.answer).clock))


def test_counters_may_not_fall_for_one_attestation_key(case: Case) -> None:
    later = _clock(case, lambda clock: replace(clock, reset_count=clock.reset_count + 1))
    (found,) = finish_findings(case.asked, case.answer, later)
    assert (found.check, found.problem.reason) == (Check.COUNTERS, Reason.COUNTER_ROLLBACK)
    # A TPM that was cleared counts from zero, and its old key is gone.
    assert finish_findings(case.asked, case.answer, replace(later, ak_name=b"another")) == ()
    same = _clock(case, lambda clock: clock)
    assert finish_findings(case.asked, case.answer, same) == ()


@given(
    st.sampled_from(
        ["secret", "quote", "quote_signature", "event_log", "key_public", "certify", "certify_signature"]
    ),
    st.integers(min_value=0),
    st.integers(1, 255),
)
def test_no_changed_byte_of_an_answer_goes_unnoticed(case: Case, name: str, place: int, change: int) -> None:
    data = bytearray(getattr(case.answer, name))
    data[place % len(data)] ^= change
    lie = {name: bytes(data)}
    answer = msgspec.structs.replace(case.answer, **lie)
    if not finish_findings(case.asked, answer, None):
        # What is not measured by any digest says nothing: the text of an event.
        assert name == "event_log"


def test_a_finding_is_written_without_what_was_sent(case: Case) -> None:
    answer = msgspec.structs.replace(case.answer, secret=b"very secret")
    (found,) = finish_findings(case.asked, answer, None)
    assert found.to_json() == {
        "check": "challenge",
        "step": 1,
        "name": "secret",
        "reason": "activation_failed",
        "message": "The credential was not opened: the AK does not live beside the endorsement key",
    }


# --- classes ------------------------------------------------------------------------------------------------


class _OfAnotherMaker:
    """What `proof_of` looks at in the hash of a real machine."""

    def __init__(self, tpm_version: str, manufacturer: str = "Contoso") -> None:
        self.manufacturer = manufacturer
        self.tpm_version = tpm_version


@pytest.mark.parametrize(
    "tpm_version, manufacturer, expected",
    [
        (
            "TPM-Version:2.0 -Level:0-Revision:1.59-VendorID:'INTC'-Firmware:1.1",
            "Contoso",
            Proof.UNKNOWN_VENDOR,
        ),
        ("TPM-Version:2.0 -Level:0-Revision:1.59-VendorID:'RSL '-Firmware:1.1", "Contoso", Proof.VIRTUAL),
        ("TPM-Version:2.0 -Level:0-Revision:1.59-VendorID:'RSEL'-Firmware:1.1", "Contoso", Proof.VIRTUAL),
        ("", "Reseal", Proof.VIRTUAL),
        ("", "RESEAL", Proof.VIRTUAL),
        ("", "Contoso", Proof.UNKNOWN_VENDOR),
    ],
)
def test_a_virtual_tpm_says_so(
    case: Case, monkeypatch, tpm_version: str, manufacturer: str, expected: Proof
) -> None:
    monkeypatch.setattr("reseal.trust.model.is_rehearsal_key", lambda _key: False)
    shown = _OfAnotherMaker(tpm_version, manufacturer)
    plain = _OfAnotherMaker("TPM-Version:2.0-VendorID:'INTC'")
    ek = case.tpm.ek_public
    assert proof_of(shown, shown, ek) is expected  # type: ignore[arg-type]
    # Neither hash can take back what the other says.
    assert proof_of(shown, plain, ek) is proof_of(plain, shown, ek) is expected  # type: ignore[arg-type]


def test_a_key_from_a_rehearsal_is_virtual_whatever_the_hash_says(case: Case) -> None:
    shown = _OfAnotherMaker("TPM-Version:2.0-VendorID:'INTC'")
    assert proof_of(shown, shown, case.tpm.ek_public) is Proof.VIRTUAL  # type: ignore[arg-type]
