"""Renewal over HTTP (spec/mdm-wire.md 2.7, 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from reseal.kernel.db import Tx
from reseal.managed.certificates import note_certificate
from reseal.managed.enrolments import end_enrolment, enrolment_of_certificate
from reseal.wire.enrolment.faults import ErrorType, Hresult
from reseal.wire.enrolment.names import ValueType
from reseal.wire.enrolment.provisioning import ProvisioningDocument, StoreScope
from reseal.wire.enrolment.request import RequestSecurityToken
from reseal.wire.enrolment.security import Security
from tests.conformance.enrolling import office, reactors
from tests.support.enrolling import (
    Laptop,
    Office,
    certificate_request,
    client_certificate,
    password,
    rsa_key,
    signed_renewal,
)

__all__ = ["office", "reactors"]

NEW = rsa_key("renewed")
NOBODY = password("adele@contoso.test", "")


async def enrolled(
    office: Office, *, left: timedelta = timedelta(days=30)
) -> tuple[Laptop, ProvisioningDocument]:
    """A laptop that enrolled so long ago that its certificate has that much time left; it shows it."""
    laptop = await office.laptop()
    document = await laptop.enrol()
    certificate = office.certificate = client_certificate(document)
    office.clock.pass_silently(certificate.not_valid_after_utc - left - office.clock.now())
    return laptop, document


async def counts(office: Office, certificate: x509.Certificate) -> bool:
    """Whether a certificate proves an enrolment."""
    thumbprint = certificate.fingerprint(hashes.SHA256())
    return await office.do(lambda tx: enrolment_of_certificate(tx, thumbprint)) is not None


async def seen(office: Office, certificate: x509.Certificate) -> None:
    """A session with that certificate."""
    thumbprint = certificate.fingerprint(hashes.SHA256())

    def unit(tx: Tx) -> None:
        found = enrolment_of_certificate(tx, thumbprint)
        assert found is not None
        note_certificate(tx, found[0], found[1].id, thumbprint)

    await office.do(unit)


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("security", [Security(), NOBODY], ids=["no name", "empty password"])
async def test_mdm_wire_044_a_certificate_near_its_end_is_renewed_in_either_encoding(
    office: Office, security: Security, twice: bool
) -> None:
    laptop, document = await enrolled(office)
    assert (await office.policies(security)).key_bits == 2048
    renewed = await office.request_token(laptop.renewal(document, NEW, twice_encoded=twice), security)
    issued = client_certificate(renewed)
    assert issued.public_key() == NEW.public_key()
    assert issued.subject == client_certificate(document).subject
    assert issued.not_valid_after_utc >= office.clock.now() + timedelta(days=365)
    assert renewed.certificates.scope is StoreScope.SYSTEM
    assert (renewed.certificates.root, renewed.application, renewed.provider) == (None, None, None)


async def test_mdm_wire_045_both_certificates_count_until_the_new_one_was_used(office: Office) -> None:
    laptop, document = await enrolled(office)
    old = client_certificate(document)
    lost = client_certificate(await office.request_token(laptop.renewal(document, NEW), NOBODY))
    assert await counts(office, old)
    assert await counts(office, lost)
    await seen(office, old)
    assert await counts(office, lost), "the answer may still be under way"
    new = client_certificate(await office.request_token(laptop.renewal(document, NEW), NOBODY))
    assert not await counts(office, lost), "the device asked again with the old one: it never got it"
    await seen(office, new)
    assert await counts(office, new)
    assert not await counts(office, old)
    assert (await office.fault(laptop.renewal(document, NEW), NOBODY)).error_type is (
        ErrorType.NOT_ELIGIBLE_TO_RENEW
    )


Bad = Callable[[Office, Laptop, ProvisioningDocument], RequestSecurityToken]


def _without_certificate(
    office: Office, laptop: Laptop, document: ProvisioningDocument
) -> RequestSecurityToken:
    office.certificate = None
    return laptop.renewal(document, NEW)


def _foreign(office: Office, laptop: Laptop, document: ProvisioningDocument) -> RequestSecurityToken:
    certificate = client_certificate(document)
    stranger = rsa_key("stranger")
    builder = x509.CertificateBuilder().subject_name(certificate.subject).issuer_name(certificate.issuer)
    builder = builder.public_key(stranger.public_key()).serial_number(certificate.serial_number)
    builder = builder.not_valid_before(certificate.not_valid_before_utc)
    office.certificate = builder.not_valid_after(certificate.not_valid_after_utc).sign(
        stranger, hashes.SHA256()
    )
    return signed_renewal(certificate_request(NEW), office.certificate, stranger)


def _signed_by_another(
    office: Office, laptop: Laptop, document: ProvisioningDocument
) -> RequestSecurityToken:
    stranger = rsa_key("stranger")
    certificate = client_certificate(document)
    builder = x509.CertificateBuilder().subject_name(certificate.subject).issuer_name(certificate.subject)
    builder = builder.public_key(stranger.public_key()).serial_number(1)
    builder = builder.not_valid_before(certificate.not_valid_before_utc)
    self_made = builder.not_valid_after(certificate.not_valid_after_utc).sign(stranger, hashes.SHA256())
    return signed_renewal(certificate_request(NEW), self_made, stranger)


def _unsigned(office: Office, laptop: Laptop, document: ProvisioningDocument) -> RequestSecurityToken:
    return replace(
        laptop.renewal(document, NEW), value_type=ValueType.PKCS10, content=certificate_request(NEW)
    )


def _expired(office: Office, laptop: Laptop, document: ProvisioningDocument) -> RequestSecurityToken:
    office.clock.pass_silently(timedelta(days=31))
    return laptop.renewal(document, NEW)


BAD: dict[str, Bad] = {
    "no certificate on the connection": _without_certificate,
    "a certificate that is not ours": _foreign,
    "signed by another key": _signed_by_another,
    "not signed at all": _unsigned,
    "expired": _expired,
}


@pytest.mark.parametrize("bad", sorted(BAD))
async def test_mdm_wire_043_a_renewal_with_anything_missing_is_refused(office: Office, bad: str) -> None:
    laptop, document = await enrolled(office)
    fault = await office.fault(BAD[bad](office, laptop, document), NOBODY)
    assert (fault.error_type, fault.hresult.hex) == (ErrorType.NOT_ELIGIBLE_TO_RENEW, "0x80180016")


async def test_mdm_wire_043_a_renewal_outside_its_time_or_of_an_ended_enrolment_is_refused(
    office: Office,
) -> None:
    laptop, document = await enrolled(office, left=timedelta(days=61))
    early = await office.fault(laptop.renewal(document, NEW), NOBODY)
    assert early.error_type is ErrorType.NOT_ELIGIBLE_TO_RENEW
    office.clock.pass_silently(timedelta(days=2))
    await office.request_token(laptop.renewal(document, NEW), NOBODY)
    thumbprint = client_certificate(document).fingerprint(hashes.SHA256())

    def end(tx: Tx) -> None:
        found = enrolment_of_certificate(tx, thumbprint)
        assert found is not None
        end_enrolment(tx, found[0], found[1].id, "deleted")

    await office.do(end)
    ended = await office.fault(laptop.renewal(document, NEW), NOBODY)
    assert ended.error_type is ErrorType.NOT_ELIGIBLE_TO_RENEW


async def test_a_renewal_for_a_short_key_is_refused_as_a_bad_request(office: Office) -> None:
    laptop, document = await enrolled(office)
    fault = await office.fault(laptop.renewal(document, rsa_key("short", 1024)), NOBODY)
    assert fault.hresult is Hresult.MENROLL_E_DEVICE_CERTIFICATEREQUEST_ERROR
