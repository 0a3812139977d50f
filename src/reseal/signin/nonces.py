"""Nonces of `srv_challenge`: proof that a signed request was made just now (spec/identity.md 3.1, item 1).

Anybody may ask for one, of any tenant, so nothing is stored then: a nonce is a time and some chance under our
seal. Only a nonce that came back in a request with a good signature is written down, so that it is good once.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import sqlalchemy as sa

from reseal.kernel.db import Tx
from reseal.kernel.db.schema import from_microseconds, to_microseconds
from reseal.kernel.entropy import Entropy
from reseal.signin.tables import used_nonce
from reseal.web.seals import Seals

LIFETIME = timedelta(minutes=5)
_PURPOSE = "nonce"
_TIME_BYTES = 8
_CHANCE_BYTES = 16


def new_nonce(seals: Seals, entropy: Entropy, now: datetime) -> str:
    """A nonce that counts for `LIFETIME`."""
    time = to_microseconds(now).to_bytes(_TIME_BYTES, "big")
    return seals.seal(_PURPOSE, time + entropy.bytes(_CHANCE_BYTES))


def spend(tx: Tx, seals: Seals, nonce: str) -> bool:
    """Use a nonce up. False if it is not ours, too old, or was used before."""
    content = seals.opened(_PURPOSE, nonce)
    if content is None:
        return False
    until = from_microseconds(int.from_bytes(content[:_TIME_BYTES], "big")) + LIFETIME
    if until <= tx.now:
        return False
    tx.execute(sa.delete(used_nonce).where(used_nonce.c.expires_at <= tx.now))
    seen = hashlib.sha256(content).digest()
    fresh = tx.insert(used_nonce).values(digest=seen, expires_at=until).on_conflict_do_nothing()
    return tx.value(fresh.returning(used_nonce.c.expires_at)) is not None
