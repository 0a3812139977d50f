"""The route by which devices fetch the contents of apps: by signed address, in ranges if they like."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from starlette.responses import Response, StreamingResponse

from reseal.kernel.blobs import Blobs
from reseal.kernel.clock import Clock
from reseal.kernel.db import Database, Tx
from reseal.kernel.errors import NotFound
from reseal.managed.content import ContentUrls
from reseal.managed.enrolments import enrolment_by_uuid
from reseal.managed.model import EnrolmentState
from reseal.web.calls import Call
from reseal.web.routes import Listener, Public, Route

_MOST_DIGITS = 15


@dataclass(frozen=True, slots=True)
class ContentDoor:
    """Serves contents to enrolled devices."""

    db: Database
    blobs: Blobs
    clock: Clock
    urls: ContentUrls

    def routes(self) -> tuple[Route, ...]:
        """The one route."""
        signed = Public("the address is signed for one enrolment, and expires")
        path = "/content/{enrolment}/{sha256}/{name}"
        return (Route("GET", path, self.content, signed, 0, Listener.BOTH),)

    async def content(self, call: Call) -> Response:
        """A content, or the range of it that is asked for. Raises `Denied` and `NotFound`."""
        enrolment, sha256 = call.uuid("enrolment"), str(call.request.path_params["sha256"])
        self.urls.check(enrolment, sha256, call.query("exp"), call.query("sig"), now=self.clock.now())
        if not await self.db.read(_is_active, enrolment):
            raise _gone(f"The enrolment {enrolment} has ended.")
        size = await self.blobs.size(sha256)
        if size is None:
            raise _gone(f"There is no content with SHA-256 {sha256}.")
        etag = f'"{sha256}"'
        headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private"}
        asked = call.request.headers
        if etag in asked.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        wanted = asked.get("range", "") if asked.get("if-range", etag) == etag else ""
        part = requested_range(wanted, size)
        if part is not None and not part:
            return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
        status, sent = (200, range(size)) if part is None else (206, part)
        headers["Content-Length"] = str(len(sent))
        if part:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        if call.request.method == "HEAD":
            return Response(status_code=status, headers=headers, media_type=_MEDIA_TYPE)
        stream = self.blobs.read(sha256, sent.start, len(sent))
        return StreamingResponse(stream, status_code=status, headers=headers, media_type=_MEDIA_TYPE)


_MEDIA_TYPE = "application/octet-stream"


def requested_range(header: str, size: int) -> range | None:
    """The bytes that a Range header asks for of a content of `size` bytes: empty if it lies outside.

    None means the whole: no header, one that is not understood, or one that asks for several ranges (RFC 9110
    14.2 lets a server pass those over).
    """
    unit, _, given = header.partition("=")
    first, dash, last = given.strip().partition("-")
    if unit.strip().lower() != "bytes" or not dash or not (first or last):
        return None
    if any(part and not _is_number(part) for part in (first, last)):
        return None
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    end = min(size, int(last) + 1) if last else size
    return range(int(first), end) if int(first) < end else range(0)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def _is_active(tx: Tx, enrolment: UUID) -> bool:
    found = enrolment_by_uuid(tx, enrolment)
    return found is not None and found[1].state is EnrolmentState.ACTIVE


def _gone(message: str) -> NotFound:
    return NotFound(code="ContentNotFound", message=message, remedy="Synchronise the device for a new job.")
