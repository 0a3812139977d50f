"""Nodes of the configuration service providers: addresses, values that they take, and their order."""

from base64 import b64decode
from datetime import timedelta
from hashlib import sha1

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.wire.csp import (
    HAS_PROVISIONING_COMPLETED,
    TRACKING_CREATED,
    AdmxKind,
    AppState,
    BlockInStatusPage,
    Certificate,
    CertificateStore,
    CspError,
    DevDetail,
    DevInfo,
    Enrollment,
    Expected,
    FirstSync,
    Leaf,
    LocURI,
    Msi,
    Poll,
    Preparation,
    PreparationState,
    Provisioned,
    RebootRequired,
    Scope,
    TrackedApp,
    Value,
    Wifi,
    admx_install,
    app_provider,
    certificate,
    expected_msi,
    first_sync_status,
    hold_preparation,
    policy,
    policy_result,
    preparing_provider,
    provider,
    read_expected,
    tracked_app,
    tracking,
    trusted_certificate,
    unenroll,
    vendor,
    wifi_profile,
    write_expected,
)
from reseal.wire.syncml import Add, Format, Item, Meta, Replace, execute

DMCLIENT = "./Device/Vendor/MSFT/DMClient/Provider/Reseal"
PRODUCT = "{11111111-2222-3333-4444-555555555555}"


def leaves(group: type) -> list[Leaf]:
    return [leaf for leaf in vars(group).values() if isinstance(leaf, Leaf)]


ALL = [
    leaf
    for group in (FirstSync, Poll, Enrollment, Preparation, TrackedApp, Msi, Certificate, Wifi)
    for leaf in leaves(group)
]


# --- values


@pytest.mark.parametrize(
    "leaf, good, bad",
    [
        (FirstSync.BLOCK_IN_STATUS_PAGE, [0, 1, 5, 7, BlockInStatusPage(3)], [-1, 8, True, "1"]),
        (FirstSync.TIMEOUT, [1, 60, 1440], [0, 1441, 60.0, True]),
        (FirstSync.SKIP_DEVICE_STATUS_PAGE, [True, False], [0, 1, "true"]),
        (FirstSync.SKIP_USER_STATUS_PAGE, [True, False], [0, 1, "false"]),
        (FirstSync.SERVER_HAS_FINISHED, [True], [1, "true"]),
        (FirstSync.WAS_SUCCESSFUL, [Provisioned.FAILED, Provisioned.IN_PROGRESS, 1], [3, -1, False]),
        (FirstSync.CUSTOM_ERROR_TEXT, ["", "Call 4711"], [b"", 1]),
    ],
)
def test_mdm_wire_078_values_of_the_page_have_their_format_and_range(
    leaf: Leaf, good: list[Value], bad: list[Value]
) -> None:
    node = provider("Reseal")
    for value in good:
        assert leaf.put(node, value).format is leaf.format
        assert leaf.read(leaf.write(value)) == value
    for value in bad:
        with pytest.raises(CspError) as caught:
            leaf.put(node, value)
        assert (caught.value.code, leaf.path in caught.value.message) == ("Value", True)


@pytest.mark.parametrize(
    "leaf, data, value",
    [
        (FirstSync.IS_SYNC_DONE, " TRUE\n", True),
        (FirstSync.IS_SYNC_DONE, "0", False),
        (FirstSync.TIMEOUT, " 60 ", 60),
        (Msi.LAST_ERROR, "-2147023293", -2147023293),
        (Msi.LAST_ERROR, "2147944003", 2147944003),
        (Msi.NAME, " Agent ", " Agent "),
        (Certificate.ENCODED, "AQ\nID\n", b"\x01\x02\x03"),
    ],
)
def test_values_are_read_as_devices_write_them(leaf: Leaf, data: str, value: Value) -> None:
    assert leaf.read(data) == value


