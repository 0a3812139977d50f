"""The certificate policy (MS-XCEP): which key a device makes (spec/mdm-wire.md 2.1, 2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from reseal.wire.enrolment.elements import child, children, number, required, text_in
from reseal.wire.enrolment.errors import wrong
from reseal.wire.enrolment.faults import expect
from reseal.wire.enrolment.names import POLICY, SCHEMA_INSTANCE
from reseal.wire.enrolment.security import Security, write_security
from reseal.wire.enrolment.soap import PLAIN, REQUEST, Envelope, Header, write_envelope
from reseal.wire.xml import Element, Markup, element, escape, text_of

LEAST_KEY_BITS: Final = 2048
SHA256: Final = "2.16.840.1.101.3.4.2.1"
SHA1: Final = "1.3.14.3.2.26"
TPM_PROVIDER: Final = "Microsoft Platform Crypto Provider"
SOFTWARE_PROVIDER: Final = "Microsoft Software Key Storage Provider"

_SCHEMA: Final = 3
"""The first that lets a policy choose the hash."""
_HASH_GROUP: Final = 1
"""CryptoAPI's group of hash algorithms (open point O-4)."""
_NAMES: Final[Mapping[str, str]] = {SHA256: "szOID_NIST_sha256"}
_BODY_PREFIXES: Final = {"xmlns:xsi": SCHEMA_INSTANCE}


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPolicies:
    """The question. Newer devices name their TPM; empty: not said."""

    tpm_manufacturer: str = ""
    tpm_firmware_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatePolicy:
    """What a device must keep to in its certificate request; the defaults are what we ask for."""

    name: str = "MDM device"
    key_bits: int = LEAST_KEY_BITS
    """The least length of an RSA key."""
    hash_algorithm: str = SHA256
    """An object identifier."""
    crypto_providers: tuple[str, ...] = (TPM_PROVIDER, SOFTWARE_PROVIDER)
    """Where the key is made, first choice first."""
    validity: timedelta = timedelta(days=365)
    """How long the certificate will be valid; whole seconds."""
    renewal: timedelta = timedelta(days=60)
    """How long before its end it may be renewed; whole seconds."""


NO_POLICY: Final = CertificatePolicy(name="", hash_algorithm=SHA1, crypto_providers=())
"""What Windows keeps to when a server states no policy."""


# --- the request


def read_get_policies(envelope: Envelope) -> GetPolicies:
    """The content of a GetPolicies; what stands beside it is left out. Raises EnrolmentError."""
    client = child(expect(envelope, "GetPolicies"), "client")
    if client is None:
        return GetPolicies()
    return GetPolicies(
        tpm_manufacturer=text_in(client, "TPMManufacturer"),
        tpm_firmware_version=text_in(client, "TPMFirmwareVersion"),
    )


def write_get_policies(request: GetPolicies, header: Header, security: Security) -> bytes:
    """The request of a device. Raises XmlError."""
    parts = [_nil("lastUpdate"), _nil("preferredLanguage")]
    tpm = {
        "TPMManufacturer": request.tpm_manufacturer,
        "TPMFirmwareVersion": request.tpm_firmware_version,
    }
    parts += [element(name, escape(value)) for name, value in tpm.items() if value]
    content = element("GetPolicies", element("client", *parts), _nil("requestFilter"), xmlns=POLICY)
    return write_envelope(
        header,
        content,
        prefixes=REQUEST,
        body_prefixes=_BODY_PREFIXES,
        security=write_security(security),
    )


# --- the response


