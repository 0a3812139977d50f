"""What a server does not believe: tokens that it did not make, proofs that were used, and those of others."""

from __future__ import annotations

import base64
import itertools
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.clients.blackbox import jws
from tests.clients.blackbox.channel import text
from tests.clients.blackbox.device import Device
from tests.clients.blackbox.enrolment import Enroller, security_of
from tests.clients.blackbox.errors import Refused
from tests.clients.blackbox.joining import Registration, csr, new_key
from tests.clients.blackbox.page import Scope
from tests.clients.blackbox.session import Digest, Login, Session
from tests.clients.blackbox.signing import BROKER, DRS, MDM, Code, Directory, Person, Proof
from tests.clients.blackbox.signing import Tokens as TokenSet
from tests.clients.office import DEVICE_VALUES, USER_VALUES, Office, digests, enrolled

_serials = (f"PT-{number:04}" for number in itertools.count(1))

Forge = Callable[[str, dict[str, Any]], str]
"""Makes another token of a good one and the published keys."""


def _directory(office: Office, device: Device) -> Directory:
    return Directory.found(device.plain, office.place.browser, office.domain)


# --- tokens -------------------------------------------------------------------------------------------------


def _keys(published: dict[str, Any], token: str) -> tuple[dict[str, Any], rsa.RSAPublicKey]:
    (key,) = (one for one in published["keys"] if one["kid"] == jws.header_of(token)["kid"])
    return key, jws.public_key(key)


def _by_public_key(encoding: Encoding, shape: PublicFormat) -> Forge:
    def forge(token: str, published: dict[str, Any]) -> str:
        key, public = _keys(published, token)
        return jws.keyed(jws.claims_of(token), public.public_bytes(encoding, shape), kid=key["kid"])

    return forge


def _altered(token: str, _: dict[str, Any]) -> str:
    head, _, signature = token.split(".")
    claims = jws.claims_of(token) | {"upn": "ben@contoso.example", "oid": str(uuid.uuid4())}
    return f"{head}.{jws.encode(repr(claims).replace(chr(39), chr(34)).encode())}.{signature}"


def _own_key(token: str, published: dict[str, Any]) -> str:
    key, _ = _keys(published, token)
    return jws.signed(jws.claims_of(token), new_key(), kid=key["kid"])


def _own_published_key(token: str, _: dict[str, Any]) -> str:
    key = new_key()
    numbers = key.public_key().public_numbers()
    mine = {"kty": "RSA", "kid": "mine", "e": "AQAB", "n": jws.encode(numbers.n.to_bytes(256, "big"))}
    return jws.signed(jws.claims_of(token), key, kid="mine", jwk=mine, jku="https://localhost:1/keys")