@pytest.mark.parametrize(
    "leaf, data",
    [
        (FirstSync.IS_SYNC_DONE, "yes"),
        (FirstSync.IS_SYNC_DONE, ""),
        (FirstSync.TIMEOUT, ""),
        (FirstSync.TIMEOUT, "1441"),
        (FirstSync.TIMEOUT, "٣"),
        (FirstSync.TIMEOUT, "--1"),
        (FirstSync.TIMEOUT, "9" * 5_000),
        (Certificate.ENCODED, "?"),
        (Certificate.ENCODED, "ü"),
    ],
)
def test_what_is_no_value_of_the_leaf_is_refused(leaf: Leaf, data: str) -> None:
    with pytest.raises(CspError) as caught:
        leaf.read(data)
    assert caught.value.code == "Value"


@given(st.sampled_from(ALL), st.booleans() | st.integers(-(2**31), 2**32 - 1) | st.text() | st.binary())
def test_every_value_is_refused_or_reads_back_equal(leaf: Leaf, value: Value) -> None:
    try:
        written = leaf.write(value)
    except CspError:
        return
    read = leaf.read(written)
    assert (type(read), read) == (type(value), value)


def test_a_value_becomes_the_command_that_sets_it() -> None:
    value = FirstSync.BLOCK_IN_STATUS_PAGE.put(provider("Reseal"), BlockInStatusPage.RESET_PC)
    item = Item(
        target=f"{DMCLIENT}/FirstSyncStatus/BlockInStatusPage",
        meta=Meta(format="int", type="text/plain"),
        data="1",
    )
    assert value.replace() == Replace(items=(item,))
    assert value.add() == Add(items=(item,))


# --- DMClient


def test_the_page_of_device_and_user() -> None:
    assert (
        str(FirstSync.EXPECTED_POLICIES.at(provider("Reseal")))
        == f"{DMCLIENT}/FirstSyncStatus/ExpectedPolicies"
    )
    assert str(FirstSync.SERVER_HAS_FINISHED.at(provider("Reseal", Scope.USER))) == (
        "./User/Vendor/MSFT/DMClient/Provider/Reseal/FirstSyncStatus/ServerHasFinishedProvisioning"
    )
    assert str(first_sync_status("MS DM Server", Scope.USER)) == (
        "./User/Vendor/MSFT/DMClient/Provider/MS%20DM%20Server/FirstSyncStatus"
    )


@pytest.mark.parametrize(
    "leaf",
    [
        FirstSync.TIMEOUT,
        FirstSync.BLOCK_IN_STATUS_PAGE,
        FirstSync.SKIP_DEVICE_STATUS_PAGE,
        FirstSync.SKIP_USER_STATUS_PAGE,
        Poll.FIRST_INTERVAL,
        Enrollment.ENT_DM_ID,
    ],
)
def test_what_only_the_device_has_cannot_be_set_for_a_user(leaf: Leaf) -> None:
    with pytest.raises(CspError) as caught:
        leaf.at(provider("Reseal", Scope.USER))
    assert caught.value.code == "Scope"
    assert leaf.at(LocURI(("Vendor", "MSFT", "DMClient", "Provider", "Reseal"))), "no prefix is the device"


def test_every_leaf_of_the_page_has_the_name_of_the_ddf() -> None:
    names = {
        leaf.path.removeprefix("FirstSyncStatus/"): (str(leaf.format), len(leaf.scopes))
        for leaf in leaves(FirstSync)
    }
    both, device = 2, 1
    assert names == {
        "ExpectedPolicies": ("chr", both),
        "ExpectedNetworkProfiles": ("chr", both),
        "ExpectedMSIAppPackages": ("chr", both),
        "ExpectedModernAppPackages": ("chr", both),
        "ExpectedPFXCerts": ("chr", both),
        "ExpectedSCEPCerts": ("chr", both),
        "TimeOutUntilSyncFailure": ("int", device),
        "ServerHasFinishedProvisioning": ("bool", both),
        "IsSyncDone": ("bool", both),
        "WasDeviceSuccessfullyProvisioned": ("int", both),
        "BlockInStatusPage": ("int", device),
        "AllowCollectLogsButton": ("bool", both),
        "CustomErrorText": ("chr", both),
        "SkipDeviceStatusPage": ("bool", device),
        "SkipUserStatusPage": ("bool", device),
    }


