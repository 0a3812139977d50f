"""Addresses: what is one, how it is written, and when two mean the same node."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reseal.wire.csp import CspError, LocURI, Scope, read_names, write_names

NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=10
).filter(lambda name: name not in {".", "..", "*"})

OF_THE_DDF = [
    "./DevInfo/DevId",
    "./DevDetail/Ext/Microsoft/DNSComputerName",
    "./DevDetail/Ext/DeviceHardwareData",
    "./SyncML/DMAcc/abc/Ext/Microsoft/InitiateSession",
    "./cimv2/MDM_Policy",
    "./Vendor/MSFT/DeviceStatus/TPM/SpecificationVersion",
    "./Vendor/MSFT/TenantLockdown/RequireNetworkInOOBE",
    "./Vendor/MSFT/OfflineDomainJoin/Blob",
    "./Device/Vendor/MSFT/BitLocker/RequireDeviceEncryption",
    "./Device/Vendor/MSFT/Policy/Config/ADMX_Cpls/UseDefaultTile",
    "./Device/Vendor/MSFT/Policy/ConfigOperations/ADMXInstall/ContosoApp/Policy/ContosoApp.admx",
    "./Device/Vendor/MSFT/Policy/Config/ContosoApp~Policy~Category1/Setting",
    "./Device/Vendor/MSFT/DMClient/Provider/MS%20DM%20Server/FirstSyncStatus/ExpectedPolicies",
    "./Device/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/%7B11111111-2222-3333-4444-555555555555%7D/Status",
    "./Device/Vendor/MSFT/EnrollmentStatusTracking/DevicePreparation/PolicyProviders/Reseal",
    "./Device/Vendor/MSFT/LAPS/Policies/BackupDirectory",
    "./User/Vendor/MSFT/EnterpriseModernAppManagement/AppManagement/AppStore/Microsoft.Office_8wekyb3d8bbwe",
    "./User/Vendor/MSFT/WiFi/Profile/Caf%C3%A9%20%26%20Bar/WlanXml",
]


@pytest.mark.parametrize("text", OF_THE_DDF)
def test_mdm_wire_064_addresses_of_the_ddf_are_written_as_they_were_read(text: str) -> None:
    assert str(LocURI.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "/Vendor/MSFT/BitLocker",
        "Vendor/MSFT/BitLocker",
        "",
        "./",
        "./Vendor//MSFT",
        "./Vendor/MSFT/",
        "./Vendor/MSFT/Registry/HKLM/Security/./Test",
        "./Vendor/../DevInfo",
        "./Vendor/%2E%2E/DevInfo",
        "./Vendor/*",
        "./Vendor/%2a",
        "./Device /Vendor/MSFT",
        "./Vendor/MSFT\n",
        "./Vendor/%7",
        "./Vendor/100%",
        "./Vendor/%FF",
        "./Vendor/a%00b",
        "./Vendor/\x1b",
        "https://mdm.contoso.test/",
    ],
)
def test_mdm_wire_064_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(CspError) as caught:
        LocURI.parse(text)
    assert (caught.value.code, bool(caught.value.remedy)) == ("LocURI", True)


def test_mdm_wire_064_names_are_encoded_one_by_one() -> None:
    uri = LocURI(("Vendor", "MSFT"), Scope.DEVICE) / "a/b" / "{C}" / "Wi-Fi für alle" / "~._-" / "50%;?"
    assert str(uri) == "./Device/Vendor/MSFT/a%2Fb/%7BC%7D/Wi-Fi%20f%C3%BCr%20alle/~._-/50%25%3B%3F"


@pytest.mark.parametrize("name", ["", ".", "..", "*", "a\x00", "\ud800"])
def test_mdm_wire_064_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(CspError):
        LocURI(("Vendor",)) / name


@pytest.mark.parametrize(
    "text, scope, names",
    [
        (".", None, ()),
        ("./Device", Scope.DEVICE, ()),
        ("./user/vendor/MSFT", Scope.USER, ("vendor", "MSFT")),
        ("./DEVICE/Vendor", Scope.DEVICE, ("Vendor",)),
        ("./Vendor/User", None, ("Vendor", "User")),
        ("./Devices/A", None, ("Devices", "A")),
    ],
)
def test_a_prefix_says_whose_node_it_is(text: str, scope: Scope | None, names: tuple[str, ...]) -> None:
    uri = LocURI.parse(text)
    assert (uri.scope, uri.names, uri.for_user) == (scope, names, scope is Scope.USER)


def test_a_query_is_kept() -> None:
    uri = LocURI.parse("./Device/Vendor/MSFT/DMAcc?list=StructData")
    assert (uri.names, uri.query) == (("Vendor", "MSFT", "DMAcc"), "list=StructData")
    assert str(uri) == "./Device/Vendor/MSFT/DMAcc?list=StructData"


# --- comparing

MSI = "EnterpriseDesktopAppManagement/MSI/%7BAF9257BA-6BBD-4624-AA9B-0182D50292C3%7D/DownloadInstall"


@pytest.mark.parametrize(
    "one, other",
    [
        ("./Vendor/MSFT/BitLocker", "./Device/Vendor/MSFT/BitLocker"),
        ("./Device/Vendor/MSFT/BitLocker", "./device/vendor/msft/bitlocker"),
        (f"./Device/Vendor/MSFT/{MSI}", f"./Vendor/MSFT/{MSI.replace('%7B', '{').replace('%7D', '%7d')}"),
        ("./DevInfo", "./DevInfo?prop=Type"),
    ],
)
def test_addresses_that_mean_the_same_node(one: str, other: str) -> None:
    assert LocURI.parse(one).same_node(LocURI.parse(other))


@pytest.mark.parametrize(
    "one, other",
    [
        ("./Vendor/MSFT/DMClient", "./User/Vendor/MSFT/DMClient"),
        ("./Device/Vendor/MSFT/DMClient", "./User/Vendor/MSFT/DMClient"),
        ("./Vendor/MSFT/a%2Fb", "./Vendor/MSFT/a/b"),
        ("./Vendor/MSFT", "./Vendor"),
    ],
)
def test_addresses_of_different_nodes(one: str, other: str) -> None:
    assert not LocURI.parse(one).same_node(LocURI.parse(other))


def test_spellings_differ_where_clients_compare_texts() -> None:
    written = [
        "./Vendor/MSFT/DMClient",
        "./Device/Vendor/MSFT/DMClient",
        "./Vendor/MSFT/dmclient",
    ]
    assert len({LocURI.parse(text) for text in written}) == 3
    assert LocURI.parse("./A/{b}") == LocURI.parse("./A/%7Bb%7D")


# --- names below a node


def test_names_of_children_as_a_device_lists_them() -> None:
    assert read_names("CacheVersion/Nodes/ChangedNodes") == ("CacheVersion", "Nodes", "ChangedNodes")
    assert read_names("Device/MS%20DM%20Server") == ("Device", "MS DM Server")
    assert read_names("") == ()
    assert write_names(["a/b", "{c}"]) == "a%2Fb/%7Bc%7D"
    with pytest.raises(CspError):
        read_names("a//b")


@given(st.lists(NAMES, max_size=5))
def test_names_of_children_read_back_equal(names: list[str]) -> None:
    assert list(read_names(write_names(names))) == names


@given(
    st.lists(NAMES, max_size=5).map(tuple),
    st.sampled_from([None, *Scope]),
    st.sampled_from(["", "prop=Type"]),
)
def test_any_address_reads_back_equal(names: tuple[str, ...], scope: Scope | None, query: str) -> None:
    below = LocURI(("Vendor",), scope, query).under(names)
    text = str(below)
    assert LocURI.parse(text) == below
    assert text.isascii()


@given(st.text() | st.text("./%7B*UserDevice?é ", max_size=30).map("./".__add__))
@example("./Device/Vendor/%ed%a0%80")
def test_arbitrary_text_is_an_address_or_refused(text: str) -> None:
    with suppress(CspError):
        uri = LocURI.parse(text)
        assert LocURI.parse(str(uri)) == uri
