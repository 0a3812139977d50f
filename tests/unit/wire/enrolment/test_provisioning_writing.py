"""What a server puts into the provisioning document."""

import base64
import dataclasses
import hashlib
from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from lxml import etree

from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.enrolment.names import EnrollmentType
from reseal.wire.enrolment.provisioning import (
    Application,
    AuthType,
    Certificates,
    CertificateSearch,
    Credentials,
    FirstSyncStatus,
    PollPhase,
    PollSchedule,
    ProviderSettings,
    ProvisioningDocument,
    Renewal,
    StatusPageButtons,
    StoreScope,
)
from reseal.wire.enrolment.provisioning_reading import read_provisioning
from reseal.wire.enrolment.provisioning_writing import write_provisioning
from reseal.wire.enrolment.wap import Parm
from reseal.wire.xml import XmlError
from tests.unit.wire.enrolment.documents import (
    APPLICATION,
    CA,
    CERTIFICATES,
    CLIENT,
    DEVICE_ID,
    DOCUMENT,
    PROVIDER,
    ROOT,
    TEXT,
)
from tests.unit.wire.enrolment.shapes import one_line

LEVEL = "characteristic"


def tree(document: ProvisioningDocument = DOCUMENT):
    return etree.fromstring(write_provisioning(document))


def at(root, *types: str):
    """The characteristic at a path, which there must be exactly once."""
    for kind in types:
        (root,) = [found for found in root if found.tag == LEVEL and found.get("type") == kind]
    return root


def parms(found) -> dict[str, str]:
    return {parm.get("name"): parm.get("value") for parm in found if parm.tag == "parm"}


def document(
    *,
    certificates: Certificates = CERTIFICATES,
    application: Application | None = APPLICATION,
    provider: ProviderSettings | None = PROVIDER,
    provider_id: str = "Reseal",
) -> ProvisioningDocument:
    return ProvisioningDocument(
        provider_id=provider_id, certificates=certificates, application=application, provider=provider
    )


def refusal(refused: ProvisioningDocument) -> str:
    with pytest.raises(EnrolmentError) as caught:
        write_provisioning(refused)
    assert caught.value.remedy
    return caught.value.message


def test_the_document_is_written_as_the_protocol_shows_it() -> None:
    assert write_provisioning(DOCUMENT) == one_line(TEXT)


# --- certificates


def test_mdm_wire_035_one_store_with_root_ca_and_my_in_this_order() -> None:
    root = tree()
    assert [found.get("type") for found in root].count("CertificateStore") == 1
    store = root[0]
    assert [found.get("type") for found in store] == ["Root", "CA", "My"]
    for group, scope, der in (("Root", "System", ROOT), ("CA", "System", CA), ("My", "System", CLIENT)):
        certificate = at(store, group, scope)[0]
        assert certificate.get("type") == hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()
        assert base64.b64decode(certificate[0].get("value")) == der


def test_clients_that_go_by_place_find_the_certificates() -> None:
    root = tree()
    by_depth = root.findall("/".join([LEVEL] * 4 + ["parm"]))
    assert base64.b64decode(by_depth[2].get("value")) == CLIENT
    by_child = [root[0][number][0][0][0].get("value") for number in range(3)]
    assert [base64.b64decode(value) for value in by_child] == [ROOT, CA, CLIENT]


@pytest.mark.parametrize(
    "enrollment_type, store",
    [
        (EnrollmentType.DEVICE, "System"),
        (EnrollmentType.FULL, "User"),
        (EnrollmentType.LITE, "User"),
        (None, "User"),
    ],
)
def test_mdm_wire_036_the_store_follows_the_enrollment_type(
    enrollment_type: EnrollmentType | None, store: str
) -> None:
    scope = StoreScope.of(enrollment_type)
    search = CertificateSearch(subject="CN=x", scope=scope)
    root = tree(
        document(
            certificates=dataclasses.replace(CERTIFICATES, scope=scope),
            application=dataclasses.replace(APPLICATION, certificate_search=search),
        )
    )
    my = at(root, "CertificateStore", "My")
    assert [found.get("type") for found in my] == [store, "WSTEP"]
    key = at(my, store, "PrivateKeyContainer")
    assert len(key) == 0


