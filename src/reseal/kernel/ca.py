"""Certification authorities: roots, intermediates and the certificates they issue.

Every authority of Reseal has two tiers: a root that only signs its intermediate, and the intermediate that
signs leaves. What a root may vouch for is written into it and into its intermediate: the TLS root by name
constraints (names of this server, nothing else), the client roots by their extended key usage. So a root
that an administrator trusts on a laptop cannot be turned into a certificate for somebody else's site.

Main types: `Authority` (certificate, key and the chain above it), `Names` (what a TLS root may vouch for)
and `Profile` (what a leaf looks like; see `server_profile` and `client_profile`). Serial numbers come from
`Entropy`, times from `Clock`, keys from `KeySource`; ECDSA signatures are deterministic: the same inputs
give the same bytes. Nothing here knows devices, tenants or HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from reseal.kernel.clock import Clock
from reseal.kernel.entropy import Entropy
from reseal.kernel.errors import Fault, Invalid
from reseal.kernel.files import PRIVATE, PUBLIC, write_file
from reseal.kernel.keys import LEAST_RSA_BITS

SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH

BACKDATED = timedelta(minutes=5)
"""How far before now a certificate begins: a device whose clock is a little slow accepts it at once."""
ROOT_LIFETIME = timedelta(days=20 * 365)
INTERMEDIATE_LIFETIME = timedelta(days=10 * 365)
SERVER_LIFETIME = timedelta(days=397)
CLIENT_LIFETIME = timedelta(days=365)

SigningKey = RSAPrivateKey | EllipticCurvePrivateKey
SubjectKey = RSAPublicKey | EllipticCurvePublicKey
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Names:
    """The only names a TLS root may vouch for: DNS names with everything below them, and address ranges.

    An empty part means none of that kind, not all of it.
    """

    dns: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that signs others, its key, and the certificates above it, nearest first, root last."""

    certificate: x509.Certificate
    key: SigningKey = field(repr=False)
    above: tuple[x509.Certificate, ...] = ()

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """From this authority's own certificate up to the root."""
        return (self.certificate, *self.above)

    @property
    def root(self) -> x509.Certificate:
        """The certificate that others trust."""
        return self.chain[-1]


@dataclass(frozen=True, slots=True)
class Profile:
    """What a leaf certificate looks like, apart from its key, serial number and dates.

    `lifetime` counts from now and is cut at the issuer's end; `extensions` are added as they stand.
    """

    subject: x509.Name
    purposes: tuple[ObjectIdentifier, ...]
    lifetime: timedelta
    alternative_names: tuple[x509.GeneralName, ...] = ()
    key_encipherment: bool = False
    extensions: tuple[x509.UnrecognizedExtension, ...] = ()
    backdated: timedelta = BACKDATED


