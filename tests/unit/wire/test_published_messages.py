"""Messages that we did not write are read as their authors meant them (spec/mdm-wire.md 7.1)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from reseal.mdm.sessions.reports import read_report
from reseal.wire.csp import CspError, LocURI, Scope, read_job
from reseal.wire.enrolment.discovery import Discover, DiscoverResponse, read_discover, read_discover_response
from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.enrolment.faults import FaultReceived, Hresult, expect
from reseal.wire.enrolment.handback import FIELD, hand_back
from reseal.wire.enrolment.names import (
    Action,
    AuthPolicy,
    EnrollmentType,
    ProtocolVersion,
    RequestType,
    ValueType,
)
from reseal.wire.enrolment.policy import (
    CertificatePolicy,
    GetPolicies,
    read_get_policies,
    read_get_policies_response,
)
from reseal.wire.enrolment.provisioning import StoreScope, thumbprint
from reseal.wire.enrolment.provisioning_reading import read_provisioning
from reseal.wire.enrolment.request import ContextName, read_request
from reseal.wire.enrolment.response import read_response
from reseal.wire.enrolment.security import Timestamp, UsernameToken, read_security
from reseal.wire.enrolment.soap import read_envelope
from reseal.wire.syncml import (
    Add,
    Alert,
    AlertType,
    Delete,
    Exec,
    Get,
    LoginStatus,
    Malformed,
    Replace,
    Status,
    SyncmlError,
    SyncType,
    XmlContent,
    read_command,
    read_message,
)
from reseal.wire.xml import XmlError
from tests.support.published import (
    LETTER_CASE,
    SPELLINGS,
    asking,
    framed,
    proven,
    published,
    typed_anew,
    windows_request,
)

V3 = ProtocolVersion(3)
SERVICE = "https://enrolltest.contoso.com/ENROLLMENTSERVER/DEVICEENROLLMENTWEBSERVICE.SVC"
SAMPLE_TOKEN = base64.b64decode("B64EncodedSampleBinarySecurityToken=")


# --- discovery


@pytest.mark.parametrize(
    "message, said",
    [
        (
            "federated_discover.xml",
            Discover(
                email_address="user@contoso.com",
                request_version=V3,
                device_type="WindowsPhone",
                application_version="10.0.0.0",
                os_edition=3,
                auth_policies=(AuthPolicy.ON_PREMISE, AuthPolicy.FEDERATED),
            ),
        ),
        (
            "onpremise_discover.xml",
            Discover(
                email_address="user@contoso.com",
                request_version=V3,
                device_type="WindowsPhone",
                application_version="10.0.0.0",
                os_edition=3,
                auth_policies=(AuthPolicy.ON_PREMISE,),
            ),
        ),
        (
            "certificate_discover.xml",
            Discover(
                email_address="user@contoso.com",
                request_version=V3,
                application_version="10.0.0.0",
                os_edition=101,
                os_version="10.0.0.0",
                auth_policies=(AuthPolicy.CERTIFICATE,),
            ),
        ),
    ],
)
def test_mdm_wire_004_published_discovers_say_what_they_say(message: str, said: Discover) -> None:
    envelope = read_envelope(published(message))
    assert read_discover(envelope) == said
    header = envelope.header
    assert header.action == Action.DISCOVER
    assert header.message_id == "urn:uuid: 748132ec-a575-4329-b01b-6171a9cf8478"
    assert header.to == "https://ENROLLTEST.CONTOSO.COM/EnrollmentServer/Discovery.svc"


@pytest.mark.parametrize(
    "message, policy, page",
    [
        (
            "federated_discover_response.xml",
            "Federated",
            "https://portal.manage.contoso.com/LoginRedirect.aspx",
        ),
        ("onpremise_discover_response.xml", "OnPremise", ""),
        ("certificate_discover_response.xml", "Certificate", ""),
    ],
)
def test_published_answers_to_a_discover(message: str, policy: str, page: str) -> None:
    envelope = read_envelope(published(message))
    assert read_discover_response(envelope) == DiscoverResponse(
        auth_policy=AuthPolicy(policy),
        enrollment_version=V3,
        enrollment_url=SERVICE,
        policy_url=SERVICE,
        authentication_url=page,
    )
    assert envelope.header.activity_id == "d9eb2fdd-e38a-46ee-bd93-aea9dc86a3b8"


class _Form(HTMLParser):
    """The one form of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"form", "input"}:
            self.found.append((tag, dict(attrs)))


