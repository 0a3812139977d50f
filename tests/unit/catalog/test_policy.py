"""What a policy may hold: node paths, formats, values (spec/mdm-wire.md 3.4, 3.5)."""

from __future__ import annotations

import pytest

from reseal.catalog.model import Format, OmaSetting, PolicyBody, Scope
from reseal.catalog.model_policy import check_policy, node_key
from reseal.kernel.errors import Invalid

URI = "./Device/Vendor/MSFT/Policy/Config/Experience/AllowCortana"


def _refused(*settings: OmaSetting) -> Invalid:
    with pytest.raises(Invalid) as refused:
        check_policy(PolicyBody(settings))
    assert refused.value.code == "Policy"
    assert refused.value.remedy
    assert all(detail.message and detail.remedy for detail in refused.value.details)
    return refused.value


def _only_problem(*settings: OmaSetting) -> str:
    (detail,) = _refused(*settings).details
    assert detail.remedy
    return f"{detail.where}: {detail.message}"


@pytest.mark.parametrize(
    "uri",
    [
        URI,
        "./User/Vendor/MSFT/Policy/Config/Experience/AllowCortana",
        "./Vendor/MSFT/DMClient/Provider/MS%20DM%20Server/FirstSyncStatus/SkipUserStatusPage",
        "./Device/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/%7B11111111-2222%7d/DownloadInstall",
        "./DevDetail/Ext/Microsoft/DeviceName",
        "./DevInfo/DevId",
        "./SyncML/DMAcc/x",
        "./cimv2/MDM_BrowserSecurityZones",
        "./Vendor/MSFT/Policy/Config/Chrome~Policy~googlechrome/ShowHomeButton",
        "./Device/" + "a" * (1_024 - len("./Device/")),
    ],
)
def test_fit_paths(uri: str) -> None:
    check_policy(PolicyBody((OmaSetting(uri, Format.INT, "1"),)))


@pytest.mark.parametrize(
    "uri, problem",
    [
        ("/Vendor/MSFT/Policy", "does not begin at a known root"),
        ("Vendor/MSFT/Policy", "does not begin at a known root"),
        ("./device/Vendor/MSFT/Policy", "does not begin at a known root"),
        ("./Device", "does not begin at a known root"),
        ("./Device/Vendor//Policy", "an empty segment"),
        ("./Device/Vendor/MSFT/", "an empty segment"),
        ("./Device/Vendor/../Policy", "the segment '..'"),
        ("./Device/Vendor/./Policy", "the segment '.'"),
        ("./Device/Vendor/*/Policy", "the segment '*'"),
        ("./Device/Vendor/MS DM/x", "characters that a node name cannot have"),
        ("./Device/Vendor/{1}/x", "characters that a node name cannot have"),
        ("./Device/Vendor/50%/x", "characters that a node name cannot have"),
        ("./Device/Vendor/Büro/x", "characters that a node name cannot have"),
        ("./Device/Vendor/x\n", "characters that a node name cannot have"),
        ("./Device/" + "a" * 1_016, "has 1025 characters"),
    ],
)
def test_unfit_paths(uri: str, problem: str) -> None:
    assert problem in _only_problem(OmaSetting(uri, Format.INT, "1"))


@pytest.mark.parametrize(
    "kind, value",
    [
        (Format.CHR, ""),
        (Format.CHR, "anything <at> all\n\t"),
        (Format.INT, "0"),
        (Format.INT, "-2147483648"),
        (Format.INT, "4294967295"),
        (Format.INT, "007"),
        (Format.BOOL, "true"),
        (Format.BOOL, "false"),
        (Format.B64, "QUJD"),
        (Format.BIN, "QUI="),
        (Format.B64, ""),
        (Format.XML, "<enabled/><data id='a' value='1'/>"),
        (Format.XML, "<?xml version='1.0' encoding='UTF-8'?><a>ü</a>"),
        (Format.XML, "plain text"),
        (Format.DATE, "2026-03-31"),
        (Format.DATE, "2026-03-31T13:45:00Z"),
        (Format.TIME, "13:45:00"),
        (Format.FLOAT, "1.5"),
        (Format.FLOAT, "-2e3"),
    ],
)
def test_values_that_match_their_format(kind: Format, value: str) -> None:
    check_policy(PolicyBody((OmaSetting(URI, kind, value),)))


