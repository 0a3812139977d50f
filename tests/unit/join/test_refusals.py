"""Codes that a device shows when it does not join."""

from __future__ import annotations

from uuid import UUID

import pytest

from reseal.directory.model_joining import JoinDecision, JoinReason
from reseal.join.administrators import local_administrators
from reseal.join.refusals import NotProven, decided, malformed, no_device_object, not_authorized
from reseal.wire.join import cloud_sid


@pytest.mark.parametrize(
    "refused, status, kind, code",
    [
        (malformed("a", "b"), 400, "InvalidRequest", "0x801C0001"),
        (NotProven("a", "b"), 401, "AuthenticationError", "0x801C0002"),
        (not_authorized("a", "b"), 400, "AuthorizationError", "0x801C0003"),
        (no_device_object(), 400, "DirectoryError", "0x801C03F3"),
        (decided(JoinDecision(JoinReason.QUOTA, "a")), 400, "DeviceQuotaExceeded", "0x801C0003"),
        (decided(JoinDecision(JoinReason.NOBODY, "a")), 400, "AuthorizationError", "0x801C0003"),
    ],
)
def test_each_refusal_has_its_code(refused, status: int, kind: str, code: str) -> None:
    assert (refused.status, refused.error_type, refused.hresult) == (status, kind, code)
    assert refused.message


def test_roles_are_local_administrators_and_the_user_if_so_wanted() -> None:
    anna = UUID(int=7)
    roles = local_administrators()
    assert len(roles) == 2
    assert local_administrators(anna) == (*roles, cloud_sid(anna))
