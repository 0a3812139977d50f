"""TPM 2.0 structures and the arithmetic of attestation, without a TPM and without I/O.

`Public` is the public area of a key: `decode_public`, its `name`, `key()` for `cryptography`, `ek_template`.
`make_credential` challenges a TPM to prove that an AK lives beside its EK; `activate_credential` is the
answer of a software EK. `Attest` is what a TPM states (a quote, a certified key, a creation), `Signature`
that it stated it. `ak_problems`, `quote_problems`, `certify_problems`, `clock_problems` and `log_problems`
are the server's checks: numbered steps whose failures name a `Reason`. `EventLog` is what the firmware
measured, with the PCRs it leads to; `Claim` what Windows sends at enrolment about its keys.

A codec here never draws a random number (it takes bytes), never keeps a secret, and answers bytes that are
not in their format with a `TpmError`. Certificates of EKs are not read here, and whether a TPM is hardware
is not decided here. Facts: TPM 2.0 Library, Parts 1 and 2; spec/device-artifacts.md 2.
"""

from reseal.wire.tpm.algorithms import Algorithm, AttestType, Curve
from reseal.wire.tpm.attest import (
    Attest,
    Certify,
    Clock,
    Creation,
    PcrSelection,
    PcrValues,
    Quote,
    decode_attest,
    pcr_digest,
    select,
)
from reseal.wire.tpm.checks import (
    AK_RULES,
    AkRule,
    Problem,
    Reason,
    ak_problems,
    certify_problems,
    clock_problems,
    log_problems,
    quote_problems,
)
from reseal.wire.tpm.claims import (
    Claim,
    IdBinding,
    KeyAttestation,
    claim_problems,
    decode_claim,
    decode_rsa_key_blob,
)
from reseal.wire.tpm.credential import (
    Credential,
    activate_credential,
    decode_credential,
    make_credential,
    randomness_needed,
)
from reseal.wire.tpm.errors import TpmError
from reseal.wire.tpm.eventlog import (
    EV_NO_ACTION,
    Event,
    EventLog,
    decode_event_log,
    encode_event_log,
    measure,
)
from reseal.wire.tpm.public import (
    AK_ATTRIBUTES,
    EK_ATTRIBUTES,
    EK_POLICY,
    Attributes,
    EccArea,
    Public,
    RsaArea,
    Scheme,
    Symmetric,
    decode_public,
    decode_sized_public,
    ek_template,
    public_of,
)
from reseal.wire.tpm.signature import (
    EcdsaSignature,
    RsaSignature,
    Signature,
    decode_signature,
    encode_signature,
    sign,
    verify,
)

__all__ = [
    "AK_ATTRIBUTES",
    "AK_RULES",
    "EK_ATTRIBUTES",
    "EK_POLICY",
    "EV_NO_ACTION",
    "AkRule",
    "Algorithm",
    "Attest",
    "AttestType",
    "Attributes",
    "Certify",
    "Claim",
    "Clock",
    "Creation",
    "Credential",
    "Curve",
    "EccArea",
    "EcdsaSignature",
    "Event",
    "EventLog",
    "IdBinding",
    "KeyAttestation",
    "PcrSelection",
    "PcrValues",
    "Problem",
    "Public",
    "Quote",
    "Reason",
    "RsaArea",
    "RsaSignature",
    "Scheme",
    "Signature",
    "Symmetric",
    "TpmError",
    "activate_credential",
    "ak_problems",
    "certify_problems",
    "claim_problems",
    "clock_problems",
    "decode_attest",
    "decode_claim",
    "decode_credential",
    "decode_event_log",
    "decode_public",
    "decode_rsa_key_blob",
    "decode_signature",
    "decode_sized_public",
    "ek_template",
    "encode_event_log",
    "encode_signature",
    "log_problems",
    "make_credential",
    "measure",
    "pcr_digest",
    "public_of",
    "quote_problems",
    "randomness_needed",
    "select",
    "sign",
    "verify",
]
