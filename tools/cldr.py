"""Writes the languages and territories that CLDR names, as Babel has it, to src/reseal/web/names.

    python tools/cldr.py           writes the two files
    python tools/cldr.py --check   says whether they are what Babel says

To ask Babel for all of it takes seconds, as each language has its data in a file of its own: too long for a
laptop that starts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel import Locale
from babel.core import get_global
from babel.localedata import locale_identifiers

from reseal.web.names import capital, folded

FOLDER: Final = Path(__file__).resolve().parent.parent / "src" / "reseal" / "web" / "names"
LANGUAGES: Final = FOLDER / "languages.tsv"
TERRITORIES: Final = FOLDER / "territories.tsv"

_NO_LANGUAGES: Final = frozenset({"mul", "sh", "und", "zxx"})
"""*Multiple languages*, *unknown*, *no linguistic content*; and Serbo-Croatian, which has other codes now."""
_NO_TERRITORIES: Final = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})
"""Groups of territories, tests, and *unknown region*."""
_NO_VARIANTS: Final = frozenset({"POSIX", "POLYTON"})

_likely: Final = get_global("likely_subtags")
_english: Final = Locale("en")


def languages() -> str:
    """A line for each: tag, own name, and the territory of a tag that names none. Sorted by name; languages
    whose own name CLDR does not know come last, under their English names.
    """
    named = dict(_named())
    known = {tag.partition("-")[0] for tag in named}
    others = {
        code: name
        for code, name in _english.languages.items()
        if "_" not in code and code not in known | _NO_LANGUAGES
    }
    lines = [*_sorted(named), *_sorted(others)]
    return "".join(f"{tag}\t{name}\t{_home(tag)}\n" for tag, name in lines)


def territories() -> str:
    """A line for each: code and English name, sorted by name."""
    named = {
        code: name
        for code, name in _english.territories.items()
        if len(code) == 2 and code not in _NO_TERRITORIES
    }
    return "".join(f"{code}\t{name}\n" for code, name in _sorted(named))


def _named() -> Iterator[tuple[str, str]]:
    """Languages in the territories that CLDR knows them in, by their own names."""
    whole = [Locale.parse(name) for name in sorted(locale_identifiers())]
    placed = {each.language for each in whole if _is_placed(each)}
    for locale in whole:
        is_wanted = _is_placed(locale) or (locale.language not in placed and not locale.territory)
        name = locale.languages.get(locale.language)
        if is_wanted and name and name != locale.language and locale.variant not in _NO_VARIANTS:
            yield _tag(locale), _own_name(locale)


def _is_placed(locale: Locale) -> bool:
    return locale.territory is not None and locale.territory.isalpha()


def _tag(locale: Locale) -> str:
    """The shortest tag: without the script that everybody expects."""
    bare = "_".join(filter(None, (locale.language, locale.territory)))
    script = locale.script if locale.script and _script(bare) != locale.script else None
    variant = locale.variant.lower() if locale.variant else None
    return "-".join(filter(None, (locale.language, script, locale.territory, variant)))


def _script(bare: str) -> str:
    expected = _likely.get(bare) or _likely.get(bare.partition("_")[0], "")
    return expected.split("_")[1] if expected else ""


def _own_name(locale: Locale) -> str:
    """`Deutsch (Deutschland)`. What its own data does not name is named in English."""
    details = (
        locale.script and _named_in(locale, "scripts", locale.script),
        locale.territory and _named_in(locale, "territories", locale.territory),
        locale.variant and locale.variants.get(locale.variant, locale.variant.title()),
    )
    name = capital(str(locale.languages[locale.language]))
    told = ", ".join(str(each) for each in details if each)
    return f"{name} ({told})" if told else name


def _named_in(locale: Locale, kind: str, code: str) -> str:
    return str(getattr(locale, kind).get(code) or getattr(_english, kind)[code])


def _home(tag: str) -> str:
    parts = tag.split("-")
    if any(len(part) == 2 and part.isupper() for part in parts[1:]):
        return ""
    home = _likely.get(parts[0], "").rpartition("_")[2]
    return home if home.isalpha() else ""


def _sorted(named: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(named.items(), key=lambda item: (folded(item[1]), item[0]))


def main() -> int:
    """See the module."""
    wanted = {LANGUAGES: languages(), TERRITORIES: territories()}
    if "--check" in sys.argv[1:]:
        stale = [path.name for path, text in wanted.items() if path.read_text("utf-8") != text]
        print(
            "".join(f"{name} is not what Babel says: run tools/cldr.py\n" for name in stale),
            end="",
            file=sys.stderr,
        )
        return 1 if stale else 0
    for path, text in wanted.items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