def write_get_policies_response(policy: CertificatePolicy, header: Header) -> bytes:
    """The answer to a device. Raises EnrolmentError for a policy with short keys."""
    if policy.key_bits < LEAST_KEY_BITS:
        raise wrong("key length", policy.key_bits, f"is below {LEAST_KEY_BITS} bits")
    response = element(
        "response",
        element("policyID"),
        *map(_nil, ("policyFriendlyName", "nextUpdateHours", "policiesNotChanged")),
        element(
            "policies", element("policy", _text("policyOIDReference", 0), _nil("cAs"), _attributes(policy))
        ),
    )
    algorithm = element(
        "oID",
        _text("value", policy.hash_algorithm),
        _text("group", _HASH_GROUP),
        _text("oIDReferenceID", 0),
        _text("defaultName", _NAMES.get(policy.hash_algorithm, policy.hash_algorithm)),
    )
    content = element("GetPoliciesResponse", response, _nil("cAs"), element("oIDs", algorithm), xmlns=POLICY)
    return write_envelope(header, content, prefixes=PLAIN, body_prefixes=_BODY_PREFIXES)


def _attributes(policy: CertificatePolicy) -> Markup:
    """The attributes in the order of MS-XCEP; Windows reads only some of them."""
    providers = [_text("provider", provider) for provider in policy.crypto_providers]
    return element(
        "attributes",
        _text("commonName", policy.name),
        _text("policySchema", _SCHEMA),
        element(
            "certificateValidity",
            _text("validityPeriodSeconds", policy.validity // timedelta(seconds=1)),
            _text("renewalPeriodSeconds", policy.renewal // timedelta(seconds=1)),
        ),
        element("permission", _text("enroll", "true"), _text("autoEnroll", "false")),
        element(
            "privateKeyAttributes",
            _text("minimalKeyLength", policy.key_bits),
            *map(_nil, ("keySpec", "keyUsageProperty", "permissions", "algorithmOIDReference")),
            element("cryptoProviders", *providers) if providers else _nil("cryptoProviders"),
        ),
        element("revision", _text("majorRevision", 101), _text("minorRevision", 0)),
        *map(_nil, ("supersededPolicies", "privateKeyFlags", "subjectNameFlags")),
        *map(_nil, ("enrollmentFlags", "generalFlags")),
        _text("hashAlgorithmOIDReference", 0),
        *map(_nil, ("rARequirements", "keyArchivalAttributes", "extensions")),
    )


def _nil(name: str) -> Markup:
    return element(name, **{"xsi:nil": "true"})


def _text(name: str, value: str | int) -> Markup:
    return element(name, escape(str(value)))


def read_get_policies_response(envelope: Envelope) -> CertificatePolicy:
    """The first policy of a server, or `NO_POLICY`. Raises FaultReceived, or EnrolmentError."""
    content = expect(envelope, "GetPoliciesResponse")
    policy = _inside(required(content, "response"), "policies", "policy", "attributes")
    if policy is None:
        return NO_POLICY
    private_key = _inside(policy, "privateKeyAttributes")
    providers = None if private_key is None else child(private_key, "cryptoProviders")
    validity = _inside(policy, "certificateValidity")
    return CertificatePolicy(
        name=text_in(policy, "commonName"),
        key_bits=_number(private_key, "minimalKeyLength", LEAST_KEY_BITS),
        hash_algorithm=_hash_algorithm(content, text_in(policy, "hashAlgorithmOIDReference")),
        crypto_providers=() if providers is None else tuple(map(text_of, children(providers, "provider"))),
        validity=timedelta(seconds=_number(validity, "validityPeriodSeconds", 0)),
        renewal=timedelta(seconds=_number(validity, "renewalPeriodSeconds", 0)),
    )


def _inside(found: Element | None, *names: str) -> Element | None:
    for name in names:
        found = None if found is None else child(found, name)
    return found


def _number(found: Element | None, name: str, default: int) -> int:
    text = "" if found is None else text_in(found, name)
    return number(name, text) if text else default


def _hash_algorithm(content: Element, reference: str) -> str:
    known = child(content, "oIDs")
    for algorithm in () if known is None or not reference else children(known, "oID"):
        if text_in(algorithm, "oIDReferenceID") == reference:
            return text_in(algorithm, "value")
    return SHA1
