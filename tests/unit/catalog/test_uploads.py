"""What administrators upload: certificates, WLAN profiles, Windows Installer packages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from reseal.catalog.model import (
    AppBody,
    CertificateStore,
    Format,
    InstallContext,
    Kind,
    OmaSetting,
    PolicyBody,
    WifiBody,
    content_of,
    kind_of,
)
from reseal.catalog.model_app import app_of, check_app, default_context
from reseal.catalog.model_certificate import read_certificate
from reseal.catalog.model_json import body_from_json, body_to_json
from reseal.catalog.model_wifi import read_wlan_profile
from reseal.kernel.errors import Invalid
from reseal.wire.msi import MsiProperties, PackageType

# --- certificates -------------------------------------------------------------------------------------------

KEY = ec.derive_private_key(7, ec.SECP256R1())
START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=365)


def _certificate(
    subject: str = "Root", issuer: str = "Root", *, authority: bool | None = True
) -> x509.Certificate:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(END)
    )
    if authority is not None:
        constraints = x509.BasicConstraints(ca=authority, path_length=None)
        builder = builder.add_extension(constraints, critical=True)
    return builder.sign(KEY, hashes.SHA256(), ecdsa_deterministic=True)


ROOT = _certificate()
PEM = ROOT.public_bytes(Encoding.PEM)
DER = ROOT.public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    "upload", [PEM, DER, b"Bag Attributes\n" + PEM], ids=["pem", "der", "pem with words"]
)
def test_a_certificate_is_read_from_pem_and_der(upload: bytes) -> None:
    body = read_certificate(upload, CertificateStore.ROOT)
    assert body.pem == PEM.decode()
    assert body.thumbprint == ROOT.fingerprint(hashes.SHA1()).hex().upper()
    assert len(body.thumbprint) == 40
    assert (body.subject, body.issuer) == ("CN=Root", "CN=Root")
    assert (body.not_before, body.not_after) == (START, END)
    assert body.store is CertificateStore.ROOT


def test_an_intermediate_goes_into_the_store_ca_only() -> None:
    pem = _certificate("Issuing").public_bytes(Encoding.PEM)
    assert read_certificate(pem, CertificateStore.CA).store is CertificateStore.CA
    assert read_certificate(PEM, CertificateStore.CA).store is CertificateStore.CA
    with pytest.raises(Invalid, match="another authority") as refused:
        read_certificate(pem, CertificateStore.ROOT)
    assert refused.value.remedy


def test_only_authorities_are_anchors() -> None:
    for leaf in (_certificate(authority=False), _certificate("Leaf", authority=None)):
        with pytest.raises(Invalid, match="does not belong to a certification authority"):
            read_certificate(leaf.public_bytes(Encoding.PEM), CertificateStore.CA)
    old_root = _certificate(authority=None).public_bytes(Encoding.DER)
    assert read_certificate(old_root, CertificateStore.ROOT).subject == "CN=Root"


@pytest.mark.parametrize(
    "upload, reason",
    [
        (b"", "not a certificate"),
        (b"hello", "not a certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not a certificate"),
        (PEM + PEM, "several certificates"),
        (
            PEM + KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "private key",
        ),
        (b"\x30" * 65_537, "65537 bytes"),
        (b"\x30" * 65_536, "not a certificate"),
    ],
    ids=["nothing", "text", "broken", "chain", "key", "huge", "large"],
)
def test_what_is_no_single_certificate_is_refused(upload: bytes, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as refused:
        read_certificate(upload, CertificateStore.ROOT)
    assert refused.value.code == "Certificate"
    assert refused.value.remedy


# --- Wi-Fi --------------------------------------------------------------------------------------------------

SECRET = "correct horse battery"  # not a real key
WLAN = """<?xml version="1.0"?>
<WLANProfile xmlns="http://www.microsoft.com/networking/WLAN/profile/v1">
  <name>Office</name>
  <SSIDConfig><SSID>{ssid}</SSID></SSIDConfig>
  <connectionType>ESS</connectionType>
  <MSM><security>
    <authEncryption><authentication> WPA2PSK </authentication><encryption>AES</encryption></authEncryption>
    {key}
  </security></MSM>
