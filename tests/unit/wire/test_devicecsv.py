"""Device lists: what is taken, what is refused, and that every refusal names its line."""

from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.devicecsv import (
    CsvProblem,
    DeviceCsv,
    DeviceCsvError,
    DeviceRow,
    Encoding,
    Layout,
    read_device_csv,
    write_device_csv,
)

FIVE = "Device Serial Number,Windows Product ID,Hardware Hash,Group Tag,Assigned User"
FOUR = FIVE.rpartition(",")[0]
THREE = FOUR.rpartition(",")[0]
PARTNER = "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model"
HASH = "T0EEAA=="

Told = tuple[int, str]


def told(problems: tuple[CsvProblem, ...]) -> list[Told]:
    """Line and code of each problem."""
    return [(problem.line, problem.code) for problem in problems]


def read(*lines: str, strict: bool = False) -> DeviceCsv:
    return read_device_csv("\r\n".join([*lines, ""]).encode(), strict)


def assert_refused(found: DeviceCsv, *expected: Told) -> None:
    assert told(found.problems) == list(expected)
    assert found.refused
    assert found.rows == ()
    assert all(problem.message and problem.remedy for problem in found.problems)


# --- what is taken

BOTH_WAYS = pytest.mark.parametrize("strict", [False, True], ids=["normal", "strict"])


@BOTH_WAYS
def test_five_columns(strict: bool) -> None:
    found = read(FIVE, f"SN1,PK1,{HASH},sales,adele@contoso.example", strict=strict)
    assert found.rows == (
        DeviceRow(
            line=2,
            serial="SN1",
            product_id="PK1",
            hardware_hash=HASH,
            group_tag="sales",
            assigned_user="adele@contoso.example",
        ),
    )
    assert (found.problems, found.warnings) == ((), ())
    assert (found.layout, found.encoding, found.row_count) == (Layout.INTUNE, Encoding.ASCII, 1)


@BOTH_WAYS
@pytest.mark.parametrize(
    "header, row", [(THREE, f"SN1,,{HASH}"), (FOUR, f"SN1,,{HASH},"), (FIVE, f"SN1,,{HASH},,")]
)
def test_three_to_five_columns(header: str, row: str, strict: bool) -> None:
    assert read(header, row, strict=strict).rows == (DeviceRow(line=2, serial="SN1", hardware_hash=HASH),)


def test_order_id_is_the_group_tag() -> None:
    for header in (FOUR, FIVE):
        found = read(header.replace("Group Tag", "OrderID"), f"SN1,,{HASH},sales{',' * (header == FIVE)}")
        assert [row.group_tag for row in found.rows] == ["sales"]


@BOTH_WAYS
def test_partner_center(strict: bool) -> None:
    found = read(PARTNER, f"SN1,,{HASH},Contoso,Notebook 5", strict=strict)
    assert found.layout is Layout.PARTNER_CENTER
    assert [(row.manufacturer, row.model) for row in found.rows] == [("Contoso", "Notebook 5")]


@pytest.mark.parametrize("row", [f",,{HASH},,", ",PK1,,,", "SN1,,,Contoso,Notebook 5"])
def test_partner_center_takes_any_of_three_identities(row: str) -> None:
    assert len(read(PARTNER, row).rows) == 1


@pytest.mark.parametrize("row", ["SN1,,,Contoso,", "SN1,,,,Notebook 5", ",,,Contoso,Notebook 5"])
def test_partner_center_row_without_identity_is_left_out(row: str) -> None:
    found = read(PARTNER, f"SN0,,{HASH},,", row)
    assert told(found.problems) == [(3, "MissingIdentity")]
    assert len(found.rows) == 1


