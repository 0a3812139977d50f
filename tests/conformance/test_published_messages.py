"""Enrolment by messages that we did not write: published ones, shapes of others (spec/mdm-wire.md 7.1)."""

from __future__ import annotations

import base64
from datetime import timedelta
from xml.etree import ElementTree

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from joserfc import jws
from joserfc.jwk import OctKey

from reseal.managed.enrolments import enrolment_of_certificate
from reseal.managed.model import PROVIDER_ID, Enrolment
from reseal.mdm.sessions.door import PATH
from reseal.wire.enrolment.discovery import read_discover_response
from reseal.wire.enrolment.faults import ErrorType, Fault, Hresult, read_fault
from reseal.wire.enrolment.names import (
    DISCOVERY_PATH,
    ENROLMENT_PATH,
    POLICY_PATH,
    AuthPolicy,
    ValueType,
)
from reseal.wire.enrolment.policy import read_get_policies_response
from reseal.wire.enrolment.provisioning import ProvisioningDocument, StoreScope
from reseal.wire.enrolment.provisioning_reading import read_provisioning
from reseal.wire.enrolment.response import read_response
from reseal.wire.enrolment.soap import Envelope, read_envelope
from reseal.wire.syncml import read_message
from tests.conformance.serving import Server, reactors, server
from tests.support.enrolling import certificate_request, client_certificate, rsa_key, signed_renewal
from tests.support.published import (
    LETTER_CASE,
    SPELLINGS,
    all_published,
    asking,
    proven,
    published,
    replaced,
    typed_anew,
    windows_request,
)

__all__ = ["reactors", "server"]

IN_ANY_WORDS = SPELLINGS | LETTER_CASE
MESSAGE_ID = "urn:uuid: 748132ec-a575-4329-b01b-6171a9cf8478"
UNCLOSED = b"<ac:Value>CC:CC:CC:CC:CC:CC</ac:Value>\n"


def envelope_of(answer: httpx2.Response) -> Envelope:
    """The envelope in an answer, which has all that Windows minds in HTTP."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/soap+xml; charset=utf-8"
    assert answer.headers["content-length"] == str(len(answer.content))
    return read_envelope(answer.content)


async def fault(server: Server, path: str, message: bytes) -> Fault:
    """The fault that answers a message."""
    found = read_fault(envelope_of(await server.post(path, message)).content)
    assert found.subcode is not None, "it is no fault"
    assert found.trace_id
    return found


async def enrol(server: Server, message: bytes) -> ProvisioningDocument:
    """The provisioning document that answers a request."""
    envelope = envelope_of(await server.post(ENROLMENT_PATH, message))
    return read_provisioning(read_response(envelope).document)


async def enrolment_of(server: Server, document: ProvisioningDocument) -> Enrolment:
    """The enrolment that a device's certificate proves."""
    thumbprint = client_certificate(document).fingerprint(hashes.SHA256())
    found = await server.do(lambda tx: enrolment_of_certificate(tx, thumbprint))
    assert found is not None
    return found[1]


def encoded(token: str | bytes) -> str:
    """As a security header carries it."""
    return base64.b64encode(token if isinstance(token, bytes) else token.encode()).decode()


def request_of(name: str) -> str:
    """A certificate request by a key of ours."""
    return base64.b64encode(certificate_request(rsa_key(name))).decode()


# --- discovery


@pytest.mark.parametrize(
    "message, policy, version",
    [
        ("federated_discover.xml", AuthPolicy.FEDERATED, "3.0"),
        ("onpremise_discover.xml", AuthPolicy.ON_PREMISE, "3.0"),
    ],
)
async def test_mdm_wire_003_published_discovers_are_answered(
    server: Server, message: str, policy: AuthPolicy, version: str
) -> None:
    """Blanks, comments, a slash behind the namespace and blanks in the id of the message."""
    for spelling, spell in IN_ANY_WORDS.items():
        answer = await server.post("/EnrollmentServer/Discovery.svc", spell(published(message)))
        envelope = envelope_of(answer)
        found = read_discover_response(envelope)
        assert (found.auth_policy, str(found.enrollment_version)) == (policy, version), spelling
        assert envelope.header.relates_to == MESSAGE_ID, spelling


