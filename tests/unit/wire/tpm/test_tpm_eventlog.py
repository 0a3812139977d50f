"""Event logs: what they lead to, and what in them is bound to it."""

import hashlib
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseal.wire.errors import WireError
from reseal.wire.tpm import (
    EV_NO_ACTION,
    Algorithm,
    Event,
    EventLog,
    TpmError,
    decode_event_log,
    encode_event_log,
    measure,
)

EV_SEPARATOR = 4
EV_S_CRTM_VERSION = 8
BANKS = (Algorithm.SHA1, Algorithm.SHA256)
SHA256 = Algorithm.SHA256

EXAMPLE = bytes.fromhex(
    "000000000300000000000000000000000000000000000000000000002500000053706563204944204576656e7430330000000000"
    "0002000202000000040014000b002000000000000008000000020000000400c42fedad268200cb1d15f97841c344e79dae33200b"
    "00d4720b4009438213b803568017f903093f6bea8ab47d283db32b6eabedbbf155100000001efb6b540c1d5540a4ad4ef4bf17b8"
    "3a"
)
"""The example of the TCG Canonical Event Log Format 1.1, 5.1.7."""


def extended(*digests: bytes, start: bytes = bytes(32)) -> bytes:
    value = start
    for found in digests:
        value = hashlib.sha256(value + found).digest()
    return value


def of(*events: Event) -> EventLog:
    return EventLog(BANKS, events)


def locality(number: int) -> Event:
    zeros = {bank: bytes(size) for bank, size in zip(BANKS, (20, 32), strict=True)}
    return Event(0, EV_NO_ACTION, zeros, b"StartupLocality\0" + bytes([number]))


def test_the_published_example_is_read() -> None:
    log = decode_event_log(EXAMPLE)
    (event,) = log.events
    assert (log.banks, event.pcr, event.kind, event.is_bound) == (BANKS, 0, EV_S_CRTM_VERSION, True)
    assert event.data.hex() == "1efb6b540c1d5540a4ad4ef4bf17b83a"
    assert encode_event_log(log) == EXAMPLE


def test_the_replay_extends_each_pcr_in_order() -> None:
    first, second = (measure(BANKS, 4, EV_S_CRTM_VERSION, data) for data in (b"one", b"two"))
    separator = measure(BANKS, 7, EV_SEPARATOR, bytes(4))
    values = of(first, separator, second).replay(SHA256)
    assert values == {
        4: extended(first.digests[SHA256], second.digests[SHA256]),
        7: extended(separator.digests[SHA256]),
    }


def test_the_locality_of_the_start_is_in_pcr_0() -> None:
    event = measure(BANKS, 0, EV_S_CRTM_VERSION, b"version")
    log = of(locality(3), event)
    assert log.startup_locality == 3
    assert log.replay(SHA256) == {0: extended(event.digests[SHA256], start=bytes(31) + b"\x03")}


def test_information_is_not_extended_and_not_bound() -> None:
    note = measure(BANKS, 5, EV_NO_ACTION, b"note")
    assert of(note).replay(SHA256) == {}
    assert not note.is_bound


def test_what_does_not_hash_to_its_digest_is_not_bound() -> None:
    event = measure(BANKS, 4, EV_S_CRTM_VERSION, b"said")
    assert event.is_bound
    assert not replace(event, data=b"something else").is_bound


def test_a_bank_that_the_log_lacks_is_refused() -> None:
    with pytest.raises(TpmError, match="SHA384"):
        of().replay(Algorithm.SHA384)


def test_a_log_of_tpm_1_2_is_refused() -> None:
    with pytest.raises(TpmError) as caught:
        decode_event_log(EXAMPLE.replace(b"Event03", b"Event00"))
    assert caught.value.code == "Unsupported"


def test_every_cut_is_refused() -> None:
    header = len(encode_event_log(of()))
    for length in range(len(EXAMPLE)):
        if length != header:
            with pytest.raises(TpmError):
                decode_event_log(EXAMPLE[:length])


events = st.builds(
    measure,
    st.just(BANKS),
    st.integers(min_value=0, max_value=23),
    st.integers(min_value=0, max_value=0xFFFFFFFF),
    st.binary(max_size=20),
)


@given(st.lists(events, max_size=5))
@settings(max_examples=40)
def test_a_log_comes_back_as_it_was(found: list[Event]) -> None:
    assert decode_event_log(encode_event_log(of(*found))) == of(*found)


@given(st.integers(min_value=0, max_value=len(EXAMPLE)), st.binary(max_size=60))
@settings(max_examples=100)
def test_any_bytes_are_read_or_refused(kept: int, tail: bytes) -> None:
    with suppress(WireError):
        decode_event_log(EXAMPLE[:kept] + tail).replay(SHA256)
