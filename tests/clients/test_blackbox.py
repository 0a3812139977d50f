"""A client that shares no code with the product goes through whole deployments at a real server."""

from __future__ import annotations

import itertools

import pytest

from tests.clients.blackbox import jws
from tests.clients.blackbox.device import Device
from tests.clients.blackbox.errors import Refused
from tests.clients.blackbox.page import Scope, check_hold, unexpected, writes_to
from tests.clients.blackbox.session import Alerting, Login
from tests.clients.blackbox.signing import MDM, Directory, Person
from tests.clients.office import (
    ADDED,
    DEVICE_VALUES,
    LATER,
    NETWORK,
    NORTHWIND,
    NOT_FOR_THEM,
    PAGE,
    ROOT_STORE,
    USER_VALUES,
    Office,
    digests,
    enrolled,
)

_serials = (f"BB-{number:04}" for number in itertools.count(1))
by_both = pytest.mark.parametrize("by_digest", [False, True], ids=["certificate", "digest"])


def _values(device: Device, wanted: dict[str, str]) -> dict[str, str | None]:
    return {uri: device.mdm.tree.value(uri) for uri in wanted}


def _is_set_up(device: Device, *apps: str) -> None:
    """Everything for machines arrived, and nothing that is for others."""
    tree = device.mdm.tree
    assert _values(device, DEVICE_VALUES) == DEVICE_VALUES
    assert len([uri for uri in tree.below(ROOT_STORE) if uri.endswith("/EncodedCertificate")]) == 1
    assert "<name>Contoso Office</name>" in (tree.value(NETWORK) or "")
    assert not tree.has(NOT_FOR_THEM)
    assert set(device.mdm.installer.installed().values()) == digests(*apps)
    _nothing_failed(device)


def _nothing_failed(device: Device) -> None:
    mdm = device.mdm
    assert unexpected(mdm.tree.journal) == []
    begun = [job.node for job in mdm.installer.log]
    assert len(begun) == len(set(begun)), "a package was installed twice"


def _is_held(device: Device) -> None:
    """The first session holds the page, with what its profile says."""
    mdm = device.mdm
    first = mdm.syncs[0].id
    check_hold(mdm.tree, [entry for entry in mdm.tree.journal if entry.session == first])
    said = {
        name: mdm.page.value(Scope.DEVICE, name)
        for name in ("SkipDeviceStatusPage", "TimeOutUntilSyncFailure")
    }
    assert said == {"SkipDeviceStatusPage": "false", "TimeOutUntilSyncFailure": "45"}
    assert mdm.page.value(Scope.DEVICE, "CustomErrorText") == PAGE["customErrorMessage"]
    assert int(mdm.page.value(Scope.DEVICE, "BlockInStatusPage")) & 1, "Reset is not offered"
    assert [
        entry for entry in mdm.tree.journal if entry.user and entry.session == first and entry.status == 200
    ] == []


def _polls(device: Device) -> str | None:
    base = f"./Device/Vendor/MSFT/DMClient/Provider/{device.mdm.provisioned.provider}"
    return device.mdm.tree.value(f"{base}/Poll/IntervalForFirstSetOfRetries")


def _is_over(device: Device) -> None:
    """Both phases are released, and the next person meets no page that nobody ends."""
    mdm = device.mdm
    assert [mdm.page.value(scope, "IsSyncDone") for scope in Scope] == ["true", "true"]
    assert mdm.page.value(Scope.DEVICE, "SkipUserStatusPage") == "true"
    assert int(_polls(device) or 0) > 1
    quiet = device.sync(Login.USER)
    assert not any(command.name != "Get" for message in quiet.messages for command in message.all_commands())


def _fits_the_digest(device: Device) -> None:
    digest = device.mdm.line.digest
    if digest is None:
        return
    assert digest.used[0] == device.mdm.provisioned.device.nonce
    for one, other in itertools.combinations(device.mdm.syncs, 2):
        assert not one.nonces & other.nonces, "a nonce counted in two sessions"


# --- a user alone -------------------------------------------------------------------------------------------


@by_both
def test_a_user_sets_up_a_device_that_nobody_registered(office: Office, by_digest: bool) -> None:
    device = office.laptop(next(_serials), by_digest=by_digest)
    assert device.start() == {"standing": "unregistered"}
    anna = office.person("anna")
    device.sign_in(anna)
    device.join()
    device.enrol(device.user_access, anna.upn)
    device.run_phase(Scope.DEVICE, Login.OTHERS)
    _is_held(device)
    assert _polls(device) == "1"
    _is_set_up(device, "agent", "reader")
    assert not any(device.mdm.tree.has(uri) for uri in USER_VALUES)
    device.run_phase(Scope.USER, Login.USER)
    assert _values(device, USER_VALUES) == USER_VALUES
    _is_set_up(device, "agent", "reader", "notes")
    _is_over(device)
    _fits_the_digest(device)


