"""What our authorities issue, and what others make of it: OpenSSL through `ssl`, and `cryptography`."""

from __future__ import annotations

import functools
import ssl
import tempfile
from datetime import timedelta
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from reseal.kernel import ca
from reseal.kernel.ca import Authority, Names, Profile
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Invalid
from reseal.kernel.keys import OpenSslKeys
from tests.support.clock import START, ManualClock

CLOCK = ManualClock()
KEYS = OpenSslKeys()
ENTROPY = SeededEntropy("ca")
CONTOSO = Names(("contoso.example",), (ip_network("127.0.0.0/8"),))


def _key(kind: str) -> ca.SigningKey:
    return KEYS.rsa() if kind == "rsa" else KEYS.p256()


@functools.cache
def tls_authority(kind: str = "p256", names: Names | None = CONTOSO) -> Authority:
    root = ca.make_root(
        "TLS root", _key(kind), clock=CLOCK, entropy=ENTROPY, purposes=[ca.SERVER_AUTH], names=names
    )
    return ca.make_intermediate(root, "TLS", _key(kind), clock=CLOCK, entropy=ENTROPY)


@functools.cache
def client_authority(kind: str = "p256") -> Authority:
    root = ca.make_root("MDM root", _key(kind), clock=CLOCK, entropy=ENTROPY, purposes=[ca.CLIENT_AUTH])
    return ca.make_intermediate(root, "MDM", _key(kind), clock=CLOCK, entropy=ENTROPY)


def issue(authority: Authority, profile: Profile, key: ca.SigningKey | None = None) -> x509.Certificate:
    return ca.issue(authority, (key or KEYS.p256()).public_key(), profile, clock=CLOCK, entropy=ENTROPY)


# --- what a leaf looks like ---------------------------------------------------------------------------------


