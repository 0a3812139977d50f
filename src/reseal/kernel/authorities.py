"""The authorities for devices: one signs management certificates, one signs those of directory devices.

Each has two tiers and vouches for TLS clients only. They are made on the first call and kept in the database,
so that replicas issue alike: the chain as it is, the key of the intermediate encrypted. The root signs its
intermediate and nothing else; its key is thrown away (docs/decisions/0006).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from reseal.kernel import ca
from reseal.kernel.clock import Clock
from reseal.kernel.db import Tx, Utc, metadata
from reseal.kernel.errors import Fault
from reseal.kernel.keys import KeySource
from reseal.kernel.secretbox import SecretBox

authority_table = sa.Table(
    "authority",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("chain", sa.LargeBinary, nullable=False),
    sa.Column("private_key", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
)
"""`chain` is PEM, the issuing certificate first; `private_key` is its key in PKCS#8, encrypted."""

BACKDATED: Final = timedelta(days=365)
"""How far back an authority reaches: the certificates that it issues begin well before now, for devices whose
clock is behind, and none may begin before its issuer."""

_PURPOSE: Final = "authority key"


@dataclass(frozen=True, slots=True)
class Authorities:
    """Who issues to devices. Both are intermediates; `root` of each is what a device is given to trust."""

    mdm: ca.Authority
    """Client certificates of management enrolments."""
    join: ca.Authority
    """Certificates of directory devices."""


def load_authorities(tx: Tx, box: SecretBox, keys: KeySource, clock: Clock) -> Authorities:
    """The authorities of this installation; the very first call makes them, which takes seconds."""
    tx.lock("kernel:authorities")
    stored = {row.name: row for row in tx.rows(sa.select(authority_table).order_by(authority_table.c.name))}
    loaded = {
        name: _read(stored[name], box) if name in stored else _make(tx, name, title, box, keys, clock)
        for name, title in (("mdm", "Reseal MDM"), ("join", "Reseal device"))
    }
    return Authorities(**loaded)


def _make(tx: Tx, name: str, title: str, box: SecretBox, keys: KeySource, clock: Clock) -> ca.Authority:
    root = ca.make_root(
        f"{title} root",
        keys.rsa(),
        clock=clock,
        entropy=tx.entropy,
        purposes=(ca.CLIENT_AUTH,),
        backdated=BACKDATED,
    )
    made = ca.make_intermediate(
        root, f"{title} issuing", keys.rsa(), clock=clock, entropy=tx.entropy, backdated=BACKDATED
    )
    pem = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    row = {
        "name": name,
        "chain": ca.pem_chain(made.chain),
        "private_key": box.encrypt(pem, _PURPOSE),
        "created_at": tx.now,
    }
    tx.execute(authority_table.insert(), row)
    return made


def _read(row: sa.Row[tuple[object, ...]], box: SecretBox) -> ca.Authority:
    certificate, *above = x509.load_pem_x509_certificates(row.chain)
    # The box vouches for what it opened: OpenSSL need not prove the primes once more, which takes 50 ms.
    pem = box.decrypt(row.private_key, _PURPOSE)
    key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey) or key.public_key() != certificate.public_key():
        raise Fault(
            code="DamagedAuthority",
            message=f"The stored authority {row.name} has a certificate that its key does not belong to.",
            remedy="Restore the database from a backup.",
        )
    return ca.Authority(certificate, key, tuple(above))
