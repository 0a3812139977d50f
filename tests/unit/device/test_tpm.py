"""The virtual TPM against the checks that a server makes, and firmware that measures into it."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.device.disk import MemoryDisk
from reseal.device.firmware import Firmware
from reseal.device.tpm import KEYS, PCRS, VirtualTpm, fit, fitted
from reseal.wire.tpm import (
    Algorithm,
    Attributes,
    TpmError,
    ak_problems,
    certify_problems,
    clock_problems,
    decode_event_log,
    log_problems,
    make_credential,
    quote_problems,
    randomness_needed,
)
from tests.support.clock import ManualClock
from tests.unit.device.laptops import LAPTOP, endorsement_key, keys, tpm_on

NONCE = bytes(range(32))
ALL = tuple(range(PCRS))
SHA256 = Algorithm.SHA256


def booted(disk: MemoryDisk, clock: ManualClock) -> VirtualTpm:
    """A TPM whose machine has just been switched on."""
    tpm = tpm_on(disk, clock)
    Firmware(disk, LAPTOP, tpm).power_on()
    return tpm


def signer(tpm: VirtualTpm) -> bytes:
    """The qualified name that ties the attestation key to the endorsement key."""
    return tpm.ak_public.qualified_name(tpm.ek_public.qualified_name())


def test_its_attestation_key_meets_all_rules(clock: ManualClock) -> None:
    assert ak_problems(booted(MemoryDisk(), clock).ak_public) == ()


def test_it_opens_credentials_for_its_own_keys_only(clock: ManualClock) -> None:
    tpm, other = booted(MemoryDisk(), clock), tpm_on(MemoryDisk(), clock)
    chance = bytes(randomness_needed(tpm.ek_public))
    secret = b"a secret of at most 32 bytes"
    assert tpm.activate(make_credential(tpm.ek_public, tpm.ak_public.name, secret, chance)) == secret
    wrong = make_credential(tpm.ek_public, b"\0\x0b" + bytes(32), secret, chance)
    with pytest.raises(TpmError):
        tpm.activate(wrong)
    assert other.ek_public == tpm.ek_public  # the same factory key, see `laptops`


@given(nonce=st.binary(min_size=1, max_size=32), pcrs=st.sets(st.integers(0, PCRS - 1)), data=st.binary())
def test_its_quotes_hold(nonce: bytes, pcrs: set[int], data: bytes) -> None:
    tpm = booted(MemoryDisk(), ManualClock())
    tpm.extend(14, 6, data)
    chosen = sorted(pcrs)
    stated = tpm.quote(nonce, chosen)
    values = tpm.pcr_values(chosen)
    checked = {"ak": tpm.ak_public, "nonce": nonce, "qualified_signer": signer(tpm)}
    assert quote_problems(stated.attest, stated.signature, values={SHA256: values}, **checked) == ()
    lied = {**values, 3: bytes(32)}
    assert quote_problems(stated.attest, stated.signature, values={SHA256: lied}, **checked) != ()


def test_it_certifies_its_keys(clock: ManualClock) -> None:
    tpm = booted(MemoryDisk(), clock)
    made = tpm.make_key("device")
    stated = tpm.certify(made.public, NONCE)
    checked = {"ak": tpm.ak_public, "nonce": NONCE, "qualified_signer": signer(tpm)}
    assert certify_problems(stated.attest, stated.signature, certified=made.public, **checked) == ()
    other = tpm.make_key("other")
    assert certify_problems(stated.attest, stated.signature, certified=other.public, **checked) != ()
    assert Attributes.SIGN in made.public.attributes


def test_a_key_is_made_once_and_before_anybody_sees_it(clock: ManualClock) -> None:
    disk = MemoryDisk()
    made = booted(disk, clock).make_key("device")
    disk.power_cut()
    again = booted(disk, clock).make_key("device")
    assert again.public == made.public
    assert disk.names(KEYS) == [KEYS + "device"]


def test_identity_outlasts_power(clock: ManualClock) -> None:
    disk = MemoryDisk()
    first = booted(disk, clock)
    names = first.ek_public.name, first.ak_public.name
    disk.power_cut()
    second = booted(disk, clock)
    assert (second.ek_public.name, second.ak_public.name) == names


def test_the_event_log_leads_to_the_values_of_the_pcrs(clock: ManualClock) -> None:
    tpm = booted(MemoryDisk(), clock)
    log = decode_event_log(tpm.event_log())
    assert log_problems(log.replay(SHA256), tpm.pcr_values(ALL), ALL) == ()
    tpm.extend(14, 6, b"something")
    assert log_problems(log.replay(SHA256), tpm.pcr_values(ALL), ALL) != ()


def test_each_start_measures_the_same_into_fresh_pcrs(clock: ManualClock) -> None:
    disk = MemoryDisk()
    first = booted(disk, clock)
    values, log = first.pcr_values(ALL), first.event_log()
    first.extend(14, 6, b"something")
    second = booted(disk, clock)
    assert (second.pcr_values(ALL), second.event_log()) == (values, log)


def test_counters_never_go_back(clock: ManualClock) -> None:
    disk = MemoryDisk()
    tpm = booted(disk, clock)
    infos = [tpm.clock_info()]
    clock.pass_silently(timedelta(seconds=5))
    infos.append(tpm.clock_info())
    for orderly in (True, False, True):
        if orderly:
            tpm.stop()
        disk.power_cut()
        tpm = booted(disk, clock)
        infos.append(tpm.clock_info())
    assert [clock_problems(before, after) for before, after in pairwise(infos)] == [()] * 4
    assert [info.reset_count for info in infos] == [1, 1, 2, 3, 4]
    assert [info.safe for info in infos] == [True, True, True, False, True]
    assert infos[1].clock == infos[0].clock + 5000
    assert infos[2].clock == infos[1].clock


def test_a_machine_may_have_no_tpm(clock: ManualClock) -> None:
    disk = MemoryDisk()
    assert fitted(disk, clock, keys()) is None
    fit(disk, endorsement_key(), (b"a certificate",))
    found = fitted(disk, clock, keys())
    assert found is not None
    assert found.ek_certificates == (b"a certificate",)
    assert Firmware(MemoryDisk(), LAPTOP, None).power_on().number == 1


def test_firmware_knows_whether_the_power_was_cut() -> None:
    disk = MemoryDisk()
    firmware = Firmware(disk, LAPTOP, None)
    assert firmware.power_on().orderly
    assert not Firmware(disk, LAPTOP, None).power_on().orderly
    firmware.shut_down()
    boot = Firmware(disk, LAPTOP, None).power_on()
    assert (boot.number, boot.orderly) == (3, True)
