"""What a server refuses before it knows who speaks: documents, lengths, certificates, names."""

from __future__ import annotations

import datetime
import http.client
import re
import shutil
import ssl
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.clients.blackbox import enrolment, syncml
from tests.clients.blackbox.device import Device, Place
from tests.clients.blackbox.enrolment import DISCOVER, GET_POLICIES, REQUEST_TOKEN, envelope, fault_of
from tests.clients.blackbox.errors import Refused
from tests.clients.blackbox.joining import new_key, write_pem
from tests.clients.blackbox.session import Login, Session
from tests.clients.blackbox.signing import Directory
from tests.clients.blackbox.web import Reply
from tests.clients.office import NORTHWIND, Office, enrolled
from tests.support.processes import server, server_from_nothing
from tests.support.system_parts import miss

SOAP = [
    ("/EnrollmentServer/Discovery.svc", DISCOVER),
    ("/EnrollmentServer/Policy.svc", GET_POLICIES),
    ("/EnrollmentServer/Enrollment.svc", REQUEST_TOKEN),
]
SESSIONS = "/ManagementServer/MDM.svc"


# --- documents ----------------------------------------------------------------------------------------------

LAUGHS = "".join(
    f'<!ENTITY l{level} "{"".join(f"&l{level - 1};" for _ in range(10))}">' for level in range(1, 10)
)
DTDS = {
    "billion laughs": (f'<!DOCTYPE d [<!ENTITY l0 "haha">{LAUGHS}]>', "&l9;"),
    "quadratic": (f'<!DOCTYPE d [<!ENTITY q "{"q" * 50_000}">]>', "&q;" * 15_000),
    "external entity": ('<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"),
    "external subset": ('<!DOCTYPE d SYSTEM "https://localhost:1/x.dtd">', ""),
    "empty": ("<!DOCTYPE d []>", ""),
}
every_dtd = pytest.mark.parametrize("dtd", DTDS)


@pytest.fixture
def flat(headquarters: Office) -> Iterator[None]:
    """The server neither grows nor works much meanwhile."""
    status = Path(f"/proc/{headquarters.ready['pid']}/status")

    def peak() -> int:
        return int(re.findall(r"VmHWM:\s+(\d+)", status.read_text())[0])

    before, began = peak(), time.monotonic()
    yield
    assert peak() - before < 64 * 1024, "the server's memory grew by more than 64 MB"
    assert time.monotonic() - began < 20


@every_dtd
@pytest.mark.usefixtures("flat")
@pytest.mark.parametrize("path, action", SOAP, ids=[path for path, _ in SOAP])
def test_a_request_with_a_dtd_is_refused(headquarters: Office, path: str, action: str, dtd: str) -> None:
    declared, used = DTDS[dtd]
    url = headquarters.ready["device_url"] + path
    body = f'<?xml version="1.0"?>{declared}' + envelope(url, action, f"<x>{used}</x>")
    with headquarters.place.web() as web:
        reply = web.send("POST", url, body.encode(), enrolment.SOAP_HEADERS)
    if reply.status == 200:
        refused = fault_of(ElementTree.fromstring(reply.body))
        assert refused is not None
        assert refused.code == "s:MessageFormat"
    else:
        assert reply.status == 400
    assert b"root:" not in reply.body


@every_dtd
@pytest.mark.usefixtures("flat")
@pytest.mark.parametrize("known", [False, True], ids=["stranger", "managed device"])
def test_a_session_message_with_a_dtd_is_refused(
    headquarters: Office, managed: Device, known: bool, dtd: str
) -> None:
    declared, used = DTDS[dtd]
    url = managed.mdm.provisioned.address
    body = f"<Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Put>{used}</Put>"
    message = syncml.message(body, session="77", number=1, target=url, source="x").decode()
    xml, rest = message.split("\n", 1)
    web = managed.mdm.line.web if known else managed.plain
    reply = web.send("POST", url, f"{xml}{declared}{rest}".encode(), {"Content-Type": syncml.MEDIA_TYPE})
    assert reply.status == 400
    assert b"root:" not in reply.body


# --- lengths ------------------------------------------------------------------------------------------------

XML, JSON, FORM = "text/xml", "application/json", "application/x-www-form-urlencoded"
TENANT, ANY = "{tenant}", "00000000-0000-4000-8000-000000000001"
ROUTES = [
    ("POST", "browser", f"/{TENANT}/oauth2/authorize", FORM),
    ("POST", "browser", f"/{TENANT}/oauth2/v2.0/authorize", FORM),
    *(
        (method, listener, path, kind)
        for listener in ("browser", "device")
        for method, path, kind in (
            ("POST", f"/{TENANT}/oauth2/token", FORM),
            ("POST", f"/{TENANT}/oauth2/v2.0/token", FORM),
            ("POST", "/EnrollmentServer/device/", JSON),
            ("POST", "/EnrollmentServer/Discovery.svc", XML),
            ("POST", "/EnrollmentServer/Policy.svc", XML),
            ("POST", "/EnrollmentServer/Enrollment.svc", XML),
            ("POST", SESSIONS, syncml.MEDIA_TYPE),
            ("POST", "/runtime/v1/profile", JSON),
            ("POST", "/runtime/v1/attestation", JSON),
            ("POST", f"/runtime/v1/attestation/{ANY}", JSON),
            ("POST", "/runtime/v1/join", JSON),
        )
    ),
]


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_a_body_over_the_limit_is_refused_on_every_route(headquarters: Office, chunked: bool) -> None:
    with headquarters.place.web() as web:
        answers = {
            f"{method} {listener} {path}": web.flood(
                method,
                headquarters.ready[f"{listener}_url"] + path.replace(TENANT, headquarters.ready["tenant_id"]),
                8 << 20,
                {"Content-Type": kind},
                chunked=chunked,
            )
            for method, listener, path, kind in ROUTES
        }
    assert {route: status for route, status in answers.items() if status != 413} == {}


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_a_message_of_more_than_a_megabyte_is_refused(
    headquarters: Office, managed: Device, chunked: bool
) -> None:
    url = managed.mdm.provisioned.address
    kind = {"Content-Type": syncml.MEDIA_TYPE}
    for web in (managed.plain, managed.mdm.line.web):
        assert web.flood("POST", url, (1 << 20) + (64 << 10), kind, chunked=chunked) == 413


def test_reports_over_the_limit_are_refused_to_a_device_that_may_report(headquarters: Office) -> None:
    device = headquarters.laptop("RF-0100")
    headquarters.register(device.machine)
    run = device.start()["run"]
    url = f"{headquarters.ready['device_url']}/runtime/v1/reports"
    headers = {"Content-Type": JSON, "Authorization": f"Bearer {run}"}
    for chunked in (False, True):
        assert device.plain.flood("POST", url, 8 << 20, headers, chunked=chunked) == 413


# --- certificates -------------------------------------------------------------------------------------------


def _foreign(folder: Path, like: x509.Certificate, *, signed_by_itself: bool) -> Path:
    """A client certificate of an authority of ours, with the names of a real one."""
    key, authority = new_key(), new_key()
    now = datetime.datetime.now(datetime.UTC)
    issuer = like.subject if signed_by_itself else like.issuer

    def build(subject: x509.Name, public: rsa.RSAPublicKey, *, ca: bool) -> x509.CertificateBuilder:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(like.serial_number)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(usage, critical=False)
        )

    if signed_by_itself:
        own = build(like.subject, key.public_key(), ca=False).sign(key, hashes.SHA256())
        return write_pem(folder / "own.pem", key, own)
    leaf = build(like.subject, key.public_key(), ca=False).sign(authority, hashes.SHA256())
    root = build(issuer, authority.public_key(), ca=True).sign(authority, hashes.SHA256())
    return write_pem(folder / "foreign.pem", key, leaf, root)


