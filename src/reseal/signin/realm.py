"""How a user signs in, asked before they do (spec/identity.md 1.1).

Both questions are answered from the domain alone: whether the user exists makes no difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
from starlette.responses import Response

from reseal.directory.model import Tenant
from reseal.signin.accounts import tenant_of_name
from reseal.signin.parts import FORM_LIMIT, Parts
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.routes import Listener, Public, Route

_PASSWORD = 1
_MANAGED, _UNKNOWN = 3, 1
"""`DomainType`."""


class _Question(msgspec.Struct):
    """What a sign-in page asks with; it sends more."""

    username: str = ""


@dataclass(frozen=True, slots=True)
class Realm:
    """UserRealm and GetCredentialType."""

    parts: Parts

    def routes(self) -> tuple[Route, ...]:
        """The questions in their places."""
        why = Public("tells about domains alone")
        return (
            Route("GET", "/{tenant}/userrealm/{upn}", self.realm, why, 0, Listener.BOTH, any_case=True),
            Route("GET", "/{tenant}/userrealm", self.realm, why, 0, Listener.BOTH, any_case=True),
            Route(
                "POST",
                "/{tenant}/GetCredentialType",
                self.credential_type,
                why,
                FORM_LIMIT,
                Listener.BOTH,
                any_case=True,
            ),
        )

    async def realm(self, call: Call) -> Response:
        """Who checks this user's password: we do (`Managed`), or nobody here knows the domain. The names of
        both generations of the document stand side by side.
        """
        upn = str(call.request.path_params.get("upn") or call.query("user") or call.query("login"))
        tenant = await self.parts.db.read(tenant_of_name, upn)
        kind, domain = ("Managed" if tenant else "Unknown"), upn.rpartition("@")[2].lower()
        return Json(
            {
                "ver": "1.0",
                "account_type": kind,
                "domain_name": domain,
                "cloud_instance_name": urlsplit(self.parts.public_url).netloc,
                "cloud_audience_urn": "urn:federation:MicrosoftOnline",
                "NameSpaceType": kind,
                "Login": upn,
                "DomainName": domain,
                "FederationBrandName": tenant.name if tenant else None,
            }
        )

    async def credential_type(self, call: Call) -> Response:
        """Which credential to ask for: a password, of whoever it is."""
        question = await call.json(_Question)
        tenant = await self.parts.db.read(tenant_of_name, question.username)
        return Json(_credential_type(question.username, tenant))


def _credential_type(name: str, tenant: Tenant | None) -> dict[str, object]:
    return {
        "Username": name,
        "Display": name,
        "IfExistsResult": 0 if tenant else 1,
        "IsUnmanaged": False,
        "ThrottleStatus": 0,
        "Credentials": {
            "PrefCredential": _PASSWORD,
            "HasPassword": True,
            "RemoteNgcParams": None,
            "FidoParams": None,
            "SasParams": None,
        },
        "EstsProperties": {"DomainType": _MANAGED if tenant else _UNKNOWN},
        "IsSignupDisallowed": True,
    }
