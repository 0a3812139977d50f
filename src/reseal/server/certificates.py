"""The certificates that the listeners show, exchanged while they listen.

Each listener keeps one TLS context from start to stop, which only chooses: at every handshake it is replaced
by the context that counts now, that of the lab authority for a name of Microsoft's, else the server's own. So
`renew` is one assignment. New connections get the new certificate, open ones stay as they are, and files that
cannot be used change nothing (spec/stack.md 1).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509

from reseal.kernel import ca
from reseal.kernel.bells import Bell
from reseal.kernel.clock import Clock
from reseal.kernel.errors import Fault
from reseal.kernel.workers import Workers
from reseal.server.tls import Source

_log = structlog.get_logger(__name__)

_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name."""

RENEWED_EVERY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Contexts:
    """One certificate as each listener shows it."""

    browser: ssl.SSLContext
    device: ssl.SSLContext
    serial: int


class Certificates:
    """What both listeners show, and to whom.

    `devices` are the authorities whose client certificates the device listener accepts: one of another ends
    the handshake. One whose time is over comes through, since a device may have lain in its box for longer:
    whoever looks it up checks its dates.
    """

    def __init__(
        self,
        own: Source,
        devices: Iterable[x509.Certificate],
        lab: Source | None = None,
        lab_names: Iterable[str] = (),
    ) -> None:
        self._own = own
        self._lab = lab
        self._devices = ca.pem_chain(devices).decode()
        self._lab_names = frozenset(lab_names)
        self._current = self._load(own)
        self._current_lab = self._current if lab is None else self._load(lab)
        self.browser = self._choosing(device=False)
        self.device = self._choosing(device=True)

    @property
    def root_file(self) -> Path:
        """What clients are given to trust."""
        return self._own.root_file

    @property
    def lab_root_file(self) -> Path | None:
        """What only a client in the lab may trust."""
        return None if self._lab is None else self._lab.root_file

    def renew(self) -> bool:
        """Show what the sources have now; whether the server's own certificate is another one. Blocks: it may
        make a key. Raises `Fault`, and then everything stays as it is.
        """
        own = self._load(self._own)
        lab = own if self._lab is None else self._load(self._lab)
        changed = own.serial != self._current.serial
        self._current, self._current_lab = own, lab
        return changed

    def _choosing(self, *, device: bool) -> ssl.SSLContext:
        context = self._context(self._own.current(), device=device)

        def choose(connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
            contexts = self._current_lab if name and name.lower() in self._lab_names else self._current
            connection.context = contexts.device if device else contexts.browser

        context.sni_callback = choose
        return context

    def _load(self, source: Source) -> _Contexts:
        files = source.current()
        return _Contexts(
            browser=self._context(files, device=False),
            device=self._context(files, device=True),
            serial=_leaf(files[0]).serial_number,
        )

    def _context(self, files: tuple[Path, Path], *, device: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(*files)
        except (OSError, ssl.SSLError) as error:
            raise Fault(
                code="CertificateUnusable",
                message=f"The certificate {files[0]} with the key {files[1]} cannot be used: {error}.",
                remedy="Give a certificate with its chain in PEM, and the key that belongs to it.",
            ) from error
        if device:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.verify_flags |= _NO_CHECK_TIME
            context.load_verify_locations(cadata=self._devices)
        return context


def _leaf(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates(file.read_bytes())[0]


async def keep_fresh(certificates: Certificates, workers: Workers, clock: Clock, bell: Bell) -> None:
    """Renew once a day, and whenever the bell is rung, until cancelled. What fails is logged; the
    certificates in use stay.
    """
    while True:
        await bell.wait(clock, RENEWED_EVERY)
        try:
            changed = await workers.run(certificates.renew)
        except Exception as error:
            _log.error("certificates could not be renewed; those in use stay", exc_info=error)
        else:
            _log.info("certificates looked after", changed=changed)
