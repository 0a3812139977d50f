"""The sign-in page, the page of an error, the page after signing out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from starlette.responses import Response

from reseal.signin.errors import OAuthError
from reseal.signin.look import PLAIN, Look
from reseal.signin.texts import Texts
from reseal.web.assets import TOKENS, style_sheet
from reseal.web.pages import page, templates

SHEET = style_sheet("signin", TOKENS, ("reseal.signin", "signin.css"))
_templates = templates("reseal.signin")


@dataclass(frozen=True, slots=True)
class Alert:
    """What went wrong, in words for the user; `code` is the AADSTS number that a help desk looks up."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class SignInView:
    """What the sign-in page shows beside its look.

    `greeting` is None unless the page is part of a device's set-up; `fixed` shows a user name that cannot be
    changed; `hidden` are the fields that the form carries on.
    """

    action: str
    hidden: Mapping[str, str]
    user_name: str = ""
    placeholder: str = ""
    fixed: bool = False
    greeting: str | None = None
    ask_password: bool = False
    other_account: str = ""
    focus: Literal["user", "password"] = "user"
    alert: Alert | None = None
    form_targets: Sequence[str] = field(default=())


def sign_in_page(view: SignInView, look: Look, texts: Texts) -> Response:
    """The form."""
    html = _rendered("sign_in.html", texts, look, view=view)
    return page(html, form_targets=view.form_targets)


def error_page(error: OAuthError, texts: Texts, trace: UUID) -> Response:
    """An error that cannot be told to a client, because nobody knows whether there is one."""
    html = _rendered("message.html", texts, PLAIN, title=texts.error_title, error=error, trace=trace)
    return page(html, status=error.status)


def signed_out_page(texts: Texts) -> Response:
    """After signing out."""
    told = {"title": texts.signed_out, "text": texts.signed_out_text, "error": None}
    return page(_rendered("message.html", texts, PLAIN, **told))


def _rendered(template: str, texts: Texts, look: Look, **more: Any) -> str:
    return _templates.get_template(template).render(texts=texts, look=look, sheet=SHEET.path, **more)