def test_polling_and_enrolment() -> None:
    one = Poll.FIRST_INTERVAL.put(provider("Reseal"), 1)
    assert (str(one.uri), one.format, one.text) == (
        f"{DMCLIENT}/Poll/IntervalForFirstSetOfRetries",
        Format.INT,
        "1",
    )
    assert str(Enrollment.PUSH_CHANNEL_URI.at(provider("Reseal"))) == f"{DMCLIENT}/Push/ChannelURI"
    assert unenroll("Reseal") == execute(f"{DMCLIENT}/Unenroll", "Reseal", Meta(format="chr"))


# --- what the page waits for


def test_mdm_wire_080_lists_are_single_leaves_with_a_private_character_between() -> None:
    policies = write_expected(
        [Expected(policy("Camera", "AllowCamera")), Expected(vendor("BitLocker") / "RequireDeviceEncryption")]
    )
    assert policies.encode() == (
        b"./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera\xef\x80\x80"
        b"./Device/Vendor/MSFT/BitLocker/RequireDeviceEncryption"
    )
    packages = write_expected([expected_msi(PRODUCT), expected_msi(PRODUCT, Scope.USER, 12)])
    assert packages.encode() == (
        b"./Device/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/"
        b"%7B11111111-2222-3333-4444-555555555555%7D/Status;1\xef\x80\x80"
        b"./User/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/"
        b"%7B11111111-2222-3333-4444-555555555555%7D/Status;12"
    )
    value = FirstSync.EXPECTED_MSI_APP_PACKAGES.put(provider("Reseal"), packages)
    assert str(value.uri) == f"{DMCLIENT}/FirstSyncStatus/ExpectedMSIAppPackages"
    assert (value.format, value.text) == (Format.CHR, packages)


@given(
    st.lists(
        st.builds(
            Expected,
            st.text("aZ;{}/\uf000 é", min_size=1, max_size=6).map(wifi_profile),
            st.none() | st.integers(0, 9_999),
        ),
        max_size=4,
    )
)
def test_lists_read_back_equal(entries: list[Expected]) -> None:
    assert list(read_expected(write_expected(entries))) == entries


def test_lists_as_others_write_them() -> None:
    text = "\uf000./Vendor/MSFT/A;x\uf000\uf000 ./Vendor/MSFT/{b};3\n\uf000"
    assert read_expected(text) == (
        Expected(LocURI(("Vendor", "MSFT", "A;x"))),
        Expected(LocURI(("Vendor", "MSFT", "{b}")), 3),
    )
    assert read_expected("") == ()
    for bad in ("A", "./A\uf000/B", ";1"):
        with pytest.raises(CspError):
            read_expected(bad)


# --- EnrollmentStatusTracking


def test_mdm_wire_079_a_provider_comes_before_what_is_below_it() -> None:
    node, *below = hold_preparation("Reseal", timeout=timedelta(minutes=90), tracks_apps=True)
    place = "./Device/Vendor/MSFT/EnrollmentStatusTracking/DevicePreparation/PolicyProviders/Reseal"
    assert isinstance(node, Add)
    assert (node.target, node.item.meta.format, node.item.data) == (place, "node", None)
    assert [
        (type(command), command.target, command.item.data)
        for command in below
        if isinstance(command, Replace)
    ] == [
        (Replace, f"{place}/InstallationState", "1"),
        (Replace, f"{place}/Timeout", "90"),
        (Replace, f"{place}/TrackedResourceTypes/Apps", "true"),
    ]