def test_the_published_page_hands_a_token_back_as_ours_does() -> None:
    (_, form), (_, hidden), _ = _Form(published("federated_sign_in_page.html").decode()).found
    ours = hand_back("ms-app://appid", "token value")
    assert (form["method"], form["action"]) == (ours.method, ours.target)
    assert [(hidden["name"], hidden["value"])] == list(ours.fields)
    assert hidden["name"] == FIELD


# --- the policy


def test_published_questions_for_the_policy() -> None:
    token = read_security(read_envelope(published("federated_get_policies.xml"))).token
    assert token is not None
    assert (token.value_type, token.data) == (ValueType.USER_TOKEN, SAMPLE_TOKEN)
    named = read_security(read_envelope(published("onpremise_get_policies.xml"))).username_token
    assert named == UsernameToken(username="user@contoso.com", password="mypassword")
    for name in ("federated_get_policies.xml", "onpremise_get_policies.xml"):
        assert read_get_policies(read_envelope(published(name))) == GetPolicies()
    tpm = read_get_policies(read_envelope(typed_anew("fleet_get_policies.xml")))
    assert tpm == GetPolicies(tpm_manufacturer="INTC", tpm_firmware_version="500.16.0.0")


def test_published_policies() -> None:
    federated = read_get_policies_response(read_envelope(published("federated_get_policies_response.xml")))
    assert federated == CertificatePolicy(
        name="CEPUnitTest",
        key_bits=2048,
        hash_algorithm="1.3.14.3.2.29",
        crypto_providers=(),
        validity=timedelta(days=14),
        renewal=timedelta(days=2),
    )
    certificate = read_get_policies_response(
        read_envelope(published("certificate_get_policies_response.xml"))
    )
    nothing = timedelta(0)
    assert certificate == replace(federated, name="", validity=nothing, renewal=nothing)


# --- enrolment


CONTEXT = (
    ("OSEdition", " 4"),
    ("OSVersion", "10.0.9999.0"),
    ("DeviceName", "MY_WINDOWS_DEVICE"),
    ("MAC", "FF:FF:FF:FF:FF:FF"),
    ("MAC", "CC:CC:CC:CC:CC:CC"),
    ("IMEI", "49015420323756"),
    ("IMEI", "30215420323756"),
    ("EnrollmentType", "Full"),
    ("DeviceType", "CIMClient_Windows"),
    ("ApplicationVersion", "10.0.9999.0"),
    ("DeviceID", "7BA748C8-703E-4DF2-A74A-92984117346A"),
    ("TargetedUserLoggedIn", "True"),
)
UNCLOSED = b"<ac:Value>CC:CC:CC:CC:CC:CC</ac:Value>\n"


def test_mdm_wire_023_the_published_request_of_a_user_keeps_what_repeats() -> None:
    request = read_request(
        read_envelope(asking(published("onpremise_request_security_token.xml"), windows_request()))
    )
    assert (request.request_type, request.value_type) == (RequestType.ISSUE, ValueType.PKCS10)
    context = request.context
    assert context.items == CONTEXT
    assert context.number(ContextName.OS_EDITION) == 4
    assert context.flag(ContextName.TARGETED_USER_LOGGED_IN) is True
    assert context.enrollment_type is EnrollmentType.FULL
    assert context.device_id == "7ba748c8-703e-4df2-a74a-92984117346a"
    assert not context.in_oobe


def test_mdm_wire_023_so_does_the_published_federated_request_once_its_element_is_closed() -> None:
    message = published("federated_request_security_token.xml")
    assert message.count(UNCLOSED) == 1
    closed = message.replace(UNCLOSED, UNCLOSED + b"</ac:ContextItem>")
    request = read_request(read_envelope(asking(closed, windows_request())))
    assert request.context.items == CONTEXT
    token = read_security(read_envelope(closed)).token
    assert token is not None
    assert (token.value_type, token.data) == (ValueType.USER_TOKEN, SAMPLE_TOKEN)


def test_published_requests_have_no_request_in_them() -> None:
    for name in ("onpremise_request_security_token.xml", "renewal_request_security_token.xml"):
        with pytest.raises(EnrolmentError) as caught:
            read_request(read_envelope(published(name)))
        assert caught.value.code == "CertificateRequest"