def test_without_renewal_there_is_no_wstep() -> None:
    root = tree(document(certificates=dataclasses.replace(CERTIFICATES, renewal=None)))
    assert [found.get("type") for found in at(root, "CertificateStore", "My")] == ["System"]


@pytest.mark.parametrize(
    "renewal",
    [
        Renewal(period=timedelta(0)),
        Renewal(period=timedelta(days=1001)),
        Renewal(retry=timedelta(hours=36)),
        Renewal(retry=timedelta(days=-1)),
    ],
)
def test_renewal_periods_are_days_from_1_to_1000(renewal: Renewal) -> None:
    assert "days" in refusal(document(certificates=dataclasses.replace(CERTIFICATES, renewal=renewal)))


def test_an_enrolment_needs_the_whole_chain() -> None:
    assert "CA" in refusal(document(certificates=dataclasses.replace(CERTIFICATES, intermediate=None)))
    assert "Root" in refusal(document(certificates=dataclasses.replace(CERTIFICATES, root=None)))


def test_a_renewal_holds_the_certificate_and_names_the_provider() -> None:
    renewed = Certificates(client=CLIENT, scope=StoreScope.USER)
    root = tree(document(certificates=renewed, application=None, provider=None))
    assert [found.get("type") for found in root] == ["CertificateStore", "APPLICATION"]
    assert [found.get("type") for found in root[0]] == ["My"]
    assert parms(root[1]) == {"PROVIDER-ID": "Reseal"}


# --- the account


def test_mdm_wire_037_the_account_has_all_that_windows_needs() -> None:
    account = at(tree(), "APPLICATION")
    found = parms(account)
    assert found["APPID"] == "w7"
    assert {"PROVIDER-ID", "NAME", "ADDR"} <= found.keys()
    assert "INIT" not in found
    levels = [parms(auth)["AAUTHLEVEL"] for auth in account if auth.get("type") == "APPAUTH"]
    assert levels == ["CLIENT", "APPSRV"]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"address": ""},
        {"address": "http://mdm.contoso.test/"},
        {"server_credentials": Credentials(secret="")},
        {"server_credentials": Credentials(secret="x", type=AuthType.BASIC)},
        {"initial_backoff": timedelta(microseconds=5)},
        {"max_backoff": timedelta(days=400)},
    ],
)
def test_accounts_that_windows_would_refuse_are_not_written(changes: dict[str, object]) -> None:
    assert refusal(document(application=dataclasses.replace(APPLICATION, **changes)))


@pytest.mark.parametrize("name", ["Reseal", "Contoso-MDM_2.0", "a~b"])
def test_mdm_wire_038_account_and_provider_have_one_plain_name(name: str) -> None:
    root = tree(document(provider_id=name))
    assert parms(at(root, "APPLICATION"))["PROVIDER-ID"] == name
    assert len(at(root, "DMClient", "Provider", name)) > 0
    for odd in ("", "MS DM Server", name + "/x", name + "%", "Résau", name + "\n"):
        assert "escaping" in refusal(document(provider_id=odd))


def unescaped(root) -> dict[str, list[str]]:
    return parse_qs(parms(at(root, "APPLICATION"))["SSLCLIENTCERTSEARCHCRITERIA"], strict_parsing=True)


@pytest.mark.parametrize("scope", StoreScope)
@pytest.mark.parametrize("subject", [f"CN={DEVICE_ID}", "CN=Ünal & Söhne,O=50% <x>", "DC=test,CN=a+b"])
def test_mdm_wire_039_the_search_decodes_to_the_certificates_subject_and_store(
    subject: str, scope: StoreScope
) -> None:
    search = CertificateSearch(subject=subject, scope=scope)
    root = tree(
        document(
            certificates=dataclasses.replace(CERTIFICATES, scope=scope),
            application=dataclasses.replace(APPLICATION, certificate_search=search),
        )
    )
    assert unescaped(root) == {"Subject": [subject], "Stores": [f"My\\{scope}"]}


