"""A tenant as a document: what would change, making it so, and writing it down.

Whatever is slow or elsewhere happens before the unit: the bytes of contents are read, passwords of new users
are made and hashed. The unit itself then decides everything at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from reseal.api.parts import Declare, Parts
from reseal.blueprint.plan import Plan
from reseal.blueprint.service import (
    Contents,
    Document,
    Holding,
    apply_document,
    contents_at_hand,
    export_document,
    new_users,
    parse_document,
    plan_document,
)
from reseal.directory.model import Role, User
from reseal.directory.roles import roles_by_user
from reseal.directory.users import users_by_id
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.signin.passwords import make_password
from reseal.web.answers import Json
from reseal.web.calls import Call, Caller
from reseal.web.routes import MIB, Route, require

READ = "Directory.Read.All"
WRITE = "Directory.ReadWrite.All"
ROLES = "RoleManagement.ReadWrite.Directory"
LONGEST = 32 * MIB


def blueprint_routes(declare: Declare) -> tuple[Route, ...]:
    """Routes of documents. Applying one can touch everything, so it takes the directory's own permission."""
    return (
        declare("GET", "/blueprint", _export, READ),
        declare("POST", "/blueprint/plan", _plan, WRITE, LONGEST),
        declare("POST", "/blueprint/apply", _apply, WRITE, LONGEST),
    )


async def _export(parts: Parts, call: Call) -> Response:
    """The document; the contents that it names are fetched by their digests."""
    return Json((await parts.db.read(export_document, call.caller.tenant)).document)


async def _plan(parts: Parts, call: Call) -> Response:
    document = parse_document(await call.json(object))
    tenant = call.caller.tenant
    contents = await _contents(parts, await parts.db.read(contents_at_hand, tenant, document))
    plan = await parts.db.write(
        plan_document, tenant, document, contents=contents, prune=call.flag("prune"), causes=tenant
    )
    return Json(plan.to_json())


async def _apply(parts: Parts, call: Call) -> Response:
    document = parse_document(await call.json(object))
    tenant = call.caller.tenant
    at_hand, new = await parts.db.read(_beforehand, tenant, document)
    passwords = {upn: make_password(parts.entropy) for upn in new}
    hashes = {
        upn: await parts.workers.run(parts.passwords.hash, password, parts.entropy)
        for upn, password in passwords.items()
    }
    plan = await parts.db.write(
        _apply_as,
        call.caller,
        document,
        contents=await _contents(parts, at_hand),
        password_hashes=hashes,
        prune=call.flag("prune"),
        causes=tenant,
    )
    return Json({**plan.to_json(), "passwords": passwords})


def _apply_as(
    tx: Tx,
    caller: Caller,
    document: Document,
    *,
    contents: Contents,
    password_hashes: Mapping[str, str],
    prune: bool,
) -> Plan:
    """Apply for a caller. Whoever may edit the directory may not thereby make administrators, nor change or
    delete them.
    """
    before = _holders_of_roles(tx, caller.tenant)
    plan = apply_document(
        tx,
        caller.tenant,
        document,
        contents=contents,
        password_hashes=password_hashes,
        actor=caller.name,
        prune=prune,
    )
    if _holders_of_roles(tx, caller.tenant) != before:
        require(caller, ROLES)
    return plan


def _holders_of_roles(tx: Tx, tenant: TenantKey) -> dict[int, tuple[User, tuple[Role, ...]]]:
    """Everybody who holds a role, as they are."""
    roles = roles_by_user(tx, tenant)
    return {key: (user, roles[key]) for key, user in users_by_id(tx, tenant, roles).items()}


def _beforehand(tx: Tx, tenant: TenantKey, document: Document) -> tuple[Mapping[str, Holding], list[str]]:
    return contents_at_hand(tx, tenant, document), new_users(tx, tenant, document)


async def _contents(parts: Parts, at_hand: Mapping[str, Holding]) -> dict[str, bytes]:
    """The bytes of those contents; the document says which of the others it misses."""
    found: dict[str, bytes] = {}
    for sha256, holding in at_hand.items():
        if holding.held is not None:
            found[sha256] = holding.held
        elif await parts.blobs.size(sha256) is not None:
            found[sha256] = b"".join([chunk async for chunk in parts.blobs.read(sha256)])
    return found
