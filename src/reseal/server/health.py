"""Health: one page for people, one document for programs. Neither tells anything about a tenant."""

from __future__ import annotations

import importlib.metadata
from functools import partial
from html import escape

import sqlalchemy as sa
from starlette.responses import Response

from reseal.kernel.db import Database, Tx
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.pages import page
from reseal.web.refusals import SHEET
from reseal.web.routes import Listener, Public, Route

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Reseal</title>
<link rel="stylesheet" href="{sheet}">
<link rel="icon" href="data:,">
</head>
<body class="alone">
<header class="bar">
<p class="brand"><a href="/"><span class="mark" aria-hidden="true"></span>Reseal</a></p>
</header>
<main>
<div class="message">
<h1>Reseal {version} is running</h1>
<p>The database answers. Administer in the console, or with the command <code>reseal</code>, which explains
itself with <code>--help</code>.</p>
<p><a class="button main" href="/deployments">See the deployments</a></p>
</div>
</main>
</body>
</html>
"""


def health_routes(db: Database) -> tuple[Route, ...]:
    """`GET /` for people, `GET /health` for programs; both fail if the database does not answer."""
    reason = Public("says that the process lives, nothing of a tenant")
    return (
        Route("GET", "/", partial(_page, db), reason, 0, Listener.BROWSER),
        Route("GET", "/health", partial(_document, db), reason, 0, Listener.BOTH),
    )


async def _page(db: Database, _call: Call) -> Response:
    await db.read(_touch)
    return page(_PAGE.format(version=escape(_version()), sheet=SHEET.path))


async def _document(db: Database, _call: Call) -> Response:
    await db.read(_touch)
    return Json({"status": "ok", "version": _version()})


def _touch(tx: Tx) -> None:
    tx.execute(sa.select(sa.literal(1)))


def _version() -> str:
    return importlib.metadata.version("reseal")
