"""Which names hold secrets: the log masks their values, the event log refuses them.

The last word of a name decides, so `token` and `clientSecret` are secret while `token_kind` and
`password_changed_at` are not. `mask_text` covers secrets that stand inside a sentence or an address.
"""

from __future__ import annotations

import re
from functools import lru_cache

MASK = "***"

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ENDINGS = (
    *("password", "passwords", "passwd", "passphrase", "passwordhash"),
    *("secret", "secrets", "token", "tokens", "credential", "credentials", "jointicket"),
    *("authorization", "cookie", "cookies", "assertion"),
    *("privatekey", "apikey", "encryptionkey", "signingkey", "sessionkey", "sharedkey", "keymaterial"),
)
_SHORT = frozenset({"jwt", "otp", "pin", "psk", "pwd"})
_IN_TEXT = re.compile(
    r"(?P<scheme>\b(?:Bearer|Basic|PoP)\s+)[A-Za-z0-9+/=._~-]{8,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"
    r"|(?P<user>://[^/\s:@]*:)[^/\s@]+(?=@)"
)


@lru_cache(maxsize=4096)
def looks_secret(name: str) -> bool:
    """Whether a value under this name must not be written where people read."""
    words = [word.lower() for word in _WORDS.findall(name)]
    return "".join(words).endswith(_ENDINGS) or (bool(words) and words[-1] in _SHORT)


def mask_text(text: str) -> str:
    """The text with authorization values, JSON web tokens and passwords in URLs replaced by `***`."""
    return _IN_TEXT.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    return (found["scheme"] or found["user"] or "") + MASK