def test_the_published_request_of_a_user_has_no_blanks_in_its_password() -> None:
    named = read_security(read_envelope(published("onpremise_request_security_token.xml"))).username_token
    assert named == UsernameToken(username="user@contoso.com", password="mypassword")


def test_mdm_wire_044_the_published_renewal() -> None:
    message = published("renewal_request_security_token.xml")
    security = read_security(read_envelope(message))
    assert security.username_token == UsernameToken(username="user@contoso.com", password="")
    assert security.timestamp == Timestamp(
        created=datetime(2011, 7, 11, 19, 49, 8, 579_000, tzinfo=UTC),
        expires=datetime(2011, 7, 11, 19, 54, 8, 579_000, tzinfo=UTC),
    )
    request = read_request(read_envelope(asking(message, windows_request())))
    assert (request.request_type, request.value_type) == (RequestType.RENEW, ValueType.PKCS7)
    assert request.context.items == (("DeviceType", "WindowsPhone"), ("ApplicationVersion", "5.0.7616.0"))


@pytest.mark.parametrize("page", ["federated", "onpremise", "certificate"])
def test_published_answers_to_a_request_are_read_although_their_envelope_is_older(page: str) -> None:
    envelope = read_envelope(published(f"{page}_request_security_token_response.xml"))
    assert read_response(envelope).document == SAMPLE_TOKEN
    assert read_response(envelope).request_id == "0"
    assert envelope.header.action == Action.REQUEST_TOKEN_RESPONSE
    assert envelope.header.relates_to == "urn:uuid:81a5419a-496b-474f-a627-5cdd33eed8ab"


@pytest.mark.parametrize(
    "message, hresult, reason, trace_id",
    [
        (
            "fault.xml",
            Hresult.MENROLL_E_DEVICE_AUTHORIZATION_ERROR,
            "This User is not authorized to enroll",
            "",
        ),
        (
            "fault_with_detail.xml",
            Hresult.MENROLL_E_DEVICECAPREACHED,
            "device cap reached",
            "2493ee37-beeb-4cb9-833c-cadde9067645",
        ),
    ],
)
@pytest.mark.parametrize("spelling", sorted(SPELLINGS | LETTER_CASE))
def test_mdm_wire_030_published_faults_in_lower_case(
    message: str, hresult: Hresult, reason: str, trace_id: str, spelling: str
) -> None:
    envelope = read_envelope((SPELLINGS | LETTER_CASE)[spelling](published(message)))
    assert envelope.header.relates_to == "urn:uuid:urn:uuid:0d5a1441-5891-453b-becf-a2e5f6ea3749"
    with pytest.raises(FaultReceived) as received:
        expect(envelope, "RequestSecurityTokenResponseCollection")
    fault = received.value.fault
    assert (fault.hresult, fault.reason, fault.trace_id) == (hresult, reason, trace_id)


# --- provisioning documents


ROOT, CLIENT = b"der of a root", b"der of a certificate"


def filled(document: bytes) -> bytes:
    """A published document with certificates and a nonce where it says that they are to be put."""
    text = document.decode()
    for name in ("B64 encoded cert insert here", "EncodedCertInsertedHere"):
        text = text.replace(f'value="{name}"', f'value="{base64.b64encode(ROOT).decode()}"', 1)
    for name in ("B64EncodedCertInsertedHere", "EncodedCertInsertedHere"):
        text = text.replace(f'value="{name}"', f'value="{base64.b64encode(CLIENT).decode()}"')
    for name in ("031336C933CC7E228B88880D78824FB2909A0A2F", "EncodedRootCertHashInsertedHere "):
        text = text.replace(name, thumbprint(ROOT))
    for name in ("F9A4F20FC50D990FDD0E3DB9AFCBF401818D5462", "EncodedClientCertHashInsertedHere"):
        text = text.replace(name, thumbprint(CLIENT))
    text = text.replace("Encoded Root Cert Hash Inserted Here", thumbprint(ROOT), 1)
    text = text.replace("Encoded Root Cert Hash Inserted Here", thumbprint(CLIENT))
    return text.replace("B64encodedBinaryNonceInsertedHere", base64.b64encode(b"nonce").decode()).encode()


