"""A device that belongs to an organisation, as its certificates prove it to a server over TLS.

What a whole run would leave is written into the database before the server starts, so that certificates can
also be such as no run leaves within minutes: expired ones, and those of somebody else.
"""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from reseal.autopilot.model import RegistrationChanges
from reseal.autopilot.registrations import registration_by_uuid, update_registration
from reseal.directory.credentials import store_device_credential
from reseal.directory.tenants import find_tenant
from reseal.kernel import ca
from reseal.kernel.authorities import load_authorities
from reseal.kernel.clock import SystemClock
from reseal.kernel.db import Tx
from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.keys import OpenSslKeys
from reseal.kernel.secretbox import SecretBox
from reseal.kernel.settings import Settings
from reseal.kernel.storage import open_database
from reseal.managed.certificates import Secrets, keep_certificate, keep_secrets
from reseal.managed.enrolments import NewEnrolment, create_enrolment
from reseal.managed.model import EnrolledBy
from reseal.mdm.sessions.door import MEDIA_TYPE, PATH
from reseal.server.datadir import DataDirectory
from reseal.server.wiring import REACTORS
from reseal.wire.syncml import Alert, Message, Status, SyncHdr, numbered, read_message, write_message
from tests.support.client import Answer, Client
from tests.support.hardware import hash_text
from tests.system.organisations import Organisation

CLOCK, KEYS, ENTROPY = SystemClock(), OpenSslKeys(), SystemEntropy()
PROVEN = 200
"""Status of a message whose sender is known by a certificate."""
VALID, EXPIRED = timedelta(days=30), timedelta(days=-1)


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate with its key, in files."""

    certificate: x509.Certificate
    folder: Path

    @property
    def files(self) -> tuple[Path, Path]:
        """Certificate and key."""
        return self.folder / "device.pem", self.folder / "device.key"

    @property
    def header(self) -> str:
        """As a proxy passes it on (RFC 9440)."""
        return f":{base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()}:"

    def context(self, ready: dict[str, Any]) -> ssl.SSLContext:
        """A client's context that shows it."""
        context = ssl.create_default_context(cafile=ready["ca_file"])
        context.load_cert_chain(*self.files)
        return context


@dataclass(frozen=True, slots=True)
class Device:
    """A registered device that has joined and is enrolled."""

    number: int
    managed: Shown
    """What proves its enrolment."""
    joined: Shown
    """What proves its directory device."""
    upn: str
    """Its assigned user."""


async def furnish(
    settings: Settings, of: Organisation, folder: Path, number: int = 0, life: timedelta = VALID
) -> Device:
    """Have the organisation's registered device joined and enrolled, with certificates of that much more
    life.
    """
    box = SecretBox(DataDirectory(settings.data_directory).secret_keys(settings.key_file, ENTROPY), ENTROPY)
    db = open_database(settings.database, clock=CLOCK, entropy=ENTROPY, reactors=REACTORS)

    def unit(tx: Tx) -> Device:
        authorities = load_authorities(tx, box, KEYS, CLOCK)
        managed = issued(authorities.mdm, folder / "managed", life)
        device = Device(number, managed, issued(authorities.join, folder / "joined", life), of.upn)
        tenant = find_tenant(tx, of.upn.rpartition("@")[2])
        assert tenant is not None
        registration = registration_by_uuid(tx, tenant.id, of.registration)
        update_registration(tx, tenant.id, registration.id, RegistrationChanges(assigned_user_upn=of.upn))
        store_device_credential(tx, tenant.id, registration.device_id, _der(device.joined))
        enrolment = create_enrolment(
            tx,
            tenant.id,
            NewEnrolment(
                uuid=tx.new_uuid(),
                device=registration.device_id,
                registration=registration.id,
                enrolled_by=EnrolledBy.DEVICE,
                owner=None,
            ),
        )
        keep_certificate(tx, tenant.id, enrolment.id, _der(device.managed), "System")
        keep_secrets(tx, tenant.id, enrolment.id, Secrets("theirs", "ours", b"nonce of sixteen"), box)
        return device

    made = await db.write(unit)
    await db.close()
    return made


def issued(authority: ca.Authority, folder: Path, life: timedelta = VALID) -> Shown:
    """A client certificate that ends after `life`, which may be over."""
    folder.mkdir(parents=True)
    key = KEYS.rsa()
    profile = replace(ca.client_profile(ca.common_name("device"), life), backdated=timedelta(days=60))
    leaf = ca.issue(authority, key.public_key(), profile, clock=CLOCK, entropy=ENTROPY)
    shown = Shown(leaf, folder)
    certificate_file, key_file = shown.files
    certificate_file.write_bytes(ca.pem_chain([leaf]))
    ca.save_key(key, key_file)
    return shown


def _der(shown: Shown) -> bytes:
    return shown.certificate.public_bytes(Encoding.DER)


async def profile_asked(client: Client, device: Device, **more: Any) -> Any:
    """What a device is told when it asks who it is."""
    answer = await client(
        "POST", "/runtime/v1/profile", json={"hardwareHash": hash_text(device.number)}, **more
    )
    assert answer.status == 200, answer
    return answer.json


async def session_begun(client: Client, **more: Any) -> int:
    """Open a management session; the status that the server gives to who sends it."""
    header = SyncHdr(session_id="1", msg_id=1, target=client.url + PATH, source="device")
    body = write_message(Message(header=header, commands=numbered([Alert(code=1201)]), final=True))
    headers = {"Content-Type": MEDIA_TYPE, **more.pop("headers", {})}
    return status_of(await client("POST", PATH, data=body, headers=headers, **more))


def status_of(answer: Answer) -> int:
    """The status of the message's header in a reply."""
    assert answer.status == 200, answer
    first = read_message(answer.body).commands[0]
    assert isinstance(first, Status)
    assert first.cmd == "SyncHdr"
    return first.code