def common_name(text: str) -> x509.Name:
    """A subject of one CN. Raises `ValueError` if it is empty or longer than 64 characters."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def server_profile(names: Sequence[str | Address], lifetime: timedelta = SERVER_LIFETIME) -> Profile:
    """A TLS server's certificate for DNS names and addresses.

    The subject's CN is the first DNS name. Without one it is a phrase: OpenSSL would take an address there
    for a DNS name and refuse it below a root that vouches for addresses only.
    """
    if not names:
        raise ValueError("a server certificate needs at least one name")
    general = tuple(x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(name) for name in names)
    short = (name for name in names if isinstance(name, str) and len(name) <= 64)
    subject = common_name(next(short, "Reseal server"))
    return Profile(subject, (SERVER_AUTH,), lifetime, general, key_encipherment=True)


def client_profile(
    subject: x509.Name,
    lifetime: timedelta = CLIENT_LIFETIME,
    *,
    key_encipherment: bool = True,
    extensions: Iterable[x509.UnrecognizedExtension] = (),
) -> Profile:
    """A TLS client's certificate: the MDM certificate (`spec/mdm-wire.md` client certificate), or, without
    `key_encipherment` and with its own extensions, the device certificate (`spec/identity.md` 2.3).
    """
    purposes = (CLIENT_AUTH,)
    return Profile(subject, purposes, lifetime, (), key_encipherment, tuple(extensions))


# --- making authorities -------------------------------------------------------------------------------------


def make_root(
    name: str,
    key: SigningKey,
    *,
    clock: Clock,
    entropy: Entropy,
    purposes: Sequence[ObjectIdentifier],
    names: Names | None = None,
    lifetime: timedelta = ROOT_LIFETIME,
    backdated: timedelta = BACKDATED,
) -> Authority:
    """A self-signed root called `name` for leaves of the given purposes; with `names`, for these alone."""
    subject = common_name(name)
    builder = _builder(subject, subject, key.public_key(), clock, entropy, lifetime, backdated=backdated)
    builder = _as_authority(builder, path_length=1).add_extension(
        x509.ExtendedKeyUsage(list(purposes)), critical=False
    )
    if names is not None:
        builder = builder.add_extension(_constraints(names), critical=True)
    return Authority(_sign(builder, key), key)


def make_intermediate(
    root: Authority,
    name: str,
    key: SigningKey,
    *,
    clock: Clock,
    entropy: Entropy,
    lifetime: timedelta = INTERMEDIATE_LIFETIME,
    backdated: timedelta = BACKDATED,
) -> Authority:
    """An authority under `root` that signs leaves only, bound by the same purposes and names."""
    issuer = root.certificate
    builder = _builder(
        common_name(name),
        issuer.subject,
        key.public_key(),
        clock,
        entropy,
        lifetime,
        within=issuer,
        backdated=backdated,
    )
    builder = _as_authority(builder, path_length=0).add_extension(_authority_key(issuer), critical=False)
    for extension in issuer.extensions:
        if isinstance(extension.value, x509.ExtendedKeyUsage | x509.NameConstraints):
            builder = builder.add_extension(extension.value, extension.critical)
    return Authority(_sign(builder, root.key), key, root.chain)


def issue(
    authority: Authority, public_key: SubjectKey, profile: Profile, *, clock: Clock, entropy: Entropy
) -> x509.Certificate:
    """A leaf certificate for `public_key`; for a request use `issue(..., request_key(csr), ...)`."""
    issuer = authority.certificate
    builder = _builder(
        profile.subject,
        issuer.subject,
        public_key,
        clock,
        entropy,
        profile.lifetime,
        within=issuer,
        backdated=profile.backdated,
    )
    enciphers = profile.key_encipherment and isinstance(public_key, RSAPublicKey)
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True, key_encipherment=enciphers), critical=True)
        .add_extension(x509.ExtendedKeyUsage(list(profile.purposes)), critical=False)
        .add_extension(_authority_key(issuer), critical=False)
    )
    if profile.alternative_names:
        names = x509.SubjectAlternativeName(profile.alternative_names)
        builder = builder.add_extension(names, critical=False)
    for extension in profile.extensions:
        builder = builder.add_extension(extension, critical=False)
    return _sign(builder, authority.key)


def request_key(request: bytes) -> SubjectKey:
    """The public key of a PKCS#10 request (DER or PEM) whose signature proves that the sender holds it.

    Raises `Invalid`: `CsrUnreadable`, `CsrKeyNotAccepted` (RSA under 2048 bits, another kind),
    `CsrSignatureWrong`.
    """
    load = x509.load_pem_x509_csr if request.lstrip().startswith(b"-----") else x509.load_der_x509_csr
    try:
        csr = load(request)
        key = csr.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid(
            code="CsrUnreadable",
            message=f"The certificate request is not readable PKCS#10: {error}.",
            remedy="Send the request as the client made it, base64 of DER.",
        ) from error
    if not acceptable_key(key):
        raise Invalid(
            code="CsrKeyNotAccepted",
            message="The certificate request is for a key that is too short or of another kind.",
            remedy=f"Use RSA with {LEAST_RSA_BITS} bits or more, or an elliptic curve of 256 bits or more.",
        )
    if not _is_signature_valid(csr):
        raise Invalid(
            code="CsrSignatureWrong",
            message="The certificate request is not signed by the key it asks a certificate for.",
            remedy="Make a new request; this one was altered or put together from two.",
        )
    assert isinstance(key, RSAPublicKey | EllipticCurvePublicKey)
    return key


def acceptable_key(key: object) -> bool:
    """Whether a key is strong enough to be certified: RSA from 2048 bits, elliptic curves from 256."""
    match key:
        case RSAPublicKey():
            return key.key_size >= LEAST_RSA_BITS
        case EllipticCurvePublicKey():
            return key.key_size >= 256
        case _:
            return False


def _is_signature_valid(csr: x509.CertificateSigningRequest) -> bool:
    try:
        return csr.is_signature_valid
    except UnsupportedAlgorithm:
        return False


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: SubjectKey,
    clock: Clock,
    entropy: Entropy,
    lifetime: timedelta,
    *,
    within: x509.Certificate | None = None,
    backdated: timedelta = BACKDATED,
) -> x509.CertificateBuilder:
    now = clock.now().replace(microsecond=0)
    begin, end = now - backdated, now + lifetime
    if within is not None:
        begin, end = max(begin, within.not_valid_before_utc), min(end, within.not_valid_after_utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(_serial_number(entropy))
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _serial_number(entropy: Entropy) -> int:
    """126 random bits behind a set one: positive, never zero, always 16 octets."""
    return int.from_bytes(entropy.bytes(16), "big") >> 2 | 1 << 126


def _as_authority(builder: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    return builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=path_length), critical=True
    ).add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)


def _key_usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_encipherment=key_encipherment,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _constraints(names: Names) -> x509.NameConstraints:
    """A kind of name that is not mentioned is not constrained, so a kind that is not wanted is excluded
    whole.
    """
    permitted: list[x509.GeneralName] = [x509.DNSName(name) for name in names.dns]
    permitted += [x509.IPAddress(network) for network in names.networks]
    excluded: list[x509.GeneralName] = [] if names.dns else [x509.DNSName("")]
    if not names.networks:
        excluded += [x509.IPAddress(ip_network("0.0.0.0/0")), x509.IPAddress(ip_network("::/0"))]
    return x509.NameConstraints(permitted or None, excluded or None)


def _sign(builder: x509.CertificateBuilder, key: SigningKey) -> x509.Certificate:
    repeatable = True if isinstance(key, EllipticCurvePrivateKey) else None
    return builder.sign(key, hashes.SHA256(), ecdsa_deterministic=repeatable)


# --- files --------------------------------------------------------------------------------------------------


def pem_chain(certificates: Iterable[x509.Certificate]) -> bytes:
    """The certificates one after another in PEM, in the given order."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def authority_files(path: Path) -> tuple[Path, Path]:
    """Where an authority saved under `path` has its certificates and its key."""
    return path.with_name(f"{path.name}.pem"), path.with_name(f"{path.name}.key")


