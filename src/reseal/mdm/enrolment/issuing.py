"""What an admitted device gets: a certificate, and the document that tells it how to call."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from reseal.kernel import ca
from reseal.kernel.clock import Clock
from reseal.kernel.entropy import Entropy
from reseal.kernel.secretbox import SecretBox
from reseal.managed.certificates import Secrets
from reseal.managed.model import PROVIDER_ID
from reseal.wire.enrolment.names import EnrollmentType
from reseal.wire.enrolment.pkcs10 import proven_key, read_certificate_request
from reseal.wire.enrolment.policy import CertificatePolicy
from reseal.wire.enrolment.provisioning import (
    DURING_SET_UP,
    Application,
    Certificates,
    CertificateSearch,
    Credentials,
    ProviderSettings,
    ProvisioningDocument,
    Renewal,
    StoreScope,
)
from reseal.wire.enrolment.provisioning_writing import write_provisioning
from reseal.wire.enrolment.request import AdditionalContext, ContextName

SESSION_PATH: Final = "/ManagementServer/MDM.svc"
"""Where sessions are held."""
POLICY: Final = CertificatePolicy()
"""What a certificate request has to keep to."""
LIFETIME: Final = POLICY.validity
RENEWAL: Final = Renewal(period=POLICY.renewal)
BACKDATED: Final = timedelta(days=182)
"""Half a year: a device whose clock is that far behind still takes its certificate for valid."""

_SECRET_BYTES: Final = 24
_NONCE_BYTES: Final = 16
_ACCOUNT_NAME: Final = "Reseal"


@dataclass(frozen=True, slots=True)
class Asked:
    """A wish for a certificate whose key was proven to be held, and what the device says of itself."""

    key: RSAPublicKey = field(repr=False)
    request: bytes
    """SHA-256 of the certificate request."""
    store: StoreScope
    context: AdditionalContext
    in_oobe: bool

    @property
    def os_version(self) -> str:
        """Of the device's operating system; older clients say it as the version of an application."""
        says = self.context.text
        return says(ContextName.OS_VERSION) or says(ContextName.APPLICATION_VERSION)

    @property
    def name(self) -> str:
        """What the device calls itself."""
        return self.context.text(ContextName.DEVICE_NAME)

    @property
    def ztdid(self) -> UUID | None:
        """The registration that the device believes to have."""
        try:
            return UUID(self.context.text(ContextName.ZERO_TOUCH_PROVISIONING))
        except ValueError:
            return None


def read_asked(request: bytes, context: AdditionalContext) -> Asked:
    """What a PKCS#10 request (DER) and its context ask for. Raises `EnrolmentError`: for a certificate
    request that is not to be followed, and for values that cannot be read.
    """
    return Asked(
        key=proven_key(read_certificate_request(request), least_bits=POLICY.key_bits),
        request=hashlib.sha256(request).digest(),
        store=StoreScope.of(context.enrollment_type or EnrollmentType.FULL),
        context=context,
        in_oobe=context.in_oobe,
    )


@dataclass(frozen=True, slots=True)
class Issuing:
    """What it takes to issue. `device_url` is the device listener's."""

    authority: ca.Authority
    box: SecretBox
    clock: Clock
    device_url: str

    def certificate(self, enrolment: UUID, key: RSAPublicKey, entropy: Entropy) -> bytes:
        """A client certificate (DER) for an enrolment, whose id is its name."""
        profile = ca.client_profile(ca.common_name(str(enrolment)), LIFETIME)
        profile = replace(profile, backdated=BACKDATED)
        issued = ca.issue(self.authority, key, profile, clock=self.clock, entropy=entropy)
        return issued.public_bytes(Encoding.DER)

    def document(
        self, enrolment: UUID, certificate: bytes, secrets: Secrets, store: StoreScope, *, upn: str, name: str
    ) -> bytes:
        """The provisioning document of a new enrolment."""
        search = CertificateSearch(subject=f"CN={enrolment}", scope=store)
        application = Application(
            name=_ACCOUNT_NAME,
            address=self.device_url.rstrip("/") + SESSION_PATH,
            server_credentials=Credentials(secret=secrets.server_secret, nonce=secrets.nonce),
            device_credentials=Credentials(
                secret=secrets.device_secret, name=str(enrolment), nonce=secrets.nonce
            ),
            certificate_search=search,
            retries=6,
            initial_backoff=timedelta(seconds=30),
            max_backoff=timedelta(minutes=2),
            older_protocol=False,
        )
        provider = ProviderSettings(device_id=str(enrolment), upn=upn, device_name=name, poll=DURING_SET_UP)
        certificates = Certificates(
            client=certificate,
            scope=store,
            intermediate=_der(self.authority.certificate),
            root=_der(self.authority.root),
            renewal=RENEWAL,
        )
        return write_provisioning(
            ProvisioningDocument(
                provider_id=PROVIDER_ID,
                certificates=certificates,
                application=application,
                provider=provider,
            )
        )

    def renewed(self, certificate: bytes, store: StoreScope) -> bytes:
        """The provisioning document after a renewal: the new certificate, everything else stays."""
        certificates = Certificates(client=certificate, scope=store)
        return write_provisioning(ProvisioningDocument(provider_id=PROVIDER_ID, certificates=certificates))


def new_secrets(entropy: Entropy) -> Secrets:
    """Secrets for the digest sessions of one enrolment."""
    device, server = (
        base64.urlsafe_b64encode(entropy.bytes(_SECRET_BYTES)).decode() for _ in ("device", "server")
    )
    return Secrets(device_secret=device, server_secret=server, nonce=entropy.bytes(_NONCE_BYTES))


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
