"""Certificates of the listeners: issued for the right names, renewed in time, exchanged while in use."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from reseal.kernel import ca
from reseal.kernel.bells import Bell
from reseal.kernel.clock import SystemClock
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Fault, Invalid
from reseal.kernel.files import PRIVATE, write_file
from reseal.kernel.keys import OpenSslKeys, PooledKeys
from reseal.kernel.settings import Settings
from reseal.kernel.workers import InlineWorkers
from reseal.server import tls
from reseal.server.certificates import Certificates, keep_fresh
from reseal.server.tls import Given, Issuer, given_certificate
from tests.support.clock import ManualClock

OURS = frozenset({"localhost", "127.0.0.1", "mdm.contoso.example"})
MICROSOFTS = frozenset({"login.microsoftonline.com"})
DAY = timedelta(days=1)
TODAY = SystemClock()
"""OpenSSL looks at the machine's clock when it verifies."""


@cache
def devices() -> ca.Authority:
    """Who issues to devices."""
    keys = OpenSslKeys()
    root = ca.make_root("MDM", keys.rsa(), clock=TODAY, entropy=SeededEntropy(3), purposes=[ca.CLIENT_AUTH])
    return ca.make_intermediate(root, "MDM issuing", keys.rsa(), clock=TODAY, entropy=SeededEntropy(4))


def issuer(
    folder: Path, clock: ManualClock, names: frozenset[str] = OURS, title: str = "Reseal TLS"
) -> Issuer:
    entropy = SeededEntropy(str(clock.now()))
    return Issuer(folder, names, clock, entropy, PooledKeys(entropy), title)


