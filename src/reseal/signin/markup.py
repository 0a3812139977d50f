"""The little markup of the sign-in text: `[text](address)`, `**bold**`, `*italic*`, `++underlined++`, and
blank lines between paragraphs (spec/identity.md 7.1).

An administrator writes it and everybody's browser reads it, so all of it is escaped, and only the tags made
here come out. Addresses are web, mail or telephone addresses.
"""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_DEEPEST = 4
_MARKED = re.compile(
    r"\[(?P<text>[^\[\]\n]+)\]\((?P<address>(?:https?://|mailto:|tel:)[^\s()<>\"']+)\)"
    r"|\*\*(?P<strong>[^\n]+?)\*\*(?!\*)"
    r"|\+\+(?P<u>[^\n]+?)\+\+"
    r"|\*(?P<em>[^*\n]+)\*"
)
_PARAGRAPHS = re.compile(r"\n\s*\n")


def render(text: str, *, links: bool = True) -> Markup:
    """The text as HTML paragraphs. Without `links` their texts remain: the set-up of a device has nowhere to
    go.
    """
    paragraphs = [part.strip() for part in _PARAGRAPHS.split(text.replace("\r\n", "\n"))]
    return Markup("").join(Markup("<p>{}</p>").format(_lines(part, links)) for part in paragraphs if part)


def _lines(text: str, links: bool) -> Markup:
    return Markup("<br>").join(_inline(line, links, 0) for line in text.split("\n"))


def _inline(text: str, links: bool, depth: int) -> Markup:
    if depth == _DEEPEST:
        return escape(text)
    pieces, position = [], 0
    for found in _MARKED.finditer(text):
        pieces += [escape(text[position : found.start()]), _marked(found, links, depth)]
        position = found.end()
    return Markup("").join([*pieces, escape(text[position:])])


def _marked(found: re.Match[str], links: bool, depth: int) -> Markup:
    if found["address"]:
        inner = _inline(found["text"], links, depth + 1)
        if not links:
            return inner
        return Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(found["address"], inner)
    tag = found.lastgroup or ""
    return Markup("<{0}>{1}</{0}>").format(Markup(tag), _inline(found[tag], links, depth + 1))