@pytest.mark.parametrize(
    "codec, encoding",
    [
        ("ascii", Encoding.ASCII),
        ("utf-8-sig", Encoding.UTF_8_BOM),
        ("utf-16", Encoding.UTF_16_LE),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(codec: str, encoding: Encoding, ending: str) -> None:
    data = f"{THREE}{ending}SN1,,{HASH}{ending}SN2,,{HASH}".encode(codec)
    found = read_device_csv(data)
    assert [(row.line, row.serial) for row in found.rows] == [(2, "SN1"), (3, "SN2")]
    assert (found.encoding, found.warnings) == (encoding, ())


def test_utf_16_big_endian() -> None:
    data = b"\xfe\xff" + f"{THREE}\r\nSN1,,{HASH}\r\n".encode("utf-16-be")
    assert read_device_csv(data).encoding is Encoding.UTF_16_BE
    assert [row.serial for row in read_device_csv(data).rows] == ["SN1"]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_strict_takes_ansi_only(codec: str) -> None:
    assert_refused(read_device_csv(f"{THREE}\r\nSN1,,{HASH}\r\n".encode(codec), strict=True), (1, "Encoding"))


def test_spaces_around_values_are_removed_and_told() -> None:
    found = read(f" {THREE}", f"SN1 ,,{HASH}", f"SN2,, {HASH}")
    assert [(row.serial, row.hardware_hash) for row in found.rows] == [("SN1", HASH), ("SN2", HASH)]
    assert told(found.warnings) == [(1, "SurroundingSpace"), (2, "SurroundingSpace"), (3, "SurroundingSpace")]
    assert [warning.column for warning in found.warnings] == ["", "Device Serial Number", "Hardware Hash"]


def test_strict_refuses_spaces_around_values() -> None:
    found = read(THREE, f"SN1,,{HASH}", f"SN2 ,,{HASH}", strict=True)
    assert_refused(found, (3, "SurroundingSpace"))


def test_lines_without_values_are_skipped_and_told() -> None:
    found = read(FIVE, f"SN1,,{HASH},,", "", ",,,,", f"SN2,,{HASH},,", "", "")
    assert [row.line for row in found.rows] == [2, 5]
    assert told(found.warnings) == [(3, "EmptyLine"), (4, "EmptyLine")]
    assert found.row_count == 2


def test_optional_values_may_be_left_out_of_a_line() -> None:
    lines = (FIVE, f"SN1,,{HASH}", f"SN2,,{HASH},sales")
    found = read(*lines)
    assert [row.group_tag for row in found.rows] == ["", "sales"]
    assert told(found.warnings) == [(2, "ColumnCount"), (3, "ColumnCount")]
    assert_refused(read(*lines, strict=True), (2, "ColumnCount"), (3, "ColumnCount"))


# --- hashes


def test_an_unpadded_hash_is_padded_and_marked() -> None:
    found = read(THREE, f"SN1,,{HASH.rstrip('=')}", f"SN2,,{HASH}", "SN3,,Q29udG9zbwAAA")
    assert [(row.hardware_hash, row.hash_repaired) for row in found.rows] == [
        (HASH, True),
        (HASH, False),
        ("Q29udG9zbwAAAA==", True),
    ]
    assert found.problems == ()


def test_a_hash_that_cannot_be_repaired_costs_its_row_only() -> None:
    found = read(THREE, f"SN1,,{HASH}", "SN2,,not base64!", f"SN3,,{HASH}")
    assert [row.serial for row in found.rows] == ["SN1", "SN3"]
    (problem,) = found.problems
    assert (problem.line, problem.code, problem.column) == (3, "InvalidZtdHardwareHash", "Hardware Hash")
    assert (problem.serial, problem.refuses_file, found.refused) == ("SN2", False, False)


def test_strict_does_not_pad() -> None:
    found = read(THREE, f"SN1,,{HASH.rstrip('=')}", f"SN2,,{HASH}", strict=True)
    assert told(found.problems) == [(2, "InvalidZtdHardwareHash")]
    assert [row.serial for row in found.rows] == ["SN2"]


@pytest.mark.parametrize(
    "row, code",
    [
        (f",,{HASH}", "MissingSerialNumber"),
        ("SN1,,", "InvalidZtdHardwareHash"),
        ("SN1,PK1,", "InvalidZtdHardwareHash"),
    ],
)
def test_a_row_needs_serial_number_and_hash(row: str, code: str) -> None:
    found = read(THREE, f"SN0,,{HASH}", row)
    assert told(found.problems) == [(3, code)]
    assert not found.refused


# --- number of rows


def rows(count: int) -> list[str]:
    return [f"SN{number},,{HASH}" for number in range(count)]


@BOTH_WAYS
def test_500_rows_go_into_one_file(strict: bool) -> None:
    found = read(THREE, *rows(500), strict=strict)
    assert (len(found.rows), found.chunks_of_500, found.problems, found.warnings) == (500, 1, (), ())


def test_more_rows_are_taken_in_parts_and_told() -> None:
    found = read(THREE, *rows(1001))
    assert (len(found.rows), found.chunks_of_500, found.problems) == (1001, 3, ())
    assert told(found.warnings) == [(502, "TooManyRows")]
    assert "500" in found.warnings[0].message


def test_strict_refuses_row_501() -> None:
    found = read(THREE, *rows(501), strict=True)
    assert_refused(found, (502, "TooManyRows"))
    assert "500" in found.problems[0].message


def test_strict_partner_center_takes_1000_rows() -> None:
    lines = [f"{row},," for row in rows(1001)]
    assert len(read(PARTNER, *lines[:1000], strict=True).rows) == 1000
    assert_refused(read(PARTNER, *lines, strict=True), (1002, "TooManyRows"))


# --- headers that are refused

ROW = f"SN1,,{HASH}"


@BOTH_WAYS
@pytest.mark.parametrize(
    "header, expected",
    [
        (THREE.lower(), [(1, "HeaderLetterCase")] * 3),
        (THREE.replace("Hash", "hash"), [(1, "HeaderLetterCase")]),
        (FOUR.replace("Group Tag", "group tag"), [(1, "HeaderLetterCase")]),
        (FOUR.replace("Group Tag", "orderid"), [(1, "HeaderLetterCase")]),
        (PARTNER.replace("name", "Name"), [(1, "HeaderLetterCase")]),
        ("Windows Product ID,Device Serial Number,Hardware Hash", [(1, "HeaderOrder")] * 2),
        (f"{THREE},Assigned User", [(1, "HeaderOrder")]),
        (f"{FIVE},Note", [(1, "ExtraColumn")]),
        (f"{PARTNER},Group Tag", [(1, "ExtraColumn")]),
        (f"{FIVE},,", [(1, "ExtraColumn")] * 2),
        (f"{THREE},Tag", [(1, "UnknownColumn")]),
        (f"{THREE},", [(1, "UnknownColumn")]),
        ("Device Serial Number,Windows Product ID", [(1, "MissingColumn")]),
        (f"{THREE},Manufacturer name", [(1, "MissingColumn")]),
        (THREE.replace(",", ";"), [(1, "Separator")]),
        (ROW, [(1, "UnknownColumn")] * 3),
    ],
)
def test_headers_that_are_refused(header: str, expected: list[Told], strict: bool) -> None:
    assert_refused(read(header, ROW, strict=strict), *expected)


def test_strict_does_not_know_order_id() -> None:
    found = read(FOUR.replace("Group Tag", "OrderID"), f"{ROW},", strict=True)
    assert_refused(found, (1, "UnknownColumn"))


def test_the_column_at_fault_is_named() -> None:
    (problem,) = read(THREE.replace("Hash", "hash"), ROW).problems
    assert problem.column == "Hardware Hash"
    assert "`Hardware hash`" in problem.message
    assert "`Hardware Hash`" in problem.remedy


# --- lines that refuse the file


@BOTH_WAYS
def test_autopilot_014_quotation_marks_are_refused_with_their_lines(strict: bool) -> None:
    quoted = f'"SN1","","{HASH}"'
    assert_refused(
        read(THREE, ROW, quoted, ROW, quoted, strict=strict), (3, "QuotationMark"), (5, "QuotationMark")
    )
    header = ",".join(f'"{name}"' for name in THREE.split(","))
    assert_refused(read(header, quoted, strict=strict), (1, "QuotationMark"), (2, "QuotationMark"))


def test_typographic_quotation_marks_are_quotation_marks() -> None:
    assert_refused(read(THREE, f"\u201cSN1\u201d,,{HASH}"), (2, "QuotationMark"))


@pytest.mark.parametrize(
    "hidden", ["\u200b", "\u00a0", "\ufeff", "\t", "\x07", "\u2028", "\x0b"], ids=lambda c: f"U+{ord(c):04X}"
)
def test_autopilot_016_hidden_characters_are_refused_with_their_line(hidden: str) -> None:
    found = read(THREE, ROW, f"SN{hidden}2,,{HASH}")
    assert_refused(found, (3, "HiddenCharacter"))
    assert f"U+{ord(hidden):04X}" in found.problems[0].message


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_characters_outside_ascii_are_refused_with_their_line(codec: str) -> None:
    text = f"{FIVE}\r\nSN1,,{HASH},,\r\nSN2,,{HASH},Büro,\r\n"
    found = read_device_csv(text.encode(codec))
    assert_refused(found, (3, "NonAsciiCharacter"))
    assert "ü" in found.problems[0].message


def test_strict_refuses_utf_8_and_ansi_letters() -> None:
    text = f"{FIVE}\r\nSN2,,{HASH},Büro,\r\n"
    assert_refused(read_device_csv(text.encode(), strict=True), (1, "Encoding"))
    assert_refused(read_device_csv(text.encode("cp1252"), strict=True), (2, "NonAsciiCharacter"))


@BOTH_WAYS
@pytest.mark.parametrize("row", [f"{ROW},sales,user,more", "SN1,", "SN1"])
def test_lines_with_a_wrong_number_of_values_are_refused(row: str, strict: bool) -> None:
    assert_refused(read(FIVE, f"{ROW},,", row, strict=strict), (3, "ColumnCount"))


def test_a_comma_in_a_value_is_told_as_such() -> None:
    found = read(FOUR, f"{ROW},sales, north")
    (problem,) = found.problems
    assert (problem.code, "comma" in problem.remedy) == ("ColumnCount", True)


def test_all_problems_are_named_at_once() -> None:
    found = read(
        THREE, f'"SN1",,{HASH}', "SN2,,?", "SN3", f"SN4,,{HASH},x", f",,{HASH}", f"SN\u200b6,,{HASH}"
    )
    assert told(found.problems) == [
        (2, "QuotationMark"),
        (3, "InvalidZtdHardwareHash"),
        (4, "ColumnCount"),
        (5, "ColumnCount"),
        (6, "MissingSerialNumber"),
        (7, "HiddenCharacter"),
    ]
    assert (found.refused, found.rows, found.row_count) == (True, (), 6)


# --- files that are no text


@BOTH_WAYS
@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"  \n"])
def test_an_empty_file_is_refused(data: bytes, strict: bool) -> None:
    assert_refused(read_device_csv(data, strict), (1, "Empty"))