@pytest.mark.parametrize(
    "page, upn",
    [("federated", "UserPrincipalName@contoso.com"), ("onpremise", ""), ("certificate", "UserPrincipalName")],
)
def test_mdm_wire_094_published_documents_lead_a_device(page: str, upn: str) -> None:
    text = published(f"{page}_provisioning.xml").replace(b"<!-If", b"<!--If")
    document = read_provisioning(filled(text))
    assert document.provider_id == "TestMDMServer"
    assert (document.certificates.root, document.certificates.client) == (ROOT, CLIENT)
    assert document.certificates.scope is StoreScope.USER
    renewal = document.certificates.renewal
    assert renewal is not None
    assert (renewal.automatic, renewal.period, renewal.retry) == (True, timedelta(days=60), timedelta(days=4))
    account = document.application
    assert account is not None
    assert account.address == "https://DM.contoso.com:443/omadm/Windows.ashx"
    assert (account.retries, account.initial_backoff, account.older_protocol) == (
        6,
        timedelta(seconds=30),
        False,
    )
    search = account.certificate_search
    assert search is not None
    assert search.subject == "DC=com,DC=microsoft,CN=Users,CN=Administrator", "though it is escaped twice"
    assert account.server_credentials.nonce == b"nonce"
    device = account.device_credentials
    assert (device.type.value, device.name, device.secret) == ("BASIC", "testclient", "password2")
    provider = document.provider
    assert provider is not None
    assert (provider.upn, provider.device_name) == (upn, "Administrator_Windows")
    poll = provider.poll
    assert poll is not None
    assert (poll.first.retries, poll.first.interval) == (8, timedelta(minutes=15))
    assert (poll.second.retries, poll.second.interval) == (5, timedelta(minutes=3))
    assert poll.remaining.interval == timedelta(minutes=1560)
    assert poll.on_login


def test_the_published_document_of_a_renewal_has_the_container_inside_the_certificate() -> None:
    document = read_provisioning(filled(published("renewal_provisioning.xml")))
    assert (document.provider_id, document.application, document.provider) == ("TestMDMServer", None, None)
    assert (document.certificates.root, document.certificates.client) == (ROOT, CLIENT)


@pytest.mark.parametrize("page", ["onpremise", "certificate", "renewal"])
def test_a_document_that_is_not_filled_in_is_refused(page: str) -> None:
    with pytest.raises(EnrolmentError):
        read_provisioning(published(f"{page}_provisioning.xml"))


# --- what is not well-formed


@pytest.mark.parametrize(
    "message",
    [
        "certificate_get_policies.xml",
        "certificate_request_security_token.xml",
        "federated_request_security_token.xml",
        "federated_provisioning.xml",
        "syncml_unenrolment_by_user.xml",
        "syncml_replace.fragment.xml",
    ],
)
def test_what_was_published_broken_is_refused_as_no_xml(message: str) -> None:
    for read in (read_envelope, read_provisioning, read_message):
        with pytest.raises(XmlError) as caught:
            read(published(message))
        assert caught.value.code == "NotXml"


# --- sessions


def alert_in(fragment: bytes) -> Alert:
    """The one alert of a fragment, put into a message."""
    (alert,) = read_message(framed(fragment)).commands
    assert isinstance(alert, Alert)
    return alert


def test_published_alerts_tell_who_is_signed_in() -> None:
    for name in ("syncml_login_status.fragment.xml", "syncml_login_status_of_a_join.fragment.xml"):
        alert = alert_in(published(name))
        assert (alert.code, alert.cmd_id, alert.login_status) == (1224, "1", LoginStatus.USER)


def test_the_published_alert_of_a_user_token() -> None:
    alert = alert_in(published("syncml_user_token.fragment.xml"))
    assert alert.type is AlertType.USER_TOKEN
    assert read_report([alert]).token == "UserToken inserted here"


def test_the_type_of_a_session_stands_beside_its_meta() -> None:
    assert alert_in(typed_anew("sync_type.fragment.xml")).sync_type is SyncType.DEVICE


def test_published_messages_of_devices_that_leave() -> None:
    server = alert_in(published("syncml_unenrolment_by_server.fragment.xml"))
    assert (server.code, server.type, server.item.text) == (1226, AlertType.UNENROLLMENT, "1")
    message = read_message(published("syncml_unenrolment_by_user.xml").replace(b"&#39;", b"'"))
    alert, told = message.commands
    assert isinstance(alert, Alert)
    assert isinstance(told, Replace)
    assert (alert.code, alert.type) == (1226, AlertType.UNENROLLMENT), "in whichever namespace it is"
    assert (alert.cmd_id, told.cmd_id) == ("2", "2")
    assert read_report(message.commands).unenrolled
    assert message.header.source == "https://www.thephone-company.com/mgmt-server"


