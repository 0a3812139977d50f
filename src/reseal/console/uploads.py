"""Files between two steps of a form: kept as blobs, named by a text that only this server can have made.

A digest opens nothing by itself, since blobs of all organisations lie together; the text says whose it is.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from reseal.console.parts import Parts
from reseal.kernel.errors import Invalid
from reseal.kernel.ids import TenantKey
from reseal.web.posted import File

_PURPOSE: Final = "console upload"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent before."""

    sha256: str
    size: int
    name: str


async def keep(parts: Parts, chunks: AsyncIterator[bytes]) -> tuple[str, int]:
    """Keep the bytes of a file as they arrive."""
    blob = await parts.blobs.put(chunks)
    return blob.sha256, blob.size


def sealed(parts: Parts, tenant: TenantKey, file: File) -> str:
    """What a form carries to its next step instead of the file."""
    told = json.dumps([int(tenant), file.sha256, file.size, file.name]).encode()
    return parts.seals.seal(_PURPOSE, told)


def opened(parts: Parts, tenant: TenantKey, text: str) -> Upload:
    """The file that a form carries. Raises `Invalid` for anything that this server did not write for it."""
    content = parts.seals.opened(_PURPOSE, text)
    if content is not None:
        owner, sha256, size, name = json.loads(content)
        if owner == tenant:
            return Upload(sha256, size, name)
    raise Invalid(code="NoUpload", message="No file was chosen.", remedy="Choose one.")


async def bytes_of(parts: Parts, sha256: str) -> bytes:
    """The whole file."""
    return b"".join([chunk async for chunk in parts.blobs.read(sha256)])
