"""The authorize endpoint: who asks, then the sign-in page, then a code (spec/identity.md 1.5, 7).

The page asks for the user name first and then for the password; for both at once when the name is known. A
client that wants an account to be picked (`prompt=select_account`) has the one offered that is signed in in
this browser. What the client asked travels in the form's hidden fields and is checked again each time:
nothing is stored until somebody has signed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.responses import Response

from reseal.directory.model import Tenant
from reseal.directory.model_names import fold
from reseal.directory.tenants import tenant_by_id
from reseal.kernel.db import Tx
from reseal.signin.accounts import tenant_named, tenant_of_name
from reseal.signin.attempts import WRONG, Attempts, Browser, SignedIn, continue_session
from reseal.signin.authorization import Authorization, read_addressee, read_authorization
from reseal.signin.claims import Hint
from reseal.signin.errors import OAuthError
from reseal.signin.first_party import form_target
from reseal.signin.look import PLAIN, look_of
from reseal.signin.pages import AccountsView, Alert, SignInView, accounts_page, error_page, sign_in_page
from reseal.signin.parts import FORM_LIMIT, Parts, address_of, form_of, is_old
from reseal.signin.sessions import Session, find_session
from reseal.signin.texts import Texts, texts_for
from reseal.signin.tracing import Trace, log_refusal, new_trace
from reseal.web.calls import Call
from reseal.web.cookies import cookie, set_cookie
from reseal.web.forgery import FIELD, Forms
from reseal.web.languages import wanted_languages
from reseal.web.pages import see_other
from reseal.web.routes import Listener, Public, Route

SESSION = "reseal-session"
"""The cookie of a browser whose user signed in."""

MISSING = "AADSTS90014"
"""A field was left empty: nothing that a help desk would look up."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that may be granted, and for whom. `tenant` is that of the endpoint; `hint` names the only
    user who may sign in.
    """

    authorization: Authorization
    tenant: Tenant | None
    hint: Hint | None
    languages: tuple[str, ...]
    texts: Texts
    action: str


@dataclass(frozen=True, slots=True)
class AuthorizeEndpoint:
    """Shows the sign-in page and answers its form."""

    parts: Parts

    def routes(self) -> tuple[Route, ...]:
        """The endpoint in its two places."""
        why = Public("signs users in")
        return tuple(
            Route(method, path, handler, why, limit, Listener.BROWSER, any_case=True)
            for path in ("/{tenant}/oauth2/authorize", "/{tenant}/oauth2/v2.0/authorize")
            for method, handler, limit in (("GET", self.get, 0), ("POST", self.post, FORM_LIMIT))
        )

    async def get(self, call: Call) -> Response:
        """A client sends its user here."""
        return await self._begun(call, dict(call.request.query_params))

    async def post(self, call: Call) -> Response:
        """The page's form, or a client's request sent as one."""
        form = await form_of(call)
        return await (self._filled_in(call, form) if FIELD in form else self._begun(call, form))

    async def _begun(self, call: Call, parameters: Mapping[str, str]) -> Response:
        asked = await self._asked(call, parameters)
        if isinstance(asked, Response):
            return asked
        authorization = asked.authorization
        session = await self._session(call, asked)
        if session is not None and authorization.prompt == "select_account":
            return await self._accounts(call, asked, session)
        if session is not None:
            return await self._continued(call, asked, session)
        if authorization.prompt == "none":
            return see_other(authorization.addressee.refusal(_LOGIN_REQUIRED))
        name = asked.hint.upn if asked.hint else authorization.login_hint
        return await self._page(call, asked, name, ask_password=bool(name))

    async def _continued(self, call: Call, asked: _Asked, session: Session) -> Response:
        code = await self.parts.db.write(continue_session, session, asked.authorization, _browser(call))
        return see_other(asked.authorization.addressee.answer(code=code))

    async def _filled_in(self, call: Call, form: Mapping[str, str]) -> Response:
        asked = await self._asked(call, form)
        if isinstance(asked, Response):
            return asked
        typed, texts = form.get("loginfmt", "").strip(), asked.texts
        name = asked.hint.upn if asked.hint else typed
        if not self._forms.genuine(call.request, form[FIELD]):
            stale = Alert("AADSTS165000", texts.stale_form)
            return await self._page(call, asked, name, alert=stale, ask_password=bool(name))
        if asked.hint and typed and fold(typed) != fold(name):
            other = Alert("AADSTS50020", texts.filled(texts.other_user, user=name))
            return await self._page(call, asked, name, alert=other, ask_password=True)
        if picked := form.get("account", ""):
            return await self._picked(call, asked, picked)
        if not name:
            return await self._page(call, asked, "", alert=Alert(MISSING, texts.no_user_name))
        tenant = await self.parts.db.read(tenant_of_name, name)
        if tenant is None or (asked.tenant is not None and tenant.id != asked.tenant.id):
            return await self._page(call, asked, name, alert=_foreign(asked, texts))
        asked = replace(asked, tenant=tenant)
        if not form.get("passwd"):
            alert = Alert(MISSING, texts.no_password) if "passwd" in form else None
            return await self._page(call, asked, name, alert=alert, ask_password=True)
        return await self._tried(call, asked, tenant, name, form["passwd"])

    async def _picked(self, call: Call, asked: _Asked, picked: str) -> Response:
        """Go on as whoever is signed in, if that is still who was picked."""
        session = await self._session(call, asked)
        if session is not None and str(session.user.uuid) == picked:
            return await self._continued(call, asked, session)
        return await self._page(call, asked, "")

    async def _tried(self, call: Call, asked: _Asked, tenant: Tenant, name: str, password: str) -> Response:
        authorization, trace = asked.authorization, new_trace(self.parts)
        outcome = await Attempts(self.parts).attempt(
            tenant, name, password, authorization, _browser(call, trace), asked.texts
        )
        if not isinstance(outcome, SignedIn):
            return await self._page(call, asked, name, alert=outcome, ask_password=True, trace=trace)
        answer = see_other(authorization.addressee.answer(code=outcome.code))
        set_cookie(answer, SESSION, outcome.session)
        return answer

    # --- what is asked, and of whom -------------------------------------------------------------------------

    async def _asked(self, call: Call, parameters: Mapping[str, str]) -> _Asked | Response:
        """The request, or the answer to one that cannot be granted."""
        accepted = call.request.headers.get("accept-language", "")
        languages = wanted_languages(parameters.get("ui_locales", ""), accepted)
        texts = texts_for(languages)
        try:
            tenant = await self.parts.tenant(call)
            addressee = read_addressee(parameters, self.parts.public_url)
        except OAuthError as error:
            trace = new_trace(self.parts)
            log_refusal(trace, error.code, error.message)
            return error_page(error, texts, trace)
        try:
            authorization = read_authorization(parameters, addressee)
        except OAuthError as error:
            return see_other(addressee.refusal(error))
        action = f"/{tenant.uuid if tenant else 'common'}/oauth2{'' if is_old(call) else '/v2.0'}/authorize"
        hint = await self._hint(authorization.hint, tenant)
        return _Asked(authorization, tenant, hint, languages, texts, action)

    async def _hint(self, text: str, tenant: Tenant | None) -> Hint | None:
        """Whose device the page is for. One for another tenant's user counts as none."""
        hint = self.parts.signer.read_hint(text, now=self.parts.clock.now()) if text else None
        if hint is None:
            return None
        owner = await self.parts.db.read(tenant_of_name, hint.upn)
        fits = owner is not None and (tenant is None or tenant.id == owner.id)
        return hint if fits else None

    async def _session(self, call: Call, asked: _Asked) -> Session | None:
        """The browser's session, if the request may be answered from it."""
        text, wanted = cookie(call.request, SESSION), asked.authorization
        if not text or wanted.prompt in {"login", "create"}:
            return None
        session = await self.parts.db.read(find_session, text)
        if session is None or (asked.tenant is not None and asked.tenant.id != session.tenant):
            return None
        names = [name for name in (wanted.login_hint, asked.hint.upn if asked.hint else "") if name]
        same = all(fold(name) == fold(session.user.upn) for name in names)
        return session if same else None

    # --- the page -------------------------------------------------------------------------------------------

    @property
    def _forms(self) -> Forms:
        return Forms(self.parts.signer.seals, self.parts.entropy)

    async def _page(
        self,
        call: Call,
        asked: _Asked,
        name: str,
        *,
        alert: Alert | None = None,
        ask_password: bool = False,
        trace: Trace | None = None,
    ) -> Response:
        tenant = asked.tenant or await self.parts.db.read(_hinted_tenant, asked, name)
        forms, hint = self._forms, asked.hint
        visit = forms.visit(call.request)
        on_device = hint is not None
        look = look_of(tenant, asked.languages, asked.texts, on_device=on_device) if tenant else PLAIN
        if alert is not None and alert.code != MISSING:
            trace = trace or new_trace(self.parts)
            log_refusal(trace, alert.code)
        response = sign_in_page(
            SignInView(
                action=asked.action,
                hidden={**asked.authorization.carried, FIELD: forms.canary(visit)},
                user_name=name,
                placeholder=look.user_name_hint or asked.texts.user_name_hint,
                fixed=on_device,
                greeting=hint.greeting if hint else None,
                ask_password=ask_password,
                other_account=_other_account(asked) if ask_password and not on_device else "",
                focus="password" if ask_password else "user",
                alert=alert,
                reset=look.reset if alert is not None and alert.code == WRONG else None,
                trace=trace,
                form_targets=(form_target(asked.authorization.addressee.redirect_uri),),
            ),
            look,
            asked.texts,
        )
        forms.keep(response, call.request, visit)
        return response

    async def _accounts(self, call: Call, asked: _Asked, session: Session) -> Response:
        forms, user = self._forms, session.user
        visit = forms.visit(call.request)
        tenant = await self.parts.db.read(tenant_by_id, session.tenant)
        response = accounts_page(
            AccountsView(
                action=asked.action,
                hidden={**asked.authorization.carried, FIELD: forms.canary(visit)},
                account=str(user.uuid),
                user_name=user.upn,
                display_name=user.display_name or user.upn,
                other_account=_other_account(asked),
                form_targets=(form_target(asked.authorization.addressee.redirect_uri),),
            ),
            look_of(tenant, asked.languages, asked.texts),
            asked.texts,
        )
        forms.keep(response, call.request, visit)
        return response


_LOGIN_REQUIRED = OAuthError(
    "login_required", 50058, "Nobody is signed in in this browser.", remedy="Ask again without prompt=none."
)


def _browser(call: Call, trace: Trace | None = None) -> Browser:
    return Browser(address_of(call), cookie(call.request, SESSION), str(trace.id) if trace else "")


def _foreign(asked: _Asked, texts: Texts) -> Alert:
    """A name of a domain that is not the organisation's, or nobody's; which of these is not told."""
    if asked.tenant is None:
        return Alert("AADSTS50128", texts.unknown_organisation)
    return Alert("AADSTS50020", texts.filled(texts.other_organisation, organisation=asked.tenant.name))


def _hinted_tenant(tx: Tx, asked: _Asked, name: str) -> Tenant | None:
    """Whose page it is when the endpoint is everybody's."""
    domain = asked.authorization.domain_hint
    return tenant_of_name(tx, name) or (tenant_named(tx, domain) if domain else None)


def _other_account(asked: _Asked) -> str:
    kept = {name: text for name, text in asked.authorization.carried.items() if name != "login_hint"}
    return f"{asked.action}?{urlencode({**kept, 'prompt': 'login'})}"