@by_both
def test_a_user_sets_up_a_registered_device_and_takes_it_out_again(office: Office, by_digest: bool) -> None:
    device = office.laptop(next(_serials), by_digest=by_digest, user_by_header=True)
    office.register(device.machine, "ben")
    profile = device.start()
    assert profile["standing"] == "registered"
    assert "assignedUser" not in profile, "the assigned user is told to whoever knows the hash"
    ben = office.person("ben")
    device.sign_in(ben)
    device.join(capital=True)
    device.enrol(device.user_access, ben.upn)
    device.mdm.line.twice = not by_digest
    device.sync(Login.OTHERS)
    blocker = device.channel.blocker(profile["run"])
    assert {"kind", "text", "since", "until", "then"} <= set(blocker)
    device.run_phase(Scope.DEVICE, Login.OTHERS)
    _is_held(device)
    device.run_phase(Scope.USER, Login.USER)
    assert _values(device, USER_VALUES) == USER_VALUES
    _is_set_up(device, "agent", "notes")
    _is_over(device)

    assert device.channel.profile(device.machine)["standing"] in {"registered", "provisioned"}
    device.leave()
    directory = Directory.found(device.plain, office.place.browser, office.domain)
    with pytest.raises(Refused):
        directory.device_token(device.membership.proof)
    with pytest.raises(Refused):
        device.leave()


# --- a technician, then a user ------------------------------------------------------------------------------


def prepare(office: Office, device: Device) -> None:
    """The technician flow, to its green page."""
    profile = device.start()
    assert profile["profile"]["preprovisioningAllowed"]
    device.join_by_ticket()
    directory = Directory.found(device.plain, office.place.browser, profile["organisation"]["domain"])
    token = directory.device_token(device.membership.proof)
    assert "upn" not in token.claims
    assert token.claims["deviceid"] == str(device.membership.device_id)
    device.enrol(token.access)
    device.run_phase(Scope.DEVICE, Login.OTHERS)


def hand_over(device: Device, person: Person) -> None:
    """Power on after reseal; the person signs in, and the page of the device ends once more."""
    device.mdm.tree.begin_pages()
    assert device.start()["standing"] == "provisioned"
    device.sign_in(person, MDM)
    device.user_token = device.directory.user_token(device.membership.proof, device.signed_in)
    device.run_phase(Scope.DEVICE, Login.OTHERS)


@pytest.mark.parametrize(
    "by_digest, keeps_finished",
    [
        pytest.param(False, False, id="certificate, the page begins anew"),
        pytest.param(True, True, id="digest, the page keeps its release"),
    ],
)
def test_a_device_is_prepared_resealed_and_handed_over(
    office: Office, by_digest: bool, keeps_finished: bool
) -> None:
    device = office.laptop(next(_serials), by_digest=by_digest)
    office.register(device.machine, "anna")
    prepare(office, device)
    _is_held(device)
    _is_set_up(device, "agent", "reader")
    mdm = device.mdm
    assert [entry for entry in mdm.tree.journal if entry.user] == [], "the technician flow touches ./User"

    office.apply(NORTHWIND | {"policies": [*NORTHWIND["policies"], *ADDED["policies"]]})
    mdm.tree.keeps_finished = keeps_finished
    before = len(mdm.tree.journal)
    anna = office.person("anna")
    hand_over(device, anna)
    assert device.profile["assignedUser"]["upn"] == anna.upn
    assert mdm.tree.value(LATER) == "1", "what was assigned between the flows does not arrive"
    again = mdm.tree.journal[before:]
    assert any(entry.uri.endswith("/FirstSyncStatus/ExpectedPolicies") for entry in again)
    device.run_phase(Scope.USER, Login.USER)
    assert _values(device, USER_VALUES) == USER_VALUES
    assert set(mdm.installer.installed().values()) == digests("agent", "reader", "notes")
    if not keeps_finished:
        _nothing_failed(device)
    _is_over(device)


# --- other ways to prove a device ---------------------------------------------------------------------------


@pytest.mark.parametrize("same_number", [False, True], ids=["next number", "same number"])
def test_a_device_that_waits_for_the_challenge_is_served(office: Office, same_number: bool) -> None:
    device = office.laptop(next(_serials), by_digest=True)
    device.start()
    cora = office.person("cora")
    device.sign_in(cora)
    device.join()
    device.enrol(device.user_access, cora.upn)
    digest = device.mdm.line.digest
    digest.ask_first, digest.same_number = True, same_number
    sessions = device.run_phase(Scope.DEVICE, Login.OTHERS)
    assert all(session.challenges[:1] == [407] for session in sessions)
    _is_held(device)
    _is_set_up(device, "agent")
    assert writes_to(device.mdm.tree.journal, NOT_FOR_THEM) == []


# --- pages of enrolment -------------------------------------------------------------------------------------


