"""HTML pages: templates that escape everything, and a content security policy without any script, or with
those of our own files alone.

Styles come from files of our own (`assets`), images from this server; nothing stands inline, so the policy
needs no exception. A page that holds a form names where the answer to the form may lead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

_SCRIPTS = "script-src 'self'; connect-src 'self'; "
_FRAMES = "frame-src 'self'; "
_OF_ADDRESSES: Final = "%:/?#[]@!$&'()*+,;="
"""What has a meaning in an address, or stands for something else already (RFC 3986)."""


def templates(package: str) -> Environment:
    """The templates in the folder `templates` of a package; a name that is not given is an error."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def page(
    html: str,
    *,
    status: int = 200,
    form_targets: Sequence[str] = (),
    scripts: bool = False,
    frames: bool = False,
    framed_by: Sequence[str] = (),
) -> Response:
    """A page. Browsers apply `form-action` to the redirect after a form too, so `form_targets` lists where it
    may lead beside this server: an origin, or the scheme of an app (`ms-aadj-redir:`). Only with `scripts`
    may it run files of this server, and let these ask this server; only with `frames` may it hold pages of
    this server. `framed_by` are the origins or schemes whose pages may hold this one: nobody's, unless the
    page proves that it was asked for by whoever it is for.
    """
    targets, ancestors = " ".join(("'self'", *form_targets)), " ".join(framed_by) or "'none'"
    policy = (
        f"default-src 'none'; style-src 'self'; img-src 'self' data:; {_SCRIPTS if scripts else ''}"
        f"{_FRAMES if frames else ''}"
        f"form-action {targets}; base-uri 'none'; frame-ancestors {ancestors}"
    )
    return HTMLResponse(html, status_code=status, headers={"Content-Security-Policy": policy})


def see_other(address: str) -> Response:
    """303: go there, whatever was sent here stays here. What no header can hold is written in percents."""
    return Response(status_code=303, headers={"Location": quote(address, safe=_OF_ADDRESSES)})
