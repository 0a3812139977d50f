"""What pages say of a code: what happened and why, and what to do about it.

    cause_of("0x80180018").remedy           # what the table knows
    sentences("0x801C03EA", message, "")    # what a page says: what the server said, and the rest from there

`codes.CAUSES` is the one table of what codes mean: pages, the terminal and `docs/technician/error-codes.md`
are told from it, so that a code never stands alone. A step that knows more says that instead.

Servers speak English. For readers of other languages `sentences` says what the table knows, and then what
the server said, in its own words.
"""

from __future__ import annotations

from typing import Final, Self

from reseal.device.codes import CAUSES, UNKNOWN, UNKNOWN_ITEM, UNKNOWN_SIGN_IN, Cause, Part
from reseal.web.phrases import ENGLISH, Phrase, say, spoken_language, translated

_OF_DIRECTORY: Final = "AADSTS"


def cause_of(code: str, part: Part | None = None) -> Cause:
    """What the code means in that part of a deployment; for a code that nobody knows, what holds for all."""
    found = [each for each in CAUSES if each.code == _normal(code)]
    fitting = [each for each in found if (each.part is Part.SETUP) == (part is Part.SETUP)]
    if found:
        return (fitting or found)[0]
    if code.startswith(_OF_DIRECTORY) or part is Part.SIGN_IN:
        return UNKNOWN_SIGN_IN
    return UNKNOWN_ITEM if part is Part.SETUP else UNKNOWN


def sentences(code: str, message: str, remedy: str, part: Part | None = None) -> tuple[str, str]:
    """What a page says of a failure: what happened and why, and what to do. Neither is ever empty."""
    known = cause_of(code, part)
    happened = message or known.cause
    if _is_foreign(_why(message)):
        happened = _Words.of(message, joined(message, known.cause))
    if _is_foreign(message):
        words = " ".join(each for each in (message, remedy) if _is_foreign(each))
        happened = _Words.of(
            joined(message, known.cause) if known.untold else message,
            say("{meaning} The server says: {words}", meaning=known.cause, words=words),
        )
    todo = _Words.of(remedy, known.remedy) if _is_foreign(remedy) else remedy or known.remedy
    return happened, todo


def joined(*texts: str) -> str:
    """Sentences one after the other; those that are empty are left out."""
    first, *others = [text for text in texts if text] or [""]
    return say("{first} {second}", first=first, second=joined(*others)) if others else first


def _normal(code: str) -> str:
    """A code as the table writes it: `801c0003` is `0x801C0003`."""
    digits = code.lower().removeprefix("0x")
    is_hresult = len(digits) == 8 and all(each in "0123456789abcdef" for each in digits)
    return f"0x{digits.upper()}" if is_hresult else code


def _is_foreign(text: str) -> bool:
    """Whether these are words of somebody else, which nobody can translate."""
    return bool(text) and not isinstance(text, Phrase)


def _why(message: str) -> str:
    """The reason within a sentence of ours."""
    why = message.values.get("why", "") if isinstance(message, Phrase) else ""
    return why if isinstance(why, str) else ""


class _Words(Phrase):
    """Words in English for whoever reads that, and another text for all others."""

    __slots__ = ("otherwise",)

    otherwise: str

    @classmethod
    def of(cls, words: str, otherwise: str) -> Self:
        phrase = cls("{words}", {"words": words})
        phrase.otherwise = otherwise
        return phrase

    def told(self, language: str) -> str:
        return str(self) if spoken_language(language) == ENGLISH else translated(self.otherwise, language)