def test_mdm_wire_031_a_client_certificate_holds_its_key_and_may_be_a_client_only() -> None:
    key = KEYS.rsa()

    leaf = issue(client_authority(), ca.client_profile(ca.common_name("device 1")), key)

    assert leaf.public_key() == key.public_key()
    assert leaf.subject.rfc4514_string() == "CN=device 1"
    assert isinstance(leaf.signature_hash_algorithm, hashes.SHA256)
    find = leaf.extensions.get_extension_for_class
    assert list(find(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert find(x509.BasicConstraints).value.ca is False
    usage = find(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, True, False)


def test_a_device_certificate_takes_extensions_of_its_own_and_only_signs() -> None:
    """`spec/identity.md` 2.3: ids as unknown, not critical extensions; key usage digitalSignature."""
    device_id = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("1.2.840.113556.1.5.284.2"), b"\x04\x10" + bytes(16)
    )

    leaf = issue(
        client_authority(),
        ca.client_profile(ca.common_name("device 1"), key_encipherment=False, extensions=[device_id]),
        KEYS.rsa(),
    )

    found = leaf.extensions.get_extension_for_oid(device_id.oid)
    assert (found.value, found.critical) == (device_id, False)
    assert not leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment


def test_dates_begin_a_little_early_and_end_within_the_issuers() -> None:
    authority = client_authority()

    leaf = issue(authority, ca.client_profile(ca.common_name("x"), timedelta(days=365)))
    endless = issue(authority, ca.client_profile(ca.common_name("x"), timedelta(days=36500)))

    assert leaf.not_valid_before_utc == START - timedelta(minutes=5)
    assert leaf.not_valid_after_utc == START + timedelta(days=365)
    assert endless.not_valid_after_utc == authority.certificate.not_valid_after_utc


def test_serial_numbers_are_positive_random_and_never_twice_the_same() -> None:
    numbers = {
        issue(client_authority(), ca.client_profile(ca.common_name("x"))).serial_number for _ in range(50)
    }

    assert len(numbers) == 50
    assert {number.bit_length() for number in numbers} == {127}


def test_the_same_inputs_give_the_same_bytes() -> None:
    def make(key: ca.SigningKey, leaf_key: ca.SigningKey) -> bytes:
        entropy = SeededEntropy(7)
        root = ca.make_root("r", key, clock=CLOCK, entropy=entropy, purposes=[ca.CLIENT_AUTH])
        profile = ca.client_profile(ca.common_name("x"))
        leaf = ca.issue(root, leaf_key.public_key(), profile, clock=CLOCK, entropy=entropy)
        return ca.pem_chain([leaf, root.certificate])

    for kind in ("rsa", "p256"):
        keys = _key(kind), _key(kind)
        assert make(*keys) == make(*keys)


# --- what others accept -------------------------------------------------------------------------------------


def _verify_server(authority: Authority, leaf: x509.Certificate, name: str) -> None:
    verifier = PolicyBuilder().store(Store([authority.root])).time(CLOCK.now())
    verifier.build_server_verifier(x509.DNSName(name)).verify(leaf, list(authority.chain[:-1]))


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_a_server_certificate_is_accepted_for_its_names(kind: str) -> None:
    authority = tls_authority(kind)
    leaf = issue(authority, ca.server_profile(["mdm.contoso.example", ip_address("127.0.0.1")]), _key(kind))

    _verify_server(authority, leaf, "mdm.contoso.example")
    with pytest.raises(VerificationError):
        _verify_server(authority, leaf, "other.contoso.example")


def test_a_client_authority_cannot_vouch_for_a_server() -> None:
    authority = client_authority()
    leaf = issue(authority, ca.server_profile(["mdm.contoso.example"]))

    with pytest.raises(VerificationError):
        _verify_server(authority, leaf, "mdm.contoso.example")


def test_an_intermediate_cannot_make_another() -> None:
    deeper = ca.make_intermediate(tls_authority(), "TLS 2", KEYS.p256(), clock=CLOCK, entropy=ENTROPY)
    leaf = issue(deeper, ca.server_profile(["mdm.contoso.example"]))

    with pytest.raises(VerificationError):
        _verify_server(deeper, leaf, "mdm.contoso.example")


_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME: our clock is not today's


def _handshake(authority: Authority, names: list[str], server_name: str) -> None:
    """A TLS handshake in memory: a server with a certificate for `names`, a client that trusts the root."""
    key = KEYS.p256()
    profile = ca.server_profile([_as_name(name) for name in names])
    leaf = issue(authority, profile, key)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(server_context, [leaf, *authority.chain[:-1]], key)
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.verify_flags |= _NO_CHECK_TIME
    client_context.load_verify_locations(cadata=ca.pem_chain([authority.root]).decode())
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=server_name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.getpeercert()


def _as_name(text: str) -> ca.Address | str:
    try:
        return ip_address(text)
    except ValueError:
        return text


def _load(context: ssl.SSLContext, chain: list[x509.Certificate], key: ca.SigningKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(ca.pem_chain(chain) + pem)
        file.flush()
        context.load_cert_chain(file.name)


ONLY_ADDRESSES = Names((), (ip_network("127.0.0.0/8"), ip_network("::1/128")))
ONLY_DNS = Names(("contoso.example", "localhost"), ())


@pytest.mark.parametrize(
    "allowed, names, server_name",
    [
        (CONTOSO, ["contoso.example"], "contoso.example"),
        (CONTOSO, ["mdm.contoso.example", "127.0.0.1"], "127.0.0.1"),
        (ONLY_ADDRESSES, ["127.0.0.2"], "127.0.0.2"),
        (ONLY_ADDRESSES, ["::1"], "::1"),
        (ONLY_DNS, ["localhost"], "localhost"),
        (None, ["enterpriseregistration.windows.net"], "enterpriseregistration.windows.net"),
    ],
)
def test_a_handshake_succeeds_for_names_the_root_may_vouch_for(
    allowed: Names | None, names: list[str], server_name: str
) -> None:
    _handshake(tls_authority("p256", allowed), names, server_name)


@pytest.mark.parametrize(
    "allowed, names, server_name",
    [
        (CONTOSO, ["login.microsoftonline.com"], "login.microsoftonline.com"),
        (CONTOSO, ["mdm.contoso.example", "evil.example"], "evil.example"),
        (CONTOSO, ["notcontoso.example"], "notcontoso.example"),
        (CONTOSO, ["192.0.2.1"], "192.0.2.1"),
        (CONTOSO, ["::1"], "::1"),
        (ONLY_ADDRESSES, ["localhost"], "localhost"),
        (ONLY_ADDRESSES, ["192.0.2.1"], "192.0.2.1"),
        (ONLY_DNS, ["127.0.0.1"], "127.0.0.1"),
        (ONLY_DNS, ["::1"], "::1"),
    ],
)
def test_a_handshake_fails_for_every_other_name(
    allowed: Names | None, names: list[str], server_name: str
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="subtree violation"):
        _handshake(tls_authority("p256", allowed), names, server_name)


# --- requests -----------------------------------------------------------------------------------------------


def _request(key: rsa.RSAPrivateKey | ca.SigningKey) -> x509.CertificateSigningRequest:
    return x509.CertificateSigningRequestBuilder(ca.common_name("placeholder")).sign(key, hashes.SHA256())


@pytest.mark.parametrize("encoding", [serialization.Encoding.DER, serialization.Encoding.PEM])
@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_a_request_gives_its_key(kind: str, encoding: serialization.Encoding) -> None:
    key = _key(kind)

    assert ca.request_key(_request(key).public_bytes(encoding)) == key.public_key()


def test_a_request_signed_by_another_key_is_refused() -> None:
    request = bytearray(_request(KEYS.rsa()).public_bytes(serialization.Encoding.DER))
    request[-1] ^= 1

    with pytest.raises(Invalid) as refused:
        ca.request_key(bytes(request))

    assert refused.value.code == "CsrSignatureWrong"


def test_a_request_for_a_short_key_is_refused() -> None:
    request = _request(rsa.generate_private_key(65537, 1024))

    with pytest.raises(Invalid) as refused:
        ca.request_key(request.public_bytes(serialization.Encoding.DER))

    assert refused.value.code == "CsrKeyNotAccepted"
    assert "2048" in refused.value.remedy


@pytest.mark.parametrize("request_bytes", [b"", b"x" * 100, b"-----BEGIN CERTIFICATE REQUEST-----\nx"])
def test_what_is_no_request_is_refused(request_bytes: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        ca.request_key(request_bytes)

    assert refused.value.code == "CsrUnreadable"