FORGERIES: dict[str, Forge] = {
    "none": lambda token, _: jws.unsigned(jws.claims_of(token)),
    "none with kid": lambda token, _: jws.unsigned(jws.claims_of(token), kid=jws.header_of(token)["kid"]),
    "HS256 with foo": lambda token, _: jws.keyed(jws.claims_of(token), b"foo"),
    "HS256 with an empty key": lambda token, _: jws.keyed(jws.claims_of(token), b""),
    "HS256 with the public key in PEM": _by_public_key(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "HS256 with the public key in DER": _by_public_key(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "RS256 with a key of ours": _own_key,
    "RS256 with a key in the token": _own_published_key,
    "altered claims": _altered,
    "without its signature": lambda token, _: token.rpartition(".")[0] + ".",
    "no token": lambda *_: "not a token",
}
every_forgery = pytest.mark.parametrize("forgery", FORGERIES)


@pytest.fixture(scope="module")
def joined(headquarters: Office) -> Device:
    """A device that Ben joined and that is not enrolled."""
    device = headquarters.laptop("PR-0001")
    device.start()
    device.sign_in(headquarters.person("ben"))
    device.join()
    return device


def _enrols(device: Device, token: str) -> bool:
    """Whether a token is taken for an enrolment."""
    enroller = Enroller(device.plain)
    endpoints = enroller.discover(device.management_url, "")
    context = device.context(device.membership.device_id, "")
    try:
        enroller.enrol(endpoints.enrolment, security_of(token), csr(new_key()), context)
    except Refused as refused:
        if refused.code in {"s:Authentication", "a:InvalidSecurity"}:
            return False
        raise
    return True


@every_forgery
def test_a_token_that_the_directory_did_not_sign_enrols_nothing(joined: Device, forgery: str) -> None:
    published = joined.plain.get(joined.directory.keys).json
    forged = FORGERIES[forgery](joined.user_access, published)
    assert not _enrols(joined, forged)
    enroller = Enroller(joined.plain)
    endpoints = enroller.discover(joined.management_url, "")
    with pytest.raises(Refused):
        enroller.policies(endpoints.policy, forged)


def test_a_token_for_another_audience_enrols_nothing(joined: Device) -> None:
    assert joined.signed_in.claims["aud"] == DRS
    assert not _enrols(joined, joined.signed_in.access)
    assert not _enrols(joined, joined.signed_in.identity)


@every_forgery
def test_a_token_that_the_directory_did_not_sign_joins_nothing(
    headquarters: Office, joined: Device, forgery: str
) -> None:
    published = joined.plain.get(joined.directory.keys).json
    forged = FORGERIES[forgery](joined.signed_in.access, published)
    url = f"{headquarters.ready['device_url']}/{headquarters.domain}/Discover?api-version=1.9"
    service = Registration.found(joined.plain, url)
    with pytest.raises(Refused) as refused:
        service.join(forged, joined.folder, name="x")
    assert refused.value.status in {400, 401}


def test_a_token_for_management_joins_nothing(headquarters: Office, joined: Device) -> None:
    url = f"{headquarters.ready['device_url']}/{headquarters.domain}/Discover?api-version=1.9"
    service = Registration.found(joined.plain, url)
    with pytest.raises(Refused) as refused:
        service.join(joined.user_access, joined.folder, name="x")
    assert refused.value.status in {400, 401}


# --- codes and refresh tokens -------------------------------------------------------------------------------


@pytest.fixture
def visit(headquarters: Office) -> tuple[Directory, Person]:
    """Where and as whom to sign in."""
    device = headquarters.laptop("PR-0002")
    return _directory(headquarters, device), headquarters.person("cora")


def test_a_code_is_good_once(visit: tuple[Directory, Person]) -> None:
    directory, person = visit
    code = directory.ask_code(person, DRS)
    directory.redeem(code)
    with pytest.raises(Refused) as refused:
        directory.redeem(code)
    assert refused.value.code == "invalid_grant"


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": "A" * 64},
        {"code_verifier": ""},
        {"redirect_uri": "ms-aadj-redir://auth/mdm"},
        {"client_id": "d3590ed6-52b3-4102-aeff-aad2292ab01c"},
    ],
    ids=["wrong verifier", "no verifier", "other redirect", "other client"],
)
def test_a_code_is_good_for_who_asked_for_it(
    visit: tuple[Directory, Person], changed: dict[str, str]
) -> None:
    directory, person = visit
    code = directory.ask_code(person, DRS)
    with pytest.raises(Refused) as refused:
        directory.redeem(code, **changed)
    assert refused.value.code in {"invalid_grant", "invalid_request", "invalid_client", "unauthorized_client"}


def test_a_verifier_that_is_the_challenge_is_wrong(visit: tuple[Directory, Person]) -> None:
    """Without `S256` the challenge is the verifier; whoever saw the request knows it."""
    directory, person = visit
    seen = "B" * 43
    with pytest.raises(Refused):
        directory.ask_code(person, DRS, code_challenge=seen, code_challenge_method="plain")
    with pytest.raises(Refused):
        directory.ask_code(person, DRS, code_challenge=seen, code_challenge_method="")
    code = directory.ask_code(person, DRS, code_challenge=seen)
    with pytest.raises(Refused):
        directory.redeem(Code(code.value, seen, code.redirect, code.resource))


@pytest.mark.parametrize(
    "redirect",
    [
        "https://localhost:1/back",
        "ms-aadj-redir://auth/drs/more",
        "ms-aadj-redir://auth",
        "javascript:alert(1)",
    ],
)
def test_a_code_goes_to_registered_addresses_alone(visit: tuple[Directory, Person], redirect: str) -> None:
    directory, person = visit
    with pytest.raises(Refused):
        directory.ask_code(person, DRS, redirect)


def test_a_wrong_password_gets_no_code_and_nobody_learns_who_exists(visit: tuple[Directory, Person]) -> None:
    directory, person = visit
    said = []
    for upn in (person.upn, f"nobody@{person.upn.partition('@')[2]}"):
        with pytest.raises(Refused) as refused:
            directory.ask_code(Person(upn, "wrong-horse-battery"), DRS)
        said.append(refused.value.message)
    assert said[0] == said[1]


# --- nonces -------------------------------------------------------------------------------------------------


def test_a_nonce_of_the_directory_is_good_once(headquarters: Office, joined: Device) -> None:
    directory = joined.directory
    nonce = directory.nonce()
    directory.device_token(joined.membership.proof, nonce=nonce)
    for again in (nonce, "never given", ""):
        with pytest.raises(Refused):
            directory.device_token(joined.membership.proof, nonce=again, request_nonce=again)