def test_a_search_in_another_store_is_refused() -> None:
    elsewhere = CertificateSearch(subject="CN=x", scope=StoreScope.USER)
    assert "does not find" in refusal(
        document(application=dataclasses.replace(APPLICATION, certificate_search=elsewhere))
    )


def test_mdm_wire_040_sessions_are_in_xml() -> None:
    plain = Application(
        name="MDM",
        address="https://mdm.contoso.test/",
        server_credentials=Credentials(secret="a"),
        device_credentials=Credentials(secret="b"),
    )
    found = parms(at(tree(document(application=plain)), "APPLICATION"))
    assert found["DEFAULTENCODING"] == "application/vnd.syncml.dm+xml"
    assert (
        found.keys() & {"SSLCLIENTCERTSEARCHCRITERIA", "PROTOVER", "ROLE", "BACKCOMPATRETRYDISABLED"} == set()
    )


def test_less_common_parms_of_the_account() -> None:
    account = dataclasses.replace(APPLICATION, protocol_version="1.2", role=32)
    found = parms(at(tree(document(application=account)), "APPLICATION"))
    assert (found["PROTOVER"], found["ROLE"]) == ("1.2", "32")


def test_secrets_and_certificates_do_not_show_in_logs() -> None:
    assert "secret" not in repr(DOCUMENT).replace("secret=", "")
    assert "der of" not in repr(DOCUMENT)


# --- the provider


def first_sync(status: FirstSyncStatus) -> dict[str, tuple[str, str]]:
    root = tree(document(provider=ProviderSettings(first_sync=status)))
    found = at(root, "DMClient", "Provider", "Reseal", "FirstSyncStatus")
    return {parm.get("name"): (parm.get("value"), parm.get("datatype")) for parm in found}


def test_mdm_wire_078_the_status_page_has_values_that_windows_takes() -> None:
    status = FirstSyncStatus(
        timeout=timedelta(hours=1),
        finished=False,
        block=StatusPageButtons.RESET | StatusPageButtons.TRY_AGAIN,
        allow_collect_logs=True,
        error_text="Call <IT>",
        skip_device_page=False,
        skip_user_page=True,
    )
    assert first_sync(status) == {
        "TimeOutUntilSyncFailure": ("60", "integer"),
        "BlockInStatusPage": ("3", "integer"),
        "CustomErrorText": ("Call <IT>", "string"),
        "ServerHasFinishedProvisioning": ("false", "boolean"),
        "AllowCollectLogsButton": ("true", "boolean"),
        "SkipDeviceStatusPage": ("false", "boolean"),
        "SkipUserStatusPage": ("true", "boolean"),
    }
    assert first_sync(FirstSyncStatus(block=StatusPageButtons(0))) == {"BlockInStatusPage": ("0", "integer")}
    for minutes in (1, 1440):
        assert first_sync(FirstSyncStatus(timeout=timedelta(minutes=minutes)))
    for wrong in (
        FirstSyncStatus(timeout=timedelta(0)),
        FirstSyncStatus(timeout=timedelta(minutes=1441)),
        FirstSyncStatus(timeout=timedelta(seconds=90)),
        FirstSyncStatus(block=StatusPageButtons(8)),
    ):
        assert refusal(document(provider=ProviderSettings(first_sync=wrong)))


def test_polls_are_whole_minutes() -> None:
    poll = PollSchedule(first=PollPhase(interval=timedelta(seconds=30)))
    assert "IntervalForFirstSetOfRetries" in refusal(document(provider=ProviderSettings(poll=poll)))


def test_a_device_without_user_gets_no_upn() -> None:
    root = tree(
        document(provider=ProviderSettings(device_id="x", further=(Parm("HelpPhoneNumber", "1", "string"),)))
    )
    assert parms(at(root, "DMClient", "Provider", "Reseal")) == {"EntDMID": "x", "HelpPhoneNumber": "1"}


def test_a_character_that_xml_does_not_have() -> None:
    with pytest.raises(XmlError):
        write_provisioning(document(provider=ProviderSettings(device_name="\x07")))


def test_what_is_written_reads_back() -> None:
    assert read_provisioning(write_provisioning(DOCUMENT)) == DOCUMENT
