"""Renewal: a new certificate for the same enrolment, asked for with the old one (spec/mdm-wire.md 2.7).

The connection shows the certificate in use, the request is signed by its key, and it is near its end. What
was given counts beside the old certificate until it is used: the device may lose the answer.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from reseal.kernel import events
from reseal.kernel.clock import Clock
from reseal.kernel.db import Tx
from reseal.kernel.events import Subject
from reseal.managed import certificates
from reseal.managed.enrolments import enrolment_of_certificate, hold_enrolment
from reseal.mdm.enrolment.issuing import POLICY, Issuing
from reseal.mdm.enrolment.refusals import not_renewable
from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.enrolment.names import ValueType
from reseal.wire.enrolment.pkcs7 import read_signed_request, require_signed_by
from reseal.wire.enrolment.pkcs10 import proven_key
from reseal.wire.enrolment.provisioning import StoreScope
from reseal.wire.enrolment.request import RequestSecurityToken

WINDOW: Final = POLICY.renewal
"""How long before its end a certificate may be renewed: what the provisioning document told the device."""


def renewal_key(request: RequestSecurityToken, shown: x509.Certificate | None, clock: Clock) -> RSAPublicKey:
    """The new key of a renewal that is in order, as far as that can be seen without the database.

    Raises `EnrolmentRefused` (NotEligibleToRenew), and `EnrolmentError` for a bad request inside.
    """
    if shown is None:
        raise not_renewable(
            "The connection shows no client certificate.", "Renew with the certificate in use."
        )
    if request.value_type is not ValueType.PKCS7:
        raise not_renewable("A renewal is a request signed by the certificate in use.")
    if shown.not_valid_after_utc - clock.now() > WINDOW:
        raise not_renewable(
            f"The certificate is valid until {shown.not_valid_after_utc:%Y-%m-%d}.",
            f"Renew it in the last {WINDOW.days} days.",
        )
    signed = read_signed_request(request.content)
    used = shown.public_key()
    try:
        if not isinstance(used, RSAPublicKey):
            raise not_renewable("The certificate in use is not of ours.")
        require_signed_by(signed, used)
    except EnrolmentError as error:
        raise not_renewable(f"{error.message}.") from error
    return proven_key(signed.request, least_bits=POLICY.key_bits)


def renew(tx: Tx, shown: x509.Certificate, key: RSAPublicKey, issuing: Issuing) -> bytes:
    """The provisioning document with a new certificate. Raises `EnrolmentRefused` (NotEligibleToRenew) if the
    certificate proves no active enrolment.
    """
    thumbprint = hashlib.sha256(shown.public_bytes(Encoding.DER)).digest()
    found = enrolment_of_certificate(tx, thumbprint)
    if found is None:
        raise not_renewable("The certificate is unknown here, was revoked, or has expired.")
    tenant, enrolment = found
    hold_enrolment(tx, tenant, enrolment.id)
    known = certificates.certificates_of(tx, tenant, enrolment.id)
    used = next((one for one in known if one.thumbprint == thumbprint), None)
    if used is None:  # a session with a newer one retired it in the meantime
        raise not_renewable("The certificate was replaced by a newer one that is in use.")
    certificates.revoke_unused(tx, tenant, enrolment.id, thumbprint)
    issued = issuing.certificate(enrolment.uuid, key, tx.entropy)
    certificates.keep_certificate(tx, tenant, enrolment.id, issued, used.store)
    told = {"thumbprint": hashlib.sha256(issued).hexdigest()}
    events.record(tx, tenant, "enrolment.renewed", Subject("enrolment", enrolment.uuid), told)
    return issuing.renewed(issued, StoreScope(used.store))
