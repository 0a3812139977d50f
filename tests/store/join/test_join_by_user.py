"""Device registration as clients of Windows' protocol meet it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from reseal.autopilot.model_profile import UserType
from reseal.autopilot.registrations import deregister
from reseal.directory.credentials import find_device_credential
from reseal.directory.devices import list_devices, update_device
from reseal.directory.model import TrustType
from reseal.directory.model_settings import JoinAllowed
from reseal.directory.tenants import tenant_by_id
from reseal.directory.users import create_user, delete_user, update_user
from reseal.signin.tokens import MDM_AUDIENCES
from reseal.wire.join import (
    JoinAnswer,
    JoinType,
    cloud_sid,
    read_identity,
    read_join_answer,
    read_join_refusal,
)
from tests.store.autopilot.support import make_tenant
from tests.store.join.bench import Bench, Laptop

GLOBAL_ADMINISTRATOR = cloud_sid(UUID("62e90394-69f5-4237-9190-012177145e10"))
DEVICE_ADMINISTRATOR = cloud_sid(UUID("9f06204d-73c1-4d4c-880a-6edb90606fd8"))


def joined(response: httpx2.Response) -> JoinAnswer:
    assert response.status_code == 200, response.text
    return read_join_answer(response.content)


def refused(response: httpx2.Response) -> tuple[int, str, str]:
    """Status, kind and code of a refusal."""
    said = read_join_refusal(response.content)
    assert said.message
    return response.status_code, said.error_type, said.code


async def count_devices(bench: Bench) -> int:
    return len((await bench.read(list_devices)).items)


async def test_a_new_device_joins_for_its_user(bench: Bench, laptop: Laptop) -> None:
    anna = await bench.user("Anna")
    answer = joined(await bench.join_as(laptop, anna))
    certificate = x509.load_der_x509_certificate(answer.certificate)
    identity = read_identity(certificate)
    assert (identity.tenant_id, identity.user_id, identity.joined) == (bench.tenant_id, anna.uuid, True)
    assert answer.upn == anna.upn
    assert answer.administrators == (GLOBAL_ADMINISTRATOR, DEVICE_ADMINISTRATOR, cloud_sid(anna.uuid))

    (device,) = (await bench.read(list_devices)).items
    assert (device.device_id, device.display_name) == (identity.device_id, "LAPTOP-1")
    assert (device.trust_type, device.owner_user_id) == (TrustType.AZURE_AD, anna.id)
    assert device.attributes["deviceOSVersion"] == "10.0.26100.1"
    credential = await bench.database.read(find_device_credential, answer.certificate)
    assert credential is not None
    assert (credential.user, credential.transport_key) == (anna.id, laptop.transport_key)


async def test_the_certificate_is_one_for_tls_clients_and_for_ten_years(bench: Bench, laptop: Laptop) -> None:
    answer = joined(await bench.join_as(laptop, await bench.user("Anna")))
    certificate = x509.load_der_x509_certificate(answer.certificate)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    key_usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert key_usage.digital_signature
    assert not key_usage.key_encipherment
    assert [name.oid for name in certificate.subject] == [NameOID.COMMON_NAME]
    life = certificate.not_valid_after_utc - bench.clock.now()
    assert timedelta(days=9 * 365) < life <= timedelta(days=10 * 365)
    assert certificate.not_valid_before_utc < bench.clock.now()


async def test_a_registered_device_is_the_directory_device_that_waits_for_it(
    bench: Bench, laptop: Laptop
) -> None:
    registration = await bench.register(laptop)
    anna = await bench.user("Anna")
    waiting = await bench.device(registration)
    run = (await bench.profile(laptop)).run
    answer = joined(await bench.join_as(laptop, anna, run=run))
    device = await bench.device(registration)
    identity = read_identity(x509.load_der_x509_certificate(answer.certificate))
    assert identity.device_id == waiting.device_id
    assert (device.uuid, device.device_id) == (waiting.uuid, waiting.device_id)
    assert (waiting.display_name, device.display_name) == ("SN-00001", "LAPTOP-1")
    assert (device.trust_type, device.owner_user_id) == (TrustType.AZURE_AD, anna.id)
    assert device.physical_ids == waiting.physical_ids
    assert await count_devices(bench) == 1
    assert await bench.state(registration) == "enrolling"


async def test_autopilot_007_all_selected_and_none_rule_the_next_join(bench: Bench, laptop: Laptop) -> None:
    anna = await bench.user("Anna")
    await bench.settings(join_allowed=JoinAllowed.NONE)
    assert refused(await bench.join_as(laptop, anna)) == (400, "AuthorizationError", "801c0003")
    await bench.settings(join_allowed=JoinAllowed.SELECTED)
    assert refused(await bench.join_as(laptop, anna)) == (400, "AuthorizationError", "801c0003")
    await bench.settings(join_allowed=JoinAllowed.ALL)
    joined(await bench.join_as(laptop, anna))
    assert [told["code"] for told in await bench.events("device.join_refused")] == ["0x801C0003"] * 2


async def test_autopilot_009_one_device_over_the_quota_until_it_is_raised(bench: Bench, clock) -> None:
    anna = await bench.user("Anna")
    await bench.settings(user_device_quota=1)
    first, second = Laptop.made(1, clock), Laptop.made(2, clock)
    joined(await bench.join_as(first, anna))
    assert refused(await bench.join_as(second, anna)) == (400, "DeviceQuotaExceeded", "801c0003")
    await bench.settings(user_device_quota=2)
    joined(await bench.join_as(second, anna))


async def test_the_same_device_again_does_not_count_anew(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    anna = await bench.user("Anna")
    await bench.settings(user_device_quota=1)
    run = (await bench.profile(laptop)).run
    first = joined(await bench.join_as(laptop, anna, run=run))
    request = laptop.request("after a reset")
    second = joined(await bench.join_as(laptop, anna, run=run, certificate_request=request))
    assert first.certificate != second.certificate
    assert await bench.database.read(find_device_credential, first.certificate) is None
    assert await bench.database.read(find_device_credential, second.certificate) is not None
    assert (await bench.device(registration)).owner_user_id == anna.id


async def test_a_repeated_request_is_answered_with_the_same_certificate(bench: Bench, laptop: Laptop) -> None:
    anna = await bench.user("Anna")
    first = joined(await bench.join_as(laptop, anna))
    assert joined(await bench.join_as(laptop, anna)) == first
    assert await count_devices(bench) == 1
    bench.clock.pass_silently(timedelta(hours=2))
    later = joined(await bench.join_as(laptop, anna))
    assert later.certificate != first.certificate
    assert await count_devices(bench) == 1


async def test_a_device_that_shows_its_certificate_is_the_same_device(bench: Bench, laptop: Laptop) -> None:
    anna, boris = await bench.user("Anna"), await bench.user("Boris")
    laptop.certificate = joined(await bench.join_as(laptop, anna)).certificate
    request = laptop.request("another")
    joined(await bench.join_as(laptop, boris, certificate_request=request))
    (device,) = (await bench.read(list_devices)).items
    assert device.owner_user_id == boris.id


async def test_a_key_does_not_make_a_device_another_users(bench: Bench, laptop: Laptop) -> None:
    joined(await bench.join_as(laptop, await bench.user("Anna")))
    joined(await bench.join_as(laptop, await bench.user("Boris")))
    assert await count_devices(bench) == 2


@pytest.mark.parametrize(
    "user_type, is_administrator", [(UserType.ADMINISTRATOR, True), (UserType.STANDARD, False)]
)
async def test_autopilot_109_the_profile_says_whether_the_user_is_a_local_administrator(
    bench: Bench, laptop: Laptop, user_type: UserType, is_administrator: bool
) -> None:
    await bench.profile_for_all(user_type=user_type)
    await bench.register(laptop)
    anna = await bench.user("Anna")
    answer = joined(await bench.join_as(laptop, anna, run=(await bench.profile(laptop)).run))
    assert answer.administrators[:2] == (GLOBAL_ADMINISTRATOR, DEVICE_ADMINISTRATOR)
    assert (cloud_sid(anna.uuid) in answer.administrators) is is_administrator


async def test_a_persons_own_device_is_registered_and_changes_no_administrators(
    bench: Bench, laptop: Laptop
) -> None:
    anna = await bench.user("Anna")
    answer = joined(await bench.join_as(laptop, anna, join_type=JoinType.REGISTER))
    assert answer.changes == ()
    (device,) = (await bench.read(list_devices)).items
    assert (device.trust_type, device.attributes["deviceOwnership"]) == (TrustType.WORKPLACE, "Personal")
    assert not read_identity(x509.load_der_x509_certificate(answer.certificate)).joined


@pytest.mark.parametrize("join_type", [3, 6, 99])
async def test_other_kinds_of_join_are_refused(bench: Bench, laptop: Laptop, join_type: int) -> None:
    answer = await bench.join_as(laptop, await bench.user("Anna"), join_type=join_type)
    assert refused(answer) == (400, "InvalidRequest", "801c0001")


async def test_whoever_has_no_right_token_is_not_known(bench: Bench, laptop: Laptop) -> None:
    anna, gone = await bench.user("Anna"), await bench.user("Gone")
    stale = bench.token(gone)
    await bench.write(delete_user, gone.id)
    wrong = (
        "nonsense",
        bench.token(anna, audience=MDM_AUDIENCES[0]),
        bench.token(None),
        bench.token(anna, tenant=UUID(int=1)),
        stale,
    )
    for token in wrong:
        answer = await bench.join_as(laptop, anna, token=token)
        assert refused(answer) == (401, "AuthenticationError", "801c0002")
    late = bench.token(anna)
    bench.clock.pass_silently(timedelta(hours=1))
    assert refused(await bench.join_as(laptop, anna, token=late))[0] == 401
    assert refused(await bench.post("/EnrollmentServer/device/", b"{}"))[0] == 401


async def test_a_disabled_user_is_refused_before_anything_else_is_looked_at(
    bench: Bench, laptop: Laptop
) -> None:
    anna = await bench.user("Anna")
    await bench.write(update_user, anna.id, enabled=False)
    answer = await bench.join_as(laptop, anna, certificate_request=b"no request")
    assert refused(answer) == (400, "AuthorizationError", "801c0003")


async def test_a_disabled_device_does_not_join_again(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    run = (await bench.profile(laptop)).run
    await bench.write(update_device, registration.device_id, enabled=False)
    answer = await bench.join_as(laptop, await bench.user("Anna"), run=run)
    assert refused(answer) == (400, "AuthorizationError", "801c0003")


async def test_autopilot_032_a_device_that_was_deregistered_has_no_object_to_join(
    bench: Bench, laptop: Laptop
) -> None:
    registration = await bench.register(laptop)
    anna = await bench.user("Anna")
    ticket = await bench.attest(laptop, registration)
    run = (await bench.profile(laptop)).run
    await bench.write(deregister, [registration.id])
    by_ticket = await bench.use_ticket(laptop, ticket.ticket)
    assert by_ticket.json()["error"]["code"] == "0x801C03F3"
    by_user = await bench.join_as(laptop, anna, run=run)
    assert refused(by_user) == (401, "AuthenticationError", "801c0002")


async def test_a_ticket_of_microsofts_means_nothing_here(bench: Bench, laptop: Laptop) -> None:
    joined(await bench.join_as(laptop, await bench.user("Anna"), run="t=EwCIA..."))


async def test_a_device_of_another_organisation_is_not_joined_to_the_users(
    bench: Bench, laptop: Laptop
) -> None:
    registration = await bench.register(laptop)
    run = (await bench.profile(laptop)).run
    home, here = bench.tenant, bench.tenant_id
    bench.tenant = await bench.database.write(make_tenant, "Fabrikam")
    bench.tenant_id = (await bench.database.read(tenant_by_id, bench.tenant)).uuid
    stranger = await bench.write(create_user, "eve@fabrikam.test", "Eve")
    answer = await bench.join_as(laptop, stranger, run=run)
    assert refused(answer) == (400, "AuthorizationError", "801c0003")
    bench.tenant, bench.tenant_id = home, here
    assert (await bench.device(registration)).trust_type is None


async def test_requests_and_keys_have_to_be_right(bench: Bench, laptop: Laptop) -> None:
    anna = await bench.user("Anna")
    key = laptop.tpm.make_key("device").key
    named = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "my-laptop")])
    )
    other_name = named.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    pem = named.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    request = laptop.request()
    tampered = request[:-1] + bytes([request[-1] ^ 1])
    for wrong in (
        {"certificate_request": other_name},
        {"certificate_request": pem},
        {"certificate_request": tampered},
        {"certificate_request": b"nonsense"},
        {"transport_key": b"RSA1" + bytes(20)},
        {"transport_key": bytes(5000)},
    ):
        answer = await bench.join_as(laptop, anna, **wrong)
        assert refused(answer) == (400, "InvalidRequest", "801c0001"), wrong
    assert await count_devices(bench) == 0
    nonsense = await bench.post("/EnrollmentServer/device/", b"nonsense", bearer=bench.token(anna))
    assert refused(nonsense) == (400, "InvalidRequest", "801c0001")


async def test_a_name_that_cannot_be_shown_keeps_nobody_from_joining(bench: Bench, laptop: Laptop) -> None:
    registration = await bench.register(laptop)
    anna = await bench.user("Anna")
    run = (await bench.profile(laptop)).run
    joined(await bench.join_as(laptop, anna, run=run, device_name="\0" * 3))
    assert (await bench.device(registration)).display_name == "SN-00001"


async def test_a_device_leaves_by_its_own_certificate_alone(bench: Bench, clock) -> None:
    anna = await bench.user("Anna")
    mine, other = Laptop.made(1, clock), Laptop.made(2, clock)
    for laptop in (mine, other):
        laptop.certificate = joined(await bench.join_as(laptop, anna)).certificate
    device_id = read_identity(x509.load_der_x509_certificate(mine.certificate)).device_id

    async def leave(shown: bytes | None, path: object = device_id) -> httpx2.Response:
        bench.tls.certificate = shown
        try:
            return await bench.http.delete(f"/EnrollmentServer/device/{path}?api-version=1.0")
        finally:
            bench.tls.certificate = None

    assert refused(await leave(None)) == (401, "AuthenticationError", "801c0002")
    assert refused(await leave(other.certificate)) == (401, "AuthenticationError", "801c0002")
    assert refused(await leave(mine.certificate, "nonsense"))[0] == 400
    assert (await leave(mine.certificate)).status_code == 200
    assert await bench.database.read(find_device_credential, mine.certificate) is None
    assert await count_devices(bench) == 1
    assert refused(await leave(mine.certificate))[0] == 401


async def test_the_directory_device_of_a_registration_outlives_its_leaving(
    bench: Bench, laptop: Laptop
) -> None:
    registration = await bench.register(laptop)
    await bench.provision(laptop, registration)
    device = await bench.device(registration)
    bench.tls.certificate = laptop.certificate
    answer = await bench.http.delete(f"/EnrollmentServer/device/{device.device_id}")
    bench.tls.certificate = None
    assert answer.status_code == 200
    left = await bench.device(registration)
    assert (left.device_id, left.trust_type) == (device.device_id, None)


async def test_the_discover_document_names_our_own_endpoints(bench: Bench) -> None:
    for tenant in (str(bench.tenant_id), "contoso.test", "CONTOSO.test"):
        answer = await bench.http.get(f"/{tenant}/Discover?api-version=1.9&managed=True")
        found = answer.json()
        assert found["DeviceJoinService"]["JoinEndpoint"] == "https://server.test/EnrollmentServer/device/"
        assert found["TenantInfo"]["TenantId"] == str(bench.tenant_id)
        assert str(bench.tenant_id) in found["AuthenticationService"]["OAuth2"]["TokenEndpoint"]
    older = (await bench.http.get("/enrollmentserver/contract?api-version=1.0")).json()
    assert older == (await bench.http.get("/common/discover")).json()
    assert "TenantInfo" not in older
    assert (await bench.http.get("/nowhere.test/Discover")).status_code == 404
    assert (await bench.http.get("/%00/Discover")).status_code in {400, 404}
