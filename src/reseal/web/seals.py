"""Short texts that only this server can have made: nonces, hints, tokens against forged forms.

A sealed text is base64url(content) "." base64url(HMAC-SHA256); the content can be read, not changed. The keys
are derived from the signing keys, so replicas and restarts know each other's seals, and no further secret has
to be kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

_TAG_BYTES = 32


class Seals:
    """Seals with the first key, opens what any of them sealed. `purpose` keeps one kind from another."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def seal(self, purpose: str, content: bytes) -> str:
        """The content under a seal; ASCII, fit for URLs and forms."""
        return f"{_encoded(content)}.{_encoded(_tag(self._keys[0], purpose, content))}"

    def opened(self, purpose: str, text: str) -> bytes | None:
        """The content, if this server sealed it for this purpose."""
        content, dot, tag = text.partition(".")
        read, given = _decoded(content), _decoded(tag)
        if not dot or read is None or given is None:
            return None
        genuine = [hmac.compare_digest(_tag(key, purpose, read), given) for key in self._keys]
        return read if any(genuine) else None

    def seal_until(self, purpose: str, said: Any, until: datetime) -> str:
        """Something that JSON can say, under a seal that counts until then (to the second)."""
        return self.seal(purpose, json.dumps([said, int(until.timestamp())], separators=(",", ":")).encode())

    def still_said(self, purpose: str, text: str, now: datetime) -> Any:
        """What was said, if this server sealed it for this purpose and it still counts, else None."""
        content = self.opened(purpose, text)
        if content is None:
            return None
        said, until = json.loads(content)
        return said if now.timestamp() < until else None

    def fingerprint(self, purpose: str, content: bytes) -> bytes:
        """Tells two contents apart without telling what they are, to whoever has not the key."""
        return _tag(self._keys[0], purpose, content)


def _tag(key: bytes, purpose: str, content: bytes) -> bytes:
    own = hmac.digest(key, b"reseal seal\0" + purpose.encode(), hashlib.sha256)
    return hmac.digest(own, content, hashlib.sha256)[:_TAG_BYTES]


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes | None:
    """Strict: one content has one text, so that a seal cannot be shown twice in two spellings."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if _encoded(data) == text else None
