"""Splits a rule into words, quoted texts, parentheses, brackets and commas.

The lexer knows no operators: `-eq`, `user.city` and `true` are all words, and the parser decides by their
place. A word ends at a blank, a quote, a parenthesis, a bracket or a comma. Typographic dashes count as
hyphens at the start of a word; inside words and quotes they are themselves. How quotes are protected:
docs/administrator/membership-rules.md, choice 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from reseal.directory.rules.errors import unreadable

DASHES = frozenset("-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")

_QUOTES = frozenset("\"'")
_TYPOGRAPHIC_QUOTES = frozenset("\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb")
# Left behind by copying from web pages; str.isspace does not know them.
_INVISIBLE_BLANKS = frozenset("\u200b\ufeff")


class Span(NamedTuple):
    """A stretch of the rule's text, from `start` up to and without `end`."""

    start: int
    end: int


class Mark(Enum):
    """What a token is."""

    WORD = "word"
    TEXT = "quoted text"
    OPEN = "("
    CLOSE = ")"
    LIST_OPEN = "["
    LIST_CLOSE = "]"
    COMMA = ","
    END = "end of the rule"


_SINGLE = {mark.value: mark for mark in (Mark.OPEN, Mark.CLOSE, Mark.LIST_OPEN, Mark.LIST_CLOSE, Mark.COMMA)}


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a rule. `text` of words and quoted texts is free of quotes and protecting characters."""

    mark: Mark
    text: str
    span: Span

    @property
    def hyphenated(self) -> bool:
        """Whether this is a word that starts with a hyphen or another dash."""
        return self.mark is Mark.WORD and self.text[0] in DASHES

    @property
    def keyword(self) -> str:
        """The word in lower case without its hyphen; empty if this is not a word."""
        if self.mark is not Mark.WORD:
            return ""
        return self.text[1 if self.hyphenated else 0 :].lower()


def lex(text: str) -> list[Token]:
    """The tokens of a rule, the last one being `Mark.END`. Raises RuleError for unfit characters and open
    quotes.
    """
    _refuse_unstorable(text)
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        if _is_blank(text[at]):
            at += 1
            continue
        token = _token(text, at)
        tokens.append(token)
        at = token.span.end
    tokens.append(Token(Mark.END, "", Span(len(text), len(text))))
    return tokens


def _refuse_unstorable(text: str) -> None:
    """Neither a database nor a regular expression can hold NUL or half a surrogate pair."""
    for position, char in enumerate(text):
        if char == "\0" or "\ud800" <= char <= "\udfff":
            raise unreadable(text, position, "this character is not allowed", "Remove the character.")


def _is_blank(char: str) -> bool:
    return char.isspace() or char in _INVISIBLE_BLANKS


def _token(text: str, start: int) -> Token:
    char = text[start]
    if char in _SINGLE:
        return Token(_SINGLE[char], char, Span(start, start + 1))
    if char in _QUOTES:
        return _quoted(text, start)
    if char in _TYPOGRAPHIC_QUOTES:
        raise unreadable(text, start, f"{char} is a typographic quote", 'Write straight quotes: "text".')
    return _word(text, start)


def _quoted(text: str, start: int) -> Token:
    quote = text[start]
    pieces: list[str] = []
    at = start + 1
    while at < len(text):
        if text.startswith("''", at):
            piece, length = "'", 2
        elif text[at] == quote:
            return Token(Mark.TEXT, "".join(pieces), Span(start, at + 1))
        else:
            piece, length = _piece(text, at)
        pieces.append(piece)
        at += length
    raise unreadable(
        text, start, f"the text that starts here has no closing {quote}", f"Close it with {quote}."
    )


def _word(text: str, start: int) -> Token:
    pieces: list[str] = []
    at = start
    while at < len(text) and not (_is_blank(text[at]) or text[at] in _SINGLE or text[at] in _QUOTES):
        piece, length = _piece(text, at)
        pieces.append(piece)
        at += length
    return Token(Mark.WORD, "".join(pieces), Span(start, at))


def _piece(text: str, at: int) -> tuple[str, int]:
    """The character at `at` with the one it protects: what they stand for, and how many they are."""
    char = text[at]
    protected = text[at + 1 : at + 2]
    if char == "\\" and protected:
        if protected in _QUOTES:
            return protected, 2
        if protected in "\\`":
            return char + protected, 2
    if char == "`" and protected and protected in "\"'`\\":
        return protected, 2
    return char, 1
