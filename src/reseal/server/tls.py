"""Certificates of the listeners, from a certificate authority of this data directory's own.

The root may vouch only for the names that this server has (design: TLS root name-constrained), so a machine
that trusts it trusts it for nothing else. Names that the present root does not cover get a new root, said in
the log. The leaf is renewed when its names changed or less than a third of its life is left.

An operator may have a certificate from elsewhere (`Given`); `certificates` does not see the difference.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Protocol

import structlog
from cryptography import x509

from reseal.kernel import ca
from reseal.kernel.clock import Clock
from reseal.kernel.entropy import Entropy
from reseal.kernel.errors import Fault, Invalid
from reseal.kernel.files import PUBLIC, sync_directory, write_file
from reseal.kernel.keys import KeySource
from reseal.kernel.settings import Settings

_log = structlog.get_logger(__name__)

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Source(Protocol):
    """Where a certificate comes from."""

    @property
    def root_file(self) -> Path:
        """What clients are given to trust, in PEM."""
        ...

    def current(self) -> tuple[Path, Path]:
        """The files of the certificate with its chain, and of its key, as they shall be used now."""
        ...


@dataclass(frozen=True, slots=True)
class Given:
    """A certificate that somebody else issues and replaces; `root` is None if every machine trusts it."""

    certificate: Path
    key: Path
    root: Path | None = None

    @property
    def root_file(self) -> Path:
        """The root that was given, or what this machine trusts."""
        if self.root is not None:
            return self.root
        usual = ssl.get_default_verify_paths()
        return Path(usual.cafile or usual.openssl_cafile)

    def current(self) -> tuple[Path, Path]:
        """The files as they are. Raises `Fault` if the key is exposed or belongs to another certificate."""
        key = ca.load_key(self.key)
        try:
            leaf = x509.load_pem_x509_certificates(self.certificate.read_bytes())[0]
        except (OSError, ValueError) as error:
            raise _unfit(self.certificate, f"it cannot be read ({error})") from error
        if leaf.public_key() != key.public_key():
            raise _unfit(self.certificate, f"the key in {self.key} belongs to another one")
        return self.certificate, self.key


def given_certificate(settings: Settings) -> Given | None:
    """The operator's own certificate, if there is one. Raises `Invalid` if only half of it is given."""
    certificate, key = settings.certificate_file, settings.certificate_key_file
    if certificate is not None and key is not None:
        return Given(certificate, key, settings.certificate_root_file)
    if certificate is not None or key is not None or settings.certificate_root_file is not None:
        raise Invalid(
            code="CertificateIncomplete",
            message="A certificate of your own takes both certificate_file and certificate_key_file.",
            remedy="Give both, or none of them.",
        )
    return None


def _unfit(file: Path, why: str) -> Fault:
    return Fault(
        code="CertificateUnusable",
        message=f"The certificate {file} cannot be used: {why}.",
        remedy="Give a certificate with its chain in PEM, and the key that belongs to it.",
    )


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authority with its certificate for `names`, host names and addresses, kept in `directory`."""

    directory: Path
    names: frozenset[str]
    clock: Clock
    entropy: Entropy
    keys: KeySource
    title: str = "Reseal TLS"

    @property
    def root_file(self) -> Path:
        """The root in PEM: what clients are given to trust."""
        return self.directory / "root.pem"

    def current(self) -> tuple[Path, Path]:
        """The leaf's files, newly issued if its time or its names require it."""
        wanted = sorted(self.names)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._leaf_serves(wanted):
            self._issue_leaf(wanted)
        return self._leaf_files

    @property
    def _leaf_files(self) -> tuple[Path, Path]:
        return self.directory / "server.pem", self.directory / "server.key"

    def _leaf_serves(self, wanted: list[str]) -> bool:
        certificate_file, key_file = self._leaf_files
        if not (certificate_file.exists() and key_file.exists() and self.root_file.exists()):
            return False
        leaf = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        fresh = leaf.not_valid_after_utc - self.clock.now() > life / 3
        if not fresh or _names_of(leaf) != wanted:
            return False
        # Not if a crash fell between the two.
        return ca.load_key(key_file, ours=True).public_key() == leaf.public_key()

    def _issue_leaf(self, wanted: list[str]) -> None:
        authority = self._authority(wanted)
        key = self.keys.rsa()
        profile = ca.server_profile([_general(name) for name in wanted])
        leaf = ca.issue(authority, key.public_key(), profile, clock=self.clock, entropy=self.entropy)
        certificate_file, key_file = self._leaf_files
        ca.save_key(key, key_file)
        write_file(certificate_file, ca.pem_chain([leaf, authority.certificate]), PUBLIC)
        _log.info("TLS certificate issued", until=leaf.not_valid_after_utc.isoformat(), names=wanted)

    def _authority(self, wanted: list[str]) -> ca.Authority:
        """The issuing authority; newly made if there is none, its root may not vouch for a wanted name, or it
        ends before a new leaf would.
        """
        path, covered_file = self.directory / "issuing", self.directory / "names.txt"
        if covered_file.exists() and set(wanted) <= set(covered_file.read_text().split()):
            present = ca.load_authority(path)
            if present.certificate.not_valid_after_utc - self.clock.now() > ca.SERVER_LIFETIME:
                return present
        names = ca.Names(
            dns=tuple(name for name in wanted if isinstance(_general(name), str)),
            networks=tuple(ip_network(name) for name in wanted if not isinstance(_general(name), str)),
        )
        clock, entropy = self.clock, self.entropy
        root = ca.make_root(
            f"{self.title} root",
            self.keys.rsa(),
            clock=clock,
            entropy=entropy,
            purposes=(ca.SERVER_AUTH,),
            names=names,
        )
        authority = ca.make_intermediate(
            root, f"{self.title} issuing", self.keys.rsa(), clock=clock, entropy=entropy
        )
        # The root's key is not kept: what it signs, once, is the issuing authority. All of it counts once the
        # last file is there; of an authority before this one it must not be.
        covered_file.unlink(missing_ok=True)
        sync_directory(self.directory)
        ca.save_authority(authority, path)
        write_file(self.root_file, ca.pem_chain([root.certificate]), PUBLIC)
        write_file(covered_file, "\n".join(wanted).encode(), PUBLIC)
        _log.info("TLS root made; clients must trust it", root=str(self.root_file), names=wanted)
        return authority


def _general(name: str) -> str | ca.Address:
    try:
        return ip_address(name)
    except ValueError:
        return name


def _names_of(leaf: x509.Certificate) -> list[str]:
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(
        [
            *names.get_values_for_type(x509.DNSName),
            *(str(address) for address in names.get_values_for_type(x509.IPAddress)),
        ]
    )