async def test_the_published_discover_of_a_certificate_is_declined(server: Server) -> None:
    for path in (DISCOVERY_PATH, DISCOVERY_PATH.upper()):
        found = await fault(server, path, published("certificate_discover.xml"))
        assert found.error_type is ErrorType.NOT_SUPPORTED
        assert found.hresult is Hresult.MENROLL_E_NOTSUPPORTED


async def test_the_same_discover_again_is_answered_again(server: Server) -> None:
    first, again = [
        read_discover_response(
            envelope_of(await server.post(DISCOVERY_PATH, published("federated_discover.xml")))
        )
        for _ in range(2)
    ]
    assert first == again


# --- the policy


async def test_mdm_wire_019_the_published_question_with_a_password_is_answered(server: Server) -> None:
    for spelling, spell in IN_ANY_WORDS.items():
        answer = await server.post(POLICY_PATH, spell(published("onpremise_get_policies.xml")))
        envelope = envelope_of(answer)
        assert read_get_policies_response(envelope).key_bits == 2048, spelling
        assert envelope.header.relates_to == "urn:uuid:72048B64-0F19-448F-8C2E-B4C661860AA0"
    wrong = replaced(published("onpremise_get_policies.xml"), "Password", "theirpassword")
    found = await fault(server, POLICY_PATH, wrong)
    assert found.hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR


async def test_mdm_wire_019_the_published_token_of_a_sign_in_page_proves_nobody(server: Server) -> None:
    """It is none of ours, as it stands there; with one of the directory in its place it is answered."""
    message = published("federated_get_policies.xml")
    unreadable = await fault(server, POLICY_PATH, message)
    assert unreadable.hresult is Hresult.MENROLL_E_DEVICE_INVALIDSECURITY_ERROR
    sample = proven(message, encoded("no.token.really"), value_type=ValueType.USER_TOKEN)
    unknown = await fault(server, POLICY_PATH, sample)
    assert unknown.hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR
    token = server.token(user_id=await server.user("adele"), upn="adele@contoso.test")
    for spell in IN_ANY_WORDS.values():
        ours = spell(proven(message, encoded(token), value_type=ValueType.JWT))
        assert read_get_policies_response(envelope_of(await server.post(POLICY_PATH, ours))).key_bits == 2048


async def test_the_published_question_with_a_certificate_is_a_fault_broken_and_mended(server: Server) -> None:
    message = published("certificate_get_policies.xml")
    broken = await fault(server, POLICY_PATH, message)
    assert broken.hresult is Hresult.MENROLL_E_DEVICE_MESSAGE_FORMAT_ERROR
    quoted = message.replace(b"EncodingType=\n   http", b'EncodingType="http')
    start = quoted.index(b"<ac:AdditionalContext")
    end = quoted.index(b"</ac:AdditionalContext>") + len(b"</ac:AdditionalContext>")
    beside = b'<ac:AdditionalContext><ac:ContextItem Name="OSPlatform"/></ac:AdditionalContext>'
    mended = quoted[:start] + beside + quoted[end:]
    found = await fault(server, POLICY_PATH, mended)
    assert found.hresult is Hresult.MENROLL_E_DEVICE_INVALIDSECURITY_ERROR, "a certificate proves nobody here"
    token = encoded(server.token(user_id=await server.user("adele"), upn="adele@contoso.test"))
    proof = proven(mended, token, value_type=ValueType.JWT)
    assert read_get_policies_response(envelope_of(await server.post(POLICY_PATH, proof))).key_bits == 2048


# --- enrolment


