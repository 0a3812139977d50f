"""Where a managed device fetches the content of an app: an address that is signed, personal and expires.

Windows shows no certificate when it downloads a package, so the address itself is the proof. It names the
enrolment and the content's SHA-256, and ends to be valid; the content itself is checked by the device against
the digest of its job. Addresses are made when a job is sent and are not part of a delivery's digest.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode
from uuid import UUID

import sqlalchemy as sa

from reseal.kernel.db import Tx
from reseal.kernel.errors import Denied
from reseal.kernel.secretbox import SecretBox
from reseal.managed.tables import content_key

LIFETIME: Final = timedelta(hours=24)
"""Of an address; a device that comes later gets a new one with its next job."""

KEY_BYTES: Final = 32
_PURPOSE: Final = "content URL key"


@dataclass(frozen=True, slots=True)
class ContentUrls:
    """Makes and checks addresses below `base_url`, the device listener's; the first key signs, all verify."""

    keys: Sequence[bytes] = field(repr=False)
    base_url: str

    def url_for(self, enrolment: UUID, sha256: str, name: str, *, now: datetime) -> str:
        """The address of the content for an enrolment, valid for `LIFETIME`; `name` is the file's."""
        expires = int((now + LIFETIME).timestamp())
        query = urlencode({"exp": expires, "sig": _signature(self.keys[0], enrolment, sha256, expires)})
        return f"{self.base_url.rstrip('/')}/content/{enrolment}/{sha256}/{quote(name, safe='')}?{query}"

    def check(self, enrolment: UUID, sha256: str, expires: str, signature: str, *, now: datetime) -> None:
        """Raise `Denied` unless we made this address and it is still valid."""
        number = int(expires) if expires.isascii() and expires.isdigit() and len(expires) < 12 else 0
        wanted = (_signature(key, enrolment, sha256, number) for key in self.keys)
        # Compared as bytes: a text that is not ASCII cannot be compared in constant time.
        if not any(hmac.compare_digest(each.encode(), signature.encode()) for each in wanted):
            raise Denied(
                code="ContentUrlInvalid",
                message="This address was not given out by this server.",
                remedy="Use the address of the present job as it stands.",
            )
        if now.timestamp() >= number:
            raise Denied(
                code="ContentUrlExpired",
                message="This address has expired.",
                remedy="Synchronise the device; its job will have a new one.",
            )


def _signature(key: bytes, enrolment: UUID, sha256: str, expires: int) -> str:
    signed = f"{enrolment}\n{sha256}\n{expires}".encode()
    return base64.urlsafe_b64encode(hmac.digest(key, signed, hashlib.sha256)).decode().rstrip("=")


def load_content_urls(tx: Tx, box: SecretBox, base_url: str) -> ContentUrls:
    """The addresses of this installation; the very first call makes their key."""
    tx.lock("managed:content-keys")
    rows = tx.rows(sa.select(content_key).order_by(content_key.c.created_at.desc(), content_key.c.id.desc()))
    keys = [box.decrypt(row.secret, _PURPOSE) for row in rows]
    if not keys:
        keys = [tx.entropy.bytes(KEY_BYTES)]
        row = {"id": tx.new_key(), "secret": box.encrypt(keys[0], _PURPOSE), "created_at": tx.now}
        tx.execute(content_key.insert(), row)
    return ContentUrls(tuple(keys), base_url)
