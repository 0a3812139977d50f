"""Reading hardware hashes: every record type, and everything that may be wrong with a blob."""

import hashlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.errors import WireError
from reseal.wire.hwhash import (
    Build,
    Chassis,
    Checksum,
    Disk,
    Display,
    GraphicsMemory,
    HardwareHash,
    HardwareHashError,
    Memory,
    NetworkAdapter,
    OfflineDeviceId,
    Processor,
    Version,
    decode,
    decode_blob,
    describe,
    evidence,
)
from tests.unit.wire.hash_shapes import BUILD, FULL, MODULUS, NAMES, as_text, blob, body, record, text


def codes(found: HardwareHash) -> list[str]:
    return [warning.code for warning in found.warnings]


@pytest.fixture(scope="module")
def full() -> HardwareHash:
    return decode(as_text(blob(*FULL)))


def test_a_complete_blob_is_valid_and_without_warnings(full: HardwareHash) -> None:
    assert full.checksum is Checksum.VALID
    assert full.warnings == ()
    assert len(full.records) == len(FULL)


def test_names_of_the_system(full: HardwareHash) -> None:
    assert (full.manufacturer, full.model, full.serial) == ("Contoso", "Notebook 5", "SN-4711")
    assert (full.sku, full.family, full.product_key_id) == ("SKU-1", "Notebook", "3305309014752")


def test_capture_system_and_tool(full: HardwareHash) -> None:
    assert full.captured_at == datetime(2026, 3, 3, 12, 34, 56, tzinfo=UTC)
    assert full.build == Build(
        tool_build=Version(10, 0, 26100, 1742),
        os_build=Version(10, 0, 26100, 4061),
        seconds=825_856_496,
        utc_offset=timedelta(hours=-7),
        os_type=2,
        architecture=12,
        tool_version=8,
    )
    assert full.build.captured_local == datetime(2026, 3, 3, 5, 34, 56)
    assert (str(full.os_build), full.os_type, full.architecture) == ("10.0.26100.4061", "FullOS", "ARM64")


def test_tpm(full: HardwareHash) -> None:
    assert full.ek_modulus == MODULUS
    assert full.ek_digest == hashlib.sha256(MODULUS).digest()
    assert full.value(11, OfflineDeviceId) == OfflineDeviceId(1, hashlib.sha256(MODULUS).digest())
    assert full.tpm_version.startswith("TPM-Version:2.0 ")


def test_uuid_is_in_mixed_endian_order(full: HardwareHash) -> None:
    assert full.smbios_uuid == UUID("00112233-4455-6677-8899-aabbccddeeff")


def test_parts_of_the_machine(full: HardwareHash) -> None:
    assert full.value(2, Processor) == Processor(9, 1, 6, 12, True)
    assert full.value(5, Memory) == Memory(16, 64, 2, 1, 5)
    assert full.values(6, Disk) == (Disk(476, 17, 0, 1), Disk(32, 7, 0xFF, 0))
    assert full.values(9, Display) == (Display(309, 174, 1920, 1080),)
    assert full.value(10, Chassis) == Chassis(10, 2, b"\0\1\0")
    assert full.value(29, GraphicsMemory) == GraphicsMemory(1 << 30, 1 << 28, b"\1\0")
    assert full.value(30, str) == "Contoso|Pixel 9"


def test_network_adapters_with_their_medium(full: HardwareHash) -> None:
    wired, wireless = full.network_adapters
    assert wired == NetworkAdapter(14, bytes.fromhex("00155d0a0b0c"), "PCI")
    assert (wireless.medium, wireless.address) == (9, "02:16:EB:0A:0B:0C")


def test_disk_serials_are_those_of_internal_disks(full: HardwareHash) -> None:
    assert full.disk_serials == ("S5H7",)


def test_disk_serials_count_as_internal_when_disks_cannot_be_told_apart() -> None:
    found = decode_blob(blob(record(7, b"A1|Disk|Maker"), record(7, b"|Virtual Disk|Maker"), *NAMES))
    assert found.disk_serials == ("A1",)


def test_unknown_types_are_kept_raw(full: HardwareHash) -> None:
    assert [r.value for r in full.records if r.type in {27, 34}] == [bytes(4), b"\1\2"]


