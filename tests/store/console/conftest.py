"""The console is shown in the office of the numbered checks."""

from __future__ import annotations

from tests.conformance.conftest import database_url, office, parts, settings, signing_keys

__all__ = ["database_url", "office", "parts", "settings", "signing_keys"]
