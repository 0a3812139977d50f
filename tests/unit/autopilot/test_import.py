"""Rows of an import: what is read, refused, found twice, accepted (spec/autopilot.md 2.1-2.3)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from reseal.autopilot.model_import import (
    Acceptance,
    Claim,
    Facts,
    ImportRow,
    Prepared,
    Refusal,
    UserFact,
    Verdict,
    accept,
    judge,
    read_row,
    read_rows,
    refuse,
    rows_of_csv,
)
from reseal.kernel.errors import Invalid
from reseal.kernel.ids import TenantKey
from reseal.wire.devicecsv import read_device_csv
from reseal.wire.hwhash import EvidenceKey, EvidenceKind
from tests.support.hardware import hash_text, row

TENANT, OTHER = TenantKey(1), TenantKey(2)
ZTDID = UUID(int=7)
NOTHING_KNOWN = Facts(claims=(), serial_known=False, domains=frozenset({"contoso.test"}), user=None)
ADA = UserFact(5, "ada@contoso.test", licensed=True)


def prepared(number: int = 1, **changes: object) -> Prepared:
    found = read_row(row(number, **changes))
    assert isinstance(found, Prepared), found
    return found


def refused(found: Prepared | Acceptance | Verdict) -> Verdict:
    assert isinstance(found, Verdict), found
    return found


def accepted(found: Acceptance | Verdict) -> Acceptance:
    assert isinstance(found, Acceptance), found
    return found


# --- refusals -----------------------------------------------------------------------------------------------


def test_codes_and_names() -> None:
    assert {(one.code, one.error_name) for one in Refusal} == {
        (801, "InvalidZtdRequestBody"),
        (802, "InvalidZtdHardwareHash"),
        (803, "MissingZtdSerialNumberAndProductKey"),
        (806, "ZtdDeviceAlreadyAssigned"),
        (808, "ZtdDeviceAssignedToOtherTenant"),
        (8201, "ZtdDeviceDuplicated"),
        (8202, "StorageError"),
        (8203, "ZtdDeviceNotFound"),
        (8204, "AssignedUserDomainUnknown"),
    }
    assert all(one.remedy for one in Refusal)


def test_the_page_for_administrators_names_every_code() -> None:
    page = Path("docs/administrator/importing-devices.md").read_text()
    told = re.findall(r"^\| (\d+) \| (\w*) ?\| \S.*\|$", page, re.MULTILINE)
    assert told == [("0", ""), *((str(one.code), one.error_name) for one in Refusal)]


def test_autopilot_041_a_refusal_carries_number_name_line_and_remedy() -> None:
    verdict = refuse(ImportRow(12, "SN", "x"), Refusal.OTHER_TENANT, "Taken.")
    assert verdict == Verdict(
        12,
        "SN",
        808,
        "ZtdDeviceAssignedToOtherTenant",
        "Taken.",
        "The other organisation must deregister the device first.",
    )
    assert not verdict.imported
    assert verdict.registration is None
    assert refuse(ImportRow(12, "", "x"), Refusal.OTHER_TENANT, "Taken.", "SN-2").serial == "SN-2"


def test_an_acceptance_becomes_a_verdict_with_its_warnings() -> None:
    one = replace(prepared(1, line=4), warnings=())
    verdict = accept(Acceptance(one, None, "", ("Look here.",)), ZTDID)
    assert (verdict.line, verdict.serial, verdict.code, verdict.name) == (4, "SN-00001", 0, "")
    assert (verdict.registration, verdict.warnings) == (ZTDID, ("Look here.",))
    assert verdict.imported


# --- reading ------------------------------------------------------------------------------------------------


def test_a_good_row_is_prepared() -> None:
    one = prepared(1, group_tag="Berlin")
    assert (one.serial, one.row.line, one.serial_twin) == ("SN-00001", 2, None)
    assert one.hash.model == "Laptop 7"
    assert {key.kind for key in one.keys} == {
        EvidenceKind.EK,
        EvidenceKind.TUPLE,
        EvidenceKind.UUID,
        EvidenceKind.MAC,
        EvidenceKind.DISK,
    }
    assert one.warnings == ()


def test_autopilot_018_an_unpadded_hash_is_repaired() -> None:
    assert prepared(1, hardware_hash=f" {hash_text(1).rstrip('=')}\n").hash == prepared(1).hash


@pytest.mark.parametrize("text", ["!!!", "Q29udG9zbwAAA", "T0E="])
def test_autopilot_018_what_is_no_hash_is_802(text: str) -> None:
    verdict = refused(read_row(row(1, hardware_hash=text)))
    assert (verdict.code, verdict.name) == (802, "InvalidZtdHardwareHash")
    assert verdict.message.endswith(".")


def test_autopilot_020_a_hash_without_serial_number_is_802() -> None:
    verdict = refused(read_row(row(1, hardware_hash=hash_text(1, serial=""))))
    assert verdict.code == 802
    assert "serial number" in verdict.message


@pytest.mark.parametrize(
    "serial, product_key, code",
    [("SN-1", "", 8203), ("", "PKID", 8203), ("SN-1", "PKID", 8203), ("", "", 803), (" ", "\t", 803)],
)
def test_autopilot_037_without_a_hash_no_device_is_found(serial: str, product_key: str, code: int) -> None:
    verdict = refused(read_row(ImportRow(2, serial, " ", product_key=product_key)))
    assert verdict.code == code


@pytest.mark.parametrize("field", ["serial", "product_key", "group_tag", "assigned_user", "purchase_order"])
def test_texts_that_are_too_long_or_cannot_be_seen_are_801(field: str) -> None:
    limit = 256 if field == "serial" else 512
    assert isinstance(read_row(row(1, **{field: "x" * limit})), Prepared)
    for text in ("x" * (limit + 1), "a\u200bb", "a\nb"):
        assert refused(read_row(row(1, **{field: text}))).code == 801


def test_a_row_without_serial_takes_the_one_in_the_hash() -> None:
    one = prepared(1, serial="  ")
    assert one.serial == "SN-00001"
    assert any("SN-00001" in text for text in one.warnings)


@pytest.mark.parametrize("serial", [chr(1) + "SN", "SN" + chr(0x7F), "S" * 257])
def test_a_row_without_serial_is_refused_if_the_one_in_the_hash_cannot_name_a_device(serial: str) -> None:
    text = hash_text(1, serial=serial)
    verdict = read_row(row(1, serial="", hardware_hash=text))
    assert isinstance(verdict, Verdict)
    assert (verdict.code, verdict.name) == (802, "InvalidZtdHardwareHash")
    assert "serial number in the hash" in verdict.message
    assert isinstance(read_row(row(1, hardware_hash=text)), Prepared), "the row's own is taken"


def test_another_serial_than_the_hashs_is_kept_and_warned_about() -> None:
    one = prepared(1, serial=" TYPED ")
    assert one.serial == "TYPED"
    assert any("TYPED" in text and "SN-00001" in text for text in one.warnings)
    assert prepared(1, serial="sn-00001").warnings == ()


def test_what_makes_recognition_hard_is_warned_about() -> None:
    no_tpm = prepared(1, hardware_hash=hash_text(1, ek_modulus=None))
    assert any("endorsement key" in text for text in no_tpm.warnings)
    cut = prepared(1, hardware_hash=_cut(hash_text(1)))
    assert any("the end is missing" in text for text in cut.warnings)


def _cut(text: str) -> str:
    """The hash without its last records and without padding."""
    import base64

    blob = base64.b64decode(text).rstrip(b"\0")
    return base64.b64encode(blob[:-60]).decode()


# --- duplicates ---------------------------------------------------------------------------------------------


def test_autopilot_021_the_first_of_equal_devices_stays() -> None:
    first, second, third, fourth = read_rows([row(1), row(1, line=8, serial="OTHER"), row(2), row(1, line=9)])
    assert isinstance(first, Prepared)
    assert isinstance(third, Prepared)
    for verdict, line in ((refused(second), 8), (refused(fourth), 9)):
        assert (verdict.line, verdict.code, verdict.name) == (line, 8201, "ZtdDeviceDuplicated")
        assert "line 2" in verdict.message


def test_a_recaptured_hash_is_a_duplicate_too() -> None:
    again = hash_text(1, disk_serials=("OTHER",))
    found = read_rows([row(1), row(1, line=8, hardware_hash=again)])
    assert refused(found[1]).name == "ZtdDeviceDuplicated"


def test_equal_hashes_with_little_evidence_are_duplicates() -> None:
    poor = hash_text(1, ek_modulus=None, disk_serials=(), network_adapters=(), serial="Default string")
    found = read_rows([row(1, hardware_hash=poor), row(1, line=8, hardware_hash=poor)])
    assert refused(found[1]).name == "ZtdDeviceDuplicated"


def test_devices_that_share_a_part_are_no_duplicates() -> None:
    other = hash_text(2, disk_serials=("DISK000001",))
    assert all(isinstance(one, Prepared) for one in read_rows([row(1), row(2, hardware_hash=other)]))


def test_an_equal_serial_in_the_file_is_remembered() -> None:
    first, second, third = read_rows([row(1), row(2, serial="sn-00001"), row(3)])
    assert isinstance(first, Prepared)
    assert isinstance(second, Prepared)
    assert isinstance(third, Prepared)
    assert (first.serial_twin, second.serial_twin, third.serial_twin) == (None, 2, None)


def test_verdicts_pass_through_in_their_place() -> None:
    verdict = refuse(ImportRow(2, "SN", ""), Refusal.INVALID_HARDWARE_HASH, "Bad.")
    found = read_rows([verdict, row(2)])
    assert found[0] is verdict
    assert isinstance(found[1], Prepared)


# --- judging ------------------------------------------------------------------------------------------------


def _claim(tenant: TenantKey, keys: tuple[EvidenceKey, ...], line: int | None = None) -> Claim:
    return Claim(tenant, ZTDID, keys, line)


def test_a_new_device_is_accepted() -> None:
    one = prepared(1)
    assert judge(TENANT, one, NOTHING_KNOWN) == Acceptance(one, None, "", ())


def test_autopilot_022_registered_here_is_806() -> None:
    one = prepared(1)
    verdict = refused(judge(TENANT, one, replace(NOTHING_KNOWN, claims=[_claim(TENANT, one.keys)])))
    assert verdict.code == 806
    assert str(ZTDID) in verdict.message


def test_autopilot_023_registered_elsewhere_is_808_and_gives_nothing_away() -> None:
    one = prepared(1)
    verdict = refused(judge(TENANT, one, replace(NOTHING_KNOWN, claims=[_claim(OTHER, one.keys)])))
    assert verdict.code == 808
    assert str(ZTDID) not in verdict.message


def test_registered_by_an_earlier_line_of_this_import_is_a_duplicate() -> None:
    one = prepared(1)
    verdict = refused(judge(TENANT, one, replace(NOTHING_KNOWN, claims=[_claim(TENANT, one.keys, 3)])))
    assert verdict.name == "ZtdDeviceDuplicated"
    assert "line 3" in verdict.message


def test_a_refused_row_without_serial_shows_the_hashs() -> None:
    one = prepared(1, serial="", assigned_user="ada@elsewhere.test")
    for facts in (
        NOTHING_KNOWN,
        replace(NOTHING_KNOWN, claims=[_claim(TENANT, one.keys)]),
        replace(NOTHING_KNOWN, claims=[_claim(OTHER, one.keys)]),
        replace(NOTHING_KNOWN, claims=[_claim(TENANT, one.keys, 3)]),
    ):
        assert refused(judge(TENANT, one, facts)).serial == "SN-00001"


def test_a_claim_of_other_hardware_does_not_count() -> None:
    one, other = prepared(1), prepared(2)
    mine = _claim(OTHER, one.keys)
    accepted(judge(TENANT, other, replace(NOTHING_KNOWN, claims=[mine])))
    both = [_claim(TENANT, other.keys), mine]
    assert refused(judge(TENANT, one, replace(NOTHING_KNOWN, claims=both))).code == 808


def test_a_known_serial_is_warned_about_once() -> None:
    known = replace(NOTHING_KNOWN, serial_known=True)
    (warning,) = accepted(judge(TENANT, prepared(1), known)).warnings
    assert "registered already, with another hardware hash" in warning
    (twin,) = accepted(judge(TENANT, replace(prepared(1), serial_twin=2), known)).warnings
    assert twin.startswith("Line 2 holds the same serial number")


def test_a_placeholder_serial_is_no_sign_of_a_repair() -> None:
    one = prepared(1, serial="Default string", hardware_hash=hash_text(1, serial="Default string"))
    found = accepted(judge(TENANT, one, replace(NOTHING_KNOWN, serial_known=True)))
    assert found.warnings == one.warnings
    assert any("placeholder" in text for text in found.warnings)


def test_autopilot_028_users_by_domain_name_and_licence() -> None:
    def judged(upn: str, user: UserFact | None) -> Acceptance | Verdict:
        return judge(TENANT, prepared(1, assigned_user=upn), replace(NOTHING_KNOWN, user=user))

    verdict = refused(judged("ada@elsewhere.test", None))
    assert (verdict.code, verdict.name) == (8204, "AssignedUserDomainUnknown")
    assert refused(judged("ada", None)).code == 8204

    known = accepted(judged("ADA@Contoso.test", ADA))
    assert (known.user, known.assigned_user_upn, known.warnings) == (ADA, "ada@contoso.test", ())

    unknown = accepted(judged(" grace@CONTOSO.test ", None))
    assert (unknown.user, unknown.assigned_user_upn) == (None, "grace@CONTOSO.test")
    assert ["no user grace@CONTOSO.test yet" in text for text in unknown.warnings] == [True]

    unlicensed = accepted(judged("ada@contoso.test", replace(ADA, licensed=False)))
    assert (unlicensed.user, unlicensed.assigned_user_upn) == (None, "")
    assert ["has no licence" in text for text in unlicensed.warnings] == [True]


# --- files --------------------------------------------------------------------------------------------------

HEADER = "Device Serial Number,Windows Product ID,Hardware Hash,Group Tag,Assigned User"


def _file(*lines: str) -> bytes:
    return "\r\n".join([HEADER, *lines, ""]).encode()


def test_rows_of_a_file_keep_their_lines_and_columns() -> None:
    data = _file(f"SN-1,PKID,{hash_text(1)},Berlin,ada@contoso.test", f"SN-2,,{hash_text(2)},,")
    first, second = rows_of_csv(read_device_csv(data))
    assert first == ImportRow(2, "SN-1", hash_text(1), "PKID", "Berlin", "ada@contoso.test")
    assert second == ImportRow(3, "SN-2", hash_text(2))


def test_a_row_that_the_reader_left_out_is_a_verdict_in_its_place() -> None:
    data = _file(f"SN-1,,{hash_text(1)},,", "SN-2,,!!!!,,", f"SN-3,,{hash_text(3)},,")
    first, second, third = rows_of_csv(read_device_csv(data))
    assert isinstance(first, ImportRow)
    assert isinstance(third, ImportRow)
    assert isinstance(second, Verdict)
    assert (second.line, second.serial, second.code) == (3, "SN-2", 802)


def test_a_refused_file_raises_with_every_line() -> None:
    data = _file(f'"SN-1",,{hash_text(1)},,', f"SN-2,,{hash_text(2)},,,,")
    with pytest.raises(Invalid) as caught:
        rows_of_csv(read_device_csv(data))
    assert caught.value.code == "DeviceList"
    assert caught.value.details[0].where == "line 2"
    assert "uotation" in caught.value.details[0].message
    assert all(detail.message and detail.remedy and detail.code for detail in caught.value.details)
    assert "line 2" in caught.value.message
    assert caught.value.remedy
