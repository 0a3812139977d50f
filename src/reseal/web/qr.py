"""QR codes as pictures that take their colours from the page."""

from __future__ import annotations

import segno
from markupsafe import Markup


def qr_code(content: str) -> Markup:
    """The code as a picture without colours of its own."""
    code = segno.make(content, error="l", micro=False)
    return Markup(
        code.svg_inline(scale=1, border=2, omitsize=True, svgclass="qr", lineclass=None)
    )  # made of squares alone
