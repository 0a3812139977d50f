"""Contents by digest: asking whether one is here, sending one, fetching one."""

from __future__ import annotations

from starlette.responses import Response, StreamingResponse

from reseal.api.parts import Declare, Parts
from reseal.blueprint.service import export_document
from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid, NotFound
from reseal.kernel.ids import TenantKey
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.routes import Route

_HEX_DIGITS = frozenset("0123456789abcdef")


def content_routes(declare: Declare) -> tuple[Route, ...]:
    """Routes of contents; a content is named by its own SHA-256, so that sending it twice changes nothing."""
    longest = declare.parts.settings.max_upload_bytes
    return (
        declare("GET", "/content/{sha256}", _get, "DeviceManagementApps.Read.All"),
        declare("PUT", "/content/{sha256}", _put, "DeviceManagementApps.ReadWrite.All", longest),
    )


async def _get(parts: Parts, call: Call) -> Response:
    """A content that the caller's tenant refers to; HEAD tells whether it is here and how long it is.

    One of another tenant alone is answered as missing: a digest does not open it, nor tell that it exists.
    """
    sha256 = _digest(call)
    own = await parts.db.read(_refers, call.caller.tenant, sha256)
    size = await parts.blobs.size(sha256) if own else None
    if size is None:
        raise NotFound(
            code="ContentNotFound",
            message=f"There is no content with the digest {sha256}.",
            remedy="Send it.",
        )
    headers = {"Content-Length": str(size), "ETag": f'"{sha256}"'}
    if call.request.method == "HEAD":
        return Response(headers=headers, media_type="application/octet-stream")
    return StreamingResponse(parts.blobs.read(sha256), headers=headers, media_type="application/octet-stream")


def _refers(tx: Tx, tenant: TenantKey, sha256: str) -> bool:
    exported = export_document(tx, tenant)
    return sha256 in exported.stored or sha256 in exported.held


async def _put(parts: Parts, call: Call) -> Response:
    blob = await parts.blobs.put(call.stream(), _digest(call))
    return Json({"sha256": blob.sha256, "size": blob.size}, status_code=201)


def _digest(call: Call) -> str:
    text = str(call.request.path_params["sha256"]).lower()
    if len(text) != 64 or not set(text) <= _HEX_DIGITS:
        raise Invalid(
            code="BadDigest", message=f"{text!r} is not a SHA-256.", remedy="Write its 64 hexadecimal digits."
        )
    return text
