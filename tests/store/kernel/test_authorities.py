"""The authorities for devices: made once, the same for every replica, their keys not in the clear."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from reseal.kernel import ca
from reseal.kernel.authorities import authority_table, load_authorities
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Fault
from reseal.kernel.keys import OpenSslKeys
from reseal.kernel.secretbox import SecretBox
from tests.support.clock import ManualClock


class _CountedKeys(OpenSslKeys):
    def __init__(self) -> None:
        self.made: list[RSAPrivateKey] = []

    def rsa(self, bits: int = 2048) -> RSAPrivateKey:
        self.made.append(super().rsa(bits))
        return self.made[-1]


def _box(key: bytes = b"k" * 32) -> SecretBox:
    return SecretBox([key], SeededEntropy("box"))


def _rows(tx: Tx) -> list[bytes]:
    rows = tx.rows(sa.select(authority_table).order_by(authority_table.c.name))
    return [row.private_key + row.chain for row in rows]


async def test_they_are_made_once_and_loaded_ever_after(database: Database, clock: ManualClock) -> None:
    keys = _CountedKeys()
    first = await database.write(load_authorities, _box(), keys, clock)
    clock.pass_silently(timedelta(days=100))
    again = await database.write(load_authorities, _box(), keys, clock)

    assert len(keys.made) == 4, "a root and an issuing key for each of the two"
    for made, loaded in ((first.mdm, again.mdm), (first.join, again.join)):
        assert loaded.chain == made.chain
        assert len(loaded.chain) == 2
        assert loaded.key.public_key() == made.key.public_key() == loaded.certificate.public_key()
    assert first.mdm.root != first.join.root


async def test_no_key_is_kept_in_the_clear_and_none_of_a_root(database: Database, clock: ManualClock) -> None:
    keys = _CountedKeys()
    authorities = await database.write(load_authorities, _box(), keys, clock)
    stored = b"".join(await database.read(_rows))
    for key in keys.made:
        number = key.private_numbers().p.to_bytes(128, "big")
        assert number not in stored
        assert key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) not in stored
    roots = {
        authority.root.public_key().public_numbers() for authority in (authorities.mdm, authorities.join)
    }
    assert len(roots) == 2
    with pytest.raises(Fault):
        await database.write(load_authorities, _box(b"x" * 32), keys, clock)


async def test_they_issue_for_clients_alone_and_well_into_the_past(
    database: Database, clock: ManualClock, entropy: SeededEntropy
) -> None:
    keys = OpenSslKeys()
    authorities = await database.write(load_authorities, _box(), keys, clock)
    for authority in (authorities.mdm, authorities.join):
        for certificate in authority.chain:
            usage = certificate.extensions.get_extension_for_class(ca.x509.ExtendedKeyUsage).value
            assert list(usage) == [ca.CLIENT_AUTH]
        certificate = ca.issue(
            authority,
            keys.rsa().public_key(),
            ca.client_profile(ca.common_name("device")),
            clock=clock,
            entropy=entropy,
        )
        certificate.verify_directly_issued_by(authority.certificate)
        authority.certificate.verify_directly_issued_by(authority.root)
        assert authority.certificate.not_valid_before_utc <= clock.now() - timedelta(days=365)