@pytest.mark.parametrize("signed_by_itself", [False, True], ids=["foreign authority", "self-signed"])
def test_a_foreign_certificate_ends_the_handshake(
    headquarters: Office, managed: Device, tmp_path: Path, signed_by_itself: bool
) -> None:
    pem = _foreign(tmp_path, managed.mdm.provisioned.certificate, signed_by_itself=signed_by_itself)
    with headquarters.place.web(pem) as web, pytest.raises((ssl.SSLError, ConnectionError)):
        web.get(f"{headquarters.ready['device_url']}/EnrollmentServer/Discovery.svc")


def _opens_no_session(device: Device, pem: Path) -> None:
    """With this certificate, and without a digest, nobody is told to do anything."""
    with device.place.web(pem) as web:
        device.mdm.line.web = web
        with pytest.raises(Refused) as refused:
            Session(device.mdm.line, device.mdm.tree, Login.OTHERS).run()
    assert refused.value.status in {401, 407}


def test_the_certificate_of_the_join_opens_no_session(headquarters: Office) -> None:
    device = enrolled(headquarters, "RF-0101", "ben")
    _opens_no_session(device, device.membership.pem)


def test_a_message_without_any_proof_is_told_nothing(headquarters: Office) -> None:
    device = enrolled(headquarters, "RF-0102", "ben", by_digest=True)
    device.mdm.line.digest = None
    with pytest.raises(Refused) as refused:
        device.sync(Login.OTHERS)
    assert refused.value.status == 407


