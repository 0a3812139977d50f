"""What a device makes of the provisioning document."""

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from reseal.wire.enrolment.errors import EnrolmentError
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
from reseal.wire.enrolment.wap import Characteristic, Parm, read_wap
from tests.unit.wire.enrolment.documents import (
    ACCOUNT_TEXT,
    CLIENT,
    DOCUMENT,
    PROVIDER_TEXT,
    ROOT,
    STORE_TEXT,
    TEXT,
    document,
    stored,
)


def read(text: str) -> ProvisioningDocument:
    return read_provisioning(text.encode())


def refusal(text: str) -> EnrolmentError:
    with pytest.raises(EnrolmentError) as caught:
        read(text)
    assert caught.value.remedy
    return caught.value


def test_the_document_of_a_server() -> None:
    assert read(TEXT) == DOCUMENT


@pytest.mark.parametrize("parts", list(permutations((STORE_TEXT, ACCOUNT_TEXT, PROVIDER_TEXT))))
def test_mdm_wire_094_parts_may_stand_in_any_order(parts: tuple[str, ...]) -> None:
    assert read(document(*parts)) == DOCUMENT
    root = etree.fromstring(document(*parts))
    for found in root.iter("characteristic", "wap-provisioningdoc"):
        found[:] = reversed(found)
    turned = read_provisioning(etree.tostring(root))
    assert turned == DOCUMENT


def test_a_store_in_pieces_and_a_user_certificate() -> None:
    text = document(
        "<!-- a root, then the rest -->",
        '<characteristic type="CertificateStore"><characteristic type="Root"><characteristic type="System">',
        stored(ROOT) + "</characteristic></characteristic></characteristic>",
        '<characteristic type="CertificateStore"><characteristic type="My"><characteristic type="User">',
        stored(CLIENT) + '<characteristic type="PrivateKeyContainer"/>',
        "</characteristic></characteristic></characteristic>",
        ACCOUNT_TEXT,
    )
    found = read(text)
    assert found.certificates == Certificates(client=CLIENT, scope=StoreScope.USER, root=ROOT)
    assert found.provider is None


def test_the_answer_to_a_renewal() -> None:
    inside = stored(CLIENT).replace(
        "</characteristic>", '<characteristic type="PrivateKeyContainer"/></characteristic>'
    )
    text = document(
        '<characteristic type="CertificateStore"><characteristic type="My" ><characteristic type="User">',
        inside + "</characteristic></characteristic></characteristic>",
        '<characteristic type="APPLICATION"><parm name="PROVIDER-ID" value="MS DM Server"/></characteristic>',
    )
    assert read(text) == ProvisioningDocument(
        provider_id="MS DM Server", certificates=Certificates(client=CLIENT, scope=StoreScope.USER)
    )


def test_the_published_search_is_escaped_twice() -> None:
    text = TEXT.replace("&amp;Stores=My%5CSystem", "&amp;amp;Stores=my%5cuser").replace(
        "CN%3D", "DC%3dtest%2cCN%3d"
    )
    found = read(text).application
    assert found
    assert found.certificate_search == CertificateSearch(
        subject="DC=test,CN=5EDE6E7A7B7741BDBFE0EF29CA70A3FB", scope=StoreScope.USER
    )


def test_an_account_with_basic_credentials_and_defaults() -> None:
    text = document(
        STORE_TEXT,
        """<characteristic type="APPLICATION">
             <parm name="APPID" value="w7"/><parm name="PROVIDER-ID" value="Test"/>
             <parm name="ADDR" value="https://dm.contoso.test:443/omadm/Windows.ashx"/>
             <characteristic type="APPAUTH">
               <parm name="AAUTHLEVEL" value="APPSRV"/><parm name="AAUTHTYPE" value="BASIC"/>
               <parm name="AAUTHNAME" value="client"/><parm name="AAUTHSECRET" value="password2"/>
             </characteristic>
             <characteristic type="APPAUTH"><parm name="AAUTHLEVEL" value="CLIENT"/>
               <parm name="AAUTHSECRET" value="password1"/></characteristic>
           </characteristic>""",
    )
    assert read(text).application == Application(
        name="",
        address="https://dm.contoso.test:443/omadm/Windows.ashx",
        server_credentials=Credentials(secret="password1"),
        device_credentials=Credentials(secret="password2", name="client", type=AuthType.BASIC),
    )


def test_a_schedule_that_leaves_things_out_is_filled_up_as_windows_does() -> None:
    poll = '<characteristic type="Poll"><parm name="PollOnLogin" value="True"/></characteristic>'
    text = PROVIDER_TEXT[: PROVIDER_TEXT.index('<characteristic type="Poll">')] + poll
    found = read(document(STORE_TEXT, ACCOUNT_TEXT, text + "</characteristic>" * 3)).provider
    assert found
    assert found.poll == PollSchedule(
        first=PollPhase(interval=timedelta(minutes=15), retries=10), on_login=True
    )