@pytest.mark.parametrize("timeout", [timedelta(seconds=90), timedelta(0), timedelta(minutes=-1)])
def test_the_page_counts_whole_minutes(timeout: timedelta) -> None:
    with pytest.raises(CspError):
        hold_preparation("Reseal", timeout=timeout, tracks_apps=False)


def test_the_tree_of_enrollment_status_tracking() -> None:
    root = "./Device/Vendor/MSFT/EnrollmentStatusTracking"
    assert [
        str(uri)
        for uri in (
            Preparation.LAST_ERROR.at(preparing_provider("P")),
            TRACKING_CREATED.at(app_provider("P")),
            TrackedApp.STATE.at(tracked_app("P", "App 1")),
            HAS_PROVISIONING_COMPLETED.at(tracking()),
        )
    ] == [
        f"{root}/DevicePreparation/PolicyProviders/P/LastError",
        f"{root}/Setup/Apps/PolicyProviders/P/TrackingPoliciesCreated",
        f"{root}/Setup/Apps/Tracking/P/App%201/InstallationState",
        f"{root}/Setup/HasProvisioningCompleted",
    ]
    assert str(TrackedApp.REBOOT_REQUIRED.at(tracked_app("P", "A", Scope.USER))) == (
        "./User/Vendor/MSFT/EnrollmentStatusTracking/Setup/Apps/Tracking/P/A/RebootRequired"
    )


def test_two_means_another_thing_for_a_provider_than_for_an_app() -> None:
    assert (PreparationState(2).name, AppState(2).name) == ("NOT_REQUIRED", "IN_PROGRESS")
    node = tracked_app("P", "A")
    assert TrackedApp.STATE.put(node, AppState.COMPLETED).text == "3"
    assert TrackedApp.REBOOT_REQUIRED.put(node, RebootRequired.HARD_REBOOT).text == "3"
    with pytest.raises(CspError):
        Preparation.STATE.put(preparing_provider("P"), 0)


# --- certificates, Wi-Fi, policies, inventory


def test_a_certificate_stands_under_its_thumbprint() -> None:
    der = bytes(range(100))
    thumbprint = sha1(der).hexdigest().upper()  # noqa: S324
    value = trusted_certificate(CertificateStore.ROOT, der)
    node = f"./Device/Vendor/MSFT/RootCATrustedCertificates/Root/{thumbprint}"
    assert str(certificate(CertificateStore.ROOT, der)) == node
    assert (str(value.uri), value.format) == (f"{node}/EncodedCertificate", Format.B64)
    assert b64decode(value.text) == der
    assert value.text.isprintable(), "no line breaks"
    assert str(certificate(CertificateStore.CA, der, Scope.USER)).startswith("./User/")
    with pytest.raises(CspError) as caught:
        trusted_certificate(CertificateStore.ROOT, der, Scope.USER)
    assert caught.value.code == "Scope"


def test_networks_and_policies() -> None:
    wlan = Wifi.WLAN_XML.put(wifi_profile("Guest & Co"), "<WLANProfile/>")
    assert str(wlan.uri) == "./Device/Vendor/MSFT/WiFi/Profile/Guest%20%26%20Co/WlanXml"
    assert (wlan.format, wlan.text) == (Format.CHR, "<WLANProfile/>")
    assert (
        str(policy("Camera", "AllowCamera", Scope.USER))
        == "./User/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
    )
    assert (
        str(policy_result("Camera", "AllowCamera")) == "./Device/Vendor/MSFT/Policy/Result/Camera/AllowCamera"
    )
    assert str(admx_install("Contoso", AdmxKind.PREFERENCE, "A.admx")) == (
        "./Device/Vendor/MSFT/Policy/ConfigOperations/ADMXInstall/Contoso/Preference/A.admx"
    )


def test_every_node_of_the_inventory_is_an_address() -> None:
    for node in (*DevInfo, *DevDetail):
        assert str(LocURI.parse(node)) == node
