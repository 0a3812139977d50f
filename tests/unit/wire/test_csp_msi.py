"""Windows Installer packages over SyncML: the two commands, the job in both forms, its states."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from reseal.wire.csp import (
    CspError,
    Msi,
    MsiInstallJob,
    MsiStatus,
    Scope,
    install_commands,
    msi,
    read_job,
    uninstall_command,
    write_job,
)
from reseal.wire.syncml import (
    Delete,
    Exec,
    Message,
    SyncHdr,
    XmlContent,
    numbered,
    read_message,
    write_message,
)
from tests.unit.wire.syncml_shapes import INSTALL

PRODUCT = "{11111111-2222-3333-4444-555555555555}"
NODE = "./Device/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/%7B11111111-2222-3333-4444-555555555555%7D"
DIGEST = "134d8f1f7c3c036dc3dcda9f97515c8c7951db154b73365c9c22962bd23e3eb3"
JOB = MsiInstallJob(
    product_code=PRODUCT,
    version="1.2.0.0",
    urls=("https://mdm.contoso.test/content/agent.msi?a=1&b=2",),
    sha256=DIGEST.upper(),
    timeout=timedelta(minutes=30),
)
HEADER = SyncHdr(session_id="7", msg_id=1, target="DESKTOP-1", source="https://mdm.contoso.test/")

_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=12,
)
_MINUTES = st.integers(1, 999_999).map(lambda minutes: timedelta(minutes=minutes))
JOBS = st.builds(
    MsiInstallJob,
    product_code=_TEXT,
    version=_TEXT,
    urls=st.lists(_TEXT, min_size=1, max_size=3).map(tuple),
    sha256=st.just(DIGEST.upper()),
    command_line=st.just("") | _TEXT,
    timeout=st.none() | _MINUTES,
    retry_count=st.integers(0, 999_999),
    retry_interval=st.just(timedelta(0)) | _MINUTES,
    sends_user_token=st.booleans(),
)


def test_the_commands_that_install_a_package() -> None:
    add, execute = install_commands(JOB)
    assert add.target == execute.target == f"{NODE}/DownloadInstall"
    assert add.item.data is None
    assert (execute.item.meta.format, execute.item.meta.type) == ("xml", "text/plain")
    assert execute.item.data == XmlContent(
        f'<MsiInstallJob id="{PRODUCT}"><Product Version="1.2.0.0">'
        "<Download><ContentURLList><ContentURL>https://mdm.contoso.test/content/agent.msi?a=1&amp;b=2</ContentURL>"
        f"</ContentURLList></Download><Validation><FileHash>{DIGEST.upper()}</FileHash></Validation>"
        "<Enforcement><CommandLine>/quiet</CommandLine><TimeOut>30</TimeOut><RetryCount>3</RetryCount>"
        "<RetryInterval>5</RetryInterval></Enforcement></Product></MsiInstallJob>"
    )
    assert install_commands(JOB, Scope.USER)[0].target.startswith("./User/")
    assert uninstall_command(PRODUCT) == Delete(items=(replace(add.item, target=NODE),))


@pytest.mark.parametrize("as_text", [False, True])
def test_a_job_arrives_in_both_forms(as_text: bool) -> None:
    sent = Message(header=HEADER, commands=numbered(install_commands(JOB, as_text=as_text)))
    data = write_message(sent)
    assert (b"&lt;ContentURL&gt;" in data) == as_text
    command = read_message(data).commands[1]
    assert isinstance(command, Exec)
    assert isinstance(command.item.data, str) == as_text
    assert read_job(command.item.data or "") == JOB


def test_clients_that_look_for_the_address_in_the_text_find_it() -> None:
    _, execute = install_commands(JOB, as_text=True)
    text = execute.item.text
    found = text[text.find("<ContentURL>") + len("<ContentURL>") : text.find("</ContentURL>")]
    assert found.replace("&amp;", "&") == JOB.urls[0]


def test_a_job_as_published() -> None:
    command = read_message(INSTALL).commands[1]
    assert isinstance(command, Exec)
    assert read_job(command.item.data or "") == MsiInstallJob(
        product_code=PRODUCT,
        version="1.2.0.0",
        urls=(
            "https://one.contoso.test/content/agent.msi?a=1&b=2",
            "https://two.contoso.test/content/agent.msi",
        ),
        sha256=DIGEST.upper(),
        timeout=timedelta(minutes=5),
    )


@given(JOBS, st.booleans())
def test_any_job_reads_back_equal(job: MsiInstallJob, as_text: bool) -> None:
    content = write_job(job)
    assert read_job(content.text if as_text else content) == job
    assert etree.fromstring(content.text).findtext("Product/Enforcement/TimeOut") == str(
        job.timeout // timedelta(minutes=1) if job.timeout else 0
    )


def test_what_a_job_leaves_out() -> None:
    text = write_job(JOB).text
    without = text[: text.index("<Enforcement>")] + "</Product></MsiInstallJob>"
    assert read_job(f'\n<?xml version="1.0" encoding="utf-16"?>{without}') == MsiInstallJob(
        product_code=PRODUCT,
        version="1.2.0.0",
        urls=JOB.urls,
        sha256=JOB.sha256,
        command_line="",
        retry_count=0,
        retry_interval=timedelta(0),
    )


@pytest.mark.parametrize(
    "data",
    [
        "",
        "hello",
        "<MsiInstallJob/>",
        "<Product/>",
        "<MsiInstallJob><Product/></MsiInstallJob>",
        "<!DOCTYPE MsiInstallJob><MsiInstallJob/>",
        "\ud800",
        write_job(JOB).text.replace("30</TimeOut>", "soon</TimeOut>"),
        write_job(JOB).text.replace("3</RetryCount>", "-3</RetryCount>"),
        write_job(JOB).text.replace(DIGEST.upper(), "abc"),
        write_job(JOB).text.replace("ContentURL>", "Address>"),
    ],
)
def test_what_is_no_job_is_refused(data: str) -> None:
    for form in (data, XmlContent(data)):
        with pytest.raises(CspError) as caught:
            read_job(form)
        assert caught.value.code == "Job"


@pytest.mark.parametrize(
    "job",
    [
        replace(JOB, urls=()),
        replace(JOB, sha256="abc"),
        replace(JOB, timeout=timedelta(seconds=30)),
        replace(JOB, timeout=timedelta(0)),
        replace(JOB, retry_interval=timedelta(seconds=-60)),
        replace(JOB, retry_interval=timedelta(days=10_000)),
        replace(JOB, retry_count=-1),
    ],
)
def test_a_job_that_nobody_could_do_is_not_written(job: MsiInstallJob) -> None:
    with pytest.raises(CspError) as caught:
        write_job(job)
    assert caught.value.code == "Job"


@pytest.mark.parametrize("code", ["", "11111111-2222-3333-4444-555555555555", f"{PRODUCT}/x", "{1}"])
def test_what_is_no_product_code_is_refused(code: str) -> None:
    with pytest.raises(CspError):
        msi(code)


def test_states_of_a_package() -> None:
    assert [status for status in MsiStatus if status.is_final] == [30, 60, 70]
    assert [status for status in MsiStatus if status.is_failure] == [30, 60]
    assert Msi.STATUS.read("48") == MsiStatus.WAITING_FOR_USER