def test_narrow_graphics_memory() -> None:
    found = decode_blob(blob(record(29, bytes.fromhex("01000000 02000000 03"))))
    assert found.value(29, GraphicsMemory) == GraphicsMemory(1, 2, b"\3")


def test_text_round_trips_to_the_same_4000_characters() -> None:
    given_text = as_text(blob(*FULL))
    assert decode(given_text).text() == given_text
    assert decode_blob(decode(given_text).blob) == decode(given_text)


def test_unpadded_text_with_white_space_around_it_is_read() -> None:
    partial = as_text(body(*NAMES)).rstrip("=")
    assert decode(f"\r\n {partial}\t").serial == "SN-4711"


def test_missing_fields_are_empty_not_errors() -> None:
    found = decode_blob(blob())
    assert (found.serial, found.manufacturer, found.disk_serials, found.network_adapters) == ("", "", (), ())
    assert (found.os_type, found.architecture) == ("", "")
    absent = (found.smbios_uuid, found.ek_modulus, found.ek_digest, found.captured_at, found.os_build)
    assert absent == (None,) * 5


def test_endorsement_key_digest_is_computed_without_an_offline_id() -> None:
    assert decode_blob(blob(record(25, MODULUS))).ek_digest == hashlib.sha256(MODULUS).digest()


def test_offline_id_kept_in_a_uefi_variable_is_no_endorsement_key() -> None:
    content = bytes.fromhex("00000000 0200 20000000") + bytes(32)
    assert decode_blob(blob(record(11, content))).ek_digest is None


# --- checksum


def test_a_changed_byte_is_damage() -> None:
    data = bytearray(blob(*FULL))
    data[40] ^= 1
    found = decode_blob(bytes(data))
    assert found.checksum is Checksum.DAMAGED
    assert codes(found) == ["Damaged"]


@pytest.mark.parametrize("length", [2, 4, 20, 35])
def test_a_checksum_cut_short_is_damage(length: int) -> None:
    start = body(*NAMES)
    found = decode_blob(blob(*NAMES)[: len(start) + length])
    assert found.checksum is Checksum.DAMAGED
    assert found.serial == "SN-4711"


def test_without_a_checksum_the_state_is_unknown() -> None:
    found = decode_blob(body(*NAMES).ljust(3000, b"\0"))
    assert found.checksum is Checksum.UNKNOWN
    assert codes(found) == ["NoChecksum"]
    assert found.serial == "SN-4711"


def test_something_after_the_checksum_is_told() -> None:
    data = blob(*NAMES)[:-1] + b"x"
    found = decode_blob(data)
    assert (found.checksum, codes(found)) == (Checksum.VALID, ["TrailingData"])


# --- refusals: it is not a hash at all


@pytest.mark.parametrize(
    "data, offset",
    [
        (b"", None),
        (b"OA\x04", None),
        (b"AO\x04\0", 0),
        (b"PK\x03\x04" * 10, 0),
        (b"OA\x03\0", 2),
        (bytes(3000), 0),
    ],
)
def test_what_is_no_hash_is_refused(data: bytes, offset: int | None) -> None:
    with pytest.raises(HardwareHashError) as refusal:
        decode_blob(data)
    assert (refusal.value.code, refusal.value.offset) == ("InvalidZtdHardwareHash", offset)


def test_text_that_is_not_base64_is_refused() -> None:
    with pytest.raises(HardwareHashError, match="not base64"):
        decode("not a hash!")


# --- odd contents that must not keep the rest from being read


def test_length_below_four_ends_the_walk() -> None:
    found = decode_blob(blob(*NAMES, b"\x12\0\x03\0\x01\x02\x03\x04"))
    assert found.serial == "SN-4711"
    assert [(w.code, w.offset) for w in found.warnings] == [("CutShort", len(body(*NAMES)))]


def test_length_past_the_total_ends_the_walk() -> None:
    found = decode_blob(blob(*NAMES, b"\x12\0\xff\0abc\0"))
    assert found.serial == "SN-4711"
    assert codes(found) == ["CutShort"]


