"""roadtx, from the package index and unchanged, signs in, joins and deletes devices at a real server.

It has Microsoft's host names built in, so server and client stand in a lab (`lab`).
"""

from __future__ import annotations

import datetime
import itertools
import shlex
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from tests.clients.blackbox import jws
from tests.clients.blackbox.errors import Refused
from tests.clients.blackbox.joining import accepted, new_key
from tests.clients.blackbox.signing import BROKER, DRS, MDM, Person
from tests.clients.lab import DEVICE_CODE, Lab, Roadtx, lab
from tests.support.command_line import quick_program
from tests.support.environments import environment
from tests.support.processes import ROOT, clean_environment

_PAGE = ROOT / "docs" / "operator" / "lab.md"
_PINNED = Path(__file__).with_name("roadtx.txt")
_DAY = datetime.timedelta(days=1)
_TENANT_ID = x509.ObjectIdentifier("1.2.840.113556.1.5.284.5")
_USER_ID = x509.ObjectIdentifier("1.2.840.113556.1.5.284.3")
_names = (f"rtx-{number}" for number in itertools.count(1))


@pytest.fixture(scope="module")
def programs() -> Path:
    """Where roadtx is, in an environment of its own."""
    return environment(_PINNED)


@pytest.fixture(scope="module")
def place(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One lab for all; tests are inside."""
    with lab(tmp_path_factory.mktemp("lab")) as opened:
        yield opened


@pytest.fixture(scope="module")
def program(programs: Path, place: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """roadtx in the lab. It takes seconds to read its own code; that is done once for most tests."""
    folder, python = tmp_path_factory.mktemp("roadtx"), programs / "python"
    environment = clean_environment(HOME=str(folder))
    with quick_program(
        folder, environment, entry="roadtools.roadtx.main:main", python=python, first=()
    ) as quick:
        yield quick


@pytest.fixture
def roadtx(program: Path, place: Lab, tmp_path: Path) -> Roadtx:
    """The program in a folder where nobody has signed in."""
    return Roadtx(program, tmp_path, place.roots)


@pytest.fixture
def anna(place: Lab, roadtx: Roadtx) -> Roadtx:
    """The program after Anna has signed in for device registration."""
    assert roadtx.redeem(place.code(place.office.person("anna"), DRS)).code == 0
    return roadtx


def _certificate(roadtx: Roadtx, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((roadtx.folder / f"{name}.pem").read_bytes())


def _joined(roadtx: Roadtx, action: str = "join", name: str = "") -> tuple[str, str]:
    """The name under which a device was joined, and its device id."""
    name = name or next(_names)
    said = roadtx.device(action, name)
    assert f"Saved device certificate to {name}.pem" in said, said
    device_id = _device_id(_certificate(roadtx, name))
    assert f"Device ID: {device_id}" in said
    return name, device_id


def _device_id(certificate: x509.Certificate) -> str:
    """The one name that a device certificate bears."""
    (name,) = certificate.subject
    return str(name.value)


# --- signing in ---------------------------------------------------------------------------------------------


def test_roadtx_signs_in_with_the_code_of_the_page(place: Lab, roadtx: Roadtx) -> None:
    person = place.office.person("anna")

    said = roadtx.redeem(place.code(person, DRS))

    assert said.code == 0, said
    claims = jws.claims_of(roadtx.tokens["accessToken"])
    assert claims["upn"] == person.upn
    assert claims["aud"] == DRS
    assert claims["appid"] == BROKER
    assert claims["tid"] == roadtx.tokens["tenantId"]
    assert "deviceid" not in claims


@pytest.mark.slow
@pytest.mark.parametrize("yes", [True, False], ids=["yes", "no"])
def test_roadtx_signs_in_with_a_device_code(place: Lab, roadtx: Roadtx, yes: bool) -> None:
    """Its user types the code in a browser, signs in there, and says yes; or no."""
    person = place.office.person("anna")

    said = roadtx.by_device_code(place.answering(person, yes=yes), *DEVICE_CODE)

    if yes:
        assert said.code == 0, said
        assert jws.claims_of(roadtx.tokens["accessToken"])["upn"] == person.upn
        _joined(roadtx)
    else:
        assert "declined" in said
        assert not (roadtx.folder / ".roadtools_auth").exists()


def test_roadtx_gets_tokens_for_a_refresh_token(anna: Roadtx) -> None:
    """The broker's refresh token is good for another service, and is followed by the next."""
    before = anna.tokens

    said = anna("gettokens", "--refresh-token", "file", "-c", "broker", "-r", MDM)

    assert said.code == 0, said
    claims = jws.claims_of(anna.tokens["accessToken"])
    assert claims["aud"] == MDM
    assert claims["oid"] == jws.claims_of(before["accessToken"])["oid"]
    assert anna.tokens["refreshToken"] != before["refreshToken"]


def test_with_a_wrong_password_the_page_gives_no_code(place: Lab) -> None:
    person = place.office.person("ben")

    with pytest.raises(Refused):
        place.code(Person(person.upn, person.password + "!"), DRS)

    refused = place.events("user.sign_in_refused")[-1]
    assert refused["payload"]["error"] == "AADSTS50126"


def test_a_code_is_worth_nothing_to_whoever_has_no_verifier(place: Lab, roadtx: Roadtx) -> None:
    code = place.code(place.office.person("anna"), DRS)

    said = roadtx.redeem(code, verifier="x" * 43)

    assert "AADSTS501481" in said
    assert not (roadtx.folder / ".roadtools_auth").exists()


@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
def test_passwords_are_taken_on_the_page_alone(place: Lab, roadtx: Roadtx, right: bool) -> None:
    """There is no password grant; the answer is the same for every password."""
    person = place.office.person("anna")
    password = person.password if right else "wrong"

    said = roadtx("gettokens", "-c", "broker", "-r", "devicereg", "-u", person.upn, "-p", password)

    assert "AADSTS70003" in said
    assert not (roadtx.folder / ".roadtools_auth").exists()


# --- joining ------------------------------------------------------------------------------------------------


def test_roadtx_joins_a_device_and_deletes_it(place: Lab, anna: Roadtx, programs: Path) -> None:
    anna = replace(anna, program=programs / "roadtx")  # from nothing
    person, user_id = place.office.person("anna"), jws.claims_of(anna.tokens["accessToken"])["oid"]

    name, device_id = _joined(anna)

    device = place.devices[device_id]
    assert device["displayName"] == name
    assert device["trustType"] == "AzureAd"
    assert device["accountEnabled"]
    joined = place.events("device.joined")[-1]
    assert joined["subject"]["id"] == device["id"]
    assert joined["actor"] == f"user:{user_id}"
    assert joined["payload"]["upn"] == person.upn
    issued = place.events("device.certificate_issued")[-1]
    certificate = _certificate(anna, name)
    assert issued["subject"]["id"] == device["id"]
    assert issued["payload"]["thumbprint"] == certificate.fingerprint(hashes.SHA256()).hex()

    deleted = anna.device("delete", name)

    assert "Device was deleted" in deleted
    assert device_id not in place.devices
    left = place.events("device.left")[-1]
    assert left["subject"]["id"] == device["id"]
    assert left["actor"] == f"device:{device_id}"
    assert not left["payload"]["kept"]


def test_the_certificate_names_the_device_and_leads_to_the_device_authority(place: Lab, anna: Roadtx) -> None:
    claims = jws.claims_of(anna.tokens["accessToken"])

    name, device_id = _joined(anna)

    certificate = _certificate(anna, name)
    key = load_pem_private_key((anna.folder / f"{name}.key").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert accepted(key, certificate, anna.folder).device_id == uuid.UUID(device_id)
    assert _guid(certificate, _TENANT_ID) == uuid.UUID(claims["tid"])
    assert _guid(certificate, _USER_ID) == uuid.UUID(claims["oid"])
    authorities = place.device_authorities
    issuer = _issuer(certificate, authorities)
    root = _issuer(issuer, authorities)
    assert root == _issuer(root, authorities) != issuer
    assert root.subject.rfc4514_string().startswith("CN=Reseal device ")


def _guid(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> uuid.UUID:
    extension = certificate.extensions.get_extension_for_oid(oid).value
    return uuid.UUID(bytes_le=extension.public_bytes()[-16:])


def _issuer(certificate: x509.Certificate, authorities: list[x509.Certificate]) -> x509.Certificate:
    (found,) = (each for each in authorities if each.subject == certificate.issuer)
    certificate.verify_directly_issued_by(found)
    return found


def test_two_joins_are_two_devices_even_of_one_name(place: Lab, anna: Roadtx) -> None:
    """roadtx makes a key for each join, so nothing says that it is the same device."""
    name, first = _joined(anna)
    for kind in ("pem", "key"):
        (anna.folder / f"{name}.{kind}").rename(anna.folder / f"kept.{kind}")
    _, second = _joined(anna, name=name)

    assert first != second
    assert {place.devices[each]["displayName"] for each in (first, second)} == {name}
    assert "Device was deleted" in anna.device("delete", name)
    assert {first, second} & place.devices.keys() == {first}
    assert "Device was deleted" in anna.device("delete", "kept")
    assert first not in place.devices


def test_roadtx_registers_a_device_of_ones_own(place: Lab, anna: Roadtx) -> None:
    _, device_id = _joined(anna, "register")

    assert place.devices[device_id]["trustType"] == "Workplace"


@pytest.mark.parametrize("kind", ["MacOS", "macos14", "Android"])
def test_roadtx_joins_as_other_systems_do(place: Lab, anna: Roadtx, kind: str) -> None:
    """They send their keys in other shapes; macOS 14 a certificate request for a key on a curve."""
    name = next(_names)

    assert "Saved device certificate" in anna.device("register", name, "--device-type", kind)

    assert place.devices[_device_id(_certificate(anna, name))]["displayName"] == name


_REFUSALS = {
    "nobody": ({"joinAllowed": "none"}, "AuthorizationError"),
    "quota": ({"userDeviceQuota": 1}, "DeviceQuotaExceeded"),
}


@pytest.mark.parametrize("settings, kind", _REFUSALS.values(), ids=_REFUSALS)
def test_who_may_not_join_is_told_why(
    place: Lab, roadtx: Roadtx, settings: dict[str, object], kind: str
) -> None:
    assert roadtx.redeem(place.code(place.office.person("cora"), DRS)).code == 0
    _joined(roadtx)
    before = place.devices.keys()
    place.office.apply({"reseal": 1, "settings": settings})
    try:
        said = roadtx.device("join", "one-more")
    finally:
        place.office.apply({"reseal": 1, "settings": {"joinAllowed": "all", "userDeviceQuota": 50}})

    assert "Error registering device!" in said
    assert f"'ErrorType': '{kind}'" in said
    assert "801c0003" in said
    assert place.devices.keys() == before
    refused = place.events("device.join_refused")[-1]["payload"]
    assert refused["code"].lower() == "0x801c0003"
    assert refused["error_type"] == kind


@pytest.mark.slow
def test_what_the_operators_page_says(place: Lab, roadtx: Roadtx) -> None:
    """Its commands as they stand there, one after the other."""
    lines = [line.strip() for line in _PAGE.read_text().splitlines() if line.startswith("    roadtx ")]
    (_, *sign_in), *commands = (shlex.split(line) for line in lines)

    anna = place.answering(place.office.person("anna"))

    assert roadtx.by_device_code(anna, *sign_in).code == 0
    joined, deleted = (roadtx(*arguments) for _, *arguments in commands)

    assert "Saved device certificate" in joined
    assert "Device was deleted" in deleted


# --- deleting -----------------------------------------------------------------------------------------------


def test_a_certificate_counts_until_its_device_is_deleted(place: Lab, anna: Roadtx) -> None:
    name, _ = _joined(anna)
    assert "Device was deleted" in anna.device("delete", name)

    again = anna.device("delete", name)

    assert "Error deleting device" in again
    assert "AuthenticationError" in again


def test_a_certificate_of_ones_own_making_deletes_nothing(place: Lab, anna: Roadtx) -> None:
    """It bears the device's id, and no authority of the server's has signed it."""
    _, device_id = _joined(anna)
    _forge(anna.folder, "forged", device_id)

    said = anna.device("delete", "forged")

    assert said.code != 0
    assert "Device was deleted" not in said
    assert device_id in place.devices


def _forge(folder: Path, name: str, device_id: str) -> None:
    key = new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device_id)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    now = datetime.datetime.now(datetime.UTC)
    signed = builder.not_valid_before(now - _DAY).not_valid_after(now + _DAY).sign(key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(signed.public_bytes(Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )


def test_a_joined_device_asks_for_tokens_without_a_user(place: Lab, anna: Roadtx) -> None:
    """By its certificate, as long as it is in the directory."""
    tenant = anna.tokens["tenantId"]
    name, device_id = _joined(anna)
    files = ("-c", f"{name}.pem", "-k", f"{name}.key")
    ask = ("deviceauth", "--client", "broker", "-r", MDM, "-t", tenant, *files)

    said = anna(*ask)

    assert said.code == 0, said
    claims = jws.claims_of(anna.tokens["accessToken"])
    assert claims["deviceid"] == device_id
    assert claims["aud"] == MDM
    assert "upn" not in claims
    assert "Device was deleted" in anna.device("delete", name)
    assert "AADSTS50155" in anna(*ask)