def test_the_published_alert_of_an_installation() -> None:
    alert = alert_in(published("msi_alert.fragment.xml"))
    assert (alert.code, alert.type, alert.item.text) == (1224, AlertType.MSI_INSTALLED, "0")
    assert (alert.item.meta.format, alert.item.meta.mark) == ("int", "informational")
    encoded = "%7BAF9257BA-6BBD-4624-AA9B-0182D50292C3%7D"
    place = f"./Device/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/{encoded}/DownloadInstall"
    assert LocURI.parse(alert.item.source) == LocURI.parse(place)


def test_published_messages_of_a_server() -> None:
    message = read_message(published("syncml_get.xml"))
    assert [(type(command), command.cmd_id) for command in message.commands] == [(Get, "2")]
    assert message.final
    parts = published("syncml_replace.fragment.xml")
    (command,) = read_message(b'<SyncML xmlns="SYNCML:SYNCML1.2">' + parts + b"</SyncML>").commands
    assert isinstance(command, Replace)
    assert command.target == "./Vendor/MSFT/PolicyManager/My/DeviceLock/MinDevicePasswordLength"
    assert (command.item.meta.type, command.item.meta.format, command.item.text) == ("text/plain", "int", "6")


def body_of(name: str) -> bytes:
    """The body of a message that was published without a header."""
    message = published(name)
    start, end = message.index(b"<SyncBody>"), message.index(b"</SyncML>")
    with pytest.raises(SyncmlError) as caught:
        read_message(message)
    assert caught.value.code == "Header"
    return message[start:end]


def test_published_messages_about_packages() -> None:
    base = "./Device/Vendor/MSFT/EnterpriseDesktopAppManagement"
    code = "%7B1803A630-3C38-4D2B-9B9A-0CB37243539C%7D"
    for name, kind, target in (
        ("msi_get_type.xml", Get, f"{base}?prop=Type"),
        ("msi_get.xml", Get, f"{base}/MSI/{code}"),
        ("msi_delete.xml", Delete, f"{base}/MSI/{code}"),
    ):
        (command,) = read_message(framed(body_of(name))).commands
        assert isinstance(command, kind)
        assert (command.cmd_id, command.target) == ("12345", target)
    assert LocURI.parse(f"{base}?prop=Type").query == "prop=Type"


@pytest.mark.parametrize(
    "message, urls, digest",
    [
        (
            "msi_install_for_user.xml",
            ("http://bcl-w2k12r2-vm/testapps/msi/reboot/reboot.msi", "https://dp2.com/packages/myApp.msi"),
            "134D8F1F7C3C036DC3DCDA9F97515C8C7951DB154B73365C9C22962BD23E3EB3",
        ),
        (
            "msi_install_for_device.xml",
            ("http://bcl-w2k12r2-vm/testapps/msi/Orca/Orca.msi", "https://dp2.com/packages/myApp.msi"),
            "4525065777EF18B9444ABF71DD4B48E5F64F4F0E1E029995FB8DA441CDE4296E",
        ),
    ],
)
def test_published_installations(message: str, urls: tuple[str, ...], digest: str) -> None:
    add, start = read_message(framed(body_of(message))).commands
    assert isinstance(add, Add)
    assert isinstance(start, Exec)
    assert isinstance(start.item.data, XmlContent)
    job = read_job(start.item.data)
    assert (job.urls, job.sha256) == (urls, digest)
    assert (job.product_code, job.version) == ("{9BD4F7CD-880A-40B5-B74C-1BEECB51E596}", "1.0.0")
    assert (job.command_line, job.timeout, job.retry_count) == ("/quiet", timedelta(minutes=5), 3)
    assert not job.sends_user_token
    enforcement = published("msi_enforcement.fragment.xml").decode()
    text = start.item.data.text
    end = text.index("</Enforcement>") + len("</Enforcement>")
    with_token = text[: text.index("<Enforcement>")] + enforcement + text[end:]
    assert read_job(with_token).sends_user_token, "as text as well"