def test_total_past_the_end_reads_what_is_there() -> None:
    whole = body(*NAMES, text(18, "SKU"))
    found = decode_blob(whole[:-6])
    assert (found.serial, found.sku) == ("SN-4711", "")
    assert codes(found) == ["CutShort", "CutShort", "NoChecksum"]


def test_odd_utf_16_keeps_the_address() -> None:
    content = bytes.fromhex("0e000000 00155d0a0b0c 07000000") + b"P\0C\0I\0x"
    found = decode_blob(blob(record(8, content)))
    assert found.network_adapters == (NetworkAdapter(14, bytes.fromhex("00155d0a0b0c"), "PCI"),)
    assert codes(found) == ["Record"]


def test_a_bus_name_shorter_than_stated_keeps_the_address() -> None:
    content = bytes.fromhex("0e000000 00155d0a0b0c ff000000") + "PCI\0".encode("utf-16-le")
    found = decode_blob(blob(record(8, content)))
    assert found.network_adapters[0].bus == "PCI"
    assert "255 bytes" in found.warnings[0].message


def test_invalid_utf_8_stays_distinguishable() -> None:
    found = decode_blob(blob(record(14, b"SN\xff1\0"), record(17, b"M\xc3\0")))
    assert (found.serial, found.model) == (r"SN\xff1", r"M\xc3")
    assert codes(found) == ["Record", "Record"]


@pytest.mark.parametrize(
    "kind, content", [(1, BUILD[:-1]), (2, b""), (5, bytes(20)), (12, bytes(15)), (11, bytes(3))]
)
def test_content_too_short_for_its_type_is_kept_raw(kind: int, content: bytes) -> None:
    found = decode_blob(blob(record(kind, content), *NAMES))
    assert (found.records[0].value, codes(found)) == (content, ["Record"])
    assert found.serial == "SN-4711"


def test_an_offline_id_shorter_than_stated_is_kept_raw() -> None:
    content = bytes.fromhex("00000000 0100 20000000") + bytes(31)
    found = decode_blob(blob(record(11, content)))
    assert (found.ek_digest, codes(found)) == (None, ["Record"])


def test_of_a_repeated_name_the_first_counts() -> None:
    found = decode_blob(blob(*NAMES, text(14, "OTHER")))
    assert (found.serial, codes(found)) == ("SN-4711", ["Record"])


def test_an_offline_id_of_another_key_is_told() -> None:
    other = bytes.fromhex("00000000 0100 20000000") + hashlib.sha256(b"other").digest()
    found = decode_blob(blob(record(25, MODULUS), record(11, other)))
    assert codes(found) == ["EndorsementKey"]


# --- anything at all


def read_everything(found: HardwareHash) -> None:
    """Every property and listing of a hash, whatever it holds."""
    describe(found)
    evidence(found)
    for name in dir(HardwareHash):
        if not name.startswith("_"):
            getattr(found, name)


@given(st.binary(max_size=400))
def test_any_bytes_give_a_hash_or_a_refusal(data: bytes) -> None:
    for candidate in (data, b"OA" + data):
        try:
            found = decode_blob(candidate)
        except WireError:
            continue
        read_everything(found)


@given(st.text(max_size=200))
def test_any_text_gives_a_hash_or_a_refusal(data: str) -> None:
    with suppress(WireError):
        decode(data)


@given(st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=60)), max_size=20))
def test_any_contents_are_read_or_kept(contents: list[tuple[int, bytes]]) -> None:
    found = decode_blob(blob(*(record(kind, content) for kind, content in contents)))
    assert [r.type for r in found.records] == [kind for kind, _ in contents]
    assert found.checksum is Checksum.VALID
    read_everything(found)


@given(st.data())
def test_any_damage_to_a_hash_is_survived(data: st.DataObject) -> None:
    damaged = bytearray(blob(*FULL)[: data.draw(st.integers(4, 1200))])
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(4, len(damaged)) if len(damaged) > 5 else st.just(4)) - 1] = data.draw(
            st.integers(0, 255)
        )
    try:
        found = decode_blob(bytes(damaged))
    except WireError:
        return
    read_everything(found)
    assert decode_blob(found.blob).records == found.records