def test_settings_of_another_provider_are_left_out() -> None:
    other = PROVIDER_TEXT.replace('"Reseal"', '"Other"')
    assert read(document(STORE_TEXT, ACCOUNT_TEXT, other)).provider is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('value="w7"', 'value="w8"'),
        lambda text: text.replace('"APPID"', '"appid"'),
        lambda text: text.replace('"ADDR"', '"addr"'),
        lambda text: text.replace('<parm name="CONNRETRYFREQ" value="6"/>', '<parm name="INIT"/>'),
        lambda text: text.replace('value="APPSRV"', 'value="CLIENT"'),
        lambda text: text.replace('value="server secret"', 'value=""'),
        lambda text: text.replace('value="DIGEST"', 'value="HMAC"'),
        lambda text: text.replace('value="30000"', 'value="soon"'),
        lambda text: text.replace('value="30000"', 'value="99999999999"'),
        lambda text: text.replace('"RenewPeriod" value="60"', '"RenewPeriod" value="0"'),
        lambda text: text.replace('"ROBOSupport" value="true"', '"ROBOSupport" value="maybe"'),
        lambda text: text.replace("Subject=CN", "Issuer=CN"),
        lambda text: text.replace("My%5CSystem", "My%5CAttic"),
        lambda text: text.replace("AAECAwQF", "!!!!"),
        lambda text: text.replace("PROVIDER-ID", "PROVIDER"),
        lambda text: text.replace('"My"', '"Mine"'),
        lambda text: text.replace(stored(CLIENT), stored(CLIENT) + stored(ROOT)),
        lambda text: text.replace(stored(CLIENT), stored(CLIENT).replace('type="', 'type="0')),
        lambda text: text.replace(stored(CLIENT), stored(CLIENT).replace('value="', 'value="*')),
        lambda text: text.replace("</wap", ACCOUNT_TEXT + "</wap"),
        lambda text: text.replace("wap-provisioningdoc", "wap-provisioning"),
    ],
)
def test_what_no_device_could_follow_is_refused(change: Callable[[str], str]) -> None:
    assert change(TEXT) != TEXT
    refusal(change(TEXT))


@pytest.mark.parametrize("block, value", [("BlockInStatusPage", "8"), ("TimeOutUntilSyncFailure", "1441")])
def test_values_of_the_status_page_have_their_range(block: str, value: str) -> None:
    status = f'<characteristic type="FirstSyncStatus"><parm name="{block}" value="{value}"/></characteristic>'
    refusal(TEXT.replace('<characteristic type="Poll">', status + '<characteristic type="Poll">'))


# --- the tree


def test_values_keep_what_they_hold_and_unknown_elements_are_left_out() -> None:
    found = read_wap(
        b'<wap-provisioningdoc><x/><characteristic type=" A "><parm name="B" value=" b&#10; "/>'
        b'<parm name="C"/><parm value="nameless"/><characteristic/></characteristic></wap-provisioningdoc>'
    )
    (group,) = found.at("A")
    assert group == Characteristic("A", (Parm("B", " b\n "), Parm("C")), (Characteristic(""),))
    assert (group.value("B"), group.value("C"), group.value("D")) == (" b\n ", "", None)


def test_a_document_is_not_deeper_than_needed() -> None:
    deep = '<characteristic type="x">' * 200 + "</characteristic>" * 200
    assert refusal(document(deep)).code == "NotProvisioning"


# --- any document

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"),
    max_size=12,
)
filled = texts.filter(bool)
names = st.text("ABCDEFabcdef0123456789-._~", min_size=1, max_size=12)
days = st.integers(1, 1000).map(lambda count: timedelta(days=count))
minutes = st.integers(0, 10_000).map(lambda count: timedelta(minutes=count))
milliseconds = st.integers(0, 10**9).map(lambda count: timedelta(milliseconds=count))
certificates = st.builds(
    Certificates,
    client=st.binary(min_size=1, max_size=40),
    scope=st.just(StoreScope.SYSTEM),
    intermediate=st.binary(min_size=1, max_size=40),
    root=st.binary(min_size=1, max_size=40),
    renewal=st.none()
    | st.builds(Renewal, automatic=st.booleans(), period=days, retry=days, server_url=texts),
)
credentials = st.builds(Credentials, secret=filled, name=texts, nonce=st.binary(max_size=20))
applications = st.builds(
    Application,
    name=filled,
    address=texts.map(lambda text: "https://" + text),
    server_credentials=credentials,
    device_credentials=credentials.flatmap(
        lambda value: st.sampled_from(AuthType).map(lambda kind: dataclasses.replace(value, type=kind))
    ),
    certificate_search=st.none()
    | st.builds(CertificateSearch, subject=filled, scope=st.just(StoreScope.SYSTEM)),
    retries=st.integers(0, 100),
    initial_backoff=milliseconds,
    max_backoff=milliseconds,
    older_protocol=st.booleans(),
    encoding=filled,
    protocol_version=texts,
    role=st.none() | st.integers(0, 2**32 - 1),
)
phases = st.builds(PollPhase, interval=minutes, retries=st.integers(0, 1000))
flags = st.none() | st.booleans()
statuses = st.builds(
    FirstSyncStatus,
    timeout=st.none() | st.integers(1, 1440).map(lambda count: timedelta(minutes=count)),
    finished=flags,
    block=st.none() | st.integers(0, 7).map(StatusPageButtons),
    allow_collect_logs=flags,
    error_text=st.none() | texts,
    skip_device_page=flags,
    skip_user_page=flags,
)
providers = st.builds(
    ProviderSettings,
    device_id=texts,
    upn=texts,
    device_name=texts,
    poll=st.none()
    | st.builds(
        PollSchedule,
        first=phases,
        second=phases,
        remaining=phases,
        on_login=st.booleans(),
        on_first_login_of_all=st.booleans(),
    ),
    first_sync=st.none() | statuses,
    further=st.lists(
        st.builds(Parm, names, st.none() | texts, st.sampled_from(["", "string"])), max_size=2
    ).map(tuple),
)
documents = st.builds(
    ProvisioningDocument,
    provider_id=names,
    certificates=certificates,
    application=st.none() | applications,
    provider=st.none() | providers,
)


@given(documents)
def test_documents_read_back(whole: ProvisioningDocument) -> None:
    assert read_provisioning(write_provisioning(whole)) == whole
