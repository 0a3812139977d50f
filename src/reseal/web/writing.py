"""In which direction a language is written."""

from __future__ import annotations

from typing import Final, Literal

Direction = Literal["ltr", "rtl"]

_LANGUAGES: Final = frozenset(
    (
        "ae aeb apc ar arc arq ars ary arz bal bej bgn bqi brh chg ckb dv fa gbz glk he jpr jrb khw ks lad "
        "lah lrc mde mid mzn nqo ota phn ps rhg sam sd sdh shu skr sog swb syc syr trw ug ur yi"
    ).split()
)
"""Languages that are written from right to left unless their tag names another script (CLDR)."""
_SCRIPTS: Final = frozenset("adlm arab aran armi avst hebr mand nkoo phnx rohg samr sogd syrc thaa".split())
_SCRIPT_LENGTH: Final = 4


def direction(language: str) -> Direction:
    """Of texts in a language, given by its tag (BCP 47)."""
    first, *others = language.replace("_", "-").casefold().split("-")
    script = next((part for part in others if len(part) == _SCRIPT_LENGTH and part.isalpha()), "")
    is_rtl = script in _SCRIPTS if script else first in _LANGUAGES
    return "rtl" if is_rtl else "ltr"
