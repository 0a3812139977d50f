"""The attestation checks of the server, as numbered steps that name their reason.

spec/device-artifacts.md 2.4 (AK), 2.5 (quote, certify, counters) and 2.6 (reasons).

Each function returns the problems it found, in the order of its steps; nothing means that all hold. Bytes
that cannot be read are a problem too, so whatever a device sends is answered with reasons. Tell an
unauthenticated caller only that it failed: the reasons are for the audit log and the red page.
"""

import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reseal.wire.tpm.algorithms import STRONG_HASHES, Algorithm, has_digest
from reseal.wire.tpm.attest import Attest, Certify, Clock, PcrValues, Quote, decode_attest, pcr_digest
from reseal.wire.tpm.errors import TpmError
from reseal.wire.tpm.public import Attributes, Public, RsaArea
from reseal.wire.tpm.signature import RSA_SCHEMES, decode_signature, verify


class Reason(StrEnum):
    """Why an attestation does not hold (spec/device-artifacts.md 2.6; the last one is ours)."""

    EK_CERT_MISSING = "ek_cert_missing"
    EK_CHAIN_UNTRUSTED = "ek_chain_untrusted"
    EK_KEY_MISMATCH = "ek_key_mismatch"
    EK_NOT_REGISTERED = "ek_not_registered"
    AK_ATTRIBUTES = "ak_attributes"
    ACTIVATION_FAILED = "activation_failed"
    QUOTE_SIGNATURE = "quote_signature"
    QUOTE_NONCE = "quote_nonce"
    PCR_DIGEST = "pcr_digest"
    LOG_MISMATCH = "log_mismatch"
    COUNTER_ROLLBACK = "counter_rollback"
    CERT_EXPIRED = "cert_expired"
    VENDOR_VULNERABLE = "vendor_vulnerable"
    TIMEOUT = "timeout"
    KEY_NOT_CERTIFIED = "key_not_certified"
    """TPM2_Certify does not vouch for the key that asks for a certificate."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One step that failed. `step` is its number within its check, `name` what it looks at."""

    reason: Reason
    step: int
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class AkRule:
    """One demand on an AK."""

    number: int
    name: str
    message: str
    """What is wrong with a key that does not meet it."""
    holds: Callable[[Public], bool]


_BOUND: Final = Attributes.FIXED_TPM | Attributes.FIXED_PARENT | Attributes.SENSITIVE_DATA_ORIGIN
"""Of a key that its TPM made and keeps."""


def _has(attribute: Attributes) -> Callable[[Public], bool]:
    return lambda ak: attribute in ak.attributes


def _lacks(attribute: Attributes) -> Callable[[Public], bool]:
    return lambda ak: attribute not in ak.attributes


def _signs(ak: Public) -> bool:
    schemes = RSA_SCHEMES if isinstance(ak.area, RsaArea) else (Algorithm.ECDSA,)
    return ak.area.scheme is not None and ak.area.scheme.algorithm in schemes


def _hashes_strongly(ak: Public) -> bool:
    return ak.area.scheme is not None and ak.area.scheme.hash in STRONG_HASHES


def _is_key(ak: Public) -> bool:
    try:
        ak.key()
    except TpmError:
        return False
    return True


