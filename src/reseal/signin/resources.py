"""Resources: what an access token can be for, and the names that clients call it by (spec/identity.md 0).

A client names a resource by `resource` (v1) or within `scope` (v2: `<resource>/.default`,
`<resource>/<permission>`). Letter case and a slash at the end do not count; the token's `aud` is written as
it is registered here.
"""

from __future__ import annotations

from dataclasses import dataclass

DRS_AUDIENCES = (
    "urn:ms-drs:enterpriseregistration.windows.net",
    "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9",
)
"""What `aud` may be in a token for the device registration service."""

MDM_AUDIENCES = (
    "https://enrollment.manage.microsoft.com/",
    "d4ebce55-015a-49b5-a083-c84d1797ae8c",
    "0000000a-0000-0000-c000-000000000000",
)
"""What `aud` may be in a token for the management service."""

GRAPH_AUDIENCES = ("https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000")

_OPENID_SCOPES = frozenset({"openid", "profile", "email", "offline_access", "aza", "ugs"})
"""Scopes that are about the sign-in itself; they name no resource."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Who a token is for: `audience` as the client asked, `scopes` that it carries for a user."""

    audience: str
    scopes: tuple[str, ...]


def find_resource(name: str) -> Resource | None:
    """The resource of that name, or None if there is none."""
    return _BY_NAME.get(_folded(name))


def names_resource(resource: str, scope: str) -> bool:
    """Whether a request says what it is for."""
    return bool(resource or _naming(scope))


def resource_asked(resource: str, scope: str) -> Resource | None:
    """The resource that a request is for; without one, Graph, as Microsoft has it.

    None if it names one that is not registered, or names two.
    """
    if resource:
        return find_resource(resource)
    named = _naming(scope)
    if not named:
        return find_resource(GRAPH_AUDIENCES[0])
    first, *others = [_of_scope(word) for word in named]
    return first if all(other == first for other in others) else None


def _naming(scope: str) -> list[str]:
    return [word for word in scope.split() if word.lower() not in _OPENID_SCOPES]


def _of_scope(word: str) -> Resource | None:
    """The resource of `<resource>/<permission>`; one word alone is a permission of Graph."""
    name, slash, permission = word.rpartition("/")
    if not slash and ":" not in permission:
        return find_resource(GRAPH_AUDIENCES[0])
    return find_resource(name) or find_resource(word)


def _folded(name: str) -> str:
    return name.strip().lower().rstrip("/")


_BY_NAME = {
    _folded(audience): Resource(audience, scopes)
    for audiences, scopes in (
        (DRS_AUDIENCES, ("user_impersonation",)),
        (MDM_AUDIENCES, ("mdm_delegation",)),
        (GRAPH_AUDIENCES, ("User.Read",)),
    )
    for audience in audiences
}