def save_authority(authority: Authority, path: Path, passphrase: bytes | None = None) -> None:
    """Write `path`.pem (the chain, readable by all) and `path`.key (PKCS#8, mode 0600), each atomically.

    The key goes first: a certificate on disk always has its key. With `passphrase` the key is encrypted.
    """
    certificate_file, key_file = authority_files(path)
    save_key(authority.key, key_file, passphrase)
    write_file(certificate_file, pem_chain(authority.chain), PUBLIC)


def save_key(key: SigningKey, file: Path, passphrase: bytes | None = None) -> None:
    """Write a private key as PKCS#8 in PEM, mode 0600, atomically; encrypted if there is a `passphrase`."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    write_file(file, pem, PRIVATE)


def load_authority(path: Path, passphrase: bytes | None = None) -> Authority:
    """Read what `save_authority` wrote. Raises `Fault` if the files do not fit together or are exposed."""
    file, key_file = authority_files(path)
    key = load_key(key_file, passphrase)
    try:
        certificate, *above = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise _unusable(file, f"it cannot be read ({error})") from error
    if certificate.public_key() != key.public_key():
        raise _unusable(file, "its first certificate does not belong to the key beside it")
    return Authority(certificate, key, tuple(above))


def load_key(file: Path, passphrase: bytes | None = None, *, ours: bool = False) -> SigningKey:
    """Read a private key. Raises `Fault` if it is missing, unreadable, or readable by others than its
    owner. That its primes are primes is not proven again for one of `ours`: it takes OpenSSL 50 ms.
    """
    try:
        if file.stat().st_mode & 0o077:
            raise _unusable(file, "others than its owner may read it", f"Run: chmod 600 {file}")
        key = serialization.load_pem_private_key(
            file.read_bytes(), passphrase, unsafe_skip_rsa_key_validation=ours
        )
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(file, f"it cannot be read ({error})") from error
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise _unusable(file, "it holds another kind of key")
    return key


def _unusable(file: Path, reason: str, remedy: str = "") -> Fault:
    return Fault(
        code="KeyFileUnusable",
        message=f"The file {file} cannot be used: {reason}.",
        remedy=remedy or "Restore it from the backup of the data directory.",
    )
