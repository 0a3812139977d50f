"""Fetching a package: resumed by ranges, checked by its SHA-256 (spec/mdm-wire.md 5.4).

What has come is kept on the disk under `downloads/`, so that a cut connection or a power cut costs no more
than the rest. The request carries no client certificate, as Windows' does not; the address is the permission.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from reseal.device.parts import Parts
from reseal.device.transport import Failure, Request, Response, TransportError
from reseal.wire.csp import MsiInstallJob

HASH_MISMATCH: Final = 0x80091007
"""CRYPT_E_HASH_VALUE."""
_NETWORK_ERRORS: Final = {
    Failure.NO_NETWORK: 0x80072EE7,
    Failure.REFUSED: 0x80072EFD,
    Failure.CUT: 0x80072EFE,
    Failure.UNTRUSTED: 0x80072F0D,
    Failure.WRONG_NAME: 0x80072F06,
}
_HTTP_ERROR: Final = 0x80190000
_OK, _PARTIAL, _OUT_OF_RANGE = 200, 206, 416
_FLUSH: Final = 1_048_576
"""Bytes that are held before they are put on the disk."""
_PAUSE: Final = timedelta(seconds=5)
"""Before a connection that was cut is made again."""
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,15})-\d{1,15}/(?:\d{1,15}|\*)")


class DownloadFailed(Exception):
    """A package that could not be had from any of its addresses."""

    def __init__(self, error: int, *, hopeless: bool = False) -> None:
        super().__init__(f"{error:#010x}")
        self.error = error
        """HRESULT."""
        self.hopeless = hopeless
        """Whether it would be the same another time."""


@dataclass(slots=True)
class _Piece:
    """What is there of a file."""

    content: bytearray
    kept: int
    """Bytes of it on the disk."""
    answers: int = 0
    """From how many answers it comes."""
    entity: str = ""
    """The ETag of the file that it is a piece of."""


class Download:
    """One package on its way to the disk."""

    def __init__(self, parts: Parts, name: str, job: MsiInstallJob, token: str | None) -> None:
        self._parts = parts
        self._file = f"downloads/{name}"
        self._job = job
        self._token = token
        found = parts.disk.read(self._file) or b""
        self._piece = _Piece(bytearray(found), len(found), answers=1 if found else 0)

    async def fetch(self) -> bytes:
        """The whole file, whose SHA-256 is that of the job. Raises DownloadFailed."""
        if self._is_right():
            return bytes(self._piece.content)
        failures: list[DownloadFailed] = []
        for url in self._job.urls:
            try:
                return await self._fetch_from(url)
            except DownloadFailed as failure:
                failures.append(failure)
        raise DownloadFailed(failures[-1].error, hopeless=all(failure.hopeless for failure in failures))

    def discard(self) -> None:
        """Forget what was fetched."""
        self._piece = _Piece(bytearray(), 0)
        self._parts.disk.delete(self._file)

    def _is_right(self) -> bool:
        return hashlib.sha256(self._piece.content).hexdigest() == self._job.sha256.lower()

    async def _fetch_from(self, url: str) -> bytes:
        while True:
            before = len(self._piece.content)
            whole = await self._ask(url, before)
            if whole and self._is_right():
                return bytes(self._piece.content)
            if whole:
                patched = self._piece.answers > 1
                self.discard()
                if not patched:
                    raise DownloadFailed(HASH_MISMATCH, hopeless=True)
            elif len(self._piece.content) > before:
                await self._parts.clock.sleep(_PAUSE)

    async def _ask(self, url: str, held: int) -> bool:
        """Ask for what is missing; whether the answer came to its end. Raises DownloadFailed."""
        try:
            async with self._parts.transport.send(self._request(url, held)) as response:
                return await self._take(response, held)
        except TransportError as error:
            self._flush()
            if len(self._piece.content) > held:
                return False
            raise DownloadFailed(_NETWORK_ERRORS[error.failure]) from error

    def _request(self, url: str, held: int) -> Request:
        headers = [("Accept", "*/*")]
        if held:
            headers.append(("Range", f"bytes={held}-"))
            if self._piece.entity:
                headers.append(("If-Range", self._piece.entity))
        if self._token is not None and self._job.sends_user_token:
            headers.append(("Authorization", f"Bearer {self._token}"))
        return Request(method="GET", url=url, headers=headers)

    async def _take(self, response: Response, held: int) -> bool:
        if response.status == _OUT_OF_RANGE and held:
            self._piece.answers += 1  # what is held is not a piece of what is there now
            return True
        if response.status not in {_OK, _PARTIAL}:
            raise DownloadFailed(_HTTP_ERROR + response.status)
        if response.status == _OK and held:
            self.discard()
        elif response.status == _PARTIAL and not _continues(response, held):
            raise DownloadFailed(_HTTP_ERROR + _OUT_OF_RANGE)
        self._piece.answers += 1
        self._piece.entity = response.header("ETag")
        rate = self._parts.hints.download_rate()
        async for chunk in response.chunks():
            self._piece.content += chunk
            if len(self._piece.content) - self._piece.kept >= _FLUSH:
                self._flush()
            if rate:
                await self._parts.clock.sleep(timedelta(seconds=len(chunk) / rate))
        self._flush()
        return True

    def _flush(self) -> None:
        """Put what has come on the disk, so that it outlives a power cut."""
        if len(self._piece.content) > self._piece.kept:
            self._parts.disk.append(self._file, bytes(self._piece.content[self._piece.kept :]))
            self._parts.disk.sync(self._file)
            self._piece.kept = len(self._piece.content)


def _continues(response: Response, held: int) -> bool:
    found = _CONTENT_RANGE.fullmatch(response.header("Content-Range").strip())
    return found is not None and int(found[1]) == held
