"""Windows Installer packages: real ones, made ones, and everything that only looks like one."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.msi import MsiError, MsiProperties, PackageType, read_msi
from tests.support.system_parts import miss
from tests.unit.wire.packages import (
    PACKAGE_CODE,
    PATCH,
    POOL,
    PROPERTIES,
    SAMPLE,
    SUMMARY,
    TEXTS,
    compound,
    package,
    streams,
    summary,
)

DATA = Path(__file__).parents[2] / "data" / "msi"
PER_MACHINE = (DATA / "per_machine.msi").read_bytes()
PER_USER = (DATA / "per_user.msi").read_bytes()


def refusal(data: bytes) -> MsiError:
    with pytest.raises(MsiError) as caught:
        read_msi(data)
    assert caught.value.remedy
    return caught.value


# --- packages made with msitools


def test_a_package_for_the_machine() -> None:
    found = read_msi(PER_MACHINE)
    assert found == MsiProperties(
        product_code="{5A1D7C3E-0B42-4E0C-9C57-3F2C6A7D1E01}",
        product_version="1.2.3",
        product_name="Reseal Sample Tool",
        manufacturer="Reseal",
        upgrade_code="{5A1D7C3E-0B42-4E0C-9C57-3F2C6A7D1E02}",
        package_code="{082CA9AC-3C2C-4775-945B-7C80AB022CB9}",
        properties=found.properties,
    )
    assert (found.package_type, found.per_machine) == (PackageType.PER_MACHINE, True)
    assert found.properties["RESEALGREETING"] == "Grüße"


def test_a_package_for_a_user() -> None:
    found = read_msi(PER_USER)
    assert (found.package_type, found.per_machine) == (PackageType.PER_USER, False)
    assert (found.product_name, found.manufacturer) == ("Notizblock für alle", "Réseal")
    assert (found.product_version, found.package_code) == (
        "20.10.3.7",
        "{D032023C-D51B-444C-B640-504B86B3E803}",
    )


@pytest.mark.msi
@pytest.mark.parametrize("name", ["per_machine.msi", "per_user.msi"])
def test_msiinfo_reads_the_same(name: str) -> None:
    if not shutil.which("msiinfo"):
        miss("msiinfo", "msitools")
    path = DATA / name
    exported = subprocess.run(["msiinfo", "export", path, "Property"], check=True, capture_output=True).stdout
    lines = exported.decode().splitlines()[3:]
    found = read_msi(path.read_bytes())
    assert dict(line.split("\t") for line in lines) == dict(found.properties)
    about = subprocess.run(["msiinfo", "suminfo", path], check=True, capture_output=True).stdout
    assert found.package_code.encode() in about


@pytest.mark.msi
@pytest.mark.parametrize(
    "more",
    [
        {"LONG": "x" * 70_000, "AFTER": "after"},
        {f"NAME{number}": f"value {number}" for number in range(33_000)},
    ],
    ids=["a text of 70,000 bytes", "references of three bytes"],
)
def test_a_large_package_made_with_msibuild(tmp_path: Path, more: dict[str, str]) -> None:
    if not shutil.which("msibuild"):
        miss("msibuild", "msitools")
    properties = SAMPLE | more
    table = "".join(f"{name}\t{value}\r\n" for name, value in properties.items())
    (tmp_path / "Property.idt").write_bytes(
        f"Property\tValue\r\ns72\tl0\r\nProperty\tProperty\r\n{table}".encode()
    )
    for arguments in (["-i", "Property.idt"], ["-s", "Title", "Author", ";1033", PACKAGE_CODE]):
        subprocess.run(["msibuild", "large.msi", *arguments], cwd=tmp_path, check=True, capture_output=True)
    assert dict(read_msi((tmp_path / "large.msi").read_bytes()).properties) == properties


@pytest.mark.msi
def test_a_package_with_an_indirect_allocation_table(tmp_path: Path) -> None:
    if not shutil.which("msibuild"):
        miss("msibuild", "msitools")
    (tmp_path / "large.msi").write_bytes(PER_MACHINE)
    (tmp_path / "large.bin").write_bytes(bytes(8_000_000))
    arguments = ["msibuild", "large.msi", "-a", "Binary.large", "large.bin"]
    subprocess.run(arguments, cwd=tmp_path, check=True, capture_output=True)
    assert read_msi((tmp_path / "large.msi").read_bytes()) == read_msi(PER_MACHINE)


# --- packages made in memory

names = st.text(st.characters(codec="ascii", categories=["Lu", "Nd"]), min_size=1, max_size=12)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)


@given(st.dictionaries(names, texts, max_size=8), st.booleans())
def test_properties_read_back(more: dict[str, str], wide: bool) -> None:
    properties = more | SAMPLE
    found = read_msi(package(properties, wide=wide))
    assert dict(found.properties) == properties
    assert (found.product_code, found.package_code, found.upgrade_code) == (
        SAMPLE["ProductCode"],
        PACKAGE_CODE,
        "",
    )


def test_a_text_longer_than_64_kib_does_not_shift_the_ones_after_it() -> None:
    properties = {"LONG": "é" * 40_000} | SAMPLE
    assert dict(read_msi(package(properties)).properties) == properties


@pytest.mark.parametrize(
    "code_page, codec, name",
    [
        (0, "cp1252", "Grüße"),
        (1251, "cp1251", "Пакет"),
        (932, "cp932", "パッケージ"),
        (65001, "utf-8", "Grüße 包"),
    ],
)
def test_code_pages(code_page: int, codec: str, name: str) -> None:
    properties = SAMPLE | {"ProductName": name}
    assert read_msi(package(properties, code_page=code_page, codec=codec)).product_name == name


def test_an_unknown_code_page_does_not_keep_plain_texts_from_being_read() -> None:
    assert read_msi(package(code_page=4711, codec="ascii")).product_name == "Sample"


def test_a_text_ends_at_its_first_nul() -> None:
    assert read_msi(package(SAMPLE | {"ProductName": "Sample\0hidden"})).product_name == "Sample"


@pytest.mark.parametrize(
    "all_users, expected",
    [("1", PackageType.PER_MACHINE), ("2", PackageType.DUAL_PURPOSE), ("3", PackageType.PER_USER)],
)
def test_for_whom_a_package_installs(all_users: str, expected: PackageType) -> None:
    assert read_msi(package(SAMPLE | {"ALLUSERS": all_users})).package_type is expected


# --- refusals


@pytest.mark.parametrize("missing", SAMPLE)
def test_a_missing_property_is_named(missing: str) -> None:
    for properties in ({k: v for k, v in SAMPLE.items() if k != missing}, SAMPLE | {missing: " "}):
        found = refusal(package(properties))
        assert (found.code, missing in found.message) == ("MsiIncomplete", True)


@pytest.mark.parametrize("name", ["ProductCode", "UpgradeCode"])
def test_a_code_that_is_no_guid_is_named(name: str) -> None:
    found = refusal(package(SAMPLE | {name: "5A1D7C3E"}))
    assert (found.code, name in found.message) == ("MsiIncomplete", True)


@pytest.mark.parametrize("data", [b"", b"MZ" * 2000, b"PK\3\4" * 1000, PER_MACHINE[:1000], bytes(5000)])
def test_what_is_no_compound_file_is_no_package(data: bytes) -> None:
    assert refusal(data).code == "NotMsi"


@pytest.mark.parametrize("missing", [POOL, TEXTS, PROPERTIES, SUMMARY])
def test_a_compound_file_without_the_tables_is_no_package(missing: str) -> None:
    content = {name: data for name, data in streams().items() if name != missing}
    assert refusal(compound(content)).code == "NotMsi"


def test_a_patch_is_told_from_a_package() -> None:
    found = refusal(compound(streams(), kind=PATCH))
    assert (found.code, ".msp" in found.message) == ("NotMsi", True)


@pytest.mark.parametrize("length", range(1536, len(PER_MACHINE) - 512, 512))
def test_a_package_cut_short_is_refused(length: int) -> None:
    assert refusal(PER_MACHINE[:length]).code == "MsiDamaged"


@pytest.mark.parametrize(
    "changes",
    [
        {POOL: b""},
        {POOL: streams()[POOL][:-2]},
        {POOL: streams()[POOL] + struct.pack("<HH", 0, 1)[:4] + struct.pack("<I", 2**32 - 1)},
        {TEXTS: streams()[TEXTS][:-1]},
        {PROPERTIES: streams()[PROPERTIES][:-2]},
        {PROPERTIES: struct.pack("<HH", 60_000, 60_000)},
        {SUMMARY: b""},
        {SUMMARY: summary(PACKAGE_CODE)[:60]},
        {SUMMARY: summary("")},
        {SUMMARY: summary(PACKAGE_CODE).replace(b"\x09\0\0\0", b"\x08\0\0\0")},
    ],
)
def test_a_damaged_table_is_refused(changes: dict[str, bytes]) -> None:
    assert refusal(compound(streams() | changes)).code == "MsiDamaged"


# --- packages made to do harm


def test_a_text_that_many_pairs_name_is_read_once() -> None:
    """100,000 pairs, each naming a megabyte: to read it for each would take minutes."""
    plain = streams({"LONG": "x" * 1_000_000} | SAMPLE)
    table = struct.unpack(f"<{len(plain[PROPERTIES]) // 2}H", plain[PROPERTIES])
    names, values = table[: len(table) // 2], table[len(table) // 2 :]
    long = values[0]
    many = 100_000
    repeated = struct.pack(f"<{2 * (len(names) + many)}H", *names, *[long] * many, *values, *[long] * many)
    found = read_msi(compound(plain | {PROPERTIES: repeated}))
    assert len(found.properties) == len(names) + 1


def patched(data: bytes, offset: int, value: int) -> bytes:
    return data[:offset] + struct.pack("<I", value) + data[offset + 4 :]


@pytest.mark.parametrize(
    "offset", [0x2C, 0x40, 0x48], ids=["allocation table", "small table", "indirect table"]
)
def test_a_header_that_promises_billions_of_sectors_is_refused_at_once(offset: int) -> None:
    assert refusal(patched(PER_MACHINE, offset, 0x7FFF_FFFF)).code == "MsiDamaged"


def test_a_stream_that_promises_four_gigabytes_is_refused() -> None:
    data = compound(streams({**SAMPLE, "LONG": "x" * 9000}))
    at = data.index(TEXTS.encode("utf-16-le")) + 120
    assert refusal(patched(data, at, 0xFFFF_FFFF)).code == "MsiDamaged"


def test_a_chain_of_sectors_that_turns_in_a_circle_ends() -> None:
    content = streams()
    data = compound(
        {TEXTS: content[TEXTS].ljust(100_000), **{k: v for k, v in content.items() if k != TEXTS}}
    )
    (allocation,) = struct.unpack_from("<I", data, 0x4C)
    second_points_to_first = patched(data, (allocation + 1) * 512 + 4, 0)
    assert dict(read_msi(second_points_to_first).properties) == SAMPLE


def test_a_directory_that_turns_in_a_circle_is_refused() -> None:
    data = package()
    (allocation,) = struct.unpack_from("<I", data, 0x4C)
    (directory,) = struct.unpack_from("<I", data, 0x30)
    points_to_itself = patched(data, (allocation + 1) * 512 + 4 * directory, directory)
    assert refusal(points_to_itself).code == "MsiDamaged"


def test_a_directory_as_deep_as_the_file_is_long_is_refused() -> None:
    deep = {f"s{number}": b"" for number in range(5000)} | streams()
    assert refusal(compound(deep)).code == "MsiDamaged"


@given(st.data())
def test_any_damage_gives_a_package_or_a_refusal(data: st.DataObject) -> None:
    damaged = bytearray(PER_MACHINE)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(8, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_msi(bytes(damaged))
    except MsiError:
        return
    assert found.product_code
    assert found.package_code


@given(st.binary(max_size=3000))
def test_any_bytes_after_the_magic_give_a_refusal(data: bytes) -> None:
    refusal(PER_MACHINE[:8] + data)