async def test_the_published_request_of_a_user_enrols_once_it_holds_a_request(server: Server) -> None:
    """Nothing else is changed: its user has the password that it says, with a line break behind it."""
    message = published("onpremise_request_security_token.xml")
    empty = await fault(server, ENROLMENT_PATH, message)
    assert empty.hresult is Hresult.MENROLL_E_DEVICE_CERTIFICATEREQUEST_ERROR
    document = await enrol(server, asking(message, request_of("published")))
    assert (document.provider_id, document.certificates.scope) == (PROVIDER_ID, StoreScope.USER)
    assert client_certificate(document).public_key() == rsa_key("published").public_key()
    provider = document.provider
    assert provider is not None
    assert (provider.upn, provider.device_name) == ("user@contoso.com", "MY_WINDOWS_DEVICE")
    found = await enrolment_of(server, document)
    assert (found.wire_device_id, found.os_version) == ("7ba748c8-703e-4df2-a74a-92984117346a", "10.0.9999.0")
    assert (found.hardware_id, found.in_oobe, found.registration_id) == ("", False, None)
    for spelling, spell in IN_ANY_WORDS.items():
        again = await enrol(server, spell(asking(message, request_of("published"))))
        assert (await enrolment_of(server, again)).uuid == found.uuid, spelling
    other = replaced(message, "Password", "theirpassword")
    refused = await fault(server, ENROLMENT_PATH, asking(other, request_of("published")))
    assert refused.hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR


async def test_two_machines_that_do_not_name_their_hardware_are_two(server: Server) -> None:
    message = asking(published("onpremise_request_security_token.xml"), request_of("published"))
    one = await enrolment_of(server, await enrol(server, message))
    second = message.replace(b"7BA748C8-703E", b"7BA748C9-703E")
    two = await enrolment_of(server, await enrol(server, second))
    assert one.device_id != two.device_id
    again = await enrolment_of(server, await enrol(server, message))
    assert again.uuid == one.uuid


async def test_the_published_federated_request_is_a_fault_until_its_element_is_closed(server: Server) -> None:
    message = published("federated_request_security_token.xml")
    broken = await fault(server, ENROLMENT_PATH, message)
    assert broken.hresult is Hresult.MENROLL_E_DEVICE_MESSAGE_FORMAT_ERROR
    closed = asking(message.replace(UNCLOSED, UNCLOSED + b"</ac:ContextItem>"), windows_request())
    sample = await fault(server, ENROLMENT_PATH, closed)
    assert sample.hresult is Hresult.MENROLL_E_DEVICE_INVALIDSECURITY_ERROR
    token = server.token(user_id=await server.user("adele"), upn="adele@contoso.test")
    ours = proven(closed, encoded(token), value_type=ValueType.JWT)
    found = await enrolment_of(server, await enrol(server, ours))
    for spelling, spell in IN_ANY_WORDS.items():
        again = await enrol(server, spell(ours))
        assert (await enrolment_of(server, again)).uuid == found.uuid, spelling
    assert again.provider is not None
    assert again.provider.upn == "adele@contoso.test"


async def test_the_published_signed_request_is_a_fault(server: Server) -> None:
    found = await fault(server, ENROLMENT_PATH, published("certificate_request_security_token.xml"))
    assert found.hresult is Hresult.MENROLL_E_DEVICE_MESSAGE_FORMAT_ERROR


async def test_mdm_wire_104_messages_as_fleets_test_client_sends_them_enrol(server: Server) -> None:
    """Apart from its token, which is signed with a shared key (check 28)."""
    discovered = await server.post(DISCOVERY_PATH, typed_anew("fleet_discover.xml"))
    found = read_discover_response(envelope_of(discovered))
    assert (found.auth_policy, str(found.enrollment_version)) == (AuthPolicy.FEDERATED, "5.0")
    claims = b'{"upn":"adele@contoso.test","tid":"tenant_id","unique_name":"foo_bar","scp":"mdm_delegation"}'
    shared = jws.serialize_compact({"alg": "HS256", "typ": "JWT"}, claims, OctKey.import_key(b"foo" * 11))
    theirs = base64.urlsafe_b64encode(shared.encode()).decode()
    ours = encoded(server.token(user_id=await server.user("adele"), upn="adele@contoso.test"))
    policies = typed_anew("fleet_get_policies.xml")
    request = asking(typed_anew("fleet_request_security_token.xml"), windows_request())
    for path, message in ((POLICY_PATH, policies), (ENROLMENT_PATH, request)):
        refused = await fault(server, path, proven(message, theirs))
        assert refused.hresult is Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR
    answer = await server.post(POLICY_PATH, proven(policies, ours))
    assert read_get_policies_response(envelope_of(answer)).key_bits == 2048
    document = await enrol(server, proven(request, ours))
    assert document.certificates.scope is StoreScope.USER, "the type is Full"
    enrolment = await enrolment_of(server, document)
    assert (enrolment.hardware_id, enrolment.in_oobe) == ("6f1d7c52-3a80-4b11-9a43-2d7c55e10b64", True)
    for spelling, spell in IN_ANY_WORDS.items():
        again = await enrolment_of(server, await enrol(server, spell(proven(request, ours))))
        assert again.uuid == enrolment.uuid, spelling