def test_a_request_signed_by_another_key_is_refused(headquarters: Office, joined: Device) -> None:
    stranger = Proof(new_key(), joined.membership.certificate)
    with pytest.raises(Refused):
        joined.directory.device_token(stranger)
    own = Proof(joined.membership.key, joined.membership.certificate, as_list=True)
    assert joined.directory.device_token(own).claims["deviceid"] == str(joined.membership.device_id)


def test_a_nonce_of_one_session_does_not_open_another(headquarters: Office) -> None:
    device = enrolled(headquarters, "PR-0003", "ben", by_digest=True)
    device.sync(Login.OTHERS)
    used = device.mdm.line.digest.used[0]
    device.mdm.line.digest = Digest(device.mdm.provisioned.device, used)
    session = Session(device.mdm.line, device.mdm.tree, Login.OTHERS).run()
    assert session.challenges == [401], "a nonce that was used opens a session"
    assert session.messages[0].commands == ()


def test_a_wrong_secret_opens_no_session(headquarters: Office) -> None:
    device = enrolled(headquarters, "PR-0004", "ben", by_digest=True)
    known = device.mdm.provisioned
    for name, secret in ((known.device.name, "guess"), (str(uuid.uuid4()), known.device.secret)):
        digest = Digest(type(known.device)(name, secret, known.device.nonce), known.device.nonce)
        device.mdm.line.digest = digest
        with pytest.raises(Refused) as refused:
            Session(device.mdm.line, device.mdm.tree, Login.OTHERS).run()
        assert refused.value.status in {401, 407}
    device.mdm.line.digest = Digest.of(known)
    assert device.sync(Login.OTHERS).messages[-1].header_status in {200, 212}


# --- tickets ------------------------------------------------------------------------------------------------


@pytest.fixture
def proven(headquarters: Office) -> Device:
    """A registered device at its configuration page."""
    device = headquarters.laptop(next(_serials))
    headquarters.register(device.machine)
    device.start()
    return device


def test_a_ticket_joins_once_and_for_its_key(proven: Device) -> None:
    channel, folder = proven.channel, proven.folder
    key, ticket = channel.attest(proven.machine, proven.profile["registration"])
    other = channel.join_request(new_key(), ticket["ticket"], "x")
    with pytest.raises(Refused) as refused:
        channel.ask("/join", other)
    assert refused.value.code == "0x801C0002"

    key, ticket = channel.attest(proven.machine, proven.profile["registration"])
    request = channel.join_request(key, ticket["ticket"], "x")
    first, _ = channel.join(key, request, folder)
    again, _ = channel.join(key, request, folder)
    assert again.certificate == first.certificate, "the same request, again, is answered otherwise"
    renewed, _ = channel.join(key, channel.join_request(key, ticket["ticket"], "y"), folder)
    assert renewed.certificate == first.certificate, "a ticket joins a second time"
    with pytest.raises(Refused) as refused:
        channel.ask("/join", channel.join_request(new_key(), ticket["ticket"], "x"))
    assert refused.value.code == "0x801C0002"
    assert refused.value.status == 401


def test_a_challenge_is_answered_once(proven: Device) -> None:
    channel, machine = proven.channel, proven.machine
    challenge = channel.begin(machine, proven.profile["registration"])
    key = new_key()
    channel.answer(machine, challenge, key)
    with pytest.raises(Refused) as refused:
        channel.answer(machine, challenge, key)
    assert refused.value.status == 410


def test_another_tpm_is_not_the_registered_one(headquarters: Office, proven: Device) -> None:
    """Whoever knows the hash, but has another TPM, does not get a ticket."""
    channel, machine = proven.channel, proven.machine
    thief = headquarters.laptop("PT-THIEF").machine
    document = {
        "registration": proven.profile["registration"],
        "hardwareHash": machine.hardware_hash(),
        "ekPublic": text(thief.tpm.ek_public),
        "akPublic": text(thief.tpm.ak_public),
        "ekCertificates": [],
    }

    def steal() -> None:
        challenge = channel.ask("/attestation", document)
        channel.answer(thief, challenge, new_key())

    with pytest.raises(Refused) as refused:
        steal()
    assert refused.value.code == "0x801C03EA"


def test_a_quote_for_another_nonce_is_refused(proven: Device) -> None:
    channel, machine = proven.channel, proven.machine
    challenge = channel.begin(machine, proven.profile["registration"])
    forged = dict(challenge, nonce=base64.b64encode(bytes(32)).decode())
    with pytest.raises(Refused) as refused:
        channel.answer(machine, forged, new_key())
    assert refused.value.code == "0x801C03EA"
    with pytest.raises(Refused) as over:
        channel.answer(machine, challenge, new_key())
    assert over.value.status == 410


