"""What catalogue items are on a device: nodes, jobs, digests and what is deleted again."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from reseal.assignment.model import Scope as AssignedFor
from reseal.catalog.model import (
    Body,
    CertificateStore,
    Format,
    InstallContext,
    OmaSetting,
    PolicyBody,
    WifiBody,
)
from reseal.managed.delivery import addresses_of, digest_of, job_of, nodes_of, scope_of, scopes_of
from reseal.managed.model import MACHINE
from reseal.wire.csp import Scope, read_job, write_job
from reseal.wire.syncml import Format as WireFormat
from tests.store.managed.world import APP, CAMERA, CORTANA, WALLPAPER, WIFI, certificate, policy

BOTH = policy(CAMERA, WALLPAPER, CORTANA)
ROOT, ISSUING = certificate(), certificate(CertificateStore.CA)
USER_APP = replace(APP, install_context=InstallContext.USER)


@pytest.mark.parametrize(
    "body, of_devices, of_users",
    [
        (BOTH, (Scope.DEVICE, Scope.USER), (Scope.DEVICE, Scope.USER)),
        (policy(CORTANA), (Scope.DEVICE,), (Scope.DEVICE,)),
        (policy(WALLPAPER), (Scope.USER,), (Scope.USER,)),
        (ROOT, (Scope.DEVICE,), (Scope.DEVICE,)),
        (ISSUING, (Scope.DEVICE,), (Scope.USER,)),
        (WIFI, (Scope.DEVICE,), (Scope.USER,)),
        (APP, (Scope.DEVICE,), (Scope.DEVICE,)),
        (USER_APP, (Scope.USER,), (Scope.USER,)),
    ],
)
def test_where_on_a_device_an_item_has_something_to_do(
    body: Body, of_devices: tuple[Scope, ...], of_users: tuple[Scope, ...]
) -> None:
    assert scopes_of(body, AssignedFor.DEVICE) == of_devices
    assert scopes_of(body, AssignedFor.USER) == of_users


def test_a_policy_has_its_nodes_in_order_and_each_in_one_part_of_the_tree() -> None:
    machine, user = nodes_of(BOTH, Scope.DEVICE), nodes_of(BOTH, Scope.USER)
    assert [str(node.uri) for node in machine] == [CAMERA.uri, CORTANA.uri]
    assert [(str(node.uri), node.format, node.text) for node in user] == [
        (WALLPAPER.uri, WireFormat.INT, "1")
    ]
    assert addresses_of(BOTH, Scope.DEVICE) == (CAMERA.uri, CORTANA.uri)


def test_every_format_of_a_setting_can_be_sent() -> None:
    for format_ in Format:
        (node,) = nodes_of(policy(replace(CAMERA, format=format_, value="x")), Scope.DEVICE)
        assert (node.format.value, node.text) == (format_.value, "x")


def test_a_root_certificate_is_for_machines_and_an_issuing_one_for_either() -> None:
    (node,) = nodes_of(ROOT, Scope.DEVICE)
    base = f"./Device/Vendor/MSFT/RootCATrustedCertificates/Root/{ROOT.thumbprint}"
    assert str(node.uri) == f"{base}/EncodedCertificate"
    der = x509.load_pem_x509_certificate(ROOT.pem.encode()).public_bytes(Encoding.DER)
    assert b64decode(node.text, validate=True) == der
    assert addresses_of(ROOT, Scope.DEVICE) == (base,)
    assert nodes_of(ROOT, Scope.USER) == ()
    (theirs,) = nodes_of(ISSUING, Scope.USER)
    assert str(theirs.uri).startswith("./User/Vendor/MSFT/RootCATrustedCertificates/CA/")


def test_a_network_is_one_document_and_is_deleted_as_a_whole() -> None:
    body = WifiBody(ssid="Büro 1/2", wlan_xml="<WLANProfile/>")
    (node,) = nodes_of(body, Scope.USER)
    (address,) = addresses_of(body, Scope.USER)
    assert str(node.uri) == f"{address}/WlanXml"
    assert address == "./User/Vendor/MSFT/WiFi/Profile/B%C3%BCro%201%2F2"
    assert (node.format, node.text) == (WireFormat.CHR, "<WLANProfile/>")


def test_the_job_of_an_app_names_its_content_and_can_be_read_back() -> None:
    job = job_of(APP, "https://devices.test/content/x?exp=1&sig=2")
    assert job.urls == ("https://devices.test/content/x?exp=1&sig=2",)
    assert (job.sha256, job.version, job.command_line) == (APP.sha256, "1.2.0", "/quiet")
    assert job.timeout is not None
    assert job.timeout >= timedelta(minutes=30)
    assert replace(read_job(write_job(job)), sha256=APP.sha256) == job
    (address,) = addresses_of(APP, Scope.DEVICE)
    assert address.endswith("/MSI/%7B11111111-2222-3333-4444-555555555555%7D")


def test_user_zero_is_the_machine() -> None:
    assert scope_of(MACHINE) is Scope.DEVICE
    assert scope_of(17) is Scope.USER


CHANGES: list[tuple[Body, Body, bool]] = [
    (policy(CAMERA), policy(replace(CAMERA, value="1")), True),
    (policy(CAMERA), policy(replace(CAMERA, format=Format.CHR)), True),
    (policy(CAMERA), policy(CORTANA), True),
    (policy(CAMERA, CORTANA), policy(CORTANA, CAMERA), True),
    (policy(CAMERA), policy(replace(CAMERA, name="No camera", description="why")), False),
    (policy(CAMERA), policy(CAMERA, WALLPAPER), False),
    (WIFI, replace(WIFI, wlan_xml="<WLANProfile> </WLANProfile>"), True),
    (WIFI, replace(WIFI, authentication="WPA3SAE"), False),
    (APP, replace(APP, sha256="cd" * 32), True),
    (APP, replace(APP, product_version="1.2.1"), True),
    (APP, replace(APP, command_line="/quiet NOICONS=1"), True),
    (APP, replace(APP, file_name="other.msi", manufacturer="Fabrikam", size=1), False),
]


@pytest.mark.parametrize("before, after, differs", CHANGES)
def test_the_digest_changes_exactly_with_what_the_device_is_sent(
    before: Body, after: Body, differs: bool
) -> None:
    assert (digest_of(before, Scope.DEVICE) != digest_of(after, Scope.DEVICE)) is differs
    assert digest_of(before, Scope.DEVICE) != digest_of(before, Scope.USER)


def test_digests_of_different_items_differ() -> None:
    bodies: list[Body] = [BOTH, ROOT, ISSUING, WIFI, APP]
    assert len({digest_of(body, Scope.DEVICE) for body in bodies}) == len(bodies)


names = st.text("abcXYZ019_-", min_size=1, max_size=8)
settings = st.builds(
    lambda scope, name, value: OmaSetting(f"./{scope}/Vendor/MSFT/Policy/Config/A/{name}", Format.CHR, value),
    st.sampled_from(["Device", "User"]),
    names,
    st.text(max_size=20),
)


@given(st.lists(settings, min_size=1, max_size=6))
def test_the_parts_of_a_policy_are_all_of_it_and_never_overlap(chosen: list[OmaSetting]) -> None:
    body = PolicyBody(tuple(chosen))
    parts = {scope: nodes_of(body, scope) for scope in Scope}
    assert sum(map(len, parts.values())) == len(chosen)
    assert {scope for scope in Scope if parts[scope]} == set(scopes_of(body, AssignedFor.USER))
    sent = sorted((str(node.uri), node.text) for nodes in parts.values() for node in nodes)
    assert sent == sorted((setting.uri, setting.value) for setting in chosen)
