"""Who looks at a page: in which languages it speaks to them, and how it looks for their organisation."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from reseal.directory.model import Tenant
from reseal.signin.errors import OAuthError
from reseal.signin.look import PLAIN, Look, look_of
from reseal.signin.pages import error_page
from reseal.signin.parts import Parts
from reseal.signin.texts import Texts, texts_for
from reseal.signin.tracing import log_refusal, new_trace
from reseal.web.calls import Call
from reseal.web.languages import wanted_languages


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody's languages, best first, and the texts in the one that is spoken."""

    languages: tuple[str, ...]
    texts: Texts

    def look(self, tenant: Tenant | None, *, on_device: bool = True) -> Look:
        """How their organisation's page looks; by default in the set-up of a device, where links lead
        nowhere.
        """
        return look_of(tenant, self.languages, self.texts, on_device=on_device) if tenant else PLAIN


def reader_of(call: Call) -> Reader:
    """Who sends this request."""
    accepted = call.request.headers.get("accept-language", "")
    languages = wanted_languages(call.query("ui_locales"), accepted)
    return Reader(languages, texts_for(languages))


def refused_page(parts: Parts, call: Call, error: OAuthError) -> Response:
    """An error that can be told to nobody but the reader, with what finds it in the log."""
    trace = new_trace(parts)
    log_refusal(trace, error.code, error.message)
    return error_page(error, reader_of(call).texts, trace)
