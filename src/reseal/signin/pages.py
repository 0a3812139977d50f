"""The pages: signing in, picking an account, a device's code, an error, the end of a session; and those of
enrolment, which `mdm` answers.
"""

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
from reseal.web.assets import TOKENS, script, style_sheet
from reseal.web.pages import page, templates

SHEET = style_sheet("signin", TOKENS, ("reseal.signin", "signin.css"))
HANDOVER_SCRIPT = script("handover", "reseal.signin", "handover.js")
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


@dataclass(frozen=True, slots=True)
class HandoverView:
    """A form that sends itself to an app of Windows; `target` is what the policy lets it lead to."""

    action: str
    hidden: Mapping[str, str]
    target: str


@dataclass(frozen=True, slots=True)
class TermsView:
    """What somebody is asked to accept, and where the answer may lead. `address` is where the organisation
    tells its own terms, empty for nowhere. While `joining` nobody can decline: it could not be undone.
    """

    action: str
    hidden: Mapping[str, str]
    user_name: str
    address: str
    joining: bool
    form_targets: Sequence[str]
    framed_by: Sequence[str]


@dataclass(frozen=True, slots=True)
class OwnDevice:
    """How a device stands: how many of its settings and apps have arrived, and when it last called."""

    name: str
    done: int
    all: int
    contact: datetime | None

    @property
    def time(self) -> str:
        """When it last called, for people; empty if it never did."""
        return time_text(self.contact) if self.contact else ""


@dataclass(frozen=True, slots=True)
class OwnDevicesView:
    """The devices of whoever signed in."""

    user_name: str
    devices: Sequence[OwnDevice]


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


def handover_page(view: HandoverView, look: Look, texts: Texts) -> Response:
    """Where somebody who signed in is handed back to Windows."""
    html = _rendered("handover.html", texts, look, view=view, script=HANDOVER_SCRIPT.path)
    return page(html, form_targets=(view.target,), scripts=True)


def terms_page(view: TermsView, look: Look, texts: Texts) -> Response:
    """Whether the terms of use are accepted."""
    html = _rendered("terms.html", texts, look, view=view)
    return page(html, form_targets=view.form_targets, framed_by=view.framed_by)


def own_devices_page(view: OwnDevicesView, look: Look, texts: Texts) -> Response:
    """How somebody's devices stand."""
    return page(_rendered("own_devices.html", texts, look, view=view))


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
