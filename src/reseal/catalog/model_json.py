"""Bodies as JSON documents for the database, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, assert_never

from reseal.catalog.model import (
    AppBody,
    Body,
    CertificateBody,
    CertificateStore,
    Format,
    InstallContext,
    Kind,
    OmaSetting,
    PolicyBody,
    WifiBody,
)
from reseal.wire.msi import PackageType


def body_to_json(body: Body) -> dict[str, Any]:
    """The body as a document; equal bodies give equal documents."""
    return {name: _plain(value) for name, value in asdict(body).items()}


def body_from_json(kind: Kind, document: Mapping[str, Any]) -> Body:
    """The body that `body_to_json` wrote."""
    match kind:
        case Kind.POLICY:
            return PolicyBody(tuple(_setting(item) for item in document["settings"]))
        case Kind.CERTIFICATE:
            return CertificateBody(
                **{
                    **document,
                    "store": CertificateStore(document["store"]),
                    "not_before": datetime.fromisoformat(document["not_before"]),
                    "not_after": datetime.fromisoformat(document["not_after"]),
                }
            )
        case Kind.WIFI:
            return WifiBody(**document)
        case Kind.APP:
            return AppBody(
                **{
                    **document,
                    "package_type": PackageType(document["package_type"]),
                    "install_context": InstallContext(document["install_context"]),
                }
            )
    assert_never(kind)


def _setting(document: Mapping[str, Any]) -> OmaSetting:
    return OmaSetting(**{**document, "format": Format(document["format"])})


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return str(value) if isinstance(value, str) else value