def test_every_address_of_management_in_the_token_leads_somewhere(office: Office) -> None:
    """Windows shows the terms before it joins; a page that is not there ends the set-up."""
    device = office.laptop(next(_serials))
    tokens = device.sign_in(office.person("cora"))
    claims = jws.claims_of(tokens.identity)
    urls = {name: url for name, url in claims.items() if name.startswith("mdm_") and name.endswith("_url")}
    assert "mdm_enrollment_url" in urls
    query = "?redirect_uri=ms-appx-web://x&client-request-id=1&api-version=1.0&mode=azureadjoin"
    bearer = {"Authorization": f"Bearer {tokens.access}"}
    assert {
        name: url for name, url in urls.items() if device.plain.get(url + query, bearer).status == 404
    } == {}


def test_a_user_accepts_the_terms_and_brings_back_what_the_page_gave(office: Office) -> None:
    device = office.laptop(next(_serials))
    device.start()
    cora = office.person("cora")
    tokens = device.sign_in(cora)
    device.join()
    url = str(jws.claims_of(tokens.identity)["mdm_terms_of_use_url"])
    blob = device.terms_accepted(url, device.user_access)
    with pytest.raises(Refused) as refused:
        device.enrol(device.user_access, cora.upn, EnrollmentData=f"{blob}x")
    assert refused.value.code == "InvalidEnrollmentData"
    device.enrol(device.user_access, cora.upn, EnrollmentData=blob)
    device.run_phase(Scope.DEVICE, Login.OTHERS)
    _is_set_up(device, "agent")


def test_a_person_enrols_a_computer_of_their_own_on_the_sign_in_page(office: Office) -> None:
    device = office.laptop(next(_serials))
    cora = office.person("cora")
    result = device.page_result(cora)
    device.enrol_by_page(result, cora.upn)
    assert device.mdm.provisioned.nodes["/UPN"] == cora.upn
    for _ in range(6):
        device.sync(Login.USER)
    _is_set_up(device, "agent")
    other = office.laptop(next(_serials))
    with pytest.raises(Refused) as refused:
        other.enrol_by_page(result, cora.upn)
    assert "Authentication" in str(refused.value)


# --- when not all goes well ---------------------------------------------------------------------------------


def test_what_a_user_is_sent_too_early_is_sent_again(office: Office) -> None:
    """Windows refuses ./User with 405 until the context of the user is there (mdm-wire.md 4.4)."""
    device = enrolled(office, next(_serials), "cora")
    device.run_phase(Scope.DEVICE, Login.OTHERS)
    device.late_context = 3
    device.run_phase(Scope.USER, Login.USER)
    assert next(entry.status for entry in device.mdm.tree.journal if entry.user) == 405
    assert _values(device, USER_VALUES) == USER_VALUES
    _is_set_up(device, "agent", "notes")
    _is_over(device)


def test_a_package_that_does_not_fit_its_digest_fails_the_page(office: Office) -> None:
    device = enrolled(office, next(_serials), "cora")
    mdm, fetch = device.mdm, device.mdm.installer.fetch
    mdm.installer.fetch = lambda url: fetch(url)[:-1] + b"?"
    for _ in range(6):
        device.sync(Login.OTHERS)
    page = mdm.page
    assert set(mdm.installer.installed()) == set()
    assert page.value(Scope.DEVICE, "ServerHasFinishedProvisioning") == "false"
    assert page.value(Scope.DEVICE, "TimeOutUntilSyncFailure") == "1", "the page is not made to fail"
    assert page.value(Scope.DEVICE, "CustomErrorText").startswith(PAGE["customErrorMessage"])
    assert int(page.value(Scope.DEVICE, "BlockInStatusPage")) & 1
    assert _values(device, DEVICE_VALUES) == DEVICE_VALUES, "one failure keeps the rest away"


@by_both
def test_a_user_who_leaves_management_is_let_go(office: Office, by_digest: bool) -> None:
    device = enrolled(office, next(_serials), "cora", by_digest=by_digest)
    device.run_phase(Scope.DEVICE, Login.OTHERS)
    kind = "com.microsoft:mdm.unenrollment.userrequest"
    last = device.sync(Login.USER, [Alerting(1226, kind, "1", form="int")])
    assert [command for message in last.messages for command in message.commands] == []
    with pytest.raises(Refused) as refused:
        device.sync(Login.USER)
    assert refused.value.status in {401, 407}


def test_the_owner_is_written_to_the_device_once_he_is_known(office: Office) -> None:
    device = office.laptop(next(_serials))
    office.register(device.machine, "anna")
    prepare(office, device)
    anna = office.person("anna")
    hand_over(device, anna)
    device.run_phase(Scope.USER, Login.USER)
    mdm = device.mdm
    assert mdm.tree.value(f"./Device/Vendor/MSFT/DMClient/Provider/{mdm.tree.provider}/UPN") == anna.upn
