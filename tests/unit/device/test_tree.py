"""The tree: certificates, wireless networks, policies, memory, and what no command may break."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.device.csp.tree import Read, Tree
from reseal.device.csp.windows import empty_tree, enrolled_tree
from reseal.device.dm.execution import execute
from reseal.wire.csp import (
    AdmxKind,
    Certificate,
    CertificateStore,
    LocURI,
    Scope,
    Wifi,
    admx_install,
    certificate,
    policy,
    policy_result,
    read_names,
    trusted_certificate,
    wifi_profile,
)
from reseal.wire.enrolment.provisioning_reading import read_provisioning
from reseal.wire.syncml import (
    Add,
    Atomic,
    Command,
    Delete,
    Format,
    Item,
    Meta,
    Replace,
    Status,
    StatusCode,
    numbered,
)
from tests.support.clock import ManualClock
from tests.support.scripted_server import MACHINE, PROVIDER, document, issued

ADELE = "adele@contoso.test"


def new_tree() -> Tree:
    return enrolled_tree(read_provisioning(document()), MACHINE, ManualClock(), frozenset())


def text(read: Read | StatusCode) -> str:
    assert isinstance(read, Read), read
    return read.text


# --- certificates -------------------------------------------------------------------------------------------


def test_a_certificate_stands_under_its_thumbprint_and_tells_of_itself() -> None:
    tree, der = new_tree(), issued().root
    value = trusted_certificate(CertificateStore.ROOT, der)
    assert tree.replace(value.uri, Format.B64, value.text) == 200
    node = certificate(CertificateStore.ROOT, der)
    assert text(tree.get(Certificate.ISSUED_TO.at(node))) == "CN=Root"
    assert text(tree.get(Certificate.VALID_TO.at(node))).startswith("2045-01-01")
    assert node.names[-1] in read_names(text(tree.get(LocURI(node.names[:-1], Scope.DEVICE))))
    assert tree.delete(node) == 200
    assert tree.get(value.uri) == 404


@pytest.mark.parametrize(
    "content, code",
    [(issued().intermediate, 500), (b"no certificate", 500), (None, 415)],
    ids=["another certificate", "none", "not base64"],
)
def test_a_certificate_whose_thumbprint_does_not_fit_is_refused(content: bytes | None, code: int) -> None:
    uri = trusted_certificate(CertificateStore.CA, issued().root).uri
    data = "***" if content is None else b64encode(content).decode()
    assert new_tree().add(uri, Format.B64, data) == code


def test_a_user_has_no_root_store() -> None:
    tree = new_tree()
    tree.user = ADELE
    uri = trusted_certificate(CertificateStore.ROOT, issued().root).uri
    in_user = LocURI(uri.names, Scope.USER)
    assert tree.add(in_user, Format.B64, b64encode(issued().root).decode()) == 405


# --- policies and networks ----------------------------------------------------------------------------------


def test_the_result_of_a_policy_is_the_machines_before_the_users() -> None:
    tree = new_tree()
    tree.user = ADELE
    tree.replace(policy("Start", "HideSleep", Scope.USER), Format.INT, "1")
    assert text(tree.get(policy_result("Start", "HideSleep", Scope.USER))) == "1"
    tree.replace(policy("Start", "HideSleep"), Format.INT, "0")
    assert text(tree.get(policy_result("Start", "HideSleep", Scope.USER))) == "0"
    assert text(tree.get(policy_result("Start", "HideSleep"))) == "0"
    assert tree.replace(policy_result("Start", "HideSleep"), Format.INT, "1") == 405


def test_an_admx_policy_needs_its_file() -> None:
    tree = new_tree()
    uri = policy("Contoso~Policy~Category", "Setting")
    assert tree.replace(uri, Format.CHR, "<enabled/>") == 404
    tree.add(admx_install("Contoso", AdmxKind.POLICY, "file"), Format.CHR, "<policyDefinitions/>")
    assert tree.replace(uri, Format.CHR, "<enabled/>") == 200


def test_a_leaf_keeps_its_format() -> None:
    tree, uri = new_tree(), policy("Camera", "AllowCamera")
    assert tree.add(uri, Format.INT, "1") == 200
    assert tree.replace(uri, Format.CHR, "one") == 415
    assert tree.replace(uri, "", "0") == 200
    assert tree.get(uri) == Read(Format.INT, "0")


def test_a_wireless_profile_has_to_be_one() -> None:
    tree, uri = new_tree(), Wifi.WLAN_XML.at(wifi_profile("Office & Lab"))
    assert tree.add(uri, Format.CHR, "<html/>") == 500
    assert tree.add(uri, Format.CHR, "no XML") == 500
    assert tree.add(uri, Format.CHR, "<WLANProfile/>") == 200
    assert tree.delete(wifi_profile("Office & Lab")) == 200
    assert not tree.has(uri)


def test_providers_that_keep_what_they_are_given_can_be_walked() -> None:
    tree = new_tree()
    root = LocURI(("Vendor", "MSFT", "LAPS"), Scope.DEVICE)
    assert tree.add(root.under(("Policies", "PasswordLength")), Format.INT, "14") == 200
    assert tree.get(root) == Read(Format.NODE, "Policies")
    assert tree.get(root / "Policies") == Read(Format.NODE, "PasswordLength")
    assert tree.execute(root.under(("Actions", "ResetPassword")), "", "") == 405


def test_names_are_found_in_any_case_and_shown_as_they_were_written() -> None:
    tree = new_tree()
    tree.add(policy("Camera", "AllowCamera"), Format.INT, "1")
    assert text(tree.get(LocURI.parse("./vendor/msft/POLICY/config/camera/ALLOWCAMERA"))) == "1"
    assert text(tree.get(LocURI.parse("./Vendor/MSFT/Policy/Config"))) == "Camera"


def test_the_node_of_the_enrolment_itself_stays() -> None:
    tree = new_tree()
    assert tree.delete(LocURI.parse(f"./Device/Vendor/MSFT/DMClient/Provider/{PROVIDER}")) == 405


# --- whatever comes -----------------------------------------------------------------------------------------

_URIS = [
    "./Device/Vendor/MSFT/Policy/Config/A/One",
    "./Vendor/MSFT/Policy/Config/A/Two",
    "./User/Vendor/MSFT/Policy/Config/A/One",
    f"./Device/Vendor/MSFT/DMClient/Provider/{PROVIDER}/FirstSyncStatus/IsSyncDone",
    f"./Device/Vendor/MSFT/DMClient/Provider/{PROVIDER}/FirstSyncStatus/ExpectedPolicies",
    f"./Device/Vendor/MSFT/DMClient/Provider/{PROVIDER}/Poll/NumberOfFirstRetries",
    "./Device/Vendor/MSFT/EnrollmentStatusTracking/DevicePreparation/PolicyProviders/P",
    "./Device/Vendor/MSFT/EnrollmentStatusTracking/DevicePreparation/PolicyProviders/P/Timeout",
    "./Device/Vendor/MSFT/LAPS/Policies/PasswordLength",
    "./DevInfo/Man",
    "./Nowhere",
    "not an address",
]
_items = st.builds(
    lambda target, kind, data: Item(target=target, meta=Meta(format=kind), data=data),
    st.sampled_from(_URIS),
    st.sampled_from(["", "int", "chr", "bool", "node", "b64"]),
    st.sampled_from(["", "1", "true", "text", "99999"]),
)
_simple: st.SearchStrategy[Command] = st.builds(
    lambda kind, item: kind(items=(item,)), st.sampled_from([Add, Replace, Delete]), _items
)
_commands = st.lists(_simple | st.builds(lambda inner: Atomic(commands=tuple(inner)), st.lists(_simple)))


@given(_commands)
def test_every_command_gets_a_status_and_memory_brings_the_tree_back(commands: list[Command]) -> None:
    tree = new_tree()
    tree.user = ADELE
    sent = numbered(commands)
    answers = execute(tree, 1, sent).commands
    answered = {answer.cmd_ref for answer in answers if isinstance(answer, Status)}
    assert {command.cmd_id for command in sent} <= answered
    again = empty_tree(PROVIDER, ManualClock(), frozenset())
    again.restore(tree.snapshot())
    assert again.snapshot() == tree.snapshot()


@given(_commands)
def test_an_atomic_that_fails_changes_nothing(commands: list[Command]) -> None:
    tree = new_tree()
    tree.user = ADELE
    for command in numbered(commands):
        before = tree.snapshot()
        (first, *_) = execute(tree, 1, [command]).commands
        if isinstance(command, Atomic) and isinstance(first, Status) and first.code != StatusCode.OK:
            assert tree.snapshot() == before
