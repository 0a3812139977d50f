"""Whatever arrives, it is read or refused with a WireError, quickly and without looking elsewhere."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.enrolment.discovery import read_discover, read_discover_response
from reseal.wire.enrolment.policy import read_get_policies, read_get_policies_response
from reseal.wire.enrolment.provisioning_reading import read_provisioning
from reseal.wire.enrolment.request import ContextName, RequestSecurityToken, read_request
from reseal.wire.enrolment.response import read_response
from reseal.wire.enrolment.security import read_security
from reseal.wire.enrolment.soap import Envelope, read_envelope
from reseal.wire.errors import WireError
from reseal.wire.xml import MESSAGE_LIMIT, XmlError
from tests.unit.wire.enrolment import documents, test_discovery, test_faults, test_policy, test_response
from tests.unit.wire.enrolment.shapes import (
    DISCOVER,
    GET_POLICIES,
    PHONE_DISCOVER,
    items,
    request_message,
)

READERS: tuple[Callable[[Envelope], object], ...] = (
    read_security,
    read_discover,
    read_discover_response,
    read_get_policies,
    read_get_policies_response,
    read_request,
    read_response,
)
REQUEST = request_message(
    "MAA=", context=items(("DeviceID", "1"), ("OSEdition", "4"), ("NotInOobe", "false"))
)
MESSAGES = [
    DISCOVER.encode(),
    PHONE_DISCOVER.encode(),
    GET_POLICIES.encode(),
    REQUEST,
    test_discovery.ANSWER.encode(),
    test_policy.ANSWER.encode(),
    test_response.ANSWER.encode(),
    test_faults.CAP_TEXT.encode(),
    documents.TEXT.encode(),
]


def look_at_all_of_it(data: bytes) -> None:
    with suppress(WireError):
        read_provisioning(data)
    try:
        envelope = read_envelope(data)
    except WireError:
        return
    for read in READERS:
        with suppress(WireError):
            found = read(envelope)
            if isinstance(found, RequestSecurityToken):
                look_at_context(found)


def look_at_context(found: RequestSecurityToken) -> None:
    context = found.context
    _ = (context.device_id, context.hardware_id, context.enrollment_data, context.mac_addresses)
    for name in ContextName:
        for read in (context.every, context.text, context.guid, context.flag, context.number):
            with suppress(WireError):
                read(name)
    _ = (context.enrollment_type, context.in_oobe)


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    look_at_all_of_it(data)


@given(st.data())
def test_messages_with_a_piece_cut_out_doubled_or_replaced(data: st.DataObject) -> None:
    message = data.draw(st.sampled_from(MESSAGES))
    start = data.draw(st.integers(0, len(message)))
    end = data.draw(st.integers(start, min(len(message), start + 60)))
    piece = data.draw(st.sampled_from([b"", message[start:end] * 2]) | st.binary(max_size=8))
    look_at_all_of_it(message[:start] + piece + message[end:])


TAGS = ["Security", "BinarySecurityToken", "request", "response", "DiscoverResult", "attributes", "client"]


@given(st.sampled_from(MESSAGES), st.sampled_from(TAGS), st.text(max_size=10))
def test_messages_with_elements_of_other_names(message: bytes, tag: str, name: str) -> None:
    look_at_all_of_it(message.replace(tag.encode(), name.encode(errors="replace")))


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
ATTACKS = {
    "billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>',
    "file": '<!DOCTYPE x [<!ENTITY l9 SYSTEM "file:///etc/hostname">]>',
    "network": '<!DOCTYPE x SYSTEM "http://192.0.2.1/x.dtd">',
    "parameter": '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/hostname">%p;]>',
    "after a comment": "<?xml version='1.0'?><!-- harmless --><!DOCTYPE x>",
}


@pytest.mark.parametrize("message", [DISCOVER, documents.TEXT], ids=["envelope", "document"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_document_types_are_refused(attack: str, message: str) -> None:
    text = (ATTACKS[attack] + message.strip().replace("adele@", "&l9;")).encode()
    for read in (read_envelope, read_provisioning):
        with pytest.raises(XmlError) as caught:
            read(text)
        assert caught.value.code == "DocumentType"


@pytest.mark.parametrize("read", [read_envelope, read_provisioning])
def test_long_and_deep_documents_are_refused(read: Callable[[bytes], object]) -> None:
    with pytest.raises(XmlError) as caught:
        read(b"<a>" + b" " * MESSAGE_LIMIT + b"</a>")
    assert caught.value.code == "TooLarge"
    with pytest.raises(XmlError):
        read(b"<a>" * 100_000 + b"</a>" * 100_000)


def test_utf_16_is_refused() -> None:
    with pytest.raises(XmlError):
        read_envelope(DISCOVER.strip().encode("utf-16"))