def shown(context: ssl.SSLContext, name: str | None = "localhost") -> x509.Certificate:
    """The certificate that a client is shown who asks for that name."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    client, _ = handshake(context, trusting, name)
    der = client.getpeercert(True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def handshake(
    server: ssl.SSLContext, client: ssl.SSLContext, name: str | None
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends of a connection, or the error of the end that did not want it."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(down, up, server_hostname=name), server.wrap_bio(up, down, server_side=True)
    waiting = [*ends]
    for _ in range(10):
        for end in [*waiting]:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(end)
        if not waiting:
            return ends
    raise AssertionError("the handshake has no end")


def trusts(root_file: Path, context: ssl.SSLContext, name: str) -> bool:
    """Whether a client that trusts this root alone believes that it speaks with `name`."""
    client = ssl.create_default_context(cafile=str(root_file))
    try:
        handshake(context, client, name)
    except ssl.SSLCertVerificationError:
        return False
    return True


# --- issuing ------------------------------------------------------------------------------------------------


def test_a_certificate_is_kept_until_a_third_of_its_life_is_left(tmp_path: Path, clock: ManualClock) -> None:
    made = issuer(tmp_path / "tls", clock)
    first = made.current()[0].read_bytes()

    clock.pass_silently(ca.SERVER_LIFETIME * 2 / 3 - DAY)
    assert made.current()[0].read_bytes() == first
    clock.pass_silently(2 * DAY)
    assert made.current()[0].read_bytes() != first


def test_a_renewed_certificate_is_vouched_for_by_the_same_root(tmp_path: Path, clock: ManualClock) -> None:
    made = issuer(tmp_path / "tls", clock)
    made.current()
    root = made.root_file.read_bytes()
    clock.pass_silently(ca.SERVER_LIFETIME)
    made.current()

    assert made.root_file.read_bytes() == root


def test_fewer_names_keep_the_root_and_another_one_makes_a_new_one(
    tmp_path: Path, clock: ManualClock
) -> None:
    issuer(tmp_path / "tls", clock).current()
    root = (tmp_path / "tls" / "root.pem").read_bytes()

    issuer(tmp_path / "tls", clock, OURS - {"mdm.contoso.example"}).current()
    assert (tmp_path / "tls" / "root.pem").read_bytes() == root
    issuer(tmp_path / "tls", clock, OURS | {"other.example"}).current()
    assert (tmp_path / "tls" / "root.pem").read_bytes() != root


def test_an_authority_that_ends_soon_is_replaced_before_it_cuts_a_certificate_short(
    tmp_path: Path, clock: ManualClock
) -> None:
    made = issuer(tmp_path / "tls", clock)
    made.current()
    root = made.root_file.read_bytes()
    clock.pass_silently(ca.INTERMEDIATE_LIFETIME - timedelta(days=300))
    made.current()

    leaf = x509.load_pem_x509_certificate(made.current()[0].read_bytes())
    assert made.root_file.read_bytes() != root
    assert leaf.not_valid_after_utc - clock.now() == ca.SERVER_LIFETIME


@pytest.mark.parametrize("written", range(7))
def test_an_exchange_of_the_authority_that_was_cut_short_harms_nothing(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """After so many files; then the operator takes the further name back."""
    issuer(tmp_path / "tls", clock).current()
    clock.pass_silently(DAY)
    left = iter(range(written))

    def write(path: Path, data: bytes, mode: int = PRIVATE) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        write_file(path, data, mode)

    with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
        for module in (ca, tls):
            patched.setattr(module, "write_file", write)
        issuer(tmp_path / "tls", clock, OURS | {"other.example"}).current()

    clock.pass_silently(ca.SERVER_LIFETIME)
    certificate_file, key_file = issuer(tmp_path / "tls", clock).current()
    leaf, issuing = x509.load_pem_x509_certificates(certificate_file.read_bytes())
    root = x509.load_pem_x509_certificate((tmp_path / "tls" / "root.pem").read_bytes())
    leaf.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate_file, key_file)


def test_after_a_crash_between_key_and_certificate_both_are_made_anew(
    tmp_path: Path, clock: ManualClock
) -> None:
    made = issuer(tmp_path / "tls", clock)
    certificate_file, key_file = made.current()
    ca.save_key(OpenSslKeys().rsa(), key_file)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made.current())
    assert certificate_file == made.current()[0]


# --- showing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["localhost", "mdm.contoso.example", "127.0.0.1"])
def test_both_listeners_show_it_to_whoever_asks_by_any_name(tmp_path: Path, name: str) -> None:
    own = Issuer(tmp_path, OURS, TODAY, SeededEntropy(1), OpenSslKeys())
    certificates = Certificates(own, devices().chain)

    for context in (certificates.browser, certificates.device):
        assert trusts(certificates.root_file, context, name)
        assert not trusts(certificates.root_file, context, "login.microsoftonline.com")


def test_the_labs_root_vouches_for_foreign_names_alone(tmp_path: Path) -> None:
    today, entropy, keys = TODAY, SeededEntropy(2), OpenSslKeys()
    own = Issuer(tmp_path / "tls", OURS, today, entropy, keys)
    lab = Issuer(tmp_path / "tls" / "lab", MICROSOFTS, today, entropy, keys, "Reseal LAB")
    certificates = Certificates(own, devices().chain, lab, MICROSOFTS)
    lab_root = certificates.lab_root_file
    assert lab_root is not None

    for context in (certificates.browser, certificates.device):
        assert trusts(lab_root, context, "login.microsoftonline.com")
        assert trusts(certificates.root_file, context, "localhost")
        assert not trusts(lab_root, context, "localhost")
        assert not trusts(certificates.root_file, context, "login.microsoftonline.com")
    root = x509.load_pem_x509_certificate(lab_root.read_bytes())
    assert "LAB" in root.subject.rfc4514_string()
    constraints = root.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert constraints.value.permitted_subtrees == [x509.DNSName("login.microsoftonline.com")]
    assert constraints.value.excluded_subtrees


def test_new_connections_get_the_new_certificate(tmp_path: Path, clock: ManualClock) -> None:
    certificates = Certificates(issuer(tmp_path, clock), devices().chain)
    first = shown(certificates.browser)
    assert not certificates.renew()
    assert shown(certificates.browser) == first
    clock.pass_silently(ca.SERVER_LIFETIME)

    assert certificates.renew()

    assert shown(certificates.browser) == shown(certificates.device) != first
    assert shown(certificates.browser, None) != first, "and who names no host, too"


def test_a_key_of_another_kind_takes_the_place_of_the_former(tmp_path: Path, clock: ManualClock) -> None:
    given = _given(tmp_path, OpenSslKeys().rsa(), clock)
    certificates = Certificates(given, devices().chain)
    assert shown(certificates.browser).public_key() == ca.load_key(given.key).public_key()

    _given(tmp_path, OpenSslKeys().p256(), clock)
    assert certificates.renew()

    assert shown(certificates.browser).public_key() == ca.load_key(given.key).public_key()


# --- a certificate from elsewhere ---------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["other key", "no certificate", "gone", "key open to all"])
def test_files_that_cannot_be_used_change_nothing(tmp_path: Path, clock: ManualClock, damage: str) -> None:
    given = _given(tmp_path, OpenSslKeys().p256(), clock)
    certificates = Certificates(given, devices().chain)
    before = shown(certificates.browser)
    match damage:
        case "other key":
            ca.save_key(OpenSslKeys().p256(), given.key)
        case "no certificate":
            given.certificate.write_text("-----BEGIN CERTIFICATE-----\n")
        case "gone":
            given.certificate.unlink()
        case "key open to all":
            given.key.chmod(0o644)

    with pytest.raises(Fault) as refused:
        certificates.renew()

    assert str(tmp_path) in refused.value.message
    assert shown(certificates.browser) == shown(certificates.device) == before


def test_half_a_certificate_is_refused(tmp_path: Path) -> None:
    some = tmp_path / "some"
    for half in ("certificate_file", "certificate_key_file", "certificate_root_file"):
        with pytest.raises(Invalid):
            given_certificate(Settings(data_directory=tmp_path, **{half: some}))
    both = Settings(data_directory=tmp_path, certificate_file=some, certificate_key_file=some)
    assert given_certificate(both) == Given(some, some)
    assert given_certificate(Settings(data_directory=tmp_path)) is None


def test_what_the_machine_trusts_is_the_root_of_a_public_certificate(tmp_path: Path) -> None:
    given = Given(tmp_path / "certificate", tmp_path / "key")
    assert given.root_file.is_absolute()
    assert Given(given.certificate, given.key, tmp_path / "root").root_file == tmp_path / "root"


# --- client certificates ------------------------------------------------------------------------------------


def test_only_the_device_listener_asks_and_only_for_ours(tmp_path: Path) -> None:
    own = Issuer(tmp_path, OURS, TODAY, SeededEntropy(5), OpenSslKeys())
    certificates = Certificates(own, devices().chain)
    client = ssl.create_default_context(cafile=str(certificates.root_file))
    key = OpenSslKeys().rsa()
    profile = ca.client_profile(ca.common_name("device"))
    leaf = ca.issue(devices(), key.public_key(), profile, clock=TODAY, entropy=SeededEntropy(6))
    (tmp_path / "device.pem").write_bytes(ca.pem_chain([leaf]))
    ca.save_key(key, tmp_path / "device.key")
    client.load_cert_chain(tmp_path / "device.pem", tmp_path / "device.key")

    _, browser = handshake(certificates.browser, client, "localhost")
    ours, device = handshake(certificates.device, client, "localhost")
    ours.write(b"hello")  # TLS 1.3: the client's certificate arrives after the client's own handshake
    assert browser.getpeercert(True) is None
    assert device.getpeercert(True) == leaf.public_bytes(Encoding.DER)


# --- in time ------------------------------------------------------------------------------------------------


class Watched:
    """Certificates that count how often they are renewed, and fail when told to."""

    def __init__(self) -> None:
        self.renewals = 0
        self.failing = False

    def renew(self) -> bool:
        self.renewals += 1
        if self.failing:
            raise Fault(code="CertificateUnusable", message="No.", remedy="None.")
        return True


async def test_they_are_looked_after_each_day_and_when_the_bell_is_rung(clock: ManualClock) -> None:
    watched, bell = Watched(), Bell()
    certificates: Any = watched
    task = asyncio.create_task(keep_fresh(certificates, InlineWorkers(), clock, bell))

    await clock.advance(timedelta(hours=23))
    assert watched.renewals == 0
    await clock.advance(timedelta(hours=2))
    assert watched.renewals == 1
    bell.ring()
    await clock.advance(timedelta(seconds=1))
    assert watched.renewals == 2
    task.cancel()


async def test_a_failure_is_logged_and_tried_again(clock: ManualClock) -> None:
    watched, bell = Watched(), Bell()
    watched.failing = True
    certificates: Any = watched
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(keep_fresh(certificates, InlineWorkers(), clock, bell))
        await clock.advance(timedelta(days=3))
    task.cancel()

    assert watched.renewals == 3
    assert [entry["log_level"] for entry in logs] == ["error"] * 3


# --- helpers ------------------------------------------------------------------------------------------------


def _given(folder: Path, key: ca.SigningKey, clock: ManualClock) -> Given:
    """A certificate as somebody else's authority issues it."""
    entropy = SeededEntropy("elsewhere")
    root = ca.make_root(
        "elsewhere", OpenSslKeys().p256(), clock=clock, entropy=entropy, purposes=[ca.SERVER_AUTH]
    )
    leaf = ca.issue(
        root, key.public_key(), ca.server_profile(["localhost"]), clock=clock, entropy=SeededEntropy(str(key))
    )
    given = Given(folder / "own.pem", folder / "own.key", folder / "own-root.pem")
    ca.save_key(key, given.key)
    given.certificate.write_bytes(ca.pem_chain([leaf, root.certificate]))
    (folder / "own-root.pem").write_bytes(ca.pem_chain([root.certificate]))
    return given
