"""Contents by digest: asking whether one is here, sending one, fetching one."""

from __future__ import annotations

from starlette.responses import Response, StreamingResponse

from reseal.api.parts import Declare, Parts
from reseal.blueprint.service import Holding, holdings
from reseal.catalog.uploads import note_upload
from reseal.kernel.errors import Invalid, NotFound
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.routes import Route, require

KEYS = "DeviceManagementConfiguration.ReadWrite.All"
"""The permission that a content with a key takes, beside that of the route."""

_HEX_DIGITS = frozenset("0123456789abcdef")
_MEDIA_TYPE = "application/octet-stream"


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
    The key of a wireless network is given to whoever may set it, here as in the console.
    """
    sha256 = _digest(call)
    holding = (await parts.db.read(holdings, call.caller.tenant, (sha256,))).get(sha256)
    size = None if holding is None else await _size(parts, holding, sha256)
    if holding is None or size is None:
        raise NotFound(
            code="ContentNotFound",
            message=f"There is no content with the digest {sha256}.",
            remedy="Send it.",
        )
    headers = {"Content-Length": str(size), "ETag": f'"{sha256}"'}
    if call.request.method == "HEAD":
        return Response(headers=headers, media_type=_MEDIA_TYPE)
    if holding.holds_key:
        require(call.caller, KEYS)
    if holding.held is not None:
        return Response(holding.held, headers=headers, media_type=_MEDIA_TYPE)
    return StreamingResponse(parts.blobs.read(sha256), headers=headers, media_type=_MEDIA_TYPE)


async def _size(parts: Parts, holding: Holding, sha256: str) -> int | None:
    return await parts.blobs.size(sha256) if holding.held is None else len(holding.held)


async def _put(parts: Parts, call: Call) -> Response:
    blob = await parts.blobs.put(call.stream(), _digest(call))
    await parts.db.write(note_upload, call.caller.tenant, blob.sha256)
    return Json({"sha256": blob.sha256, "size": blob.size}, status_code=201)


def _digest(call: Call) -> str:
    text = str(call.request.path_params["sha256"]).lower()
    if len(text) != 64 or not set(text) <= _HEX_DIGITS:
        raise Invalid(
            code="BadDigest", message=f"{text!r} is not a SHA-256.", remedy="Write its 64 hexadecimal digits."
        )
    return text
