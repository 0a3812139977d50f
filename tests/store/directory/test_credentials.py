"""Device certificates on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from reseal.directory.credentials import (
    find_device_credential,
    revoke_device_credentials,
    store_device_credential,
)
from reseal.directory.devices import delete_device, update_device
from reseal.kernel.ca import CLIENT_AUTH, Authority, client_profile, common_name, issue, make_root
from reseal.kernel.errors import NotFound
from reseal.kernel.keys import SeededKeys


@pytest.fixture
def authority(clock, entropy) -> Authority:
    """Whoever issues the certificates of this module."""
    key = SeededKeys(entropy).p256()
    return make_root("Devices", key, clock=clock, entropy=entropy, purposes=[CLIENT_AUTH])


@pytest.fixture
def certificate(authority, clock, entropy):
    """Makes the certificate of a device, in DER; each is another one."""

    def make(device, lifetime=timedelta(days=30)) -> bytes:
        profile = client_profile(common_name(str(device.device_id)), lifetime)
        key = SeededKeys(entropy).p256().public_key()
        issued = issue(authority, key, profile, clock=clock, entropy=entropy)
        return issued.public_bytes(Encoding.DER)

    return make


async def test_a_certificate_proves_its_device(contoso, fabrikam, certificate):
    laptop = await contoso.device("PF0001")
    anna = await contoso.user("Anna")
    shown = certificate(laptop)
    await contoso.write(
        store_device_credential, laptop.id, shown, transport_key=b"RSA1", proof="virtual", user=anna.id
    )
    found = await contoso.database.read(find_device_credential, shown)
    assert (found.tenant, found.device, found.device_id) == (contoso.tenant.id, laptop.id, laptop.device_id)
    assert (found.transport_key, found.proof, found.user) == (b"RSA1", "virtual", anna.id)
    assert await contoso.database.read(find_device_credential, certificate(laptop)) is None


async def test_a_new_certificate_replaces_the_former(contoso, certificate):
    laptop = await contoso.device("PF0001")
    first, second = certificate(laptop), certificate(laptop)
    await contoso.write(store_device_credential, laptop.id, first)
    await contoso.write(store_device_credential, laptop.id, second)
    assert await contoso.database.read(find_device_credential, first) is None
    assert (await contoso.database.read(find_device_credential, second)).device == laptop.id
    assert [told["replaced"] for told in await contoso.events("device.certificate_issued")] == [False, True]


async def test_it_proves_nothing_once_revoked_expired_or_its_device_is_disabled_or_gone(
    contoso, certificate, clock
):
    laptop = await contoso.device("PF0001")
    shown = certificate(laptop)
    await contoso.write(store_device_credential, laptop.id, shown)

    await contoso.write(update_device, laptop.id, enabled=False)
    assert await contoso.database.read(find_device_credential, shown) is None
    await contoso.write(update_device, laptop.id, enabled=True)
    assert await contoso.database.read(find_device_credential, shown) is not None

    await contoso.write(revoke_device_credentials, laptop.id)
    await contoso.write(revoke_device_credentials, laptop.id)
    assert await contoso.database.read(find_device_credential, shown) is None
    assert len(await contoso.events("device.certificate_revoked")) == 1

    await contoso.write(store_device_credential, laptop.id, shown)
    await clock.advance(timedelta(days=31))
    assert await contoso.database.read(find_device_credential, shown) is None

    await contoso.write(delete_device, laptop.id)
    assert await contoso.database.read(find_device_credential, shown) is None


async def test_a_device_of_another_organisation_gets_none(contoso, fabrikam, certificate):
    laptop = await contoso.device("PF0001")
    with pytest.raises(NotFound):
        await fabrikam.write(store_device_credential, laptop.id, certificate(laptop))
    with pytest.raises(NotFound):
        await fabrikam.write(revoke_device_credentials, laptop.id)
