"""Organisations that documents are applied to, and the sample tenant as a document."""

from __future__ import annotations

import copy
import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from reseal.autopilot.model_import import rows_of_csv
from reseal.blueprint import service
from reseal.blueprint.contents import needed
from reseal.blueprint.document import Document
from reseal.blueprint.plan import Plan
from reseal.blueprint.present import read_present
from reseal.blueprint.source import Source, read_source
from reseal.directory.model import Role
from reseal.directory.roles import assign_role
from reseal.directory.tenants import create_tenant
from reseal.directory.users import create_user
from reseal.esp.profiles import ensure_default
from reseal.kernel.db import Database, Tx
from reseal.kernel.ids import TenantKey
from reseal.wire.devicecsv import read_device_csv
from tests.store.autopilot.support import import_now

T = TypeVar("T")

SAMPLE = Path(__file__).parents[3] / "examples" / "contoso"


def make_organisation(tx: Tx, name: str, domain: str) -> TenantKey:
    """An organisation as a server makes it: with its first administrator and the default page."""
    tenant = create_tenant(tx, name, domain).id
    ensure_default(tx, tenant)
    administrator = create_user(tx, tenant, f"admin@{domain}", "Administrator")
    assign_role(tx, tenant, administrator.id, Role.GLOBAL_ADMINISTRATOR)
    return tenant


def contents_needed(tx: Tx, tenant: TenantKey, document: Document) -> list[str]:
    """The SHA-256 of the contents whose bytes an application needs; the tenant holds the others already."""
    return needed(document, read_present(tx, tenant))


def sample() -> dict[str, Any]:
    """The document of examples/contoso; each caller may edit its own."""
    return copy.deepcopy(_read().document)


def sample_contents() -> dict[str, bytes]:
    """The bytes of the contents that the sample refers to."""
    return {digest: path.read_bytes() for digest, path in _read().contents.items()}


@functools.cache
def _read() -> Source:
    return read_source(SAMPLE)


def minimal(text: str = "") -> dict[str, Any]:
    """A document of the YAML in `text`."""
    document: dict[str, Any] = {"reseal": 1, **(yaml.safe_load(text) or {})}
    return document


def content(data: bytes, name: str) -> dict[str, Any]:
    """A reference to some bytes."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "fileName": name}


def named(document: Mapping[str, Any], section: str, name: str) -> dict[str, Any]:
    """The entry of a section that has this name."""
    found: dict[str, Any] = next(
        entry for entry in document[section] if name in {entry.get("name"), entry.get("upn")}
    )
    return found


@dataclass
class Organisation:
    """Short ways of applying documents to one organisation, as a server does it."""

    database: Database
    tenant: TenantKey
    contents: dict[str, bytes] = field(default_factory=sample_contents)
    """What has been uploaded."""

    async def write(self, unit: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a service function on this organisation."""
        return await self.database.write(unit, self.tenant, *args, causes=self.tenant, **kwargs)

    async def read(self, unit: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a reading service function on this organisation."""
        return await self.database.read(unit, self.tenant, *args, **kwargs)

    async def apply(self, raw: Mapping[str, Any], *, prune: bool = False) -> Plan:
        """Apply a document with the bytes that it needs."""
        document = service.parse_document(raw)
        digests = await self.read(contents_needed, document)
        new = await self.read(service.new_users, document)
        return await self.write(
            service.apply_document,
            document,
            contents={digest: self.contents[digest] for digest in digests if digest in self.contents},
            password_hashes={upn: f"hash of {upn}" for upn in new},
            actor="test",
            prune=prune,
        )

    async def plan(self, raw: Mapping[str, Any], *, prune: bool = False) -> Plan:
        """What applying a document would change."""
        document = service.parse_document(raw)
        return await self.write(service.plan_document, document, contents=self.contents, prune=prune)

    async def export(self) -> dict[str, Any]:
        """The organisation as a document; its contents are uploaded, as a server does it."""
        found = await self.read(service.export_document)
        self.contents |= found.held
        return found.document

    async def import_devices(self) -> None:
        """Register the twenty virtual laptops of the sample."""
        rows = rows_of_csv(read_device_csv((SAMPLE / "devices.csv").read_bytes()))
        await self.write(lambda tx, tenant: import_now(tx, tenant, rows))


def lines(plan: Plan) -> list[str]:
    """The plan as people read it."""
    return [str(line) for line in plan.lines]
