"""Device lists: what of a file is taken, what is refused, and how that is told."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from tests.conformance.office import HEADER, Office, Refused, device_list, row, serial_of
from tests.support.hardware import hash_text
from tests.unit.wire.hash_shapes import NAMES, as_text, blob

SERIAL_RECORD, MANUFACTURER_RECORD, MODEL_RECORD = NAMES


async def refusal(office: Office, file: bytes, *, strict: bool = False) -> list[tuple[str, str]]:
    """Where and why the file is refused; nothing of it may have been taken."""
    with pytest.raises(Refused) as refused:
        await office.import_csv(file, strict=strict)
    assert await office.values("/registrations") == []
    assert refused.value.remedy
    return [(detail["where"], detail["code"]) for detail in refused.value.details]


def warnings(head: object) -> list[tuple[int, str]]:
    """Line and code of what was let pass or put right in a file."""
    assert isinstance(head, dict)
    return [(warning["line"], warning["code"]) for warning in head["warnings"]]


# --- the form of the file -----------------------------------------------------------------------------------


async def test_autopilot_012_the_documented_header_imports_and_no_other_letter_case(office: Office) -> None:
    shouted = HEADER.replace("Serial Number", "serial number")
    assert await refusal(office, device_list(row(1), header=shouted)) == [("line 1", "HeaderLetterCase")]
    assert (await office.import_csv(device_list(row(1), header=HEADER))).done["imported"] == 1


async def test_autopilot_013_three_four_and_five_columns_import_and_six_do_not(office: Office) -> None:
    columns = HEADER.split(",")
    six = device_list(f"{row(6)},x", header=f"{HEADER},Colour")
    assert ("line 1", "ExtraColumn") in await refusal(office, six)
    for count in (3, 4, 5):
        values = row(count, tag="sales").split(",")[:count]
        file = device_list(",".join(values), header=",".join(columns[:count]))
        assert (await office.import_csv(file)).done == {"imported": 1, "refused": 0}
    assert [(await office.registration(count))["groupTag"] for count in (3, 4, 5)] == ["", "sales", "sales"]


@pytest.mark.parametrize("value", ['"SN-1"', 'SN"1', 'SN-1"'])
async def test_autopilot_014_quotation_marks_refuse_the_file_and_their_line_is_named(
    office: Office, value: str
) -> None:
    file = device_list(row(1), row(2, serial=value), row(3))
    assert await refusal(office, file) == [("line 3", "QuotationMark")]


async def test_autopilot_015_row_501_is_taken_in_parts_and_that_is_said(office: Office) -> None:
    imported = await office.import_csv(device_list(*map(row, range(501))))
    assert imported.done == {"imported": 501, "refused": 0}
    assert warnings(imported.head) == [(502, "TooManyRows")]
    assert "500" in imported.head["warnings"][0]["message"]


async def test_autopilot_015_read_strictly_row_501_refuses_the_file_and_says_500(office: Office) -> None:
    file = device_list(*map(row, range(501)))
    assert await refusal(office, file, strict=True) == [("line 502", "TooManyRows")]
    with pytest.raises(Refused, match="500 rows"):
        await office.import_csv(file, strict=True)


async def test_autopilot_016_blanks_around_values_are_put_right_and_their_line_named(office: Office) -> None:
    file = device_list(row(1), row(2, tag="sales "), row(3))
    assert await refusal(office, file, strict=True) == [("line 3", "SurroundingSpace")]
    imported = await office.import_csv(file)
    assert warnings(imported.head) == [(3, "SurroundingSpace")]
    assert (await office.registration(2))["device"]["physicalIds"][1:] == ["[OrderID]:sales"]


@pytest.mark.parametrize("hidden", ["\u200b", "\ufeff", "\u00a0", "\t"])
async def test_autopilot_016_invisible_characters_refuse_the_file_and_their_line_is_named(
    office: Office, hidden: str
) -> None:
    file = device_list(row(1), row(2)).decode().replace(serial_of(2), f"{serial_of(2)}{hidden}")
    ((where, code),) = await refusal(office, file.encode())
    assert (where, code in {"HiddenCharacter", "NonAsciiCharacter"}) == ("line 3", True)


async def test_autopilot_017_utf_16_of_the_collecting_tool_imports_and_not_strictly(office: Office) -> None:
    from_powershell = device_list(row(1), row(2)).decode().encode("utf-16")
    assert await refusal(office, from_powershell, strict=True) == [("line 1", "Encoding")]
    assert (await office.import_csv(from_powershell)).done == {"imported": 2, "refused": 0}


# --- hardware hashes ----------------------------------------------------------------------------------------


def longer_hash(number: int, more: int) -> str:
    """The padded hash of a virtual laptop, with zero bytes behind it as other firmware leaves them."""
    return base64.b64encode(base64.b64decode(hash_text(number)) + bytes(more)).decode()


async def test_autopilot_018_missing_padding_is_mended(office: Office) -> None:
    one, two = (longer_hash(number, number) for number in (1, 2))
    assert (one[-2:], two[-1:]) == ("==", "=")
    rows = [f"{serial_of(number)},,{text.rstrip('=')},," for number, text in ((1, one), (2, two))]
    assert (await office.import_csv(device_list(*rows))).done == {"imported": 2, "refused": 0}
    again = await office.import_csv(device_list(f"{serial_of(1)},,{one},,", f"{serial_of(2)},,{two},,"))
    assert again.problems() == [(2, 806, "ZtdDeviceAlreadyAssigned"), (3, 806, "ZtdDeviceAlreadyAssigned")]


@pytest.mark.parametrize("text", ["Q29udG9zbw!!", "Q29u=dG9zbw", "Q29udG9zbwAAA"])
async def test_autopilot_018_what_cannot_be_mended_is_told_for_its_row(office: Office, text: str) -> None:
    imported = await office.import_csv(device_list(row(1), f"SN-BAD,,{text},,"))
    assert imported.problems() == [(3, 802, "InvalidZtdHardwareHash")]
    assert imported.done == {"imported": 1, "refused": 1}
    assert imported.verdicts[1]["message"]
    assert imported.verdicts[1]["remedy"]


async def test_autopilot_019_a_hash_cut_like_the_documented_example_is_the_same_device(
    office: Office,
) -> None:
    whole = longer_hash(1, 1)
    assert whole.endswith("AA==")
    cut = whole.removesuffix("A==")
    imported = await office.import_csv(device_list(f"SN-CUT,,{cut},,", f"SN-WHOLE,,{whole},,"))
    assert imported.problems() == [(3, 8201, "ZtdDeviceDuplicated")]


async def test_autopilot_020_a_hash_without_maker_or_serial_number_is_invalid(office: Office) -> None:
    without_serial = as_text(blob(MANUFACTURER_RECORD, MODEL_RECORD))
    without_maker = as_text(blob(SERIAL_RECORD, MODEL_RECORD))
    rows = [f"SN-4711,,{text},," for text in (without_serial, without_maker)]
    imported = await office.import_csv(device_list(*rows))
    assert imported.problems() == [(2, 802, "InvalidZtdHardwareHash"), (3, 802, "InvalidZtdHardwareHash")]
    assert "serial number" in imported.verdicts[0]["message"]
    assert "manufacturer" in imported.verdicts[1]["message"]


# --- devices that are somewhere already ---------------------------------------------------------------------


async def test_autopilot_021_of_the_same_hash_twice_one_row_is_imported(office: Office) -> None:
    imported = await office.import_csv(device_list(row(1), row(2), row(1, serial="OTHER"), row(1)))
    duplicated = [(line, 8201, "ZtdDeviceDuplicated") for line in (4, 5)]
    assert imported.problems() == duplicated
    found = [one["serialNumber"] for one in await office.values("/registrations")]
    assert found == [serial_of(1), serial_of(2)]


async def test_autopilot_022_devices_of_our_own_answer_806_with_their_lines(office: Office) -> None:
    ztdid, _ = await office.register(1, 2)
    captured_anew = row(1, captured_at=office.clock.now() + timedelta(days=90))
    imported = await office.import_csv(device_list(row(3), captured_anew, row(4), row(2)))
    assert imported.problems() == [(line, 806, "ZtdDeviceAlreadyAssigned") for line in (3, 5)]
    assert ztdid in imported.verdicts[1]["message"]
    assert imported.done == {"imported": 2, "refused": 2}


async def test_autopilot_023_a_device_of_another_organisation_answers_808(office: Office) -> None:
    fabrikam = await office.neighbour("Fabrikam")
    (ztdid,) = await fabrikam.register(1)
    imported = await office.import_csv(device_list(row(1), row(2)))
    assert imported.problems() == [(2, 808, "ZtdDeviceAssignedToOtherTenant")]
    told = imported.verdicts[0]["message"] + imported.verdicts[0]["remedy"]
    assert "Fabrikam" not in told
    assert ztdid not in told


async def test_autopilot_028_a_user_of_a_foreign_domain_is_refused_an_unknown_one_warned_about(
    office: Office,
) -> None:
    await office.apply(users=[{"upn": "adele", "displayName": "Adele Vance"}])
    file = device_list(
        row(1, user="adele@elsewhere.example"),
        row(2, user=office.upn("nobody")),
        row(3, user=office.upn("Adele")),
    )
    foreign, unknown, known = (await office.import_csv(file)).verdicts
    assert (foreign["line"], foreign["name"]) == (2, "AssignedUserDomainUnknown")
    assert "elsewhere.example" in foreign["message"]
    assert unknown["code"] == known["code"] == 0
    warned = f"There is no user {office.upn('nobody')} yet"
    assert any(warning.startswith(warned) for warning in unknown["warnings"])
    assert not any("no user" in warning for warning in known["warnings"])
    assert (await office.registration(3))["assignedUser"] == office.upn("adele")


async def test_autopilot_037_a_repaired_device_is_not_found_by_serial_number_and_model(
    office: Office,
) -> None:
    await office.register(1)
    header = "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model"
    by_name = device_list(f"{serial_of(1)},,,Reseal,Laptop 7", f"{serial_of(1)},P-1,,,", header=header)
    imported = await office.import_csv(by_name)
    assert imported.problems() == [(line, 8203, "ZtdDeviceNotFound") for line in (2, 3)]
    assert "hash" in imported.verdicts[0]["remedy"]


async def test_autopilot_041_every_error_of_an_import_carries_name_number_and_line(office: Office) -> None:
    await office.register(1)
    fabrikam = await office.neighbour("Fabrikam")
    await fabrikam.register(2)
    file = device_list(
        row(1), row(2), row(3), row(3), "SN-BAD,,AAAA,,", row(4, user="x@elsewhere.example"), row(5)
    )
    imported = await office.import_csv(file)
    assert imported.problems() == [
        (2, 806, "ZtdDeviceAlreadyAssigned"),
        (3, 808, "ZtdDeviceAssignedToOtherTenant"),
        (5, 8201, "ZtdDeviceDuplicated"),
        (6, 802, "InvalidZtdHardwareHash"),
        (7, 8204, "AssignedUserDomainUnknown"),
    ]
    assert all(verdict["message"] and verdict["remedy"] for verdict in imported.verdicts if verdict["code"])
    assert imported.done == {"imported": 2, "refused": 5}
