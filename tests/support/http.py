"""Talking to an ASGI application in memory."""

from __future__ import annotations

import httpx2
from starlette.types import ASGIApp

HOST = "server.test"


def client_of(app: ASGIApp) -> httpx2.AsyncClient:
    """A client whose requests reach `app` as `https://server.test`; a fault is answered, not raised."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url=f"https://{HOST}")