# --- other tenants ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def visitor(headquarters: Office, neighbour: Office) -> Device:
    """A device of Fabrikam, joined by its user, not enrolled."""
    device = neighbour.laptop("FB-0001")
    device.start()
    device.sign_in(neighbour.person("dora"))
    device.join()
    return device


def test_codes_and_refresh_tokens_stay_in_their_tenant(
    headquarters: Office, visitor: Device, visit: tuple[Directory, Person]
) -> None:
    northwind, person = visit
    fabrikam = visitor.directory
    code = northwind.ask_code(person, DRS)
    with pytest.raises(Refused):
        fabrikam.redeem(code)
    tokens = northwind.redeem(northwind.ask_code(person, DRS))
    with pytest.raises(Refused):
        fabrikam.refresh(tokens, MDM)


def test_somebody_of_another_tenant_does_not_sign_in_here(
    neighbour: Office, visit: tuple[Directory, Person]
) -> None:
    northwind, _ = visit
    with pytest.raises(Refused):
        northwind.ask_code(neighbour.person("dora"), DRS)


def test_a_device_does_not_sign_for_a_user_of_another_tenant(joined: Device, visitor: Device) -> None:
    for directory in (joined.directory, visitor.directory):
        with pytest.raises(Refused):
            directory.user_token(joined.membership.proof, visitor.signed_in)


def test_a_run_of_another_tenant_ties_no_join(
    headquarters: Office, neighbour: Office, visitor: Device
) -> None:
    registered = headquarters.laptop("FB-0002")
    headquarters.register(registered.machine)
    run = registered.start()["run"]
    url = f"{headquarters.ready['device_url']}/{neighbour.domain}/Discover?api-version=1.9"
    service = Registration.found(visitor.plain, url)
    with pytest.raises(Refused):
        service.join(visitor.signed_in.access, registered.folder, name="x", ticket=run)


def test_a_registration_of_another_tenant_is_not_enrolled_into(headquarters: Office, visitor: Device) -> None:
    """Naming Northwind's registration brings nothing of Northwind to a device of Fabrikam."""
    registered = headquarters.laptop("FB-0003")
    headquarters.register(registered.machine)
    theirs = registered.start()["registration"]
    try:
        visitor.enrol(visitor.user_access, ZeroTouchProvisioning=theirs)
    except Refused:
        return
    visitor.sync(Login.OTHERS)
    visitor.sync(Login.USER)
    assert not any(visitor.mdm.tree.has(uri) for uri in DEVICE_VALUES | USER_VALUES)


@pytest.mark.parametrize("whose", ["forged", "of another tenant", "none at all"])
def test_a_user_token_that_does_not_count_brings_nothing_of_users(
    headquarters: Office, visitor: Device, proven: Device, whose: str
) -> None:
    """mdm-wire.md check 69: device policies only, and no failure of the session."""
    device = proven
    device.join_by_ticket()
    directory = _directory(headquarters, device)
    device.enrol(directory.device_token(device.membership.proof).access)
    ben = headquarters.person("ben")
    claims = {"upn": ben.upn, "tid": headquarters.ready["tenant_id"], "aud": MDM, "appid": BROKER}
    tokens = {
        "forged": TokenSet(jws.unsigned(claims)),
        "of another tenant": visitor.user_token,
        "none at all": None,
    }
    device.user_token, device.user_by_header = tokens[whose], True
    for _ in range(3):
        device.sync(Login.USER)
    assert {uri: device.mdm.tree.value(uri) for uri in DEVICE_VALUES} == DEVICE_VALUES
    assert not any(device.mdm.tree.has(uri) for uri in USER_VALUES)
    assert device.mdm.page.value(Scope.USER, "ServerHasFinishedProvisioning") != "true"


def test_a_signed_address_fetches_one_content_for_one_enrolment(
    headquarters: Office, managed: Device
) -> None:
    device = enrolled(headquarters, "PR-0006", "cora")
    device.sync(Login.OTHERS)
    url = device.mdm.installer.log[0].urls[0]
    good = device.plain.get(url)
    assert good.status == 200
    path, query = url.split("?", 1)
    start, enrolment, digest, name = path.rsplit("/", 3)
    managed.sync(Login.OTHERS)
    foreign = urlsplit(managed.mdm.installer.log[0].urls[0]).path.split("/")[-3]
    assert foreign != enrolment
    other = (digests("agent", "reader", "notes") - {digest}).pop()
    forged = {
        "for another enrolment": f"{start}/{foreign}/{digest}/{name}?{query}",
        "another content": f"{start}/{enrolment}/{other}/{name}?{query}",
        "for longer": url.replace("exp=", "exp=9"),
        "unsigned": path,
    }
    answers = {what: device.plain.get(address).status for what, address in forged.items()}
    assert answers == dict.fromkeys(forged, 403)
