"""The server's checks: what holds, and each step that does not, by its name."""

from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from hypothesis import given, settings
from hypothesis import strategies as st

from reseal.wire.errors import WireError
from reseal.wire.tpm import (
    AK_ATTRIBUTES,
    AK_RULES,
    Algorithm,
    Attest,
    Attributes,
    Certify,
    Creation,
    Curve,
    EcdsaSignature,
    PcrSelection,
    Public,
    Quote,
    Reason,
    RsaSignature,
    Scheme,
    TpmError,
    ak_problems,
    certify_problems,
    clock_problems,
    decode_attest,
    decode_signature,
    encode_signature,
    log_problems,
    public_of,
    quote_problems,
    select,
    sign,
    verify,
)
from tests.unit.wire.tpm.tpm_shapes import (
    AK,
    AK_KEY,
    CLOCK,
    EK,
    ENROLMENT_KEY,
    NONCE,
    PCRS,
    SELECTION,
    SIGNER,
    ecc_key,
    quote,
    rsa_key,
    stated,
)

A = Attributes


def area_with(**changes: object) -> Public:
    return replace(AK, area=replace(AK.area, **changes))


def scheme(algorithm: Algorithm, hash_algorithm: Algorithm = Algorithm.SHA256) -> Public:
    return area_with(scheme=Scheme(algorithm, hash_algorithm))


@pytest.mark.parametrize("attributes", [0x00050072, 0x00050472])
def test_usual_aks_are_accepted(attributes: int) -> None:
    assert ak_problems(replace(AK, attributes=Attributes(attributes))) == ()


@pytest.mark.parametrize("algorithm", [Algorithm.RSASSA, Algorithm.RSAPSS])
def test_rsa_aks_are_accepted(algorithm: Algorithm) -> None:
    key = rsa_key().public_key()
    assert (
        ak_problems(public_of(key, attributes=AK_ATTRIBUTES, scheme=Scheme(algorithm, Algorithm.SHA384)))
        == ()
    )


BREAKING = {
    "fixedTPM": replace(AK, attributes=AK_ATTRIBUTES ^ A.FIXED_TPM),
    "fixedParent": replace(AK, attributes=AK_ATTRIBUTES ^ A.FIXED_PARENT),
    "sensitiveDataOrigin": replace(AK, attributes=AK_ATTRIBUTES ^ A.SENSITIVE_DATA_ORIGIN),
    "restricted": replace(AK, attributes=AK_ATTRIBUTES ^ A.RESTRICTED),
    "sign": replace(AK, attributes=AK_ATTRIBUTES ^ A.SIGN),
    "decrypt": replace(AK, attributes=AK_ATTRIBUTES | A.DECRYPT),
    "encryptedDuplication": replace(AK, attributes=AK_ATTRIBUTES | A.ENCRYPTED_DUPLICATION),
    "scheme": scheme(Algorithm.RSASSA),
    "hash": scheme(Algorithm.ECDSA, Algorithm.SHA1),
    "nameAlg": replace(AK, name_algorithm=Algorithm.SHA1),
    "key": area_with(curve=Curve.NIST_P224),
}


@pytest.mark.parametrize("rule", AK_RULES, ids=lambda rule: f"{rule.number}-{rule.name}")
def test_each_rule_refuses_the_ak_that_breaks_it(rule: object) -> None:
    broken = ak_problems(BREAKING[rule.name])
    assert [(found.reason, found.step, found.name) for found in broken] == [
        (Reason.AK_ATTRIBUTES, rule.number, rule.name)
    ]


def test_an_endorsement_key_is_no_ak() -> None:
    assert [found.name for found in ak_problems(EK)] == ["sign", "decrypt", "scheme", "hash"]


def judged(
    data: bytes, signature: bytes, *, ak: Public = AK, nonce: bytes = NONCE, values: object = PCRS
) -> list[str]:
    found = quote_problems(data, signature, ak=ak, nonce=nonce, values=values, qualified_signer=SIGNER)
    return [problem.reason.value for problem in found]


def test_a_quote_holds() -> None:
    assert judged(*stated(quote())) == []


