"""Policy and enrolment over HTTP: who may, who may not, and what a device gets (spec/mdm-wire.md 2, 6)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import structlog
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import BasicConstraints, Certificate, ExtendedKeyUsage, KeyUsage
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey

from reseal.autopilot.registrations import list_registrations
from reseal.directory.devices import delete_devices, device_by_id, update_device
from reseal.directory.groups import create_group
from reseal.directory.joining import set_mdm_scope
from reseal.directory.members import add_member
from reseal.directory.model import MemberKind
from reseal.directory.model_settings import MdmScope
from reseal.directory.tenants import update_settings
from reseal.directory.users import find_user, update_user
from reseal.esp.flows import Flow
from reseal.esp.phases import begin_phase, released, save_phase
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.managed.certificates import secrets_of
from reseal.managed.enrolments import (
    active_enrolment_of_device,
    end_enrolment,
    enrolment_of_certificate,
    note_contact,
    unblock_enrolment,
)
from reseal.managed.model import PROVIDER_ID, EnrolledBy, Enrolment
from reseal.managed.tables import secret as secret_table
from reseal.signin.tokens import Claims
from reseal.wire.enrolment.faults import ErrorType, Fault, FaultReceived, Hresult, Subcode
from reseal.wire.enrolment.names import ENROLMENT_PATH, EnrollmentType, ValueType
from reseal.wire.enrolment.provisioning import DURING_SET_UP, XML_ENCODING, ProvisioningDocument, StoreScope
from reseal.wire.enrolment.request import AdditionalContext, ContextName, RequestSecurityToken
from reseal.wire.enrolment.security import BinarySecurityToken, Security
from tests.conformance.enrolling import office, reactors
from tests.support.enrolling import (
    PASSWORD,
    URL,
    Laptop,
    Office,
    certificate_request,
    client_certificate,
    jwt,
    password,
    rsa_key,
)
from tests.unit.wire.enrolment.shapes import items, request_message

__all__ = ["office", "reactors"]

FLEET = Path(__file__).parent.parent / "data" / "third_party" / "fleet_windows_csr.b64"


async def refusal(laptop: Laptop, security: Security | None = None, *, technician: bool = True) -> Fault:
    """The fault with which a laptop is refused."""
    with pytest.raises(FaultReceived) as refused:
        await laptop.enrol(security, technician=technician)
    fault = refused.value.fault
    assert fault.trace_id
    assert fault.reason
    return fault


async def enrolment_of(office: Office, laptop: Laptop) -> Enrolment:
    """The active enrolment of a laptop."""
    found = await office.do(lambda tx: active_enrolment_of_device(tx, office.tenant, laptop.device))
    assert found is not None
    return found


async def kinds_of_events(office: Office, *subjects: UUID) -> list[str]:
    def unit(tx: Tx) -> list[str]:
        events.seal(tx)
        log = events.read(tx, office.tenant, 0, 10_000)
        return [event.kind for event in log if event.subject.id in subjects]

    return await office.do(unit)


# --- the policy ---------------------------------------------------------------------------------------------


async def test_mdm_wire_019_the_policy_is_told_to_nobody_who_may_not_enrol_by_it(office: Office) -> None:
    laptop = await office.laptop()
    policy = await office.policies(laptop.device_token())
    assert (policy.key_bits, policy.hash_algorithm) == (2048, "2.16.840.1.101.3.4.2.1")
    assert policy.crypto_providers[0] == "Microsoft Platform Crypto Provider"
    assert await office.policies(await laptop.user_token()) == policy
    assert await office.policies(password("adele@contoso.test", PASSWORD)) == policy
    for nobody, code in (
        (Security(), Hresult.MENROLL_E_DEVICE_INVALIDSECURITY_ERROR),
        (jwt("a.b.c"), Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR),
        (password("adele@contoso.test", "wrong"), Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR),
        (jwt(office.token(device_id=UUID(int=7))), Hresult.MENROLL_E_DEVICE_AUTHORIZATION_ERROR),
    ):
        with pytest.raises(FaultReceived) as refused:
            await office.policies(nobody)
        assert refused.value.fault.hresult is code


# --- certificate requests -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["short key", "tampered", "no request", "signed elsewhere"])
async def test_mdm_wire_021_a_bad_certificate_request_is_refused(office: Office, fault: str) -> None:
    laptop = await office.laptop()
    good = certificate_request(laptop.key)
    other = certificate_request(rsa_key("other"))
    content = {
        "short key": certificate_request(rsa_key("short", 1024)),
        "tampered": good[:-1] + bytes([good[-1] ^ 1]),
        "no request": b"\x30\x03\x02\x01\x00",
        "signed elsewhere": good[:-256] + other[-256:],
    }[fault]
    request = replace(laptop.request(), content=content)
    refused = await office.fault(request, laptop.device_token())
    assert refused.hresult is Hresult.MENROLL_E_DEVICE_CERTIFICATEREQUEST_ERROR
    assert laptop.registration is not None
    assert "enrolment.refused" in await kinds_of_events(office, laptop.registration.uuid)
    assert await office.do(lambda tx: active_enrolment_of_device(tx, office.tenant, laptop.device)) is None


async def test_mdm_wire_022_the_published_request_of_windows_is_followed(office: Office) -> None:
    """With its line breaks and its `CN=<GUID>!<hex>`, in a message laid out as published."""
    laptop = await office.laptop()
    text = FLEET.read_text()
    assert "\n" in text.strip()
    token = base64.b64encode(office.token(device_id=laptop.device_id).encode()).decode()
    security = (
        f'<wsse:BinarySecurityToken wsse:ValueType="{ValueType.JWT}">\n  {token}\n</wsse:BinarySecurityToken>'
    )
    context = items(
        ("DeviceID", "AB157C3A18778F4FB21E2739066C1F27"), ("HWDevID", "0" * 64), ("EnrollmentType", "Device")
    )
    answer = await office.post(ENROLMENT_PATH, request_message(text, context=context, security=security))
    assert "DeviceEnrollmentProvisionDoc" in answer.text
    assert answer.text.count("<BinarySecurityToken") == 1


async def test_mdm_wire_024_three_items_are_enough_and_unknown_ones_do_no_harm(office: Office) -> None:
    laptop = await office.laptop()
    content = certificate_request(laptop.key)
    least = [
        (ContextName.DEVICE_ID, str(laptop.device_id)),
        (ContextName.HARDWARE_ID, "ab" * 32),
        (ContextName.ENROLLMENT_TYPE, "Device"),
    ]
    for extra in ((), (("SomethingNew", "7"), ("MAC", "1"), ("MAC", "2"))):
        context = AdditionalContext((*((name.value, text) for name, text in least), *extra))
        request = RequestSecurityToken(value_type=ValueType.PKCS10, content=content, context=context)
        document = await office.request_token(request, laptop.device_token())
        assert document.provider_id == PROVIDER_ID


# --- tokens -------------------------------------------------------------------------------------------------

BROKEN: dict[str, Callable[[Office, Laptop], str]] = {
    "another audience": lambda office, laptop: office.token(
        device_id=laptop.device_id, audience="https://graph.microsoft.com"
    ),
    "an application": lambda office, laptop: "",
    "another organisation": lambda office, laptop: office.token(
        device_id=laptop.device_id, tenant_id=UUID(int=1)
    ),
    "another key": lambda office, laptop: _resigned(office.token(device_id=laptop.device_id)),
    "a user who is gone": lambda office, laptop: office.token(
        device_id=laptop.device_id, user_id=UUID(int=2), upn="gone@contoso.test"
    ),
    "nobody at all": lambda office, laptop: office.token(user_id=None, device_id=None),
    "no token": lambda office, laptop: "not.a.token",
    "a changed claim": lambda office, laptop: _changed(office.token(device_id=UUID(int=3)), laptop),
}


def _payload(token: str) -> bytes:
    part = token.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _resigned(token: str) -> str:
    key = RSAKey.import_key(rsa_key("stranger"))
    return jws.serialize_compact({"alg": "RS256"}, _payload(token), key)


def _changed(token: str, laptop: Laptop) -> str:
    head, _, signature = token.split(".")
    said = _payload(token).replace(str(UUID(int=3)).encode(), str(laptop.device_id).encode())
    return ".".join((head, base64.urlsafe_b64encode(said).decode().rstrip("="), signature))


@pytest.mark.parametrize("broken", sorted(BROKEN))
async def test_mdm_wire_026_a_token_with_anything_wrong_opens_nothing(office: Office, broken: str) -> None:
    laptop = await office.laptop()
    token = BROKEN[broken](office, laptop) or office.signer.issue(
        _automation(office), issuer=URL, now=office.clock.now(), token_id=UUID(int=5)
    )
    fault = await refusal(laptop, jwt(token))
    assert fault.hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR
    assert token not in fault.reason


def _automation(office: Office) -> Claims:
    return Claims(office.tenant_id, UUID(int=4), "Script", frozenset())


async def test_mdm_wire_026_a_token_counts_while_it_is_in_force(office: Office) -> None:
    laptop = await office.laptop()
    security = laptop.device_token()
    office.clock.pass_silently(timedelta(minutes=59))
    await laptop.enrol(security)
    office.clock.pass_silently(timedelta(minutes=2))
    assert (await refusal(laptop, security)).hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR


async def test_mdm_wire_028_unsigned_tokens_and_such_with_a_shared_key_are_refused(office: Office) -> None:
    laptop = await office.laptop()
    payload = _payload(office.token(device_id=laptop.device_id))
    encoded = base64.urlsafe_b64encode(payload).decode().rstrip("=")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=") + f".{encoded}."
    shared = jws.serialize_compact({"alg": "HS256"}, payload, OctKey.import_key(b"foo" * 20))
    for token in (unsigned, shared):
        fault = await refusal(laptop, jwt(token))
        assert fault.hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR


async def test_mdm_wire_027_a_device_token_enrols_where_preprovisioning_is_allowed_and_only_there(
    office: Office,
) -> None:
    laptop = await office.laptop()
    document = await laptop.enrol()
    assert document.provider is not None
    assert document.provider.upn == ""
    found = await enrolment_of(office, laptop)
    assert (found.enrolled_by, found.in_oobe, found.owner_user_id) == (EnrolledBy.DEVICE, True, None)
    assert laptop.registration is not None
    assert found.registration_id == laptop.registration.id
    await office.allow_preprovisioning(False)
    other = await office.laptop(2)
    assert (await refusal(other)).hresult is Hresult.MENROLL_E_DEVICE_CONFIGMGRSERVER_ERROR
    stranger = await office.unregistered_laptop()
    assert (await refusal(stranger)).hresult is Hresult.MENROLL_E_DEVICE_CONFIGMGRSERVER_ERROR
    await other.enrol_for("adele")


async def test_mdm_wire_027_a_profile_without_preprovisioning_refuses_with_80180005(
    office: Office,
) -> None:
    await office.allow_preprovisioning(False)
    laptop = await office.laptop()
    fault = await refusal(laptop)
    assert fault.hresult.hex == "0x80180005"
    assert (fault.subcode, fault.error_type) == (Subcode.ENROLLMENT_SERVER, None)
    assert "Laptops" in fault.reason
    await office.allow_preprovisioning(True)
    await laptop.enrol()


# --- who may ------------------------------------------------------------------------------------------------


async def test_mdm_wire_029_the_mdm_scope_decides_who_enrols(office: Office) -> None:
    laptop = await office.laptop()
    await office.do(lambda tx: set_mdm_scope(tx, office.tenant, MdmScope.NONE))
    for technician, security in ((True, laptop.device_token()), (False, await laptop.user_token())):
        fault = await refusal(laptop, security, technician=technician)
        assert (fault.hresult.hex, fault.subcode) == ("0x80180003", Subcode.AUTHORIZATION)
        assert "scope" in fault.reason

    def some(tx: Tx) -> None:
        sales = create_group(tx, office.tenant, "Sales").id
        adele = find_user(tx, office.tenant, "adele@contoso.test")
        assert adele is not None
        add_member(tx, office.tenant, sales, MemberKind.USER, adele.id)
        set_mdm_scope(tx, office.tenant, MdmScope.SOME, [sales])

    await office.do(some)
    await laptop.enrol()
    await laptop.enrol_for("adele")
    outside = await refusal(laptop, await laptop.user_token("bob"), technician=False)
    assert outside.hresult.hex == "0x80180003"
    assert "bob@contoso.test" in outside.reason


async def test_autopilot_005_a_user_without_licence_is_refused_with_80180018(
    office: Office,
) -> None:
    laptop = await office.laptop()

    def licence(licensed: bool) -> Callable[[Tx], object]:
        def unit(tx: Tx) -> None:
            adele = find_user(tx, office.tenant, "adele@contoso.test")
            assert adele is not None
            update_user(tx, office.tenant, adele.id, licensed=licensed)

        return unit

    await office.do(licence(False))
    fault = await refusal(laptop, await laptop.user_token(), technician=False)
    assert (fault.hresult.hex, fault.error_type) == ("0x80180018", ErrorType.USER_LICENSE)
    assert "licence" in fault.reason
    await office.do(licence(True))
    await laptop.enrol_for("adele")


async def test_mdm_wire_029_a_user_at_the_limit_of_devices_is_refused_with_80180013(office: Office) -> None:
    first, second = await office.laptop(1), await office.laptop(2)
    settings = (await office.tenant_record()).settings
    await office.do(lambda tx: update_settings(tx, office.tenant, replace(settings, user_device_quota=1)))
    await first.enrol_for("adele")
    await first.enrol_for("adele")
    fault = await refusal(second, await second.user_token(), technician=False)
    assert (fault.hresult.hex, fault.error_type) == ("0x80180013", ErrorType.DEVICE_CAP_REACHED)
    await second.enrol()
    found = await enrolment_of(office, first)
    await office.do(lambda tx: end_enrolment(tx, office.tenant, found.id, "deleted"))
    await second.enrol_for("adele")


async def test_mdm_wire_029_a_device_of_another_kind_is_refused_with_80180014(office: Office) -> None:
    laptop = await office.laptop()
    laptop.changes[ContextName.DEVICE_TYPE] = "WindowsPhone"
    fault = await refusal(laptop)
    assert (fault.hresult.hex, fault.error_type) == ("0x80180014", ErrorType.DEVICE_NOT_SUPPORTED)


async def test_a_device_that_left_the_directory_or_is_disabled_there_is_refused(office: Office) -> None:
    laptop = await office.unregistered_laptop()
    security = await laptop.user_token()
    await office.do(lambda tx: update_device(tx, office.tenant, laptop.device, enabled=False))
    assert "0x801C03F3" in (await refusal(laptop, security, technician=False)).reason
    await office.do(lambda tx: delete_devices(tx, office.tenant, [laptop.device]))
    fault = await refusal(laptop, security, technician=False)
    assert fault.hresult is Hresult.MENROLL_E_DEVICE_AUTHORIZATION_ERROR
    assert "0x801C03F3" in fault.reason


# --- what a device gets -------------------------------------------------------------------------------------


async def test_mdm_wire_031_the_certificate_is_for_the_key_the_enrolment_and_a_client(office: Office) -> None:
    laptop = await office.laptop()
    issued = client_certificate(await laptop.enrol())
    found = await enrolment_of(office, laptop)
    assert issued.public_key() == laptop.key.public_key()
    assert isinstance(issued.signature_hash_algorithm, hashes.SHA256)
    (name,) = issued.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == str(found.uuid)
    usage = issued.extensions.get_extension_for_class(ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not issued.extensions.get_extension_for_class(BasicConstraints).value.ca
    key_usage = issued.extensions.get_extension_for_class(KeyUsage).value
    assert key_usage.digital_signature
    assert key_usage.key_encipherment
    issued.verify_directly_issued_by(office.authorities.mdm.certificate)


async def test_mdm_wire_032_a_certificate_is_of_one_enrolment_and_ends_with_it(office: Office) -> None:
    laptop, other = await office.laptop(1), await office.laptop(2)
    issued, another = client_certificate(await laptop.enrol()), client_certificate(await other.enrol())
    assert issued.serial_number != another.serial_number
    assert issued.subject != another.subject
    thumbprint = issued.fingerprint(hashes.SHA256())
    proven = await office.do(lambda tx: enrolment_of_certificate(tx, thumbprint))
    found = await enrolment_of(office, laptop)
    assert proven is not None
    assert proven[1].id == found.id
    await office.do(lambda tx: end_enrolment(tx, office.tenant, found.id, "deleted"))
    assert await office.do(lambda tx: enrolment_of_certificate(tx, thumbprint)) is None


async def test_mdm_wire_033_the_certificate_began_long_ago_and_lasts_a_year(office: Office) -> None:
    issued = client_certificate(await (await office.laptop()).enrol())
    now = office.clock.now()
    assert issued.not_valid_before_utc <= now - timedelta(days=180)
    assert issued.not_valid_after_utc >= now + timedelta(days=365)


@pytest.mark.parametrize("kind", [EnrollmentType.DEVICE, EnrollmentType.FULL])
async def test_mdm_wire_036_the_document_fits_the_enrolment(office: Office, kind: EnrollmentType) -> None:
    laptop = await office.laptop()
    laptop.changes[ContextName.ENROLLMENT_TYPE] = kind.value
    document = await laptop.enrol_for("adele")
    found = await enrolment_of(office, laptop)
    scope = StoreScope.SYSTEM if kind is EnrollmentType.DEVICE else StoreScope.USER
    store, account, provider = document.certificates, document.application, document.provider
    assert store.scope is scope
    assert store.root == _der(office.authorities.mdm.root)
    assert store.intermediate == _der(office.authorities.mdm.certificate)
    assert store.renewal is not None
    assert store.renewal.automatic
    assert document.provider_id == PROVIDER_ID
    assert account is not None
    assert account.address == f"{URL}/ManagementServer/MDM.svc"
    assert account.encoding == XML_ENCODING
    assert account.certificate_search is not None
    assert account.certificate_search.subject == client_certificate(document).subject.rfc4514_string()
    assert account.certificate_search.scope is scope
    assert provider is not None
    assert (provider.device_id, provider.upn) == (str(found.uuid), "adele@contoso.test")
    assert provider.device_name == "LAPTOP-1"
    assert provider.poll == DURING_SET_UP
    assert provider.first_sync is None


def _der(certificate: Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


async def test_mdm_wire_041_the_secrets_of_sessions_are_of_one_enrolment_and_never_in_the_clear(
    office: Office,
) -> None:
    with structlog.testing.capture_logs() as logs:
        documents = [await (await office.laptop(number)).enrol() for number in (1, 2)]
    texts = []
    for document in documents:
        account = document.application
        assert account is not None
        secrets = (account.device_credentials.secret, account.server_credentials.secret)
        assert all(len(each) >= 32 for each in secrets)
        texts += secrets
    assert len(set(texts)) == 4

    def stored(tx: Tx) -> bytes:
        rows = tx.rows(secret_table.select().order_by(secret_table.c.enrolment_id))
        kept = b"".join(row.device_secret + row.server_secret + row.nonce for row in rows)
        log = b"".join(repr(event.payload).encode() for event in events.read(tx, office.tenant, 0, 10_000))
        return kept + log

    seen = await office.do(stored) + repr(logs).encode()
    assert not any(text.encode() in seen for text in texts)
    found = await enrolment_of(office, await _same(office, 1))
    kept = await office.do(lambda tx: secrets_of(tx, office.tenant, found.id, office.box))
    assert kept is not None
    assert kept.device_secret == texts[0]
    account = documents[0].application
    assert account is not None
    assert account.device_credentials.name == str(found.uuid)
    assert account.device_credentials.nonce == kept.nonce


async def _same(office: Office, number: int) -> Laptop:
    """A laptop that was registered before, by number."""

    def unit(tx: Tx) -> Laptop:
        (registration,) = list_registrations(tx, office.tenant, serial=f"SN-{number:05}").items
        device = device_by_id(tx, office.tenant, registration.device_id)
        return Laptop(office, number, device.device_id, device.id, registration)

    return await office.do(unit)


# --- again --------------------------------------------------------------------------------------------------


async def used(office: Office, laptop: Laptop, *, green: bool = False) -> Enrolment:
    """The enrolment of a laptop, after a session; with `green` its technician flow is over."""
    found = await enrolment_of(office, laptop)

    def unit(tx: Tx) -> None:
        note_contact(tx, office.tenant, found.id)
        if green:
            phase = begin_phase(tx, office.tenant, found, user=0, flow=Flow.TECHNICIAN)
            save_phase(tx, office.tenant, released(phase, tx.now))

    await office.do(unit)
    return found


async def test_mdm_wire_042_the_same_machine_enrolling_again_replaces_its_enrolment(office: Office) -> None:
    laptop = await office.laptop()
    before = client_certificate(await laptop.enrol())
    first = await used(office, laptop)
    laptop.attempt += 1
    after = client_certificate(await laptop.enrol())
    second = await enrolment_of(office, laptop)
    await used(office, laptop, green=True)
    laptop.attempt += 1
    await refusal(laptop)
    assert second.uuid != first.uuid
    proven = [
        await office.do(lambda tx, one=one: enrolment_of_certificate(tx, one.fingerprint(hashes.SHA256())))
        for one in (before, after)
    ]
    assert proven[0] is None
    assert proven[1] is not None
    assert await kinds_of_events(office, first.uuid) == ["enrolment.begun", "enrolment.ended"]


async def test_autopilot_151_a_second_technician_flow_is_refused_until_the_device_is_unblocked(
    office: Office,
) -> None:
    laptop = await office.laptop()
    await laptop.enrol()
    found = await used(office, laptop, green=True)
    laptop.attempt += 1
    fault = await refusal(laptop)
    assert (fault.hresult.hex, fault.error_type) == ("0x80180014", ErrorType.DEVICE_NOT_SUPPORTED)
    assert "One Time Limit" in fault.reason
    assert (await enrolment_of(office, laptop)).id == found.id, "the present one goes on"
    await office.do(lambda tx: unblock_enrolment(tx, office.tenant, found.id))
    await laptop.enrol()
    again = await used(office, laptop, green=True)
    assert again.id != found.id
    laptop.attempt += 1
    await refusal(laptop)
    await office.do(lambda tx: end_enrolment(tx, office.tenant, again.id, "deleted"))
    await laptop.enrol()
    await used(office, laptop, green=True)
    laptop.attempt += 1
    settings = (await office.tenant_record()).settings
    await office.do(lambda tx: update_settings(tx, office.tenant, replace(settings, one_time_rule=False)))
    await laptop.enrol()


async def test_a_device_that_lost_the_answer_asks_again_and_goes_on_with_the_same_enrolment(
    office: Office,
) -> None:
    laptop = await office.laptop()
    lost = client_certificate(await laptop.enrol())
    first = await enrolment_of(office, laptop)
    laptop.attempt += 1
    document = await laptop.enrol()
    assert (await enrolment_of(office, laptop)).id == first.id
    for certificate in (lost, client_certificate(document)):
        thumbprint = certificate.fingerprint(hashes.SHA256())
        assert await office.do(lambda tx, one=thumbprint: enrolment_of_certificate(tx, one))
    await used(office, laptop, green=True)
    repeated = await laptop.enrol()
    assert (await enrolment_of(office, laptop)).id == first.id, "the network repeats what was done long ago"
    assert repeated.application is not None
    assert document.application is not None
    assert repeated.application.device_credentials.secret == document.application.device_credentials.secret


async def test_nobody_replaces_the_enrolment_of_a_device_that_he_has_not(office: Office) -> None:
    laptop, other = await office.laptop(1), await office.unregistered_laptop()
    await laptop.enrol()
    found = await used(office, laptop)
    stolen = dict(laptop.context(technician=False))
    other.changes = {
        name: stolen[name]
        for name in (ContextName.DEVICE_ID, ContextName.HARDWARE_ID, ContextName.ZERO_TOUCH_PROVISIONING)
    }
    await other.enrol_for("bob")
    assert (await enrolment_of(office, laptop)).id == found.id
    assert (await enrolment_of(office, other)).registration_id is None
    third = await office.laptop(3)
    third.changes[ContextName.ZERO_TOUCH_PROVISIONING] = stolen[ContextName.ZERO_TOUCH_PROVISIONING]
    assert (await refusal(third)).error_type is ErrorType.INVALID_ENROLLMENT_DATA


# --- by password --------------------------------------------------------------------------------------------


async def test_a_user_enrols_a_computer_of_his_own_by_name_and_password(office: Office) -> None:
    laptop = await office.unregistered_laptop()
    laptop.changes = {ContextName.ENROLLMENT_TYPE: "Full", ContextName.NOT_IN_OOBE: "true"}
    security = password("Adele@contoso.test", PASSWORD)
    document = await laptop.enrol(security, technician=False)
    assert document.certificates.scope is StoreScope.USER
    enrolment = await _proven(office, document)
    assert (enrolment.enrolled_by, enrolment.in_oobe) == (EnrolledBy.USER, False)
    assert enrolment.device_id != laptop.device, "what the message says of itself proves nothing"
    laptop.attempt += 1
    again = await _proven(office, await laptop.enrol(security, technician=False))
    assert again.device_id == enrolment.device_id
    theirs = await _proven(
        office, await laptop.enrol(password("bob@contoso.test", PASSWORD), technician=False)
    )
    assert theirs.device_id != enrolment.device_id
    for wrong in ("", "wrong", PASSWORD + " "):
        fault = await refusal(laptop, password("adele@contoso.test", wrong), technician=False)
        assert fault.hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR
    for name in ("nobody@contoso.test", "adele@elsewhere.test", "CONTOSO\\adele", "adele"):
        fault = await refusal(laptop, password(name, PASSWORD), technician=False)
        assert fault.hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR


async def _proven(office: Office, document: ProvisioningDocument) -> Enrolment:
    thumbprint = client_certificate(document).fingerprint(hashes.SHA256())
    found = await office.do(lambda tx: enrolment_of_certificate(tx, thumbprint))
    assert found is not None
    return found[1]


async def test_passwords_cannot_be_tried_without_end(office: Office) -> None:
    laptop = await office.unregistered_laptop()
    for number in range(11):
        await refusal(laptop, password("adele@contoso.test", f"guess {number}"), technician=False)
    fault = await refusal(laptop, password("adele@contoso.test", PASSWORD), technician=False)
    assert re.search("too many", fault.reason)
    office.clock.pass_silently(timedelta(hours=2))
    await laptop.enrol(password("adele@contoso.test", PASSWORD), technician=False)


async def test_a_token_of_another_kind_is_not_taken(office: Office) -> None:
    laptop = await office.laptop()
    certificate = Security(token=BinarySecurityToken(value_type=ValueType.X509, data=b"opaque"))
    assert (await refusal(laptop, certificate)).hresult is Hresult.MENROLL_E_DEVICE_INVALIDSECURITY_ERROR