</WLANProfile>"""
NAMED = "<hex>4f6666696365</hex><name>Office</name>"


def _shared_key(protected: str = "false", material: str = SECRET) -> str:
    return (
        f"<sharedKey><keyType>passPhrase</keyType><protected>{protected}</protected>"
        f"<keyMaterial>{material}</keyMaterial></sharedKey>"
    )


def _wlan(ssid: str = NAMED, key: str = "") -> str:
    return WLAN.format(ssid=ssid, key=key)


def _wifi_refused(document: str) -> Invalid:
    with pytest.raises(Invalid) as refused:
        read_wlan_profile(document)
    assert refused.value.code == "WifiProfile"
    assert refused.value.remedy
    assert SECRET not in str(refused.value)
    return refused.value


def test_a_wlan_profile_is_read() -> None:
    document = _wlan()
    assert read_wlan_profile(document) == WifiBody("Office", document, "WPA2PSK", holds_key=False)
    assert read_wlan_profile(_wlan("<name>Büro</name>")).ssid == "Büro"
    assert read_wlan_profile(_wlan("<hex>4f6666696365</hex>")).ssid == "Office"


def test_a_key_in_clear_is_flagged_and_never_shown() -> None:
    body = read_wlan_profile(_wlan(key=_shared_key()))
    assert body.holds_key
    assert SECRET not in repr(body)
    assert not read_wlan_profile(_wlan(key=_shared_key(material=" "))).holds_key


@pytest.mark.parametrize("protected", ["true", "TRUE", " true "])
def test_a_key_that_another_computer_protects_is_refused(protected: str) -> None:
    found = _wifi_refused(_wlan(key=_shared_key(protected, "01000000D08C")))
    assert "protected by the computer" in found.message
    assert "key=clear" in found.remedy


@pytest.mark.parametrize(
    "document, reason",
    [
        ("", "not well-formed"),
        ("<WLANProfile>", "not well-formed"),
        ("<WLANProfile/>", "not a WLANProfile"),
        (
            '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + _wlan().split("?>")[1],
            "not well-formed",
        ),
        (_wlan().replace("<name>Office</name>\n", "<name> </name>\n"), "no name"),
        (_wlan().replace("SSIDConfig", "Other"), "no SSID"),
        (_wlan().replace("MSM", "Other"), "nothing about security"),
        (_wlan("<name></name>"), "The SSID has 0 bytes"),
        (_wlan(f"<name>{'x' * 33}</name>"), "The SSID has 33 bytes"),
        (_wlan(f"<name>{'ü' * 17}</name>"), "The SSID has 34 bytes"),
        (_wlan("<hex>zz</hex><name>Office</name>"), "cannot be read"),
        (_wlan("<hex>ff</hex>"), "cannot be read"),
        ("<a>" + "x" * 1_048_576 + "</a>", "not well-formed"),
    ],
)
def test_unfit_wlan_profiles(document: str, reason: str) -> None:
    assert reason in _wifi_refused(document).message


def test_an_ssid_may_have_32_bytes() -> None:
    assert read_wlan_profile(_wlan(f"<name>{'x' * 32}</name>")).ssid == "x" * 32


# --- apps ---------------------------------------------------------------------------------------------------

PACKAGE = MsiProperties(
    product_code="{11111111-2222-3333-4444-55555555555a}",
    product_version="1.2.0",
    product_name="Agent",
    manufacturer="Contoso",
    upgrade_code="",
    package_code="{88888888-2222-3333-4444-555555555555}",
    properties=MappingProxyType({"ALLUSERS": "1"}),
)


def _app(**changes: object) -> AppBody:
    body = app_of(PACKAGE, file_name="agent.msi", sha256="ab" * 32, size=1)
    return replace(body, **changes)  # type: ignore[arg-type]


def _app_problems(body: AppBody) -> list[str]:
    with pytest.raises(Invalid) as refused:
        check_app(body)
    assert refused.value.code == "App"
    assert all(detail.message and detail.remedy for detail in refused.value.details)
    return [detail.where for detail in refused.value.details]


def test_an_app_takes_its_identity_from_the_package() -> None:
    app = _app()
    assert app.product_code == "{11111111-2222-3333-4444-55555555555A}"
    assert (app.product_version, app.product_name, app.manufacturer) == ("1.2.0", "Agent", "Contoso")
    assert app.package_type is PackageType.PER_MACHINE
    assert app.install_context is InstallContext.DEVICE
    assert app.command_line == "/quiet"
    assert (app.file_name, app.sha256, app.size) == ("agent.msi", "ab" * 32, 1)


@pytest.mark.parametrize(
    "kind, context",
    [
        (PackageType.PER_MACHINE, InstallContext.DEVICE),
        (PackageType.DUAL_PURPOSE, InstallContext.DEVICE),
        (PackageType.PER_USER, InstallContext.USER),
    ],
)
def test_the_package_decides_the_context_unless_told_otherwise(
    kind: PackageType, context: InstallContext
) -> None:
    assert default_context(kind) is context


def test_a_per_user_package_is_installed_for_the_user_unless_forced() -> None:
    per_user = replace(PACKAGE, properties=MappingProxyType({}))
    app = app_of(per_user, file_name="agent.msi", sha256="ab" * 32, size=1)
    assert app.install_context is InstallContext.USER
    forced = replace(app, install_context=InstallContext.DEVICE)
    assert _app_problems(forced) == ["installContext"]
    for command_line in ("/quiet ALLUSERS=1", 'allusers="1" /quiet', "ALLUSERS=1"):
        check_app(replace(forced, command_line=command_line))
    for command_line in ("/quiet ALLUSERS=10", "/quiet XALLUSERS=1", "/quiet ALLUSERS=2"):
        assert _app_problems(replace(forced, command_line=command_line)) == ["installContext"]


def test_a_machine_package_is_not_installed_for_a_user() -> None:
    assert _app_problems(_app(install_context=InstallContext.USER)) == ["installContext"]
    check_app(_app(install_context=InstallContext.USER, package_type=PackageType.DUAL_PURPOSE))
    check_app(_app(install_context=InstallContext.DEVICE, package_type=PackageType.DUAL_PURPOSE))


@pytest.mark.parametrize("version", ["1", "1.2", "1.2.3", "255.255.65535.1"])
def test_versions(version: str) -> None:
    check_app(_app(product_version=version))


@pytest.mark.parametrize(
    "changes, where",
    [
        ({"product_code": "11111111-2222-3333-4444-555555555555"}, "productCode"),
        ({"product_code": "{11111111-2222-3333-4444-55555555555a}"}, "productCode"),
        ({"product_code": "{11111111-2222-3333-4444-555555555555}\n"}, "productCode"),
        ({"product_version": ""}, "productVersion"),
        ({"product_version": "1.2.3.4.5"}, "productVersion"),
        ({"product_version": "1.2-beta"}, "productVersion"),
        ({"product_version": "123456"}, "productVersion"),
        ({"sha256": "AB" * 32}, "content"),
        ({"sha256": "ab" * 31}, "content"),
        ({"size": 0}, "content"),
        ({"file_name": ""}, "fileName"),
        ({"file_name": "a/b.msi"}, "fileName"),
        ({"file_name": "a\\b.msi"}, "fileName"),
        ({"file_name": "a\nb.msi"}, "fileName"),
        ({"file_name": "x" * 256}, "fileName"),
        ({"command_line": "x" * 1_025}, "commandLine"),
        ({"command_line": "/quiet\n/x"}, "commandLine"),
    ],
)
def test_unfit_apps(changes: dict[str, object], where: str) -> None:
    assert _app_problems(_app(**changes)) == [where]


def test_the_longest_fit_texts() -> None:
    check_app(_app(file_name="x" * 255, command_line="x" * 1_024))
    check_app(_app(command_line=""))


def test_an_unfit_upload_is_refused_with_every_problem() -> None:
    with pytest.raises(Invalid) as refused:
        app_of(PACKAGE, file_name="", sha256="", size=0)
    assert [detail.where for detail in refused.value.details] == ["content", "fileName"]


# --- bodies -------------------------------------------------------------------------------------------------


def test_kinds_and_contents_of_bodies() -> None:
    bodies = {
        Kind.POLICY: PolicyBody((OmaSetting("./Vendor/MSFT/X", Format.INT, "1", "One", "First"),)),
        Kind.CERTIFICATE: read_certificate(PEM, CertificateStore.ROOT),
        Kind.WIFI: read_wlan_profile(_wlan()),
        Kind.APP: _app(),
    }
    for kind, body in bodies.items():
        assert kind_of(body) is kind  # type: ignore[arg-type]
        assert content_of(body) == ("ab" * 32 if kind is Kind.APP else None)  # type: ignore[arg-type]
        assert body_from_json(kind, body_to_json(body)) == body  # type: ignore[arg-type]
