"""What identifies a device, what only seems to, and what keeps a hash from being registered."""

import hashlib
from uuid import UUID

import pytest

from reseal.wire.hwhash import (
    EvidenceKey,
    EvidenceKind,
    decode_blob,
    evidence,
    identity_warnings,
    is_identifying_mac,
    is_ignorable_uuid,
    is_placeholder_serial,
    registration_problems,
)
from tests.unit.wire.hash_shapes import FULL, MODULUS, NAMES, UUID_BYTES, blob, record, text

FULL_HASH = decode_blob(blob(*FULL))


def adapter(address: str, medium: int = 14, bus: str = "PCI") -> bytes:
    name = f"{bus}\0".encode("utf-16-le")
    return record(
        8, medium.to_bytes(4, "little") + bytes.fromhex(address) + len(name).to_bytes(4, "little") + name
    )


def kinds(*records: bytes) -> list[EvidenceKind]:
    return [key.kind for key in evidence(decode_blob(blob(*records)))]


def test_evidence_of_a_full_hash_is_sorted_and_folded() -> None:
    assert evidence(FULL_HASH) == (
        EvidenceKey(EvidenceKind.DISK, "s5h7"),
        EvidenceKey(EvidenceKind.EK, hashlib.sha256(MODULUS).hexdigest()),
        EvidenceKey(EvidenceKind.MAC, "00:15:5d:0a:0b:0c"),
        EvidenceKey(EvidenceKind.PKID, "3305309014752"),
        EvidenceKey(EvidenceKind.TUPLE, "contoso|notebook 5|sn-4711"),
        EvidenceKey(EvidenceKind.UUID, "00112233-4455-6677-8899-aabbccddeeff"),
    )


def test_letter_case_and_spaces_do_not_make_another_device() -> None:
    other = decode_blob(blob(text(14, " sn-4711 "), text(16, "CONTOSO"), text(17, "Notebook  5")))
    assert evidence(other) == evidence(decode_blob(blob(*NAMES)))


def test_a_separator_in_a_name_does_not_make_two_devices_one() -> None:
    first = decode_blob(blob(text(14, "SN1"), text(16, "A|B"), text(17, "C")))
    second = decode_blob(blob(text(14, "SN1"), text(16, "A"), text(17, "B|C")))
    assert evidence(first) != evidence(second)


def test_names_of_any_length_fit_into_an_index_and_still_tell_devices_apart() -> None:
    def of(model: bytes) -> tuple[EvidenceKey, ...]:
        return evidence(decode_blob(blob(text(14, "SN1"), text(16, "A"), record(17, model + b"\0"))))

    one, same, other = of(b"\xff" * 900 + b"1"), of(b"\xff" * 900 + b"1"), of(b"\xff" * 900 + b"2")
    assert one == same != other
    assert [len(key.value) for key in (*one, *other)] == [71, 71]


@pytest.mark.parametrize(
    "serial",
    ["", " ", "0", "0000000", "XXXX", "To be filled by O.E.M.", "DEFAULT STRING", "System Serial Number"],
)
def test_placeholder_serials(serial: str) -> None:
    assert is_placeholder_serial(serial)
    assert kinds(text(14, serial), *NAMES[1:]) == []


@pytest.mark.parametrize("serial", ["PF3ABCDE", "10", "RSL-0001"])
def test_real_serials(serial: str) -> None:
    assert not is_placeholder_serial(serial)


@pytest.mark.parametrize(
    "uuid",
    [
        UUID(int=0),
        UUID("ffffffff-ffff-ffff-ffff-ffffffffffff"),
        UUID("03000200-0400-0500-0006-000700080009"),
        UUID("00020003-0004-0005-0006-000700080009"),
    ],
)
def test_ignorable_uuids_are_no_evidence(uuid: UUID) -> None:
    assert is_ignorable_uuid(uuid)
    assert kinds(record(12, uuid.bytes_le)) == []


def test_a_uuid_of_its_own_is_evidence() -> None:
    assert kinds(record(12, UUID_BYTES)) == [EvidenceKind.UUID]


@pytest.mark.parametrize("medium", [0, 1, 9, 14])
def test_wired_and_wireless_lan_identify(medium: int) -> None:
    assert kinds(adapter("00155d0a0b0c", medium)) == [EvidenceKind.MAC]


@pytest.mark.parametrize(
    "shape",
    [
        adapter("02155d0a0b0c"),  # locally administered
        adapter("01005e000001"),  # of a group
        adapter("000000000000"),
        adapter("ffffffffffff"),
        adapter("00155d0a0b0c", bus="USB"),
        adapter("00155d0a0b0c", medium=10),  # Bluetooth
        adapter("00155d0a0b0c", medium=8),  # wide area
    ],
)
def test_addresses_that_do_not_identify(shape: bytes) -> None:
    assert kinds(shape) == []


def test_an_address_of_another_length_does_not_identify() -> None:
    assert not is_identifying_mac(bytes.fromhex("00155d0a0b"))


def test_a_stick_or_an_empty_virtual_disk_is_no_evidence() -> None:
    usb = record(6, bytes.fromhex("2000000000000000 07 00 ff 00"))
    assert kinds(usb, record(7, b"USB1|Stick|Maker")) == []
    assert kinds(record(7, b"|Virtual Disk    |Msft    ")) == []


# --- registration


def test_a_full_hash_can_be_registered_without_remarks() -> None:
    assert registration_problems(FULL_HASH) == ()
    assert identity_warnings(FULL_HASH) == ()


@pytest.mark.parametrize(
    "records, missing",
    [
        (NAMES[1:], ["serial number"]),
        ((NAMES[0], NAMES[2]), ["manufacturer"]),
        ((text(14, " "), text(16, ""), NAMES[2]), ["manufacturer", "serial number"]),
    ],
)
def test_without_manufacturer_or_serial_number_a_hash_is_invalid(
    records: tuple[bytes, ...], missing: list[str]
) -> None:
    problems = registration_problems(decode_blob(blob(*records, record(25, MODULUS))))
    assert [problem.code for problem in problems] == ["InvalidZtdHardwareHash"] * len(missing)
    for problem, name in zip(problems, missing, strict=True):
        assert name in problem.message
        assert problem.remedy


def test_a_hash_that_identifies_nothing_is_invalid() -> None:
    names = (text(14, "Default string"), text(16, "Contoso"), text(17, "Notebook"))
    (problem,) = registration_problems(decode_blob(blob(*names)))
    assert problem.code == "InvalidZtdHardwareHash"
    assert registration_problems(decode_blob(blob(*names, record(25, MODULUS)))) == ()


def test_warnings_name_what_makes_recognition_hard() -> None:
    data = bytearray(blob(text(14, "0"), text(16, "Contoso"), text(17, "Notebook")))
    data[20] ^= 1
    assert [w.code for w in identity_warnings(decode_blob(bytes(data)))] == [
        "HashDamaged",
        "PlaceholderSerial",
        "IgnorableUuid",
        "NoEndorsementKey",
    ]