def test_a_changed_quote_does_not_hold() -> None:
    data, signature = stated(quote())
    assert judged(data[:-1] + bytes([data[-1] ^ 1]), signature) == ["quote_signature"]


def test_a_quote_of_another_ak_does_not_hold() -> None:
    other = public_of(
        ecc_key(ec.SECP256R1(), 12).public_key(), attributes=AK_ATTRIBUTES, scheme=AK.area.scheme
    )
    assert judged(*stated(quote()), ak=other) == ["quote_signature"]


def test_a_signature_that_is_none_is_a_problem_and_no_error() -> None:
    data, _ = stated(quote())
    assert judged(data, b"\x00") == ["quote_signature"]


def test_a_certified_key_is_no_quote() -> None:
    assert judged(*stated(Certify(ENROLMENT_KEY.name, b""))) == ["quote_signature"]


def test_a_quote_for_another_nonce_is_old() -> None:
    assert judged(*stated(quote()), nonce=bytes(32)) == ["quote_nonce"]


def test_an_ak_under_another_ek_is_told() -> None:
    found = quote_problems(
        *stated(quote()), ak=AK, nonce=NONCE, values=PCRS, qualified_signer=AK.qualified_name(bytes(34))
    )
    assert [problem.reason for problem in found] == [Reason.EK_KEY_MISMATCH]


def test_other_pcr_values_than_quoted_are_told() -> None:
    values = {Algorithm.SHA256: {**PCRS[Algorithm.SHA256], 7: bytes(32)}}
    assert judged(*stated(quote()), values=values) == ["pcr_digest"]


def test_a_missing_pcr_value_is_told() -> None:
    values = {Algorithm.SHA256: {0: bytes(32)}}
    assert judged(*stated(quote()), values=values) == ["pcr_digest"]


def test_a_value_that_is_not_quoted_is_told() -> None:
    values = {Algorithm.SHA256: {**PCRS[Algorithm.SHA256], 4: bytes(32)}}
    assert judged(*stated(quote()), values=values) == ["pcr_digest"]


def certified(
    data: bytes, signature: bytes, *, key: Public = ENROLMENT_KEY, nonce: bytes = NONCE
) -> list[tuple[str, str]]:
    found = certify_problems(data, signature, ak=AK, certified=key, nonce=nonce, qualified_signer=SIGNER)
    return [(problem.reason.value, problem.name) for problem in found]


def test_a_certified_key_is_the_one_that_asks() -> None:
    assert certified(*stated(Certify(ENROLMENT_KEY.name, b""))) == []


def test_another_key_than_the_certified_one_is_refused() -> None:
    assert certified(*stated(Certify(AK.name, b""))) == [("key_not_certified", "name")]


def test_a_key_from_outside_of_the_tpm_is_refused() -> None:
    imported = replace(ENROLMENT_KEY, attributes=A.SIGN | A.USER_WITH_AUTH)
    assert certified(*stated(Certify(imported.name, b"")), key=imported) == [
        ("key_not_certified", "attributes")
    ]


def test_a_quote_certifies_no_key() -> None:
    assert certified(*stated(quote())) == [("key_not_certified", "kind")]


def test_a_key_certified_for_another_nonce_is_refused() -> None:
    data = stated(Certify(ENROLMENT_KEY.name, b""))
    assert certified(*data, nonce=b"other") == [("quote_nonce", "nonce")]


def test_counters_that_rise_are_accepted() -> None:
    later = replace(CLOCK, clock=CLOCK.clock + 1, safe=False)
    assert clock_problems(CLOCK, later) == ()
    assert clock_problems(CLOCK, replace(CLOCK, reset_count=8, clock=3)) == ()


@pytest.mark.parametrize(
    "name, changes",
    [("resetCount", {"reset_count": 6}), ("restartCount", {"restart_count": 1}), ("clock", {"clock": 5})],
)
def test_counters_that_fall_are_told(name: str, changes: dict[str, int]) -> None:
    before = replace(CLOCK, restart_count=2)
    assert [found.name for found in clock_problems(before, replace(before, **changes))] == [name]