@pytest.mark.parametrize(
    "kind, value",
    [
        (Format.INT, ""),
        (Format.INT, "1.0"),
        (Format.INT, " 1"),
        (Format.INT, "+1"),
        (Format.INT, "1_0"),
        (Format.INT, "-2147483649"),
        (Format.INT, "4294967296"),
        (Format.INT, "99999999999999999999"),
        (Format.BOOL, "True"),
        (Format.BOOL, "1"),
        (Format.BOOL, ""),
        (Format.B64, "QUI"),
        (Format.B64, "QUJD\nQUJD"),
        (Format.BIN, "ÄÖÜ="),
        (Format.XML, "<a>"),
        (Format.XML, "a & b"),
        (Format.XML, "</v><v>"),
        (Format.XML, "<!DOCTYPE a><a/>"),
        (Format.XML, "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>"),
        (Format.DATE, "31.03.2026"),
        (Format.DATE, "2026-02-30"),
        (Format.TIME, "25:00:00"),
        (Format.TIME, "2026-03-31"),
        (Format.FLOAT, "one"),
        (Format.FLOAT, "nan"),
        (Format.FLOAT, "inf"),
        (Format.FLOAT, "1_0.5"),
    ],
)
def test_values_that_do_not(kind: Format, value: str) -> None:
    assert _only_problem(OmaSetting(URI, kind, value)).endswith(f"is not of the format {kind.value}.")


def test_values_that_cannot_be_sent() -> None:
    assert "control characters" in _only_problem(OmaSetting(URI, Format.CHR, "a\x00b"))
    assert "control characters" in _only_problem(OmaSetting(URI, Format.CHR, "a\uffffb"))
    limit = 1_048_576
    check_policy(PolicyBody((OmaSetting(URI, Format.CHR, "x" * limit),)))
    assert f"{limit + 1} characters" in _only_problem(OmaSetting(URI, Format.CHR, "x" * (limit + 1)))


def test_a_node_may_be_set_once() -> None:
    one = OmaSetting(URI, Format.INT, "1")
    same = OmaSetting(URI.upper().replace("./DEVICE/VENDOR", "./Vendor"), Format.INT, "2")
    assert _only_problem(one, same) == f"setting 2 ({same.uri}): Setting 1 sets the same node."
    user = OmaSetting(URI.replace("./Device", "./User"), Format.INT, "2")
    check_policy(PolicyBody((one, user)))


def test_paths_that_mean_the_same_node() -> None:
    assert node_key("./Vendor/MSFT/X") == node_key("./Device/Vendor/msft/x") == "./device/vendor/msft/x"
    assert node_key("./User/Vendor/MSFT/X") == "./user/vendor/msft/x"
    assert node_key("./DevInfo/DevId") == "./devinfo/devid"


def test_a_policy_has_one_to_1000_settings() -> None:
    assert _only_problem() == "settings: The policy has no settings."
    many = [OmaSetting(f"{URI}{number}", Format.INT, "1") for number in range(1001)]
    check_policy(PolicyBody(tuple(many[:1000])))
    assert _only_problem(*many) == "settings: The policy has 1001 settings."


def test_all_problems_are_told_and_the_first_in_the_message() -> None:
    found = _refused(OmaSetting("x", Format.INT, "y"), OmaSetting(URI, Format.BOOL, "maybe"))
    assert [detail.where for detail in found.details] == [
        "setting 1 (x)",
        "setting 1 (x)",
        f"setting 2 ({URI})",
    ]
    assert found.details[0].message in found.message
    assert found.remedy == found.details[0].remedy


@pytest.mark.parametrize(
    "uri, scope",
    [
        (URI, Scope.DEVICE),
        ("./Vendor/MSFT/X", Scope.DEVICE),
        ("./User/Vendor/MSFT/X", Scope.USER),
        ("./UserX/Vendor", Scope.DEVICE),
    ],
)
def test_scopes(uri: str, scope: Scope) -> None:
    assert OmaSetting(uri, Format.INT, "1").scope is scope


def test_values_do_not_show_in_a_repr() -> None:
    assert "secret" not in repr(PolicyBody((OmaSetting(URI, Format.CHR, "secret"),)))
