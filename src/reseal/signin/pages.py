"""The pages: signing in, picking an account, a device's code, an error, the end of a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from starlette.responses import Response

from reseal.signin.errors import OAuthError
from reseal.signin.look import PLAIN, Link, Look
from reseal.signin.texts import Texts
from reseal.signin.tracing import Trace, time_text
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
    changed; `hidden` are the fields that the form carries on. `reset` stands behind the alert, `trace` below
    the form, for the help desk.
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
    reset: Link | None = None
    trace: Trace | None = None
    form_targets: Sequence[str] = field(default=())


@dataclass(frozen=True, slots=True)
class AccountsView:
    """The account that is signed in in this browser, and the way to another."""

    action: str
    hidden: Mapping[str, str]
    account: str
    user_name: str
    display_name: str
    other_account: str
    form_targets: Sequence[str]


@dataclass(frozen=True, slots=True)
class CodeView:
    """The form for a device's code."""

    action: str
    hidden: Mapping[str, str]
    alert: Alert | None
    form_targets: Sequence[str]


@dataclass(frozen=True, slots=True)
class ConfirmView:
    """Who asked with a device's code, from where and when, and as whom it would be signed in."""

    action: str
    hidden: Mapping[str, str]
    app: str
    address: str
    asked_at: datetime
    user_name: str
    other_account: str

    @property
    def time(self) -> str:
        """When it was asked, for people."""
        return time_text(self.asked_at)


def sign_in_page(view: SignInView, look: Look, texts: Texts) -> Response:
    """The form."""
    return page(_rendered("sign_in.html", texts, look, view=view), form_targets=view.form_targets)


def accounts_page(view: AccountsView, look: Look, texts: Texts) -> Response:
    """Which account it shall be."""
    return page(_rendered("accounts.html", texts, look, view=view), form_targets=view.form_targets)


def code_page(view: CodeView, look: Look, texts: Texts) -> Response:
    """Where a device's code is typed."""
    return page(_rendered("device_code.html", texts, look, view=view), form_targets=view.form_targets)


def confirm_page(view: ConfirmView, look: Look, texts: Texts) -> Response:
    """Whether the device may be signed in."""
    return page(_rendered("device_confirm.html", texts, look, view=view))


def message_page(title: str, text: str, look: Look, texts: Texts, link: Link | None = None) -> Response:
    """Something is done; nothing more is asked."""
    told = {"title": title, "text": text, "error": None, "link": link}
    return page(_rendered("message.html", texts, look, **told))


def error_page(error: OAuthError, texts: Texts, trace: Trace) -> Response:
    """An error that cannot be told to a client, because nobody knows whether there is one."""
    told = {"title": texts.error_title, "error": error, "trace": trace, "link": None}
    return page(_rendered("message.html", texts, PLAIN, **told), status=error.status)


def _rendered(template: str, texts: Texts, look: Look, **more: Any) -> str:
    return _templates.get_template(template).render(texts=texts, look=look, sheet=SHEET.path, **more)
