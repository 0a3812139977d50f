"""What is read from a request for a certificate, and what an admitted device gets."""

from __future__ import annotations

from base64 import b64encode
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from reseal.kernel import ca
from reseal.kernel.authorities import BACKDATED
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.secretbox import SecretBox
from reseal.mdm.enrolment.issuing import Asked, Issuing, new_secrets, read_asked
from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.enrolment.provisioning import StoreScope
from reseal.wire.enrolment.request import AdditionalContext, ContextName
from tests.support.clock import ManualClock
from tests.support.enrolling import certificate_request, rsa_key

ENROLMENT = UUID("5ede6e7a-7b77-41bd-bfe0-ef29ca70a3fb")
REQUEST = certificate_request(rsa_key("device"))
ENTROPY = SeededEntropy("issuing")


def _issuing() -> Issuing:
    clock = ManualClock()
    root = ca.make_root(
        "Root",
        rsa_key("root"),
        clock=clock,
        entropy=ENTROPY,
        purposes=[ca.CLIENT_AUTH],
        backdated=BACKDATED,
    )
    authority = ca.make_intermediate(
        root, "Issuing", rsa_key("issuing"), clock=clock, entropy=ENTROPY, backdated=BACKDATED
    )
    return Issuing(authority, SecretBox([b"k" * 32], ENTROPY), clock, "https://mdm.contoso.test/")


def _asked(**context: str) -> Asked:
    return read_asked(REQUEST, AdditionalContext(tuple(context.items())))


def test_a_request_says_where_its_certificate_belongs_and_whether_the_page_is_needed() -> None:
    asked = _asked(EnrollmentType="Device", NotInOobe=" False ", OSVersion="10.0.22631.1", DeviceName="PC")
    assert (asked.store, asked.in_oobe, asked.name) == (StoreScope.SYSTEM, True, "PC")
    assert asked.os_version == "10.0.22631.1"
    plain = _asked(EnrollmentType="Full", NotInOobe="true", ApplicationVersion="10.0.1.2")
    assert (plain.store, plain.in_oobe, plain.os_version) == (StoreScope.USER, False, "10.0.1.2")
    least = _asked()
    assert (least.store, least.in_oobe, least.ztdid) == (StoreScope.USER, False, None)
    assert _asked().request == plain.request, "the same request is known again"


@pytest.mark.parametrize(
    "text, wanted",
    [
        (str(ENROLMENT), ENROLMENT),
        (f" {{{str(ENROLMENT).upper()}}} ", ENROLMENT),
        ("", None),
        ("null", None),
        ("5ede6e7a", None),
    ],
)
def test_the_registration_that_a_device_believes_to_have(text: str, wanted: UUID | None) -> None:
    assert _asked(ZeroTouchProvisioning=text).ztdid == wanted


@given(st.lists(st.tuples(st.sampled_from([name.value for name in ContextName]), st.text(max_size=40))))
def test_whatever_a_context_says_is_read_or_refused(items: list[tuple[str, str]]) -> None:
    try:
        asked = read_asked(REQUEST, AdditionalContext(tuple(items)))
    except EnrolmentError:
        return
    assert asked.key.key_size == 2048
    assert asked.ztdid is None or isinstance(asked.ztdid, UUID)


def test_mdm_wire_035_clients_that_count_parms_find_root_issuer_and_certificate() -> None:
    """pytune takes the third parm four levels deep; AADInternals children 0, 1 and 2 of the first element."""
    issuing, secrets = _issuing(), new_secrets(ENTROPY)
    der = issuing.certificate(ENROLMENT, rsa_key("device").public_key(), ENTROPY)
    document = issuing.document(
        ENROLMENT, der, secrets, StoreScope.SYSTEM, upn="adele@contoso.test", name="adele_Windows"
    )
    root = etree.fromstring(document)
    parms = root.findall("characteristic/characteristic/characteristic/characteristic/parm")
    values = [parm.get("value") for parm in parms]
    assert values[2] == _text(der)
    store = root[0]
    assert [group.get("type") for group in store] == ["Root", "CA", "My"]
    assert values[:2] == [_text(_der(issuing.authority.root)), _text(_der(issuing.authority.certificate))]
    assert b"INIT" not in document.replace(b"INITIALBACKOFFTIME", b"")


def _der(certificate: ca.x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _text(der: bytes) -> str:
    return b64encode(der).decode()


def test_secrets_are_new_each_time_long_enough_and_not_shown() -> None:
    made = [new_secrets(ENTROPY) for _ in range(3)]
    texts = {text for each in made for text in (each.device_secret, each.server_secret)}
    assert len(texts) == 6
    assert len({each.nonce for each in made}) == 3
    for each in made:
        assert min(len(each.device_secret), len(each.server_secret)) >= 32
        assert each.device_secret not in repr(each)
        assert ":" not in each.device_secret, "a digest is made over user, colon, secret"


def test_a_renewed_document_changes_the_certificate_and_nothing_else() -> None:
    issuing = _issuing()
    der = issuing.certificate(ENROLMENT, rsa_key("device").public_key(), ENTROPY)
    root = etree.fromstring(issuing.renewed(der, StoreScope.USER))
    assert [part.get("type") for part in root] == ["CertificateStore", "APPLICATION"]
    assert [parm.get("name") for parm in root[1]] == ["PROVIDER-ID"]
    assert [group.get("type") for group in root[0]] == ["My"]
    assert root[0][0][0].get("type") == "User"