def test_a_log_must_lead_to_the_quoted_values() -> None:
    values = {0: b"a" * 32, 1: bytes(32), 2: b"c" * 32}
    found = log_problems({0: b"a" * 32, 2: b"b" * 32}, values, (0, 1, 2, 3))
    assert [(problem.reason, problem.step) for problem in found] == [
        (Reason.LOG_MISMATCH, 2),
        (Reason.LOG_MISMATCH, 3),
    ]


def test_selections_are_read_in_ascending_order() -> None:
    assert select(Algorithm.SHA256, (14, 0, 7)) == PcrSelection(Algorithm.SHA256, bytes([0x81, 0x40, 0]))
    assert SELECTION[0].pcrs == (0, 7, 14)


def test_a_pcr_beyond_the_selection_is_refused() -> None:
    with pytest.raises(TpmError, match="PCR 24"):
        select(Algorithm.SHA256, (24,))


@pytest.mark.parametrize("attested", [quote(), Certify(b"n", b"q"), Creation(b"n", b"h")])
def test_statements_come_back_as_they_were(attested: Quote | Certify | Creation) -> None:
    statement = Attest(SIGNER, NONCE, CLOCK, 1, attested)
    assert decode_attest(statement.encode()) == statement


def test_what_no_tpm_made_is_refused() -> None:
    with pytest.raises(TpmError, match="not that of a TPM"):
        decode_attest(b"\0" + stated(quote())[0][1:])


@given(st.binary(max_size=120), st.integers(min_value=0, max_value=100))
@settings(max_examples=100)
def test_any_bytes_are_read_as_a_statement_or_refused(tail: bytes, kept: int) -> None:
    data = stated(Certify(b"n", b"q"))[0][:kept] + tail
    with suppress(WireError):
        assert decode_attest(data).encode() == data


@given(st.binary(max_size=80), st.sampled_from([b"", bytes.fromhex("0018000b"), bytes.fromhex("0014000b")]))
@settings(max_examples=60)
def test_any_bytes_are_read_as_a_signature_or_refused(tail: bytes, head: bytes) -> None:
    with suppress(WireError):
        assert encode_signature(decode_signature(head + tail)) == head + tail


def test_signatures_of_rsa_keys_hold() -> None:
    key = rsa_key()
    plain = sign(key, b"message", Algorithm.SHA256)
    pss = key.sign(b"message", padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    verify(key.public_key(), plain, b"message")
    verify(key.public_key(), RsaSignature(Algorithm.RSAPSS, Algorithm.SHA256, pss), b"message")
    with pytest.raises(TpmError, match="not over these bytes"):
        verify(key.public_key(), plain, b"massage")


def test_a_signature_of_another_kind_of_key_does_not_hold() -> None:
    with pytest.raises(TpmError, match="another kind"):
        verify(AK_KEY.public_key(), sign(rsa_key(), b"m", Algorithm.SHA256), b"m")


def test_sha_1_proves_nothing() -> None:
    with pytest.raises(TpmError) as caught:
        verify(rsa_key().public_key(), sign(rsa_key(), b"m", Algorithm.SHA1), b"m")
    assert caught.value.code == "Unsupported"


@given(
    scheme=st.sampled_from([Algorithm.RSASSA, Algorithm.RSAPSS, Algorithm.ECDSA]),
    values=st.lists(st.binary(max_size=70), min_size=2, max_size=2),
    rsa_signs=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_signature_is_answered_with_a_problem(
    scheme: Algorithm, values: list[bytes], rsa_signs: bool
) -> None:
    ecdsa = scheme is Algorithm.ECDSA
    signature = (
        EcdsaSignature(Algorithm.SHA256, *values)
        if ecdsa
        else RsaSignature(scheme, Algorithm.SHA256, values[0])
    )
    ak = AK
    if rsa_signs:
        ak = public_of(rsa_key().public_key(), attributes=AK_ATTRIBUTES, scheme=AK.area.scheme)
    assert judged(stated(quote())[0], encode_signature(signature), ak=ak) == ["quote_signature"]