def test_mdm_wire_064_the_blank_in_published_addresses_makes_them_none() -> None:
    add, start = read_message(framed(body_of("msi_install_for_device.xml"))).commands
    for command in (add, start):
        assert isinstance(command, Add | Exec)
        with pytest.raises(CspError) as caught:
            LocURI.parse(command.target)
        assert caught.value.code == "LocURI"
        mended = LocURI.parse(command.target.replace("./Device /", "./Device/"))
        assert mended.scope is Scope.DEVICE
    add, start = read_message(framed(body_of("msi_install_for_user.xml"))).commands
    assert isinstance(add, Add)
    assert isinstance(start, Exec)
    assert LocURI.parse(add.target) != LocURI.parse(start.target), "one code lacks a dash: another node"


def test_the_published_answer_of_a_device_is_read_once_it_has_a_header() -> None:
    """It is declared as UTF-16 and is none."""
    for command, name in zip(
        read_message(framed(body_of("msi_response.xml"))).commands, ("SyncHdr", "Add"), strict=True
    ):
        assert isinstance(command, Status)
        assert (command.cmd, command.code, command.msg_ref) == (name, 200, 1)


def test_a_part_of_a_command_is_no_command() -> None:
    assert isinstance(read_command(published("msi_enforcement.fragment.xml")), Malformed)


# --- the same in other words


def _discover(message: bytes) -> object:
    envelope = read_envelope(message)
    return envelope.header, read_discover(envelope)


def _policies(message: bytes) -> object:
    envelope = read_envelope(message)
    return envelope.header, read_security(envelope), read_get_policies(envelope)


def _request(message: bytes) -> object:
    envelope = read_envelope(message)
    request = read_request(envelope)
    said = sorted((name, value.strip()) for name, value in request.context.items)
    return envelope.header, read_security(envelope), request.request_type, request.content, said


def _session(message: bytes) -> object:
    read = read_message(message)
    kinds = sorted(type(command).__name__ for command in read.commands)
    return read.header, read.final, kinds, read_report(read.commands)


def _filled(name: str) -> bytes:
    return asking(proven(typed_anew(name), "MAA="), windows_request())


CLOSED = published("federated_request_security_token.xml").replace(UNCLOSED, UNCLOSED + b"</ac:ContextItem>")
ENROLMENT: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "federated discover": (published("federated_discover.xml"), _discover),
    "certificate discover": (published("certificate_discover.xml"), _discover),
    "discover of Fleet": (typed_anew("fleet_discover.xml"), _discover),
    "federated policies": (published("federated_get_policies.xml"), _policies),
    "on-premise policies": (published("onpremise_get_policies.xml"), _policies),
    "policies of Fleet": (
        proven(typed_anew("fleet_get_policies.xml"), "MAA="),
        _policies,
    ),
    "federated request": (asking(CLOSED, windows_request()), _request),
    "on-premise request": (
        asking(published("onpremise_request_security_token.xml"), windows_request()),
        _request,
    ),
    "renewal": (asking(published("renewal_request_security_token.xml"), windows_request()), _request),
    "request of Fleet": (_filled("fleet_request_security_token.xml"), _request),
    "request of pytune": (
        _filled("pytune_request_security_token.xml"),
        _request,
    ),
}
SESSIONS: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "login status": (framed(published("syncml_login_status.fragment.xml")), _session),
    "user token": (framed(published("syncml_user_token.fragment.xml")), _session),
    "unenrolment": (published("syncml_unenrolment_by_user.xml").replace(b"&#39;", b"'"), _session),
    "installation": (framed(published("msi_alert.fragment.xml")), _session),
    "sync type": (framed(typed_anew("sync_type.fragment.xml")), _session),
    "first of Fleet": (typed_anew("fleet_first_message.xml"), _session),
    "first of pytune": (typed_anew("pytune_first_message.xml"), _session),
    "first of pytune with a hash": (typed_anew("pytune_first_message_with_hash.xml"), _session),
}


@pytest.mark.parametrize("spelling", sorted(SPELLINGS | LETTER_CASE))
@pytest.mark.parametrize("message", sorted(ENROLMENT))
def test_messages_of_enrolment_say_the_same_in_any_spelling(message: str, spelling: str) -> None:
    text, read = ENROLMENT[message]
    assert read((SPELLINGS | LETTER_CASE)[spelling](text)) == read(text)


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
@pytest.mark.parametrize("message", sorted(SESSIONS))
def test_messages_of_sessions_say_the_same_in_any_spelling(message: str, spelling: str) -> None:
    text, read = SESSIONS[message]
    assert read(SPELLINGS[spelling](text)) == read(text)
