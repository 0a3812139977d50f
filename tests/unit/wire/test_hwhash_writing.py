"""Hashes of virtual devices: what is written reads back, and nothing passes for hardware."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.hwhash import (
    Build,
    Checksum,
    Disk,
    HardwareHashError,
    HashFields,
    Memory,
    NetworkAdapter,
    Processor,
    Version,
    decode,
    encode,
    registration_problems,
)

MODULUS = bytes(range(1, 256)) + b"\x07"

LAPTOP = HashFields(
    captured_at=datetime(2026, 3, 3, 12, 34, 56, tzinfo=UTC),
    serial="RSL-0001",
    model="Virtual Laptop 13",
    smbios_uuid=UUID("00112233-4455-4677-8899-aabbccddeeff"),
    ek_modulus=MODULUS,
    tpm_version="TPM-Version:2.0 -Level:0-Revision:1.59-VendorID:'RSEL'-Firmware:1.0",
    sku="VL-13",
    family="Virtual Laptop",
    disks=(Disk(256, 17, 0, 1),),
    disk_serials=("D1",),
    network_adapters=(NetworkAdapter(14, bytes.fromhex("00155d010203"), "PCI"),),
)


def test_a_laptop_has_4000_characters_18_records_and_more_and_a_checksum() -> None:
    text = encode(LAPTOP)
    found = decode(text)
    assert len(text) == 4000
    assert (found.checksum, found.warnings) == (Checksum.VALID, ())
    assert sorted({r.type for r in found.records}) == [*range(1, 15), *range(16, 20), 25]


def test_the_manufacturer_is_always_reseal() -> None:
    assert decode(encode(LAPTOP)).manufacturer == "Reseal"


def test_a_laptop_can_be_registered() -> None:
    assert registration_problems(decode(encode(LAPTOP))) == ()


def test_a_device_without_tpm_claims_none() -> None:
    found = decode(encode(replace(LAPTOP, ek_modulus=None, tpm_version="")))
    assert (found.ek_modulus, found.ek_digest, found.tpm_version) == (None, None, "")


def test_times_of_any_zone_are_written_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    moment = datetime(2026, 3, 3, 13, 34, 56, tzinfo=berlin)
    found = decode(encode(replace(LAPTOP, captured_at=moment, utc_offset=timedelta(hours=1))))
    assert found.captured_at == moment
    assert found.build is not None
    assert found.build.captured_local == datetime(2026, 3, 3, 13, 34, 56)


@pytest.mark.parametrize(
    "fields",
    [
        replace(LAPTOP, captured_at=datetime(2026, 3, 3)),
        replace(LAPTOP, captured_at=datetime(1999, 12, 31, tzinfo=UTC)),
        replace(LAPTOP, serial="S\0N"),
        replace(LAPTOP, model="\ud800"),
        replace(LAPTOP, family="x" * 3000),
        replace(LAPTOP, memory=Memory(-1, 0, 0, 0, 0)),
        replace(LAPTOP, processor=Processor(9, 70_000, 1, 1, False)),
        replace(LAPTOP, network_adapters=(NetworkAdapter(14, b"\1\2\3", "PCI"),)),
        replace(LAPTOP, utc_offset=timedelta(hours=40)),
    ],
    ids=lambda fields: "",
)
def test_what_does_not_fit_is_refused(fields: HashFields) -> None:
    with pytest.raises(HardwareHashError) as refusal:
        encode(fields)
    assert refusal.value.remedy


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
small = st.integers(0, 255)
numbers = st.integers(0, 2**16 - 1)
versions = st.builds(Version, numbers, numbers, numbers, numbers)


@given(
    st.builds(
        HashFields,
        captured_at=st.integers(0, 2**32 - 1).map(
            lambda s: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=s)
        ),
        utc_offset=st.integers(-128, 127).map(lambda quarters: timedelta(minutes=15 * quarters)),
        serial=texts,
        model=texts,
        smbios_uuid=st.uuids(),
        ek_modulus=st.none() | st.binary(min_size=256, max_size=256),
        tpm_version=texts,
        sku=texts,
        family=texts,
        product_key_id=texts,
        disks=st.lists(st.builds(Disk, st.integers(0, 2**64 - 1), small, small, small), max_size=3).map(
            tuple
        ),
        disk_serials=st.lists(texts, max_size=3).map(tuple),
        network_adapters=st.lists(
            st.builds(NetworkAdapter, st.integers(0, 2**32 - 1), st.binary(min_size=6, max_size=6), texts),
            max_size=3,
        ).map(tuple),
        os_build=versions,
        tool_build=versions,
        os_type=small,
        architecture=small,
    )
)
def test_what_is_written_reads_back(fields: HashFields) -> None:
    found = decode(encode(fields))
    assert (found.checksum, found.warnings) == (Checksum.VALID, ())
    assert (found.serial, found.model) == (fields.serial.strip(), fields.model.strip())
    assert (found.sku, found.family) == (fields.sku.strip(), fields.family.strip())
    assert (found.tpm_version, found.product_key_id) == (
        fields.tpm_version.strip(),
        fields.product_key_id.strip(),
    )
    assert (found.smbios_uuid, found.ek_modulus) == (fields.smbios_uuid, fields.ek_modulus)
    assert found.values(6, Disk) == fields.disks
    assert found.values(7, str) == fields.disk_serials
    assert found.network_adapters == fields.network_adapters
    assert found.captured_at == fields.captured_at
    build = found.value(1, Build)
    assert build is not None
    assert (build.os_build, build.tool_build) == (fields.os_build, fields.tool_build)
    assert (build.utc_offset, build.architecture) == (fields.utc_offset, fields.architecture)
