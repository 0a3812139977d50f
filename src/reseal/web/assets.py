"""Style sheets and other files that belong to the program, served under a name that holds their digest.

A changed file has another name, so browsers may keep what they have for ever. The bytes are read once, when
the program is loaded.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from starlette.responses import Response

from reseal.web.calls import Call
from reseal.web.routes import Listener, Public, Route

FOREVER = "public, max-age=31536000, immutable"
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages refer to."""

    name: str
    ending: str
    media_type: str
    content: bytes

    @property
    def path(self) -> str:
        """Where it is served."""
        digest = hashlib.sha256(self.content).hexdigest()[:_DIGITS]
        return f"/assets/{self.name}-{digest}.{self.ending}"

    def route(self) -> Route:
        """The route that serves it."""
        return Route("GET", self.path, self._serve, Public("part of public pages"), 0, Listener.BROWSER)

    async def _serve(self, _call: Call) -> Response:
        return Response(self.content, media_type=self.media_type, headers={"Cache-Control": FOREVER})


def style_sheet(name: str, *parts: tuple[str, str]) -> Asset:
    """One sheet made of several files, each given as package and file name."""
    content = b"\n".join((files(package) / file).read_bytes() for package, file in parts)
    return Asset(name, "css", "text/css; charset=utf-8", content)


def script(name: str, package: str, file: str) -> Asset:
    """A script of our own."""
    return Asset(name, "js", "text/javascript; charset=utf-8", (files(package) / file).read_bytes())


TOKENS = ("reseal.web", "tokens.css")
"""The design tokens: every colour, distance and letter of our pages. First part of every sheet."""

FRAME = ("reseal.web", "frame.css")
"""What pages begin with that have our bar above them."""
