"""Run by Alembic, always on a connection that `schema` or a developer's command opened."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import JSON

from reseal.kernel.db import Utc
from reseal.server.schema import metadata


def render_item(kind: str, item: Any, autogen: Any) -> str | Literal[False]:
    """Our own column types by their names, in migrations that are written anew."""
    name = {Utc: "Utc()", JSON: "Json"}.get(type(item)) if kind == "type" else None
    if name is None:
        return False
    autogen.imports.add(f"from reseal.kernel.db import {name.rstrip('()')}")
    return name


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