def test_a_file_without_rows_is_refused() -> None:
    assert_refused(read(THREE), (1, "NoRows"))


def test_a_file_with_bad_rows_only_says_so_once_per_row() -> None:
    found = read(THREE, "SN1,,?")
    assert told(found.problems) == [(2, "InvalidZtdHardwareHash")]


def test_utf_16_without_mark_is_refused() -> None:
    assert_refused(read_device_csv(THREE.encode("utf-16-le")), (1, "Encoding"))


def test_utf_16_cut_in_a_character_names_the_line() -> None:
    data = f"{THREE}\r\nSN1,,{HASH}\r\nSN2".encode("utf-16")[:-1]
    assert_refused(read_device_csv(data), (3, "Encoding"))


def test_a_file_that_is_no_utf_8_in_spite_of_its_mark_names_the_line() -> None:
    data = f"{THREE}\r\nB".encode("utf-8-sig") + b"\xfc"
    assert_refused(read_device_csv(data), (2, "Encoding"))


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_give_an_answer(data: bytes, strict: bool) -> None:
    found = read_device_csv(data, strict)
    assert found.rows or found.problems


@given(
    st.lists(st.text(st.sampled_from('ab,;"\r\n\t =é\u200b\ufeff\0'), max_size=12), max_size=8),
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig", "utf-16-le"]),
    st.booleans(),
)
def test_any_lines_under_a_good_header_give_an_answer(lines: list[str], codec: str, strict: bool) -> None:
    found = read_device_csv("\r\n".join([THREE, *lines]).encode(codec), strict)
    assert found.rows or found.problems
    assert not (found.rows and found.refused)
    for problem in (*found.problems, *found.warnings):
        assert problem.line >= 1
        assert problem.remedy