AK_RULES: Final = (
    AkRule(1, "fixedTPM", "The AK may leave its TPM", _has(Attributes.FIXED_TPM)),
    AkRule(2, "fixedParent", "The AK may move to another parent", _has(Attributes.FIXED_PARENT)),
    AkRule(
        3,
        "sensitiveDataOrigin",
        "The AK was made outside of the TPM",
        _has(Attributes.SENSITIVE_DATA_ORIGIN),
    ),
    AkRule(4, "restricted", "The AK signs data from outside of the TPM", _has(Attributes.RESTRICTED)),
    AkRule(5, "sign", "The AK does not sign", _has(Attributes.SIGN)),
    AkRule(6, "decrypt", "The AK also decrypts", _lacks(Attributes.DECRYPT)),
    AkRule(
        7,
        "encryptedDuplication",
        "The AK may be duplicated",
        _lacks(Attributes.ENCRYPTED_DUPLICATION),
    ),
    AkRule(8, "scheme", "The AK signs neither with RSASSA or RSAPSS nor with ECDSA", _signs),
    AkRule(9, "hash", "The AK signs with a hash weaker than SHA-256", _hashes_strongly),
    AkRule(
        10,
        "nameAlg",
        "The name of the AK rests on a hash weaker than SHA-256",
        lambda ak: ak.name_algorithm in STRONG_HASHES,
    ),
    AkRule(11, "key", "The AK is neither RSA 2048 to 4096 nor NIST P-256, P-384 or P-521", _is_key),
)
"""What an AK must be, in the order of spec/device-artifacts.md 2.4; rules 10 and 11 keep weak keys out."""


def ak_problems(ak: Public) -> tuple[Problem, ...]:
    """The rules of `AK_RULES` that `ak` breaks."""
    return tuple(
        Problem(Reason.AK_ATTRIBUTES, rule.number, rule.name, rule.message)
        for rule in AK_RULES
        if not rule.holds(ak)
    )


def quote_problems(
    attest: bytes,
    signature: bytes,
    *,
    ak: Public,
    nonce: bytes,
    values: PcrValues,
    qualified_signer: bytes | None = None,
) -> tuple[Problem, ...]:
    """What is wrong with a quote (TPMS_ATTEST, TPMT_SIGNATURE) by an `ak` that meets `AK_RULES`.

    1 signature, 2 kind, 3 nonce, 4 qualified signer (None: not asked, where the EK is not the AK's parent),
    5 digest of the PCR `values`, all of them quoted. Without a valid signature nothing else is asked.
    """
    return tuple(_quote(attest, signature, ak, nonce, values, qualified_signer))


def _quote(
    data: bytes, signature: bytes, ak: Public, nonce: bytes, values: PcrValues, signer: bytes | None
) -> Iterator[Problem]:
    attest = _signed(data, signature, ak, Reason.QUOTE_SIGNATURE)
    if isinstance(attest, Problem):
        yield attest
        return
    quote = attest.attested
    if not isinstance(quote, Quote):
        yield Problem(Reason.QUOTE_SIGNATURE, 2, "kind", "The attestation is not a quote")
        return
    yield from _nonce(attest, nonce)
    yield from _signer(attest, signer)
    yield from _pcrs(quote, ak, values)


def certify_problems(
    attest: bytes,
    signature: bytes,
    *,
    ak: Public,
    certified: Public,
    nonce: bytes,
    qualified_signer: bytes | None = None,
) -> tuple[Problem, ...]:
    """What is wrong with a TPM2_Certify of the key `certified` by an `ak` that meets `AK_RULES`.

    1 signature, 2 kind, 3 nonce, 4 qualified signer (None: not asked), 5 name of the key,
    6 that the key was made in the TPM and stays there.
    """
    return tuple(_certify(attest, signature, ak, certified, nonce, qualified_signer))


def _certify(
    data: bytes, signature: bytes, ak: Public, certified: Public, nonce: bytes, signer: bytes | None
) -> Iterator[Problem]:
    attest = _signed(data, signature, ak, Reason.KEY_NOT_CERTIFIED)
    if isinstance(attest, Problem):
        yield attest
        return
    statement = attest.attested
    if not isinstance(statement, Certify):
        yield Problem(Reason.KEY_NOT_CERTIFIED, 2, "kind", "The attestation does not certify a key")
        return
    yield from _nonce(attest, nonce)
    yield from _signer(attest, signer)
    if not _is_name_of(statement.name, certified):
        yield Problem(Reason.KEY_NOT_CERTIFIED, 5, "name", "The TPM certified another key")
    if _BOUND not in certified.attributes:
        message = "The certified key was not made in the TPM, or may leave it"
        yield Problem(Reason.KEY_NOT_CERTIFIED, 6, "attributes", message)


