"""Encryption of what must be read back: signing keys, secrets of other systems.

AES-256-GCM under a key that lives outside the database: in the file that the operator configured, else in the
data directory. Each ciphertext names its key, so that keys can be rotated: the first key encrypts, all of
them decrypt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reseal.kernel.entropy import Entropy
from reseal.kernel.errors import Fault

KEY_BYTES = 32
_ID_BYTES = 4
_NONCE_BYTES = 12


class SecretBox:
    """Encrypts and decrypts small secrets; `purpose` keeps one kind from being taken for another."""

    def __init__(self, keys: Sequence[bytes], entropy: Entropy) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a secret box takes one or more keys of {KEY_BYTES} bytes")
        self._keys = {_key_id(key): key for key in keys}
        self._current = _key_id(keys[0])
        self._entropy = entropy

    def encrypt(self, plain: bytes, purpose: str) -> bytes:
        """Key id, nonce and ciphertext in one string of bytes."""
        nonce = self._entropy.bytes(_NONCE_BYTES)
        sealed = AESGCM(self._keys[self._current]).encrypt(nonce, plain, purpose.encode())
        return self._current + nonce + sealed

    def decrypt(self, box: bytes, purpose: str) -> bytes:
        """The plain bytes. Raises `Fault` if the key is unknown or the box was changed."""
        key = self._keys.get(box[:_ID_BYTES])
        if key is None:
            raise Fault(
                code="UnknownEncryptionKey",
                message=f"A stored secret ({purpose}) needs an encryption key that this server has not.",
                remedy="Start the server with the key file that it was encrypted with (setting key_file).",
            )
        nonce, sealed = box[_ID_BYTES : _ID_BYTES + _NONCE_BYTES], box[_ID_BYTES + _NONCE_BYTES :]
        try:
            return AESGCM(key).decrypt(nonce, sealed, purpose.encode())
        except InvalidTag:
            raise Fault(
                code="DamagedSecret",
                message=f"A stored secret ({purpose}) is damaged.",
                remedy="Restore the database from a backup.",
            ) from None


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"reseal key id\0" + key).digest()[:_ID_BYTES]