# --- writing

values = st.text(
    st.characters(codec="ascii", min_codepoint=32, max_codepoint=126, exclude_characters=',"'), max_size=12
)
plain = values.map(str.strip)
hashes = st.binary(min_size=1, max_size=30).map(lambda data: b64encode(data).decode())
devices = st.builds(
    DeviceRow,
    line=st.just(0),
    serial=plain.filter(bool),
    product_id=plain,
    hardware_hash=hashes,
    group_tag=plain,
    assigned_user=plain,
    manufacturer=plain,
    model=plain,
)


@given(st.lists(devices, min_size=1, max_size=10), st.sampled_from(Layout))
def test_what_is_written_reads_back_strictly(written: list[DeviceRow], layout: Layout) -> None:
    unknown = (
        {"manufacturer": "", "model": ""}
        if layout is Layout.INTUNE
        else {"group_tag": "", "assigned_user": ""}
    )
    found = read_device_csv(write_device_csv(written, layout), strict=True)
    assert (found.problems, found.warnings, found.layout) == ((), (), layout)
    assert found.rows == tuple(
        replace(row, line=line, **unknown) for line, row in enumerate(written, start=2)
    )


def test_the_written_form() -> None:
    row = DeviceRow(line=2, serial="SN1", hardware_hash=HASH, group_tag="sales")
    assert write_device_csv([row]) == f"{FIVE}\r\nSN1,,{HASH},sales,\r\n".encode()


@pytest.mark.parametrize("value", ["a,b", 'a"b', " a", "a ", "ü", "a\nb", "a\tb"])
def test_values_that_cannot_be_written_are_refused_with_their_line(value: str) -> None:
    good = DeviceRow(line=2, serial="SN1", hardware_hash=HASH)
    with pytest.raises(DeviceCsvError) as refusal:
        write_device_csv([good, replace(good, group_tag=value)])
    assert (refusal.value.code, refusal.value.line) == ("ValueNotPlain", 3)


def test_more_rows_than_a_file_may_have_are_refused() -> None:
    row = DeviceRow(line=2, serial="SN1", hardware_hash=HASH)
    with pytest.raises(DeviceCsvError) as refusal:
        write_device_csv([row] * 501)
    assert refusal.value.code == "TooManyRows"
