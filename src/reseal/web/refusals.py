"""How a person in a browser is told that something cannot be: by a page, in their language.

    application(routes, ..., tell=telling(Listener.BROWSER))

Programs get an error as data (`answers.refusal`). A browser that goes to an address asks for HTML, and is
shown what happened, what to do, and the code that a help desk looks up. It is one place for all: the table of
routes that has no such address, handlers, faults, the outermost layer. Topics whose pages have a frame of
their own tell their refusals in it (`routes.Reception`) and take from here what they are called.

Sentences that are phrases come in the reader's language; any other stays English, and says that it is. The
address is never repeated: a page of ours does not say what a link wants it to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from reseal.kernel.errors import ResealError, WrongHost
from reseal.web.answers import Tell, as_data, headers_of, refusal
from reseal.web.assets import FRAME, TOKENS, style_sheet
from reseal.web.languages import wanted_languages
from reseal.web.pages import page, templates
from reseal.web.phrases import ENGLISH, Phrase, first_spoken, marked, translated
from reseal.web.routes import Listener, Route
from reseal.web.writing import direction

SHEET: Final = style_sheet("frame", TOKENS, FRAME)

_TITLES: Final[Mapping[int, str]] = {
    401: marked("You are not signed in"),
    403: marked("This account may not see this"),
    404: marked("There is no such page"),
    405: marked("This address is not used like that"),
    413: marked("That is too much at once"),
    421: marked("This server goes by another name"),
    429: marked("That was asked too often"),
    500: marked("This server failed"),
    503: marked("This server is not ready"),
    507: marked("This server's disk is full"),
}
_ANY: Final = marked("This cannot be done")
_CODE: Final = marked("Error code")
_HOME: Final = marked("Go to the first page")

_templates = templates("reseal.web")


@dataclass(frozen=True, slots=True)
class _Sentence:
    """Something that is said, and in which language it stands."""

    text: str
    language: str

    @property
    def direction(self) -> str:
        """In which it is written."""
        return direction(self.language)


def telling(listener: Listener) -> Tell:
    """How a listener tells refusals: only browsers have somebody in front of them who reads pages."""
    return told if listener is Listener.BROWSER else as_data


def told(request: Request, error: ResealError) -> Response:
    """An error as a page to a browser, as data to a program."""
    if not wants_page(request):
        return refusal(error)
    language = first_spoken(wanted_languages("", request.headers.get("accept-language", "")))
    # Under a name that is not ours a browser gets no file of ours either, and no link would lead on.
    is_here = not isinstance(error, WrongHost)
    html = _templates.get_template("refusal.html").render(
        language=language,
        direction=direction(language),
        title=translated(title_of(error.status), language),
        code=error.code,
        sentences=[_sentence(each, language) for each in (error.message, error.remedy) if each],
        code_label=translated(_CODE, language),
        home=translated(_HOME, language) if is_here else "",
        sheet=SHEET.path if is_here else "",
    )
    response = page(html, status=error.status)
    response.headers.update(headers_of(error))
    return response


def title_of(status: int) -> str:
    """What a refusal is called, by its status."""
    return _TITLES.get(status, _ANY)


def wants_page(request: Request) -> bool:
    """Whether somebody looks at what comes: browsers name HTML, and name no JSON before it."""
    accepted = request.headers.get("accept", "").lower()
    before, names_html, _ = accepted.partition("text/html")
    return bool(names_html) and "json" not in before


def refusal_routes() -> tuple[Route, ...]:
    """What the page is made with."""
    return (SHEET.route(),)


def _sentence(text: str, language: str) -> _Sentence:
    if isinstance(text, Phrase):
        return _Sentence(translated(text, language), language)
    return _Sentence(text, ENGLISH)