def test_the_certificate_of_management_takes_no_device_out(headquarters: Office) -> None:
    device = enrolled(headquarters, "RF-0103", "cora")
    url = f"{headquarters.ready['device_url']}/EnrollmentServer/device/{device.membership.device_id}"
    assert device.mdm.line.web.send("DELETE", url).status in {400, 401, 403}
    assert device.plain.send("DELETE", url).status in {400, 401, 403}


def test_a_device_takes_out_no_other(headquarters: Office, managed: Device) -> None:
    device = enrolled(headquarters, "RF-0104", "cora")
    url = f"{headquarters.ready['device_url']}/EnrollmentServer/device/{managed.membership.device_id}"
    with headquarters.place.web(device.membership.pem) as web:
        assert web.send("DELETE", url).status in {400, 401, 403}
    device.leave()


def test_a_certificate_that_expired_counts_no_more(headquarters: Office, tmp_path: Path) -> None:
    """The same server, started again in a time when the certificates of its devices have ended."""
    if shutil.which("cc") is None:
        miss("a C compiler, for a process of another time,", "gcc libc6-dev")
    library = tmp_path / "later.so"
    source = Path(__file__).with_name("later.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    data = tmp_path / "data"
    with server(data) as running:
        ready = running.wait_ready()
        office = Office(running, ready, tmp_path, ready["tenant_domain"], Path(ready["credentials_file"]))
        office.apply(NORTHWIND)
        device = enrolled(office, "RF-0105", "anna")
        device.sync(Login.OTHERS)
        device.close()
        assert running.stop() == 0
    ends = device.mdm.provisioned.certificate.not_valid_after_utc
    with _in_another_time(data, _shifted(library, ends - datetime.timedelta(days=2))) as place:
        assert _is_managed(device, place)
        assert _is_known(device, place, office.domain)
    ends = max(ends, device.membership.certificate.not_valid_after_utc)
    with _in_another_time(data, _shifted(library, ends + datetime.timedelta(days=1))) as place:
        assert not _is_managed(device, place)
        assert not _is_known(device, place, office.domain)
        url = f"{place.device}/EnrollmentServer/device/{device.membership.device_id}?api-version=1.0"
        with place.web(device.membership.pem) as web:
            assert web.send("DELETE", url).status in {400, 401, 403}


def _shifted(library: Path, moment: datetime.datetime) -> dict[str, str]:
    """The environment of a process for which it is another time."""
    shift = moment - datetime.datetime.now(datetime.UTC)
    return {"LD_PRELOAD": str(library), "TIME_SHIFT": str(int(shift.total_seconds()))}


@contextmanager
def _in_another_time(data: Path, settings: dict[str, str]) -> Iterator[Place]:
    """The server, for which it is another year than for us."""
    with server_from_nothing(data, **settings) as running:
        ready = running.wait_ready()
        place = Place(ready["browser_url"], ready["device_url"], Path(ready["ca_file"]), ageless=True)
        with place.web() as web:
            year = _year(web.get(f"{place.device}/EnrollmentServer/Discovery.svc"))
            assert year > datetime.datetime.now(datetime.UTC).year
        yield place
        assert running.stop() == 0


def _is_managed(device: Device, place: Place) -> bool:
    """Whether a session is held with the certificate of management."""
    with place.web(device.folder / "mdm.pem") as web:
        device.mdm.line.web = web
        try:
            device.sync(Login.OTHERS)
        except (Refused, ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
            return False
    return True


def _is_known(device: Device, place: Place, domain: str) -> bool:
    """Whether the certificate of the join gets a token."""
    with place.web() as web:
        directory = Directory.found(web, place.browser, domain)
        try:
            directory.device_token(device.membership.proof)
        except Refused:
            return False
    return True


def _year(reply: Reply) -> int:
    return int(reply.header("Date").split()[3])


# --- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["elsewhere.example", "localhost.elsewhere.example", "localhost:1", "[::2]", ""]
)
def test_a_request_for_another_host_is_misdirected(headquarters: Office, host: str) -> None:
    tenant = headquarters.ready["tenant_id"]
    paths = [
        ("GET", "/EnrollmentServer/Discovery.svc"),
        ("POST", SESSIONS),
        ("GET", f"/{tenant}/Discover"),
        ("GET", f"/{tenant}/.well-known/openid-configuration"),
        ("POST", f"/{tenant}/oauth2/token"),
        ("POST", "/runtime/v1/profile"),
        ("GET", f"/no/such/path/{uuid.uuid4()}"),
    ]
    with headquarters.place.web() as web:
        answers = {
            f"{listener} {path}": web.send(
                method, headquarters.ready[f"{listener}_url"] + path, headers={"Host": host}
            ).status
            for listener in ("browser", "device")
            for method, path in paths
        }
    wanted = {421} if host else {400, 421}
    assert {route: status for route, status in answers.items() if status not in wanted} == {}


# --- return addresses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "appru",
    [
        "https://elsewhere.example/",
        "javascript:alert(document.domain)",
        'ms-app://x"><script>alert(1)</script>',
        "ms-appx-web://x",
        "data:text/html,<form>",
        "",
    ],
)
def test_no_token_is_handed_to_an_address_that_is_no_apps(headquarters: Office, appru: str) -> None:
    """The sign-in page of MS-MDE2 posts a token to `appru`. For one of these nobody is asked to sign in, and
    it is not repeated. Where devices connect there is no page at all.
    """
    with headquarters.place.web() as web:
        discovery = f"{headquarters.ready['device_url']}/EnrollmentServer/Discovery.svc"
        found = enrolment.Enroller(web).discover(discovery, f"anna@{headquarters.domain}")
        assert found.authentication == f"{headquarters.ready['browser_url']}/EnrollmentServer/Authenticate"
        query = urlencode({"appru": appru, "login_hint": f"anna@{headquarters.domain}"})
        for listener, status in (("browser", 400), ("device", 404)):
            page = web.get(f"{headquarters.ready[f'{listener}_url']}/EnrollmentServer/Authenticate?{query}")
            assert page.status == status
            assert not page.header("Location")
            assert not appru or appru.encode() not in page.body
            assert b"wresult" not in page.body