def clock_problems(before: Clock, after: Clock) -> tuple[Problem, ...]:
    """Whether a later statement of one TPM counts backwards: 1 resets, 2 restarts, 3 time within one reset.

    `safe` is not judged: a power cut clears it (spec/device-artifacts.md 2.5).
    """
    same_reset = after.reset_count == before.reset_count
    steps = (
        (1, "resetCount", after.reset_count < before.reset_count),
        (2, "restartCount", same_reset and after.restart_count < before.restart_count),
        (3, "clock", same_reset and after.clock < before.clock),
    )
    return tuple(
        Problem(Reason.COUNTER_ROLLBACK, number, name, f"The {name} of the TPM went backwards")
        for number, name, failed in steps
        if failed
    )


def log_problems(
    replayed: Mapping[int, bytes], values: Mapping[int, bytes], pcrs: tuple[int, ...]
) -> tuple[Problem, ...]:
    """The `pcrs` of one bank whose quoted value is not what replaying the event log gives.

    A PCR that the log never extends must still be all zero.
    """
    return tuple(
        Problem(
            Reason.LOG_MISMATCH, pcr, f"PCR {pcr}", f"The event log does not lead to the value of PCR {pcr}"
        )
        for pcr in pcrs
        if not _leads_to(replayed.get(pcr), values.get(pcr))
    )


def _leads_to(replayed: bytes | None, value: bytes | None) -> bool:
    if value is None:
        return False
    return value == (bytes(len(value)) if replayed is None else replayed)


def _signed(data: bytes, signature: bytes, ak: Public, reason: Reason) -> Attest | Problem:
    """The attestation, once its signature holds."""
    try:
        verify(ak.key(), decode_signature(signature), data)
        return decode_attest(data)
    except TpmError as error:
        return Problem(reason, 1, "signature", str(error))


def _nonce(attest: Attest, nonce: bytes) -> Iterator[Problem]:
    if not _same(attest.extra_data, nonce):
        message = "The attestation answers another question: its nonce is not the one that was sent"
        yield Problem(Reason.QUOTE_NONCE, 3, "nonce", message)


def _signer(attest: Attest, signer: bytes | None) -> Iterator[Problem]:
    if signer is not None and not _same(attest.qualified_signer, signer):
        message = "The AK does not live under the endorsement key that was activated"
        yield Problem(Reason.EK_KEY_MISMATCH, 4, "qualifiedSigner", message)


def _pcrs(quote: Quote, ak: Public, values: PcrValues) -> Iterator[Problem]:
    """TPMs hash the values with the hash of the AK's scheme. What is not quoted, the device made up."""
    quoted = {(chosen.bank, pcr) for chosen in quote.selections for pcr in chosen.pcrs}
    if any((bank, pcr) not in quoted for bank, bank_values in values.items() for pcr in bank_values):
        yield Problem(Reason.PCR_DIGEST, 5, "pcrDigest", "Not all PCR values that were sent are quoted")
    scheme = ak.area.scheme
    hash_algorithm = Algorithm.SHA256 if scheme is None or scheme.hash is None else scheme.hash
    try:
        expected = pcr_digest(quote.selections, values, hash_algorithm)
    except TpmError as error:
        yield Problem(Reason.PCR_DIGEST, 5, "pcrDigest", str(error))
        return
    if not _same(quote.pcr_digest, expected):
        yield Problem(Reason.PCR_DIGEST, 5, "pcrDigest", "The PCR values are not those that the TPM quoted")


def _is_name_of(name: bytes, public: Public) -> bool:
    return has_digest(public.name_algorithm) and _same(name, public.name)


def _same(left: bytes, right: bytes) -> bool:
    return hmac.compare_digest(left, right)
