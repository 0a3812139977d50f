"""Certificates of the listeners, from a certificate authority of this data directory's own.

The root may vouch only for the names that this server has (design: TLS root name-constrained), so a machine
that trusts it trusts it for nothing else. Names that the present root does not cover get a new root, said in
the log. The leaf is renewed at start when its names changed or less than a third of its life is left.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

import structlog
from cryptography import x509

from reseal.kernel import ca
from reseal.kernel.clock import Clock
from reseal.kernel.entropy import Entropy
from reseal.kernel.files import PUBLIC, write_file
from reseal.kernel.keys import KeySource

_log = structlog.get_logger(__name__)

_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Issuer:
    """What making certificates takes."""

    directory: Path
    clock: Clock
    entropy: Entropy
    keys: KeySource

    @property
    def root_file(self) -> Path:
        """The root in PEM: what clients are given to trust."""
        return self.directory / "root.pem"

    @property
    def _leaf_files(self) -> tuple[Path, Path]:
        return self.directory / "server.pem", self.directory / "server.key"

    def context(self, names: Iterable[str]) -> ssl.SSLContext:
        """A server context whose certificate is valid for `names`: host names and addresses."""
        wanted = sorted({*LOOPBACK, *(name.lower() for name in names)})
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._leaf_serves(wanted):
            self._issue_leaf(wanted)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self._leaf_files)
        return context

    def device_context(self, names: Iterable[str], authorities: Iterable[x509.Certificate]) -> ssl.SSLContext:
        """The same for devices, which may show a certificate that leads to one of the `authorities`.

        One of another authority ends the handshake. One whose time is over comes through, since a device may
        have lain in its box for longer than that: whoever looks it up checks its dates (spec/stack.md 1).
        """
        context = self.context(names)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= _NO_CHECK_TIME
        context.load_verify_locations(cadata=ca.pem_chain(authorities).decode())
        return context

    def _leaf_serves(self, wanted: list[str]) -> bool:
        certificate_file, key_file = self._leaf_files
        if not (certificate_file.exists() and key_file.exists() and self.root_file.exists()):
            return False
        leaf = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        fresh = leaf.not_valid_after_utc - self.clock.now() > life / 3
        return fresh and _names_of(leaf) == wanted

    def _issue_leaf(self, wanted: list[str]) -> None:
        authority = self._authority(wanted)
        key = self.keys.rsa()
        profile = ca.server_profile([_general(name) for name in wanted])
        leaf = ca.issue(authority, key.public_key(), profile, clock=self.clock, entropy=self.entropy)
        certificate_file, key_file = self._leaf_files
        ca.save_key(key, key_file)
        write_file(certificate_file, ca.pem_chain([leaf, authority.certificate]), PUBLIC)

    def _authority(self, wanted: list[str]) -> ca.Authority:
        """The issuing authority, newly made if there is none or its root may not vouch for a wanted name."""
        path, covered_file = self.directory / "issuing", self.directory / "names.txt"
        if covered_file.exists() and set(wanted) <= set(covered_file.read_text().split()):
            return ca.load_authority(path)
        names = ca.Names(
            dns=tuple(name for name in wanted if isinstance(_general(name), str)),
            networks=tuple(ip_network(name) for name in wanted if not isinstance(_general(name), str)),
        )
        clock, entropy = self.clock, self.entropy
        root = ca.make_root(
            "Reseal TLS root",
            self.keys.rsa(),
            clock=clock,
            entropy=entropy,
            purposes=(ca.SERVER_AUTH,),
            names=names,
        )
        authority = ca.make_intermediate(
            root, "Reseal TLS issuing", self.keys.rsa(), clock=clock, entropy=entropy
        )
        # The root's key is not kept: what it signs, once, is the issuing authority.
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