async def test_the_request_as_pytune_sends_it_enrols_and_it_finds_its_certificate(server: Server) -> None:
    laptop = await server.laptop()
    assert laptop.registration is not None
    message = typed_anew("pytune_request_security_token.xml")
    message = message.replace(b"ZTDID", str(laptop.registration.uuid).encode())
    token = encoded(server.token(device_id=laptop.device_id))
    asked = asking(proven(message, token), request_of("pytune"))
    answer = envelope_of(await server.post(ENROLMENT_PATH, asked))
    document = ElementTree.fromstring(read_response(answer).document)
    parms = document.findall("characteristic/characteristic/characteristic/characteristic/parm")
    certificate = x509.load_der_x509_certificate(base64.b64decode(parms[2].attrib["value"]))
    assert certificate.public_key() == rsa_key("pytune").public_key(), "the third one, four levels deep"
    first = await enrolment_of(server, await enrol(server, asked))
    assert (first.registration_id, first.in_oobe) == (laptop.registration.id, True)
    for spelling, spell in IN_ANY_WORDS.items():
        again = await enrolment_of(server, await enrol(server, spell(asked)))
        assert again.uuid == first.uuid, spelling


# --- renewal


async def test_mdm_wire_043_the_published_renewal_is_followed_once_it_holds_a_signed_request(
    server: Server,
) -> None:
    laptop = await server.laptop()
    document = await laptop.enrol()
    old = client_certificate(document)
    server.clock.pass_silently(old.not_valid_after_utc - timedelta(days=30) - server.clock.now())
    message = published("renewal_request_security_token.xml")
    signed = signed_renewal(certificate_request(rsa_key("renewed")), old, laptop.key)
    renewal = asking(message, base64.b64encode(signed.content).decode())
    stranger = await fault(server, ENROLMENT_PATH, renewal)
    assert stranger.error_type is ErrorType.NOT_ELIGIBLE_TO_RENEW, "the connection shows no certificate"
    server.certificate = old
    empty = await fault(server, ENROLMENT_PATH, message)
    assert empty.hresult is Hresult.MENROLL_E_DEVICE_CERTIFICATEREQUEST_ERROR
    older = b"http://schemas.microsoft.com/windows/pki/2009/01/enrollment#PKCS7"
    newer = ValueType.PKCS7.encode()
    for spelling, spell in IN_ANY_WORDS.items():
        for sent in (renewal, renewal.replace(newer, older)):
            renewed = await enrol(server, spell(sent))
            issued = client_certificate(renewed)
            assert issued.public_key() == rsa_key("renewed").public_key(), spelling
            assert (issued.subject, renewed.application) == (old.subject, None)


# --- whatever is sent to wherever


@pytest.mark.parametrize("known", [False, True], ids=["nobody", "a device"])
async def test_every_published_message_is_answered_in_order_wherever_it_is_sent(
    server: Server, known: bool
) -> None:
    if known:
        server.certificate = client_certificate(await (await server.laptop()).enrol())
    for name in all_published():
        for path in (DISCOVERY_PATH, POLICY_PATH, ENROLMENT_PATH):
            answer = await server.post(path, published(name))
            found = read_fault(envelope_of(answer).content)
            assert found.hresult is not Hresult.MENROLL_E_DEVICE_INTERNALSERVICE_ERROR, (name, path)
        answer = await server.say(published(name))
        assert answer.status_code in {200, 400}, (name, PATH)
        if answer.status_code == 200:
            read_message(answer.content)
